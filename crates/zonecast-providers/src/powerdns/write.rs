//! Writing: changes into PATCHes that are as few and as large as the server takes, and the one bad
//! record out of a refused PATCH.
//!
//! A PATCH is one transaction: all of it or nothing. Its cost is that of the zone, not of the change,
//! so there should be few. Up to 5,000 RRsets and 1.4 MB go into one (the server's own limit is
//! 2 MB by default, and it answers a plain 400 above it).

use super::PowerDns;
use super::wire::{Element, Escapes, ZoneInfo, escape_probe, escapes_of, to_wire};
use crate::{ErrorClass, Outcome, ProviderError, ZoneRef};
use reqwest::Method;
use std::collections::VecDeque;
use zonecast_core::{Change, Name, Observed, RecordType};

const RRSETS_MAX: usize = 5_000;
const BODY_MAX: usize = 1_400_000;

/// One change on its way.
struct Entry {
    index: usize,
    element: Element,
    /// `name. TYPE` as the server's refusals spell it.
    key: (String, String),
}

/// The changes at one name, which never go into different PATCHes.
struct Unit {
    entries: Vec<Entry>,
    /// One type gives way to another: all of it or nothing, or the name would lose its answer.
    swap: bool,
}

/// How one PATCH ended.
enum Ended {
    Done,
    /// The server read it and took nothing of it.
    Refused(ProviderError),
    /// It will fare no better in parts.
    Failed(Outcome),
}

impl PowerDns {
    /// Sends `changes`; exactly one outcome for each, in order.
    pub(super) async fn write(
        &self,
        zone: &ZoneRef,
        info: &ZoneInfo,
        seen: &Observed,
        changes: &[Change],
    ) -> Vec<Outcome> {
        let mut outcomes: Vec<Option<Outcome>> =
            changes.iter().map(|change| refuse(zone, seen, change).map(Outcome::Failed)).collect();
        let mut all = units(seen, changes, &outcomes, Escapes::Once);
        if all.iter().flat_map(|unit| &unit.entries).any(|entry| entry.element.has_escapes()) {
            match self.escapes(zone, info).await {
                Ok(Escapes::Once) => {}
                Ok(Escapes::Twice) => all = units(seen, changes, &outcomes, Escapes::Twice),
                Err(outcome) => {
                    settle(&all, &mut outcomes, outcome);
                    all.clear();
                }
            }
        }
        let mut queue = pack(all);
        let mut given_up: Option<ProviderError> = None;
        while let Some(mut units) = queue.pop_front() {
            if let Some(error) = &given_up {
                settle(&units, &mut outcomes, Outcome::Failed(never_sent(error)));
                continue;
            }
            match self.patch(zone, info, &units).await {
                Ended::Done => settle(&units, &mut outcomes, Outcome::Done),
                Ended::Refused(error) => {
                    if take_out_culprit(&mut units, &error, &mut outcomes) {
                        if !units.is_empty() {
                            queue.push_front(units);
                        }
                    } else if units.len() == 1 {
                        settle(&units, &mut outcomes, Outcome::Failed(error));
                    } else {
                        let right = units.split_off(units.len() / 2);
                        queue.push_front(right);
                        queue.push_front(units);
                    }
                }
                Ended::Failed(outcome) => {
                    if let Outcome::Failed(error) | Outcome::Unknown(error) = &outcome {
                        given_up = Some(error.clone());
                    }
                    settle(&units, &mut outcomes, outcome);
                }
            }
        }
        outcomes.into_iter().map(|outcome| outcome.unwrap_or(Outcome::Done)).collect()
    }

    /// How this server reads escapes. Asked anew by every write that has some: a server may be upgraded
    /// at any time, and what it got wrong would look right to it.
    async fn escapes(&self, zone: &ZoneRef, info: &ZoneInfo) -> Result<Escapes, Outcome> {
        let request = self.call(Method::PATCH, &self.zone_path(zone, info)).body(escape_probe(&zone.name));
        let answer = match self.http.send(request, zone.deadline).await {
            Ok(answer) => answer,
            // Nothing was asked for that could have been done.
            Err(failure) => return Err(Outcome::Failed(super::about(zone, failure.error))),
        };
        let error = self.refusal(zone, &answer);
        match answer.status.as_u16() {
            422 if error.class == ErrorClass::Rejected => Ok(escapes_of(&error.message)),
            _ => Err(Outcome::Failed(error)),
        }
    }

    async fn patch(&self, zone: &ZoneRef, info: &ZoneInfo, units: &[Unit]) -> Ended {
        let mut body = String::from("{\"rrsets\":[");
        // What gives way goes first; in one PATCH nobody sees the moment between.
        for is_delete in [true, false] {
            for entry in units.iter().flat_map(|unit| &unit.entries) {
                if entry.element.is_delete == is_delete {
                    if !body.ends_with('[') {
                        body.push(',');
                    }
                    body.push_str(&entry.element.json);
                }
            }
        }
        body.push_str("]}");
        let request = self.call(Method::PATCH, &self.zone_path(zone, info)).body(body);
        let answer = match self.http.send(request, zone.deadline).await {
            Ok(answer) => answer,
            Err(mut failure) => {
                failure.error = super::about(zone, failure.error);
                return Ended::Failed(failure.into_outcome());
            }
        };
        if answer.status.as_u16() == 204 {
            return Ended::Done;
        }
        let mut error = self.refusal(zone, &answer);
        if answer.status.is_success() {
            error.message.push_str(" (a write is answered with 204)");
            return Ended::Failed(Outcome::Unknown(error));
        }
        match answer.status.as_u16() {
            // 400 without a reason is also how a body beyond webserver-max-bodysize is answered.
            400 | 413 if units.len() == 1 => {
                error.message.push_str("; a set this large may need a higher webserver-max-bodysize");
                Ended::Refused(error)
            }
            400 | 413 => Ended::Refused(error),
            422 if error.class == ErrorClass::Rejected => Ended::Refused(error),
            // A proxy answered for the server, which may be at it still.
            502 | 504 => Ended::Failed(Outcome::Unknown(error)),
            _ => Ended::Failed(Outcome::Failed(error)),
        }
    }
}

/// What is refused before anything is sent.
fn refuse(zone: &ZoneRef, seen: &Observed, change: &Change) -> Option<ProviderError> {
    let (name, rtype) = (change.name(), change.rtype());
    let reason = if !name.is_within(&zone.name) {
        format!("the name is not within {}", zone.name)
    } else if rtype.is_dnssec_made() {
        "a signer makes these records".to_owned()
    } else if matches!(change, Change::Delete(_)) && *name == zone.name && is_vital(rtype) {
        format!("a zone without its {rtype} does not answer any more")
    } else if change.after().is_some_and(|set| set.values.is_empty()) {
        "the set has no values".to_owned()
    } else if seen.get(name, rtype).is_some_and(|set| set.opaque) {
        "what is there cannot be written back unaltered".to_owned()
    } else {
        return None;
    };
    Some(ProviderError::new(ErrorClass::Rejected, format!("{name} {rtype} in {}: {reason}", zone.name)))
}

fn is_vital(rtype: RecordType) -> bool {
    matches!(rtype, RecordType::SOA | RecordType::NS)
}

/// Groups what is still to be sent by name.
fn units(seen: &Observed, changes: &[Change], outcomes: &[Option<Outcome>], escapes: Escapes) -> Vec<Unit> {
    let mut order: Vec<usize> = (0..changes.len()).filter(|index| outcomes[*index].is_none()).collect();
    order.sort_by(|a, b| changes[*a].name().cmp(changes[*b].name()));
    let mut units: Vec<Unit> = Vec::with_capacity(order.len());
    let mut last: Option<&Name> = None;
    for index in order {
        let change = &changes[index];
        let element = to_wire(change, seen.get(change.name(), change.rtype()), escapes);
        let key = (change.name().absolute(), change.rtype().to_string());
        let entry = Entry { index, element, key };
        match units.last_mut() {
            Some(unit) if last == Some(change.name()) => unit.entries.push(entry),
            _ => units.push(Unit { entries: vec![entry], swap: false }),
        }
        last = Some(change.name());
    }
    for unit in &mut units {
        let deletes = unit.entries.iter().filter(|entry| entry.element.is_delete).count();
        unit.swap = deletes > 0 && deletes < unit.entries.len();
    }
    units
}

/// Fills PATCHes up to their limits.
fn pack(units: Vec<Unit>) -> VecDeque<Vec<Unit>> {
    let mut batches = VecDeque::new();
    let mut batch: Vec<Unit> = Vec::new();
    let (mut rrsets, mut bytes) = (0, 0);
    for unit in units {
        let size: usize = unit.entries.iter().map(|entry| entry.element.json.len() + 1).sum();
        let full = rrsets + unit.entries.len() > RRSETS_MAX || bytes + size > BODY_MAX;
        if full && !batch.is_empty() {
            batches.push_back(std::mem::take(&mut batch));
            (rrsets, bytes) = (0, 0);
        }
        rrsets += unit.entries.len();
        bytes += size;
        batch.push(unit);
    }
    if !batch.is_empty() {
        batches.push_back(batch);
    }
    batches
}

fn settle(units: &[Unit], outcomes: &mut [Option<Outcome>], outcome: Outcome) {
    for entry in units.iter().flat_map(|unit| &unit.entries) {
        outcomes[entry.index] = Some(outcome.clone());
    }
}

fn never_sent(error: &ProviderError) -> ProviderError {
    ProviderError::new(error.class.clone(), format!("not sent, as the call before failed: {}", error.message))
}

/// Finds the change a refusal names, gives it its outcome and takes it out of the batch; a swap goes
/// as a whole. `false` where the words name nobody we know.
fn take_out_culprit(units: &mut Vec<Unit>, error: &ProviderError, outcomes: &mut [Option<Outcome>]) -> bool {
    let Some((name, rtype)) = named_in(&error.message) else { return false };
    let is_it = |entry: &Entry| entry.key.0.eq_ignore_ascii_case(name) && entry.key.1 == rtype;
    let Some(at) = units.iter().position(|unit| unit.entries.iter().any(is_it)) else { return false };
    let unit = &mut units[at];
    let Some(found) = unit.entries.iter().position(is_it) else { return false };
    let culprit = unit.entries[found].index;
    let failed = |own: bool| {
        let mut error = error.clone();
        error.culprit = Some(culprit);
        if !own {
            error.message =
                format!("not written, as it goes together with {name} {rtype}: {}", error.message);
        }
        Some(Outcome::Failed(error))
    };
    outcomes[culprit] = failed(true);
    unit.entries.remove(found);
    if unit.swap {
        for entry in unit.entries.drain(..) {
            outcomes[entry.index] = failed(false);
        }
    }
    if unit.entries.is_empty() {
        units.remove(at);
    }
    true
}

/// The RRset a refusal speaks of: `RRset b.example. IN CNAME: ...`, `Duplicate record in RRset
/// a.example. IN A with ...`, `Record b.example./A '192.0.2.300': ...` (4.7 to 5.1).
fn named_in(words: &str) -> Option<(&str, &str)> {
    if let Some((_, rest)) = words.split_once("RRset ")
        && let Some((name, rest)) = rest.split_once(" IN ")
        && !name.contains(' ')
    {
        return Some((name, rest.split([':', ' ']).next()?));
    }
    let (_, rest) = words.split_once("Record ")?;
    let (key, _) = rest.split_once(' ')?;
    key.rsplit_once('/')
}

/// Whether these changes may add or remove an empty non-terminal or a delegation, which PowerDNS
/// knows only after a rectify.
pub(super) fn needs_rectify(zone: &Name, changes: &[Change], outcomes: &[Outcome]) -> bool {
    changes.iter().zip(outcomes).filter(|(_, outcome)| **outcome == Outcome::Done).any(|(change, _)| {
        let appears = !matches!(change, Change::Replace { .. });
        let deep = change.name().label_count() > zone.label_count() + 1;
        appears && (deep || (change.rtype() == RecordType::NS && change.name() != zone))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refusals_name_their_rrset() {
        for (words, name, rtype) in [
            ("RRset b.example.org. IN CNAME: Conflicts with pre-existing RRset", "b.example.org.", "CNAME"),
            ("RRset c.example.org. IN CNAME has more than one record", "c.example.org.", "CNAME"),
            (
                "Duplicate record in RRset a.example.org. IN A with content \"192.0.2.1\"",
                "a.example.org.",
                "A",
            ),
            ("Record b.example.org./A '192.0.2.300': Parsing record content", "b.example.org.", "A"),
            ("Record 1.0/25.2.0.192.in-addr.arpa./PTR 'x': y", "1.0/25.2.0.192.in-addr.arpa.", "PTR"),
        ] {
            let words = format!("PowerDNS answered 422: {words}");
            assert_eq!(named_in(&words), Some((name, rtype)), "{words}");
        }
        assert_eq!(named_in("PowerDNS answered 400: Bad Request"), None);
    }
}
