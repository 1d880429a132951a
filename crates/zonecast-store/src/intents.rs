//! Values on their way: what a pass is about to write, stored before the call.
//!
//! A process can die after the provider took a write and before its result is stored, and a call can be
//! given up and land later. Without a trace of the intent, the next pass would take its own value for a
//! neighbour's: never change it again, and report a conflict with itself. With it, the value counts as
//! ours where it is seen. A value that was meant and never arrived does no harm, because ownership only
//! ever concerns values that are there. A name whose write was not answered is looked at again at times
//! that are stored with it, by whatever process lives then.

use crate::Store;
use crate::codec;
use crate::db::{Tx, again};
use crate::error::{DbError, StoreError};
use crate::model::{Millis, NameResult, Priority, Raise};
use crate::sql::{args, bulk, statements};
use zonecast_core::{Name, RecordData, RecordType};

/// Names raised in one transaction.
const LOOKS: i64 = 1_000;

statements! {
    LOOKS_DUE = "SELECT DISTINCT zone_id, name_key FROM intent WHERE look_at IS NOT NULL AND look_at <= $1 LIMIT $2";
    INTENTS_OLD = "DELETE FROM intent WHERE sent_at > 0 AND sent_at < $1";
}

bulk! {
    INTENT_PUT [] [zone_id: Int, name_key: Blob, rtype: Int, data: Blob, sent_at: Int, look_at: Int] = "
        INSERT INTO intent (zone_id, name_key, rtype, data, sent_at, look_at)
        SELECT v.zone_id, v.name_key, v.rtype, v.data, v.sent_at, v.look_at FROM v WHERE true
        ON CONFLICT (zone_id, name_key, rtype) DO UPDATE SET data = excluded.data, sent_at = excluded.sent_at,
            look_at = excluded.look_at";
    INTENTS_AT [] [zone_id: Int, name_key: Blob] = "
        SELECT i.name_key, i.rtype, i.data, i.sent_at FROM v CROSS JOIN intent i
        WHERE i.zone_id = v.zone_id AND i.name_key = v.name_key";
    INTENT_DROP [] [zone_id: Int, name_key: Blob] = "
        DELETE FROM intent WHERE (zone_id, name_key) IN (SELECT v.zone_id, v.name_key FROM v)";
    LOOKED [] [zone_id: Int, name_key: Blob] = "
        UPDATE intent SET look_at = NULL FROM v WHERE intent.zone_id = v.zone_id AND intent.name_key = v.name_key";
}

/// Values on their way to one key.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Intent {
    /// The name inside the zone.
    pub name: Name,
    /// The type.
    pub rtype: RecordType,
    /// Everything that may have been written there and was not answered for; empty for a removal.
    pub values: Vec<RecordData>,
    /// When the last of them was sent, or [`Intent::UNDER_WAY`].
    pub sent_at: Millis,
    /// When the name is looked at again for it, if it still is.
    pub look_at: Option<Millis>,
}

impl Intent {
    /// Sent by a pass that has not stored its result: at any time since, perhaps now.
    pub const UNDER_WAY: Millis = 0;
}

impl Store {
    /// What may have been written at these names by a pass that did not learn what became of it.
    pub async fn intents_at(&self, zone_id: i64, names: &[Name]) -> Result<Vec<Intent>, StoreError> {
        let rows = names.iter().flat_map(|name| args![zone_id, name]).collect();
        let found: Vec<(Vec<u8>, i64, Vec<u8>, i64)> = self.db().bulk(&INTENTS_AT, args![], rows).await?;
        let read = |(name, rtype, data, sent_at): (Vec<u8>, i64, Vec<u8>, i64)| {
            let (name, rtype) = (codec::name(&name)?, codec::rtype(rtype)?);
            let values = codec::read_values(rtype, &data)?;
            Ok(Intent { name, rtype, values, sent_at, look_at: None })
        };
        found.into_iter().map(read).collect()
    }

    /// Stores what is about to be written. Durable when it returns; it replaces what stood at a key, so
    /// `values` holds what was on its way before as well. Storing a result says what of it still is.
    pub async fn intend(&self, zone_id: i64, intents: &[Intent]) -> Result<(), StoreError> {
        if intents.is_empty() {
            return Ok(());
        }
        let mut sorted: Vec<&Intent> = intents.iter().collect();
        sorted.sort_by(|a, b| a.name.cmp(&b.name).then(a.rtype.cmp(&b.rtype)));
        let mut tx = self.db().begin().await?;
        put(&mut tx, zone_id, sorted.into_iter()).await?;
        Ok(tx.commit().await?)
    }

    /// Raises names whose unanswered writes are to be looked for by now; gives how many.
    pub async fn raise_looks(&self) -> Result<usize, StoreError> {
        again!(self.try_raise_looks().await)
    }

    async fn try_raise_looks(&self) -> Result<usize, DbError> {
        let now = self.now().await?;
        let due: Vec<(i64, Vec<u8>)> = self.db().all(&LOOKS_DUE, args![now, LOOKS]).await?;
        if due.is_empty() {
            return Ok(0);
        }
        let mut touched = Vec::with_capacity(due.len());
        for (zone, key) in due {
            touched.push((zone, codec::name(&key)?));
        }
        touched.sort_unstable();
        let count = touched.len();
        let mut tx = self.db().begin().await?;
        let now = self.clock(&mut tx).await?;
        tx.bulk(&LOOKED, args![], crate::raise::rows_of(&touched)).await?;
        // What is put right here was asked for when it was written.
        crate::raise::raise_names(&mut tx, touched, &Raise::asked(Priority::Interactive), now).await?;
        tx.commit().await?;
        Ok(count)
    }

    /// Forgets what was sent before `before`: it will not arrive any more.
    pub async fn forget_intents(&self, before: Millis) -> Result<u64, StoreError> {
        Ok(self.db().execute(&INTENTS_OLD, args![before]).await?)
    }
}

/// The results of these names, sorted by name, are being stored: only what they say is still on its way.
pub(crate) async fn arrived(tx: &mut Tx, zone_id: i64, results: &[&NameResult]) -> Result<(), DbError> {
    let rows = results.iter().flat_map(|result| args![zone_id, &result.name]).collect();
    tx.bulk(&INTENT_DROP, args![], rows).await?;
    put(tx, zone_id, results.iter().flat_map(|result| &result.on_its_way)).await
}

async fn put<'a>(
    tx: &mut Tx,
    zone_id: i64,
    intents: impl Iterator<Item = &'a Intent>,
) -> Result<(), DbError> {
    let row = |intent: &Intent| {
        let values = codec::values(&intent.values);
        args![zone_id, &intent.name, intent.rtype, values, intent.sent_at, intent.look_at]
    };
    tx.bulk(&INTENT_PUT, args![], intents.flat_map(row).collect()).await?;
    Ok(())
}
