//! Stand-ins for the smaller REST services, judged by clients of others in `judges.rs`.

use async_trait::async_trait;
use serde_json::{Value, json};
use std::sync::{Arc, Mutex};
use zonecast_core::{Name, RRset, RecordType};
use zonecast_providers::Provider;
use zonecast_providers::conformance::{Looked, Odd, Pages, Stage, Trouble};
use zonecast_providers::fields::{Deps, connect, validate};
use zonecast_testbed::{Canned, FakeRest, Fault, FaultProxy};

/// One service: its name in settings, and how its stand-in is used.
pub struct Service {
    pub kind: &'static str,
    pub start: fn() -> FakeRest,
    /// The settings for an endpoint and a token.
    pub settings: fn(&str, &str) -> Value,
    /// The call that makes a set, as method and part of its path.
    pub write: (&'static str, &'static str),
    shows_vital: bool,
    text_bytes_max: usize,
    /// Its listings tell how many there are on all pages.
    tells_total: bool,
}

fn with_token(url: &str, token: &str) -> Value {
    json!({ "server_url": url, "api_token": token })
}

pub const DESEC: Service = Service {
    kind: "desec",
    start: FakeRest::desec,
    settings: with_token,
    write: ("PATCH", "/rrsets/"),
    shows_vital: false,
    text_bytes_max: 4_096,
    tells_total: false,
};

pub const HETZNER: Service = Service {
    kind: "hetzner",
    start: FakeRest::hetzner,
    settings: with_token,
    write: ("POST", "/rrsets"),
    shows_vital: true,
    text_bytes_max: 4_096,
    tells_total: true,
};

pub const GANDI: Service = Service {
    kind: "gandi",
    start: FakeRest::gandi,
    settings: with_token,
    write: ("PUT", "/records/"),
    shows_vital: false,
    text_bytes_max: 4_096,
    tells_total: true,
};

pub const DIGITALOCEAN: Service = Service {
    kind: "digitalocean",
    start: FakeRest::digitalocean,
    settings: with_token,
    write: ("POST", "/records"),
    shows_vital: false,
    text_bytes_max: 500,
    tells_total: true,
};

pub const GODADDY: Service = Service {
    kind: "godaddy",
    start: FakeRest::godaddy,
    settings: |url, token| {
        let (key, secret) = token.split_once(':').unwrap_or(("nobody", token));
        json!({ "server_url": url, "api_key": key, "api_secret": secret })
    },
    write: ("PUT", "/records/"),
    shows_vital: false,
    text_bytes_max: 1_024,
    tells_total: false,
};

pub const OVH: Service = Service {
    kind: "ovh",
    start: FakeRest::ovh,
    settings: |url, token| {
        let parts: Vec<&str> = token.split(':').collect();
        let [key, secret, consumer] = parts[..] else { return with_keys(url, "nobody", token, token) };
        with_keys(url, key, secret, consumer)
    },
    write: ("POST", "/record"),
    shows_vital: false,
    text_bytes_max: 4_096,
    tells_total: false,
};

fn with_keys(url: &str, key: &str, secret: &str, consumer: &str) -> Value {
    json!({ "server_url": url, "application_key": key, "application_secret": secret, "consumer_key": consumer })
}

pub struct RestStage {
    service: &'static Service,
    fake: FakeRest,
    provider: Arc<dyn Provider>,
    proxies: Mutex<Vec<FaultProxy>>,
}

impl RestStage {
    pub fn desec() -> RestStage {
        RestStage::start(&DESEC)
    }

    pub fn hetzner() -> RestStage {
        RestStage::start(&HETZNER)
    }

    pub fn gandi() -> RestStage {
        RestStage::start(&GANDI)
    }

    pub fn digitalocean() -> RestStage {
        RestStage::start(&DIGITALOCEAN)
    }

    pub fn ovh() -> RestStage {
        RestStage::start(&OVH)
    }

    pub fn godaddy() -> RestStage {
        RestStage::start(&GODADDY)
    }

    fn start(service: &'static Service) -> RestStage {
        let fake = (service.start)();
        let provider = service.connected((service.settings)(&fake.url(), fake.token()));
        RestStage { service, fake, provider, proxies: Mutex::default() }
    }
}

impl Service {
    pub fn connected(&self, settings: Value) -> Arc<dyn Provider> {
        let settings = validate(self.kind, settings.as_object().unwrap()).unwrap();
        connect(self.kind, &settings, &Deps::default()).unwrap()
    }
}

#[async_trait]
impl Stage for RestStage {
    fn provider(&self) -> Arc<dyn Provider> {
        self.provider.clone()
    }

    async fn new_zone(&self, zone: &Name) {
        self.fake.create_zone(&zone.to_string());
    }

    async fn ask(&self, zone: &Name, name: &Name, rtype: RecordType) -> Looked {
        super::offline::ask(&super::offline::sets(self.fake.lines(&zone.to_string())), name, rtype)
    }

    async fn zone(&self, zone: &Name) -> Vec<RRset> {
        super::offline::inner(zone, super::offline::sets(self.fake.lines(&zone.to_string())))
    }

    async fn foreign_put(&self, zone: &Name, name: &Name, rtype: RecordType, ttl: u32, values: &[&str]) {
        let (zone, name) = (zone.to_string(), name.to_string());
        let label = name.strip_suffix(&zone).unwrap().trim_end_matches('.');
        let label = if label.is_empty() { "@" } else { label };
        self.fake.put(&zone, label, &rtype.to_string(), ttl, values);
    }

    async fn spelling(&self, zone: &Name, name: &Name, rtype: RecordType) -> Option<Vec<String>> {
        let (name, rtype) = (name.to_string(), rtype.to_string());
        let lines = self.fake.lines(&zone.to_string()).into_iter();
        Some(lines.filter(|line| line.0 == name && line.1 == rtype).map(|line| line.3).collect())
    }

    fn shows_soa_and_apex_ns(&self) -> bool {
        self.service.shows_vital
    }

    fn text_bytes_max(&self) -> usize {
        self.service.text_bytes_max
    }

    async fn cut(&self, zone: &Name, pages: Pages) -> bool {
        self.fake.set_pages(&zone.to_string(), super::pages(pages));
        self.service.tells_total || !matches!(pages, Pages::WrongTotal | Pages::Shrinks)
    }

    async fn put_odd(&self, zone: &Name, name: &Name, odd: Odd) -> Option<&'static str> {
        let (zone, name) = (zone.to_string(), name.to_string());
        let label = name.strip_suffix(&zone).unwrap().trim_end_matches('.');
        match odd {
            Odd::NoText => {
                self.fake.put_odd(&zone, label);
                Some("odd")
            }
            Odd::OwnType => {
                self.fake.put(&zone, label, "FORWARD", 3_600, &["x.example."]);
                Some("FORWARD x.example.")
            }
        }
    }

    async fn broken(&self, trouble: Trouble) -> Option<Arc<dyn Provider>> {
        let proxy = FaultProxy::start(self.fake.addr());
        let token = match trouble {
            Trouble::WrongCredentials => "nobody-knows-this-one-0123456789abcdef",
            _ => self.fake.token(),
        };
        match trouble {
            Trouble::AnswerLost => {
                proxy.rule(self.service.write.0, self.service.write.1, 1, Fault::LoseAnswer);
            }
            Trouble::RateLimited => proxy.set(Fault::Answer(Canned::too_many("7"))),
            Trouble::NotTheApi => proxy.set(Fault::Answer(Canned::html(200))),
            Trouble::Down => proxy.set(Fault::Refuse),
            Trouble::WrongCredentials => {}
            Trouble::ReadRefused => {
                let no = r#"{"code":"ACCESS_DENIED","message":"Authenticated user is not allowed access"}"#;
                let no = Fault::Answer(Canned::json(403, no));
                proxy.rule("GET", self.service.write.1.trim_end_matches('/'), usize::MAX, no);
            }
            Trouble::NicetyRefused => return None,
        }
        let url = format!("{}{}", proxy.url(), self.fake.base());
        let provider = self.service.connected((self.service.settings)(&url, token));
        self.proxies.lock().unwrap().push(proxy);
        Some(provider)
    }
}
