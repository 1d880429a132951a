//! Writing: batches as large as the plan takes, what is there read again where an answer says that
//! it is not as it was, and the one bad record out of a refused batch.

use super::Cloudflare;
use super::ops::{Op, Unit, plan, units};
use super::wire::{GONE, Record, Refused, ZoneInfo};
use crate::vet::{about, clashes, never_sent, refuse};
use crate::{ErrorClass, Outcome, Provider, ProviderError, ZoneRef};
use reqwest::Method;
use serde_json::{Value, json};
use std::collections::VecDeque;
use std::sync::atomic::Ordering;
use zonecast_core::{Change, Observed};

/// These say that a record is there already, or not any more, or that another type stands there.
const NOT_AS_READ: &[i64] = &[GONE, 81_053, 81_054, 81_056, 81_057, 81_058];
/// New records up to which a refusal tells as much as counting first.
const UNCOUNTED_MAX: usize = 20;

/// One call of [`Provider::apply`] on its way.
struct Work<'a> {
    zone: &'a ZoneRef,
    info: &'a ZoneInfo,
    seen: &'a Observed,
    changes: &'a [Change],
    outcomes: Vec<Option<Outcome>>,
    given_up: Option<ProviderError>,
}

impl Work<'_> {
    fn settle(&mut self, unit: &Unit, outcome: &Outcome) {
        for at in &unit.changes {
            self.outcomes[*at] = Some(outcome.clone());
        }
    }

    /// Settles a unit as refused, each of its changes by name.
    fn refuse(&mut self, unit: &Unit, error: &ProviderError) {
        let together: Vec<&Change> = unit.changes.iter().map(|at| &self.changes[*at]).collect();
        let known = together.iter().any(|change| clashes(self.seen, change, &together));
        let class = match error.class {
            // It was known when the change was planned: planning again does not help.
            ErrorClass::Conflict if known => ErrorClass::Rejected,
            ref class => class.clone(),
        };
        for at in &unit.changes {
            let mut own = about(self.zone, &self.changes[*at], class.clone(), &error.message);
            own.culprit = Some(*at);
            self.outcomes[*at] = Some(Outcome::Failed(own));
        }
    }
}

impl Cloudflare {
    /// Sends `changes`; exactly one outcome for each, in order.
    pub(super) async fn write(
        &self,
        zone: &ZoneRef,
        info: &ZoneInfo,
        seen: &Observed,
        changes: &[Change],
    ) -> Vec<Outcome> {
        let limits = self.capabilities();
        let outcomes: Vec<Option<Outcome>> =
            changes.iter().map(|change| refuse(zone, &limits, seen, change).map(Outcome::Failed)).collect();
        let open: Vec<usize> = (0..changes.len()).filter(|at| outcomes[*at].is_none()).collect();
        let mut work = Work { zone, info, seen, changes, outcomes, given_up: None };
        let (stale, mut ready): (Vec<Unit>, Vec<Unit>) =
            units(changes, &open, seen).into_iter().partition(|unit| unit.stale);
        ready.extend(self.plan_again(&mut work, stale).await);
        let ready = self.within_quota(&mut work, ready).await;
        self.send_all(&mut work, ready).await;
        work.outcomes.into_iter().map(|outcome| outcome.unwrap_or(Outcome::Done)).collect()
    }

    async fn send_all(&self, work: &mut Work<'_>, ready: Vec<Unit>) {
        let mut queue = self.pack(work.info, ready);
        while let Some(mut batch) = queue.pop_front() {
            if let Some(error) = work.given_up.clone() {
                let outcome = Outcome::Failed(never_sent(&error));
                batch.iter().for_each(|unit| work.settle(unit, &outcome));
                continue;
            }
            let refused = match self.send(work.zone, work.info, &batch).await {
                Ok(()) => {
                    batch.iter().for_each(|unit| work.settle(unit, &Outcome::Done));
                    continue;
                }
                Err(refused) => refused,
            };
            let no_batch = refused.status == 405 || refused.status == 404 || refused.has(&[7000, 7003]);
            if no_batch && !refused.has(&[GONE]) && !self.batchless.swap(true, Ordering::Relaxed) {
                let rest: Vec<Unit> = batch.into_iter().chain(queue.into_iter().flatten()).collect();
                queue = self.pack(work.info, rest);
            } else if refused.has(NOT_AS_READ) && batch.iter().any(|unit| !unit.fresh) {
                let again = self.plan_again(work, batch).await;
                self.pack(work.info, again).into_iter().rev().for_each(|batch| queue.push_front(batch));
            } else if !refused.is_about_a_record() {
                self.give_up(work, &batch, refused).await;
            } else if let Some(at) = named(&batch, &refused) {
                work.refuse(&batch.remove(at), &refused.error);
                if !batch.is_empty() {
                    queue.push_front(batch);
                }
            } else if batch.len() == 1 {
                work.refuse(&batch[0], &refused.error);
            } else {
                let right = batch.split_off(batch.len() / 2);
                queue.push_front(right);
                queue.push_front(batch);
            }
        }
    }

    /// What the rest would meet as well.
    async fn give_up(&self, work: &mut Work<'_>, batch: &[Unit], refused: Refused) {
        let unknown = refused.unknown;
        let error = self.explain(work.zone, refused).await;
        work.given_up = Some(error.clone());
        let outcome = if unknown { Outcome::Unknown(error) } else { Outcome::Failed(error) };
        batch.iter().for_each(|unit| work.settle(unit, &outcome));
    }

    /// Reads what stands there now and plans the units from it. Those with nothing left to do are
    /// done, those that cannot stand beside what is there are refused.
    async fn plan_again(&self, work: &mut Work<'_>, units: Vec<Unit>) -> Vec<Unit> {
        if units.is_empty() {
            return units;
        }
        let names: Vec<_> = units.iter().map(|unit| unit.name.clone()).collect();
        let now = match self.read_names(work.zone, work.info, &names).await {
            Ok(now) => now,
            Err(error) => {
                let outcome = Outcome::Failed(error);
                units.iter().for_each(|unit| work.settle(unit, &outcome));
                return Vec::new();
            }
        };
        let mut left = Vec::new();
        for unit in units {
            let unit = plan(work.changes, unit.changes, unit.swap, &now, true);
            if let Some(error) = unit
                .changes
                .iter()
                .find_map(|at| refuse(work.zone, &self.capabilities(), &now, &work.changes[*at]))
            {
                work.settle(&unit, &Outcome::Failed(error));
            } else if unit.clash {
                let words = "another type stands there, and a CNAME suffers nothing beside it";
                work.refuse(&unit, &ProviderError::new(ErrorClass::Conflict, words));
            } else if unit.ops.is_empty() {
                work.settle(&unit, &Outcome::Done);
            } else {
                left.push(unit);
            }
        }
        left
    }

    /// Leaves out what the plan has no room for.
    async fn within_quota(&self, work: &mut Work<'_>, units: Vec<Unit>) -> Vec<Unit> {
        let growth = |unit: &Unit| -> isize {
            let count = |op: &Op| match op {
                Op::Post { .. } => 1,
                Op::Delete { .. } => -1,
                Op::Patch { .. } => 0,
            };
            unit.ops.iter().map(count).sum()
        };
        let total: isize = units.iter().map(growth).sum();
        let Some(max) = work.info.records_max().filter(|_| total > 0) else { return units };
        let known = self.known().get(&work.zone.name).and_then(|known| known.records);
        let mut held = match known {
            Some(held) => held as isize,
            None if total <= UNCOUNTED_MAX as isize => return units,
            None => match self.count(work.zone, work.info).await {
                Some(held) => held as isize,
                None => return units,
            },
        };
        let mut left = Vec::with_capacity(units.len());
        for unit in units {
            let grows = growth(&unit);
            if grows > 0 && held + grows > max as isize {
                let words = format!(
                    "Cloudflare's {} plan allows {max} records in a zone, and {held} are there",
                    work.info.plan()
                );
                work.refuse(&unit, &ProviderError::new(ErrorClass::Quota, words));
            } else {
                held += grows;
                left.push(unit);
            }
        }
        left
    }

    async fn count(&self, zone: &ZoneRef, info: &ZoneInfo) -> Option<usize> {
        let request = self.call(Method::GET, &format!("/zones/{}/dns_records?per_page=1", info.id));
        self.ask::<Vec<Record>>(zone, request).await.ok()?.total()
    }

    /// Fills batches up to the plan's limit; one unit each where there is no batch call.
    fn pack(&self, info: &ZoneInfo, units: Vec<Unit>) -> VecDeque<Vec<Unit>> {
        let limit = if self.batchless.load(Ordering::Relaxed) { 1 } else { info.batch_max() };
        let mut batches: VecDeque<Vec<Unit>> = VecDeque::new();
        let mut filled = 0;
        for unit in units {
            let size = unit.ops.len().max(1);
            match batches.back_mut() {
                Some(batch) if filled + size <= limit => batch.push(unit),
                _ => {
                    filled = 0;
                    batches.push_back(vec![unit]);
                }
            }
            filled += size;
        }
        batches
    }

    /// Sends one batch. A unit beyond the limit is alone in it and goes in parts.
    async fn send(&self, zone: &ZoneRef, info: &ZoneInfo, batch: &[Unit]) -> Result<(), Refused> {
        let mut ops: Vec<&Op> = batch.iter().flat_map(|unit| &unit.ops).collect();
        // What grows and what shrinks is not known to anybody until the next listing.
        let growth = ops.iter().filter(|op| matches!(op, Op::Post { .. })).count();
        let shrink = ops.iter().filter(|op| matches!(op, Op::Delete { .. })).count();
        if self.batchless.load(Ordering::Relaxed) {
            if batch.iter().all(|unit| !unit.swap) {
                ops.reverse();
            }
            for op in ops {
                self.send_single(zone, info, op).await?;
            }
        } else {
            for part in ops.chunks(info.batch_max()) {
                let request = self.call(Method::POST, &format!("/zones/{}/dns_records/batch", info.id));
                self.ask::<Value>(zone, request.json(&body_of(part))).await?;
            }
        }
        if let Some(known) = self.known().get_mut(&zone.name) {
            known.records = known.records.map(|held| (held + growth).saturating_sub(shrink));
        }
        Ok(())
    }

    async fn send_single(&self, zone: &ZoneRef, info: &ZoneInfo, op: &Op) -> Result<(), Refused> {
        let records = format!("/zones/{}/dns_records", info.id);
        let request = match op {
            Op::Delete { id } => self.call(Method::DELETE, &format!("{records}/{id}")),
            Op::Patch { id, body } => self.call(Method::PATCH, &format!("{records}/{id}")).json(body),
            Op::Post { body } => self.call(Method::POST, &records).json(body),
        };
        match self.ask::<Value>(zone, request).await {
            Err(refused) if matches!(op, Op::Delete { .. }) && refused.has(&[GONE]) => Ok(()),
            other => other.map(|_| ()),
        }
    }
}

impl Refused {
    /// Whether one record is to blame, so that the others may fare better without it.
    fn is_about_a_record(&self) -> bool {
        matches!(self.error.class, ErrorClass::Rejected | ErrorClass::Conflict | ErrorClass::Quota)
    }
}

/// The order in which Cloudflare carries them out: nobody sees a moment between, it is one transaction.
fn body_of(ops: &[&Op]) -> Value {
    let (mut deletes, mut patches, mut posts) = (Vec::new(), Vec::new(), Vec::new());
    for op in ops {
        match op {
            Op::Delete { id } => deletes.push(json!({ "id": id })),
            Op::Patch { id, body } => {
                let mut body = body.clone();
                body.insert("id".into(), id.clone().into());
                patches.push(Value::from(body));
            }
            Op::Post { body } => posts.push(Value::from(body.clone())),
        }
    }
    json!({ "deletes": deletes, "patches": patches, "posts": posts })
}

/// The unit a refusal points at: `/posts/3/content`, counted in the order of the body.
fn named(batch: &[Unit], refused: &Refused) -> Option<usize> {
    let mut parts = refused.pointer.as_deref()?.trim_start_matches(['#', '/']).split('/');
    let (list, at) = (parts.next()?, parts.next()?.parse::<usize>().ok()?);
    let in_list = |op: &Op| match op {
        Op::Delete { .. } => list == "deletes",
        Op::Patch { .. } => list == "patches",
        Op::Post { .. } => list == "posts",
    };
    let owners = batch
        .iter()
        .enumerate()
        .flat_map(|(unit, held)| held.ops.iter().filter(|op| in_list(op)).map(move |_| unit));
    owners.into_iter().nth(at)
}
