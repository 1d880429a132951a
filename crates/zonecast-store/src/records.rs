//! Records that operators added: their rows, and finding them.

use crate::Store;
use crate::codec;
use crate::error::StoreError;
use crate::filter::OwnerFilter;
use crate::model::*;
use crate::sql::{Value, args, bulk, statements};

statements! {
    RECORD = "SELECT id, name_key, rtype, data, ttl, zone_id, source, state, created_at, updated_at, version
        FROM record WHERE id = $1";
    RECORDS = "SELECT id, name_key, rtype, data, ttl, zone_id, source, state, created_at, updated_at, version FROM record
        WHERE id > $1 AND ($2 = '' OR name LIKE $2 ESCAPE '!') AND ($3 = '' OR state = $3)
        AND name_key >= $4 AND name_key < $5 AND ($6 = 0 OR zone_id = $6) ORDER BY id LIMIT $7";
    RECORD_COUNT = "SELECT COUNT(*) FROM record
        WHERE ($1 = '' OR name LIKE $1 ESCAPE '!') AND ($2 = '' OR state = $2)
        AND name_key >= $3 AND name_key < $4 AND ($5 = 0 OR zone_id = $5)";
}

bulk! {
    RECORD_INSERT [] [id: Int, name_key: Blob, name: Text, rtype: Int, data: Blob, ttl: Int, zone_id: Int,
        source: Text, state: Text, created_at: Int, updated_at: Int, version: Int] = "
        INSERT INTO record (id, name_key, name, rtype, data, ttl, zone_id, source, state, created_at, updated_at, version)
        SELECT v.id, v.name_key, v.name, v.rtype, v.data, v.ttl, v.zone_id, v.source, v.state, v.created_at, v.updated_at,
            v.version FROM v";
    RECORD_UPDATE [now: Int] [id: Int, expected: Int, name_key: Blob, name: Text, rtype: Int, data: Blob, ttl: Int,
        zone_id: Int, source: Text, state: Text] = "
        UPDATE record SET name_key = v.name_key, name = v.name, rtype = v.rtype, data = v.data, ttl = v.ttl,
            zone_id = v.zone_id, state = v.state, updated_at = x.now, version = record.version + 1
        FROM v CROSS JOIN x WHERE record.id = v.id AND record.version = v.expected AND record.state <> 'deleting'
        RETURNING record.id";
}

type RecordTuple = (i64, Vec<u8>, i64, Vec<u8>, Option<i64>, Option<i64>, String, String, i64, i64, i64);

fn record(row: RecordTuple) -> Result<RecordRow, StoreError> {
    let rtype = codec::rtype(row.2)?;
    Ok(RecordRow {
        id: row.0,
        name: codec::name(&row.1)?,
        rtype,
        values: codec::read_values(rtype, &row.3)?,
        ttl: codec::optional_ttl(row.4)?,
        zone_id: row.5,
        source: row.6,
        state: codec::state(&row.7)?,
        created_at: row.8,
        updated_at: row.9,
        version: row.10,
    })
}

/// The columns of a record between its id and its times.
pub(crate) fn push_record(out: &mut Vec<Value>, record: &RecordRow) {
    out.extend(args![&record.name, record.name.to_string(), record.rtype, codec::values(&record.values)]);
    out.extend(args![record.ttl, record.zone_id, &record.source, record.state.as_str()]);
}

impl Store {
    /// The record with this id.
    pub async fn record(&self, id: i64) -> Result<Option<RecordRow>, StoreError> {
        self.db().optional(&RECORD, args![id]).await?.map(record).transpose()
    }

    /// A page of records in the order of their ids, after `after_id`.
    pub async fn records(
        &self,
        filter: &OwnerFilter,
        after_id: i64,
        limit: usize,
    ) -> Result<Vec<RecordRow>, StoreError> {
        let mut values = args![after_id];
        values.extend(filter.args());
        values.extend(args![filter.zone_id.unwrap_or(0), limit]);
        self.db().all(&RECORDS, values).await?.into_iter().map(record).collect()
    }

    /// How many records a filter finds.
    pub async fn count_records(&self, filter: &OwnerFilter) -> Result<i64, StoreError> {
        let mut values = filter.args();
        values.push(filter.zone_id.unwrap_or(0).into());
        let (count,): (i64,) = self.db().one(&RECORD_COUNT, values).await?;
        Ok(count)
    }
}
