//! Whose is a name where several owners meet (C19): seen by DNS query at the embedded authority.

use crate::daemon::{Daemon, id, reverse, until_answer};
use serde_json::{Value, json};

fn ptr_row(daemon: &Daemon, host: i64) -> Value {
    let rows = daemon.records(host);
    rows.iter().find(|row| row["type"] == "PTR").unwrap_or_else(|| panic!("no PTR in {rows:#?}")).clone()
}

/// A host that comes later at the same address (an alias) does not take the reverse name from one whose
/// owner asked for it; among derived ones the newest counts.
#[test]
fn an_asked_reverse_name_is_stronger_than_a_derived_one_whoever_is_newer() {
    let daemon = Daemon::start();
    for zone in ["client.test", "2.0.192.in-addr.arpa"] {
        daemon.embedded_zone(zone);
    }
    let name = reverse("192.0.2.10");
    let body = json!({ "fqdn": "vm.client.test", "addresses": [{ "ip": "192.0.2.10", "reverse_name": "mx.client.test" }] });
    let first = id(&daemon.must("POST", "/hosts?wait=20s", Some(body)));
    until_answer(daemon.dns, &name, "PTR", &["mx.client.test."]);
    let body = json!({ "fqdn": "alias.client.test", "addresses": ["192.0.2.10"] });
    let alias = id(&daemon.must("POST", "/hosts?wait=20s", Some(body)));
    until_answer(daemon.dns, "alias.client.test", "A", &["192.0.2.10"]);
    until_answer(daemon.dns, &name, "PTR", &["mx.client.test."]);
    let row = ptr_row(&daemon, alias);
    assert_eq!(row["state"], "superseded", "{row:#}");
    let words = row["last_error"].as_str().unwrap_or_default();
    assert!(words.contains("mx.client.test") && words.contains(&format!("host {first}")), "{words}");

    // Its owner asks too, and is the newer one; what he takes back falls to the other.
    let path = format!("/hosts/{alias}/addresses/192.0.2.10/reverse_name?wait=20s");
    daemon.must("PUT", &path, Some(json!({ "reverse_name": "alias.client.test" })));
    until_answer(daemon.dns, &name, "PTR", &["alias.client.test."]);
    daemon.must("PUT", &path, Some(json!({ "reverse_name": null })));
    until_answer(daemon.dns, &name, "PTR", &["mx.client.test."]);
    let path = format!("/hosts/{first}/addresses/192.0.2.10/reverse_name?wait=20s");
    daemon.must("PUT", &path, Some(json!({ "reverse_name": null })));
    until_answer(daemon.dns, &name, "PTR", &["vm.client.test."]);
}

/// A delegation belongs to the zone above it; when the zone of a domain comes or goes, its records move.
#[test]
fn a_domains_records_follow_its_zone_and_never_enter_the_zone_of_a_domain_below() {
    let daemon = Daemon::start();
    daemon.embedded_zone("test");
    let parent = json!({ "name": "shop.test", "records": [
        { "name": "www.shop.test", "type": "A", "values": ["192.0.2.80"] },
        { "name": "sub.shop.test", "type": "NS", "values": ["ns1.elsewhere.test"] },
    ] });
    let domain = id(&daemon.must("POST", "/domains?wait=20s", Some(parent)));
    let zones = |wanted: &[(&str, &str)]| {
        let mut wanted: Vec<(String, String)> =
            wanted.iter().map(|(name, zone)| ((*name).to_owned(), (*zone).to_owned())).collect();
        wanted.sort();
        crate::daemon::until_or(crate::daemon::PATIENCE, || {
            let shown = daemon.must("GET", &format!("/domains/{domain}"), None);
            let text = |row: &Value, field: &str| row[field].as_str().unwrap_or_default().to_owned();
            let rows = shown["records"].as_array().cloned().unwrap_or_default();
            let mut at: Vec<(String, String)> =
                rows.iter().map(|row| (text(row, "name"), text(row, "zone"))).collect();
            at.sort();
            let well = shown["synchronised"] == true && at == wanted;
            if well { Ok(()) } else { Err(format!("{at:?} and not {wanted:?}: {shown:#}")) }
        });
    };
    zones(&[("sub.shop.test", "test"), ("www.shop.test", "test")]);
    daemon.embedded_zone("sub.shop.test");
    zones(&[("sub.shop.test", "test"), ("www.shop.test", "test")]);
    let own = daemon.embedded_zone("shop.test");
    zones(&[("sub.shop.test", "shop.test"), ("www.shop.test", "shop.test")]);
    let held = |zone: &str, wanted: bool| {
        crate::daemon::until_or(crate::daemon::PATIENCE, || {
            let found = daemon.must("GET", &format!("/zones?name={zone}"), None);
            let rows = daemon.must("GET", &format!("/zones/{}/records", id(&found[0])), None);
            let there = rows.to_string().contains("192.0.2.80");
            if there == wanted { Ok(()) } else { Err(format!("{zone}: {rows:#}")) }
        });
    };
    held("shop.test", true);
    held("test", false);
    daemon.must("DELETE", &format!("/zones/{own}?records=remove"), None);
    zones(&[("sub.shop.test", "test"), ("www.shop.test", "test")]);
    until_answer(daemon.dns, "www.shop.test", "A", &["192.0.2.80"]);
}
