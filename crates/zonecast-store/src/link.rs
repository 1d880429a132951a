//! One statement on one connection: values go in as each engine takes them, rows come back.

use crate::db::Row;
use crate::error::{DbError, StoreError};
use crate::sql::{Bulk, Kind, Sql, Value};
use sqlx::postgres::PgArguments;
use sqlx::sqlite::SqliteArguments;
use sqlx::{Arguments as _, AssertSqlSafe, PgConnection, SqliteConnection};

/// A borrowed connection of either kind.
pub(crate) enum Link<'a> {
    Sqlite(&'a mut SqliteConnection),
    Postgres(&'a mut PgConnection),
}

impl Link<'_> {
    pub async fn execute(&mut self, sql: &Sql, args: Vec<Value>) -> Result<u64, DbError> {
        Ok(match self {
            Link::Sqlite(c) => {
                sqlx::query_with(sql.sqlite, sqlite_args(args)?).execute(&mut **c).await?.rows_affected()
            }
            Link::Postgres(c) => {
                sqlx::query_with(sql.postgres, postgres_args(args)?).execute(&mut **c).await?.rows_affected()
            }
        })
    }

    pub async fn all<T: Row>(&mut self, sql: &Sql, args: Vec<Value>) -> Result<Vec<T>, DbError> {
        Ok(match self {
            Link::Sqlite(c) => {
                sqlx::query_as_with(sql.sqlite, sqlite_args(args)?).fetch_all(&mut **c).await?
            }
            Link::Postgres(c) => {
                sqlx::query_as_with(sql.postgres, postgres_args(args)?).fetch_all(&mut **c).await?
            }
        })
    }

    pub async fn bulk(&mut self, bulk: &Bulk, one: Vec<Value>, rows: Vec<Value>) -> Result<u64, DbError> {
        let mut affected = 0;
        match self {
            Link::Sqlite(c) => {
                for (sql, args) in sqlite_parts(bulk, one, rows)? {
                    let query = sqlx::query_with(AssertSqlSafe(sql), args);
                    affected += query.execute(&mut **c).await?.rows_affected();
                }
            }
            Link::Postgres(c) => {
                if let Some(args) = postgres_arrays(bulk, one, rows)? {
                    let query = sqlx::query_with(AssertSqlSafe(bulk.postgres()), args);
                    affected = query.execute(&mut **c).await?.rows_affected();
                }
            }
        }
        Ok(affected)
    }

    pub async fn bulk_all<T: Row>(
        &mut self,
        bulk: &Bulk,
        one: Vec<Value>,
        rows: Vec<Value>,
    ) -> Result<Vec<T>, DbError> {
        let mut found = Vec::new();
        match self {
            Link::Sqlite(c) => {
                for (sql, args) in sqlite_parts(bulk, one, rows)? {
                    found.extend(sqlx::query_as_with(AssertSqlSafe(sql), args).fetch_all(&mut **c).await?);
                }
            }
            Link::Postgres(c) => {
                if let Some(args) = postgres_arrays(bulk, one, rows)? {
                    let query = sqlx::query_as_with(AssertSqlSafe(bulk.postgres()), args);
                    found = query.fetch_all(&mut **c).await?;
                }
            }
        }
        Ok(found)
    }
}

fn encoding(error: sqlx::error::BoxDynError) -> DbError {
    StoreError::Corrupt(error.to_string()).into()
}

fn sqlite_args(values: Vec<Value>) -> Result<SqliteArguments, DbError> {
    let mut args = SqliteArguments::default();
    args.reserve(values.len(), 0);
    for value in values {
        push_sqlite(&mut args, value)?;
    }
    Ok(args)
}

fn push_sqlite(args: &mut SqliteArguments, value: Value) -> Result<(), DbError> {
    match value {
        Value::Int(value) => args.add(value),
        Value::Text(value) => args.add(value),
        Value::Blob(value) => args.add(value),
    }
    .map_err(encoding)
}

fn postgres_args(values: Vec<Value>) -> Result<PgArguments, DbError> {
    let mut args = PgArguments::default();
    for value in values {
        match value {
            Value::Int(value) => args.add(value),
            Value::Text(value) => args.add(value),
            Value::Blob(value) => args.add(value),
        }
        .map_err(encoding)?;
    }
    Ok(args)
}

/// Cuts the rows into statements of the prepared sizes.
fn sqlite_parts(
    bulk: &Bulk,
    one: Vec<Value>,
    rows: Vec<Value>,
) -> Result<Vec<(String, SqliteArguments)>, DbError> {
    debug_assert_eq!(one.len(), bulk.one.len(), "{}", bulk.name);
    debug_assert_eq!(rows.len() % bulk.many.len(), 0, "{}", bulk.name);
    let mut left = rows.len() / bulk.many.len();
    let mut rows = rows.into_iter();
    let mut parts = Vec::new();
    while left > 0 {
        let size = Bulk::next_size(left);
        let mut args = SqliteArguments::default();
        args.reserve(one.len() + size * bulk.many.len(), 0);
        for value in one.iter().cloned().chain(rows.by_ref().take(size * bulk.many.len())) {
            push_sqlite(&mut args, value)?;
        }
        parts.push((bulk.sqlite(size), args));
        left -= size;
    }
    Ok(parts)
}

/// Lays the rows out as one array per column; nothing when there are no rows.
fn postgres_arrays(bulk: &Bulk, one: Vec<Value>, rows: Vec<Value>) -> Result<Option<PgArguments>, DbError> {
    if rows.is_empty() {
        return Ok(None);
    }
    let mut args = postgres_args(one)?;
    let count = rows.len() / bulk.many.len();
    let mut columns: Vec<Vec<Value>> = bulk.many.iter().map(|_| Vec::with_capacity(count)).collect();
    for (index, value) in rows.into_iter().enumerate() {
        columns[index % bulk.many.len()].push(value);
    }
    for ((name, kind), column) in bulk.many.iter().zip(columns) {
        let added = match kind {
            Kind::Int => args.add(column.into_iter().map(Value::into_int).collect::<Vec<_>>()),
            Kind::Text => args.add(column.into_iter().map(Value::into_text).collect::<Vec<_>>()),
            Kind::Blob => args.add(column.into_iter().map(Value::into_blob).collect::<Vec<_>>()),
        };
        added.map_err(|error| StoreError::Corrupt(format!("{} {name}: {error}", bulk.name)))?;
    }
    Ok(Some(args))
}

impl Value {
    fn into_int(self) -> Option<i64> {
        if let Value::Int(value) = self { value } else { None }
    }
    fn into_text(self) -> Option<String> {
        if let Value::Text(value) = self { value } else { None }
    }
    fn into_blob(self) -> Option<Vec<u8>> {
        if let Value::Blob(value) = self { value } else { None }
    }
}
