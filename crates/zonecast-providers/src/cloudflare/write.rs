//! Writing: batches as large as the plan takes, single calls where there are no batches, and the record
//! that a refusal points at.

use super::Cloudflare;
use super::ops::{Op, steps};
use super::wire::{GONE, Record, Refused, ZoneInfo};
use crate::hand::{Blame, Ended, Hand, Refusal, Service, Unit};
use crate::vet::about;
use crate::{ErrorClass, Outcome, Provider, ProviderError, ZoneRef};
use async_trait::async_trait;
use reqwest::Method;
use serde_json::{Value, json};
use std::sync::atomic::Ordering;
use zonecast_core::{Change, Name, Observed, RecordType};

/// These say that a record is there already, or not any more, or that another type stands there.
const NOT_AS_READ: &[i64] = &[GONE, 81_053, 81_054, 81_056, 81_057, 81_058];
/// New records up to which a refusal tells as much as counting first.
const UNCOUNTED_MAX: usize = 20;

/// What is done at one name.
struct Ops {
    list: Vec<Op>,
    /// One type gives way to another: what goes must go first.
    swap: bool,
}

/// One write.
struct Batches<'a> {
    service: &'a Cloudflare,
    zone: &'a ZoneRef,
    info: &'a ZoneInfo,
}

#[async_trait]
impl Service for Batches<'_> {
    type Piece = Ops;

    fn piece(&self, seen: &Observed, together: &[&Change]) -> Result<Ops, String> {
        let ops = |change: &&Change| steps(change, seen.get(change.name(), change.rtype())).0;
        let mut list: Vec<Op> = together.iter().flat_map(ops).collect();
        list.sort_by_key(|op| match op {
            Op::Delete { .. } => 0,
            Op::Patch { .. } => 1,
            Op::Post { .. } => 2,
        });
        let swap = together.len() > 1 && together.iter().any(|change| change.rtype() == RecordType::CNAME);
        Ok(Ops { list, swap })
    }

    /// A value that was not read has no id to change or delete it by.
    fn knows(&self, seen: &Observed, together: &[&Change]) -> bool {
        together.iter().all(|change| !steps(change, seen.get(change.name(), change.rtype())).1)
    }

    fn weight(&self, ops: &Ops) -> [usize; 2] {
        [ops.list.len(), 0]
    }

    fn room(&self) -> [usize; 2] {
        [if self.service.batchless.load(Ordering::Relaxed) { 1 } else { self.info.batch_max() }, 0]
    }

    async fn look(&self, names: &[Name]) -> Result<Observed, ProviderError> {
        self.service.read_names(self.zone, self.info, names).await
    }

    async fn send(&self, batch: &[Unit<Ops>]) -> Ended {
        let refused = match self.service.send(self.zone, self.info, batch).await {
            Ok(()) => return Ok(Vec::new()),
            Err(refused) => refused,
        };
        let no_batch = refused.status == 405 || refused.status == 404 || refused.has(&[7000, 7003]);
        let about_a_record =
            matches!(refused.error.class, ErrorClass::Rejected | ErrorClass::Conflict | ErrorClass::Quota);
        let (unknown, error) = (refused.unknown, refused.error.clone());
        let blame =
            if no_batch && !refused.has(&[GONE]) && !self.service.batchless.swap(true, Ordering::Relaxed) {
                Blame::Smaller
            } else if refused.has(NOT_AS_READ) && batch.iter().any(|unit| !unit.looked) {
                Blame::Moved
            } else if !about_a_record {
                let error = self.service.explain(self.zone, refused).await;
                return Err(Refusal { error, unknown, blame: Blame::Service });
            } else {
                Blame::of(named(batch, &refused), &error)
            };
        Err(Refusal { error, unknown, blame })
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
        let growth = |change: &Change| {
            let ops = steps(change, seen.get(change.name(), change.rtype())).0;
            let count = |op: &Op| match op {
                Op::Post { .. } => 1,
                Op::Delete { .. } => -1,
                Op::Patch { .. } => 0,
            };
            ops.iter().map(count).sum::<isize>()
        };
        let room = self.room(zone, info, changes.iter().map(growth).sum()).await;
        let mut held = room.map_or(0, |(_, held)| held);
        let batches = Batches { service: self, zone, info };
        let hand = Hand::new(&batches, (zone, self.capabilities()), seen, changes, |change| {
            let (max, grows) = (room?.0, growth(change));
            if grows <= 0 || held + grows <= max {
                held += grows;
                return None;
            }
            let plan = info.plan();
            let words =
                format!("Cloudflare's {plan} plan allows {max} records in a zone, and {held} are there");
            Some(about(zone, change, ErrorClass::Quota, &words))
        });
        hand.write().await
    }

    /// How many records the plan allows and how many are there, where `growth` more may be too many.
    async fn room(&self, zone: &ZoneRef, info: &ZoneInfo, growth: isize) -> Option<(isize, isize)> {
        let max = info.records_max().filter(|_| growth > 0)?;
        let known = self.known().get(&zone.name).and_then(|known| known.records);
        let held = match known {
            Some(held) => held,
            None if growth <= UNCOUNTED_MAX as isize => return None,
            None => self.count(zone, info).await?,
        };
        Some((max as isize, held as isize))
    }

    async fn count(&self, zone: &ZoneRef, info: &ZoneInfo) -> Option<usize> {
        let request = self.call(Method::GET, &format!("/zones/{}/dns_records?per_page=1", info.id));
        self.ask::<Vec<Record>>(zone, request).await.ok()?.total()
    }

    /// Sends one batch. A unit beyond the limit is alone in it and goes in parts.
    async fn send(&self, zone: &ZoneRef, info: &ZoneInfo, batch: &[Unit<Ops>]) -> Result<(), Refused> {
        let mut ops: Vec<&Op> = batch.iter().flat_map(|unit| &unit.piece.list).collect();
        // What grows and what shrinks is not known to anybody until the next listing.
        let growth = ops.iter().filter(|op| matches!(op, Op::Post { .. })).count();
        let shrink = ops.iter().filter(|op| matches!(op, Op::Delete { .. })).count();
        if self.batchless.load(Ordering::Relaxed) {
            if batch.iter().all(|unit| !unit.piece.swap) {
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
fn named(batch: &[Unit<Ops>], refused: &Refused) -> Option<usize> {
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
        .flat_map(|(unit, held)| held.piece.list.iter().filter(|op| in_list(op)).map(move |_| unit));
    owners.into_iter().nth(at)
}
