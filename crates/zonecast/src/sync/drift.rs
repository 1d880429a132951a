//! Once a day each zone is compared as a whole with what we wrote there.
//!
//! A difference counts only when it is seen twice and lies outside the settle time of our own
//! writes. `report` shows it; `heal` raises the name, and the ordinary pass puts it right. What had to
//! be healed three times within a day is `contested`: somebody else writes there too, and a person
//! has to say who is right.

use super::Inner;
use crate::catalog::ZoneEntry;
use crate::settings::OnDrift;
use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::{Duration, Instant};
use zonecast_core::{Name, Observed, RecordType};
use zonecast_store::{DriftSeen, KeyRow, Priority, Raise, StoreError};

const DAY_MILLIS: i64 = 24 * 60 * 60 * 1000;
/// A first sight is confirmed after this long.
const SECOND_LOOK_MILLIS: i64 = 60 * 1000;
/// Keys compared at a time.
const PAGE: usize = 5_000;

pub(super) async fn run(inner: Arc<Inner>) {
    while !inner.is_stopping() {
        if let Err(error) = due_zones(&inner).await {
            tracing::warn!(%error, "the daily comparison stopped; it goes on by itself");
        }
        inner.pause(Duration::from_secs(5)).await;
    }
}

async fn due_zones(inner: &Arc<Inner>) -> Result<(), StoreError> {
    let now = inner.store.now().await?;
    let view = inner.catalog.view();
    let zones: Vec<_> = view.zones.values().filter(|zone| is_due(zone, now)).cloned().collect();
    for zone in zones {
        if inner.is_stopping() {
            break;
        }
        compare(inner, &zone, now).await?;
    }
    Ok(())
}

/// The hour of a zone follows from its id, so that a thousand zones do not all come at midnight.
fn is_due(zone: &ZoneEntry, now: i64) -> bool {
    let well = zone.row.state == "ok" && zone.connection.row.state == "ok";
    let since = zone.row.listed_at.unwrap_or(zone.row.created_at - spread(zone.row.id));
    well && now - since >= DAY_MILLIS
}

fn spread(id: i64) -> i64 {
    id.wrapping_mul(2_654_435_761).rem_euclid(DAY_MILLIS)
}

/// Compares one zone with what we wrote there, and remembers or heals what differs.
async fn compare(inner: &Arc<Inner>, zone: &ZoneEntry, now: i64) -> Result<(), StoreError> {
    let Ok(provider) = &zone.connection.provider else { return Ok(()) };
    let deadline = Instant::now() + Duration::from_secs(inner.config.engine.call_seconds * 4);
    let observed = match provider.list(&zone.reference(deadline)).await {
        Ok(observed) => observed,
        Err(error) => {
            tracing::warn!(zone = %zone.row.name, %error, "the zone could not be listed; nothing is concluded");
            return inner.store.zone_listed(zone.row.id, now - DAY_MILLIS + 15 * 60 * 1000, None).await;
        }
    };
    let owned = inner.store.owned_values(zone.row.id).await? as usize;
    if zonecast_core::guard::implausibly_empty(owned, observed.rrsets.len()) {
        tracing::warn!(zone = %zone.row.name, owned, "the listing is empty: taken for a failed read");
        return inner.store.zone_listed(zone.row.id, now - DAY_MILLIS + 15 * 60 * 1000, None).await;
    }
    let settled = now - i64::from(provider.capabilities().settle_seconds) * 1000;
    let mut seen = Vec::new();
    let mut after: Option<(Name, RecordType)> = None;
    loop {
        let keys = inner.store.keys_of_zone(zone.row.id, after.as_ref(), PAGE).await?;
        seen.extend(keys.iter().filter(|key| key.updated_at <= settled).filter_map(|key| difference(key, &observed)));
        match keys.last() {
            Some(last) if keys.len() == PAGE => after = Some((last.name.clone(), last.rtype)),
            _ => break,
        }
    }
    remember(inner, zone, seen, now).await?;
    inner.store.zone_listed(zone.row.id, now, Some(&cuts(zone, &observed))).await
}

/// What is missing of ours at one key. Values of others are not our business here.
fn difference(key: &KeyRow, observed: &Observed) -> Option<DriftSeen> {
    if key.applied.is_empty() || !matches!(key.state.as_str(), "applied" | "served" | "contested") {
        return None;
    }
    let there = observed.get(&key.name, key.rtype);
    let holds = |value| there.is_some_and(|set| set.values.iter().any(|seen| seen.data == *value && !seen.disabled));
    let missing: Vec<String> =
        key.applied.iter().filter(|value| !holds(*value)).map(|value| value.to_text()).collect();
    if missing.is_empty() {
        return None;
    }
    let kind = if there.is_none() { "missing" } else { "different" };
    let found: Vec<String> = there.iter().flat_map(|set| &set.values).map(|value| value.data.to_text()).collect();
    let detail = format!("gone: {}; there: {}", missing.join(" "), found.join(" "));
    Some(DriftSeen { name: key.name.clone(), rtype: key.rtype, kind: kind.to_owned(), detail })
}

async fn remember(inner: &Arc<Inner>, zone: &ZoneEntry, seen: Vec<DriftSeen>, now: i64) -> Result<(), StoreError> {
    let confirmed = inner.store.drift_seen(zone.row.id, &seen, now).await?;
    let first_sights = confirmed.iter().any(|row| row.seen < 2);
    if zone.settings.drift == OnDrift::Heal {
        let heal: BTreeSet<Name> =
            confirmed.iter().filter(|row| row.seen >= 2 && row.healed_at.len() < 3).map(|row| row.name.clone()).collect();
        let names: Vec<Name> = heal.into_iter().collect();
        inner.store.raise(zone.row.id, &names, &Raise::derived(Priority::Background)).await?;
        inner.store.drift_healed(zone.row.id, &names, now).await?;
        inner.work.notify_one();
    }
    if !seen.is_empty() {
        tracing::warn!(zone = %zone.row.name, differences = seen.len(), "somebody else changed what we wrote");
    }
    if first_sights {
        inner.store.zone_listed(zone.row.id, now - DAY_MILLIS + SECOND_LOOK_MILLIS, None).await?;
    }
    Ok(())
}

/// The delegations in a listing.
fn cuts(zone: &ZoneEntry, observed: &Observed) -> Vec<Name> {
    let below = |name: &Name| *name != zone.row.name;
    let sets = observed.rrsets.iter().filter(|set| set.rtype == RecordType::NS && below(&set.name));
    sets.map(|set| set.name.clone()).collect()
}
