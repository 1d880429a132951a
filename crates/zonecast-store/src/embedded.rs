//! The embedded authority's zones: RRsets, journal, settings.
//!
//! The authority answers from memory; this is read once at the start and written before each change
//! is published. Settings are sealed as a whole, because a zone's TSIG secret is among them. The
//! journal is bounded: who is behind it gets a whole transfer.

use crate::Store;
use crate::codec;
use crate::db::{Tx, again};
use crate::error::{DbError, StoreError};
use crate::model::Millis;
use crate::secrets::Place;
use crate::sql::{Value, args, bulk, statements};
use zonecast_core::{Name, RRset, RecordData, RecordType};

/// Journal entries kept per zone.
const JOURNAL: i64 = 1000;
/// RRsets read at once while loading.
const PAGE: i64 = 5000;

statements! {
    EZ_NAMES = "SELECT name_key FROM embedded_zone ORDER BY name_key";
    EZ = "SELECT settings, serial FROM embedded_zone WHERE name_key = $1";
    EZ_ADD = "INSERT INTO embedded_zone (name_key, settings, serial, created_at, updated_at) VALUES ($1, $2, $3, $4, $4)";
    EZ_STEP = "UPDATE embedded_zone SET serial = $3, updated_at = $4 WHERE name_key = $1 AND serial = $2";
    EZ_SETTINGS = "UPDATE embedded_zone SET settings = $2, updated_at = $3 WHERE name_key = $1";
    EZ_DROP = "DELETE FROM embedded_zone WHERE name_key = $1";
    ER_DROP = "DELETE FROM embedded_rrset WHERE zone_key = $1";
    EJ_DROP = "DELETE FROM embedded_journal WHERE zone_key = $1";
    ER_FIRST = "SELECT name_key, rtype, ttl, data FROM embedded_rrset WHERE zone_key = $1
        ORDER BY name_key, rtype LIMIT $2";
    ER_PAGE = "SELECT name_key, rtype, ttl, data FROM embedded_rrset
        WHERE zone_key = $1 AND (name_key, rtype) > ($2, $3) ORDER BY name_key, rtype LIMIT $4";
    EJ_PAGE = "SELECT id, serial_from, serial_to, removed, added FROM embedded_journal
        WHERE zone_key = $1 AND id > $2 ORDER BY id LIMIT $3";
    EJ_LAST = "SELECT MAX(id) FROM embedded_journal WHERE zone_key = $1";
    EJ_FROM = "SELECT MAX(id) FROM embedded_journal WHERE zone_key = $1 AND serial_from = $2";
    EJ_ADD = "INSERT INTO embedded_journal (zone_key, id, serial_from, serial_to, removed, added, at)
        VALUES ($1, $2, $3, $4, $5, $6, $7)";
    EJ_TRIM = "DELETE FROM embedded_journal WHERE zone_key = $1 AND id <= $2";
}

bulk! {
    ER_PUT [zone_key: Blob] [name_key: Blob, rtype: Int, ttl: Int, data: Blob] = "
        INSERT INTO embedded_rrset (zone_key, name_key, rtype, ttl, data)
        SELECT x.zone_key, v.name_key, v.rtype, v.ttl, v.data FROM v CROSS JOIN x WHERE true
        ON CONFLICT (zone_key, name_key, rtype) DO UPDATE SET ttl = excluded.ttl, data = excluded.data";
    ER_DELETE [] [zone_key: Blob, name_key: Blob, rtype: Int] = "
        DELETE FROM embedded_rrset
        WHERE (zone_key, name_key, rtype) IN (SELECT v.zone_key, v.name_key, v.rtype FROM v)";
}

/// One change of a zone as IXFR sends it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct EmbeddedEntry {
    /// The serial before.
    pub serial_from: u32,
    /// The serial after.
    pub serial_to: u32,
    /// What went.
    pub removed: Vec<RRset>,
    /// What came.
    pub added: Vec<RRset>,
}

/// One change of the stored RRsets.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum EmbeddedEdit {
    /// The set is this now.
    Set(RRset),
    /// The set is gone.
    Delete(Name, RecordType),
}

/// One piece of what is stored; RRsets and entries belong to the zone named before them.
#[derive(Clone, PartialEq, Debug)]
pub enum EmbeddedPiece {
    /// A zone begins.
    Zone {
        /// Its name.
        name: Name,
        /// Its settings, as they were given.
        settings: serde_json::Value,
        /// Its serial.
        serial: u32,
    },
    /// An RRset, in canonical order.
    RRset(RRset),
    /// A journal entry, oldest first.
    Entry(EmbeddedEntry),
}

type Visit<'a> = &'a mut (dyn FnMut(EmbeddedPiece) + Send);

impl Store {
    /// Hands every embedded zone to `visit`, piece by piece: each zone as it is at one moment.
    pub async fn embedded_load(&self, visit: Visit<'_>) -> Result<(), StoreError> {
        let names: Vec<(Vec<u8>,)> = self.db().all(&EZ_NAMES, args![]).await?;
        for (key,) in names {
            self.embedded_load_zone(&codec::name(&key)?, visit).await?;
        }
        Ok(())
    }

    /// The same for one zone; nothing is visited when there is none.
    pub async fn embedded_load_zone(&self, zone: &Name, visit: Visit<'_>) -> Result<(), StoreError> {
        let mut tx = self.db().snapshot().await?;
        let found: Option<(String, i64)> = tx.optional(&EZ, args![zone]).await?;
        let Some((sealed, serial)) = found else { return Ok(()) };
        let settings = self.open_settings(zone, &sealed)?;
        visit(EmbeddedPiece::Zone { name: zone.clone(), settings, serial: read_serial(serial)? });
        let mut rows: Vec<RRsetTuple> = tx.all(&ER_FIRST, args![zone, PAGE]).await?;
        while let Some(last) = rows.last() {
            let next = args![zone, last.0.as_slice(), last.1, PAGE];
            for row in rows {
                visit(EmbeddedPiece::RRset(rrset(row)?));
            }
            rows = tx.all(&ER_PAGE, next).await?;
        }
        for entry in journal(&mut tx, zone, 0).await? {
            visit(EmbeddedPiece::Entry(entry));
        }
        Ok(())
    }

    /// Stores a new zone. A `Constraint` when one of this name exists.
    pub async fn embedded_create(
        &self,
        zone: &Name,
        settings: &serde_json::Value,
        serial: u32,
        rrsets: &[RRset],
    ) -> Result<(), StoreError> {
        let sealed = self.seal_settings(zone, settings)?;
        let mut tx = self.db().begin().await?;
        let now = self.clock(&mut tx).await?;
        match tx.execute(&EZ_ADD, args![zone, sealed, i64::from(serial), now]).await {
            Ok(_) => {}
            Err(DbError::Unique(_)) => {
                return Err(StoreError::Constraint { what: format!("embedded zone {zone}"), by: None });
            }
            Err(error) => return Err(error.into()),
        }
        tx.bulk(&ER_PUT, args![zone], rrsets.iter().flat_map(rrset_values).collect()).await?;
        Ok(tx.commit().await?)
    }

    /// Removes a zone with RRsets and journal. Removing what is not there is no error.
    pub async fn embedded_delete(&self, zone: &Name) -> Result<(), StoreError> {
        let mut tx = self.db().begin().await?;
        for statement in [&EJ_DROP, &ER_DROP, &EZ_DROP] {
            tx.execute(statement, args![zone]).await?;
        }
        Ok(tx.commit().await?)
    }

    /// Appends an entry to the journal and makes the RRsets what `edits` say, in one transaction.
    /// `Changed` when the zone's serial is not `entry.serial_from`: somebody else wrote, or it is gone.
    pub async fn embedded_commit(
        &self,
        zone: &Name,
        entry: &EmbeddedEntry,
        edits: &[EmbeddedEdit],
    ) -> Result<(), StoreError> {
        again!(self.try_commit(zone, entry, edits).await)
    }

    async fn try_commit(
        &self,
        zone: &Name,
        entry: &EmbeddedEntry,
        edits: &[EmbeddedEdit],
    ) -> Result<(), DbError> {
        let (mut sets, mut deletes) = (Vec::new(), Vec::new());
        // The last edit of a key counts; a statement must not meet a key twice.
        let mut last = std::collections::BTreeMap::new();
        for edit in edits {
            match edit {
                EmbeddedEdit::Set(set) => last.insert((&set.name, set.rtype), Some(set)),
                EmbeddedEdit::Delete(name, rtype) => last.insert((name, *rtype), None),
            };
        }
        for ((name, rtype), set) in last {
            match set {
                Some(set) => sets.extend(rrset_values(set)),
                None => deletes.extend(args![zone, name, rtype]),
            }
        }
        let (from, to) = (i64::from(entry.serial_from), i64::from(entry.serial_to));
        let mut tx = self.db().begin().await?;
        let now = self.clock(&mut tx).await?;
        if tx.execute(&EZ_STEP, args![zone, from, to, now]).await? == 0 {
            return Err(StoreError::Changed { what: "embedded zone at serial", id: from }.into());
        }
        tx.bulk(&ER_DELETE, args![], deletes).await?;
        tx.bulk(&ER_PUT, args![zone], sets).await?;
        append(&mut tx, zone, entry, now).await?;
        tx.commit().await
    }

    /// Replaces the settings of a zone.
    pub async fn embedded_set_settings(
        &self,
        zone: &Name,
        settings: &serde_json::Value,
    ) -> Result<(), StoreError> {
        let sealed = self.seal_settings(zone, settings)?;
        let now = self.now().await?;
        match self.db().execute(&EZ_SETTINGS, args![zone, sealed, now]).await? {
            0 => Err(StoreError::NotFound { what: "embedded zone", id: 0 }),
            _ => Ok(()),
        }
    }

    /// The entries that lead from a serial to the present one, in order; `None` when the journal does
    /// not go back that far. Empty when `from_serial` is the present one.
    pub async fn embedded_journal(
        &self,
        zone: &Name,
        from_serial: u32,
    ) -> Result<Option<Vec<EmbeddedEntry>>, StoreError> {
        let mut tx = self.db().snapshot().await?;
        let found: Option<(String, i64)> = tx.optional(&EZ, args![zone]).await?;
        let Some((_, serial)) = found else { return Ok(None) };
        if serial == i64::from(from_serial) {
            return Ok(Some(Vec::new()));
        }
        let (first,): (Option<i64>,) = tx.one(&EJ_FROM, args![zone, i64::from(from_serial)]).await?;
        match first {
            Some(first) => Ok(Some(journal(&mut tx, zone, first - 1).await?)),
            None => Ok(None),
        }
    }

    fn seal_settings(&self, zone: &Name, settings: &serde_json::Value) -> Result<String, StoreError> {
        let row = zone.to_string();
        let place = Place { table: "embedded_zone", row: &row, field: "settings" };
        self.master().seal(&place, codec::to_json(settings)?.as_bytes())
    }

    fn open_settings(&self, zone: &Name, sealed: &str) -> Result<serde_json::Value, StoreError> {
        let row = zone.to_string();
        let plain =
            self.master().open(&Place { table: "embedded_zone", row: &row, field: "settings" }, sealed)?;
        serde_json::from_slice(&plain).map_err(|error| StoreError::Corrupt(format!("zone settings: {error}")))
    }
}

type RRsetTuple = (Vec<u8>, i64, i64, Vec<u8>);

fn rrset(row: RRsetTuple) -> Result<RRset, StoreError> {
    let rtype = codec::rtype(row.1)?;
    let values: Vec<RecordData> = codec::read_values(rtype, &row.3)?;
    Ok(RRset { name: codec::name(&row.0)?, rtype, ttl: codec::ttl(row.2)?, values })
}

fn rrset_values(set: &RRset) -> Vec<Value> {
    args![&set.name, set.rtype, set.ttl, codec::values(&set.values)]
}

fn read_serial(serial: i64) -> Result<u32, StoreError> {
    u32::try_from(serial).map_err(|_| StoreError::Corrupt(format!("serial {serial}")))
}

async fn append(tx: &mut Tx, zone: &Name, entry: &EmbeddedEntry, now: Millis) -> Result<(), DbError> {
    let (last,): (Option<i64>,) = tx.one(&EJ_LAST, args![zone]).await?;
    let id = last.unwrap_or(0) + 1;
    let mut values = args![zone, id, i64::from(entry.serial_from), i64::from(entry.serial_to)];
    values.extend(args![codec::rrsets(&entry.removed), codec::rrsets(&entry.added), now]);
    tx.execute(&EJ_ADD, values).await?;
    tx.execute(&EJ_TRIM, args![zone, id - JOURNAL]).await?;
    Ok(())
}

type EntryTuple = (i64, i64, i64, Vec<u8>, Vec<u8>);

async fn journal(tx: &mut Tx, zone: &Name, after: i64) -> Result<Vec<EmbeddedEntry>, DbError> {
    let rows: Vec<EntryTuple> = tx.all(&EJ_PAGE, args![zone, after, JOURNAL + 1]).await?;
    let mut entries = Vec::with_capacity(rows.len());
    for (_, from, to, removed, added) in rows {
        entries.push(EmbeddedEntry {
            serial_from: read_serial(from)?,
            serial_to: read_serial(to)?,
            removed: codec::read_rrsets(&removed)?,
            added: codec::read_rrsets(&added)?,
        });
    }
    Ok(entries)
}
