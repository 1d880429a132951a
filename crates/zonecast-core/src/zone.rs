//! A configured zone, as far as the rules need to know it.
//!
//! Secrets, endpoints and server addresses live with the connection, outside this crate: what
//! decides where a name goes and what may be overwritten there fits in one small struct. Two zones
//! may share a name (the same domain at two providers), so a zone is known by its id.

use crate::name::Name;
use crate::plan::Policy;
use crate::record::Ttl;
use ipnet::IpNet;
use serde::{Deserialize, Serialize};

/// The number of a configured zone.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ZoneId(pub i64);

/// The number of an account at a provider.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ConnectionId(pub i64);

/// What to do where values stand that we did not write, at a key where we own nothing yet.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ConflictPolicy {
    /// Write nothing at that key and show their values.
    Report,
    /// Put ours beside theirs. Never for PTR, CNAME, DNAME and SOA, which hold one value.
    Merge,
    /// Replace theirs with ours; what was replaced goes to the audit line.
    TakeOver,
}

/// One zone name at one connection, and the settings that decide what goes there.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Zone {
    /// Its number.
    pub id: ZoneId,
    /// The account it is reached through.
    pub connection: ConnectionId,
    /// Its apex.
    pub name: Name,
    /// The addresses a classless reverse zone answers for (RFC 2317, RFC 4183), whose name is no
    /// suffix of their reverse names: `192.0.2.0/26` for `0-63.2.0.192.in-addr.arpa`.
    pub network: Option<IpNet>,
    /// The zone's name is the whole reverse name of one address, and its PTR stands at the apex.
    pub single_address: bool,
    /// The TTL for owners that ask for none.
    pub ttl: Option<Ttl>,
    /// What to do about foreign values at forward names.
    pub forward_conflict: ConflictPolicy,
    /// What to do about a foreign PTR; taking over also needs a host that holds the address.
    pub reverse_conflict: ConflictPolicy,
    /// The claims are the whole zone: everything else goes, but SOA and the apex NS.
    pub managed_full: bool,
    /// SOA and the NS of the apex may be written; else they stay as the provider has them.
    pub apex_asked: bool,
    /// Of the matching zones at this zone's connection only the deepest is written.
    pub longest: bool,
}

impl Zone {
    /// A zone with every setting at its default.
    pub fn new(id: ZoneId, connection: ConnectionId, name: Name) -> Zone {
        Zone {
            id,
            connection,
            name,
            network: None,
            single_address: false,
            ttl: None,
            forward_conflict: ConflictPolicy::Report,
            reverse_conflict: ConflictPolicy::TakeOver,
            managed_full: false,
            apex_asked: false,
            longest: false,
        }
    }

    /// Whether it is a reverse zone, by name or because it carries a network.
    pub fn is_reverse(&self) -> bool {
        self.network.is_some() || self.name.is_reverse()
    }

    /// The zone's standing policy; what one call asks for is set on top of it.
    pub fn policy(&self) -> Policy {
        Policy {
            forward_conflict: self.forward_conflict,
            reverse_conflict: self.reverse_conflict,
            managed_full: self.managed_full,
            apex_asked: self.apex_asked,
            ..Policy::default()
        }
    }
}
