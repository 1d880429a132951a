//! Stand-ins for the smaller REST services: they keep state and refuse what the real ones refuse.
//!
//! What is common to them stands here: tokens with rights, zones with records, and the checks that
//! every careful service makes. Paths, bodies and refusals stand in a file for each service. Strict
//! on purpose: a polite stand-in hides bugs.

mod data;
mod desec;
mod digitalocean;
mod gandi;
mod godaddy;
mod hetzner;
mod ovh;

use crate::command::random_secret;
use crate::fake_http::{FakeHttp, Request, Response, decode};
use crate::pages::Pages;
use serde_json::Value;
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard};

/// What a token may do.
#[derive(Clone, Debug)]
pub(crate) struct Token {
    text: String,
    writes: bool,
    /// The zones it is for; none means all.
    zones: Vec<String>,
}

/// One record; services with sets show those of one name and type as one.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Record {
    id: u64,
    /// Relative to the zone, `@` for its own name.
    name: String,
    rtype: String,
    ttl: u32,
    value: String,
}

#[derive(Clone, Debug, Default)]
pub(crate) struct Zone {
    id: u64,
    records: Vec<Record>,
    /// `secondary`, `pending`, or whatever else the service knows; empty is fine.
    state: String,
    ttl_min: u32,
    /// Comments of records, by name and value.
    comments: BTreeMap<(String, String), String>,
    pages: Pages,
    /// What is served still, where what was written waits for a refresh (OVHcloud).
    served: Option<Vec<Record>>,
}

impl Zone {
    /// The keys that are there, in order of their coming.
    fn keys(&self) -> Vec<(String, String)> {
        let mut keys: Vec<(String, String)> = Vec::new();
        for record in &self.records {
            let key = (record.name.clone(), record.rtype.clone());
            if !keys.contains(&key) {
                keys.push(key);
            }
        }
        keys
    }

    /// What happens right after a page was given.
    fn was_listed(&mut self, next: &mut u64) {
        match self.pages {
            Pages::Grows => {
                *next += 1;
                let (name, rtype, value) = ("came".to_owned(), "A".to_owned(), "198.51.100.7".to_owned());
                self.records.insert(0, Record { id: *next, name, rtype, ttl: 3_600, value });
            }
            Pages::Shrinks => {
                let first = self.records.iter().position(|record| record.name != "@");
                first.map(|at| self.records.remove(at));
            }
            _ => return,
        }
        self.pages = Pages::Capped;
    }

    /// What is written from now on is not served before a refresh.
    fn hold_back(&mut self) {
        self.served.get_or_insert_with(|| self.records.clone());
    }

    fn set(&self, name: &str, rtype: &str) -> Vec<&Record> {
        self.records.iter().filter(|record| record.name == name && record.rtype == rtype).collect()
    }

    /// Replaces one set; without values it is gone.
    fn put(&mut self, next: &mut u64, name: &str, rtype: &str, ttl: u32, values: &[String]) {
        self.records.retain(|record| record.name != name || record.rtype != rtype);
        for value in values {
            *next += 1;
            let (name, rtype, value) = (name.to_owned(), rtype.to_owned(), value.clone());
            self.records.push(Record { id: *next, name, rtype, ttl, value });
        }
    }

    /// The type at the name that a set of this type cannot stand beside.
    fn clash(&self, name: &str, rtype: &str) -> Option<&str> {
        let mut others = self.records.iter().filter(|record| record.name == name && record.rtype != rtype);
        others.find(|other| other.rtype == "CNAME" || rtype == "CNAME").map(|other| other.rtype.as_str())
    }
}

/// All that a stand-in knows.
#[derive(Default)]
pub(crate) struct Desk {
    zones: BTreeMap<String, Zone>,
    tokens: Vec<Token>,
    next: u64,
    calls: Vec<String>,
    /// The account may not use the API at all.
    shut: bool,
    /// Answers of the next calls are as if something was still going on.
    busy: u64,
    addr: String,
}

impl Desk {
    fn token(&self, text: &str) -> Option<Token> {
        self.tokens.iter().find(|token| token.text == text).cloned()
    }

    /// The zone, where the token may see it.
    fn zone(&mut self, token: &Token, name: &str) -> Option<&mut Zone> {
        let seen = token.zones.is_empty() || token.zones.iter().any(|zone| zone == name);
        self.zones.get_mut(name).filter(|_| seen)
    }
}

/// The path's parts, decoded, and the body as JSON.
struct Call<'a> {
    request: &'a Request,
    parts: Vec<String>,
    body: Value,
}

impl Call<'_> {
    /// A number of the query.
    fn number(&self, name: &str) -> Option<usize> {
        self.request.param(name)?.parse().ok()
    }
}

/// Something that is answered: status, body, headers besides the type.
struct Said(u16, Value, Vec<(String, String)>);

fn said(status: u16, body: Value) -> Said {
    Said(status, body, Vec::new())
}

type Answer = fn(&mut Desk, &Call<'_>) -> Said;

/// A running stand-in; ends when dropped.
pub struct FakeRest {
    server: FakeHttp,
    desk: Arc<Mutex<Desk>>,
    base: &'static str,
    token: String,
    apex: &'static [(&'static str, &'static str)],
    ttl_min: u32,
    secret: fn() -> String,
}

impl FakeRest {
    /// deSEC: API version 1, domains with a minimum TTL of 3600.
    pub fn desec() -> FakeRest {
        let apex = &[("NS", "ns1.desec.io."), ("NS", "ns2.desec.org.")];
        FakeRest::start("/api/v1", desec::answer, apex, 3_600, random_secret)
    }

    /// Hetzner: the Cloud API.
    pub fn hetzner() -> FakeRest {
        const SOA: &str = "hydrogen.ns.hetzner.com. dns.hetzner.com. 1 86400 10800 3600000 3600";
        let apex = &[("SOA", SOA), ("NS", "hydrogen.ns.hetzner.com."), ("NS", "oxygen.ns.hetzner.com.")];
        FakeRest::start("/v1", hetzner::answer, apex, 60, random_secret)
    }

    /// Gandi LiveDNS.
    pub fn gandi() -> FakeRest {
        FakeRest::start("/v5/livedns", gandi::answer, &[], 300, random_secret)
    }

    /// DigitalOcean.
    pub fn digitalocean() -> FakeRest {
        let apex = &[("SOA", "1800"), ("NS", "ns1.digitalocean.com."), ("NS", "ns2.digitalocean.com.")];
        FakeRest::start("/v2", digitalocean::answer, apex, 30, random_secret)
    }

    /// OVHcloud. A token here is `application key:application secret:consumer key`.
    pub fn ovh() -> FakeRest {
        let apex = &[("NS", "dns10.ovh.net."), ("NS", "ns10.ovh.net.")];
        FakeRest::start("/1.0", ovh::answer, apex, 60, || format!("{}:{}", pair(), random_secret()))
    }

    /// GoDaddy. A token here is `key:secret`.
    pub fn godaddy() -> FakeRest {
        let apex = &[("NS", "ns01.domaincontrol.com."), ("NS", "ns02.domaincontrol.com.")];
        FakeRest::start("/v1", godaddy::answer, apex, 600, pair)
    }

    fn start(
        base: &'static str,
        answer: Answer,
        apex: &'static [(&'static str, &'static str)],
        ttl_min: u32,
        secret: fn() -> String,
    ) -> FakeRest {
        let token = secret();
        let all = Token { text: token.clone(), writes: true, zones: Vec::new() };
        let desk = Arc::new(Mutex::new(Desk { tokens: vec![all], ..Desk::default() }));
        let shared = desk.clone();
        let server = FakeHttp::start(move |request| {
            let path = request.path.strip_prefix(base).unwrap_or(&request.path);
            let parts = path.split('/').skip(1).map(decode).collect();
            let body = serde_json::from_slice(&request.body).unwrap_or_default();
            let mut desk = lock(&shared);
            desk.calls.push(format!("{} {path}", request.method));
            let Said(status, mut body, mut headers) = answer(&mut desk, &Call { request, parts, body });
            oddly(&mut body);
            headers.push(("Content-Type".to_owned(), "application/json".to_owned()));
            // OVHcloud says nothing in JSON.
            let silent = body.is_null() && base != "/1.0";
            let body = if silent { String::new() } else { body.to_string() };
            Response { status, headers, body }
        });
        lock(&desk).addr = server.addr().to_string();
        FakeRest { server, desk, base, token, apex, ttl_min, secret }
    }

    /// Where it listens.
    pub fn addr(&self) -> SocketAddr {
        self.server.addr()
    }

    /// The path of the API.
    pub fn base(&self) -> &'static str {
        self.base
    }

    /// The API's address.
    pub fn url(&self) -> String {
        format!("http://{}{}", self.addr(), self.base)
    }

    /// The token that may do everything.
    pub fn token(&self) -> &str {
        &self.token
    }

    /// Makes a token for these zones (none: all), to read or to write.
    pub fn new_token(&self, writes: bool, zones: &[&str]) -> String {
        let text = (self.secret)();
        let zones = zones.iter().map(|zone| (*zone).to_owned()).collect();
        lock(&self.desk).tokens.push(Token { text: text.clone(), writes, zones });
        text
    }

    /// Makes a zone as the service makes it, or makes it so again.
    pub fn create_zone(&self, name: &str) {
        let mut desk = lock(&self.desk);
        desk.next += 1;
        let mut zone = Zone { id: desk.next, ttl_min: self.ttl_min, ..Zone::default() };
        let mut next = desk.next;
        for (rtype, _) in self.apex {
            let values: Vec<String> = self
                .apex
                .iter()
                .filter(|(of, _)| of == rtype)
                .map(|(_, value)| (*value).to_owned())
                .collect();
            zone.put(&mut next, "@", rtype, 3_600, &values);
        }
        desk.next = next;
        desk.zones.insert(name.to_owned(), zone);
    }

    /// What the service knows of the zone besides its records.
    pub fn set_state(&self, name: &str, state: &str) {
        if let Some(zone) = lock(&self.desk).zones.get_mut(name) {
            zone.state = state.to_owned();
        }
    }

    /// Puts a comment on a record.
    pub fn set_comment(&self, zone: &str, name: &str, value: &str, comment: &str) {
        if let Some(zone) = lock(&self.desk).zones.get_mut(zone) {
            zone.comments.insert((name.to_owned(), value.to_owned()), comment.to_owned());
        }
    }

    /// The comment of a record.
    pub fn comment(&self, zone: &str, name: &str, value: &str) -> Option<String> {
        let desk = lock(&self.desk);
        desk.zones.get(zone)?.comments.get(&(name.to_owned(), value.to_owned())).cloned()
    }

    /// The smallest TTL of the zone.
    pub fn set_ttl_min(&self, name: &str, seconds: u32) {
        if let Some(zone) = lock(&self.desk).zones.get_mut(name) {
            zone.ttl_min = seconds;
        }
    }

    /// How listings of the zone are cut from now on.
    pub fn set_pages(&self, name: &str, pages: Pages) {
        if let Some(zone) = lock(&self.desk).zones.get_mut(name) {
            zone.pages = pages;
        }
    }

    /// The account may not use the API from now on.
    pub fn shut(&self) {
        lock(&self.desk).shut = true;
    }

    /// The next calls that start something find it going on still.
    pub fn keep_busy(&self, times: u64) {
        lock(&self.desk).busy = times;
    }

    /// The calls so far, as `METHOD path`.
    pub fn calls(&self) -> Vec<String> {
        lock(&self.desk).calls.clone()
    }

    /// All records as name, type, TTL, and data in zone-file form.
    pub fn lines(&self, zone: &str) -> Vec<(String, String, u32, String)> {
        let desk = lock(&self.desk);
        let records = desk.zones.get(zone).map(|zone| zone.served.as_ref().unwrap_or(&zone.records).clone());
        let records = records.unwrap_or_default();
        let full = |name: &str| if name == "@" { zone.to_owned() } else { format!("{name}.{zone}") };
        // DigitalOcean shows a number where the SOA should be.
        let records = records.into_iter().filter(|one| one.rtype != "SOA" || one.value.contains(' '));
        records.map(|one| (full(&one.name), one.rtype, one.ttl, one.value)).collect()
    }

    /// Puts addresses that are shown as `null` and as a number.
    pub fn put_odd(&self, zone: &str, name: &str) {
        self.put(zone, name, "A", 3_600, &ODD);
    }

    /// The foreign client: sets one RRset by its relative name, past all checks; without values it is
    /// deleted.
    pub fn put(&self, zone: &str, name: &str, rtype: &str, ttl: u32, values: &[&str]) {
        let mut desk = lock(&self.desk);
        let mut next = desk.next;
        let values: Vec<String> = values.iter().map(|value| (*value).to_owned()).collect();
        if let Some(zone) = desk.zones.get_mut(zone) {
            zone.put(&mut next, name, rtype, ttl, &values);
        }
        desk.next = next;
    }
}

/// Addresses that are shown as no text: `null`, and a number.
pub(crate) const ODD: [&str; 2] = ["203.0.113.199", "203.0.113.198"];

/// Shows those addresses so, wherever they stand.
pub(crate) fn oddly(body: &mut Value) {
    match body {
        Value::String(text) if text == ODD[0] => *body = Value::Null,
        Value::String(text) if text == ODD[1] => *body = 98.into(),
        Value::Array(list) => list.iter_mut().for_each(oddly),
        Value::Object(map) => map.values_mut().for_each(oddly),
        _ => {}
    }
}

/// GoDaddy's token has two parts.
fn pair() -> String {
    format!("{}:{}", random_secret(), random_secret())
}

fn lock(desk: &Mutex<Desk>) -> MutexGuard<'_, Desk> {
    desk.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
}
