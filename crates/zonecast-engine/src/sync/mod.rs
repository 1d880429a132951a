//! The engine: makes what is true equal to what is wanted, and keeps it so.
//!
//! It takes no input. A name is dirty while its wanted version is ahead of its done version; the
//! engine looks for dirty names, and a signal only makes it look at once instead of within a second.
//! So the path after a crash is the everyday path. Work is divided by budget group (one account at a
//! provider): one lease, one worker, one rate budget each, so a provider that is slow or down
//! delays nobody else.
//!
//! `group` is the worker, `budget` how often it may call, `reading` what is there, `doubts` which empty answers
//! are not believed yet, `look` what follows, `pass` the hand that does it, `desired` what should be there, `outcome` what became of
//! it, `late` what may still arrive, `trouble` what to do when a provider will not answer, `verify` the proof by DNS
//! query, `rematch` the marking of existing names for a new zone, `removal` a zone on its way out, `drift` the daily comparison.

mod budget;
mod desired;
mod doubts;
mod drift;
mod farewell;
mod group;
mod hand_over;
mod housekeeping;
mod late;
pub(crate) mod look;
pub(crate) mod make_zone;
mod node;
mod outcome;
mod pass;
mod queue;
pub(crate) mod reading;
mod rematch;
mod removal;
mod rhythm;
mod servers;
mod trouble;
mod verify;

use crate::catalog::Catalog;
use crate::config::Config;
use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};
use tokio::sync::{Notify, watch};
use zonecast_store::{JobRow, Store, StoreError};

pub use desired::{Wanted, desired_in_zone};
pub(crate) use desired::{core_owner, pool_ttl};
pub use node::NodeId;

/// The engine of this process. Cheap to clone; does nothing until [`Engine::start`].
#[derive(Clone)]
pub struct Engine {
    inner: Arc<Inner>,
}

struct Inner {
    store: Store,
    catalog: Arc<Catalog>,
    config: Arc<Config>,
    node: NodeId,
    /// Work was stored: look now.
    work: Notify,
    /// Keys were written: verify now.
    written: Notify,
    /// Something ended: waiters look again.
    ended: watch::Sender<u64>,
    stopping: watch::Sender<bool>,
    /// Groups with a worker in this process.
    busy: Mutex<HashSet<String>>,
    leases: Mutex<HashMap<String, zonecast_store::Lease>>,
    doubts: doubts::Doubts,
    budgets: budget::Budgets,
    /// One step of a removal at a time: marking twice would let the job end early.
    removing: tokio::sync::Mutex<()>,
    own_servers: Mutex<Vec<std::net::SocketAddr>>,
    servers: servers::Kept,
    tasks: tokio_util::task::TaskTracker,
}

impl Engine {
    /// An engine over this store and this configuration.
    pub fn new(store: Store, catalog: Arc<Catalog>, config: Arc<Config>) -> Engine {
        let inner = Inner {
            store,
            catalog,
            config,
            node: NodeId::of_this_process(),
            work: Notify::new(),
            written: Notify::new(),
            ended: watch::channel(0).0,
            stopping: watch::channel(false).0,
            busy: Mutex::default(),
            leases: Mutex::default(),
            doubts: doubts::Doubts::default(),
            budgets: budget::Budgets::default(),
            removing: tokio::sync::Mutex::default(),
            own_servers: Mutex::default(),
            servers: servers::Kept::default(),
            tasks: tokio_util::task::TaskTracker::new(),
        };
        Engine { inner: Arc::new(inner) }
    }

    /// Starts looking for work, verifying, marking, comparing and sealing.
    pub fn start(&self) {
        let tasks = &self.inner.tasks;
        tasks.spawn(schedule(self.inner.clone()));
        tasks.spawn(verify::run(self.inner.clone()));
        tasks.spawn(rematch::run(self.inner.clone()));
        tasks.spawn(drift::run(self.inner.clone()));
        tasks.spawn(housekeeping::run(self.inner.clone()));
    }

    /// Work was stored: look at once. Losing the call loses no work, only up to a second.
    pub fn wake(&self) {
        self.inner.work.notify_one();
    }

    /// Waits until the job has ended, or until the time is up; the job as it is then.
    pub async fn wait_for_job(&self, job: i64, limit: Duration) -> Result<Option<JobRow>, StoreError> {
        let deadline = Instant::now() + limit;
        let mut ended = self.inner.ended.subscribe();
        loop {
            let row = self.inner.store.job(job).await?;
            let open = row.as_ref().is_some_and(|row| row.finished_at.is_none());
            let left = deadline.saturating_duration_since(Instant::now());
            if !open || left.is_zero() {
                return Ok(row);
            }
            // Another node may do the work, and then nobody signals here.
            let _ = tokio::time::timeout(left.min(Duration::from_millis(500)), ended.changed()).await;
        }
    }

    /// The authority of this process answers here; embedded zones are verified there.
    pub fn serve_at(&self, address: std::net::SocketAddr) {
        lock(&self.inner.own_servers).push(address);
    }

    /// Where this zone is asked when its records are verified.
    pub async fn servers_of(&self, zone: &crate::catalog::ZoneEntry) -> Vec<std::net::SocketAddr> {
        servers::of_zone(&self.inner, zone).await
    }

    /// Goes on with taking out a zone in `deleting` now instead of within a second.
    pub async fn remove_now(&self, zone: &crate::catalog::ZoneEntry) -> Result<(), StoreError> {
        removal::step(&self.inner, zone).await
    }

    /// A zone is configured no more and its records stay there: what it held of domains belongs elsewhere.
    pub async fn zone_left(&self, zone: &crate::catalog::ZoneEntry) -> Result<(), StoreError> {
        rematch::when_gone(&self.inner, zone).await?;
        self.wake();
        Ok(())
    }

    /// Where this zone is asked is asked of its provider anew.
    pub fn forget_servers(&self, zone: i64) {
        self.inner.servers.forget(zone);
    }

    /// Something that waiters may be waiting for has happened (an outcome, a verification).
    pub async fn changed(&self, limit: Duration) {
        let mut ended = self.inner.ended.subscribe();
        let _ = tokio::time::timeout(limit, ended.changed()).await;
    }

    /// Stops taking work, lets calls in flight end, gives the leases back.
    pub async fn stop(&self, limit: Duration) {
        self.inner.stopping.send_replace(true);
        self.inner.work.notify_one();
        self.inner.written.notify_one();
        self.inner.tasks.close();
        if tokio::time::timeout(limit, self.inner.tasks.wait()).await.is_err() {
            tracing::warn!(
                "some provider calls did not end in time; their names are looked at again at the next start"
            );
        }
        let leases: Vec<_> = lock(&self.inner.leases).drain().map(|(_, lease)| lease).collect();
        for lease in leases {
            if let Err(error) = self.inner.store.release_lease(&lease).await {
                tracing::warn!(%error, group = lease.budget_group, "the lease was not given back; it will run out");
            }
        }
    }
}

impl Inner {
    fn is_stopping(&self) -> bool {
        *self.stopping.borrow()
    }

    /// Sleeps until the time is up or the engine stops.
    async fn pause(&self, time: Duration) {
        let mut stopping = self.stopping.subscribe();
        let _ = tokio::time::timeout(time, stopping.wait_for(|stop| *stop)).await;
    }

    fn own_servers(&self) -> Vec<std::net::SocketAddr> {
        lock(&self.own_servers).clone()
    }

    fn signal_ended(&self) {
        self.ended.send_modify(|count| *count = count.wrapping_add(1));
    }
}

/// What looking for work costs is rested for, twice, between these.
const SHORTEST_REST: Duration = Duration::from_millis(5);
const LONGEST_REST: Duration = Duration::from_millis(200);

/// Looks for groups with due names and gives each its worker.
async fn schedule(inner: Arc<Inner>) {
    while !inner.is_stopping() {
        let begun = Instant::now();
        let wait = match start_due_groups(&inner).await {
            Ok(wait) => wait,
            Err(error) => {
                tracing::warn!(%error, "could not look for work; looking again");
                Duration::from_millis(inner.config.engine.poll_millis)
            }
        };
        // A look costs a step for each due zone: with many of them, wishes that come fast share one.
        let rest = begun.elapsed().mul_f32(2.0).min(LONGEST_REST);
        if rest > SHORTEST_REST {
            inner.pause(rest).await;
        }
        let _ = tokio::time::timeout(wait, inner.work.notified()).await;
    }
}

async fn start_due_groups(inner: &Arc<Inner>) -> Result<Duration, StoreError> {
    inner.catalog.catch_up().await?;
    let now = inner.store.now().await?;
    let due = inner.store.dirty_groups(now).await?;
    let groups: HashSet<String> = due.into_iter().map(|zone| zone.budget_group).collect();
    for group in groups {
        if lock(&inner.busy).insert(group.clone()) {
            inner.tasks.spawn(group::work(inner.clone(), group));
        }
    }
    let poll = inner.config.engine.poll_millis as i64;
    let next = inner.store.next_due(now).await?.map_or(poll, |due| (due - now).clamp(5, poll));
    Ok(Duration::from_millis(next as u64))
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    // What these mutexes guard is whole at every instant, so a panic elsewhere does not spoil it.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
