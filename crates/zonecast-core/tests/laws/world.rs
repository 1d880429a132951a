//! Small random worlds: few names, few values, so that things meet as often as possible.

use proptest::collection::{btree_set, vec};
use proptest::prelude::*;
use zonecast_core::*;

/// So many cases, or as many as `PROPTEST_CASES` asks for.
pub fn cases(usual: u32) -> ProptestConfig {
    let default = ProptestConfig::default();
    let cases = if default.cases == 256 { usual } else { default.cases };
    ProptestConfig { cases, failure_persistence: None, ..default }
}

pub fn name(text: &str) -> Name {
    Name::parse(text).unwrap()
}

pub fn data(rtype: RecordType, number: u8) -> RecordData {
    let text = match rtype {
        RecordType::A => format!("192.0.2.{number}"),
        RecordType::TXT => format!("text {number}"),
        RecordType::MX => format!("10 mx{number}.example.net"),
        RecordType::SOA => format!("ns.example.net h.example.net {number} 1 1 1 1"),
        // One of the targets lies where glue would.
        _ if number == 1 => "a.example.com".to_owned(),
        _ => format!("target{number}.example.net"),
    };
    RecordData::parse(rtype, &text).unwrap()
}

const TYPES: [RecordType; 7] = [
    RecordType::A,
    RecordType::TXT,
    RecordType::MX,
    RecordType::PTR,
    RecordType::CNAME,
    RecordType::NS,
    RecordType::SOA,
];

pub fn ttl() -> impl Strategy<Value = Ttl> {
    prop_oneof![Just(60), Just(300)].prop_map(|seconds| Ttl::from_seconds(seconds).unwrap())
}

fn values(rtype: RecordType) -> impl Strategy<Value = Vec<RecordData>> {
    btree_set(1u8..5, 1..4).prop_map(move |set| set.into_iter().map(|number| data(rtype, number)).collect())
}

/// Sets of random types at one name; a CNAME only alone where `orderly`.
pub fn sets(owner: Name, orderly: bool) -> impl Strategy<Value = Vec<RRset>> {
    let one = (0..TYPES.len()).prop_flat_map(|index| (Just(TYPES[index]), ttl(), values(TYPES[index])));
    vec(one, 0..4).prop_map(move |mut sets| {
        sets.sort_by_key(|set| set.0);
        sets.dedup_by_key(|set| set.0);
        if orderly && sets.len() > 1 {
            sets.retain(|set| set.0 != RecordType::CNAME);
        }
        let one_value = |rtype| matches!(rtype, RecordType::CNAME | RecordType::SOA);
        let set = |(rtype, ttl, mut values): (RecordType, Ttl, Vec<RecordData>)| {
            values.truncate(if one_value(rtype) { 1 } else { 9 });
            RRset::new(owner.clone(), rtype, ttl, values)
        };
        sets.into_iter().map(set).collect()
    })
}

/// What a service shows: now and then something disabled or opaque, in any order.
pub fn observed(owner: Name) -> impl Strategy<Value = Vec<ObservedRRset>> {
    (sets(owner, false), any::<u64>()).prop_map(|(sets, dice)| {
        let mut dice = dice;
        let mut roll = move |sides: u64| {
            dice = dice.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
            (dice >> 33) % sides == 0
        };
        let show = |set: RRset| {
            let mut values: Vec<ObservedValue> = set.values.into_iter().map(ObservedValue::from).collect();
            values.iter_mut().for_each(|value| value.disabled = roll(12));
            if roll(2) {
                values.reverse();
            }
            let opaque = roll(15);
            if opaque && matches!(set.rtype, RecordType::A | RecordType::AAAA) {
                // An alias record shows no values at all.
                values.clear();
            }
            ObservedRRset { opaque, ..ObservedRRset::new(set.name, set.rtype, set.ttl, values) }
        };
        sets.into_iter().map(show).collect()
    })
}

pub fn policy() -> impl Strategy<Value = Policy> {
    let conflict = || {
        prop_oneof![Just(ConflictPolicy::Report), Just(ConflictPolicy::Merge), Just(ConflictPolicy::TakeOver)]
    };
    let rarely = || prop::bool::weighted(0.15);
    (conflict(), conflict(), rarely(), rarely(), rarely(), rarely()).prop_map(
        |(forward_conflict, reverse_conflict, managed_full, take_over_asked, apex_asked, rewrite)| Policy {
            forward_conflict,
            reverse_conflict,
            managed_full,
            take_over_asked,
            apex_asked,
            rewrite,
            delete_then_create: false,
        },
    )
}

/// Everything known about one name.
#[derive(Clone, Debug)]
pub struct Spot {
    pub name: Name,
    pub observed: Vec<ObservedRRset>,
    pub desired: Vec<RRset>,
    pub applied: Vec<RRset>,
    pub unsupported: Vec<RecordType>,
    pub held: Option<Vec<RecordData>>,
    pub host: bool,
}

impl Spot {
    pub fn input<'a>(&'a self, apex: &'a Name, policy: &'a Policy) -> NamePlanInput<'a> {
        NamePlanInput {
            observed: &self.observed,
            desired: &self.desired,
            applied: &self.applied,
            unsupported: &self.unsupported,
            a_host_holds_this_address: self.host,
            hold: self.held.as_deref().map_or(Hold::Nothing, Hold::Values),
            ..NamePlanInput::new(&self.name, apex, policy)
        }
    }

    pub fn is_ours(&self, value: &RecordData) -> bool {
        let known = |sets: &[RRset]| sets.iter().any(|set| set.values.contains(value));
        known(&self.applied) || known(&self.desired)
    }
}

/// A spot where what was applied is largely what is observed, as in life.
pub fn spot(owner: Name) -> impl Strategy<Value = Spot> {
    let parts = (observed(owner.clone()), sets(owner.clone(), true), sets(owner.clone(), false));
    let dice = (any::<u32>(), prop::option::weighted(0.2, Just(())), any::<bool>(), any::<[bool; 2]>());
    (parts, dice).prop_map(move |((observed, desired, applied), (mask, held, host, follow))| {
        let copy = |set: &ObservedRRset| {
            let values: Vec<RecordData> = set.values.iter().map(|value| value.data.clone()).collect();
            let kept = values.into_iter().enumerate().filter(|(index, _)| mask >> index & 1 == 1);
            RRset::new(set.name.clone(), set.rtype, set.ttl, kept.map(|(_, value)| value).collect())
        };
        let some = |set: &RRset| !set.values.is_empty();
        let applied = if follow[0] { observed.iter().map(copy).filter(some).collect() } else { applied };
        let unsupported = match mask >> 8 & 31 {
            0 => vec![RecordType::A],
            _ => Vec::new(),
        };
        let desired: Vec<RRset> = match follow[1] && applied.iter().all(|set| set.rtype != RecordType::CNAME)
        {
            true if mask >> 16 & 1 == 1 => applied.clone(),
            _ => desired,
        };
        let desired = desired.into_iter().filter(|set| !unsupported.contains(&set.rtype)).collect();
        let held = held.map(|()| applied.iter().flat_map(|set| set.values.clone()).collect());
        Spot { name: owner.clone(), observed, desired, applied, unsupported, held, host }
    })
}

/// Carries changes out as a strict service would, and refuses what such a service refuses.
pub fn carry_out(observed: &[ObservedRRset], changes: &[Change]) -> Vec<ObservedRRset> {
    let mut sets = observed.to_vec();
    for change in changes {
        let at = sets.iter().position(|set| set.name == *change.name() && set.rtype == change.rtype());
        if let Some(old) = change.before() {
            let there = &sets[at.expect("a set that is not there cannot be replaced or deleted")];
            assert!(!there.opaque, "an opaque set is never touched");
            let values = there.values.iter().map(|value| value.data.clone()).collect();
            assert_eq!(
                *old,
                RRset::new(there.name.clone(), there.rtype, there.ttl, values),
                "old is what was read"
            );
        } else {
            assert!(at.is_none(), "a set that is there cannot be created");
        }
        let before = at.map(|at| sets.remove(at));
        if let Some(new) = change.after() {
            assert!(!new.values.is_empty());
            sets.push(shown(new, before.as_ref()));
        }
    }
    sets.sort_by(|a, b| (&a.name, a.rtype).cmp(&(&b.name, b.rtype)));
    sets
}

fn shown(new: &RRset, before: Option<&ObservedRRset>) -> ObservedRRset {
    let value = |data: &RecordData| {
        let twin = before.and_then(|set| set.values.iter().find(|value| value.data == *data));
        twin.cloned().unwrap_or_else(|| data.clone().into())
    };
    let values = new.values.iter().map(value).collect();
    ObservedRRset::new(new.name.clone(), new.rtype, new.ttl, values)
}
