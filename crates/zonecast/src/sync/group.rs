//! The worker of one budget group: one lease, one rate budget, zones in turn.
//!
//! It runs while the group has due names and then ends; the lease stays with this process for a while
//! so that the next change pays nothing for it. A worker that cannot get the lease ends too: whoever
//! holds it does the work.

use super::{Inner, lock, node, pass, trouble};
use crate::catalog::ZoneEntry;
use std::sync::Arc;
use std::time::{Duration, Instant};
use zonecast_providers::ZoneRef;
use zonecast_store::{Lease, StoreError};

/// What a pass needs to know of the group it runs in.
pub(super) struct Turn {
    pub inner: Arc<Inner>,
    pub zone: Arc<ZoneEntry>,
    pub lease: Lease,
    /// Names done before this instant (database clock) are looked at once more then: the lease was
    /// taken from a process that may have had a write on its way.
    pub doubt_until: Option<i64>,
}

impl Turn {
    /// The connection or the zone was in trouble: try one name before everything.
    pub fn is_probe(&self) -> bool {
        self.zone.connection.row.state != "ok" || self.zone.row.state != "ok"
    }

    /// Permission for one provider call: the lease is looked at now, and the call ends inside it.
    pub async fn call(&mut self) -> Result<ZoneRef, StoreError> {
        let now = self.inner.store.now().await?;
        self.lease = keep_lease(&self.inner, self.lease.clone(), now).await?;
        if !self.inner.store.check_lease(&self.lease).await? {
            return Err(fenced(&self.lease));
        }
        Ok(self.zone.reference(Instant::now() + Duration::from_millis(call_millis(&self.inner) as u64)))
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
    let Some((mut lease, doubt_until)) = take_lease(inner, group).await? else {
        inner.pause(Duration::from_millis(inner.config.engine.poll_millis)).await;
        return Ok(());
    };
    let mut last_zone = 0;
    while !inner.is_stopping() {
        let now = inner.store.now().await?;
        let due = inner.store.dirty_groups(now).await?;
        let mut zones: Vec<_> = due.into_iter().filter(|zone| zone.budget_group == group).collect();
        if zones.is_empty() {
            return Ok(());
        }
        // The most urgent first; among equals, the one after the one that had its turn.
        zones.sort_by_key(|zone| (zone.priority, zone.zone_id <= last_zone, zone.zone_id));
        last_zone = zones[0].zone_id;
        let view = inner.catalog.view();
        let Some(zone) = view.zone(last_zone).cloned() else {
            inner.catalog.reload().await?;
            continue;
        };
        let doubt_until = doubt_until.filter(|until| *until > now);
        let mut turn = Turn { inner: inner.clone(), zone, lease, doubt_until };
        let trouble = pass::run(&mut turn, now).await?;
        inner.signal_ended();
        if let Some(trouble) = trouble {
            trouble::note(&turn, trouble, now).await?;
        }
        lease = turn.lease;
    }
    Ok(())
}

/// The lease, and until when the writes of its last holder may still arrive.
async fn take_lease(inner: &Arc<Inner>, group: &str) -> Result<Option<(Lease, Option<i64>)>, StoreError> {
    let now = inner.store.now().await?;
    if let Some(lease) = lock(&inner.leases).get(group).cloned()
        && lease.expires_at > now + call_millis(inner)
    {
        return Ok(Some((lease, None)));
    }
    let time = inner.config.engine.lease_seconds as i64 * 1000;
    let me = inner.node.as_str();
    let mut lease = inner.store.acquire_lease(group, me, time).await?;
    if lease.is_none() && depose_the_dead(inner, group).await? {
        lease = inner.store.acquire_lease(group, me, time).await?;
    }
    let Some(lease) = lease else { return Ok(None) };
    let doubt = lease.taken_over.then_some(now + call_millis(inner));
    lock(&inner.leases).insert(group.to_owned(), lease.clone());
    Ok(Some((lease, doubt)))
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
    lock(&inner.leases).insert(lease.budget_group.clone(), lease.clone());
    Ok(lease)
}

fn fenced(lease: &Lease) -> StoreError {
    StoreError::Fenced { budget_group: lease.budget_group.clone() }
}

fn call_millis(inner: &Inner) -> i64 {
    inner.config.engine.call_seconds as i64 * 1000
}
