//! Values that are not ours stay, to the letter (G3, X10).

use crate::daemon::{Daemon, id, until_answer};
use serde_json::{Value, json};
use std::collections::BTreeSet;
use zonecast_testbed::{Backend, PowerDns};

/// Every value of a zone but the SOA, as (name, type, ttl, content).
fn export(server: &PowerDns, zone: &str) -> BTreeSet<(String, String, i64, String)> {
    let listing = server.api("GET", &format!("/zones/{zone}."), None).json();
    let mut all = BTreeSet::new();
    for set in listing["rrsets"].as_array().into_iter().flatten().filter(|set| set["type"] != "SOA") {
        for record in set["records"].as_array().into_iter().flatten() {
            let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
            let ttl = set["ttl"].as_i64().unwrap_or_default();
            all.insert((text(&set["name"]), text(&set["type"]), ttl, text(&record["content"])));
        }
    }
    all
}

fn seed(server: &PowerDns) {
    server.create_zone("example.com", "Native");
    let sets: Vec<Value> = (0..950)
        .map(|n| {
            json!({
                "name": format!("foreign-{n}.example.com."), "type": "TXT", "ttl": 60 + n, "changetype": "REPLACE",
                "records": [{ "content": format!("\"kept {n}\" \"in \\\"two\\\" strings\""), "disabled": false }],
            })
        })
        .collect();
    let answer = server.api("PATCH", "/zones/example.com.", Some(&json!({ "rrsets": sets })));
    assert_eq!(answer.status, 204);
    for n in 0..50 {
        server.put("example.com", &format!("vm-{n}.example.com"), "TXT", 77, &["\"beside ours\""]);
    }
}

#[test]
fn an_export_before_and_after_differs_by_ours_alone() {
    let server = PowerDns::start(Backend::Sqlite);
    seed(&server);
    let daemon = Daemon::start();
    daemon.powerdns_zone("example.com", &server, &server.api_url());
    let before = export(&server, "example.com");

    let host = daemon.host("vm-1.example.com", &["192.0.2.1", "192.0.2.2"]);
    daemon.wait_served(host);
    // A neighbour joins our RRset, with the TTL that stands there.
    server.put("example.com", "vm-1.example.com", "A", 300, &["192.0.2.1", "192.0.2.2", "198.51.100.7"]);
    daemon.must("PATCH", &format!("/hosts/{host}"), Some(json!({ "addresses": ["192.0.2.3"], "ttl": 60 })));
    until_answer(server.dns_addr(), "vm-1.example.com", "A", &["192.0.2.3", "198.51.100.7"]);
    daemon.must("POST", &format!("/hosts/{host}/sync?wait=20s"), Some(json!({})));
    until_answer(server.dns_addr(), "vm-1.example.com", "A", &["192.0.2.3", "198.51.100.7"]);

    let with_ours = export(&server, "example.com");
    assert!(before.is_subset(&with_ours), "{:?}", before.difference(&with_ours).collect::<Vec<_>>());

    daemon.must("DELETE", &format!("/hosts/{host}?wait=20s"), None);
    until_answer(server.dns_addr(), "vm-1.example.com", "A", &["198.51.100.7"]);
    let mut after = export(&server, "example.com");
    after.retain(|row| row.3 != "198.51.100.7");
    assert_eq!(before, after);
}

#[test]
fn foreign_addresses_at_a_new_hosts_name_are_reported_and_taken_over_only_when_asked() {
    let server = PowerDns::start(Backend::Sqlite);
    server.create_zone("example.com", "Native");
    server.create_zone("2.0.192.in-addr.arpa", "Native");
    server.put("example.com", "web.example.com", "A", 300, &["198.51.100.1"]);
    server.put("2.0.192.in-addr.arpa", "5.2.0.192.in-addr.arpa", "PTR", 300, &["old.example.net."]);
    let daemon = Daemon::start();
    daemon.powerdns_zone("example.com", &server, &server.api_url());
    daemon.powerdns_zone("2.0.192.in-addr.arpa", &server, &server.api_url());
    let body = json!({ "fqdn": "web.example.com", "addresses": ["192.0.2.5"] });
    let host = id(&daemon.must("POST", "/hosts?wait=20s", Some(body)));
    let records = daemon.records(host);
    let state = |rtype: &str| records.iter().find(|row| row["type"] == rtype).map(|row| row["state"].clone());
    assert_eq!(state("A"), Some(json!("conflict")), "{records:#?}");
    until_answer(server.dns_addr(), "web.example.com", "A", &["198.51.100.1"]);
    // A registered host holds the address, so its PTR is taken over, and the audit says from whom.
    until_answer(server.dns_addr(), "5.2.0.192.in-addr.arpa", "PTR", &["web.example.com."]);
    let audit = daemon.must("GET", "/audit?limit=100", None).to_string();
    assert!(audit.contains("old.example.net"), "{audit}");

    daemon.must("POST", &format!("/hosts/{host}/sync?wait=20s"), Some(json!({ "take_over": true })));
    until_answer(server.dns_addr(), "web.example.com", "A", &["192.0.2.5"]);
    daemon.wait_served(host);
}
