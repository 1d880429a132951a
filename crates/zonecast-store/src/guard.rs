//! What the removal guard counts, and lifting it.

use crate::Store;
use crate::codec;
use crate::db::again;
use crate::error::{DbError, StoreError};
use crate::model::*;
use crate::raise::{APPROVED, raise_names, rows_of};
use crate::sql::{args, bulk, statements};
use zonecast_core::Name;

statements! {
    REMOVED_SINCE = "SELECT CAST(COALESCE(SUM(removed), 0) AS BIGINT) FROM removal_window WHERE zone_id = $1 AND at >= $2";
    OWNED = "SELECT owned FROM zone WHERE id = $1";
    HELD_NAMES = "SELECT DISTINCT name_key FROM key_state
        WHERE state NOT IN ('pending', 'applied', 'served') AND state = 'held' AND zone_id = $1";
}

bulk! {
    APPROVE [flag: Int] [zone_id: Int, name_key: Blob] = "
        UPDATE name_state SET flags = name_state.flags | x.flag FROM v CROSS JOIN x
        WHERE name_state.zone_id = v.zone_id AND name_state.name_key = v.name_key";
}

impl Store {
    /// How many values of ours derived withdrawals removed from a zone since then (kept for an hour).
    pub async fn removed_recently(&self, zone_id: i64, since: Millis) -> Result<i64, StoreError> {
        let (removed,): (i64,) = self.db().one(&REMOVED_SINCE, args![zone_id, since]).await?;
        Ok(removed)
    }

    /// How many values we own in a zone; a counter that results keep, not a scan.
    pub async fn owned_values(&self, zone_id: i64) -> Result<i64, StoreError> {
        let found: Option<(i64,)> = self.db().optional(&OWNED, args![zone_id]).await?;
        Ok(found.map_or(0, |(owned,)| owned))
    }

    /// The names of a zone with removals that are held.
    pub async fn held_names(&self, zone_id: i64) -> Result<Vec<Name>, StoreError> {
        let rows: Vec<(Vec<u8>,)> = self.db().all(&HELD_NAMES, args![zone_id]).await?;
        rows.into_iter().map(|(key,)| codec::name(&key)).collect()
    }

    /// Approves all removals of a zone that are held now: their names are raised, approved. Gives how
    /// many. What is held later needs its own approval.
    pub async fn approve(&self, zone_id: i64, audit: &[NewAudit]) -> Result<usize, StoreError> {
        again!(self.try_approve(zone_id, audit).await)
    }

    async fn try_approve(&self, zone_id: i64, audit: &[NewAudit]) -> Result<usize, DbError> {
        let mut tx = self.db().begin().await?;
        let now = self.clock(&mut tx).await?;
        let held: Vec<(Vec<u8>,)> = tx.all(&HELD_NAMES, args![zone_id]).await?;
        let mut touched = Vec::with_capacity(held.len());
        for (key,) in held {
            touched.push((zone_id, codec::name(&key)?));
        }
        let rows = rows_of(&touched);
        let count = raise_names(&mut tx, touched, &Raise::derived(Priority::Interactive), now).await?;
        tx.bulk(&APPROVE, args![APPROVED], rows).await?;
        crate::audit::insert(&mut tx, audit, now).await?;
        tx.commit().await?;
        Ok(count)
    }
}
