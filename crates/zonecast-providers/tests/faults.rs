//! One table of what goes wrong between us and a service over HTTP, told to adapters alike: what it
//! is taken for, that no secret comes out, and that no bad answer makes anything go away. HestiaCP, etcd
//! and RFC 2136 have protocols of their own, and tables of their own in their tests.

use serde_json::{Value, json};
use std::sync::Arc;
use std::time::{Duration, Instant};
use zonecast_core::{Change, Name, RRset, RecordData, RecordType, Ttl};
use zonecast_providers::fields::{Deps, connect, validate};
use zonecast_providers::{ErrorClass, Outcome, Provider, ZoneRef};
use zonecast_testbed::{Backend, Canned, FakeCloudflare, FakeRoute53, Fault, FaultProxy, Plan, PowerDns};

const ZONE: &str = "faults.test";

fn name(text: &str) -> Name {
    Name::parse(text).unwrap()
}

fn zone() -> ZoneRef {
    ZoneRef { deadline: Instant::now() + Duration::from_millis(1500), ..ZoneRef::new(name(ZONE)) }
}

fn connected(kind: &str, settings: &Value) -> Arc<dyn Provider> {
    let settings =
        validate(kind, settings.as_object().unwrap()).unwrap_or_else(|errors| panic!("{errors:?}"));
    connect(kind, &settings, &Deps::default()).unwrap()
}

fn held() -> RRset {
    let value = RecordData::parse(RecordType::A, "192.0.2.1").unwrap();
    RRset::new(name("www.faults.test"), RecordType::A, Ttl::DEFAULT, vec![value])
}

/// The faults, and what they are for everybody.
fn table(secret: &str) -> Vec<(&'static str, Fault, ErrorClass)> {
    let words = format!("who are you, {secret}?");
    let plain = |status| Canned::new(status, words.clone());
    let limited = |retry_after| ErrorClass::RateLimited { retry_after };
    vec![
        ("down", Fault::Refuse, ErrorClass::Transient),
        ("10 s late", Fault::Delay(Duration::from_secs(10)), ErrorClass::Transient),
        ("401", Fault::Answer(plain(401)), ErrorClass::Unauthorized),
        ("403", Fault::Answer(plain(403)), ErrorClass::Forbidden),
        ("404", Fault::Answer(plain(404)), ErrorClass::NoSuchZone),
        (
            "429 in 7 s",
            Fault::Answer(plain(429).header("Retry-After", "7")),
            limited(Some(Duration::from_secs(7))),
        ),
        ("429", Fault::Answer(plain(429)), limited(None)),
        ("500", Fault::Answer(plain(500)), ErrorClass::Transient),
        ("torn", Fault::Answer(Canned::json(200, "{\"result\":[").torn()), ErrorClass::Transient),
        ("cut", Fault::CutAfter(30), ErrorClass::Transient),
        ("a page", Fault::Answer(Canned::html(200)), ErrorClass::Transient),
        ("nothing", Fault::Answer(Canned::new(200, "")), ErrorClass::Transient),
        ("no JSON object", Fault::Answer(Canned::json(200, "[]")), ErrorClass::Transient),
        ("an answer lost", Fault::LoseAnswer, ErrorClass::Transient),
    ]
}

/// Tells the table to one adapter. `other` says what a fault is at this service, where it differs.
async fn tell(
    proxy: &FaultProxy,
    secret: &str,
    fresh: impl Fn() -> Arc<dyn Provider>,
    other: impl Fn(&str) -> Option<ErrorClass>,
) {
    let seen = fresh().read(&ZoneRef::new(name(ZONE)), &[held().name]).await.unwrap();
    assert_eq!(seen.rrsets.len(), 1, "it is there to begin with");
    for (title, fault, class) in table(secret) {
        let class = other(title).unwrap_or(class);
        proxy.set(fault);
        let provider = fresh();
        for error in [
            provider.read(&zone(), &[held().name]).await.expect_err(title),
            provider.list(&zone()).await.expect_err(title),
        ] {
            assert_eq!(error.class, class, "{title}: {error}");
            assert!(!error.message.contains(secret), "{title}: {error}");
        }
        let report = provider.test(&zone()).await;
        assert!(!report.ok && !report.message.contains(secret), "{title}: {report:?}");
        assert!(!report.reachable || !["down", "10 s late"].contains(&title), "{title}: {report:?}");
        // Also a change that was planned before: nothing of it is called done.
        let outcomes = provider.apply(&zone(), &Default::default(), &[Change::Delete(held())]).await;
        match &outcomes[..] {
            [Outcome::Failed(error) | Outcome::Unknown(error)] => {
                assert!(!error.message.contains(secret), "{title}: {error}");
            }
            other => panic!("{title}: {other:?}"),
        }
        proxy.set(Fault::Pass);
        // These may have been carried out, and were not called done.
        if !["an answer lost", "cut", "10 s late"].contains(&title) {
            let after = fresh().read(&ZoneRef::new(name(ZONE)), &[held().name]).await.unwrap();
            assert_eq!(after.rrsets.len(), 1, "{title}: it is gone");
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn powerdns() {
    let server = PowerDns::start(Backend::Sqlite);
    server.create_zone(ZONE, "Native");
    server.put(ZONE, "www.faults.test", "A", 300, &["192.0.2.1"]);
    let proxy = FaultProxy::start(server.api_addr());
    let settings = json!({ "server_url": proxy.url(), "api_key": server.api_key() });
    tell(&proxy, server.api_key(), || connected("powerdns", &settings), |_| None).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn cloudflare() {
    let service = FakeCloudflare::start();
    let id = service.create_zone(ZONE, Plan::Free);
    service.put(ZONE, &json!({ "name": "www", "type": "A", "content": "192.0.2.1", "ttl": 300 }));
    let proxy = FaultProxy::start(service.addr());
    let url = format!("{}/client/v4", proxy.url());
    let settings = json!({ "server_url": url, "api_token": service.token(), "zone_id": id });
    // After the limit was passed every call is refused for 5 minutes (documented, 2026-11-21).
    let five = ErrorClass::RateLimited { retry_after: Some(Duration::from_secs(300)) };
    let other = |title: &str| (title == "429").then(|| five.clone());
    tell(&proxy, service.token(), || connected("cloudflare", &settings), other).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn route53() {
    let service = FakeRoute53::start();
    let id = service.create_zone(ZONE, false);
    service.put(ZONE, "www.faults.test", "A", 300, &["192.0.2.1"], "");
    let proxy = FaultProxy::start(service.addr());
    let settings = json!({ "server_url": proxy.url(), "access_key_id": FakeRoute53::KEY_ID,
        "secret_access_key": service.secret(), "hosted_zone_id": id });
    tell(&proxy, service.secret(), || connected("route53", &settings), |_| None).await;
}
