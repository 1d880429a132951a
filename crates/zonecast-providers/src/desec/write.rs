//! Writing: as many sets in one PATCH as deSEC takes, and the bad ones out of a refused one.

use super::{Desec, words};
use crate::rest::{Refused, label, named, spelled, units};
use crate::vet::{never_sent, refuse};
use crate::{ErrorClass, Outcome, Provider, ProviderError, ZoneRef};
use reqwest::Method;
use serde_json::{Value, json};
use std::collections::VecDeque;
use zonecast_core::{Change, Observed};

/// Sets in one PATCH.
const BATCH: usize = 500;
/// Bytes in one PATCH, roughly; Django's own limit for a body is 2.5 MB.
const BODY_MAX: usize = 1_000_000;

/// Changes that stand or fall together, as elements of a PATCH.
struct Unit {
    changes: Vec<usize>,
    elements: Vec<Value>,
}

impl Desec {
    /// Sends `changes`; exactly one outcome for each, in order.
    pub(super) async fn send_all(&self, zone: &ZoneRef, seen: &Observed, changes: &[Change]) -> Vec<Outcome> {
        let limits = self.capabilities();
        let mut outcomes: Vec<Option<Outcome>> =
            changes.iter().map(|change| refuse(zone, &limits, seen, change).map(Outcome::Failed)).collect();
        let open: Vec<usize> = (0..changes.len()).filter(|at| outcomes[*at].is_none()).collect();
        let mut queue = pack(zone, seen, changes, units(changes, open));
        let mut given_up: Option<ProviderError> = None;
        let mut settle = |batch: &[Unit], outcome: &dyn Fn(&Unit, usize) -> Outcome| {
            for unit in batch {
                unit.changes.iter().for_each(|at| outcomes[*at] = Some(outcome(unit, *at)));
            }
        };
        let blame = |unit: &Unit, at: usize, refused: &Refused| {
            named(zone, seen, changes, &unit.changes, at, refused)
        };
        while let Some(mut batch) = queue.pop_front() {
            let refused = match &given_up {
                Some(error) => Refused::local(error.class.clone(), never_sent(error).message),
                None => match self.patch(zone, &batch).await {
                    Ok(()) => {
                        settle(&batch, &|_, _| Outcome::Done);
                        continue;
                    }
                    Err(refused) => refused,
                },
            };
            if !refused.is_about_a_record() {
                given_up.get_or_insert_with(|| refused.error.clone());
                settle(&batch, &|unit, at| blame(unit, at, &refused));
            } else if let Some(bad) = self.take_out(&mut batch, &refused) {
                for (unit, refused) in bad {
                    settle(&[unit], &|unit, at| blame(unit, at, &refused));
                }
                if !batch.is_empty() {
                    queue.push_front(batch);
                }
            } else if batch.len() == 1 {
                settle(&batch, &|unit, at| blame(unit, at, &refused));
            } else {
                let right = batch.split_off(batch.len() / 2);
                queue.push_front(right);
                queue.push_front(batch);
            }
        }
        outcomes.into_iter().map(|outcome| outcome.unwrap_or(Outcome::Done)).collect()
    }

    async fn patch(&self, zone: &ZoneRef, batch: &[Unit]) -> Result<(), Refused> {
        let elements: Vec<&Value> = batch.iter().flat_map(|unit| &unit.elements).collect();
        let request = self.rest.call(Method::PATCH, &Desec::path(zone, "rrsets/")).json(&elements);
        let written = self.rest.write(zone, request, is_listing).await;
        let written = written.map_err(|mut refused| {
            // 413 speaks of the body, and parts of it may be taken.
            if refused.status == 413 {
                refused.error.class = ErrorClass::Rejected;
            }
            // The database saw a set come that was not there a moment before.
            if refused.status == 409 {
                refused.error.class = ErrorClass::Conflict;
            }
            refused
        })?;
        match elements.iter().find(|element| !is_shown(&written, element)) {
            None => Ok(()),
            Some(absent) => {
                let (name, kind) = (&absent["subname"], &absent["type"]);
                let words = format!("{}: deSEC answered 200 and does not show {name} {kind}", zone.name);
                let refused = Refused::local(ErrorClass::Transient, words);
                Err(Refused { unknown: true, ..refused })
            }
        }
    }

    /// Takes the units out that the list of faults names, each with its own words. `None` where the
    /// answer is no such list.
    fn take_out(&self, batch: &mut Vec<Unit>, refused: &Refused) -> Option<Vec<(Unit, Refused)>> {
        let Value::Array(faults) = refused.json() else { return None };
        let count: usize = batch.iter().map(|unit| unit.elements.len()).sum();
        if faults.len() != count || !faults.iter().all(Value::is_object) {
            return None;
        }
        let (mut bad, mut good, mut faults) = (Vec::new(), Vec::new(), faults.into_iter());
        for unit in std::mem::take(batch) {
            let own: Vec<Value> = faults.by_ref().take(unit.elements.len()).collect();
            match words(&Value::from(own)) {
                Some(said) => bad.push((unit, fault(&self.rest.say(&said)))),
                None => good.push(unit),
            }
        }
        *batch = good;
        (!bad.is_empty()).then_some(bad)
    }
}

/// The answer to a PATCH that was taken: sets as they are now, not faults.
fn is_listing(answer: &Value) -> bool {
    let is_set = |set: &Value| set["type"].is_string() && set["records"].is_array();
    answer.as_array().is_some_and(|sets| sets.iter().all(is_set))
}

/// Whether the answer shows what an element brought; a deletion leaves nothing to show.
fn is_shown(answer: &Value, element: &Value) -> bool {
    let same = |set: &Value| set["subname"] == element["subname"] && set["type"] == element["type"];
    element["records"].as_array().is_some_and(Vec::is_empty)
        || answer.as_array().is_some_and(|sets| sets.iter().any(same))
}

/// deSEC's words about one set.
fn fault(said: &str) -> Refused {
    let clash = said.contains("conflicting type");
    let class = if clash { ErrorClass::Conflict } else { ErrorClass::Rejected };
    Refused::local(class, format!("deSEC answered 400: {said}"))
}

/// One element of a PATCH; an empty set is a deletion.
fn element(zone: &ZoneRef, seen: &Observed, change: &Change) -> Value {
    let subname = label(zone, change.name());
    let mut element = json!({
        "subname": subname.trim_start_matches('@'), "type": change.rtype().to_string(), "records": [],
    });
    if let Some(after) = change.after() {
        let present = seen.get(change.name(), change.rtype());
        element["ttl"] = after.ttl.seconds().into();
        element["records"] = after.values.iter().map(|value| spelled(present, value)).collect();
    }
    element
}

/// Fills PATCHes up to their limits.
fn pack(zone: &ZoneRef, seen: &Observed, changes: &[Change], units: Vec<Vec<usize>>) -> VecDeque<Vec<Unit>> {
    let mut batches: VecDeque<Vec<Unit>> = VecDeque::new();
    let (mut sets, mut bytes) = (0, 0);
    for unit in units {
        let elements: Vec<Value> = unit.iter().map(|at| element(zone, seen, &changes[*at])).collect();
        let size: usize = elements.iter().map(|element| element.to_string().len() + 1).sum();
        let full = sets + unit.len() > BATCH || bytes + size > BODY_MAX;
        sets = if full { 0 } else { sets } + unit.len();
        bytes = if full { 0 } else { bytes } + size;
        let unit = Unit { changes: unit, elements };
        match batches.back_mut() {
            Some(batch) if !full => batch.push(unit),
            _ => batches.push_back(vec![unit]),
        }
    }
    batches
}
