//! The proof: what was written is asked for at the zone's own servers.
//!
//! Every server of the zone is asked, without recursion, never a cache. A key is `served` when all
//! that answer with authority have our values and at least one does. Until then it is asked again,
//! soon at first; after the zone's patience it stays `applied` and says `stale` or `unreachable`, and
//! is looked at again now and then. Served keys are looked at once a day, spread by their name.

use super::{Inner, servers};
use crate::catalog::{View, ZoneEntry};
use futures_util::StreamExt;
use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};
use zonecast_core::{ConnectionState, KeyState, Name, RRset, RecordData, RecordType};
use zonecast_dns::{Answer, QueryOptions, query};
use zonecast_store::{KeyRow, StoreError, Verified};

/// Keys looked at in one round.
const ROUND: usize = 2_000;
/// Questions in flight.
const AT_ONCE: usize = 64;
/// How long one server may take.
const PATIENCE: Duration = Duration::from_secs(2);
/// When a key that should have been seen by now is looked at again.
const LATER_MILLIS: i64 = 15 * 60 * 1000;

/// What all servers of a zone together said of one key.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Finding {
    Served,
    Stale,
    Unreachable,
}

pub(super) async fn run(inner: Arc<Inner>) {
    while !inner.is_stopping() {
        let wait = match round(&inner).await {
            Ok(wait) => wait,
            Err(error) => {
                tracing::warn!(%error, "verification stopped; it goes on by itself");
                Duration::from_secs(1)
            }
        };
        let _ = tokio::time::timeout(wait, inner.written.notified()).await;
    }
}

/// Looks at what is due; tells how long nothing will be.
async fn round(inner: &Arc<Inner>) -> Result<Duration, StoreError> {
    let now = inner.store.now().await?;
    let due = inner.store.verify_due(now, ROUND).await?;
    if due.is_empty() {
        let next = inner.store.next_verify().await?.map_or(1_000, |at| (at - now).clamp(20, 1_000));
        return Ok(Duration::from_millis(next.unsigned_abs()));
    }
    let view = inner.catalog.view();
    let servers = servers_of(inner, &view, &due).await;
    let questions = due.into_iter().map(|key| {
        let (view, servers) = (&view, servers.get(&key.zone_id));
        async move {
            let zone = view.zone(key.zone_id)?;
            let uncut = zone.connection.provider.as_ref().is_ok_and(|known| !known.capabilities().text_cut);
            let finding = look(servers.map_or(&[][..], Vec::as_slice), &key, uncut).await;
            Some(verdict(zone, key, finding, now))
        }
    });
    let verified: Vec<Verified> = futures_util::stream::iter(questions)
        .buffer_unordered(AT_ONCE)
        .filter_map(std::future::ready)
        .collect()
        .await;
    refresh_stale(&view, &verified).await;
    inner.store.store_verified(&verified).await?;
    inner.signal_ended();
    Ok(Duration::ZERO)
}

/// Where each zone is asked. All at once: a provider that does not say it delays no other zone.
async fn servers_of(inner: &Inner, view: &View, due: &[KeyRow]) -> BTreeMap<i64, Vec<SocketAddr>> {
    let zones: BTreeSet<i64> = due.iter().map(|key| key.zone_id).collect();
    let asked = zones.into_iter().filter_map(|id| view.zone(id));
    let asked = asked.map(|zone| async move { (zone.row.id, servers::of_zone(inner, zone).await) });
    futures_util::future::join_all(asked).await.into_iter().collect()
}

/// `uncut`: where the service cuts texts is its own business.
async fn look(servers: &[SocketAddr], key: &KeyRow, uncut: bool) -> Finding {
    let is = |seen: &RecordData, value: &RecordData| seen == value || uncut && seen.uncut() == *value;
    let asked = servers.iter().map(|server| async move {
        let options = QueryOptions { timeout: PATIENCE, ..QueryOptions::default() };
        let answer = query(*server, &key.name, key.rtype, options).await.ok()?;
        let there = match answer.authoritative {
            true => answer.rrset(&key.name, key.rtype),
            false => Some(glue(&answer, key)?),
        };
        let held =
            |value: &RecordData| there.is_some_and(|set| set.values.iter().any(|seen| is(seen, value)));
        Some(key.applied.iter().all(held))
    });
    let answers = futures_util::future::join_all(asked).await;
    let said: Vec<bool> = answers.into_iter().flatten().collect();
    match (said.is_empty(), said.iter().all(|ours| *ours)) {
        (true, _) => Finding::Unreachable,
        (false, true) => Finding::Served,
        (false, false) => Finding::Stale,
    }
}

/// The address of a delegation's own server: the parent says it in the additional section of a
/// referral, which never has authority (RFC 9471).
fn glue<'a>(answer: &'a Answer, key: &KeyRow) -> Option<&'a RRset> {
    let server = RecordData::single_name(RecordType::NS, &key.name);
    let of_cut = |set: &RRset| {
        set.rtype == RecordType::NS && key.name.is_within(&set.name) && set.values.contains(&server)
    };
    let is_referral = answer.answer.is_empty() && answer.authority.iter().any(of_cut);
    let mut additional = answer.additional.iter().filter(|_| is_referral);
    additional.find(|set| set.rtype == key.rtype && set.name == key.name)
}

fn verdict(zone: &ZoneEntry, key: KeyRow, finding: Finding, now: i64) -> Verified {
    let waited = now - key.updated_at;
    let in_time = waited < zone.settings.verify_millis();
    let (state, verified, again) = match finding {
        Finding::Served => (KeyState::Served, Some("served"), None),
        _ if in_time => (KeyState::Applied, None, Some((waited / 2).clamp(50, 5_000))),
        Finding::Stale => (KeyState::Applied, Some("stale"), Some(LATER_MILLIS)),
        Finding::Unreachable => (KeyState::Applied, Some("unreachable"), Some(LATER_MILLIS)),
    };
    Verified {
        zone_id: key.zone_id,
        name: key.name,
        rtype: key.rtype,
        seen_updated_at: key.updated_at,
        state: state.to_owned(),
        verified: verified.map(str::to_owned),
        again_at: again.map(|wait| now + wait),
    }
}

/// Providers that answer from a cache are told which names look old.
async fn refresh_stale(view: &View, verified: &[Verified]) {
    let mut stale: BTreeMap<i64, Vec<Name>> = BTreeMap::new();
    for key in verified.iter().filter(|key| key.state != KeyState::Served) {
        stale.entry(key.zone_id).or_default().push(key.name.clone());
    }
    for (zone, names) in stale {
        let Some(zone) = view.zone(zone) else { continue };
        // Nobody is there to be told while its breaker is open.
        let is_there = zone.connection.row.state == ConnectionState::Ok;
        if let (Ok(provider), true) = (&zone.connection.provider, is_there && names.len() <= 50) {
            provider.refresh(&zone.reference(Instant::now() + PATIENCE), &names).await;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn nobody_to_ask_is_unreachable_and_never_served() {
        let key = KeyRow {
            zone_id: 1,
            name: Name::parse("www.example.com").unwrap(),
            rtype: zonecast_core::RecordType::A,
            state: KeyState::Applied,
            applied: Vec::new(),
            ttl: zonecast_core::Ttl::DEFAULT,
            last_error: None,
            attempts: 0,
            next_attempt_at: None,
            verified: None,
            verified_at: None,
            updated_at: 0,
        };
        assert_eq!(look(&[], &key, false).await, Finding::Unreachable);
    }
}
