//! Where zones are durable: the trait the product implements over its database, and one in memory.
//!
//! The authority answers from memory alone; the store is read once at the start and written before
//! each change is published. A change that was answered by anyone is therefore always durable.

use crate::edit::Edit;
use crate::settings::ZoneSettings;
use async_trait::async_trait;
use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use zonecast_core::{Name, RRset, RecordType, Serial};

/// What went wrong in a store, in its own words.
pub type StoreError = Box<dyn std::error::Error + Send + Sync>;

/// One change of one zone, as IXFR sends it: the old SOA and what went, the new SOA and what came.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JournalEntry {
    /// The serial before.
    pub old_serial: Serial,
    /// The serial after.
    pub new_serial: Serial,
    /// Records that went, first the old SOA. A set here holds only the values that went.
    pub removed: Vec<RRset>,
    /// Records that came, first the new SOA. A set here holds only the values that came.
    pub added: Vec<RRset>,
}

impl JournalEntry {
    pub(crate) fn new(old_serial: Serial, new_serial: Serial) -> JournalEntry {
        JournalEntry { old_serial, new_serial, removed: Vec::new(), added: Vec::new() }
    }

    /// Notes the difference of one RRset. A new TTL exchanges every value: a record is its TTL too.
    pub(crate) fn record(&mut self, before: Option<&RRset>, after: Option<&RRset>) {
        let kept_ttl = before.zip(after).is_some_and(|(before, after)| before.ttl == after.ttl);
        let missing = |from: Option<&RRset>, other: Option<&RRset>| -> Option<RRset> {
            let mut rrset = from?.clone();
            if let Some(other) = other.filter(|_| kept_ttl) {
                rrset.values.retain(|value| other.values.binary_search(value).is_err());
            }
            (!rrset.values.is_empty()).then_some(rrset)
        };
        self.removed.extend(missing(before, after));
        self.added.extend(missing(after, before));
    }

    /// How many records it holds.
    pub fn record_count(&self) -> usize {
        self.removed.iter().chain(&self.added).map(|rrset| rrset.values.len()).sum()
    }
}

/// One piece of what a store holds; RRsets and journal entries belong to the zone named before them.
#[derive(Clone, Debug, PartialEq)]
pub enum Stored {
    /// A zone begins.
    Zone {
        /// Its name.
        name: Name,
        /// Its settings.
        settings: ZoneSettings,
    },
    /// An RRset of the zone; in canonical order loading is fastest, any order is right.
    RRset(RRset),
    /// A journal entry of the zone, oldest first.
    Journal(JournalEntry),
}

/// Durable zones, with their journal.
///
/// Each writing method is one transaction: after `Ok` it survives power loss, after `Err` either
/// nothing or (connection lost while committing) everything happened; the authority then reads the
/// zone anew before it writes it again. Calls for one zone never overlap; calls for different zones do.
#[async_trait]
pub trait ZoneStore: Send + Sync {
    /// Hands every zone to `visit`, piece by piece, so a million records need not be held twice.
    async fn load(&self, visit: &mut (dyn FnMut(Stored) + Send)) -> Result<(), StoreError>;

    /// The same for one zone; nothing is visited when there is none.
    async fn load_zone(&self, zone: &Name, visit: &mut (dyn FnMut(Stored) + Send)) -> Result<(), StoreError>;

    /// Stores a new zone. An error when one of this name exists.
    async fn create(&self, zone: &Name, settings: &ZoneSettings, rrsets: &[RRset]) -> Result<(), StoreError>;

    /// Removes a zone with records and journal. Removing what is not there is no error.
    async fn delete(&self, zone: &Name) -> Result<(), StoreError>;

    /// Appends the entry to the journal and makes the zone's RRsets what `edits` say. An error when
    /// the zone's newest serial is not `entry.old_serial`: somebody else wrote.
    async fn commit(&self, zone: &Name, entry: &JournalEntry, edits: &[Edit]) -> Result<(), StoreError>;

    /// Replaces the settings of a zone.
    async fn set_settings(&self, zone: &Name, settings: &ZoneSettings) -> Result<(), StoreError>;
}

/// A store that forgets everything with the process; for tests and for trying things out.
#[derive(Default)]
pub struct MemoryZoneStore(Mutex<BTreeMap<Name, MemoryZone>>);

#[derive(Clone)]
struct MemoryZone {
    settings: ZoneSettings,
    rrsets: BTreeMap<(Name, RecordType), RRset>,
    journal: Vec<JournalEntry>,
}

impl MemoryZoneStore {
    fn zones(&self) -> std::sync::MutexGuard<'_, BTreeMap<Name, MemoryZone>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl MemoryZone {
    fn visit(&self, name: &Name, visit: &mut (dyn FnMut(Stored) + Send)) {
        visit(Stored::Zone { name: name.clone(), settings: self.settings.clone() });
        self.rrsets.values().cloned().map(Stored::RRset).for_each(&mut *visit);
        self.journal.iter().cloned().map(Stored::Journal).for_each(&mut *visit);
    }

    fn serial(&self, name: &Name) -> Option<Serial> {
        let soa = self.rrsets.get(&(name.clone(), RecordType::SOA))?;
        crate::soa::serial_of(soa.values.first()?.wire())
    }
}

#[async_trait]
impl ZoneStore for MemoryZoneStore {
    async fn load(&self, visit: &mut (dyn FnMut(Stored) + Send)) -> Result<(), StoreError> {
        self.zones().iter().for_each(|(name, zone)| zone.visit(name, visit));
        Ok(())
    }

    async fn load_zone(&self, zone: &Name, visit: &mut (dyn FnMut(Stored) + Send)) -> Result<(), StoreError> {
        if let Some(found) = self.zones().get(zone) {
            found.visit(zone, visit);
        }
        Ok(())
    }

    async fn create(&self, zone: &Name, settings: &ZoneSettings, rrsets: &[RRset]) -> Result<(), StoreError> {
        let mut zones = self.zones();
        if zones.contains_key(zone) {
            return Err(format!("zone {zone} is already stored").into());
        }
        let rrsets = rrsets.iter().map(|rrset| ((rrset.name.clone(), rrset.rtype), rrset.clone())).collect();
        zones.insert(zone.clone(), MemoryZone { settings: settings.clone(), rrsets, journal: Vec::new() });
        Ok(())
    }

    async fn delete(&self, zone: &Name) -> Result<(), StoreError> {
        self.zones().remove(zone);
        Ok(())
    }

    async fn commit(&self, zone: &Name, entry: &JournalEntry, edits: &[Edit]) -> Result<(), StoreError> {
        let mut zones = self.zones();
        let stored = zones.get_mut(zone).ok_or_else(|| format!("zone {zone} is not stored"))?;
        if stored.serial(zone) != Some(entry.old_serial) {
            return Err(format!("zone {zone} is no longer at serial {}", entry.old_serial).into());
        }
        for edit in edits {
            match edit {
                Edit::Set(rrset) => stored.rrsets.insert((rrset.name.clone(), rrset.rtype), rrset.clone()),
                Edit::Delete(name, rtype) => stored.rrsets.remove(&(name.clone(), *rtype)),
            };
        }
        stored.journal.push(entry.clone());
        Ok(())
    }

    async fn set_settings(&self, zone: &Name, settings: &ZoneSettings) -> Result<(), StoreError> {
        if let Some(stored) = self.zones().get_mut(zone) {
            stored.settings = settings.clone();
        }
        Ok(())
    }
}
