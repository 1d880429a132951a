//! Two daemons on one PostgreSQL: one writer per budget group, and no stale write survives (G9).

use crate::daemon::{Daemon, until_answer};
use crate::rounds;
use serde_json::json;
use std::time::Duration;
use zonecast_testbed::{Backend, Postgres, PowerDns};

#[test]
fn either_node_may_stop_or_die_and_the_newest_wish_is_served() {
    let postgres = Postgres::start();
    let server = PowerDns::start(Backend::Lmdb);
    let config = format!("store = \"{}\"\n[engine]\nlease_seconds = 4\ncall_seconds = 2\n", postgres.url());
    let mut one = Daemon::start_with(&config);
    for n in 0..4 {
        server.create_zone(&format!("z{n}.example"), "Native");
        one.powerdns_zone(&format!("z{n}.example"), &server, &server.api_url());
    }
    // The second node finds keys and configuration in the database, and needs the first one's key.
    let mut two = Daemon::start_beside(&one, &config);
    let hosts: Vec<i64> = (0..4).map(|n| one.host(&format!("vm.z{n}.example"), &["192.0.2.1"])).collect();
    for round in 0..rounds(6, 50) {
        let (victim, other) = if round % 2 == 0 { (&mut one, &two) } else { (&mut two, &one) };
        let address = format!("192.0.2.{}", round % 250 + 2);
        let stopped = round % 4 < 2;
        if stopped {
            victim.signal(libc::SIGSTOP)
        } else {
            victim.kill()
        }
        for host in &hosts {
            other.must("PATCH", &format!("/hosts/{host}"), Some(json!({ "addresses": [address] })));
        }
        for n in 0..4 {
            until_answer(server.dns_addr(), &format!("vm.z{n}.example"), "A", &[&address]);
        }
        if stopped {
            victim.signal(libc::SIGCONT)
        } else {
            victim.start_again()
        }
        std::thread::park_timeout(Duration::from_millis(1));
        for n in 0..4 {
            until_answer(server.dns_addr(), &format!("vm.z{n}.example"), "A", &[&address]);
        }
    }
}
