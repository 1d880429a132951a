//! What nobody waits for: sealing the audit, dropping old job logs, forgetting old answers.

use super::Inner;
use std::sync::Arc;
use std::time::Duration;

/// Audit lines sealed at a time.
const SEAL: usize = 10_000;

pub(super) async fn run(inner: Arc<Inner>) {
    let mut rounds: u64 = 0;
    while !inner.is_stopping() {
        if let Err(error) = inner.store.seal(SEAL).await {
            tracing::warn!(%error, "the audit could not be sealed; it is tried again");
        }
        if rounds.is_multiple_of(3_600)
            && let Err(error) = inner.store.prune().await
        {
            tracing::warn!(%error, "old logs could not be dropped; it is tried again");
        }
        rounds += 1;
        inner.pause(Duration::from_secs(1)).await;
    }
}
