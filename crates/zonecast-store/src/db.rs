//! The two databases behind one face.
//!
//! Two typed pools in an enum, and one statement text for both. The road not taken: `sqlx::Any`, which
//! writes placeholders PostgreSQL refuses and costs 1.7 times the CPU (measured).
//!
//! SQLite: one connection writes (`BEGIN IMMEDIATE`, so nobody waits in the middle of a transaction),
//! a few read beside it (WAL), every commit is synced. PostgreSQL: one pool.

use crate::error::{DbError, StoreError};
use crate::link::Link;
use crate::operation::{Part, Shared};
use crate::sql::{Bulk, Sql, Value};
use sqlx::postgres::{PgConnectOptions, PgPoolOptions, PgRow};
use sqlx::sqlite::{
    SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteRow, SqliteSynchronous,
};
use sqlx::{Connection as _, FromRow, PgPool, SqlitePool};
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
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
#[derive(Clone)]
pub(crate) enum Pools {
    Sqlite { writer: SqlitePool, readers: SqlitePool },
    Postgres(PgPool),
}

/// The pools, and when a write last ended well.
pub(crate) struct Db {
    pub pools: Pools,
    wrote: Arc<Wrote>,
    /// The transaction that everything happens in, inside an operation.
    open: Option<Shared>,
}

/// How writes ended, and how one shall end that a test lets fail.
#[derive(Default)]
struct Wrote {
    /// When one last ended well; nothing since one was refused.
    well: Mutex<Option<Instant>>,
    /// Commits so far.
    commits: AtomicU64,
    /// The commit that fails; none is zero.
    failing: AtomicU64,
}

impl Wrote {
    fn well(&self) -> MutexGuard<'_, Option<Instant>> {
        self.well.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Counts a commit that is about to happen.
    fn commits(&self) -> Result<(), DbError> {
        let number = self.commits.fetch_add(1, Ordering::Relaxed) + 1;
        match self.failing.load(Ordering::Relaxed) == number {
            true => Err(StoreError::Unavailable("this commit was to fail".into()).into()),
            false => Ok(()),
        }
    }
}

/// For how long a write that ended well says that the next one would.
const LATELY: Duration = Duration::from_secs(10);

/// Remembers how a write ended. What the write itself did wrong says nothing about the database.
fn note<T>(wrote: &Wrote, result: Result<T, DbError>) -> Result<T, DbError> {
    let mut wrote = wrote.well();
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
        Db { pools, wrote: Arc::default(), open: None }
    }

    /// The same database, seen from inside an open transaction.
    pub fn within(&self, open: Shared) -> Db {
        Db { pools: self.pools.clone(), wrote: self.wrote.clone(), open: Some(open) }
    }

    /// Whether a write ended well a moment ago and none was refused since.
    pub fn wrote_lately(&self) -> bool {
        self.wrote.well().is_some_and(|at| at.elapsed() < LATELY)
    }

    /// Commits so far, for tests; the one that many from now fails.
    pub fn commits(&self, failing: Option<u64>) -> u64 {
        let so_far = self.wrote.commits.load(Ordering::Relaxed);
        self.wrote.failing.store(failing.map_or(0, |after| so_far + after), Ordering::Relaxed);
        so_far
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
        if let Some(open) = &self.open {
            return Ok(Tx { begun: Begun::Part(Part::begin(open).await?), wrote: None });
        }
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
        if self.open.is_some() {
            return self.begin().await;
        }
        let begun = match &self.pools {
            Pools::Sqlite { readers, .. } => Begun::Sqlite(readers.begin().await?),
            Pools::Postgres(pool) => {
                Begun::Postgres(pool.begin_with("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY").await?)
            }
        };
        Ok(Tx { begun, wrote: None })
    }

    pub async fn all<T: Row>(&self, sql: &Sql, args: Vec<Value>) -> Result<Vec<T>, DbError> {
        if self.open.is_some() {
            let mut tx = self.begin().await?;
            let rows = tx.all(sql, args).await?;
            return tx.commit().await.map(|()| rows);
        }
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
        if self.open.is_some() {
            let mut tx = self.begin().await?;
            let found = tx.bulk_all(bulk, one, rows).await?;
            return tx.commit().await.map(|()| found);
        }
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
        if self.open.is_some() {
            let mut tx = self.begin().await?;
            let count = tx.execute(sql, args).await?;
            return tx.commit().await.map(|()| count);
        }
        crate::tied::check()?;
        self.wrote.commits()?;
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
    /// One call inside an operation.
    Part(Part),
}

impl Tx {
    fn link(&mut self) -> Result<Link<'_>, DbError> {
        match &mut self.begun {
            Begun::Sqlite(tx) => Ok(Link::Sqlite(&mut *tx)),
            Begun::Postgres(tx) => Ok(Link::Postgres(&mut *tx)),
            Begun::Part(part) => part.tx()?.link(),
        }
    }

    /// A statement without values or rows.
    pub async fn say(&mut self, sql: &'static str) -> Result<(), DbError> {
        match self.link()? {
            Link::Sqlite(c) => sqlx::query(sql).execute(&mut *c).await.map(drop)?,
            Link::Postgres(c) => sqlx::query(sql).execute(&mut *c).await.map(drop)?,
        }
        Ok(())
    }

    pub async fn commit(self) -> Result<(), DbError> {
        if let Some(wrote) = &self.wrote {
            crate::tied::check()?;
            wrote.commits()?;
        }
        let committed = match self.begun {
            Begun::Sqlite(tx) => tx.commit().await,
            Begun::Postgres(tx) => tx.commit().await,
            Begun::Part(part) => return part.commit().await,
        };
        match &self.wrote {
            Some(wrote) => note(wrote, committed.map_err(DbError::from)),
            None => Ok(committed?),
        }
    }

    pub fn is_sqlite(&self) -> bool {
        match &self.begun {
            Begun::Sqlite(_) => true,
            Begun::Postgres(_) => false,
            Begun::Part(part) => part.is_sqlite(),
        }
    }

    pub async fn execute(&mut self, sql: &Sql, args: Vec<Value>) -> Result<u64, DbError> {
        let done = self.link()?.execute(sql, args).await;
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
        self.link()?.all(sql, args).await
    }

    pub async fn optional<T: Row>(&mut self, sql: &Sql, args: Vec<Value>) -> Result<Option<T>, DbError> {
        Ok(self.link()?.all(sql, args).await?.into_iter().next())
    }

    pub async fn one<T: Row>(&mut self, sql: &Sql, args: Vec<Value>) -> Result<T, DbError> {
        self.optional(sql, args).await?.ok_or_else(|| missing(sql))
    }

    /// Runs a bulk statement over rows laid end to end; gives the number of rows changed.
    pub async fn bulk(&mut self, bulk: &Bulk, one: Vec<Value>, rows: Vec<Value>) -> Result<u64, DbError> {
        let done = self.link()?.bulk(bulk, one, rows).await;
        self.refused(done)
    }

    /// The same for a statement that gives rows.
    pub async fn bulk_all<T: Row>(
        &mut self,
        bulk: &Bulk,
        one: Vec<Value>,
        rows: Vec<Value>,
    ) -> Result<Vec<T>, DbError> {
        self.link()?.bulk_all(bulk, one, rows).await
    }
}

fn missing(sql: &Sql) -> DbError {
    StoreError::Corrupt(format!("{} found no row", sql.name)).into()
}
