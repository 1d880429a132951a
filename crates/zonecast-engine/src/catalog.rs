//! What is configured, in memory: zones, connections, pools, and the index that matches names.
//!
//! Matching happens for every call, so it never asks the database. A view is immutable; a change of
//! the configuration makes a new one and swaps it in. The view carries the zone epoch it was loaded
//! at: a write whose matching was done with an older view is refused by the store, and the caller
//! matches again (so a zone added meanwhile, on this node or another, is never missed).

use crate::settings::{Managed, Matching, OnConflict, ZoneSettings, stored};
use arc_swap::ArcSwap;
use std::collections::BTreeMap;
use std::sync::Arc;
use tokio::sync::Mutex;
use zonecast_core::{ConflictPolicy, ConnectionId, Name, Zone, ZoneId, ZoneIndex, ZoneState};
use zonecast_providers::fields::{self, Deps, Settings};
use zonecast_providers::{Provider, ZoneRef};
use zonecast_store::{ConnectionRow, PoolRow, Store, StoreError, ZoneMark, ZoneRow};

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
    /// What of the stored policy is not understood.
    pub notes: Vec<String>,
    /// What matching and planning need to know of it.
    pub zone: Zone,
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
    /// How far the zones had come then.
    mark: ZoneMark,
    /// Everything is paused: shown, while the store is what hands out no work.
    pub paused: bool,
    /// Which zones a name fits.
    pub index: Arc<ZoneIndex>,
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

    /// The zones of just this name; those that are being taken out are none.
    pub fn zones_named<'a>(&'a self, name: &Name) -> impl Iterator<Item = &'a Arc<ZoneEntry>> {
        self.index.named(name).iter().filter_map(|zone| self.zones.get(&zone.id.0))
    }

    /// This view with one more zone, that is not stored, at a connection that may not be either.
    pub fn with_zone(&self, row: ZoneRow, connection: ConnectionEntry) -> (View, Arc<ZoneEntry>) {
        let zone = Arc::new(entry(row, Arc::new(connection)));
        let mut zones = self.zones.clone();
        zones.insert(zone.row.id, zone.clone());
        let index = Arc::new(ZoneIndex::new(zones.values().map(|entry| entry.zone.clone()).collect()));
        let (connections, pools) = (self.connections.clone(), self.pools.clone());
        let view = View {
            epoch: self.epoch,
            mark: self.mark,
            paused: self.paused,
            index,
            zones,
            connections,
            pools,
        };
        (view, zone)
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

    /// Reads the configuration again; called after every change and when an epoch proved stale. Of the
    /// zones only what changed since is read, so it costs the change and not the estate.
    pub async fn reload(&self) -> Result<Arc<View>, StoreError> {
        let _one_at_a_time = self.reloading.lock().await;
        let old = self.view.load_full();
        let view = Arc::new(read(&self.store, &self.connector, Some(&old)).await?);
        self.view.store(view.clone());
        Ok(view)
    }

    /// Reloads if another node has changed zones since.
    pub async fn catch_up(&self) -> Result<(), StoreError> {
        if self.store.zone_mark().await? != self.view.load().mark {
            self.reload().await?;
        }
        Ok(())
    }
}

async fn read(store: &Store, connector: &Connector, old: Option<&View>) -> Result<View, StoreError> {
    // The mark is read first: what changes while we read makes this view stale, never wrongly fresh.
    let mark = store.zone_mark().await?;
    let connections = read_connections(store, connector, old).await?;
    let (zones, index) = read_zones(store, &connections, mark, old).await?;
    let mut pools = store.pools().await?;
    pools.sort_by_key(|pool| std::cmp::Reverse(pool.prefix.prefix_len()));
    let paused = store.is_paused().await?;
    Ok(View { epoch: mark.epoch, mark, paused, index, zones, connections, pools })
}

type Connections = BTreeMap<i64, Arc<ConnectionEntry>>;

/// The connections; one that did not change keeps its entry and its provider.
async fn read_connections(
    store: &Store,
    connector: &Connector,
    old: Option<&View>,
) -> Result<Connections, StoreError> {
    let mut connections = BTreeMap::new();
    for row in store.connections().await? {
        let kept =
            old.and_then(|view| view.connections.get(&row.id)).filter(|kept| kept.row.version == row.version);
        let entry = match kept {
            Some(kept) if fares_the_same(&kept.row, &row) => kept.clone(),
            Some(kept) => Arc::new(ConnectionEntry { provider: kept.provider.clone(), row }),
            None => Arc::new(ConnectionEntry { provider: connector(&row), row }),
        };
        connections.insert(entry.row.id, entry);
    }
    Ok(connections)
}

/// Whether what is noted of a connection without a new version is the same.
fn fares_the_same(old: &ConnectionRow, new: &ConnectionRow) -> bool {
    let of = |row: &ConnectionRow| (row.state, row.last_error.clone(), row.failures, row.open_until);
    of(old) == of(new)
}

/// The zones with their index: those of the old view with what changed since, or all of them where a
/// zone or a connection went.
async fn read_zones(
    store: &Store,
    connections: &Connections,
    mark: ZoneMark,
    old: Option<&View>,
) -> Result<(BTreeMap<i64, Arc<ZoneEntry>>, Arc<ZoneIndex>), StoreError> {
    let known = old.filter(|view| view.mark.removed == mark.removed);
    let (mut zones, changed) = match known {
        Some(view) => (view.zones.clone(), store.zones_since(view.mark.stamp).await?),
        None => (BTreeMap::new(), store.zones().await?),
    };
    if known.is_some_and(|view| !same_entries(&view.connections, connections)) {
        for zone in zones.values_mut() {
            let Some(connection) = connections.get(&zone.row.connection_id) else { continue };
            if !Arc::ptr_eq(connection, &zone.connection) {
                *zone = Arc::new(entry(zone.row.clone(), connection.clone()));
            }
        }
    }
    let mut same_index = known.is_some();
    for row in changed {
        let Some(connection) = connections.get(&row.connection_id) else { continue };
        let new = entry(row, connection.clone());
        same_index &= zones.get(&new.row.id).is_some_and(|old| matching(old) == matching(&new));
        zones.insert(new.row.id, Arc::new(new));
    }
    if let Some(view) = known.filter(|_| same_index) {
        return Ok((zones, view.index.clone()));
    }
    let index = ZoneIndex::new(zones.values().filter_map(|entry| matching(entry).cloned()).collect());
    Ok((zones, Arc::new(index)))
}

fn same_entries(old: &Connections, new: &Connections) -> bool {
    old.len() == new.len() && old.values().zip(new.values()).all(|(old, new)| Arc::ptr_eq(old, new))
}

/// What matching sees of a zone: nothing of one that is being taken out, so nothing is wanted there and
/// what stands goes.
fn matching(entry: &ZoneEntry) -> Option<&Zone> {
    (entry.row.state != ZoneState::Deleting).then_some(&entry.zone)
}

fn entry(row: ZoneRow, connection: Arc<ConnectionEntry>) -> ZoneEntry {
    let (settings, notes) = stored::read::<ZoneSettings>(&row.settings);
    for note in &notes {
        tracing::warn!(zone = %row.name, "the policy of zone {}: {note}", row.id);
    }
    let zone = core_zone(&row, &settings);
    ZoneEntry { row, settings, notes, zone, connection }
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
