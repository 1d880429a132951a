//! What was removed is gone when no name server answers with it any more.
//!
//! A provider that took a removal may go on answering from a cache or an old secondary. So what a
//! removed owner had is asked for at the zone's servers before it is forgotten: the name stays due
//! and its owner visible until it is gone, but no longer than the zone's `verify_seconds`. Where
//! nobody can be asked there is nothing to wait for.

use super::group::Turn;
use super::outcome::Judged;
use super::servers;
use futures_util::StreamExt;
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::{Duration, Instant};
use zonecast_core::{KeyState, Name, RRset, RecordType, ZoneState};
use zonecast_dns::{QueryOptions, query};
use zonecast_providers::Outcome;
use zonecast_store::KeyRow;

/// Shown at a key that is removed and still answered.
pub(super) const LEAVING: &str = "removed; waiting until no name server answers with it";
/// Questions in flight.
const AT_ONCE: usize = 64;
/// How long one server may take: the group's worker waits meanwhile.
const PATIENCE: Duration = Duration::from_secs(1);
/// Most names whose caches are dropped at once.
const REFRESH_MAX: usize = 50;

/// Removed sets that are still answered, with the time since when they are removed.
pub(super) type Lingering = BTreeMap<(Name, RecordType), (RRset, i64)>;

/// Asks for what the pass removed, or an earlier pass did.
pub(super) async fn look(turn: &Turn, judged: &Judged<'_>, now: i64) -> Lingering {
    if turn.zone.row.state == ZoneState::Deleting {
        return Lingering::new();
    }
    let removed: Vec<(RRset, i64)> =
        (0..judged.plans.len()).flat_map(|index| removed(turn, judged, index, now)).collect();
    if removed.is_empty() {
        return Lingering::new();
    }
    let servers = servers::of_zone(&turn.inner, &turn.zone).await;
    if servers.is_empty() {
        return Lingering::new();
    }
    let servers = servers.as_slice();
    let asked = removed.into_iter().map(|(set, since)| async move {
        let there = is_answered(servers, &set).await;
        there.then(|| ((set.name.clone(), set.rtype), (set, since)))
    });
    let still: Vec<_> = futures_util::stream::iter(asked).buffer_unordered(AT_ONCE).collect().await;
    let still: Lingering = still.into_iter().flatten().collect();
    refresh(turn, &still).await;
    still
}

/// The sets of ours at one name that are removed now, unless they have been waited for long enough.
fn removed(turn: &Turn, judged: &Judged<'_>, index: usize, now: i64) -> Vec<(RRset, i64)> {
    let (dirty, plan) = (&judged.work.dirty[index], &judged.plans[index]);
    if judged.outcomes[index].iter().any(|outcome| *outcome != Outcome::Done) {
        return Vec::new();
    }
    let stays = |rtype: RecordType| {
        let of_plan = plan.keys.iter().any(|key| key.rtype == rtype && !key.ours_after.is_empty());
        of_plan || judged.work.wanted[index].desired.unsupported.contains(&rtype)
    };
    let sets = judged.work.ours_at(&dirty.name).into_iter().filter(|set| !stays(set.rtype));
    let known = |rtype: RecordType| {
        let keys = judged.work.known.get(&dirty.name).into_iter().flatten();
        keys.filter(|key| is_leaving(key)).find(|key| key.rtype == rtype)
    };
    sets.map(|set| {
        let since = known(set.rtype).map_or(now, |key| key.updated_at);
        (set, since)
    })
    .filter(|(_, since)| now - since < turn.zone.settings.verify_millis())
    .collect()
}

/// The key waits until its values are answered no more.
pub(super) fn is_leaving(key: &KeyRow) -> bool {
    key.state == KeyState::Pending && key.last_error.as_deref() == Some(LEAVING)
}

/// When to ask again, ever more rarely.
pub(super) fn again_at(since: i64, now: i64) -> i64 {
    now + ((now - since) / 2).clamp(200, 5_000)
}

/// Whether a server still answers with one of the values, or none says that it does not.
async fn is_answered(servers: &[SocketAddr], set: &RRset) -> bool {
    let asked = servers.iter().map(|server| async move {
        let options = QueryOptions { timeout: PATIENCE, ..QueryOptions::default() };
        let answer = query(*server, &set.name, set.rtype, options).await.ok()?;
        let there = answer.rrset(&set.name, set.rtype);
        Some(there.is_some_and(|there| set.values.iter().any(|value| there.values.contains(value))))
    });
    let said: Vec<bool> = futures_util::future::join_all(asked).await.into_iter().flatten().collect();
    said.is_empty() || said.contains(&true)
}

/// Providers that answer from a cache are told which names look old.
async fn refresh(turn: &Turn, still: &Lingering) {
    let names: Vec<Name> = still.keys().map(|(name, _)| name.clone()).collect();
    if let (Ok(provider), 1..=REFRESH_MAX) = (&turn.zone.connection.provider, names.len()) {
        provider.refresh(&turn.zone.reference(Instant::now() + PATIENCE), &names).await;
    }
}
