//! One look at names of a zone: what is wanted there, what is ours, what is there, and what follows.
//!
//! Nothing is written from here. The pass does what the look says, and a preview (`service::plan`) shows
//! it: a preview is a pass whose hands are tied. So whatever stands in the way (values of others, holds,
//! delegations, what the service cannot hold, SOA and NS, a zone that is not there yet) is judged in one
//! place, and a preview cannot promise what the pass then refuses.

use super::desired::{self, Wanted};
use super::make_zone;
use crate::catalog::{View, ZoneEntry};
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use zonecast_core::guard::{Brake, WINDOW_SECONDS, derived_removals};
use zonecast_core::plan::{Hold, KeyPlan, KeyVerdict, NamePlan, NamePlanInput, Policy, plan_name};
use zonecast_core::{ClaimVerdict, KeyState, Name, Observed, RRset, RecordData, RecordType, Ttl};
use zonecast_providers::{ErrorClass, Provider, ProviderError, ZoneRef};
use zonecast_store::{DirtyName, Intent, KeyRow, OwnerWrite, Store, StoreError};

/// Derived removals are counted over this long.
const REMOVAL_WINDOW_MILLIS: i64 = WINDOW_SECONDS * 1000;

/// From where a zone is looked at.
pub(crate) struct Eyes<'a> {
    pub store: &'a Store,
    pub view: &'a View,
    pub zone: &'a ZoneEntry,
    /// The configured TTL.
    pub ttl: Ttl,
    /// Writes that are taken as stored; none in a pass.
    pub supposed: &'a [OwnerWrite],
}

/// The names that are looked at, and what is known of them before the provider is asked.
pub(crate) struct Work {
    pub dirty: Vec<DirtyName>,
    pub wanted: Vec<Wanted>,
    pub known: HashMap<Name, Vec<KeyRow>>,
    /// What an earlier pass may have written without living to say so.
    pub on_its_way: HashMap<Name, Vec<Intent>>,
}

impl Work {
    /// What is ours at a name: what we know we wrote, and what we may have written.
    pub fn ours_at(&self, name: &Name) -> Vec<RRset> {
        let mut ours: BTreeMap<RecordType, Vec<RecordData>> = BTreeMap::new();
        for key in self.known.get(name).into_iter().flatten().filter(|key| !key.applied.is_empty()) {
            ours.entry(key.rtype).or_default().extend(key.applied.iter().cloned());
        }
        for intent in self.on_its_way.get(name).into_iter().flatten() {
            ours.entry(intent.rtype).or_default().extend(intent.values.iter().cloned());
        }
        let set = |(rtype, values)| RRset::new(name.clone(), rtype, Ttl::DEFAULT, values);
        ours.into_iter().map(set).collect()
    }
}

/// Reads what is wanted and what is known of the names.
pub(crate) async fn load(eyes: &Eyes<'_>, dirty: Vec<DirtyName>) -> Result<Work, StoreError> {
    let Eyes { store, view, zone, ttl, supposed } = eyes;
    let names: Vec<Name> = dirty.iter().map(|dirty| dirty.name.clone()).collect();
    let wanted = desired::desired_with(store, view, zone, &names, *ttl, supposed).await?;
    let mut known: HashMap<Name, Vec<KeyRow>> = HashMap::new();
    for key in store.keys_at(zone.row.id, &names).await? {
        known.entry(key.name.clone()).or_default().push(key);
    }
    let mut on_its_way: HashMap<Name, Vec<Intent>> = HashMap::new();
    for intent in store.intents_at(zone.row.id, &names).await? {
        on_its_way.entry(intent.name.clone()).or_default().push(intent);
    }
    Ok(Work { dirty, wanted, known, on_its_way })
}

/// The zone's provider, if its settings fit.
pub(crate) fn provider(zone: &ZoneEntry) -> Result<Arc<dyn Provider>, ProviderError> {
    let unfit = |words: &String| ProviderError::new(ErrorClass::Unauthorized, words.clone());
    zone.connection.provider.as_ref().map(Arc::clone).map_err(unfit)
}

/// What stands at the names now. An answer with nothing at all, where something of ours should be, is
/// believed only if the zone's apex, which every zone has, is there in the same answer. `place` is good
/// for one call; `again` gives the next.
pub(crate) async fn read(
    provider: &dyn Provider,
    apex: &Name,
    work: &Work,
    place: ZoneRef,
    again: impl AsyncFnOnce() -> Result<ZoneRef, StoreError>,
) -> Result<Result<Observed, ProviderError>, StoreError> {
    let names: Vec<Name> = work.dirty.iter().map(|dirty| dirty.name.clone()).collect();
    let observed = match provider.read(&place, &names).await {
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
    let with_apex: Vec<Name> = names.iter().filter(|name| *name != apex).chain([apex]).cloned().collect();
    let place = again().await?;
    Ok(match provider.read(&place, &with_apex).await {
        Ok(mut again) if again.rrsets.iter().any(|set| set.name == *apex) => {
            again.rrsets.retain(|set| set.name != *apex || names.contains(apex));
            Ok(again)
        }
        Ok(_) => Err(ProviderError::new(
            ErrorClass::Transient,
            format!(
                "{apex} shows nothing at all where {owned} values of ours should be: taken for a failed read"
            ),
        )),
        Err(error) => Err(error),
    })
}

/// What is to be done at each of the names, in their order.
pub(crate) async fn plan(
    eyes: &Eyes<'_>,
    work: &Work,
    observed: &Observed,
    now: i64,
) -> Result<Vec<NamePlan>, StoreError> {
    let zone = eyes.zone;
    let names = || work.dirty.iter().zip(&work.wanted);
    let derived = |dirty: &DirtyName| !dirty.asked && !dirty.approved;
    let mut plans: Vec<NamePlan> = names()
        .map(|(dirty, wanted)| plan_one(zone, work, observed, (dirty, wanted), Hold::Nothing))
        .collect();
    let lost = work.dirty.iter().zip(&plans).filter(|(dirty, _)| derived(dirty));
    let lost: usize = lost.map(|(_, plan)| plan.removals()).sum();
    if is_held(eyes, lost, now).await? {
        for (plan, (dirty, wanted)) in plans.iter_mut().zip(names()).filter(|(_, (dirty, _))| derived(dirty))
        {
            *plan = plan_one(zone, work, observed, (dirty, wanted), Hold::All);
        }
    }
    let apex = work.dirty.iter().position(|dirty| dirty.name == zone.row.name);
    if let Some(apex) = apex.filter(|_| zone.settings.manage_ns_soa) {
        plans[apex].changes.extend(make_zone::soa_change(eyes, observed).await?);
    }
    Ok(plans)
}

/// Whether this many more derived removals wait for approval.
async fn is_held(eyes: &Eyes<'_>, lost: usize, now: i64) -> Result<bool, StoreError> {
    if lost == 0 {
        return Ok(false);
    }
    let (store, id) = (eyes.store, eyes.zone.row.id);
    let owned = store.owned_values(id).await? as usize;
    let recent = store.removed_recently(id, now - REMOVAL_WINDOW_MILLIS).await? as usize;
    let brake = derived_removals(owned, recent, lost);
    if let Brake::Held { removals, owned } = brake {
        tracing::warn!(zone = %eyes.zone.row.name, removals, owned, "removals are held until they are approved");
    }
    Ok(brake != Brake::Allowed)
}

fn plan_one(
    zone: &ZoneEntry,
    work: &Work,
    observed: &Observed,
    (dirty, wanted): (&DirtyName, &Wanted),
    hold: Hold<'_>,
) -> NamePlan {
    let policy = Policy {
        rewrite: dirty.rewrite,
        take_over_asked: dirty.take_over,
        delete_then_create: zone.settings.delete_then_create && dirty.rewrite,
        ..zone.zone.policy()
    };
    plan_name(&NamePlanInput {
        observed: observed.at(&dirty.name),
        desired: &wanted.desired.sets,
        unsupported: &wanted.desired.unsupported,
        applied: &work.ours_at(&dirty.name),
        a_host_holds_this_address: wanted.host_holds(),
        occlusion: zone.cuts.at(&dirty.name),
        hold,
        ..NamePlanInput::new(&dirty.name, &zone.row.name, &policy)
    })
}

/// Every step as (plan, step in it): what creates or replaces first, then what only removes, so that a
/// renamed host has its new name before the old one goes.
pub(crate) fn order(plans: &[NamePlan]) -> Vec<(usize, usize)> {
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

/// How a key stands by its plan, before anything went wrong, and what a person should know of it.
/// What the service cannot hold at all is in [`refused`].
pub(crate) fn said(key: &KeyPlan) -> (KeyState, Option<String>) {
    match &key.verdict {
        KeyVerdict::Conflict { theirs } => {
            (KeyState::Conflict, Some(format!("values that are not ours stand here: {}", theirs.join(", "))))
        }
        KeyVerdict::Held => {
            let words = "removals wait for approval: more than 30 % of our values in this zone would go";
            (KeyState::Held, Some(words.to_owned()))
        }
        KeyVerdict::Occluded => (KeyState::Occluded, key.note.clone()),
        KeyVerdict::Unsupported => (KeyState::Unsupported, key.note.clone()),
        KeyVerdict::Equal | KeyVerdict::Change | KeyVerdict::Adopted => (KeyState::Applied, key.note.clone()),
    }
}

/// The sets that the service cannot hold, each with why.
pub(crate) fn refused(wanted: &Wanted) -> impl Iterator<Item = (RecordType, String)> {
    let reason = |rtype: RecordType| {
        let mut pairs = wanted.claims.iter().zip(&wanted.desired.verdicts);
        pairs.find_map(|(claim, verdict)| match verdict {
            ClaimVerdict::Unsupported { reason } if claim.rtype() == rtype => Some(reason.clone()),
            _ => None,
        })
    };
    wanted.desired.unsupported.iter().map(move |rtype| (*rtype, reason(*rtype).unwrap_or_default()))
}
