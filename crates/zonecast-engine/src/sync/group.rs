//! The worker of one budget group: one lease, one rate budget, zones in turn.
//!
//! It runs while the group has due names and then ends; the lease stays with this process for a while
//! so that the next change pays nothing for it. A worker that cannot get the lease ends too: whoever
//! holds it does the work.

use super::queue::{Next, Queue};
use super::{Inner, lock, node, pass, trouble};
use crate::catalog::ZoneEntry;
use std::sync::Arc;
use std::time::{Duration, Instant};
use zonecast_core::{Errand, ZoneState};
use zonecast_providers::ZoneRef;
use zonecast_store::{Lease, StoreError};

/// While a turn in the budget is waited for, the lease is looked at this often.
const LONGEST_NAP: Duration = Duration::from_secs(5);

/// While zones gather, other zones of the group are looked for this often.
const SHORT_NAP: Duration = Duration::from_millis(25);

/// What a pass needs to know of the group it runs in.
pub(super) struct Turn {
    pub inner: Arc<Inner>,
    pub zone: Arc<ZoneEntry>,
    pub lease: Lease,
    /// Which share of the budget pays for it.
    pub errand: Errand,
}

impl Turn {
    /// The connection or the zone was in trouble: try one name before everything.
    pub fn is_probe(&self) -> bool {
        self.zone.connection.row.state.is_trouble() || self.zone.row.state == ZoneState::Parked
    }

    /// Permission for one provider call: its turn in the budget is waited for, the lease is looked at
    /// then, and the call ends inside it.
    pub async fn call(&mut self) -> Result<ZoneRef, StoreError> {
        self.wait_for_budget().await?;
        self.keep_lease().await?;
        if !self.inner.store.check_lease(&self.lease).await? {
            return Err(fenced(&self.lease));
        }
        Ok(self.zone.reference(Instant::now() + Duration::from_millis(call_millis(&self.inner) as u64)))
    }

    /// A turn may be further away than the lease lasts, so that is kept while waiting.
    async fn wait_for_budget(&mut self) -> Result<(), StoreError> {
        while let Err(wait) = self.take_turn() {
            self.inner.pause(wait.min(LONGEST_NAP)).await;
            self.keep_lease().await?;
        }
        Ok(())
    }

    fn take_turn(&self) -> Result<(), Duration> {
        let inner = &self.inner;
        inner.budgets.take(inner, &self.lease.budget_group, &self.zone.connection, self.errand)
    }

    async fn keep_lease(&mut self) -> Result<(), StoreError> {
        let now = self.inner.store.now().await?;
        self.lease = keep_lease(&self.inner, self.lease.clone(), now).await?;
        Ok(())
    }
}

/// Works until nothing of the group is due.
pub(super) async fn work(inner: Arc<Inner>, group: String) {
    if let Err(error) = work_off(&inner, &group).await {
        match error {
            StoreError::Fenced { .. } => {
                tracing::warn!(group, "the lease passed to another node; its holder goes on");
                lock(&inner.leases).remove(&group);
            }
            error => tracing::warn!(group, %error, "work stopped; it goes on by itself"),
        }
        inner.pause(Duration::from_millis(200)).await;
    }
    lock(&inner.busy).remove(&group);
    // Work that came while we were leaving was not given a second worker: look once more.
    inner.work.notify_one();
}

async fn work_off(inner: &Arc<Inner>, group: &str) -> Result<(), StoreError> {
    let Some(mut lease) = take_lease(inner, group).await? else {
        inner.pause(Duration::from_millis(inner.config.engine.poll_millis)).await;
        return Ok(());
    };
    let mut queue = Queue::default();
    while !inner.is_stopping() {
        let now = inner.store.now().await?;
        let last_zone = match queue.next(inner, group, now).await? {
            Next::Nothing => return Ok(()),
            Next::Rest(rest) => {
                inner.pause(rest.min(SHORT_NAP)).await;
                continue;
            }
            Next::Zone(id) => id,
        };
        let view = inner.catalog.view();
        let Some(zone) = view.zone(last_zone).cloned() else {
            queue.forget();
            inner.catalog.reload().await?;
            continue;
        };
        let mut turn = Turn { inner: inner.clone(), zone, lease, errand: Errand::Wish };
        let trouble = pass::run(&mut turn, now).await?;
        inner.signal_ended();
        if let Some(trouble) = trouble {
            queue.forget();
            trouble::note(&turn, trouble, now).await?;
        }
        lease = turn.lease;
    }
    Ok(())
}

/// The group's lease: the one this process has, else a new one; `None` where somebody else has it.
pub(super) async fn take_lease(inner: &Arc<Inner>, group: &str) -> Result<Option<Lease>, StoreError> {
    let now = inner.store.now().await?;
    let held = lock(&inner.leases).get(group).cloned();
    if let Some(held) = held.filter(|held| held.expires_at > now) {
        // Nobody can have it but us, so it is renewed; waiting for its end would cost up to a call's time.
        match keep_lease(inner, held, now).await {
            Ok(lease) => return Ok(Some(lease)),
            Err(StoreError::Fenced { .. }) => drop(lock(&inner.leases).remove(group)),
            Err(error) => return Err(error),
        }
    }
    let time = inner.config.engine.lease_seconds as i64 * 1000;
    let me = inner.node.as_str();
    let mut lease = inner.store.acquire_lease(group, me, time).await?;
    if lease.is_none() && depose_the_dead(inner, group).await? {
        lease = inner.store.acquire_lease(group, me, time).await?;
    }
    let Some(lease) = lease else { return Ok(None) };
    lock(&inner.leases).insert(group.to_owned(), lease.clone());
    Ok(Some(lease))
}

/// Ends the lease of a holder that is certainly gone; tells whether there was one.
async fn depose_the_dead(inner: &Arc<Inner>, group: &str) -> Result<bool, StoreError> {
    let leases = inner.store.leases().await?;
    let Some((_, holder, ..)) = leases.into_iter().find(|lease| lease.0 == group) else { return Ok(true) };
    if !node::is_certainly_dead(&holder) {
        return Ok(false);
    }
    tracing::info!(group, "the last holder of the lease is gone; taking over at once");
    inner.store.depose(group, &holder).await?;
    Ok(true)
}

/// The lease, renewed when less than a call's time and a half is left of it.
async fn keep_lease(inner: &Arc<Inner>, mut lease: Lease, now: i64) -> Result<Lease, StoreError> {
    if lease.expires_at - now > call_millis(inner) * 3 / 2 {
        return Ok(lease);
    }
    let time = inner.config.engine.lease_seconds as i64 * 1000;
    if !inner.store.renew_lease(&mut lease, time).await? {
        return Err(fenced(&lease));
    }
    if let Some(held) = lock(&inner.leases).get_mut(&lease.budget_group) {
        *held = lease.clone();
    }
    Ok(lease)
}

fn fenced(lease: &Lease) -> StoreError {
    StoreError::Fenced { budget_group: lease.budget_group.clone() }
}

/// The longest a provider call takes.
pub(super) fn call_millis(inner: &Inner) -> i64 {
    inner.config.engine.call_seconds as i64 * 1000
}
