//! Zones: the list, one zone, and what can be done with it.

use super::session::Flash;
use super::shell::Shell;
use super::text::{Badge, Label, moment};
use super::trouble::TroubleRow;
use super::visit::{Fields, Id, Refused, Shown, Visit, see_other, show};
use crate::problem::Problem;
use crate::service::plan::{self, PlanView};
use crate::service::view::{TestView, ZoneView};
use crate::service::zone_file::{self, ZoneRecordView};
use crate::service::zones::{self, ListZones};
use crate::service::{Expected, dnssec, drift, pause as pausing, zone_work};
use crate::settings::ZoneSettings;
use askama::Template;
use axum::response::Response;
use zonecast_core::{ConnectionState, ZoneState};
use zonecast_engine::describe;
use zonecast_providers::fields::{kind, kinds};

/// Zones on one page.
const PAGE: usize = 50;
/// Records of ours shown on the page of a zone.
const OURS_SHOWN: usize = 50;
/// Differences counted on the page of a zone.
const DRIFT_COUNTED: usize = 100;

/// A zone as rows and headings show it.
pub struct ZoneRow {
    id: i64,
    name: Label,
    provider: Badge,
    direction: &'static str,
    state: Badge,
    error: Option<String>,
}

impl From<&ZoneView> for ZoneRow {
    fn from(zone: &ZoneView) -> ZoneRow {
        let state = match (zone.state, zone.connection_state, zone.matching) {
            (ZoneState::Ok, ConnectionState::Ok, true) => Badge::like("matching", "matching"),
            (ZoneState::Ok, ConnectionState::Ok, false) => Badge::of(zone.state),
            (ZoneState::Ok, state, _) => Badge::of(state).saying(format!("connection {state}")),
            _ => Badge::of(zone.state),
        };
        ZoneRow {
            id: zone.id,
            name: Label::new(&zone.name, &zone.name_unicode),
            provider: Badge::plain(provider_label(&zone.provider)),
            direction: direction(zone),
            state,
            error: zone.last_error.clone(),
        }
    }
}

/// What people call a provider.
pub fn provider_label(name: &str) -> String {
    kind(name).map_or_else(|| name.to_owned(), |kind| kind.label.to_owned())
}

fn direction(zone: &ZoneView) -> &'static str {
    match (zone.reverse, zone.name.ends_with("ip6.arpa")) {
        (false, _) => "forward",
        (true, false) => "reverse IPv4",
        (true, true) => "reverse IPv6",
    }
}

#[derive(Template)]
#[template(path = "zones.html")]
struct ZonesPage {
    shell: Shell,
    zones: Vec<ZoneRow>,
    search: String,
    provider: String,
    state: String,
    kinds: Vec<(&'static str, &'static str)>,
    filtered: bool,
    next: Option<String>,
}

/// The list.
pub async fn list_page(visit: Visit, fields: Fields) -> Shown {
    let query = ListZones {
        search: fields.given("search"),
        provider: fields.given("provider"),
        state: fields.given("state"),
        limit: PAGE,
        cursor: fields.given("cursor"),
        ..ListZones::default()
    };
    let page = zones::list(&visit, &query)?;
    let filters = ["search", "provider", "state"];
    let next = page.next_cursor.map(|cursor| more("/zones", &fields, &filters, &cursor));
    show(&ZonesPage {
        zones: page.items.iter().map(ZoneRow::from).collect(),
        search: query.search.unwrap_or_default(),
        provider: query.provider.unwrap_or_default(),
        state: query.state.unwrap_or_default(),
        kinds: kinds().into_iter().map(|kind| (kind.name, kind.label)).collect(),
        filtered: filters.iter().any(|filter| fields.is_on(filter)),
        next,
        shell: visit.shell("Zones", "zones").await?,
    })
}

/// The address of the next page of a list, with its filters.
pub fn more(path: &str, fields: &Fields, filters: &[&str], cursor: &str) -> String {
    let mut target = format!("{path}?cursor={}", super::text::encode(cursor));
    for filter in filters.iter().filter(|filter| fields.is_on(filter)) {
        target.push_str(&format!("&{filter}={}", super::text::encode(fields.get(filter))));
    }
    target
}

#[derive(Template)]
#[template(path = "zone.html")]
struct ZonePage {
    shell: Shell,
    zone: ZoneRow,
    view: ZoneView,
    connection_state: Badge,
    /// After a refusal, until somebody asks or the step is over.
    waits: bool,
    /// Our records, the first of them.
    records: Vec<TroubleRow>,
    settings: Vec<(String, String)>,
    policy: Vec<(&'static str, String)>,
    held: usize,
    drifted: usize,
    tells_keys: bool,
}

/// One zone.
pub async fn show_zone(visit: Visit, Id(id): Id) -> Shown {
    let view = zones::get(&visit, id)?;
    let held = crate::service::trouble::held_in(&visit, id).await?;
    let records = crate::service::trouble::in_zone(&visit, id, OURS_SHOWN).await?;
    let drifted = drift::list(&visit, Some(id), DRIFT_COUNTED, None).await?.items.len();
    show(&ZonePage {
        zone: ZoneRow::from(&view),
        connection_state: Badge::of(view.connection_state),
        waits: view.state == ZoneState::Parked || view.connection_state.is_trouble(),
        settings: settings(&view),
        policy: policy(&view),
        records: records.into_iter().map(TroubleRow::from).collect(),
        held,
        drifted,
        tells_keys: dnssec::can_tell(&visit, id)?,
        shell: visit.shell(&format!("Zone {}", view.name_unicode), "zones").await?,
        view,
    })
}

/// The provider's fields by their labels; a secret says only that it is there.
fn settings(view: &ZoneView) -> Vec<(String, String)> {
    let fields = kind(&view.provider).map(|kind| kind.fields).unwrap_or_default();
    let label = |name: &str| {
        let field = fields.iter().find(|field| field.name == name);
        field.map_or_else(|| name.replace('_', " "), |field| field.label.to_owned())
    };
    let text = |value: &serde_json::Value| match value {
        serde_json::Value::String(text) if text == crate::service::secrets::KEEP => "stored".to_owned(),
        serde_json::Value::String(text) => text.clone(),
        serde_json::Value::Array(items) => {
            items.iter().filter_map(|item| item.as_str()).collect::<Vec<_>>().join(", ")
        }
        other => other.to_string(),
    };
    view.settings.iter().map(|(name, value)| (label(name), text(value))).collect()
}

fn policy(view: &ZoneView) -> Vec<(&'static str, String)> {
    let stored = serde_json::json!(view.policy);
    let row = |field: &describe::Field| {
        let text = field.text_of(&stored[field.name]).replace('_', " ");
        (field.label, if text.is_empty() { "default".to_owned() } else { text })
    };
    let mut rows: Vec<_> = ZoneSettings::FIELDS.iter().map(row).collect();
    if let Some(serial) = view.serial {
        rows.push(("Serial", serial.to_string()));
    }
    if let Some(time) = &view.listed_at {
        rows.push(("Last compared as a whole", moment(time)));
    }
    rows
}

/// The live test of a stored zone (S2.72-77).
pub async fn test(visit: Visit, Id(id): Id, fields: Fields) -> Shown {
    let name = zones::get(&visit, id)?.name_unicode;
    let report = zones::test(&visit, id).await?;
    told(&visit, flash_of(&name, report), &back(&fields, "/zones"))
}

/// Green: reachable, authorised, and the zone is the one meant. Red: the provider's own words.
pub fn flash_of(name: &str, report: TestView) -> Flash {
    Flash { good: report.ok, text: format!("Test of {name}: {}", report.message), lines: report.advice }
}

/// Shows a message now, where htmx asks, else on the next page.
pub fn told(visit: &Visit, flash: Flash, to: &str) -> Shown {
    if visit.fragment {
        return show(&super::error::Toast { flash });
    }
    visit.leave(flash);
    Ok(see_other(to))
}

/// The page a form wants to go back to, if it is one of ours.
pub fn back(fields: &Fields, otherwise: &str) -> String {
    let to = fields.get("back");
    if to.starts_with('/') && !to.starts_with("//") && !to.contains('\\') {
        to.to_owned()
    } else {
        otherwise.to_owned()
    }
}

/// Writes every name of the zone afresh.
pub async fn sync(visit: Visit, Id(id): Id) -> Shown {
    let work = zone_work::sync(&visit, &visit.caller, id).await?;
    let to = work.job_id.map_or_else(|| format!("/zones/{id}"), |job| format!("/jobs/{job}"));
    Ok(see_other(&to))
}

/// Lets every name below the zone be matched again.
pub async fn rematch(visit: Visit, Id(id): Id) -> Response {
    let result = zones::rematch(&visit, id).await;
    visit.done(result.map(|zone| format!("every name below {} is matched again", zone.name_unicode)), &at(id))
}

/// Stops writing to the zone.
pub async fn pause(visit: Visit, Id(id): Id) -> Response {
    let result = pausing::zone(&visit, &visit.caller, id, true).await;
    visit.done(
        result.map(|zone| format!("{} is paused: nothing is written there", zone.name_unicode)),
        &at(id),
    )
}

/// Goes on.
pub async fn resume(visit: Visit, Id(id): Id, fields: Fields) -> Response {
    let result = pausing::zone(&visit, &visit.caller, id, false).await;
    visit.done(result.map(|zone| format!("{} goes on", zone.name_unicode)), &back(&fields, &at(id)))
}

/// Lets held removals go.
pub async fn approve(visit: Visit, Id(id): Id, fields: Fields) -> Response {
    let result = zone_work::approve(&visit, &visit.caller, id).await;
    let words =
        |count: usize| format!("{count} held {} approved", if count == 1 { "name is" } else { "names are" });
    visit.done(result.map(words), &back(&fields, &at(id)))
}

fn at(id: i64) -> String {
    format!("/zones/{id}")
}

#[derive(Template)]
#[template(path = "zone_delete.html")]
struct DeletePage {
    shell: Shell,
    zone: ZoneRow,
    version: i64,
}

/// Asks what happens to the records (S2.4, X46).
pub async fn delete_page(visit: Visit, Id(id): Id) -> Shown {
    let view = zones::get(&visit, id)?;
    let title = format!("Delete zone {}", view.name_unicode);
    show(&DeletePage {
        zone: ZoneRow::from(&view),
        version: view.version,
        shell: visit.shell(&title, "zones").await?,
    })
}

/// Forgets the zone.
pub async fn delete(visit: Visit, Id(id): Id, fields: Fields) -> Shown {
    let take_out = match fields.get("records") {
        "keep" => false,
        "remove" => true,
        _ => return Err(Refused(Problem::field("records", "say whether the records stay or go"))),
    };
    let expected = Expected(fields.id("version"));
    let result = zone_work::remove(&visit, &visit.caller, id, take_out, expected).await;
    if let Ok(job) = result.as_ref().map(|work| work.job_id)
        && let Some(job) = job
    {
        visit.say(true, "the records are taken out; the zone goes when that is done");
        return Ok(see_other(&format!("/jobs/{job}")));
    }
    Ok(visit.done(
        result.map(|work| format!("{} is forgotten; its records stay", work.data.name_unicode)),
        "/zones",
    ))
}

#[derive(Template)]
#[template(path = "zone_plan.html")]
struct PlanPage {
    shell: Shell,
    zone: ZoneRow,
    plan: PlanView,
}

/// What would be done in the zone now.
pub async fn plan_page(visit: Visit, Id(id): Id) -> Shown {
    let view = zones::get(&visit, id)?;
    let plan = plan::of_zone(&visit, id).await?;
    let title = format!("Plan for {}", view.name_unicode);
    show(&PlanPage { zone: ZoneRow::from(&view), plan, shell: visit.shell(&title, "zones").await? })
}

#[derive(Template)]
#[template(path = "zone_records.html")]
struct RecordsPage {
    shell: Shell,
    zone: ZoneRow,
    records: Vec<ZoneRecordView>,
    more: usize,
}

/// Most RRsets shown at once.
const RECORDS_MAX: usize = 1_000;

/// Every RRset as the provider lists it now.
pub async fn records_page(visit: Visit, Id(id): Id) -> Shown {
    let view = zones::get(&visit, id)?;
    let mut records = zone_file::records(&visit, id).await?;
    let more = records.len().saturating_sub(RECORDS_MAX);
    records.truncate(RECORDS_MAX);
    let title = format!("Records of {}", view.name_unicode);
    show(&RecordsPage {
        zone: ZoneRow::from(&view),
        records,
        more,
        shell: visit.shell(&title, "zones").await?,
    })
}
