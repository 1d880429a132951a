//! From changes of sets to steps on lines.
//!
//! Lines that go and lines that come at one name are paired, so that a value changes in place and
//! nobody sees the moment between; a CNAME and what takes its place are paired across types, which
//! HestiaCP's change of a line allows. What would make the name server refuse the zone gets its
//! outcome here and is never sent.

use super::records::{Held, refuses};
use crate::vet::{self, about};
use crate::{ErrorClass, Outcome, ProviderError, ZoneRef};
use std::collections::{BTreeMap, BTreeSet};
use zonecast_core::{Capabilities, Change, Name, Observed, RecordData, RecordType, Ttl};

/// One line to write.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct New {
    pub(super) owner: Name,
    pub(super) data: RecordData,
    pub(super) ttl: Ttl,
}

/// What happens to one line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum What {
    /// A line comes.
    Add(New),
    /// The line with this index becomes another.
    Become(usize, New),
    /// The line with this index goes.
    Remove(usize),
}

/// A step, and the changes that are done only if it is.
#[derive(Clone, Debug)]
pub(super) struct Step {
    pub(super) what: What,
    pub(super) changes: Vec<usize>,
    /// One type gives way to another at this name.
    pub(super) is_swap: bool,
}

impl Step {
    /// Where it stands among the others: what others need first, what gives way before what comes,
    /// and removals last, so that a name has its answer all the time.
    pub(super) fn order(&self) -> u8 {
        match (&self.what, self.is_swap) {
            (What::Add(new), false) if matches!(new.data.rtype(), RecordType::A | RecordType::AAAA) => 0,
            (What::Remove(_), true) => 1,
            (What::Become(..), _) => 2,
            (What::Add(new), _) if new.data.rtype() != RecordType::NS => 3,
            (What::Add(_), _) => 4,
            (What::Remove(_), false) => 5,
        }
    }
}

/// What one change wants of the lines.
struct Draft<'a> {
    index: usize,
    gone: Vec<usize>,
    come: Vec<New>,
    touched: Vec<(usize, New)>,
    change: &'a Change,
}

/// The steps of `changes`, in order. Changes that cannot be, or are already, have an outcome.
pub(super) fn plan(
    zone: &ZoneRef,
    limits: &Capabilities,
    held: &[Held],
    changes: &[Change],
    outcomes: &mut [Option<Outcome>],
) -> Vec<Step> {
    let mut drafts = Vec::new();
    let doubled = doubled(held);
    for (index, change) in changes.iter().enumerate() {
        let drafted = match refuse(zone, limits, held, change) {
            Some(error) => Err(error),
            None => draft(index, held, &doubled, change),
        };
        match drafted {
            Ok(draft) => drafts.push(draft),
            Err(error) => {
                outcomes[index] = Some(Outcome::Failed(ProviderError { culprit: Some(index), ..error }))
            }
        }
    }
    let bad = conflicts(zone, held, changes, &drafts);
    drafts.retain(|draft| match bad.get(draft.change.name()) {
        None => true,
        Some(words) => {
            let error = ProviderError::new(ErrorClass::Rejected, words.clone());
            outcomes[draft.index] =
                Some(Outcome::Failed(ProviderError { culprit: Some(draft.index), ..error }));
            false
        }
    });
    let mut steps = pair(drafts);
    steps.sort_by_key(Step::order);
    steps
}

/// What is refused before anything is sent.
fn refuse(zone: &ZoneRef, limits: &Capabilities, held: &[Held], change: &Change) -> Option<ProviderError> {
    let (name, rtype) = (change.name(), change.rtype());
    if held.iter().any(|record| record.is_at(name, rtype) && record.data.is_none()) {
        let words = "what is there cannot be read, and is not written over";
        return Some(about(zone, change, ErrorClass::Rejected, words));
    }
    let own = || change.after().and_then(|set| refuses(&zone.name, set));
    vet::refuse(zone, limits, &Observed::default(), change)
        .or_else(|| Some(about(zone, change, ErrorClass::Unsupported, &own()?)))
}

/// Ids that more than one line bears, as happens after two writes at one time.
fn doubled(held: &[Held]) -> BTreeSet<&str> {
    let mut seen = BTreeSet::new();
    held.iter().map(|record| record.line.id.as_str()).filter(|id| !seen.insert(*id)).collect()
}

/// Value by value: lines of values that the change names in `before` and not in `after` go, values
/// that are not there come. What came or went meanwhile by another hand is left alone.
fn draft<'a>(
    index: usize,
    held: &[Held],
    doubled: &BTreeSet<&str>,
    change: &'a Change,
) -> Result<Draft<'a>, ProviderError> {
    let before: &[RecordData] = change.before().map_or(&[], |set| &set.values);
    let after: &[RecordData] = change.after().map_or(&[], |set| &set.values);
    let mut draft = Draft { index, gone: Vec::new(), come: Vec::new(), touched: Vec::new(), change };
    let mut there: BTreeSet<&RecordData> = BTreeSet::new();
    for (at, record) in held.iter().enumerate() {
        let Some(data) = record.data.as_ref().filter(|_| record.is_at(change.name(), change.rtype())) else {
            continue;
        };
        let (was, wanted) = (before.contains(data), after.contains(data));
        if was && !wanted {
            draft.gone.push(at);
        } else if let Some(set) = change.after().filter(|_| wanted) {
            there.insert(data);
            // A suspended neighbour stays so; one that we want is woken.
            let asleep = record.is_suspended();
            if (asleep && !was) || (!asleep && record.ttl != set.ttl) {
                let new = New { owner: record.owner.clone(), data: data.clone(), ttl: set.ttl };
                draft.touched.push((at, new));
            }
        }
    }
    let mut lines = draft.gone.iter().chain(draft.touched.iter().map(|(at, _)| at));
    if let Some(at) = lines.find(|at| doubled.contains(held[**at].line.id.as_str())) {
        let words = format!(
            "{} {}: two records have the id {} there, a command would hit both; give one a new id",
            change.name(),
            change.rtype(),
            held[*at].line.id
        );
        return Err(ProviderError::new(ErrorClass::Rejected, words));
    }
    let Some(set) = change.after() else { return Ok(draft) };
    for data in after.iter().filter(|data| !there.contains(data)) {
        if before.contains(data) {
            let words = format!("{} {}: {data:?} was removed by somebody else", set.name, set.rtype);
            return Err(ProviderError::new(ErrorClass::Conflict, words));
        }
        draft.come.push(New { owner: set.name.clone(), data: data.clone(), ttl: set.ttl });
    }
    Ok(draft)
}

/// Names where a CNAME would not be alone afterwards, with the words for it. HestiaCP would take it,
/// and its name server would then refuse the whole zone (seen 2026-11).
fn conflicts(
    zone: &ZoneRef,
    held: &[Held],
    changes: &[Change],
    drafts: &[Draft<'_>],
) -> BTreeMap<Name, String> {
    let gone: BTreeSet<usize> = drafts.iter().flat_map(|draft| draft.gone.iter().copied()).collect();
    let names: BTreeSet<&Name> =
        drafts.iter().filter(|draft| !draft.come.is_empty()).map(|d| d.change.name()).collect();
    let mut types: BTreeMap<&Name, Vec<RecordType>> = BTreeMap::new();
    for (at, record) in held.iter().enumerate() {
        if names.contains(&record.owner) && !gone.contains(&at) && !record.is_suspended() {
            types.entry(&record.owner).or_default().push(record.rtype);
        }
    }
    for new in drafts.iter().flat_map(|draft| &draft.come) {
        if let Some((name, _)) = names.get(&new.owner).map(|name| (*name, ())) {
            types.entry(name).or_default().push(new.data.rtype());
        }
    }
    let mut bad = BTreeMap::new();
    for (name, types) in types {
        let Some(other) = types.iter().find(|rtype| **rtype != RecordType::CNAME) else {
            if types.len() > 1 {
                bad.insert(name.clone(), format!("{name} CNAME in {}: more than one record", zone.name));
            }
            continue;
        };
        if types.contains(&RecordType::CNAME) {
            let wanted = changes.iter().filter(|change| change.name() == name).find_map(Change::after);
            let wanted = wanted.map_or(RecordType::CNAME, |set| set.rtype);
            let other = if wanted == RecordType::CNAME { *other } else { RecordType::CNAME };
            let words = format!(
                "{name} {wanted} in {}: conflicts with {other} there; HestiaCP would say yes and its name server refuse the zone",
                zone.name
            );
            bad.insert(name.clone(), words);
        }
    }
    bad
}

/// Pairs what goes with what comes: within a set, and at a name where a CNAME is one of the two.
fn pair(drafts: Vec<Draft<'_>>) -> Vec<Step> {
    let swaps: BTreeSet<Name> = drafts
        .iter()
        .filter(|draft| draft.change.rtype() == RecordType::CNAME)
        .map(|draft| draft.change.name().clone())
        .filter(|name| drafts.iter().filter(|draft| draft.change.name() == name).count() > 1)
        .collect();
    let mut groups: BTreeMap<(Name, Option<RecordType>), Vec<Draft<'_>>> = BTreeMap::new();
    for draft in drafts {
        let name = draft.change.name().clone();
        let rtype = (!swaps.contains(&name)).then(|| draft.change.rtype());
        groups.entry((name, rtype)).or_default().push(draft);
    }
    let mut steps = Vec::new();
    for ((_, rtype), group) in groups {
        let is_swap = rtype.is_none();
        let all: Vec<usize> = group.iter().map(|draft| draft.index).collect();
        let changes = |index: usize| if is_swap { all.clone() } else { vec![index] };
        let gone = group.iter().flat_map(|d| d.gone.iter().map(|at| (d.index, *at))).collect::<Vec<_>>();
        let come =
            group.iter().flat_map(|d| d.come.iter().map(|new| (d.index, new.clone()))).collect::<Vec<_>>();
        let pairs = gone.len().min(come.len());
        for ((index, at), (_, new)) in gone.iter().zip(&come) {
            steps.push(Step { what: What::Become(*at, new.clone()), changes: changes(*index), is_swap });
        }
        for (index, at) in &gone[pairs..] {
            steps.push(Step { what: What::Remove(*at), changes: changes(*index), is_swap });
        }
        for (index, new) in &come[pairs..] {
            steps.push(Step { what: What::Add(new.clone()), changes: changes(*index), is_swap });
        }
        for draft in group {
            for (at, new) in draft.touched {
                steps.push(Step { what: What::Become(at, new), changes: changes(draft.index), is_swap });
            }
        }
    }
    steps
}
