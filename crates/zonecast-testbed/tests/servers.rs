//! The test bed itself: servers start, answer, crash and come back; the proxy does what it says.

use serde_json::json;
use std::time::{Duration, Instant};
use zonecast_testbed::{
    Backend, Canned, Fault, FaultProxy, Postgres, PowerDns, Prober, axfr, dig, free_port, http,
};

fn powerdns_serves_and_comes_back(backend: Backend) {
    let mut server = PowerDns::start(backend);
    server.create_zone("example.test", "Native");
    server.put("example.test", "www.example.test", "A", 60, &["192.0.2.1", "192.0.2.2"]);
    let reply = dig(server.dns_addr(), "www.example.test", "A").unwrap();
    assert!(reply.aa && reply.rcode == 0);
    assert_eq!(reply.texts("A"), ["192.0.2.1", "192.0.2.2"]);
    assert_eq!(dig(server.dns_addr(), "no.example.test", "A").unwrap().rcode, 3);
    assert!(dig(server.dns_addr(), "www.example.test", "TXT").unwrap().is_nodata());
    let zone = axfr(server.dns_addr(), "example.test").unwrap();
    assert_eq!(zone.iter().filter(|record| record.rtype == 6).count(), 1);
    assert_eq!(zone.len(), 4, "SOA, NS and two addresses: {zone:?}");
    server.crash();
    assert!(std::net::TcpStream::connect(server.api_addr()).is_err());
    server.start_again();
    let reply = dig(server.dns_addr(), "www.example.test", "A").unwrap();
    assert_eq!(reply.texts("A").len(), 2);
}

#[test]
fn powerdns_on_sqlite_serves_and_comes_back() {
    powerdns_serves_and_comes_back(Backend::Sqlite);
}

#[test]
fn powerdns_on_lmdb_serves_and_comes_back() {
    powerdns_serves_and_comes_back(Backend::Lmdb);
}

#[test]
fn postgres_keeps_rows_through_a_crash() {
    let mut server = Postgres::start();
    let first = server.create_database();
    assert_ne!(first, server.create_database());
    server.sql("CREATE TABLE t (n int)");
    server.sql("INSERT INTO t SELECT generate_series(1, 1000)");
    server.crash();
    assert!(std::net::TcpStream::connect(server.addr()).is_err());
    server.start_again();
    assert_eq!(server.sql("SELECT count(*) FROM t"), "1000");
}

#[test]
fn the_proxy_loses_answers_but_not_requests() {
    let server = PowerDns::start(Backend::Sqlite);
    server.create_zone("example.test", "Native");
    let proxy = FaultProxy::start(server.api_addr());
    let key = [("X-API-Key", server.api_key())];
    let zone = "/api/v1/servers/localhost/zones/example.test.";
    let get = || http(proxy.addr(), "GET", zone, &key, None);
    assert_eq!(get().unwrap().status, 200);

    proxy.rule("PATCH", "", 1, Fault::LoseAnswer);
    let records = json!([{ "content": "192.0.2.9", "disabled": false }]);
    let patch = json!({ "rrsets": [
        { "name": "lost.example.test.", "type": "A", "ttl": 60, "changetype": "REPLACE", "records": records }
    ] });
    let lost = http(proxy.addr(), "PATCH", zone, &key, Some(&patch));
    assert!(lost.is_err() || lost.is_ok_and(|answer| answer.status == 0));
    assert_eq!(dig(server.dns_addr(), "lost.example.test", "A").unwrap().texts("A"), ["192.0.2.9"]);
    assert_eq!(proxy.count("PATCH"), 1);

    proxy.set(Fault::Answer(Canned::too_many("7")));
    assert_eq!(get().unwrap().status, 429);
    proxy.set(Fault::CutAfter(20));
    assert!(get().map_or(true, |answer| answer.body.is_empty()));
    proxy.set(Fault::Refuse);
    assert!(get().is_err());
    proxy.set(Fault::Delay(Duration::from_millis(60)));
    let start = Instant::now();
    assert_eq!(get().unwrap().status, 200);
    assert!(start.elapsed() >= Duration::from_millis(60));
    assert!(proxy.seen().iter().all(|seen| seen.path == zone));
}

#[test]
fn the_proxy_passes_plain_bytes() {
    let server = Postgres::start();
    let proxy = FaultProxy::start(server.addr());
    let url = server.url().replace(&server.addr().to_string(), &proxy.addr().to_string());
    let psql =
        || std::process::Command::new("psql").args(["-AtXq", "-c", "SELECT 1", &url]).output().unwrap();
    assert_eq!(psql().stdout, b"1\n");
    proxy.set(Fault::CutAfter(40));
    assert!(!psql().status.success());
    proxy.set(Fault::Pass);
    assert_eq!(psql().stdout, b"1\n");
    assert_eq!(proxy.connections(), 3);
}

#[test]
fn the_prober_tells_an_answer_from_none() {
    let server = PowerDns::start(Backend::Lmdb);
    server.create_zone("example.test", "Native");
    server.put("example.test", "www.example.test", "A", 60, &["192.0.2.1"]);
    let there = Prober::start(server.dns_addr(), "www.example.test", "A");
    let gone = Prober::start(server.dns_addr(), "no.example.test", "A");
    there.wait_for(50);
    gone.wait_for(50);
    let (there, gone) = (there.stop(), gone.stop());
    assert!(there.answers >= 50 && there.nxdomain + there.nodata + there.other == 0, "{there:?}");
    assert!(gone.nxdomain >= 50 && gone.answers == 0, "{gone:?}");
    assert_eq!(there.seen, [["192.0.2.1"]]);
}

#[test]
fn a_free_port_is_below_the_ephemeral_range() {
    assert!((20_000..32_000).contains(&free_port()));
}
