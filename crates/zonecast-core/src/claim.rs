//! A claim: one owner's wish that one value stands at one name.
//!
//! What is desired at a key is the union of its claims, and a value goes only when its last claim
//! goes. Ids are given out in the order claims are made, so "older" is simply "smaller": the age
//! needs no clock, and two nodes never disagree about it.

use crate::name::Name;
use crate::record::{RecordData, RecordType, Ttl};
use crate::zone::ZoneId;
use serde::{Deserialize, Serialize};

/// What kind of thing a claim belongs to.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OwnerKind {
    /// A server or VM.
    Host,
    /// A hosted domain with its record set.
    Domain,
    /// One record an operator added.
    Record,
}

/// Who wishes: a host, a domain or a record, by number.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
pub struct Owner {
    /// Host, domain or record.
    pub kind: OwnerKind,
    /// Its number among its kind.
    pub id: i64,
}

/// One value wished for at one name.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Claim {
    /// Given out in order: the smaller one is the older one.
    pub id: i64,
    /// Whose wish it is.
    pub owner: Owner,
    /// The name the value is for, before it is placed in a zone.
    pub name: Name,
    /// The value and its type.
    pub data: RecordData,
    /// The owner's own TTL; without one the zone's, the pool's or the configured one counts.
    pub ttl: Option<Ttl>,
    /// The one zone it is for; without one it goes to every zone that matches.
    pub zone: Option<ZoneId>,
    /// Nobody asked for this value: it is the PTR of an address that has no reverse name of its own.
    pub derived: bool,
}

impl Claim {
    /// The type of the value.
    pub fn rtype(&self) -> RecordType {
        self.data.rtype()
    }
}
