//! A host is deleted and another of the same name and address made: the end is the new one's, however
//! the two calls meet, and the name is never dark.

use crate::daemon::{Daemon, id, reverse, until_answer, until_or};
use crate::rounds;
use serde_json::json;
use zonecast_testbed::{Backend, Fault, FaultProxy, PowerDns, Prober};

fn delete_and_create(daemon: &Daemon, old: i64, body: &serde_json::Value, order: usize) -> i64 {
    let create = || {
        // The old host blocks its name until its deletion was taken, so the order decides who waits.
        let mut made = None;
        until_or(crate::daemon::PATIENCE, || match daemon.call("POST", "/hosts", Some(body.clone())) {
            (status, answer) if status < 300 => {
                made = Some(id(&answer["data"]));
                Ok(())
            }
            (409, answer) => Err(answer.to_string()),
            (status, answer) => panic!("{status} {answer:#}"),
        });
        made.unwrap_or_default()
    };
    let delete = || daemon.must("DELETE", &format!("/hosts/{old}"), None);
    match order {
        0 => {
            delete();
            create()
        }
        _ => std::thread::scope(|scope| {
            let creating = scope.spawn(create);
            delete();
            creating.join().expect("a host")
        }),
    }
}

#[test]
fn the_end_state_is_the_new_hosts_with_one_ptr_and_no_dark_answer() {
    let server = PowerDns::start(Backend::Lmdb);
    server.create_zone("example.com", "Native");
    let dead = FaultProxy::start(server.api_addr());
    dead.set(Fault::Refuse);
    let daemon = Daemon::start();
    daemon.embedded_zone("example.com");
    daemon.embedded_zone("2.0.192.in-addr.arpa");
    daemon.powerdns_zone("example.com", &server, &dead.url());

    let body = json!({ "fqdn": "vm.example.com", "addresses": ["192.0.2.9"] });
    let mut host = id(&daemon.must("POST", "/hosts", Some(body.clone())));
    until_answer(daemon.dns, "vm.example.com", "A", &["192.0.2.9"]);
    until_answer(daemon.dns, &reverse("192.0.2.9"), "PTR", &["vm.example.com."]);
    let forward = Prober::start(daemon.dns, "vm.example.com", "A");
    let backward = Prober::start(daemon.dns, &reverse("192.0.2.9"), "PTR");
    for round in 0..rounds(40, 1000) {
        host = delete_and_create(&daemon, host, &body, round % 2);
    }
    forward.wait_for(100);
    backward.wait_for(100);
    until_answer(daemon.dns, &reverse("192.0.2.9"), "PTR", &["vm.example.com."]);
    until_answer(daemon.dns, "vm.example.com", "A", &["192.0.2.9"]);
    for (way, prober) in [("forward", forward), ("reverse", backward)] {
        let counts = prober.stop();
        // Deleted first and made later, the name may rightly be gone in between; at once it may not.
        let dark = counts.nodata + counts.nxdomain;
        assert_eq!(counts.other, 0, "{way}: {counts:?}");
        eprintln!(
            "{way}: {dark} of {} answers fell between a deletion and the next registration",
            counts.answers
        );
    }
    dead.reset();
    until_answer(server.dns_addr(), "vm.example.com", "A", &["192.0.2.9"]);
    daemon.wait_served(host);
}
