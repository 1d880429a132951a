//! Domains: the list, and one domain with its records in every zone (S4.41-46, S4.57).

use super::jobs::LogPane;
use super::shell::Shell;
use super::standing::{self, Standing, value_label};
use super::text::{Badge, Label, encode, moment};
use super::visit::{Fields, Id, Shown, Visit, show};
use super::zones::more;
use crate::problem::Problem;
use crate::service::connections;
use crate::service::domains::{self, DomainView, Told};
use crate::service::jobs::{self, ListJobs};
use crate::service::owners::ListOwners;
use crate::service::view::KeyView;
use askama::Template;
use askama::filters::HtmlSafe;
use std::collections::BTreeMap;
use zonecast_core::{KeyState, OwnerState};

/// Domains on one page.
const PAGE: usize = 50;
/// Records of a domain on one page.
const RECORDS: usize = 500;

/// What a type of domain is called.
pub fn kind_label(kind: &str) -> String {
    kind.replace('_', " ")
}

/// Something to tell, in its colour.
struct Line {
    tone: &'static str,
    words: String,
}

impl From<&Told> for Line {
    fn from(told: &Told) -> Line {
        let tone = match weight(told) {
            0 => "good",
            1 => "off",
            2 => "busy",
            _ => "bad",
        };
        Line { tone, words: told.line().to_owned() }
    }
}

/// What a person wants to see first weighs most.
fn weight(told: &Told) -> u8 {
    match told {
        Told::Synchronised(_) => 0,
        Told::Left(_) => 1,
        Told::Pending(_) => 2,
        Told::Source(_) => 3,
        Told::Waiting(_) => 4,
        Told::Failed(_) => 5,
    }
}

/// The mark of a domain (S4.43).
fn mark(domain: &DomainView) -> Badge {
    let words = "not synchronised";
    match domain.told.iter().map(weight).max() {
        _ if domain.synchronised => Badge::like("ok", "synchronised"),
        Some(2) => Badge::like("pending", "on its way"),
        Some(3..) => Badge::like("failed", words),
        _ => Badge::plain(words),
    }
}

struct DomainRow {
    id: i64,
    name: Label,
    kind: String,
    state: Badge,
    mark: Badge,
    message: Option<Line>,
    others: usize,
    changed: String,
}

impl From<DomainView> for DomainRow {
    fn from(domain: DomainView) -> DomainRow {
        // Of equals the first: `max_by_key` would take the last.
        let first = domain.told.iter().rev().max_by_key(|told| weight(told));
        DomainRow {
            id: domain.id,
            name: Label::new(&domain.name, &domain.name_unicode),
            kind: kind_label(&domain.kind),
            state: Badge::of(domain.state),
            mark: mark(&domain),
            message: first.map(Line::from),
            others: domain.told.len().saturating_sub(1),
            changed: moment(&domain.updated_at),
        }
    }
}

#[derive(Template)]
#[template(path = "domains.html")]
struct DomainsPage {
    shell: Shell,
    domains: Vec<DomainRow>,
    search: String,
    state: String,
    filtered: bool,
    later: bool,
    next: Option<String>,
}

/// The list; by id and by a cursor, as that of hosts.
pub async fn list_page(visit: Visit, fields: Fields) -> Shown {
    let query = ListOwners {
        search: fields.given("search"),
        state: fields.given("state"),
        limit: PAGE,
        cursor: fields.given("cursor"),
        ..ListOwners::default()
    };
    let page = domains::list(&visit, &query).await?;
    let filters = ["search", "state"];
    show(&DomainsPage {
        domains: page.items.into_iter().map(DomainRow::from).collect(),
        search: query.search.unwrap_or_default(),
        state: query.state.unwrap_or_default(),
        filtered: filters.iter().any(|filter| fields.is_on(filter)),
        later: query.cursor.is_some(),
        next: page.next_cursor.map(|cursor| more("/domains", &fields, &filters, &cursor)),
        shell: visit.shell("Domains", "domains").await?,
    })
}

/// One record set and where it stands; what is on its way out has no set any more.
struct RecordRow {
    /// In national script only: the heading says how the domain reads on the wire.
    name: String,
    rtype: String,
    values: Vec<String>,
    ttl: Option<u32>,
    edit: Option<String>,
    standings: Vec<Standing>,
}

/// How a domain stands, zone by zone and record by record; it looks again by itself.
#[derive(Template)]
#[template(path = "domain_records.html")]
struct RecordsPiece {
    id: i64,
    mark: Badge,
    told: Vec<Line>,
    rows: Vec<RecordRow>,
    may_write: bool,
    from: usize,
    next: Option<usize>,
    total: usize,
    again: u32,
}

// Its template escapes what it holds.
impl HtmlSafe for RecordsPiece {}

impl RecordsPiece {
    fn of(visit: &Visit, domain: &DomainView, from: usize) -> RecordsPiece {
        let keys = domain.records.as_deref().unwrap_or_default();
        let may_write = visit.may_write() && domain.state != OwnerState::Deleting;
        let (rows, total) = rows(domain, keys, from, may_write);
        RecordsPiece {
            id: domain.id,
            mark: mark(domain),
            told: domain.told.iter().map(Line::from).collect(),
            rows,
            may_write,
            from,
            next: Some(from + RECORDS).filter(|next| *next < total),
            total,
            again: standing::again(keys),
        }
    }
}

fn rows(domain: &DomainView, keys: &[KeyView], from: usize, may_write: bool) -> (Vec<RecordRow>, usize) {
    let mut places: BTreeMap<(&str, &str), Vec<&KeyView>> = BTreeMap::new();
    for key in keys {
        places.entry((&key.name, &key.rtype)).or_default().push(key);
    }
    let labels =
        |rtype: &str, values: &[String]| values.iter().map(|text| value_label(rtype, text).text).collect();
    let standings = |keys: Vec<&KeyView>| keys.into_iter().map(Standing::from).collect();
    let mut rows: Vec<RecordRow> = Vec::with_capacity(domain.record_set.len());
    for set in &domain.record_set {
        let there = places.remove(&(set.name.as_str(), set.rtype.as_str())).unwrap_or_default();
        let edit = format!("/domains/{}/record?name={}&type={}", domain.id, encode(&set.name), set.rtype);
        rows.push(RecordRow {
            name: Label::of(&set.name).text,
            rtype: set.rtype.clone(),
            values: labels(&set.rtype, &set.values),
            ttl: set.ttl.or(domain.ttl).or(there.first().map(|key| key.ttl)),
            edit: may_write.then_some(edit),
            standings: standings(there),
        });
    }
    for ((name, rtype), keys) in places {
        rows.push(RecordRow {
            name: Label::of(name).text,
            rtype: rtype.to_owned(),
            values: keys.first().map(|key| labels(rtype, &key.values)).unwrap_or_default(),
            ttl: keys.first().map(|key| key.ttl),
            edit: None,
            standings: standings(keys),
        });
    }
    let total = rows.len();
    (rows.into_iter().skip(from).take(RECORDS).collect(), total)
}

fn from(fields: &Fields) -> usize {
    fields.get("from").parse().unwrap_or(0)
}

/// The same alone, for a page that is open.
pub async fn records_piece(visit: Visit, Id(id): Id, fields: Fields) -> Shown {
    let domain = domains::get(&visit, id).await?;
    show(&RecordsPiece::of(&visit, &domain, from(&fields)))
}

#[derive(Template)]
#[template(path = "domain.html")]
struct DomainPage {
    shell: Shell,
    domain: DomainView,
    name: Label,
    kind: String,
    state: Badge,
    managed: &'static str,
    made_at: Vec<String>,
    created: String,
    changed: String,
    conflict: bool,
    records: RecordsPiece,
    log: Option<LogPane>,
    /// States it can be put into, and what the button says.
    states: Vec<(OwnerState, &'static str)>,
}

const STATES: [(OwnerState, &str); 5] = [
    (OwnerState::Active, "Enable"),
    (OwnerState::Disabled, "Disable"),
    (OwnerState::Suspended, "Suspend"),
    (OwnerState::Secondary, "Make secondary"),
    (OwnerState::DnsOff, "Switch DNS off"),
];

/// One domain.
pub async fn show_domain(visit: Visit, Id(id): Id, fields: Fields) -> Shown {
    let domain = domains::get(&visit, id).await?;
    let log = log_of(&visit, id, fields.id("job")).await?;
    let mut shell = visit.shell(&domain.name_unicode, "domains").await?;
    shell.refresh = log.as_ref().is_some_and(|log| log.running);
    let keys = domain.records.as_deref().unwrap_or_default();
    let made_at = domain.create_at.iter().map(|id| connection_name(&visit, *id)).collect();
    show(&DomainPage {
        name: Label::new(&domain.name, &domain.name_unicode),
        kind: kind_label(&domain.kind),
        state: Badge::of(domain.state),
        managed: match domain.managed {
            crate::settings::Managed::Full => "managed as a whole",
            crate::settings::Managed::Owned => "values of others stay",
        },
        made_at,
        created: moment(&domain.created_at),
        changed: moment(&domain.updated_at),
        conflict: keys.iter().any(|key| key.state == KeyState::Conflict),
        records: RecordsPiece::of(&visit, &domain, from(&fields)),
        log,
        states: STATES.into_iter().filter(|(state, _)| *state != domain.state).collect(),
        domain,
        shell,
    })
}

fn connection_name(visit: &Visit, id: i64) -> String {
    let there = connections::list(visit).into_iter().find(|connection| connection.id == id);
    there.map_or_else(|| format!("connection {id}"), |connection| connection.name)
}

/// The log of the job that is asked for, else of the last one.
async fn log_of(visit: &Visit, id: i64, job: Option<i64>) -> Result<Option<LogPane>, Problem> {
    let last = ListJobs { domain_id: Some(id), limit: 1, ..ListJobs::default() };
    let job = match job {
        Some(job) => Some(job),
        None => jobs::list(visit, &last).await?.items.first().map(|job| job.id),
    };
    match job {
        Some(job) => LogPane::read(visit, job, 0).await.map(Some),
        None => Ok(None),
    }
}
