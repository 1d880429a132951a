//! Writing where every set is a call of its own.
//!
//! Sets come and change before others go, so a rename never leaves a gap. Where a CNAME comes or
//! goes, what stands at the name goes first; if what comes is refused then, it is put back.

use super::Refused;
use crate::vet::{about, clashes, never_sent, refuse};
use crate::{ErrorClass, Outcome, ProviderError, ZoneRef};
use async_trait::async_trait;
use zonecast_core::{Capabilities, Change, Observed, ObservedRRset, RecordType};

/// A service that takes one set in one call, or in a few.
#[async_trait]
pub(crate) trait WriteSets: Sync {
    /// Makes one change. Deleting what is gone and creating what is there is done.
    async fn write_set(
        &self,
        zone: &ZoneRef,
        change: &Change,
        present: Option<&ObservedRRset>,
    ) -> Result<(), Refused>;

    /// Makes all changes at a name where a CNAME comes or goes; deletions stand first.
    async fn swap(&self, zone: &ZoneRef, seen: &Observed, swap: &Swap<'_>) -> Result<(), Refused>;
}

/// A swap for services that cannot do it in one call.
pub(crate) async fn swap_in_steps(
    writer: &dyn WriteSets,
    zone: &ZoneRef,
    seen: &Observed,
    swap: &Swap<'_>,
) -> Result<(), Refused> {
    let mut gone: Vec<&Change> = Vec::new();
    for change in swap {
        let present = seen.get(change.name(), change.rtype());
        match writer.write_set(zone, change, present).await {
            Ok(()) if matches!(change, Change::Delete(_)) => gone.push(change),
            Ok(()) => {}
            Err(mut refused) => {
                if !refused.unknown {
                    put_back(writer, zone, &gone, &mut refused.error).await;
                }
                return Err(refused);
            }
        }
    }
    Ok(())
}

/// Restores sets that made room for one that was refused.
async fn put_back(writer: &dyn WriteSets, zone: &ZoneRef, gone: &[&Change], error: &mut ProviderError) {
    for before in gone.iter().filter_map(|change| change.before()) {
        let words = match writer.write_set(zone, &Change::Create(before.clone()), None).await {
            Ok(()) => format!("; {} stands as before", before.rtype),
            Err(refused) => format!("; and {} could not be put back: {}", before.rtype, refused.error),
        };
        error.message.push_str(&words);
    }
}

/// All changes at one name, deletions first.
pub(crate) type Swap<'a> = [&'a Change];

/// Sends `changes`; exactly one outcome for each, in order. A refused one does not stop the others,
/// what the others would meet as well does.
pub(crate) async fn one_by_one(
    writer: &dyn WriteSets,
    limits: &Capabilities,
    zone: &ZoneRef,
    seen: &Observed,
    changes: &[Change],
) -> Vec<Outcome> {
    let mut outcomes: Vec<Option<Outcome>> =
        changes.iter().map(|change| refuse(zone, limits, seen, change).map(Outcome::Failed)).collect();
    let open: Vec<usize> = (0..changes.len()).filter(|at| outcomes[*at].is_none()).collect();
    let mut given_up: Option<ProviderError> = None;
    for unit in units(changes, open) {
        let ended = match (&given_up, &unit[..]) {
            (Some(error), _) => Err(Refused::local(error.class.clone(), never_sent(error).message)),
            (None, [at]) => {
                let change = &changes[*at];
                writer.write_set(zone, change, seen.get(change.name(), change.rtype())).await
            }
            (None, several) => {
                let swap: Vec<&Change> = several.iter().map(|at| &changes[*at]).collect();
                writer.swap(zone, seen, &swap).await
            }
        };
        if let Err(refused) = &ended
            && given_up.is_none()
            && !refused.is_about_a_record()
        {
            given_up = Some(refused.error.clone());
        }
        for at in &unit {
            outcomes[*at] = Some(match &ended {
                Ok(()) => Outcome::Done,
                Err(refused) => named(zone, seen, changes, &unit, *at, refused),
            });
        }
    }
    outcomes.into_iter().map(|outcome| outcome.unwrap_or(Outcome::Done)).collect()
}

/// The outcome of a change of `unit` that was not taken, with its name where it is to blame.
pub(crate) fn named(
    zone: &ZoneRef,
    seen: &Observed,
    changes: &[Change],
    unit: &[usize],
    at: usize,
    refused: &Refused,
) -> Outcome {
    if !refused.is_about_a_record() {
        return refused.clone().into_outcome();
    }
    let together: Vec<&Change> = unit.iter().map(|at| &changes[*at]).collect();
    let known = together.iter().any(|change| clashes(seen, change, &together));
    let class = match refused.error.class {
        // It was known when the change was planned: planning again does not help.
        ErrorClass::Conflict if known => ErrorClass::Rejected,
        ref class => class.clone(),
    };
    let mut error = about(zone, &changes[at], class, &refused.error.message);
    error.culprit = Some(at);
    Outcome::Failed(error)
}

/// Changes that are made together, in the order to make them: what comes or changes, swaps, what goes.
pub(crate) fn units(changes: &[Change], mut open: Vec<usize>) -> Vec<Vec<usize>> {
    open.sort_by(|a, b| changes[*a].name().cmp(changes[*b].name()));
    let (mut units, mut last): (Vec<Vec<usize>>, Vec<Vec<usize>>) = (Vec::new(), Vec::new());
    for chunk in open.chunk_by(|a, b| changes[*a].name() == changes[*b].name()) {
        let is_delete = |at: &usize| matches!(changes[*at], Change::Delete(_));
        let (mut goes, comes): (Vec<usize>, Vec<usize>) = chunk.iter().partition(|at| is_delete(at));
        let swap = chunk.iter().any(|at| changes[*at].rtype() == RecordType::CNAME);
        if swap && !goes.is_empty() && !comes.is_empty() {
            goes.extend(comes);
            units.push(goes);
        } else {
            units.extend(comes.into_iter().map(|at| vec![at]));
            last.extend(goes.into_iter().map(|at| vec![at]));
        }
    }
    units.extend(last);
    units
}

#[cfg(test)]
mod tests {
    use super::*;
    use zonecast_core::{Name, RRset, RecordData, Ttl};

    #[test]
    fn what_goes_waits_for_what_comes_unless_it_makes_room() {
        let set = |name: &str, rtype: RecordType, value: &str| {
            let value = RecordData::parse(rtype, value).unwrap();
            RRset::new(Name::parse(name).unwrap(), rtype, Ttl::DEFAULT, vec![value])
        };
        let changes = [
            Change::Delete(set("a.example", RecordType::A, "192.0.2.1")),
            Change::Create(set("b.example", RecordType::CNAME, "x.example")),
            Change::Delete(set("b.example", RecordType::A, "192.0.2.1")),
            Change::Create(set("c.example", RecordType::A, "192.0.2.1")),
        ];
        assert_eq!(units(&changes, vec![0, 1, 2, 3]), [vec![2, 1], vec![3], vec![0]]);
    }
}
