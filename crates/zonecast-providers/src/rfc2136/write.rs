//! Writing: changes into guarded messages, and the truth about each of them afterwards.
//!
//! What belongs to one name is one unit and never torn: its prerequisites (the sets as they were
//! read), its deletions, its additions. Units are packed into messages, messages are sent several at
//! a time over one connection. A failed prerequisite is answered by reading those names again: what
//! is as wanted is done, what is as it was read goes out once more, anything else is a conflict. A
//! refused message is halved until the one bad record stands alone. What the server took is checked
//! by a message of prerequisites only, because NOERROR does not mean done.

use super::Rfc2136;
use super::read::spelled;
use super::rules::{BYTES_MAX, Found, adds_address, found, refuse};
use crate::{ErrorClass, Outcome, ProviderError, ZoneRef};
use std::collections::BTreeMap;
use zonecast_core::{Change, Name, Observed, RRset, RecordData, RecordType};
use zonecast_dns::{Connection, ConnectionError, ResponseCode, Update, UpdateAnswer};

/// Records of a message, prerequisites counted.
const RECORDS_MAX: usize = 1_500;
/// Messages unanswered at a time.
const IN_FLIGHT: usize = 4;
/// How often names are read again because they are not as they were.
const READS_AGAIN: usize = 3;

/// One call of `apply` under way.
struct Job<'a> {
    zone: &'a ZoneRef,
    changes: &'a [Change],
    seen: Observed,
    outcomes: Vec<Option<Outcome>>,
    /// Refused messages that may still be halved.
    halvings: usize,
    /// Whether a refusal was found to be about records, not about the zone.
    zone_is_open: bool,
}

/// The changes at one name, by index.
type Unit = Vec<usize>;

impl Rfc2136 {
    /// Sends `changes`; exactly one outcome for each, in order.
    pub(super) async fn write(&self, zone: &ZoneRef, seen: &Observed, changes: &[Change]) -> Vec<Outcome> {
        let outcomes = changes.iter().map(|change| refuse(zone, seen, change).map(Outcome::Failed)).collect();
        let halvings = 8 + 4 * (changes.len().max(1).ilog2() as usize + 1);
        let (seen, zone_is_open) = (seen.clone(), false);
        self.learn_types(zone, changes.iter().map(Change::rtype));
        let mut job = Job { zone, changes, seen, outcomes, halvings, zone_is_open };
        let mut connection = match self.connect(zone).await {
            Ok(connection) => connection,
            Err(error) => return job.finish(Outcome::Failed(error)),
        };
        // Addresses first: BIND refuses an MX to a name of the zone that has none yet.
        let (first, second): (Vec<Unit>, Vec<Unit>) =
            job.units().into_iter().partition(|unit| unit.iter().any(|index| adds_address(&changes[*index])));
        for units in [first, second] {
            if let Err(outcome) = self.send_units(&mut job, &mut connection, units).await {
                return job.finish(outcome);
            }
        }
        self.put_back(connection);
        let open = self.error(zone, ErrorClass::Conflict, "the zone does not stand still");
        job.finish(Outcome::Failed(open))
    }

    /// Sends units until each change has its outcome. `Err` is the outcome of all that is left.
    async fn send_units(
        &self,
        job: &mut Job<'_>,
        connection: &mut Connection,
        units: Vec<Unit>,
    ) -> Result<(), Outcome> {
        let mut groups = job.pack(units, Job::order);
        let mut reads = 0;
        while !groups.is_empty() {
            let messages: Vec<Update> = groups.iter().map(|group| job.message(group, Job::order)).collect();
            let answers = connection.update(&messages, IN_FLIGHT, job.zone.deadline).await;
            let (mut taken, mut changed, mut next) = (Vec::new(), Vec::new(), Vec::new());
            let mut given_up = None;
            for (group, answer) in groups.into_iter().zip(answers) {
                match self.judge(job.zone, answer) {
                    Verdict::Taken => taken.extend(group),
                    Verdict::NotAsRead => changed.extend(group),
                    Verdict::Refused(error) => match self.halve(job, connection, group, error).await {
                        Ok(halves) => next.extend(halves),
                        Err(outcome) => given_up = Some(outcome),
                    },
                    Verdict::Ended(outcome) => {
                        job.settle(&group, &outcome);
                        given_up = Some(outcome);
                    }
                }
            }
            self.check(job, connection, taken).await;
            if let Some(outcome) = given_up {
                return Err(not_sent(&outcome));
            }
            if !changed.is_empty() {
                reads += 1;
                if reads > READS_AGAIN {
                    let error = self.error(job.zone, ErrorClass::Conflict, "the zone does not stand still");
                    job.settle(&changed, &Outcome::Failed(error));
                } else {
                    let left = self.look_again(job, changed, false).await?;
                    next.extend(job.pack(left, Job::order));
                }
            }
            groups = next;
        }
        Ok(())
    }

    fn judge(&self, zone: &ZoneRef, answer: Result<UpdateAnswer, ConnectionError>) -> Verdict {
        let answer = match answer {
            Ok(answer) => answer,
            Err(error @ ConnectionError::NotSent { .. }) => {
                return Verdict::Ended(Outcome::Failed(self.lost(zone, &error)));
            }
            Err(error) => return Verdict::Ended(Outcome::Unknown(self.lost(zone, &error))),
        };
        let error = match answer.rcode {
            ResponseCode::NOERROR => return Verdict::Taken,
            rcode => self.refusal(zone, "the update", rcode, answer.fault.as_ref()),
        };
        match (answer.rcode, &error.class) {
            (_, ErrorClass::Conflict) => Verdict::NotAsRead,
            // The probe finds out whether it is about a record or about the whole zone. BIND answers
            // SERVFAIL for a set above its max-records-per-type, PowerDNS an unsigned REFUSED for all.
            (ResponseCode::FORMERR | ResponseCode::REFUSED | ResponseCode::SERVFAIL, _) => {
                Verdict::Refused(error)
            }
            _ => Verdict::Ended(Outcome::Failed(error)),
        }
    }

    /// What becomes of a refused message: its halves, or the end of the one record in it.
    async fn halve(
        &self,
        job: &mut Job<'_>,
        connection: &mut Connection,
        mut group: Vec<Unit>,
        mut error: ProviderError,
    ) -> Result<Vec<Vec<Unit>>, Outcome> {
        if !job.zone_is_open {
            if let Err(error) = self.probe(job.zone, connection).await {
                job.settle(&group, &Outcome::Failed(error.clone()));
                return Err(Outcome::Failed(error));
            }
            job.zone_is_open = true;
        }
        if group.len() == 1 || job.halvings == 0 {
            if error.class != ErrorClass::Transient {
                error.class = ErrorClass::Rejected;
            }
            for index in group.iter().flatten() {
                let change = &job.changes[*index];
                let mut error = error.clone();
                error.culprit = (group.len() == 1).then_some(*index);
                error.message = format!(
                    "{} {}: {}; it takes other records of this zone, so its policy or its checks are against this one \
                     (BIND: update-policy, check-names, an MX to a name without address)",
                    change.name(),
                    change.rtype(),
                    error.message
                );
                job.outcomes[*index] = Some(Outcome::Failed(error));
            }
            return Ok(Vec::new());
        }
        job.halvings -= 1;
        let right = group.split_off(group.len() / 2);
        Ok(vec![group, right])
    }

    /// Asks the server whether what it took is there now, by prerequisites alone.
    async fn check(&self, job: &mut Job<'_>, connection: &mut Connection, units: Vec<Unit>) {
        let groups = job.pack(units, Job::question);
        let messages: Vec<Update> = groups.iter().map(|group| job.message(group, Job::question)).collect();
        let answers = connection.update(&messages, IN_FLIGHT, job.zone.deadline).await;
        for (group, answer) in groups.into_iter().zip(answers) {
            match self.judge(job.zone, answer) {
                Verdict::Taken => job.settle(&group, &Outcome::Done),
                Verdict::NotAsRead => {
                    if let Err(outcome) = self.look_again(job, group.clone(), true).await {
                        job.settle(&group, &unknown(&outcome));
                    }
                }
                Verdict::Refused(error) => job.settle(&group, &Outcome::Unknown(error)),
                Verdict::Ended(outcome) => job.settle(&group, &unknown(&outcome)),
            }
        }
    }

    /// Reads the names of these units and gives outcomes; what is as it was read before is given
    /// back to be sent once more, or, when it was `sent` and taken, has been ignored by the server.
    async fn look_again(
        &self,
        job: &mut Job<'_>,
        units: Vec<Unit>,
        sent: bool,
    ) -> Result<Vec<Unit>, Outcome> {
        let names: Vec<Name> = units.iter().map(|unit| job.changes[unit[0]].name().clone()).collect();
        let now = self.read_names(job.zone, &names).await.map_err(Outcome::Failed)?;
        let mut left = Vec::new();
        for unit in units {
            let is_swap = unit.iter().any(|index| matches!(job.changes[*index], Change::Delete(_)));
            let found: Vec<Found> =
                unit.iter().map(|index| found(&now, &job.changes[*index], job.changes, &unit)).collect();
            let stuck = found.iter().find_map(|found| match found {
                Found::Changed(words) => Some((ErrorClass::Conflict, words.clone())),
                Found::Blocked(words) => Some((ErrorClass::Rejected, words.clone())),
                _ => None,
            });
            let mut open = Vec::new();
            for (index, found) in unit.iter().zip(found) {
                let (class, words) = match (found, &stuck) {
                    (Found::AsWanted, _) => {
                        job.outcomes[*index] = Some(Outcome::Done);
                        continue;
                    }
                    (Found::Changed(words), _) => (ErrorClass::Conflict, words),
                    (Found::Blocked(words), _) => (ErrorClass::Rejected, words),
                    (Found::AsBefore, Some((class, words))) if is_swap => (class.clone(), words.clone()),
                    (Found::AsBefore, _) if sent => {
                        (ErrorClass::Rejected, "the server answered NOERROR and did nothing".to_owned())
                    }
                    (Found::AsBefore, _) => {
                        open.push(*index);
                        continue;
                    }
                };
                let change = &job.changes[*index];
                let mut error =
                    self.error(job.zone, class, &format!("{} {}: {words}", change.name(), change.rtype()));
                error.culprit = Some(*index);
                job.outcomes[*index] = Some(Outcome::Failed(error));
            }
            if !open.is_empty() {
                left.push(open);
            }
        }
        // From now on these names are guarded as they were just read.
        let mut sets = std::mem::take(&mut job.seen.rrsets);
        sets.retain(|set| !names.contains(&set.name));
        sets.extend(now.rrsets);
        job.seen = Observed::new(sets);
        Ok(left)
    }
}

/// How one message ended.
enum Verdict {
    /// NOERROR.
    Taken,
    /// A prerequisite failed.
    NotAsRead,
    /// Something in it is refused.
    Refused(ProviderError),
    /// It will fare no better in parts.
    Ended(Outcome),
}

impl Job<'_> {
    /// What has no outcome yet, by name.
    fn units(&self) -> Vec<Unit> {
        let mut units: BTreeMap<&Name, Unit> = BTreeMap::new();
        for (index, change) in self.changes.iter().enumerate() {
            if self.outcomes[index].is_none() {
                units.entry(change.name()).or_default().push(index);
            }
        }
        units.into_values().collect()
    }

    /// Fills messages up to their limits.
    fn pack(&self, units: Vec<Unit>, piece: fn(&Self, &Unit) -> Update) -> Vec<Vec<Unit>> {
        let mut groups: Vec<Vec<Unit>> = Vec::new();
        let (mut bytes, mut records) = (BYTES_MAX, 0);
        for unit in units {
            let update = piece(self, &unit);
            // The first piece of a message pays for the header, too: a little room is lost.
            if bytes + update.size() > BYTES_MAX || records + update.records() > RECORDS_MAX {
                groups.push(Vec::new());
                (bytes, records) = (0, 0);
            }
            bytes += update.size();
            records += update.records();
            if let Some(group) = groups.last_mut() {
                group.push(unit);
            }
        }
        groups
    }

    fn message(&self, group: &[Unit], piece: fn(&Self, &Unit) -> Update) -> Update {
        let mut message = Update::new(self.zone.name.clone());
        group.iter().for_each(|unit| message.append(&piece(self, unit)));
        message
    }

    /// What makes one name as wanted, only if it is as it was read.
    fn order(&self, unit: &Unit) -> Update {
        let mut update = Update::new(self.zone.name.clone());
        let changes = || unit.iter().map(|index| &self.changes[*index]);
        let deletes =
            |rtype: RecordType| changes().any(|change| change.after().is_none() && change.rtype() == rtype);
        let name = self.changes[unit[0]].name();
        for change in changes() {
            match change.before() {
                Some(before) => {
                    let values = self.spelled(before);
                    update.require_exactly(name, before.rtype, values.iter().map(Vec::as_slice));
                }
                None => update.require_absent(name, change.rtype()),
            }
        }
        let brings_cname =
            changes().any(|change| change.rtype() == RecordType::CNAME && change.before().is_none());
        let alone = changes().all(|change| change.after().is_some());
        if brings_cname && alone {
            update.require_no_name(name);
        } else if !changes().any(|change| change.rtype() == RecordType::CNAME)
            && changes().any(|change| change.after().is_some())
            && !deletes(RecordType::CNAME)
        {
            update.require_absent(name, RecordType::CNAME);
        }
        for change in changes().filter(|change| change.after().is_none()) {
            update.delete_set(name, change.rtype());
        }
        for change in changes() {
            self.exchange(&mut update, change);
        }
        update
    }

    /// The values that go and come. Neighbours that stay are not in the message, unless the TTL changes.
    fn exchange(&self, update: &mut Update, change: &Change) {
        let Some(after) = change.after() else { return };
        let (name, rtype) = (&after.name, after.rtype);
        let held = self.seen.get(name, rtype).map(|set| set.ttl);
        let before = change.before();
        let ttl_stays = before.is_some_and(|before| held.unwrap_or(before.ttl) == after.ttl);
        let stays =
            |data: &RecordData| ttl_stays && before.is_some_and(|before| before.values.contains(data));
        let gone: Vec<&RecordData> = before
            .into_iter()
            .flat_map(|before| &before.values)
            .filter(|data| !after.values.contains(data))
            .collect();
        // The last NS of the apex cannot go, so the new ones come first.
        let is_apex_ns = rtype == RecordType::NS && *name == self.zone.name;
        if before.is_some() && !ttl_stays && !is_apex_ns {
            update.delete_set(name, rtype);
        } else if !is_apex_ns {
            gone.iter().for_each(|data| update.delete_value(name, rtype, &self.spell(name, data)));
        }
        for data in after.values.iter().filter(|data| !stays(data)) {
            update.add(name, rtype, after.ttl, &self.spell(name, data));
        }
        if is_apex_ns {
            gone.iter().for_each(|data| update.delete_value(name, rtype, &self.spell(name, data)));
        }
    }

    /// Whether one name is as wanted.
    fn question(&self, unit: &Unit) -> Update {
        let mut update = Update::new(self.zone.name.clone());
        for change in unit.iter().map(|index| &self.changes[*index]) {
            match change.after() {
                Some(after) => {
                    let values = self.spelled(after);
                    update.require_exactly(&after.name, after.rtype, values.iter().map(Vec::as_slice));
                }
                None => update.require_absent(change.name(), change.rtype()),
            }
        }
        update
    }

    fn spelled(&self, set: &RRset) -> Vec<Vec<u8>> {
        set.values.iter().map(|data| self.spell(&set.name, data)).collect()
    }

    /// A value as the server spells it, where it was seen there.
    fn spell(&self, name: &Name, data: &RecordData) -> Vec<u8> {
        let there = self.seen.get(name, data.rtype());
        let there = there.and_then(|set| set.values.iter().find(|value| value.data == *data));
        there.map_or_else(|| data.wire().to_vec(), spelled)
    }

    fn settle(&mut self, units: &[Unit], outcome: &Outcome) {
        for index in units.iter().flatten() {
            self.outcomes[*index] = Some(outcome.clone());
        }
    }

    fn finish(self, rest: Outcome) -> Vec<Outcome> {
        self.outcomes.into_iter().map(|outcome| outcome.unwrap_or_else(|| rest.clone())).collect()
    }
}

/// Said of what was taken and could not be looked at: it may be there.
fn unknown(outcome: &Outcome) -> Outcome {
    match outcome {
        Outcome::Failed(error) | Outcome::Unknown(error) => Outcome::Unknown(error.clone()),
        Outcome::Done => Outcome::Done,
    }
}

/// Said of what was to come after a message that failed.
fn not_sent(outcome: &Outcome) -> Outcome {
    match outcome {
        Outcome::Failed(error) | Outcome::Unknown(error) => {
            let words = format!("not sent, as the message before failed: {}", error.message);
            Outcome::Failed(ProviderError::new(error.class.clone(), words))
        }
        Outcome::Done => Outcome::Done,
    }
}
