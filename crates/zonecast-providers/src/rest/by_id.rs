//! Writing where every value is a record with an id of its own.
//!
//! Values are added, changed and removed one by one, by id, so neighbours are never in a call. The same
//! value could be added twice: what stands there is read right before it is written.

use super::{Refused, Swap, WriteSets, one_by_one, swap_in_steps};
use crate::{ErrorClass, Outcome, Provider, ZoneRef};
use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use serde_json::json;
use std::sync::{Mutex, PoisonError};
use zonecast_core::{Change, Name, Observed, ObservedRRset, ObservedValue, RecordData};

/// What an update of a value has to know of its record; kept with the value between read and write.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Handle {
    id: u64,
    ttl: u32,
}

/// A value of a record with an id, as read.
pub(crate) fn value(data: RecordData, id: u64, ttl: u32) -> ObservedValue {
    ObservedValue { data, raw: Some(json!(Handle { id, ttl }).to_string().into()), disabled: false }
}

/// One operation on one record of a set.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Step<'a> {
    Put { id: u64, value: &'a RecordData, ttl: u32 },
    Post { value: &'a RecordData, ttl: u32 },
    Delete { id: u64 },
}

/// A service whose records have ids.
#[async_trait]
pub(crate) trait ById: Provider {
    /// Why the service cannot hold this value.
    fn unfit(&self, value: &RecordData) -> Option<String>;

    /// Sends one operation at a name.
    async fn send(&self, zone: &ZoneRef, name: &Name, step: &Step<'_>) -> Result<(), Refused>;
}

/// Applies changes; see [`Provider::apply`].
pub(crate) async fn apply<S: ById>(
    service: &S,
    zone: &ZoneRef,
    seen: &Observed,
    changes: &[Change],
) -> Vec<Outcome> {
    let names = changes.iter().map(Change::name).filter(|name| name.is_within(&zone.name));
    let names: Vec<Name> = names.cloned().collect();
    match service.read(zone, &names).await {
        Ok(now) => {
            let writer = Writer { service, now, gone: Mutex::default() };
            one_by_one(&writer, &service.capabilities(), zone, seen, changes).await
        }
        Err(error) => vec![Outcome::Failed(error); changes.len()],
    }
}

/// One call of [`Provider::apply`]: what stands there by now, and the ids that went since.
struct Writer<'a, S> {
    service: &'a S,
    now: Observed,
    gone: Mutex<Vec<u64>>,
}

impl<S: ById> Writer<'_, S> {
    async fn send(&self, zone: &ZoneRef, name: &Name, step: &Step<'_>) -> Result<(), Refused> {
        match (self.service.send(zone, name, step).await, step) {
            (Err(refused), Step::Delete { .. }) if refused.status == 404 => {}
            (Err(mut refused), Step::Put { .. }) if refused.status == 404 => {
                refused.error.class = ErrorClass::Conflict;
                return Err(refused);
            }
            (ended, _) => ended?,
        }
        if let Step::Delete { id } = step {
            self.gone.lock().unwrap_or_else(PoisonError::into_inner).push(*id);
        }
        Ok(())
    }
}

#[async_trait]
impl<S: ById> WriteSets for Writer<'_, S> {
    /// What comes is there before what goes is gone. If one of several values is refused, those before
    /// it stay written: the next read shows it.
    async fn write_set(
        &self,
        zone: &ZoneRef,
        change: &Change,
        _: Option<&ObservedRRset>,
    ) -> Result<(), Refused> {
        let mut values = change.after().into_iter().flat_map(|after| &after.values);
        if let Some(words) = values.find_map(|value| self.service.unfit(value)) {
            return Err(Refused::local(ErrorClass::Unsupported, words));
        }
        let gone = self.gone.lock().unwrap_or_else(PoisonError::into_inner).clone();
        for step in steps(change, self.now.get(change.name(), change.rtype()), &gone) {
            self.send(zone, change.name(), &step).await?;
        }
        Ok(())
    }

    async fn swap(&self, zone: &ZoneRef, seen: &Observed, swap: &Swap<'_>) -> Result<(), Refused> {
        swap_in_steps(self, zone, seen, swap).await
    }
}

/// The operations of one change: in place where one value gives way to another, then what comes, then
/// what goes. Values that the change does not name are in none of them.
fn steps<'a>(change: &'a Change, now: Option<&ObservedRRset>, gone: &[u64]) -> Vec<Step<'a>> {
    let before: &[RecordData] = change.before().map_or(&[], |set| &set.values);
    let after: &[RecordData] = change.after().map_or(&[], |set| &set.values);
    let handle = |value: &ObservedValue| serde_json::from_str::<Handle>(value.raw.as_deref()?).ok();
    let there = now.into_iter().flat_map(|set| &set.values);
    let there = there.filter_map(|value| Some((&value.data, handle(value)?)));
    let there: Vec<_> = there.filter(|(_, handle)| !gone.contains(&handle.id)).collect();
    let goes = |data: &RecordData| before.contains(data) && !after.contains(data);
    let mut going = there.iter().filter(|(data, _)| goes(data)).map(|(_, handle)| handle.id);
    let (mut puts, mut posts) = (Vec::new(), Vec::new());
    let ttl = change.after().map_or(0, |set| set.ttl.seconds());
    for value in after {
        let mut held = there.iter().filter(|(data, _)| *data == value).peekable();
        if held.peek().is_none() {
            match going.next() {
                Some(id) => puts.push(Step::Put { id, value, ttl }),
                None => posts.push(Step::Post { value, ttl }),
            }
        }
        let other = held.filter(|(_, handle)| handle.ttl != ttl);
        puts.extend(other.map(|(_, handle)| Step::Put { id: handle.id, value, ttl }));
    }
    let deletes = going.map(|id| Step::Delete { id });
    puts.into_iter().chain(posts).chain(deletes).collect()
}
