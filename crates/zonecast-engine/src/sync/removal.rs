//! A zone is taken out: what we wrote there goes, then the zone is forgotten.
//!
//! The call that asks for it stores only that (`deleting`, a job, an empty cursor, in one
//! transaction); everything else is done from here, step by step, from what is stored. So a process
//! that is killed anywhere goes on where it was. No name matches a zone in `deleting`, so nothing is
//! wanted there and the ordinary pass removes what is ours.

use super::{Inner, rematch};
use crate::catalog::ZoneEntry;
use std::sync::Arc;
use std::time::{Duration, Instant};
use zonecast_core::{Name, ZoneState};
use zonecast_store::{NewAudit, Priority, Raise, StoreError, ZoneRow};

/// Keys marked in one transaction.
const PAGE: usize = 2_000;
/// How long the embedded authority may take to drop a zone.
const PATIENCE: Duration = Duration::from_secs(10);

/// One step for every zone in `deleting`.
pub(super) async fn step_all(inner: &Arc<Inner>) -> Result<(), StoreError> {
    let view = inner.catalog.view();
    let leaving: Vec<_> =
        view.zones.values().filter(|zone| zone.row.state == ZoneState::Deleting).cloned().collect();
    for zone in leaving {
        step(inner, &zone).await?;
    }
    Ok(())
}

/// Does what can be done now to be rid of the zone; twice is the same as once.
pub(super) async fn step(inner: &Arc<Inner>, zone: &ZoneEntry) -> Result<(), StoreError> {
    let _one_at_a_time = inner.removing.lock().await;
    let id = zone.row.id;
    // As it is stored, not as it was known before somebody else's step.
    let Some(row) = inner.store.zone(id).await? else { return Ok(()) };
    if zone.connection.row.provider == "embedded" {
        return drop_embedded(inner, zone).await;
    }
    let job = running_job(inner, id).await?;
    if row.rematch_after.is_some() {
        mark(inner, &row, job).await?;
        inner.catalog.reload().await?;
    }
    let watched = match job {
        Some(job) => !inner.store.names_of_job(job, 1).await?.is_empty(),
        None => false,
    };
    if !watched && !inner.store.has_work(id).await? && inner.store.owned_values(id).await? == 0 {
        return forget(inner, zone).await;
    }
    // What could not be taken out is the job's outcome; the zone stays, and is forgotten when it heals.
    if let (Some(job), false) = (job, watched) {
        close(inner, job).await?;
    }
    Ok(())
}

/// Everything that holds something of ours, page by page; the cursor is stored with each page.
async fn mark(inner: &Inner, zone: &ZoneRow, job: Option<i64>) -> Result<(), StoreError> {
    let id = zone.id;
    let mut after = zone.rematch_after.clone();
    while let Some(cursor) = after.filter(|_| !inner.is_stopping()) {
        let page = inner.store.keys_below(id, Some(&cursor), PAGE).await?;
        after = page.last().filter(|_| page.len() >= PAGE).map(|key| key.name.key().to_vec());
        let mut names: Vec<Name> = page.into_iter().map(|key| key.name).collect();
        names.dedup();
        let how = Raise { rewrite: true, job_id: job, ..Raise::asked(Priority::Bulk) };
        inner.store.raise_page(id, &names, after.clone(), &how).await?;
        inner.work.notify_one();
    }
    Ok(())
}

async fn running_job(inner: &Inner, zone_id: i64) -> Result<Option<i64>, StoreError> {
    let Some(job) = inner.store.removal_job(zone_id).await? else { return Ok(None) };
    let row = inner.store.job(job).await?;
    Ok(row.filter(|row| row.finished_at.is_none()).map(|row| row.id))
}

/// Our own server stops serving the zone; there is nothing to take out first.
async fn drop_embedded(inner: &Arc<Inner>, zone: &ZoneEntry) -> Result<(), StoreError> {
    if let Ok(provider) = &zone.connection.provider
        && let Err(error) = provider.delete_zone(&zone.reference(Instant::now() + PATIENCE)).await
    {
        tracing::warn!(zone = %zone.row.name, %error, "the zone is still served; it is tried again");
        return Ok(());
    }
    forget(inner, zone).await
}

/// The zone is out; its job ends with it.
pub(super) async fn forget(inner: &Inner, zone: &ZoneEntry) -> Result<(), StoreError> {
    let id = zone.row.id;
    rematch::when_gone(inner, zone).await?;
    let line = NewAudit {
        actor: "engine".to_owned(),
        source: "engine".to_owned(),
        action: "zone.removed".to_owned(),
        object: format!("zone:{id}"),
        detail: serde_json::json!({}),
    };
    match inner.store.remove_zone(id, &[line]).await {
        // Another node was faster.
        Ok(()) | Err(StoreError::NotFound { .. }) => {}
        Err(error) => return Err(error),
    }
    inner.catalog.reload().await?;
    inner.signal_ended();
    Ok(())
}

async fn close(inner: &Arc<Inner>, job: i64) -> Result<(), StoreError> {
    if let Some(ended) = inner.store.close_job(job).await? {
        super::housekeeping::job_ended(inner, &ended).await?;
        inner.signal_ended();
    }
    Ok(())
}
