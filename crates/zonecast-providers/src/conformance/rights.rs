//! What a key may do, and what is said of it.

use super::stage::{Stage, Trouble};
use super::states::{Play, ZONE, set};
use crate::Outcome;
use zonecast_core::{Change, RecordType};

/// Test is green where the work goes, and only there: a key that may see a zone and not its records is
/// found by it, and one that lacks a nicety works.
pub(super) async fn test_does_what_the_work_does(stage: &dyn Stage) {
    let mut play = Play::begin(stage, ZONE).await;
    let report = crate::test_whole(stage.provider().as_ref(), &play.zone).await;
    assert!(report.ok, "{report:?}");
    let one = set("www.story.test", RecordType::A, &["192.0.2.1"]);
    if let Some(narrow) = stage.broken(Trouble::NicetyRefused).await {
        let names = [one.name.clone()];
        let seen = narrow.read(&play.zone, &names).await.unwrap_or_else(|error| panic!("reading: {error}"));
        let outcomes = narrow.apply(&play.zone, &seen, &[Change::Create(one.clone())]).await;
        assert_eq!(outcomes, [Outcome::Done], "writing");
        narrow.list(&play.zone).await.unwrap_or_else(|error| panic!("listing: {error}"));
        let report = crate::test_whole(narrow.as_ref(), &play.zone).await;
        assert!(report.ok && report.authorised && report.can_write, "{report:?}");
        play.is(std::slice::from_ref(&one)).await;
    }
    if let Some(blind) = stage.broken(Trouble::ReadRefused).await {
        let error =
            blind.read(&play.zone, std::slice::from_ref(&one.name)).await.expect_err("it may not read");
        assert!(error.class.is_refusal(), "{error:?}");
        let report = crate::test_whole(blind.as_ref(), &play.zone).await;
        assert!(!report.ok && !report.message.is_empty(), "{report:?}");
    }
}
