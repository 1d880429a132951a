//! How fast dynamic updates are at a real BIND, against `nsupdate` in the same run, and keys at a
//! real etcd.
//!
//! `cargo run --release -p zonecast-providers --example rfc2136_speed [RRSETS]` prints medians of five.
#![allow(clippy::print_stdout)]

use serde_json::{Value, json};
use std::fmt::Write as _;
use std::sync::Arc;
use std::time::{Duration, Instant};
use zonecast_core::{Change, Name, Observed, RRset, RecordData, RecordType, Ttl};
use zonecast_providers::fields::{Deps, connect, validate};
use zonecast_providers::{Outcome, Provider, ZoneRef};
use zonecast_testbed::{Bind, Etcd, TsigSecret, dig, nsupdate};

const ROUNDS: usize = 5;

#[tokio::main]
async fn main() {
    let count: usize = std::env::args().nth(1).and_then(|text| text.parse().ok()).unwrap_or(10_000);
    let key = TsigSecret::random("zc", "hmac-sha256");
    let names: Vec<String> = (0..2 * ROUNDS).map(|n| format!("speed{n}.test")).collect();
    let zones: Vec<&str> = names.iter().map(String::as_str).collect();
    let bind = Bind::start(std::slice::from_ref(&key), &zones);
    let settings = json!({
        "server": bind.dns_addr().to_string(), "tsig_name": key.name, "tsig_secret": key.secret,
    });
    let Some(provider) = connected("rfc2136", &settings) else { return };

    let (mut ours, mut theirs) = (Vec::new(), Vec::new());
    for round in 0..ROUNDS {
        let script = script(zones[2 * round], count);
        let start = Instant::now();
        let (ok, words) = nsupdate(bind.dns_addr(), Some(&key), &script);
        theirs.push(start.elapsed());
        assert!(ok, "{words}");
        ours.push(push(&provider, zones[2 * round + 1], count).await);
    }
    println!("push of {count}: nsupdate x500 {:?}, ours {:?}", median(&mut theirs), median(&mut ours));
    list(&provider, zones[1], count).await;
    one_change(&bind, &key, &provider, zones[1]).await;

    let etcd = Etcd::start();
    let settings = json!({ "backend": "etcd", "endpoints": etcd.endpoints().join(",") });
    let Some(provider) = connected("coredns", &settings) else { return };
    let mut ours = Vec::new();
    for zone in &zones[..ROUNDS] {
        ours.push(push(&provider, zone, count).await);
    }
    let took = median(&mut ours);
    println!("etcd: push of {count} {took:?}, {:.0} keys/s", count as f64 / took.as_secs_f64());
}

fn connected(kind: &str, settings: &Value) -> Option<Arc<dyn Provider>> {
    let settings = validate(kind, settings.as_object()?).ok()?;
    connect(kind, &settings, &Deps::default()).ok()
}

async fn push(provider: &Arc<dyn Provider>, zone: &str, count: usize) -> Duration {
    let changes: Vec<Change> = (0..count).map(|n| Change::Create(address(zone, n, n))).collect();
    let start = Instant::now();
    for part in changes.chunks(provider.capabilities().batch_changes_max) {
        let outcomes = provider.apply(&zone_ref(zone), &Observed::default(), part).await;
        let other = outcomes.iter().find(|outcome| **outcome != Outcome::Done);
        assert!(other.is_none(), "{other:?}");
    }
    start.elapsed()
}

async fn list(provider: &Arc<dyn Provider>, zone: &str, count: usize) {
    let mut took = Vec::new();
    for _ in 0..ROUNDS {
        let start = Instant::now();
        let listed = provider.list(&zone_ref(zone)).await;
        took.push(start.elapsed());
        assert_eq!(listed.map(|listed| listed.rrsets.len()).ok(), Some(count + 2));
    }
    println!("list of {count}: {:?}", median(&mut took));
}

/// One address replaced and asked for: by nsupdate with its start, and by us with what was read.
async fn one_change(bind: &Bind, key: &TsigSecret, provider: &Arc<dyn Provider>, zone: &str) {
    let (mut ours, mut reads, mut theirs) = (Vec::new(), Vec::new(), Vec::new());
    let owner = format!("h1.{zone}");
    for round in 0..4 * ROUNDS {
        let script = format!(
            "zone {zone}\nupdate delete {owner} A\nupdate add {owner} 300 A 198.51.100.{round}\nsend\n"
        );
        let start = Instant::now();
        let (ok, words) = nsupdate(bind.dns_addr(), Some(key), &script);
        theirs.push(start.elapsed());
        assert!(ok, "{words}");
        let start = Instant::now();
        let names = [address(zone, 1, 0).name];
        let Ok(seen) = provider.read(&zone_ref(zone), &names).await else { return };
        reads.push(start.elapsed());
        let old = seen.rrsets[0].values.iter().map(|value| value.data.clone()).collect();
        let old = RRset::new(names[0].clone(), RecordType::A, seen.rrsets[0].ttl, old);
        let change = Change::Replace { old, new: address(zone, 1, 1_000 + round) };
        let start = Instant::now();
        let outcomes = provider.apply(&zone_ref(zone), &seen, &[change]).await;
        ours.push(start.elapsed());
        assert_eq!(outcomes, [Outcome::Done]);
        let served = dig(bind.dns_addr(), &owner, "A").map(|reply| reply.texts("A"));
        assert_eq!(served.ok(), Some(vec![text(1_000 + round)]));
    }
    println!(
        "one change: nsupdate {:?}, ours {:?} (reading before it {:?})",
        median(&mut theirs),
        median(&mut ours),
        median(&mut reads)
    );
}

fn script(zone: &str, count: usize) -> String {
    let mut script = format!("zone {zone}\n");
    for n in 0..count {
        // Writing to a string cannot fail.
        let _ = writeln!(script, "update add h{n}.{zone} 300 A {}", text(n));
        if n % 500 == 499 {
            script.push_str("send\n");
        }
    }
    script.push_str("send\n");
    script
}

fn address(zone: &str, owner: usize, value: usize) -> RRset {
    let name = Name::parse(&format!("h{owner}.{zone}")).unwrap_or_else(|error| panic!("{error}"));
    let data = RecordData::parse(RecordType::A, &text(value)).unwrap_or_else(|error| panic!("{error}"));
    RRset::new(name, RecordType::A, Ttl::DEFAULT, vec![data])
}

fn text(n: usize) -> String {
    format!("10.{}.{}.{}", n >> 16 & 255, n >> 8 & 255, n & 255)
}

fn zone_ref(zone: &str) -> ZoneRef {
    let name = Name::parse(zone).unwrap_or_else(|error| panic!("{error}"));
    ZoneRef { deadline: Instant::now() + Duration::from_secs(120), ..ZoneRef::new(name) }
}

fn median(times: &mut [Duration]) -> Duration {
    times.sort();
    times[times.len() / 2]
}
