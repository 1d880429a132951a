//! A HestiaCP server: its API, its commands on its record files, and a name server beside it.
//!
//! Made from its sources of August 2026 (`web/api/index.php`, `bin/v-*-dns-*`, `func/domain.sh`,
//! `func/main.sh`, `func/internal/dns_record_validator.php`) and from captured answers. It keeps the
//! files as text, line by line, as the real one does, and shares nothing with the adapter. As there,
//! success is reported whether or not the name server takes the zone, which goes on with the old one.

mod api;
mod checks;
mod commands;
mod http;
mod zone;

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex, MutexGuard};
use tokio::task::JoinHandle;
use zonecast_core::Name;
use zonecast_dns::{Authority, MemoryZoneStore, Server, ServerOptions};

#[allow(unused_imports)] // Each test binary uses its part.
pub use http::{CERTIFICATE_SHA256, Tls};

/// An access key: its secret, its user, and the commands its list names (nothing: all).
#[derive(Clone)]
pub struct Access {
    pub secret: String,
    pub user: String,
    pub commands: Option<Vec<&'static str>>,
}

/// One zone: its entry, and its record file.
#[derive(Clone, Default)]
pub struct Zone {
    pub user: String,
    pub soa: String,
    pub ttl: u32,
    pub serial: u32,
    pub src: String,
    pub suspended: bool,
    /// RECORDS of the entry: counted when the zone is written out.
    pub records: usize,
    pub lines: Vec<String>,
}

/// The machine.
pub struct State {
    pub version: (u32, u32, u32),
    pub api: bool,
    pub api_system: u32,
    pub allowed: Option<Vec<IpAddr>>,
    pub password: String,
    pub api_keys: BTreeSet<String>,
    pub access: BTreeMap<String, Access>,
    pub users: BTreeMap<String, bool>,
    pub cluster: Option<&'static str>,
    pub records_max: usize,
    pub zones: BTreeMap<String, Zone>,
    pub files: BTreeMap<String, String>,
    /// Commands so far, with their arguments.
    pub ran: Vec<Vec<String>>,
    /// Commands that write, now and at the most.
    pub writing: (usize, usize),
    /// Zones as last written out, and what the name server said.
    pub written: BTreeMap<String, (String, Result<(), String>)>,
}

/// A running one; ends when dropped.
pub struct HestiaCp {
    state: Arc<Mutex<State>>,
    authority: Authority,
    dns: Server,
    addr: SocketAddr,
    task: JoinHandle<()>,
}

pub const ACCESS_KEY: &str = "ABCDEFGHIJ0123456789";
pub const SECRET_KEY: &str = "abcdefghij_abcdefghij-abcdefghij=0123456";

impl HestiaCp {
    /// A server that allows this machine, with the user `dns`, the admin's password `admin pass&word`
    /// and an access key of the admin's that may do everything.
    pub async fn start(tls: Tls) -> HestiaCp {
        let key = Access { secret: SECRET_KEY.into(), user: "admin".into(), commands: None };
        let state = State {
            version: (1, 10, 3),
            api: true,
            api_system: 1,
            allowed: None,
            password: "admin pass&word".into(),
            api_keys: ["0123456789abcdef0123".to_owned()].into(),
            access: [(ACCESS_KEY.to_owned(), key)].into(),
            users: [("admin".to_owned(), false), ("dns".to_owned(), false)].into(),
            cluster: None,
            records_max: usize::MAX,
            zones: BTreeMap::new(),
            files: BTreeMap::new(),
            ran: Vec::new(),
            writing: (0, 0),
            written: BTreeMap::new(),
        };
        let state = Arc::new(Mutex::new(state));
        let authority = Authority::open(Arc::new(MemoryZoneStore::default())).await.unwrap();
        let options = ServerOptions {
            udp_threads: 1,
            rate_limit: None,
            ..ServerOptions::new((Ipv4Addr::LOCALHOST, 0).into())
        };
        let dns = Server::start(authority.clone(), &options).unwrap();
        let listener = tokio::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let addr = listener.local_addr().unwrap();
        let task = tokio::spawn(http::serve(listener, tls, state.clone(), authority.clone()));
        HestiaCp { state, authority, dns, addr, task }
    }

    pub fn addr(&self) -> SocketAddr {
        self.addr
    }

    pub fn dns_addr(&self) -> SocketAddr {
        self.dns.local_addr()
    }

    pub fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap()
    }

    /// A zone of the user `dns` with one NS outside of it, as a template without more would make it.
    pub async fn new_zone(&self, zone: &str) {
        let entry = Zone { user: "dns".into(), soa: "ns1.example.net".into(), ttl: 14400, ..Zone::default() };
        self.state().zones.insert(zone.to_owned(), entry);
        self.put(zone, "@", "NS", "", "ns1.example.net.", None).await;
    }

    /// Somebody adds a line in the panel, as it stands in the file; the zone is written out.
    pub async fn put(
        &self,
        zone: &str,
        record: &str,
        kind: &str,
        priority: &str,
        value: &str,
        ttl: Option<u32>,
    ) {
        {
            let mut state = self.state();
            let entry = state.zones.get_mut(zone).unwrap();
            let id = zone::next_id(&entry.lines);
            entry.lines.push(zone::line(id, record, kind, priority, value, "no", ttl));
        }
        zone::write_out(&self.state, &self.authority, zone, true).await;
    }

    /// Somebody removes all lines of a type at a label.
    pub async fn remove(&self, zone: &str, record: &str, kind: &str) {
        let at = format!(" RECORD='{record}' TYPE='{kind}' ");
        self.state().zones.get_mut(zone).unwrap().lines.retain(|line| !line.contains(&at));
        zone::write_out(&self.state, &self.authority, zone, true).await;
    }

    /// Somebody edits the file; the zone is written out.
    pub async fn edit(&self, zone: &str, edit: impl FnOnce(&mut Zone)) {
        edit(self.state().zones.get_mut(zone).unwrap());
        zone::write_out(&self.state, &self.authority, zone, true).await;
    }

    /// The values of a type at a label, as the file spells them.
    pub fn values(&self, zone: &str, record: &str, kind: &str) -> Vec<String> {
        let state = self.state();
        let lines = state.zones[zone].lines.iter().map(|line| zone::columns(line));
        let at = |line: &BTreeMap<String, String>| line["RECORD"] == record && line["TYPE"] == kind;
        lines.filter(at).map(|line| line["VALUE"].replace("%quote%", "'")).collect()
    }

    /// How often each command ran, without those that only look.
    pub fn writes(&self) -> Vec<String> {
        let state = self.state();
        state
            .ran
            .iter()
            .map(|command| command[0].clone())
            .filter(|name| !name.starts_with("v-list"))
            .collect()
    }

    /// What the name server said when the zone was last written out.
    pub fn loaded(&self, zone: &str) -> Result<(), String> {
        self.state().written[zone].1.clone()
    }

    /// The serial the name server answers with.
    pub fn served_serial(&self, zone: &str) -> u32 {
        self.authority.snapshot(&Name::parse(zone).unwrap()).unwrap().serial().0
    }
}

impl Drop for HestiaCp {
    fn drop(&mut self) {
        self.task.abort();
    }
}
