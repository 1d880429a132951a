//! What changed in the zones since somebody looked: every change of a zone's row takes a stamp.
//!
//! Stamps are handed out under the lock of one row, so they are committed in their order: whoever has
//! read up to one has missed nothing before it. The zone epoch is another thing: it moves only with
//! what matching depends on, and refuses writes; a stamp refuses nothing.

use crate::Store;
use crate::db::Tx;
use crate::error::{DbError, StoreError};
use crate::model::ZoneRow;
use crate::sql::{args, statements};
use crate::zones::{ZoneTuple, zone};

statements! {
    STAMP_NEXT = "UPDATE meta SET value = CAST(CAST(value AS BIGINT) + 1 AS TEXT) WHERE key = 'zone_stamp'
        RETURNING CAST(value AS BIGINT)";
    STAMP_ZONE = "UPDATE zone SET stamp = $2 WHERE id = $1";
    STAMP_GONE = "UPDATE meta SET value = $1 WHERE key = 'zone_removed'";
    STAMPS = "SELECT CAST(e.value AS BIGINT), CAST(s.value AS BIGINT), CAST(r.value AS BIGINT)
        FROM meta e CROSS JOIN meta s CROSS JOIN meta r
        WHERE e.key = 'zone_epoch' AND s.key = 'zone_stamp' AND r.key = 'zone_removed'";
    ZONES_SINCE = "SELECT id, name_key, connection_id, provider_zone_id, physical_id, settings, state, last_error, cuts,
        rematch_after, listed_at, created_at, updated_at, version, failures, open_until, trouble_since FROM zone WHERE stamp > $1 ORDER BY id";
}

/// How far the zones have come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ZoneMark {
    /// The zone epoch: what matching depends on.
    pub epoch: i64,
    /// The newest stamp of any zone's row.
    pub stamp: i64,
    /// The stamp of the last removal of a zone.
    pub removed: i64,
}

impl Store {
    /// How far the zones have come: what is read later is at least as new.
    pub async fn zone_mark(&self) -> Result<ZoneMark, StoreError> {
        let (epoch, stamp, removed): (i64, i64, i64) = self.db().one(&STAMPS, args![]).await?;
        Ok(ZoneMark { epoch, stamp, removed })
    }

    /// The zones whose rows changed after this stamp, in the order of their ids. Removed ones leave
    /// nothing here: compare [`ZoneMark::removed`].
    pub async fn zones_since(&self, stamp: i64) -> Result<Vec<ZoneRow>, StoreError> {
        let rows: Vec<ZoneTuple> = self.db().all(&ZONES_SINCE, args![stamp]).await?;
        rows.into_iter().map(zone).collect()
    }
}

/// The zone's row was changed in this transaction. Last in it: others wait from here to the commit.
pub(crate) async fn changed(tx: &mut Tx, id: i64) -> Result<(), DbError> {
    let (stamp,): (i64,) = tx.one(&STAMP_NEXT, args![]).await?;
    tx.execute(&STAMP_ZONE, args![id, stamp]).await?;
    Ok(())
}

/// A zone's row went in this transaction.
pub(crate) async fn removed(tx: &mut Tx) -> Result<(), DbError> {
    let (stamp,): (i64,) = tx.one(&STAMP_NEXT, args![]).await?;
    tx.execute(&STAMP_GONE, args![stamp.to_string()]).await?;
    Ok(())
}
