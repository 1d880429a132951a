//! The set of zones this server is authoritative for, and the only door to change them.
//!
//! Readers take a snapshot and never wait. A change is: lock its zone, compute the next snapshot,
//! make it durable, publish it with one pointer swap. Zones do not wait for each other. The store
//! comes first: an answer nobody could reproduce after a crash is never given.

use crate::edit::{Edit, EditError};
use crate::feed::ChangeFeed;
use crate::journal::Journal;
use crate::settings::ZoneSettings;
use crate::store::{JournalEntry, StoreError, Stored, ZoneStore};
use crate::zone::ZoneSnapshot;
use arc_swap::ArcSwap;
use rpds::HashTrieMapSync;
use std::sync::{Arc, Mutex, PoisonError};
use zonecast_core::{Name, RRset, Serial};

/// Zones by the sort key of their name; finding the deepest zone of a name is one look per label.
pub(crate) type Zones = HashTrieMapSync<Box<[u8]>, Arc<Zone>>;

/// The zones of this server. Cloning is cheap, all clones are the same authority.
#[derive(Clone)]
pub struct Authority(Arc<Inner>);

struct Inner {
    zones: ArcSwap<Zones>,
    store: Arc<dyn ZoneStore>,
    /// Held while the set of zones changes.
    creation: tokio::sync::Mutex<()>,
    feed: ChangeFeed,
}

/// One zone: its published snapshot, its recent past, and the turn to change it.
pub(crate) struct Zone {
    snapshot: ArcSwap<ZoneSnapshot>,
    journal: Mutex<Journal>,
    turn: tokio::sync::Mutex<Turn>,
}

#[derive(Default)]
struct Turn {
    deleted: bool,
    /// The last write ended without a clear outcome: read the zone again before the next.
    doubtful: bool,
}

/// Conditions of a change. The default has none.
#[derive(Clone, Copy, Debug, Default)]
pub struct ChangeOptions {
    /// Refuse unless the zone is at this serial.
    pub expected_serial: Option<Serial>,
    /// The new serial is not before this one: above what secondaries are known to hold. A zone below it
    /// gets it even where nothing else changes.
    pub min_serial: Option<Serial>,
}

/// Why a zone was not changed.
#[derive(Debug, thiserror::Error)]
pub enum AuthorityError {
    /// This server has no such zone.
    #[error("there is no zone {0} here")]
    NoSuchZone(Name),
    /// A zone of this name exists already.
    #[error("zone {0} exists already")]
    ZoneExists(Name),
    /// The zone changed since the caller looked.
    #[error("zone {zone} is at serial {found}, not {expected}")]
    SerialMoved {
        /// The zone.
        zone: Name,
        /// What the caller knew.
        expected: Serial,
        /// What is.
        found: Serial,
    },
    /// The outcome would not be a zone.
    #[error(transparent)]
    Invalid(#[from] EditError),
    /// The store failed; nothing was published. Whether it was stored is looked up before the next change.
    #[error("zone {zone} could not be stored")]
    Store {
        /// The zone.
        zone: Name,
        /// The store's own words.
        #[source]
        source: StoreError,
    },
}

impl Authority {
    /// Loads every zone of the store. A stored zone that is no longer valid is left out and logged;
    /// it never keeps the others from being served.
    pub async fn open(store: Arc<dyn ZoneStore>) -> Result<Authority, StoreError> {
        let mut loader = Loader::default();
        store.load(&mut |piece| loader.take(piece)).await?;
        let mut zones = Zones::new_sync();
        for zone in loader.finish() {
            let key = zone.snapshot.load().name().key().into();
            zones.insert_mut(key, zone);
        }
        let zones = ArcSwap::from_pointee(zones);
        let creation = tokio::sync::Mutex::new(());
        Ok(Authority(Arc::new(Inner { zones, store, creation, feed: ChangeFeed::default() })))
    }

    /// The names of all zones, in canonical order.
    pub fn zones(&self) -> Vec<Name> {
        let zones = self.0.zones.load();
        let mut names: Vec<Name> = zones.values().map(|zone| zone.snapshot.load().name().clone()).collect();
        names.sort_unstable();
        names
    }

    /// The zone of exactly this name, as it is now.
    pub fn snapshot(&self, zone: &Name) -> Option<Arc<ZoneSnapshot>> {
        Some(self.zone(zone)?.snapshot())
    }

    /// Creates a zone of these RRsets, SOA and apex NS among them. Durable and served when it returns.
    pub async fn create_zone(
        &self,
        name: Name,
        rrsets: Vec<RRset>,
        settings: ZoneSettings,
    ) -> Result<Serial, AuthorityError> {
        let authority = self.clone();
        unstoppable(async move {
            let _turn = authority.0.creation.lock().await;
            if authority.zone(&name).is_some() {
                return Err(AuthorityError::ZoneExists(name));
            }
            let mut snapshot = ZoneSnapshot::empty(name.clone(), Arc::new(settings));
            rrsets.iter().try_for_each(|rrset| snapshot.add(rrset))?;
            rrsets.iter().try_for_each(|rrset| snapshot.check_cname(&rrset.name))?;
            let snapshot = snapshot.finished()?;
            let stored = authority.0.store.create(&name, &snapshot.settings, &rrsets).await;
            stored.map_err(|source| AuthorityError::Store { zone: name.clone(), source })?;
            let serial = snapshot.serial();
            let zone = Arc::new(Zone::new(snapshot, Journal::default()));
            authority.0.zones.rcu(|zones| zones.insert(name.key().into(), zone.clone()));
            authority.0.feed.published(&name);
            Ok(serial)
        })
        .await
    }

    /// Removes a zone: refused from now on, and gone from the store.
    pub async fn delete_zone(&self, name: &Name) -> Result<(), AuthorityError> {
        let (authority, name) = (self.clone(), name.clone());
        unstoppable(async move {
            let _creation = authority.0.creation.lock().await;
            let zone = authority.zone(&name).ok_or_else(|| AuthorityError::NoSuchZone(name.clone()))?;
            let mut turn = zone.turn.lock().await;
            let deleted = authority.0.store.delete(&name).await;
            deleted.map_err(|source| AuthorityError::Store { zone: name.clone(), source })?;
            turn.deleted = true;
            authority.0.zones.rcu(|zones| zones.remove(name.key()));
            Ok(())
        })
        .await
    }

    /// Changes a zone: all edits or none, published together at one new serial, durable when it
    /// returns. Edits that change nothing return the present serial and store nothing. Dropping the
    /// future does not undo a change that has begun.
    pub async fn apply(
        &self,
        zone: &Name,
        edits: Vec<Edit>,
        options: ChangeOptions,
    ) -> Result<Serial, AuthorityError> {
        let (authority, name) = (self.clone(), zone.clone());
        unstoppable(async move {
            let zone = authority.zone(&name).ok_or_else(|| AuthorityError::NoSuchZone(name.clone()))?;
            let mut turn = zone.turn.lock().await;
            if turn.deleted {
                return Err(AuthorityError::NoSuchZone(name));
            }
            if turn.doubtful {
                authority.reread(&zone, &name).await?;
                turn.doubtful = false;
            }
            let now = zone.snapshot();
            if let Some(expected) = options.expected_serial.filter(|expected| *expected != now.serial()) {
                return Err(AuthorityError::SerialMoved { zone: name, expected, found: now.serial() });
            }
            let Some(edited) = now.edited(&edits, options.min_serial)? else { return Ok(now.serial()) };
            let stored = authority.0.store.commit(&name, &edited.entry, &edited.edits).await;
            if let Err(source) = stored {
                turn.doubtful = true;
                return Err(AuthorityError::Store { zone: name, source });
            }
            let serial = edited.snapshot.serial();
            zone.publish(edited.snapshot, edited.entry);
            authority.0.feed.published(&name);
            Ok(serial)
        })
        .await
    }

    /// Replaces who may transfer the zone and who is told of changes. The serial stays.
    pub async fn set_settings(&self, zone: &Name, settings: ZoneSettings) -> Result<(), AuthorityError> {
        let (authority, name) = (self.clone(), zone.clone());
        unstoppable(async move {
            let zone = authority.zone(&name).ok_or_else(|| AuthorityError::NoSuchZone(name.clone()))?;
            let _turn = zone.turn.lock().await;
            let stored = authority.0.store.set_settings(&name, &settings).await;
            stored.map_err(|source| AuthorityError::Store { zone: name.clone(), source })?;
            let mut next = ZoneSnapshot::clone(&zone.snapshot.load());
            next.settings = Arc::new(settings);
            zone.snapshot.store(Arc::new(next));
            Ok(())
        })
        .await
    }

    /// Reads one zone again from the store, as after a change by another node: serves it, exchanges
    /// it, or stops serving it, whichever the store says.
    pub async fn reload(&self, name: &Name) -> Result<(), AuthorityError> {
        let (authority, name) = (self.clone(), name.clone());
        unstoppable(async move {
            let _creation = authority.0.creation.lock().await;
            match authority.zone(&name) {
                Some(zone) => {
                    let mut turn = zone.turn.lock().await;
                    match authority.reread(&zone, &name).await {
                        Err(AuthorityError::NoSuchZone(_)) => {
                            turn.deleted = true;
                            authority.0.zones.rcu(|zones| zones.remove(name.key()));
                            Ok(())
                        }
                        done => done,
                    }
                }
                None => {
                    let zone = authority.read_stored(&name).await?;
                    authority.0.zones.rcu(|zones| zones.insert(name.key().into(), zone.clone()));
                    authority.0.feed.published(&name);
                    Ok(())
                }
            }
        })
        .await
    }

    pub(crate) fn load_zones(&self) -> arc_swap::Guard<Arc<Zones>> {
        self.0.zones.load()
    }

    pub(crate) fn feed(&self) -> &ChangeFeed {
        &self.0.feed
    }

    pub(crate) fn zone(&self, name: &Name) -> Option<Arc<Zone>> {
        self.0.zones.load().get(name.key()).cloned()
    }

    /// Makes memory what the store says after a write without a clear outcome.
    async fn reread(&self, zone: &Zone, name: &Name) -> Result<(), AuthorityError> {
        let stored = self.read_stored(name).await?.snapshot_and_journal();
        let moved = stored.0.serial() != zone.snapshot.load().serial();
        if moved {
            *zone.lock_journal() = stored.1;
        }
        zone.snapshot.store(stored.0);
        if moved {
            self.0.feed.published(name);
        }
        Ok(())
    }

    async fn read_stored(&self, name: &Name) -> Result<Arc<Zone>, AuthorityError> {
        let mut loader = Loader::default();
        let read = self.0.store.load_zone(name, &mut |piece| loader.take(piece)).await;
        read.map_err(|source| AuthorityError::Store { zone: name.clone(), source })?;
        loader.finish().pop().ok_or_else(|| AuthorityError::NoSuchZone(name.clone()))
    }
}

impl Zone {
    fn new(snapshot: ZoneSnapshot, journal: Journal) -> Zone {
        let snapshot = ArcSwap::from_pointee(snapshot);
        Zone { snapshot, journal: Mutex::new(journal), turn: tokio::sync::Mutex::default() }
    }

    pub(crate) fn snapshot(&self) -> Arc<ZoneSnapshot> {
        self.snapshot.load_full()
    }

    pub(crate) fn load(&self) -> arc_swap::Guard<Arc<ZoneSnapshot>> {
        self.snapshot.load()
    }

    /// The entries that lead from `from` to `to`, oldest first; `None` when they are no longer kept.
    pub(crate) fn journal_between(&self, from: Serial, to: Serial) -> Option<Vec<Arc<JournalEntry>>> {
        self.lock_journal().between(from, to)
    }

    fn snapshot_and_journal(&self) -> (Arc<ZoneSnapshot>, Journal) {
        (self.snapshot(), std::mem::take(&mut *self.lock_journal()))
    }

    /// The journal first, so that whoever sees the new snapshot finds the way to it.
    fn publish(&self, snapshot: ZoneSnapshot, entry: JournalEntry) {
        self.lock_journal().push(entry, snapshot.record_count());
        self.snapshot.store(Arc::new(snapshot));
    }

    fn lock_journal(&self) -> std::sync::MutexGuard<'_, Journal> {
        self.journal.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The zone that holds the name of this key, longest name first.
pub(crate) fn deepest<'a>(zones: &'a Zones, key: &[u8]) -> Option<&'a Arc<Zone>> {
    let mut key = key;
    loop {
        if let Some(zone) = zones.get(key) {
            return Some(zone);
        }
        let label = key.strip_suffix(&[0])?;
        let end = label.iter().rposition(|byte| *byte == 0).map_or(0, |at| at + 1);
        key = &key[..end];
    }
}

/// Runs to its end even if the caller goes away: between "durable" and "published" nobody may stop.
async fn unstoppable<T: Send + 'static>(
    work: impl Future<Output = Result<T, AuthorityError>> + Send + 'static,
) -> Result<T, AuthorityError> {
    match tokio::spawn(work).await {
        Ok(done) => done,
        Err(error) if error.is_panic() => std::panic::resume_unwind(error.into_panic()),
        Err(error) => Err(AuthorityError::Store { zone: Name::root(), source: Box::new(error) }),
    }
}

/// Builds zones from the pieces a store hands out.
#[derive(Default)]
struct Loader {
    done: Vec<Arc<Zone>>,
    open: Option<(ZoneSnapshot, Journal)>,
}

impl Loader {
    fn take(&mut self, piece: Stored) {
        match (piece, &mut self.open) {
            (Stored::Zone { name, settings }, _) => {
                self.close();
                let snapshot = ZoneSnapshot::empty(name, Arc::new(settings));
                self.open = Some((snapshot, Journal::default()));
            }
            (Stored::RRset(rrset), Some((snapshot, _))) => {
                if let Err(error) = snapshot.add(&rrset) {
                    tracing::error!(zone = %snapshot.name(), %error, "a stored RRset is left out");
                }
            }
            (Stored::Journal(entry), Some((snapshot, journal))) => {
                journal.push(entry, snapshot.record_count());
            }
            (_, None) => tracing::error!("a store handed out records before any zone"),
        }
    }

    fn close(&mut self) {
        let Some((snapshot, journal)) = self.open.take() else { return };
        let name = snapshot.name().clone();
        match snapshot.finished() {
            Ok(snapshot) => self.done.push(Arc::new(Zone::new(snapshot, journal))),
            Err(error) => tracing::error!(zone = %name, %error, "a stored zone is not served"),
        }
    }

    fn finish(mut self) -> Vec<Arc<Zone>> {
        self.close();
        self.done
    }
}

#[cfg(test)]
mod tests;
