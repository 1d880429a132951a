//! A stand-in for Cloudflare, judged by Cloudflare's own client in `judges.rs`.

use async_trait::async_trait;
use serde_json::{Value, json};
use std::sync::{Arc, Mutex};
use zonecast_core::{Name, RRset, RecordType};
use zonecast_providers::Provider;
use zonecast_providers::conformance::{Looked, Odd, Pages, Stage, Trouble};
use zonecast_providers::fields::{Deps, connect, validate};
use zonecast_testbed::{Canned, FakeCloudflare, Fault, FaultProxy, Plan};

pub struct CloudflareStage {
    service: FakeCloudflare,
    provider: Arc<dyn Provider>,
    proxies: Mutex<Vec<FaultProxy>>,
}

impl CloudflareStage {
    pub fn start() -> CloudflareStage {
        let service = FakeCloudflare::start();
        let provider = connected(json!({ "server_url": service.url(), "api_token": service.token() }));
        CloudflareStage { service, provider, proxies: Mutex::default() }
    }
}

pub fn connected(settings: Value) -> Arc<dyn Provider> {
    let settings = validate("cloudflare", settings.as_object().unwrap()).unwrap();
    connect("cloudflare", &settings, &Deps::default()).unwrap()
}

/// A record as a person would type it into Cloudflare's API.
pub fn record(name: &str, rtype: &str, ttl: u32, value: &str) -> Value {
    let mut record = json!({ "name": name, "type": rtype, "ttl": ttl, "content": value });
    if let Some((priority, target)) = value.split_once(' ').filter(|_| rtype == "MX") {
        record["priority"] = priority.parse::<u64>().unwrap().into();
        record["content"] = target.into();
    }
    record
}

#[async_trait]
impl Stage for CloudflareStage {
    fn provider(&self) -> Arc<dyn Provider> {
        self.provider.clone()
    }

    async fn new_zone(&self, zone: &Name) {
        self.service.create_zone(&zone.to_string(), Plan::FreeOld);
    }

    async fn ask(&self, zone: &Name, name: &Name, rtype: RecordType) -> Looked {
        super::offline::ask(&super::offline::sets(self.service.lines(&zone.to_string())), name, rtype)
    }

    async fn zone(&self, zone: &Name) -> Vec<RRset> {
        super::offline::sets(self.service.lines(&zone.to_string()))
    }

    async fn foreign_put(&self, zone: &Name, name: &Name, rtype: RecordType, ttl: u32, values: &[&str]) {
        let (zone, name) = (zone.to_string(), name.to_string());
        let stays =
            |shown: &Value| values.iter().any(|value| shown["content"] == *value) && shown["ttl"] == ttl;
        let mut held: Vec<Value> = self.service.records(&zone);
        held.retain(|shown| shown["name"] == name && shown["type"] == rtype.to_string());
        for shown in held.iter().filter(|shown| !stays(shown)) {
            self.service.remove(&zone, shown["id"].as_str().unwrap());
        }
        for value in values
            .iter()
            .filter(|value| !held.iter().any(|shown| shown["content"] == **value && stays(shown)))
        {
            self.service.put(&zone, &record(&name, &rtype.to_string(), ttl, value));
        }
    }

    fn shows_soa_and_apex_ns(&self) -> bool {
        false
    }

    fn text_bytes_max(&self) -> usize {
        // 4,096 bytes on the wire, a length byte before each 255.
        4_080
    }

    async fn cut(&self, zone: &Name, pages: Pages) -> bool {
        self.service.set_pages(&zone.to_string(), super::pages(pages));
        true
    }

    async fn put_odd(&self, zone: &Name, name: &Name, odd: Odd) -> Option<&'static str> {
        let (zone, name) = (zone.to_string(), name.to_string());
        match odd {
            Odd::NoText => {
                self.service.put_odd(&zone, &name);
                Some("odd")
            }
            Odd::OwnType => {
                self.service.put_new_type(&zone, &name, "FORWARD", "x.example");
                Some("FORWARD x.example")
            }
        }
    }

    async fn broken(&self, trouble: Trouble) -> Option<Arc<dyn Provider>> {
        let proxy = FaultProxy::start(self.service.addr());
        let token = match trouble {
            Trouble::WrongCredentials => "tok_that_nobody_knows_0123456789abcdef",
            _ => self.service.token(),
        };
        match trouble {
            Trouble::AnswerLost => proxy.rule("POST", "", 1, Fault::LoseAnswer),
            Trouble::RateLimited => proxy.set(Fault::Answer(Canned::too_many("7"))),
            Trouble::NotTheApi => proxy.set(Fault::Answer(Canned::html(200))),
            Trouble::Down => proxy.set(Fault::Refuse),
            Trouble::WrongCredentials => {}
            Trouble::ReadRefused => {
                let no = r#"{"success":false,"errors":[{"code":10000,"message":"Authentication error"}]}"#;
                proxy.rule("GET", "/dns_records", usize::MAX, Fault::Answer(Canned::json(403, no)));
            }
            Trouble::NicetyRefused => return None,
        }
        let provider =
            connected(json!({ "server_url": format!("{}/client/v4", proxy.url()), "api_token": token }));
        self.proxies.lock().unwrap().push(proxy);
        Some(provider)
    }
}
