//! The strict stand-in for HestiaCP, and the name server beside it.

#[path = "../fakes/hestiacp/mod.rs"]
pub mod fake;

use async_trait::async_trait;
use fake::{ACCESS_KEY, HestiaCp, SECRET_KEY, Tls};
use serde_json::{Value, json};
use std::sync::{Arc, Mutex};
use zonecast_core::{Name, RRset, RecordType};
use zonecast_providers::Provider;
use zonecast_providers::conformance::{Looked, Odd, Stage, Trouble};
use zonecast_providers::fields::{Deps, connect, validate};
use zonecast_testbed::{Canned, Fault, FaultProxy};

/// How a stage logs in.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum By {
    AccessKey,
    Password,
}

const NO: &str = "Error: key has no permission to run this command";
/// What a key can do without (docs/providers/hestiacp.md).
const NICETIES: [&str; 5] = [
    "v-list-sys-config",
    "v-insert-dns-record",
    "v-insert-dns-records",
    "v-make-tmp-file",
    "v-rebuild-dns-domain",
];

pub struct HestiaStage {
    by: By,
    server: HestiaCp,
    provider: Arc<dyn Provider>,
    proxies: Mutex<Vec<FaultProxy>>,
}

impl HestiaStage {
    pub async fn start(by: By) -> HestiaStage {
        let server = HestiaCp::start(Tls::Off).await;
        let provider = connected(&format!("http://{}", server.addr()), login(by));
        HestiaStage { by, server, provider, proxies: Mutex::default() }
    }
}

pub fn login(by: By) -> Value {
    match by {
        By::AccessKey => json!({ "admin_user": ACCESS_KEY, "admin_password": SECRET_KEY }),
        By::Password => json!({ "admin_user": "admin", "admin_password": "admin pass&word" }),
    }
}

/// A connection for the user `dns`; `more` is the login, and whatever else is set.
pub fn connected(url: &str, more: Value) -> Arc<dyn Provider> {
    let mut settings = json!({ "server_url": url, "user": "dns" });
    settings.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    let settings = validate("hestiacp", settings.as_object().unwrap()).unwrap();
    connect("hestiacp", &settings, &Deps::default()).unwrap()
}

fn label(zone: &Name, name: &Name) -> String {
    match name.to_string().strip_suffix(&zone.to_string()) {
        Some("") | None => "@".into(),
        Some(label) => label.trim_end_matches('.').into(),
    }
}

#[async_trait]
impl Stage for HestiaStage {
    fn provider(&self) -> Arc<dyn Provider> {
        self.provider.clone()
    }

    async fn new_zone(&self, zone: &Name) {
        self.server.new_zone(&zone.to_string()).await;
    }

    async fn ask(&self, _zone: &Name, name: &Name, rtype: RecordType) -> Looked {
        super::ask(self.server.dns_addr(), name, rtype).await
    }

    async fn zone(&self, zone: &Name) -> Vec<RRset> {
        super::whole(self.server.dns_addr(), zone).await
    }

    async fn foreign_put(&self, zone: &Name, name: &Name, rtype: RecordType, ttl: u32, values: &[&str]) {
        let (record, kind, zone) = (label(zone, name), rtype.to_string(), zone.to_string());
        self.server.remove(&zone, &record, &kind).await;
        for value in values {
            let (priority, value) = match rtype {
                RecordType::MX => value.split_once(' ').unwrap(),
                _ => ("", *value),
            };
            self.server.put(&zone, &record, &kind, priority, value, Some(ttl)).await;
        }
    }

    async fn spelling(&self, zone: &Name, name: &Name, rtype: RecordType) -> Option<Vec<String>> {
        let values = self.server.values(&zone.to_string(), &label(zone, name), &rtype.to_string());
        Some(values.into_iter().map(|value| format!("10 {value}")).collect())
    }

    async fn put_odd(&self, zone: &Name, name: &Name, odd: Odd) -> Option<&'static str> {
        if odd == Odd::NoText {
            // Its answers hold nothing but text.
            return None;
        }
        let (record, zone) = (label(zone, name), zone.to_string());
        self.server.put(&zone, &record, "FORWARD", "", "x.example.", Some(300)).await;
        Some("FORWARD x.example.")
    }

    async fn broken(&self, trouble: Trouble) -> Option<Arc<dyn Provider>> {
        let proxy = FaultProxy::start(self.server.addr());
        let mut login = login(self.by);
        match trouble {
            Trouble::WrongCredentials => login["admin_password"] = "x".repeat(40).into(),
            Trouble::AnswerLost => proxy.rule_for_bodies("cmd=v-add-dns-record", 1, Fault::LoseAnswer),
            Trouble::RateLimited => proxy.set(Fault::Answer(Canned::too_many("7"))),
            Trouble::NotTheApi => proxy.set(Fault::Answer(Canned::html(200))),
            Trouble::Down => proxy.set(Fault::Refuse),
            Trouble::ReadRefused => proxy.refuse_bodies_with("v-list-dns-records", Canned::new(403, NO)),
            Trouble::NicetyRefused => {
                for command in NICETIES {
                    proxy.refuse_bodies_with(command, Canned::new(403, NO));
                }
            }
        }
        let provider = connected(&proxy.url(), login);
        self.proxies.lock().unwrap().push(proxy);
        Some(provider)
    }
}
