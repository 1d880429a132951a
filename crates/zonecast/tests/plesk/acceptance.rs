//! The acceptance list for DNS extensions of Plesk, S4.41 to S4.79, line by line.
//!
//! What Plesk does goes through the backend; what only a panel's page can do (a domain's type, its
//! state, rename with a choice) goes through the API. Every line looks at the zone at a real PowerDNS.

use crate::daemon::{PATIENCE, id, until_or};
use crate::panel::{Panel, Service, zone_of};
use serde_json::{Value, json};
use zonecast_testbed::{Canned, Fault};

const WEB: (&str, &str, &str, &str) = ("", "A", "", "192.0.2.80");
const WWW: (&str, &str, &str, &str) = ("www", "CNAME", "", "");

/// A zone with an address, an alias of it and these records more.
fn web(name: &str, more: &[(&str, &str, &str, &str)]) -> Value {
    let target = format!("{name}.");
    let mut records = vec![WEB, (WWW.0, WWW.1, WWW.2, target.as_str())];
    records.extend_from_slice(more);
    zone_of(name, &records)
}

fn web_lines(name: &str) -> Vec<String> {
    vec![format!("{name}. TYPE1 192.0.2.80"), format!("www.{name}. TYPE5 {name}.")]
}

/// Adds a domain by the API, as the panel's page does.
fn add(panel: &Panel, body: Value) -> (u16, Value) {
    panel.daemon.call("POST", "/domains?wait=20s", Some(body))
}

fn with_type(name: &str, kind: &str) -> Value {
    json!({ "name": name, "type": kind, "addresses": ["192.0.2.80"], "create_at": [1] })
}

/// A line's words and what proves it.
type Line = (&'static str, fn(&Panel));

/// The lines of the list, in its order.
const LIST: &[Line] = &[
    ("S4.41 the zone exists after a sync", |p| {
        p.send("create", web("d1.test", &[])).well();
        assert!(!p.transfer("d1.test").is_empty());
    }),
    ("S4.42 all records are copied", |p| assert_eq!(p.zone("d1.test"), web_lines("d1.test"))),
    ("S4.43 the domain is marked as synchronised", |p| {
        until_synchronised(p, "d1.test");
    }),
    ("S4.44 a message says so, with the service", |p| {
        let said = p.messages("d1.test");
        assert_eq!(said, "the zone of d1.test is now synchronised with pdns (powerdns)");
    }),
    ("S4.45 a record the service does not take is named, the others are there", unsupported),
    ("S4.46 a zone that fails as a whole is told", whole_failure),
    ("S4.47 zones are primary and on by default", |p| assert_eq!(p.domain("d1.test")["state"], "active")),
    ("S4.48 a subdomain is in its parent's zone, or has its own", |p| {
        p.send("update", web("d1.test", &[("sub", "A", "", "192.0.2.81")])).well();
        assert!(p.zone("d1.test").contains(&"sub.d1.test. TYPE1 192.0.2.81".to_owned()));
        p.send("update", web("d1.test", &[])).well();
    }),
    ("S4.49 subscription", |p| synchronised(p, "sub.ok.test", "subscription")),
    ("S4.50 addon domain", |p| synchronised(p, "addon.ok.test", "addon")),
    ("S4.51 subdomain with an own zone", |p| synchronised(p, "own.ok.test", "subdomain")),
    ("S4.52 subdomain in its parent's zone is no zone of its own", |p| {
        let (status, _) = add(p, with_type("in.ok.test", "subdomain_in_parent"));
        assert_eq!(status, 422);
        add(p, json!({ "name": "in.ok.test", "type": "subdomain_in_parent" }));
        let (status, answer) = p.ask("in.ok.test", "sync", json!({}));
        assert_eq!(status, 409, "{answer}");
    }),
    ("S4.53 domain alias", |p| synchronised(p, "alias.ok.test", "alias")),
    ("S4.54 no-hosting domain", |p| synchronised(p, "bare.ok.test", "no_hosting")),
    ("S4.55 forwarding domain", |p| synchronised(p, "fwd.ok.test", "forwarding")),
    ("S4.56 domain on IPv6 only", |p| {
        add(p, json!({ "name": "six.test", "addresses": ["2001:db8::80"], "create_at": [1] }));
        let zone = p.zone("six.test");
        assert!(zone.contains(&"six.test. TYPE28 2001:db8::80".to_owned()), "{zone:?}");
        assert!(!zone.iter().any(|line| line.contains(" TYPE1 ")), "{zone:?}");
    }),
    ("S4.57 an IDN domain shows in national script", |p| {
        p.send("create", web("xn--bcher-kva.test", &[])).well().says("the zone of bücher.test is now");
        assert_eq!(p.domain("xn--bcher-kva.test")["name_unicode"], "bücher.test");
    }),
    ("S4.58 a domain whose DNS is off cannot be synced", |p| never_synced(p, "off.test", "dns_off")),
    ("S4.59 a secondary one cannot", |p| never_synced(p, "second.test", "secondary")),
    ("S4.60 a disabled one cannot, first time", |p| never_synced(p, "disabled.test", "disabled")),
    ("S4.61 a suspended one cannot, first time", |p| never_synced(p, "suspended.test", "suspended")),
    ("S4.62 what would exceed a limit does not start", limit),
    ("S4.63 and the limit is told", |p| {
        p.send("update", web("full.test", &[("a", "A", "", "192.0.2.1"), ("b", "A", "", "192.0.2.2")]))
            .says("err: full.test: full.test was not started: pdns (powerdns) holds at most 3 records");
    }),
    ("S4.64 primary to secondary before a first sync", |p| {
        p.set("disabled.test", json!({ "state": "secondary" }));
        assert_eq!(p.ask("disabled.test", "sync", json!({})).0, 409);
    }),
    ("S4.65 primary to secondary after a sync: records stay", |p| {
        p.set("d1.test", json!({ "state": "secondary", "records": [] }));
        assert_eq!(p.zone("d1.test"), web_lines("d1.test"));
        p.set("d1.test", json!({ "state": "active", "addresses": ["192.0.2.80"] }));
        p.send("update", web("d1.test", &[])).well();
    }),
    ("S4.66 applying the template", |p| {
        p.set(
            "d1.test",
            json!({ "records": [{ "name": "own.d1.test", "type": "A", "values": ["192.0.2.9"] }] }),
        );
        assert_eq!(p.ask("d1.test", "template", json!({ "action": "apply" })).0, 200);
        let zone = p.zone("d1.test");
        assert!(zone.contains(&"own.d1.test. TYPE1 192.0.2.9".to_owned()) && zone.len() == 9, "{zone:#?}");
    }),
    ("S4.67 resetting to defaults", |p| {
        assert_eq!(p.ask("d1.test", "template", json!({ "action": "reset" })).0, 200);
        let zone = p.zone("d1.test");
        assert!(!zone.iter().any(|line| line.starts_with("own.")) && zone.len() == 8, "{zone:#?}");
        p.send("update", web("d1.test", &[])).well();
    }),
    ("S4.68 adding a record", |p| {
        p.send("update", web("d1.test", &[("new", "A", "", "192.0.2.1")])).well();
        assert!(p.zone("d1.test").contains(&"new.d1.test. TYPE1 192.0.2.1".to_owned()));
    }),
    ("S4.69 of every type", every_type),
    ("S4.70 editing leaves no double", |p| {
        p.send("update", web("d1.test", &[("new", "A", "", "192.0.2.2")])).well();
        let zone = p.zone("d1.test");
        let new: Vec<&String> = zone.iter().filter(|line| line.starts_with("new.")).collect();
        assert_eq!(new, ["new.d1.test. TYPE1 192.0.2.2"]);
    }),
    ("S4.71 removing a record", |p| {
        p.send("update", web("d1.test", &[])).well();
        assert_eq!(p.zone("d1.test"), web_lines("d1.test"));
    }),
    ("S4.72 renaming, with either choice", rename),
    ("S4.73 the new name shows", |p| assert_eq!(p.domain("new.test")["name"], "new.test")),
    ("S4.74 another address", |p| {
        let (status, answer) = p.ask("d1.test", "ip", json!({ "from": "192.0.2.80", "to": "192.0.2.90" }));
        assert_eq!(status, 200, "{answer}");
        assert!(p.zone("d1.test").contains(&"d1.test. TYPE1 192.0.2.90".to_owned()));
        p.send("update", web("d1.test", &[])).well();
    }),
    ("S4.75 disabling a synced domain erases nothing", |p| state_keeps(p, "disabled")),
    ("S4.76 disabled before its first sync", |p| never_synced(p, "d76.test", "disabled")),
    ("S4.77 suspending a synced domain erases nothing", |p| state_keeps(p, "suspended")),
    ("S4.78 suspended before its first sync", |p| never_synced(p, "d78.test", "suspended")),
    ("S4.79 removing the domain removes all its records", |p| {
        p.send("delete", json!({ "name": "d1.test.", "displayName": "d1.test." })).well();
        assert_eq!(p.zone("d1.test"), Vec::<String>::new());
    }),
];

/// S4.41 to S4.79.
#[test]
fn the_acceptance_list() {
    let panel = Panel::at(Service::PowerDns);
    for (line, check) in LIST {
        eprintln!("{line}");
        check(&panel);
    }
    let numbers: Vec<u32> =
        LIST.iter().filter_map(|(line, _)| line.get(3..5).and_then(|number| number.parse().ok())).collect();
    assert_eq!(numbers, (41..=79).collect::<Vec<u32>>(), "the list is whole");
}

fn synchronised(panel: &Panel, name: &str, kind: &str) {
    let (status, answer) = add(panel, with_type(name, kind));
    assert_eq!(status, 200, "{answer:#}");
    until_synchronised(panel, name);
    assert_eq!(panel.zone(name).len(), 8, "the template");
}

/// The names of a zone that was just added are looked at once more, so the mark may come a moment later.
fn until_synchronised(panel: &Panel, name: &str) {
    until_or(PATIENCE, || {
        let domain = panel.domain(name);
        if domain["synchronised"] == true { Ok(()) } else { Err(format!("{domain:#}")) }
    });
}

fn never_synced(panel: &Panel, name: &str, state: &str) {
    let mut body = with_type(name, "subscription");
    body["state"] = json!(state);
    let (status, answer) = add(panel, body);
    assert!(status == 200 || status == 202, "{answer:#}");
    let (status, refused) = panel.ask(name, "sync", json!({}));
    assert_eq!(status, 409, "{refused:#}");
    let domain = panel.domain(name);
    assert!(domain["synchronised"] == false && domain["synced"] == false, "{domain:#}");
    let zones = panel.daemon.must("GET", &format!("/zones?name={name}"), None);
    assert_eq!(zones, json!([]), "no zone was made");
}

fn state_keeps(panel: &Panel, state: &str) {
    panel.set("d1.test", json!({ "state": state }));
    assert_eq!(panel.zone("d1.test"), web_lines("d1.test"));
    panel.set("d1.test", json!({ "state": "active" }));
    assert_eq!(panel.zone("d1.test"), web_lines("d1.test"));
}

fn unsupported(panel: &Panel) {
    let proxy = panel.proxy.as_ref().expect("a proxy");
    let words = r#"{"error":"RRset bad.d45.test. IN HINFO: unknown type given"}"#;
    proxy.refuse_bodies_with("HINFO", Canned::json(422, words));
    let ended = panel.send("create", web("d45.test", &[("bad", "HINFO", "", "PC Linux")]));
    proxy.reset();
    assert_eq!(ended.code, 255, "{ended:?}");
    ended.says("err: bad.d45.test HINFO: ").says("unknown type given");
    assert_eq!(panel.zone("d45.test"), web_lines("d45.test"));
    assert!(panel.messages("d45.test").contains("bad.d45.test HINFO"));
}

fn whole_failure(panel: &Panel) {
    let proxy = panel.proxy.as_ref().expect("a proxy");
    let refusal = Canned::json(422, r#"{"error":"the plan has no room for another zone"}"#);
    proxy.rule("POST", "/zones", 100, Fault::Answer(refusal));
    let ended = panel.send("create", web("d46.test", &[]));
    proxy.reset();
    assert_eq!(ended.code, 255, "{ended:?}");
    ended.says("err: the zone of d46.test cannot be synchronised with pdns (powerdns): ").says("no room");
    assert!(panel.messages("d46.test").contains("cannot be synchronised"));
}

fn limit(panel: &Panel) {
    panel.send("create", web("full.test", &[])).well();
    let zones = panel.daemon.must("GET", "/zones?name=full.test", None);
    panel.daemon.must("PATCH", &format!("/zones/{}", id(&zones[0])), Some(json!({ "values_max": 3 })));
    panel.send("update", web("full.test", &[("a", "A", "", "192.0.2.1")])).well();
    let before = panel.zone("full.test");
    let more = web("full.test", &[("a", "A", "", "192.0.2.1"), ("b", "A", "", "192.0.2.2")]);
    assert_eq!(panel.send("update", more).code, 255);
    assert_eq!(panel.zone("full.test"), before);
}

fn every_type(panel: &Panel) {
    let records = [
        ("", "AAAA", "", "2001:db8::80"),
        ("", "MX", "10", "mail.d1.test."),
        ("", "TXT", "", "v=spf1 -all"),
        ("", "CAA", "0 issue", "ca.test"),
        ("_sip._tcp", "SRV", "1 2 5060", "sip.d1.test."),
        ("_443._tcp", "TLSA", "3 1 1", "0C72AC70B745AC19998811B131D662C9AC69DBDBE7CB23E5B514B56664C5D3D6"),
        ("child", "NS", "", "ns.elsewhere.test."),
        ("child", "DS", "12345 13 2", "49FD46E6C4B45C55D4AC49FD46E6C4B45C55D4AC49FD46E6C4B45C55D4AC0011"),
        ("ptr", "PTR", "", "d1.test."),
        ("s", "HTTPS", "1", ". alpn=h2"),
        ("*", "A", "", "192.0.2.81"),
    ];
    panel.send("update", web("d1.test", &records)).well();
    assert_eq!(panel.zone("d1.test").len(), 2 + records.len());
    // By the panel's own page: taking most of a zone away by one set would wait for approval (X34).
    let back = json!([{ "name": "@", "type": "A", "values": ["192.0.2.80"] },
        { "name": "www.d1.test", "type": "CNAME", "values": ["d1.test"] }]);
    panel.set("d1.test", json!({ "records": back }));
    assert_eq!(panel.zone("d1.test"), web_lines("d1.test"));
}

/// X34: a set that leaves out most of a zone is held and told; an explicit delete is not.
#[test]
fn a_set_that_would_empty_a_zone_waits_for_approval_and_a_delete_does_not() {
    let panel = Panel::at(Service::Embedded);
    let labels: Vec<String> = (0..12).map(|n| format!("h{n}")).collect();
    let many: Vec<_> = labels.iter().map(|label| (label.as_str(), "A", "", "192.0.2.1")).collect();
    panel.send("create", web("x.test", &many)).well();
    let ended = panel.send("update", web("x.test", &[]));
    assert_eq!(ended.code, 255, "{ended:?}");
    ended.says("err: x.test: records at 12 names would go").says("zonecast approve 1");
    assert_eq!(panel.zone("x.test").len(), 14);
    panel.daemon.must("POST", "/zones/1/approve", Some(json!({})));
    crate::daemon::until_answer(panel.dns(), "h3.x.test", "A", &[]);
    panel.send("update", web("x.test", &many)).well();
    panel.send("delete", json!({ "name": "x.test." })).well();
    assert_eq!(panel.zone("x.test"), Vec::<String>::new());
}

fn rename(panel: &Panel) {
    panel.send("create", web("old.test", &[("", "MX", "10", "mail.old.test.")])).well();
    let (status, answer) =
        panel.ask("old.test", "rename", json!({ "name": "new.test", "records": "update" }));
    assert_eq!(status, 200, "{answer:#}");
    let mut expected = web_lines("new.test");
    expected.insert(1, "new.test. TYPE15 10 mail.new.test.".to_owned());
    assert_eq!(panel.zone("new.test"), expected);
    assert_eq!(panel.zone("old.test"), Vec::<String>::new());
    panel.send("create", web("gone.test", &[])).well();
    let (status, answer) =
        panel.ask("gone.test", "rename", json!({ "name": "empty.test", "records": "erase" }));
    assert_eq!(status, 200, "{answer:#}");
    assert_eq!(panel.zone("gone.test"), Vec::<String>::new());
}
