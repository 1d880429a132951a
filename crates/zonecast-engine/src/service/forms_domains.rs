//! The bodies of `/domains` as the API's description shows them; `domains::form` and `domains::change`
//! read them.

#![allow(dead_code, reason = "these are descriptions; nothing is ever made of them")]

use crate::settings::SoaWish;
use utoipa::ToSchema;

/// One record set.
#[derive(ToSchema)]
#[serde(deny_unknown_fields)]
pub struct DomainRecordBody {
    /// The whole name, or `@` for the domain itself.
    pub name: String,
    /// The type.
    #[serde(rename = "type")]
    pub rtype: String,
    /// The values, in presentation form.
    #[schema(min_items = 1)]
    pub values: Vec<String>,
    /// Its own TTL.
    #[schema(minimum = 0, maximum = 2147483647)]
    pub ttl: Option<u32>,
}

/// A domain; as a patch every field is optional.
#[derive(ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"name": "d10.example.com", "addresses": ["192.0.2.80"], "create_at": [1]}))]
pub struct DomainBody {
    /// The domain's name.
    pub name: Option<String>,
    /// What it is.
    #[serde(rename = "type")]
    #[schema(pattern = "^(subscription|addon|alias|no_hosting|forwarding|subdomain|subdomain_in_parent)$")]
    pub kind: Option<String>,
    /// `active`, `disabled`, `suspended`, `secondary` or `dns_off`.
    #[schema(pattern = "^(active|disabled|suspended|secondary|dns_off)$")]
    pub state: Option<String>,
    /// Its addresses: without records they fill in the template.
    #[schema(max_items = 100)]
    pub addresses: Option<Vec<String>>,
    /// TTL of records that name none.
    #[schema(minimum = 0, maximum = 2147483647)]
    pub ttl: Option<u32>,
    /// The whole record set.
    pub records: Option<Vec<DomainRecordBody>>,
    /// The same, as answers spell it.
    pub record_set: Option<Vec<DomainRecordBody>>,
    /// The same as a zone file; SOA is passed over.
    pub zone_file: Option<String>,
    /// Connections at which its zone is made where it is missing.
    #[schema(max_items = 100)]
    pub create_at: Option<Vec<i64>>,
    /// `owned`, or `full`: its claims are the whole zone but SOA and the NS of the apex.
    #[schema(pattern = "^(owned|full)$")]
    pub managed: Option<String>,
    /// Whether SOA and the NS of the apex follow it.
    pub manage_ns_soa: Option<bool>,
    /// What the SOA shall say, where it is managed.
    pub soa: Option<SoaWish>,
}

/// Another name.
#[derive(ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RenameBody {
    /// The new name.
    pub name: String,
    /// `update` moves the records along, `erase` takes them away.
    #[schema(pattern = "^(update|erase)$")]
    pub records: String,
}

/// Another address.
#[derive(ToSchema)]
#[serde(deny_unknown_fields)]
pub struct AddressChangeBody {
    /// The address that goes.
    pub from: String,
    /// The address that comes.
    pub to: String,
}

/// What to do with the template.
#[derive(ToSchema)]
#[serde(deny_unknown_fields)]
pub struct TemplateBody {
    /// `apply` (the default) or `reset`.
    #[schema(pattern = "^(apply|reset)$")]
    pub action: Option<String>,
}
