//! Values on their way: what a pass is about to write, stored before the call.
//!
//! A process can die after the provider took a write and before its result is stored. Without a trace
//! of the intent, the next pass would take its own value for a neighbour's: never change it again, and
//! report a conflict with itself. With it, the value counts as ours where it is seen. A value that was
//! meant and never arrived does no harm, because ownership only ever concerns values that are there.

use crate::Store;
use crate::codec;
use crate::db::Tx;
use crate::error::{DbError, StoreError};
use crate::model::NameResult;
use crate::sql::{args, bulk};
use zonecast_core::{Name, RecordData, RecordType};

bulk! {
    INTENT_PUT [] [zone_id: Int, name_key: Blob, rtype: Int, data: Blob] = "
        INSERT INTO intent (zone_id, name_key, rtype, data)
        SELECT v.zone_id, v.name_key, v.rtype, v.data FROM v WHERE true
        ON CONFLICT (zone_id, name_key, rtype) DO UPDATE SET data = excluded.data";
    INTENTS_AT [] [zone_id: Int, name_key: Blob] = "
        SELECT i.name_key, i.rtype, i.data FROM v CROSS JOIN intent i
        WHERE i.zone_id = v.zone_id AND i.name_key = v.name_key";
    INTENT_DROP [] [zone_id: Int, name_key: Blob] = "
        DELETE FROM intent WHERE (zone_id, name_key) IN (SELECT v.zone_id, v.name_key FROM v)";
}

/// Values on their way to one key.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Intent {
    /// The name inside the zone.
    pub name: Name,
    /// The type.
    pub rtype: RecordType,
    /// Everything that may have been written there since the last stored result.
    pub values: Vec<RecordData>,
}

impl Store {
    /// What may have been written at these names by a pass whose result was never stored.
    pub async fn intents_at(&self, zone_id: i64, names: &[Name]) -> Result<Vec<Intent>, StoreError> {
        let rows = names.iter().flat_map(|name| args![zone_id, name]).collect();
        let found: Vec<(Vec<u8>, i64, Vec<u8>)> = self.db().bulk(&INTENTS_AT, args![], rows).await?;
        let read = |(name, rtype, data): (Vec<u8>, i64, Vec<u8>)| {
            let rtype = codec::rtype(rtype)?;
            Ok(Intent { name: codec::name(&name)?, rtype, values: codec::read_values(rtype, &data)? })
        };
        found.into_iter().map(read).collect()
    }

    /// Stores what is about to be written. Durable when it returns; it replaces what stood at a key, so
    /// `values` holds what was on its way before as well. Storing a result ends it.
    pub async fn intend(&self, zone_id: i64, intents: &[Intent]) -> Result<(), StoreError> {
        if intents.is_empty() {
            return Ok(());
        }
        let mut sorted: Vec<&Intent> = intents.iter().collect();
        sorted.sort_by(|a, b| a.name.cmp(&b.name).then(a.rtype.cmp(&b.rtype)));
        let row =
            |intent: &&Intent| args![zone_id, &intent.name, intent.rtype, codec::values(&intent.values)];
        let rows = sorted.iter().flat_map(row).collect();
        let mut tx = self.db().begin().await?;
        tx.bulk(&INTENT_PUT, args![], rows).await?;
        Ok(tx.commit().await?)
    }
}

/// The results of these names are being stored: nothing is on its way any more.
pub(crate) async fn arrived(tx: &mut Tx, zone_id: i64, results: &[&NameResult]) -> Result<(), DbError> {
    let read = results.iter().filter(|result| result.read);
    let rows = read.flat_map(|result| args![zone_id, &result.name]).collect();
    tx.bulk(&INTENT_DROP, args![], rows).await?;
    Ok(())
}
