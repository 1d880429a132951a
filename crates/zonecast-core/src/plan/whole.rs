//! A whole zone in one pass.
//!
//! Observed, desired and applied are all in canonical order, so the diff is a merge of three sorted
//! slices: no map is built, and where a name is as it should be nothing is allocated. Hashing the
//! same states was measured at sixty to ninety times the cost. Names with any difference go through
//! the same rule as a single name does.

use super::{Hold, KeyPlan, KeyVerdict, NamePlanInput, Plan, PlanBuilder, Policy, plan_name};
use crate::name::Name;
use crate::observed::{Observed, ObservedRRset};
use crate::occlusion::{Cut, Occlusion};
use crate::record::{RRset, RecordType};
use std::cmp::Ordering;

/// Everything the rule looks at for a whole zone. Slices are sorted by (name, type).
#[derive(Clone, Copy)]
pub struct ZonePlanInput<'a> {
    /// The zone's apex.
    pub apex: &'a Name,
    /// What a successful listing showed.
    pub observed: &'a Observed,
    /// What should be there.
    pub desired: &'a [RRset],
    /// The values we wrote or adopted before.
    pub applied: &'a [RRset],
    /// Keys the service cannot hold as wished, sorted.
    pub unsupported: &'a [(Name, RecordType)],
    /// What may be done.
    pub policy: &'a Policy,
    /// Whether a registered host holds the address of this reverse name.
    pub a_host_holds: &'a dyn Fn(&Name) -> bool,
    /// Withdrawn values that wait for approval.
    pub hold: Hold<'a>,
}

/// Plans a whole zone: the same changes as [`plan_name`] gives for every name of the three states,
/// with delegations found on the way. Of the keys only those with something to tell are listed.
pub fn plan_zone(input: &ZonePlanInput<'_>) -> Plan {
    let mut builder = PlanBuilder::default();
    let mut cut: Option<Cut> = None;
    let mut rest = Rest { observed: &input.observed.rrsets, desired: input.desired, applied: input.applied };
    let mut unsupported = input.unsupported;
    let settles = !input.policy.rewrite && input.unsupported.is_empty();
    loop {
        if settles && cut.is_none() {
            rest.skip_settled();
        }
        let Some((name, group)) = rest.next_name(unsupported.first().map(|key| &key.0)) else { break };
        if cut.as_ref().is_some_and(|cut| !name.is_within(&cut.name)) {
            cut = None;
        }
        if cut.is_none() && group.delegates() && name != input.apex {
            cut = Some(group.cut(name));
        }
        let refused = split_at_end(&mut unsupported, |key| key.0 == *name);
        let quiet = cut.is_none() && refused.is_empty() && !input.policy.rewrite;
        if quiet && group.is_settled(input.policy) {
            continue;
        }
        let occlusion = cut.as_ref().map_or(Occlusion::Clear, |cut| cut.covers(name));
        let types: Vec<RecordType> = refused.iter().map(|key| key.1).collect();
        let plan = plan_name(&NamePlanInput {
            name,
            apex: input.apex,
            observed: group.observed,
            desired: group.desired,
            applied: group.applied,
            unsupported: &types,
            policy: input.policy,
            a_host_holds_this_address: (input.a_host_holds)(name),
            occlusion,
            hold: input.hold,
        });
        builder.add(plan, |key| tells_something(key, group.applied));
    }
    builder.finish()
}

/// The three states from one name on; as a group, those of one name.
#[derive(Clone, Copy)]
struct Rest<'a> {
    observed: &'a [ObservedRRset],
    desired: &'a [RRset],
    applied: &'a [RRset],
}

impl<'a> Rest<'a> {
    /// Skips names at which all three states agree. Sets are compared side by side, so that a name
    /// is looked at once per set and state; where they differ it goes back to the name's first set.
    /// Delegations are not skipped: the caller has to see them.
    fn skip_settled(&mut self) {
        let states = self.observed.iter().zip(self.desired).zip(self.applied);
        let differs = |((observed, desired), applied): ((&ObservedRRset, &RRset), &RRset)| {
            !(same(&observed.name, &desired.name)
                && same(&desired.name, &applied.name)
                && is_equal(desired, observed)
                && desired.rtype != RecordType::NS
                && desired.rtype == applied.rtype
                && desired.values == applied.values)
        };
        let shortest = self.observed.len().min(self.desired.len()).min(self.applied.len());
        let mut settled = states.map(differs).position(|differs| differs).unwrap_or(shortest);
        while settled > 0 && self.goes_on_at(settled) {
            settled -= 1;
        }
        self.observed = &self.observed[settled..];
        self.desired = &self.desired[settled..];
        self.applied = &self.applied[settled..];
    }

    /// Whether the name of the set before `at` has a set at `at`, in any state.
    fn goes_on_at(&self, at: usize) -> bool {
        let name = &self.observed[at - 1].name;
        let next = [
            self.observed.get(at).map(|set| &set.name),
            self.desired.get(at).map(|set| &set.name),
            self.applied.get(at).map(|set| &set.name),
        ];
        next.into_iter().flatten().any(|next| same(next, name))
    }

    /// Takes the sets of the first name off all three states.
    fn next_name(&mut self, unsupported: Option<&'a Name>) -> Option<(&'a Name, Rest<'a>)> {
        let mut name = self.observed.first().map(|set| &set.name);
        for other in [
            self.desired.first().map(|set| &set.name),
            self.applied.first().map(|set| &set.name),
            unsupported,
        ] {
            name = first_of(name, other);
        }
        let name = name?;
        let group = Rest {
            observed: split_at_end(&mut self.observed, |set| same(&set.name, name)),
            desired: split_at_end(&mut self.desired, |set| same(&set.name, name)),
            applied: split_at_end(&mut self.applied, |set| same(&set.name, name)),
        };
        Some((name, group))
    }

    /// Whether nothing has to be done or told: all three agree, or only foreign sets stand here.
    fn is_settled(&self, policy: &Policy) -> bool {
        if self.desired.is_empty() && self.applied.is_empty() {
            return !policy.managed_full;
        }
        self.observed.len() == self.desired.len()
            && self.applied.len() == self.desired.len()
            && self.desired.iter().zip(self.observed).all(|(desired, observed)| is_equal(desired, observed))
            && self
                .desired
                .iter()
                .zip(self.applied)
                .all(|(desired, applied)| desired.rtype == applied.rtype && desired.values == applied.values)
    }

    fn delegates(&self) -> bool {
        self.observed.iter().any(|set| set.rtype == RecordType::NS)
            || self.desired.iter().any(|set| set.rtype == RecordType::NS)
    }

    fn cut(&self, name: &Name) -> Cut {
        let observed = self.observed.iter().flat_map(|set| &set.values).map(|value| &value.data);
        let desired = self.desired.iter().flat_map(|set| &set.values);
        let ns = observed.chain(desired).filter(|data| data.rtype() == RecordType::NS);
        Cut { name: name.clone(), servers: ns.filter_map(|data| data.as_name()).collect() }
    }
}

fn is_equal(desired: &RRset, observed: &ObservedRRset) -> bool {
    desired.rtype == observed.rtype
        && desired.ttl == observed.ttl
        && !observed.opaque
        && desired.values.len() == observed.values.len()
        && desired
            .values
            .iter()
            .zip(&observed.values)
            .all(|(ours, there)| !there.disabled && *ours == there.data)
        && !desired.rtype.is_dnssec_made()
}

/// Names are shared between states more often than not: the pointer decides most comparisons.
fn same(a: &Name, b: &Name) -> bool {
    std::ptr::eq(a.key(), b.key()) || a == b
}

fn first_of<'a>(a: Option<&'a Name>, b: Option<&'a Name>) -> Option<&'a Name> {
    match (a, b) {
        (Some(a), Some(b)) if std::ptr::eq(a.key(), b.key()) => Some(a),
        (Some(a), Some(b)) => Some(if a.cmp(b) == Ordering::Greater { b } else { a }),
        (a, b) => a.or(b),
    }
}

/// Takes the leading items that belong off a slice.
fn split_at_end<'a, T>(slice: &mut &'a [T], belongs: impl Fn(&T) -> bool) -> &'a [T] {
    let end = slice.iter().position(|item| !belongs(item)).unwrap_or(slice.len());
    let (head, tail) = slice.split_at(end);
    *slice = tail;
    head
}

/// A key that is equal and was ours before needs no line and no row.
fn tells_something(key: &KeyPlan, applied: &[RRset]) -> bool {
    let ours_before = applied.iter().find(|set| set.rtype == key.rtype).map_or(&[][..], |set| &set.values);
    key.verdict != KeyVerdict::Equal || key.note.is_some() || key.ours_after != ours_before
}
