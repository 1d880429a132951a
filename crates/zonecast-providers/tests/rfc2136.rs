//! What is RFC 2136's own: keys, refusals, wildcards, and what a server only pretends to do.

mod stages;

use serde_json::json;
use stages::rfc2136::{Rfc2136Stage, connected};
use std::time::{Duration, Instant};
use zonecast_core::{Change, Name, Observed, RRset, RecordData, RecordType, Ttl};
use zonecast_providers::conformance::{CHAPTERS, Stage};
use zonecast_providers::fields::{Deps, connect, validate};
use zonecast_providers::{ErrorClass, Outcome, ZoneRef};
use zonecast_testbed::{Bind, FaultProxy, Knot, TsigSecret, dig, nsupdate};

fn name(text: &str) -> Name {
    Name::parse(text).unwrap()
}

fn zone(text: &str) -> ZoneRef {
    ZoneRef { deadline: Instant::now() + Duration::from_secs(120), ..ZoneRef::new(name(text)) }
}

fn set(owner: &str, rtype: RecordType, values: &[&str]) -> RRset {
    let values = values.iter().map(|value| RecordData::parse(rtype, value).unwrap()).collect();
    RRset::new(name(owner), rtype, Ttl::DEFAULT, values)
}

fn create(owner: &str, value: &str) -> Change {
    Change::Create(set(owner, RecordType::A, &[value]))
}

fn failed(outcomes: &[Outcome]) -> (ErrorClass, String) {
    match outcomes {
        [Outcome::Failed(error)] => (error.class.clone(), error.message.clone()),
        other => panic!("expected one failure, not {other:?}"),
    }
}

const ALGORITHMS: [&str; 6] =
    ["hmac-md5", "hmac-sha1", "hmac-sha224", "hmac-sha256", "hmac-sha384", "hmac-sha512"];

/// Updates, reads and transfers once with each HMAC.
async fn speaks(server: std::net::SocketAddr, key: &TsigSecret) {
    let (provider, zone) = (connected(server, key), zone("story.test"));
    let owner = format!("{}.story.test", key.algorithm);
    let outcomes = provider.apply(&zone, &Observed::default(), &[create(&owner, "192.0.2.1")]).await;
    assert_eq!(outcomes, [Outcome::Done], "{}", key.algorithm);
    let listed = provider.list(&zone).await.unwrap_or_else(|error| panic!("{}: {error}", key.algorithm));
    assert!(listed.get(&name(&owner), RecordType::A).is_some(), "{}", key.algorithm);
}

#[tokio::test(flavor = "multi_thread")]
async fn bind_understands_every_hmac() {
    let keys: Vec<TsigSecret> =
        ALGORITHMS.iter().map(|algorithm| TsigSecret::random(&format!("k-{algorithm}"), algorithm)).collect();
    let allowed: String = keys.iter().map(|key| format!("key \"{}\"; ", key.name)).collect();
    let extra = format!("allow-update {{ {allowed} }}; allow-transfer {{ {allowed} }};");
    let bind = Bind::start_with(&keys, &[("story.test", &extra)]);
    for key in &keys {
        speaks(bind.dns_addr(), key).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn knot_understands_every_hmac() {
    for algorithm in ALGORITHMS {
        let key = TsigSecret::random("zc", algorithm);
        let knot = Knot::start(&key, &["story.test"]);
        speaks(knot.dns_addr(), &key).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_story_of_powerdns_with_dnsupdate() {
    for chapter in CHAPTERS {
        // PowerDNS 4.7 cannot read an update with a type that it does not know: FORMERR.
        if chapter.title != "many_types" {
            eprintln!("{}", chapter.title);
            (chapter.tell)(&Rfc2136Stage::powerdns()).await;
        }
    }
}

/// What Test says, server by server: right, wrong secret, unknown key, another algorithm, wrong zone,
/// no right to write, nobody there.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn test_says_which_it_is() {
    for stage in [Rfc2136Stage::bind(), Rfc2136Stage::knot(), Rfc2136Stage::powerdns()] {
        let (addr, key) = (stage.addr(), &stage.key);
        let report =
            |key: TsigSecret, at: &'static str| async move { connected(addr, &key).test(&zone(at)).await };
        let serial = || dig(addr, "story.test.", "SOA").unwrap().answers[0].text();
        let before = serial();
        let right = report(key.clone(), "story.test").await;
        assert!(right.ok && right.can_write && right.authorised && right.zone_matches, "{right:?}");
        let reverse = report(key.clone(), "2.0.192.in-addr.arpa").await;
        assert!(reverse.ok, "{reverse:?}");
        let named = |name: &str, algorithm: &str| TsigSecret {
            name: name.to_owned(),
            algorithm: algorithm.to_owned(),
            secret: key.secret.clone(),
        };
        for wrong in [
            TsigSecret::random(&key.name, "hmac-sha256"),
            named("nobody", "hmac-sha256"),
            named("zc", "hmac-sha512"),
        ] {
            let report = report(wrong, "story.test").await;
            assert!(!report.ok && report.reachable && !report.authorised, "{report:?}");
        }
        let missing = report(key.clone(), "missing.test").await;
        assert!(
            !missing.ok && missing.reachable && missing.authorised && !missing.zone_matches,
            "{missing:?}"
        );
        let deeper = report(key.clone(), "www.story.test").await;
        assert!(!deeper.zone_matches && !deeper.ok, "{deeper:?}");
        assert_eq!(serial(), before, "Test changed the zone");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_right_to_write_is_told_from_no_right_at_all() {
    let key = TsigSecret::random("zc", "hmac-sha256");
    let keys = std::slice::from_ref(&key);
    let ptr_only = "update-policy { grant zc zonesub TXT; }; allow-transfer { key zc; };";
    let zones = [
        ("closed.test", "allow-transfer { key zc; };"),
        ("policy.test", ptr_only),
        ("mute.test", "allow-update { key zc; };"),
    ];
    let bind = Bind::start_with(keys, &zones);
    let provider = connected(bind.dns_addr(), &key);
    for at in ["closed.test", "policy.test"] {
        let report = provider.test(&zone(at)).await;
        assert!(!report.ok && report.authorised && report.zone_matches && !report.can_write, "{report:?}");
        let outcomes =
            provider.apply(&zone(at), &Observed::default(), &[create(&format!("a.{at}"), "192.0.2.1")]).await;
        assert_eq!(failed(&outcomes).0, ErrorClass::Forbidden);
    }
    let report = provider.test(&zone("mute.test")).await;
    assert!(report.ok && report.advice.iter().any(|words| words.contains("cannot be listed")), "{report:?}");
    assert_eq!(provider.list(&zone("mute.test")).await.unwrap_err().class, ErrorClass::Unsupported);
    let done =
        provider.apply(&zone("mute.test"), &Observed::default(), &[create("a.mute.test", "192.0.2.1")]).await;
    assert_eq!(done, [Outcome::Done], "writing needs no transfer");
    assert_eq!(provider.read(&zone("mute.test"), &[name("a.mute.test")]).await.unwrap().rrsets.len(), 1);

    let settings = json!({ "server": bind.dns_addr().to_string() });
    let settings = validate("rfc2136", settings.as_object().unwrap()).unwrap();
    let unsigned = connect("rfc2136", &settings, &Deps::default()).unwrap();
    let report = unsigned.test(&zone("mute.test")).await;
    assert!(!report.ok && report.message.contains("give a TSIG key"), "{report:?}");
}

/// BIND refuses an address at a name with `_` and an MX to a host of the zone without address; it is
/// said of the one record, and the MX is taken when its host comes in the same call.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn binds_own_checks_hit_one_record() {
    let key = TsigSecret::random("zc", "hmac-sha256");
    let bind = Bind::start(std::slice::from_ref(&key), &["story.test"]);
    let (provider, zone) = (connected(bind.dns_addr(), &key), zone("story.test"));
    let mut changes: Vec<Change> =
        (0..40).map(|n| create(&format!("h{n}.story.test"), &format!("192.0.2.{n}"))).collect();
    changes.push(create("under_score.story.test", "192.0.2.50"));
    changes.push(Change::Create(set("story.test", RecordType::MX, &["10 mail.story.test"])));
    changes.push(create("mail.story.test", "192.0.2.51"));
    changes.push(Change::Create(set("x.story.test", RecordType::MX, &["10 nowhere.story.test"])));
    let outcomes = provider.apply(&zone, &Observed::default(), &changes).await;
    for (index, outcome) in outcomes.iter().enumerate() {
        match outcome {
            Outcome::Failed(error) if index == 40 || index == 43 => {
                assert_eq!((&error.class, error.culprit), (&ErrorClass::Rejected, Some(index)), "{error}");
            }
            outcome => assert_eq!(*outcome, Outcome::Done, "{index}"),
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_wildcard_does_not_speak_for_names_nobody_wrote() {
    for stage in [Rfc2136Stage::bind(), Rfc2136Stage::knot()] {
        let (provider, zone) = (stage.provider(), zone("story.test"));
        let wild = set("*.story.test", RecordType::A, &["192.0.2.1"]);
        assert_eq!(
            provider.apply(&zone, &Observed::default(), &[Change::Create(wild)]).await,
            [Outcome::Done]
        );
        let names = [name("www.story.test"), name("*.story.test"), name("a.b.story.test")];
        let seen = provider.read(&zone, &names).await.unwrap();
        assert_eq!(seen.rrsets.len(), 1, "{seen:?}");
        let outcomes = provider.apply(&zone, &seen, &[create("www.story.test", "192.0.2.2")]).await;
        assert_eq!(outcomes, [Outcome::Done]);
        let seen = provider.read(&zone, &names).await.unwrap();
        assert_eq!(seen.rrsets.len(), 2, "{seen:?}");
    }
}

/// A foreign client's texts are cut where it liked; the cut is part of the value (RFC 1035).
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn texts_cut_elsewhere_can_be_guarded_and_deleted() {
    for stage in [Rfc2136Stage::bind(), Rfc2136Stage::knot(), Rfc2136Stage::powerdns()] {
        let (provider, zone) = (stage.provider(), zone("story.test"));
        stage
            .foreign_put(
                &zone.name,
                &name("t.story.test"),
                RecordType::TXT,
                300,
                &["\"one\" \"two\"", "\"keep\""],
            )
            .await;
        let old = set("t.story.test", RecordType::TXT, &["\"one\" \"two\"", "\"keep\""]);
        let new = set("t.story.test", RecordType::TXT, &["keep", "ours"]);
        let change = Change::Replace { old, new: new.clone() };
        // Also without having seen the spelling: it is read again and found.
        let outcomes = provider.apply(&zone, &Observed::default(), &[change]).await;
        assert_eq!(outcomes, [Outcome::Done]);
        assert_eq!(stage.zone(&zone.name).await, std::slice::from_ref(&new));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nsupdate_beside_us_is_a_conflict_and_loses_nothing() {
    let stage = Rfc2136Stage::bind();
    let (provider, zone) = (stage.provider(), zone("story.test"));
    let one = set("www.story.test", RecordType::A, &["192.0.2.1"]);
    assert_eq!(
        provider.apply(&zone, &Observed::default(), &[Change::Create(one.clone())]).await,
        [Outcome::Done]
    );
    let seen = provider.read(&zone, &[name("www.story.test"), name("new.story.test")]).await.unwrap();
    let script = "zone story.test\nupdate add www.story.test 300 A 198.51.100.1\n\
                  update add new.story.test 300 A 198.51.100.2\nsend\n";
    let (ok, words) = nsupdate(stage.addr(), Some(&stage.key), script);
    assert!(ok, "{words}");
    let changes =
        [Change::Delete(one), create("new.story.test", "192.0.2.9"), create("free.story.test", "192.0.2.8")];
    let outcomes = provider.apply(&zone, &seen, &changes).await;
    let classes: Vec<Option<ErrorClass>> = outcomes
        .iter()
        .map(|outcome| match outcome {
            Outcome::Failed(error) => Some(error.class.clone()),
            Outcome::Done => None,
            Outcome::Unknown(error) => panic!("{error}"),
        })
        .collect();
    assert_eq!(classes, [Some(ErrorClass::Conflict), Some(ErrorClass::Conflict), None]);
    assert_eq!(stage.zone(&zone.name).await.len(), 3);
}

/// Knot answers ANY with one RRset. A few names of a large zone are asked for type by type, many are
/// transferred, and what is read is the same.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_few_names_at_knot_are_read_without_a_transfer() {
    let stage = Rfc2136Stage::knot();
    let proxy = FaultProxy::start(stage.addr());
    let (provider, zone) = (connected(proxy.addr(), &stage.key), zone("story.test"));
    let odd = set("h7.story.test", RecordType(65_280), &["\\# 3 0A0B0C"]);
    let text = set("h7.story.test", RecordType::TXT, &["seven"]);
    let mut changes: Vec<Change> = (0..1_000)
        .map(|n| create(&format!("h{n}.story.test"), &format!("10.0.{}.{}", n / 250, n % 250)))
        .collect();
    changes.extend([odd, text].map(Change::Create));
    let outcomes = stage.provider().apply(&zone, &Observed::default(), &changes).await;
    assert!(outcomes.iter().all(|outcome| *outcome == Outcome::Done), "{outcomes:?}");
    let few = [name("h7.story.test"), name("h8.story.test"), name("nothing.story.test")];
    let first = provider.read(&zone, &few).await.unwrap();
    assert_eq!(first.rrsets.len(), 4, "{first:?}");
    // A transfer has a connection of its own.
    let before = proxy.connections();
    assert_eq!(provider.read(&zone, &few).await.unwrap(), first);
    assert_eq!(proxy.connections(), before, "it was transferred for three names");
    let many: Vec<Name> = changes.iter().take(200).map(|change| change.name().clone()).collect();
    assert_eq!(provider.read(&zone, &many).await.unwrap().rrsets.len(), 202);
    assert_eq!(proxy.connections(), before + 1, "200 names are worth a transfer");
    let missing = ZoneRef::new(name("missing.test"));
    for _ in 0..2 {
        let error = provider.read(&missing, &few).await.unwrap_err();
        assert_eq!(error.class, ErrorClass::NoSuchZone, "{error}");
    }
}
