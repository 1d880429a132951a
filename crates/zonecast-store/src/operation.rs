//! One operation: all it changes is committed at once, or nothing is.
//!
//! An [`Operation`] is a [`Store`] whose every call, reading or writing, happens inside one open
//! transaction. So whatever can be stored can be stored together (a connection's secret, its zones'
//! places, the audit line), and no function has to be written twice for it. What a call inside it does is
//! taken back when that call is refused, exactly as without an operation; the rest goes on.
//!
//! On SQLite nobody else writes while an operation is open, so it is for what is known already: no
//! provider is asked in the middle of one.

use crate::Store;
use crate::db::Tx;
use crate::error::{DbError, StoreError};
use std::ops::Deref;
use std::sync::Arc;
use tokio::sync::{Mutex, OwnedMutexGuard};

/// A store inside one transaction; dropped without [`Operation::commit`] it changed nothing.
pub struct Operation {
    store: Store,
    open: Shared,
}

impl Store {
    /// Begins an operation.
    pub async fn operation(&self) -> Result<Operation, StoreError> {
        let open = Arc::new(Mutex::new(Some(Open { tx: self.db().begin().await?, undo: false })));
        Ok(Operation { store: self.within(open.clone()), open })
    }
}

impl Operation {
    /// Commits everything; afterwards this operation is over.
    pub async fn commit(self) -> Result<(), StoreError> {
        let mut open = self.open.lock().await.take().ok_or_else(over)?;
        open.settle().await?;
        Ok(open.tx.commit().await?)
    }
}

impl Deref for Operation {
    type Target = Store;

    fn deref(&self) -> &Store {
        &self.store
    }
}

/// The transaction of an operation, shared with the calls inside it; `None` once it is over.
pub(crate) type Shared = Arc<Mutex<Option<Open>>>;

/// An open transaction.
pub(crate) struct Open {
    pub tx: Tx,
    /// A call inside it was refused: what it did is still to be taken back.
    undo: bool,
}

impl Open {
    async fn settle(&mut self) -> Result<(), DbError> {
        if std::mem::take(&mut self.undo) {
            self.tx.say("ROLLBACK TO SAVEPOINT part").await?;
            self.tx.say("RELEASE SAVEPOINT part").await?;
        }
        Ok(())
    }
}

/// One call inside an operation.
pub(crate) struct Part {
    open: OwnedMutexGuard<Option<Open>>,
    done: bool,
}

impl Part {
    pub async fn begin(open: &Shared) -> Result<Part, DbError> {
        let mut part = Part { open: open.clone().lock_owned().await, done: true };
        part.open.as_mut().ok_or_else(over)?.settle().await?;
        part.tx()?.say("SAVEPOINT part").await?;
        part.done = false;
        Ok(part)
    }

    pub fn tx(&mut self) -> Result<&mut Tx, DbError> {
        Ok(&mut self.open.as_mut().ok_or_else(over)?.tx)
    }

    pub fn is_sqlite(&self) -> bool {
        self.open.as_ref().is_some_and(|open| open.tx.is_sqlite())
    }

    pub async fn commit(mut self) -> Result<(), DbError> {
        self.tx()?.say("RELEASE SAVEPOINT part").await?;
        self.done = true;
        Ok(())
    }
}

impl Drop for Part {
    fn drop(&mut self) {
        if let Some(open) = self.open.as_mut().filter(|_| !self.done) {
            open.undo = true;
        }
    }
}

fn over() -> StoreError {
    StoreError::Unavailable("this operation is over".into())
}
