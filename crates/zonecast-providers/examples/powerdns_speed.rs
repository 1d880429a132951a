//! How fast the PowerDNS adapter is, against curl and against one prepared PATCH in the same run.
//!
//! `cargo run --release -p zonecast-providers --example powerdns_speed [RRSETS] [sqlite|lmdb]`
//! starts a real server on loopback, fills a zone, and prints medians of five.
#![allow(clippy::print_stdout)]

use serde_json::json;
use std::process::Command;
use std::sync::Arc;
use std::time::{Duration, Instant};
use zonecast_core::{Change, Name, Observed, RRset, RecordData, RecordType, Ttl};
use zonecast_providers::fields::{Deps, connect, validate};
use zonecast_providers::{Outcome, Provider, ZoneRef};
use zonecast_testbed::{Backend, PowerDns, dig};

const ZONE: &str = "speed.test";

#[tokio::main]
async fn main() {
    let mut arguments = std::env::args().skip(1);
    let count: usize = arguments.next().and_then(|text| text.parse().ok()).unwrap_or(100_000);
    let backend = if arguments.next().as_deref() == Some("sqlite") { Backend::Sqlite } else { Backend::Lmdb };
    let server = PowerDns::start(backend);
    let settings = json!({ "server_url": server.api_url(), "api_key": server.api_key() });
    let settings = settings.as_object().and_then(|map| validate("powerdns", map).ok());
    let settings = settings.unwrap_or_default();
    let Ok(provider) = connect("powerdns", &settings, &Deps::default()) else { return };

    server.create_zone(ZONE, "Native");
    let changes: Vec<Change> = (0..count).map(|n| Change::Create(address(n, n))).collect();
    let start = Instant::now();
    let outcomes = provider.apply(&zone(), &Observed::default(), &changes).await;
    let done = outcomes.iter().filter(|outcome| **outcome == Outcome::Done).count();
    println!("push of {count}: {:?}, {done} done", start.elapsed());

    let url = format!("{}/api/v1/servers/localhost/zones/{ZONE}.", server.api_url());
    let key = format!("X-API-Key: {}", server.api_key());
    let mut ours = Vec::new();
    let mut curls = Vec::new();
    for _ in 0..5 {
        let start = Instant::now();
        let _ = Command::new("curl").args(["-s", "-o", "/dev/null", "-H", &key, &url]).status();
        curls.push(start.elapsed());
        let start = Instant::now();
        let listed = provider.list(&zone()).await;
        ours.push(start.elapsed());
        assert_eq!(listed.map(|listed| listed.rrsets.len()).ok(), Some(count + 2));
    }
    println!("list: curl {:?}, ours {:?}, RSS {} MiB", median(&mut curls), median(&mut ours), rss());
    one_change(&server, &provider, count).await;
}

/// One address replaced and asked for: a prepared PATCH by curl, and read + apply by us.
async fn one_change(server: &PowerDns, provider: &Arc<dyn Provider>, count: usize) {
    let url = format!("{}/api/v1/servers/localhost/zones/{ZONE}.", server.api_url());
    let key = format!("X-API-Key: {}", server.api_key());
    let (mut ours, mut floors) = (Vec::new(), Vec::new());
    for round in 0..5 {
        let body =
            json!({ "rrsets": [{ "name": "h1.speed.test.", "type": "A", "ttl": 300, "changetype": "REPLACE",
            "records": [{ "content": format!("192.0.2.{round}"), "disabled": false }] }] })
            .to_string();
        let start = Instant::now();
        let _ = Command::new("curl")
            .args([
                "-s",
                "-X",
                "PATCH",
                "-H",
                &key,
                "-H",
                "Content-Type: application/json",
                "-d",
                &body,
                &url,
            ])
            .status();
        wait_served(server, "h1.speed.test", &format!("192.0.2.{round}"));
        floors.push(start.elapsed());

        let name = address(2, 0).name;
        let new = address(2, count + round);
        let start = Instant::now();
        let Ok(seen) = provider.read(&zone(), std::slice::from_ref(&name)).await else { return };
        let old = address(2, if round == 0 { 2 } else { count + round - 1 });
        let change = Change::Replace { old, new: new.clone() };
        let _ = provider.apply(&zone(), &seen, &[change]).await;
        wait_served(server, "h2.speed.test", &new.values[0].to_text());
        ours.push(start.elapsed());
    }
    println!(
        "one change until served: curl PATCH {:?}, read + apply {:?}",
        median(&mut floors),
        median(&mut ours)
    );
}

fn wait_served(server: &PowerDns, name: &str, value: &str) {
    zonecast_testbed::until("the new answer", Duration::from_secs(30), || {
        dig(server.dns_addr(), name, "A").is_ok_and(|reply| reply.texts("A") == [value])
    });
}

fn zone() -> ZoneRef {
    let name = Name::parse(ZONE).unwrap_or_else(|_| Name::root());
    ZoneRef { deadline: Instant::now() + Duration::from_secs(300), ..ZoneRef::new(name) }
}

fn address(owner: usize, n: usize) -> RRset {
    let name = Name::parse(&format!("h{owner}.{ZONE}")).unwrap_or_else(|_| Name::root());
    let octets = [10, (n >> 16) as u8, (n >> 8) as u8, n as u8];
    RRset::new(name, RecordType::A, Ttl::DEFAULT, vec![RecordData::address(octets.into())])
}

fn median(times: &mut [Duration]) -> Duration {
    times.sort();
    times[times.len() / 2]
}

fn rss() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find(|line| line.starts_with("VmHWM"));
    line.and_then(|line| line.split_whitespace().nth(1)?.parse::<u64>().ok()).unwrap_or(0) / 1024
}
