//! The two databases behind one face.
//!
//! Two typed pools in an enum, and one statement text for both. The road not taken: `sqlx::Any`, which
//! writes placeholders PostgreSQL refuses and costs 1.7 times the CPU (measured).
//!
//! SQLite: one connection writes (`BEGIN IMMEDIATE`, so nobody waits in the middle of a transaction),
//! a few read beside it (WAL), every commit is synced. PostgreSQL: one pool.

use crate::error::{DbError, StoreError};
use crate::sql::{Bulk, Kind, Sql, Value};
use sqlx::postgres::{PgArguments, PgConnectOptions, PgPoolOptions, PgRow};
use sqlx::sqlite::{
    SqliteArguments, SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteRow, SqliteSynchronous,
};
use sqlx::{
    Arguments as _, AssertSqlSafe, Connection as _, FromRow, PgConnection, PgPool, SqliteConnection,
    SqlitePool,
};
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// How often a transaction that met another one is run again.
pub(crate) const TRIES: usize = 6;

/// Runs a whole transaction again while it meets others: a lock circle that PostgreSQL broke, or a row
/// that came between its look and its write. SQLite has one writer and never needs it.
macro_rules! again {
    ($work:expr) => {{
        let mut left = crate::db::TRIES;
        loop {
            left -= 1;
            match $work {
                Err(crate::error::DbError::Again(_) | crate::error::DbError::Unique(_)) if left > 0 => {}
                result => break Ok(result?),
            }
        }
    }};
}
pub(crate) use again;

/// A row type that both engines can fill.
pub(crate) trait Row:
    for<'r> FromRow<'r, SqliteRow> + for<'r> FromRow<'r, PgRow> + Send + Unpin + 'static
{
}
impl<T> Row for T where T: for<'r> FromRow<'r, SqliteRow> + for<'r> FromRow<'r, PgRow> + Send + Unpin + 'static
{}

/// The pools.
pub(crate) enum Pools {
    Sqlite { writer: SqlitePool, readers: SqlitePool },
    Postgres(PgPool),
}

/// The pools, and when a write last ended well.
pub(crate) struct Db {
    pub pools: Pools,
    wrote: Arc<Wrote>,
}

/// When a write last ended well; nothing since one was refused.
type Wrote = Mutex<Option<Instant>>;

/// For how long a write that ended well says that the next one would.
const LATELY: Duration = Duration::from_secs(10);

/// Remembers how a write ended. What the write itself did wrong says nothing about the database.
fn note<T>(wrote: &Wrote, result: Result<T, DbError>) -> Result<T, DbError> {
    let mut wrote = wrote.lock().unwrap_or_else(PoisonError::into_inner);
    match &result {
        Ok(_) => *wrote = Some(Instant::now()),
        Err(DbError::Store(StoreError::Unavailable(_))) => *wrote = None,
        Err(_) => {}
    }
    result
}

/// A connection that is still inside a transaction never goes back to its pool: a commit or a rollback
/// that failed (a full disk) leaves one, and nobody after it could begin.
///
/// The rollback of a dropped transaction may be queued still, so it is waited for first.
macro_rules! only_outside {
    ($options:expr) => {
        $options.after_release(|connection, _| {
            Box::pin(async move {
                connection.ping().await?;
                Ok(!connection.is_in_transaction())
            })
        })
    };
}

/// How each connection to a file is opened.
pub(crate) fn sqlite_options(path: &Path) -> SqliteConnectOptions {
    SqliteConnectOptions::new()
        .filename(path)
        .create_if_missing(true)
        .journal_mode(SqliteJournalMode::Wal)
        .synchronous(SqliteSynchronous::Full)
        .foreign_keys(true)
        .busy_timeout(Duration::from_secs(20))
        .pragma("cache_size", "-65536")
        .pragma("journal_size_limit", "67108864")
        // Else SQLite makes an index of the 256 rows of a bulk update and walks the whole table along it,
        // so that each name costs the more the more there are (seen with 3.51, 2026-11-30).
        .pragma("automatic_index", "0")
        .statement_cache_capacity(300)
}

impl Db {
    fn new(pools: Pools) -> Db {
        Db { pools, wrote: Arc::default() }
    }

    /// Whether a write ended well a moment ago and none was refused since.
    pub fn wrote_lately(&self) -> bool {
        let wrote = *self.wrote.lock().unwrap_or_else(PoisonError::into_inner);
        wrote.is_some_and(|at| at.elapsed() < LATELY)
    }

    pub async fn open_sqlite(path: &Path) -> Result<Db, DbError> {
        let options = sqlite_options(path);
        let writer = only_outside!(SqlitePoolOptions::new())
            .max_connections(1)
            .acquire_timeout(Duration::from_secs(60))
            .idle_timeout(None)
            .max_lifetime(None)
            .connect_with(options.clone())
            .await?;
        let readers = only_outside!(SqlitePoolOptions::new())
            .max_connections(4)
            .acquire_timeout(Duration::from_secs(30))
            .idle_timeout(Duration::from_secs(300))
            .connect_lazy_with(options.pragma("query_only", "1").pragma("cache_size", "-16384"));
        Ok(Db::new(Pools::Sqlite { writer, readers }))
    }

    pub async fn open_postgres(url: &str) -> Result<Db, DbError> {
        // A node that is stopped in the middle of a transaction must not keep its locks: the others
        // would wait for as long as it sleeps.
        let options = url
            .parse::<PgConnectOptions>()?
            .options([("idle_in_transaction_session_timeout", "5s"), ("lock_timeout", "20s")]);
        let pool = only_outside!(PgPoolOptions::new())
            .max_connections(16)
            .acquire_timeout(Duration::from_secs(30))
            .idle_timeout(Duration::from_secs(300))
            .connect_with(options)
            .await?;
        Ok(Db::new(Pools::Postgres(pool)))
    }

    /// Begins a transaction that writes.
    pub async fn begin(&self) -> Result<Tx, DbError> {
        let begun = match &self.pools {
            Pools::Sqlite { writer, .. } => writer.begin_with("BEGIN IMMEDIATE").await.map(Begun::Sqlite),
            Pools::Postgres(pool) => pool.begin().await.map(Begun::Postgres),
        };
        match begun {
            Ok(begun) => Ok(Tx { begun, wrote: Some(self.wrote.clone()) }),
            Err(error) => note(&self.wrote, Err(error.into())),
        }
    }

    /// Begins a transaction that reads one moment of the database.
    pub async fn snapshot(&self) -> Result<Tx, DbError> {
        let begun = match &self.pools {
            Pools::Sqlite { readers, .. } => Begun::Sqlite(readers.begin().await?),
            Pools::Postgres(pool) => {
                Begun::Postgres(pool.begin_with("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY").await?)
            }
        };
        Ok(Tx { begun, wrote: None })
    }

    pub async fn all<T: Row>(&self, sql: &Sql, args: Vec<Value>) -> Result<Vec<T>, DbError> {
        match &self.pools {
            Pools::Sqlite { readers, .. } => {
                Link::Sqlite(&mut *readers.acquire().await?).all(sql, args).await
            }
            Pools::Postgres(pool) => Link::Postgres(&mut *pool.acquire().await?).all(sql, args).await,
        }
    }

    pub async fn optional<T: Row>(&self, sql: &Sql, args: Vec<Value>) -> Result<Option<T>, DbError> {
        Ok(self.all(sql, args).await?.into_iter().next())
    }

    pub async fn one<T: Row>(&self, sql: &Sql, args: Vec<Value>) -> Result<T, DbError> {
        self.optional(sql, args).await?.ok_or_else(|| missing(sql))
    }

    pub async fn bulk<T: Row>(
        &self,
        bulk: &Bulk,
        one: Vec<Value>,
        rows: Vec<Value>,
    ) -> Result<Vec<T>, DbError> {
        match &self.pools {
            Pools::Sqlite { readers, .. } => {
                Link::Sqlite(&mut *readers.acquire().await?).bulk_all(bulk, one, rows).await
            }
            Pools::Postgres(pool) => {
                Link::Postgres(&mut *pool.acquire().await?).bulk_all(bulk, one, rows).await
            }
        }
    }

    /// One statement that writes, a transaction of its own; gives the number of rows.
    pub async fn execute(&self, sql: &Sql, args: Vec<Value>) -> Result<u64, DbError> {
        crate::tied::check()?;
        note(&self.wrote, self.execute_alone(sql, args).await)
    }

    async fn execute_alone(&self, sql: &Sql, args: Vec<Value>) -> Result<u64, DbError> {
        match &self.pools {
            Pools::Sqlite { writer, .. } => {
                Link::Sqlite(&mut *writer.acquire().await?).execute(sql, args).await
            }
            Pools::Postgres(pool) => Link::Postgres(&mut *pool.acquire().await?).execute(sql, args).await,
        }
    }

    pub async fn close(&self) {
        match &self.pools {
            Pools::Sqlite { writer, readers } => {
                readers.close().await;
                writer.close().await;
            }
            Pools::Postgres(pool) => pool.close().await,
        }
    }

    pub fn is_sqlite(&self) -> bool {
        matches!(self.pools, Pools::Sqlite { .. })
    }
}

/// A transaction; dropped without `commit` it is rolled back.
pub(crate) struct Tx {
    begun: Begun,
    /// Where the end of one that writes is noted.
    wrote: Option<Arc<Wrote>>,
}

enum Begun {
    Sqlite(sqlx::Transaction<'static, sqlx::Sqlite>),
    Postgres(sqlx::Transaction<'static, sqlx::Postgres>),
}

impl Tx {
    fn link(&mut self) -> Link<'_> {
        match &mut self.begun {
            Begun::Sqlite(tx) => Link::Sqlite(&mut *tx),
            Begun::Postgres(tx) => Link::Postgres(&mut *tx),
        }
    }

    pub async fn commit(self) -> Result<(), DbError> {
        if self.wrote.is_some() {
            crate::tied::check()?;
        }
        let committed = match self.begun {
            Begun::Sqlite(tx) => tx.commit().await,
            Begun::Postgres(tx) => tx.commit().await,
        };
        match &self.wrote {
            Some(wrote) => note(wrote, committed.map_err(DbError::from)),
            None => Ok(committed?),
        }
    }

    pub fn is_sqlite(&self) -> bool {
        matches!(self.begun, Begun::Sqlite(_))
    }

    pub async fn execute(&mut self, sql: &Sql, args: Vec<Value>) -> Result<u64, DbError> {
        let done = self.link().execute(sql, args).await;
        self.refused(done)
    }

    /// A statement that the database could not do tells readiness; one it did tells nothing before the
    /// commit.
    fn refused<T>(&self, result: Result<T, DbError>) -> Result<T, DbError> {
        match (&self.wrote, result) {
            (Some(wrote), Err(error)) => note(wrote, Err(error)),
            (_, result) => result,
        }
    }

    pub async fn all<T: Row>(&mut self, sql: &Sql, args: Vec<Value>) -> Result<Vec<T>, DbError> {
        self.link().all(sql, args).await
    }

    pub async fn optional<T: Row>(&mut self, sql: &Sql, args: Vec<Value>) -> Result<Option<T>, DbError> {
        Ok(self.link().all(sql, args).await?.into_iter().next())
    }

    pub async fn one<T: Row>(&mut self, sql: &Sql, args: Vec<Value>) -> Result<T, DbError> {
        self.optional(sql, args).await?.ok_or_else(|| missing(sql))
    }

    /// Runs a bulk statement over rows laid end to end; gives the number of rows changed.
    pub async fn bulk(&mut self, bulk: &Bulk, one: Vec<Value>, rows: Vec<Value>) -> Result<u64, DbError> {
        let done = self.link().bulk(bulk, one, rows).await;
        self.refused(done)
    }

    /// The same for a statement that gives rows.
    pub async fn bulk_all<T: Row>(
        &mut self,
        bulk: &Bulk,
        one: Vec<Value>,
        rows: Vec<Value>,
    ) -> Result<Vec<T>, DbError> {
        self.link().bulk_all(bulk, one, rows).await
    }
}

fn missing(sql: &Sql) -> DbError {
    StoreError::Corrupt(format!("{} found no row", sql.name)).into()
}

/// A borrowed connection of either kind.
enum Link<'a> {
    Sqlite(&'a mut SqliteConnection),
    Postgres(&'a mut PgConnection),
}

impl Link<'_> {
    async fn execute(&mut self, sql: &Sql, args: Vec<Value>) -> Result<u64, DbError> {
        Ok(match self {
            Link::Sqlite(c) => {
                sqlx::query_with(sql.sqlite, sqlite_args(args)?).execute(&mut **c).await?.rows_affected()
            }
            Link::Postgres(c) => {
                sqlx::query_with(sql.postgres, postgres_args(args)?).execute(&mut **c).await?.rows_affected()
            }
        })
    }

    async fn all<T: Row>(&mut self, sql: &Sql, args: Vec<Value>) -> Result<Vec<T>, DbError> {
        Ok(match self {
            Link::Sqlite(c) => {
                sqlx::query_as_with(sql.sqlite, sqlite_args(args)?).fetch_all(&mut **c).await?
            }
            Link::Postgres(c) => {
                sqlx::query_as_with(sql.postgres, postgres_args(args)?).fetch_all(&mut **c).await?
            }
        })
    }

    async fn bulk(&mut self, bulk: &Bulk, one: Vec<Value>, rows: Vec<Value>) -> Result<u64, DbError> {
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

    async fn bulk_all<T: Row>(
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
