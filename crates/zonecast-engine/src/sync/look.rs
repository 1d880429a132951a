//! One look at names of a zone: what is wanted there, what is ours, what is there, and what follows.
//!
//! Nothing is written from here. The pass does what the look says, and a preview (`service::plan`) shows
//! it: a preview is a pass whose hands are tied. So whatever stands in the way (values of others, holds,
//! delegations, what the service cannot hold, SOA and NS, a zone that is not there yet) is judged in one
//! place, and a preview cannot promise what the pass then refuses.

use super::desired::{self, Wanted};
use super::make_zone;
use crate::catalog::{View, ZoneEntry};
use crate::config::Config;
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::sync::Arc;
use zonecast_core::guard::{Brake, WINDOW_SECONDS, derived_removals};
use zonecast_core::plan::{
    Hold, KeyPlan, KeyVerdict, NamePlan, NamePlanInput, Policy, claim_words, plan_name,
};
use zonecast_core::{
    Claim, ClaimVerdict, Cuts, KeyState, Name, Observed, Owner, OwnerKind, RRset, RecordData, RecordType, Ttl,
};
use zonecast_providers::{ErrorClass, Provider, ProviderError};
use zonecast_store::{DirtyName, Intent, KeyRow, OwnerRow, OwnerWrite, Store, StoreError};

/// Derived removals are counted over this long.
const REMOVAL_WINDOW_MILLIS: i64 = WINDOW_SECONDS * 1000;

/// From where a zone is looked at.
pub(crate) struct Eyes<'a> {
    pub store: &'a Store,
    pub view: &'a View,
    pub zone: &'a ZoneEntry,
    pub config: &'a Config,
    /// When, by the store's clock.
    pub now: i64,
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
    /// Owners by name, as far as somebody has to read of them.
    owners: HashMap<Owner, String>,
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

    /// The names to be read: those looked at, and those above them in the zone, where a delegation would
    /// hide them (X13). Addresses have no names between.
    pub fn places(&self, apex: &Name) -> Vec<Name> {
        let mut places: Vec<Name> = self.dirty.iter().map(|dirty| dirty.name.clone()).collect();
        if !apex.is_reverse() {
            let above = |name: &Name| std::iter::successors(name.parent(), Name::parent);
            let inside = |above: &Name| above != apex && above.is_within(apex);
            places.extend(self.dirty.iter().flat_map(|dirty| above(&dirty.name).take_while(inside)));
            places.sort_unstable();
            places.dedup();
        }
        places
    }

    /// Whose wish stands at a key, in words.
    fn wishers(&self, wanted: &Wanted, rtype: RecordType) -> String {
        let pairs = wanted.claims.iter().zip(&wanted.desired.verdicts);
        let standing =
            pairs.filter(|(claim, verdict)| claim.rtype() == rtype && **verdict == ClaimVerdict::Wanted);
        let mut owners: Vec<String> = standing.map(|(claim, _)| self.owner(claim)).collect();
        // In one order, whoever came first: the words are compared and stored.
        owners.sort_unstable();
        owners.dedup();
        owners.join(" and ")
    }

    /// An owner as people know it; a record is known by where it stands.
    fn owner(&self, claim: &Claim) -> String {
        match self.owners.get(&claim.owner) {
            Some(words) => words.clone(),
            None => format!("the record {} {}", claim.name, claim.rtype()),
        }
    }
}

/// Reads what is wanted and what is known of the names.
pub(crate) async fn load(eyes: &Eyes<'_>, dirty: Vec<DirtyName>) -> Result<Work, StoreError> {
    let Eyes { store, view, zone, config, now, supposed } = eyes;
    let names: Vec<Name> = dirty.iter().map(|dirty| dirty.name.clone()).collect();
    let wanted =
        desired::desired_with(store, view, zone, &names, config.orchestrator.dns.ttl, supposed).await?;
    let mut known: HashMap<Name, Vec<KeyRow>> = HashMap::new();
    for key in store.keys_at(zone.row.id, &names).await? {
        known.entry(key.name.clone()).or_default().push(key);
    }
    let mut on_its_way: HashMap<Name, Vec<Intent>> = HashMap::new();
    for mut intent in store.intents_at(zone.row.id, &names).await? {
        if intent.sent_at == Intent::UNDER_WAY {
            intent.sent_at = *now;
        }
        on_its_way.entry(intent.name.clone()).or_default().push(intent);
    }
    let mut work = Work { dirty, wanted, known, on_its_way, owners: HashMap::new() };
    if let Some(most) = zone.settings.values_max {
        let owned = store.owned_values(zone.row.id).await?;
        keep_limit(&mut work, most, i64::from(most) - owned);
    }
    Ok(work)
}

/// Refuses the sets for which the zone has no room, name by name (S4.62): what is there stays.
fn keep_limit(work: &mut Work, most: u32, mut room: i64) {
    for wanted in &mut work.wanted {
        let known = work.known.get(&wanted.name);
        for set in wanted.desired.sets.clone() {
            let of_type = known.into_iter().flatten().filter(|key| key.rtype == set.rtype);
            let ours: usize = of_type.map(|key| key.applied.len()).sum();
            let more = set.values.len() as i64 - ours as i64;
            if more <= room {
                room -= more.max(0);
                continue;
            }
            let reason = format!(
                "the zone's values_max is {most}: this set needs {more} more values and there is room for {}; \
                 raise the limit, or take others out",
                room.max(0)
            );
            wanted.desired.refuse(&wanted.claims, set.rtype, &reason);
        }
    }
}

/// Finds the names of the owners at those of the looked-at names that `concern` somebody.
pub(crate) async fn name_owners(
    eyes: &Eyes<'_>,
    work: &mut Work,
    concern: impl Fn(usize) -> bool,
) -> Result<(), StoreError> {
    let concerned = work.wanted.iter().enumerate().filter(|(index, _)| concern(*index));
    let owners: BTreeSet<Owner> =
        concerned.flat_map(|(_, wanted)| wanted.claims.iter().map(|claim| claim.owner)).collect();
    let ids = |kind: OwnerKind| owners.iter().filter(move |owner| owner.kind == kind).map(|owner| owner.id);
    let hosts: Vec<i64> = ids(OwnerKind::Host).collect();
    if !hosts.is_empty() {
        for host in eyes.store.hosts_by_ids(&hosts).await? {
            let owner = Owner { kind: OwnerKind::Host, id: host.id };
            work.owners.insert(owner, format!("host {}", host.fqdn));
        }
    }
    for id in ids(OwnerKind::Domain) {
        if let Some(domain) = eyes.store.domain(id).await? {
            work.owners.insert(Owner { kind: OwnerKind::Domain, id }, format!("domain {}", domain.name));
        }
    }
    for (owner, write) in desired::owners_of(eyes.supposed) {
        let words = match &write.row {
            OwnerRow::Host(row) => format!("host {}", row.fqdn),
            OwnerRow::Domain(row) => format!("domain {}", row.name),
            OwnerRow::Record(_) => continue,
        };
        work.owners.insert(desired::core_owner(owner), words);
    }
    Ok(())
}

/// The zone's provider, if its settings fit.
pub(crate) fn provider(zone: &ZoneEntry) -> Result<Arc<dyn Provider>, ProviderError> {
    let unfit = |words: &String| ProviderError::new(ErrorClass::Unauthorized, words.clone());
    zone.connection.provider.as_ref().map(Arc::clone).map_err(unfit)
}

/// What is to be done at each of the names, in their order, and whether what would go is held.
pub(crate) async fn plan(
    eyes: &Eyes<'_>,
    work: &mut Work,
    observed: &Observed,
) -> Result<(Vec<NamePlan>, Brake), StoreError> {
    let zone = eyes.zone;
    let cuts = cuts(zone, work, observed);
    let derived = |dirty: &DirtyName| !dirty.asked && !dirty.approved;
    let at = |work: &Work, index: usize, hold| {
        plan_one(zone, work, (observed, &cuts), (&work.dirty[index], &work.wanted[index]), hold)
    };
    let mut plans: Vec<NamePlan> =
        (0..work.dirty.len()).map(|index| at(work, index, Hold::Nothing)).collect();
    let lost = work.dirty.iter().zip(&plans).filter(|(dirty, _)| derived(dirty));
    let lost: usize = lost.map(|(_, plan)| plan.removals()).sum();
    let brake = brake(eyes, lost).await?;
    if brake != Brake::Allowed {
        for index in (0..plans.len()).filter(|index| derived(&work.dirty[*index])) {
            plans[index] = at(work, index, Hold::All);
        }
    }
    let apex = work.dirty.iter().position(|dirty| dirty.name == zone.row.name);
    if let Some(apex) = apex.filter(|_| zone.settings.manage_ns_soa) {
        plans[apex].changes.extend(make_zone::soa_change(eyes, observed).await?);
    }
    let in_conflict = |key: &KeyPlan| matches!(key.verdict, KeyVerdict::Conflict(_));
    name_owners(eyes, work, |index| plans[index].keys.iter().any(in_conflict)).await?;
    Ok((plans, brake))
}

/// Whether this many more derived removals wait for approval.
async fn brake(eyes: &Eyes<'_>, lost: usize) -> Result<Brake, StoreError> {
    if lost == 0 {
        return Ok(Brake::Allowed);
    }
    let (store, id) = (eyes.store, eyes.zone.row.id);
    let owned = store.owned_values(id).await? as usize;
    let recent = store.removed_recently(id, eyes.now - REMOVAL_WINDOW_MILLIS).await? as usize;
    Ok(derived_removals(owned, recent, lost))
}

/// The zone's delegations: those last listed, and at the names that were read what stands there now and
/// what is wanted.
fn cuts(zone: &ZoneEntry, work: &Work, observed: &Observed) -> Cuts {
    let apex = &zone.row.name;
    let read: HashSet<Name> = work.places(apex).into_iter().collect();
    let mut servers: Vec<(Name, RecordData)> = Vec::new();
    let listed = zone.row.cuts.iter().filter(|(at, _)| !read.contains(at));
    servers.extend(listed.map(|(at, server)| (at.clone(), RecordData::single_name(RecordType::NS, server))));
    for set in observed.rrsets.iter().filter(|set| set.rtype == RecordType::NS) {
        let leaving = |value: &RecordData| {
            let wanted = work.wanted.iter().find(|wanted| wanted.name == set.name);
            let known = work.known.get(&set.name).into_iter().flatten();
            let ours = known.filter(|key| key.rtype == RecordType::NS).any(|key| key.applied.contains(value));
            let is_wanted =
                |wanted: &Wanted| wanted.desired.sets.iter().any(|set| set.values.contains(value));
            ours && wanted.is_some_and(|wanted| !is_wanted(wanted))
        };
        let stays = set.values.iter().filter(|value| !value.disabled && !leaving(&value.data));
        servers.extend(stays.map(|value| (set.name.clone(), value.data.clone())));
    }
    let wanted = work.wanted.iter().flat_map(|wanted| &wanted.desired.sets);
    for set in wanted.filter(|set| set.rtype == RecordType::NS) {
        servers.extend(set.values.iter().map(|value| (set.name.clone(), value.clone())));
    }
    Cuts::new(apex, servers.iter().map(|(at, server)| (at, server)))
}

fn plan_one(
    zone: &ZoneEntry,
    work: &Work,
    (observed, cuts): (&Observed, &Cuts),
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
        occlusion: cuts.at(&dirty.name),
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

/// How a key stands by its plan, before anything went wrong, and what a person should know of it: which
/// of the zone's policies did not hold, and why. What the service cannot hold at all is in [`refused`].
pub(crate) fn said(work: &Work, wanted: &Wanted, key: &KeyPlan) -> (KeyState, Option<String>) {
    let clamped = wanted.desired.notes.iter().filter(|(rtype, _)| *rtype == key.rtype).map(|(_, note)| note);
    let notes: Vec<&str> = key.note.iter().chain(clamped).map(String::as_str).collect();
    let notes = (!notes.is_empty()).then(|| notes.join("; "));
    match &key.verdict {
        KeyVerdict::Conflict(conflict) => {
            (KeyState::Conflict, Some(conflict.words(&work.wishers(wanted, key.rtype))))
        }
        KeyVerdict::Held => {
            let words = "removals wait for approval: more than 30 % of our values in this zone would go";
            (KeyState::Held, Some(words.to_owned()))
        }
        KeyVerdict::Occluded => (KeyState::Occluded, notes),
        KeyVerdict::Unsupported => (KeyState::Unsupported, notes),
        KeyVerdict::Equal | KeyVerdict::Change | KeyVerdict::Adopted => (KeyState::Applied, notes),
    }
}

/// The keys of a plan but those that are in [`refused`].
pub(crate) fn keys<'a>(wanted: &'a Wanted, plan: &'a NamePlan) -> impl Iterator<Item = &'a KeyPlan> {
    plan.keys.iter().filter(|key| !wanted.desired.unsupported.contains(&key.rtype))
}

/// The sets that cannot be held here, each with why.
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

/// Claims of the owners that are looked at as if stored, that are not what stands: whose is, and why.
pub(crate) fn displaced(work: &Work, wanted: &Wanted) -> Vec<(RecordType, KeyState, String)> {
    let pairs = wanted.claims.iter().zip(&wanted.desired.verdicts);
    let waiting = pairs.filter(|(_, verdict)| !matches!(verdict, ClaimVerdict::Unsupported { .. }));
    let words = waiting.filter_map(|(claim, verdict)| {
        let (state, words) = claim_words(claim, verdict, &wanted.claims, |claim| work.owner(claim))?;
        Some((claim.rtype(), state, words))
    });
    words.collect()
}
