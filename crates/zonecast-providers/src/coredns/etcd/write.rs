//! Changes as transactions.

use super::gateway::op;
use super::layout::Layout;
use super::{Etcd, PARALLEL, spelled};
use crate::coredns::about;
use crate::http::Failure;
use crate::{ErrorClass, Outcome, ProviderError, ZoneRef};
use futures_util::{StreamExt, stream};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use zonecast_core::{Change, Name, Observed, RRset, RecordData, RecordType};

/// A transaction takes 128 operations.
const OPERATIONS_MAX: usize = 128;
/// How often names are read again because their keys moved.
const READS_AGAIN: usize = 3;

/// What happens to each key, and what it must have been before.
#[derive(Clone, Default)]
struct Steps {
    puts: BTreeMap<String, String>,
    deletes: BTreeSet<String>,
    compares: BTreeMap<String, u64>,
}

/// The changes at one name.
struct Unit {
    indices: Vec<usize>,
    steps: Steps,
}

/// How one transaction ended.
enum Ended {
    Done,
    /// A key is not as it was read.
    Moved,
    Failed(Failure),
}

impl Etcd {
    /// Carries out `changes`; exactly one outcome for each, in order.
    pub(super) async fn write(&self, zone: &ZoneRef, seen: &Observed, changes: &[Change]) -> Vec<Outcome> {
        let layout = self.layout(zone);
        let mut outcomes: Vec<Option<Outcome>> =
            changes.iter().map(|change| refuse(zone, seen, changes, change).map(Outcome::Failed)).collect();
        let mut seen = seen.clone();
        for _ in 0..READS_AGAIN {
            let units = units(zone, &layout, &seen, changes, &mut outcomes);
            let moved = self.send(zone, pack(units), &mut outcomes).await;
            if moved.is_empty() {
                break;
            }
            let names: Vec<Name> = moved.iter().map(|index| changes[*index].name().clone()).collect();
            match self.read_names(zone, &names).await {
                Ok(now) => {
                    moved
                        .iter()
                        .for_each(|index| outcomes[*index] = judge(zone, &seen, &now, &changes[*index]));
                    seen.rrsets.retain(|set| !names.contains(&set.name));
                    seen.rrsets.extend(now.rrsets);
                    seen = Observed::new(seen.rrsets);
                }
                Err(error) => moved.iter().for_each(|index| {
                    outcomes[*index] = Some(Outcome::Failed(error.clone()));
                }),
            }
        }
        let restless = || Outcome::Failed(about(zone, ErrorClass::Conflict, "its keys do not stand still"));
        let outcomes: Vec<Outcome> = outcomes.into_iter().map(|o| o.unwrap_or_else(restless)).collect();
        self.drop_guards(zone, &layout, changes, &outcomes).await;
        outcomes
    }

    /// Sends groups, several at a time; gives the changes whose keys moved.
    async fn send(
        &self,
        zone: &ZoneRef,
        mut groups: Vec<Vec<Unit>>,
        outcomes: &mut [Option<Outcome>],
    ) -> Vec<usize> {
        let mut moved = Vec::new();
        while !groups.is_empty() {
            let calls: Vec<_> = groups.iter().map(|group| self.transact(zone, group)).collect();
            let ended: Vec<Ended> = stream::iter(calls).buffered(PARALLEL).collect().await;
            let mut next = Vec::new();
            for (mut group, ended) in std::mem::take(&mut groups).into_iter().zip(ended) {
                let outcome = match ended {
                    Ended::Done => Outcome::Done,
                    Ended::Moved => {
                        moved.extend(group.iter().flat_map(|unit| unit.indices.iter().copied()));
                        continue;
                    }
                    Ended::Failed(failure)
                        if failure.error.class == ErrorClass::Rejected && group.len() > 1 =>
                    {
                        let right = group.split_off(group.len() / 2);
                        next.extend([group, right]);
                        continue;
                    }
                    Ended::Failed(failure) => failure.into_outcome(),
                };
                for index in group.iter().flat_map(|unit| &unit.indices) {
                    outcomes[*index] = Some(outcome.clone());
                }
            }
            groups = next;
        }
        moved
    }

    async fn transact(&self, zone: &ZoneRef, group: &[Unit]) -> Ended {
        let mut steps = Steps::default();
        group.iter().for_each(|unit| steps.join(&unit.steps));
        if steps.puts.is_empty() && steps.deletes.is_empty() {
            return Ended::Done;
        }
        match self.gateway.txn(zone, &steps.body()).await {
            Ok(ended) if ended.succeeded => Ended::Done,
            Ok(_) => Ended::Moved,
            Err(failure) => Ended::Failed(failure),
        }
    }

    /// Takes away guards of names that have nothing below them any more. Best effort: a guard left
    /// behind answers NODATA where NXDOMAIN would be right.
    async fn drop_guards(&self, zone: &ZoneRef, layout: &Layout, changes: &[Change], outcomes: &[Outcome]) {
        let gone = changes
            .iter()
            .zip(outcomes)
            .filter(|(change, outcome)| change.after().is_none() && **outcome == Outcome::Done);
        let names: BTreeSet<Name> = gone.flat_map(|(change, _)| between(zone, change.name())).collect();
        // The deepest first: a guard below keeps the one above.
        for name in names.into_iter().rev() {
            let (Some((guard, _)), Ok(folder)) = (layout.guard(&name), layout.folder(&name)) else {
                continue;
            };
            let end = format!("{}0", folder.trim_end_matches('/'));
            let Ok(left) = self.gateway.range(zone, &folder, &end).await else { return };
            if let [only] = &left[..]
                && only.key == guard
            {
                let body = json!({
                    "compare": [op::unchanged(&guard, only.revision)],
                    "success": [op::delete(&guard)],
                });
                let _ = self.gateway.txn(zone, &body).await;
            }
        }
    }
}

impl Steps {
    fn join(&mut self, other: &Steps) {
        self.puts.extend(other.puts.clone());
        self.deletes.extend(other.deletes.iter().cloned());
        self.compares.extend(other.compares.clone());
    }

    fn count(&self) -> usize {
        (self.puts.len() + self.deletes.len()).max(self.compares.len())
    }

    /// A key is put or deleted, never both: etcd refuses a key twice in one transaction.
    fn body(&self) -> Value {
        let compare: Vec<Value> =
            self.compares.iter().map(|(key, revision)| op::unchanged(key, *revision)).collect();
        let deletes = self.deletes.iter().filter(|key| !self.puts.contains_key(*key));
        let success: Vec<Value> = deletes
            .map(|key| op::delete(key))
            .chain(self.puts.iter().map(|(key, value)| op::put(key, value)))
            .collect();
        json!({ "compare": compare, "success": success })
    }
}

/// What is still open, by name.
fn units(
    zone: &ZoneRef,
    layout: &Layout,
    seen: &Observed,
    changes: &[Change],
    outcomes: &mut [Option<Outcome>],
) -> Vec<Unit> {
    let mut units: BTreeMap<Name, Unit> = BTreeMap::new();
    for (index, change) in changes.iter().enumerate() {
        if outcomes[index].is_some() {
            continue;
        }
        match steps(zone, layout, seen, change) {
            Ok(steps) => {
                let unit = units.entry(change.name().clone());
                let unit = unit.or_insert_with(|| Unit { indices: Vec::new(), steps: Steps::default() });
                unit.indices.push(index);
                unit.steps.join(&steps);
            }
            Err(words) => {
                let mut error = about(
                    zone,
                    ErrorClass::Rejected,
                    format!("{} {}: {words}", change.name(), change.rtype()),
                );
                error.culprit = Some(index);
                outcomes[index] = Some(Outcome::Failed(error));
            }
        }
    }
    units.into_values().collect()
}

/// One change as keys. Values that stay are not touched, unless their TTL changes and they are ours.
fn steps(zone: &ZoneRef, layout: &Layout, seen: &Observed, change: &Change) -> Result<Steps, String> {
    let mut steps = Steps::default();
    let (name, rtype) = (change.name(), change.rtype());
    let present = seen.get(name, rtype);
    let held = |data: &RecordData| -> Option<Vec<(String, u64)>> {
        present?.values.iter().find(|value| value.data == *data).map(spelled)
    };
    let after = change.after();
    let goes = |data: &&RecordData| after.is_none_or(|after| !after.values.contains(data));
    for data in change.before().into_iter().flat_map(|before| &before.values).filter(goes) {
        match held(data) {
            Some(keys) => {
                for (key, revision) in keys {
                    steps.compares.insert(key.clone(), revision);
                    steps.deletes.insert(key);
                }
            }
            None => steps.deletes.extend(layout.keys(name, data)?),
        }
    }
    let Some(after) = after else { return Ok(steps) };
    for data in &after.values {
        let keys = held(data).unwrap_or_default();
        if !keys.is_empty() && present.is_some_and(|set| set.ttl == after.ttl) {
            continue;
        }
        let own = layout.write(name, after.ttl, data)?;
        // Another writer's key keeps its TTL.
        if !keys.is_empty() && !keys.iter().any(|(key, _)| own.iter().any(|(own, _)| own == key)) {
            continue;
        }
        for (key, value) in own {
            let revision = keys.iter().find(|(held, _)| *held == key).map(|(_, revision)| *revision);
            let revision = revision.or_else(|| steps.compares.get(&key).copied());
            steps.compares.insert(key.clone(), revision.unwrap_or(0));
            steps.puts.insert(key, value);
        }
    }
    if rtype != RecordType::PTR {
        steps.puts.extend(between(zone, name).filter_map(|above| layout.guard(&above)));
    }
    Ok(steps)
}

/// The names between one and its zone.
fn between(zone: &ZoneRef, name: &Name) -> impl Iterator<Item = Name> + use<> {
    let apex = zone.name.clone();
    name.up_to(&zone.name).into_iter().skip(1).filter(move |above| *above != apex)
}

/// Fills transactions up to their limit.
fn pack(units: Vec<Unit>) -> Vec<Vec<Unit>> {
    let mut groups: Vec<Vec<Unit>> = Vec::new();
    let mut count = 0;
    for unit in units {
        // A unit may have nothing to do; it is done then, and belongs to a group all the same.
        if groups.is_empty() || count + unit.steps.count() > OPERATIONS_MAX {
            groups.push(Vec::new());
            count = 0;
        }
        count += unit.steps.count();
        if let Some(group) = groups.last_mut() {
            group.push(unit);
        }
    }
    groups
}

/// The outcome of a change whose keys moved; `None`: send it again with the keys as they are now.
fn judge(zone: &ZoneRef, seen: &Observed, now: &Observed, change: &Change) -> Option<Outcome> {
    let (name, rtype) = (change.name(), change.rtype());
    let values = |seen: &Observed| -> Vec<RecordData> {
        let set = seen.get(name, rtype);
        set.into_iter().flat_map(|set| &set.values).map(|value| value.data.clone()).collect()
    };
    let present = values(now);
    let wanted = |set: Option<&RRset>| set.map(|set| set.values.clone()).unwrap_or_default();
    let (before, after) = (wanted(change.before()), wanted(change.after()));
    let ttl = now.get(name, rtype).map(|set| set.ttl);
    let is_there = after.iter().all(|data| present.contains(data));
    let is_gone = before.iter().filter(|data| !after.contains(data)).all(|data| !present.contains(data));
    if is_there && is_gone && change.after().is_none_or(|set| ttl == Some(set.ttl)) {
        return Some(Outcome::Done);
    }
    // One key, one value: whoever wrote it meanwhile would be overwritten.
    let single = matches!(rtype, RecordType::PTR | RecordType::CNAME);
    if single && present != before && present != values(seen) {
        let words = format!("{name} {rtype}: somebody else changed it since it was read");
        return Some(Outcome::Failed(about(zone, ErrorClass::Conflict, words)));
    }
    None
}

/// What is refused before anything is sent.
fn refuse(zone: &ZoneRef, seen: &Observed, changes: &[Change], change: &Change) -> Option<ProviderError> {
    let (name, rtype) = (change.name(), change.rtype());
    let words = if !name.is_within(&zone.name) {
        "the name is not within the zone".to_owned()
    } else if !super::capabilities().types.unwrap_or_default().contains(&rtype) {
        format!("{rtype} records cannot be kept in etcd")
    } else if name.is_wildcard() {
        "CoreDNS knows no wildcards in etcd".to_owned()
    } else if *name == zone.name && rtype == RecordType::CNAME {
        "a CNAME cannot stand at the zone's own name".to_owned()
    } else if change.after().is_some_and(|set| set.values.is_empty()) {
        "the set has no values".to_owned()
    } else if matches!(rtype, RecordType::PTR | RecordType::CNAME)
        && change.after().is_some_and(|set| set.values.len() > 1)
    {
        format!("etcd holds one {rtype} for a name")
    } else if seen.get(name, rtype).is_some_and(|set| set.opaque) {
        "a key there is no record, it has to be mended by hand".to_owned()
    } else if let Some(other) = in_the_way(seen, changes, change) {
        format!(
            "{other} stands there: CoreDNS answers a name with a CNAME, MX or SRV in etcd as an alias, so nothing can stand beside it"
        )
    } else {
        return None;
    };
    let mut error = about(zone, ErrorClass::Rejected, format!("{name} {rtype}: {words}"));
    error.culprit = changes.iter().position(|other| std::ptr::eq(other, change));
    Some(error)
}

/// A type at the name that would be answered wrongly beside this one.
fn in_the_way(seen: &Observed, changes: &[Change], change: &Change) -> Option<RecordType> {
    change.after()?;
    let is_alias = |rtype| matches!(rtype, RecordType::CNAME | RecordType::MX | RecordType::SRV);
    let at_name = || changes.iter().filter(|other| other.name() == change.name());
    let goes = |rtype| at_name().any(|other| other.after().is_none() && other.rtype() == rtype);
    let there = seen.at(change.name()).iter().map(|set| set.rtype);
    let there = there.filter(|rtype| !goes(*rtype));
    let coming = at_name().filter(|other| other.after().is_some()).map(Change::rtype);
    let both =
        |rtype: &RecordType| *rtype != change.rtype() && (is_alias(*rtype) || is_alias(change.rtype()));
    there.chain(coming).find(both)
}
