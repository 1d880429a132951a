//! Writes that nobody answered for: they may land long after everybody stopped waiting.
//!
//! A call that was given up is still on its way, and so is that of a process that was stopped or died.
//! So what is about to be written is stored before the call, what was not answered for stays ours for
//! days, and its name is looked at again after one, two, four call times and so on (one look may meet a
//! service that shows nothing): by whoever holds the lease then, also when the owner is gone, also when a
//! newer wish was served meanwhile. What lands late is then seen as ours and put right.

use super::desired::Wanted;
use super::group::{Turn, call_millis};
use super::look::{self, Work};
use super::outcome::{Judged, worst};
use std::collections::BTreeSet;
use zonecast_core::plan::NamePlan;
use zonecast_core::{Name, RecordData, RecordType};
use zonecast_providers::Outcome;
use zonecast_store::{DirtyName, Intent, KeyRow, StoreError};

/// What was not answered for is ours this long, if it is not seen before.
pub(super) const KEPT_MILLIS: i64 = 3 * 24 * 60 * 60 * 1000;
/// It may land at any moment for so many call times, more than once if it was sent more than once.
const FRESH: i64 = 4;

/// What this pass may change, with what may be on its way from before: stored while the read is under way.
pub(super) fn intents(work: &Work) -> Vec<Intent> {
    let of_name = |(dirty, wanted): (&DirtyName, &Wanted)| {
        let known = work.known.get(&dirty.name).into_iter().flatten();
        let ours = known.filter(|key| !key.applied.is_empty()).map(|key| key.rtype);
        let types: BTreeSet<RecordType> =
            wanted.desired.sets.iter().map(|set| set.rtype).chain(ours).collect();
        let types = types.into_iter().filter(|rtype| is_foreseen(work, dirty, wanted, *rtype));
        types.map(|rtype| intent(work, dirty, wanted, rtype)).collect::<Vec<_>>()
    };
    work.dirty.iter().zip(&work.wanted).flat_map(of_name).collect()
}

/// Stores what the plans change beyond what was foreseen before the read.
pub(super) async fn announce(turn: &Turn, work: &Work, plans: &[NamePlan]) -> Result<(), StoreError> {
    let mut unforeseen = Vec::new();
    for ((dirty, wanted), plan) in work.dirty.iter().zip(&work.wanted).zip(plans) {
        let types: BTreeSet<RecordType> = plan.changes.iter().map(|change| change.rtype()).collect();
        let types = types.into_iter().filter(|rtype| !is_foreseen(work, dirty, wanted, *rtype));
        unforeseen.extend(types.map(|rtype| intent(work, dirty, wanted, rtype)));
    }
    turn.inner.store.intend(turn.zone.row.id, &unforeseen).await
}

/// Whether what is wanted of a type differs from what we know to be there.
fn is_foreseen(work: &Work, dirty: &DirtyName, wanted: &Wanted, rtype: RecordType) -> bool {
    let values = wanted_values(wanted, rtype);
    let known = known_key(work, dirty, rtype).map_or(&[][..], |key| &key.applied);
    values.len() != known.len() || values.iter().any(|value| !known.contains(value))
}

fn wanted_values(wanted: &Wanted, rtype: RecordType) -> &[RecordData] {
    wanted.desired.sets.iter().find(|set| set.rtype == rtype).map_or(&[], |set| &set.values)
}

fn intent(work: &Work, dirty: &DirtyName, wanted: &Wanted, rtype: RecordType) -> Intent {
    with_earlier(work, &dirty.name, rtype, wanted_values(wanted, rtype), Intent::UNDER_WAY)
}

/// These values, and those that were on their way to the key before.
fn with_earlier(work: &Work, name: &Name, rtype: RecordType, values: &[RecordData], sent_at: i64) -> Intent {
    let before = earlier(work, name).filter(|intent| intent.rtype == rtype);
    let mut values: Vec<RecordData> =
        before.flat_map(|intent| &intent.values).chain(values).cloned().collect();
    values.sort_unstable();
    values.dedup();
    Intent { name: name.clone(), rtype, values, sent_at, look_at: None }
}

/// What passes before this one may have written at the name without learning of it.
pub(super) fn earlier<'a>(work: &'a Work, name: &Name) -> impl Iterator<Item = &'a Intent> + use<'a> {
    work.on_its_way.get(name).into_iter().flatten()
}

/// What was confirmed and is believed to be gone may show again, where the service was wrong for long: it
/// stays ours like what is on its way.
pub(super) fn may_come_back(work: &mut Work, now: i64) {
    let ours = work.known.values().flatten().filter(|key| !key.applied.is_empty());
    let gone = ours.map(|key| with_earlier(work, &key.name, key.rtype, &key.applied, now));
    for gone in gone.collect::<Vec<_>>() {
        let intents = work.on_its_way.entry(gone.name.clone()).or_default();
        intents.retain(|intent| intent.rtype != gone.rtype);
        intents.push(gone);
    }
}

/// Whether something that nobody answered for may be changing the key right now.
pub(super) fn is_changing(work: &Work, key: &KeyRow, call: i64, now: i64) -> bool {
    earlier(work, &key.name).any(|intent| intent.rtype == key.rtype && is_fresh(intent, call, now))
}

fn is_fresh(intent: &Intent, call: i64, now: i64) -> bool {
    now - intent.sent_at <= FRESH * call
}

/// Nothing was sent: what was on its way before still is.
pub(super) fn as_before(turn: &Turn, work: &Work, name: &Name, now: i64) -> Vec<Intent> {
    let call = call_millis(&turn.inner);
    earlier(work, name).map(|intent| with_next_look(intent.clone(), call, now)).collect()
}

/// What is on its way to a name after the pass, which ended now: writes that were not answered for, and of earlier ones
/// what has not been seen. Once they had their time, what was seen has arrived.
pub(super) fn after(turn: &Turn, judged: &Judged<'_>, index: usize, now: i64) -> Vec<Intent> {
    let (work, call) = (judged.work, call_millis(&turn.inner));
    let (dirty, plan) = (&work.dirty[index], &judged.plans[index]);
    let mut on_its_way: Vec<Intent> = Vec::new();
    for key in look::keys(&work.wanted[index], plan) {
        let steps = plan.changes.iter().zip(&judged.outcomes[index]);
        let steps = steps.filter(|(change, _)| change.rtype() == key.rtype).map(|(_, outcome)| outcome);
        if let Some(Outcome::Unknown(_)) = worst(steps) {
            on_its_way.push(with_earlier(work, &key.name, key.rtype, &key.ours_after, now));
        }
    }
    for before in earlier(work, &dirty.name) {
        if on_its_way.iter().any(|new| new.rtype == before.rtype) {
            continue;
        }
        let fresh = is_fresh(before, call, now);
        let there = judged.observed.get(&dirty.name, before.rtype);
        let seen =
            |value: &RecordData| there.is_some_and(|set| set.values.iter().any(|there| there.data == *value));
        let values = before.values.iter().filter(|value| fresh || !seen(value)).cloned().collect();
        let left = Intent { values, ..before.clone() };
        if fresh || (!left.values.is_empty() && now - left.sent_at < KEPT_MILLIS) {
            on_its_way.push(left);
        }
    }
    on_its_way.into_iter().map(|intent| with_next_look(intent, call, now)).collect()
}

fn with_next_look(intent: Intent, call: i64, now: i64) -> Intent {
    let waited = (now - intent.sent_at).max(0) / call.max(1);
    let after = (waited.unsigned_abs() + 1).next_power_of_two() as i64 * call;
    let look_at = Some(intent.sent_at + after).filter(|_| after < KEPT_MILLIS);
    Intent { look_at, ..intent }
}

fn known_key<'a>(work: &'a Work, dirty: &DirtyName, rtype: RecordType) -> Option<&'a KeyRow> {
    work.known.get(&dirty.name)?.iter().find(|key| key.rtype == rtype)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_looked_at_after_one_two_four_call_times_and_so_on_for_days() {
        let name = Name::parse("vm.example.com").unwrap();
        let sent = Intent { name, rtype: RecordType::A, values: Vec::new(), sent_at: 1_000, look_at: None };
        let look = |now| with_next_look(sent.clone(), 100, now).look_at;
        assert_eq!(
            [1_000, 1_100, 1_250, 1_400].map(look),
            [Some(1_100), Some(1_200), Some(1_400), Some(1_800)]
        );
        assert_eq!(look(1_000 + KEPT_MILLIS), None);
        assert!(is_fresh(&sent, 100, 1_400) && !is_fresh(&sent, 100, 1_401));
    }
}
