//! The budgets of this process: how often each group's account may be called.
//!
//! The holder of a group's lease is the only one that calls for it, so the count can live in memory:
//! after a restart it begins anew, one turn early at most. What a provider itself asks for
//! (`Retry-After`) is stored instead, see `trouble`.

use super::{Inner, lock};
use crate::catalog::ConnectionEntry;
use std::collections::HashMap;
use std::sync::Mutex;
use std::time::{Duration, Instant};
use zonecast_core::{Budget, Errand};

/// Budgets by group, each with the limit it was made for.
pub(super) struct Budgets {
    since: Instant,
    groups: Mutex<HashMap<String, (f64, Option<Budget>)>>,
    /// By connection: how many requests it had sent, and how many turns were taken for it since.
    sent: Mutex<HashMap<i64, (u64, u64)>>,
}

impl Default for Budgets {
    fn default() -> Budgets {
        Budgets { since: Instant::now(), groups: Mutex::default(), sent: Mutex::default() }
    }
}

impl Budgets {
    /// Takes one call of the group's budget, or tells how long to wait before asking again. What calls
    /// before this one sent beyond one request each, and what a person's test sent, is paid first.
    pub fn take(
        &self,
        inner: &Inner,
        group: &str,
        connection: &ConnectionEntry,
        errand: Errand,
    ) -> Result<(), Duration> {
        let limit = limit(inner, group);
        let beyond = self.beyond(connection);
        let now = self.since.elapsed().as_secs_f64() * 1000.0;
        let mut groups = lock(&self.groups);
        let entry = groups.entry(group.to_owned()).or_insert_with(|| (limit, Budget::new(limit)));
        if entry.0 != limit {
            *entry = (limit, Budget::new(limit));
        }
        let Some(budget) = entry.1.as_mut() else { return Ok(()) };
        budget.charge(beyond);
        budget.take(errand, now)?;
        if let Some((_, turns)) = lock(&self.sent).get_mut(&connection.row.id) {
            *turns += 1;
        }
        Ok(())
    }

    /// Requests the connection has sent since the last look, beyond the turns that were taken for it.
    fn beyond(&self, connection: &ConnectionEntry) -> u64 {
        let now = connection.provider.as_ref().map_or(0, |provider| provider.requests());
        let mut sent = lock(&self.sent);
        let (before, turns) = sent.entry(connection.row.id).or_default();
        // A connection that was made anew begins at zero.
        let new = now.checked_sub(*before).unwrap_or(now);
        let (beyond, left) = (new.saturating_sub(*turns), turns.saturating_sub(new));
        (*before, *turns) = (now, left);
        beyond
    }
}

/// Calls a second: what the configuration says of the group, else the lowest of its providers' own
/// limits, else the configuration's word for all. Zero is no limit.
fn limit(inner: &Inner, group: &str) -> f64 {
    let engine = &inner.config.engine;
    if let Some(limit) = engine.budgets.get(group) {
        return *limit;
    }
    let view = inner.catalog.view();
    let members = view.connections.values().filter(|entry| entry.row.budget_group == group);
    let own = members
        .filter_map(|entry| entry.provider.as_ref().ok()?.capabilities().calls_per_second)
        .min_by(f64::total_cmp);
    own.unwrap_or(f64::from(engine.calls_per_second))
}
