//! Deleted and made again in one call, as a zone may ask for (X9).

use super::stage::Stage;
use super::states::{Play, TTL, ZONE, set};
use crate::Outcome;
use zonecast_core::{Change, RRset, RecordType};

/// "Set DNS records" where a zone asks for a literal delete and create (S2.33, X9): both steps stand in
/// one call, in this order, and what is made again is what was there. Whoever judges the second step by
/// what stood there before the first takes it for done, and the name is empty. Twice in a row, as that
/// is how it was found, and with somebody else's value in the set, which must never be away.
pub(super) async fn gone_and_made_again(stage: &dyn Stage) {
    let mut play = Play::begin(stage, ZONE).await;
    let owner = "again.story.test";
    let (one, two) = (set(owner, RecordType::A, &["192.0.2.1"]), set(owner, RecordType::A, &["192.0.2.2"]));
    let beside = set("beside.story.test", RecordType::A, &["198.51.100.9"]);
    play.foreign("beside.story.test", RecordType::A, TTL, &["198.51.100.9"]).await;
    play.becomes(&[one.clone(), beside.clone()]).await;
    for (old, new) in [(&one, &one), (&one, &one), (&one, &two), (&two, &one)] {
        let steps = [Change::Delete(old.clone()), Change::Create(new.clone())];
        carry_out(&mut play, &steps, &[new.clone(), beside.clone()]).await;
    }
    play.foreign(owner, RecordType::A, TTL, &["192.0.2.1", "198.51.100.1"]).await;
    let theirs = set(owner, RecordType::A, &["198.51.100.1"]);
    let both = set(owner, RecordType::A, &["192.0.2.1", "198.51.100.1"]);
    let (out, back) = (
        Change::Replace { old: both.clone(), new: theirs.clone() },
        Change::Replace { old: theirs, new: both.clone() },
    );
    for _ in ["once", "twice"] {
        carry_out(&mut play, &[out.clone(), back.clone()], &[both.clone(), beside.clone()]).await;
    }
    let steps = [Change::Delete(both.clone()), Change::Create(both.clone())];
    carry_out(&mut play, &steps, &[both, beside]).await;
}

async fn carry_out(play: &mut Play<'_>, steps: &[Change], wanted: &[RRset]) {
    let seen = play.read().await;
    let outcomes = play.apply(&seen, steps).await;
    assert!(outcomes.iter().all(|outcome| *outcome == Outcome::Done), "{steps:?}: {outcomes:?}");
    play.is(wanted).await;
}
