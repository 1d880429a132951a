//! What may be sent, and what is said of what was found instead. Nothing here talks to anybody.

use crate::{ErrorClass, ProviderError, ZoneRef};
use zonecast_core::{Change, Observed, RRset, RecordData, RecordType};

/// A message is at most 64 KB with its signature.
pub(super) const BYTES_MAX: usize = 60_000;

/// What is refused before anything is sent.
pub(super) fn refuse(zone: &ZoneRef, seen: &Observed, change: &Change) -> Option<ProviderError> {
    let (name, rtype) = (change.name(), change.rtype());
    let at_apex = *name == zone.name;
    let reason = if !name.is_within(&zone.name) {
        "the name is not within the zone"
    } else if rtype.is_dnssec_made() {
        "a signer makes these records"
    } else if rtype == RecordType::SOA {
        "the SOA is the server's own"
    } else if at_apex && rtype == RecordType::NS && change.after().is_none() {
        "a zone without its NS does not answer any more"
    } else if at_apex && rtype == RecordType::CNAME && change.after().is_some() {
        "a CNAME cannot stand at the zone's own name, beside SOA and NS"
    } else if change.after().is_some_and(|set| set.values.is_empty()) {
        "the set has no values"
    } else if rtype == RecordType::CNAME && change.after().is_some_and(|set| set.values.len() > 1) {
        "a name has one CNAME only"
    } else if seen.get(name, rtype).is_some_and(|set| set.opaque) {
        "what is there cannot be written back unaltered"
    } else if weight(change) > BYTES_MAX - 1_000 {
        "the set does not fit into one message"
    } else {
        return None;
    };
    Some(ProviderError::new(ErrorClass::Rejected, format!("{name} {rtype} in {}: {reason}", zone.name)))
}

/// Bytes of a change in a message at most: prerequisites, deletions, additions.
fn weight(change: &Change) -> usize {
    let set = |set: &RRset| -> usize {
        set.values.iter().map(|value| value.wire().len() + 12 + set.name.wire_len()).sum()
    };
    2 * change.before().map_or(0, set) + change.after().map_or(0, set)
}

/// Whether it brings an address.
pub(super) fn adds_address(change: &Change) -> bool {
    change.after().is_some_and(|set| matches!(set.rtype, RecordType::A | RecordType::AAAA))
}

/// What stands where a change was to be made.
pub(super) enum Found {
    AsWanted,
    AsBefore,
    Changed(String),
    /// A type that cannot stand beside it.
    Blocked(String),
}

/// Compares what stands there now with a change of its unit.
pub(super) fn found(now: &Observed, change: &Change, changes: &[Change], unit: &[usize]) -> Found {
    let set = now.get(change.name(), change.rtype());
    let values: Option<Vec<&RecordData>> = set.map(|set| {
        let mut values: Vec<&RecordData> = set.values.iter().map(|value| &value.data).collect();
        values.sort_unstable();
        values
    });
    let is = |wanted: Option<&RRset>| match (&values, wanted) {
        (None, None) => true,
        (Some(values), Some(wanted)) => values.iter().copied().eq(wanted.values.iter()),
        _ => false,
    };
    let same_ttl = change.after().is_none_or(|after| set.is_some_and(|set| set.ttl == after.ttl));
    if is(change.after()) && same_ttl {
        return Found::AsWanted;
    }
    if !is(change.before()) {
        return Found::Changed("somebody else changed it since it was read".to_owned());
    }
    let goes = |rtype| {
        unit.iter().any(|index| changes[*index].rtype() == rtype && changes[*index].after().is_none())
    };
    let is_cname = change.rtype() == RecordType::CNAME;
    let other = now.at(change.name()).iter().find(|set| {
        set.rtype != change.rtype() && (is_cname || set.rtype == RecordType::CNAME) && !goes(set.rtype)
    });
    match other {
        Some(other) if change.after().is_some() => {
            Found::Blocked(format!("{} stands there, and a CNAME stands alone at its name", other.rtype))
        }
        _ => Found::AsBefore,
    }
}
