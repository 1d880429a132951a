//! Tells listeners inside the process which zones were published anew.
//!
//! A set, not a queue: a zone that changes a thousand times before anyone looks is one entry, so the
//! feed is bounded by the number of zones.

use std::collections::BTreeSet;
use std::sync::{Mutex, PoisonError};
use tokio::sync::Notify;
use zonecast_core::Name;

/// Zones published since the last look.
#[derive(Default)]
pub(crate) struct ChangeFeed {
    zones: Mutex<BTreeSet<Name>>,
    wake: Notify,
}

impl ChangeFeed {
    /// Notes that a zone has a new snapshot.
    pub(crate) fn published(&self, zone: &Name) {
        self.zones.lock().unwrap_or_else(PoisonError::into_inner).insert(zone.clone());
        self.wake.notify_one();
    }

    /// Waits until a zone was published; gives all that were. For one listener.
    pub(crate) async fn changed(&self) -> BTreeSet<Name> {
        loop {
            let zones = std::mem::take(&mut *self.zones.lock().unwrap_or_else(PoisonError::into_inner));
            if !zones.is_empty() {
                return zones;
            }
            self.wake.notified().await;
        }
    }
}
