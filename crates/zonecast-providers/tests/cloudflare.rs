//! What is Cloudflare's own: the traps of its API, at a stand-in that has them.

use proptest::prelude::*;
use serde_json::{Value, json};
use std::sync::Arc;
use std::time::{Duration, Instant};
use zonecast_core::{Change, Name, Observed, RRset, RecordData, RecordType, Ttl};
use zonecast_providers::fields::{Deps, connect, validate};
use zonecast_providers::{ErrorClass, Outcome, Provider, ZoneRef};
use zonecast_testbed::{Canned, FakeCloudflare, Fault, FaultProxy, Plan};

fn provider(settings: Value) -> Arc<dyn Provider> {
    let settings = validate("cloudflare", settings.as_object().unwrap()).unwrap();
    connect("cloudflare", &settings, &Deps::default()).unwrap()
}

fn connected(service: &FakeCloudflare) -> Arc<dyn Provider> {
    provider(json!({ "server_url": service.url(), "api_token": service.token() }))
}

fn zone() -> ZoneRef {
    ZoneRef::new(Name::parse("example.test").unwrap())
}

fn set(owner: &str, rtype: RecordType, ttl: u32, values: &[&str]) -> RRset {
    let values = values.iter().map(|value| RecordData::parse(rtype, value).unwrap()).collect();
    RRset::new(Name::parse(owner).unwrap(), rtype, Ttl::from_seconds(ttl).unwrap(), values)
}

fn addresses(count: usize) -> Vec<Change> {
    let address = |n: usize| format!("10.0.{}.{}", n / 250, n % 250);
    (0..count)
        .map(|n| Change::Create(set(&format!("h{n}.example.test"), RecordType::A, 300, &[&address(n)])))
        .collect()
}

async fn seen(provider: &dyn Provider, owner: &str) -> Observed {
    provider.read(&zone(), &[Name::parse(owner).unwrap()]).await.unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_changed_record_keeps_proxying_comment_and_identity() {
    let service = FakeCloudflare::start();
    service.create_zone("example.test", Plan::FreeOld);
    let record = json!({ "name": "www", "type": "A", "content": "192.0.2.1", "proxied": true, "ttl": 1, "comment": "mine" });
    let id = service.put("example.test", &record);
    let provider = connected(&service);
    let old = set("www.example.test", RecordType::A, 300, &["192.0.2.1"]);
    let new = set("www.example.test", RecordType::A, 600, &["192.0.2.2", "192.0.2.3"]);
    let before = seen(provider.as_ref(), "www.example.test").await;
    assert_eq!((before.rrsets[0].ttl.seconds(), before.rrsets[0].opaque), (300, false));
    let outcomes = provider.apply(&zone(), &before, &[Change::Replace { old, new }]).await;
    assert_eq!(outcomes, [Outcome::Done]);
    let records = service.records("example.test");
    let kept = records.iter().find(|shown| shown["id"] == *id).unwrap();
    assert!(
        kept["content"] == "192.0.2.2"
            && kept["proxied"] == true
            && kept["comment"] == "mine"
            && kept["ttl"] == 1
    );
    assert!(
        records.iter().all(|shown| shown["proxied"] == true),
        "a plain address beside would give the origin away"
    );
    assert_eq!(records.len(), 2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_a_batch_call_records_go_one_by_one() {
    let service = FakeCloudflare::start();
    service.create_zone("example.test", Plan::FreeOld);
    service.hide_batch();
    let provider = connected(&service);
    let one = set("www.example.test", RecordType::A, 300, &["192.0.2.1", "192.0.2.2"]);
    let two = set("www.example.test", RecordType::A, 300, &["192.0.2.3"]);
    let bad = set("clash.example.test", RecordType::CNAME, 300, &["x.example"]);
    service.put("example.test", &json!({ "name": "clash", "type": "A", "content": "192.0.2.1", "ttl": 60 }));
    let changes = [Change::Create(one.clone()), Change::Create(bad)];
    let outcomes = provider.apply(&zone(), &Observed::default(), &changes).await;
    assert_eq!(outcomes[0], Outcome::Done);
    assert!(
        matches!(&outcomes[1], Outcome::Failed(error) if error.class == ErrorClass::Conflict),
        "{outcomes:?}"
    );
    let before = seen(provider.as_ref(), "www.example.test").await;
    assert_eq!(
        provider.apply(&zone(), &before, &[Change::Replace { old: one, new: two }]).await,
        [Outcome::Done]
    );
    assert_eq!(service.records("example.test").len(), 2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_the_plan_has_no_room_for_is_named_before_it_is_sent() {
    let service = FakeCloudflare::start();
    service.create_zone("example.test", Plan::Free);
    let provider = connected(&service);
    let outcomes = provider.apply(&zone(), &Observed::default(), &addresses(205)).await;
    assert_eq!(outcomes.iter().filter(|outcome| **outcome == Outcome::Done).count(), 200);
    for outcome in &outcomes[200..] {
        let Outcome::Failed(error) = outcome else { continue };
        assert!(error.class == ErrorClass::Quota && error.message.contains("200 records"), "{error}");
    }
    assert!(outcomes.iter().filter(|outcome| matches!(outcome, Outcome::Failed(_))).count() == 5);
    let batches = service.calls().iter().filter(|call| call.ends_with("/batch")).count();
    assert_eq!(batches, 1);
    let one = addresses(1_000).split_off(999);
    let full = provider.apply(&zone(), &Observed::default(), &one).await;
    assert!(matches!(&full[..], [Outcome::Failed(error)] if error.class == ErrorClass::Quota), "{full:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_bad_record_costs_few_calls() {
    let service = FakeCloudflare::start();
    service.create_zone("example.test", Plan::FreeOld);
    let provider = connected(&service);
    provider.list(&zone()).await.unwrap();
    let mut changes = addresses(128);
    changes[77] = Change::Create(set("h77.example.test", RecordType::MX, 300, &["10 bad\\032host.example"]));
    let outcomes = provider.apply(&zone(), &Observed::default(), &changes).await;
    for (at, outcome) in outcomes.iter().enumerate() {
        match outcome {
            Outcome::Failed(error) if at == 77 => {
                assert_eq!((&error.class, error.culprit), (&ErrorClass::Rejected, Some(77)));
                assert!(
                    error.message.contains("h77.example.test MX") && error.message.contains("code 9007"),
                    "{error}"
                );
            }
            outcome => assert!(at != 77 && *outcome == Outcome::Done, "{at} {outcome:?}"),
        }
    }
    let batches = service.calls().iter().filter(|call| call.ends_with("/batch")).count();
    assert!(batches <= 2 * 7 + 1, "{batches} batches");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_id_of_another_zone_is_never_written_to() {
    let service = FakeCloudflare::start();
    service.create_zone("example.test", Plan::Free);
    let other = service.create_zone("other.test", Plan::Free);
    service.put("other.test", &json!({ "name": "www", "type": "A", "content": "192.0.2.1", "ttl": 60 }));
    let narrow = service.new_token(&["dns:read", "dns:edit"], &[&other]);
    for token in [service.token(), &narrow] {
        let provider = provider(json!({ "server_url": service.url(), "api_token": token, "zone_id": other }));
        let outcomes = provider.apply(&zone(), &Observed::default(), &addresses(1)).await;
        assert!(
            matches!(&outcomes[..], [Outcome::Failed(error)] if error.class == ErrorClass::NoSuchZone),
            "{outcomes:?}"
        );
        assert_eq!(provider.list(&zone()).await.unwrap_err().class, ErrorClass::NoSuchZone);
    }
    assert_eq!(service.records("other.test").len(), 1);
}

/// Findings of Test: ok, reachable, authorised, zone matches, can write.
const GREEN: [bool; 5] = [true; 5];
const SILENT: [bool; 5] = [false; 5];
const STRANGER: [bool; 5] = [false, true, false, false, false];
const NO_ZONE: [bool; 5] = [false, true, true, false, false];
const READER: [bool; 5] = [false, true, true, true, false];

/// Settings, what Test finds, and words it says.
fn rows(service: &FakeCloudflare, id: &str, other: &str) -> Vec<(Value, [bool; 5], &'static str)> {
    let (url, token) = (service.url(), service.token().to_owned());
    let dns_only = service.new_token(&["dns:read", "dns:edit"], &[id]);
    let reader = service.new_token(&["dns:read", "zone:read"], &[id]);
    let elsewhere = service.new_token(&["dns:read", "dns:edit", "zone:read"], &[other]);
    vec![
        (json!({ "api_token": token }), GREEN, "takes changes"),
        (
            json!({ "api_token": token, "zone_id": id, "account_id": service.account() }),
            GREEN,
            "takes changes",
        ),
        (json!({ "api_token": dns_only, "zone_id": id }), GREEN, "takes changes"),
        (
            json!({ "api_token": "tok_nobody_knows_this_one_0123456789", "zone_id": id }),
            STRANGER,
            "does not know this API token",
        ),
        (json!({ "api_token": "short", "zone_id": id }), STRANGER, "Invalid format for Authorization header"),
        (json!({ "api_token": token, "zone_id": other }), NO_ZONE, "is that of other.test"),
        (json!({ "api_token": token, "zone_id": "f".repeat(32) }), NO_ZONE, "Invalid zone identifier"),
        (json!({ "api_token": token, "zone_id": "example.test" }), NO_ZONE, "object identifier is invalid"),
        (json!({ "api_token": token, "account_id": "f".repeat(32), "zone_id": id }), NO_ZONE, "account"),
        (json!({ "api_token": elsewhere, "zone_id": id }), NO_ZONE, "token itself is valid"),
        (json!({ "api_token": dns_only }), NO_ZONE, "Zone > Zone > Read"),
        (json!({ "api_token": reader }), READER, "Zone > DNS > Edit"),
        (json!({ "api_token": token, "server_url": "http://127.0.0.1:9" }), SILENT, "cannot be reached"),
        (
            json!({ "api_token": token, "server_url": url.replace("http:", "https:") }),
            SILENT,
            "does not speak TLS",
        ),
    ]
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_test_says_which_part_is_wrong() {
    let service = FakeCloudflare::start();
    let id = service.create_zone("example.test", Plan::Free);
    let other = service.create_zone("other.test", Plan::Free);
    let url = service.url();
    let rows = rows(&service, &id, &other);
    for hidden in [false, true] {
        if hidden {
            service.hide_permissions();
        }
        for (settings, expected, words) in &rows {
            let mut settings = settings.clone();
            if settings.get("server_url").is_none() {
                settings["server_url"] = url.clone().into();
            }
            let report = provider(settings.clone()).test(&zone()).await;
            let found =
                [report.ok, report.reachable, report.authorised, report.zone_matches, report.can_write];
            assert!(found == *expected && report.message.contains(words), "{settings}\n{report:?}");
            assert!(
                !report.message.contains(settings["api_token"].as_str().unwrap())
                    || settings["api_token"] == "short"
            );
        }
    }
    assert!(service.records("example.test").is_empty());
    service.make_secondary(&id);
    let report = connected(&service).test(&zone()).await;
    assert!(!report.ok && report.message.contains("secondary"), "{report:?}");
}

/// What can go wrong on the wire, and what it is to be taken for.
fn faults(token: &str) -> Vec<(Fault, ErrorClass)> {
    let quiet = |seconds| ErrorClass::RateLimited { retry_after: Some(Duration::from_secs(seconds)) };
    let wrapped = |code: u32| {
        format!(
            r#"{{"success":false,"result":null,"errors":[{{"code":{code},"message":"you sent {token}"}}],"messages":[]}}"#
        )
    };
    let list = r#"{"success":true,"errors":[],"result":[],"result_info":{"total_pages":1}}"#;
    vec![
        (Fault::Refuse, ErrorClass::Transient),
        (Fault::CutAfter(40), ErrorClass::Transient),
        (Fault::LoseAnswer, ErrorClass::Transient),
        (Fault::Answer(Canned::json(401, &wrapped(1000))), ErrorClass::Unauthorized),
        (Fault::Answer(Canned::json(403, &wrapped(1038))), ErrorClass::Forbidden),
        (Fault::Answer(Canned::html(403)), ErrorClass::Forbidden),
        (Fault::Answer(Canned::json(404, &wrapped(7003))), ErrorClass::NoSuchZone),
        (Fault::Answer(Canned::too_many("7")), quiet(7)),
        (Fault::Answer(Canned::json(429, &wrapped(971))), quiet(300)),
        (
            Fault::Answer(Canned::json(429, &wrapped(971)).header("Ratelimit", "\"default\";r=0;t=30")),
            quiet(30),
        ),
        (Fault::Answer(Canned::json(500, &wrapped(10_013))), ErrorClass::Transient),
        (Fault::Answer(Canned::json(200, list).torn()), ErrorClass::Transient),
        (Fault::Answer(Canned::html(200)), ErrorClass::Transient),
        (Fault::Answer(Canned::json(200, &wrapped(10_013))), ErrorClass::Transient),
        (Fault::Answer(Canned::json(200, r#"{"success":true}"#)), ErrorClass::Transient),
    ]
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn faults_are_told_apart_and_nothing_is_read_into_them() {
    let service = FakeCloudflare::start();
    let id = service.create_zone("example.test", Plan::Free);
    service.put("example.test", &json!({ "name": "www", "type": "A", "content": "192.0.2.1", "ttl": 300 }));
    let proxy = FaultProxy::start(service.addr());
    let token = service.token();
    let faults = faults(token);
    for (fault, class) in faults {
        let provider = provider(
            json!({ "server_url": format!("{}/client/v4", proxy.url()), "api_token": token, "zone_id": id }),
        );
        proxy.reset();
        let before = seen(provider.as_ref(), "www.example.test").await;
        proxy.set(fault.clone());
        let name = Name::parse("www.example.test").unwrap();
        for error in [provider.read(&zone(), std::slice::from_ref(&name)).await, provider.list(&zone()).await]
        {
            let error = error.expect_err("a failed read is never an empty one");
            assert!(error.class == class && !error.message.contains(token), "{fault:?}: {error:?}");
        }
        let change = Change::Delete(set("www.example.test", RecordType::A, 300, &["192.0.2.9"]));
        let stale = provider.apply(&zone(), &before, &[change]).await;
        assert!(
            matches!(&stale[..], [Outcome::Failed(error)] if error.class == class),
            "{fault:?}: {stale:?}"
        );
        let write = provider.apply(&zone(), &before, &addresses(1)).await;
        let (Outcome::Failed(error) | Outcome::Unknown(error)) = &write[0] else {
            panic!("{fault:?}: {write:?}")
        };
        assert!(error.class == class, "{fault:?}: {error:?}");
        if matches!(fault, Fault::LoseAnswer | Fault::CutAfter(_)) {
            assert!(matches!(write[0], Outcome::Unknown(_)), "{fault:?}: it may have happened");
            proxy.reset();
            assert_eq!(
                provider.apply(&zone(), &before, &addresses(1)).await,
                [Outcome::Done],
                "twice is once"
            );
        }
        assert!(
            service.records("example.test").iter().any(|shown| shown["content"] == "192.0.2.1"),
            "{fault:?}"
        );
    }
    proxy.set(Fault::Hang);
    let soon = ZoneRef { deadline: Instant::now() + Duration::from_millis(200), ..zone() };
    let provider =
        provider(json!({ "server_url": format!("{}/client/v4", proxy.url()), "api_token": token }));
    let error = provider.list(&soon).await.unwrap_err();
    assert!(error.class == ErrorClass::Transient && error.message.contains("in time"), "{error}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn zones_come_and_go() {
    let service = FakeCloudflare::start();
    let provider = provider(
        json!({ "server_url": service.url(), "api_token": service.token(), "account_id": service.account() }),
    );
    let name = zone().name;
    let seed = zonecast_providers::ZoneSeed { primary: name.clone(), mailbox: name, name_servers: vec![] };
    let id = provider.create_zone(&zone(), &seed).await.unwrap();
    assert_eq!(provider.create_zone(&zone(), &seed).await.unwrap(), id);
    assert_eq!(provider.dns_servers(&zone()).await.len(), 2);
    provider.delete_zone(&zone()).await.unwrap();
    provider.delete_zone(&zone()).await.unwrap();
    assert_eq!(provider.list(&zone()).await.unwrap_err().class, ErrorClass::NoSuchZone);
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
        prop::collection::vec(any::<u8>(), 1..600).prop_map(|text| RecordData::text(&text)),
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
    fn what_is_written_is_what_is_read(values in prop::collection::vec(value(), 1..12), ttl in 60u32..86_400) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let service = FakeCloudflare::start();
            service.create_zone("example.test", Plan::FreeOld);
            let provider = connected(&service);
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
