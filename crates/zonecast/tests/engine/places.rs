//! Services behind a proxy that misbehaves, each with eyes and hands that are not the provider's.

use serde_json::{Value, json};
use std::sync::Arc;
use zonecast::catalog::Connector;
use zonecast_providers::Provider;
use zonecast_providers::fields::{Deps, connect, validate};
use zonecast_store::ConnectionRow;
use zonecast_testbed::{Backend, Etcd, FakeCloudflare, FakeRest, Fault, FaultProxy, Plan, PowerDns};

/// One service, one connection to it through the proxy.
pub struct Place {
    pub kind: &'static str,
    pub proxy: FaultProxy,
    server: Server,
}

enum Server {
    Cloudflare(FakeCloudflare),
    Etcd(Etcd),
    PowerDns(PowerDns),
    Rest(FakeRest),
}

/// Every kind of proof that a listing is whole, and every guard.
pub const KINDS: [&str; 8] =
    ["cloudflare", "coredns", "powerdns", "hetzner", "desec", "gandi", "digitalocean", "godaddy"];

impl Place {
    pub fn start(kind: &'static str) -> Place {
        let server = match kind {
            "cloudflare" => Server::Cloudflare(FakeCloudflare::start()),
            "coredns" => Server::Etcd(Etcd::start()),
            "powerdns" => Server::PowerDns(PowerDns::start(Backend::Sqlite)),
            "hetzner" => Server::Rest(FakeRest::hetzner()),
            "desec" => Server::Rest(FakeRest::desec()),
            "gandi" => Server::Rest(FakeRest::gandi()),
            "digitalocean" => Server::Rest(FakeRest::digitalocean()),
            "godaddy" => Server::Rest(FakeRest::godaddy()),
            other => panic!("no place for {other}"),
        };
        let addr = match &server {
            Server::Cloudflare(fake) => fake.addr(),
            Server::Etcd(etcd) => etcd.addr(),
            Server::PowerDns(pdns) => pdns.api_addr(),
            Server::Rest(fake) => fake.addr(),
        };
        Place { kind, proxy: FaultProxy::start(addr), server }
    }

    /// Leads every connection to this place.
    pub fn connector(&self) -> Connector {
        let settings = validate(self.kind, self.settings().as_object().unwrap()).unwrap();
        let provider = connect(self.kind, &settings, &Deps::default()).unwrap();
        Arc::new(move |_: &ConnectionRow| Ok(provider.clone() as Arc<dyn Provider>))
    }

    fn settings(&self) -> Value {
        let url = self.proxy.url();
        match &self.server {
            Server::Cloudflare(fake) => {
                json!({ "server_url": format!("{url}/client/v4"), "api_token": fake.token() })
            }
            Server::Etcd(_) => json!({ "backend": "etcd", "endpoints": url }),
            Server::PowerDns(pdns) => json!({ "server_url": url, "api_key": pdns.api_key() }),
            Server::Rest(fake) => {
                let url = format!("{url}{}", fake.base());
                match fake.token().split_once(':') {
                    Some((key, secret)) => json!({ "server_url": url, "api_key": key, "api_secret": secret }),
                    None => json!({ "server_url": url, "api_token": fake.token() }),
                }
            }
        }
    }

    pub fn create_zone(&self, zone: &str) {
        match &self.server {
            Server::Cloudflare(fake) => drop(fake.create_zone(zone, Plan::Free)),
            Server::Etcd(_) => {}
            Server::PowerDns(pdns) => pdns.create_zone(zone, "Native"),
            Server::Rest(fake) => fake.create_zone(zone),
        }
    }

    /// The next write is held until the proxy lets go of it.
    pub fn hold_next_write(&self) {
        let proxy = &self.proxy;
        match &self.server {
            Server::Cloudflare(_) => proxy.rule("POST", "/dns_records/batch", 1, Fault::Hold),
            Server::Etcd(_) => proxy.rule_for_bodies("request_put", 1, Fault::Hold),
            Server::PowerDns(_) => proxy.rule("PATCH", "/zones/", 1, Fault::Hold),
            Server::Rest(_) if self.kind == "hetzner" => {
                proxy.rule("POST", "/actions/set_records", 1, Fault::Hold);
            }
            Server::Rest(_) => proxy.rule("PUT", "/records", 1, Fault::Hold),
        }
    }

    /// The addresses that stand at a name.
    pub fn there(&self, zone: &str, name: &str) -> Vec<String> {
        let lines = match &self.server {
            Server::Cloudflare(fake) => fake.lines(zone),
            Server::Rest(fake) => fake.lines(zone),
            Server::PowerDns(pdns) => {
                let found = zonecast_testbed::axfr(pdns.dns_addr(), zone).unwrap();
                let word = |rtype| if rtype == 1 { "A" } else { "" }.to_owned();
                let plain = |name: &str| name.trim_end_matches('.').to_owned();
                found.iter().map(|one| (plain(&one.name), word(one.rtype), one.ttl, one.text())).collect()
            }
            Server::Etcd(etcd) => {
                let host = |value: &str| serde_json::from_str::<Value>(value).unwrap()["host"].clone();
                let found = etcd.dump(&skydns(name)).into_iter();
                let text = |value: &str| host(value).as_str().unwrap_or_default().to_owned();
                found.map(|(_, value)| (name.to_owned(), "A".to_owned(), 0, text(&value))).collect()
            }
        };
        let here = lines.into_iter().filter(|line| line.0.trim_end_matches('.') == name && line.1 == "A");
        let mut values: Vec<String> = here.map(|line| line.3).collect();
        values.sort();
        values
    }

    /// Somebody deletes the addresses at a name, behind our back.
    pub fn delete(&self, zone: &str, name: &str) {
        match &self.server {
            Server::Cloudflare(fake) => {
                for record in fake.records(zone).iter().filter(|record| record["name"] == name) {
                    fake.remove(zone, record["id"].as_str().unwrap());
                }
            }
            Server::Etcd(etcd) => {
                for (key, _) in etcd.dump(&skydns(name)) {
                    etcd.delete(&key);
                }
            }
            Server::PowerDns(pdns) => pdns.put(zone, name, "A", 300, &[]),
            Server::Rest(fake) => {
                let label = name.strip_suffix(zone).unwrap().trim_end_matches('.');
                fake.put(zone, label, "A", 300, &[]);
            }
        }
        assert!(self.there(zone, name).is_empty());
    }
}

fn skydns(name: &str) -> String {
    format!("/skydns/{}", name.split('.').rev().collect::<Vec<_>>().join("/"))
}
