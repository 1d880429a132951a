//! Raising names: the one way work is made.
//!
//! `wanted` is a time made unique per name (never smaller than before plus one), not a plain counter:
//! a settled name loses its row, and a counter that began at 1 again could meet a version that a worker
//! still carries.

use crate::Store;
use crate::db::{Tx, again};
use crate::error::{DbError, StoreError};
use crate::model::{Millis, Raise};
use crate::sql::{Value, args, bulk, statements};
use std::collections::BTreeMap;
use zonecast_core::Name;

pub(crate) const ASKED: i64 = 1;
pub(crate) const REWRITE: i64 = 2;
pub(crate) const TAKE_OVER: i64 = 4;
pub(crate) const APPROVED: i64 = 8;

statements! {
    REMATCH = "UPDATE zone SET rematch_after = $2 WHERE id = $1";
    JOB_LOSE = "UPDATE job SET open = open - $2, superseded_by = $3 WHERE id = $1";
    JOB_AGAIN = "UPDATE job SET open = open - $2, total = total - $2 WHERE id = $1";
    JOB_GAIN = "UPDATE job SET open = open + $2, total = total + $2, state = CASE WHEN state = 'queued' THEN 'running' ELSE state END WHERE id = $1 AND finished_at IS NULL";
}

bulk! {
    WATCHED [] [zone_id: Int, name_key: Blob] = "
        SELECT n.job_id FROM v CROSS JOIN name_state n
        WHERE n.zone_id = v.zone_id AND n.name_key = v.name_key AND n.job_id IS NOT NULL", lock " FOR UPDATE OF n";
    RAISE [now: Int, priority: Int, flags: Int, job: Int] [zone_id: Int, name_key: Blob] = "
        INSERT INTO name_state (zone_id, name_key, wanted, done, due_at, attempts, priority, flags, job_id)
        SELECT v.zone_id, v.name_key, x.now, 0, x.now, 0, x.priority, x.flags, x.job FROM v CROSS JOIN x WHERE true
        ON CONFLICT (zone_id, name_key) DO UPDATE SET
            wanted = CASE WHEN excluded.wanted > name_state.wanted THEN excluded.wanted ELSE name_state.wanted + 1 END,
            due_at = excluded.due_at, attempts = 0,
            priority = CASE WHEN name_state.wanted > name_state.done AND name_state.priority < excluded.priority
                THEN name_state.priority ELSE excluded.priority END,
            flags = CASE WHEN name_state.wanted > name_state.done
                THEN (name_state.flags | excluded.flags) & 7 ELSE excluded.flags END,
            job_id = COALESCE(excluded.job_id, name_state.job_id)";
}

impl Raise {
    pub(crate) fn flags(&self) -> i64 {
        i64::from(self.asked) * ASKED
            + i64::from(self.rewrite) * REWRITE
            + i64::from(self.take_over) * TAKE_OVER
    }
}

impl Store {
    /// Raises names of one zone: they are due now, wherever their wish comes from. With a job, that
    /// job watches them from now on.
    pub async fn raise(&self, zone_id: i64, names: &[Name], how: &Raise) -> Result<(), StoreError> {
        again!(self.try_raise(zone_id, names, None, how).await)
    }

    /// One page of marking the names below a zone; the place to go on from is stored with them.
    pub async fn raise_page(
        &self,
        zone_id: i64,
        names: &[Name],
        rematch_after: Option<Vec<u8>>,
        how: &Raise,
    ) -> Result<(), StoreError> {
        again!(self.try_raise(zone_id, names, Some(&rematch_after), how).await)
    }

    /// Raises what a holder that lost its lease had in flight: the new holder reads it uncached.
    pub async fn reraise_after_fence(&self, zone_id: i64, names: &[Name]) -> Result<(), StoreError> {
        let how = Raise { rewrite: true, ..Raise::derived(crate::Priority::Interactive) };
        self.raise(zone_id, names, &how).await
    }

    async fn try_raise(
        &self,
        zone_id: i64,
        names: &[Name],
        rematch_after: Option<&Option<Vec<u8>>>,
        how: &Raise,
    ) -> Result<(), DbError> {
        let touched: Vec<(i64, Name)> = names.iter().map(|name| (zone_id, name.clone())).collect();
        let mut tx = self.db().begin().await?;
        let now = self.clock(&mut tx).await?;
        if let Some(rematch_after) = rematch_after
            && tx.execute(&REMATCH, args![zone_id, rematch_after]).await? == 0
        {
            return Err(StoreError::NotFound { what: "zone", id: zone_id }.into());
        }
        raise_watched(&mut tx, touched, how, now).await?;
        if rematch_after.is_some() {
            crate::stamp::changed(&mut tx, zone_id).await?;
        }
        tx.commit().await
    }
}

/// Raises names for a job that exists already: it gains what others lose.
pub(crate) async fn raise_watched(
    tx: &mut Tx,
    touched: Vec<(i64, Name)>,
    how: &Raise,
    now: Millis,
) -> Result<(), DbError> {
    let count = raise_names(tx, touched, how, now).await?;
    if let Some(job) = how.job_id
        && tx.execute(&JOB_GAIN, args![job, count]).await? == 0
    {
        return Err(StoreError::NotFound { what: "running job", id: job }.into());
    }
    Ok(())
}

/// Raises the names (zone, name), which need not be sorted or different; gives how many there were.
/// Jobs that watched them lose them to `how.job_id`.
pub(crate) async fn raise_names(
    tx: &mut Tx,
    mut touched: Vec<(i64, Name)>,
    how: &Raise,
    now: Millis,
) -> Result<usize, DbError> {
    // Sorted, so that two transactions never wait for each other in a circle, and tree pages are met once.
    touched.sort_unstable();
    touched.dedup();
    if let Some(job) = how.job_id {
        lose_watched(tx, &touched, job, now).await?;
    }
    let common = args![now, how.priority as i64, how.flags(), how.job_id];
    tx.bulk(&RAISE, common, rows_of(&touched)).await?;
    // "Set DNS records" means now: what waits after a refusal is tried again.
    if how.asked && how.rewrite {
        for zones in touched.chunk_by(|a, b| a.0 == b.0) {
            crate::waits::end(tx, zones[0].0, now).await?;
        }
    }
    Ok(touched.len())
}

pub(crate) fn rows_of(touched: &[(i64, Name)]) -> Vec<Value> {
    touched.iter().flat_map(|(zone, name)| [Value::from(*zone), Value::from(name)]).collect()
}

async fn lose_watched(tx: &mut Tx, touched: &[(i64, Name)], job: i64, now: Millis) -> Result<(), DbError> {
    let found: Vec<(i64,)> = tx.bulk_all(&WATCHED, args![], rows_of(touched)).await?;
    let mut lost: BTreeMap<i64, i64> = BTreeMap::new();
    for (loser,) in found {
        *lost.entry(loser).or_default() += 1;
    }
    for (loser, count) in &lost {
        match *loser == job {
            true => tx.execute(&JOB_AGAIN, args![job, *count]).await?,
            false => tx.execute(&JOB_LOSE, args![*loser, *count, job]).await?,
        };
    }
    let losers: Vec<i64> = lost.into_keys().filter(|loser| *loser != job).collect();
    crate::jobs::finish(tx, &losers, now).await?;
    Ok(())
}
