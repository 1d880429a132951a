//! What is PowerDNS's own: the traps of its API, seen with the real server.

mod stages;

use serde_json::json;
use stages::powerdns::connected;
use std::time::{Duration, Instant};
use zonecast_core::{Change, Name, Observed, RRset, RecordData, RecordType, Ttl};
use zonecast_providers::{ErrorClass, Outcome, ZoneRef, ZoneSeed};
use zonecast_testbed::{Backend, Canned, Fault, FaultProxy, PowerDns, Prober, dig};

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

fn all_done(outcomes: &[Outcome]) {
    let other = outcomes.iter().find(|outcome| **outcome != Outcome::Done);
    assert!(other.is_none(), "{other:?}");
}

fn many(count: usize) -> Vec<Change> {
    let address = |n: usize| format!("10.{}.{}.{}", n >> 16 & 255, n >> 8 & 255, n & 255);
    (0..count).map(|n| create(&format!("h{n}.example.test"), &address(n))).collect()
}

fn seed(zone: &ZoneRef) -> ZoneSeed {
    let server = zone.name.child("ns1").unwrap();
    ZoneSeed {
        primary: server.clone(),
        mailbox: zone.name.child("hostmaster").unwrap(),
        name_servers: vec![server],
    }
}

#[tokio::test]
async fn ten_thousand_records_are_two_patches() {
    let server = PowerDns::start(Backend::Lmdb);
    server.create_zone("example.test", "Native");
    let proxy = FaultProxy::start(server.api_addr());
    let provider = connected(&proxy.url(), server.api_key());
    let zone = zone("example.test");
    all_done(&provider.apply(&zone, &Observed::default(), &many(10_000)).await);
    assert_eq!(proxy.count("PATCH"), 2);
    assert!(
        proxy.seen().iter().all(|seen| seen.body.len() < 1_500_000 && !seen.head.contains("\r\nexpect:"))
    );
    let listed = provider.list(&zone).await.unwrap();
    assert_eq!(listed.rrsets.len(), 10_002);
    let before = proxy.seen().len();
    let few = [name("h7.example.test"), name("no.example.test")];
    assert_eq!(provider.read(&zone, &few).await.unwrap().rrsets.len(), 1);
    let calls = &proxy.seen()[before..];
    assert!(calls.len() == 2 && calls.iter().all(|seen| seen.path.contains("rrset_name=")));
    let half: Vec<Name> = (0..5_000).map(|n| name(&format!("h{n}.example.test"))).collect();
    let before = proxy.seen().len();
    assert_eq!(provider.read(&zone, &half).await.unwrap().rrsets.len(), 5_000);
    assert_eq!(proxy.seen().len(), before + 1, "many names are one listing");
}

#[tokio::test]
async fn one_host_is_a_look_a_patch_and_its_flushes() {
    let server = PowerDns::start(Backend::Sqlite);
    server.create_zone("example.test", "Master");
    let proxy = FaultProxy::start(server.api_addr());
    let provider = connected(&proxy.url(), server.api_key());
    let new = [create("a.example.test", "192.0.2.1"), create("b.example.test", "192.0.2.2")];
    all_done(&provider.apply(&zone("example.test"), &Observed::default(), &new).await);
    let mut calls: Vec<String> = proxy
        .seen()
        .iter()
        .map(|seen| format!("{} {}", seen.method, seen.path.rsplit_once("localhost").unwrap().1))
        .collect();
    calls.sort();
    assert_eq!(
        calls,
        [
            "GET /zones/example.test.?rrsets=false",
            "PATCH /zones/example.test.",
            "PUT /cache/flush?domain=a.example.test.",
            "PUT /cache/flush?domain=b.example.test.",
            "PUT /zones/example.test./notify",
        ]
    );
}

#[tokio::test]
async fn a_name_is_never_without_an_answer_and_fresh_at_once() {
    let server = PowerDns::start(Backend::Lmdb);
    server.create_zone("example.test", "Native");
    let provider = connected(&server.api_url(), server.api_key());
    let zone = zone("example.test");
    let owner = "busy.example.test";
    all_done(&provider.apply(&zone, &Observed::default(), &[create(owner, "192.0.2.0")]).await);
    let prober = Prober::start(server.dns_addr(), owner, "A");
    for round in 0..60 {
        prober.wait_for(5);
        let (old, new) = (format!("192.0.2.{round}"), format!("192.0.2.{}", round + 1));
        let seen = provider.read(&zone, &[name(owner)]).await.unwrap();
        let change = Change::Replace {
            old: set(owner, RecordType::A, &[&old]),
            new: set(owner, RecordType::A, &[&new]),
        };
        all_done(&provider.apply(&zone, &seen, &[change]).await);
        let served = dig(server.dns_addr(), owner, "A").unwrap();
        assert_eq!(served.texts("A"), [new], "stale after round {round}");
    }
    let counts = prober.stop();
    assert_eq!((counts.nxdomain, counts.nodata, counts.other), (0, 0, 0), "{counts:?}");
    assert!(counts.seen.iter().all(|values| values.len() == 1), "{counts:?}");
}

#[tokio::test]
async fn zones_that_we_make_answer_nodata_between_and_cost_no_rectify_elsewhere() {
    for backend in [Backend::Sqlite, Backend::Lmdb] {
        let server = PowerDns::start(backend);
        let proxy = FaultProxy::start(server.api_addr());
        let provider = connected(&proxy.url(), server.api_key());
        let zone = zone("8.b.d.0.1.0.0.2.ip6.arpa");
        let id = provider.create_zone(&zone, &seed(&zone)).await.unwrap();
        assert_eq!(id.as_deref(), Some("8.b.d.0.1.0.0.2.ip6.arpa."));
        assert_eq!(provider.create_zone(&zone, &seed(&zone)).await.unwrap(), id, "twice is once");
        let made = server.api("GET", "/zones/8.b.d.0.1.0.0.2.ip6.arpa.?rrsets=false", None).json();
        assert_eq!((&made["account"], &made["api_rectify"]), (&json!("zonecast"), &json!(false)));

        let owner = Name::reverse_of("2001:db8::7".parse().unwrap());
        let ptr = set(&owner.to_string(), RecordType::PTR, &["mail.example.test"]);
        all_done(&provider.apply(&zone, &Observed::default(), &[Change::Create(ptr.clone())]).await);
        let above = owner.up_to(&zone.name);
        for between in &above[1..above.len() - 1] {
            let reply = dig(server.dns_addr(), &between.absolute(), "PTR").unwrap();
            assert!(reply.is_nodata(), "{between} on {backend:?}: {reply:?}");
        }
        let rectified =
            |proxy: &FaultProxy| proxy.seen().iter().filter(|seen| seen.path.ends_with("/rectify")).count();
        assert_eq!(rectified(&proxy), 1);
        let other = set(&owner.to_string(), RecordType::PTR, &["www.example.test"]);
        all_done(
            &provider.apply(&zone, &Observed::default(), &[Change::Replace { old: ptr, new: other }]).await,
        );
        assert_eq!(rectified(&proxy), 1, "a replaced value moves no empty non-terminal");

        server.sign("8.b.d.0.1.0.0.2.ip6.arpa");
        let next = set("1.0.8.b.d.0.1.0.0.2.ip6.arpa", RecordType::PTR, &["x.example.test"]);
        all_done(&provider.apply(&zone, &Observed::default(), &[Change::Create(next)]).await);
        let signed = server.api("GET", "/zones/8.b.d.0.1.0.0.2.ip6.arpa.?rrsets=false", None).json();
        assert_eq!(signed["api_rectify"], true, "a signed zone is rectified with every change");
        provider.delete_zone(&zone).await.unwrap();
        provider.delete_zone(&zone).await.unwrap();
    }
}

#[tokio::test]
async fn a_zone_without_its_soa_is_refused_and_a_secondary_is_not_written_to() {
    let server = PowerDns::start(Backend::Sqlite);
    server.create_zone("copy.test", "Slave");
    let provider = connected(&server.api_url(), server.api_key());
    let zone = zone("copy.test");
    let outcomes = provider.apply(&zone, &Observed::default(), &[create("a.copy.test", "192.0.2.1")]).await;
    let Outcome::Failed(error) = &outcomes[0] else { panic!("{outcomes:?}") };
    assert_eq!(error.class, ErrorClass::Forbidden);
    let report = provider.test(&zone).await;
    assert!(report.zone_matches && !report.can_write && !report.ok, "{report:?}");
    assert!(report.message.contains("Slave") && report.message.contains("primary"), "{}", report.message);
}

#[tokio::test]
async fn disabled_values_of_others_stay_on_sqlite() {
    disabled_values_stay(Backend::Sqlite).await;
}

#[tokio::test]
async fn disabled_values_of_others_stay_on_lmdb() {
    disabled_values_stay(Backend::Lmdb).await;
}

/// A narrow read does not show them (4.7), and a REPLACE would erase them.
async fn disabled_values_stay(backend: Backend) {
    let server = PowerDns::start(backend);
    server.create_zone("example.test", "Native");
    server.put_raw(
        "example.test",
        json!({ "name": "a.example.test.", "type": "A", "ttl": 300, "changetype": "REPLACE",
            "records": [
                { "content": "192.0.2.1", "disabled": false },
                { "content": "192.0.2.2", "disabled": true },
            ] }),
    );
    let provider = connected(&server.api_url(), server.api_key());
    let zone = zone("example.test");
    let seen = provider.read(&zone, &[name("a.example.test")]).await.unwrap();
    assert_eq!(seen.rrsets[0].values.iter().filter(|value| value.disabled).count(), 1);
    let one = set("a.example.test", RecordType::A, &["192.0.2.1"]);
    let two = set("a.example.test", RecordType::A, &["192.0.2.3"]);
    all_done(&provider.apply(&zone, &seen, &[Change::Replace { old: one, new: two.clone() }]).await);
    let seen = provider.read(&zone, &[name("a.example.test")]).await.unwrap();
    assert_eq!(seen.rrsets[0].values.len(), 2, "{seen:?}");
    all_done(&provider.apply(&zone, &seen, &[Change::Delete(two)]).await);
    let left = provider.read(&zone, &[name("a.example.test")]).await.unwrap();
    assert!(left.rrsets[0].values.len() == 1 && left.rrsets[0].values[0].disabled, "{left:?}");
    assert_eq!(dig(server.dns_addr(), "a.example.test", "A").unwrap().rcode, 3, "disabled is not served");
}

/// The API refuses an AAAA value with IPv4 in it (issue 9, C15): ours, and a neighbour's in the same set,
/// are taken all the same.
#[tokio::test]
async fn addresses_mapped_into_ipv6_are_taken_beside_a_neighbours() {
    let server = PowerDns::start(Backend::Sqlite);
    server.create_zone("example.test", "Native");
    let provider = connected(&server.api_url(), server.api_key());
    let zone = zone("example.test");
    let odd =
        ["::ffff:192.0.2.1", "::192.0.2.1", "::1", "::ffff:0:192.0.2.1", "64:ff9b::192.0.2.1", "2001:db8::"];
    all_done(
        &provider
            .apply(
                &zone,
                &Observed::default(),
                &[Change::Create(set("new.example.test", RecordType::AAAA, &odd))],
            )
            .await,
    );
    server.put("example.test", "old.example.test", "AAAA", 300, &["::ffff:c000:209", "::c000:209"]);
    let owner = name("old.example.test");
    let seen = provider.read(&zone, std::slice::from_ref(&owner)).await.unwrap();
    assert!(!seen.rrsets[0].opaque && seen.rrsets[0].values.len() == 2, "{seen:?}");
    let theirs = ["::ffff:192.0.2.9", "::192.0.2.9"];
    let old = set("old.example.test", RecordType::AAAA, &theirs);
    let new = set("old.example.test", RecordType::AAAA, &[&theirs[..], &odd[..]].concat());
    all_done(&provider.apply(&zone, &seen, &[Change::Replace { old, new: new.clone() }]).await);
    let seen = provider.read(&zone, &[owner]).await.unwrap();
    assert_eq!(
        RRset::new(
            new.name.clone(),
            new.rtype,
            new.ttl,
            seen.rrsets[0].values.iter().map(|value| value.data.clone()).collect()
        ),
        new
    );
}

#[tokio::test]
async fn comments_of_others_stay_and_are_no_records() {
    let server = PowerDns::start(Backend::Sqlite);
    server.create_zone("example.test", "Native");
    for owner in ["a.example.test.", "note.example.test."] {
        let mut rrset = json!({ "name": owner, "type": "A", "changetype": "REPLACE",
            "comments": [{ "content": "do not touch", "account": "them" }] });
        if owner.starts_with("a.") {
            rrset["ttl"] = json!(300);
            rrset["records"] = json!([{ "content": "192.0.2.1", "disabled": false }]);
        }
        server.put_raw("example.test", rrset);
    }
    let provider = connected(&server.api_url(), server.api_key());
    let zone = zone("example.test");
    let seen = provider.read(&zone, &[name("a.example.test"), name("note.example.test")]).await.unwrap();
    assert_eq!(seen.rrsets.len(), 1, "a comment alone is nothing");
    let one = set("a.example.test", RecordType::A, &["192.0.2.1"]);
    let two = set("a.example.test", RecordType::A, &["192.0.2.3"]);
    all_done(&provider.apply(&zone, &seen, &[Change::Replace { old: one, new: two }]).await);
    let held = server.api("GET", "/zones/example.test.", None).json();
    let sets = held["rrsets"].as_array().unwrap();
    let mine = sets.iter().find(|set| set["name"] == "a.example.test.").unwrap();
    assert_eq!(mine["comments"][0]["content"], "do not touch");
}

#[tokio::test]
async fn a_refusal_without_a_name_is_found_by_halving() {
    let server = PowerDns::start(Backend::Sqlite);
    server.create_zone("example.test", "Native");
    let proxy = FaultProxy::start(server.api_addr());
    let provider = connected(&proxy.url(), server.api_key());
    // No version names nothing in a 422 today: a refusal without a name stands for one that would.
    let mut changes = many(128);
    changes[77] = create("poison.example.test", "192.0.2.77");
    proxy.refuse_bodies_with("poison.example.test", Canned::json(422, r#"{"error":"something is wrong"}"#));
    let outcomes = provider.apply(&zone("example.test"), &Observed::default(), &changes).await;
    for (index, outcome) in outcomes.iter().enumerate() {
        assert_eq!(*outcome == Outcome::Done, index != 77, "{index}: {outcome:?}");
    }
    assert!(proxy.count("PATCH") <= 2 * 7 + 1, "{} PATCHes", proxy.count("PATCH"));
}

#[tokio::test]
async fn a_refused_swap_leaves_the_old_answer() {
    let server = PowerDns::start(Backend::Sqlite);
    server.create_zone("example.test", "Native");
    server.put("example.test", "w.example.test", "A", 300, &["192.0.2.1"]);
    server.put("example.test", "w.example.test", "TXT", 300, &["\"theirs\""]);
    let provider = connected(&server.api_url(), server.api_key());
    let zone = zone("example.test");
    let seen = provider.read(&zone, &[name("w.example.test")]).await.unwrap();
    let changes = [
        Change::Delete(set("w.example.test", RecordType::A, &["192.0.2.1"])),
        Change::Create(set("w.example.test", RecordType::CNAME, &["x.example.test"])),
        create("other.example.test", "192.0.2.2"),
    ];
    let outcomes = provider.apply(&zone, &seen, &changes).await;
    assert!(matches!(&outcomes[..2], [Outcome::Failed(_), Outcome::Failed(_)]), "{outcomes:?}");
    assert_eq!(outcomes[2], Outcome::Done);
    assert_eq!(dig(server.dns_addr(), "w.example.test", "A").unwrap().texts("A"), ["192.0.2.1"]);
}

#[tokio::test]
async fn writes_of_many_at_once_to_sqlite_all_arrive() {
    let server = PowerDns::start(Backend::Sqlite);
    for n in 0..8 {
        server.create_zone(&format!("z{n}.test"), "Native");
    }
    let mut tasks = Vec::new();
    for n in 0..32 {
        // A connection of its own each: the turn is the server's.
        let provider = connected(&server.api_url(), server.api_key());
        tasks.push(tokio::spawn(async move {
            let zone = zone(&format!("z{}.test", n % 8));
            let new = create(&format!("h{n}.z{}.test", n % 8), "192.0.2.1");
            provider.apply(&zone, &Observed::default(), &[new]).await
        }));
    }
    for task in tasks {
        all_done(&task.await.unwrap());
    }
}

#[tokio::test]
async fn torn_and_strange_answers_are_never_an_empty_zone() {
    let server = PowerDns::start(Backend::Lmdb);
    server.create_zone("example.test", "Native");
    let proxy = FaultProxy::start(server.api_addr());
    let provider = connected(&proxy.url(), server.api_key());
    let zone = zone("example.test");
    let names = [name("www.example.test")];
    for fault in [
        Fault::Answer(Canned::html(200)),
        Fault::Answer(Canned::json(200, r#"{"error":"temporarily out of order"}"#)),
        Fault::Answer(Canned::json(200, "{}")),
        Fault::Answer(Canned::json(200, "[]")),
        Fault::Answer(Canned::json(200, r#"{"name":"other.test.","rrsets":[]}"#)),
        Fault::Answer(Canned::json(200, r#"{"name":"example.test.","rrsets":null}"#)),
        Fault::Answer(Canned::json(200, r#"{"name":"example.test.","kind":"Native"}"#)),
        Fault::Answer(Canned::json(200, r#"{"name":"example.test.","rrsets":[]"#)),
        Fault::Answer(Canned::json(200, r#"{"name":"example.test.","rrsets":[{"name":"#).torn()),
        Fault::Answer(Canned::json(500, r#"{"error":"Internal Server Error"}"#)),
        Fault::CutAfter(300),
        Fault::LoseAnswer,
        Fault::Refuse,
    ] {
        proxy.set(fault.clone());
        for read in [provider.read(&zone, &names).await, provider.list(&zone).await] {
            let error = read.expect_err(&format!("{fault:?}"));
            assert_eq!(error.class, ErrorClass::Transient, "{fault:?}: {error}");
            assert!(error.message.contains("example.test"), "{error}");
        }
    }
    proxy.set(Fault::Hang);
    let hurried = ZoneRef { deadline: Instant::now() + Duration::from_millis(300), ..zone.clone() };
    let start = Instant::now();
    assert_eq!(provider.list(&hurried).await.unwrap_err().class, ErrorClass::Transient);
    assert!(start.elapsed() < Duration::from_secs(3), "the deadline holds");
}

#[tokio::test]
async fn test_says_what_is_wrong_in_words() {
    let server = PowerDns::start(Backend::Sqlite);
    server.create_zone("example.test", "Master");
    let there = zone("example.test");
    let report = connected(&server.api_url(), server.api_key()).test(&there).await;
    assert!(report.ok && report.message.contains("4.") && report.message.contains("Master"), "{report:?}");

    let report = connected(&server.api_url(), "wrong-key").test(&there).await;
    assert!(report.reachable && !report.authorised, "{report:?}");
    assert!(
        report.message.contains("Unauthorized") && report.message.contains("API Key"),
        "{}",
        report.message
    );

    let report = connected(&server.api_url(), server.api_key()).test(&zone("nowhere.test")).await;
    assert!(
        report.authorised && !report.zone_matches && report.message.contains("nowhere.test"),
        "{report:?}"
    );

    let tls = server.api_url().replace("http://", "https://");
    let report = connected(&tls, server.api_key()).test(&there).await;
    assert!(!report.reachable && report.message.contains("write http://"), "{}", report.message);

    let closed = format!("http://127.0.0.1:{}", zonecast_testbed::free_port());
    let report = connected(&closed, server.api_key()).test(&there).await;
    assert!(!report.reachable && report.message.contains("refused"), "{}", report.message);

    let proxy = FaultProxy::start(server.api_addr());
    proxy
        .set(Fault::Answer(Canned::json(200, r#"{"type":"Server","daemon_type":"recursor","version":"5"}"#)));
    let report = connected(&proxy.url(), server.api_key()).test(&there).await;
    assert!(!report.ok && report.message.contains("recursor"), "{}", report.message);

    let edit = server.api("PUT", "/zones/example.test.", Some(&json!({ "soa_edit_api": "" })));
    assert_eq!(edit.status, 204);
    let report = connected(&server.api_url(), server.api_key()).test(&there).await;
    assert!(report.ok && report.advice.iter().any(|advice| advice.contains("soa_edit_api")), "{report:?}");
}

#[tokio::test]
async fn a_secret_that_is_quoted_back_does_not_come_out() {
    let server = PowerDns::start(Backend::Lmdb);
    let proxy = FaultProxy::start(server.api_addr());
    let canary = "canary/secret+7";
    proxy.set(Fault::Answer(Canned::json(401, &format!(r#"{{"error":"bad key {canary}"}}"#))));
    let provider = connected(&proxy.url(), canary);
    let zone = zone("example.test");
    let error = provider.list(&zone).await.unwrap_err();
    let report = provider.test(&zone).await;
    let outcomes =
        provider.apply(&zone, &Observed::default(), &[create("a.example.test", "192.0.2.1")]).await;
    let said = format!("{error:?} {report:?} {outcomes:?} {}", provider.physical_id(&zone));
    assert!(!said.contains(canary) && said.contains("[secret]"), "{said}");
}

#[tokio::test]
async fn a_crash_in_the_middle_is_unknown_or_transient_and_then_heals() {
    let mut server = PowerDns::start(Backend::Sqlite);
    server.create_zone("example.test", "Native");
    let provider = connected(&server.api_url(), server.api_key());
    let zone = zone("example.test");
    let new = [create("a.example.test", "192.0.2.1")];
    server.crash();
    let outcomes = provider.apply(&zone, &Observed::default(), &new).await;
    assert!(matches!(&outcomes[..], [Outcome::Failed(error)] if error.class == ErrorClass::Transient));
    server.start_again();
    all_done(&provider.apply(&zone, &Observed::default(), &new).await);
    server.pause();
    let hurried = ZoneRef { deadline: Instant::now() + Duration::from_millis(300), ..zone.clone() };
    let outcomes = provider.apply(&hurried, &Observed::default(), &new).await;
    server.resume();
    assert!(!matches!(&outcomes[..], [Outcome::Done]), "{outcomes:?}");
    assert_eq!(provider.list(&zone).await.unwrap().rrsets.len(), 3);
}
