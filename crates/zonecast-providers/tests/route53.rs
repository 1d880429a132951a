//! What is Route 53's own: the traps of its API, at a stand-in that has them.

use proptest::prelude::*;
use serde_json::{Value, json};
use std::sync::Arc;
use std::time::{Duration, Instant};
use zonecast_core::{Change, Name, Observed, RRset, RecordData, RecordType, Ttl};
use zonecast_providers::fields::{Deps, connect, validate};
use zonecast_providers::{ErrorClass, Outcome, Provider, ZoneRef};
use zonecast_testbed::{Canned, FakeRoute53, Fault, FaultProxy};

fn provider(settings: &Value) -> Arc<dyn Provider> {
    let settings = validate("route53", settings.as_object().unwrap()).unwrap();
    connect("route53", &settings, &Deps::default()).unwrap()
}

fn keys(service: &FakeRoute53) -> Value {
    json!({ "server_url": service.url(), "access_key_id": FakeRoute53::KEY_ID, "secret_access_key": service.secret() })
}

fn with(mut settings: Value, more: &[(&str, &str)]) -> Value {
    for (key, value) in more {
        settings[*key] = (*value).into();
    }
    settings
}

fn zone() -> ZoneRef {
    ZoneRef::new(Name::parse("example.test").unwrap())
}

fn set(owner: &str, rtype: RecordType, values: &[&str]) -> RRset {
    let values = values.iter().map(|value| RecordData::parse(rtype, value).unwrap()).collect();
    RRset::new(Name::parse(owner).unwrap(), rtype, Ttl::DEFAULT, values)
}

fn addresses(count: usize) -> Vec<Change> {
    let address = |n: usize| format!("10.0.{}.{}", n / 250, n % 250);
    (0..count)
        .map(|n| Change::Create(set(&format!("h{n}.example.test"), RecordType::A, &[&address(n)])))
        .collect()
}

fn posts(service: &FakeRoute53) -> usize {
    service.calls().iter().filter(|call| call.starts_with("POST")).count()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn machinery_of_others_is_shown_and_left_alone() {
    let service = FakeRoute53::start();
    service.create_zone("example.test", false);
    let alias = "<AliasTarget><HostedZoneId>Z2</HostedZoneId><DNSName>lb.example.</DNSName><EvaluateTargetHealth>false</EvaluateTargetHealth></AliasTarget>";
    service.put("example.test", "alias.example.test", "A", 0, &[], alias);
    for side in ["1", "2"] {
        let weighted = format!("<SetIdentifier>{side}</SetIdentifier><Weight>1</Weight>");
        service.put("example.test", "split.example.test", "A", 60, &["192.0.2.1"], &weighted);
    }
    let before = service.sets("example.test");
    let provider = provider(&keys(&service));
    let seen = provider.list(&zone()).await.unwrap();
    for owner in ["alias.example.test", "split.example.test"] {
        assert!(seen.get(&Name::parse(owner).unwrap(), RecordType::A).unwrap().opaque);
        for seen in [&seen, &Observed::default()] {
            let outcomes = provider
                .apply(&zone(), seen, &[Change::Create(set(owner, RecordType::A, &["192.0.2.9"]))])
                .await;
            assert!(matches!(&outcomes[..], [Outcome::Failed(_)]), "{outcomes:?}");
        }
    }
    assert_eq!(service.sets("example.test"), before);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn batches_keep_to_both_limits() {
    let service = FakeRoute53::start();
    service.create_zone("example.test", false);
    let provider = provider(&keys(&service));
    let done = |outcomes: Vec<Outcome>| {
        assert!(outcomes.iter().all(|outcome| *outcome == Outcome::Done), "{outcomes:?}")
    };
    done(provider.apply(&zone(), &Observed::default(), &addresses(1_500)).await);
    assert_eq!(posts(&service), 2, "1,000 values a batch");
    let long = |n: usize, letter: &str| {
        let owner = format!("t{n}.example.test");
        RRset::new(
            Name::parse(&owner).unwrap(),
            RecordType::TXT,
            Ttl::DEFAULT,
            vec![RecordData::text(letter.repeat(1_900).as_bytes())],
        )
    };
    let create: Vec<Change> = (0..30).map(|n| Change::Create(long(n, "a"))).collect();
    done(provider.apply(&zone(), &Observed::default(), &create).await);
    assert_eq!(posts(&service), 4, "32,000 characters a batch");
    let seen = provider.list(&zone()).await.unwrap();
    let replace: Vec<Change> =
        (0..30).map(|n| Change::Replace { old: long(n, "a"), new: long(n, "b") }).collect();
    done(provider.apply(&zone(), &seen, &replace).await);
    assert_eq!(posts(&service), 8, "old and new both count");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn culprits_without_a_name_are_found_by_halving() {
    let service = FakeRoute53::start();
    service.create_zone("example.test", false);
    let provider = provider(&keys(&service));
    let mut changes = addresses(128);
    let long = RecordData::text("x".repeat(4_100).as_bytes());
    let owner = Name::parse("h77.example.test").unwrap();
    changes[77] = Change::Create(RRset::new(owner, RecordType::TXT, Ttl::DEFAULT, vec![long]));
    let outcomes = provider.apply(&zone(), &Observed::default(), &changes).await;
    for (at, outcome) in outcomes.iter().enumerate() {
        match outcome {
            Outcome::Failed(error) if at == 77 => {
                assert_eq!((&error.class, error.culprit), (&ErrorClass::Rejected, Some(77)));
                assert!(
                    error.message.contains("h77.example.test TXT") && error.message.contains("TooLong"),
                    "{error}"
                );
            }
            outcome => assert!(at != 77 && *outcome == Outcome::Done, "{at} {outcome:?}"),
        }
    }
    assert!(posts(&service) <= 2 * 7 + 1, "{} batches", posts(&service));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn changes_that_were_made_already_are_done_and_changed_ones_are_conflicts() {
    let service = FakeRoute53::start();
    service.create_zone("example.test", false);
    let provider = provider(&keys(&service));
    let changes = addresses(300);
    for _ in 0..2 {
        let outcomes = provider.apply(&zone(), &Observed::default(), &changes).await;
        assert!(outcomes.iter().all(|outcome| *outcome == Outcome::Done), "{outcomes:?}");
    }
    let seen = provider.list(&zone()).await.unwrap();
    service.put("example.test", "h1.example.test", "A", 60, &["198.51.100.1"], "");
    let gone: Vec<Change> =
        changes[..3].iter().filter_map(Change::after).cloned().map(Change::Delete).collect();
    let outcomes = provider.apply(&zone(), &seen, &gone).await;
    assert!(outcomes[0] == Outcome::Done && outcomes[2] == Outcome::Done, "{outcomes:?}");
    assert!(
        matches!(&outcomes[1], Outcome::Failed(error) if error.class == ErrorClass::Conflict),
        "{outcomes:?}"
    );
    let held = service.sets("example.test");
    assert!(held.iter().any(|set| set.3 == ["198.51.100.1"]) && held.len() == 2 + 298);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn waiting_for_all_servers_ends_before_the_deadline() {
    let service = FakeRoute53::start();
    service.create_zone("example.test", false);
    let provider = provider(&keys(&service));
    service.pending(1_000);
    let soon = ZoneRef { deadline: Instant::now() + Duration::from_secs(6), ..zone() };
    let outcomes = provider.apply(&soon, &Observed::default(), &addresses(1)).await;
    assert_eq!(outcomes, [Outcome::Done]);
    assert!(Instant::now() + Duration::from_secs(4) < soon.deadline);
    assert!(service.calls().iter().any(|call| call.contains("/change/C0FAKE")));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn busy_and_throttled_are_told_apart() {
    let service = FakeRoute53::start();
    service.create_zone("example.test", false);
    let provider = provider(&keys(&service));
    provider.list(&zone()).await.unwrap();
    service.busy(1);
    let outcomes = provider.apply(&zone(), &Observed::default(), &addresses(1)).await;
    assert!(
        matches!(&outcomes[..], [Outcome::Failed(error)] if error.class == ErrorClass::Transient && error.class.is_retryable())
    );
    service.throttle(1);
    let outcomes = provider.apply(&zone(), &Observed::default(), &addresses(1)).await;
    let quiet = ErrorClass::RateLimited { retry_after: None };
    assert!(matches!(&outcomes[..], [Outcome::Failed(error)] if error.class == quiet), "{outcomes:?}");
    service.throttle(1);
    assert_eq!(provider.list(&zone()).await.unwrap_err().class, quiet);
    assert_eq!(provider.apply(&zone(), &Observed::default(), &addresses(1)).await, [Outcome::Done]);
}

/// Findings of Test: ok, reachable, authorised, zone matches, can write.
const GREEN: [bool; 5] = [true; 5];
const SILENT: [bool; 5] = [false; 5];
const STRANGER: [bool; 5] = [false, true, false, false, false];
const NO_ZONE: [bool; 5] = [false, true, true, false, false];
const READER: [bool; 5] = [false, true, true, true, false];

/// Settings, what Test finds, and words it says.
fn rows(service: &FakeRoute53, id: &str, other: &str) -> Vec<(Value, [bool; 5], &'static str)> {
    let good = keys(service);
    let reader = service.new_key("AKIAREADER", None, &["ChangeResourceRecordSets"]);
    let records_only = service.new_key("AKIARECORDS", None, &["GetHostedZone", "ListHostedZonesByName"]);
    let session = service.new_key("ASIASESSION", Some("session-token-0123456789"), &[]);
    let path = format!("/hostedzone/{id}");
    let by = |key: &str, secret: &str| {
        with(good.clone(), &[("access_key_id", key), ("secret_access_key", secret)])
    };
    vec![
        (good.clone(), GREEN, "takes changes"),
        (with(good.clone(), &[("hosted_zone_id", &path)]), GREEN, "takes changes"),
        (
            with(by("ASIASESSION", &session), &[("session_token", "session-token-0123456789")]),
            GREEN,
            "takes changes",
        ),
        (with(by("AKIARECORDS", &records_only), &[("hosted_zone_id", id)]), GREEN, "takes changes"),
        (with(good.clone(), &[("secret_access_key", "wrong")]), STRANGER, "SignatureDoesNotMatch"),
        (with(good.clone(), &[("access_key_id", "AKIANOBODY")]), STRANGER, "InvalidClientTokenId"),
        (with(by("ASIASESSION", &session), &[("session_token", "old")]), STRANGER, "InvalidClientTokenId"),
        (with(good.clone(), &[("hosted_zone_id", other)]), NO_ZONE, "is that of other.test"),
        (with(good.clone(), &[("hosted_zone_id", "Z0NONE")]), NO_ZONE, "No hosted zone found"),
        (by("AKIARECORDS", &records_only), NO_ZONE, "AccessDenied"),
        (by("AKIAREADER", &reader), READER, "route53:ChangeResourceRecordSets"),
        (with(good.clone(), &[("server_url", "http://127.0.0.1:9")]), SILENT, "cannot be reached"),
        (
            with(good.clone(), &[("server_url", &service.url().replace("http:", "https:"))]),
            SILENT,
            "does not speak TLS",
        ),
    ]
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_test_says_which_part_is_wrong() {
    let service = FakeRoute53::start();
    let id = service.create_zone("example.test", false);
    let other = service.create_zone("other.test", false);
    service.create_zone("twice.test", false);
    service.create_zone("twice.test", false);
    let good = keys(&service);
    let rows = rows(&service, &id, &other);
    for (settings, expected, words) in rows {
        let report = provider(&settings).test(&zone()).await;
        let found = [report.ok, report.reachable, report.authorised, report.zone_matches, report.can_write];
        assert!(found == expected && report.message.contains(words), "{settings}\n{report:?}");
        assert!(
            settings["secret_access_key"] == "wrong"
                || !report.message.contains(settings["secret_access_key"].as_str().unwrap())
        );
    }
    assert_eq!(service.sets("example.test").len(), 2);
    let twice = ZoneRef::new(Name::parse("twice.test").unwrap());
    assert!(provider(&good).test(&twice).await.message.contains("several public zones"));
}

/// What can go wrong on the wire, and what it is to be taken for.
fn faults(secret: &str) -> Vec<(Fault, ErrorClass)> {
    let wrapped = |code: &str| {
        format!(
            "<?xml version=\"1.0\"?><ErrorResponse xmlns=\"https://route53.amazonaws.com/doc/2013-04-01/\"><Error><Type>Sender</Type><Code>{code}</Code><Message>you sent {secret}</Message></Error></ErrorResponse>"
        )
    };
    let quiet = |retry_after| ErrorClass::RateLimited { retry_after };
    vec![
        (Fault::Refuse, ErrorClass::Transient),
        (Fault::CutAfter(40), ErrorClass::Transient),
        (Fault::LoseAnswer, ErrorClass::Transient),
        (Fault::Answer(Canned::html(401)), ErrorClass::Unauthorized),
        (Fault::Answer(Canned::new(403, wrapped("ExpiredToken"))), ErrorClass::Unauthorized),
        (Fault::Answer(Canned::new(403, wrapped("AccessDenied"))), ErrorClass::Forbidden),
        (Fault::Answer(Canned::new(404, wrapped("NoSuchHostedZone"))), ErrorClass::NoSuchZone),
        (Fault::Answer(Canned::new(429, wrapped("Throttling")).header("Retry-After", "7")), quiet(None)),
        (Fault::Answer(Canned::too_many("7")), quiet(Some(Duration::from_secs(7)))),
        (Fault::Answer(Canned::html(429)), quiet(None)),
        (Fault::Answer(Canned::new(400, wrapped("Throttling"))), quiet(None)),
        (Fault::Answer(Canned::new(500, wrapped("InternalFailure"))), ErrorClass::Transient),
        (Fault::Answer(Canned::new(200, wrapped("InternalFailure"))), ErrorClass::Transient),
        (Fault::Answer(Canned::new(200, wrapped("AccessDenied")).torn()), ErrorClass::Transient),
        (Fault::Answer(Canned::html(200)), ErrorClass::Transient),
        (Fault::Answer(Canned::new(200, "")), ErrorClass::Transient),
    ]
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn faults_are_told_apart_and_nothing_is_read_into_them() {
    let service = FakeRoute53::start();
    let id = service.create_zone("example.test", false);
    service.put("example.test", "www.example.test", "A", 300, &["192.0.2.1"], "");
    let proxy = FaultProxy::start(service.addr());
    let secret = service.secret().to_owned();
    let settings = with(keys(&service), &[("server_url", &proxy.url()), ("hosted_zone_id", &id)]);
    let faults = faults(&secret);
    let name = Name::parse("www.example.test").unwrap();
    for (fault, class) in faults {
        let provider = provider(&settings);
        proxy.reset();
        let before = provider.read(&zone(), std::slice::from_ref(&name)).await.unwrap();
        proxy.set(fault.clone());
        for error in [provider.read(&zone(), std::slice::from_ref(&name)).await, provider.list(&zone()).await]
        {
            let error = error.expect_err("a failed read is never an empty one");
            assert!(error.class == class && !error.message.contains(&secret), "{fault:?}: {error:?}");
        }
        let write = provider.apply(&zone(), &before, &addresses(1)).await;
        let (Outcome::Failed(error) | Outcome::Unknown(error)) = &write[0] else {
            panic!("{fault:?}: {write:?}")
        };
        assert!(error.class == class && !error.message.contains(&secret), "{fault:?}: {error:?}");
        if matches!(fault, Fault::LoseAnswer | Fault::CutAfter(_)) {
            assert!(matches!(write[0], Outcome::Unknown(_)), "{fault:?}: it may have happened");
            proxy.reset();
            assert_eq!(
                provider.apply(&zone(), &before, &addresses(1)).await,
                [Outcome::Done],
                "twice is once"
            );
        }
        assert!(service.sets("example.test").iter().any(|set| set.3 == ["192.0.2.1"]), "{fault:?}");
    }
    proxy.set(Fault::Hang);
    let soon = ZoneRef { deadline: Instant::now() + Duration::from_millis(200), ..zone() };
    let error = provider(&settings).list(&soon).await.unwrap_err();
    assert!(error.class == ErrorClass::Transient && error.message.contains("in time"), "{error}");
}

/// A value of each type that is claimed, at random.
fn value() -> impl Strategy<Value = RecordData> {
    let host = "[a-z]([a-z0-9-]{0,10}[a-z0-9])?(\\.[a-z]{2,5}){1,2}";
    let hex = "([0-9A-F]{2}){20}";
    let parse =
        |rtype: &'static str| move |text: String| RecordData::parse(rtype.parse().unwrap(), &text).unwrap();
    let number = any::<u16>();
    prop_oneof![
        any::<[u8; 4]>().prop_map(|bytes| RecordData::address(bytes.into())),
        any::<[u8; 16]>().prop_map(|bytes| RecordData::address(bytes.into())),
        prop::collection::vec(any::<u8>(), 0..600).prop_map(|text| RecordData::text(&text)),
        "[ -~]{1,40}"
            .prop_map(|text| format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\"")))
            .prop_map(parse("SPF")),
        host.prop_map(parse("CNAME")),
        host.prop_map(parse("NS")),
        host.prop_map(parse("PTR")),
        (number, host).prop_map(|(n, host)| format!("{n} {host}")).prop_map(parse("MX")),
        (number, number, number, host)
            .prop_map(|(a, b, c, host)| format!("{a} {b} {c} {host}"))
            .prop_map(parse("SRV")),
        ("[a-z]{1,9}", "[ -~]{0,40}")
            .prop_map(|(tag, text)| format!(
                "0 {tag} \"{}\"",
                text.replace('\\', "\\\\").replace('"', "\\\"")
            ))
            .prop_map(parse("CAA")),
        hex.prop_map(|hex| format!("3 1 1 {hex}")).prop_map(parse("TLSA")),
        hex.prop_map(|hex| format!("4 1 {hex}")).prop_map(parse("SSHFP")),
        (number, hex).prop_map(|(tag, hex)| format!("{tag} 13 1 {hex}")).prop_map(parse("DS")),
        (number, number, "[!-~&&[^\"\\\\]]{0,20}", host)
            .prop_map(|(a, b, text, host)| format!("{a} {b} \"U\" \"E2U+sip\" \"{text}\" {host}."))
            .prop_map(parse("NAPTR")),
        (1u16.., host)
            .prop_map(|(n, host)| format!("{n} {host}. alpn=h2,h3 port=8443"))
            .prop_map(parse("HTTPS")),
        (1u16..).prop_map(|n| format!("{n} . ipv4hint=192.0.2.1")).prop_map(parse("SVCB")),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]

    #[test]
    fn what_is_written_is_what_is_read(values in prop::collection::vec(value(), 1..12), ttl in 0u32..=i32::MAX as u32) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let service = FakeRoute53::start();
            service.create_zone("example.test", false);
            let provider = provider(&keys(&service));
            let wanted: Vec<RRset> = values.iter().enumerate().map(|(n, value)| {
                let owner = Name::parse(&format!("n{n}.example.test")).unwrap();
                RRset::new(owner, value.rtype(), Ttl::from_seconds(ttl).unwrap(), vec![value.clone()])
            }).collect();
            let changes: Vec<Change> = wanted.iter().cloned().map(Change::Create).collect();
            let outcomes = provider.apply(&zone(), &Observed::default(), &changes).await;
            assert!(outcomes.iter().all(|outcome| *outcome == Outcome::Done), "{outcomes:?}");
            let listed = provider.list(&zone()).await.unwrap();
            for set in &wanted {
                let held = listed.get(&set.name, set.rtype).unwrap_or_else(|| panic!("{set:?} is not there"));
                assert_eq!((held.ttl, &held.values[0].data, held.opaque), (set.ttl, &set.values[0], false));
            }
        });
    }
}
