//! What is PowerDNS's own: the traps of its API, seen with the real server.

use serde_json::json;
use std::sync::Arc;
use std::time::{Duration, Instant};
use zonecast_core::{Change, Name, Observed, RRset, RecordData, RecordType, Ttl};
use zonecast_providers::fields::{Deps, connect, validate};
use zonecast_providers::{ErrorClass, Outcome, Provider, ZoneRef, ZoneSeed};
use zonecast_testbed::{Backend, Canned, Fault, FaultProxy, PowerDns, Prober, dig};

fn provider(url: &str, key: &str) -> Arc<dyn Provider> {
    let settings = json!({ "server_url": url, "api_key": key });
    let settings = validate("powerdns", settings.as_object().unwrap()).unwrap();
    connect("powerdns", &settings, &Deps::default()).unwrap()
}

fn name(text: &str) -> Name {
    Name::parse(text).unwrap()
}

fn zone(text: &str) -> ZoneRef {
    ZoneRef::new(name(text))
}

fn set(owner: &str, rtype: RecordType, values: &[&str]) -> RRset {
    let values = values.iter().map(|value| RecordData::parse(rtype, value).unwrap()).collect();
    RRset::new(name(owner), rtype, Ttl::DEFAULT, values)
}

fn all_done(outcomes: &[Outcome]) {
    let other = outcomes.iter().find(|outcome| **outcome != Outcome::Done);
    assert!(other.is_none(), "{other:?}");
}

fn many(count: usize) -> Vec<Change> {
    let address = |n: usize| format!("10.{}.{}.{}", n >> 16 & 255, n >> 8 & 255, n & 255);
    (0..count)
        .map(|n| Change::Create(set(&format!("h{n}.example.test"), RecordType::A, &[&address(n)])))
        .collect()
}

#[tokio::test]
async fn ten_thousand_records_are_two_patches() {
    let server = PowerDns::start(Backend::Lmdb);
    server.create_zone("example.test", "Native");
    let proxy = FaultProxy::start(server.api_addr());
    let provider = provider(&proxy.url(), server.api_key());
    let zone = ZoneRef { deadline: Instant::now() + Duration::from_secs(120), ..zone("example.test") };
    let start = Instant::now();
    all_done(&provider.apply(&zone, &Observed::default(), &many(10_000)).await);
    println!("10,000 pushed in {:?}", start.elapsed());
    assert_eq!(proxy.count("PATCH"), 2);
    assert!(
        proxy.seen().iter().all(|seen| seen.body.len() < 1_500_000 && !seen.head.contains("\r\nexpect:"))
    );
    let start = Instant::now();
    let listed = provider.list(&zone).await.unwrap();
    println!("{} listed in {:?}", listed.rrsets.len(), start.elapsed());
    assert_eq!(listed.rrsets.len(), 10_002);
    assert!(listed.rrsets.is_sorted_by_key(|set| (set.name.clone(), set.rtype)));
    let few = [name("h7.example.test"), name("no.example.test")];
    assert_eq!(provider.read(&zone, &few).await.unwrap().rrsets.len(), 1);
}
