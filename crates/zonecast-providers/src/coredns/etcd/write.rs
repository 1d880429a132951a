//! Changes as transactions.

use super::gateway::op;
use super::layout::Layout;
use super::{Etcd, PARALLEL, spelled};
use crate::hand::{Blame, Ended, Hand, Refusal, Service, Unit};
use crate::vet::about;
use crate::{ErrorClass, Outcome, Provider, ProviderError, ZoneRef};
use async_trait::async_trait;
use futures_util::{StreamExt, stream};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use zonecast_core::{Change, Name, Observed, RecordData, RecordType};

/// A transaction takes 128 operations.
const OPERATIONS_MAX: usize = 128;

/// What happens to each key, and what it must have been before.
#[derive(Clone, Default)]
struct Steps {
    puts: BTreeMap<String, String>,
    deletes: BTreeSet<String>,
    compares: BTreeMap<String, u64>,
}

/// One write.
struct Transactions<'a> {
    etcd: &'a Etcd,
    zone: &'a ZoneRef,
    layout: &'a Layout,
}

#[async_trait]
impl Service for Transactions<'_> {
    type Piece = Steps;

    fn piece(&self, seen: &Observed, together: &[&Change]) -> Result<Steps, String> {
        let mut all = Steps::default();
        for change in together {
            all.join(&steps(self.zone, self.layout, seen, change)?);
        }
        Ok(all)
    }

    fn weight(&self, steps: &Steps) -> [usize; 2] {
        [steps.count(), 0]
    }

    fn room(&self) -> [usize; 2] {
        [OPERATIONS_MAX, 0]
    }

    async fn look(&self, names: &[Name]) -> Result<Observed, ProviderError> {
        self.etcd.read_names(self.zone, names).await
    }

    async fn send(&self, batch: &[Unit<Steps>]) -> Ended {
        let mut steps = Steps::default();
        batch.iter().for_each(|unit| steps.join(&unit.piece));
        let (error, unknown, blame) = match self.etcd.gateway.txn(self.zone, &steps.body()).await {
            Ok(ended) if ended.succeeded => return Ok(Vec::new()),
            Ok(_) => {
                let words = "a key is not as it was read";
                (ProviderError::new(ErrorClass::Conflict, words), false, Blame::Moved)
            }
            Err(failure) if failure.error.class == ErrorClass::Rejected => {
                (failure.error, false, Blame::Something)
            }
            Err(failure) => (failure.error, failure.may_have_arrived, Blame::Service),
        };
        Err(Refusal { error, unknown, blame })
    }

    async fn send_all(&self, batches: &[Vec<Unit<Steps>>]) -> Vec<Ended> {
        let calls: Vec<_> = batches.iter().map(|batch| self.send(batch)).collect();
        stream::iter(calls).buffered(PARALLEL).collect().await
    }
}

impl Etcd {
    /// Carries out `changes`; exactly one outcome for each, in order.
    pub(super) async fn write(&self, zone: &ZoneRef, seen: &Observed, changes: &[Change]) -> Vec<Outcome> {
        let layout = self.layout(zone);
        let transactions = Transactions { etcd: self, zone, layout: &layout };
        let own = |change: &Change| refuse(zone, seen, changes, change);
        let outcomes =
            Hand::new(&transactions, (zone, self.capabilities()), seen, changes, own).write().await;
        self.drop_guards(zone, &layout, changes, &outcomes).await;
        outcomes
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

/// What CoreDNS could not answer with, or would answer wrongly.
fn refuse(zone: &ZoneRef, seen: &Observed, changes: &[Change], change: &Change) -> Option<ProviderError> {
    let (name, rtype) = (change.name(), change.rtype());
    let words = if name.is_wildcard() {
        "CoreDNS knows no wildcards in etcd".to_owned()
    } else if *name == zone.name && rtype == RecordType::CNAME {
        "a CNAME cannot stand at the zone's own name".to_owned()
    } else if matches!(rtype, RecordType::PTR | RecordType::CNAME)
        && change.after().is_some_and(|set| set.values.len() > 1)
    {
        format!("etcd holds one {rtype} for a name")
    } else {
        let other = in_the_way(seen, changes, change)?;
        format!(
            "{other} stands there: CoreDNS answers a name with a CNAME, MX or SRV in etcd as an alias, so nothing can stand beside it"
        )
    };
    Some(about(zone, change, ErrorClass::Rejected, &words))
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
