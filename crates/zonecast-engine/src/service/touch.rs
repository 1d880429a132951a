//! Which claims an owner makes, and which names in which zones a change of them touches.

use super::forms::fill;
use crate::catalog::View;
use zonecast_core::classless::place;
use zonecast_core::derive::{DerivedClaim, claims_of};
use zonecast_core::host::parse_host_name;
use zonecast_core::{Host, HostAddress, Name, RecordType, ZoneState};
use zonecast_store::{HostRow, NewClaim, RecordRow};

/// What a host asks for: A and AAAA at its name, a PTR at each address. An address without an own
/// reverse name takes its pool's pattern, where the pool has one.
pub fn host_claims(row: &HostRow, view: &View) -> Vec<NewClaim> {
    let addresses = row.addresses.iter().map(|address| HostAddress {
        ip: address.ip,
        reverse_name: address.reverse_name.clone(),
        pool_name: view.pool_of(address.ip).and_then(|pool| {
            let pattern = pool.ptr_pattern.as_deref()?;
            parse_host_name(&fill(pattern, address.ip, Some(&row.fqdn))).ok()
        }),
    });
    let host = Host {
        fqdn: row.fqdn.clone(),
        addresses: addresses.collect(),
        ttl: row.ttl,
        address_policy: row.address_policy,
    };
    let claims = claims_of(&host).into_iter();
    let new = |claim: DerivedClaim| NewClaim {
        name: claim.name,
        data: claim.data,
        ttl: claim.ttl,
        zone_id: None,
        domain: None,
        derived: claim.derived,
    };
    claims.map(new).collect()
}

/// What a record asks for: each of its values at its name.
pub fn record_claims(row: &RecordRow) -> Vec<NewClaim> {
    let claim = |data: &zonecast_core::RecordData| NewClaim {
        name: row.name.clone(),
        data: data.clone(),
        ttl: row.ttl,
        zone_id: row.zone_id,
        domain: None,
        derived: false,
    };
    row.values.iter().map(claim).collect()
}

/// One place a claim goes to.
pub struct Place {
    /// The zone.
    pub zone_id: i64,
    /// The name inside the zone.
    pub name: Name,
    /// The zone holds a CNAME to this name there instead of the claim's data.
    pub cname: Option<Name>,
}

/// Every place a name and type goes to: all matching zones, the one zone it is for, or as a record of
/// this hosted domain.
pub fn places<'a>(
    view: &'a View,
    name: &'a Name,
    rtype: RecordType,
    zone_id: Option<i64>,
    domain: Option<&'a Name>,
) -> impl Iterator<Item = Place> + 'a {
    // The one zone is taken even where it would not match by itself (a shallower one under `longest`).
    let here = zone_id.and_then(|id| view.zone(id)).filter(|entry| entry.row.state != ZoneState::Deleting);
    let only = here.map(|entry| Place { zone_id: entry.row.id, name: place(&entry.zone, name), cname: None });
    let all = zone_id.is_none().then(|| view.index.placements(name, rtype, domain));
    let all = all.into_iter().flatten().map(|placement| Place {
        zone_id: placement.zone.id.0,
        name: placement.name,
        cname: placement.cname,
    });
    only.into_iter().chain(all)
}

/// Every place a claim goes to.
pub fn places_of<'a>(view: &'a View, claim: &'a NewClaim) -> impl Iterator<Item = Place> + 'a {
    places(view, &claim.name, claim.data.rtype(), claim.zone_id, claim.domain.as_ref())
}

/// Every (zone, name inside the zone) that these claims touch, each once.
pub fn touched<'a>(view: &View, claims: impl Iterator<Item = &'a NewClaim>) -> Vec<(i64, Name)> {
    let mut touched = Vec::new();
    let mut last: Option<(&Name, RecordType, Option<i64>, &Option<Name>)> = None;
    for claim in claims {
        let key = (&claim.name, claim.data.rtype(), claim.zone_id, &claim.domain);
        // Claims of one owner come name by name, so most repeats are neighbours.
        if last.replace(key) == Some(key) {
            continue;
        }
        touched.extend(places_of(view, claim).map(|place| (place.zone_id, place.name)));
    }
    touched.sort_unstable();
    touched.dedup();
    touched
}
