//! The bodies as the API's description shows them. They are read field by field in `forms`; a test
//! holds that every field shown here is known there.

#![allow(dead_code, reason = "these are descriptions; nothing is ever made of them")]

use serde_json::{Map, Value};
use utoipa::ToSchema;

/// An address, or an address with its own reverse name.
#[derive(ToSchema)]
#[schema(description = "An address, or an address with its own reverse name")]
#[serde(untagged)]
pub enum AddressBody {
    /// `192.0.2.10` or `2001:db8::10`.
    Plain(String),
    /// With its own reverse name.
    Named(NamedAddress),
}

/// An address with its own reverse name.
#[derive(ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NamedAddress {
    /// The single address.
    #[schema(example = "2001:db8::10")]
    pub ip: String,
    /// Its own reverse name; `null` takes it away, and the PTR points to the host's fqdn. Left out, an
    /// address that stays keeps the one it has.
    #[schema(example = "mail.example.com")]
    pub reverse_name: Option<String>,
}

/// A host: `fqdn`, or `name` and `main_domain`.
#[derive(ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"fqdn": "vm-1.example.com", "addresses": ["192.0.2.10", {"ip": "2001:db8::10", "reverse_name": "mail.example.com"}], "ttl": 300}))]
pub struct HostBody {
    /// The whole name; wins over `name` and `main_domain`.
    pub fqdn: Option<String>,
    /// The internal name.
    #[schema(max_length = 200)]
    pub name: Option<String>,
    /// What completes it; else that of the pool its first address lies in.
    pub main_domain: Option<String>,
    /// Its addresses, in order.
    #[schema(max_items = 1000)]
    pub addresses: Option<Vec<AddressBody>>,
    /// TTL of its records, in seconds.
    #[schema(minimum = 0, maximum = 2147483647)]
    pub ttl: Option<u32>,
    /// `all` or `first` of each family.
    #[schema(pattern = "^(all|first)$")]
    pub address_policy: Option<String>,
    /// The panel's word for what is going on.
    #[schema(max_length = 100)]
    pub vm_status: Option<String>,
    /// `active`, `disabled`, `suspended` or `secondary`.
    #[schema(pattern = "^(active|disabled|suspended|secondary)$")]
    pub state: Option<String>,
}

/// A merge patch of a host.
#[derive(ToSchema)]
#[serde(deny_unknown_fields)]
pub struct HostPatchBody {
    /// The whole name.
    pub fqdn: Option<String>,
    /// The internal name.
    pub name: Option<String>,
    /// What completes it.
    pub main_domain: Option<String>,
    /// All addresses: the list is replaced whole; an address that stays keeps its own reverse name.
    #[schema(max_items = 1000)]
    pub addresses: Option<Vec<AddressBody>>,
    /// TTL of its records; `null` goes back to the zone's.
    #[schema(minimum = 0, maximum = 2147483647)]
    pub ttl: Option<u32>,
    /// `all` or `first`.
    pub address_policy: Option<String>,
    /// The panel's word.
    pub vm_status: Option<String>,
    /// `active`, `disabled`, `suspended` or `secondary`.
    pub state: Option<String>,
}

/// Many hosts.
#[derive(ToSchema)]
#[serde(deny_unknown_fields)]
pub struct HostBulkBody {
    /// The hosts.
    #[schema(max_items = 10000)]
    pub hosts: Vec<HostBody>,
}

/// An own reverse name.
#[derive(ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ReverseNameBody {
    /// The name; `null` goes back to the host's own.
    #[schema(required = true)]
    pub reverse_name: Option<String>,
}

/// How to set DNS records.
#[derive(ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SyncBody {
    /// Replace values of others at this host's names, once.
    #[schema(default = false)]
    pub take_over: Option<bool>,
    /// Write also what is equal already; without it, only what differs.
    #[schema(default = true)]
    pub rewrite: Option<bool>,
}

/// A record.
#[derive(ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"name": "example.com", "type": "MX", "values": ["10 mail.example.com."], "ttl": 3600}))]
pub struct RecordBody {
    /// The owner name.
    pub name: String,
    /// The type.
    pub r#type: String,
    /// Values in presentation form.
    #[schema(min_items = 1, max_items = 1000)]
    pub values: Vec<String>,
    /// The TTL.
    #[schema(minimum = 0, maximum = 2147483647)]
    pub ttl: Option<u32>,
    /// The one zone it lives in; without it, every matching zone.
    #[schema(minimum = 1)]
    pub zone_id: Option<i64>,
}

/// A merge patch of a record.
#[derive(ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RecordPatchBody {
    /// The owner name.
    pub name: Option<String>,
    /// The type.
    pub r#type: Option<String>,
    /// All values: the list is replaced whole.
    pub values: Option<Vec<String>>,
    /// The TTL.
    #[schema(minimum = 0, maximum = 2147483647)]
    pub ttl: Option<u32>,
    /// The one zone it lives in.
    pub zone_id: Option<i64>,
}

/// A zone: with the provider's fields, or with a connection's id; and its policy, whose description
/// (`ZoneSettings::FIELDS`) the API puts in.
#[derive(ToSchema)]
#[schema(example = json!({"name": "example.com", "provider": "powerdns", "settings": {"server_url": "https://pdns.example.com:8081", "api_key": "..."}, "dns_servers": ["192.0.2.53:53"]}))]
pub struct ZoneBody {
    /// Its name.
    pub name: Option<String>,
    /// The provider's kind: see `/providers`.
    pub provider: Option<String>,
    /// The provider's fields; secrets are write-only, `KEEP` keeps.
    #[schema(value_type = Option<Object>)]
    pub settings: Option<Map<String, Value>>,
    /// The connection it lives at, instead of provider and settings.
    #[schema(minimum = 1)]
    pub connection_id: Option<i64>,
    /// The provider's own id of the zone.
    pub provider_zone_id: Option<String>,
    /// `paused`: a new zone is not written to before it is resumed. Anything else says nothing.
    pub state: Option<String>,
}

/// A connection.
#[derive(ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ConnectionBody {
    /// What people call it.
    #[schema(max_length = 100)]
    pub name: String,
    /// The provider's kind.
    pub provider: String,
    /// The provider's fields; secrets are write-only, `KEEP` keeps.
    #[schema(value_type = Option<Object>)]
    pub settings: Option<Map<String, Value>>,
    /// What leases and rate budgets hang on; by default the connection itself.
    pub budget_group: Option<String>,
}

/// A merge patch of a connection.
#[derive(ToSchema)]
pub struct ConnectionPatchBody {
    /// What people call it.
    pub name: Option<String>,
    /// The provider's fields.
    #[schema(value_type = Option<Object>)]
    pub settings: Option<Map<String, Value>>,
    /// What leases and rate budgets hang on.
    pub budget_group: Option<String>,
}

/// What to test a connection with.
#[derive(ToSchema)]
#[serde(deny_unknown_fields)]
pub struct TestBody {
    /// A zone's name, where the connection has no zone yet.
    pub zone: Option<String>,
}

/// A pool.
#[derive(ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PoolBody {
    /// The prefix.
    #[schema(example = "192.0.2.0/24")]
    pub prefix: String,
    /// Completes bare names.
    pub main_domain: Option<String>,
    /// Names hosts without one, such as `ip-{address}`.
    pub name_pattern: Option<String>,
    /// TTL of records of addresses inside.
    #[schema(minimum = 0, maximum = 2147483647)]
    pub ttl: Option<u32>,
    /// Reverse name of addresses without an own one, such as `{address}.example.com`.
    pub ptr_pattern: Option<String>,
}

/// A merge patch of a pool.
#[derive(ToSchema)]
pub struct PoolPatchBody {
    /// Completes bare names.
    pub main_domain: Option<String>,
    /// Names hosts without one.
    pub name_pattern: Option<String>,
    /// TTL of records of addresses inside.
    #[schema(minimum = 0, maximum = 2147483647)]
    pub ttl: Option<u32>,
    /// Reverse name of addresses without an own one.
    pub ptr_pattern: Option<String>,
}

/// A key.
#[derive(ToSchema)]
#[serde(deny_unknown_fields)]
pub struct KeyBody {
    /// What people call it.
    #[schema(max_length = 100)]
    pub name: String,
    /// What it may do.
    pub role: super::Role,
    /// When it ends, RFC 3339.
    pub expires_at: Option<String>,
}

/// Whom to stop or let go on; an empty body is everything.
#[derive(ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ScopeBody {
    /// One zone.
    pub zone_id: Option<i64>,
    /// One connection.
    pub connection_id: Option<i64>,
}

/// A zone file.
#[derive(ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ZoneFileBody {
    /// Its text.
    pub zone_file: String,
}
