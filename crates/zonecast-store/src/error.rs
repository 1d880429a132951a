//! What can go wrong, by what the caller should do about it.

/// Why the store did not do what was asked. After any error nothing of the call was stored, except
/// where the connection broke while committing (`Unavailable`): then read before you try again.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The database cannot be reached, is busy or full: try again later.
    #[error("the database is not available: {0}")]
    Unavailable(String),
    /// Something of this name or place is there already.
    #[error("{what} exists already")]
    Constraint {
        /// What is taken, such as `a connection named "main"`.
        what: String,
        /// The id of what holds it, where known.
        by: Option<i64>,
    },
    /// Somebody changed the row since it was read: read again.
    #[error("{what} {id} was changed by somebody else")]
    Changed {
        /// The kind of row.
        what: &'static str,
        /// Its id.
        id: i64,
    },
    /// No such row.
    #[error("there is no {what} {id}")]
    NotFound {
        /// The kind of row.
        what: &'static str,
        /// Its id.
        id: i64,
    },
    /// The set of zones changed since the names were matched: match again.
    #[error("the zones changed meanwhile (epoch {now}): match again")]
    StaleEpoch {
        /// The epoch now.
        now: i64,
    },
    /// The lease was lost: whatever was done is looked at again by its new holder.
    #[error("the lease on {budget_group:?} is held by somebody else")]
    Fenced {
        /// The group.
        budget_group: String,
    },
    /// A call with this idempotency key was answered already: recall that answer.
    #[error("a call with this idempotency key was answered already")]
    AlreadyAnswered,
    /// The task's hands are tied ([`hands_tied`](crate::hands_tied)): all of it was rolled back. Owners'
    /// writes tell what would have become of each.
    #[error("this is a dry run: nothing was stored")]
    DryRun(Option<Box<crate::Written>>),
    /// What the database holds cannot be read.
    #[error("the database holds something unreadable: {0}")]
    Corrupt(String),
    /// The master key is not the one the secrets were sealed with.
    #[error("the master key does not open this database's secrets")]
    WrongKey,
    /// The master key cannot be had.
    #[error("no usable master key: {0}")]
    NoKey(String),
    /// The database has a newer schema than this program knows.
    #[error("the database cannot be brought to this program's schema: {0}")]
    Schema(String),
}

impl StoreError {
    /// Whether the same call may succeed a little later.
    pub fn is_retryable(&self) -> bool {
        matches!(self, StoreError::Unavailable(_))
    }
}

/// What the database said, before anybody knows what it means.
#[derive(Debug, thiserror::Error)]
pub(crate) enum DbError {
    /// A unique rule was broken; inside is its name or its columns.
    #[error("unique: {0}")]
    Unique(String),
    /// Two transactions stood in each other's way: run the whole transaction again.
    #[error("conflict: {0}")]
    Again(String),
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl From<sqlx::Error> for DbError {
    fn from(error: sqlx::Error) -> DbError {
        match &error {
            sqlx::Error::Database(inner) if inner.is_unique_violation() => {
                let name = inner.constraint().map(str::to_owned);
                DbError::Unique(name.unwrap_or_else(|| inner.message().to_owned()))
            }
            sqlx::Error::Database(inner) => match inner.code().as_deref() {
                // serialization_failure and deadlock_detected of PostgreSQL.
                Some("40001" | "40P01") => DbError::Again(error.to_string()),
                _ => StoreError::Unavailable(error.to_string()).into(),
            },
            sqlx::Error::ColumnDecode { .. }
            | sqlx::Error::Decode(_)
            | sqlx::Error::ColumnNotFound(_)
            | sqlx::Error::ColumnIndexOutOfBounds { .. } => StoreError::Corrupt(error.to_string()).into(),
            _ => StoreError::Unavailable(error.to_string()).into(),
        }
    }
}

impl From<DbError> for StoreError {
    fn from(error: DbError) -> StoreError {
        match error {
            DbError::Store(error) => error,
            DbError::Unique(what) => StoreError::Constraint { what, by: None },
            DbError::Again(why) => StoreError::Unavailable(why),
        }
    }
}
