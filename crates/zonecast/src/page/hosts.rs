//! Hosts: the list, one host with its records in every zone, and what can be done with it.

use super::jobs::LogPane;
use super::shell::Shell;
use super::standing::{self, Standing, value_label};
use super::text::{Badge, Label, moment};
use super::visit::{Fields, Id, Shown, Visit, see_other, show, show_as};
use super::zones::{more, provider_label};
use crate::problem::Problem;
use crate::service::explain::explain;
use crate::service::hosts;
use crate::service::jobs::{self, ListJobs};
use crate::service::owners::ListOwners;
use crate::service::view::{HostView, KeyView};
use crate::service::{Expected, Work};
use askama::Template;
use askama::filters::HtmlSafe;
use axum::http::StatusCode;
use axum::response::Response;
use serde_json::json;
use zonecast_core::{KeyState, OwnerState};

/// Hosts on one page.
const PAGE: usize = 50;
/// Addresses of a host shown in the list.
const ADDRESSES_SHOWN: usize = 2;
/// Reasons shown for a name that no zone takes.
const REASONS_SHOWN: usize = 8;

struct HostRow {
    id: i64,
    name: Label,
    addresses: Vec<String>,
    others: usize,
    state: Badge,
    /// How many of its records are in each state.
    records: Vec<Badge>,
    no_matching_zone: bool,
    changed: String,
}

impl From<HostView> for HostRow {
    fn from(host: HostView) -> HostRow {
        let others = host.addresses.len().saturating_sub(ADDRESSES_SHOWN);
        HostRow {
            id: host.id,
            name: Label::new(&host.fqdn, &host.fqdn_unicode),
            addresses: host.addresses.into_iter().take(ADDRESSES_SHOWN).map(|address| address.ip).collect(),
            others,
            // What an active host is worth is said by its records.
            state: match host.state {
                OwnerState::Active => Badge::plain("active"),
                state => Badge::of(state),
            },
            records: counted(host.records.unwrap_or_default()),
            no_matching_zone: host.no_matching_zone,
            changed: moment(&host.updated_at),
        }
    }
}

/// Records by state, such as `3 served` and `1 retrying`.
fn counted(records: Vec<KeyView>) -> Vec<Badge> {
    let mut counts = std::collections::BTreeMap::new();
    for record in records {
        *counts.entry(record.state).or_insert(0) += 1;
    }
    let badge = |(state, count): (KeyState, usize)| Badge::of(state).saying(format!("{count} {state}"));
    counts.into_iter().map(badge).collect()
}

#[derive(Template)]
#[template(path = "hosts.html")]
struct HostsPage {
    shell: Shell,
    hosts: Vec<HostRow>,
    search: String,
    state: String,
    filtered: bool,
    later: bool,
    next: Option<String>,
}

/// The list; by id and by a cursor, so page 2,000 is as quick as the first.
pub async fn list_page(visit: Visit, fields: Fields) -> Shown {
    let query = ListOwners {
        search: fields.given("search"),
        state: fields.given("state"),
        records: true,
        limit: PAGE,
        cursor: fields.given("cursor"),
        ..ListOwners::default()
    };
    let page = hosts::list(&visit, &query).await?;
    let filters = ["search", "state"];
    show(&HostsPage {
        hosts: page.items.into_iter().map(HostRow::from).collect(),
        search: query.search.unwrap_or_default(),
        state: query.state.unwrap_or_default(),
        filtered: filters.iter().any(|filter| fields.is_on(filter)),
        later: query.cursor.is_some(),
        next: page.next_cursor.map(|cursor| more("/hosts", &fields, &filters, &cursor)),
        shell: visit.shell("Hosts", "hosts").await?,
    })
}

/// One record in one zone.
struct RecordRow {
    name: Label,
    rtype: String,
    values: Vec<Label>,
    standing: Standing,
    ttl: u32,
}

impl From<KeyView> for RecordRow {
    fn from(key: KeyView) -> RecordRow {
        RecordRow {
            name: Label::of(&key.name),
            values: key.values.iter().map(|text| value_label(&key.rtype, text)).collect(),
            standing: Standing::from(&key),
            rtype: key.rtype,
            ttl: key.ttl,
        }
    }
}

/// The records of a host, zone by zone; it looks again by itself.
#[derive(Template)]
#[template(path = "host_records.html")]
pub struct RecordsPiece {
    id: i64,
    rows: Vec<RecordRow>,
    /// Seconds until it looks again.
    again: u32,
}

// Its template escapes what it holds.
impl HtmlSafe for RecordsPiece {}

impl RecordsPiece {
    fn of(id: i64, keys: Vec<KeyView>) -> RecordsPiece {
        let again = standing::again(&keys);
        RecordsPiece { id, rows: keys.into_iter().map(RecordRow::from).collect(), again }
    }
}

/// The table alone, for a page that is open.
pub async fn records_piece(visit: Visit, Id(id): Id) -> Shown {
    let host = hosts::get(&visit, id).await?;
    show(&RecordsPiece::of(id, host.records.unwrap_or_default()))
}

struct AddressRow {
    ip: String,
    own: String,
    ptr: Label,
    no_matching_zone: bool,
    error: String,
}

/// A name that no zone takes, and why.
struct Unmatched {
    name: Label,
    reasons: Vec<(Label, String, String)>,
    others: usize,
}

#[derive(Template)]
#[template(path = "host.html")]
struct HostPage {
    shell: Shell,
    host: HostView,
    name: Label,
    state: Badge,
    created: String,
    changed: String,
    addresses: Vec<AddressRow>,
    records: RecordsPiece,
    conflict: bool,
    unmatched: Vec<Unmatched>,
    log: Option<LogPane>,
}

/// One host.
pub async fn show_host(visit: Visit, Id(id): Id, fields: Fields) -> Shown {
    host_page(&visit, id, fields.id("job"), None).await
}

/// A reverse name that was refused: where, what was typed, what is wrong.
struct Wrong {
    ip: String,
    typed: String,
    words: String,
}

async fn host_page(visit: &Visit, id: i64, job: Option<i64>, wrong: Option<Wrong>) -> Shown {
    let mut host = hosts::get(visit, id).await?;
    let keys = host.records.take().unwrap_or_default();
    let unmatched = unmatched(visit, &host, &keys).await?;
    let last = ListJobs { host_id: Some(id), limit: 1, ..ListJobs::default() };
    let job = match job {
        Some(job) => Some(job),
        None => jobs::list(visit, &last).await?.items.first().map(|job| job.id),
    };
    let log = match job {
        Some(job) => Some(LogPane::read(visit, job, 0).await?),
        None => None,
    };
    let mut shell = visit.shell(&host.fqdn_unicode, "hosts").await?;
    shell.refresh = log.as_ref().is_some_and(|log| log.running);
    let status = if wrong.is_some() { StatusCode::UNPROCESSABLE_ENTITY } else { StatusCode::OK };
    let page = HostPage {
        name: Label::new(&host.fqdn, &host.fqdn_unicode),
        state: Badge::of(host.state),
        created: moment(&host.created_at),
        changed: moment(&host.updated_at),
        addresses: addresses(&host, wrong.as_ref()),
        conflict: keys.iter().any(|key| key.state == KeyState::Conflict),
        records: RecordsPiece::of(id, keys),
        unmatched,
        log,
        host,
        shell,
    };
    show_as(status, &page)
}

fn addresses(host: &HostView, wrong: Option<&Wrong>) -> Vec<AddressRow> {
    let row = |address: &crate::service::view::AddressView| {
        let wrong = wrong.filter(|wrong| wrong.ip == address.ip);
        let own = address.reverse_name.as_deref().map(|name| Label::of(name).text).unwrap_or_default();
        AddressRow {
            ip: address.ip.clone(),
            own: wrong.map_or(own, |wrong| wrong.typed.clone()),
            ptr: Label::of(&address.ptr),
            no_matching_zone: address.no_matching_zone,
            error: wrong.map(|wrong| wrong.words.clone()).unwrap_or_default(),
        }
    };
    host.addresses.iter().map(row).collect()
}

/// The names of a host that no zone takes, each with the reasons.
async fn unmatched(visit: &Visit, host: &HostView, keys: &[KeyView]) -> Result<Vec<Unmatched>, Problem> {
    let mut names = Vec::new();
    if !keys.iter().any(|key| key.name == host.fqdn) {
        names.push(host.fqdn.clone());
    }
    names.extend(
        host.addresses.iter().filter(|address| address.no_matching_zone).map(|address| address.ip.clone()),
    );
    let mut found = Vec::new();
    for name in names.into_iter().take(REASONS_SHOWN) {
        let view = explain(visit, &name, None).await?;
        if view.matched {
            continue;
        }
        let others = view.zones.len().saturating_sub(REASONS_SHOWN);
        let reason = |zone: crate::service::explain::ExplainZone| {
            (Label::of(&zone.zone), provider_label(&zone.provider), zone.reason)
        };
        let reasons = view.zones.into_iter().take(REASONS_SHOWN).map(reason).collect();
        found.push(Unmatched { name: Label::of(&name), reasons, others });
    }
    Ok(found)
}

/// Gives an address its own reverse name; empty takes it away.
pub async fn set_reverse_name(visit: Visit, Id(id): Id, fields: Fields) -> Shown {
    let ip = fields.get("ip");
    let body = json!({ "reverse_name": fields.given("reverse_name") });
    match hosts::set_reverse_name(&visit, &visit.caller, id, ip, &body).await {
        Ok(work) => {
            visit.say(true, format!("the reverse name of {ip} is stored"));
            Ok(to_job(id, work))
        }
        Err(problem) if problem.status == 422 => {
            let words = problem.errors.first().map_or(problem.detail.clone(), |error| error.message.clone());
            let wrong = Wrong { ip: ip.to_owned(), typed: fields.get("reverse_name").to_owned(), words };
            host_page(&visit, id, None, Some(wrong)).await
        }
        Err(problem) => Err(problem.into()),
    }
}

fn to_job(id: i64, work: Work<HostView>) -> Response {
    see_other(&match work.job_id {
        Some(job) => format!("/hosts/{id}?job={job}#log"),
        None => format!("/hosts/{id}"),
    })
}

/// Set DNS records (S2.57), or sync: only what differs.
pub async fn sync(visit: Visit, Id(id): Id, fields: Fields) -> Shown {
    let body = json!({ "take_over": fields.is_on("take_over"), "rewrite": fields.get("how") != "sync" });
    match hosts::sync(&visit, &visit.caller, id, &body).await {
        Ok(work) => Ok(to_job(id, work)),
        Err(problem) => Ok(visit.done(Err(problem), &format!("/hosts/{id}"))),
    }
}

/// Enables, disables or suspends the host.
pub async fn set_state(visit: Visit, Id(id): Id, fields: Fields) -> Shown {
    let state = fields.get("state").parse::<OwnerState>();
    let state = state.map_err(|error| Problem::field("state", error.to_string()))?;
    let result = hosts::set_state(&visit, &visit.caller, id, state).await;
    Ok(visit
        .done(result.map(|host| format!("{} is {state}", host.data.fqdn_unicode)), &format!("/hosts/{id}")))
}

#[derive(Template)]
#[template(path = "host_delete.html")]
struct DeletePage {
    shell: Shell,
    id: i64,
    name: Label,
    version: i64,
    deleting: bool,
}

/// Asks before a host and its records go.
pub async fn delete_page(visit: Visit, Id(id): Id) -> Shown {
    let host = hosts::get(&visit, id).await?;
    show(&DeletePage {
        id,
        name: Label::new(&host.fqdn, &host.fqdn_unicode),
        version: host.version,
        deleting: host.state == OwnerState::Deleting,
        shell: visit.shell(&format!("Delete {}", host.fqdn_unicode), "hosts").await?,
    })
}

/// Removes the host and its records.
pub async fn delete(visit: Visit, Id(id): Id, fields: Fields) -> Shown {
    let expected = Expected(fields.id("version"));
    match hosts::remove(&visit, &visit.caller, id, fields.is_on("forget"), expected).await {
        Ok(work) => {
            visit.say(true, format!("{} is being removed", work.data.fqdn_unicode));
            Ok(see_other(&work.job_id.map_or_else(|| "/hosts".to_owned(), |job| format!("/jobs/{job}"))))
        }
        Err(problem) => Ok(visit.done(Err(problem), &format!("/hosts/{id}"))),
    }
}
