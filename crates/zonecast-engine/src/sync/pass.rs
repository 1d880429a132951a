//! One look at one zone: read what is there, plan, apply, remember what became of it.
//!
//! This is the line of the whole product, and it is the same after a wish, a crash, a new zone or a
//! provider's return. A failed read plans nothing. Newest wishes only: what is wanted is read here,
//! not when the wish came, and the version it was read at is what is stored as done.

use super::desired::{self, Wanted};
use super::group::Turn;
use super::hand_over;
use super::make_zone;
use super::outcome::{self, Judged};
use super::trouble::Trouble;
use std::collections::{BTreeMap, HashMap, HashSet};
use zonecast_core::guard::{Brake, WINDOW_SECONDS, derived_removals};
use zonecast_core::plan::{Hold, NamePlan, NamePlanInput, Policy, plan_name};
use zonecast_core::{Name, Observed, RRset, RecordData, RecordType, Ttl};
use zonecast_providers::{ErrorClass, ProviderError};
use zonecast_store::{DirtyName, Intent, KeyRow, StoreError};

/// Derived removals are counted over this long.
const REMOVAL_WINDOW_MILLIS: i64 = WINDOW_SECONDS * 1000;

/// What one pass works on.
pub(super) struct Work {
    pub dirty: Vec<DirtyName>,
    pub wanted: Vec<Wanted>,
    pub known: HashMap<Name, Vec<KeyRow>>,
    /// What an earlier pass may have written without living to say so.
    pub on_its_way: HashMap<Name, Vec<Intent>>,
}

/// Works on the due names of the turn's zone; tells whether the provider gave trouble as a whole.
pub(super) async fn run(turn: &mut Turn, now: i64) -> Result<Option<Trouble>, StoreError> {
    let Some(work) = load(turn, now).await? else { return Ok(None) };
    let observed = match read(turn, &work).await? {
        Ok(observed) => observed,
        Err(error) => return outcome::store_failed_read(turn, &work, error, now).await,
    };
    let plans = plan(turn, &work, &observed, now).await?;
    let order = order(&plans);
    let outcomes = hand_over::all(turn, &observed, &plans, &order).await?;
    let outcomes = outcome::by_plan(&plans, &order, outcomes);
    outcome::store(
        turn,
        &Judged { work: &work, plans: &plans, outcomes: &outcomes, observed: &observed },
        now,
    )
    .await
}

async fn load(turn: &Turn, now: i64) -> Result<Option<Work>, StoreError> {
    let inner = &turn.inner;
    let limit = if turn.is_probe() { 1 } else { hand_over::names_at_once(turn) };
    let dirty = inner.store.dirty_names(turn.zone.row.id, now, limit).await?;
    if dirty.is_empty() {
        return Ok(None);
    }
    let names: Vec<Name> = dirty.iter().map(|dirty| dirty.name.clone()).collect();
    let view = inner.catalog.view();
    let ttl = inner.config.orchestrator.dns.ttl;
    let wanted = desired::desired_in_zone(&inner.store, &view, &turn.zone, &names, ttl).await?;
    let mut known: HashMap<Name, Vec<KeyRow>> = HashMap::new();
    for key in inner.store.keys_at(turn.zone.row.id, &names).await? {
        known.entry(key.name.clone()).or_default().push(key);
    }
    let intents = inner.store.intents_at(turn.zone.row.id, &names).await?;
    let mut on_its_way: HashMap<Name, Vec<Intent>> = HashMap::new();
    for intent in intents {
        on_its_way.entry(intent.name.clone()).or_default().push(intent);
    }
    Ok(Some(Work { dirty, wanted, known, on_its_way }))
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

/// What stands at the names now. An answer with nothing at all, where something of ours should be, is
/// believed only if the zone's apex, which every zone has, is there in the same answer.
async fn read(turn: &mut Turn, work: &Work) -> Result<Result<Observed, ProviderError>, StoreError> {
    let provider = match &turn.zone.connection.provider {
        Ok(provider) => provider.clone(),
        Err(words) => return Ok(Err(ProviderError::new(ErrorClass::Unauthorized, words.clone()))),
    };
    let names: Vec<Name> = work.dirty.iter().map(|dirty| dirty.name.clone()).collect();
    let zone = turn.call().await?;
    // What is wanted is known before the read, so the intent costs no time of its own.
    let intents = intents(work);
    let (observed, intended) =
        tokio::join!(provider.read(&zone, &names), turn.inner.store.intend(turn.zone.row.id, &intents));
    intended?;
    let observed = match observed {
        Err(error) if make_zone::is_missing(turn, &error) => match make_zone::make(turn).await? {
            Ok(zone) => return Ok(provider.read(&zone, &names).await),
            Err(error) => return Ok(Err(error)),
        },
        Ok(observed) => observed,
        Err(error) => return Ok(Err(error)),
    };
    let known = work.known.values().flatten().map(|key| key.applied.len());
    let on_its_way = work.on_its_way.values().flatten().map(|intent| intent.values.len());
    let owned: usize = known.chain(on_its_way).sum();
    if owned == 0 || !observed.rrsets.is_empty() {
        return Ok(Ok(observed));
    }
    // Asked again together with the apex: a service that lied the first time and recovered since must
    // not have its first answer believed for the sake of the second.
    let apex = turn.zone.row.name.clone();
    let again: Vec<Name> = names.iter().filter(|name| **name != apex).chain([&apex]).cloned().collect();
    let zone = turn.call().await?;
    Ok(match provider.read(&zone, &again).await {
        Ok(mut again) if again.rrsets.iter().any(|set| set.name == apex) => {
            again.rrsets.retain(|set| set.name != apex || names.contains(&apex));
            Ok(again)
        }
        Ok(_) => Err(ProviderError::new(
            ErrorClass::Transient,
            format!(
                "{} shows nothing at all where {owned} values of ours should be: taken for a failed read",
                zone.name
            ),
        )),
        Err(error) => Err(error),
    })
}

async fn plan(turn: &Turn, work: &Work, observed: &Observed, now: i64) -> Result<Vec<NamePlan>, StoreError> {
    let mut plans = Vec::with_capacity(work.dirty.len());
    let mut derived = 0;
    for (dirty, wanted) in work.dirty.iter().zip(&work.wanted) {
        let plan = plan_one(turn, work, observed, dirty, wanted, Hold::Nothing);
        if !dirty.asked && !dirty.approved {
            derived += plan.removals();
        }
        plans.push(plan);
    }
    if turn.zone.settings.manage_ns_soa
        && let Some(apex) = work.dirty.iter().position(|dirty| dirty.name == turn.zone.row.name)
    {
        plans[apex].changes.extend(make_zone::soa_change(turn, observed).await?);
    }
    if derived == 0 {
        return Ok(plans);
    }
    let store = &turn.inner.store;
    let owned = store.owned_values(turn.zone.row.id).await? as usize;
    let recent = store.removed_recently(turn.zone.row.id, now - REMOVAL_WINDOW_MILLIS).await? as usize;
    if let Brake::Held { removals, owned } = derived_removals(owned, recent, derived) {
        tracing::warn!(zone = %turn.zone.row.name, removals, owned, "removals are held until they are approved");
        for (index, (dirty, wanted)) in work.dirty.iter().zip(&work.wanted).enumerate() {
            if !dirty.asked && !dirty.approved {
                plans[index] = plan_one(turn, work, observed, dirty, wanted, Hold::All);
            }
        }
    }
    Ok(plans)
}

fn plan_one(
    turn: &Turn,
    work: &Work,
    observed: &Observed,
    dirty: &DirtyName,
    wanted: &Wanted,
    hold: Hold<'_>,
) -> NamePlan {
    let applied = ours_at(work, &dirty.name);
    let policy = Policy {
        rewrite: dirty.rewrite,
        take_over_asked: dirty.take_over,
        delete_then_create: turn.zone.settings.delete_then_create && dirty.rewrite,
        ..turn.zone.zone.policy()
    };
    plan_name(&NamePlanInput {
        observed: observed.at(&dirty.name),
        desired: &wanted.desired.sets,
        unsupported: &wanted.desired.unsupported,
        applied: &applied,
        a_host_holds_this_address: wanted.host_holds(),
        occlusion: turn.zone.cuts.at(&dirty.name),
        hold,
        ..NamePlanInput::new(&dirty.name, &turn.zone.row.name, &policy)
    })
}

/// What is ours at a name: what we know we wrote, and what we may have written.
pub(super) fn ours_at(work: &Work, name: &Name) -> Vec<RRset> {
    let mut ours: BTreeMap<RecordType, Vec<RecordData>> = BTreeMap::new();
    for key in work.known.get(name).into_iter().flatten().filter(|key| !key.applied.is_empty()) {
        ours.entry(key.rtype).or_default().extend(key.applied.iter().cloned());
    }
    for intent in work.on_its_way.get(name).into_iter().flatten() {
        ours.entry(intent.rtype).or_default().extend(intent.values.iter().cloned());
    }
    ours.into_iter().map(|(rtype, values)| RRset::new(name.clone(), rtype, Ttl::DEFAULT, values)).collect()
}

/// Every step as (plan, step in it): what creates or replaces first, then what only removes, so that a
/// renamed host has its new name before the old one goes.
fn order(plans: &[NamePlan]) -> Vec<(usize, usize)> {
    let mut first = Vec::new();
    let mut last = Vec::new();
    for (index, plan) in plans.iter().enumerate() {
        let closing = plan.changes.iter().rposition(|change| change.after().is_some()).map_or(0, |at| at + 1);
        first.extend((0..closing).map(|step| (index, step)));
        last.extend((closing..plan.changes.len()).map(|step| (index, step)));
    }
    first.append(&mut last);
    first
}
