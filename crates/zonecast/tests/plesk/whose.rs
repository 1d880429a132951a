//! What of several domains and hosts a record belongs to (C19), as Plesk meets it.

use crate::daemon::{PATIENCE, id, until_answer, until_or};
use crate::panel::{Panel, Service, zone_of};
use serde_json::{Value, json};

/// A parent's delegation stands in the parent's zone, and the child's own zone is none of its business.
#[test]
fn a_delegation_to_a_domain_below_is_well_beside_its_own_zone() {
    for service in [Service::Embedded, Service::PowerDns] {
        let panel = Panel::at(service);
        panel.send("create", zone_of("sub.shop.test", &[("", "A", "", "192.0.2.81")])).well();
        let ns = ("sub", "NS", "", "ns1.elsewhere.test.");
        panel.send("create", zone_of("shop.test", &[("", "A", "", "192.0.2.80"), ns])).well();
        let wanted = ["shop.test. TYPE1 192.0.2.80", "sub.shop.test. TYPE2 ns1.elsewhere.test."];
        assert_eq!(panel.zone("shop.test"), wanted, "{service:?}");
        assert_eq!(panel.zone("sub.shop.test"), ["sub.shop.test. TYPE1 192.0.2.81"]);
        assert!(!panel.messages("shop.test").contains("conflict"), "{}", panel.messages("shop.test"));
        // The child comes last: nothing of its parent enters its zone.
        panel.send("create", zone_of("late.shop.test", &[("", "A", "", "192.0.2.82")])).well();
        let more = [("", "A", "", "192.0.2.80"), ns, ("late", "NS", "", "ns1.elsewhere.test.")];
        panel.send("update", zone_of("shop.test", &more)).well();
        assert_eq!(panel.zone("late.shop.test"), ["late.shop.test. TYPE1 192.0.2.82"]);
    }
}

fn ptr(panel: &Panel, command: &str, address: &str, host: &str) {
    let ptr = json!({ "ip_address": address, "hostname": host });
    panel.plesk(json!([{ "command": command, "ptr": ptr }]).to_string()).well();
}

fn records(panel: &Panel) -> Vec<Value> {
    let rows = panel.daemon.must("GET", "/records", None);
    rows.as_array().cloned().unwrap_or_default()
}

/// PTR commands are keyed by address: a new one replaces what Plesk said before, and nobody else's word.
#[test]
fn a_new_ptr_of_plesk_replaces_its_old_one() {
    let panel = Panel::at(Service::Embedded);
    panel.daemon.embedded_zone("2.0.192.in-addr.arpa");
    let name = "80.2.0.192.in-addr.arpa";
    let operator = json!({ "name": name, "type": "PTR", "values": ["operator.test."] });
    let operator = id(&panel.daemon.must("POST", "/records?wait=20s", Some(operator)));
    for host in ["one.test", "two.test", "one.test"] {
        ptr(&panel, "createPTRs", "192.0.2.80", host);
        until_answer(panel.dns(), name, "PTR", &[&format!("{host}.")]);
        assert_eq!(records(&panel).len(), 2, "the operator's and Plesk's");
    }
    ptr(&panel, "deletePTRs", "192.0.2.80", "two.test");
    until_answer(panel.dns(), name, "PTR", &["one.test."]);
    ptr(&panel, "deletePTRs", "192.0.2.80", "operator.test");
    ptr(&panel, "deletePTRs", "192.0.2.80", "one.test");
    until_answer(panel.dns(), name, "PTR", &["operator.test."]);
    until_or(PATIENCE, || {
        let left = records(&panel);
        let alone = left.len() == 1 && id(&left[0]) == operator;
        if alone { Ok(()) } else { Err(format!("{left:#?}")) }
    });
}
