//! Writing: change batches within the two limits, the culprits that a refusal names taken out, and
//! what was done already told from what somebody else changed.

use super::Route53;
use super::refusal::Refused;
use super::text::{name_in, value_out};
use super::wire::{Hosted, Step, change_batch, change_info};
use crate::vet::{about, clashes, is_vital, never_sent, refuse};
use crate::{ErrorClass, Outcome, Provider, ProviderError, ZoneRef};
use reqwest::Method;
use std::collections::VecDeque;
use std::time::{Duration, Instant};
use zonecast_core::{Change, Name, Observed, ObservedRRset, RRset, RecordData, RecordType};

/// Values in one batch; those of an UPSERT count twice.
const VALUES_MAX: usize = 1_000;
/// Characters of all values in one batch, counted likewise.
const CHARACTERS_MAX: usize = 32_000;
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

impl Action {
    fn weight(&self) -> (usize, usize) {
        let times = if self.word == "UPSERT" { 2 } else { 1 };
        (times * self.values.len(), times * self.values.iter().map(String::len).sum::<usize>())
    }
}

/// Changes that stand or fall together: one, or all at a name where a CNAME comes or goes.
struct Unit {
    changes: Vec<usize>,
    name: Name,
    actions: Vec<Action>,
}

struct Work<'a> {
    zone: &'a ZoneRef,
    seen: &'a Observed,
    changes: &'a [Change],
    outcomes: Vec<Option<Outcome>>,
    given_up: Option<ProviderError>,
    /// The last change that was taken.
    last: Option<String>,
}

impl Work<'_> {
    fn settle(&mut self, unit: &Unit, outcome: &Outcome) {
        for at in &unit.changes {
            self.outcomes[*at] = Some(outcome.clone());
        }
    }

    fn refuse(&mut self, unit: &Unit, class: &ErrorClass, words: &str) {
        for at in &unit.changes {
            let mut error = about(self.zone, &self.changes[*at], class.clone(), words);
            error.culprit = Some(*at);
            self.outcomes[*at] = Some(Outcome::Failed(error));
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
        let limits = self.capabilities();
        let outcomes: Vec<Option<Outcome>> =
            changes.iter().map(|change| refuse(zone, &limits, seen, change).map(Outcome::Failed)).collect();
        let open: Vec<usize> = (0..changes.len()).filter(|at| outcomes[*at].is_none()).collect();
        let mut work = Work { zone, seen, changes, outcomes, given_up: None, last: None };
        let mut queue = pack(units(zone, seen, changes, open));
        // What was refused as not being as it was read; looked at together afterwards.
        let mut doubtful: Vec<(Unit, String)> = Vec::new();
        while let Some(batch) = queue.pop_front() {
            if let Some(error) = work.given_up.clone() {
                let outcome = Outcome::Failed(never_sent(&error));
                batch.iter().for_each(|unit| work.settle(unit, &outcome));
                continue;
            }
            match self.send(zone, hosted, &batch).await {
                Ok(id) => {
                    batch.iter().for_each(|unit| work.settle(unit, &Outcome::Done));
                    work.last = Some(id);
                }
                Err(refused) if refused.error.class == ErrorClass::Rejected => {
                    let rest = take_out(&mut work, batch, &refused, &mut doubtful);
                    rest.into_iter()
                        .rev()
                        .filter(|batch| !batch.is_empty())
                        .for_each(|batch| queue.push_front(batch));
                }
                Err(refused) => {
                    let error = self.forget(zone, refused.clone());
                    let outcome = if refused.unknown {
                        Outcome::Unknown(error.clone())
                    } else {
                        Outcome::Failed(error.clone())
                    };
                    batch.iter().for_each(|unit| work.settle(unit, &outcome));
                    work.given_up = Some(error);
                }
            }
        }
        self.look_again(&mut work, hosted, doubtful).await;
        if let Some(id) = &work.last {
            self.until_in_sync(zone, id).await;
        }
        work.outcomes.into_iter().map(|outcome| outcome.unwrap_or(Outcome::Done)).collect()
    }

    async fn send(&self, zone: &ZoneRef, hosted: &Hosted, batch: &[Unit]) -> Result<String, Refused> {
        let steps = batch.iter().flat_map(|unit| {
            unit.actions.iter().map(|action| Step {
                action: action.word,
                name: &unit.name,
                rtype: action.rtype,
                ttl: action.ttl,
                values: &action.values,
            })
        });
        let path = format!("/hostedzone/{}/rrset/", hosted.id);
        let xml = self.ask(zone, Method::POST, &path, &[], Some(change_batch(steps))).await?;
        change_info(&xml).map(|(id, _)| id).ok_or_else(|| Refused::unreadable(zone, true))
    }

    /// Done already, or changed by somebody else: one read tells.
    async fn look_again(&self, work: &mut Work<'_>, hosted: &Hosted, doubtful: Vec<(Unit, String)>) {
        if doubtful.is_empty() {
            return;
        }
        let names: Vec<Name> = doubtful.iter().map(|(unit, _)| unit.name.clone()).collect();
        let now = match self.read_names(work.zone, hosted, &names).await {
            Ok(now) => now,
            Err(error) => {
                let outcome = Outcome::Failed(error);
                doubtful.iter().for_each(|(unit, _)| work.settle(unit, &outcome));
                return;
            }
        };
        for (unit, words) in doubtful {
            let done = unit.changes.iter().all(|at| is_done(&now, &work.changes[*at]));
            match done {
                true => work.settle(&unit, &Outcome::Done),
                false => work.refuse(&unit, &ErrorClass::Conflict, &words),
            }
        }
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

/// Whether a change is what is there now.
fn is_done(now: &Observed, change: &Change) -> bool {
    let held = now.get(change.name(), change.rtype());
    match (change.after(), held) {
        (None, None) => true,
        (Some(after), Some(held)) if !held.opaque && held.ttl == after.ttl => {
            let mut values: Vec<_> = held.values.iter().map(|value| value.data.clone()).collect();
            values.sort_unstable();
            values == after.values
        }
        _ => false,
    }
}

fn units(zone: &ZoneRef, seen: &Observed, changes: &[Change], mut open: Vec<usize>) -> Vec<Unit> {
    open.sort_by(|a, b| changes[*a].name().cmp(changes[*b].name()));
    let mut units = Vec::with_capacity(open.len());
    for chunk in open.chunk_by(|a, b| changes[*a].name() == changes[*b].name()) {
        let swap = chunk.len() > 1 && chunk.iter().any(|at| changes[*at].rtype() == RecordType::CNAME);
        let groups: Vec<Vec<usize>> =
            if swap { vec![chunk.to_vec()] } else { chunk.iter().map(|at| vec![*at]).collect() };
        for group in groups {
            let mut actions: Vec<Action> =
                group.iter().flat_map(|at| actions(zone, seen, &changes[*at])).collect();
            // What gives way goes first; nobody sees the moment between.
            actions.sort_by_key(|action| action.word != "DELETE");
            units.push(Unit { name: changes[group[0]].name().clone(), changes: group, actions });
        }
    }
    units
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

/// Fills batches up to both limits.
fn pack(units: Vec<Unit>) -> VecDeque<Vec<Unit>> {
    let mut batches: VecDeque<Vec<Unit>> = VecDeque::new();
    let (mut values, mut characters) = (0, 0);
    for unit in units {
        let (more, longer) = unit
            .actions
            .iter()
            .map(Action::weight)
            .fold((0, 0), |sum, weight| (sum.0 + weight.0, sum.1 + weight.1));
        match batches.back_mut() {
            Some(batch) if values + more <= VALUES_MAX && characters + longer <= CHARACTERS_MAX => {
                batch.push(unit)
            }
            _ => {
                (values, characters) = (0, 0);
                batches.push_back(vec![unit]);
            }
        }
        values += more;
        characters += longer;
    }
    batches
}

/// Settles the units that a refusal names; gives what is to be sent again. Where it names nobody the
/// batch is halved, and a unit alone is the culprit.
fn take_out(
    work: &mut Work<'_>,
    batch: Vec<Unit>,
    refused: &Refused,
    doubtful: &mut Vec<(Unit, String)>,
) -> Vec<Vec<Unit>> {
    let sent = batch.len();
    let alone = sent == 1;
    let faults = faults(&refused.said);
    let mut rest = Vec::with_capacity(batch.len());
    for unit in batch {
        let own: Vec<&Fault> = faults.iter().filter(|fault| fault.is_about(&unit)).collect();
        if own.is_empty() && !alone {
            rest.push(unit);
            continue;
        }
        let words = match own.is_empty() {
            true => refused.error.message.clone(),
            false => {
                let said: Vec<&str> = own.iter().map(|fault| fault.words).collect();
                format!("Route 53 answered {}: {}", refused.code, said.join(", "))
            }
        };
        let together: Vec<&Change> = unit.changes.iter().map(|at| &work.changes[*at]).collect();
        let known = together.iter().any(|change| clashes(work.seen, change, &together));
        let not_as_read = |said: &str| {
            ["already exists", "was not found", "do not match the current", "conflict"]
                .iter()
                .any(|sign| said.contains(sign))
        };
        let moved = if own.is_empty() {
            not_as_read(&refused.said)
        } else {
            own.iter().all(|fault| not_as_read(fault.words))
        };
        match moved && !known {
            true => doubtful.push((unit, words)),
            false => work.refuse(&unit, &ErrorClass::Rejected, &words),
        }
    }
    if rest.len() < sent {
        // Something left the batch: the rest makes progress as a whole.
        return vec![rest];
    }
    let right = rest.split_off(rest.len() / 2);
    vec![rest, right]
}

/// One bracketed fault of a refusal.
struct Fault<'a> {
    words: &'a str,
    name: Option<Name>,
    rtype: Option<RecordType>,
}

impl Fault<'_> {
    fn is_about(&self, unit: &Unit) -> bool {
        let same_type = |rtype| unit.actions.iter().any(|action| action.rtype == rtype);
        self.name.as_ref() == Some(&unit.name) && self.rtype.is_none_or(same_type)
    }
}

/// The faults of a sentence: `[Tried to create resource record set [name='x.', type='A'] but it
/// already exists, RRSet of type CNAME with DNS name x. is not permitted as ...]`.
fn faults(said: &str) -> Vec<Fault<'_>> {
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
            Fault { words, name: name_of(words), rtype: type_of(words) }
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
        let found: Vec<(String, Option<RecordType>)> = faults(said)
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
            faults("[Invalid Resource Record: 'FATAL problem: ARRDATAIllegalIPv4Address']")[0].name.is_none()
        );
    }
}
