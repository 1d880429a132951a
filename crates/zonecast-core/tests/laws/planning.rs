//! What a plan promises, for every name, every policy and every mess a service can show.

use crate::world::*;
use proptest::collection::vec;
use proptest::prelude::*;
use std::collections::BTreeMap;
use zonecast_core::*;

fn spot_anywhere() -> impl Strategy<Value = Spot> {
    let names = ["example.com", "www.example.com", "*.example.com", "a.example.com"];
    prop::sample::select(names.to_vec()).prop_flat_map(|text| spot(name(text)))
}

fn set(sets: &[ObservedRRset], rtype: RecordType) -> Option<&ObservedRRset> {
    sets.iter().find(|set| set.rtype == rtype)
}

fn holds(sets: &[ObservedRRset], value: &RecordData) -> bool {
    set(sets, value.rtype()).is_some_and(|set| set.values.iter().any(|v| v.data == *value && !v.disabled))
}

fn ours(plan: &NamePlan) -> Vec<RRset> {
    let owned = plan.keys.iter().filter(|key| !key.ours_after.is_empty());
    owned.map(|key| RRset::new(key.name.clone(), key.rtype, Ttl::DEFAULT, key.ours_after.clone())).collect()
}

fn is_open(verdict: &KeyVerdict) -> bool {
    !matches!(verdict, KeyVerdict::Conflict(_) | KeyVerdict::Held | KeyVerdict::Unsupported)
}

/// An alias record shows no values and still stands there: no CNAME beside it, and no address beside
/// an alias of another name.
#[test]
fn an_alias_without_values_stands_in_the_way() {
    let (apex, owner) = (name("example.com"), name("www.example.com"));
    let wish = |rtype| RRset::new(owner.clone(), rtype, Ttl::DEFAULT, vec![data(rtype, 1)]);
    let alias = |rtype| ObservedRRset {
        opaque: true,
        ..ObservedRRset::new(owner.clone(), rtype, Ttl::DEFAULT, vec![])
    };
    for (there, wished) in [(RecordType::A, RecordType::CNAME), (RecordType::CNAME, RecordType::A)] {
        for take_over_asked in [false, true] {
            let policy = Policy { take_over_asked, ..Policy::default() };
            let (observed, desired) = ([alias(there)], [wish(wished)]);
            let plan = plan_name(&NamePlanInput {
                observed: &observed,
                desired: &desired,
                ..NamePlanInput::new(&owner, &apex, &policy)
            });
            assert_eq!(plan.changes, [], "{there}");
            let KeyVerdict::Conflict(Conflict { theirs, .. }) = &plan.keys[0].verdict else {
                panic!("{plan:?}")
            };
            assert!(theirs[0].starts_with(&there.to_string()) && theirs[0].len() > 10, "{theirs:?}");
        }
    }
}

proptest! {
    #![proptest_config(crate::world::cases(1000))]

    /// Apply the plan and you have what was desired; what was withdrawn is gone.
    #[test]
    fn after_the_plan_stands_what_was_desired(spot in spot_anywhere(), policy in policy()) {
        let apex = name("example.com");
        let plan = plan_name(&spot.input(&apex, &policy));
        let after = carry_out(&spot.observed, &plan.changes);
        for key in plan.keys.iter().filter(|key| is_open(&key.verdict)) {
            let wished = spot.desired.iter().find(|set| set.rtype == key.rtype);
            for value in wished.iter().flat_map(|set| &set.values) {
                prop_assert!(holds(&after, value), "{value:?} is missing after {plan:?}");
            }
            let applied = spot.applied.iter().filter(|set| set.rtype == key.rtype);
            for value in applied.flat_map(|set| &set.values) {
                let stays = wished.is_some_and(|set| set.values.contains(value));
                prop_assert_eq!(holds(&after, value), stays, "{:?} of {:?}", value, plan);
            }
        }
        for wish in &spot.desired {
            prop_assert!(plan.keys.iter().any(|key| key.rtype == wish.rtype), "every wish is answered");
        }
    }

    /// Foreign values survive always; what a policy lets go is named, and disabled ones never go.
    #[test]
    fn foreign_values_survive(spot in spot_anywhere(), policy in policy()) {
        let apex = name("example.com");
        let plan = plan_name(&spot.input(&apex, &policy));
        let after = carry_out(&spot.observed, &plan.changes);
        let taken: Vec<&RecordData> = plan.keys.iter().flat_map(|key| &key.taken_over).collect();
        let may_take = policy.managed_full
            || policy.take_over_asked
            || policy.apex_asked
            || [policy.forward_conflict, policy.reverse_conflict].contains(&ConflictPolicy::TakeOver);
        prop_assert!(taken.is_empty() || may_take);
        for there in &spot.observed {
            let now = set(&after, there.rtype);
            if there.opaque {
                prop_assert_eq!(Some(there), now);
                continue;
            }
            for value in &there.values {
                let foreign = value.disabled || !spot.is_ours(&value.data);
                let kept = now.is_some_and(|set| set.values.contains(value));
                let let_go = !value.disabled && taken.contains(&&value.data);
                prop_assert!(!foreign || kept != let_go, "{value:?} in {plan:?}");
            }
        }
    }

    /// Whoever meets a conflict reads who wants what, what stands there, why it stays and what to do (D23).
    #[test]
    fn a_conflict_says_both_values_the_owner_and_the_way_out(spot in spot_anywhere(), policy in policy()) {
        let apex = name("example.com");
        for key in plan_name(&spot.input(&apex, &policy)).keys {
            let KeyVerdict::Conflict(conflict) = key.verdict else { continue };
            let words = conflict.words("host vm-1.example.com");
            let wished = spot.desired.iter().find(|set| set.rtype == key.rtype);
            let ours = wished.or(spot.applied.iter().find(|set| set.rtype == key.rtype));
            for value in ours.iter().flat_map(|set| &set.values) {
                prop_assert!(words.contains(&value.to_text()), "ours: {words}");
            }
            prop_assert_eq!(words.contains("host vm-1.example.com"), wished.is_some(), "{}", words);
            let at_key = set(&spot.observed, key.rtype).filter(|set| !set.values.is_empty());
            let mut there = at_key.iter().flat_map(|set| &set.values);
            let stranger = there.find(|value| !spot.is_ours(&value.data));
            let of_other_type =
                matches!(conflict.because, Because::OtherType | Because::Immovable | Because::ApexCname);
            if let Some(stranger) = stranger.filter(|_| !of_other_type) {
                prop_assert!(words.contains(&stranger.data.to_text()), "theirs: {words}");
            }
            prop_assert!(!conflict.theirs.iter().any(String::is_empty), "{words}");
            prop_assert!(at_key.is_none() || !conflict.theirs.is_empty(), "{words}");
            prop_assert!(words.contains(conflict.because.reason()));
            prop_assert!(words.contains(conflict.because.way_out(key.rtype)));
        }
    }

    /// Without being asked, nothing of others goes at the apex, at wildcards, from NS, MX or CNAME,
    /// and a PTR only where a host holds the address.
    #[test]
    fn delicate_keys_are_taken_over_only_when_asked(spot in spot_anywhere(), policy in policy()) {
        let apex = name("example.com");
        let policy = Policy { managed_full: false, take_over_asked: false, apex_asked: false, ..policy };
        for key in plan_name(&spot.input(&apex, &policy)).keys {
            let delicate = matches!(key.rtype, RecordType::NS | RecordType::MX | RecordType::CNAME | RecordType::SOA)
                || (key.rtype == RecordType::PTR && !spot.host)
                || key.name == apex
                || key.name.is_wildcard();
            prop_assert!(!delicate || key.taken_over.is_empty(), "{key:?}");
        }
    }

    /// SOA and the apex NS are not touched unless asked, not even in a fully managed zone.
    #[test]
    fn soa_and_apex_ns_stay(spot in spot(name("example.com")), policy in policy()) {
        let apex = name("example.com");
        let plan = plan_name(&spot.input(&apex, &Policy { apex_asked: false, ..policy }));
        let touched = plan.changes.iter().any(|change| matches!(change.rtype(), RecordType::SOA | RecordType::NS));
        prop_assert!(!touched, "{plan:?}");
        let asked = plan_name(&spot.input(&apex, &Policy { apex_asked: true, ..policy }));
        let deleted = |change: &Change| {
            change.after().is_none() && matches!(change.rtype(), RecordType::SOA | RecordType::NS)
        };
        prop_assert!(!asked.changes.iter().any(deleted), "asked or not, they are never deleted");
    }

    /// Nothing is written at a key in conflict, or at one the service cannot hold.
    #[test]
    fn keys_in_conflict_are_untouched(spot in spot_anywhere(), policy in policy()) {
        let apex = name("example.com");
        let plan = plan_name(&spot.input(&apex, &policy));
        for key in &plan.keys {
            if matches!(key.verdict, KeyVerdict::Conflict(_) | KeyVerdict::Unsupported) {
                prop_assert!(plan.changes.iter().all(|change| change.rtype() != key.rtype), "{plan:?}");
                prop_assert!(key.adopted.is_empty() && key.taken_over.is_empty() && key.withdrawn.is_empty());
            }
        }
    }

    /// Under `report` a key with foreign values, where we own nothing, is in conflict.
    #[test]
    fn report_writes_nothing_beside_strangers(spot in spot_anywhere()) {
        let apex = name("example.com");
        let policy = Policy { reverse_conflict: ConflictPolicy::Report, ..Policy::default() };
        let plan = plan_name(&spot.input(&apex, &policy));
        for there in spot.observed.iter().filter(|set| set.values.iter().all(|v| v.disabled || !spot.is_ours(&v.data)))
        {
            prop_assert!(plan.changes.iter().all(|change| change.rtype() != there.rtype), "{plan:?}");
        }
    }

    /// A second plan is empty, and finds everything as the first one said it would be.
    #[test]
    fn a_second_plan_is_empty(spot in spot_anywhere(), policy in policy()) {
        let apex = name("example.com");
        let policy = Policy { rewrite: false, ..policy };
        let first = plan_name(&spot.input(&apex, &policy));
        let observed = carry_out(&spot.observed, &first.changes);
        let again = Spot { observed, applied: ours(&first), ..spot };
        let second = plan_name(&again.input(&apex, &policy));
        prop_assert!(second.changes.is_empty(), "first {first:?}\nsecond {second:?}");
        prop_assert_eq!(ours(&second), again.applied, "first {:?}\nsecond {:?}", first, second);
        prop_assert!(second.keys.iter().all(|key| key.adopted.is_empty() && key.taken_over.is_empty()));
    }

    /// Set DNS records writes more, and ends in the same state.
    #[test]
    fn a_rewrite_ends_where_a_plan_ends(spot in spot_anywhere(), policy in policy()) {
        let apex = name("example.com");
        let plain = plan_name(&spot.input(&apex, &Policy { rewrite: false, ..policy }));
        let rewrite = plan_name(&spot.input(&apex, &Policy { rewrite: true, ..policy }));
        let sorted = |changes: &[Change]| {
            let mut sets = carry_out(&spot.observed, changes);
            sets.iter_mut().for_each(|set| set.values.sort_by(|a, b| a.data.cmp(&b.data)));
            sets
        };
        prop_assert_eq!(sorted(&plain.changes), sorted(&rewrite.changes));
        prop_assert_eq!(ours(&plain), ours(&rewrite));
        for key in rewrite.keys.iter().filter(|key| is_open(&key.verdict)) {
            let wished = spot.desired.iter().any(|set| set.rtype == key.rtype);
            let apex_set = key.name == apex && matches!(key.rtype, RecordType::NS | RecordType::SOA);
            let opaque = set(&spot.observed, key.rtype).is_some_and(|set| set.opaque);
            let soa = key.rtype == RecordType::SOA;
            let written = rewrite.changes.iter().any(|change| change.rtype() == key.rtype);
            prop_assert!(!wished || apex_set || soa || opaque || written, "{key:?}");
        }
    }

    /// While a set exists before and after, it never goes in between; a literal delete and create is
    /// for zones that ask for it, and takes only what is ours (X9). A CNAME and another type never stand together if they did not.
    #[test]
    fn changes_are_in_place_and_in_order(spot in spot_anywhere(), policy in policy()) {
        let apex = name("example.com");
        let plan = plan_name(&spot.input(&apex, &policy));
        let mixed = |sets: &[ObservedRRset]| sets.len() > 1 && set(sets, RecordType::CNAME).is_some();
        for done in 0..=plan.changes.len() {
            let between = carry_out(&spot.observed, &plan.changes[..done]);
            prop_assert!(mixed(&spot.observed) || !mixed(&between), "{plan:?}");
        }
        for change in &plan.changes {
            let same_key = plan.changes.iter().filter(|other| other.rtype() == change.rtype());
            prop_assert_eq!(same_key.count(), 1);
        }
        let literal = plan_name(&spot.input(&apex, &Policy { delete_then_create: true, ..policy }));
        let there = |sets: &[ObservedRRset], value: &RecordData| {
            set(sets, value.rtype()).is_some_and(|set| set.values.iter().any(|v| v.data == *value))
        };
        let after = carry_out(&spot.observed, &plan.changes);
        for done in 0..=literal.changes.len() {
            let between = carry_out(&spot.observed, &literal.changes[..done]);
            for value in spot.observed.iter().flat_map(|set| &set.values) {
                let theirs = value.disabled || !spot.is_ours(&value.data);
                let stays = theirs && there(&after, &value.data);
                prop_assert!(!stays || there(&between, &value.data), "{value:?} in {literal:?}");
            }
        }
        prop_assert_eq!(after.len(), carry_out(&spot.observed, &literal.changes).len());
    }

    /// Foreign values that share a set keep its TTL; a set that is ours alone gets the desired one.
    #[test]
    fn the_ttl_is_theirs_while_they_share_the_set(spot in spot_anywhere(), policy in policy()) {
        let apex = name("example.com");
        for change in plan_name(&spot.input(&apex, &policy)).changes {
            let (Some(new), old) = (change.after(), change.before()) else { continue };
            let there = set(&spot.observed, new.rtype);
            let stranger = |v: &ObservedValue| (v.disabled || !spot.is_ours(&v.data)) && new.values.contains(&v.data);
            let shared = there.is_some_and(|set| set.values.iter().any(stranger));
            let wished = spot.desired.iter().find(|set| set.rtype == new.rtype);
            let expected = if shared { old.map(|old| old.ttl) } else { wished.map(|set| set.ttl) };
            prop_assert!(expected.is_none_or(|ttl| ttl == new.ttl), "{change:?}");
        }
    }

    /// Held values stay, and one-value keys that wait for them are not written.
    #[test]
    fn held_values_stay(spot in spot_anywhere(), policy in policy()) {
        let apex = name("example.com");
        let plan = plan_name(&spot.input(&apex, &policy));
        let after = carry_out(&spot.observed, &plan.changes);
        let held = spot.held.iter().flatten().filter(|value| holds(&spot.observed, value));
        for value in held {
            prop_assert!(holds(&after, value), "{value:?} in {plan:?}");
        }
    }

    /// A whole zone is planned as its names are, one by one.
    #[test]
    fn a_zone_is_planned_as_its_names(spots in vec(spot_anywhere_below(), 0..7), policy in policy()) {
        let apex = name("example.com");
        let spots: BTreeMap<Name, Spot> = spots.into_iter().map(|spot| (spot.name.clone(), spot)).collect();
        let spots: Vec<Spot> = spots.into_values().map(|spot| Spot { held: None, ..spot }).collect();
        let records = spots.iter().flat_map(|spot| {
            let there = spot.observed.iter().flat_map(|set| set.values.iter().map(|value| &value.data));
            let wished = spot.desired.iter().flat_map(|set| &set.values);
            there.chain(wished).map(|data| (&spot.name, data))
        });
        let cuts = Cuts::new(&apex, records);
        let names = spots.iter().map(|spot| {
            plan_name(&NamePlanInput { occlusion: cuts.at(&spot.name), ..spot.input(&apex, &policy) })
        });
        let mut expected = Plan::of_names(names);
        let applied: Vec<RRset> = spots.iter().flat_map(|spot| spot.applied.clone()).collect();
        expected.keys.retain(|key| {
            let before = applied.iter().find(|set| set.name == key.name && set.rtype == key.rtype);
            key.verdict != KeyVerdict::Equal
                || key.note.is_some()
                || before.map_or(&[][..], |set| &set.values) != key.ours_after
        });
        let unsupported: Vec<(Name, RecordType)> = spots
            .iter()
            .flat_map(|spot| spot.unsupported.iter().map(|rtype| (spot.name.clone(), *rtype)))
            .collect();
        let plan = plan_zone(&ZonePlanInput {
            apex: &apex,
            observed: &Observed::new(spots.iter().flat_map(|spot| spot.observed.clone()).collect()),
            desired: &spots.iter().flat_map(|spot| spot.desired.clone()).collect::<Vec<_>>(),
            applied: &applied,
            unsupported: &unsupported,
            policy: &policy,
            a_host_holds: &|name| spots.iter().any(|spot| spot.name == *name && spot.host),
            hold: Hold::Nothing,
        });
        prop_assert_eq!(plan, expected);
    }
}

fn spot_anywhere_below() -> impl Strategy<Value = Spot> {
    let names = [
        "example.com",
        "a.example.com",
        "b.a.example.com",
        "c.b.a.example.com",
        "b.example.com",
        "xa.example.com",
    ];
    prop::sample::select(names.to_vec()).prop_flat_map(|text| spot(name(text)))
}
