//! A zone was added, changed or switched on: every desired name below it is marked, in pages.
//!
//! The cursor lies in the zone's row and moves in the transaction that marks the page, so a crash in
//! the middle goes on where it was and nothing is skipped. Marking a name twice is harmless.
//!
//! The records of a hosted domain move when its own zone comes or goes: the zones that held them, or
//! shall, are marked too.

use super::{Inner, removal};
use crate::catalog::{View, ZoneEntry};
use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;
use std::time::Duration;
use zonecast_core::{Name, ZoneState, place};
use zonecast_store::{ClaimRow, Priority, Raise, StoreError};

/// Names marked in one transaction.
const PAGE: usize = 2_000;

pub(super) async fn run(inner: Arc<Inner>) {
    while !inner.is_stopping() {
        match mark_all(&inner).await {
            Ok(0) => {}
            Ok(_) => inner.work.notify_one(),
            Err(error) => {
                tracing::warn!(%error, "marking the names of a new zone stopped; it goes on by itself")
            }
        }
        if let Err(error) = removal::step_all(&inner).await {
            tracing::warn!(%error, "taking out a zone stopped; it goes on by itself");
        }
        inner.pause(Duration::from_millis(inner.config.engine.poll_millis)).await;
    }
}

fn is_waiting(zone: &ZoneEntry) -> bool {
    zone.row.rematch_after.is_some() && zone.row.state != ZoneState::Deleting
}

async fn mark_all(inner: &Arc<Inner>) -> Result<usize, StoreError> {
    let mut marked = 0;
    let view = inner.catalog.view();
    let waiting: Vec<_> = view.zones.values().filter(|zone| is_waiting(zone)).cloned().collect();
    for zone in waiting {
        marked += mark(inner, &zone).await?;
    }
    if marked > 0 {
        inner.catalog.reload().await?;
    }
    Ok(marked)
}

async fn mark(inner: &Arc<Inner>, zone: &ZoneEntry) -> Result<usize, StoreError> {
    let mut after = zone.row.rematch_after.clone();
    let mut marked = 0;
    let top = top(zone);
    while let Some(cursor) = after.filter(|_| !inner.is_stopping()) {
        let page = inner.store.claims_below(&top, Some(&cursor), PAGE).await?;
        after = page.last().map(|claim| claim.name.key().to_vec());
        let mut names: Vec<Name> = page.iter().map(|claim| place(&zone.zone, &claim.name)).collect();
        names.dedup();
        marked += names.len();
        of_domains(inner, &inner.catalog.view(), zone, &page).await?;
        let how = Raise::derived(Priority::Bulk);
        inner.store.raise_page(zone.row.id, &names, after.clone(), &how).await?;
        inner.work.notify_one();
    }
    tracing::info!(zone = %zone.row.name, names = marked, "existing names were matched with the zone");
    Ok(marked.max(1))
}

/// What a zone that is on its way out held of domains goes where it belongs now.
pub(super) async fn when_gone(inner: &Inner, zone: &ZoneEntry) -> Result<(), StoreError> {
    let view = inner.catalog.view();
    let (top, mut after) = (top(zone), None);
    loop {
        let page = inner.store.claims_below(&top, after.as_deref(), PAGE).await?;
        let Some(last) = page.last() else { return Ok(()) };
        after = Some(last.name.key().to_vec());
        of_domains(inner, &view, zone, &page).await?;
    }
}

/// Marks the names of domains' records in every other zone that has them and shall not, or the other way.
async fn of_domains(
    inner: &Inner,
    view: &View,
    zone: &ZoneEntry,
    claims: &[ClaimRow],
) -> Result<(), StoreError> {
    let (mut belongs, mut matching) = (HashSet::new(), Vec::new());
    for claim in claims.iter().filter(|claim| claim.domain.is_some()) {
        let (name, rtype) = (&claim.name, claim.data.rtype());
        let home = view.index.placements(name, rtype, claim.domain.as_ref());
        belongs.extend(home.map(|placement| (placement.zone.id.0, placement.name)));
        let others = view.index.zones_for(name, rtype).filter(|other| other.id.0 != zone.row.id);
        matching.extend(others.map(|other| (other.id.0, place(other, name))));
    }
    let keys = inner.store.keys_of(&matching).await?;
    let held: HashSet<(i64, Name)> = keys.into_iter().map(|key| (key.zone_id, key.name)).collect();
    let mut moving: BTreeMap<i64, Vec<Name>> = BTreeMap::new();
    for at in matching.into_iter().filter(|at| belongs.contains(at) != held.contains(at)) {
        moving.entry(at.0).or_default().push(at.1);
    }
    for (id, names) in moving {
        inner.store.raise(id, &names, &Raise::derived(Priority::Bulk)).await?;
    }
    Ok(())
}

/// Below which name the zone's claims lie: its own, or for a classless zone the reverse name around
/// its network.
fn top(zone: &ZoneEntry) -> Name {
    let around = zone.settings.network.and_then(|network| Name::reverse_of(network.network()).parent());
    around.unwrap_or_else(|| zone.row.name.clone())
}
