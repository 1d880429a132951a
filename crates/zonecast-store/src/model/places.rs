//! Where records go: connections, zones, address pools.

use super::Millis;
use secrecy::SecretString;
use std::collections::BTreeMap;
use zonecast_core::{ConnectionState, Name, Ttl, ZoneState};

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
    /// How it stands.
    pub state: ConnectionState,
    /// The last error, in the provider's words.
    pub last_error: Option<String>,
    /// Consecutive failures, for the breaker.
    pub failures: i64,
    /// The breaker stays open until then.
    pub open_until: Millis,
    /// When the trouble began; zero without one.
    pub trouble_since: Millis,
    /// When it was added.
    pub created_at: Millis,
    /// When it was last changed.
    pub updated_at: Millis,
    /// Raised by every change; the ETag.
    pub version: i64,
}

/// How something waits that its provider refused.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Waiting {
    /// Consecutive refusals.
    pub failures: i64,
    /// No call before then.
    pub until: Millis,
    /// When it began; zero where nothing waits.
    pub since: Millis,
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
    /// How it stands.
    pub state: ZoneState,
    /// The last error, in the provider's words.
    pub last_error: Option<String>,
    /// How it waits while it is parked.
    pub waiting: Waiting,
    /// Delegations seen at the last whole listing, one entry per name server: (cut, server).
    pub cuts: Vec<(Name, Name)>,
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
