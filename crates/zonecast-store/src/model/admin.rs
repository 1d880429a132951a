//! What people look at: jobs, logs, the audit, keys, drift.

use super::{Millis, OwnerId};
use zonecast_core::{JobState, Name, RecordType};

/// A piece of work a person watches.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct JobRow {
    /// Its id.
    pub id: i64,
    /// What kind of work.
    pub kind: String,
    /// One line for a person.
    pub title: String,
    /// How it stands.
    pub state: JobState,
    /// Names it watches.
    pub total: i64,
    /// Names that are well.
    pub succeeded: i64,
    /// Names that are not.
    pub failed: i64,
    /// The job that took names over from it.
    pub superseded_by: Option<i64>,
    /// The owner it is about, if one.
    pub owner: Option<OwnerId>,
    /// When it was made.
    pub created_at: Millis,
    /// When it ended.
    pub finished_at: Option<Millis>,
}

/// One line of a job's log.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct LogLine {
    /// Grows within the job; the SSE event id.
    pub id: i64,
    /// When.
    pub at: Millis,
    /// The line, such as `fwd OK vm-1.example.com A -> zone 1 (powerdns)`.
    pub line: String,
}

/// One line of the audit.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct AuditRow {
    /// Its id.
    pub id: i64,
    /// When.
    pub at: Millis,
    /// Who.
    pub actor: String,
    /// Through which door.
    pub source: String,
    /// What, such as `host.add`.
    pub action: String,
    /// On what, such as `host:12`.
    pub object: String,
    /// The rest, without secrets.
    pub detail: serde_json::Value,
    /// Chain hash, once sealed.
    pub hash: Option<String>,
}

/// A key that opens the API; only the hash of its secret is stored.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ApiKeyRow {
    /// Its id.
    pub id: i64,
    /// What people call it.
    pub name: String,
    /// `admin`, `operator`, `viewer`.
    pub role: String,
    /// SHA-256 of the secret part.
    pub hash: [u8; 32],
    /// When it was made.
    pub created_at: Millis,
    /// When it ends.
    pub expires_at: Option<Millis>,
}

/// A difference found at a provider that we did not make.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct DriftRow {
    /// Its id.
    pub id: i64,
    /// The zone.
    pub zone_id: i64,
    /// The name.
    pub name: Name,
    /// The type.
    pub rtype: RecordType,
    /// `missing`, `extra`, `different`.
    pub kind: String,
    /// What was found and what was wanted.
    pub detail: String,
    /// How often in a row it was seen.
    pub seen: i64,
    /// When first.
    pub first_seen_at: Millis,
    /// When it was healed, the last three times.
    pub healed_at: Vec<Millis>,
}
