//! Drift: differences at a provider that we did not make.

use crate::Store;
use crate::codec;
use crate::error::StoreError;
use crate::model::*;
use crate::sql::{Value, args, bulk, statements};

statements! {
    DRIFT = "SELECT id, zone_id, name_key, rtype, kind, detail, seen, first_seen_at, healed_at FROM drift WHERE id = $1";
    DRIFTS = "SELECT id, zone_id, name_key, rtype, kind, detail, seen, first_seen_at, healed_at FROM drift
        WHERE id > $1 AND ($2 = 0 OR zone_id = $2) ORDER BY id LIMIT $3";
}

bulk! {
    DRIFT_PUT [] [zone_id: Int, name_key: Blob, rtype: Int, kind: Text, detail: Text, seen: Int, first_seen_at: Int,
        healed_at: Text] = "
        INSERT INTO drift (zone_id, name_key, rtype, kind, detail, seen, first_seen_at, healed_at)
        SELECT v.zone_id, v.name_key, v.rtype, v.kind, v.detail, v.seen, v.first_seen_at, v.healed_at FROM v WHERE true
        ON CONFLICT (zone_id, name_key, rtype) DO UPDATE SET kind = excluded.kind, detail = excluded.detail,
            seen = excluded.seen, first_seen_at = excluded.first_seen_at, healed_at = excluded.healed_at";
    DRIFT_DROP [] [id: Int] = "DELETE FROM drift WHERE id IN (SELECT v.id FROM v)";
}

type DriftTuple = (i64, i64, Vec<u8>, i64, String, String, i64, i64, String);

fn drift(row: DriftTuple) -> Result<DriftRow, StoreError> {
    Ok(DriftRow {
        id: row.0,
        zone_id: row.1,
        name: codec::name(&row.2)?,
        rtype: codec::rtype(row.3)?,
        kind: row.4,
        detail: row.5,
        seen: row.6,
        first_seen_at: row.7,
        healed_at: codec::json(&row.8)?,
    })
}

impl Store {
    /// One difference.
    pub async fn drift(&self, id: i64) -> Result<Option<DriftRow>, StoreError> {
        self.db().optional(&DRIFT, args![id]).await?.map(drift).transpose()
    }

    /// A page of differences in the order of their ids, of one zone or of all.
    pub async fn drifts(
        &self,
        zone_id: Option<i64>,
        after_id: i64,
        limit: usize,
    ) -> Result<Vec<DriftRow>, StoreError> {
        let rows = self.db().all(&DRIFTS, args![after_id, zone_id.unwrap_or(0), limit]).await?;
        rows.into_iter().map(drift).collect()
    }

    /// Stores differences, one per (zone, name, type): a row that is there is replaced and keeps its id.
    pub async fn put_drift(&self, rows: &[DriftRow]) -> Result<(), StoreError> {
        let mut tx = self.db().begin().await?;
        let mut values: Vec<Value> = Vec::with_capacity(rows.len() * 8);
        for row in rows {
            values.extend(args![row.zone_id, &row.name, row.rtype, row.kind.as_str(), row.detail.as_str()]);
            values.extend(args![row.seen, row.first_seen_at, codec::to_json(&row.healed_at)?]);
        }
        tx.bulk(&DRIFT_PUT, args![], values).await?;
        Ok(tx.commit().await?)
    }

    /// Removes differences that are no more.
    pub async fn remove_drift(&self, ids: &[i64]) -> Result<(), StoreError> {
        let mut tx = self.db().begin().await?;
        tx.bulk(&DRIFT_DROP, args![], ids.iter().map(|id| Value::from(*id)).collect()).await?;
        Ok(tx.commit().await?)
    }
}
