//! What only CoreDNS's etcd can show. The story is told here with the chapters that SkyDNS keys cannot
//! act left out, each with its reason.

mod stages;

use serde_json::json;
use stages::coredns::{EtcdStage, connected};
use zonecast_core::{Change, Name, Observed, RRset, RecordData, RecordType, Ttl};
use zonecast_providers::conformance::{CHAPTERS, Looked, Stage};
use zonecast_providers::fields::Deps;
use zonecast_providers::{ErrorClass, Outcome, ZoneRef};
use zonecast_testbed::{Canned, Etcd, Fault, FaultProxy};

const LEFT_OUT: [(&str, &str); 5] = [
    ("wildcard", "a stored * is not a wildcard"),
    ("apex", "SOA and NS are made up by CoreDNS and cannot be read"),
    ("long_and_odd_texts", "a long text with bytes beyond ASCII does not survive the cut into strings"),
    ("reverse_zones_and_empty_non_terminals", "PTR is looked up at the exact key: NXDOMAIN above it"),
    ("failures_are_told_apart", "a zone is a prefix, none is ever missing"),
];

fn name(text: &str) -> Name {
    Name::parse(text).unwrap()
}

fn set(owner: &str, rtype: RecordType, value: &str) -> RRset {
    let value = RecordData::parse(rtype, value).unwrap();
    RRset::new(name(owner), rtype, Ttl::DEFAULT, vec![value])
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_story_of_etcd() {
    for chapter in CHAPTERS {
        if !LEFT_OUT.iter().any(|(title, _)| *title == chapter.title) {
            eprintln!("{}", chapter.title);
            (chapter.tell)(&EtcdStage::start(1)).await;
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn deeper_names_do_not_answer_for_the_name_above() {
    let stage = EtcdStage::start(1);
    let zone = ZoneRef::new(name("story.test"));
    let creates: Vec<Change> = [
        set("www.story.test", RecordType::A, "192.0.2.1"),
        set("a.www.story.test", RecordType::A, "192.0.2.2"),
        set("c.www.story.test", RecordType::CNAME, "elsewhere.example"),
        set("deep.empty.story.test", RecordType::A, "192.0.2.3"),
        set("story.test", RecordType::A, "192.0.2.4"),
    ]
    .map(Change::Create)
    .into();
    let outcomes = stage.provider().apply(&zone, &Observed::default(), &creates).await;
    assert!(outcomes.iter().all(|outcome| *outcome == Outcome::Done), "{outcomes:?}");
    let ask = |owner: &str| stage.eyes(&zone.name).ask(&name(owner), RecordType::A);
    assert_eq!(ask("www.story.test"), Looked::Found(set("www.story.test", RecordType::A, "192.0.2.1")));
    assert_eq!(ask("story.test"), Looked::Found(set("story.test", RecordType::A, "192.0.2.4")));
    assert_eq!(ask("empty.story.test"), Looked::NoData);
    let delete = Change::Delete(set("deep.empty.story.test", RecordType::A, "192.0.2.3"));
    let seen = stage.provider().read(&zone, &[name("deep.empty.story.test")]).await.unwrap();
    assert_eq!(stage.provider().apply(&zone, &seen, &[delete]).await, [Outcome::Done]);
    assert_eq!(ask("empty.story.test"), Looked::NxDomain, "the guard is gone with the last name below");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn reverse_records_are_at_the_exact_key() {
    let stage = EtcdStage::start(1);
    for (zone, owner) in [
        ("2.0.192.in-addr.arpa", name("10.2.0.192.in-addr.arpa")),
        ("8.b.d.0.1.0.0.2.ip6.arpa", Name::reverse_of("2001:db8::10".parse().unwrap())),
    ] {
        let zone = ZoneRef::new(name(zone));
        let mut seen = Observed::default();
        for target in ["vm1.story.test", "vm2.story.test"] {
            let after = set(&owner.to_string(), RecordType::PTR, target);
            let before = seen
                .get(&owner, RecordType::PTR)
                .map(|_| set(&owner.to_string(), RecordType::PTR, "vm1.story.test"));
            let change = match before {
                Some(old) => Change::Replace { old, new: after.clone() },
                None => Change::Create(after.clone()),
            };
            assert_eq!(stage.provider().apply(&zone, &seen, &[change]).await, [Outcome::Done]);
            assert_eq!(stage.eyes(&zone.name).ask(&owner, RecordType::PTR), Looked::Found(after));
            seen = stage.provider().read(&zone, std::slice::from_ref(&owner)).await.unwrap();
        }
        let old = set(&owner.to_string(), RecordType::PTR, "vm1.story.test");
        let stale = Change::Replace { old, new: set(&owner.to_string(), RecordType::PTR, "vm3.story.test") };
        let outcomes = stage.provider().apply(&zone, &Observed::default(), &[stale]).await;
        let conflict =
            matches!(&outcomes[..], [Outcome::Failed(error)] if error.class == ErrorClass::Conflict);
        assert!(conflict, "{outcomes:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn three_members_survive_one_crash() {
    let mut stage = EtcdStage::start(3);
    let zone = ZoneRef::new(name("story.test"));
    let one = set("www.story.test", RecordType::A, "192.0.2.1");
    let provider = stage.provider();
    assert_eq!(provider.apply(&zone, &Observed::default(), &[Change::Create(one)]).await, [Outcome::Done]);
    stage.etcd.crash(0);
    // The next leader takes its time; until then a write is a passing failure or unknown, never done.
    let end = std::time::Instant::now() + std::time::Duration::from_secs(30);
    let two = Change::Create(set("two.story.test", RecordType::A, "192.0.2.2"));
    loop {
        match &provider.apply(&zone, &Observed::default(), std::slice::from_ref(&two)).await[..] {
            [Outcome::Done] => break,
            [Outcome::Failed(error) | Outcome::Unknown(error)] => {
                assert_eq!(error.class, ErrorClass::Transient, "{error}");
            }
            other => panic!("{other:?}"),
        }
        assert!(std::time::Instant::now() < end, "no writes after a crash");
    }
    let seen = provider.list(&zone).await.unwrap();
    assert_eq!(seen.rrsets.len(), 2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_login_is_needed_and_may_be_wrong_or_too_small() {
    let etcd = Etcd::start();
    etcd.protect("rootpw", "zc", "right", "/skydns/test/story");
    let endpoints = etcd.endpoints().join(",");
    let with = |user: &str, password: &str| {
        let settings =
            json!({ "backend": "etcd", "endpoints": endpoints, "username": user, "password": password });
        connected(settings, &Deps::default())
    };
    let zone = ZoneRef::new(name("story.test"));
    let other = ZoneRef::new(name("other.test"));
    let report = with("zc", "right").test(&zone).await;
    assert!(report.ok && report.can_write, "{report:?}");
    let report = with("zc", "wrong").test(&zone).await;
    assert!(!report.ok && report.reachable && !report.authorised, "{report:?}");
    assert!(report.message.contains("invalid user ID or password"), "{report:?}");
    let report = with("zc", "right").test(&other).await;
    assert!(!report.ok && report.authorised && !report.can_write, "{report:?}");
    assert!(report.message.contains("permission denied"), "{report:?}");
    let nobody = connected(json!({ "backend": "etcd", "endpoints": endpoints }), &Deps::default());
    for (provider, zone, class) in [
        (with("zc", "wrong"), &zone, ErrorClass::Unauthorized),
        (nobody, &zone, ErrorClass::Unauthorized),
        (with("zc", "right"), &other, ErrorClass::Forbidden),
    ] {
        let create = Change::Create(set(&format!("a.{}", zone.name), RecordType::A, "192.0.2.1"));
        let outcomes = provider.apply(zone, &Observed::default(), &[create]).await;
        assert!(matches!(&outcomes[..], [Outcome::Failed(error)] if error.class == class), "{outcomes:?}");
        assert_eq!(provider.list(zone).await.unwrap_err().class, class);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_bad_answer_is_taken_for_an_empty_zone() {
    let etcd = Etcd::start();
    let proxy = FaultProxy::start(etcd.addr());
    let provider = connected(json!({ "backend": "etcd", "endpoints": proxy.url() }), &Deps::default());
    let names = [name("www.story.test")];
    for fault in [
        Fault::Answer(Canned::html(200)),
        Fault::Answer(Canned::json(200, "{}")),
        Fault::Answer(Canned::json(200, r#"{"header":{},"kvs":[{"key":"L3g="}"#).torn()),
        Fault::Answer(Canned::json(503, r#"{"error":"etcdserver: no leader"}"#)),
        Fault::CutAfter(20),
        Fault::Refuse,
    ] {
        proxy.set(fault.clone());
        let zone = ZoneRef::new(name("story.test"));
        for read in [provider.read(&zone, &names).await, provider.list(&zone).await] {
            assert_eq!(read.map_err(|error| error.class), Err(ErrorClass::Transient), "{fault:?}");
        }
    }
    proxy.set(Fault::Hang);
    let soon = std::time::Instant::now() + std::time::Duration::from_millis(300);
    let zone = ZoneRef { deadline: soon, ..ZoneRef::new(name("story.test")) };
    let create = Change::Create(set("www.story.test", RecordType::A, "192.0.2.1"));
    let outcomes = provider.apply(&zone, &Observed::default(), &[create]).await;
    assert!(matches!(&outcomes[..], [Outcome::Unknown(_)]), "{outcomes:?}");
}

/// A CA, and one certificate for both ends: etcd's gateway is a client of its own server.
fn certificates(folder: &std::path::Path) {
    let run = |arguments: &str| {
        let mut command = std::process::Command::new("openssl");
        let output = command.current_dir(folder).args(arguments.split(' ')).output().unwrap();
        assert!(output.status.success(), "{arguments}: {}", String::from_utf8_lossy(&output.stderr));
    };
    let key = "-newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes";
    std::fs::write(
        folder.join("ext"),
        "subjectAltName=IP:127.0.0.1\nextendedKeyUsage=serverAuth,clientAuth\n",
    )
    .unwrap();
    run(&format!("req -x509 {key} -keyout ca.key -out ca.pem -subj /CN=zonecast-ca -days 2"));
    run(&format!("req {key} -keyout end.key -out end.csr -subj /CN=zonecast"));
    run("x509 -req -in end.csr -CA ca.pem -CAkey ca.key -CAcreateserial -out end.pem -days 2 -extfile ext");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn tls_with_certificates_on_both_sides() {
    let folder = tempfile::tempdir().unwrap();
    certificates(folder.path());
    let file = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    let etcd = Etcd::start_tls(&file("end.pem"), &file("end.key"), &file("ca.pem"));
    let endpoints = etcd.endpoints().join(",");
    let zone = ZoneRef::new(name("story.test"));
    let full = json!({
        "backend": "etcd", "endpoints": endpoints,
        "ca_file": file("ca.pem"), "cert_file": file("end.pem"), "key_file": file("end.key"),
    });
    let provider = connected(full, &Deps::default());
    let report = provider.test(&zone).await;
    assert!(report.ok, "{report:?}");
    let create = Change::Create(set("www.story.test", RecordType::A, "192.0.2.1"));
    assert_eq!(provider.apply(&zone, &Observed::default(), &[create]).await, [Outcome::Done]);
    for lacking in [
        json!({ "backend": "etcd", "endpoints": endpoints, "ca_file": file("ca.pem") }),
        json!({ "backend": "etcd", "endpoints": endpoints }),
        json!({ "backend": "etcd", "endpoints": endpoints.replace("https", "http") }),
    ] {
        let report = connected(lacking, &Deps::default()).test(&zone).await;
        assert!(!report.ok && !report.can_write, "{report:?}");
    }
}
