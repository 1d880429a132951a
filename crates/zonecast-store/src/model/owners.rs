//! Owners, their claims, and how a wish is written.

use super::Millis;
use serde::{Deserialize, Serialize};
use std::net::IpAddr;
use zonecast_core::{AddressPolicy, Name, OwnerState, RecordData, RecordType, Ttl};

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
    /// How it stands; never `dns_off`.
    pub state: OwnerState,
    /// The panel's word for what is going on.
    pub vm_status: Option<String>,
    /// When it was registered.
    pub created_at: Millis,
    /// When it was last changed.
    pub updated_at: Millis,
    /// Raised by every change; the ETag.
    pub version: i64,
}

/// One record set of a domain, as its source asked for it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct DomainSet {
    /// The owner name, at or below the domain.
    pub name: Name,
    /// The type.
    pub rtype: RecordType,
    /// Its own TTL; without one the domain's.
    pub ttl: Option<Ttl>,
    /// The values.
    pub values: Vec<RecordData>,
}

/// A hosted domain as stored, with its whole record set.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct DomainRow {
    /// Zero in a row that is not stored yet.
    pub id: i64,
    /// The domain's name.
    pub name: Name,
    /// `subscription`, `addon`, `alias`, `no_hosting`, `forwarding`, `subdomain`, `subdomain_in_parent`.
    pub kind: String,
    /// How it stands.
    pub state: OwnerState,
    /// Its addresses, for the template and for a change of address.
    pub addresses: Vec<IpAddr>,
    /// TTL of its records that name none.
    pub ttl: Option<Ttl>,
    /// The record set it shall have.
    pub records: Vec<DomainSet>,
    /// What its source said beside the records; the store does not look inside.
    pub options: serde_json::Map<String, serde_json::Value>,
    /// Its records were let out to the zones once. Before that, a disabled or suspended domain has no
    /// claims; afterwards they stay as they are in force.
    pub synced: bool,
    /// When it was added.
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
    /// The door it came through (`api`, `cli`, `plesk`); empty where that is not known any more.
    pub source: String,
    /// `active` or `deleting`.
    pub state: OwnerState,
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
    /// The hosted domain it is a record of: it goes to that domain's own zone, or the nearest above.
    pub domain: Option<Name>,
    /// Nobody asked for this value: it follows from the owner's name.
    pub derived: bool,
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
    /// The hosted domain it is a record of: it goes to that domain's own zone, or the nearest above.
    pub domain: Option<Name>,
    /// Nobody asked for this value: it follows from the owner's name.
    pub derived: bool,
}

/// The row of an owner.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum OwnerRow {
    /// A host.
    Host(HostRow),
    /// A domain.
    Domain(DomainRow),
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
        /// Its row goes at once, whatever becomes of its names; a second audit line says so.
        forget: bool,
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
    /// All claims of the owner after the write; equal ones keep their age. For `Touch`: those looked at.
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
    /// Another owner of its kind has this name already.
    NameTaken {
        /// That owner.
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
