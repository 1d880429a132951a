//! The real PowerDNS.

use async_trait::async_trait;
use serde_json::json;
use std::sync::{Arc, Mutex};
use zonecast_core::{Name, RRset, RecordType};
use zonecast_providers::conformance::{Looked, Odd, Stage, Trouble};
use zonecast_providers::fields::{Deps, connect, validate};
use zonecast_providers::{Provider, ProviderError};
use zonecast_testbed::{Backend, Canned, Fault, FaultProxy, NOT_BEGUN, PowerDns};

pub struct PowerDnsStage {
    backend: Backend,
    server: PowerDns,
    provider: Arc<dyn Provider>,
    proxies: Mutex<Vec<FaultProxy>>,
}

impl PowerDnsStage {
    pub fn start(backend: Backend) -> PowerDnsStage {
        PowerDnsStage::over(PowerDns::start(backend), backend)
    }

    pub fn over(server: PowerDns, backend: Backend) -> PowerDnsStage {
        let provider = connected(&server.api_url(), server.api_key());
        PowerDnsStage { backend, server, provider, proxies: Mutex::default() }
    }
}

fn no() -> Canned {
    Canned::json(403, "{\"error\":\"Forbidden\"}")
}

pub fn connected(url: &str, key: &str) -> Arc<dyn Provider> {
    let settings = json!({ "server_url": url, "api_key": key });
    let settings = validate("powerdns", settings.as_object().unwrap()).unwrap();
    connect("powerdns", &settings, &Deps::default()).unwrap()
}

#[async_trait]
impl Stage for PowerDnsStage {
    fn provider(&self) -> Arc<dyn Provider> {
        self.provider.clone()
    }

    async fn new_zone(&self, zone: &Name) {
        self.server.create_zone(&zone.to_string(), "Master");
    }

    async fn ask(&self, _zone: &Name, name: &Name, rtype: RecordType) -> Looked {
        super::ask(self.server.dns_addr(), name, rtype).await
    }

    async fn zone(&self, zone: &Name) -> Vec<RRset> {
        super::whole(self.server.dns_addr(), zone).await
    }

    async fn foreign_put(&self, zone: &Name, name: &Name, rtype: RecordType, ttl: u32, values: &[&str]) {
        self.server.put(&zone.to_string(), &name.to_string(), &rtype.to_string(), ttl, values);
    }

    async fn spelling(&self, zone: &Name, name: &Name, rtype: RecordType) -> Option<Vec<String>> {
        // LMDB holds wire form: what comes back is its own spelling (seen with 4.7.3).
        if self.backend == Backend::Lmdb {
            return None;
        }
        let path = format!("/zones/{}?rrset_name={}", zone.absolute(), name.absolute());
        let zone = self.server.api("GET", &path, None).json();
        let sets = zone["rrsets"].as_array()?;
        let set =
            sets.iter().find(|set| set["type"] == rtype.to_string() && set["records"][0].is_object())?;
        let records = set["records"].as_array()?;
        Some(records.iter().filter_map(|record| record["content"].as_str().map(str::to_owned)).collect())
    }

    fn stumbled(&self, error: &ProviderError) -> bool {
        self.backend == Backend::Lmdb && error.message.contains(NOT_BEGUN)
    }

    async fn put_odd(&self, zone: &Name, name: &Name, odd: Odd) -> Option<&'static str> {
        if odd == Odd::NoText {
            // A real server shows none.
            return None;
        }
        self.server.put(&zone.to_string(), &name.to_string(), "ALIAS", 300, &["x.example."]);
        Some("ALIAS x.example.")
    }

    async fn broken(&self, trouble: Trouble) -> Option<Arc<dyn Provider>> {
        let proxy = FaultProxy::start(self.server.api_addr());
        let key = match trouble {
            Trouble::WrongCredentials => "wrong",
            _ => self.server.api_key(),
        };
        match trouble {
            Trouble::AnswerLost => proxy.rule("PATCH", "", 1, Fault::LoseAnswer),
            Trouble::RateLimited => proxy.set(Fault::Answer(Canned::too_many("7"))),
            Trouble::NotTheApi => proxy.set(Fault::Answer(Canned::html(200))),
            Trouble::Down => proxy.set(Fault::Refuse),
            Trouble::WrongCredentials => {}
            // In front of the API stands something that lets only some paths through.
            Trouble::ReadRefused => {
                proxy.rule("GET", "rrsets=false", usize::MAX, Fault::Pass);
                proxy.rule("GET", "/zones/", usize::MAX, Fault::Answer(no()));
            }
            Trouble::NicetyRefused => {
                for path in ["/rectify", "/notify"] {
                    proxy.rule("PUT", path, usize::MAX, Fault::Answer(no()));
                }
                proxy.rule("", "/zones/", usize::MAX, Fault::Pass);
                proxy.set(Fault::Answer(no()));
            }
        }
        let provider = connected(&proxy.url(), key);
        self.proxies.lock().unwrap().push(proxy);
        Some(provider)
    }
}
