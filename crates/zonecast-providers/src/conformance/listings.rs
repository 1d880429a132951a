//! Chapters about what an answer leaves out: of a zone that is longer than one answer, of odd records, and
//! where nothing is left to be told.

use super::stage::{Odd, Pages, Stage};
use super::states::{Play, TTL, ZONE, name, plain, set};
use crate::{ErrorClass, Outcome, ProviderError};
use zonecast_core::{Change, Name, Observed, RRset, RecordType, Whole};

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

/// One record is odd: a `null` or a number stands where a text was expected, or its type is a word of
/// the service's own. It is somebody's all the same: shown as it came, in a set that nobody writes to;
/// the zone around it goes on.
pub(super) async fn one_odd_record_hides_itself_alone(stage: &dyn Stage) {
    let mut play = Play::begin(stage, ZONE).await;
    for (way, at) in [(Odd::NoText, "odd.story.test"), (Odd::OwnType, "own.story.test")] {
        if let Some(said) = stage.put_odd(&play.zone.name, &name(at), way).await {
            hides_itself_alone(&mut play, at, said).await;
            let seen = play.read().await;
            let ours = Change::Create(set(at, RecordType::A, &["192.0.2.9"]));
            if way == Odd::NoText {
                let outcomes = play.apply(&seen, &[ours]).await;
                assert!(matches!(&outcomes[..], [Outcome::Failed(_)]), "nobody writes there: {outcomes:?}");
            }
        }
    }
}

/// What stands `at` this name is seen, in these words, and its neighbour is written and read as ever.
async fn hides_itself_alone(play: &mut Play<'_>, at: &str, said: &str) {
    let odd = name(at);
    let www = set(&format!("by.{at}"), RecordType::A, &["192.0.2.1"]);
    play.watch(at);
    let outcomes = play.push(std::slice::from_ref(&www)).await;
    assert!(outcomes.iter().all(|outcome| *outcome == Outcome::Done), "the zone around it: {outcomes:?}");
    let provider = play.stage.provider();
    let names = [odd.clone(), www.name.clone()];
    let many: Vec<Name> =
        (0..9).map(|n| name(&format!("h{n}.story.test"))).chain(names.iter().cloned()).collect();
    for found in [
        provider.list(&play.zone).await,
        provider.read(&play.zone, &names).await,
        provider.read(&play.zone, &many).await,
    ] {
        let found = found.unwrap_or_else(|error| panic!("{error}"));
        assert!(plain(&found).contains(&www), "{found:?}");
        let hidden = found.at(&odd).iter().find(|set| set.opaque);
        let words = hidden.map(|set| set.unread.concat()).unwrap_or_default();
        assert!(words.contains(said), "{said:?} is not told: {words:?} in {found:?}");
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

/// Somebody deletes everything we wrote. That is an answer and no error, it shows itself as what it is in
/// the way the capability says, and what is wanted comes back.
pub(super) async fn nothing_is_there_any_more(stage: &dyn Stage) {
    let mut play = Play::begin(stage, ZONE).await;
    let one = set("one.story.test", RecordType::A, &["192.0.2.1"]);
    let two = set("two.story.test", RecordType::A, &["192.0.2.2"]);
    play.becomes(&[one.clone(), two.clone()]).await;
    play.foreign("one.story.test", RecordType::A, TTL, &[]).await;
    let seen: Vec<Name> = play.read().await.rrsets.into_iter().map(|set| set.name).collect();
    assert_eq!(seen, [name("two.story.test")], "a witness tells that the answer is whole");
    play.foreign("two.story.test", RecordType::A, TTL, &[]).await;
    assert_eq!(play.read().await.rrsets, [], "an answer, and no error");
    if stage.provider().capabilities().whole == Whole::Apex {
        let names = [name(ZONE), name("one.story.test"), name("two.story.test")];
        let apex = stage.provider().read(&play.zone, &names).await.unwrap_or_else(|error| panic!("{error}"));
        assert!(!apex.rrsets.is_empty() && apex.rrsets.iter().all(|set| set.name == names[0]));
    }
    play.becomes(&[one, two]).await;
}
