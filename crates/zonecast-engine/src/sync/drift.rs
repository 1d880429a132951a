//! Once a day each zone is compared as a whole with what we wrote there.
//!
//! A difference counts only when it is seen twice and lies outside the settle time of our own
//! writes. `report` shows it; `heal` raises the name, and the ordinary pass puts it right. What had to
//! be healed three times within a day is `contested`: somebody else writes there too, and a person
//! has to say who is right.

use super::{Inner, group, trouble};
use crate::catalog::ZoneEntry;
use crate::settings::OnDrift;
use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;
use std::time::{Duration, Instant};
use zonecast_core::guard::implausibly_empty;
use zonecast_core::{ConnectionState, Errand, KeyState, Name, Observed, RecordData, RecordType, ZoneState};
use zonecast_providers::ErrorClass;
use zonecast_store::{DriftRow, KeyRow, Priority, Raise, StoreError};

const DAY_MILLIS: i64 = 24 * 60 * 60 * 1000;
/// A first sight is confirmed after this long.
const SECOND_LOOK_MILLIS: i64 = 60 * 1000;
/// A listing that failed is tried again after this long.
const FAILED_LISTING_MILLIS: i64 = 15 * 60 * 1000;
/// Healed this often within a day, a key is contested.
const HEALS_A_DAY: usize = 3;
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
    if view.paused {
        return Ok(());
    }
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
    let well = zone.row.state == ZoneState::Ok && zone.connection.row.state == ConnectionState::Ok;
    let since = zone.row.listed_at.unwrap_or(zone.row.created_at - spread(zone.row.id));
    // Listed in the future: the clock was set back.
    well && !(0..DAY_MILLIS).contains(&(now - since))
}

fn spread(id: i64) -> i64 {
    id.wrapping_mul(2_654_435_761).rem_euclid(DAY_MILLIS)
}

/// Compares one zone with what we wrote there, and remembers or heals what differs.
async fn compare(inner: &Arc<Inner>, zone: &ZoneEntry, now: i64) -> Result<(), StoreError> {
    let Ok(provider) = &zone.connection.provider else { return Ok(()) };
    let group = &zone.connection.row.budget_group;
    // Who holds the lease compares too, so that the account's budget is kept by one process. Where it
    // is not our turn, the next round looks again.
    if group::take_lease(inner, group).await?.is_none()
        || inner.budgets.take(inner, group, &zone.connection, Errand::Comparison).is_err()
    {
        return Ok(());
    }
    let deadline = Instant::now() + Duration::from_secs(inner.config.engine.call_seconds * 4);
    let observed = match provider.list(&zone.reference(deadline)).await {
        Ok(observed) => observed,
        Err(error) => {
            tracing::warn!(zone = %zone.row.name, %error, "the zone could not be listed; nothing is concluded");
            if matches!(error.class, ErrorClass::RateLimited { .. }) {
                trouble::hold_group(inner, zone, &error, now).await?;
            }
            return look_again(inner, zone, now, FAILED_LISTING_MILLIS).await;
        }
    };
    let owned = inner.store.owned_values(zone.row.id).await? as usize;
    if implausibly_empty(owned, observed.rrsets.len()) && inner.doubts.left(zone.row.id, now).is_some() {
        tracing::warn!(zone = %zone.row.name, owned, "the listing is empty: taken for a failed read");
        return look_again(inner, zone, now, FAILED_LISTING_MILLIS).await;
    }
    let settled = now - i64::from(provider.capabilities().settle_seconds) * 1000;
    let found = differences(inner, zone, &observed, settled).await?;
    if zone.zone.managed_full {
        raise_strangers(inner, zone, &observed).await?;
    }
    let cuts = cuts(zone, &observed);
    inner.store.zone_listed(zone.row.id, now, &cuts).await?;
    if remember(inner, zone, found, now).await? {
        look_again(inner, zone, now, SECOND_LOOK_MILLIS).await?;
    }
    inner.catalog.reload().await?;
    Ok(())
}

/// Makes the zone due again in `wait`.
async fn look_again(inner: &Inner, zone: &ZoneEntry, now: i64, wait: i64) -> Result<(), StoreError> {
    inner.store.zone_listed(zone.row.id, now - DAY_MILLIS + wait, &zone.row.cuts).await?;
    inner.catalog.reload().await?;
    Ok(())
}

async fn differences(
    inner: &Inner,
    zone: &ZoneEntry,
    observed: &Observed,
    settled: i64,
) -> Result<Vec<DriftRow>, StoreError> {
    let mut found = Vec::new();
    let mut after: Option<Vec<u8>> = None;
    loop {
        let keys = inner.store.keys_below(zone.row.id, after.as_deref(), PAGE).await?;
        found.extend(
            keys.iter().filter(|key| key.updated_at <= settled).filter_map(|key| difference(key, observed)),
        );
        match keys.last() {
            Some(last) if keys.len() >= PAGE => after = Some(last.name.key().to_vec()),
            _ => return Ok(found),
        }
    }
}

/// In a zone that is managed as a whole, names with values that are nobody's here are raised: the
/// ordinary pass takes them out, and writes down what they were.
async fn raise_strangers(inner: &Inner, zone: &ZoneEntry, observed: &Observed) -> Result<(), StoreError> {
    let apex = &zone.row.name;
    let of_the_server = |name: &Name, rtype: RecordType| {
        rtype == RecordType::SOA || rtype.is_dnssec_made() || (name == apex && is_apex_type(rtype))
    };
    let mut ours: HashMap<(Name, RecordType), Vec<RecordData>> = HashMap::new();
    let mut after: Option<Vec<u8>> = None;
    loop {
        let keys = inner.store.keys_below(zone.row.id, after.as_deref(), PAGE).await?;
        after = keys.last().filter(|_| keys.len() >= PAGE).map(|key| key.name.key().to_vec());
        ours.extend(keys.into_iter().map(|key| ((key.name, key.rtype), key.applied)));
        if after.is_none() {
            break;
        }
    }
    let strange = observed.rrsets.iter().filter(|set| {
        let known = ours.get(&(set.name.clone(), set.rtype));
        let known = |value: &RecordData| known.is_some_and(|values| values.contains(value));
        !of_the_server(&set.name, set.rtype)
            && set.values.iter().any(|value| !value.disabled && !known(&value.data))
    });
    let names: BTreeSet<Name> = strange.map(|set| set.name.clone()).collect();
    let names: Vec<Name> = names.into_iter().collect();
    if !names.is_empty() {
        inner.store.raise(zone.row.id, &names, &Raise::derived(Priority::Bulk)).await?;
        inner.work.notify_one();
    }
    Ok(())
}

/// What stands at an apex by the server's own doing.
fn is_apex_type(rtype: RecordType) -> bool {
    matches!(rtype, RecordType::NS | RecordType::DNSKEY | RecordType::CDS | RecordType::CDNSKEY)
}

/// What is missing of ours at one key. Values of others are not our business here.
fn difference(key: &KeyRow, observed: &Observed) -> Option<DriftRow> {
    if key.applied.is_empty()
        || !matches!(key.state, KeyState::Applied | KeyState::Served | KeyState::Contested)
    {
        return None;
    }
    let there = observed.get(&key.name, key.rtype);
    let holds = |value: &RecordData| {
        there.is_some_and(|set| set.values.iter().any(|seen| seen.data == *value && !seen.disabled))
    };
    let missing: Vec<String> =
        key.applied.iter().filter(|value| !holds(value)).map(|value| value.to_text()).collect();
    if missing.is_empty() {
        return None;
    }
    let kind = if there.is_none() { "missing" } else { "different" };
    let found: Vec<String> =
        there.iter().flat_map(|set| &set.values).map(|value| value.data.to_text()).collect();
    Some(DriftRow {
        id: 0,
        zone_id: key.zone_id,
        name: key.name.clone(),
        rtype: key.rtype,
        kind: kind.to_owned(),
        detail: format!("gone: {}; there: {}", missing.join(" "), found.join(" ")),
        seen: 1,
        first_seen_at: 0,
        healed_at: Vec::new(),
    })
}

/// Joins what was found with what was seen before; tells whether anything wants a second look.
async fn remember(
    inner: &Arc<Inner>,
    zone: &ZoneEntry,
    found: Vec<DriftRow>,
    now: i64,
) -> Result<bool, StoreError> {
    let before = inner.store.drifts(Some(zone.row.id), 0, usize::MAX >> 33).await?;
    let same = |a: &DriftRow, b: &DriftRow| a.name == b.name && a.rtype == b.rtype;
    let gone: Vec<i64> =
        before.iter().filter(|old| !found.iter().any(|new| same(old, new))).map(|old| old.id).collect();
    inner.store.remove_drift(&gone).await?;
    let mut rows: Vec<DriftRow> = Vec::with_capacity(found.len());
    for new in found {
        let old = before.iter().find(|old| same(old, &new));
        rows.push(DriftRow {
            seen: old.map_or(0, |old| old.seen) + 1,
            first_seen_at: old.map_or(now, |old| old.first_seen_at),
            healed_at: old.map(|old| old.healed_at.clone()).unwrap_or_default(),
            ..new
        });
    }
    if !rows.is_empty() {
        tracing::warn!(zone = %zone.row.name, differences = rows.len(), "somebody else changed what we wrote");
    }
    let second_look = rows.iter().any(|row| row.seen < 2);
    if zone.settings.drift == OnDrift::Heal {
        heal(inner, zone, &mut rows, now).await?;
    }
    inner.store.put_drift(&rows).await?;
    Ok(second_look)
}

/// Raises the names that were seen twice, unless they were healed too often already.
async fn heal(inner: &Inner, zone: &ZoneEntry, rows: &mut [DriftRow], now: i64) -> Result<(), StoreError> {
    let mut names = BTreeSet::new();
    for row in rows.iter_mut().filter(|row| row.seen >= 2) {
        row.healed_at.retain(|at| now - at < DAY_MILLIS);
        if row.healed_at.len() >= HEALS_A_DAY {
            tracing::error!(zone = %zone.row.name, name = %row.name, "contested: healed {HEALS_A_DAY} times in a day; a person has to decide");
            continue;
        }
        row.healed_at.push(now);
        names.insert(row.name.clone());
    }
    let names: Vec<Name> = names.into_iter().collect();
    inner.store.raise(zone.row.id, &names, &Raise::derived(Priority::Background)).await?;
    inner.work.notify_one();
    Ok(())
}

/// The delegations in a listing, with their servers: the addresses of those below a cut are glue.
fn cuts(zone: &ZoneEntry, observed: &Observed) -> Vec<(Name, Name)> {
    let below = |name: &Name| *name != zone.row.name;
    let sets = observed.rrsets.iter().filter(|set| set.rtype == RecordType::NS && below(&set.name));
    let pairs = sets.flat_map(|set| {
        set.values.iter().filter_map(|value| Some((set.name.clone(), value.data.as_name()?)))
    });
    pairs.collect()
}
