//! Letting owners go: an owner in `deleting` stays visible until every name it touched has an outcome.

use crate::Store;
use crate::db::Tx;
use crate::error::{DbError, StoreError};
use crate::model::*;
use crate::sql::{Value, args, bulk, statements};
use std::collections::HashSet;
use zonecast_core::Name;

statements! {
    SETTLED_FAREWELLS = "DELETE FROM farewell WHERE NOT EXISTS (SELECT 1 FROM name_state n
        WHERE n.zone_id = farewell.zone_id AND n.name_key = farewell.name_key AND n.wanted > n.done)";
    FREE_HOSTS = "SELECT h.id FROM host h WHERE h.state = 'deleting' AND NOT EXISTS
        (SELECT 1 FROM farewell f WHERE f.owner_kind = 1 AND f.owner_id = h.id)";
    FREE_RECORDS = "SELECT r.id FROM record r WHERE r.state = 'deleting' AND NOT EXISTS
        (SELECT 1 FROM farewell f WHERE f.owner_kind = 3 AND f.owner_id = r.id)";
    FREE_DOMAINS = "SELECT d.id FROM domain d WHERE d.state = 'deleting' AND NOT EXISTS
        (SELECT 1 FROM farewell f WHERE f.owner_kind = 2 AND f.owner_id = d.id)";
    DOMAIN_LEAVING = "SELECT id FROM domain WHERE id = $1 AND state = 'deleting'";
    HOST_LEAVING = "SELECT id FROM host WHERE id = $1 AND state = 'deleting'";
    RECORD_LEAVING = "SELECT id FROM record WHERE id = $1 AND state = 'deleting'";
    ANY_FAREWELL = "SELECT COUNT(*) FROM (SELECT 1 FROM farewell LIMIT 1) f";
}

bulk! {
    FAREWELLS_AT [] [zone_id: Int, name_key: Blob] = "
        SELECT f.owner_kind, f.owner_id FROM v CROSS JOIN farewell f
        WHERE f.zone_id = v.zone_id AND f.name_key = v.name_key";
    FAREWELL_DONE [] [zone_id: Int, name_key: Blob] = "
        DELETE FROM farewell WHERE (zone_id, name_key) IN (SELECT v.zone_id, v.name_key FROM v)";
    STILL_WAITING [] [kind: Int, id: Int] = "
        SELECT DISTINCT f.owner_kind, f.owner_id FROM v CROSS JOIN farewell f
        WHERE f.owner_kind = v.kind AND f.owner_id = v.id";
    CLAIMS_GONE [] [kind: Int, id: Int] = "
        DELETE FROM claim WHERE (owner_kind, owner_id) IN (SELECT v.kind, v.id FROM v)";
    FAREWELLS_GONE [] [kind: Int, id: Int] = "
        DELETE FROM farewell WHERE (owner_kind, owner_id) IN (SELECT v.kind, v.id FROM v)";
    HOSTS_GONE [] [id: Int] = "DELETE FROM host WHERE id IN (SELECT v.id FROM v) AND state = 'deleting'";
    DOMAINS_GONE [] [id: Int] = "DELETE FROM domain WHERE id IN (SELECT v.id FROM v) AND state = 'deleting'";
    RECORDS_GONE [] [id: Int] = "DELETE FROM record WHERE id IN (SELECT v.id FROM v) AND state = 'deleting'";
}

impl Store {
    /// Looks at every owner in `deleting` and lets go those that wait for nothing any more. The pass
    /// that settles a name lets its owners go at once; this is for what else may settle (a zone that
    /// was removed). Gives how many went.
    pub async fn reap(&self) -> Result<usize, StoreError> {
        let mut tx = self.db().begin().await?;
        tx.execute(&SETTLED_FAREWELLS, args![]).await?;
        let mut owners = Vec::new();
        for (kind, statement) in [
            (OwnerKind::Host, &FREE_HOSTS),
            (OwnerKind::Domain, &FREE_DOMAINS),
            (OwnerKind::Record, &FREE_RECORDS),
        ] {
            let ids: Vec<(i64,)> = tx.all(statement, args![]).await?;
            owners.extend(ids.into_iter().map(|(id,)| OwnerId { kind, id }));
        }
        delete_owners(&mut tx, &owners).await?;
        tx.commit().await?;
        Ok(owners.len())
    }

    /// Lets an owner in `deleting` go now, whatever it still waits for (`--forget`). The names stay
    /// dirty and are cleaned up when their zone can be reached.
    pub async fn forget(&self, owner: OwnerId, audit: &[NewAudit]) -> Result<(), StoreError> {
        let mut tx = self.db().begin().await?;
        let now = self.clock(&mut tx).await?;
        let leaving: Option<(i64,)> = match owner.kind {
            OwnerKind::Record => tx.optional(&RECORD_LEAVING, args![owner.id]).await?,
            OwnerKind::Domain => tx.optional(&DOMAIN_LEAVING, args![owner.id]).await?,
            OwnerKind::Host => tx.optional(&HOST_LEAVING, args![owner.id]).await?,
        };
        if leaving.is_none() {
            return Err(StoreError::NotFound { what: "owner that is being removed", id: owner.id });
        }
        delete_owners(&mut tx, &[owner]).await?;
        crate::audit::insert(&mut tx, audit, now).await?;
        Ok(tx.commit().await?)
    }
}

/// The names of a zone are settled: owners that waited for nothing else go. Gives them.
pub(crate) async fn names_settled(
    tx: &mut Tx,
    zone_id: i64,
    names: &[&Name],
) -> Result<Vec<OwnerId>, DbError> {
    let (any,): (i64,) = tx.one(&ANY_FAREWELL, args![]).await?;
    if any == 0 || names.is_empty() {
        return Ok(Vec::new());
    }
    let rows: Vec<Value> = names.iter().flat_map(|name| args![zone_id, *name]).collect();
    let found: Vec<(i64, i64)> = tx.bulk_all(&FAREWELLS_AT, args![], rows.clone()).await?;
    let mut owners = Vec::with_capacity(found.len());
    for (kind, id) in found {
        owners.push(OwnerId { kind: OwnerKind::from_code(kind)?, id });
    }
    owners.sort_unstable();
    owners.dedup();
    tx.bulk(&FAREWELL_DONE, args![], rows).await?;
    let waiting: Vec<(i64, i64)> = tx.bulk_all(&STILL_WAITING, args![], owner_rows(&owners)).await?;
    let waiting: HashSet<(i64, i64)> = waiting.into_iter().collect();
    owners.retain(|owner| !waiting.contains(&(owner.kind.code(), owner.id)));
    delete_owners(tx, &owners).await?;
    Ok(owners)
}

fn owner_rows(owners: &[OwnerId]) -> Vec<Value> {
    owners.iter().flat_map(|owner| args![owner.kind.code(), owner.id]).collect()
}

/// Deletes rows and claims of owners in `deleting`.
pub(crate) async fn delete_owners(tx: &mut Tx, owners: &[OwnerId]) -> Result<(), DbError> {
    if owners.is_empty() {
        return Ok(());
    }
    let ids = |kind: OwnerKind| -> Vec<Value> {
        owners.iter().filter(|owner| owner.kind == kind).map(|owner| owner.id.into()).collect()
    };
    tx.bulk(&HOSTS_GONE, args![], ids(OwnerKind::Host)).await?;
    tx.bulk(&DOMAINS_GONE, args![], ids(OwnerKind::Domain)).await?;
    tx.bulk(&RECORDS_GONE, args![], ids(OwnerKind::Record)).await?;
    tx.bulk(&CLAIMS_GONE, args![], owner_rows(owners)).await?;
    tx.bulk(&FAREWELLS_GONE, args![], owner_rows(owners)).await?;
    Ok(())
}
