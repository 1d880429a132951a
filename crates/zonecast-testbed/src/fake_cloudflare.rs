//! A stand-in for Cloudflare's API that keeps state and refuses what Cloudflare refuses.
//!
//! Written from recorded traffic, schema and documentation of 2026-11-21; official clients judge it
//! (`crates/zonecast-providers/tests/judges`). Strict on purpose: a polite stand-in hides bugs.

mod records;
mod zones;

use crate::command::random_secret;
use crate::fake_http::{FakeHttp, Request, Response};
use crate::pages::Pages;
use records::Record;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard};

/// What a zone's owner pays for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Plan {
    /// 200 records.
    Free,
    /// Free since before September 2024: 1,000 records.
    FreeOld,
    /// 3,500 records, batches of 3,500.
    Pro,
}

/// What a token may do.
#[derive(Clone, Debug)]
struct Token {
    text: String,
    /// `zone:read`, `dns:read`, `dns:edit`.
    rights: Vec<&'static str>,
    /// The zones it is for; none means all.
    zones: Vec<String>,
}

#[derive(Clone, Debug)]
pub(crate) struct Zone {
    id: String,
    name: String,
    plan: Plan,
    kind: &'static str,
    records: BTreeMap<String, Record>,
    pages: Pages,
}

#[derive(Default)]
pub(crate) struct State {
    zones: BTreeMap<String, Zone>,
    tokens: Vec<Token>,
    /// Answers 429 that many times.
    throttled: usize,
    shows_permissions: bool,
    has_batch: bool,
    next: u64,
    calls: Vec<String>,
}

/// A refusal: status, code, message, and whether the code stands in a chain below 1004.
pub(crate) struct Fault {
    status: u16,
    code: u32,
    message: String,
    chained: bool,
}

pub(crate) fn fault(status: u16, code: u32, message: impl Into<String>) -> Fault {
    Fault { status, code, message: message.into(), chained: false }
}

/// A running stand-in; ends when dropped.
pub struct FakeCloudflare {
    server: FakeHttp,
    state: Arc<Mutex<State>>,
    token: String,
}

/// The account of every zone.
pub(crate) const ACCOUNT: &str = "0123456789abcdef0123456789abcdef";

impl FakeCloudflare {
    /// Starts with no zone and one token that may do everything.
    pub fn start() -> FakeCloudflare {
        let token = format!("tok_{}", random_secret());
        let all = Token {
            text: token.clone(),
            rights: vec!["zone:read", "dns:read", "dns:edit", "zone:edit"],
            zones: vec![],
        };
        let state = State { tokens: vec![all], shows_permissions: true, has_batch: true, ..State::default() };
        let state = Arc::new(Mutex::new(state));
        let shared = state.clone();
        let server = FakeHttp::start(move |request| answer(&mut lock(&shared), request));
        FakeCloudflare { server, state, token }
    }

    /// Where it listens.
    pub fn addr(&self) -> SocketAddr {
        self.server.addr()
    }

    /// `http://127.0.0.1:PORT/client/v4`.
    pub fn url(&self) -> String {
        format!("http://{}/client/v4", self.addr())
    }

    /// The token that may do everything.
    pub fn token(&self) -> &str {
        &self.token
    }

    /// The account of every zone here.
    pub fn account(&self) -> &'static str {
        ACCOUNT
    }

    /// Makes a token with these rights (`zone:read`, `dns:read`, `dns:edit`) on these zones (ids).
    pub fn new_token(&self, rights: &[&'static str], zones: &[&str]) -> String {
        let text = format!("tok_{}", random_secret());
        let zones = zones.iter().map(|id| (*id).to_owned()).collect();
        lock(&self.state).tokens.push(Token { text: text.clone(), rights: rights.to_vec(), zones });
        text
    }

    /// Makes an empty zone, or empties it; gives its id.
    pub fn create_zone(&self, name: &str, plan: Plan) -> String {
        let mut state = lock(&self.state);
        state.zones.retain(|_, zone| zone.name != name);
        state.new_zone(name, plan)
    }

    /// Makes the zone a secondary.
    pub fn make_secondary(&self, id: &str) {
        if let Some(zone) = lock(&self.state).zones.get_mut(id) {
            zone.kind = "secondary";
        }
    }

    /// How listings of the zone's records are cut from now on.
    pub fn set_pages(&self, name: &str, pages: Pages) {
        let mut state = lock(&self.state);
        state.zones.values_mut().filter(|zone| zone.name == name).for_each(|zone| zone.pages = pages);
    }

    /// The next calls are answered 429.
    pub fn throttle(&self, times: usize) {
        lock(&self.state).throttled = times;
    }

    /// Zone objects come without `permissions` from now on.
    pub fn hide_permissions(&self) {
        lock(&self.state).shows_permissions = false;
    }

    /// There is no batch call from now on.
    pub fn hide_batch(&self) {
        lock(&self.state).has_batch = false;
    }

    /// The calls so far, as `METHOD path`.
    pub fn calls(&self) -> Vec<String> {
        lock(&self.state).calls.clone()
    }

    /// All records of a zone as Cloudflare shows them.
    pub fn records(&self, zone: &str) -> Vec<Value> {
        let state = lock(&self.state);
        let zone = state.zones.values().find(|held| held.name == zone);
        zone.map(|zone| zone.records.values().map(Record::show).collect()).unwrap_or_default()
    }

    /// All records as name, type, TTL in answers, and data in zone-file form.
    pub fn lines(&self, zone: &str) -> Vec<(String, String, u32, String)> {
        let state = lock(&self.state);
        let zone = state.zones.values().find(|held| held.name == zone);
        zone.map(|zone| zone.records.values().map(Record::line).collect()).unwrap_or_default()
    }

    /// The foreign client: puts one record, in the form of the API, past all checks but the form.
    pub fn put(&self, zone: &str, record: &Value) -> String {
        let mut state = lock(&self.state);
        let id = state.new_id();
        let held = state.zones.values_mut().find(|held| held.name == zone);
        let held = held.unwrap_or_else(|| panic!("no zone {zone}"));
        let made = Record::read(&held.name, &id, record, None);
        let made = made.unwrap_or_else(|fault| panic!("{record}: {}", fault.message));
        held.records.insert(id.clone(), made);
        id
    }

    /// Puts a record of a type that the service invented yesterday.
    pub fn put_new_type(&self, zone: &str, name: &str, rtype: &str, content: &str) {
        let mut state = lock(&self.state);
        let id = state.new_id();
        let held = state.zones.values_mut().find(|held| held.name == zone);
        let held = held.unwrap_or_else(|| panic!("no zone {zone}"));
        held.records.insert(id.clone(), Record::of_new_type(&id, name, rtype, content));
    }

    /// Puts addresses that are shown as `null` and as a number.
    pub fn put_odd(&self, zone: &str, name: &str) {
        for address in crate::fake_rest::ODD {
            self.put(zone, &json!({ "name": name, "type": "A", "ttl": 300, "content": address }));
        }
    }

    /// The foreign client: removes one record.
    pub fn remove(&self, zone: &str, id: &str) {
        if let Some(held) = lock(&self.state).zones.values_mut().find(|held| held.name == zone) {
            held.records.remove(id);
        }
    }
}

fn lock(state: &Mutex<State>) -> MutexGuard<'_, State> {
    state.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
}

/// One request, one answer.
fn answer(state: &mut State, request: &Request) -> Response {
    state.calls.push(format!("{} {}", request.method, request.path));
    let mut headers = vec![
        ("Content-Type".to_owned(), "application/json".to_owned()),
        ("Ratelimit".to_owned(), "\"default\";r=50;t=30".to_owned()),
        ("Ratelimit-Policy".to_owned(), "\"burst\";q=100;w=60".to_owned()),
    ];
    if state.throttled > 0 {
        state.throttled -= 1;
        headers.push(("Retry-After".to_owned(), "7".to_owned()));
        return Response {
            status: 429,
            headers,
            body: refusal(&fault(429, 971, "Please wait and consider throttling your request speed")),
        };
    }
    match zones::route(state, request) {
        Ok(Body::Json(mut body)) => {
            body["success"] = true.into();
            body["errors"] = json!([]);
            body["messages"] = json!([]);
            crate::fake_rest::oddly(&mut body);
            Response { status: 200, headers, body: body.to_string() }
        }
        Ok(Body::Text(body)) => {
            headers[0].1 = "text/plain".to_owned();
            Response { status: 200, headers, body }
        }
        Err(fault) => Response { status: fault.status, headers, body: refusal(&fault) },
    }
}

/// What a call brings.
pub(crate) enum Body {
    Json(Value),
    Text(String),
}

fn refusal(fault: &Fault) -> String {
    let error = match (fault.code, fault.chained) {
        (6003, _) => {
            json!({ "code": 6003, "message": "Invalid request headers", "error_chain": [{ "code": 6111, "message": fault.message }] })
        }
        (code, true) => {
            json!({ "code": 1004, "message": "DNS Validation Error", "error_chain": [{ "code": code, "message": fault.message }] })
        }
        (code, false) => json!({ "code": code, "message": fault.message }),
    };
    json!({ "result": null, "success": false, "errors": [error], "messages": [] }).to_string()
}
