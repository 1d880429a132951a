//! The chapters, easiest first.

use super::again::gone_and_made_again;
use super::listings::{half_a_listing_is_none, nothing_is_there_any_more, one_odd_record_hides_itself_alone};
use super::rights::test_does_what_the_work_does;
use super::stage::{Looked, Stage, Trouble};
use super::states::{Play, TTL, ZONE, name, plain, seconds, set, with_ttl};
use crate::{ErrorClass, Outcome, ZoneRef};
use futures_util::future::BoxFuture;
use std::time::Duration;
use zonecast_core::{Change, Guard, Name, RRset, RecordData, RecordType};

/// One chapter: its title, and the tale. A tale panics where the service is not true to it.
pub struct Chapter {
    /// The name to leave it out by.
    pub title: &'static str,
    /// Tells it on a stage.
    pub tell: for<'a> fn(&'a dyn Stage) -> BoxFuture<'a, ()>,
}

macro_rules! chapters {
    ($($title:ident),* $(,)?) => {
        /// All chapters, in the order to mend them.
        pub const CHAPTERS: &[Chapter] =
            &[$(Chapter { title: stringify!($title), tell: |stage| Box::pin($title(stage)) }),*];
    };
}

chapters![
    an_empty_zone,
    come_and_go,
    many_values_then_fewer,
    only_the_ttl_changes,
    cname_gives_way_and_comes_back,
    neighbours_stay,
    foreign_values_keep_their_spelling,
    long_and_odd_texts,
    texts_cut_by_hand,
    wildcard,
    national_names,
    apex,
    reverse_zones_and_empty_non_terminals,
    many_types,
    five_hundred_values,
    every_change_twice,
    gone_and_made_again,
    one_bad_among_a_hundred,
    more_than_one_batch,
    half_a_listing_is_none,
    one_odd_record_hides_itself_alone,
    a_foreign_write_in_between,
    nothing_is_there_any_more,
    answer_lost,
    failures_are_told_apart,
    test_does_what_the_work_does,
];

/// Nothing is there, and nothing is to be done. If this fails, look at zone ids and credentials.
async fn an_empty_zone(stage: &dyn Stage) {
    let mut play = Play::begin(stage, ZONE).await;
    play.becomes(&[]).await;
    assert_eq!(play.ask("www.story.test", RecordType::A).await, Looked::NxDomain);
    let report = stage.provider().test(&play.zone).await;
    assert!(report.ok && report.can_write, "{report:?}");
    assert_ne!(
        stage.provider().physical_id(&play.zone),
        stage.provider().physical_id(&ZoneRef::new(name("other.test"))),
        "two zones, two identities"
    );
}

/// A record comes, changes, and goes.
async fn come_and_go(stage: &dyn Stage) {
    let mut play = Play::begin(stage, ZONE).await;
    play.becomes(&[set("www.story.test", RecordType::A, &["192.0.2.1"])]).await;
    play.becomes(&[set("www.story.test", RecordType::A, &["192.0.2.2"])]).await;
    play.becomes(&[
        set("www.story.test", RecordType::A, &["192.0.2.2"]),
        set("www.story.test", RecordType::AAAA, &["2001:db8::2"]),
        set("deep.er.story.test", RecordType::A, &["192.0.2.3"]),
    ])
    .await;
    assert_eq!(play.ask("er.story.test", RecordType::A).await, Looked::NoData, "an empty non-terminal");
    play.becomes(&[]).await;
    assert_eq!(play.ask("www.story.test", RecordType::A).await, Looked::NxDomain);
}

/// Sets grow and shrink as wholes: an adapter that adds without removing is found here.
async fn many_values_then_fewer(stage: &dyn Stage) {
    let mut play = Play::begin(stage, ZONE).await;
    let owner = "many.story.test";
    play.becomes(&[set(owner, RecordType::A, &["192.0.2.1", "192.0.2.2", "192.0.2.3", "192.0.2.4"])]).await;
    play.becomes(&[set(owner, RecordType::A, &["192.0.2.2"])]).await;
    play.becomes(&[set(owner, RecordType::A, &["192.0.2.5", "192.0.2.2"])]).await;
    play.becomes(&[set(owner, RecordType::A, &["192.0.2.6"])]).await;
}

/// Same values, another TTL: services that key records by value forget it.
async fn only_the_ttl_changes(stage: &dyn Stage) {
    let mut play = Play::begin(stage, ZONE).await;
    let limits = stage.provider().capabilities();
    for ttl in [300, 3600, 60] {
        let ttl = limits.clamp(seconds(ttl)).seconds();
        play.becomes(&[with_ttl("t.story.test", RecordType::A, ttl, &["192.0.2.1", "192.0.2.2"])]).await;
    }
}

/// A CNAME suffers nobody beside it: what goes must go before what comes, and nobody may see the gap.
async fn cname_gives_way_and_comes_back(stage: &dyn Stage) {
    let mut play = Play::begin(stage, ZONE).await;
    let owner = "swap.story.test";
    let target = set("target.story.test", RecordType::A, &["192.0.2.9"]);
    play.becomes(&[set(owner, RecordType::CNAME, &["target.story.test"]), target.clone()]).await;
    play.becomes(&[set(owner, RecordType::A, &["192.0.2.1"]), target.clone()]).await;
    play.becomes(&[
        set(owner, RecordType::A, &["192.0.2.1"]),
        set(owner, RecordType::AAAA, &["2001:db8::1"]),
        target.clone(),
    ])
    .await;
    play.becomes(&[set(owner, RecordType::CNAME, &["target.story.test"]), target.clone()]).await;
    play.becomes(&[set(owner, RecordType::CNAME, &["elsewhere.example"]), target]).await;
}

/// Somebody else's records live next door, also in our own set. None of them may move.
async fn neighbours_stay(stage: &dyn Stage) {
    let mut play = Play::begin(stage, ZONE).await;
    let theirs = [
        set("ftp.story.test", RecordType::A, &["198.51.100.1"]),
        set("www.story.test", RecordType::TXT, &["theirs"]),
        set("story.test", RecordType::MX, &["10 mail.story.test"]),
    ];
    for (at, rtype, value) in [
        ("ftp.story.test", RecordType::A, "198.51.100.1"),
        ("www.story.test", RecordType::TXT, "\"theirs\""),
        ("story.test", RecordType::MX, "10 mail.story.test."),
    ] {
        play.foreign(at, rtype, TTL, &[value]).await;
    }
    for ours in ["192.0.2.1", "192.0.2.2"] {
        let ours = set("www.story.test", RecordType::A, &[ours]);
        play.becomes(&[&theirs[..], &[ours]].concat()).await;
    }
    // Their address joins ours with a TTL of its own; the whole set is written with it.
    play.foreign("www.story.test", RecordType::A, 2 * TTL, &["192.0.2.2", "198.51.100.2"]).await;
    let shared = with_ttl("www.story.test", RecordType::A, 2 * TTL, &["192.0.2.3", "198.51.100.2"]);
    play.becomes(&[&theirs[..], &[shared]].concat()).await;
    let left = with_ttl("www.story.test", RecordType::A, 2 * TTL, &["198.51.100.2"]);
    play.becomes(&[&theirs[..], &[left]].concat()).await;
    play.becomes(&theirs).await;
}

/// A neighbour in our set is written back as it was spelled. Services that normalise skip the end.
async fn foreign_values_keep_their_spelling(stage: &dyn Stage) {
    let mut play = Play::begin(stage, ZONE).await;
    let (owner, rtype) = ("Mixed.story.test", RecordType::MX);
    play.foreign(owner, rtype, TTL, &["10 MAIL.Story.Test."]).await;
    let wanted = set(owner, rtype, &["10 mail.story.test", "20 ours.story.test"]);
    play.becomes(&[wanted]).await;
    if let Some(spelling) = stage.spelling(&play.zone.name, &name(owner), rtype).await {
        assert!(spelling.contains(&"10 MAIL.Story.Test.".to_owned()), "{spelling:?}");
    }
}

/// Quotes, backslashes, bytes that are not ASCII, 4,096 bytes in one value: keys and policies.
async fn long_and_odd_texts(stage: &dyn Stage) {
    let mut play = Play::begin(stage, ZONE).await;
    let text = |owner: &str, bytes: &[u8]| {
        RRset::new(name(owner), RecordType::TXT, seconds(TTL), vec![RecordData::text(bytes)])
    };
    let most = stage.text_bytes_max().min(4096);
    let long: Vec<u8> = (0..most).map(|n| b"abc \"\\;$@()xyz"[n % 14]).collect();
    play.becomes_what_can_be(&[
        text("quote.story.test", br#"say "hi" \o/ ; not a comment"#),
        text("bytes.story.test", "grüße \u{1f600}".as_bytes()),
        text("control.story.test", b"tab\tnul\0del\x7f\xff"),
        text("spaces.story.test", b"  two  spaces  "),
        text("long.story.test", &long),
        text("dkim._domainkey.story.test", &b"v=DKIM1; p=".repeat(40)),
    ])
    .await;
    play.becomes_what_can_be(&[text("long.story.test", &long[1..])]).await;
}

/// Where a text is cut is part of its value (RFC 6763: two strings are two keys), whoever wrote it. A
/// service that cannot keep it says so, and nobody sees a difference there for ever.
async fn texts_cut_by_hand(stage: &dyn Stage) {
    let mut play = Play::begin(stage, ZONE).await;
    let texts = |values: &[&str]| set("cut.story.test", RecordType::TXT, values);
    let two = "\"path=/\" \"v=1\"";
    play.becomes(&[texts(&[two])]).await;
    play.becomes(&[texts(&["\"path=/v=1\""])]).await;
    play.becomes(&[texts(&["\"path=\" \"/v=1\"", two, "\"other\""])]).await;
    play.becomes(&[]).await;
    play.foreign("cut.story.test", RecordType::TXT, TTL, &[two]).await;
    play.becomes(&[texts(&[two])]).await;
    play.becomes(&[texts(&[two, "\"ours\""])]).await;
}

/// `*` is a label like any other, and answers for names nobody wrote.
async fn wildcard(stage: &dyn Stage) {
    let mut play = Play::begin(stage, ZONE).await;
    play.becomes(&[
        set("*.w.story.test", RecordType::A, &["192.0.2.1"]),
        set("exact.w.story.test", RecordType::A, &["192.0.2.2"]),
    ])
    .await;
    let anyone = set("anyone.w.story.test", RecordType::A, &["192.0.2.1"]);
    assert_eq!(play.ask("anyone.w.story.test", RecordType::A).await, Looked::Found(anyone));
    play.becomes(&[set("exact.w.story.test", RecordType::A, &["192.0.2.2"])]).await;
}

/// People write national script; the wire has A-labels.
async fn national_names(stage: &dyn Stage) {
    let mut play = Play::begin(stage, ZONE).await;
    play.becomes(&[
        set("bücher.story.test", RecordType::A, &["192.0.2.1"]),
        set("alias.story.test", RecordType::CNAME, &["xn--bcher-kva.story.test"]),
    ])
    .await;
    let ascii = set("xn--bcher-kva.story.test", RecordType::A, &["192.0.2.1"]);
    assert_eq!(play.ask("xn--bcher-kva.story.test", RecordType::A).await, Looked::Found(ascii));
}

/// The zone's own name holds records as well, beside SOA and NS, which stay whatever happens.
async fn apex(stage: &dyn Stage) {
    let mut play = Play::begin(stage, ZONE).await;
    let before = stage.ask(&play.zone.name, &play.zone.name, RecordType::NS).await;
    play.becomes(&[
        set("story.test", RecordType::A, &["192.0.2.1"]),
        set("story.test", RecordType::TXT, &["v=spf1 -all"]),
    ])
    .await;
    let seen = play.read().await;
    for rtype in [RecordType::SOA, RecordType::NS] {
        let held = plain(&seen).into_iter().find(|set| set.rtype == rtype && set.name == play.zone.name);
        let Some(held) = held else {
            assert!(!stage.shows_soa_and_apex_ns(), "the read leaves out {rtype} at the apex");
            continue;
        };
        let outcomes = play.apply(&seen, &[Change::Delete(held)]).await;
        let refused =
            matches!(&outcomes[..], [Outcome::Failed(error)] if error.class == ErrorClass::Rejected);
        assert!(refused, "deleting {rtype}: {outcomes:?}");
    }
    play.becomes(&[]).await;
    assert_eq!(stage.ask(&play.zone.name, &play.zone.name, RecordType::NS).await, before);
}

/// An IPv6 PTR has 31 names above it that hold nothing: each answers NODATA. NXDOMAIN there makes
/// resolvers believe that nothing is below (RFC 8020).
async fn reverse_zones_and_empty_non_terminals(stage: &dyn Stage) {
    let mut play = Play::begin(stage, "8.b.d.0.1.0.0.2.ip6.arpa").await;
    let host: std::net::IpAddr = [0x2001, 0xdb8, 0, 0, 0, 0, 0, 0x10].into();
    let owner = Name::reverse_of(host);
    let target = RecordData::single_name(RecordType::PTR, &name("mail.story.test"));
    let ptr = RRset::new(owner.clone(), RecordType::PTR, seconds(TTL), vec![target]);
    if stage.provider().capabilities().check(&ptr).is_err() {
        // No reverse zones here; that it says so is all that can be asked.
        assert!(play.becomes_what_can_be(&[ptr]).await.is_empty());
        return;
    }
    play.becomes(std::slice::from_ref(&ptr)).await;
    let ancestors = owner.up_to(&play.zone.name);
    for between in &ancestors[1..ancestors.len() - 1] {
        let found = stage.ask(&play.zone.name, between, RecordType::PTR).await;
        assert_eq!(found, Looked::NoData, "{between} exists, as something is below it");
    }
    play.becomes(&[]).await;
    assert_eq!(stage.ask(&play.zone.name, &ancestors[1], RecordType::PTR).await, Looked::NxDomain);

    let mut play = Play::begin(stage, "2.0.192.in-addr.arpa").await;
    play.becomes(&[set("10.2.0.192.in-addr.arpa", RecordType::PTR, &["mail.story.test"])]).await;
}

/// Every type that hosting needs, and one that nobody knows.
async fn many_types(stage: &dyn Stage) {
    let mut play = Play::begin(stage, ZONE).await;
    let rows: [(&str, u16, &[&str]); 9] = [
        ("mx.story.test", 15, &["10 mail.story.test", "20 backup.example"]),
        ("_sip._udp.story.test", 33, &["10 20 5060 sip.story.test"]),
        ("caa.story.test", 257, &["0 issue \"letsencrypt.org\"", "128 iodef \"mailto:a@story.test\""]),
        (
            "_443._tcp.story.test",
            52,
            &["3 1 1 00112233445566778899AABBCCDDEEFF00112233445566778899AABBCCDDEEFF"],
        ),
        ("sub.story.test", 2, &["ns1.sub.story.test", "ns.example"]),
        ("ns1.sub.story.test", 1, &["192.0.2.53"]),
        ("host.story.test", 28, &["2001:db8::1", "2001:db8:0:1::"]),
        ("https.story.test", 65, &["1 . alpn=h2"]),
        ("odd.story.test", 65280, &["\\# 3 0A0B0C"]),
    ];
    let limits = stage.provider().capabilities();
    let mut wanted: Vec<RRset> = Vec::new();
    for (owner, rtype, values) in rows {
        let one = set(owner, RecordType(rtype), values);
        if limits.check(&one).is_ok() {
            wanted.push(one);
        }
    }
    let outcomes = play.push(&wanted).await;
    assert!(outcomes.iter().all(|outcome| *outcome == Outcome::Done), "{outcomes:?}");
    let served = stage.zone(&play.zone.name).await;
    for one in &wanted {
        assert!(served.contains(one), "{one:?} is not served; there is {served:?}");
    }
    let again = play.push(&wanted).await;
    assert!(again.is_empty(), "planned again: {again:?}");
}

/// A set of 500 values is one set: not cut, not merged, and the answer comes over TCP.
async fn five_hundred_values(stage: &dyn Stage) {
    let limit = stage.provider().capabilities().values_per_set_max.min(500);
    let mut play = Play::begin(stage, ZONE).await;
    let address = |n: usize| format!("10.0.{}.{}", n / 256, n % 256);
    let texts: Vec<String> = (0..limit).map(address).collect();
    let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
    play.becomes(&[set("big.story.test", RecordType::A, &texts)]).await;
    play.becomes(&[set("big.story.test", RecordType::A, &texts[..limit - 1])]).await;
}

/// A retry sends what was done already. Twice is the same as once.
async fn every_change_twice(stage: &dyn Stage) {
    let mut play = Play::begin(stage, ZONE).await;
    let one = set("twice.story.test", RecordType::A, &["192.0.2.1"]);
    let two = set("twice.story.test", RecordType::A, &["192.0.2.2"]);
    play.watch("twice.story.test");
    for change in
        [Change::Create(one.clone()), Change::Replace { old: one, new: two.clone() }, Change::Delete(two)]
    {
        for round in ["first", "second"] {
            let seen = play.read().await;
            let outcomes = play.apply(&seen, std::slice::from_ref(&change)).await;
            assert_eq!(outcomes, [Outcome::Done], "{round} time: {change:?}");
        }
        let after: Vec<RRset> = change.after().cloned().into_iter().collect();
        play.is(&after).await;
    }
}

/// A hundred wishes, and one that cannot be: a CNAME where an address stands. It alone fails, by
/// name and in the service's words.
async fn one_bad_among_a_hundred(stage: &dyn Stage) {
    let mut play = Play::begin(stage, ZONE).await;
    play.foreign("h50.story.test", RecordType::A, TTL, &["198.51.100.1"]).await;
    let mut changes: Vec<Change> = (0..100)
        .filter(|n| *n != 50)
        .map(|n| set(&format!("h{n}.story.test"), RecordType::A, &[&format!("192.0.2.{n}")]))
        .map(Change::Create)
        .collect();
    let bad = Change::Create(set("h50.story.test", RecordType::CNAME, &["elsewhere.example"]));
    changes.insert(50, bad);
    play.watch("h50.story.test");
    let seen = play.read().await;
    let outcomes = play.apply(&seen, &changes).await;
    assert_eq!(outcomes.len(), 100);
    for (index, outcome) in outcomes.iter().enumerate() {
        match outcome {
            Outcome::Failed(error) if index == 50 => {
                assert_eq!(error.class, ErrorClass::Rejected, "{error}");
                assert!(error.message.contains("h50.story.test"), "{error}");
            }
            outcome => assert!(index != 50 && *outcome == Outcome::Done, "{index}: {outcome:?}"),
        }
    }
    let mut wanted: Vec<RRset> = changes.iter().filter_map(Change::after).cloned().collect();
    wanted[50] = set("h50.story.test", RecordType::A, &["198.51.100.1"]);
    play.is(&wanted).await;
}

/// More changes than one call of the service takes.
async fn more_than_one_batch(stage: &dyn Stage) {
    let mut play = Play::begin(stage, ZONE).await;
    let count = (stage.provider().capabilities().batch_changes_max + 7).min(6_000);
    let wanted: Vec<RRset> = (0..count)
        .map(|n| {
            let address = format!("10.{}.{}.{}", n >> 16 & 255, n >> 8 & 255, n & 255);
            set(&format!("h{n}.story.test"), RecordType::A, &[&address])
        })
        .collect();
    let changes: Vec<Change> = wanted.iter().cloned().map(Change::Create).collect();
    let outcomes = play.apply(&play.read().await, &changes).await;
    assert!(outcomes.len() == count && outcomes.iter().all(|outcome| *outcome == Outcome::Done));
    let mut served = stage.zone(&play.zone.name).await;
    let mut expected = wanted;
    expected.sort();
    served.sort();
    assert!(served == expected, "{} of {count} are served", served.len());
    play.watch("h0.story.test");
    let gone: Vec<Change> = expected.into_iter().map(Change::Delete).collect();
    let outcomes = play.apply(&play.read().await, &gone).await;
    assert!(outcomes.iter().all(|outcome| *outcome == Outcome::Done));
    assert!(stage.zone(&play.zone.name).await.is_empty());
}

/// Between our read and our write a foreign client changes the same set. With a guard the write is
/// refused and the foreign value stands; without one the window is what the capability says, the one
/// call, and other sets are not touched in any case.
async fn a_foreign_write_in_between(stage: &dyn Stage) {
    let mut play = Play::begin(stage, ZONE).await;
    let one = set("both.story.test", RecordType::A, &["192.0.2.1"]);
    let two = set("both.story.test", RecordType::A, &["192.0.2.2"]);
    play.becomes(std::slice::from_ref(&one)).await;
    let seen = play.read().await;
    play.foreign("both.story.test", RecordType::A, TTL, &["192.0.2.1", "198.51.100.1"]).await;
    play.foreign("other.story.test", RecordType::A, TTL, &["198.51.100.2"]).await;
    let outcomes = play.apply(&seen, &[Change::Replace { old: one, new: two.clone() }]).await;
    let other = set("other.story.test", RecordType::A, &["198.51.100.2"]);
    play.watch("other.story.test");
    match stage.provider().capabilities().guard {
        Guard::None => {
            assert_eq!(outcomes, [Outcome::Done], "the window that the documentation speaks of");
            play.is(&[two, other]).await;
        }
        Guard::CompareAndSet => {
            let refused =
                matches!(&outcomes[..], [Outcome::Failed(error)] if error.class == ErrorClass::Conflict);
            assert!(refused, "{outcomes:?}");
            play.is(&[set("both.story.test", RecordType::A, &["192.0.2.1", "198.51.100.1"]), other]).await;
        }
        Guard::Values => {
            assert_eq!(outcomes, [Outcome::Done]);
            play.is(&[set("both.story.test", RecordType::A, &["192.0.2.2", "198.51.100.1"]), other]).await;
        }
    }
}

/// The write was carried out and nobody told us. It is neither done nor failed: unknown, and the
/// next read shows the truth.
async fn answer_lost(stage: &dyn Stage) {
    let Some(lossy) = stage.broken(Trouble::AnswerLost).await else { return };
    let mut play = Play::begin(stage, ZONE).await;
    let one = set("lost.story.test", RecordType::A, &["192.0.2.1"]);
    play.watch("lost.story.test");
    let seen = play.read().await;
    let outcomes = lossy.apply(&play.zone, &seen, &[Change::Create(one.clone())]).await;
    assert!(matches!(&outcomes[..], [Outcome::Unknown(_)]), "{outcomes:?}");
    play.is(&[one]).await;
}

/// What is wrong decides what is done about it: nobody may park a connection because a zone is
/// missing, or retry a wrong password for ever.
async fn failures_are_told_apart(stage: &dyn Stage) {
    let play = Play::begin(stage, ZONE).await;
    let missing = ZoneRef::new(name("missing.test"));
    let new = [Change::Create(set("a.missing.test", RecordType::A, &["192.0.2.1"]))];
    let provider = stage.provider();
    for error in [
        provider.read(&missing, &[name("a.missing.test")]).await.err(),
        provider.list(&missing).await.err(),
        failed(provider.apply(&missing, &Default::default(), &new).await),
    ] {
        assert_eq!(error.map(|error| error.class), Some(ErrorClass::NoSuchZone));
    }
    assert!(!provider.test(&missing).await.ok);
    let outside = [Change::Create(set("a.elsewhere.test", RecordType::A, &["192.0.2.1"]))];
    let refused = failed(provider.apply(&play.zone, &Default::default(), &outside).await);
    assert_eq!(refused.map(|error| error.class), Some(ErrorClass::Rejected), "out of the zone");

    let quiet = ErrorClass::RateLimited { retry_after: Some(Duration::from_secs(7)) };
    for (trouble, class) in [
        (Trouble::WrongCredentials, ErrorClass::Unauthorized),
        (Trouble::RateLimited, quiet),
        (Trouble::Down, ErrorClass::Transient),
        (Trouble::NotTheApi, ErrorClass::Transient),
    ] {
        let Some(broken) = stage.broken(trouble).await else { continue };
        let new = [Change::Create(set("never.story.test", RecordType::A, &["192.0.2.1"]))];
        for error in [
            broken.read(&play.zone, &[name("never.story.test")]).await.err(),
            broken.list(&play.zone).await.err(),
            failed(broken.apply(&play.zone, &Default::default(), &new).await),
        ] {
            assert_eq!(error.map(|error| error.class), Some(class.clone()), "{trouble:?}");
        }
        let report = broken.test(&play.zone).await;
        assert!(!report.ok && !report.message.is_empty(), "{trouble:?}: {report:?}");
    }
    assert_eq!(play.ask("never.story.test", RecordType::A).await, Looked::NxDomain);
}

fn failed(outcomes: Vec<Outcome>) -> Option<crate::ProviderError> {
    match outcomes.into_iter().next() {
        Some(Outcome::Failed(error)) => Some(error),
        other => panic!("expected a failure, not {other:?}"),
    }
}
