//! The wall behind a dry run: a task whose hands are tied stores nothing, whatever it calls.
//!
//! Every commit and every single writing statement asks here first, so that an operation which forgets
//! to look whether it is only a dry run is refused instead of done. A transaction of such a task runs
//! whole, so that what the database would refuse is refused, and is then rolled back.

use crate::error::{DbError, StoreError};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

tokio::task_local! {
    /// Whether the task wanted to store something.
    static WANTED: Arc<AtomicBool>;
}

/// Does work that may read and not store; gives what it gave and whether it wanted to store.
pub async fn hands_tied<T>(work: impl Future<Output = T>) -> (T, bool) {
    let wanted = Arc::new(AtomicBool::new(false));
    let done = WANTED.scope(wanted.clone(), work).await;
    (done, wanted.load(Ordering::Relaxed))
}

/// Refuses what would be stored by a task whose hands are tied.
pub(crate) fn check() -> Result<(), DbError> {
    match WANTED.try_with(|wanted| wanted.store(true, Ordering::Relaxed)) {
        Ok(()) => Err(StoreError::DryRun(None).into()),
        Err(_) => Ok(()),
    }
}
