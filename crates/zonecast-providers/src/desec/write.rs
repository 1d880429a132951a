//! Writing: as many sets in one PATCH as deSEC takes, and the ones that a refused PATCH names.

use super::{Desec, words};
use crate::hand::{Blame, Ended, Fault, Hand, Refusal, Service, Unit};
use crate::rest::{Refused, label, spelled};
use crate::{ErrorClass, Outcome, Provider, ProviderError, ZoneRef};
use async_trait::async_trait;
use reqwest::Method;
use serde_json::{Value, json};
use zonecast_core::{Change, Name, Observed};

/// Sets in one PATCH, and its bytes, roughly; Django's own limit for a body is 2.5 MB.
const ROOM: [usize; 2] = [500, 1_000_000];

/// One write.
struct Patches<'a> {
    desec: &'a Desec,
    zone: &'a ZoneRef,
}

#[async_trait]
impl Service for Patches<'_> {
    /// Elements of a PATCH.
    type Piece = Vec<Value>;

    fn piece(&self, seen: &Observed, together: &[&Change]) -> Result<Vec<Value>, String> {
        Ok(together.iter().map(|change| element(self.zone, seen, change)).collect())
    }

    fn weight(&self, elements: &Vec<Value>) -> [usize; 2] {
        [elements.len(), elements.iter().map(|element| element.to_string().len() + 1).sum()]
    }

    fn room(&self) -> [usize; 2] {
        ROOM
    }

    async fn look(&self, names: &[Name]) -> Result<Observed, ProviderError> {
        self.desec.read(self.zone, names).await
    }

    async fn send(&self, batch: &[Unit<Vec<Value>>]) -> Ended {
        let Err(refused) = self.desec.patch(self.zone, batch).await else { return Ok(Vec::new()) };
        let blame = match refused.is_about_a_record() {
            true => self.desec.named(batch, &refused).map_or(Blame::Something, Blame::Units),
            false => Blame::Service,
        };
        Err(Refusal { error: refused.error, unknown: refused.unknown, blame })
    }
}

impl Desec {
    /// Sends `changes`; exactly one outcome for each, in order.
    pub(super) async fn send_all(&self, zone: &ZoneRef, seen: &Observed, changes: &[Change]) -> Vec<Outcome> {
        let patches = Patches { desec: self, zone };
        Hand::new(&patches, (zone, self.capabilities()), seen, changes, |_| None).write().await
    }

    async fn patch(&self, zone: &ZoneRef, batch: &[Unit<Vec<Value>>]) -> Result<(), Refused> {
        let elements: Vec<&Value> = batch.iter().flat_map(|unit| &unit.piece).collect();
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

    /// The units that the list of faults names, each with its own words. `None` where the answer is no
    /// such list.
    fn named(&self, batch: &[Unit<Vec<Value>>], refused: &Refused) -> Option<Vec<Fault>> {
        let Value::Array(faults) = refused.json() else { return None };
        let count: usize = batch.iter().map(|unit| unit.piece.len()).sum();
        if faults.len() != count || !faults.iter().all(Value::is_object) {
            return None;
        }
        let (mut bad, mut faults) = (Vec::new(), faults.into_iter());
        for (unit, held) in batch.iter().enumerate() {
            let own: Vec<Value> = faults.by_ref().take(held.piece.len()).collect();
            let Some(said) = words(&Value::from(own)) else { continue };
            let clash = said.contains("conflicting type");
            let class = if clash { ErrorClass::Conflict } else { ErrorClass::Rejected };
            let words = format!("deSEC answered 400: {}", self.rest.say(&said));
            bad.push(Fault { unit, class, words, moved: false });
        }
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
