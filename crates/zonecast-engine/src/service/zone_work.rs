//! Work over a whole zone: write it afresh, let held removals go, take it out.

use super::view::ZoneView;
use super::write::{audit, audit_with, operation};
use super::zones::{self, EMBEDDED, entry};
use super::{Caller, Expected, Work};
use crate::app::App;
use crate::catalog::{View, ZoneEntry};
use crate::problem::Problem;
use std::collections::{BTreeSet, HashSet};
use zonecast_core::{Name, RRset, RecordData, RecordType, ZoneState};
use zonecast_store::{NewAudit, NewJob, Priority, Raise};

/// Claims or keys read at once.
const STEP: usize = 2_000;

/// Every name of the zone that is claimed or holds something of ours, at most `most`.
pub async fn names_of(app: &App, zone: &ZoneEntry, most: usize) -> Result<Vec<Name>, Problem> {
    names_in(app, &app.catalog.view(), zone, most).await
}

/// The same in a view that need not be the one in force.
pub async fn names_in(app: &App, view: &View, zone: &ZoneEntry, most: usize) -> Result<Vec<Name>, Problem> {
    let mut names = BTreeSet::new();
    let mut after = None;
    let top = match zone.settings.network {
        Some(network) => {
            let reverse = Name::reverse_of(network.network());
            reverse.parent().unwrap_or(reverse)
        }
        None => zone.row.name.clone(),
    };
    loop {
        let claims = app.store.claims_below(&top, after.as_deref(), STEP).await?;
        let Some(last) = claims.last() else { break };
        after = Some(last.name.key().to_vec());
        for claim in &claims {
            let (rtype, domain) = (claim.data.rtype(), claim.domain.as_ref());
            let places = super::touch::places(view, &claim.name, rtype, claim.zone_id, domain);
            names.extend(places.filter(|place| place.zone_id == zone.row.id).map(|place| place.name));
        }
        if names.len() >= most {
            break;
        }
    }
    let mut after = None;
    while names.len() < most {
        let keys = app.store.keys_below(zone.row.id, after.as_deref(), STEP).await?;
        let Some(last) = keys.last() else { break };
        after = Some(last.name.key().to_vec());
        names.extend(keys.into_iter().map(|key| key.name));
    }
    Ok(names.into_iter().take(most).collect())
}

/// Writes every name of the zone afresh, watched by one job.
pub async fn sync(app: &App, caller: &Caller, id: i64) -> Result<Work<ZoneView>, Problem> {
    let zone = entry(app, id)?;
    let names = names_of(app, &zone, usize::MAX).await?;
    let title = format!("set DNS records of zone {}", zone.row.name);
    let job = NewJob { kind: "zone.sync".to_owned(), title };
    let job_id = operation!(app, |operation| {
        let job_id = operation.open_job(&job, None).await?;
        let how = Raise { rewrite: true, job_id: Some(job_id), ..Raise::asked(Priority::Bulk) };
        operation.raise(id, &names, &how).await?;
        operation.close_job(job_id).await?;
        operation.audit(&[audit(caller, "zone.sync", format!("zone:{id}"))]).await?;
        job_id
    })?;
    Ok(Work { job_id: Some(job_id), data: zones::get(app, id)? })
}

/// Lets the held removals of a zone go.
pub async fn approve(app: &App, caller: &Caller, id: i64) -> Result<usize, Problem> {
    entry(app, id)?;
    let approved = app.store.approve(id, &[audit(caller, "zone.approve", format!("zone:{id}"))]).await?;
    app.engine.wake();
    Ok(approved)
}

/// Forgets a zone. With `remove` the values we wrote are taken out at the provider first, by the
/// engine, however often this process dies meanwhile; the zone is `deleting` until then. An embedded
/// zone is not served any more in either case (docs/decisions/0006): with `keep` that is refused
/// where it would lose values that nothing here could make again.
pub async fn remove(
    app: &App,
    caller: &Caller,
    id: i64,
    remove: bool,
    expected: Expected,
) -> Result<Work<ZoneView>, Problem> {
    let zone = entry(app, id)?;
    expected.check(zone.row.version)?;
    let mut gone = zones::get(app, id)?;
    gone.state = ZoneState::Deleting;
    let embedded = zone.connection.row.provider == EMBEDDED;
    if !remove && !embedded {
        operation!(app, |operation| operation.remove_zone(id, &[line(caller, &zone, "keep")]).await?)?;
        app.engine.zone_left(&zone).await?;
        return Ok(Work { job_id: None, data: gone });
    }
    if !remove {
        refuse_loss(app, &zone).await?;
    }
    let job = begin_removal(app, caller, &zone, if remove { "remove" } else { "keep" }).await?;
    let leaving = entry(app, id)?;
    app.engine.remove_now(&leaving).await?;
    Ok(Work { job_id: remove.then_some(job), data: gone })
}

/// The job of a removal; the one under way where there is one.
async fn begin_removal(app: &App, caller: &Caller, zone: &ZoneEntry, records: &str) -> Result<i64, Problem> {
    let id = zone.row.id;
    if zone.row.state == ZoneState::Deleting
        && let Some(job) = app.store.removal_job(id).await?
        && app.store.job(job).await?.is_some_and(|job| job.finished_at.is_none())
    {
        return Ok(job);
    }
    let title = format!("take our values out of zone {} and forget it", zone.row.name);
    let job = NewJob { kind: "zone.remove".to_owned(), title };
    let job = app.store.begin_zone_removal(id, &job, &[line(caller, zone, records)]).await?;
    app.catalog.reload().await?;
    Ok(job)
}

fn line(caller: &Caller, zone: &ZoneEntry, records: &str) -> NewAudit {
    let detail = serde_json::json!({ "zone": zone.row.name.to_string(), "records": records });
    audit_with(caller, "zone.remove", format!("zone:{}", zone.row.id), detail)
}

/// Our own server holds the only copy of an embedded zone. What owners here want is made again when
/// the zone is added again; other values would be lost.
async fn refuse_loss(app: &App, zone: &ZoneEntry) -> Result<(), Problem> {
    let Some(served) = app.authority.snapshot(&zone.row.name) else { return Ok(()) };
    let mut ours: HashSet<(Name, RecordType, RecordData)> = HashSet::new();
    let mut after: Option<Vec<u8>> = None;
    loop {
        let keys = app.store.keys_below(zone.row.id, after.as_deref(), STEP).await?;
        after = keys.last().filter(|_| keys.len() >= STEP).map(|key| key.name.key().to_vec());
        ours.extend(keys.into_iter().flat_map(|key| {
            let (name, rtype) = (key.name, key.rtype);
            key.applied.into_iter().map(move |value| (name.clone(), rtype, value))
        }));
        if after.is_none() {
            break;
        }
    }
    let made = |set: &RRset| set.rtype.is_dnssec_made() || set.rtype == RecordType::SOA;
    let of_apex = |set: &RRset| set.rtype == RecordType::NS && set.name == zone.row.name;
    let lost = served
        .rrsets()
        .filter(|set| !made(set) && !of_apex(set))
        .flat_map(|set| set.values.into_iter().map(move |value| (set.name.clone(), set.rtype, value)))
        .filter(|value| !ours.contains(value))
        .count();
    if lost == 0 {
        return Ok(());
    }
    let values = if lost == 1 { "value" } else { "values" };
    Err(Problem::new(
        409,
        format!(
            "{} is served by Zonecast itself, and {lost} {values} in it belong to no host, domain or record: \
             without the zone they would be lost. Export it first, and say records=remove",
            zone.row.name
        ),
    ))
}
