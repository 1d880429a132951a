//! What was answered is never lost, whenever the process is killed (G1, G2).

use crate::daemon::{Daemon, until_answer, until_or};
use crate::rounds;
use serde_json::json;
use std::time::Duration;
use zonecast_testbed::{Backend, Fault, FaultProxy, Postgres, PowerDns, dig, http};

/// Registers hosts until the daemon is killed in the middle; gives the names that were answered.
fn register_until_killed(daemon: &mut Daemon, round: usize) -> Vec<String> {
    let (place, bearer) = (daemon.http, format!("Bearer {}", daemon.key));
    let (door, answered) = std::sync::mpsc::channel();
    let caller = std::thread::spawn(move || {
        for n in 0..200 {
            let fqdn = format!("r{round}-{n}.example.com");
            let body =
                json!({ "fqdn": fqdn, "addresses": [format!("10.{round}.{}.{}", n / 250, n % 250 + 1)] });
            let headers = [("Authorization", bearer.as_str()), ("Content-Type", "application/json")];
            match http(place, "POST", "/api/v1/hosts", &headers, Some(&body)) {
                Ok(answer) if answer.status == 202 => drop(door.send(fqdn)),
                _ => return,
            }
        }
    });
    let mut names: Vec<String> = answered.iter().take(5 + round * 7 % 40).collect();
    daemon.kill();
    let _ = caller.join();
    names.extend(answered.try_iter());
    names
}

fn kill_again_and_again(mut daemon: Daemon, server: &PowerDns, rounds: usize) {
    let mut names = Vec::new();
    for round in 0..rounds {
        names.extend(register_until_killed(&mut daemon, round % 250));
        daemon.start_again();
    }
    until_or(Duration::from_secs(120), || {
        for name in &names {
            let reply = dig(server.dns_addr(), name, "A").map_err(|error| error.to_string())?;
            if reply.answers.len() != 1 {
                return Err(format!("{name} of {} names: {:?}", names.len(), reply.texts("A")));
            }
        }
        Ok(())
    });
    let kept = dig(server.dns_addr(), "foreign.example.com", "TXT").expect("an answer");
    assert_eq!(kept.texts("TXT").len(), 1);
    eprintln!("{rounds} kills, {} answered registrations, all served", names.len());
}

fn server() -> (PowerDns, FaultProxy) {
    let server = PowerDns::start(Backend::Lmdb);
    server.create_zone("example.com", "Native");
    server.put("example.com", "foreign.example.com", "TXT", 60, &["\"kept\""]);
    let slow = FaultProxy::start(server.api_addr());
    // Slow enough that a kill often lands inside a provider call.
    slow.set(Fault::Delay(Duration::from_millis(20)));
    (server, slow)
}

#[test]
fn kill_9_loses_nothing_on_sqlite() {
    let (server, slow) = server();
    let daemon = Daemon::start();
    daemon.powerdns_zone("example.com", &server, &slow.url());
    kill_again_and_again(daemon, &server, rounds(10, 100));
}

#[test]
fn kill_9_loses_nothing_on_postgresql() {
    let (server, slow) = server();
    let postgres = Postgres::start();
    let daemon = Daemon::start_with(&format!("store = \"{}\"\n", postgres.url()));
    daemon.powerdns_zone("example.com", &server, &slow.url());
    kill_again_and_again(daemon, &server, rounds(10, 100));
}

#[test]
fn an_answer_that_got_lost_is_read_again_and_not_believed_either_way() {
    let server = PowerDns::start(Backend::Sqlite);
    server.create_zone("example.com", "Native");
    let proxy = FaultProxy::start(server.api_addr());
    proxy.rule("PATCH", "example.com", 2, Fault::LoseAnswer);
    let daemon = Daemon::start();
    daemon.powerdns_zone("example.com", &server, &proxy.url());
    let host = daemon.host("vm.example.com", &["192.0.2.1"]);
    daemon.wait_served(host);
    until_answer(server.dns_addr(), "vm.example.com", "A", &["192.0.2.1"]);
    daemon.must("DELETE", &format!("/hosts/{host}?wait=20s"), None);
    until_answer(server.dns_addr(), "vm.example.com", "A", &[]);
}

#[test]
fn a_graceful_stop_ends_what_runs_and_the_next_start_goes_on() {
    let (server, slow) = server();
    let mut daemon = Daemon::start();
    daemon.powerdns_zone("example.com", &server, &slow.url());
    daemon.host("before.example.com", &["192.0.2.1"]);
    daemon.stop();
    assert!(!daemon.folder().join("endpoints.json").exists(), "nobody is told of a daemon that is gone");
    daemon.start_again();
    daemon.host("after.example.com", &["192.0.2.2"]);
    until_answer(server.dns_addr(), "before.example.com", "A", &["192.0.2.1"]);
    until_answer(server.dns_addr(), "after.example.com", "A", &["192.0.2.2"]);
}
