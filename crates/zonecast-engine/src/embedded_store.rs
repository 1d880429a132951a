//! The embedded authority's zones, durable in the product's own database.
//!
//! The authority asks for a trait and the store offers plain functions, so that neither crate knows the
//! other; here they meet. The settings travel as JSON and are sealed by the store as a whole, because a
//! TSIG secret is among them.

use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use std::net::SocketAddr;
use zonecast_core::{Name, RRset, RecordType, Serial};
use zonecast_dns::{Edit, JournalEntry, Soa, StoreError, Stored, TsigKey, ZoneSettings, ZoneStore};
use zonecast_store::{EmbeddedEdit, EmbeddedEntry, EmbeddedPiece, Operation, Store};

/// [`ZoneStore`] over the product's [`Store`].
pub struct EmbeddedStore(Store);

impl EmbeddedStore {
    /// The zones in this store.
    pub fn new(store: Store) -> EmbeddedStore {
        EmbeddedStore(store)
    }

    /// The same inside an operation: what is stored by it is committed with the operation.
    pub fn within(operation: &Operation) -> EmbeddedStore {
        EmbeddedStore(Store::clone(operation))
    }
}

#[async_trait]
impl ZoneStore for EmbeddedStore {
    async fn load(&self, visit: &mut (dyn FnMut(Stored) + Send)) -> Result<(), StoreError> {
        let mut damaged = None;
        self.0.embedded_load(&mut |piece| hand_over(piece, visit, &mut damaged)).await?;
        damaged.map_or(Ok(()), Err)
    }

    async fn load_zone(&self, zone: &Name, visit: &mut (dyn FnMut(Stored) + Send)) -> Result<(), StoreError> {
        let mut damaged = None;
        self.0.embedded_load_zone(zone, &mut |piece| hand_over(piece, visit, &mut damaged)).await?;
        damaged.map_or(Ok(()), Err)
    }

    async fn create(&self, zone: &Name, settings: &ZoneSettings, rrsets: &[RRset]) -> Result<(), StoreError> {
        let soa = rrsets.iter().find(|set| set.rtype == RecordType::SOA).and_then(|set| set.values.first());
        let serial = soa.and_then(Soa::from_data).map_or(0, |soa| soa.serial.0);
        Ok(self.0.embedded_create(zone, &written(settings)?, serial, rrsets).await?)
    }

    async fn delete(&self, zone: &Name) -> Result<(), StoreError> {
        Ok(self.0.embedded_delete(zone).await?)
    }

    async fn commit(&self, zone: &Name, entry: &JournalEntry, edits: &[Edit]) -> Result<(), StoreError> {
        let entry = EmbeddedEntry {
            serial_from: entry.old_serial.0,
            serial_to: entry.new_serial.0,
            removed: entry.removed.clone(),
            added: entry.added.clone(),
        };
        let edits: Vec<EmbeddedEdit> = edits.iter().map(stored_edit).collect();
        Ok(self.0.embedded_commit(zone, &entry, &edits).await?)
    }

    async fn set_settings(&self, zone: &Name, settings: &ZoneSettings) -> Result<(), StoreError> {
        Ok(self.0.embedded_set_settings(zone, &written(settings)?).await?)
    }
}

fn stored_edit(edit: &Edit) -> EmbeddedEdit {
    match edit {
        Edit::Set(set) => EmbeddedEdit::Set(set.clone()),
        Edit::Delete(name, rtype) => EmbeddedEdit::Delete(name.clone(), *rtype),
    }
}

fn hand_over(piece: EmbeddedPiece, visit: &mut (dyn FnMut(Stored) + Send), damaged: &mut Option<StoreError>) {
    match piece {
        EmbeddedPiece::Zone { name, settings, .. } => match read(settings) {
            Ok(settings) => visit(Stored::Zone { name, settings }),
            Err(error) => *damaged = Some(error),
        },
        EmbeddedPiece::RRset(set) => visit(Stored::RRset(set)),
        EmbeddedPiece::Entry(entry) => visit(Stored::Journal(JournalEntry {
            old_serial: Serial(entry.serial_from),
            new_serial: Serial(entry.serial_to),
            removed: entry.removed,
            added: entry.added,
        })),
    }
}

/// The settings as stored; the secret is base64 here and sealed below.
#[derive(Serialize, Deserialize)]
struct Written {
    allow_transfer: Vec<ipnet::IpNet>,
    notify: Vec<SocketAddr>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    tsig: Option<WrittenKey>,
}

#[derive(Serialize, Deserialize)]
struct WrittenKey {
    name: Name,
    algorithm: String,
    secret: String,
}

fn written(settings: &ZoneSettings) -> Result<serde_json::Value, StoreError> {
    use base64::Engine as _;
    let tsig = settings.tsig_key.as_ref().map(|key| WrittenKey {
        name: key.name().clone(),
        algorithm: key.algorithm().to_string(),
        secret: base64::engine::general_purpose::STANDARD.encode(key.secret()),
    });
    let written =
        Written { allow_transfer: settings.allow_transfer.clone(), notify: settings.notify.clone(), tsig };
    Ok(serde_json::to_value(written)?)
}

fn read(value: serde_json::Value) -> Result<ZoneSettings, StoreError> {
    let written: Written = serde_json::from_value(value)?;
    let tsig_key = match written.tsig {
        Some(key) => Some(TsigKey::from_base64(key.name, key.algorithm.parse()?, &key.secret)?),
        None => None,
    };
    Ok(ZoneSettings { allow_transfer: written.allow_transfer, notify: written.notify, tsig_key })
}
