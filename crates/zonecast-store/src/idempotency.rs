//! A call that is repeated with the same key gets the first answer.

use crate::Store;
use crate::db::Tx;
use crate::error::{DbError, StoreError};
use crate::model::*;
use crate::sql::{args, statements};

statements! {
    ANSWER = "SELECT body_hash, status, body, created_at FROM idempotency WHERE principal = $1 AND key = $2";
    ANSWER_PUT = "INSERT INTO idempotency (key, principal, body_hash, status, body, created_at)
        VALUES ($1, $2, $3, $4, $5, $6)";
    ANSWERS_OLD = "DELETE FROM idempotency WHERE created_at < $1";
}

/// Makes the answer out of what was written: status and body.
pub type AnswerFn<'a> = dyn Fn(&Written) -> (u16, String) + Send + Sync + 'a;

/// An answer to be remembered in the transaction of its call.
pub struct Remember<'a> {
    /// The caller's idempotency key.
    pub key: &'a str,
    /// Who called: keys of different callers never meet.
    pub principal: &'a str,
    /// SHA-256 of the request's body.
    pub body_hash: [u8; 32],
    /// Makes the answer.
    pub answer: &'a AnswerFn<'a>,
}

/// An answer given before.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Answered {
    /// SHA-256 of the body it was given for: another body under the same key is a conflict.
    pub body_hash: [u8; 32],
    /// Its status.
    pub status: u16,
    /// Its body.
    pub body: String,
    /// When it was given.
    pub created_at: Millis,
}

impl Remember<'_> {
    pub(crate) async fn store(&self, tx: &mut Tx, written: &Written, now: Millis) -> Result<(), DbError> {
        let (status, body) = (self.answer)(written);
        let values = args![self.key, self.principal, self.body_hash.as_slice(), i64::from(status), body, now];
        match tx.execute(&ANSWER_PUT, values).await {
            Ok(_) => Ok(()),
            Err(DbError::Unique(_)) => Err(StoreError::AlreadyAnswered.into()),
            Err(error) => Err(error),
        }
    }
}

impl Store {
    /// The answer given under a key, if any.
    pub async fn recall(&self, key: &str, principal: &str) -> Result<Option<Answered>, StoreError> {
        let found: Option<(Vec<u8>, i64, String, i64)> =
            self.db().optional(&ANSWER, args![principal, key]).await?;
        let Some((hash, status, body, created_at)) = found else { return Ok(None) };
        let corrupt = |_| StoreError::Corrupt("a remembered answer".into());
        Ok(Some(Answered {
            body_hash: <[u8; 32]>::try_from(hash).map_err(|_| StoreError::Corrupt("a body hash".into()))?,
            status: u16::try_from(status).map_err(corrupt)?,
            body,
            created_at,
        }))
    }

    /// Remembers the answer of a call that writes no owners. `AlreadyAnswered` when there is one.
    pub async fn remember(
        &self,
        key: &str,
        principal: &str,
        body_hash: [u8; 32],
        status: u16,
        body: &str,
    ) -> Result<(), StoreError> {
        let answer = |_: &Written| (status, body.to_owned());
        let mut tx = self.db().begin().await?;
        let now = self.clock(&mut tx).await?;
        let remember = Remember { key, principal, body_hash, answer: &answer };
        remember.store(&mut tx, &Written::default(), now).await?;
        Ok(tx.commit().await?)
    }

    /// Remembers, in the transaction that makes it, what a new row is.
    pub(crate) async fn remember_new(
        &self,
        tx: &mut Tx,
        remember: Option<&Remember<'_>>,
        id: i64,
        now: Millis,
    ) -> Result<(), DbError> {
        let Some(remember) = remember else { return Ok(()) };
        let results = vec![WriteResult::Stored { id, version: 1 }];
        remember.store(tx, &Written { results, ..Written::default() }, now).await
    }

    /// Forgets answers given before `before`; gives how many.
    pub async fn forget_answers(&self, before: Millis) -> Result<u64, StoreError> {
        Ok(self.db().execute(&ANSWERS_OLD, args![before]).await?)
    }
}
