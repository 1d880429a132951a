//! What an operator can say about one zone, beside the provider's own fields; and about one domain.
//!
//! Stored as JSON in its row; unknown keys are refused with the field's name, and one that is stored
//! nevertheless is kept and said ([`stored`]). Defaults are the rules of design section 4, so an empty
//! object is a sensible zone.

mod domain;
pub mod stored;

pub use domain::{DomainOptions, SoaWish};

use crate::{describe, described, worded};
use std::net::SocketAddr;
use zonecast_core::Ttl;

described! {
    /// Policy of one zone.
    pub struct ZoneSettings {
        /// What people note about the zone; lists find it.
        comment: Option<String> = None, "comment", "Comment", since "0.1";
        /// Where the zone is verified, `address:port`; empty means the provider's list, else its NS.
        dns_servers: Vec<SocketAddr> = Vec::new(), "dns_servers", "Name servers to verify at", since "0.1";
        /// TTL in seconds of records whose owner names none.
        ttl: Option<Ttl> = None, "ttl", "TTL", since "0.1";
        /// The prefix of a classless reverse zone (RFC 2317, RFC 4183); a name such as 64/26 tells it.
        network: Option<ipnet::IpNet> = None, "network", "Network", since "0.1";
        /// A reverse zone that is delegated for one address: its apex may hold the PTR.
        single_address: bool = false, "single_address", "Zone of one address", since "0.1";
        /// Which of several nested zones are written.
        matching: Matching = Matching::All, "match", "Nested zones", since "0.1";
        /// What to do where values stand that we do not own.
        forward_conflict: OnConflict = OnConflict::Report,
            "forward_conflict", "Where values of others stand (forward)", since "0.1";
        /// The same for PTR at an address that a registered host holds.
        reverse_conflict: OnConflict = OnConflict::TakeOver,
            "reverse_conflict", "Where values of others stand (reverse)", since "0.1";
        /// How much of the zone is ours.
        managed: Managed = Managed::Owned, "managed", "Managed", since "0.1";
        /// The zone is made at its provider where it is missing.
        create_missing_zone: bool = false, "create_missing_zone", "Make the zone where it is missing", since "0.1";
        /// SOA and NS of the apex follow the domain of this name; else they stay as the provider has them.
        manage_ns_soa: bool = false, "manage_ns_soa", "SOA and NS follow the domain", since "0.1";
        /// Most values that may be desired in this zone, where the service's plan has a limit.
        values_max: Option<u32> = None, "values_max", "Most values", since "0.1";
        /// What to do about differences we did not make.
        drift: OnDrift = OnDrift::Report,
            "drift", "When somebody changes our records at the provider", since "0.1";
        /// How many seconds a change may take to be seen at the zone's servers; 120 where nothing is said.
        verify_seconds: Option<u32> = None, "verify_seconds", "Seconds until a change is seen", since "0.1";
        /// Set DNS records deletes and creates literally instead of changing in place.
        delete_then_create: bool = false, "delete_then_create", "Delete, then create", since "0.1";
    }
}

worded! {
    /// Which of several nested zones are written.
    pub enum Matching {
        /// every matching zone
        All = "all",
        /// only the deepest at this connection
        Longest = "longest",
    }
}

worded! {
    /// What to do where a neighbour's values stand.
    pub enum OnConflict {
        /// write nothing there and say so
        Report = "report",
        /// add ours to theirs
        Merge = "merge",
        /// replace theirs
        TakeOver = "take_over",
    }
}

worded! {
    /// How much of the zone is ours.
    pub enum Managed {
        /// the values we wrote or adopted
        Owned = "owned",
        /// everything but SOA and apex NS: what nobody wants goes
        Full = "full",
    }
}

worded! {
    /// What to do about drift.
    pub enum OnDrift {
        /// show it
        Report = "report",
        /// put it right
        Heal = "heal",
    }
}

impl ZoneSettings {
    /// How long verification goes on before it says `stale`, in milliseconds.
    pub fn verify_millis(&self) -> i64 {
        i64::from(self.verify_seconds.unwrap_or(120)) * 1000
    }
}
