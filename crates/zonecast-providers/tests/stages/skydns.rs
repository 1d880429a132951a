//! Eyes for etcd: what CoreDNS's `etcd` plugin would answer from these keys. Written from the plugin's
//! documentation and what is known of its source (1.14), apart from the provider: whole subtree first,
//! the exact key only if that is empty, PTR and CNAME at the exact key only, `group` of the shallowest
//! key, hosts that are names answered as CNAME, the apex below `dns/apex`.

use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use zonecast_core::{Name, RRset, RecordData, RecordType, Ttl};
use zonecast_providers::conformance::Looked;

pub struct SkyDns {
    pub zone: Name,
    pub keys: BTreeMap<String, String>,
}

struct Service {
    key: String,
    json: Value,
}

impl Service {
    fn text(&self, field: &str) -> &str {
        self.json[field].as_str().unwrap_or_default()
    }

    fn number(&self, field: &str) -> u64 {
        self.json[field].as_u64().unwrap_or_default()
    }
}

impl SkyDns {
    pub fn ask(&self, name: &Name, rtype: RecordType) -> Looked {
        let Some(found) = self.services(name, rtype) else { return Looked::NxDomain };
        let Ok(services) = found else { return Looked::Other("SERVFAIL".into()) };
        let mut ttl = u32::MAX;
        let mut values = Vec::new();
        for service in &services {
            let here = match service.number("ttl") {
                0 => 300,
                ttl => ttl as u32,
            };
            if let Some(data) = answer(service, name, rtype) {
                ttl = ttl.min(here);
                values.push(data);
            }
        }
        // A host name answers other types as an alias.
        let alias = services.iter().find(|service| {
            let host = service.text("host");
            let asks_alias = matches!(rtype, RecordType::A | RecordType::AAAA | RecordType::TXT);
            asks_alias
                && !host.is_empty()
                && host.parse::<IpAddr>().is_err()
                && Name::parse(host).unwrap() != *name
        });
        match (values.is_empty(), alias) {
            (true, None) => Looked::NoData,
            (true, Some(alias)) => Looked::Other(format!("CNAME {}", alias.text("host"))),
            (false, Some(_)) => Looked::Other("a CNAME beside data".into()),
            (false, None) => {
                Looked::Found(RRset::new(name.clone(), rtype, Ttl::from_seconds(ttl).unwrap(), values))
            }
        }
    }

    /// Every set CoreDNS would serve at the names that somebody wrote. A host name at an exact key is
    /// one thing with two answers, CNAME and PTR; it counts as the one that belongs to its zone.
    pub fn whole(&self) -> Vec<RRset> {
        let pointer = if self.zone.is_reverse() { RecordType::PTR } else { RecordType::CNAME };
        let types = [1, 28, 16, 15, 33].map(RecordType);
        let mut sets = Vec::new();
        for name in self.owners() {
            for rtype in types.into_iter().chain([pointer]) {
                if let Looked::Found(set) = self.ask(&name, rtype) {
                    sets.push(set);
                }
            }
        }
        sets.sort();
        sets
    }

    fn owners(&self) -> BTreeSet<Name> {
        let owner = |(key, value): (&String, &String)| {
            let json: Value = serde_json::from_str(value).ok()?;
            let mut labels: Vec<&str> = key.strip_prefix("/skydns/")?.split('/').collect();
            if key.contains("/dns/apex/") {
                return Some(self.zone.clone());
            }
            if let Some(group) = json["group"].as_str() {
                return Name::parse(group).ok();
            }
            labels.truncate(labels.len() - json["targetstrip"].as_u64().unwrap_or(0) as usize);
            labels.reverse();
            Name::parse(&labels.join(".")).ok()
        };
        self.keys.iter().filter_map(owner).filter(|name| name.is_within(&self.zone)).collect()
    }

    fn services(&self, name: &Name, rtype: RecordType) -> Option<Result<Vec<Service>, ()>> {
        let mut key = format!("/skydns/{}", name.to_string().split('.').rev().collect::<Vec<_>>().join("/"));
        if *name == self.zone {
            key.push_str("/dns/apex");
        }
        let exact = self.keys.get(&key).map(|value| vec![(key.clone(), value.clone())]);
        let below = || -> Vec<(String, String)> {
            let from = format!("{key}/");
            self.keys
                .range(from.clone()..)
                .take_while(|(k, _)| k.starts_with(&from))
                .map(|(k, v)| (k.clone(), v.clone()))
                .collect()
        };
        let pairs = match rtype {
            RecordType::PTR | RecordType::CNAME => exact?,
            _ => match below() {
                pairs if pairs.is_empty() => exact?,
                pairs => pairs,
            },
        };
        let parse = |(key, value): (String, String)| {
            serde_json::from_str(&value).map(|json| Service { key, json }).map_err(|_| ())
        };
        let services: Result<Vec<Service>, ()> = pairs.into_iter().map(parse).collect();
        Some(services.map(group))
    }
}

/// The rule of `msg.Group`.
fn group(services: Vec<Service>) -> Vec<Service> {
    let depth = |service: &Service| service.key.matches('/').count();
    let Some(mut shallowest) = services.first().map(depth) else { return services };
    let mut group = services[0].text("group").to_owned();
    for service in &services {
        if depth(service) < shallowest {
            if service.text("group").is_empty() {
                break;
            }
            shallowest = depth(service);
            group = service.text("group").to_owned();
        }
    }
    if group.is_empty() {
        return services;
    }
    let disagree = services.iter().any(|service| {
        depth(service) == shallowest && !service.text("group").is_empty() && service.text("group") != group
    });
    if disagree {
        return services;
    }
    services.into_iter().filter(|service| ["", &group].contains(&service.text("group"))).collect()
}

fn answer(service: &Service, name: &Name, rtype: RecordType) -> Option<RecordData> {
    let host = service.text("host");
    let address = host.parse::<IpAddr>().ok();
    let target =
        || Name::parse(host).ok().filter(|target| target != name && !host.is_empty() && address.is_none());
    let priority = match service.number("priority") {
        0 => 10,
        priority => priority,
    };
    let mail = service.json["mail"].as_bool().unwrap_or_default();
    let text = match rtype {
        RecordType::A | RecordType::AAAA => {
            return address.map(RecordData::address).filter(|data| data.rtype() == rtype);
        }
        RecordType::TXT => {
            let text = service.text("text");
            return (host.is_empty() && !text.is_empty()).then(|| RecordData::text(&unescape(text)));
        }
        RecordType::CNAME | RecordType::PTR => {
            return target().map(|target| RecordData::single_name(rtype, &target));
        }
        RecordType::MX if mail => format!("{priority} {}", target()?.absolute()),
        RecordType::SRV if service.number("port") > 0 => {
            format!(
                "{priority} {} {} {}",
                service.number("weight"),
                service.number("port"),
                target()?.absolute()
            )
        }
        _ => return None,
    };
    RecordData::parse(rtype, &text).ok()
}

/// The DNS library behind CoreDNS reads a text as presentation form.
fn unescape(text: &str) -> Vec<u8> {
    let data = RecordData::parse(RecordType::TXT, &format!("\"{}\"", text.replace('"', "\\\""))).unwrap();
    data.as_text().unwrap()
}
