//! What is configured, in memory: zones, connections, pools, and the index that matches names.
//!
//! Matching happens for every call, so it never asks the database. A view is immutable; a change of
//! the configuration makes a new one and swaps it in. The view carries the zone epoch it was loaded
//! at: a write whose matching was done with an older view is refused by the store, and the caller
//! matches again (so a zone added meanwhile, on this node or another, is never missed).

use crate::settings::{Managed, Matching, OnConflict, ZoneSettings};
use arc_swap::ArcSwap;
use std::collections::BTreeMap;
use std::sync::Arc;
use tokio::sync::Mutex;
use zonecast_core::{
    ConflictPolicy, ConnectionId, Cuts, Name, RecordData, RecordType, Zone, ZoneId, ZoneIndex,
};
use zonecast_providers::fields::{self, Deps, Settings};
use zonecast_providers::{Provider, ZoneRef};
use zonecast_store::{ConnectionRow, PoolRow, Store, StoreError, ZoneRow};

/// A connection and the provider behind it.
pub struct ConnectionEntry {
    /// As stored.
    pub row: ConnectionRow,
    /// Ready to call; an error where its settings no longer fit this program.
    pub provider: Result<Arc<dyn Provider>, String>,
}

/// A zone and the connection it lives at.
pub struct ZoneEntry {
    /// As stored.
    pub row: ZoneRow,
    /// Its policy, read from the row.
    pub settings: ZoneSettings,
    /// What matching and planning need to know of it.
    pub zone: Zone,
    /// Its delegations, as last seen.
    pub cuts: Cuts,
    /// Where it lives.
    pub connection: Arc<ConnectionEntry>,
}

impl ZoneEntry {
    /// How a provider call names this zone.
    pub fn reference(&self, deadline: std::time::Instant) -> ZoneRef {
        ZoneRef { name: self.row.name.clone(), provider_zone_id: self.row.provider_zone_id.clone(), deadline }
    }

    /// `zone 3 example.com (powerdns)`, as logs and job lines show it.
    pub fn label(&self) -> String {
        format!("zone {} {} ({})", self.row.id, self.row.name, self.connection.row.provider)
    }
}

/// One consistent view of the configuration.
pub struct View {
    /// The zone epoch it was loaded at.
    pub epoch: i64,
    /// Everything is paused: shown, while the store is what hands out no work.
    pub paused: bool,
    /// Which zones a name fits.
    pub index: ZoneIndex,
    /// Zones by id.
    pub zones: BTreeMap<i64, Arc<ZoneEntry>>,
    /// Connections by id.
    pub connections: BTreeMap<i64, Arc<ConnectionEntry>>,
    /// Pools, the longest prefix first.
    pub pools: Vec<PoolRow>,
}

impl View {
    /// The zone, if it is configured.
    pub fn zone(&self, id: i64) -> Option<&Arc<ZoneEntry>> {
        self.zones.get(&id)
    }

    /// This view with one more zone, that is not stored, at a connection that may not be either.
    pub fn with_zone(&self, row: ZoneRow, connection: ConnectionEntry) -> (View, Arc<ZoneEntry>) {
        let zone = Arc::new(entry(row, Arc::new(connection)));
        let mut zones = self.zones.clone();
        zones.insert(zone.row.id, zone.clone());
        let index = ZoneIndex::new(zones.values().map(|entry| entry.zone.clone()).collect());
        let (connections, pools) = (self.connections.clone(), self.pools.clone());
        (View { epoch: self.epoch, paused: self.paused, index, zones, connections, pools }, zone)
    }

    /// The pool an address lies in: the longest prefix wins.
    pub fn pool_of(&self, address: std::net::IpAddr) -> Option<&PoolRow> {
        self.pools.iter().find(|pool| pool.prefix.contains(&address))
    }
}

/// Makes the provider of a connection; the daemon gives [`from_kinds`], tests bring their own.
pub type Connector = Arc<dyn Fn(&ConnectionRow) -> Result<Arc<dyn Provider>, String> + Send + Sync>;

/// Connects by the provider kinds of this build.
pub fn from_kinds(deps: Deps) -> Connector {
    Arc::new(move |row| {
        let text = |value: &serde_json::Value| value.as_str().map(str::to_owned);
        let plain = row.settings.iter().filter_map(|(name, value)| Some((name.clone(), text(value)?)));
        let settings = Settings { plain: plain.collect(), secrets: row.secrets.clone() };
        fields::connect(&row.provider, &settings, &deps)
            .map_err(|errors| errors.iter().map(ToString::to_string).collect::<Vec<_>>().join("; "))
    })
}

/// The configuration, shared by the API, the workers and the library.
pub struct Catalog {
    store: Store,
    connector: Connector,
    view: ArcSwap<View>,
    reloading: Mutex<()>,
}

impl Catalog {
    /// Loads everything once.
    pub async fn load(store: Store, connector: Connector) -> Result<Catalog, StoreError> {
        let view = read(&store, &connector, None).await?;
        Ok(Catalog { store, connector, view: ArcSwap::from_pointee(view), reloading: Mutex::new(()) })
    }

    /// The view in force; cheap, keep it for one operation.
    pub fn view(&self) -> Arc<View> {
        self.view.load_full()
    }

    /// The provider of a connection that is not stored yet, or is stored otherwise.
    pub fn connect(&self, row: &ConnectionRow) -> Result<Arc<dyn Provider>, String> {
        (self.connector)(row)
    }

    /// Reads the configuration again; called after every change and when an epoch proved stale.
    pub async fn reload(&self) -> Result<Arc<View>, StoreError> {
        let _one_at_a_time = self.reloading.lock().await;
        let old = self.view.load_full();
        let view = Arc::new(read(&self.store, &self.connector, Some(&old)).await?);
        self.view.store(view.clone());
        Ok(view)
    }

    /// Reloads if another node has changed zones since.
    pub async fn catch_up(&self) -> Result<(), StoreError> {
        if self.store.epoch().await? != self.view.load().epoch {
            self.reload().await?;
        }
        Ok(())
    }
}

async fn read(store: &Store, connector: &Connector, old: Option<&View>) -> Result<View, StoreError> {
    // The epoch is read first: what changes while we read makes this view stale, never wrongly fresh.
    let epoch = store.epoch().await?;
    let mut connections = BTreeMap::new();
    for row in store.connections().await? {
        let kept =
            old.and_then(|view| view.connections.get(&row.id)).filter(|kept| kept.row.version == row.version);
        let provider = match kept {
            Some(kept) => kept.provider.clone(),
            None => connector(&row),
        };
        connections.insert(row.id, Arc::new(ConnectionEntry { row, provider }));
    }
    let mut zones = BTreeMap::new();
    for row in store.zones().await? {
        if let Some(connection) = connections.get(&row.connection_id) {
            zones.insert(row.id, Arc::new(entry(row, connection.clone())));
        }
    }
    // No name matches a zone that is being taken out: so nothing is wanted there, and what stands goes.
    let staying = zones.values().filter(|entry: &&Arc<ZoneEntry>| entry.row.state != "deleting");
    let index = ZoneIndex::new(staying.map(|entry| entry.zone.clone()).collect());
    let mut pools = store.pools().await?;
    pools.sort_by_key(|pool| std::cmp::Reverse(pool.prefix.prefix_len()));
    let paused = store.is_paused().await?;
    Ok(View { epoch, paused, index, zones, connections, pools })
}

fn entry(row: ZoneRow, connection: Arc<ConnectionEntry>) -> ZoneEntry {
    let settings: ZoneSettings =
        serde_json::from_value(serde_json::Value::Object(row.settings.clone())).unwrap_or_default();
    let zone = core_zone(&row, &settings);
    let server = |server: &Name| RecordData::single_name(RecordType::NS, server);
    let delegated: Vec<(&Name, RecordData)> =
        row.cuts.iter().map(|(cut, name)| (cut, server(name))).collect();
    let cuts = Cuts::new(&row.name, delegated.iter().map(|(cut, server)| (*cut, server)));
    ZoneEntry { row, settings, zone, cuts, connection }
}

fn core_zone(row: &ZoneRow, settings: &ZoneSettings) -> Zone {
    Zone {
        network: settings.network,
        single_address: settings.single_address,
        ttl: settings.ttl,
        forward_conflict: policy(settings.forward_conflict),
        reverse_conflict: policy(settings.reverse_conflict),
        managed_full: settings.managed == Managed::Full,
        apex_asked: settings.manage_ns_soa,
        longest: settings.matching == Matching::Longest,
        ..Zone::new(ZoneId(row.id), ConnectionId(row.connection_id), row.name.clone())
    }
}

fn policy(on: OnConflict) -> ConflictPolicy {
    match on {
        OnConflict::Report => ConflictPolicy::Report,
        OnConflict::Merge => ConflictPolicy::Merge,
        OnConflict::TakeOver => ConflictPolicy::TakeOver,
    }
}
