//! A stand-in for Amazon Route 53 that keeps state and refuses what Route 53 refuses.
//!
//! Written from service model, recorded traffic and documentation of 2026-11-21; AWS's own client
//! judges it (`crates/zonecast-providers/tests/judges`). It checks signatures, which other stand-ins
//! do not.

mod api;
mod changes;
mod names;
mod signature;

use crate::command::random_secret;
use crate::fake_http::FakeHttp;
use crate::pages::Pages;
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard};

/// One resource record set, in Route 53's own spelling.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Set {
    ttl: u32,
    values: Vec<String>,
    /// Alias target, set identifier and the like, as XML; such a set is nobody's to compare.
    extra: String,
}

/// Labels from the root down, then type, then set identifier: the order of a listing.
type Key = (Vec<String>, String, String);

#[derive(Clone, Debug)]
pub(crate) struct Zone {
    name: String,
    reference: String,
    private: bool,
    sets: BTreeMap<Key, Set>,
    pages: Pages,
}

#[derive(Clone, Debug)]
struct Keys {
    id: String,
    secret: String,
    token: Option<String>,
    denied: Vec<&'static str>,
}

#[derive(Default)]
pub(crate) struct State {
    zones: BTreeMap<String, Zone>,
    keys: Vec<Keys>,
    /// Change ids, and how often each is still told PENDING.
    changes: BTreeMap<String, usize>,
    pending: usize,
    throttled: usize,
    busy: usize,
    next: u64,
    calls: Vec<String>,
}

/// A running stand-in; ends when dropped.
pub struct FakeRoute53 {
    server: FakeHttp,
    state: Arc<Mutex<State>>,
    secret: String,
}

impl FakeRoute53 {
    /// Starts with no zone and one key that may do everything.
    pub fn start() -> FakeRoute53 {
        let secret = format!("{}/+{}", random_secret(), random_secret());
        let all =
            Keys { id: Self::KEY_ID.to_owned(), secret: secret.clone(), token: None, denied: Vec::new() };
        let state = Arc::new(Mutex::new(State { keys: vec![all], ..State::default() }));
        let shared = state.clone();
        let server = FakeHttp::start(move |request| api::answer(&mut lock(&shared), request));
        FakeRoute53 { server, state, secret }
    }

    /// The key that may do everything.
    pub const KEY_ID: &'static str = "AKIAZONECASTTESTBED0";

    /// Its secret.
    pub fn secret(&self) -> &str {
        &self.secret
    }

    /// Where it listens.
    pub fn addr(&self) -> SocketAddr {
        self.server.addr()
    }

    /// `http://127.0.0.1:PORT`.
    pub fn url(&self) -> String {
        format!("http://{}", self.addr())
    }

    /// Makes a key that may do all but these actions (`GetHostedZone`, ...), with a session token if
    /// one is given; gives its secret.
    pub fn new_key(&self, id: &str, token: Option<&str>, denied: &[&'static str]) -> String {
        let secret = random_secret();
        let keys = Keys {
            id: id.to_owned(),
            secret: secret.clone(),
            token: token.map(str::to_owned),
            denied: denied.to_vec(),
        };
        lock(&self.state).keys.push(keys);
        secret
    }

    /// Makes a zone with SOA and NS (a second one of the same name if asked twice); gives its id.
    pub fn create_zone(&self, name: &str, private: bool) -> String {
        lock(&self.state).new_zone(name, "", private)
    }

    /// Removes the zones of a name.
    pub fn remove_zones(&self, name: &str) {
        let name = names::normal(name);
        lock(&self.state).zones.retain(|_, zone| zone.name != name);
    }

    /// How listings of a zone's sets are cut from now on.
    pub fn set_pages(&self, zone: &str, pages: Pages) {
        let (mut state, zone) = (lock(&self.state), names::normal(zone));
        state.zones.values_mut().filter(|held| held.name == zone).for_each(|held| held.pages = pages);
    }

    /// New changes are told PENDING this many times before they are INSYNC.
    pub fn pending(&self, times: usize) {
        lock(&self.state).pending = times;
    }

    /// The next calls are answered with Throttling.
    pub fn throttle(&self, times: usize) {
        lock(&self.state).throttled = times;
    }

    /// The next changes are answered with PriorRequestNotComplete.
    pub fn busy(&self, times: usize) {
        lock(&self.state).busy = times;
    }

    /// The calls so far, as `METHOD path?query`.
    pub fn calls(&self) -> Vec<String> {
        lock(&self.state).calls.clone()
    }

    /// All sets of a zone as name, type, TTL and values, escapes as Route 53 has them (octal).
    pub fn sets(&self, zone: &str) -> Vec<(String, String, u32, Vec<String>)> {
        let (state, zone) = (lock(&self.state), names::normal(zone));
        let Some(zone) = state.zones.values().find(|held| held.name == zone) else { return Vec::new() };
        let shown =
            |(key, set): (&Key, &Set)| (names::joined(&key.0), key.1.clone(), set.ttl, set.values.clone());
        zone.sets.iter().map(shown).collect()
    }

    /// The foreign client: sets one set (octal escapes, XML of alias target or set identifier in
    /// `extra`); without values and extra it is deleted.
    pub fn put(&self, zone: &str, name: &str, rtype: &str, ttl: u32, values: &[&str], extra: &str) {
        let (mut state, zone) = (lock(&self.state), names::normal(zone));
        let Some(zone) = state.zones.values_mut().find(|held| held.name == zone) else { return };
        let key = (names::labels(&names::normal(name)), rtype.to_owned(), extra.to_owned());
        let values: Vec<String> = values.iter().map(|value| (*value).to_owned()).collect();
        match values.is_empty() && extra.is_empty() {
            true => drop(zone.sets.remove(&key)),
            false => drop(zone.sets.insert(key, Set { ttl, values, extra: extra.to_owned() })),
        }
    }
}

fn lock(state: &Mutex<State>) -> MutexGuard<'_, State> {
    state.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
}

impl State {
    fn new_zone(&mut self, name: &str, reference: &str, private: bool) -> String {
        self.next += 1;
        let id = format!("Z0FAKE{:014X}", self.next);
        let name = names::normal(name);
        let apex = |rtype: &str| (names::labels(&name), rtype.to_owned(), String::new());
        let soa = "ns-1.awsdns-00.test. awsdns-hostmaster.amazon.test. 1 7200 900 1209600 86400".to_owned();
        let servers = vec!["ns-1.awsdns-00.test.".to_owned(), "ns-2.awsdns-00.test.".to_owned()];
        let sets = BTreeMap::from([
            (apex("SOA"), Set { ttl: 900, values: vec![soa], extra: String::new() }),
            (apex("NS"), Set { ttl: 172_800, values: servers, extra: String::new() }),
        ]);
        self.zones.insert(
            id.clone(),
            Zone { name, reference: reference.to_owned(), private, sets, pages: Pages::Honest },
        );
        id
    }
}
