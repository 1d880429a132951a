//! Writing where every set is a call of its own.
//!
//! Sets come and change before others go, so a rename never leaves a gap. Where a CNAME comes or
//! goes, what stands at the name goes first; if what comes is refused then, it is put back.

use super::Refused;
use crate::hand::{Blame, Ended, Hand, Refusal, Service, Unit};
use crate::{Outcome, ProviderError, ZoneRef};
use async_trait::async_trait;
use zonecast_core::{Capabilities, Change, Name, Observed, ObservedRRset, RecordType};

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
    let calls = Calls { writer, zone, seen };
    Hand::new(&calls, (zone, limits.clone()), seen, changes, |_| None).write().await
}

/// One write, a call for each set.
struct Calls<'a> {
    writer: &'a dyn WriteSets,
    zone: &'a ZoneRef,
    seen: &'a Observed,
}

#[async_trait]
impl Service for Calls<'_> {
    type Piece = Vec<Change>;

    fn piece(&self, _seen: &Observed, together: &[&Change]) -> Result<Vec<Change>, String> {
        let mut changes: Vec<Change> = together.iter().copied().cloned().collect();
        // What goes makes room for a CNAME, or after one; else it waits for what comes.
        let swap = is_swap(together);
        changes.sort_by_key(|change| matches!(change, Change::Delete(_)) != swap);
        Ok(changes)
    }

    fn weight(&self, _changes: &Vec<Change>) -> [usize; 2] {
        [1, 0]
    }

    fn room(&self) -> [usize; 2] {
        [1, 0]
    }

    async fn look(&self, _names: &[Name]) -> Result<Observed, ProviderError> {
        Ok(self.seen.clone())
    }

    async fn send(&self, batch: &[Unit<Vec<Change>>]) -> Ended {
        let changes: Vec<&Change> = batch.iter().flat_map(|unit| &unit.piece).collect();
        let ended = match is_swap(&changes) {
            true => self.writer.swap(self.zone, self.seen, &changes).await,
            false => self.each(&changes).await,
        };
        ended.map(|()| Vec::new()).map_err(|refused| {
            let blame = if refused.is_about_a_record() { Blame::Something } else { Blame::Service };
            Refusal { error: refused.error, unknown: refused.unknown, blame }
        })
    }
}

impl Calls<'_> {
    async fn each(&self, changes: &[&Change]) -> Result<(), Refused> {
        for change in changes {
            let present = self.seen.get(change.name(), change.rtype());
            self.writer.write_set(self.zone, change, present).await?;
        }
        Ok(())
    }
}

fn is_swap(together: &[&Change]) -> bool {
    together.len() > 1 && together.iter().any(|change| change.rtype() == RecordType::CNAME)
}
