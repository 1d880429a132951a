//! How many calls 1,000 hosts cost at each service, beside the least number that its own limits allow.
//!
//! `cargo test -p zonecast-providers --test calls -- --nocapture --include-ignored` prints the figures. The bounds are
//! asserted, so that a change that makes a service pay more is seen; wall time is printed only.

mod stages;

#[path = "faults/peers.rs"]
#[allow(dead_code)]
mod peers;

use peers::Peer;
use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};
use zonecast_core::{Change, Name, RRset, RecordData, RecordType, Ttl};
use zonecast_providers::{Outcome, Provider, ZoneRef};

const ZONE: &str = "faults.test";
const HOSTS: usize = 1_000;

fn zone(text: &str) -> ZoneRef {
    let deadline = Instant::now() + Duration::from_secs(600);
    ZoneRef { deadline, ..ZoneRef::new(Name::parse(text).unwrap()) }
}

fn host(zone: &ZoneRef, n: usize) -> RRset {
    let owner = Name::parse(&format!("h{n}.{}", zone.name)).unwrap();
    let value = RecordData::parse(RecordType::A, &format!("10.0.{}.{}", n / 250, n % 250)).unwrap();
    RRset::new(owner, RecordType::A, Ttl::from_seconds(3_600).unwrap(), vec![value])
}

/// What the engine does with 1,000 new hosts of one zone: one read, one apply.
async fn sync(provider: &dyn Provider, zone: &ZoneRef) -> Duration {
    let changes: Vec<Change> = (0..HOSTS).map(|n| Change::Create(host(zone, n))).collect();
    let names: Vec<Name> = changes.iter().map(|change| change.name().clone()).collect();
    let start = Instant::now();
    let seen = provider.read(zone, &names).await.unwrap();
    let outcomes = provider.apply(zone, &seen, &changes).await;
    let took = start.elapsed();
    let other = outcomes.iter().find(|outcome| **outcome != Outcome::Done);
    assert!(other.is_none(), "{other:?}");
    let there = provider.list(zone).await.unwrap();
    assert!(names.iter().all(|name| there.get(name, RecordType::A).is_some()), "all hosts are there");
    took
}

fn say(title: &str, calls: usize, floor: usize, most: usize, took: Duration, why: &str) {
    eprintln!("{title:20} {calls:5} calls, floor {floor:5}, {took:9.0?}  {why}");
    assert!(calls <= most, "{title}: {calls} calls, {most} at most");
}

/// Counts the requests of one sync at the proxy. `floor` writes and reads are the service's own limits.
async fn count(title: &str, peer: Peer, floor: usize, most: usize, why: &str) {
    let (provider, zone) = ((peer.connect)(), zone(ZONE));
    let www = [host(&zone, 0).name, Name::parse("www.faults.test").unwrap()];
    let seen = provider.read(&zone, &www).await.unwrap();
    let set = seen.get(&www[1], RecordType::A).unwrap();
    let values = set.values.iter().map(|value| value.data.clone()).collect();
    let gone = Change::Delete(RRset::new(www[1].clone(), RecordType::A, set.ttl, values));
    assert_eq!(provider.apply(&zone, &seen, &[gone]).await, [Outcome::Done]);
    let provider = (peer.connect)();
    let before = peer.proxy.seen().len();
    let took = sync(provider.as_ref(), &zone).await;
    // The last look of `sync` is not part of it.
    let list = peer.proxy.seen().len();
    provider.list(&zone).await.unwrap();
    let looks = peer.proxy.seen().len() - list;
    say(title, list - before - looks, floor, most, took, why);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_thousand_hosts_in_a_few_calls() {
    let desec = peers::rest(&stages::rest::DESEC);
    let key = peers::hestiacp(stages::hestiacp::By::AccessKey).await;
    let password = peers::hestiacp(stages::hestiacp::By::Password).await;
    count("powerdns", peers::powerdns(), 2, 4, "one listing, one PATCH").await;
    count("cloudflare", peers::cloudflare(), 6, 8, "one listing, 5 batches of 200").await;
    count("route53", peers::route53(), 2, 5, "one listing, 1 batch of 1,000 values").await;
    count("desec", desec, 3, 4, "one listing, 2 PATCHes of 500 sets").await;
    count("hestiacp", key, 7, 12, "two calls a listing, one file in 3 calls").await;
    count("hestiacp_password", password, 7, 12, "the same").await;
    count("coredns_etcd", peers::etcd(), 25, 40, "17 reads of 60 names, 8 transactions of 128 keys").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "a call for each host is many calls"]
async fn a_thousand_hosts_one_by_one() {
    use stages::rest::{DIGITALOCEAN, GANDI, GODADDY, HETZNER, OVH};
    for (service, per) in [(&HETZNER, "set"), (&GANDI, "set"), (&DIGITALOCEAN, "record"), (&GODADDY, "set")] {
        let why = format!("one listing, a call for each {per}");
        count(service.kind, peers::rest(service), 1_001, 1_003, &why).await;
    }
    let why = "two listings with a call for each record, a call for each record, one refresh";
    count("ovh", peers::rest(&OVH), 1_003, 1_015, why).await;
}

/// Passes DNS over TCP on and counts what the client says.
fn counting(upstream: SocketAddr) -> (SocketAddr, Arc<AtomicUsize>) {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let (addr, count) = (listener.local_addr().unwrap(), Arc::new(AtomicUsize::new(0)));
    let counted = count.clone();
    std::thread::spawn(move || {
        for client in listener.incoming().flatten() {
            let (server, counted) = (TcpStream::connect(upstream).unwrap(), counted.clone());
            let _ = (server.set_nodelay(true), client.set_nodelay(true));
            let (mut down, mut up) = (server.try_clone().unwrap(), client.try_clone().unwrap());
            std::thread::spawn(move || {
                let _ = std::io::copy(&mut down, &mut up);
                let _ = up.shutdown(std::net::Shutdown::Both);
            });
            std::thread::spawn(move || pass_on(client, server, &counted));
        }
    });
    (addr, count)
}

fn pass_on(mut client: TcpStream, mut server: TcpStream, counted: &AtomicUsize) -> Option<()> {
    loop {
        let mut length = [0; 2];
        let read = client.read_exact(&mut length);
        if read.is_err() {
            let _ = server.shutdown(std::net::Shutdown::Both);
            return None;
        }
        let mut message = vec![0; usize::from(u16::from_be_bytes(length))];
        client.read_exact(&mut message).ok()?;
        counted.fetch_add(1, Ordering::Relaxed);
        server.write_all(&[&length[..], &message].concat()).ok()?;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_thousand_hosts_over_dns() {
    use stages::rfc2136::{Rfc2136Stage, connected};
    for (title, stage) in [
        ("rfc2136_bind", Rfc2136Stage::bind()),
        ("rfc2136_knot", Rfc2136Stage::knot()),
        ("rfc2136_powerdns", Rfc2136Stage::powerdns()),
    ] {
        let (addr, counted) = counting(stage.addr());
        let (provider, zone) = (connected(addr, &stage.key), zone("story.test"));
        let start = counted.load(Ordering::Relaxed);
        let took = sync(provider.as_ref(), &zone).await;
        let all = counted.load(Ordering::Relaxed) - start;
        let list = counted.load(Ordering::Relaxed);
        provider.list(&zone).await.unwrap();
        let looks = counted.load(Ordering::Relaxed) - list;
        say(title, all - looks, 4, 8, took, "one transfer, 2 updates of 500 names, 1 look");
        // Straight to the server; the first look of a connection learns what the zone is like.
        let provider = connected(stage.addr(), &stage.key);
        provider.list(&zone).await.unwrap();
        let few: Vec<Name> = (0..3).map(|n| host(&zone, n).name).collect();
        provider.read(&zone, &few).await.unwrap();
        let start = Instant::now();
        assert_eq!(provider.read(&zone, &few).await.unwrap().rrsets.len(), 3);
        let narrow = start.elapsed();
        let start = Instant::now();
        provider.list(&zone).await.unwrap();
        eprintln!("{title:20} three names read in {narrow:.1?}, all {HOSTS} in {:.1?}", start.elapsed());
    }
}
