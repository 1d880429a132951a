//! What should stand at the names of one zone: the claims for them, loaded together and judged.

use crate::catalog::{View, ZoneEntry};
use std::collections::{BTreeMap, HashMap};
use zonecast_core::{
    Capabilities, Claim, Desired, Name, Owner, OwnerKind, RecordType, Ttl, ZoneId, claim_name, desired_at,
};
use zonecast_store::{ClaimRow, NewClaim, OwnerAction, OwnerId, OwnerWrite, Store, StoreError};

/// What should stand at one name of one zone, and who asked for it.
pub struct Wanted {
    /// The name inside the zone.
    pub name: Name,
    /// The sets, and what became of each claim.
    pub desired: Desired,
    /// The claims, as they stand in this zone.
    pub claims: Vec<Claim>,
}

impl Wanted {
    /// Whether a registered host holds the address whose reverse name this is.
    pub fn host_holds(&self) -> bool {
        let host = |claim: &Claim| claim.owner.kind == OwnerKind::Host;
        self.claims
            .iter()
            .any(|claim| host(claim) && matches!(claim.rtype(), RecordType::PTR | RecordType::CNAME))
    }
}

/// What should stand at each of `names` (as they stand in the zone), in the same order.
pub async fn desired_in_zone(
    store: &Store,
    view: &View,
    zone: &ZoneEntry,
    names: &[Name],
    default_ttl: Ttl,
) -> Result<Vec<Wanted>, StoreError> {
    desired_with(store, view, zone, names, default_ttl, &[]).await
}

/// The same as if `supposed` were stored already.
pub(crate) async fn desired_with(
    store: &Store,
    view: &View,
    zone: &ZoneEntry,
    names: &[Name],
    default_ttl: Ttl,
    supposed: &[OwnerWrite],
) -> Result<Vec<Wanted>, StoreError> {
    let full: Vec<Name> = names.iter().map(|local| claim_name(&zone.zone, local)).collect();
    let mut claims = store.claims_at(&full).await?;
    suppose(&mut claims, supposed);
    let mut by_name: BTreeMap<Name, Vec<ClaimRow>> = BTreeMap::new();
    for claim in claims {
        by_name.entry(claim.name.clone()).or_default().push(claim);
    }
    let capabilities = capabilities(zone);
    let wanted = names.iter().zip(&full).map(|(local, full)| {
        let rows = by_name.remove(full).unwrap_or_default();
        judge(view, zone, local, &rows, default_ttl, &capabilities)
    });
    Ok(wanted.collect())
}

/// Replaces the owners' claims as the store would: equal ones keep their age, new ones are the youngest.
fn suppose(claims: &mut Vec<ClaimRow>, supposed: &[OwnerWrite]) {
    let changing = |write: &OwnerWrite| !matches!(write.action, OwnerAction::Touch);
    let writes: Vec<(OwnerId, &OwnerWrite)> =
        owners_of(supposed).filter(|(_, write)| changing(write)).collect();
    let mut old: HashMap<OwnerId, Vec<ClaimRow>> =
        writes.iter().map(|(owner, _)| (*owner, Vec::new())).collect();
    for claim in std::mem::take(claims) {
        match old.get_mut(&claim.owner) {
            Some(old) => old.push(claim),
            None => claims.push(claim),
        }
    }
    let mut youngest = i64::MAX / 2;
    for (owner, write) in writes {
        let mut old = old.remove(&owner).unwrap_or_default();
        for claim in &write.claims {
            let row = kept(&mut old, claim).unwrap_or_else(|| {
                youngest += 1;
                let NewClaim { name, data, ttl, zone_id, domain, derived } = claim.clone();
                ClaimRow { id: youngest, owner, name, data, ttl, zone_id, domain, derived }
            });
            claims.push(ClaimRow { ttl: claim.ttl, ..row });
        }
    }
}

/// The owners of writes; several new ones have no id yet, and are not one.
pub(crate) fn owners_of(writes: &[OwnerWrite]) -> impl Iterator<Item = (OwnerId, &OwnerWrite)> {
    writes.iter().zip(1..).map(|(write, unborn)| {
        let owner = write.row.owner();
        (if owner.id > 0 { owner } else { OwnerId { id: -unborn, ..owner } }, write)
    })
}

/// The stored claim that is this one.
fn kept(old: &mut Vec<ClaimRow>, claim: &NewClaim) -> Option<ClaimRow> {
    let same = |row: &ClaimRow| {
        (&row.name, &row.data, row.zone_id, &row.domain, row.derived)
            == (&claim.name, &claim.data, claim.zone_id, &claim.domain, claim.derived)
    };
    old.iter().position(same).map(|at| old.swap_remove(at))
}

/// What the zone's provider can hold; nothing is refused while the provider cannot be asked.
pub fn capabilities(zone: &ZoneEntry) -> Capabilities {
    match &zone.connection.provider {
        Ok(provider) => provider.capabilities(),
        Err(_) => Capabilities::unlimited(),
    }
}

fn judge(
    view: &View,
    zone: &ZoneEntry,
    local: &Name,
    rows: &[ClaimRow],
    default_ttl: Ttl,
    capabilities: &Capabilities,
) -> Wanted {
    let claims: Vec<Claim> = rows.iter().filter_map(|row| placed(view, zone, row)).collect();
    let ttl_of = |claim: &Claim| pool_ttl(view, claim).unwrap_or(default_ttl);
    let desired = desired_at(&zone.zone, local, &claims, ttl_of, capabilities);
    Wanted { name: local.clone(), desired, claims }
}

/// The claim as it stands in this zone; nothing when it does not belong there.
fn placed(view: &View, zone: &ZoneEntry, row: &ClaimRow) -> Option<Claim> {
    if row.zone_id.is_some_and(|only| only != zone.row.id) {
        return None;
    }
    let mut placements = view.index.placements(&row.name, row.data.rtype(), row.domain.as_ref());
    let placement = placements.find(|placement| placement.zone.id.0 == zone.row.id)?;
    Some(Claim {
        id: row.id,
        owner: core_owner(row.owner),
        data: placement.data(&row.data),
        name: placement.name,
        ttl: row.ttl,
        zone: row.zone_id.map(ZoneId),
        derived: row.derived,
    })
}

/// The store's word for an owner in the core's.
pub(crate) fn core_owner(owner: OwnerId) -> Owner {
    let kind = match owner.kind {
        zonecast_store::OwnerKind::Host => OwnerKind::Host,
        zonecast_store::OwnerKind::Domain => OwnerKind::Domain,
        zonecast_store::OwnerKind::Record => OwnerKind::Record,
    };
    Owner { kind, id: owner.id }
}

/// The TTL of the pool that the claim's address lies in.
pub(crate) fn pool_ttl(view: &View, claim: &Claim) -> Option<Ttl> {
    let address = claim.data.as_address().or_else(|| claim.name.reverse_address())?;
    view.pool_of(address)?.ttl
}
