//! A wish comes in: owners, their claims, the names they touch, a job and an audit line, in one
//! transaction.
//!
//! Whoever gets `Ok` from here may be told "202": it survives power loss. One owner's bad luck (name
//! taken, changed meanwhile, gone) is its own result and stops no other owner of the call. Everything
//! goes through the same code, one owner or ten thousand, in statements over many rows.

use crate::Store;
use crate::db::{Tx, again};
use crate::error::{DbError, StoreError};
use crate::idempotency::Remember;
use crate::jobs::JobSeed;
use crate::model::*;
use crate::owners_rows::{Sorted, audit_line};
use crate::raise::raise_names;
use crate::sql::{Value, args, bulk};
use crate::{domains, hosts, meta, records};
use std::collections::{BTreeSet, HashMap, HashSet};
use zonecast_core::Name;

bulk! {
    TAKEN [] [fqdn_key: Blob] = "
        SELECT h.id, h.fqdn_key FROM v CROSS JOIN host h WHERE h.fqdn_key = v.fqdn_key AND h.state <> 'deleting'";
    TAKEN_DOMAINS [] [name_key: Blob] = "
        SELECT d.id, d.name_key FROM v CROSS JOIN domain d WHERE d.name_key = v.name_key AND d.state <> 'deleting'";
    HOST_VERSIONS [] [id: Int] = "SELECT h.id, h.version FROM v CROSS JOIN host h WHERE h.id = v.id AND h.state <> 'deleting'";
    DOMAIN_VERSIONS [] [id: Int] = "SELECT d.id, d.version FROM v CROSS JOIN domain d WHERE d.id = v.id AND d.state <> 'deleting'";
    RECORD_VERSIONS [] [id: Int] = "SELECT r.id, r.version FROM v CROSS JOIN record r WHERE r.id = v.id AND r.state <> 'deleting'";
    HOST_REMOVE [now: Int] [id: Int, expected: Int] = "
        UPDATE host SET state = 'deleting', updated_at = x.now, version = version + 1 FROM v CROSS JOIN x
        WHERE host.id = v.id AND host.version = v.expected RETURNING host.id";
    DOMAIN_REMOVE [now: Int] [id: Int, expected: Int] = "
        UPDATE domain SET state = 'deleting', updated_at = x.now, version = version + 1 FROM v CROSS JOIN x
        WHERE domain.id = v.id AND domain.version = v.expected RETURNING domain.id";
    RECORD_REMOVE [now: Int] [id: Int, expected: Int] = "
        UPDATE record SET state = 'deleting', updated_at = x.now, version = version + 1 FROM v CROSS JOIN x
        WHERE record.id = v.id AND record.version = v.expected RETURNING record.id";
    WITHDRAW [] [kind: Int, id: Int] = "
        UPDATE claim SET withdrawn = 1 FROM v WHERE claim.owner_kind = v.kind AND claim.owner_id = v.id";
    FAREWELL [] [zone_id: Int, name_key: Blob, kind: Int, id: Int] = "
        INSERT INTO farewell (zone_id, name_key, owner_kind, owner_id)
        SELECT v.zone_id, v.name_key, v.kind, v.id FROM v WHERE true
        ON CONFLICT (zone_id, name_key, owner_kind, owner_id) DO NOTHING";
}

/// What the job of owners says that claim something and touch no zone.
const NOWHERE: &str = "no configured zone holds it, so nothing is served";

impl OwnerKind {
    /// The word for it.
    pub fn word(self) -> &'static str {
        match self {
            OwnerKind::Host => "host",
            OwnerKind::Domain => "domain",
            OwnerKind::Record => "record",
        }
    }

    pub(crate) fn code(self) -> i64 {
        match self {
            OwnerKind::Host => 1,
            OwnerKind::Domain => 2,
            OwnerKind::Record => 3,
        }
    }

    pub(crate) fn from_code(code: i64) -> Result<OwnerKind, StoreError> {
        match code {
            1 => Ok(OwnerKind::Host),
            2 => Ok(OwnerKind::Domain),
            3 => Ok(OwnerKind::Record),
            _ => Err(StoreError::Corrupt(format!("owner kind {code}"))),
        }
    }
}

impl OwnerRow {
    /// Whose row it is; the id is zero before it is stored.
    pub fn owner(&self) -> OwnerId {
        match self {
            OwnerRow::Host(row) => OwnerId { kind: OwnerKind::Host, id: row.id },
            OwnerRow::Domain(row) => OwnerId { kind: OwnerKind::Domain, id: row.id },
            OwnerRow::Record(row) => OwnerId { kind: OwnerKind::Record, id: row.id },
        }
    }

    /// What people call it.
    pub fn name(&self) -> &Name {
        match self {
            OwnerRow::Host(row) => &row.fqdn,
            OwnerRow::Domain(row) => &row.name,
            OwnerRow::Record(row) => &row.name,
        }
    }
}

impl OwnerAction {
    fn expected_version(&self) -> Option<i64> {
        match self {
            OwnerAction::Update { expected_version } | OwnerAction::Remove { expected_version, .. } => {
                Some(*expected_version)
            }
            OwnerAction::Insert | OwnerAction::Touch => None,
        }
    }
}

impl Store {
    /// Stores the wishes of many owners in one transaction.
    ///
    /// `Err` stores nothing: `StaleEpoch` when the zones changed since `context.epoch` was read. Else
    /// there is one result per write, in order; only `Stored` ones have an effect.
    ///
    /// ```text
    /// before  host 7 claims vm-1 A 192.0.2.1;   (zone 1, vm-1) wanted 5 done 5
    /// call    Update host 7 to 192.0.2.2, touched [(1, vm-1)], with a job
    /// after   host 7 claims vm-1 A 192.0.2.2;   (zone 1, vm-1) wanted 6 done 5, watched by job 3
    /// ```
    pub async fn write_owners(
        &self,
        writes: &[OwnerWrite],
        context: &WriteContext,
    ) -> Result<Written, StoreError> {
        self.write_owners_once(writes, context, None).await
    }

    /// The same, and the answer given for it is remembered under an idempotency key in the same
    /// transaction. `AlreadyAnswered` when that key has an answer already.
    pub async fn write_owners_once(
        &self,
        writes: &[OwnerWrite],
        context: &WriteContext,
        remember: Option<&Remember<'_>>,
    ) -> Result<Written, StoreError> {
        again!(self.try_write(writes, context, remember).await)
    }

    async fn try_write(
        &self,
        writes: &[OwnerWrite],
        context: &WriteContext,
        remember: Option<&Remember<'_>>,
    ) -> Result<Written, DbError> {
        let mut ids = Ids::before(self, writes, context).await?;
        let mut tx = self.db().begin().await?;
        meta::check_epoch(&mut tx, context.epoch).await?;
        if tx.is_sqlite() {
            ids = Ids::inside(self, &mut tx, writes, context).await?;
        }
        let now = self.clock(&mut tx).await?;
        let mut batch = Batch { writes, results: vec![None; writes.len()], ids, now };
        batch.refuse_taken_names(&mut tx).await?;
        batch.store_rows(&mut tx).await?;
        batch.refuse_the_rest(&mut tx).await?;
        crate::owners_diff::store_claims(&mut tx, &batch.stored(), batch.ids.claim).await?;
        batch.say_farewell(&mut tx).await?;
        let written = batch.finish(&mut tx, context).await?;
        if let Some(remember) = remember {
            remember.store(&mut tx, &written, now).await?;
        }
        match tx.commit().await {
            Err(DbError::Store(StoreError::DryRun(_))) => {
                Err(StoreError::DryRun(Some(written.into())).into())
            }
            committed => Ok(committed.map(|()| written)?),
        }
    }
}

/// The first id of each range that a call may use.
#[derive(Default)]
struct Ids {
    host: i64,
    domain: i64,
    record: i64,
    claim: i64,
    job: i64,
}

impl Ids {
    async fn before(store: &Store, writes: &[OwnerWrite], context: &WriteContext) -> Result<Ids, DbError> {
        if store.db().is_sqlite() {
            Ok(Ids::default())
        } else {
            Ids::take(store, None, writes, context).await
        }
    }

    async fn inside(
        store: &Store,
        tx: &mut Tx,
        writes: &[OwnerWrite],
        context: &WriteContext,
    ) -> Result<Ids, DbError> {
        Ids::take(store, Some(tx), writes, context).await
    }

    async fn take(
        store: &Store,
        mut tx: Option<&mut Tx>,
        writes: &[OwnerWrite],
        context: &WriteContext,
    ) -> Result<Ids, DbError> {
        let inserts = || writes.iter().filter(|write| write.action == OwnerAction::Insert);
        let new = |kind: OwnerKind| inserts().filter(|write| write.row.owner().kind == kind).count();
        let claim = writes.iter().map(|write| write.claims.len()).sum();
        let mut ids = Ids::default();
        for (kind, count, first) in [
            ("host", new(OwnerKind::Host), &mut ids.host),
            ("domain", new(OwnerKind::Domain), &mut ids.domain),
            ("record", new(OwnerKind::Record), &mut ids.record),
            ("claim", claim, &mut ids.claim),
            ("job", context.job.iter().count(), &mut ids.job),
        ] {
            if count > 0 {
                *first = store.allocate(tx.as_deref_mut(), kind, count).await?;
            }
        }
        Ok(ids)
    }
}

impl Ids {
    /// The next id for a new owner of this kind.
    fn next(&mut self, kind: OwnerKind) -> &mut i64 {
        match kind {
            OwnerKind::Host => &mut self.host,
            OwnerKind::Domain => &mut self.domain,
            OwnerKind::Record => &mut self.record,
        }
    }
}

/// A write that was stored, with its owner.
pub(crate) struct StoredWrite<'a> {
    pub write: &'a OwnerWrite,
    pub owner: OwnerId,
}

/// One call on its way through the transaction.
struct Batch<'a> {
    writes: &'a [OwnerWrite],
    results: Vec<Option<WriteResult>>,
    ids: Ids,
    now: Millis,
}

impl<'a> Batch<'a> {
    /// Refuses hosts and domains whose name an active one or an earlier write of the call has, and
    /// gives the accepted new owners their ids.
    async fn refuse_taken_names(&mut self, tx: &mut Tx) -> Result<(), DbError> {
        let mut taken = self.taken_names(tx).await?;
        let mut seen = HashSet::new();
        for (index, write) in self.writes.iter().enumerate() {
            let OwnerId { kind, mut id } = write.row.owner();
            if write.action == OwnerAction::Insert {
                id = *self.ids.next(kind);
            } else if !seen.insert(write.row.owner()) {
                self.results[index] = Some(WriteResult::Changed);
                continue;
            }
            if let Some(name) = write.taken_name() {
                match taken.get(&(kind, name.key().to_vec())) {
                    Some(by) if *by != id => {
                        self.results[index] = Some(WriteResult::NameTaken { by: *by });
                        continue;
                    }
                    _ => taken.insert((kind, name.key().to_vec()), id),
                };
            }
            if write.action == OwnerAction::Insert {
                *self.ids.next(kind) += 1;
                self.results[index] = Some(WriteResult::Stored { id, version: 1 });
            }
        }
        Ok(())
    }

    /// Who has the names that this call lays hold of.
    async fn taken_names(&self, tx: &mut Tx) -> Result<HashMap<(OwnerKind, Vec<u8>), i64>, DbError> {
        let mut taken = HashMap::new();
        for (kind, statement) in [(OwnerKind::Host, &TAKEN), (OwnerKind::Domain, &TAKEN_DOMAINS)] {
            let of_kind = self.writes.iter().filter(|write| write.row.owner().kind == kind);
            let rows: Vec<Value> = of_kind.filter_map(OwnerWrite::taken_name).map(Value::from).collect();
            let found: Vec<(i64, Vec<u8>)> = tx.bulk_all(statement, args![], rows).await?;
            taken.extend(found.into_iter().map(|(id, key)| ((kind, key), id)));
        }
        Ok(taken)
    }

    /// Inserts, updates and marks the rows; versions are checked by the statements themselves.
    async fn store_rows(&mut self, tx: &mut Tx) -> Result<(), DbError> {
        let now = self.now;
        let mut sorted = Sorted::default();
        for (index, write) in self.writes.iter().enumerate() {
            if let Some(WriteResult::Stored { id, .. }) = self.results[index] {
                sorted.insert(write, id, now)?;
            } else if self.results[index].is_none() {
                sorted.change(write)?;
            }
        }
        let hosts = tx.bulk(&hosts::HOST_INSERT, args![], sorted.host_inserts).await?;
        if hosts != sorted.host_insert_count {
            return Err(DbError::Again("a host of that name came in between".into()));
        }
        if tx.bulk(&domains::DOMAIN_INSERT, args![], sorted.domain_inserts).await?
            != sorted.domain_insert_count
        {
            return Err(DbError::Again("a domain of that name came in between".into()));
        }
        tx.bulk(&records::RECORD_INSERT, args![], sorted.record_inserts).await?;
        let mut changed = HashSet::new();
        for (kind, statement, rows) in [
            (OwnerKind::Host, &hosts::HOST_UPDATE, sorted.host_updates),
            (OwnerKind::Domain, &domains::DOMAIN_UPDATE, sorted.domain_updates),
            (OwnerKind::Record, &records::RECORD_UPDATE, sorted.record_updates),
            (OwnerKind::Host, &HOST_REMOVE, sorted.host_removes),
            (OwnerKind::Domain, &DOMAIN_REMOVE, sorted.domain_removes),
            (OwnerKind::Record, &RECORD_REMOVE, sorted.record_removes),
        ] {
            let ids: Vec<(i64,)> = tx.bulk_all(statement, args![now], rows).await?;
            changed.extend(ids.into_iter().map(|(id,)| OwnerId { kind, id }));
        }
        for (index, write) in self.writes.iter().enumerate() {
            let owner = write.row.owner();
            if let Some(expected) = write.action.expected_version()
                && self.results[index].is_none()
                && changed.contains(&owner)
            {
                self.results[index] = Some(WriteResult::Stored { id: owner.id, version: expected + 1 });
            }
        }
        Ok(())
    }

    /// What was not stored so far is missing or changed; a touch needs its owner only to be there.
    async fn refuse_the_rest(&mut self, tx: &mut Tx) -> Result<(), DbError> {
        let mut versions: HashMap<OwnerId, i64> = HashMap::new();
        for (kind, statement) in [
            (OwnerKind::Host, &HOST_VERSIONS),
            (OwnerKind::Domain, &DOMAIN_VERSIONS),
            (OwnerKind::Record, &RECORD_VERSIONS),
        ] {
            let open = self.open().map(|(_, write)| write.row.owner());
            let rows: Vec<Value> =
                open.filter(|owner| owner.kind == kind).map(|owner| owner.id.into()).collect();
            let found: Vec<(i64, i64)> = tx.bulk_all(statement, args![], rows).await?;
            versions.extend(found.into_iter().map(|(id, version)| (OwnerId { kind, id }, version)));
        }
        let open: Vec<(usize, OwnerId, bool)> = self
            .open()
            .map(|(index, write)| (index, write.row.owner(), write.action == OwnerAction::Touch))
            .collect();
        for (index, owner, touch) in open {
            self.results[index] = Some(match versions.get(&owner) {
                Some(version) if touch => WriteResult::Stored { id: owner.id, version: *version },
                Some(_) => WriteResult::Changed,
                None => WriteResult::Missing,
            });
        }
        Ok(())
    }

    fn open(&self) -> impl Iterator<Item = (usize, &'a OwnerWrite)> + '_ {
        self.writes.iter().enumerate().filter(|(index, _)| self.results[*index].is_none())
    }

    fn stored(&self) -> Vec<StoredWrite<'a>> {
        let pairs = self.writes.iter().zip(&self.results);
        pairs
            .filter_map(|(write, result)| match result {
                Some(WriteResult::Stored { id, .. }) => {
                    Some(StoredWrite { write, owner: OwnerId { kind: write.row.owner().kind, id: *id } })
                }
                _ => None,
            })
            .collect()
    }

    /// Withdraws the claims of owners that go, and notes which names they wait for.
    async fn say_farewell(&self, tx: &mut Tx) -> Result<(), DbError> {
        let (mut withdrawn, mut waiting, mut free) = (Vec::new(), Vec::new(), Vec::new());
        for stored in self.stored() {
            let OwnerAction::Remove { forget, .. } = stored.write.action else { continue };
            let OwnerId { kind, id } = stored.owner;
            withdrawn.extend(args![kind.code(), id]);
            for (zone, name) in &stored.write.touched {
                waiting.extend(args![*zone, name, kind.code(), id]);
            }
            if forget || stored.write.touched.is_empty() {
                free.push(stored.owner);
            }
        }
        tx.bulk(&WITHDRAW, args![], withdrawn).await?;
        tx.bulk(&FAREWELL, args![], waiting).await?;
        crate::reap::delete_owners(tx, &free).await
    }

    /// Raises the names, makes the job and the audit line.
    async fn finish(&self, tx: &mut Tx, context: &WriteContext) -> Result<Written, DbError> {
        let stored = self.stored();
        let results =
            self.results.iter().map(|result| result.clone().unwrap_or(WriteResult::Missing)).collect();
        if stored.is_empty() {
            return Ok(Written { results, ..Written::default() });
        }
        let job_id = context.job.as_ref().map(|_| self.ids.job);
        let touched: Vec<(i64, Name)> =
            stored.iter().flat_map(|stored| stored.write.touched.iter().cloned()).collect();
        let zones: BTreeSet<i64> = touched.iter().map(|(zone, _)| *zone).collect();
        let how = Raise {
            priority: context.priority,
            asked: context.asked,
            rewrite: context.rewrite,
            take_over: context.take_over,
            job_id,
        };
        let total = raise_names(tx, touched, &how, self.now).await?;
        if let (Some(id), Some(job)) = (job_id, &context.job) {
            let owner = if let [only] = stored.as_slice() { Some(only.owner) } else { None };
            let anew = |write: &OwnerWrite| matches!(write.action, OwnerAction::Insert | OwnerAction::Touch);
            let nowhere = total == 0
                && stored.iter().any(|stored| anew(stored.write) && !stored.write.claims.is_empty());
            let title = if nowhere { format!("{}: {NOWHERE}", job.title) } else { job.title.clone() };
            let job = &NewJob { title, ..job.clone() };
            JobSeed { id, job, owner, total, held_open: false, nowhere }.insert(tx, self.now).await?;
        }
        let mut audit = vec![audit_line(&stored, self.writes.len(), context, total)];
        audit.extend(stored.iter().filter_map(|stored| stored.forgotten(context)));
        crate::audit::insert(tx, &audit, self.now).await?;
        Ok(Written { results, job_id, zones: zones.into_iter().collect() })
    }
}

impl OwnerWrite {
    /// The name that only one active owner of its kind may have, where this write lays hold of it.
    fn taken_name(&self) -> Option<&Name> {
        let holds = matches!(self.action, OwnerAction::Insert | OwnerAction::Update { .. });
        match &self.row {
            OwnerRow::Host(host) if holds => Some(&host.fqdn),
            OwnerRow::Domain(domain) if holds => Some(&domain.name),
            _ => None,
        }
    }
}
