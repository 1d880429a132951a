//! What was found somewhere else, in Zonecast's words.

use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::net::IpAddr;
use zonecast_core::Name;

/// A zone with the account it lives at.
pub struct FoundZone {
    /// Where it was found.
    pub place: String,
    /// Its name.
    pub name: Name,
    /// The provider's kind.
    pub provider: &'static str,
    /// The provider's own id of it.
    pub zone_id: Option<String>,
    /// The provider's fields that anybody may see.
    pub plain: BTreeMap<String, String>,
    /// Its secrets, as far as they were found.
    pub secrets: BTreeMap<String, String>,
    /// The secrets that were not.
    pub missing: Vec<&'static str>,
}

impl FoundZone {
    /// The account in words that are the same for every zone of it.
    pub fn account(&self) -> String {
        let fields = self.plain.iter().map(|(name, value)| format!(" {name}={value}"));
        format!("{}{}", self.provider, fields.collect::<String>())
    }
}

/// A pool of addresses.
pub struct FoundPool {
    /// Where it was found.
    pub place: String,
    /// Its prefix.
    pub prefix: ipnet::IpNet,
}

/// A machine with its addresses.
pub struct FoundHost {
    /// Where it was found.
    pub place: String,
    /// Its name.
    pub fqdn: Name,
    /// Its addresses in their order, with reverse names of their own.
    pub addresses: Vec<(IpAddr, Option<Name>)>,
    /// Only the first address of each family has a forward record.
    pub first_only: bool,
    /// The TTL of its records, where they have one already.
    pub ttl: Option<u32>,
}

impl FoundHost {
    /// The host as the API takes it.
    pub fn body(&self) -> Value {
        let address = |(ip, name): &(IpAddr, Option<Name>)| match name {
            Some(name) => json!({ "ip": ip.to_string(), "reverse_name": name.to_string() }),
            None => json!(ip.to_string()),
        };
        let addresses: Vec<Value> = self.addresses.iter().map(address).collect();
        let mut body = json!({ "fqdn": self.fqdn.to_string(), "addresses": addresses });
        body["address_policy"] = json!(if self.first_only { "first" } else { "all" });
        if let Some(ttl) = self.ttl {
            body["ttl"] = json!(ttl);
        }
        body
    }
}

/// Something that is not taken over, and why.
pub struct Left {
    /// `zone`, `pool`, `host`.
    pub kind: &'static str,
    /// Where it was found.
    pub place: String,
    /// Why.
    pub reason: String,
}

/// All that was found.
#[derive(Default)]
pub struct Found {
    /// Zones.
    pub zones: Vec<FoundZone>,
    /// Pools.
    pub pools: Vec<FoundPool>,
    /// Machines.
    pub hosts: Vec<FoundHost>,
    /// What could not be understood.
    pub left_out: Vec<Left>,
    /// What needs no place here: machines that are gone, one thing said twice.
    pub passed_over: Vec<Left>,
}

/// A secret that the export does not have.
pub struct Wanted {
    /// The account it opens.
    pub account: String,
    /// The provider's field.
    pub field: &'static str,
    /// What people call the field.
    pub label: &'static str,
}

impl Found {
    /// The secrets that are missing, each once.
    pub fn wanted(&self) -> Vec<Wanted> {
        let mut all: Vec<Wanted> = Vec::new();
        for zone in &self.zones {
            let fields = zonecast_providers::fields::kind(zone.provider).map_or(&[][..], |kind| kind.fields);
            for field in fields.iter().filter(|field| zone.missing.contains(&field.name)) {
                let account = zone.account();
                if !all.iter().any(|one| one.account == account && one.field == field.name) {
                    all.push(Wanted { account, field: field.name, label: field.label });
                }
            }
        }
        all
    }

    /// Fills in a secret for every zone of an account.
    pub fn give(&mut self, account: &str, field: &str, secret: &str) {
        for zone in self.zones.iter_mut().filter(|zone| zone.account() == account) {
            if let Some(at) = zone.missing.iter().position(|missing| *missing == field) {
                zone.missing.remove(at);
                zone.secrets.insert(field.to_owned(), secret.to_owned());
            }
        }
    }
}
