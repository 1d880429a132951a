//! What is each small REST service's own: its traps, at a stand-in that has them.

mod stages;

use serde_json::json;
use stages::rest::{DESEC, DIGITALOCEAN, GANDI, GODADDY, HETZNER, OVH, Service};
use std::sync::Arc;
use std::time::{Duration, Instant};
use zonecast_core::{Change, Name, Observed, RRset, RecordData, RecordType, Ttl};
use zonecast_providers::fields::validate;
use zonecast_providers::{ErrorClass, Outcome, Provider, ZoneRef};
use zonecast_testbed::{FakeRest, Pages};

fn zone() -> ZoneRef {
    ZoneRef::new(Name::parse("example.test").unwrap())
}

fn set(owner: &str, rtype: RecordType, ttl: u32, values: &[&str]) -> RRset {
    let values = values.iter().map(|value| RecordData::parse(rtype, value).unwrap()).collect();
    RRset::new(Name::parse(owner).unwrap(), rtype, Ttl::from_seconds(ttl).unwrap(), values)
}

fn with_zone(service: &Service) -> (FakeRest, Arc<dyn Provider>) {
    let fake = (service.start)();
    fake.create_zone("example.test");
    let provider = service.connected((service.settings)(&fake.url(), fake.token()));
    (fake, provider)
}

async fn seen(provider: &dyn Provider, owner: &str) -> Observed {
    provider.read(&zone(), &[Name::parse(owner).unwrap()]).await.unwrap()
}

fn count(fake: &FakeRest, start: &str) -> usize {
    fake.calls().iter().filter(|call| call.starts_with(start)).count()
}

fn failed(outcome: &Outcome) -> (&ErrorClass, &str) {
    match outcome {
        Outcome::Failed(error) => (&error.class, &error.message),
        other => panic!("expected a failure, not {other:?}"),
    }
}

fn values(fake: &FakeRest, owner: &str) -> Vec<String> {
    let lines = fake.lines("example.test").into_iter().filter(|line| line.0 == owner);
    lines.map(|line| format!("{} {}", line.1, line.3)).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn desec_names_every_bad_set_of_a_bulk_at_once() {
    let (fake, provider) = with_zone(&DESEC);
    let mut changes: Vec<Change> = (0..300)
        .map(|n| Change::Create(set(&format!("h{n}.example.test"), RecordType::A, 3_600, &["192.0.2.1"])))
        .collect();
    for at in [7, 70, 270] {
        changes[at] = Change::Create(set(&format!("h{at}.example.test"), RecordType::A, 60, &["192.0.2.1"]));
    }
    let outcomes = provider.apply(&zone(), &Observed::default(), &changes).await;
    for (at, outcome) in outcomes.iter().enumerate() {
        match [7, 70, 270].contains(&at) {
            true => {
                let (class, words) = failed(outcome);
                assert_eq!(*class, ErrorClass::Rejected);
                assert!(
                    words.contains("greater than or equal to 3600") && words.contains(&format!("h{at}."))
                );
            }
            false => assert_eq!(*outcome, Outcome::Done, "{at}"),
        }
    }
    assert_eq!(count(&fake, "PATCH"), 2, "one that is refused, one without the bad ones");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn desec_halves_a_bulk_whose_fault_has_no_place() {
    let (fake, provider) = with_zone(&DESEC);
    let mut changes: Vec<Change> = (0..16)
        .map(|n| Change::Create(set(&format!("h{n}.example.test"), RecordType::A, 3_600, &["192.0.2.1"])))
        .collect();
    changes[5] =
        Change::Create(set("h5.example.test", RecordType::CNAME, 3_600, &["a.example", "b.example"]));
    let outcomes = provider.apply(&zone(), &Observed::default(), &changes).await;
    let bad: Vec<usize> = (0..16).filter(|at| outcomes[*at] != Outcome::Done).collect();
    assert_eq!(bad, [5]);
    assert!(failed(&outcomes[5]).1.contains("cannot have multiple records"), "{:?}", outcomes[5]);
    assert!(count(&fake, "PATCH") <= 2 * 4 + 1, "{:?}", fake.calls());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn desec_tells_what_its_minimum_ttl_is() {
    let (fake, provider) = with_zone(&DESEC);
    assert_eq!(provider.capabilities().ttl_seconds_min, 3_600);
    fake.set_ttl_min("example.test", 60);
    let report = provider.test(&zone()).await;
    assert!(report.ok && report.advice[0].contains("down to 60"), "{report:?}");
    let settings = json!({ "server_url": fake.url(), "api_token": fake.token(), "minimum_ttl": 60 });
    let lower = DESEC.connected(settings);
    assert_eq!(lower.capabilities().ttl_seconds_min, 60);
    fake.set_ttl_min("example.test", 3_600);
    let report = lower.test(&zone()).await;
    assert!(report.advice[0].contains("set Minimum TTL to 3600"), "{report:?}");
    let bad = json!({ "api_token": "x", "minimum_ttl": "soon" });
    assert_eq!(validate("desec", bad.as_object().unwrap()).unwrap_err()[0].field, "minimum_ttl");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn desec_tells_the_ds_of_a_zone() {
    let fake = FakeRest::desec();
    fake.create_zone("example.net");
    let provider = DESEC.connected((DESEC.settings)(&fake.url(), fake.token()));
    let zone = ZoneRef::new(Name::parse("example.net").unwrap());
    let signed = provider.dnssec(&zone).await.unwrap().unwrap();
    assert_eq!((signed.keys.len(), signed.keys[0].tag, signed.keys[0].ds.len()), (1, 55648, 2));
    let error = provider.dnssec(&ZoneRef::new(Name::parse("missing.test").unwrap())).await.unwrap_err();
    assert_eq!(error.class, ErrorClass::NoSuchZone);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn hetzner_explains_the_token_and_the_address_of_the_older_console() {
    let (fake, _) = with_zone(&HETZNER);
    for (token, words) in
        [("0123456789abcdef0123456789abcdef", "older DNS Console"), ("x", "wrong or was deleted")]
    {
        let provider = HETZNER.connected(json!({ "server_url": fake.url(), "api_token": token }));
        let report = provider.test(&zone()).await;
        assert!(report.reachable && !report.authorised && report.message.contains(words), "{report:?}");
        let error = provider.list(&zone()).await.unwrap_err();
        assert!(error.class == ErrorClass::Unauthorized && error.message.contains(words), "{error}");
    }
    let old = json!({ "api_token": "x", "server_url": "https://dns.hetzner.com/api/v1" });
    let error = validate("hetzner", old.as_object().unwrap()).unwrap_err().remove(0);
    assert!(error.field == "server_url" && error.message.contains("older DNS Console"), "{error}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn hetzner_is_waited_for_until_its_action_has_ended() {
    let (fake, provider) = with_zone(&HETZNER);
    let new = [Change::Create(set("www.example.test", RecordType::A, 300, &["192.0.2.1"]))];
    fake.keep_busy(2);
    assert_eq!(provider.apply(&zone(), &Observed::default(), &new).await, [Outcome::Done]);
    assert_eq!(count(&fake, "GET /actions/"), 2);
    fake.keep_busy(1_000);
    let soon = ZoneRef { deadline: Instant::now() + Duration::from_millis(400), ..zone() };
    let outcomes = provider.apply(&soon, &Observed::default(), &new).await;
    assert!(matches!(outcomes[..], [Outcome::Unknown(_)]), "it was taken, and nobody knows: {outcomes:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn hetzner_keeps_comments_and_leaves_protected_sets_alone() {
    let (fake, provider) = with_zone(&HETZNER);
    fake.put("example.test", "www", "A", 300, &["192.0.2.1", "192.0.2.2"]);
    fake.set_comment("example.test", "www", "192.0.2.1", "theirs");
    let before = seen(provider.as_ref(), "www.example.test").await;
    let old = set("www.example.test", RecordType::A, 300, &["192.0.2.1", "192.0.2.2"]);
    let new = set("www.example.test", RecordType::A, 300, &["192.0.2.1", "192.0.2.3"]);
    let change = [Change::Replace { old, new: new.clone() }];
    assert_eq!(provider.apply(&zone(), &before, &change).await, [Outcome::Done]);
    assert_eq!(fake.comment("example.test", "www", "192.0.2.1").as_deref(), Some("theirs"));
    assert_eq!(count(&fake, "POST /zones/example.test/rrsets/www/A/actions/change_ttl"), 0);
    fake.set_state("example.test", "protected www");
    let before = seen(provider.as_ref(), "www.example.test").await;
    assert!(before.rrsets[0].opaque);
    let outcomes = provider.apply(&zone(), &before, &[Change::Delete(new)]).await;
    assert_eq!(*failed(&outcomes[0]).0, ErrorClass::Rejected);
    fake.set_state("example.test", "secondary");
    let report = provider.test(&zone()).await;
    assert!(!report.ok && report.message.contains("secondary"), "{report:?}");
    fake.set_state("example.test", "lame");
    let report = provider.test(&zone()).await;
    assert!(report.ok && report.advice[0].contains("delegation is lame"), "{report:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn gandi_swaps_types_in_one_call_and_never_writes_a_whole_zone() {
    let (fake, provider) = with_zone(&GANDI);
    fake.put("example.test", "www", "A", 300, &["192.0.2.1"]);
    fake.put("example.test", "www", "TXT", 300, &["\"theirs\""]);
    let before = seen(provider.as_ref(), "www.example.test").await;
    let changes = [
        Change::Create(set("www.example.test", RecordType::CNAME, 300, &["x.example"])),
        Change::Delete(set("www.example.test", RecordType::A, 300, &["192.0.2.1"])),
        Change::Delete(set("www.example.test", RecordType::TXT, 300, &["\"theirs\""])),
    ];
    assert!(provider.apply(&zone(), &before, &changes).await.iter().all(|one| *one == Outcome::Done));
    assert_eq!(values(&fake, "www.example.test"), ["CNAME x.example."]);
    let writes: Vec<String> = fake.calls().into_iter().filter(|call| !call.starts_with("GET")).collect();
    assert_eq!(writes, ["PUT /domains/example.test/records/www"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_made_room_in_vain_is_put_back() {
    for service in [&HETZNER, &DIGITALOCEAN, &GODADDY] {
        let (fake, provider) = with_zone(service);
        fake.put("example.test", "www", "A", 3_600, &["192.0.2.1"]);
        let before = seen(provider.as_ref(), "www.example.test").await;
        // A TTL that is refused stands for anything that is.
        let changes = [
            Change::Create(set("www.example.test", RecordType::CNAME, 5, &["x.example"])),
            Change::Delete(set("www.example.test", RecordType::A, 3_600, &["192.0.2.1"])),
            Change::Create(set("ftp.example.test", RecordType::A, 3_600, &["192.0.2.2"])),
        ];
        let outcomes = provider.apply(&zone(), &before, &changes).await;
        assert!(failed(&outcomes[0]).1.contains("A stands as before"), "{outcomes:?}");
        assert_eq!(*failed(&outcomes[1]).0, ErrorClass::Rejected);
        assert_eq!(outcomes[2], Outcome::Done, "neighbours go through");
        assert_eq!(values(&fake, "www.example.test"), ["A 192.0.2.1"], "{}", service.kind);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn digitalocean_changes_records_in_place_and_doubles_none() {
    let (fake, provider) = with_zone(&DIGITALOCEAN);
    fake.put("example.test", "www", "A", 300, &["192.0.2.1", "192.0.2.2"]);
    let before = seen(provider.as_ref(), "www.example.test").await;
    let old = set("www.example.test", RecordType::A, 300, &["192.0.2.1"]);
    let new = set("www.example.test", RecordType::A, 300, &["192.0.2.3", "192.0.2.4"]);
    let change = [Change::Replace { old, new }];
    for _ in 0..2 {
        assert_eq!(provider.apply(&zone(), &before, &change).await, [Outcome::Done]);
        let held = values(&fake, "www.example.test");
        assert_eq!(held, ["A 192.0.2.3", "A 192.0.2.2", "A 192.0.2.4"], "a neighbour's value stays");
    }
    assert_eq!((count(&fake, "PUT"), count(&fake, "POST"), count(&fake, "DELETE")), (1, 1, 0));
    let text = set("t.example.test", RecordType::TXT, 300, &["a \\\\ b"]);
    let outcomes = provider.apply(&zone(), &Observed::default(), &[Change::Create(text)]).await;
    let (class, words) = failed(&outcomes[0]);
    assert!(*class == ErrorClass::Unsupported && words.contains("backslash"), "{words}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn godaddy_explains_its_rule_for_accounts() {
    let (fake, provider) = with_zone(&GODADDY);
    fake.set_state("example.test", "elsewhere");
    let report = provider.test(&zone()).await;
    assert!(report.ok && report.advice[0].contains("ns1.example.net"), "{report:?}");
    fake.shut();
    let report = provider.test(&zone()).await;
    assert!(report.zone_matches && !report.can_write, "{report:?}");
    assert!(report.message.contains("10 domains or more") && report.message.contains("ACCESS_DENIED"));
    assert_eq!(report.message.matches("10 domains").count(), 1, "{report:?}");
    let error = provider.list(&zone()).await.unwrap_err();
    assert!(error.class == ErrorClass::Forbidden && error.message.contains("10 domains"), "{error}");
    assert!(!format!("{report:?}{error}").contains("5550100"), "the owner's number is nobody's business");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn godaddy_leaves_what_it_spells_its_own_way_alone() {
    let (fake, provider) = with_zone(&GODADDY);
    fake.put("example.test", "@", "A", 600, &["Parked"]);
    fake.put("example.test", "caa", "CAA", 600, &["0 issue \"letsencrypt.org\""]);
    let listed = provider.list(&zone()).await.unwrap();
    let opaque: Vec<String> =
        listed.rrsets.iter().filter(|set| set.opaque).map(|set| set.unread.concat()).collect();
    assert_eq!(opaque, ["A Parked", ""]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn godaddy_is_read_whole_whatever_its_offsets_count() {
    for (offsets, pages, hosts, whole) in [
        ("count pages", Pages::Honest, 500, true),
        ("offsets skip records", Pages::Honest, 500, true),
        ("offsets skip records", Pages::Capped, 100, true),
        // Two more stand at the apex: a round number may be a limit.
        ("offsets are nothing", Pages::Honest, 98, false),
        ("offsets are nothing", Pages::Honest, 99, true),
    ] {
        let (fake, provider) = with_zone(&GODADDY);
        for n in 0..hosts {
            fake.put("example.test", &format!("h{n}"), "A", 3_600, &["192.0.2.1"]);
        }
        fake.set_state("example.test", offsets);
        fake.set_pages("example.test", pages);
        for round in ["first", "second"] {
            let listed = provider.list(&zone()).await;
            let all = fake.lines("example.test").len() - 1;
            assert_eq!(
                listed.map(|listed| listed.rrsets.len()).ok(),
                whole.then_some(all),
                "{round}: {offsets}"
            );
        }
    }
}

/// One refresh for a batch, also where a part of it was refused; an old answer asks for one more.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ovh_is_told_to_serve_once_what_was_written() {
    let (fake, provider) = with_zone(&OVH);
    fake.put("example.test", "www", "A", 300, &["192.0.2.1"]);
    let before = seen(provider.as_ref(), "www.example.test").await;
    let old = set("www.example.test", RecordType::A, 300, &["192.0.2.1"]);
    let new = set("www.example.test", RecordType::A, 300, &["192.0.2.2"]);
    let changes = [
        Change::Replace { old, new },
        Change::Create(set("w.example.test", RecordType::A, 300, &["192.0.2.3"])),
        Change::Create(set("w.example.test", RecordType::CNAME, 300, &["x.example"])),
    ];
    let outcomes = provider.apply(&zone(), &before, &changes).await;
    assert_eq!(outcomes[..2], [Outcome::Done, Outcome::Done]);
    assert!(matches!(outcomes[2], Outcome::Failed(_)), "{outcomes:?}");
    assert_eq!(count(&fake, "POST /domain/zone/example.test/refresh"), 1);
    assert_eq!(values(&fake, "www.example.test"), ["A 192.0.2.2"], "it is served");
    provider.refresh(&zone(), &[]).await;
    assert_eq!(count(&fake, "POST /domain/zone/example.test/refresh"), 2);
    // Types of its own that hold texts.
    fake.put("example.test", "d._domainkey", "DKIM", 300, &["\"v=DKIM1; p=x\""]);
    let found = seen(provider.as_ref(), "d._domainkey.example.test").await;
    assert_eq!((found.rrsets[0].rtype, found.rrsets[0].opaque), (RecordType::TXT, false));
}

#[test]
fn dynect_is_gone_and_its_name_says_so() {
    for name in ["dyn", "dynect", "DynECT"] {
        let error = validate(name, &serde_json::Map::new()).unwrap_err().remove(0);
        assert_eq!(error.field, "provider");
        assert!(error.message.contains("shut down") && error.message.contains("route53"), "{error}");
    }
}
