//! The audit: written in the call's transaction, chained afterwards.
//!
//! Chaining inside the call would make every writer wait for every other one. So rows are written
//! without a place, and a sealer, one at a time, gives those it finds committed the next places in the
//! chain: `hash = SHA-256(previous hash, row)`. It proves tampering, it does not prevent it.

use crate::Store;
use crate::codec;
use crate::db::Tx;
use crate::error::{DbError, StoreError};
use crate::model::*;
use crate::sql::{Value, args, bulk, statements};
use sha2::{Digest, Sha256};

statements! {
    AUDIT_OPEN = "SELECT id, at, actor, source, action, object, detail FROM audit WHERE seq IS NULL ORDER BY id LIMIT $1";
    AUDIT_CHAIN = "SELECT seq, hash, id, at, actor, source, action, object, detail FROM audit
        WHERE seq IS NOT NULL AND seq > $1 ORDER BY seq LIMIT $2";
    AUDIT_LIST = "SELECT id, at, actor, source, action, object, detail, hash FROM audit
        WHERE id < $1 AND ($2 = '' OR actor = $2) AND ($3 = '' OR action LIKE $3 ESCAPE '!')
        AND ($4 = '' OR object = $4) AND at >= $5 AND at < $6 ORDER BY id DESC LIMIT $7";
    AUDIT_HEAD = "SELECT value FROM meta WHERE key = 'audit_head'",
        postgres "SELECT value FROM meta WHERE key = 'audit_head' FOR UPDATE";
    AUDIT_HEAD_SEEN = "SELECT value FROM meta WHERE key = 'audit_head'";
    AUDIT_ANCHOR = "SELECT value FROM meta WHERE key = 'audit_anchor'";
    AUDIT_HEAD_SET = "UPDATE meta SET value = $1 WHERE key = 'audit_head'";
    AUDIT_ANCHOR_SET = "UPDATE meta SET value = $1 WHERE key = 'audit_anchor'";
    AUDIT_AT = "SELECT hash FROM audit WHERE seq = $1";
    AUDIT_PRUNE = "DELETE FROM audit WHERE seq IS NOT NULL AND seq <= $1";
    AUDIT_OPEN_COUNT = "SELECT COUNT(*) FROM audit WHERE seq IS NULL";
}

bulk! {
    AUDIT_INSERT [at: Int] [actor: Text, source: Text, action: Text, object: Text, detail: Text] = "
        INSERT INTO audit (at, actor, source, action, object, detail)
        SELECT x.at, v.actor, v.source, v.action, v.object, v.detail FROM v CROSS JOIN x";
    AUDIT_SEAL [] [id: Int, seq: Int, hash: Text] = "
        UPDATE audit SET seq = v.seq, hash = v.hash FROM v WHERE audit.id = v.id AND audit.seq IS NULL";
}

/// Which audit lines to list. Everything left empty means all.
#[derive(Clone, Default, Debug)]
pub struct AuditFilter {
    /// One actor.
    pub actor: String,
    /// The beginning of the action, such as `host.`.
    pub action: String,
    /// One object, such as `host:12`.
    pub object: String,
    /// From then on.
    pub since: Option<Millis>,
    /// Before then.
    pub until: Option<Millis>,
}

/// What walking the chain found.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct ChainReport {
    /// Lines looked at.
    pub checked: i64,
    /// Lines not yet sealed.
    pub unsealed: i64,
    /// The first place in the chain that does not follow from the one before; `None` when all is well.
    pub broken_at: Option<i64>,
    /// The hash at the end of the chain: the anchor to keep elsewhere.
    pub head: String,
}

type ListTuple = (i64, i64, String, String, String, String, String, Option<String>);
type OpenTuple = (i64, i64, String, String, String, String, String);

/// A place in the chain and the hash there.
struct Link {
    seq: i64,
    hash: String,
}

impl Link {
    fn read(text: &str) -> Result<Link, StoreError> {
        let parts = text.split_once(':').and_then(|(seq, hash)| Some((seq.parse().ok()?, hash.to_owned())));
        let (seq, hash) = parts.ok_or_else(|| StoreError::Corrupt(format!("audit chain mark {text:?}")))?;
        Ok(Link { seq, hash })
    }

    fn text(&self) -> String {
        format!("{}:{}", self.seq, self.hash)
    }

    /// The next link over a row. Lengths go in too, so no two rows read the same.
    fn next(&self, row: &OpenTuple) -> Link {
        let seq = self.seq + 1;
        let mut hash = Sha256::new();
        let numbers = [seq.to_string(), row.0.to_string(), row.1.to_string()];
        let texts =
            [&self.hash, &numbers[0], &numbers[1], &numbers[2], &row.2, &row.3, &row.4, &row.5, &row.6];
        for text in texts {
            hash.update((text.len() as u64).to_be_bytes());
            hash.update(text.as_bytes());
        }
        Link { seq, hash: hex::encode(hash.finalize()) }
    }
}

/// Writes audit lines inside a transaction.
pub(crate) async fn insert(tx: &mut Tx, rows: &[NewAudit], now: Millis) -> Result<(), DbError> {
    let mut values: Vec<Value> = Vec::with_capacity(rows.len() * 5);
    for row in rows {
        values.extend(args![
            row.actor.as_str(),
            row.source.as_str(),
            row.action.as_str(),
            row.object.as_str()
        ]);
        values.push(codec::to_json(&row.detail)?.into());
    }
    tx.bulk(&AUDIT_INSERT, args![now], values).await?;
    Ok(())
}

impl Store {
    /// Writes audit lines that belong to no other transaction.
    pub async fn audit(&self, rows: &[NewAudit]) -> Result<(), StoreError> {
        let mut tx = self.db().begin().await?;
        let now = self.clock(&mut tx).await?;
        insert(&mut tx, rows, now).await?;
        Ok(tx.commit().await?)
    }

    /// A page of audit lines, newest first, with ids below `before` (`None`: from the newest).
    pub async fn audit_log(
        &self,
        filter: &AuditFilter,
        before: Option<i64>,
        limit: usize,
    ) -> Result<Vec<AuditRow>, StoreError> {
        let mut values = args![before.unwrap_or(i64::MAX), filter.actor.as_str()];
        values.extend(args![crate::filter::like(&filter.action, true), filter.object.as_str()]);
        values.extend(args![filter.since.unwrap_or(i64::MIN), filter.until.unwrap_or(i64::MAX), limit]);
        let rows: Vec<ListTuple> = self.db().all(&AUDIT_LIST, values).await?;
        let mut lines = Vec::with_capacity(rows.len());
        for (id, at, actor, source, action, object, detail, hash) in rows {
            lines.push(audit_row((id, at, actor, source, action, object, detail), hash)?);
        }
        Ok(lines)
    }

    /// Chains up to `max` committed lines; gives how many. Call it every second, from anywhere: only
    /// one call works at a time.
    pub async fn seal(&self, max: usize) -> Result<usize, StoreError> {
        let (open,): (i64,) = self.db().one(&AUDIT_OPEN_COUNT, args![]).await?;
        if open == 0 {
            return Ok(0);
        }
        let mut tx = self.db().begin().await?;
        let (head,): (String,) = tx.one(&AUDIT_HEAD, args![]).await?;
        let mut link = Link::read(&head)?;
        let rows: Vec<OpenTuple> = tx.all(&AUDIT_OPEN, args![max]).await?;
        let mut sealed = Vec::with_capacity(rows.len() * 3);
        for row in &rows {
            link = link.next(row);
            sealed.extend(args![row.0, link.seq, link.hash.as_str()]);
        }
        tx.bulk(&AUDIT_SEAL, args![], sealed).await?;
        tx.execute(&AUDIT_HEAD_SET, args![link.text()]).await?;
        tx.commit().await?;
        Ok(rows.len())
    }

    /// Walks the whole chain from the last pruned line on.
    pub async fn verify_chain(&self) -> Result<ChainReport, StoreError> {
        let mut tx = self.db().snapshot().await?;
        let (anchor,): (String,) = tx.one(&AUDIT_ANCHOR, args![]).await?;
        let (unsealed,): (i64,) = tx.one(&AUDIT_OPEN_COUNT, args![]).await?;
        let (head,): (String,) = tx.one(&AUDIT_HEAD_SEEN, args![]).await?;
        let mut link = Link::read(&anchor)?;
        let mut report = ChainReport { unsealed, ..ChainReport::default() };
        loop {
            let page: Vec<ChainTuple> = tx.all(&AUDIT_CHAIN, args![link.seq, 1000i64]).await?;
            if page.is_empty() {
                break;
            }
            for (seq, hash, id, at, actor, source, action, object, detail) in page {
                let next = link.next(&(id, at, actor, source, action, object, detail));
                report.checked += 1;
                if next.seq != seq || next.hash != hash {
                    report.broken_at = Some(next.seq);
                    return Ok(report);
                }
                link = next;
            }
        }
        if link.text() != head {
            report.broken_at = Some(link.seq + 1);
        }
        report.head = link.hash;
        Ok(report)
    }

    /// A page of sealed lines in the order of the chain, after the place `after`, each with its place:
    /// for export.
    pub async fn audit_chain(&self, after: i64, limit: usize) -> Result<Vec<(i64, AuditRow)>, StoreError> {
        let page: Vec<ChainTuple> = self.db().all(&AUDIT_CHAIN, args![after, limit]).await?;
        let mut lines = Vec::with_capacity(page.len());
        for (seq, hash, id, at, actor, source, action, object, detail) in page {
            let line = audit_row((id, at, actor, source, action, object, detail), Some(hash))?;
            lines.push((seq, line));
        }
        Ok(lines)
    }

    /// Deletes sealed lines up to and including the place `through`, which were exported; the chain is
    /// verified from there on.
    pub async fn prune_audit(&self, through: i64) -> Result<u64, StoreError> {
        let mut tx = self.db().begin().await?;
        // The head's lock keeps the sealer out.
        let _: (String,) = tx.one(&AUDIT_HEAD, args![]).await?;
        let found: Option<(Option<String>,)> = tx.optional(&AUDIT_AT, args![through]).await?;
        let hash = found.and_then(|(hash,)| hash);
        let hash = hash.ok_or(StoreError::NotFound { what: "sealed audit line", id: through })?;
        tx.execute(&AUDIT_ANCHOR_SET, args![Link { seq: through, hash }.text()]).await?;
        let pruned = tx.execute(&AUDIT_PRUNE, args![through]).await?;
        tx.commit().await?;
        Ok(pruned)
    }
}

type ChainTuple = (i64, String, i64, i64, String, String, String, String, String);

fn audit_row(row: OpenTuple, hash: Option<String>) -> Result<AuditRow, StoreError> {
    let detail = codec::json(&row.6)?;
    Ok(AuditRow {
        id: row.0,
        at: row.1,
        actor: row.2,
        source: row.3,
        action: row.4,
        object: row.5,
        detail,
        hash,
    })
}
