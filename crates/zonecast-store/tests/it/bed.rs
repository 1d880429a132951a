//! A store to test on, and short ways to say what tests say often.

use std::sync::mpsc;
use std::sync::{Arc, Mutex, PoisonError, Weak};
use zonecast_core::{
    AddressPolicy, ConnectionState, KeyState, Name, OwnerState, RecordData, RecordType, Ttl, ZoneState,
};
use zonecast_store::*;

/// A store of one test, empty; it goes with the test.
pub struct Bed {
    pub store: Store,
    pub url: String,
    pub key: MasterKey,
    folder: Option<tempfile::TempDir>,
    server: Option<Arc<Server>>,
}

/// The one PostgreSQL of all tests that run now; it goes with the last of them.
struct Server {
    postgres: zonecast_testbed::Postgres,
    _end: mpsc::Sender<()>,
}

impl Server {
    fn shared() -> Arc<Server> {
        static SHARED: Mutex<Weak<Server>> = Mutex::new(Weak::new());
        let mut shared = SHARED.lock().unwrap_or_else(PoisonError::into_inner);
        shared.upgrade().unwrap_or_else(|| {
            let server = Server::start();
            *shared = Arc::downgrade(&server);
            server
        })
    }

    /// The server dies with the thread that started it, so that thread waits until nobody needs it.
    fn start() -> Arc<Server> {
        let (started, ready) = mpsc::channel();
        std::thread::spawn(move || {
            let (end, ended) = mpsc::channel::<()>();
            let _ =
                started.send(Arc::new(Server { postgres: zonecast_testbed::Postgres::start(), _end: end }));
            let _ = ended.recv();
        });
        ready.recv().expect("PostgreSQL starts")
    }
}

impl Bed {
    pub async fn sqlite() -> Bed {
        let folder = tempfile::tempdir().unwrap();
        let url = folder.path().join("zonecast.db").to_string_lossy().into_owned();
        Bed::open(url, Some(folder), None).await
    }

    pub async fn postgres() -> Bed {
        let made = tokio::task::spawn_blocking(|| {
            let server = Server::shared();
            (server.postgres.create_database(), server)
        });
        let (url, server) = made.await.unwrap();
        Bed::open(url, None, Some(server)).await
    }

    async fn open(url: String, folder: Option<tempfile::TempDir>, server: Option<Arc<Server>>) -> Bed {
        let key = MasterKey::ephemeral().unwrap();
        let store = Store::open(&url, key.clone()).await.unwrap();
        Bed { store, url, key, folder, server }
    }

    /// Where another, empty database can be made, that goes with this bed.
    pub async fn fresh(&self) -> String {
        match (&self.folder, self.server.clone()) {
            (Some(folder), _) => folder.path().join("fresh.db").to_string_lossy().into_owned(),
            (None, Some(server)) => {
                tokio::task::spawn_blocking(move || server.postgres.create_database()).await.unwrap()
            }
            (None, None) => unreachable!("a bed is on one or the other"),
        }
    }

    /// A second process on the same database.
    pub async fn second(&self) -> Store {
        Store::open(&self.url, self.key.clone()).await.unwrap()
    }

    /// A connection and a zone at it.
    pub async fn zone(&self, zone: &str) -> ZoneRow {
        let connection = self.store.add_connection(&connection(&format!("at {zone}")), &[]).await.unwrap();
        self.store.add_zone(&zone_row(zone, connection.id), &[]).await.unwrap()
    }

    pub async fn context(&self, job: bool) -> WriteContext {
        WriteContext {
            actor: "test".into(),
            source: "api".into(),
            epoch: self.store.epoch().await.unwrap(),
            priority: Priority::Interactive,
            asked: true,
            rewrite: false,
            take_over: false,
            job: job.then(|| NewJob { kind: "host.add".into(), title: "a test".into() }),
            action: "host.add".into(),
        }
    }

    /// Adds hosts with a job, and gives what was written.
    pub async fn add(&self, zone: i64, names: &[&str]) -> Written {
        let writes: Vec<OwnerWrite> =
            names.iter().enumerate().map(|(index, name)| add(zone, name, index as u8 + 1)).collect();
        self.store.write_owners(&writes, &self.context(true).await).await.unwrap()
    }

    pub async fn lease(&self, zone: &ZoneRow, holder: &str) -> Lease {
        let group = self.store.connection(zone.connection_id).await.unwrap().unwrap().budget_group;
        self.store.acquire_lease(&group, holder, 30_000).await.unwrap().unwrap()
    }

    pub async fn dirty(&self, zone: i64) -> Vec<DirtyName> {
        self.store.dirty_names(zone, self.store.now().await.unwrap(), 100_000).await.unwrap()
    }

    /// Plays the engine: everything dirty in the zone is applied and well.
    pub async fn settle(&self, zone: &ZoneRow) -> Stored {
        let lease = self.lease(zone, "engine").await;
        let mut results = Vec::new();
        for dirty in self.dirty(zone.id).await {
            let claims = self.store.claims_at(std::slice::from_ref(&dirty.name)).await.unwrap();
            results.push(done(zone.id, &dirty, claims));
        }
        let stored = self.store.store_results(&lease, zone.id, &results, &[], &[]).await.unwrap();
        self.store.release_lease(&lease).await.unwrap();
        stored
    }
}

/// The result of a pass that applied what is claimed.
pub fn done(zone_id: i64, dirty: &DirtyName, claims: Vec<ClaimRow>) -> NameResult {
    let mut types: Vec<RecordType> = claims.iter().map(|claim| claim.data.rtype()).collect();
    types.sort();
    types.dedup();
    let keys = types.into_iter().map(|rtype| {
        let of_type = claims.iter().filter(|claim| claim.data.rtype() == rtype);
        key(zone_id, &dirty.name, rtype, KeyState::Applied, of_type.map(|claim| claim.data.clone()).collect())
    });
    NameResult {
        name: dirty.name.clone(),
        planned: dirty.wanted,
        done: true,
        retry_at: None,
        on_its_way: Vec::new(),
        keys: keys.collect(),
        ok: true,
        job_id: dirty.job_id,
        removed_derived: 0,
    }
}

pub fn key(
    zone_id: i64,
    name: &Name,
    rtype: RecordType,
    state: KeyState,
    applied: Vec<RecordData>,
) -> KeyRow {
    KeyRow {
        zone_id,
        name: name.clone(),
        rtype,
        state,
        applied,
        ttl: Ttl::DEFAULT,
        last_error: None,
        attempts: 0,
        next_attempt_at: None,
        verified: None,
        verified_at: None,
        updated_at: 0,
    }
}

pub fn name(text: &str) -> Name {
    Name::parse(text).unwrap()
}

pub fn a(last: u8) -> RecordData {
    RecordData::address([192, 0, 2, last].into())
}

pub fn host_row(fqdn: &str, last: u8) -> HostRow {
    HostRow {
        id: 0,
        fqdn: name(fqdn),
        name: None,
        main_domain: None,
        addresses: vec![AddressRow { ip: [192, 0, 2, last].into(), reverse_name: None }],
        ttl: None,
        address_policy: AddressPolicy::All,
        state: OwnerState::Active,
        vm_status: None,
        created_at: 0,
        updated_at: 0,
        version: 0,
    }
}

/// A new host with one address: a forward and a reverse claim, and its name touched in one zone.
pub fn add(zone: i64, fqdn: &str, last: u8) -> OwnerWrite {
    OwnerWrite {
        row: OwnerRow::Host(host_row(fqdn, last)),
        action: OwnerAction::Insert,
        claims: claims(fqdn, last),
        touched: vec![(zone, name(fqdn))],
    }
}

pub fn claims(fqdn: &str, last: u8) -> Vec<NewClaim> {
    let reverse = Name::reverse_of([192, 0, 2, last].into());
    let ptr = RecordData::single_name(RecordType::PTR, &name(fqdn));
    vec![
        NewClaim { name: name(fqdn), data: a(last), ttl: None, zone_id: None, domain: None, derived: false },
        NewClaim { name: reverse, data: ptr, ttl: None, zone_id: None, domain: None, derived: true },
    ]
}

/// The host as it is stored, to be changed.
pub fn change(row: HostRow, action: OwnerAction, claims: Vec<NewClaim>, zone: i64) -> OwnerWrite {
    let touched = vec![(zone, row.fqdn.clone())];
    OwnerWrite { row: OwnerRow::Host(row), action, claims, touched }
}

pub fn host_id(id: i64) -> OwnerId {
    OwnerId { kind: OwnerKind::Host, id }
}

pub fn connection(name: &str) -> ConnectionRow {
    ConnectionRow {
        id: 0,
        name: name.into(),
        provider: "memory".into(),
        settings: serde_json::Map::new(),
        secrets: Default::default(),
        budget_group: String::new(),
        implicit: false,
        state: ConnectionState::Ok,
        last_error: None,
        failures: 0,
        open_until: 0,
        trouble_since: 0,
        created_at: 0,
        updated_at: 0,
        version: 0,
    }
}

pub fn zone_row(zone: &str, connection_id: i64) -> ZoneRow {
    ZoneRow {
        id: 0,
        name: name(zone),
        connection_id,
        provider_zone_id: None,
        physical_id: format!("memory:{connection_id}:{zone}"),
        settings: serde_json::Map::new(),
        state: ZoneState::Ok,
        last_error: None,
        waiting: Default::default(),
        cuts: Vec::new(),
        rematch_after: None,
        listed_at: None,
        created_at: 0,
        updated_at: 0,
        version: 0,
    }
}
