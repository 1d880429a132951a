//! What nobody waits for: sealing the audit, dropping old job logs, forgetting old answers.

use super::{Inner, late};
use std::sync::Arc;
use std::time::Duration;
use zonecast_store::{JobRow, StoreError};

/// Audit lines sealed at a time.
const SEAL: usize = 10_000;

/// Job logs are kept this long.
const LOG_MILLIS: i64 = 30 * DAY_MILLIS;
const DAY_MILLIS: i64 = 24 * 60 * 60 * 1000;

pub(super) async fn run(inner: Arc<Inner>) {
    let mut rounds: u64 = 0;
    while !inner.is_stopping() {
        if let Err(error) = inner.store.seal(SEAL).await {
            tracing::warn!(%error, "the audit could not be sealed; it is tried again");
        }
        match inner.store.raise_looks().await {
            Ok(0) => {}
            Ok(_) => inner.work.notify_one(),
            Err(error) => tracing::warn!(%error, "late writes could not be looked for; it is tried again"),
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
    inner.store.forget_intents(now - late::KEPT_MILLIS).await?;
    inner.store.reap().await?;
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
        tracing::info!(job = job.id, state = %job.state, names = job.total, "{}", job.title);
    }
    Ok(())
}
