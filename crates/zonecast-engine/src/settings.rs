//! What an operator can say about one zone, beside the provider's own fields; and about one domain.
//!
//! Stored as JSON in its row; unknown keys are refused with the field's name, and one that is stored
//! nevertheless is kept and said ([`stored`]). Defaults are the rules of design section 4, so an empty
//! object is a sensible zone.

mod domain;
pub mod stored;

pub use domain::{DomainOptions, SoaWish};

use serde::{Deserialize, Serialize};
use std::net::SocketAddr;
use zonecast_core::Ttl;

/// Policy of one zone.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(default, deny_unknown_fields)]
pub struct ZoneSettings {
    /// Where the zone is verified, `address:port`; empty means the provider's list, else its NS.
    #[schema(value_type = Vec<String>)]
    pub dns_servers: Vec<SocketAddr>,
    /// TTL of records whose owner names none.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<u32>, maximum = 2147483647)]
    pub ttl: Option<Ttl>,
    /// The prefix of a classless reverse zone (RFC 2317).
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub network: Option<ipnet::IpNet>,
    /// A reverse zone that is delegated for one address: its apex may hold the PTR.
    pub single_address: bool,
    /// `all` writes every matching zone, `longest` only the deepest at this connection.
    #[serde(rename = "match")]
    pub matching: Matching,
    /// What to do where values stand that we do not own.
    pub forward_conflict: OnConflict,
    /// The same for PTR at an address that a registered host holds.
    #[serde(default = "OnConflict::take_over")]
    pub reverse_conflict: OnConflict,
    /// `owned` touches our values only; `full` makes all claims the whole zone but SOA and apex NS.
    pub managed: Managed,
    /// The zone is made at its provider where it is missing; off unless asked for (X31).
    pub create_missing_zone: bool,
    /// SOA and NS of the apex follow the domain of this name; else they stay as the provider has them.
    pub manage_ns_soa: bool,
    /// Most values that may be desired in this zone, where the service's plan has a limit (S4.62).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub values_max: Option<u32>,
    /// What to do about differences we did not make.
    pub drift: OnDrift,
    /// How long a change may take to be seen at the zone's servers, in seconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub verify_seconds: Option<u32>,
    /// Set DNS records deletes and creates literally instead of changing in place.
    pub delete_then_create: bool,
}

/// Which of several nested zones are written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Matching {
    /// Every one.
    #[default]
    All,
    /// The deepest at each connection.
    Longest,
}

/// What to do where a neighbour's values stand.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum OnConflict {
    /// Write nothing there and say so.
    #[default]
    Report,
    /// Add ours to theirs.
    Merge,
    /// Replace theirs.
    TakeOver,
}

impl OnConflict {
    fn take_over() -> OnConflict {
        OnConflict::TakeOver
    }
}

/// How much of the zone is ours.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Managed {
    /// The values we wrote or adopted.
    #[default]
    Owned,
    /// Everything but SOA and apex NS.
    Full,
}

/// What to do about drift.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum OnDrift {
    /// Show it.
    #[default]
    Report,
    /// Put it right.
    Heal,
}

impl ZoneSettings {
    /// How long verification goes on before it says `stale`, in milliseconds.
    pub fn verify_millis(&self) -> i64 {
        i64::from(self.verify_seconds.unwrap_or(120)) * 1000
    }
}
