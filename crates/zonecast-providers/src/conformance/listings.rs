//! Chapters about reading a zone that is longer than one answer.

use super::stage::{Pages, Stage};
use super::states::{Play, TTL, ZONE, name, plain};
use crate::{ErrorClass, ProviderError};
use zonecast_core::{Name, Observed, RRset, RecordType};

/// What half a listing leaves out is taken for free, and somebody's record is overwritten: six of them
/// at a service that gave 100 where 500 were asked for. A listing is whole, or it is an error that
/// passes. A record that somebody adds meanwhile may be in it or not; those that stood there all the
/// time are.
pub(super) async fn half_a_listing_is_none(stage: &dyn Stage) {
    if !stage.cut(&name(ZONE), Pages::Honest).await {
        return;
    }
    let ways = [Pages::Honest, Pages::Capped, Pages::Short, Pages::WrongTotal, Pages::Repeated];
    for pages in [&ways[..], &[Pages::Grows, Pages::Shrinks]].concat() {
        for count in [5, 50] {
            let zone = format!("{pages:?}-{count}.{ZONE}");
            let play = Play::begin(stage, &zone).await;
            let names: Vec<Name> = (0..count).map(|n| name(&format!("h{n}.{zone}"))).collect();
            for owner in &names {
                play.foreign(&owner.to_string(), RecordType::A, TTL, &["198.51.100.1"]).await;
            }
            let provider = stage.provider();
            for way in ["list", "read"] {
                if !stage.cut(&play.zone.name, pages).await {
                    continue;
                }
                let found = match way {
                    "list" => provider.list(&play.zone).await,
                    _ => provider.read(&play.zone, &names).await,
                };
                let situation = format!("{way} of {count}, {pages:?}");
                match pages {
                    Pages::Honest | Pages::Capped | Pages::Short => {
                        assert!(found.is_ok(), "{situation}: {found:?}")
                    }
                    Pages::WrongTotal => assert!(found.is_err(), "{situation}: {found:?}"),
                    Pages::Repeated | Pages::Grows | Pages::Shrinks => {}
                }
                check(&found, &names, &stage.zone(&play.zone.name).await, &situation);
            }
        }
    }
}

/// What was found has all that `stands`, or is an error that passes.
fn check(found: &Result<Observed, ProviderError>, names: &[Name], stands: &[RRset], situation: &str) {
    match found {
        Ok(found) => {
            let there = |sets: &[RRset], owner: &Name| sets.iter().any(|set| set.name == *owner);
            let found = plain(found);
            let missed: Vec<&Name> =
                names.iter().filter(|owner| there(stands, owner) && !there(&found, owner)).collect();
            assert!(missed.is_empty(), "{situation}: {} sets are not seen: {missed:?}", missed.len());
        }
        Err(error) => {
            assert_eq!(error.class, ErrorClass::Transient, "{situation}: {error}");
            assert!(error.message.contains(ZONE), "{situation}: {error}");
        }
    }
}
