//! Zones: one zone name at one connection each.
//!
//! A change of the set of zones raises the zone epoch in the same transaction: registrations in flight
//! finish first, later ones that matched before are refused and match again. A new zone starts with an
//! empty `rematch_after`: all desired names below it have still to be marked.

use crate::Store;
use crate::codec;
use crate::connections::changed_or_missing;
use crate::db::{Tx, again};
use crate::error::{DbError, StoreError};
use crate::idempotency::Remember;
use crate::jobs::JobSeed;
use crate::model::*;
use crate::sql::{Sql, Value, args, statements};
use zonecast_core::{Name, ZoneState};

statements! {
    ZONE = "SELECT id, name_key, connection_id, provider_zone_id, physical_id, settings, state, last_error, cuts,
        rematch_after, listed_at, created_at, updated_at, version, failures, open_until, trouble_since FROM zone WHERE id = $1";
    ZONES = "SELECT id, name_key, connection_id, provider_zone_id, physical_id, settings, state, last_error, cuts,
        rematch_after, listed_at, created_at, updated_at, version, failures, open_until, trouble_since FROM zone ORDER BY id";
    ZONES_AT = "SELECT id, name_key, connection_id, provider_zone_id, physical_id, settings, state, last_error, cuts,
        rematch_after, listed_at, created_at, updated_at, version, failures, open_until, trouble_since FROM zone WHERE connection_id = $1 ORDER BY id";
    ZONE_ADD = "INSERT INTO zone (name_key, connection_id, provider_zone_id, physical_id, settings, state, last_error,
        cuts, rematch_after, listed_at, owned, created_at, updated_at, version)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, 0, $11, $11, 1) RETURNING id";
    ZONE_PHYSICAL = "SELECT id FROM zone WHERE physical_id = $1 AND state <> 'deleting' AND id <> $2";
    ZONE_SET = "UPDATE zone SET provider_zone_id = $3, physical_id = $4, settings = $5, state = $6, last_error = $7,
        cuts = $8, listed_at = $9, updated_at = $10, version = version + 1 WHERE id = $1 AND version = $2";
    ZONE_STATE = "UPDATE zone SET state = $2, last_error = $3, failures = 0, open_until = 0, trouble_since = 0
        WHERE id = $1";
    ZONE_NOTE = "UPDATE zone SET state = $2, last_error = $3, failures = $4, open_until = $5,
        trouble_since = CASE WHEN $2 = 'ok' THEN 0 WHEN trouble_since = 0 THEN $6 ELSE trouble_since END
        WHERE id = $1 AND state IN ('ok', 'parked')";
    ZONE_LISTED = "UPDATE zone SET listed_at = $2, cuts = $3 WHERE id = $1";
    ZONE_REMATCH = "UPDATE zone SET rematch_after = $2 WHERE id = $1";
    ZONE_LEAVES = "UPDATE zone SET state = 'deleting', last_error = NULL, rematch_after = $2 WHERE id = $1";
    ZONE_WORK = "SELECT zone_id FROM name_state WHERE zone_id = $1 AND wanted > done LIMIT 1";
    REMOVAL_JOB = "INSERT INTO meta (key, value) VALUES ($1, $2) ON CONFLICT (key) DO UPDATE SET value = excluded.value";
    REMOVAL_SEEN = "SELECT value FROM meta WHERE key = $1";
    REMOVAL_CLOSE = "UPDATE job SET open = open - 1 WHERE id = $1 AND finished_at IS NULL";
    REMOVAL_OVER = "DELETE FROM meta WHERE key = $1";
    ZONE_INTENTS = "DELETE FROM intent WHERE zone_id = $1";
    ZONE_REMOVE = "DELETE FROM zone WHERE id = $1";
    ZONE_NAMES = "DELETE FROM name_state WHERE zone_id = $1";
    ZONE_KEYS = "DELETE FROM key_state WHERE zone_id = $1";
    ZONE_OUTCOMES = "DELETE FROM outcome WHERE zone_id = $1";
    ZONE_DRIFT = "DELETE FROM drift WHERE zone_id = $1";
    ZONE_FAREWELLS = "DELETE FROM farewell WHERE zone_id = $1";
    ZONE_REMOVALS = "DELETE FROM removal_window WHERE zone_id = $1";
    ZONE_FAILURES = "DELETE FROM job_failed WHERE zone_id = $1";
    ZONE_JOBS = "SELECT job_id, COUNT(*) FROM name_state WHERE zone_id = $1 AND job_id IS NOT NULL GROUP BY job_id";
    JOB_ZONE_GONE = "UPDATE job SET open = open - $2, total = total - $2 WHERE id = $1";
    IMPLICIT_GONE = "DELETE FROM connection WHERE id = $1 AND implicit = 1
        AND NOT EXISTS (SELECT 1 FROM zone WHERE connection_id = $1)";
}

/// A zone's row as read: a tuple of sqlx holds 16 columns at most, so how it waits comes apart.
pub(crate) struct ZoneTuple(Columns, Waiting);

type Columns = (
    i64,
    Vec<u8>,
    i64,
    Option<String>,
    String,
    String,
    String,
    Option<String>,
    Vec<u8>,
    Option<Vec<u8>>,
    Option<i64>,
    i64,
    i64,
    i64,
);

impl<'r, R: sqlx::Row> sqlx::FromRow<'r, R> for ZoneTuple
where
    Columns: sqlx::FromRow<'r, R>,
    usize: sqlx::ColumnIndex<R>,
    i64: sqlx::Decode<'r, R::Database> + sqlx::Type<R::Database>,
{
    fn from_row(row: &'r R) -> Result<ZoneTuple, sqlx::Error> {
        let (failures, until, since) = (row.try_get(14)?, row.try_get(15)?, row.try_get(16)?);
        Ok(ZoneTuple(Columns::from_row(row)?, Waiting { failures, until, since }))
    }
}

pub(crate) fn zone(ZoneTuple(row, waiting): ZoneTuple) -> Result<ZoneRow, StoreError> {
    Ok(ZoneRow {
        id: row.0,
        name: codec::name(&row.1)?,
        connection_id: row.2,
        provider_zone_id: row.3,
        physical_id: row.4,
        settings: codec::json(&row.5)?,
        state: codec::state(&row.6)?,
        last_error: row.7,
        waiting,
        cuts: pairs(codec::read_names(&row.8)?),
        rematch_after: row.9,
        listed_at: row.10,
        created_at: row.11,
        updated_at: row.12,
        version: row.13,
    })
}

impl Store {
    /// The zone with this id.
    pub async fn zone(&self, id: i64) -> Result<Option<ZoneRow>, StoreError> {
        self.db().optional(&ZONE, args![id]).await?.map(zone).transpose()
    }

    /// All zones in the order of their ids.
    pub async fn zones(&self) -> Result<Vec<ZoneRow>, StoreError> {
        self.db().all(&ZONES, args![]).await?.into_iter().map(zone).collect()
    }

    /// The zones of one connection.
    pub async fn zones_at(&self, connection_id: i64) -> Result<Vec<ZoneRow>, StoreError> {
        self.db().all(&ZONES_AT, args![connection_id]).await?.into_iter().map(zone).collect()
    }

    /// Stores a new zone, raises the epoch, and leaves all names below it to be marked
    /// (`rematch_after` is empty, whatever `row` says). A zone of the same `physical_id` is a
    /// `Constraint` that names it.
    pub async fn add_zone(&self, row: &ZoneRow, audit: &[NewAudit]) -> Result<ZoneRow, StoreError> {
        self.add_zone_once(row, audit, None).await
    }

    /// The same, and its id is remembered under an idempotency key in the same transaction.
    /// `AlreadyAnswered` when that key has an answer already.
    pub async fn add_zone_once(
        &self,
        row: &ZoneRow,
        audit: &[NewAudit],
        remember: Option<&Remember<'_>>,
    ) -> Result<ZoneRow, StoreError> {
        let mut tx = self.db().begin().await?;
        let now = self.clock(&mut tx).await?;
        crate::meta::raise_epoch(&mut tx).await?;
        refuse_twin(&mut tx, row, 0).await?;
        let mut values = args![&row.name, row.connection_id, &row.provider_zone_id, row.physical_id.as_str()];
        values.extend(args![codec::to_json(&row.settings)?, row.state, &row.last_error]);
        values.extend(args![flat(&row.cuts), Vec::new(), row.listed_at, now]);
        let (id,): (i64,) = tx.one(&ZONE_ADD, values).await?;
        crate::audit::insert(&mut tx, audit, now).await?;
        self.remember_new(&mut tx, remember, id, now).await?;
        let stored = zone(tx.one(&ZONE, args![id]).await?)?;
        crate::stamp::changed(&mut tx, id).await?;
        tx.commit().await?;
        Ok(stored)
    }

    /// Stores a zone anew if it still has the version of `row`, and raises the epoch; gives the new
    /// version. Name and connection never change; `rematch_after` is left to [`Store::rematch_zone`].
    pub async fn update_zone(&self, row: &ZoneRow, audit: &[NewAudit]) -> Result<i64, StoreError> {
        let mut tx = self.db().begin().await?;
        let now = self.clock(&mut tx).await?;
        crate::meta::raise_epoch(&mut tx).await?;
        refuse_twin(&mut tx, row, row.id).await?;
        let mut values = args![row.id, row.version, &row.provider_zone_id, row.physical_id.as_str()];
        values.extend(args![codec::to_json(&row.settings)?, row.state, &row.last_error]);
        values.extend(args![flat(&row.cuts), row.listed_at, now]);
        if tx.execute(&ZONE_SET, values).await? == 0 {
            let found: Option<ZoneTuple> = tx.optional(&ZONE, args![row.id]).await?;
            return Err(changed_or_missing(found.is_some(), "zone", row.id));
        }
        crate::audit::insert(&mut tx, audit, now).await?;
        crate::stamp::changed(&mut tx, row.id).await?;
        tx.commit().await?;
        Ok(row.version + 1)
    }

    /// Stores how the zone fares (`ok`, `parked`, `paused`, `deleting`). The version stays. The epoch
    /// is raised only for `deleting`, which takes it out of matching.
    pub async fn set_zone_state(
        &self,
        id: i64,
        state: ZoneState,
        last_error: Option<&str>,
    ) -> Result<(), StoreError> {
        let mut tx = self.db().begin().await?;
        if state == ZoneState::Deleting {
            crate::meta::raise_epoch(&mut tx).await?;
        }
        found(tx.execute(&ZONE_STATE, args![id, state, last_error]).await?, id)?;
        crate::stamp::changed(&mut tx, id).await?;
        Ok(tx.commit().await?)
    }

    /// Stores how the engine finds the zone (`ok`, `parked`): one that a person paused or removes stays so.
    pub async fn note_zone(
        &self,
        id: i64,
        state: ZoneState,
        last_error: Option<&str>,
        failures: i64,
        open_until: Millis,
    ) -> Result<(), StoreError> {
        let now = self.now().await?;
        self.set_row(&ZONE_NOTE, id, args![id, state, last_error, failures, open_until, now]).await?;
        Ok(())
    }

    /// Stores what a whole listing of the zone showed: when, and the delegations in it.
    pub async fn zone_listed(&self, id: i64, at: Millis, cuts: &[(Name, Name)]) -> Result<(), StoreError> {
        found(self.set_row(&ZONE_LISTED, id, args![id, at, flat(cuts)]).await?, id)
    }

    /// Lets all names below the zone be marked again, from the first one.
    pub async fn rematch_zone(&self, id: i64) -> Result<(), StoreError> {
        found(self.set_row(&ZONE_REMATCH, id, args![id, Vec::new()]).await?, id)
    }

    /// One statement that changes one zone's row; how many it changed.
    async fn set_row(&self, statement: &Sql, id: i64, values: Vec<Value>) -> Result<u64, StoreError> {
        let mut tx = self.db().begin().await?;
        let count = tx.execute(statement, values).await?;
        crate::stamp::changed(&mut tx, id).await?;
        tx.commit().await?;
        Ok(count)
    }

    /// Begins to take a zone out, in one transaction: it is `deleting` (no name matches it any more), all
    /// names that hold something of ours have still to be raised (`rematch_after` is empty), and a job
    /// watches. Gives the job; it stays open until [`Store::close_job`].
    pub async fn begin_zone_removal(
        &self,
        id: i64,
        job: &NewJob,
        audit: &[NewAudit],
    ) -> Result<i64, StoreError> {
        let sqlite = self.db().is_sqlite();
        let before = if sqlite { None } else { Some(self.allocate(None, "job", 1).await?) };
        let mut tx = self.db().begin().await?;
        let job_id = match before {
            Some(id) => id,
            None => self.allocate(Some(&mut tx), "job", 1).await?,
        };
        let now = self.clock(&mut tx).await?;
        crate::meta::raise_epoch(&mut tx).await?;
        found(tx.execute(&ZONE_LEAVES, args![id, Vec::new()]).await?, id)?;
        JobSeed { id: job_id, job, owner: None, total: 0, held_open: true, nowhere: false }
            .insert(&mut tx, now)
            .await?;
        tx.execute(&REMOVAL_JOB, args![removal_key(id), job_id.to_string()]).await?;
        crate::audit::insert(&mut tx, audit, now).await?;
        crate::stamp::changed(&mut tx, id).await?;
        tx.commit().await?;
        Ok(job_id)
    }

    /// The job that watches the removal of a zone.
    pub async fn removal_job(&self, id: i64) -> Result<Option<i64>, StoreError> {
        Ok(self.meta(&removal_key(id)).await?.and_then(|job| job.parse().ok()))
    }

    /// Whether any name of the zone has work to do, due or not.
    pub async fn has_work(&self, id: i64) -> Result<bool, StoreError> {
        let found: Option<(i64,)> = self.db().optional(&ZONE_WORK, args![id]).await?;
        Ok(found.is_some())
    }

    /// Forgets a zone with everything known of its names; nothing is done at its provider. Jobs no
    /// longer wait for its names, the one that watched its removal ends, an implicit connection goes with
    /// its last zone.
    pub async fn remove_zone(&self, id: i64, audit: &[NewAudit]) -> Result<(), StoreError> {
        let removed: Result<(), StoreError> = again!(self.try_remove(id, audit).await);
        removed?;
        self.reap().await?;
        Ok(())
    }

    async fn try_remove(&self, id: i64, audit: &[NewAudit]) -> Result<(), DbError> {
        let mut tx = self.db().begin().await?;
        let now = self.clock(&mut tx).await?;
        crate::meta::raise_epoch(&mut tx).await?;
        // Locked first: results of a pass that is under way are stored before or not at all.
        let _: Option<(i64,)> = tx.optional(&crate::results::ZONE_HERE, args![id]).await?;
        let row: Option<ZoneTuple> = tx.optional(&ZONE, args![id]).await?;
        let row = zone(row.ok_or(StoreError::NotFound { what: "zone", id })?)?;
        let jobs: Vec<(i64, i64)> = tx.all(&ZONE_JOBS, args![id]).await?;
        for (job, count) in &jobs {
            tx.execute(&JOB_ZONE_GONE, args![*job, *count]).await?;
        }
        for statement in [
            &ZONE_NAMES,
            &ZONE_KEYS,
            &ZONE_OUTCOMES,
            &ZONE_DRIFT,
            &ZONE_FAREWELLS,
            &ZONE_REMOVALS,
            &ZONE_FAILURES,
            &ZONE_INTENTS,
            &ZONE_REMOVE,
        ] {
            tx.execute(statement, args![id]).await?;
        }
        tx.execute(&IMPLICIT_GONE, args![row.connection_id]).await?;
        let mut jobs: Vec<i64> = jobs.into_iter().map(|(job, _)| job).collect();
        jobs.extend(end_removal(&mut tx, id).await?);
        crate::jobs::finish(&mut tx, &jobs, now).await?;
        crate::audit::insert(&mut tx, audit, now).await?;
        crate::stamp::removed(&mut tx).await?;
        tx.commit().await
    }
}

/// The job that watched the zone's removal has nothing more to wait for; in the transaction that
/// forgets the zone, so that no crash leaves it open.
async fn end_removal(tx: &mut Tx, id: i64) -> Result<Option<i64>, DbError> {
    let found: Option<(String,)> = tx.optional(&REMOVAL_SEEN, args![removal_key(id)]).await?;
    let job: Option<i64> = found.and_then(|(job,)| job.parse().ok());
    if let Some(job) = job {
        tx.execute(&REMOVAL_CLOSE, args![job]).await?;
    }
    tx.execute(&REMOVAL_OVER, args![removal_key(id)]).await?;
    Ok(job)
}

async fn refuse_twin(tx: &mut Tx, row: &ZoneRow, own_id: i64) -> Result<(), DbError> {
    if row.state == ZoneState::Deleting {
        return Ok(());
    }
    let values: Vec<Value> = args![row.physical_id.as_str(), own_id];
    let twin: Option<(i64,)> = tx.optional(&ZONE_PHYSICAL, values).await?;
    match twin {
        Some((by,)) => {
            let what = format!("zone {} at this place (zone {by})", row.name);
            Err(StoreError::Constraint { what, by: Some(by) }.into())
        }
        None => Ok(()),
    }
}

/// Cuts are stored as one list of names, each cut followed by one of its servers.
fn flat(cuts: &[(Name, Name)]) -> Vec<u8> {
    let names: Vec<Name> = cuts.iter().flat_map(|(cut, server)| [cut.clone(), server.clone()]).collect();
    codec::names(&names)
}

fn pairs(names: Vec<Name>) -> Vec<(Name, Name)> {
    names.chunks_exact(2).map(|pair| (pair[0].clone(), pair[1].clone())).collect()
}

fn removal_key(id: i64) -> String {
    format!("removal of zone {id}")
}

fn found(count: u64, id: i64) -> Result<(), StoreError> {
    if count == 0 { Err(StoreError::NotFound { what: "zone", id }) } else { Ok(()) }
}
