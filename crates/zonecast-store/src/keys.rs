//! Keys: what is known of one RRset of ours in one zone, and what it was before. API keys too.

use crate::Store;
use crate::codec;
use crate::error::{DbError, StoreError};
use crate::model::*;
use crate::sql::{Value, args, bulk, statements};
use zonecast_core::{KeyState, Name, RecordType};

statements! {
    KEYS_IN_STATE = "SELECT zone_id, name_key, rtype, state, applied, ttl, last_error, attempts, next_attempt_at, verified,
        verified_at, updated_at FROM key_state
        WHERE state NOT IN ('pending', 'applied', 'served') AND state = $1 AND zone_id = $2 AND name_key > $3
        ORDER BY name_key, rtype LIMIT $4";
    KEYS_BELOW = "SELECT zone_id, name_key, rtype, state, applied, ttl, last_error, attempts, next_attempt_at, verified,
        verified_at, updated_at FROM key_state WHERE zone_id = $1 AND name_key > $2 ORDER BY name_key, rtype LIMIT $3";
    OUTCOMES = "SELECT state, applied, ttl, note, at FROM outcome
        WHERE zone_id = $1 AND name_key = $2 AND rtype = $3 ORDER BY at DESC, slot DESC";
    API_KEY = "SELECT id, name, role, hash, created_at, expires_at FROM api_key WHERE id = $1";
    API_KEYS = "SELECT id, name, role, hash, created_at, expires_at FROM api_key ORDER BY id";
    API_KEY_ADD = "INSERT INTO api_key (name, role, hash, created_at, expires_at) VALUES ($1, $2, $3, $4, $5) RETURNING id";
    API_KEY_REMOVE = "DELETE FROM api_key WHERE id = $1";
}

bulk! {
    KEYS_AT [] [zone_id: Int, name_key: Blob] = "
        SELECT k.zone_id, k.name_key, k.rtype, k.state, k.applied, k.ttl, k.last_error, k.attempts, k.next_attempt_at,
            k.verified, k.verified_at, k.updated_at
        FROM v CROSS JOIN key_state k WHERE k.zone_id = v.zone_id AND k.name_key = v.name_key";
}

pub(crate) type KeyTuple = (
    i64,
    Vec<u8>,
    i64,
    String,
    Vec<u8>,
    i64,
    Option<String>,
    i64,
    Option<i64>,
    Option<String>,
    Option<i64>,
    i64,
);

pub(crate) fn key(row: KeyTuple) -> Result<KeyRow, StoreError> {
    let rtype = codec::rtype(row.2)?;
    Ok(KeyRow {
        zone_id: row.0,
        name: codec::name(&row.1)?,
        rtype,
        state: codec::state(&row.3)?,
        applied: codec::read_values(rtype, &row.4)?,
        ttl: codec::ttl(row.5)?,
        last_error: row.6,
        attempts: row.7,
        next_attempt_at: row.8,
        verified: row.9,
        verified_at: row.10,
        updated_at: row.11,
    })
}

type OutcomeTuple = (String, Vec<u8>, i64, Option<String>, i64);

impl Store {
    /// What is known of these names in one zone, ordered by name and type.
    pub async fn keys_at(&self, zone_id: i64, names: &[Name]) -> Result<Vec<KeyRow>, StoreError> {
        let touched: Vec<(i64, Name)> = names.iter().map(|name| (zone_id, name.clone())).collect();
        self.keys_of(&touched).await
    }

    /// The same for names of many zones, as a host's page needs it.
    pub async fn keys_of(&self, touched: &[(i64, Name)]) -> Result<Vec<KeyRow>, StoreError> {
        let mut touched = touched.to_vec();
        touched.sort_unstable();
        touched.dedup();
        let rows = crate::raise::rows_of(&touched);
        let found: Vec<KeyTuple> = self.db().bulk(&KEYS_AT, args![], rows).await?;
        let mut keys = found.into_iter().map(key).collect::<Result<Vec<_>, _>>()?;
        keys.sort_unstable_by(|a, b| (a.zone_id, &a.name, a.rtype).cmp(&(b.zone_id, &b.name, b.rtype)));
        Ok(keys)
    }

    /// A page of all keys of a zone in the order of names, after the name whose key is `after` (`None`:
    /// from the first). A name is never cut, so a page may be a little longer than `limit`; a shorter
    /// one is the last.
    pub async fn keys_below(
        &self,
        zone_id: i64,
        after: Option<&[u8]>,
        limit: usize,
    ) -> Result<Vec<KeyRow>, StoreError> {
        // Nothing sorts before the empty key, which is the root's: no key of ours lies there.
        let found: Vec<KeyTuple> =
            self.db().all(&KEYS_BELOW, args![zone_id, after.unwrap_or_default(), limit]).await?;
        let mut keys = found.into_iter().map(key).collect::<Result<Vec<_>, _>>()?;
        if let (true, Some(last)) = (keys.len() == limit, keys.last().map(|key| key.name.clone())) {
            keys.retain(|key| key.name != last);
            keys.extend(self.keys_at(zone_id, &[last]).await?);
        }
        Ok(keys)
    }

    /// The keys of a zone in one state of trouble (not `pending`, `applied` or `served`), by name.
    pub async fn keys_in_state(
        &self,
        zone_id: i64,
        state: KeyState,
        after: Option<&[u8]>,
        limit: usize,
    ) -> Result<Vec<KeyRow>, StoreError> {
        let values = args![state, zone_id, after.unwrap_or_default(), limit];
        self.db().all(&KEYS_IN_STATE, values).await?.into_iter().map(key).collect()
    }

    /// What a key was before, newest first, at most 20; what it is now is in its own row.
    pub async fn outcomes(
        &self,
        zone_id: i64,
        name: &Name,
        rtype: RecordType,
    ) -> Result<Vec<OutcomeRow>, StoreError> {
        let rows: Vec<OutcomeTuple> = self.db().all(&OUTCOMES, args![zone_id, name, rtype]).await?;
        let mut outcomes = Vec::with_capacity(rows.len());
        for (state, applied, ttl, note, at) in rows {
            let applied = codec::read_values(rtype, &applied)?;
            outcomes.push(OutcomeRow {
                at,
                state: codec::state(&state)?,
                applied,
                ttl: codec::ttl(ttl)?,
                note,
            });
        }
        Ok(outcomes)
    }

    /// The API key with this id.
    pub async fn api_key(&self, id: i64) -> Result<Option<ApiKeyRow>, StoreError> {
        self.db().optional(&API_KEY, args![id]).await?.map(api_key).transpose()
    }

    /// All API keys in the order of their ids.
    pub async fn api_keys(&self) -> Result<Vec<ApiKeyRow>, StoreError> {
        self.db().all(&API_KEYS, args![]).await?.into_iter().map(api_key).collect()
    }

    /// Stores a new API key (id and time of `row` do not count); gives its id.
    pub async fn add_api_key(&self, row: &ApiKeyRow, audit: &[NewAudit]) -> Result<i64, StoreError> {
        let mut tx = self.db().begin().await?;
        let now = self.clock(&mut tx).await?;
        let values = args![row.name.as_str(), row.role.as_str(), row.hash.as_slice(), now, row.expires_at];
        let (id,): (i64,) = match tx.one(&API_KEY_ADD, values).await {
            Err(DbError::Unique(_)) => {
                return Err(StoreError::Constraint { what: format!("a key named {:?}", row.name), by: None });
            }
            other => other?,
        };
        crate::audit::insert(&mut tx, audit, now).await?;
        tx.commit().await?;
        Ok(id)
    }

    /// Removes an API key: it opens nothing from now on.
    pub async fn remove_api_key(&self, id: i64, audit: &[NewAudit]) -> Result<(), StoreError> {
        let mut tx = self.db().begin().await?;
        if tx.execute(&API_KEY_REMOVE, args![id]).await? == 0 {
            return Err(StoreError::NotFound { what: "API key", id });
        }
        let now = self.clock(&mut tx).await?;
        crate::audit::insert(&mut tx, audit, now).await?;
        Ok(tx.commit().await?)
    }
}

fn api_key(row: (i64, String, String, Vec<u8>, i64, Option<i64>)) -> Result<ApiKeyRow, StoreError> {
    let hash =
        <[u8; 32]>::try_from(row.3).map_err(|_| StoreError::Corrupt("the hash of an API key".into()))?;
    Ok(ApiKeyRow { id: row.0, name: row.1, role: row.2, hash, created_at: row.4, expires_at: row.5 })
}

/// The values that make a key's place.
pub(crate) fn place(zone_id: i64, name: &Name, rtype: RecordType) -> [Value; 3] {
    [zone_id.into(), name.into(), rtype.into()]
}
