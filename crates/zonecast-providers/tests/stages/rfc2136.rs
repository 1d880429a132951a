//! Real servers that take dynamic updates. `nsupdate` plays the foreign client.

use async_trait::async_trait;
use serde_json::json;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use zonecast_core::{Name, RRset, RecordType};
use zonecast_providers::Provider;
use zonecast_providers::conformance::{Looked, Stage, Trouble};
use zonecast_providers::fields::{Deps, connect, validate};
use zonecast_testbed::{Backend, Bind, Fault, FaultProxy, Knot, PowerDns, TsigSecret, nsupdate};

pub const ZONES: [&str; 3] = ["story.test", "8.b.d.0.1.0.0.2.ip6.arpa", "2.0.192.in-addr.arpa"];

pub enum Server {
    Bind(Bind),
    Knot(Knot),
    PowerDns(PowerDns),
}

pub struct Rfc2136Stage {
    pub server: Server,
    pub key: TsigSecret,
    provider: Arc<dyn Provider>,
    proxies: Mutex<Vec<FaultProxy>>,
}

impl Rfc2136Stage {
    pub fn bind() -> Rfc2136Stage {
        let key = TsigSecret::random("zc", "hmac-sha256");
        // BIND's own idea of a good zone is left aside: an MX may name a host that is not there yet.
        let extra = format!(
            "allow-update {{ key \"{}\"; }}; allow-transfer {{ 127.0.0.0/8; }}; check-integrity no;",
            key.name
        );
        let zones = ZONES.map(|zone| (zone, extra.as_str()));
        Rfc2136Stage::with(Server::Bind(Bind::start_with(std::slice::from_ref(&key), &zones)), key)
    }

    pub fn knot() -> Rfc2136Stage {
        let key = TsigSecret::random("zc", "hmac-sha256");
        Rfc2136Stage::with(Server::Knot(Knot::start(&key, &ZONES)), key)
    }

    pub fn powerdns() -> Rfc2136Stage {
        let key = TsigSecret::random("zc", "hmac-sha256");
        let server = PowerDns::start_with(Backend::Sqlite, &[("dnsupdate", "yes")]);
        let body = json!({ "name": key.name, "algorithm": key.algorithm, "key": key.secret });
        assert_eq!(server.api("POST", "/tsigkeys", Some(&body)).status, 201);
        for zone in ZONES {
            server.create_zone(zone, "Native");
            for (kind, value) in
                [("ALLOW-DNSUPDATE-FROM", "127.0.0.0/8"), ("TSIG-ALLOW-DNSUPDATE", key.name.as_str())]
            {
                let body = json!({ "kind": kind, "metadata": [value] });
                let path = format!("/zones/{zone}./metadata");
                let answer = server.api("POST", &path, Some(&body));
                assert_eq!(answer.status, 201, "{}", String::from_utf8_lossy(&answer.body));
            }
            let body = json!({ "master_tsig_key_ids": [format!("{}.", key.name)] });
            assert_eq!(server.api("PUT", &format!("/zones/{zone}."), Some(&body)).status, 204);
        }
        Rfc2136Stage::with(Server::PowerDns(server), key)
    }

    fn with(server: Server, key: TsigSecret) -> Rfc2136Stage {
        let provider = connected(addr(&server), &key);
        Rfc2136Stage { server, key, provider, proxies: Mutex::default() }
    }

    pub fn addr(&self) -> SocketAddr {
        addr(&self.server)
    }
}

fn addr(server: &Server) -> SocketAddr {
    match server {
        Server::Bind(server) => server.dns_addr(),
        Server::Knot(server) => server.dns_addr(),
        Server::PowerDns(server) => server.dns_addr(),
    }
}

pub fn connected(server: SocketAddr, key: &TsigSecret) -> Arc<dyn Provider> {
    let settings = json!({
        "server": server.to_string(),
        "tsig_name": key.name,
        "tsig_algorithm": key.algorithm,
        "tsig_secret": key.secret,
    });
    let settings = validate("rfc2136", settings.as_object().unwrap()).unwrap();
    connect("rfc2136", &settings, &Deps::default()).unwrap()
}

/// Sets one RRset as somebody else would.
pub fn put(
    server: SocketAddr,
    key: &TsigSecret,
    zone: &Name,
    name: &Name,
    rtype: RecordType,
    ttl: u32,
    values: &[&str],
) {
    let (owner, zone) = (name.absolute(), zone.absolute());
    let mut script = format!("zone {zone}\nupdate delete {owner} {rtype}\n");
    for value in values {
        script.push_str(&format!("update add {owner} {ttl} {rtype} {value}\n"));
    }
    script.push_str("send\n");
    let (ok, words) = nsupdate(server, Some(key), &script);
    assert!(ok, "{script}: {words}");
}

#[async_trait]
impl Stage for Rfc2136Stage {
    fn provider(&self) -> Arc<dyn Provider> {
        self.provider.clone()
    }

    async fn new_zone(&self, zone: &Name) {
        assert!(ZONES.contains(&zone.to_string().as_str()), "{zone} is in no configuration");
    }

    async fn ask(&self, _zone: &Name, name: &Name, rtype: RecordType) -> Looked {
        super::ask(self.addr(), name, rtype).await
    }

    async fn zone(&self, zone: &Name) -> Vec<RRset> {
        super::whole(self.addr(), zone).await
    }

    async fn foreign_put(&self, zone: &Name, name: &Name, rtype: RecordType, ttl: u32, values: &[&str]) {
        put(self.addr(), &self.key, zone, name, rtype, ttl, values);
    }

    async fn broken(&self, trouble: Trouble) -> Option<Arc<dyn Provider>> {
        let fault = match trouble {
            Trouble::WrongCredentials => {
                let wrong = TsigSecret::random(&self.key.name, &self.key.algorithm);
                return Some(connected(self.addr(), &wrong));
            }
            Trouble::AnswerLost => Fault::LoseAnswer,
            Trouble::Down => Fault::Refuse,
            _ => return None,
        };
        let proxy = FaultProxy::start(self.addr());
        proxy.set(fault);
        let provider = connected(proxy.addr(), &self.key);
        self.proxies.lock().unwrap().push(proxy);
        Some(provider)
    }
}
