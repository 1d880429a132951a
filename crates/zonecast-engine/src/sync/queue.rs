//! Which zone of a group has the next turn.
//!
//! Looking for due zones costs as many steps as there are due zones, so with ten thousand of them a
//! look before every pass would cost more than the passes. One look serves the turns of a short while.

use super::Inner;
use super::rhythm::Rhythm;
use std::collections::{HashSet, VecDeque};
use std::time::{Duration, Instant};
use zonecast_store::{DirtyGroup, StoreError};

/// How long a look is good for, and that it may cost a quarter of the time at most: an urgent wish that
/// comes meanwhile waits this long.
const FRESH: Duration = Duration::from_millis(50);
const COST: u32 = 4;

/// What a worker does next.
pub(super) enum Next {
    /// A pass over this zone.
    Zone(i64),
    /// All due zones gather more names for this long.
    Rest(Duration),
    /// Nothing is due.
    Nothing,
}

/// The due zones of one worker's group, as last seen.
#[derive(Default)]
pub(super) struct Queue {
    due: VecDeque<DirtyGroup>,
    /// Until when that is good enough.
    fresh_until: Option<Instant>,
    last: i64,
    rhythm: Rhythm,
}

impl Queue {
    /// The zone whose turn it is: the most urgent first; among equals, the one after the last.
    pub async fn next(&mut self, inner: &Inner, group: &str, now: i64) -> Result<Next, StoreError> {
        if self.due.is_empty() || self.fresh_until.is_none_or(|until| until <= Instant::now()) {
            self.look(inner, group, now).await?;
        }
        if self.due.is_empty() {
            return Ok(Next::Nothing);
        }
        let begins = Instant::now();
        let rest = |zone: &DirtyGroup| self.rhythm.rest(zone.zone_id, zone.count, begins);
        let Some(at) = self.due.iter().position(|zone| rest(zone).is_zero()) else {
            let shortest = self.due.iter().map(rest).min().unwrap_or_default();
            self.forget();
            return Ok(Next::Rest(shortest));
        };
        self.last = self.due.remove(at).map_or(0, |zone| zone.zone_id);
        self.rhythm.begins(self.last, begins);
        Ok(Next::Zone(self.last))
    }

    /// Something happened that may have changed what is due: the next turn looks again.
    pub fn forget(&mut self) {
        self.fresh_until = None;
    }

    async fn look(&mut self, inner: &Inner, group: &str, now: i64) -> Result<(), StoreError> {
        let begun = Instant::now();
        let due = inner.store.dirty_groups(now).await?;
        self.fresh_until = Some(Instant::now() + FRESH.max(begun.elapsed() * COST));
        self.due = due.into_iter().filter(|zone| zone.budget_group == group).collect();
        let last = self.last;
        self.due.make_contiguous().sort_by_key(|zone| (zone.priority, zone.zone_id <= last, zone.zone_id));
        // A zone that is due at two priorities has one turn for both.
        let mut met = HashSet::new();
        self.due.retain(|zone| met.insert(zone.zone_id));
        self.rhythm.keep(|id| met.contains(&id));
        Ok(())
    }
}
