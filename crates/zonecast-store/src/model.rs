//! The rows, as the rest of the product sees them.
//!
//! Ids are integers that people type. Times are milliseconds since 1970 by the database's clock.
//! Names travel as [`Name`] and are stored as their sort key; values travel as [`RecordData`] and are
//! stored as canonical wire form, so the database compares and orders exactly as the core does.

use secrecy::SecretString;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::net::IpAddr;
use zonecast_core::{AddressPolicy, Name, RecordData, RecordType, Ttl};

/// Milliseconds since 1970-01-01T00:00:00Z.
pub type Millis = i64;

/// What owns claims.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OwnerKind {
    /// A server or VM.
    Host,
    /// A hosted domain.
    Domain,
    /// A record an operator added.
    Record,
}

/// One owner.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
pub struct OwnerId {
    /// What it is.
    pub kind: OwnerKind,
    /// Its id among its kind.
    pub id: i64,
}

/// One address of a host row.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct AddressRow {
    /// The address.
    pub ip: IpAddr,
    /// Its own reverse name, if it has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reverse_name: Option<Name>,
}

/// A host as stored.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct HostRow {
    /// Zero in a row that is not stored yet.
    pub id: i64,
    /// The forward name.
    pub fqdn: Name,
    /// The internal name, where the host came as name + main domain.
    pub name: Option<String>,
    /// The main domain it was completed with.
    pub main_domain: Option<Name>,
    /// Addresses in the order given.
    pub addresses: Vec<AddressRow>,
    /// The host's own TTL.
    pub ttl: Option<Ttl>,
    /// Which addresses get forward records.
    pub address_policy: AddressPolicy,
    /// `active`, `disabled`, `suspended`, `secondary`, `deleting`.
    pub state: String,
    /// The panel's word for what is going on (S2.60).
    pub vm_status: Option<String>,
    /// When it was registered.
    pub created_at: Millis,
    /// When it was last changed.
    pub updated_at: Millis,
    /// Raised by every change; the ETag.
    pub version: i64,
}

/// A record an operator added, as stored.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct RecordRow {
    /// Zero in a row that is not stored yet.
    pub id: i64,
    /// The owner name.
    pub name: Name,
    /// The type.
    pub rtype: RecordType,
    /// The values.
    pub values: Vec<RecordData>,
    /// Its TTL.
    pub ttl: Option<Ttl>,
    /// The one zone it lives in; without it, every matching zone.
    pub zone_id: Option<i64>,
    /// `active` or `deleting`.
    pub state: String,
    /// When it was added.
    pub created_at: Millis,
    /// When it was last changed.
    pub updated_at: Millis,
    /// Raised by every change; the ETag.
    pub version: i64,
}

/// What one source wants at one name; ids grow with time, so the smaller id is the older claim.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ClaimRow {
    /// Its age.
    pub id: i64,
    /// Whose it is.
    pub owner: OwnerId,
    /// The name.
    pub name: Name,
    /// Type and value.
    pub data: RecordData,
    /// The owner's own TTL.
    pub ttl: Option<Ttl>,
    /// The one zone it is for; without it, every matching zone.
    pub zone_id: Option<i64>,
}

/// A claim to be stored.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct NewClaim {
    /// The name.
    pub name: Name,
    /// Type and value.
    pub data: RecordData,
    /// The owner's own TTL.
    pub ttl: Option<Ttl>,
    /// The one zone it is for; without it, every matching zone.
    pub zone_id: Option<i64>,
}

/// The row of an owner.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum OwnerRow {
    /// A host.
    Host(HostRow),
    /// A record.
    Record(RecordRow),
}

/// What to do with an owner.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum OwnerAction {
    /// Store a new one.
    Insert,
    /// Store it anew, if it still has this version.
    Update {
        /// The version it was read with.
        expected_version: i64,
    },
    /// Mark it `deleting` and withdraw its claims; its row goes when every touched name is done.
    Remove {
        /// The version it was read with.
        expected_version: i64,
    },
    /// Change nothing, only raise the touched names (Set DNS records).
    Touch,
}

/// One owner's wish with everything it touches, written in one transaction.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct OwnerWrite {
    /// The row as it shall be (for `Remove` and `Touch`: as it is).
    pub row: OwnerRow,
    /// What to do with it.
    pub action: OwnerAction,
    /// All claims of the owner after the write; equal ones keep their age.
    pub claims: Vec<NewClaim>,
    /// Every (zone, name inside that zone) whose truth this changes, of the old and the new state.
    pub touched: Vec<(i64, Name)>,
}

/// How names are raised.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Priority {
    /// A person or a call waits.
    Interactive = 0,
    /// Many at once.
    Bulk = 1,
    /// Drift, daily checks.
    Background = 2,
}

/// Who writes, why, and what job watches.
#[derive(Clone, Debug)]
pub struct WriteContext {
    /// Who called (`key:admin`, `cli`, `library`).
    pub actor: String,
    /// The door the wish came through.
    pub source: String,
    /// The zone epoch the matching was done with; the write is refused when it moved on.
    pub epoch: i64,
    /// How urgent.
    pub priority: Priority,
    /// A call asked for this; else it follows from a file, a policy or a configuration change.
    pub asked: bool,
    /// Read uncached and rewrite also what is equal.
    pub rewrite: bool,
    /// Take over neighbours' values at these names, once.
    pub take_over: bool,
    /// The job that watches, if any.
    pub job: Option<NewJob>,
    /// One audit action word, such as `host.add`.
    pub action: String,
}

/// A job to be made with a write.
#[derive(Clone, Debug)]
pub struct NewJob {
    /// What kind of work.
    pub kind: String,
    /// One line for a person.
    pub title: String,
}

/// What became of one owner's write.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum WriteResult {
    /// Stored under this id, at this version.
    Stored {
        /// The owner's id.
        id: i64,
        /// Its version now.
        version: i64,
    },
    /// An active host has this fqdn already.
    NameTaken {
        /// That host.
        by: i64,
    },
    /// Somebody changed it since it was read: read again.
    Changed,
    /// No such owner.
    Missing,
}

/// What a write gave back.
#[derive(Clone, Debug, Default)]
pub struct Written {
    /// One result per write, in order.
    pub results: Vec<WriteResult>,
    /// The job, where one was asked for and anything was stored.
    pub job_id: Option<i64>,
    /// Zones with new work.
    pub zones: Vec<i64>,
}

/// An account at a provider.
#[derive(Clone, Debug)]
pub struct ConnectionRow {
    /// Zero in a row that is not stored yet.
    pub id: i64,
    /// What people call it.
    pub name: String,
    /// The provider's kind.
    pub provider: String,
    /// Its settings, without secrets.
    pub settings: serde_json::Map<String, serde_json::Value>,
    /// Its secrets by field name; encrypted at rest, bound to this row.
    pub secrets: BTreeMap<String, SecretString>,
    /// What leases and rate budgets hang on.
    pub budget_group: String,
    /// Made by a zone with inline secrets; goes with its last zone.
    pub implicit: bool,
    /// `ok`, `open`, `probing`, `parked`, `paused`.
    pub state: String,
    /// The last error, in the provider's words.
    pub last_error: Option<String>,
    /// Consecutive failures, for the breaker.
    pub failures: i64,
    /// The breaker stays open until then.
    pub open_until: Millis,
    /// When it was added.
    pub created_at: Millis,
    /// When it was last changed.
    pub updated_at: Millis,
    /// Raised by every change; the ETag.
    pub version: i64,
}

/// One zone at one connection.
#[derive(Clone, Debug)]
pub struct ZoneRow {
    /// Zero in a row that is not stored yet.
    pub id: i64,
    /// The zone's name.
    pub name: Name,
    /// The connection it lives at.
    pub connection_id: i64,
    /// The provider's own id.
    pub provider_zone_id: Option<String>,
    /// (provider, canonical endpoint, provider's zone id); unique.
    pub physical_id: String,
    /// Zone settings: see `ZoneSettings` of the product.
    pub settings: serde_json::Map<String, serde_json::Value>,
    /// `ok`, `parked`, `paused`, `deleting`.
    pub state: String,
    /// The last error, in the provider's words.
    pub last_error: Option<String>,
    /// Delegations seen at the last whole listing.
    pub cuts: Vec<Name>,
    /// Where the marking of existing names goes on after a stop; `None` when it is done.
    pub rematch_after: Option<Vec<u8>>,
    /// When the zone was last listed as a whole.
    pub listed_at: Option<Millis>,
    /// When it was added.
    pub created_at: Millis,
    /// When it was last changed.
    pub updated_at: Millis,
    /// Raised by every change; the ETag.
    pub version: i64,
}

/// A name with work to do in one zone.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct DirtyName {
    /// The name inside the zone.
    pub name: Name,
    /// The version to plan from, and to store when done.
    pub wanted: i64,
    /// Failed attempts so far.
    pub attempts: i64,
    /// How urgent.
    pub priority: i64,
    /// A call asked for the last raise.
    pub asked: bool,
    /// Rewrite what is equal too.
    pub rewrite: bool,
    /// Take over neighbours' values, once.
    pub take_over: bool,
    /// Held removals at this name were approved.
    pub approved: bool,
    /// The job that watches.
    pub job_id: Option<i64>,
}

/// What is known of one RRset of ours in one zone.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct KeyRow {
    /// The zone.
    pub zone_id: i64,
    /// The name inside the zone.
    pub name: Name,
    /// The type.
    pub rtype: RecordType,
    /// A word of design section 4 "States".
    pub state: String,
    /// The values we wrote and own there.
    pub applied: Vec<RecordData>,
    /// The TTL we wrote.
    pub ttl: Ttl,
    /// The last error or note.
    pub last_error: Option<String>,
    /// Failed attempts so far.
    pub attempts: i64,
    /// When the next attempt is due.
    pub next_attempt_at: Option<Millis>,
    /// `served`, `stale`, `unreachable`, or nothing yet.
    pub verified: Option<String>,
    /// When that was seen.
    pub verified_at: Option<Millis>,
    /// When it was last written.
    pub updated_at: Millis,
}

/// The result of one pass over one name, to be stored with the lease's fence.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct NameResult {
    /// The name inside the zone.
    pub name: Name,
    /// The version that was planned from.
    pub planned: i64,
    /// The pass is over for this version (else it is tried again at `retry_at`).
    pub done: bool,
    /// When to try again, if not done.
    pub retry_at: Option<Millis>,
    /// Every key at this name that has something to say; keys not named here are gone.
    pub keys: Vec<KeyRow>,
    /// Whether all its keys are well (for the job's count).
    pub ok: bool,
    /// The job that watched the version planned from.
    pub job_id: Option<i64>,
    /// How many values of ours were removed, by derived withdrawal.
    pub removed_derived: i64,
}

/// A lease on a budget group.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Lease {
    /// The group.
    pub budget_group: String,
    /// Raised by every change of holder.
    pub fence: i64,
    /// Until when, by the database's clock.
    pub expires_at: Millis,
    /// The lease was taken from a holder that let it pass, not released: wait one call deadline.
    pub taken_over: bool,
}

/// A piece of work a person watches.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct JobRow {
    /// Its id.
    pub id: i64,
    /// What kind of work.
    pub kind: String,
    /// One line for a person.
    pub title: String,
    /// `queued`, `running`, `done`, `partial`, `failed`, `superseded`, `cancelled`.
    pub state: String,
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

/// A prefix with its hints and patterns.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct PoolRow {
    /// Zero in a row that is not stored yet.
    pub id: i64,
    /// The prefix.
    pub prefix: ipnet::IpNet,
    /// Completes bare names.
    pub main_domain: Option<Name>,
    /// Names hosts without one, such as `ip-{address}`.
    pub name_pattern: Option<String>,
    /// TTL of records of addresses inside.
    pub ttl: Option<Ttl>,
    /// Own reverse name of addresses without one.
    pub ptr_pattern: Option<String>,
    /// Raised by every change; the ETag.
    pub version: i64,
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
