//! Address pools.

use crate::Store;
use crate::codec;
use crate::connections::changed_or_missing;
use crate::error::{DbError, StoreError};
use crate::idempotency::Remember;
use crate::model::*;
use crate::sql::{Value, args, statements};

statements! {
    POOL = "SELECT id, prefix, main_domain, name_pattern, ttl, ptr_pattern, version FROM pool WHERE id = $1";
    POOLS = "SELECT id, prefix, main_domain, name_pattern, ttl, ptr_pattern, version FROM pool ORDER BY id";
    POOL_ADD = "INSERT INTO pool (prefix, main_domain, name_pattern, ttl, ptr_pattern, version)
        VALUES ($1, $2, $3, $4, $5, 1) RETURNING id";
    POOL_SET = "UPDATE pool SET prefix = $3, main_domain = $4, name_pattern = $5, ttl = $6, ptr_pattern = $7,
        version = version + 1 WHERE id = $1 AND version = $2";
    POOL_REMOVE = "DELETE FROM pool WHERE id = $1";
    POOL_AT = "SELECT id FROM pool WHERE prefix = $1";
}

type PoolTuple = (i64, String, Option<Vec<u8>>, Option<String>, Option<i64>, Option<String>, i64);

fn pool(row: PoolTuple) -> Result<PoolRow, StoreError> {
    Ok(PoolRow {
        id: row.0,
        prefix: row.1.parse().map_err(|_| StoreError::Corrupt(format!("prefix {:?}", row.1)))?,
        main_domain: codec::optional_name(row.2)?,
        name_pattern: row.3,
        ttl: codec::optional_ttl(row.4)?,
        ptr_pattern: row.5,
        version: row.6,
    })
}

fn columns(row: &PoolRow) -> Vec<Value> {
    let prefix = row.prefix.trunc().to_string();
    args![prefix, &row.main_domain, &row.name_pattern, row.ttl, &row.ptr_pattern]
}

impl Store {
    /// The pool with this id.
    pub async fn pool(&self, id: i64) -> Result<Option<PoolRow>, StoreError> {
        self.db().optional(&POOL, args![id]).await?.map(pool).transpose()
    }

    /// All pools in the order of their ids.
    pub async fn pools(&self) -> Result<Vec<PoolRow>, StoreError> {
        self.db().all(&POOLS, args![]).await?.into_iter().map(pool).collect()
    }

    /// Stores a new pool; a second one of the same prefix is a `Constraint`. Gives its id.
    pub async fn add_pool(&self, row: &PoolRow, audit: &[NewAudit]) -> Result<i64, StoreError> {
        self.add_pool_once(row, audit, None).await
    }

    /// The same, and its id is remembered under an idempotency key in the same transaction.
    /// `AlreadyAnswered` when that key has an answer already.
    pub async fn add_pool_once(
        &self,
        row: &PoolRow,
        audit: &[NewAudit],
        remember: Option<&Remember<'_>>,
    ) -> Result<i64, StoreError> {
        let mut tx = self.db().begin().await?;
        let added = tx.one(&POOL_ADD, columns(row)).await;
        let (id,): (i64,) = match added {
            Err(DbError::Unique(_)) => {
                drop(tx);
                return Err(self.pool_there(row).await);
            }
            other => other?,
        };
        let now = self.clock(&mut tx).await?;
        crate::audit::insert(&mut tx, audit, now).await?;
        self.remember_new(&mut tx, remember, id, now).await?;
        tx.commit().await?;
        Ok(id)
    }

    /// Stores a pool anew if it still has the version of `row`; gives the new version.
    pub async fn update_pool(&self, row: &PoolRow, audit: &[NewAudit]) -> Result<i64, StoreError> {
        let mut tx = self.db().begin().await?;
        let mut values = args![row.id, row.version];
        values.extend(columns(row));
        match tx.execute(&POOL_SET, values).await {
            Ok(1) => {}
            Ok(_) => {
                let found: Option<PoolTuple> = tx.optional(&POOL, args![row.id]).await?;
                return Err(changed_or_missing(found.is_some(), "pool", row.id));
            }
            Err(DbError::Unique(_)) => {
                drop(tx);
                return Err(self.pool_there(row).await);
            }
            Err(error) => return Err(error.into()),
        }
        let now = self.clock(&mut tx).await?;
        crate::audit::insert(&mut tx, audit, now).await?;
        tx.commit().await?;
        Ok(row.version + 1)
    }

    /// Removes a pool.
    pub async fn remove_pool(&self, id: i64, audit: &[NewAudit]) -> Result<(), StoreError> {
        let mut tx = self.db().begin().await?;
        if tx.execute(&POOL_REMOVE, args![id]).await? == 0 {
            return Err(StoreError::NotFound { what: "pool", id });
        }
        let now = self.clock(&mut tx).await?;
        crate::audit::insert(&mut tx, audit, now).await?;
        Ok(tx.commit().await?)
    }

    async fn pool_there(&self, row: &PoolRow) -> StoreError {
        let prefix = row.prefix.trunc().to_string();
        let found: Result<Option<(i64,)>, _> = self.db().optional(&POOL_AT, args![prefix.as_str()]).await;
        let by = found.ok().flatten().map(|(id,)| id);
        StoreError::Constraint { what: format!("a pool {prefix}"), by }
    }
}
