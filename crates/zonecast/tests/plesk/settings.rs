//! What `[plesk]` and the command line change: who owns the zone, SOA and NS, another backend beside us,
//! switched off, which zones are made.

use crate::daemon::{Daemon, PATIENCE, until_answer, until_or};
use crate::panel::{Panel, Service, start, zone_of};
use serde_json::json;

fn small(name: &str) -> Vec<u8> {
    json!([{ "command": "update", "zone": zone_of(name, &[("", "A", "", "192.0.2.1")]) }])
        .to_string()
        .into_bytes()
}

/// Policy 1: foreign records stay by default, and go where the zone is managed as a whole.
#[test]
fn foreign_records_stay_unless_the_zone_is_managed_as_a_whole() {
    for (config, stays) in [("", true), ("managed = \"full\"\n", false)] {
        let panel = Panel::with(Service::PowerDns, config);
        let server = panel.server.as_ref().expect("PowerDNS");
        server.create_zone("w.test", "Native");
        server.put("w.test", "foreign.w.test", "A", 60, &["198.51.100.7"]);
        server.put("w.test", "w.test", "TXT", 60, &["\"theirs\""]);
        panel.plesk(small("w.test")).well();
        let ours = "w.test. TYPE1 192.0.2.1".to_owned();
        let theirs =
            ["foreign.w.test. TYPE1 198.51.100.7".to_owned(), "w.test. TYPE16 \"theirs\"".to_owned()];
        until_or(PATIENCE, || {
            let zone = panel.zone("w.test");
            let found = theirs.iter().filter(|line| zone.contains(line)).count();
            let right = zone.contains(&ours) && found == if stays { 2 } else { 0 };
            if right { Ok(()) } else { Err(format!("{zone:?}")) }
        });
        let apex = panel.transfer("w.test").iter().filter(|answer| matches!(answer.rtype, 2 | 6)).count();
        assert!(apex >= 2, "SOA and NS stay");
    }
}

/// S4.92: SOA and NS follow Plesk only where that is asked for, and no serial goes back.
#[test]
fn soa_and_ns_follow_plesk_only_where_asked() {
    for service in [Service::Embedded, Service::PowerDns] {
        let panel = Panel::with(service, "manage_ns_soa = true\n");
        let records =
            [("", "NS", "", "ns1.dns.test."), ("", "NS", "", "ns2.dns.test."), ("", "A", "", "192.0.2.1")];
        panel.send("create", zone_of("soa.test", &records)).well();
        let serial = || soa(&panel).0;
        let first = serial();
        let mut zone = zone_of("soa.test", &[("", "NS", "", "ns9.dns.test."), ("", "A", "", "192.0.2.1")]);
        zone["soa"]["refresh"] = json!(7_200);
        zone["soa"]["serial"] = json!(1);
        panel.send("update", zone).well();
        until_answer(panel.dns(), "soa.test", "NS", &["ns9.dns.test."]);
        until_or(PATIENCE, || {
            let (serial, refresh) = soa(&panel);
            if refresh == 7_200 && serial > first { Ok(()) } else { Err(format!("{serial} {refresh}")) }
        });
    }
    let panel = Panel::at(Service::Embedded);
    let records = [("", "NS", "", "ns1.dns.test."), ("", "A", "", "192.0.2.1")];
    panel.send("create", zone_of("soa.test", &records)).well();
    panel
        .send("update", zone_of("soa.test", &[("", "NS", "", "ns9.dns.test."), ("", "A", "", "192.0.2.1")]))
        .well();
    until_answer(panel.dns(), "soa.test", "NS", &["ns1.dns.test."]);
}

/// Serial and refresh of the served SOA.
fn soa(panel: &Panel) -> (u32, u32) {
    let reply = zonecast_testbed::dig(panel.dns(), "soa.test", "SOA").expect("an answer");
    let data = &reply.answers[0].rdata;
    let at = |from_end: usize| {
        let start = data.len() - from_end;
        u32::from_be_bytes([data[start], data[start + 1], data[start + 2], data[start + 3]])
    };
    (at(20), at(16))
}

#[test]
fn another_backend_gets_the_same_input_and_its_exit_code_does_not_count() {
    let panel = Panel::at(Service::Embedded);
    let copy = panel.daemon.folder().join("copy");
    let command = format!("cat > {}; exit 7", copy.display());
    let ended = start(panel.daemon.folder(), &small("pass.test"), &["--pass-through", &command]);
    ended.well().says("is now synchronised").says("warn: the other backend ended with");
    assert_eq!(std::fs::read(copy).expect("its input"), small("pass.test"));
}

#[test]
fn switched_off_it_touches_nothing() {
    let daemon = Daemon::start_with("[plesk]\nenabled = false\n");
    let ended = start(daemon.folder(), &small("off.test"), &[]);
    ended.well().says("info: the Plesk backend of Zonecast is switched off");
    assert_eq!(daemon.must("GET", "/domains", None), json!([]));
}

/// X31: without `create_at` no zone is made; the records go to a parent zone where there is one.
#[test]
fn without_create_at_records_go_to_a_configured_parent_zone() {
    let daemon = Daemon::start();
    let ended = start(daemon.folder(), &small("lost.test"), &[]);
    ended.well().says("warn: no configured zone holds lost.test");
    daemon.embedded_zone("parent.test");
    start(daemon.folder(), &small("child.parent.test"), &[]).well().says("is now synchronised");
    until_answer(daemon.dns, "child.parent.test", "A", &["192.0.2.1"]);
    // The zone comes later: what was stored goes there by itself.
    daemon.embedded_zone("lost.test");
    until_answer(daemon.dns, "lost.test", "A", &["192.0.2.1"]);
}
