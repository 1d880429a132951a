//! What no service is asked to do, whoever asks: refused before anything is sent.

use crate::{ErrorClass, ProviderError, ZoneRef};
use zonecast_core::{Capabilities, Change, Name, Observed, RecordType};

/// Why a change is not sent at all.
pub(crate) fn refuse(
    zone: &ZoneRef,
    limits: &Capabilities,
    seen: &Observed,
    change: &Change,
) -> Option<ProviderError> {
    let (name, rtype) = (change.name(), change.rtype());
    let rejected = |words: &str| Some(about(zone, change, ErrorClass::Rejected, words));
    if !name.is_within(&zone.name) {
        return rejected(&format!("the name is not within {}", zone.name));
    }
    if rtype.is_dnssec_made() {
        return rejected("a signer makes these records");
    }
    if matches!(change, Change::Delete(_)) && is_vital(zone, name, rtype) {
        return rejected(&format!("a zone without its {rtype} does not answer any more"));
    }
    if change.after().is_some_and(|set| set.values.is_empty()) {
        return rejected("the set has no values");
    }
    if seen.get(name, rtype).is_some_and(|set| set.opaque) {
        return rejected("what is there cannot be written back unaltered");
    }
    let words = change.after().and_then(|set| limits.check(set).err())?;
    Some(about(zone, change, ErrorClass::Unsupported, &words))
}

/// SOA and the NS set of the zone itself.
pub(crate) fn is_vital(zone: &ZoneRef, name: &Name, rtype: RecordType) -> bool {
    *name == zone.name && matches!(rtype, RecordType::SOA | RecordType::NS)
}

/// Whether what stands at the name forbids the new set: a CNAME suffers nobody beside it. Sets that
/// go in the same call do not count.
pub(crate) fn clashes(seen: &Observed, change: &Change, together: &[&Change]) -> bool {
    let Some(after) = change.after() else { return false };
    let goes = |rtype: RecordType| {
        together.iter().any(|other| matches!(other, Change::Delete(set) if set.rtype == rtype))
    };
    seen.at(&after.name).iter().any(|there| {
        there.rtype != after.rtype
            && (there.rtype == RecordType::CNAME || after.rtype == RecordType::CNAME)
            && !goes(there.rtype)
    })
}

/// An error about one change, with its name, type and zone.
pub(crate) fn about(zone: &ZoneRef, change: &Change, class: ErrorClass, words: &str) -> ProviderError {
    ProviderError::new(class, format!("{} {} in {}: {words}", change.name(), change.rtype(), zone.name))
}

/// The error of what was not sent because the call before it failed.
pub(crate) fn never_sent(error: &ProviderError) -> ProviderError {
    ProviderError::new(error.class.clone(), format!("not sent, as the call before failed: {}", error.message))
}
