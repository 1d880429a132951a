//! Moving in: an export of PUQ's tables becomes zones, pools and hosts; the plan comes first, every row
//! that is not taken over is named, nothing is written at a provider before somebody says so, and a
//! second time changes nothing (S1.9, S1.10, S1.12, S2.6, S2.36, S2.80).

use crate::daemon::{Daemon, Told, until_answer};
use serde_json::{Value, json};
use std::fmt::Write as _;
use std::path::PathBuf;
use zonecast_testbed::{Backend, PowerDns};

const DUMP: &str = include_str!("puq.sql");

fn export(daemon: &Daemon, name: &str, text: &str) -> String {
    let file: PathBuf = daemon.folder().join(name);
    std::fs::write(&file, text).unwrap();
    file.to_str().unwrap().to_owned()
}

fn view(told: &Told) -> Value {
    serde_json::from_str(&told.out).unwrap_or_else(|error| panic!("{error}: {} {}", told.out, told.error))
}

fn counts(view: &Value, kind: &str) -> [u64; 5] {
    ["new", "added", "there", "left_out", "passed_over"]
        .map(|word| view["counts"][kind][word].as_u64().unwrap())
}

fn hosts(daemon: &Daemon) -> usize {
    daemon.must("GET", "/hosts?limit=500", None).as_array().map_or(0, Vec::len)
}

fn sets(server: &PowerDns, zone: &str) -> usize {
    let listing = server.api("GET", &format!("/zones/{zone}."), None).json();
    listing["rrsets"]
        .as_array()
        .map_or(0, |sets| sets.iter().filter(|set| set["type"] != "SOA" && set["type"] != "NS").count())
}

#[test]
fn a_dump_of_ten_vms_is_shown_then_added_paused_then_served() {
    let server = PowerDns::start(Backend::Sqlite);
    for zone in ["vps.example", "2.0.192.in-addr.arpa"] {
        server.create_zone(zone, "Native");
    }
    let daemon = Daemon::start();
    let dump = DUMP.replace("@SERVER@", &server.api_url()).replace("@KEY@", server.api_key());
    let file = export(&daemon, "whmcs.sql", &dump);
    let adopt = ["adopt", "puq", file.as_str(), "--main-domain", "vps.example"];

    let told = daemon.run(&adopt);
    assert_eq!(told.code, Some(6), "{} {}", told.out, told.error);
    for words in [
        "row 3): the export has no api_key",
        "row 4): the export has no api_token",
        "\"NamesDaemon\" is not known",
        "row 6): zone example.info: admin_user",
        "the mask 64 does not fit",
        "vm_rev_dns is no JSON object",
        "\"192.0.2.300\" is no address",
        "has the name of puqProxmoxKVM_vm_info row 10, 110.vps.example",
        "11_5..vps.example",
        "row 18): has 3 values for 7 columns",
        "row 11): has ended: its service is Terminated",
        "row 16): has no address",
        "row 17): is going",
        "the reverse name of 192.0.2.13: the service 102 has it",
        "is the same prefix, 192.0.2.0/24",
        "to add: 2 zones, 2 pools, 10 hosts",
        "left out: 4 zones, 1 pool, 5 hosts",
        "nothing was stored",
    ] {
        assert!(told.out.contains(words), "{words}: {}", told.out);
    }
    assert!(!told.out.contains(server.api_key()), "{}", told.out);
    assert_eq!((hosts(&daemon), daemon.must("GET", "/zones", None)), (0, json!([])));

    let told = daemon.run(&[&adopt[..], &["--apply", "--output", "json"]].concat());
    assert_eq!(told.code, Some(5), "{} {}", told.out, told.error);
    let first = view(&told);
    let expected = [[0, 2, 0, 4, 0], [0, 2, 0, 1, 1], [0, 10, 0, 5, 4]];
    assert_eq!(["zones", "pools", "hosts"].map(|kind| counts(&first, kind)), expected, "{first:#}");
    assert_eq!(hosts(&daemon), 10);
    let zones = daemon.must("GET", "/zones", None);
    assert!(zones.as_array().unwrap().iter().all(|zone| zone["state"] == "paused"), "{zones:#}");
    assert_eq!(daemon.run(&["zone", "plan", "vps.example"]).code, Some(6));
    assert_eq!((sets(&server, "vps.example"), sets(&server, "2.0.192.in-addr.arpa")), (0, 0));

    let before = daemon.must("GET", "/hosts?limit=500", None);
    let told = daemon.run(&[&adopt[..], &["--apply", "--output", "json"]].concat());
    let again = view(&told);
    assert_eq!(told.code, Some(5), "{}", told.out);
    let expected = [[0, 0, 2, 4, 0], [0, 0, 2, 1, 1], [0, 0, 10, 5, 4]];
    assert_eq!(["zones", "pools", "hosts"].map(|kind| counts(&again, kind)), expected, "{again:#}");
    assert_eq!(daemon.must("GET", "/hosts?limit=500", None), before);

    for zone in ["vps.example", "2.0.192.in-addr.arpa"] {
        assert_eq!(daemon.run(&["zone", "resume", zone]).code, Some(0));
    }
    let at = server.dns_addr();
    let name = "101-1776530141.vps.example";
    until_answer(at, name, "A", &["192.0.2.11"]);
    until_answer(at, name, "AAAA", &["2001:db8::11"]);
    until_answer(at, "11.2.0.192.in-addr.arpa", "PTR", &["mail.example.com."]);
    until_answer(at, "12.2.0.192.in-addr.arpa", "PTR", &["101-1776530141.vps.example."]);
    until_answer(at, "103.vps.example", "A", &["192.0.2.14"]);
    until_answer(at, "105-x.vps.example", "A", &["192.0.2.16"]);

    // A secret that was missing comes with a connection; the zone follows.
    let added = daemon.run(&[
        "connection",
        "add",
        "six",
        "--provider",
        "powerdns",
        "--set",
        "server_url=http://127.0.0.1:9",
        "--set",
        "api_key=k",
    ]);
    assert_eq!(added.code, Some(0), "{}", added.error);
    let told = daemon.run(&[&adopt[..], &["--apply", "--output", "json"]].concat());
    assert_eq!(counts(&view(&told), "zones"), [0, 1, 2, 3, 0], "{}", told.out);
}

#[test]
fn the_answer_of_dns_php_and_tables_as_csv_are_exports_too() {
    let daemon = Daemon::start();
    daemon.embedded_zone("vps.uuq.test");
    let mapping = export(
        &daemon,
        "dns.json",
        r#"[{"forward": "vlan-1-4779.vps.uuq.test", "ip": "192.168.0.2", "reverse": "mail.uuq.test"},
            {"forward": "vps-1.vps.uuq.test", "ip": "nowhere", "reverse": ""}]"#,
    );
    // Into a zone that is written to nothing goes unasked.
    let told = daemon.run(&["adopt", "puq", &mapping, "--apply"]);
    assert_eq!((told.code, hosts(&daemon)), (Some(4), 0), "{} {}", told.out, told.error);
    assert!(told.error.contains("zonecast zone pause"), "{}", told.error);
    daemon.run(&["zone", "pause", "vps.uuq.test"]);
    let told = daemon.run(&["adopt", "puq", &mapping, "--apply"]);
    assert_eq!((told.code, hosts(&daemon)), (Some(5), 1), "{} {}", told.out, told.error);
    assert!(told.out.contains("dns row 2): \"nowhere\" is no address"), "{}", told.out);

    let services = export(
        &daemon,
        "tblhosting.csv",
        "id,domain,domainstatus,dedicatedip,assignedips\n9,\"nine.vps.uuq.test\",Active,192.168.0.9,\\N\n10,x\n",
    );
    let machines = export(
        &daemon,
        "vm.tsv",
        "service_id\tvm_name\tvm_status\tvm_rev_dns\n9\tnine\tready\t{\"192.168.0.9\":\"nine.example.com\"}\n10\tten\tready\tNULL\n",
    );
    let told = daemon.run(&["adopt", "puq", &services, &machines, "--apply", "--output", "json"]);
    assert_eq!(counts(&view(&told), "hosts"), [0, 1, 0, 1, 0], "{} {}", told.out, told.error);
    let host = daemon.must("GET", "/hosts?fqdn=nine.vps.uuq.test", None);
    assert_eq!(host[0]["addresses"][0]["reverse_name"], "nine.example.com", "{host:#}");

    // What differs from what is here is named and stays.
    let other = export(
        &daemon,
        "dns2.json",
        r#"[{"forward": "nine.vps.uuq.test", "ip": "192.168.0.10", "reverse": ""}]"#,
    );
    let told = daemon.run(&["adopt", "puq", &other, "--apply"]);
    assert_eq!(told.code, Some(5), "{} {}", told.out, told.error);
    assert!(told.out.contains("is registered already, with 192.168.0.9 (nine.example.com)"), "{}", told.out);
    for (name, text, words) in [
        ("half.sql", "INSERT INTO `puqProxmoxKVM_vm_info` (vm_name) VALUES ('x", "not whole"),
        ("other.sql", "INSERT INTO `tblclients` (a) VALUES (1);", "holds no table that is known"),
        ("none.json", "", "is empty"),
    ] {
        let told = daemon.run(&["adopt", "puq", &export(&daemon, name, text)]);
        assert_eq!(told.code, Some(2), "{}", told.out);
        assert!(told.error.contains(words) && told.error.contains(name), "{}", told.error);
    }
}

#[test]
fn ten_thousand_vms_move_in_and_every_bad_row_is_named() {
    let daemon = Daemon::start();
    for zone in ["vps.test", "10.in-addr.arpa"] {
        daemon.must(
            "POST",
            "/zones",
            Some(json!({ "name": zone, "provider": "embedded", "state": "paused" })),
        );
    }
    let mut dump = "CREATE TABLE `tblhosting` (`id` int, `domain` text, `domainstatus` text, `dedicatedip` text, `assignedips` text);\n\
        CREATE TABLE `puqProxmoxKVM_vm_info` (`service_id` int, `vm_name` text, `vm_status` text, `vm_rev_dns` text);\n"
        .to_owned();
    let bad = |n: u32| n.is_multiple_of(1_000);
    for n in 1..=10_000 {
        let ip = if bad(n) {
            format!("10.300.0.{n}")
        } else {
            format!("10.{}.{}.{}", n >> 16, (n >> 8) & 255, n & 255)
        };
        writeln!(dump, "INSERT INTO `tblhosting` VALUES ({n},'{n}-x.vps.test','Active','{ip}','');").unwrap();
        writeln!(dump, "INSERT INTO `puqProxmoxKVM_vm_info` VALUES ({n},'{n}-x','ready','[]');").unwrap();
    }
    let file = export(&daemon, "big.sql", &dump);
    let told = daemon.run(&["adopt", "puq", &file]);
    assert_eq!(told.code, Some(6), "{}", told.error);
    assert!(told.out.contains("10 hosts") && told.out.contains("to add: 0 zones, 0 pools, 9990 hosts"));
    for n in (1..=10_000).filter(|n| bad(*n)) {
        assert!(told.out.contains(&format!("vm_info row {n}): \"10.300.0.{n}\" is no address")), "{n}");
    }
    let told = daemon.run(&["adopt", "puq", &file, "--apply", "--output", "json"]);
    assert_eq!(told.code, Some(5), "{}", told.error);
    assert_eq!(counts(&view(&told), "hosts"), [0, 9_990, 0, 10, 0]);
    let told = daemon.run(&["adopt", "puq", &file, "--apply", "--output", "json"]);
    assert_eq!(counts(&view(&told), "hosts"), [0, 0, 9_990, 10, 0]);
}

/// Only pairs are taken, and nothing has to be written for them.
#[test]
fn the_pairs_that_stand_in_a_zone_become_hosts_and_nothing_is_written() {
    let server = PowerDns::start(Backend::Sqlite);
    for zone in ["vps.example", "2.0.192.in-addr.arpa"] {
        server.create_zone(zone, "Native");
    }
    let put = |zone: &str, name: &str, rtype: &str, value: &str| {
        server.put(zone, &format!("{name}.{zone}"), rtype, 600, &[value]);
    };
    for n in 1..=10 {
        put("vps.example", &format!("vm-{n}"), "A", &format!("192.0.2.{n}"));
        put("2.0.192.in-addr.arpa", &n.to_string(), "PTR", &format!("vm-{n}.vps.example."));
    }
    put("vps.example", "www", "A", "192.0.2.1");
    put("2.0.192.in-addr.arpa", "50", "PTR", "gone.vps.example.");
    let daemon = Daemon::start();
    for zone in ["vps.example", "2.0.192.in-addr.arpa"] {
        daemon.powerdns_zone(zone, &server, &server.api_url());
    }
    let serial = |zone: &str| server.api("GET", &format!("/zones/{zone}."), None).json()["serial"].clone();
    let before = serial("vps.example");
    let told = daemon.run(&["adopt", "zone", "vps.example"]);
    assert_eq!((told.code, hosts(&daemon)), (Some(6), 0), "{} {}", told.out, told.error);
    for words in [
        "10 hosts",
        "(www.vps.example): no PTR of 192.0.2.1",
        "(192.0.2.50): its PTR points to gone.vps.example",
    ] {
        assert!(told.out.contains(words), "{words}: {}", told.out);
    }
    let told = daemon.run(&["adopt", "zone", "vps.example", "--apply"]);
    assert_eq!((told.code, hosts(&daemon)), (Some(5), 10), "{} {}", told.out, told.error);
    let host = daemon.must("GET", "/hosts?fqdn=vm-7.vps.example", None);
    daemon.wait_served(crate::daemon::id(&host[0]));
    assert_eq!(serial("vps.example"), before, "nothing was written");
    let told = daemon.run(&["adopt", "zone", "vps.example", "--apply"]);
    assert!(told.out.contains("nothing to add; here already: 0 zones, 0 pools, 10 hosts"), "{}", told.out);
}
