//! A running engine whose connections lead to providers in memory.

use serde_json::{Value, json};
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};
use zonecast::app::App;
use zonecast::catalog::{Catalog, Connector};
use zonecast::config::Config;
use zonecast::service::view::HostView;
use zonecast::service::{Caller, hosts};
use zonecast::sync::Engine;
use zonecast_core::{Guard, Name, ZoneState};
use zonecast_dns::{Authority, MemoryZoneStore};
use zonecast_providers::Provider;
use zonecast_providers::memory::Memory;
use zonecast_store::{ConnectionRow, MasterKey, Store, ZoneRow};

/// One engine; a connection's name says which provider it leads to.
pub struct Bed {
    pub app: App,
    pub memory: Memory,
    pub config: Config,
    folder: tempfile::TempDir,
    /// Where connections lead, if not to the memory.
    elsewhere: Option<Connector>,
}

impl Bed {
    pub async fn open(change: impl FnOnce(&mut Config)) -> Bed {
        let bed = Bed::resting(None, change).await;
        bed.app.engine.start();
        bed
    }

    /// An engine that was not started yet, with connections to providers of other kinds.
    pub async fn resting(elsewhere: Option<Connector>, change: impl FnOnce(&mut Config)) -> Bed {
        let folder = tempfile::tempdir().unwrap();
        let mut config = Config::default();
        config.engine.poll_millis = 20;
        change(&mut config);
        let memory = Memory::new(Guard::CompareAndSet);
        let app = open(folder.path(), &memory, &config, elsewhere.clone()).await;
        Bed { app, memory, config, folder, elsewhere }
    }

    /// The process ends and another one begins on the same store.
    pub async fn restart(&mut self) {
        self.app.engine.stop(Duration::from_secs(5)).await;
        self.app.store.close().await;
        self.app = open(self.folder.path(), &self.memory, &self.config, self.elsewhere.clone()).await;
        self.app.engine.start();
    }

    /// A second process on the same store, working too.
    pub async fn neighbour(&self) -> App {
        let app = open(self.folder.path(), &self.memory, &self.config, self.elsewhere.clone()).await;
        app.engine.start();
        app
    }

    pub async fn connection(&self, name: &str, group: &str) -> i64 {
        let settings = zonecast_providers::fields::Settings::default();
        let row = zonecast::service::connections::fresh(
            name.to_owned(),
            "memory".to_owned(),
            &settings,
            group.to_owned(),
            false,
        );
        let id = self.app.store.add_connection(&row, &[]).await.unwrap().id;
        self.app.catalog.reload().await.unwrap();
        id
    }

    pub async fn zone(&self, name: &str, connection_id: i64) -> i64 {
        self.memory.add_zone(&Name::parse(name).unwrap());
        self.zone_with(name, connection_id, json!({}), &[]).await
    }

    /// A zone with a policy and delegations (name, server); it need not be there.
    pub async fn zone_with(
        &self,
        name: &str,
        connection_id: i64,
        policy: Value,
        cuts: &[(&str, &str)],
    ) -> i64 {
        let parse = |text: &str| Name::parse(text).unwrap();
        let name = parse(name);
        let row = ZoneRow {
            id: 0,
            physical_id: format!("{connection_id} {name}"),
            name,
            connection_id,
            provider_zone_id: None,
            settings: policy.as_object().unwrap().clone(),
            state: ZoneState::Ok,
            last_error: None,
            waiting: Default::default(),
            cuts: cuts.iter().map(|(at, server)| (parse(at), parse(server))).collect(),
            rematch_after: None,
            listed_at: Some(self.app.store.now().await.unwrap()),
            created_at: 0,
            updated_at: 0,
            version: 0,
        };
        let id = self.app.store.add_zone(&row, &[]).await.unwrap().id;
        self.app.catalog.reload().await.unwrap();
        id
    }

    pub async fn host(&self, fqdn: &str, ip: &str) -> HostView {
        let body = json!({ "fqdn": fqdn, "addresses": [ip] });
        hosts::register(&self.app, &Caller::local("test"), &body).await.unwrap().data
    }

    /// The values that stand at the provider.
    pub fn there(&self, zone: &str, name: &str, rtype: &str) -> Vec<String> {
        let (zone, name) = (Name::parse(zone).unwrap(), Name::parse(name).unwrap());
        let values = self.memory.values(&zone, &name, rtype.parse().unwrap());
        values.iter().map(|value| value.to_text()).collect()
    }
}

async fn open(folder: &Path, memory: &Memory, config: &Config, elsewhere: Option<Connector>) -> App {
    let key = MasterKey::from_bytes(b"a key for a test").unwrap();
    let store = Store::open(&folder.join("zonecast.db").display().to_string(), key).await.unwrap();
    let memory = memory.clone();
    let to_memory: Connector =
        Arc::new(move |_: &ConnectionRow| Ok(Arc::new(memory.clone()) as Arc<dyn Provider>));
    let connector = elsewhere.unwrap_or(to_memory);
    let catalog = Arc::new(Catalog::load(store.clone(), connector).await.unwrap());
    let config = Arc::new(config.clone());
    let authority = Authority::open(Arc::new(MemoryZoneStore::default())).await.unwrap();
    let engine = Engine::new(store.clone(), catalog.clone(), config.clone());
    App { store, catalog, engine, authority, config, plesk_turn: Arc::default() }
}

/// Waits until it is so; panics with the words after ten seconds.
pub async fn until(what: &str, mut condition: impl AsyncFnMut() -> bool) {
    let end = Instant::now() + Duration::from_secs(30);
    while !condition().await {
        assert!(Instant::now() < end, "not within half a minute: {what}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}
