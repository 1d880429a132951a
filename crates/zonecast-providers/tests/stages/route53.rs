//! A stand-in for Route 53, judged by Amazon's own client in `judges.rs`.

use async_trait::async_trait;
use serde_json::{Value, json};
use std::sync::{Arc, Mutex};
use zonecast_core::{Name, RRset, RecordType};
use zonecast_providers::Provider;
use zonecast_providers::conformance::{Looked, Odd, Pages, Stage, Trouble};
use zonecast_providers::fields::{Deps, connect, validate};
use zonecast_testbed::{Canned, FakeRoute53, Fault, FaultProxy};

pub struct Route53Stage {
    service: FakeRoute53,
    provider: Arc<dyn Provider>,
    proxies: Mutex<Vec<FaultProxy>>,
}

impl Route53Stage {
    pub fn start() -> Route53Stage {
        let service = FakeRoute53::start();
        let provider = connected(settings(&service.url(), service.secret()));
        Route53Stage { service, provider, proxies: Mutex::default() }
    }

    fn sets(&self, zone: &Name) -> Vec<RRset> {
        let plain = |text: &str| decimal(text);
        let held = self.service.sets(&zone.to_string());
        let records = held.into_iter().flat_map(|(name, rtype, ttl, values)| {
            let name = plain(&name);
            values
                .into_iter()
                .map(move |value| (name.clone(), rtype.clone(), ttl, plain(&value)))
                .collect::<Vec<_>>()
        });
        super::offline::sets(records.collect())
    }
}

/// Octal escapes as zone files have them, written apart from the product's.
pub fn decimal(text: &str) -> String {
    let mut out = String::new();
    let mut rest = text;
    while let Some(at) = rest.find('\\') {
        out.push_str(&rest[..=at]);
        rest = &rest[at + 1..];
        if let Some(Ok(byte)) = rest.get(..3).map(|octal| u8::from_str_radix(octal, 8)) {
            out.push_str(&format!("{byte:03}"));
            rest = &rest[3..];
        } else {
            out.push_str(&rest[..1]);
            rest = &rest[1..];
        }
    }
    out + rest
}

pub fn settings(url: &str, secret: &str) -> Value {
    json!({ "server_url": url, "access_key_id": FakeRoute53::KEY_ID, "secret_access_key": secret })
}

pub fn connected(settings: Value) -> Arc<dyn Provider> {
    let settings = validate("route53", settings.as_object().unwrap()).unwrap();
    connect("route53", &settings, &Deps::default()).unwrap()
}

#[async_trait]
impl Stage for Route53Stage {
    fn provider(&self) -> Arc<dyn Provider> {
        self.provider.clone()
    }

    async fn new_zone(&self, zone: &Name) {
        self.service.create_zone(&zone.to_string(), false);
    }

    async fn ask(&self, zone: &Name, name: &Name, rtype: RecordType) -> Looked {
        super::offline::ask(&self.sets(zone), name, rtype)
    }

    async fn zone(&self, zone: &Name) -> Vec<RRset> {
        super::offline::inner(zone, self.sets(zone))
    }

    async fn foreign_put(&self, zone: &Name, name: &Name, rtype: RecordType, ttl: u32, values: &[&str]) {
        self.service.put(&zone.to_string(), &name.to_string(), &rtype.to_string(), ttl, values, "");
    }

    async fn spelling(&self, zone: &Name, name: &Name, rtype: RecordType) -> Option<Vec<String>> {
        let held = self.service.sets(&zone.to_string());
        let found = held
            .into_iter()
            .find(|set| Name::parse(&decimal(&set.0)).as_ref() == Ok(name) && set.1 == rtype.to_string());
        found.map(|set| set.3)
    }

    fn text_bytes_max(&self) -> usize {
        // 4,000 characters with quotes and escapes.
        2_000
    }

    async fn cut(&self, zone: &Name, pages: Pages) -> bool {
        self.service.set_pages(&zone.to_string(), super::pages(pages));
        // It tells no total.
        pages != Pages::WrongTotal
    }

    async fn put_odd(&self, zone: &Name, name: &Name, odd: Odd) -> Option<&'static str> {
        if odd == Odd::NoText {
            // Its answers are XML: all is text.
            return None;
        }
        self.service.put(&zone.to_string(), &name.to_string(), "FORWARD", 300, &["x.example."], "");
        Some("FORWARD x.example.")
    }

    async fn broken(&self, trouble: Trouble) -> Option<Arc<dyn Provider>> {
        let denied: &[&'static str] = match trouble {
            Trouble::ReadRefused => &["ListResourceRecordSets"],
            Trouble::NicetyRefused => &["GetHostedZone", "GetChange"],
            _ => &[],
        };
        if !denied.is_empty() {
            let id = denied[0];
            let secret = self.service.new_key(id, None, denied);
            let mut settings = settings(&self.service.url(), &secret);
            settings["access_key_id"] = id.into();
            return Some(connected(settings));
        }
        let proxy = FaultProxy::start(self.service.addr());
        let secret = match trouble {
            Trouble::WrongCredentials => "wrong",
            _ => self.service.secret(),
        };
        match trouble {
            Trouble::AnswerLost => proxy.rule("POST", "", 1, Fault::LoseAnswer),
            Trouble::RateLimited => proxy.set(Fault::Answer(Canned::too_many("7"))),
            Trouble::NotTheApi => proxy.set(Fault::Answer(Canned::html(200))),
            Trouble::Down => proxy.set(Fault::Refuse),
            _ => {}
        }
        let provider = connected(settings(&proxy.url(), secret));
        self.proxies.lock().unwrap().push(proxy);
        Some(provider)
    }
}
