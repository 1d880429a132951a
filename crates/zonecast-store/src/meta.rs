//! The zone epoch and the installation epoch.

use crate::Store;
use crate::db::Tx;
use crate::error::{DbError, StoreError};
use crate::model::NewAudit;
use crate::sql::{args, statements};

statements! {
    PAUSED = "INSERT INTO meta (key, value) VALUES ('paused', $1) ON CONFLICT (key) DO UPDATE SET value = excluded.value";
    EPOCH = "SELECT CAST(value AS BIGINT) FROM meta WHERE key = 'zone_epoch'";
    EPOCH_SHARED = "SELECT CAST(value AS BIGINT) FROM meta WHERE key = 'zone_epoch'",
        postgres "SELECT CAST(value AS BIGINT) FROM meta WHERE key = 'zone_epoch' FOR SHARE";
    EPOCH_RAISE = "UPDATE meta SET value = CAST(CAST(value AS BIGINT) + 1 AS TEXT) WHERE key = 'zone_epoch'";
    INSTALLATION = "UPDATE meta SET value = $1 WHERE key = 'installation'";
    VOID_LEASES = "UPDATE lease SET fence = fence + 1, holder = '', expires_at = 0, released = 0";
}

impl Store {
    /// The zone epoch: raised by every change of the set of zones.
    pub async fn epoch(&self) -> Result<i64, StoreError> {
        let (epoch,): (i64,) = self.db().one(&EPOCH, args![]).await?;
        Ok(epoch)
    }

    /// The installation's word; another one after a restore.
    pub async fn installation(&self) -> Result<String, StoreError> {
        Ok(self.meta("installation").await?.unwrap_or_default())
    }

    /// Whether everything is paused.
    pub async fn is_paused(&self) -> Result<bool, StoreError> {
        Ok(self.meta("paused").await?.as_deref() == Some("1"))
    }

    /// Stops everything, or lets it go on. No due work is handed out from the commit on, on any node and
    /// after any restart, whatever connections are added meanwhile. The epoch is raised so that other
    /// nodes show it.
    pub async fn set_paused(&self, paused: bool, audit: &[NewAudit]) -> Result<(), StoreError> {
        let mut tx = self.db().begin().await?;
        let now = self.clock(&mut tx).await?;
        tx.execute(&PAUSED, args![if paused { "1" } else { "0" }]).await?;
        raise_epoch(&mut tx).await?;
        crate::audit::insert(&mut tx, audit, now).await?;
        Ok(tx.commit().await?)
    }

    /// Begins a new installation epoch, as after a restore: every lease handed out before is void and
    /// every match made before is stale.
    pub async fn new_installation(&self) -> Result<String, StoreError> {
        let word = random_word()?;
        let mut tx = self.db().begin().await?;
        tx.execute(&INSTALLATION, args![word.as_str()]).await?;
        tx.execute(&VOID_LEASES, args![]).await?;
        tx.execute(&EPOCH_RAISE, args![]).await?;
        tx.commit().await?;
        Ok(word)
    }
}

/// Refuses a stale epoch; the row stays locked, so that a change of zones waits for this transaction.
pub(crate) async fn check_epoch(tx: &mut Tx, epoch: i64) -> Result<(), DbError> {
    let (now,): (i64,) = tx.one(&EPOCH_SHARED, args![]).await?;
    if now == epoch { Ok(()) } else { Err(StoreError::StaleEpoch { now }.into()) }
}

/// Raises the epoch: waits for the registrations in flight, and makes later ones match again.
pub(crate) async fn raise_epoch(tx: &mut Tx) -> Result<(), DbError> {
    tx.execute(&EPOCH_RAISE, args![]).await?;
    Ok(())
}

pub(crate) fn random_word() -> Result<String, StoreError> {
    let mut bytes = [0u8; 8];
    getrandom::fill(&mut bytes).map_err(|error| StoreError::NoKey(format!("no randomness: {error}")))?;
    Ok(hex::encode(bytes))
}
