//! Opening a store, its clock, its life.

use crate::db::{Db, Pools, Tx};
use crate::error::{DbError, StoreError};
use crate::migrations::migrator;
use crate::model::Millis;
use crate::operation::Shared;
use crate::secrets::{MasterKey, Place};
use crate::sql::{args, statements};
use sqlx::AssertSqlSafe;
use sqlx::migrate::MigrateError;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

statements! {
    CLOCK = "SELECT CAST(unixepoch('subsec') * 1000 AS BIGINT)",
        postgres "SELECT CAST(extract(epoch FROM clock_timestamp()) * 1000 AS BIGINT)";
    ALIVE = "SELECT next FROM sequence WHERE kind = 'host'";
    META = "SELECT value FROM meta WHERE key = $1";
    META_PUT = "INSERT INTO meta (key, value) VALUES ($1, $2) ON CONFLICT (key) DO UPDATE SET value = excluded.value";
    META_ONCE = "INSERT INTO meta (key, value) VALUES ($1, $2) ON CONFLICT (key) DO NOTHING";
    ALLOCATE = "UPDATE sequence SET next = next + $2 WHERE kind = $1 RETURNING next";
}

/// How often migrations are tried.
const MIGRATION_TRIES: usize = 8;

/// The store. Cheap to clone; all clones share the connections.
#[derive(Clone)]
pub struct Store {
    inner: Arc<Inner>,
}

struct Inner {
    db: Db,
    master: MasterKey,
    clock_shift: AtomicI64,
}

impl std::fmt::Debug for Store {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Store({})", self.engine())
    }
}

impl Store {
    /// Opens `postgres://...`, or a SQLite file by its path (or `sqlite:PATH`), brings the schema up to
    /// this program's, and checks that `master` opens the secrets inside. Several processes may do
    /// this at once.
    pub async fn open(url_or_path: &str, master: MasterKey) -> Result<Store, StoreError> {
        let db = if url_or_path.starts_with("postgres://") || url_or_path.starts_with("postgresql://") {
            Db::open_postgres(url_or_path).await?
        } else {
            let path = url_or_path.strip_prefix("sqlite://").or_else(|| url_or_path.strip_prefix("sqlite:"));
            Db::open_sqlite(Path::new(path.unwrap_or(url_or_path))).await?
        };
        migrate(&db).await?;
        let store = Store { inner: Arc::new(Inner { db, master, clock_shift: AtomicI64::new(0) }) };
        store.check_key().await?;
        Ok(store)
    }

    /// `sqlite` or `postgres`.
    pub fn engine(&self) -> &'static str {
        if self.inner.db.is_sqlite() { "sqlite" } else { "postgres" }
    }

    /// The time by the database's clock, which is the only one that leases and due times know.
    pub async fn now(&self) -> Result<Millis, StoreError> {
        let shift = self.clock_shift();
        if self.inner.db.is_sqlite() {
            // SQLite's clock is this machine's.
            return Ok(machine_clock() + shift);
        }
        let (now,): (i64,) = self.inner.db.one(&CLOCK, args![]).await?;
        Ok(now + shift)
    }

    /// Shifts the clock of this store, for tests of what takes hours.
    #[doc(hidden)]
    pub fn shift_clock(&self, by: Millis) {
        self.inner.clock_shift.fetch_add(by, Ordering::Relaxed);
    }

    /// How many transactions were committed so far, for tests of what is stored together. The one that
    /// comes `failing` commits from now fails.
    #[doc(hidden)]
    pub fn commits(&self, failing: Option<u64>) -> u64 {
        self.db().commits(failing)
    }

    pub(crate) fn clock_shift(&self) -> Millis {
        self.inner.clock_shift.load(Ordering::Relaxed)
    }

    /// Whether the database does what writes would ask of it. Free while writes succeed; while the last
    /// one was refused, or when none is known, it is a write itself.
    pub async fn healthy(&self) -> Result<(), StoreError> {
        if !self.db().wrote_lately() {
            return self.set_meta("ready", &self.now().await?.to_string()).await;
        }
        let _: (i64,) = self.inner.db.one(&ALIVE, args![]).await?;
        Ok(())
    }

    /// Ends all connections; waits for what is under way.
    pub async fn close(&self) {
        self.inner.db.close().await;
    }

    /// Writes a consistent copy of a SQLite database to a new file, while others go on writing.
    /// PostgreSQL has its own tools for that: an error says so.
    pub async fn vacuum_into(&self, path: &Path) -> Result<(), StoreError> {
        let Pools::Sqlite { readers, .. } = &self.inner.db.pools else {
            return Err(StoreError::Unavailable("use pg_dump or pgBackRest for PostgreSQL".into()));
        };
        let mut connection = readers.acquire().await.map_err(DbError::from)?;
        // VACUUM INTO writes only the copy, but query_only forbids it all the same.
        let off = sqlx::query("PRAGMA query_only = 0").execute(&mut *connection).await;
        let text = path.to_string_lossy().into_owned();
        let copied = match off {
            Ok(_) => sqlx::query("VACUUM INTO $1").bind(text).execute(&mut *connection).await,
            Err(error) => Err(error),
        };
        let on = sqlx::query("PRAGMA query_only = 1").execute(&mut *connection).await;
        copied.and(on).map_err(DbError::from)?;
        Ok(())
    }

    /// One setting of the installation, such as `installation`.
    pub async fn meta(&self, key: &str) -> Result<Option<String>, StoreError> {
        let found: Option<(String,)> = self.db().optional(&META, args![key]).await?;
        Ok(found.map(|(value,)| value))
    }

    /// Stores a setting of the installation.
    pub async fn set_meta(&self, key: &str, value: &str) -> Result<(), StoreError> {
        self.db().execute(&META_PUT, args![key, value]).await?;
        Ok(())
    }

    /// This store, seen from inside an open transaction.
    pub(crate) fn within(&self, open: Shared) -> Store {
        let inner = Inner {
            db: self.inner.db.within(open),
            master: self.inner.master.clone(),
            clock_shift: AtomicI64::new(self.clock_shift()),
        };
        Store { inner: Arc::new(inner) }
    }

    pub(crate) fn db(&self) -> &Db {
        &self.inner.db
    }

    pub(crate) fn master(&self) -> &MasterKey {
        &self.inner.master
    }

    /// The time inside a transaction.
    pub(crate) async fn clock(&self, tx: &mut Tx) -> Result<Millis, DbError> {
        let shift = self.clock_shift();
        if tx.is_sqlite() {
            return Ok(machine_clock() + shift);
        }
        let (now,): (i64,) = tx.one(&CLOCK, args![]).await?;
        Ok(now + shift)
    }

    /// Takes `count` ids of a kind; gives the first. On SQLite call it inside the transaction; on
    /// PostgreSQL `tx` is `None`, so that nobody waits for a row that a long transaction holds.
    pub(crate) async fn allocate(
        &self,
        tx: Option<&mut Tx>,
        kind: &str,
        count: usize,
    ) -> Result<i64, DbError> {
        let count = i64::try_from(count).unwrap_or(i64::MAX);
        let (next,): (i64,) = match tx {
            Some(tx) => tx.one(&ALLOCATE, args![kind, count]).await?,
            None => self.db().one(&ALLOCATE, args![kind, count]).await?,
        };
        Ok(next - count)
    }

    /// The first opening seals a known text; every later one must be able to open it.
    async fn check_key(&self) -> Result<(), StoreError> {
        const PLAIN: &[u8] = b"zonecast";
        let place = Place { table: "meta", row: "key_check", field: "value" };
        let mut sealed = self.meta("key_check").await?;
        if sealed.is_none() {
            let fresh = self.master().seal(&place, PLAIN)?;
            self.db().execute(&META_ONCE, args!["key_check", fresh]).await?;
            self.db().execute(&META_ONCE, args!["installation", crate::meta::random_word()?]).await?;
            sealed = self.meta("key_check").await?;
        }
        match self.master().open(&place, &sealed.unwrap_or_default()) {
            Ok(plain) if **plain == *PLAIN => Ok(()),
            _ => Err(StoreError::WrongKey),
        }
    }

    /// Lets the database look at every statement of this crate; gives how many there are.
    pub async fn check_statements(&self) -> Result<usize, StoreError> {
        use sqlx::Executor as _;
        let texts = crate::statements::all(self.db().is_sqlite(), 2);
        let count = texts.len();
        for (name, text) in texts {
            let text = AssertSqlSafe(text);
            let prepared = match &self.db().pools {
                Pools::Sqlite { readers, .. } => {
                    let mut connection = readers.acquire().await.map_err(DbError::from)?;
                    connection.prepare(sqlx::SqlSafeStr::into_sql_str(text)).await.map(drop)
                }
                Pools::Postgres(pool) => {
                    let mut connection = pool.acquire().await.map_err(DbError::from)?;
                    connection.prepare(sqlx::SqlSafeStr::into_sql_str(text)).await.map(drop)
                }
            };
            prepared.map_err(|error| StoreError::Schema(format!("{name}: {error}")))?;
        }
        Ok(count)
    }
}

/// PostgreSQL lets one process migrate at a time. SQLite does not: of several first openings all but
/// one fail, and find everything done when they look again.
async fn migrate(db: &Db) -> Result<(), StoreError> {
    let mut left = MIGRATION_TRIES;
    loop {
        left -= 1;
        let migrated = match &db.pools {
            Pools::Sqlite { writer, .. } => migrator(true).run(writer).await,
            Pools::Postgres(pool) => migrator(false).run(pool).await,
        };
        match migrated {
            Ok(()) => return Ok(()),
            Err(MigrateError::Execute(_) | MigrateError::ExecuteMigration(..)) if left > 0 => {}
            Err(error) => return Err(StoreError::Schema(error.to_string())),
        }
    }
}

fn machine_clock() -> Millis {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
}
