//! Connections: accounts at providers, their sealed secrets, their breaker.

use crate::Store;
use crate::codec;
use crate::error::{DbError, StoreError};
use crate::idempotency::Remember;
use crate::model::*;
use crate::secrets::{MasterKey, Place};
use crate::sql::{args, statements};
use secrecy::{ExposeSecret as _, SecretString};
use std::collections::BTreeMap;
use zonecast_core::ConnectionState;

statements! {
    CONNECTION = "SELECT id, name, provider, settings, secrets, budget_group, implicit, state, last_error, failures,
        open_until, created_at, updated_at, version, trouble_since FROM connection WHERE id = $1";
    CONNECTIONS = "SELECT id, name, provider, settings, secrets, budget_group, implicit, state, last_error, failures,
        open_until, created_at, updated_at, version, trouble_since FROM connection ORDER BY id";
    CONNECTION_ADD = "INSERT INTO connection (name, provider, settings, secrets, budget_group, implicit, state,
        last_error, failures, open_until, created_at, updated_at, version)
        VALUES ($1, $2, $3, '{}', $4, $5, $6, $7, 0, 0, $8, $8, 1) RETURNING id";
    CONNECTION_SEAL = "UPDATE connection SET secrets = $2,
        budget_group = CASE WHEN budget_group = '' THEN 'connection:' || CAST($1 AS TEXT) ELSE budget_group END
        WHERE id = $1";
    CONNECTION_SET = "UPDATE connection SET name = $3, settings = $4, secrets = $5, budget_group = $6, implicit = $7,
        state = $8, last_error = $9, failures = $10, open_until = $11, updated_at = $12, version = version + 1
        WHERE id = $1 AND version = $2";
    CONNECTION_STATE = "UPDATE connection SET state = $2, last_error = $3, failures = $4, open_until = $5,
        trouble_since = CASE WHEN $2 IN ('ok', 'paused') THEN 0 ELSE trouble_since END WHERE id = $1";
    CONNECTION_NOTE = "UPDATE connection SET state = $2, last_error = $3, failures = $4, open_until = $5,
        trouble_since = CASE WHEN $2 = 'ok' THEN 0 WHEN trouble_since = 0 THEN $6 ELSE trouble_since END
        WHERE id = $1 AND state <> 'paused'";
    GROUP_HOLD = "UPDATE connection SET state = 'unreachable', last_error = $2, failures = failures + 1, open_until = $3,
        trouble_since = CASE WHEN trouble_since = 0 THEN $4 ELSE trouble_since END
        WHERE budget_group = $1 AND state IN ('ok', 'unreachable', 'probing') AND (open_until < $3 OR open_until > $5)";
    CONNECTION_NAMED = "SELECT id FROM connection WHERE name = $1";
    CONNECTION_ZONE = "SELECT id FROM zone WHERE connection_id = $1 LIMIT 1";
    CONNECTION_REMOVE = "DELETE FROM connection WHERE id = $1";
}

type ConnectionTuple =
    (i64, String, String, String, String, String, i64, String, Option<String>, i64, i64, i64, i64, i64, i64);

impl Store {
    /// The connection with this id, its secrets opened.
    pub async fn connection(&self, id: i64) -> Result<Option<ConnectionRow>, StoreError> {
        self.db().optional(&CONNECTION, args![id]).await?.map(|row| self.connection_row(row)).transpose()
    }

    /// All connections in the order of their ids.
    pub async fn connections(&self) -> Result<Vec<ConnectionRow>, StoreError> {
        self.db().all(&CONNECTIONS, args![]).await?.into_iter().map(|row| self.connection_row(row)).collect()
    }

    /// Stores a new connection. An empty `budget_group` becomes the connection's own.
    pub async fn add_connection(
        &self,
        row: &ConnectionRow,
        audit: &[NewAudit],
    ) -> Result<ConnectionRow, StoreError> {
        self.add_connection_once(row, audit, None).await
    }

    /// The same, and its id is remembered under an idempotency key in the same transaction.
    /// `AlreadyAnswered` when that key has an answer already.
    pub async fn add_connection_once(
        &self,
        row: &ConnectionRow,
        audit: &[NewAudit],
        remember: Option<&Remember<'_>>,
    ) -> Result<ConnectionRow, StoreError> {
        let mut tx = self.db().begin().await?;
        let now = self.clock(&mut tx).await?;
        let mut values = args![row.name.as_str(), row.provider.as_str(), codec::to_json(&row.settings)?];
        values.extend(args![row.budget_group.as_str(), row.implicit, row.state, &row.last_error, now]);
        let added = tx.one(&CONNECTION_ADD, values).await;
        let (id,): (i64,) = match added {
            Err(DbError::Unique(_)) => {
                drop(tx);
                return Err(self.connection_named(&row.name).await);
            }
            other => other?,
        };
        tx.execute(&CONNECTION_SEAL, args![id, seal_all(self.master(), id, &row.secrets)?]).await?;
        crate::audit::insert(&mut tx, audit, now).await?;
        self.remember_new(&mut tx, remember, id, now).await?;
        let stored = tx.one(&CONNECTION, args![id]).await?;
        let stored = self.connection_row(stored)?;
        tx.commit().await?;
        Ok(stored)
    }

    /// Stores a connection anew if it still has the version of `row`; gives the new version. The
    /// secrets are replaced by those of `row`: the KEEP rule is the caller's.
    pub async fn update_connection(
        &self,
        row: &ConnectionRow,
        audit: &[NewAudit],
    ) -> Result<i64, StoreError> {
        let mut tx = self.db().begin().await?;
        let now = self.clock(&mut tx).await?;
        let sealed = seal_all(self.master(), row.id, &row.secrets)?;
        let mut values =
            args![row.id, row.version, row.name.as_str(), codec::to_json(&row.settings)?, sealed];
        values.extend(args![row.budget_group.as_str(), row.implicit, row.state, &row.last_error]);
        values.extend(args![row.failures, row.open_until, now]);
        match tx.execute(&CONNECTION_SET, values).await {
            Ok(1) => {}
            Ok(_) => {
                let found: Option<ConnectionTuple> = tx.optional(&CONNECTION, args![row.id]).await?;
                return Err(changed_or_missing(found.is_some(), "connection", row.id));
            }
            Err(DbError::Unique(_)) => {
                drop(tx);
                return Err(self.connection_named(&row.name).await);
            }
            Err(error) => return Err(error.into()),
        }
        crate::audit::insert(&mut tx, audit, now).await?;
        tx.commit().await?;
        Ok(row.version + 1)
    }

    /// Stores how the connection fares: park it, open or close its breaker, count its failures. Not a
    /// change of its configuration, so its version stays.
    pub async fn set_connection_state(
        &self,
        id: i64,
        state: ConnectionState,
        last_error: Option<&str>,
        failures: i64,
        open_until: Millis,
    ) -> Result<(), StoreError> {
        let values = args![id, state, last_error, failures, open_until];
        match self.db().execute(&CONNECTION_STATE, values).await? {
            0 => Err(StoreError::NotFound { what: "connection", id }),
            _ => Ok(()),
        }
    }

    /// The same, as the engine finds it: a connection that a person paused (or removed) meanwhile stays so.
    pub async fn note_connection(
        &self,
        id: i64,
        state: ConnectionState,
        last_error: Option<&str>,
        failures: i64,
        open_until: Millis,
    ) -> Result<(), StoreError> {
        let now = self.now().await?;
        self.db().execute(&CONNECTION_NOTE, args![id, state, last_error, failures, open_until, now]).await?;
        Ok(())
    }

    /// Opens the breaker of every connection of a budget group until then, in the service's words. What
    /// is parked or paused stays so, and what waits longer already (but not beyond the longest wait: the
    /// clock was set back).
    pub async fn hold_group(&self, budget_group: &str, words: &str, until: Millis) -> Result<(), StoreError> {
        let now = self.now().await?;
        let far = now + crate::dirty::LONGEST_WAIT;
        self.db().execute(&GROUP_HOLD, args![budget_group, words, until, now, far]).await?;
        Ok(())
    }

    /// Removes a connection without zones; with zones it is refused, naming one of them.
    pub async fn remove_connection(&self, id: i64, audit: &[NewAudit]) -> Result<(), StoreError> {
        let mut tx = self.db().begin().await?;
        let zone: Option<(i64,)> = tx.optional(&CONNECTION_ZONE, args![id]).await?;
        if let Some((zone,)) = zone {
            let what = format!("a zone at connection {id} (zone {zone})");
            return Err(StoreError::Constraint { what, by: Some(zone) });
        }
        if tx.execute(&CONNECTION_REMOVE, args![id]).await? == 0 {
            return Err(StoreError::NotFound { what: "connection", id });
        }
        let now = self.clock(&mut tx).await?;
        crate::audit::insert(&mut tx, audit, now).await?;
        Ok(tx.commit().await?)
    }

    async fn connection_named(&self, name: &str) -> StoreError {
        let found: Result<Option<(i64,)>, _> = self.db().optional(&CONNECTION_NAMED, args![name]).await;
        let by = found.ok().flatten().map(|(id,)| id);
        StoreError::Constraint { what: format!("a connection named {name:?}"), by }
    }

    fn connection_row(&self, row: ConnectionTuple) -> Result<ConnectionRow, StoreError> {
        Ok(ConnectionRow {
            id: row.0,
            name: row.1,
            provider: row.2,
            settings: codec::json(&row.3)?,
            secrets: open_all(self.master(), row.0, &row.4)?,
            budget_group: row.5,
            implicit: row.6 != 0,
            state: codec::state(&row.7)?,
            last_error: row.8,
            failures: row.9,
            open_until: row.10,
            created_at: row.11,
            updated_at: row.12,
            version: row.13,
            trouble_since: row.14,
        })
    }
}

pub(crate) fn changed_or_missing(there: bool, what: &'static str, id: i64) -> StoreError {
    if there { StoreError::Changed { what, id } } else { StoreError::NotFound { what, id } }
}

fn seal_all(
    master: &MasterKey,
    id: i64,
    secrets: &BTreeMap<String, SecretString>,
) -> Result<String, StoreError> {
    let row = id.to_string();
    let mut sealed = BTreeMap::new();
    for (field, secret) in secrets {
        let place = Place { table: "connection", row: &row, field };
        sealed.insert(field, master.seal(&place, secret.expose_secret().as_bytes())?);
    }
    codec::to_json(&sealed)
}

fn open_all(master: &MasterKey, id: i64, sealed: &str) -> Result<BTreeMap<String, SecretString>, StoreError> {
    let row = id.to_string();
    let sealed: BTreeMap<String, String> = codec::json(sealed)?;
    let mut secrets = BTreeMap::new();
    for (field, text) in sealed {
        let plain = master.open(&Place { table: "connection", row: &row, field: &field }, &text)?;
        let plain = std::str::from_utf8(&plain)
            .map_err(|_| StoreError::Corrupt(format!("secret {field} of connection {id} is not text")))?;
        secrets.insert(field, SecretString::from(plain));
    }
    Ok(secrets)
}
