//! The hand that writes for every service that takes several changes in one call.
//!
//! It groups changes that stand or fall together, fills calls up to the service's room, and knows what
//! to do when one ends badly: the units that a refusal names are taken out, where it names none the
//! call is halved (2 log2 n + 1 calls for one culprit); what is not as it was read is looked at again
//! and planned from what is there now; what the rest would meet as well stops the rest. Every change
//! has exactly one outcome in the end, by name and in the service's words.
//!
//! A [`Service`] says the rest: how changes are spelled there, what one call can carry, how a refusal
//! reads. `vet` says what is refused before anything is sent.

use crate::vet::{about, clashes, never_sent, refuse};
use crate::{ErrorClass, Outcome, ProviderError, ZoneRef};
use async_trait::async_trait;
use std::collections::VecDeque;
use zonecast_core::{Capabilities, Change, Guard, Name, Observed, RRset, RecordData, RecordType};

/// How often what is not as it was read is looked at.
const LOOKS: usize = 3;

/// Changes that stand or fall together: one, or all at a name where one type gives way to another.
pub(crate) struct Unit<P> {
    /// Their places in the call.
    pub(crate) changes: Vec<usize>,
    /// What they are to the service.
    pub(crate) piece: P,
    /// Planned from what was read within this very call.
    pub(crate) looked: bool,
}

/// A call that was not taken, or not surely.
pub(crate) struct Refusal {
    pub(crate) error: ProviderError,
    /// The write may have happened.
    pub(crate) unknown: bool,
    pub(crate) blame: Blame,
}

/// What a refusal is about.
pub(crate) enum Blame {
    /// The rest would meet it as well: nothing more is sent.
    Service,
    /// Something in the call; the service does not say what.
    Something,
    /// These units; nothing of the call was done.
    Units(Vec<Fault>),
    /// What stands there is not what was read, somewhere in the call.
    Moved,
    /// The service takes less in one call than was thought.
    Smaller,
}

impl Blame {
    /// The unit that a refusal names, if it names one.
    pub(crate) fn of(unit: Option<usize>, error: &ProviderError) -> Blame {
        let (class, words) = (error.class.clone(), error.message.clone());
        unit.map_or(Blame::Something, |unit| Blame::Units(vec![Fault { unit, class, words, moved: false }]))
    }
}

/// What a refusal says of one unit.
pub(crate) struct Fault {
    /// Its place in the batch.
    pub(crate) unit: usize,
    pub(crate) class: ErrorClass,
    pub(crate) words: String,
    /// Only that it is not as it was read.
    pub(crate) moved: bool,
}

/// How a call ended; of those that were taken, the units that are not there as wanted all the same.
pub(crate) type Ended = Result<Vec<usize>, Refusal>;

/// One write on its way to a service.
#[async_trait]
pub(crate) trait Service: Sync {
    /// What a unit is to the service.
    type Piece: Send + Sync;

    /// Spells changes that stand or fall together; what stands there is in `seen`. `Err` says why not.
    fn piece(&self, seen: &Observed, together: &[&Change]) -> Result<Self::Piece, String>;

    /// Whether `seen` says enough to spell them; else it is looked first.
    fn knows(&self, _seen: &Observed, _together: &[&Change]) -> bool {
        true
    }

    /// What a piece takes of a call's room; nothing where there is nothing to do.
    fn weight(&self, piece: &Self::Piece) -> [usize; 2];

    /// What one call can carry. A unit beyond it is alone in its call.
    fn room(&self) -> [usize; 2];

    /// What stands at these names now.
    async fn look(&self, names: &[Name]) -> Result<Observed, ProviderError>;

    /// Sends one call.
    async fn send(&self, batch: &[Unit<Self::Piece>]) -> Ended;

    /// Sends calls, as many at a time as the service likes; may end early after trouble of the service.
    async fn send_all(&self, batches: &[Vec<Unit<Self::Piece>>]) -> Vec<Ended> {
        let mut ended = Vec::with_capacity(batches.len());
        for batch in batches {
            ended.push(self.send(batch).await);
            if let Some(Err(Refusal { blame: Blame::Service, .. })) = ended.last() {
                break;
            }
        }
        ended
    }
}

/// A unit to be looked at: what the service said of it, and whether it took it.
struct Doubt<P> {
    unit: Unit<P>,
    words: Option<String>,
    taken: bool,
}

/// The changes of one call and what became of them.
pub(crate) struct Hand<'a, S: Service> {
    service: &'a S,
    zone: &'a ZoneRef,
    limits: Capabilities,
    seen: &'a Observed,
    changes: &'a [Change],
    outcomes: Vec<Option<Outcome>>,
    halvings: usize,
    given_up: Option<ProviderError>,
}

impl<'a, S: Service> Hand<'a, S> {
    /// Begins; what no service is asked to do has its outcome already, and so has what `own` refuses.
    pub(crate) fn new(
        service: &'a S,
        (zone, limits): (&'a ZoneRef, Capabilities),
        seen: &'a Observed,
        changes: &'a [Change],
        mut own: impl FnMut(&Change) -> Option<ProviderError>,
    ) -> Hand<'a, S> {
        let vet = |change: &Change| {
            let error = refuse(zone, &limits, seen, change).or_else(|| own(change));
            error.map(Outcome::Failed)
        };
        let outcomes: Vec<Option<Outcome>> = changes.iter().map(vet).collect();
        let halvings = 8 + 4 * (changes.len().max(1).ilog2() as usize + 1);
        Hand { service, zone, limits, seen, changes, outcomes, halvings, given_up: None }
    }

    /// Sends everything; exactly one outcome for each change, in order.
    pub(crate) async fn write(mut self) -> Vec<Outcome> {
        self.write_those(|_| true).await;
        self.outcomes.into_iter().map(|outcome| outcome.unwrap_or(Outcome::Done)).collect()
    }

    /// Sends the units that have a change like this and no outcome yet.
    pub(crate) async fn write_those(&mut self, which: impl Fn(&Change) -> bool) {
        let (mut ready, mut doubtful) = (Vec::new(), Vec::new());
        for group in groups(self.changes, &self.outcomes) {
            let together = self.together(&group);
            if !together.iter().any(|change| which(change)) {
                continue;
            }
            let knows = self.service.knows(self.seen, &together);
            let Some(unit) = self.plan(self.seen, group, false) else { continue };
            match knows {
                true => ready.push(unit),
                false => doubtful.push(Doubt { unit, words: None, taken: false }),
            }
        }
        for looks in 0.. {
            self.send_all(self.pack(ready), &mut doubtful).await;
            let left = std::mem::take(&mut doubtful);
            match &self.given_up {
                _ if left.is_empty() => return,
                Some(error) => {
                    let outcome = Outcome::Failed(never_sent(error));
                    return left.iter().for_each(|doubt| self.settle(&doubt.unit, &outcome));
                }
                None if looks >= LOOKS => {
                    let words = "it does not stand still";
                    return left
                        .iter()
                        .for_each(|doubt| self.refuse(&doubt.unit, &ErrorClass::Conflict, words));
                }
                None => ready = self.look_again(left).await,
            }
        }
    }

    /// Sends batches until each unit has its outcome or is in doubt.
    async fn send_all(&mut self, mut queue: Vec<Vec<Unit<S::Piece>>>, doubtful: &mut Vec<Doubt<S::Piece>>) {
        while !queue.is_empty() {
            if let Some(error) = &self.given_up {
                let outcome = Outcome::Failed(never_sent(error));
                return queue.iter().flatten().for_each(|unit| self.settle(unit, &outcome));
            }
            let mut ended = VecDeque::from(self.service.send_all(&queue).await);
            let mut next = Vec::new();
            for batch in queue {
                match ended.pop_front() {
                    Some(Ok(absent)) => {
                        for (at, unit) in batch.into_iter().enumerate() {
                            match absent.contains(&at) {
                                true => doubtful.push(Doubt { unit, words: None, taken: true }),
                                false => self.settle(&unit, &Outcome::Done),
                            }
                        }
                    }
                    Some(Err(refusal)) => self.refused(batch, refusal, &mut next, doubtful),
                    None => next.push(batch),
                }
            }
            queue = next;
        }
    }

    /// What becomes of a batch that was not taken.
    fn refused(
        &mut self,
        mut batch: Vec<Unit<S::Piece>>,
        refusal: Refusal,
        next: &mut Vec<Vec<Unit<S::Piece>>>,
        doubtful: &mut Vec<Doubt<S::Piece>>,
    ) {
        let Refusal { error, unknown, blame } = refusal;
        match blame {
            Blame::Service => {
                self.given_up = Some(error.clone());
                let outcome = if unknown { Outcome::Unknown(error) } else { Outcome::Failed(error) };
                batch.iter().for_each(|unit| self.settle(unit, &outcome));
            }
            Blame::Units(faults) => {
                let mut rest = Vec::with_capacity(batch.len());
                for (at, unit) in batch.into_iter().enumerate() {
                    match faults.iter().find(|fault| fault.unit == at) {
                        None => rest.push(unit),
                        Some(fault) if fault.moved && !self.is_clash(self.seen, &unit) => {
                            doubtful.push(Doubt { unit, words: Some(fault.words.clone()), taken: false });
                        }
                        Some(fault) => self.refuse(&unit, &fault.class, &fault.words),
                    }
                }
                next.extend((!rest.is_empty()).then_some(rest));
            }
            Blame::Moved => {
                doubtful.extend(batch.into_iter().map(|unit| Doubt { unit, words: None, taken: false }))
            }
            Blame::Smaller => next.extend(self.pack(batch)),
            Blame::Something if batch.len() == 1 => self.refuse(&batch[0], &error.class, &error.message),
            Blame::Something if self.halvings == 0 => {
                let words = format!("too many are refused to find out which: {}", error.message);
                batch.iter().for_each(|unit| self.refuse(unit, &ErrorClass::Transient, &words));
            }
            Blame::Something => {
                self.halvings -= 1;
                let right = batch.split_off(batch.len() / 2);
                next.extend([batch, right]);
            }
        }
    }

    /// Reads what stands there now: done already, changed by somebody else, or to be sent once more,
    /// planned from what was read.
    async fn look_again(&mut self, doubtful: Vec<Doubt<S::Piece>>) -> Vec<Unit<S::Piece>> {
        let places = doubtful.iter().flat_map(|doubt| doubt.unit.changes.first());
        let names: Vec<Name> = places.map(|at| self.changes[*at].name().clone()).collect();
        let now = match self.service.look(&names).await {
            Ok(now) => now,
            Err(error) => {
                for Doubt { unit, taken, .. } in &doubtful {
                    let failed = if *taken { Outcome::Unknown } else { Outcome::Failed };
                    self.settle(unit, &failed(error.clone()));
                }
                return Vec::new();
            }
        };
        let mut left = Vec::new();
        for Doubt { mut unit, words, taken } in doubtful {
            let done = |at: &usize| is_as(&now, &self.changes[*at], self.changes[*at].after(), true);
            let (done, open): (Vec<usize>, Vec<usize>) = unit.changes.iter().partition(|at| done(at));
            done.into_iter().for_each(|at| self.outcomes[at] = Some(Outcome::Done));
            unit.changes = open;
            let vetted = |at: &usize| refuse(self.zone, &self.limits, &now, &self.changes[*at]);
            if let Some(error) = unit.changes.iter().find_map(vetted) {
                self.settle(&unit, &Outcome::Failed(error));
            } else if self.is_clash(&now, &unit) {
                let words = "another type stands there, and a CNAME suffers nothing beside it";
                self.refuse(&unit, &ErrorClass::Conflict, words);
            } else if unit.changes.iter().any(|at| self.is_taken_over(&now, &self.changes[*at])) {
                let words = words.as_deref().unwrap_or("somebody else changed it since it was read");
                self.refuse(&unit, &ErrorClass::Conflict, words);
            } else if taken {
                self.refuse(&unit, &ErrorClass::Rejected, "the service said yes and did nothing");
            } else if !unit.changes.is_empty() {
                left.extend(self.plan(&now, unit.changes, true));
            }
        }
        left
    }

    /// Whether somebody else has changed a set that is written as a whole, or holds one value.
    fn is_taken_over(&self, now: &Observed, change: &Change) -> bool {
        let whole = self.limits.guard == Guard::CompareAndSet
            || matches!(change.rtype(), RecordType::CNAME | RecordType::PTR);
        whole && !is_as(now, change, change.before(), false)
    }

    fn is_clash(&self, seen: &Observed, unit: &Unit<S::Piece>) -> bool {
        let together = self.together(&unit.changes);
        together.iter().any(|change| clashes(seen, change, &together))
    }

    fn together(&self, group: &[usize]) -> Vec<&'a Change> {
        group.iter().map(|at| &self.changes[*at]).collect()
    }

    /// Spells a group; `None` where it cannot be, or where there is nothing to do.
    fn plan(&mut self, seen: &Observed, changes: Vec<usize>, looked: bool) -> Option<Unit<S::Piece>> {
        let together = self.together(&changes);
        match self.service.piece(seen, &together) {
            Err(words) => self.refuse_those(&changes, &ErrorClass::Rejected, &words),
            Ok(piece) if self.service.weight(&piece) != [0, 0] => {
                return Some(Unit { changes, piece, looked });
            }
            Ok(piece) if !looked && !self.service.knows(seen, &together) => {
                return Some(Unit { changes, piece, looked });
            }
            Ok(_) => changes.iter().for_each(|at| self.outcomes[*at] = Some(Outcome::Done)),
        }
        None
    }

    /// Fills calls up to their room.
    fn pack(&self, units: Vec<Unit<S::Piece>>) -> Vec<Vec<Unit<S::Piece>>> {
        packed(units, self.service.room(), |unit| self.service.weight(&unit.piece))
    }

    fn settle(&mut self, unit: &Unit<S::Piece>, outcome: &Outcome) {
        unit.changes.iter().for_each(|at| self.outcomes[*at] = Some(outcome.clone()));
    }

    /// Settles a unit as refused, each of its changes by name.
    fn refuse(&mut self, unit: &Unit<S::Piece>, class: &ErrorClass, words: &str) {
        // It was known when the change was planned: planning again does not help.
        let known = *class == ErrorClass::Conflict && self.is_clash(self.seen, unit);
        self.refuse_those(&unit.changes, if known { &ErrorClass::Rejected } else { class }, words);
    }

    fn refuse_those(&mut self, changes: &[usize], class: &ErrorClass, words: &str) {
        let words = words.strip_prefix(&format!("{}: ", self.zone.name)).unwrap_or(words);
        for at in changes {
            let mut error = about(self.zone, &self.changes[*at], class.clone(), words);
            error.culprit = Some(*at);
            self.outcomes[*at] = Some(Outcome::Failed(error));
        }
    }
}

/// Whether a set stands there with exactly these values, and this TTL where it matters.
fn is_as(now: &Observed, change: &Change, wanted: Option<&RRset>, with_ttl: bool) -> bool {
    let (there, wanted) = match (now.get(change.name(), change.rtype()), wanted) {
        (None, None) => return true,
        (Some(there), Some(wanted)) if !there.opaque => (there, wanted),
        _ => return false,
    };
    let mut values: Vec<&RecordData> = there.values.iter().map(|value| &value.data).collect();
    values.sort_unstable();
    values.into_iter().eq(&wanted.values) && (!with_ttl || there.ttl == wanted.ttl)
}

/// Puts what has no outcome yet into groups, by name; what only goes comes last, so that a rename
/// leaves no gap.
fn groups(changes: &[Change], outcomes: &[Option<Outcome>]) -> Vec<Vec<usize>> {
    let mut open: Vec<usize> = (0..changes.len()).filter(|at| outcomes[*at].is_none()).collect();
    open.sort_by(|a, b| changes[*a].name().cmp(changes[*b].name()));
    let goes = |at: &usize| matches!(changes[*at], Change::Delete(_));
    let mut groups: Vec<Vec<usize>> = Vec::with_capacity(open.len());
    for name in open.chunk_by(|a, b| changes[*a].name() == changes[*b].name()) {
        match name.iter().any(goes) && !name.iter().all(goes) {
            true => groups.push(name.to_vec()),
            false => groups.extend(name.iter().map(|at| vec![*at])),
        }
    }
    groups.sort_by_key(|group| group.iter().all(goes));
    groups
}

/// Fills parcels up to `room`, in order; what is larger is alone in its own.
pub(crate) fn packed<T>(items: Vec<T>, room: [usize; 2], weight: impl Fn(&T) -> [usize; 2]) -> Vec<Vec<T>> {
    let mut parcels: Vec<Vec<T>> = Vec::new();
    let mut filled = [0, 0];
    for item in items {
        let more = weight(&item);
        let sum = [filled[0] + more[0], filled[1] + more[1]];
        match parcels.last_mut() {
            Some(parcel) if sum[0] <= room[0] && sum[1] <= room[1] => {
                parcel.push(item);
                filled = sum;
            }
            _ => {
                parcels.push(vec![item]);
                filled = more;
            }
        }
    }
    parcels
}

#[cfg(test)]
mod tests;
