//! Jobs watch names; they do no work and nothing waits for them.
//!
//! `open` counts the names that still name the job, so a job ends in the transaction that takes its
//! last name away: by a result, by a newer job, or by a zone that goes.

use crate::Store;
use crate::codec;
use crate::db::{Tx, again};
use crate::error::{DbError, StoreError};
use crate::model::*;
use crate::raise::raise_watched;
use crate::sql::{Value, args, bulk, statements};
use std::collections::BTreeMap;
use zonecast_core::{JobState, Name};

statements! {
    JOB = "SELECT id, kind, title, state, total, succeeded, failed, superseded_by, owner_kind, owner_id, created_at,
        finished_at FROM job WHERE id = $1";
    JOBS = "SELECT id, kind, title, state, total, succeeded, failed, superseded_by, owner_kind, owner_id, created_at,
        finished_at FROM job WHERE id < $1 AND ($2 = '' OR state = $2) AND ($3 = '' OR kind = $3)
        AND ($4 = 0 OR (owner_kind = $4 AND owner_id = $5)) ORDER BY id DESC LIMIT $6";
    JOB_INSERT = "INSERT INTO job (id, kind, title, state, total, succeeded, failed, open, superseded_by, owner_kind,
        owner_id, log_next, created_at, finished_at)
        VALUES ($1, $2, $3, $4, $5, 0, 0, $6, NULL, $7, $8, 1, $9, $10)";
    JOB_COUNT = "UPDATE job SET open = open - $2 - $3, succeeded = succeeded + $2, failed = failed + $3,
        state = CASE WHEN state = 'queued' THEN 'running' ELSE state END WHERE id = $1";
    JOB_FINISH = "UPDATE job SET finished_at = $2, state = CASE
            WHEN failed = 0 AND (succeeded > 0 OR total = 0 OR superseded_by IS NULL) THEN 'done'
            WHEN failed = 0 THEN 'superseded' WHEN succeeded = 0 THEN 'failed' ELSE 'partial' END
        WHERE id = $1 AND open <= 0 AND finished_at IS NULL
        RETURNING id, kind, title, state, total, succeeded, failed, superseded_by, owner_kind, owner_id, created_at,
        finished_at";
    JOB_CLOSE = "UPDATE job SET open = open - 1 WHERE id = $1 AND finished_at IS NULL";
    JOB_CANCEL = "UPDATE job SET state = 'cancelled', open = 0, finished_at = $2 WHERE id = $1 AND finished_at IS NULL";
    JOB_UNWATCH = "UPDATE name_state SET job_id = NULL WHERE job_id = $1";
    JOB_REOPEN = "UPDATE job SET state = 'running', finished_at = NULL, failed = failed - $2, total = total - $2
        WHERE id = $1";
    JOB_FAILED = "SELECT zone_id, name_key FROM job_failed WHERE job_id = $1 ORDER BY zone_id, name_key LIMIT $2";
    JOB_ZONES = "SELECT DISTINCT zone_id FROM name_state WHERE job_id = $1";
    JOB_DUE = "UPDATE name_state SET due_at = $2 WHERE job_id = $1 AND wanted > done AND due_at > $2";
    JOB_FAILED_GONE = "DELETE FROM job_failed WHERE job_id = $1";
    JOB_LOG = "SELECT id, at, line FROM job_log WHERE job_id = $1 AND id > $2 ORDER BY id LIMIT $3";
    JOB_LOG_NEXT = "UPDATE job SET log_next = log_next + $2 WHERE id = $1 RETURNING log_next";
    JOBS_OLD = "SELECT id FROM job WHERE finished_at < $1 ORDER BY finished_at LIMIT $2";
}

bulk! {
    LOG_INSERT [at: Int] [job_id: Int, id: Int, line: Text] = "
        INSERT INTO job_log (job_id, id, at, line) SELECT v.job_id, v.id, x.at, v.line FROM v CROSS JOIN x";
    FAILED_INSERT [] [job_id: Int, zone_id: Int, name_key: Blob] = "
        INSERT INTO job_failed (job_id, zone_id, name_key) SELECT v.job_id, v.zone_id, v.name_key FROM v WHERE true
        ON CONFLICT (job_id, zone_id, name_key) DO NOTHING";
    OLD_JOBS [] [id: Int] = "DELETE FROM job WHERE id IN (SELECT v.id FROM v)";
    OLD_LOGS [] [id: Int] = "DELETE FROM job_log WHERE job_id IN (SELECT v.id FROM v)";
    OLD_FAILED [] [id: Int] = "DELETE FROM job_failed WHERE job_id IN (SELECT v.id FROM v)";
}

/// Which jobs to list. Everything left empty means all.
#[derive(Clone, Default, Debug)]
pub struct JobFilter {
    /// One state.
    pub state: Option<JobState>,
    /// One kind.
    pub kind: String,
    /// The jobs about one owner.
    pub owner: Option<OwnerId>,
}

/// A job to be inserted.
pub(crate) struct JobSeed<'a> {
    pub id: i64,
    pub job: &'a NewJob,
    pub owner: Option<OwnerId>,
    pub total: usize,
    pub held_open: bool,
    /// Its owners claim something, and no zone holds it.
    pub nowhere: bool,
}

impl JobSeed<'_> {
    pub async fn insert(&self, tx: &mut Tx, now: Millis) -> Result<(), DbError> {
        let open = self.total + usize::from(self.held_open);
        let (state, finished) = match (open, self.nowhere) {
            (0, true) => (JobState::NoMatchingZone, Some(now)),
            (0, false) => (JobState::Done, Some(now)),
            _ => (JobState::Queued, None),
        };
        let mut values =
            args![self.id, self.job.kind.as_str(), self.job.title.as_str(), state, self.total, open];
        values.extend(args![self.owner.map(|owner| owner.kind.code()), self.owner.map(|owner| owner.id)]);
        values.extend(args![now, finished]);
        tx.execute(&JOB_INSERT, values).await?;
        Ok(())
    }
}

type JobTuple =
    (i64, String, String, String, i64, i64, i64, Option<i64>, Option<i64>, Option<i64>, i64, Option<i64>);

fn job(row: JobTuple) -> Result<JobRow, StoreError> {
    let owner = match (row.8, row.9) {
        (Some(kind), Some(id)) => Some(OwnerId { kind: OwnerKind::from_code(kind)?, id }),
        _ => None,
    };
    Ok(JobRow {
        id: row.0,
        kind: row.1,
        title: row.2,
        state: codec::state(&row.3)?,
        total: row.4,
        succeeded: row.5,
        failed: row.6,
        superseded_by: row.7,
        owner,
        created_at: row.10,
        finished_at: row.11,
    })
}

impl Store {
    /// The job with this id.
    pub async fn job(&self, id: i64) -> Result<Option<JobRow>, StoreError> {
        self.db().optional(&JOB, args![id]).await?.map(job).transpose()
    }

    /// A page of jobs, newest first, with ids below `before` (`None`: from the newest).
    pub async fn jobs(
        &self,
        filter: &JobFilter,
        before: Option<i64>,
        limit: usize,
    ) -> Result<Vec<JobRow>, StoreError> {
        let mut values = args![
            before.unwrap_or(i64::MAX),
            filter.state.map_or("", JobState::as_str),
            filter.kind.as_str()
        ];
        values.extend(args![filter.owner.map_or(0, |owner| owner.kind.code())]);
        values.extend(args![filter.owner.map_or(0, |owner| owner.id), limit]);
        self.db().all(&JOBS, values).await?.into_iter().map(job).collect()
    }

    /// Makes a job whose names come later, by [`Store::raise`] and [`Store::raise_page`] with its id.
    /// It does not end before [`Store::close_job`].
    pub async fn open_job(&self, new: &NewJob, owner: Option<OwnerId>) -> Result<i64, StoreError> {
        let sqlite = self.db().is_sqlite();
        let before = if sqlite { None } else { Some(self.allocate(None, "job", 1).await?) };
        let mut tx = self.db().begin().await?;
        let id = match before {
            Some(id) => id,
            None => self.allocate(Some(&mut tx), "job", 1).await?,
        };
        let now = self.clock(&mut tx).await?;
        JobSeed { id, job: new, owner, total: 0, held_open: true, nowhere: false }
            .insert(&mut tx, now)
            .await?;
        tx.commit().await?;
        Ok(id)
    }

    /// Says that an opened job gets no more names; it ends when those it has are through. Once per job.
    pub async fn close_job(&self, id: i64) -> Result<Option<JobRow>, StoreError> {
        let mut tx = self.db().begin().await?;
        let now = self.clock(&mut tx).await?;
        tx.execute(&JOB_CLOSE, args![id]).await?;
        let finished = finish(&mut tx, &[id], now).await?;
        tx.commit().await?;
        Ok(finished.into_iter().next())
    }

    /// The lines of a job's log after `after_id`.
    pub async fn job_log(&self, id: i64, after_id: i64, limit: usize) -> Result<Vec<LogLine>, StoreError> {
        let rows: Vec<(i64, i64, String)> = self.db().all(&JOB_LOG, args![id, after_id, limit]).await?;
        Ok(rows.into_iter().map(|(id, at, line)| LogLine { id, at, line }).collect())
    }

    /// Appends lines to jobs' logs.
    pub async fn append_log(&self, lines: &[(i64, String)]) -> Result<(), StoreError> {
        again!(self.try_append(lines).await)
    }

    async fn try_append(&self, lines: &[(i64, String)]) -> Result<(), DbError> {
        let mut tx = self.db().begin().await?;
        let now = self.clock(&mut tx).await?;
        append(&mut tx, lines, now).await?;
        tx.commit().await
    }

    /// Stops watching. The wishes stay wishes: what was registered is still carried out. `false` when
    /// the job had ended already.
    pub async fn cancel_job(&self, id: i64) -> Result<bool, StoreError> {
        again!(self.try_cancel(id).await)
    }

    async fn try_cancel(&self, id: i64) -> Result<bool, DbError> {
        let mut tx = self.db().begin().await?;
        let now = self.clock(&mut tx).await?;
        tx.execute(&JOB_UNWATCH, args![id]).await?;
        let cancelled = tx.execute(&JOB_CANCEL, args![id, now]).await? == 1;
        tx.commit().await?;
        Ok(cancelled)
    }

    /// Raises the names that ended badly once more, watched by the same job, and lets those that wait be
    /// tried now; gives how many were raised.
    pub async fn retry_job(&self, id: i64) -> Result<usize, StoreError> {
        again!(self.try_retry(id).await)
    }

    async fn try_retry(&self, id: i64) -> Result<usize, DbError> {
        let mut tx = self.db().begin().await?;
        let now = self.clock(&mut tx).await?;
        let found: Option<JobTuple> = tx.optional(&JOB, args![id]).await?;
        found.ok_or(StoreError::NotFound { what: "job", id })?;
        let rows: Vec<(i64, Vec<u8>)> = tx.all(&JOB_FAILED, args![id, i64::MAX]).await?;
        let mut touched = Vec::with_capacity(rows.len());
        for (zone, key) in rows {
            touched.push((zone, codec::name(&key)?));
        }
        let count = touched.len();
        let waiting: Vec<(i64,)> = tx.all(&JOB_ZONES, args![id]).await?;
        tx.execute(&JOB_DUE, args![id, now]).await?;
        for zone in touched.iter().map(|(zone, _)| *zone).chain(waiting.into_iter().map(|row| row.0)) {
            crate::waits::end(&mut tx, zone, now).await?;
        }
        if count > 0 {
            tx.execute(&JOB_REOPEN, args![id, count]).await?;
            tx.execute(&JOB_FAILED_GONE, args![id]).await?;
            let how = Raise { job_id: Some(id), ..Raise::asked(Priority::Interactive) };
            raise_watched(&mut tx, touched, &how, now).await?;
        }
        tx.commit().await?;
        Ok(count)
    }

    /// Deletes jobs that ended before `before`, with their logs, at most `limit`; gives how many.
    pub async fn prune_jobs(&self, before: Millis, limit: usize) -> Result<usize, StoreError> {
        let mut tx = self.db().begin().await?;
        let ids: Vec<(i64,)> = tx.all(&JOBS_OLD, args![before, limit]).await?;
        let rows: Vec<Value> = ids.into_iter().map(|(id,)| id.into()).collect();
        for statement in [&OLD_LOGS, &OLD_FAILED, &OLD_JOBS] {
            tx.bulk(statement, args![], rows.clone()).await?;
        }
        tx.commit().await?;
        Ok(rows.len())
    }
}

/// Ends those of the jobs that have nothing left to watch; gives them as they are now.
pub(crate) async fn finish(tx: &mut Tx, jobs: &[i64], now: Millis) -> Result<Vec<JobRow>, DbError> {
    let mut finished = Vec::new();
    for id in jobs {
        let row: Option<JobTuple> = tx.optional(&JOB_FINISH, args![*id, now]).await?;
        finished.extend(row.map(job).transpose()?);
    }
    Ok(finished)
}

/// What a pass did to one job.
#[derive(Default)]
pub(crate) struct Tally {
    pub succeeded: i64,
    pub failed: Vec<Name>,
}

/// Counts names that ended under their jobs, and ends jobs that have none left.
pub(crate) async fn count(
    tx: &mut Tx,
    zone_id: i64,
    tallies: &BTreeMap<i64, Tally>,
    now: Millis,
) -> Result<Vec<JobRow>, DbError> {
    let mut failures = Vec::new();
    for (id, tally) in tallies {
        tx.execute(&JOB_COUNT, args![*id, tally.succeeded, tally.failed.len()]).await?;
        failures.extend(tally.failed.iter().flat_map(|name| args![*id, zone_id, name]));
    }
    tx.bulk(&FAILED_INSERT, args![], failures).await?;
    let ids: Vec<i64> = tallies.keys().copied().collect();
    finish(tx, &ids, now).await
}

/// Appends log lines. The job's row stays locked until the commit, so ids appear in their order.
pub(crate) async fn append(tx: &mut Tx, lines: &[(i64, String)], now: Millis) -> Result<(), DbError> {
    let mut by_job: BTreeMap<i64, Vec<&str>> = BTreeMap::new();
    for (job, line) in lines {
        by_job.entry(*job).or_default().push(line);
    }
    let mut rows = Vec::with_capacity(lines.len() * 3);
    for (job, lines) in by_job {
        let next: Option<(i64,)> = tx.optional(&JOB_LOG_NEXT, args![job, lines.len()]).await?;
        // A job that was pruned meanwhile has no log any more.
        let Some((next,)) = next else { continue };
        let count = i64::try_from(lines.len()).unwrap_or(i64::MAX);
        for (id, line) in (next - count..).zip(lines) {
            rows.extend(args![job, id, line]);
        }
    }
    tx.bulk(&LOG_INSERT, args![now], rows).await?;
    Ok(())
}
