//! What nobody waits for: sealing the audit, dropping old job logs, forgetting old answers.

use super::Inner;
use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;
use zonecast_store::{JobRow, StoreError};

/// Audit lines sealed at a time.
const SEAL: usize = 10_000;

/// Job logs are kept this long.
const LOG_MILLIS: i64 = 30 * DAY_MILLIS;
const DAY_MILLIS: i64 = 24 * 60 * 60 * 1000;
/// What is parked is tried again this often: a key may have been put right at the provider.
const PARKED_MILLIS: i64 = 15 * 60 * 1000;

pub(super) async fn run(inner: Arc<Inner>) {
    let mut rounds: u64 = 0;
    let mut parked = HashMap::new();
    while !inner.is_stopping() {
        if let Err(error) = inner.store.seal(SEAL).await {
            tracing::warn!(%error, "the audit could not be sealed; it is tried again");
        }
        if let Err(error) = probe_parked(&inner, &mut parked).await {
            tracing::warn!(%error, "what is parked could not be tried; it is tried again");
        }
        if rounds.is_multiple_of(3_600)
            && let Err(error) = prune(&inner).await
        {
            tracing::warn!(%error, "old logs could not be dropped; it is tried again");
        }
        rounds += 1;
        inner.pause(Duration::from_millis(inner.config.engine.poll_millis)).await;
    }
}

async fn prune(inner: &Inner) -> Result<(), StoreError> {
    let now = inner.store.now().await?;
    while inner.store.prune_jobs(now - LOG_MILLIS, 1_000).await? == 1_000 {}
    inner.store.forget_answers(now - DAY_MILLIS).await?;
    inner.store.reap().await?;
    Ok(())
}

/// Lets parked connections and zones be probed when they have been parked for a while.
async fn probe_parked(inner: &Inner, since: &mut HashMap<(bool, i64), i64>) -> Result<(), StoreError> {
    let now = inner.store.now().await?;
    let view = inner.catalog.view();
    let connections = view.connections.values().filter(|c| c.row.state == "parked").map(|c| (true, c.row.id));
    let zones =
        view.zones.values().filter(|zone| zone.row.state == "parked").map(|zone| (false, zone.row.id));
    let parked: HashSet<(bool, i64)> = connections.chain(zones).collect();
    since.retain(|place, _| parked.contains(place));
    let mut released = false;
    for place in parked {
        let at = *since.entry(place).or_insert(now);
        if now - at < PARKED_MILLIS {
            continue;
        }
        since.remove(&place);
        released = true;
        match place {
            (true, id) => inner.store.note_connection(id, "probing", None, 1, 0).await?,
            (false, id) => inner.store.note_zone(id, "ok", None).await?,
        }
    }
    if released {
        inner.catalog.reload().await?;
        inner.work.notify_one();
    }
    Ok(())
}

/// One summary line when a job had errors (S2.54), also where the worker's own output goes (S2.64).
pub(super) async fn job_ended(inner: &Inner, job: &JobRow) -> Result<(), StoreError> {
    if job.failed > 0 {
        let line = format!(
            "{}: {} of {} names are not served as they should be; what can heal is tried again by itself",
            job.title, job.failed, job.total
        );
        tracing::warn!(job = job.id, "{line}");
        inner.store.append_log(&[(job.id, line)]).await?;
    } else {
        tracing::info!(job = job.id, state = job.state, names = job.total, "{}", job.title);
    }
    Ok(())
}
