//! Plans as people read them: a zone before, what is desired, and the plan as text.

use crate::world::name;
use zonecast_core::*;

/// Reads `www 300 A 192.0.2.1` lines below example.com; values are separated by ", ".
fn sets(lines: &[&str]) -> Vec<RRset> {
    let set = |line: &&str| {
        let mut parts = line.splitn(4, ' ');
        let mut part = || parts.next().unwrap();
        let (owner, ttl, rtype) = (part(), part().parse().unwrap(), part().parse().unwrap());
        let owner = if owner == "@" { name("example.com") } else { name(&format!("{owner}.example.com")) };
        let values = part().split(", ").map(|text| RecordData::parse(rtype, text).unwrap());
        RRset::new(owner, rtype, Ttl::from_seconds(ttl).unwrap(), values.collect())
    };
    let mut sets: Vec<RRset> = lines.iter().map(set).collect();
    sets.sort();
    sets
}

fn shown(sets: &[RRset]) -> Observed {
    Observed::new(sets.iter().cloned().map(ObservedRRset::from).collect())
}

fn plan_with(policy: Policy, hold: Hold<'_>, observed: &[&str], applied: &[&str], desired: &[&str]) -> Plan {
    plan_zone(&ZonePlanInput {
        apex: &name("example.com"),
        observed: &shown(&sets(observed)),
        desired: &sets(desired),
        applied: &sets(applied),
        unsupported: &[],
        policy: &policy,
        a_host_holds: &|_| true,
        hold,
    })
}

fn text(observed: &[&str], applied: &[&str], desired: &[&str]) -> String {
    plan_with(Policy::default(), Hold::Nothing, observed, applied, desired).explain()
}

#[test]
fn a_rename_is_there_before_the_old_name_goes() {
    let old = ["alpha 300 A 192.0.2.1"];
    assert_eq!(
        text(&old, &old, &["zeta 300 A 192.0.2.1"]),
        "+ zeta.example.com 300 A 192.0.2.1\n\
         - alpha.example.com 300 A 192.0.2.1\n\
         1 to create, 0 to change, 1 to delete"
    );
}

#[test]
fn a_cname_makes_room_first() {
    let old = ["www 300 CNAME old.example.net"];
    assert_eq!(
        text(&old, &old, &["www 300 A 192.0.2.1"]),
        "- www.example.com 300 CNAME old.example.net\n\
         + www.example.com 300 A 192.0.2.1\n\
         1 to create, 0 to change, 1 to delete"
    );
}

#[test]
fn neighbours_stay_and_keep_their_ttl() {
    assert_eq!(
        text(&["www 3600 A 192.0.2.1, 198.51.100.7"], &["www 300 A 192.0.2.1"], &["www 300 A 192.0.2.2"],),
        "~ www.example.com 3600 A 192.0.2.1, 198.51.100.7 -> 192.0.2.2, 198.51.100.7\n\
         ! www.example.com A: other values share this set, so its TTL stays 3600; ours would be 300\n\
         0 to create, 1 to change, 0 to delete"
    );
}

#[test]
fn a_conflict_stops_its_key_and_nothing_else() {
    assert_eq!(
        text(&["www 300 A 198.51.100.7"], &[], &["www 300 A 192.0.2.1", "www 300 AAAA 2001:db8::1"]),
        "+ www.example.com 300 AAAA 2001:db8::1\n\
         ! www.example.com A: conflict with 198.51.100.7; the zone's policy is to report such values\n\
         1 to create, 0 to change, 0 to delete"
    );
}

#[test]
fn an_equal_value_is_adopted_without_a_write() {
    let there = ["www 300 A 192.0.2.1"];
    let plan = plan_with(Policy::default(), Hold::Nothing, &there, &[], &there);
    assert_eq!(
        plan.explain(),
        "! www.example.com A: was there already, adopted\n0 to create, 0 to change, 0 to delete"
    );
    assert_eq!(plan.keys[0].ours_after, plan.keys[0].adopted);
    let again = plan_with(Policy::default(), Hold::Nothing, &there, &there, &there);
    assert!(again.is_empty() && again.keys.is_empty());
}

#[test]
fn ttl_and_value_change_in_one_line() {
    let old = ["www 300 A 192.0.2.1"];
    let plan = text(&old, &old, &["www 60 A 192.0.2.2"]);
    assert!(plan.starts_with("~ www.example.com 300 A 192.0.2.1 -> 60 A 192.0.2.2\n"), "{plan}");
}

#[test]
fn below_a_delegation_it_is_written_and_marked() {
    let plan = plan_with(
        Policy::default(),
        Hold::Nothing,
        &["sub 300 NS ns.example.net"],
        &[],
        &["vm.sub 300 A 192.0.2.1"],
    );
    assert_eq!(plan.counts().creates, 1);
    assert_eq!(plan.keys[0].verdict, KeyVerdict::Occluded);
}

#[test]
fn held_removals_wait_and_additions_go_on() {
    let old = ["a 300 A 192.0.2.1", "b 300 PTR old.example.net", "c 300 TXT gone"];
    let new = ["a 300 A 192.0.2.2", "b 300 PTR new.example.net"];
    let held = plan_with(Policy::default(), Hold::All, &old, &old, &new);
    assert_eq!(
        held.explain(),
        "~ a.example.com 300 A 192.0.2.1 -> 192.0.2.1, 192.0.2.2\n\
         ! a.example.com A: removal waits for approval\n\
         ! b.example.com PTR: removal waits for approval\n\
         ! c.example.com TXT: removal waits for approval\n\
         0 to create, 1 to change, 0 to delete"
    );
    assert_eq!(held.withdrawn_values(), 0);
    let approved = plan_with(Policy::default(), Hold::Nothing, &old, &old, &new);
    assert_eq!((approved.counts().replaces, approved.counts().deletes), (2, 1));
    assert_eq!(approved.withdrawn_values(), 3);
}

#[test]
fn the_apex_ns_change_only_when_asked_for_by_name() {
    let (there, wished) = (["@ 300 NS a.example.net, b.example.net"], ["@ 300 NS c.example.net"]);
    let policy = |apex_asked, take_over_asked| Policy { apex_asked, take_over_asked, ..Policy::default() };
    for left_alone in [policy(false, false), policy(false, true)] {
        assert!(plan_with(left_alone, Hold::Nothing, &there, &[], &wished).is_empty());
    }
    let asked = plan_with(policy(true, false), Hold::Nothing, &there, &[], &wished);
    assert_eq!(asked.counts().replaces, 1);
    assert_eq!(asked.keys[0].taken_over.len(), 2);
}

#[test]
fn a_zone_that_asks_for_it_gets_a_literal_delete_and_create() {
    let old = ["www 300 A 192.0.2.1"];
    let policy = Policy { delete_then_create: true, ..Policy::default() };
    let plan = plan_with(policy, Hold::Nothing, &old, &old, &["www 300 A 192.0.2.2"]);
    assert!(
        plan.explain().starts_with("- www.example.com 300 A 192.0.2.1\n+ www.example.com 300 A 192.0.2.2\n")
    );
    let there = ["www 300 A 192.0.2.1, 198.51.100.7"];
    let plan = plan_with(Policy { rewrite: true, ..policy }, Hold::Nothing, &there, &old, &old);
    assert!(
        plan.explain().starts_with(
            "~ www.example.com 300 A 192.0.2.1, 198.51.100.7 -> 198.51.100.7\n\
             ~ www.example.com 300 A 198.51.100.7 -> 192.0.2.1, 198.51.100.7\n"
        ),
        "{}",
        plan.explain()
    );
}

#[test]
fn a_fully_managed_zone_loses_what_nobody_claims_but_soa_and_apex_ns() {
    let there = [
        "@ 300 NS a.example.net",
        "@ 300 SOA ns.example.net h.example.net 1 1 1 1 1",
        "stray 300 A 198.51.100.1",
        "www 300 A 192.0.2.1, 198.51.100.7",
    ];
    let policy = Policy { managed_full: true, ..Policy::default() };
    let plan = plan_with(policy, Hold::Nothing, &there, &[], &["www 300 A 192.0.2.1"]);
    assert_eq!(
        plan.explain(),
        "~ www.example.com 300 A 192.0.2.1, 198.51.100.7 -> 192.0.2.1\n\
         - stray.example.com 300 A 198.51.100.1\n\
         0 to create, 1 to change, 1 to delete"
    );
}

#[test]
fn a_foreign_ptr_is_taken_over_only_where_a_host_holds_the_address() {
    let (apex, at) = (name("2.0.192.in-addr.arpa"), name("1.2.0.192.in-addr.arpa"));
    let ptr = |text: &str| {
        let data = RecordData::parse(RecordType::PTR, text).unwrap();
        RRset::new(at.clone(), RecordType::PTR, Ttl::DEFAULT, vec![data])
    };
    let (observed, desired) = (shown(&[ptr("old.example.net")]), [ptr("new.example.com")]);
    let policy = Policy::default();
    let plan = |a_host_holds_this_address| {
        plan_name(&NamePlanInput {
            observed: &observed.rrsets,
            desired: &desired,
            a_host_holds_this_address,
            ..NamePlanInput::new(&at, &apex, &policy)
        })
    };
    assert_eq!(plan(true).keys[0].taken_over, ptr("old.example.net").values);
    assert_eq!(plan(true).changes.len(), 1);
    assert!(matches!(plan(false).keys[0].verdict, KeyVerdict::Conflict(_)));
    assert!(plan(false).changes.is_empty());
}
