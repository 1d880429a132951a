//! Hosted domains: their rows, and finding them.
//!
//! A domain's record set lies in one column, because it always comes and goes as a whole: a panel
//! sends all of it or nothing. What the engine works with are the claims, which lie with everybody's.

use crate::Store;
use crate::codec;
use crate::error::StoreError;
use crate::filter::OwnerFilter;
use crate::model::*;
use crate::sql::{Value, args, bulk, statements};
use zonecast_core::Name;

statements! {
    DOMAIN = "SELECT id, name_key, kind, state, addresses, ttl, records, options, synced, created_at, updated_at,
        version FROM domain WHERE id = $1";
    DOMAIN_BY_NAME = "SELECT id, name_key, kind, state, addresses, ttl, records, options, synced, created_at,
        updated_at, version FROM domain WHERE name_key = $1 AND state <> 'deleting'";
    DOMAINS = "SELECT id, name_key, kind, state, addresses, ttl, records, options, synced, created_at, updated_at,
        version FROM domain WHERE id > $1 AND ($2 = '' OR name LIKE $2 ESCAPE '!') AND ($3 = '' OR state = $3)
        AND name_key >= $4 AND name_key < $5 ORDER BY id LIMIT $6";
    DOMAIN_COUNT = "SELECT COUNT(*) FROM domain WHERE ($1 = '' OR name LIKE $1 ESCAPE '!')
        AND ($2 = '' OR state = $2) AND name_key >= $3 AND name_key < $4";
}

bulk! {
    DOMAIN_INSERT [] [id: Int, name_key: Blob, name: Text, kind: Text, state: Text, addresses: Text, ttl: Int,
        records: Blob, options: Text, synced: Int, created_at: Int, updated_at: Int, version: Int] = "
        INSERT INTO domain (id, name_key, name, kind, state, addresses, ttl, records, options, synced, created_at,
            updated_at, version)
        SELECT v.id, v.name_key, v.name, v.kind, v.state, v.addresses, v.ttl, v.records, v.options, v.synced,
            v.created_at, v.updated_at, v.version FROM v WHERE true
        ON CONFLICT (name_key) WHERE state <> 'deleting' DO NOTHING";
    DOMAIN_UPDATE [now: Int] [id: Int, expected: Int, name_key: Blob, name: Text, kind: Text, state: Text,
        addresses: Text, ttl: Int, records: Blob, options: Text, synced: Int] = "
        UPDATE domain SET name_key = v.name_key, name = v.name, kind = v.kind, state = v.state,
            addresses = v.addresses, ttl = v.ttl, records = v.records, options = v.options, synced = v.synced,
            updated_at = x.now, version = domain.version + 1
        FROM v CROSS JOIN x WHERE domain.id = v.id AND domain.version = v.expected AND domain.state <> 'deleting'
        RETURNING domain.id";
}

type DomainTuple = (i64, Vec<u8>, String, String, String, Option<i64>, Vec<u8>, String, i64, i64, i64, i64);

fn domain(row: DomainTuple) -> Result<DomainRow, StoreError> {
    Ok(DomainRow {
        id: row.0,
        name: codec::name(&row.1)?,
        kind: row.2,
        state: codec::state(&row.3)?,
        addresses: codec::json(&row.4)?,
        ttl: codec::optional_ttl(row.5)?,
        records: codec::read_domain_sets(&row.6)?,
        options: codec::json(&row.7)?,
        synced: row.8 != 0,
        created_at: row.9,
        updated_at: row.10,
        version: row.11,
    })
}

/// The columns of a domain between its id and its times.
pub(crate) fn push_domain(out: &mut Vec<Value>, domain: &DomainRow) -> Result<(), StoreError> {
    out.extend(args![&domain.name, domain.name.to_string(), domain.kind.as_str(), domain.state.as_str()]);
    out.extend(args![codec::to_json(&domain.addresses)?, domain.ttl, codec::domain_sets(&domain.records)]);
    out.extend(args![codec::to_json(&domain.options)?, i64::from(domain.synced)]);
    Ok(())
}

impl Store {
    /// The domain with this id.
    pub async fn domain(&self, id: i64) -> Result<Option<DomainRow>, StoreError> {
        self.db().optional(&DOMAIN, args![id]).await?.map(domain).transpose()
    }

    /// The domain of this name; one in `deleting` does not count.
    pub async fn domain_by_name(&self, name: &Name) -> Result<Option<DomainRow>, StoreError> {
        self.db().optional(&DOMAIN_BY_NAME, args![name]).await?.map(domain).transpose()
    }

    /// A page of domains in the order of their ids, after `after_id`.
    pub async fn domains(
        &self,
        filter: &OwnerFilter,
        after_id: i64,
        limit: usize,
    ) -> Result<Vec<DomainRow>, StoreError> {
        let mut values = args![after_id];
        values.extend(filter.args());
        values.push(limit.into());
        self.db().all(&DOMAINS, values).await?.into_iter().map(domain).collect()
    }

    /// How many domains a filter finds.
    pub async fn count_domains(&self, filter: &OwnerFilter) -> Result<i64, StoreError> {
        let (count,): (i64,) = self.db().one(&DOMAIN_COUNT, filter.args()).await?;
        Ok(count)
    }
}
