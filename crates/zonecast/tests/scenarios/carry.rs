//! Nothing leaves a zone or enters one without being counted: an export of a PowerDNS zone with every
//! type it knows, imported at a second PowerDNS, is equal, and what is no record is named (G10).

use crate::daemon::Daemon;
use crate::values::{MORE, WRITTEN, value};
use proptest::strategy::{Strategy as _, ValueTree as _};
use proptest::test_runner::TestRunner;
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::path::Path;
use zonecast_core::{RecordData, RecordType};
use zonecast_testbed::{Backend, PowerDns};

/// What a signer makes is no content of a zone.
const SIGNED: [&str; 5] = ["RRSIG", "NSEC", "NSEC3", "NSEC3PARAM", "DNSKEY"];

/// Puts one set of each type that the server takes; those types.
fn seed(server: &PowerDns) -> Vec<&'static str> {
    let mut runner = TestRunner::deterministic();
    let content = WRITTEN.iter().chain(&MORE).filter(|rtype| **rtype != "SOA" && !SIGNED.contains(rtype));
    let mut taken = Vec::new();
    for rtype in content {
        let text = value(rtype).new_tree(&mut runner).unwrap().current();
        let content = RecordData::parse(rtype.parse().unwrap(), &text).unwrap().to_zonefile();
        let set = json!({
            "name": format!("{}.example.com.", rtype.to_lowercase()), "type": rtype, "ttl": 77,
            "changetype": "REPLACE", "records": [{ "content": content, "disabled": false }],
        });
        let answer = server.api("PATCH", "/zones/example.com.", Some(&json!({ "rrsets": [set] })));
        taken.extend((answer.status == 204).then_some(*rtype));
    }
    taken
}

/// Every record that is served from the server's zone, but SOA and apex NS.
fn held(server: &PowerDns, without: &[&str]) -> BTreeSet<(String, RecordType, i64, RecordData)> {
    let listing = server.api("GET", "/zones/example.com.", None).json();
    let mut all = BTreeSet::new();
    for set in listing["rrsets"].as_array().into_iter().flatten() {
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let (name, rtype) = (text(&set["name"]), text(&set["type"]));
        if rtype == "SOA" || (rtype == "NS" && name == "example.com.") || without.contains(&rtype.as_str()) {
            continue;
        }
        let rtype: RecordType = rtype.parse().unwrap();
        let records = set["records"].as_array().into_iter().flatten();
        for record in records.filter(|record| record["disabled"] == false) {
            let data = RecordData::parse(rtype, &text(&record["content"])).unwrap();
            all.insert((name.clone(), rtype, set["ttl"].as_i64().unwrap_or_default(), data));
        }
    }
    all
}

fn import(daemon: &Daemon, zone: &str, file: &Path) -> Value {
    let told = daemon.run(&["--output", "json", "zone", "import", zone, file.to_str().unwrap(), "--wait=60"]);
    assert_eq!(told.code, Some(0), "{} {}", told.out, told.error);
    serde_json::from_str(&told.out).unwrap()
}

#[test]
fn an_export_with_every_type_is_the_same_at_the_next_server_and_says_what_it_leaves_out() {
    let [from, to] = [(); 2].map(|()| {
        let server = PowerDns::start(Backend::Sqlite);
        server.create_zone("example.com", "Native");
        server
    });
    let taken = seed(&from);
    assert!(taken.len() > 40, "{taken:?}");
    from.put("example.com", "example.com", "ALIAS", 60, &["www.example.net."]);
    from.put("example.com", "lua.example.com", "LUA", 60, &["A \"ifportup(443, {'192.0.2.1'})\""]);
    let off = json!({
        "name": "off.example.com.", "type": "A", "ttl": 60, "changetype": "REPLACE",
        "records": [{ "content": "192.0.2.1", "disabled": true }, { "content": "192.0.2.2", "disabled": false }],
    });
    from.put_raw("example.com", off);

    let daemon = Daemon::start();
    let [source, target] =
        [&from, &to].map(|server| daemon.powerdns_zone("example.com", server, &server.api_url()).to_string());
    let file = daemon.folder().join("export.zone");
    let told = daemon.run(&["zone", "export", &source, file.to_str().unwrap()]);
    assert_eq!(told.code, Some(5), "{}", told.error);
    for words in ["ALIAS www.example.net.", "LUA A ", "A 192.0.2.1: it is switched off"] {
        assert!(told.error.contains(words), "{}", told.error);
        assert!(std::fs::read_to_string(&file).unwrap().contains(words));
    }
    let view = daemon.must("GET", &format!("/zones/{source}/export?format=json"), None);
    assert_eq!(view["left_out"].as_array().map(Vec::len), Some(3), "{view}");
    let rows = daemon.must("GET", &format!("/zones/{source}/records"), None).to_string();
    assert!(rows.contains("ALIAS www.example.net."), "{rows}");

    // Windows editors put a byte-order mark in front.
    let text = std::fs::read_to_string(&file).unwrap();
    std::fs::write(&file, format!("\u{FEFF}{text}")).unwrap();
    let view = import(&daemon, &target, &file);
    let sets = ["added", "changed", "unchanged"].map(|word| view[word].as_u64().unwrap());
    let [skipped, failed] = ["skipped", "failed"].map(|word| view[word].as_array().unwrap().len());
    assert_eq!((view["records"].as_u64(), skipped, failed), (Some(sets[0] + 2), 2, 0), "{view}");
    let own = ["ALIAS", "LUA"];
    assert_eq!(held(&to, &own), held(&from, &own), "{view}");
    let again = import(&daemon, &target, &file);
    assert_eq!(again["unchanged"].as_u64(), Some(sets[0]), "{again}");
}
