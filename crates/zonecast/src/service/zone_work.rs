//! Work over a whole zone: write it afresh, let held removals go, take it out.

use super::view::ZoneView;
use super::write::audit;
use super::zones::{self, entry};
use super::{Caller, Expected, Work};
use crate::app::App;
use crate::catalog::ZoneEntry;
use crate::problem::Problem;
use std::collections::BTreeSet;
use std::time::Duration;
use zonecast_core::Name;
use zonecast_store::{NewJob, Priority, Raise};

/// Names raised in one transaction.
const STEP: usize = 2_000;
/// How long removing a zone waits for its values to be taken out.
const REMOVE_PATIENCE: Duration = Duration::from_secs(60);

/// Every name of the zone that is claimed or holds something of ours, at most `most`.
pub async fn names_of(app: &App, zone: &ZoneEntry, most: usize) -> Result<Vec<Name>, Problem> {
    let mut names = BTreeSet::new();
    let view = app.catalog.view();
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
            let places = super::touch::places(&view, &claim.name, claim.data.rtype(), claim.zone_id);
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
    let job_id =
        raise(app, &zone, "zone.sync", &format!("set DNS records of zone {}", zone.row.name), &names).await?;
    app.store.audit(&[audit(caller, "zone.sync", format!("zone:{id}"))]).await?;
    Ok(Work { job_id: Some(job_id), data: zones::get(app, id)? })
}

async fn raise(app: &App, zone: &ZoneEntry, kind: &str, title: &str, names: &[Name]) -> Result<i64, Problem> {
    let job = app.store.open_job(&NewJob { kind: kind.to_owned(), title: title.to_owned() }, None).await?;
    let how = Raise { rewrite: true, job_id: Some(job), ..Raise::asked(Priority::Bulk) };
    for step in names.chunks(STEP) {
        app.store.raise(zone.row.id, step, &how).await?;
    }
    app.store.close_job(job).await?;
    app.engine.wake();
    Ok(job)
}

/// Lets the held removals of a zone go.
pub async fn approve(app: &App, caller: &Caller, id: i64) -> Result<usize, Problem> {
    entry(app, id)?;
    let approved = app.store.approve(id, &[audit(caller, "zone.approve", format!("zone:{id}"))]).await?;
    app.engine.wake();
    Ok(approved)
}

/// Forgets a zone. With `remove` the values we wrote are taken out at the provider first.
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
    gone.state = "deleting".to_owned();
    if !remove {
        finish(app, caller, &zone).await?;
        return Ok(Work { job_id: None, data: gone });
    }
    let names = names_of(app, &zone, usize::MAX).await?;
    app.store.set_zone_state(id, "deleting", None).await?;
    app.catalog.reload().await?;
    let title = format!("take our values out of zone {} and forget it", zone.row.name);
    let job = raise(app, &zone, "zone.remove", &title, &names).await?;
    let (app, caller) = (app.clone(), caller.clone());
    tokio::spawn(async move {
        if let Err(problem) = finish_when_done(&app, &caller, &zone, job).await {
            tracing::warn!(zone = %zone.row.name, %problem, "the zone is not removed yet");
        }
    });
    Ok(Work { job_id: Some(job), data: gone })
}

async fn finish_when_done(app: &App, caller: &Caller, zone: &ZoneEntry, job: i64) -> Result<(), Problem> {
    let ended = super::jobs::wait(app, job, REMOVE_PATIENCE).await?;
    let well = super::jobs::get(app, job).await?.state == "done";
    if ended && well {
        finish(app, caller, zone).await?;
    }
    Ok(())
}

async fn finish(app: &App, caller: &Caller, zone: &ZoneEntry) -> Result<(), Problem> {
    let id = zone.row.id;
    app.store.remove_zone(id, &[audit(caller, "zone.remove", format!("zone:{id}"))]).await?;
    app.catalog.reload().await?;
    Ok(())
}
