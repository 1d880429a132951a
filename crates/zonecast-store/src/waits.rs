//! Waiting ends at once when somebody asks for the work again: what kept it may have been put right at
//! the provider. The states stay as they are until a call proves it, and the steps begin anew.

use crate::Store;
use crate::db::Tx;
use crate::error::{DbError, StoreError};
use crate::model::*;
use crate::sql::{args, statements};

statements! {
    WAIT_ACCOUNT = "UPDATE connection SET failures = 0, open_until = 0
        WHERE state IN ('unreachable', 'probing', 'parked') AND (failures > 0 OR open_until > 0) AND budget_group =
        (SELECT c.budget_group FROM connection c JOIN zone z ON z.connection_id = c.id WHERE z.id = $1)";
    WAIT_ZONE = "UPDATE zone SET failures = 0, open_until = 0
        WHERE id = $1 AND state = 'parked' AND (failures > 0 OR open_until > 0)";
    WAITING_NAMES = "SELECT COUNT(*) FROM (SELECT 1 FROM zone z CROSS JOIN name_state n WHERE z.connection_id = $1
        AND (CAST($2 AS BIGINT) = 0 OR z.id = $2) AND n.zone_id = z.id AND n.wanted > n.done LIMIT 100000) w";
    WAITING_HOSTS = "SELECT COUNT(DISTINCT c.owner_id) FROM zone z CROSS JOIN name_state n CROSS JOIN claim c
        WHERE z.connection_id = $1 AND (CAST($2 AS BIGINT) = 0 OR z.id = $2) AND n.zone_id = z.id
        AND n.wanted > n.done AND c.name_key = n.name_key AND c.withdrawn = 0 AND c.owner_kind = 1";
    WAIT_NAMES = "UPDATE name_state SET due_at = $2 WHERE zone_id = $1 AND wanted > done AND due_at > $2";
}

impl Store {
    /// Lets what waits in these zones be tried now: their accounts, the zones, the names in them.
    pub async fn end_waits(&self, zones: &[i64]) -> Result<(), StoreError> {
        let mut tx = self.db().begin().await?;
        let now = self.clock(&mut tx).await?;
        for zone in zones {
            end(&mut tx, *zone, now).await?;
        }
        Ok(tx.commit().await?)
    }

    /// How many names have work to do at a connection, or in one zone of it (else 0), counted up to
    /// 100,000, and how many hosts these are of.
    pub async fn waiting_at(&self, connection: i64, zone: i64) -> Result<(i64, i64), StoreError> {
        let (names,): (i64,) = self.db().one(&WAITING_NAMES, args![connection, zone]).await?;
        let (hosts,): (i64,) = self.db().one(&WAITING_HOSTS, args![connection, zone]).await?;
        Ok((names, hosts))
    }
}

/// The same inside a transaction. Names that wait for reasons of their own go on waiting.
pub(crate) async fn end(tx: &mut Tx, zone: i64, now: Millis) -> Result<(), DbError> {
    let account = tx.execute(&WAIT_ACCOUNT, args![zone]).await?;
    let parked = tx.execute(&WAIT_ZONE, args![zone]).await?;
    if account + parked > 0 {
        tx.execute(&WAIT_NAMES, args![zone, now]).await?;
        crate::stamp::changed(tx, zone).await?;
    }
    Ok(())
}
