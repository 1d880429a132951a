//! Leases on budget groups: who may write to a provider account.
//!
//! Time is the database's. The fence grows with every change of holder, and results are stored only
//! under the fence that is in the database. A fence does not hold back a provider: so the holder checks
//! its lease right before each call, and who takes over a lease that was not released waits one call
//! deadline first (`taken_over`).

use crate::Store;
use crate::db::{Tx, again};
use crate::error::{DbError, StoreError};
use crate::model::*;
use crate::sql::{args, statements};

statements! {
    LEASE_SEEN = "SELECT holder, fence, expires_at, released FROM lease WHERE budget_group = $1",
        postgres "SELECT holder, fence, expires_at, released FROM lease WHERE budget_group = $1 FOR UPDATE";
    LEASE_NEW = "INSERT INTO lease (budget_group, holder, fence, expires_at, released) VALUES ($1, $2, 1, $3, 0)";
    LEASE_TAKE = "UPDATE lease SET holder = $2, fence = fence + 1, expires_at = $3, released = 0 WHERE budget_group = $1";
    LEASE_RENEW = "UPDATE lease SET expires_at = $4
        WHERE budget_group = $1 AND holder = $2 AND fence = $3 AND released = 0";
    LEASE_RELEASE = "UPDATE lease SET released = 1 WHERE budget_group = $1 AND holder = $2 AND fence = $3";
    LEASE_DEPOSE = "UPDATE lease SET expires_at = 0 WHERE budget_group = $1 AND holder = $2";
    LEASE_LIVE = "SELECT expires_at, CAST(0 AS BIGINT) FROM lease
        WHERE budget_group = $1 AND holder = $2 AND fence = $3 AND released = 0",
        postgres "SELECT expires_at, CAST(extract(epoch FROM clock_timestamp()) * 1000 AS BIGINT) FROM lease
        WHERE budget_group = $1 AND holder = $2 AND fence = $3 AND released = 0";
    LEASE_HOLD = "SELECT fence FROM lease WHERE budget_group = $1 AND holder = $2 AND fence = $3 AND released = 0",
        postgres "SELECT fence FROM lease WHERE budget_group = $1 AND holder = $2 AND fence = $3 AND released = 0
        FOR UPDATE";
    LEASES = "SELECT budget_group, holder, fence, expires_at, released FROM lease ORDER BY budget_group";
}

impl Store {
    /// Takes the lease on a group for `ttl_ms`, when nobody holds it, its holder released it, or let it
    /// pass. `None` when somebody holds it, also when that is `holder` itself.
    pub async fn acquire_lease(
        &self,
        budget_group: &str,
        holder: &str,
        ttl_ms: i64,
    ) -> Result<Option<Lease>, StoreError> {
        again!(self.try_acquire(budget_group, holder, ttl_ms).await)
    }

    async fn try_acquire(&self, group: &str, holder: &str, ttl_ms: i64) -> Result<Option<Lease>, DbError> {
        let mut tx = self.db().begin().await?;
        let seen: Option<(String, i64, i64, i64)> = tx.optional(&LEASE_SEEN, args![group]).await?;
        let now = self.clock(&mut tx).await?;
        let expires_at = now + ttl_ms;
        let (fence, taken_over) = match seen {
            None => {
                tx.execute(&LEASE_NEW, args![group, holder, expires_at]).await?;
                (1, false)
            }
            Some((_, _, until, 0)) if !zonecast_core::retry::due_is_now(until, now) => return Ok(None),
            Some((before, fence, _, released)) => {
                tx.execute(&LEASE_TAKE, args![group, holder, expires_at]).await?;
                // A lease voided by a restore has no holder, but its last one may still be writing.
                (fence + 1, released == 0 || before.is_empty())
            }
        };
        tx.commit().await?;
        Ok(Some(Lease { budget_group: group.into(), holder: holder.into(), fence, expires_at, taken_over }))
    }

    /// Lengthens a lease that is still ours; `false` when it was lost. `lease` learns its new end.
    pub async fn renew_lease(&self, lease: &mut Lease, ttl_ms: i64) -> Result<bool, StoreError> {
        let expires_at = self.now().await? + ttl_ms;
        let values = args![lease.budget_group.as_str(), lease.holder.as_str(), lease.fence, expires_at];
        let ours = self.db().execute(&LEASE_RENEW, values).await? == 1;
        if ours {
            lease.expires_at = expires_at;
        }
        Ok(ours)
    }

    /// Gives a lease back, so that the next holder need not wait. Nothing happens when it was lost.
    pub async fn release_lease(&self, lease: &Lease) -> Result<(), StoreError> {
        let values = args![lease.budget_group.as_str(), lease.holder.as_str(), lease.fence];
        self.db().execute(&LEASE_RELEASE, values).await?;
        Ok(())
    }

    /// Ends the lease of a holder that is certainly gone, so that it can be acquired at once. Nothing
    /// happens when somebody else holds it by now.
    pub async fn depose(&self, budget_group: &str, dead: &str) -> Result<(), StoreError> {
        self.db().execute(&LEASE_DEPOSE, args![budget_group, dead]).await?;
        Ok(())
    }

    /// Whether the lease is ours and not past, by the database's clock: ask right before each call to
    /// a provider.
    pub async fn check_lease(&self, lease: &Lease) -> Result<bool, StoreError> {
        Ok(self.lease_left(lease).await?.is_some())
    }

    /// How long the lease still is ours, in milliseconds; `None` when it is not. A call's deadline has
    /// to lie inside.
    pub async fn lease_left(&self, lease: &Lease) -> Result<Option<Millis>, StoreError> {
        let values = args![lease.budget_group.as_str(), lease.holder.as_str(), lease.fence];
        let found: Option<(i64, i64)> = self.db().optional(&LEASE_LIVE, values).await?;
        let Some((until, clock)) = found else { return Ok(None) };
        let now = if clock == 0 { self.now().await? } else { clock + self.clock_shift() };
        Ok((until > now).then_some(until - now))
    }

    /// All leases, for people: group, holder, fence, end, released.
    pub async fn leases(&self) -> Result<Vec<(String, String, i64, Millis, bool)>, StoreError> {
        let rows: Vec<(String, String, i64, i64, i64)> = self.db().all(&LEASES, args![]).await?;
        Ok(rows.into_iter().map(|row| (row.0, row.1, row.2, row.3, row.4 != 0)).collect())
    }
}

/// Goes on only under the fence that is in the database, and holds it until the transaction ends.
pub(crate) async fn hold(tx: &mut Tx, lease: &Lease) -> Result<(), DbError> {
    let values = args![lease.budget_group.as_str(), lease.holder.as_str(), lease.fence];
    let found: Option<(i64,)> = tx.optional(&LEASE_HOLD, values).await?;
    let fenced = || StoreError::Fenced { budget_group: lease.budget_group.clone() };
    found.map(|_| ()).ok_or_else(|| fenced().into())
}
