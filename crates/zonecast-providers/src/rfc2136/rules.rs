//! What dynamic updates cannot carry. Nothing here talks to anybody.

use crate::vet::about;
use crate::{ErrorClass, ProviderError, ZoneRef};
use zonecast_core::{Change, RRset, RecordType};

/// A message is at most 64 KB with its signature.
pub(super) const BYTES_MAX: usize = 60_000;

/// What is refused before anything is sent.
pub(super) fn refuse(zone: &ZoneRef, change: &Change) -> Option<ProviderError> {
    let (at_apex, rtype) = (*change.name() == zone.name, change.rtype());
    let cname = change.after().filter(|_| rtype == RecordType::CNAME);
    let reason = if rtype == RecordType::SOA {
        "the SOA is the server's own"
    } else if at_apex && cname.is_some() {
        "a CNAME cannot stand at the zone's own name, beside SOA and NS"
    } else if cname.is_some_and(|set| set.values.len() > 1) {
        "a name has one CNAME only"
    } else if weight(change) > BYTES_MAX - 1_000 {
        "the set does not fit into one message"
    } else {
        return None;
    };
    Some(about(zone, change, ErrorClass::Rejected, reason))
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
