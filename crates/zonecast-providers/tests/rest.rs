//! What is common to the smaller REST services: Test's findings, faults, pages, zones. Each at a
//! stand-in that refuses what the real one refuses.

mod stages;

use serde_json::Value;
use stages::rest::{DESEC, DIGITALOCEAN, GANDI, GODADDY, HETZNER, Service};
use std::sync::Arc;
use std::time::{Duration, Instant};
use zonecast_core::{Change, Name, Observed, RRset, RecordData, RecordType, Ttl};
use zonecast_providers::{ErrorClass, Outcome, Provider, ZoneRef, ZoneSeed};
use zonecast_testbed::{Canned, FakeRest, Fault, FaultProxy};

const ALL: [&Service; 5] = [&DESEC, &HETZNER, &GANDI, &DIGITALOCEAN, &GODADDY];

fn zone() -> ZoneRef {
    ZoneRef::new(Name::parse("example.test").unwrap())
}

fn set(owner: &str, rtype: RecordType, values: &[&str]) -> RRset {
    let values = values.iter().map(|value| RecordData::parse(rtype, value).unwrap()).collect();
    RRset::new(Name::parse(owner).unwrap(), rtype, Ttl::from_seconds(3_600).unwrap(), values)
}

fn connected(service: &Service, url: &str, token: &str) -> Arc<dyn Provider> {
    service.connected((service.settings)(url, token))
}

/// A secret, or both halves of one.
fn halves(settings: &Value) -> Vec<String> {
    ["api_token", "api_secret"].iter().filter_map(|key| Some(settings[key].as_str()?.to_owned())).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_test_says_which_part_is_wrong() {
    for service in ALL {
        let fake = (service.start)();
        fake.create_zone("example.test");
        fake.create_zone("other.test");
        let before = fake.lines("example.test");
        let (url, reader) = (fake.url(), fake.new_token(false, &[]));
        let elsewhere = fake.new_token(true, &["other.test"]);
        let rows: [(&str, &str, [bool; 5]); 6] = [
            (&url, fake.token(), [true; 5]),
            (&url, "nobody:knows-this-token-0123456789", [false, true, false, false, false]),
            (&url, &elsewhere, [false, true, true, false, false]),
            (&url, &reader, [false, true, true, true, false]),
            ("http://127.0.0.1:9", fake.token(), [false; 5]),
            (&url.replace("http:", "https:"), fake.token(), [false; 5]),
        ];
        for (url, token, expected) in rows {
            let settings = (service.settings)(url, token);
            let report = service.connected(settings.clone()).test(&zone()).await;
            let found =
                [report.ok, report.reachable, report.authorised, report.zone_matches, report.can_write];
            assert_eq!(found, expected, "{} {url}: {report:?}", service.kind);
            assert!(!report.message.is_empty() && report.advice.is_empty(), "{}: {report:?}", service.kind);
            assert!(halves(&settings).iter().all(|secret| !report.message.contains(secret.as_str())));
        }
        assert_eq!(fake.lines("example.test"), before, "{}: Test changes nothing", service.kind);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn faults_are_told_apart_and_nothing_is_read_into_them() {
    for service in ALL {
        let fake = (service.start)();
        fake.create_zone("example.test");
        fake.put("example.test", "www", "A", 3_600, &["192.0.2.1"]);
        let proxy = FaultProxy::start(fake.addr());
        let url = format!("{}{}", proxy.url(), fake.base());
        let settings = (service.settings)(&url, fake.token());
        let secret = halves(&settings).remove(0);
        let words = format!(r#"{{"message":"you sent {secret}","detail":"you sent {secret}"}}"#);
        let quiet = |seconds| ErrorClass::RateLimited { retry_after: Some(Duration::from_secs(seconds)) };
        let nothing = Fault::Answer(Canned::new(200, ""));
        let faults = [
            (Fault::Refuse, ErrorClass::Transient),
            (Fault::CutAfter(40), ErrorClass::Transient),
            (Fault::LoseAnswer, ErrorClass::Transient),
            (Fault::Answer(Canned::json(401, &words)), ErrorClass::Unauthorized),
            (Fault::Answer(Canned::json(403, &words)), ErrorClass::Forbidden),
            (Fault::Answer(Canned::html(403)), ErrorClass::Forbidden),
            (Fault::Answer(Canned::json(404, &words)), ErrorClass::NoSuchZone),
            (Fault::Answer(Canned::too_many("7")), quiet(7)),
            (Fault::Answer(Canned::json(500, &words)), ErrorClass::Transient),
            (Fault::Answer(Canned::json(503, &words)), ErrorClass::Transient),
            (Fault::Answer(Canned::json(200, "[]").torn()), ErrorClass::Transient),
            (Fault::Answer(Canned::html(200)), ErrorClass::Transient),
            (Fault::Answer(Canned::json(200, "{}")), ErrorClass::Transient),
            (nothing.clone(), ErrorClass::Transient),
        ];
        let held = [Change::Delete(set("www.example.test", RecordType::A, &["192.0.2.1"]))];
        let before = connected(service, &fake.url(), fake.token()).list(&zone()).await.unwrap();
        let name = Name::parse("www.example.test").unwrap();
        let new = [Change::Create(set("new.example.test", RecordType::A, &["192.0.2.7"]))];
        for (fault, class) in faults {
            let provider = connected(service, &url, fake.token());
            proxy.set(fault.clone());
            let read = provider.read(&zone(), std::slice::from_ref(&name)).await;
            for error in [read, provider.list(&zone()).await] {
                let error = error.expect_err("a failed read is never an empty one");
                assert_eq!(error.class, class, "{} {fault:?}: {error:?}", service.kind);
                assert!(!error.message.contains(&secret), "{error:?}");
            }
            let gone = provider.apply(&zone(), &before, &held).await;
            assert_ne!(gone, [Outcome::Done], "{} {fault:?}", service.kind);
            if !matches!(fault, Fault::CutAfter(_) | Fault::LoseAnswer) {
                assert!(fake.lines("example.test").iter().any(|line| line.0 == "www.example.test"));
            }
            fake.put("example.test", "www", "A", 3_600, &["192.0.2.1"]);
            if fault == nothing && service.kind == "godaddy" {
                // That is how it answers a PUT.
                continue;
            }
            let write = provider.apply(&zone(), &Observed::default(), &new).await;
            let (Outcome::Failed(error) | Outcome::Unknown(error)) = &write[0] else {
                panic!("{} {fault:?}: {write:?}", service.kind)
            };
            assert_eq!(error.class, class, "{} {fault:?}: {error:?}", service.kind);
            assert!(!error.message.contains(&secret), "{error:?}");
        }
        lost_answers(service, &fake, &proxy, &new).await;
    }
}

/// A write whose answer is lost is unknown, and doing it again is done.
async fn lost_answers(service: &Service, fake: &FakeRest, proxy: &FaultProxy, new: &[Change]) {
    let url = format!("{}{}", proxy.url(), fake.base());
    let provider = connected(service, &url, fake.token());
    for fault in [Fault::LoseAnswer, Fault::Answer(Canned::html(504))] {
        proxy.reset();
        fake.put("example.test", "new", "A", 3_600, &[]);
        for method in ["POST", "PUT", "PATCH"] {
            proxy.rule(method, "/r", 1, fault.clone());
        }
        let write = provider.apply(&zone(), &Observed::default(), new).await;
        assert!(matches!(write[..], [Outcome::Unknown(_)]), "{} {fault:?}: {write:?}", service.kind);
        proxy.reset();
        let again = provider.apply(&zone(), &Observed::default(), new).await;
        assert_eq!(again, [Outcome::Done], "{} {fault:?}", service.kind);
        let here = fake.lines("example.test").into_iter().filter(|line| line.0 == "new.example.test");
        assert_eq!(here.count(), 1, "{}: twice is once", service.kind);
    }
    proxy.set(Fault::Hang);
    let soon = ZoneRef { deadline: Instant::now() + Duration::from_millis(200), ..zone() };
    let error = provider.list(&soon).await.unwrap_err();
    assert!(error.class == ErrorClass::Transient && error.message.contains("in time"), "{error}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_zone_of_many_pages_is_listed_whole() {
    for service in ALL {
        let fake = (service.start)();
        fake.create_zone("example.test");
        for n in 0..1_150 {
            fake.put(
                "example.test",
                &format!("h{n}"),
                "A",
                3_600,
                &[&format!("10.0.{}.{}", n / 250, n % 250)],
            );
        }
        let provider = connected(service, &fake.url(), fake.token());
        let listed = provider.list(&zone()).await.unwrap();
        let hosts = listed.rrsets.iter().filter(|set| set.rtype == RecordType::A);
        assert_eq!(hosts.count(), 1_150, "{}", service.kind);
        let names: Vec<Name> = (0..9).map(|n| Name::parse(&format!("h{n}.example.test")).unwrap()).collect();
        for names in [&names[..2], &names[..]] {
            let read = provider.read(&zone(), names).await.unwrap();
            assert_eq!(read.rrsets.len(), names.len(), "{}: {read:?}", service.kind);
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn zones_come_and_go_where_the_service_makes_them() {
    let name = zone().name;
    let seed = ZoneSeed { primary: name.clone(), mailbox: name, name_servers: vec![] };
    for service in ALL {
        let fake = (service.start)();
        let provider = connected(service, &fake.url(), fake.token());
        if !provider.capabilities().zones {
            let error = provider.create_zone(&zone(), &seed).await.unwrap_err();
            assert_eq!(error.class, ErrorClass::Unsupported, "{}", service.kind);
            continue;
        }
        let id = provider.create_zone(&zone(), &seed).await.unwrap();
        assert_eq!(provider.create_zone(&zone(), &seed).await.unwrap(), id, "{}", service.kind);
        assert!(provider.test(&zone()).await.ok, "{}", service.kind);
        assert!(provider.dns_servers(&zone()).await.len() >= 2, "{}", service.kind);
        let by_id = ZoneRef { provider_zone_id: id, ..zone() };
        match provider.delete_zone(&by_id).await {
            Err(error) => {
                assert!(service.kind == "gandi" && error.class == ErrorClass::Unsupported, "{error}");
            }
            Ok(()) => {
                provider.delete_zone(&by_id).await.unwrap();
                assert_eq!(provider.list(&zone()).await.unwrap_err().class, ErrorClass::NoSuchZone);
            }
        }
    }
}
