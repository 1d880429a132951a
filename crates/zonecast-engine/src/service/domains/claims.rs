//! Which claims a domain makes, and when it makes any.

use crate::settings::DomainOptions;
use zonecast_core::{Name, OwnerState, RecordType};
use zonecast_store::{DomainRow, NewClaim};

/// A subdomain whose records are its parent's: it has no set of its own (S4.48, S4.52).
pub(super) const IN_PARENT: &str = "subdomain_in_parent";

/// SOA and the NS of the apex, which are the server's own unless somebody asks.
pub fn is_apex_data(domain: &Name, name: &Name, rtype: RecordType) -> bool {
    rtype == RecordType::SOA || (rtype == RecordType::NS && name == domain)
}

/// Everything the domain's set asks for. SOA never is a claim, since its serial is the server's; the
/// NS of the apex are only where they are managed.
pub fn domain_claims(row: &DomainRow) -> Vec<NewClaim> {
    let options = DomainOptions::of(row);
    let mut claims = Vec::with_capacity(row.records.len());
    for set in &row.records {
        let apex = is_apex_data(&row.name, &set.name, set.rtype);
        if apex && !(options.manage_ns_soa && set.rtype == RecordType::NS) {
            continue;
        }
        claims.extend(set.values.iter().map(|data| NewClaim {
            name: set.name.clone(),
            data: data.clone(),
            ttl: set.ttl.or(row.ttl),
            zone_id: None,
            domain: Some(row.name.clone()),
            derived: false,
        }));
    }
    claims
}

/// The claims a domain shall have, given those it has; notes in the row when its set is let out.
///
/// ```text
/// state       never let out         let out before
/// active      the set               the set
/// disabled    nothing (S4.60)       the set (S4.75)
/// suspended   nothing (S4.61)       the set (S4.77)
/// secondary   nothing (S4.64)       what stands (S4.65)
/// dns_off     nothing (S4.58)       what stands
/// ```
pub(super) fn in_force(row: &mut DomainRow, held: &[NewClaim]) -> Vec<NewClaim> {
    let out = match row.state {
        _ if row.kind == IN_PARENT => false,
        OwnerState::Active => true,
        OwnerState::Disabled | OwnerState::Suspended => row.synced,
        _ => return held.to_vec(),
    };
    if !out {
        return Vec::new();
    }
    row.synced = true;
    domain_claims(row)
}

/// Why the domain's zone cannot be synchronised now, if it cannot.
pub(super) fn why_not(row: &DomainRow) -> Option<String> {
    let name = row.name.unicode();
    match row.state {
        _ if row.kind == IN_PARENT => {
            let parent = row.name.parent().map(|parent| parent.unicode()).unwrap_or_default();
            Some(format!("{name} has no zone of its own: its records are in the zone of {parent}"))
        }
        OwnerState::Secondary => {
            Some(format!("{name} is secondary: its records are never written from here"))
        }
        OwnerState::DnsOff => {
            Some(format!("the DNS of {name} is switched off: its records stay as they are"))
        }
        OwnerState::Deleting => Some(format!("{name} is being removed")),
        state @ (OwnerState::Disabled | OwnerState::Suspended) if !row.synced => {
            Some(format!("{name} is {state} and was never synchronised: enable it first"))
        }
        _ => None,
    }
}
