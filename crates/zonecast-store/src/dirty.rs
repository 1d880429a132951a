//! Which names have work to do.
//!
//! The index of dirty names is walked by steps (zone after zone, priority after priority), never
//! counted as a whole, so asking is as cheap with a million dirty names as with ten.

use crate::Store;
use crate::codec;
use crate::error::StoreError;
use crate::model::*;
use crate::raise::{APPROVED, ASKED, REWRITE, TAKE_OVER};
use crate::sql::{Value, args, bulk, statements};
use zonecast_core::Name;

/// Backoff is never longer than this: a due time further ahead means the clock was stepped back
/// (`zonecast_core::retry::due_is_now`, in SQL).
pub(crate) const LONGEST_WAIT: Millis = zonecast_core::retry::LONGEST.as_millis() as Millis;

statements! {
    DIRTY_GROUPS = "
        WITH RECURSIVE d (id) AS (
            SELECT MIN(zone_id) FROM name_state WHERE wanted > done
            UNION ALL
            SELECT (SELECT MIN(n.zone_id) FROM name_state n WHERE n.wanted > n.done AND n.zone_id > d.id)
            FROM d WHERE d.id IS NOT NULL),
        p (p) AS (VALUES (0), (1), (2)),
        g (zone_id, priority, due) AS (
            SELECT d.id, p.p,
                (SELECT COUNT(*) FROM (SELECT 1 FROM name_state n WHERE n.zone_id = d.id AND n.priority = p.p
                    AND n.wanted > n.done AND n.due_at <= $1 LIMIT 1000) a)
                + (SELECT COUNT(*) FROM (SELECT 1 FROM name_state n WHERE n.zone_id = d.id AND n.priority = p.p
                    AND n.wanted > n.done AND n.due_at > $2 LIMIT 1000) b)
            FROM d CROSS JOIN p WHERE d.id IS NOT NULL)
        SELECT c.budget_group, c.id, z.id, CAST(g.priority AS BIGINT), CAST(g.due AS BIGINT)
        FROM g JOIN zone z ON z.id = g.zone_id JOIN connection c ON c.id = z.connection_id
        WHERE g.due > 0 AND z.state IN ('ok', 'parked', 'deleting') AND c.state IN ('ok', 'unreachable', 'probing', 'parked')
            AND (c.open_until <= $1 OR c.open_until > $2) AND (z.open_until <= $1 OR z.open_until > $2)
            AND NOT EXISTS (SELECT 1 FROM meta m WHERE m.key = 'paused' AND m.value = '1')
        ORDER BY g.priority, z.id";
    NEXT_DUE = "
        WITH RECURSIVE d (id) AS (
            SELECT MIN(zone_id) FROM name_state WHERE wanted > done
            UNION ALL
            SELECT (SELECT MIN(n.zone_id) FROM name_state n WHERE n.wanted > n.done AND n.zone_id > d.id)
            FROM d WHERE d.id IS NOT NULL),
        p (p) AS (VALUES (0), (1), (2))
        SELECT CAST(MIN((SELECT MIN(n.due_at) FROM name_state n WHERE n.zone_id = d.id AND n.priority = p.p
            AND n.wanted > n.done AND n.due_at > $1)) AS BIGINT)
        FROM d CROSS JOIN p WHERE d.id IS NOT NULL";
    NEXT_PROBE = "SELECT MIN(w.until) FROM (SELECT MIN(open_until) AS until FROM connection WHERE open_until > $1
        UNION ALL SELECT MIN(open_until) AS until FROM zone WHERE open_until > $1) w";
    DIRTY_NAMES = "SELECT name_key, wanted, attempts, priority, flags, job_id FROM name_state
        WHERE zone_id = $1 AND priority = $2 AND wanted > done AND due_at <= $3 ORDER BY due_at LIMIT $4";
    DIRTY_FAR = "SELECT name_key, wanted, attempts, priority, flags, job_id FROM name_state
        WHERE zone_id = $1 AND priority = $2 AND wanted > done AND due_at > $3 ORDER BY due_at LIMIT $4";
    JOB_NAMES = "SELECT zone_id, name_key FROM name_state WHERE job_id = $1 ORDER BY zone_id, name_key LIMIT $2";
}

bulk! {
    DIRTY_AT [] [zone_id: Int, name_key: Blob] = "
        SELECT n.name_key, n.wanted, n.attempts, n.priority, n.flags, n.job_id FROM v CROSS JOIN name_state n
        WHERE n.zone_id = v.zone_id AND n.name_key = v.name_key AND n.wanted > n.done";
    STATES_AT [] [zone_id: Int, name_key: Blob] = "
        SELECT n.name_key, n.wanted, n.done, n.due_at, n.attempts FROM v CROSS JOIN name_state n
        WHERE n.zone_id = v.zone_id AND n.name_key = v.name_key";
}

/// How far a name in a zone is.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct NameProgress {
    /// The name.
    pub name: Name,
    /// The version that is wanted.
    pub wanted: i64,
    /// The version that is done; the name is dirty while it is smaller.
    pub done: i64,
    /// When it is due, if dirty.
    pub due_at: Millis,
    /// Failed attempts at the present version.
    pub attempts: i64,
}

impl Store {
    /// The zones with names that are due, most urgent first, one row per zone and priority. What is
    /// paused is left out, and what waits after a refusal and is not due yet; while everything is
    /// paused there are none.
    pub async fn dirty_groups(&self, now: Millis) -> Result<Vec<DirtyGroup>, StoreError> {
        let rows: Vec<(String, i64, i64, i64, i64)> =
            self.db().all(&DIRTY_GROUPS, args![now, now + LONGEST_WAIT]).await?;
        let group = |row: (String, i64, i64, i64, i64)| DirtyGroup {
            budget_group: row.0,
            connection_id: row.1,
            zone_id: row.2,
            priority: row.3,
            count: row.4,
        };
        Ok(rows.into_iter().map(group).collect())
    }

    /// When the next name that is not due yet will be, or what waits may be tried again.
    pub async fn next_due(&self, now: Millis) -> Result<Option<Millis>, StoreError> {
        let (names,): (Option<i64>,) = self.db().one(&NEXT_DUE, args![now]).await?;
        let (probe,): (Option<i64>,) = self.db().one(&NEXT_PROBE, args![now]).await?;
        Ok([names, probe].into_iter().flatten().min().map(|due| due.min(now + LONGEST_WAIT)))
    }

    /// The names of a zone that are due, the most urgent first, then the oldest.
    pub async fn dirty_names(
        &self,
        zone_id: i64,
        now: Millis,
        limit: usize,
    ) -> Result<Vec<DirtyName>, StoreError> {
        let mut names = Vec::new();
        for priority in 0..=2i64 {
            for (statement, due) in [(&DIRTY_NAMES, now), (&DIRTY_FAR, now + LONGEST_WAIT)] {
                if names.len() >= limit {
                    return Ok(names);
                }
                let left = limit - names.len();
                let rows: Vec<DirtyTuple> =
                    self.db().all(statement, args![zone_id, priority, due, left]).await?;
                for row in rows {
                    names.push(dirty_name(row)?);
                }
            }
        }
        Ok(names)
    }

    /// Those of the names that have work to do, due now or later.
    pub async fn dirty_at(&self, zone_id: i64, names: &[Name]) -> Result<Vec<DirtyName>, StoreError> {
        let rows = names.iter().flat_map(|name| [Value::from(zone_id), Value::from(name)]).collect();
        let rows: Vec<DirtyTuple> = self.db().bulk(&DIRTY_AT, args![], rows).await?;
        rows.into_iter().map(dirty_name).collect()
    }

    /// How far names of a zone are; settled names without keys have no row and are left out.
    pub async fn progress(&self, touched: &[(i64, Name)]) -> Result<Vec<NameProgress>, StoreError> {
        let rows: Vec<(Vec<u8>, i64, i64, i64, i64)> =
            self.db().bulk(&STATES_AT, args![], crate::raise::rows_of(touched)).await?;
        let mut all = Vec::with_capacity(rows.len());
        for (key, wanted, done, due_at, attempts) in rows {
            all.push(NameProgress { name: codec::name(&key)?, wanted, done, due_at, attempts });
        }
        Ok(all)
    }

    /// The names (zone, name) that a job still watches.
    pub async fn names_of_job(&self, job_id: i64, limit: usize) -> Result<Vec<(i64, Name)>, StoreError> {
        let rows: Vec<(i64, Vec<u8>)> = self.db().all(&JOB_NAMES, args![job_id, limit]).await?;
        rows.into_iter().map(|(zone, key)| Ok((zone, codec::name(&key)?))).collect()
    }
}

type DirtyTuple = (Vec<u8>, i64, i64, i64, i64, Option<i64>);

fn dirty_name(row: DirtyTuple) -> Result<DirtyName, StoreError> {
    let flag = |bit: i64| row.4 & bit != 0;
    Ok(DirtyName {
        name: codec::name(&row.0)?,
        wanted: row.1,
        attempts: row.2,
        priority: row.3,
        asked: flag(ASKED),
        rewrite: flag(REWRITE),
        take_over: flag(TAKE_OVER),
        approved: flag(APPROVED),
        job_id: row.5,
    })
}
