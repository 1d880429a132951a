//! One dead provider stops nothing else, and heals by itself; a zone added late gets every host.
//! Proves S1.17, S1.21, S1.42, S2.7, S2.47-56, S2.83, S5.35, S5.36 and the design's section 3.

use crate::daemon::{Daemon, PATIENCE, id, reverse, until_answer, until_or};
use serde_json::json;
use zonecast_testbed::{Backend, Fault, FaultProxy, PowerDns, dig};

#[test]
fn good_zones_are_served_at_once_and_the_dead_one_heals_when_its_server_appears() {
    let server = PowerDns::start(Backend::Sqlite);
    for zone in ["example.com", "2.0.192.in-addr.arpa", "8.b.d.0.1.0.0.2.ip6.arpa"] {
        server.create_zone(zone, "Native");
    }
    let late = PowerDns::start(Backend::Lmdb);
    late.create_zone("example.com", "Native");
    let dead = FaultProxy::start(late.api_addr());
    dead.set(Fault::Refuse);

    let daemon = Daemon::start();
    for zone in ["example.com", "2.0.192.in-addr.arpa", "8.b.d.0.1.0.0.2.ip6.arpa"] {
        daemon.powerdns_zone(zone, &server, &server.api_url());
    }
    let dead_zone = daemon.powerdns_zone("example.com", &late, &dead.url());
    let body = json!({
        "fqdn": "vm-1.example.com",
        "addresses": ["192.0.2.10", "192.0.2.11", "2001:db8::10",
            { "ip": "2001:db8::11", "reverse_name": "mail.example.com" }],
    });
    let host = id(&daemon.must("POST", "/hosts?wait=20s", Some(body)));

    let dns = server.dns_addr();
    until_answer(dns, "vm-1.example.com", "A", &["192.0.2.10", "192.0.2.11"]);
    until_answer(dns, "vm-1.example.com", "AAAA", &["2001:db8::10", "2001:db8::11"]);
    until_answer(dns, &reverse("192.0.2.10"), "PTR", &["vm-1.example.com."]);
    until_answer(dns, &reverse("2001:db8::11"), "PTR", &["mail.example.com."]);

    until_or(PATIENCE, || {
        let records = daemon.records(host);
        let row = records.iter().find(|row| row["zone_id"] == dead_zone).ok_or("no row for the dead zone")?;
        let well =
            row["state"] == "retrying" && row["last_error"].is_string() && row["next_attempt_at"].is_string();
        if well { Ok(()) } else { Err(format!("{row:#}")) }
    });

    dead.reset();
    until_answer(late.dns_addr(), "vm-1.example.com", "A", &["192.0.2.10", "192.0.2.11"]);
    daemon.wait_served(host);
}

#[test]
fn a_zone_added_after_a_thousand_hosts_gets_them_all() {
    let daemon = Daemon::start();
    daemon.embedded_zone("2.0.192.in-addr.arpa");
    let hosts: Vec<_> = (0..1000)
        .map(|n| json!({ "fqdn": format!("vm-{n}.example.com"), "addresses": [format!("10.1.{}.{}", n / 250, n % 250 + 1)] }))
        .collect();
    daemon.must("POST", "/hosts/bulk", Some(json!({ "hosts": hosts })));

    let server = PowerDns::start(Backend::Sqlite);
    server.create_zone("example.com", "Native");
    daemon.powerdns_zone("example.com", &server, &server.api_url());
    daemon.embedded_zone("10.in-addr.arpa");
    for n in [0, 1, 499, 999] {
        let address = format!("10.1.{}.{}", n / 250, n % 250 + 1);
        until_answer(server.dns_addr(), &format!("vm-{n}.example.com"), "A", &[&address]);
        until_answer(daemon.dns, &reverse(&address), "PTR", &[&format!("vm-{n}.example.com.")]);
    }
    until_or(PATIENCE, || {
        let missing = (0..1000).find(|n| {
            dig(server.dns_addr(), &format!("vm-{n}.example.com"), "A")
                .is_ok_and(|reply| reply.answers.is_empty())
        });
        missing.map_or(Ok(()), |n| Err(format!("vm-{n} is missing")))
    });
}
