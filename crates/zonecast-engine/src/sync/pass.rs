//! One pass over one zone: look, do what the look says, remember what became of it.
//!
//! This is the line of the whole product, and it is the same after a wish, a crash, a new zone or a
//! provider's return. A failed read plans nothing. Newest wishes only: what is wanted is read here,
//! not when the wish came, and the version it was read at is what is stored as done.

use super::group::Turn;
use super::hand_over;
use super::look::{self, Eyes, Work};
use super::make_zone;
use super::outcome::{self, Judged};
use super::trouble::Trouble;
use std::collections::HashSet;
use zonecast_core::guard::Brake;
use zonecast_core::{Observed, RecordData};
use zonecast_providers::ProviderError;
use zonecast_store::{Intent, StoreError};

/// Works on the due names of the turn's zone; tells whether the provider gave trouble as a whole.
pub(super) async fn run(turn: &mut Turn, now: i64) -> Result<Option<Trouble>, StoreError> {
    let inner = turn.inner.clone();
    let limit = if turn.is_probe() { 1 } else { hand_over::names_at_once(turn) };
    let dirty = inner.store.dirty_names(turn.zone.row.id, now, limit).await?;
    if dirty.is_empty() {
        return Ok(None);
    }
    let view = inner.catalog.view();
    let ttl = inner.config.orchestrator.dns.ttl;
    let zone = turn.zone.clone();
    let eyes = Eyes { store: &inner.store, view: &view, zone: &zone, ttl, supposed: &[] };
    let mut work = look::load(&eyes, dirty).await?;
    let observed = match read(turn, &work).await? {
        Ok(observed) => observed,
        Err(error) => return outcome::store_failed_read(turn, &work, error, now).await,
    };
    let (plans, brake) = look::plan(&eyes, &mut work, &observed, now).await?;
    if let Brake::Held { removals, owned } = brake {
        tracing::warn!(zone = %zone.row.name, removals, owned, "removals are held until they are approved");
    }
    let order = look::order(&plans);
    let outcomes = hand_over::all(turn, &observed, &plans, &order).await?;
    let outcomes = outcome::by_plan(&plans, &order, outcomes);
    let judged = Judged { work: &work, plans: &plans, outcomes: &outcomes, observed: &observed };
    outcome::store(turn, &judged, now).await
}

/// What this pass may write beyond what is ours already, with what may be on its way from before.
fn intents(work: &Work) -> Vec<Intent> {
    let mut intents = Vec::new();
    for set in work.wanted.iter().flat_map(|wanted| &wanted.desired.sets) {
        let keys = work.known.get(&set.name).into_iter().flatten();
        let ours = keys.filter(|key| key.rtype == set.rtype).flat_map(|key| &key.applied);
        let ours: HashSet<&RecordData> = ours.collect();
        if set.values.iter().all(|value| ours.contains(value)) {
            continue;
        }
        let mut values = set.values.clone();
        let before = work.on_its_way.get(&set.name).into_iter().flatten();
        values.extend(
            before.filter(|intent| intent.rtype == set.rtype).flat_map(|intent| intent.values.clone()),
        );
        values.sort_unstable();
        values.dedup();
        intents.push(Intent { name: set.name.clone(), rtype: set.rtype, values });
    }
    intents
}

/// What stands at the names now, in a zone that is made if it shall be and is missing.
async fn read(turn: &mut Turn, work: &Work) -> Result<Result<Observed, ProviderError>, StoreError> {
    let provider = match look::provider(&turn.zone) {
        Ok(provider) => provider,
        Err(error) => return Ok(Err(error)),
    };
    let (store, zone) = (turn.inner.store.clone(), turn.zone.clone());
    let place = turn.call().await?;
    // What is wanted is known before the read, so the intent costs no time of its own.
    let intents = intents(work);
    let (observed, intended) = tokio::join!(
        look::read(provider.as_ref(), &zone.row.name, work, place, async || turn.call().await),
        store.intend(zone.row.id, &intents)
    );
    intended?;
    match observed? {
        Err(error) if make_zone::is_missing(&zone, &error) => match make_zone::make(turn).await? {
            Ok(place) => Ok(provider.read(&place, &work.places(&zone.row.name)).await),
            Err(error) => Ok(Err(error)),
        },
        other => Ok(other),
    }
}
