//! While a name exists before and after a change, nobody sees NXDOMAIN or an empty answer (G4).

use crate::daemon::{Daemon, until_answer};
use crate::rounds;
use serde_json::json;
use std::net::SocketAddr;
use std::time::Duration;
use zonecast_testbed::{Backend, Fault, FaultProxy, PowerDns, Prober};

/// Changes the host's address again and again while everybody asks; at least 10,000 questions.
fn change_under_probes(daemon: &Daemon, server: SocketAddr, limit: usize) {
    let host = daemon.host("moving.example.com", &["192.0.2.1"]);
    until_answer(server, "moving.example.com", "A", &["192.0.2.1"]);
    let prober = Prober::start(server, "moving.example.com", "A");
    let mut n = 0;
    while (prober.asked() < 10_000 && n < limit) || n < 12 {
        n += 1;
        let address = format!("192.0.2.{}", n % 250 + 1);
        daemon.must("PATCH", &format!("/hosts/{host}"), Some(json!({ "addresses": [address] })));
        until_answer(server, "moving.example.com", "A", &[&address]);
        prober.wait_for(50);
    }
    let left = 10_000u64.saturating_sub(prober.asked());
    prober.wait_for(left);
    let counts = prober.stop();
    assert_eq!(
        (counts.nxdomain, counts.nodata, counts.other),
        (0, 0, 0),
        "{n} changes, {} answers",
        counts.answers
    );
    assert!(counts.answers >= 10_000 && n >= 10, "{n} changes, {} answers", counts.answers);
}

#[test]
fn the_embedded_authority_is_never_dark() {
    let daemon = Daemon::start();
    daemon.embedded_zone("example.com");
    change_under_probes(&daemon, daemon.dns, rounds(100, 1000));
}

#[test]
fn powerdns_is_never_dark() {
    let server = PowerDns::start(Backend::Sqlite);
    server.create_zone("example.com", "Native");
    let daemon = Daemon::start();
    daemon.powerdns_zone("example.com", &server, &server.api_url());
    change_under_probes(&daemon, server.dns_addr(), rounds(100, 1000));
}

#[test]
fn powerdns_behind_50_milliseconds_is_never_dark() {
    let server = PowerDns::start(Backend::Sqlite);
    server.create_zone("example.com", "Native");
    let slow = FaultProxy::start(server.api_addr());
    slow.set(Fault::Delay(Duration::from_millis(50)));
    let daemon = Daemon::start();
    daemon.powerdns_zone("example.com", &server, &slow.url());
    change_under_probes(&daemon, server.dns_addr(), rounds(20, 300));
}
