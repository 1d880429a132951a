//! Writing: change batches within the two limits, and the culprits that a refusal names.

use super::Route53;
use super::refusal::Refused;
use super::text::{name_in, value_out};
use super::wire::{Hosted, Step, change_batch, change_info};
use crate::hand::{Blame, Ended, Fault, Hand, Refusal, Service, Unit};
use crate::vet::is_vital;
use crate::{ErrorClass, Outcome, Provider, ProviderError, ZoneRef};
use async_trait::async_trait;
use reqwest::Method;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};
use zonecast_core::{Change, Name, Observed, ObservedRRset, RRset, RecordData, RecordType};

/// Values in one batch, and characters of all of them; those of an UPSERT count twice.
const ROOM: [usize; 2] = [1_000, 32_000];
/// How long a write waits at most until all servers have it.
const SYNC_MAX: Duration = Duration::from_secs(20);
/// What is left of the deadline for others when waiting ends.
const SPARE: Duration = Duration::from_secs(5);

/// One action on one set.
struct Action {
    word: &'static str,
    rtype: RecordType,
    ttl: u32,
    values: Vec<String>,
}

/// What is done at one name.
struct Actions {
    name: Name,
    list: Vec<Action>,
}

/// One write.
struct Batches<'a> {
    service: &'a Route53,
    zone: &'a ZoneRef,
    hosted: &'a Hosted,
    /// The last change that was taken.
    last: Mutex<Option<String>>,
}

#[async_trait]
impl Service for Batches<'_> {
    type Piece = Actions;

    fn piece(&self, seen: &Observed, together: &[&Change]) -> Result<Actions, String> {
        let mut list: Vec<Action> =
            together.iter().flat_map(|change| actions(self.zone, seen, change)).collect();
        // What gives way goes first; nobody sees the moment between.
        list.sort_by_key(|action| action.word != "DELETE");
        Ok(Actions { name: together[0].name().clone(), list })
    }

    fn weight(&self, actions: &Actions) -> [usize; 2] {
        actions.list.iter().fold([0, 0], |sum, action| {
            let times = if action.word == "UPSERT" { 2 } else { 1 };
            let characters: usize = action.values.iter().map(String::len).sum();
            [sum[0] + times * action.values.len(), sum[1] + times * characters]
        })
    }

    fn room(&self) -> [usize; 2] {
        ROOM
    }

    async fn look(&self, names: &[Name]) -> Result<Observed, ProviderError> {
        self.service.read_names(self.zone, self.hosted, names).await
    }

    async fn send(&self, batch: &[Unit<Actions>]) -> Ended {
        let steps = batch.iter().flat_map(|unit| {
            unit.piece.list.iter().map(|action| Step {
                action: action.word,
                name: &unit.piece.name,
                rtype: action.rtype,
                ttl: action.ttl,
                values: &action.values,
            })
        });
        let path = format!("/hostedzone/{}/rrset/", self.hosted.id);
        let sent = self.service.ask(self.zone, Method::POST, &path, &[], Some(change_batch(steps))).await;
        let read = |xml: String| change_info(&xml).ok_or_else(|| Refused::unreadable(self.zone, true));
        match sent.and_then(read) {
            Ok((id, _)) => {
                *self.last.lock().unwrap_or_else(PoisonError::into_inner) = Some(id);
                Ok(Vec::new())
            }
            Err(refused) if refused.error.class == ErrorClass::Rejected => Err(blame(batch, refused)),
            Err(refused) => {
                let unknown = refused.unknown;
                let error = self.service.forget(self.zone, refused);
                Err(Refusal { error, unknown, blame: Blame::Service })
            }
        }
    }
}

impl Route53 {
    /// Sends `changes`; exactly one outcome for each, in order.
    pub(super) async fn write(
        &self,
        zone: &ZoneRef,
        hosted: &Hosted,
        seen: &Observed,
        changes: &[Change],
    ) -> Vec<Outcome> {
        let batches = Batches { service: self, zone, hosted, last: Mutex::default() };
        let outcomes =
            Hand::new(&batches, (zone, self.capabilities()), seen, changes, |_| None).write().await;
        if let Some(id) = batches.last.into_inner().unwrap_or_else(PoisonError::into_inner) {
            self.until_in_sync(zone, &id).await;
        }
        outcomes
    }

    /// Waits until all of Route 53's servers have a change, so that verification does not look too
    /// early. What it finds changes no outcome: the change is made, and a key may lack GetChange.
    async fn until_in_sync(&self, zone: &ZoneRef, id: &str) {
        let end = (Instant::now() + SYNC_MAX).min(zone.deadline.checked_sub(SPARE).unwrap_or(zone.deadline));
        let mut pause = Duration::from_millis(500);
        loop {
            match self.ask(zone, Method::GET, &format!("/change/{id}"), &[], None).await {
                Ok(xml) if change_info(&xml).is_some_and(|(_, in_sync)| !in_sync) => {}
                Ok(_) => return,
                Err(refused) => {
                    tracing::debug!(zone = %zone.name, provider = "route53", "{}", refused.error);
                    return;
                }
            }
            if Instant::now() + pause > end {
                return;
            }
            tokio::time::sleep(pause).await;
            pause = (pause * 2).min(Duration::from_secs(8));
        }
    }

    /// Removes all that is in the way of deleting the zone.
    pub(super) async fn empty(&self, zone: &ZoneRef, hosted: &Hosted) -> Result<(), ProviderError> {
        let all = self.list(zone).await?;
        let plain = |set: &ObservedRRset| {
            let values = set.values.iter().map(|value| value.data.clone()).collect();
            RRset { name: set.name.clone(), rtype: set.rtype, ttl: set.ttl, values }
        };
        let inner = all.rrsets.iter().filter(|set| !is_vital(zone, &set.name, set.rtype));
        let changes: Vec<Change> = inner.map(|set| Change::Delete(plain(set))).collect();
        for outcome in self.write(zone, hosted, &all, &changes).await {
            match outcome {
                Outcome::Done => {}
                Outcome::Failed(error) | Outcome::Unknown(error) => return Err(error),
            }
        }
        Ok(())
    }
}

/// What a change asks for: the set as it was read goes, the set as it shall be comes.
fn actions(zone: &ZoneRef, seen: &Observed, change: &Change) -> Vec<Action> {
    let present = seen.get(change.name(), change.rtype());
    let spell = |set: &RRset| -> Vec<String> {
        let spelled = |data: &RecordData| {
            let held = present.and_then(|held| held.values.iter().find(|value| value.data == *data));
            held.and_then(|value| value.raw.as_deref()).map_or_else(|| value_out(data), str::to_owned)
        };
        set.values.iter().map(spelled).collect()
    };
    let action =
        |word, set: &RRset| Action { word, rtype: set.rtype, ttl: set.ttl.seconds(), values: spell(set) };
    match change {
        Change::Create(set) => vec![action("CREATE", set)],
        Change::Delete(set) => vec![action("DELETE", set)],
        Change::Replace { new, .. } if is_vital(zone, &new.name, new.rtype) => vec![action("UPSERT", new)],
        Change::Replace { old, new } => vec![action("DELETE", old), action("CREATE", new)],
    }
}

/// What a refused batch says of its units. A fault that names nobody may be about any of them.
fn blame(batch: &[Unit<Actions>], refused: Refused) -> Refusal {
    let moved = |said: &str| {
        let signs = ["already exists", "was not found", "do not match the current", "conflict"];
        signs.iter().any(|sign| said.contains(sign))
    };
    let said = said_faults(&refused.said);
    let mut faults = Vec::new();
    for (unit, held) in batch.iter().enumerate() {
        let own: Vec<&str> =
            said.iter().filter(|fault| fault.is_about(&held.piece)).map(|f| f.words).collect();
        if !own.is_empty() {
            let words = format!("Route 53 answered {}: {}", refused.code, own.join(", "));
            let moved = own.iter().all(|words| moved(words));
            faults.push(Fault { unit, class: ErrorClass::Rejected, words, moved });
        }
    }
    if faults.is_empty() && batch.len() == 1 && moved(&refused.said) {
        let words = refused.error.message.clone();
        faults.push(Fault { unit: 0, class: ErrorClass::Rejected, words, moved: true });
    }
    let blame = if faults.is_empty() { Blame::Something } else { Blame::Units(faults) };
    Refusal { error: refused.error, unknown: false, blame }
}

/// One bracketed fault of a refusal.
struct Said<'a> {
    words: &'a str,
    name: Option<Name>,
    rtype: Option<RecordType>,
}

impl Said<'_> {
    fn is_about(&self, actions: &Actions) -> bool {
        let same_type = |rtype| actions.list.iter().any(|action| action.rtype == rtype);
        self.name.as_ref() == Some(&actions.name) && self.rtype.is_none_or(same_type)
    }
}

/// The faults of a sentence: `[Tried to create resource record set [name='x.', type='A'] but it
/// already exists, RRSet of type CNAME with DNS name x. is not permitted as ...]`.
fn said_faults(said: &str) -> Vec<Said<'_>> {
    let mut starts: Vec<usize> =
        ["Tried to ", "RRSet ", "Invalid Resource Record", "InvalidRRSet", "Duplicate Resource Record"]
            .iter()
            .flat_map(|sign| said.match_indices(sign).map(|(at, _)| at))
            .collect();
    starts.sort_unstable();
    // `a conflicting RRSet of type CNAME` is the middle of a fault, not its beginning.
    starts.retain(|at| !said[..*at].ends_with("conflicting "));
    let ends = starts.iter().skip(1).copied().chain([said.len()]);
    starts
        .iter()
        .zip(ends)
        .map(|(start, end)| {
            let words = said[*start..end].trim_end_matches(['[', ']', ',', ' ']);
            Said { words, name: name_of(words), rtype: type_of(words) }
        })
        .collect()
}

fn name_of(words: &str) -> Option<Name> {
    let quoted = words.split_once("name='").and_then(|(_, rest)| rest.split_once('\''));
    let plain = words.split_once("DNS name ").map(|(_, rest)| rest.split([' ', ',']).next().unwrap_or(rest));
    name_in(quoted.map(|(name, _)| name).or(plain)?)
}

fn type_of(words: &str) -> Option<RecordType> {
    let quoted = words.split_once("type='").and_then(|(_, rest)| rest.split_once('\''));
    let plain = words.split_once("RRSet of type ").and_then(|(_, rest)| rest.split(' ').next());
    quoted.map(|(rtype, _)| rtype).or(plain)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_names_its_faults() {
        let said = "[Tried to create resource record set [name='\\052.x.example.org.', type='A'] but it already exists, \
                    Tried to delete resource record set [name='b.example.org.', type='TXT'] but the values provided do not match the current values, \
                    RRSet of type CNAME with DNS name c.example.org. is not permitted as it conflicts with other records with the same DNS name in zone example.org., \
                    RRSet of type A with DNS name d.example.org. is not permitted because a conflicting RRSet of type CNAME with the same DNS name already exists in zone example.org., \
                    RRSet with DNS name e.example.net. is not permitted in zone example.org.]";
        let found: Vec<(String, Option<RecordType>)> = said_faults(said)
            .iter()
            .map(|fault| (fault.name.as_ref().unwrap().to_string(), fault.rtype))
            .collect();
        let expected = [
            ("*.x.example.org", Some(RecordType::A)),
            ("b.example.org", Some(RecordType::TXT)),
            ("c.example.org", Some(RecordType::CNAME)),
            ("d.example.org", Some(RecordType::A)),
            ("e.example.net", None),
        ];
        assert_eq!(found, expected.map(|(name, rtype)| (name.to_owned(), rtype)));
        assert!(
            said_faults("[Invalid Resource Record: 'FATAL problem: ARRDATAIllegalIPv4Address']")[0]
                .name
                .is_none()
        );
    }
}
