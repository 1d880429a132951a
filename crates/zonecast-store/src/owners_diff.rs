//! Replacing the claims of owners: equal ones keep their id, which is their age.
//!
//! Age decides who stands in a conflict, so saving a host without a change must not make its claims
//! younger than somebody else's. A reverse name that was derived and is asked for now is a new wish.

use crate::codec;
use crate::db::Tx;
use crate::error::{DbError, StoreError};
use crate::model::*;
use crate::owners::StoredWrite;
use crate::sql::{Value, args, bulk};
use std::collections::{HashMap, HashSet};
use zonecast_core::{Name, RecordData, RecordType, Ttl};

bulk! {
    CLAIMS_PRESENT [] [kind: Int, id: Int] = "
        SELECT c.owner_kind, c.owner_id, c.id, c.name_key, c.rtype, c.data, c.ttl, c.zone_id, c.domain_key, c.derived
        FROM v CROSS JOIN claim c WHERE c.owner_kind = v.kind AND c.owner_id = v.id";
    CLAIM_INSERT [] [kind: Int, owner: Int, id: Int, name_key: Blob, rtype: Int, data: Blob, ttl: Int, zone_id: Int, domain_key: Blob, derived: Int] = "
        INSERT INTO claim (owner_kind, owner_id, id, name_key, rtype, data, ttl, zone_id, domain_key, derived, withdrawn)
        SELECT v.kind, v.owner, v.id, v.name_key, v.rtype, v.data, v.ttl, v.zone_id, v.domain_key, v.derived, 0 FROM v";
    CLAIM_DELETE [] [kind: Int, owner: Int, id: Int] = "
        DELETE FROM claim WHERE (owner_kind, owner_id, id) IN (SELECT v.kind, v.owner, v.id FROM v)";
    CLAIM_KEEP [] [kind: Int, owner: Int, id: Int, ttl: Int] = "
        UPDATE claim SET ttl = v.ttl, withdrawn = 0 FROM v
        WHERE claim.owner_kind = v.kind AND claim.owner_id = v.owner AND claim.id = v.id";
}

type Present = (i64, i64, i64, Vec<u8>, i64, Vec<u8>, Option<i64>, Option<i64>, Option<Vec<u8>>, i64);
/// What makes two claims of one owner the same.
type Sameness<'a> = (&'a [u8], RecordType, &'a [u8], Option<i64>, Option<&'a [u8]>, bool);

/// Makes the claims of inserted and updated owners what the writes say; new ones get ids from `next`.
pub(crate) async fn store_claims(
    tx: &mut Tx,
    stored: &[StoredWrite<'_>],
    mut next: i64,
) -> Result<(), DbError> {
    let updated = stored.iter().filter(|stored| matches!(stored.write.action, OwnerAction::Update { .. }));
    let rows: Vec<Value> =
        updated.flat_map(|stored| args![stored.owner.kind.code(), stored.owner.id]).collect();
    let found: Vec<Present> = tx.bulk_all(&CLAIMS_PRESENT, args![], rows).await?;
    let mut present: HashMap<OwnerId, Vec<Present>> = HashMap::new();
    for row in found {
        let owner = OwnerId { kind: OwnerKind::from_code(row.0)?, id: row.1 };
        present.entry(owner).or_default().push(row);
    }
    let mut changes = Changes::default();
    for stored in stored {
        match stored.write.action {
            OwnerAction::Insert | OwnerAction::Update { .. } => {
                let old = present.remove(&stored.owner).unwrap_or_default();
                changes.replace(stored.owner, &old, &stored.write.claims, &mut next)?;
            }
            OwnerAction::Remove { .. } | OwnerAction::Touch => {}
        }
    }
    tx.bulk(&CLAIM_DELETE, args![], changes.deletes).await?;
    tx.bulk(&CLAIM_KEEP, args![], changes.keeps).await?;
    tx.bulk(&CLAIM_INSERT, args![], changes.inserts).await?;
    Ok(())
}

#[derive(Default)]
struct Changes {
    deletes: Vec<Value>,
    keeps: Vec<Value>,
    inserts: Vec<Value>,
}

impl Changes {
    fn replace(
        &mut self,
        owner: OwnerId,
        old: &[Present],
        new: &[NewClaim],
        next: &mut i64,
    ) -> Result<(), StoreError> {
        let (kind, owner) = (owner.kind.code(), owner.id);
        let mut standing: HashMap<Sameness<'_>, &Present> = HashMap::new();
        for row in old {
            standing.insert((&row.3, codec::rtype(row.4)?, &row.5, row.7, row.8.as_deref(), row.9 != 0), row);
        }
        let mut seen: HashSet<Sameness<'_>> = HashSet::new();
        for claim in new {
            let same = sameness(claim);
            if !seen.insert(same) {
                continue;
            }
            match standing.remove(&same) {
                Some(row) if row.6 == claim.ttl.map(seconds) => {}
                Some(row) => self.keeps.extend(args![kind, owner, row.2, claim.ttl]),
                None => {
                    let data: &RecordData = &claim.data;
                    self.inserts.extend(args![kind, owner, *next, &claim.name, data.rtype(), data.wire()]);
                    self.inserts.extend(args![claim.ttl, claim.zone_id, &claim.domain, claim.derived]);
                    *next += 1;
                }
            }
        }
        for row in standing.values() {
            self.deletes.extend(args![kind, owner, row.2]);
        }
        Ok(())
    }
}

fn sameness(claim: &NewClaim) -> Sameness<'_> {
    (
        claim.name.key(),
        claim.data.rtype(),
        claim.data.wire(),
        claim.zone_id,
        claim.domain.as_ref().map(Name::key),
        claim.derived,
    )
}

fn seconds(ttl: Ttl) -> i64 {
    ttl.seconds().into()
}
