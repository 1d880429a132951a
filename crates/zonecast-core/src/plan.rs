//! What has to change, value by value, and what must not be touched on the way.
//!
//! Three states meet at a name: what is **observed** there, what is **desired**, and what we
//! **applied** before. A value we applied is ours; a value that is desired and already there becomes
//! ours (adopted); every other value is foreign and stays. The rule works per name, not per set,
//! because a CNAME beside other types or a delegation can only be seen there, and it is pure: the
//! same three states always give the same plan. After a plan was carried out, the next one is empty.
//!
//! `draft` decides about one key alone, `exclusive` about CNAME beside the other types, `whole`
//! walks a zone, `text` writes plans for people, `conflict` says what stands in the way.

mod conflict;
mod draft;
mod exclusive;
mod text;
mod whole;

use crate::name::Name;
use crate::observed::{Change, ObservedRRset};
use crate::occlusion::Occlusion;
use crate::record::{RRset, RecordData, RecordType};
use crate::zone::ConflictPolicy;
pub use conflict::{Because, Conflict, claim_words};
use draft::Draft;
pub use text::{change_line, rrset_text};
pub use whole::{ZonePlanInput, plan_zone};

/// What may be done in a zone, and what somebody asked for on top.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Policy {
    /// Foreign values at forward names.
    pub forward_conflict: ConflictPolicy,
    /// A foreign PTR. `TakeOver` works only where a registered host holds the address.
    pub reverse_conflict: ConflictPolicy,
    /// What is desired is the whole zone: foreign values go, but SOA and apex NS.
    pub managed_full: bool,
    /// Somebody asked to take over: also at the apex, NS, MX, wildcards and CNAMEs.
    pub take_over_asked: bool,
    /// Somebody asked to change SOA and the apex NS, which are never touched otherwise.
    pub apex_asked: bool,
    /// Set DNS records: write again what is equal already.
    pub rewrite: bool,
    /// The zone asks for a literal delete and create of our values in place of every replacement. There is
    /// a moment without an answer in it, so it is for servers that cannot do otherwise.
    pub delete_then_create: bool,
}

impl Default for Policy {
    fn default() -> Policy {
        Policy {
            forward_conflict: ConflictPolicy::Report,
            reverse_conflict: ConflictPolicy::TakeOver,
            managed_full: false,
            take_over_asked: false,
            apex_asked: false,
            rewrite: false,
            delete_then_create: false,
        }
    }
}

/// Which withdrawn values wait for approval instead of being removed.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Hold<'a> {
    /// None: they go.
    #[default]
    Nothing,
    /// All of them.
    All,
    /// These; each value knows its own type.
    Values(&'a [RecordData]),
}

impl Hold<'_> {
    fn holds(self, value: &RecordData) -> bool {
        match self {
            Hold::Nothing => false,
            Hold::All => true,
            Hold::Values(values) => values.contains(value),
        }
    }
}

/// Everything the rule looks at for one name of one zone. The slices hold only this name's sets, one
/// for each type, sorted by type, with values as [`RRset::new`] sorts them (observed ones as read).
#[derive(Clone, Copy, Debug)]
pub struct NamePlanInput<'a> {
    /// The name.
    pub name: &'a Name,
    /// The zone's apex.
    pub apex: &'a Name,
    /// What a successful read showed.
    pub observed: &'a [ObservedRRset],
    /// What should be there.
    pub desired: &'a [RRset],
    /// The values we wrote or adopted before: ours. Their TTL does not matter.
    pub applied: &'a [RRset],
    /// Types the service cannot hold as wished: what stands there is left alone.
    pub unsupported: &'a [RecordType],
    /// What may be done.
    pub policy: &'a Policy,
    /// For PTR: a registered host holds the address, so taking over is allowed.
    pub a_host_holds_this_address: bool,
    /// How the name lies towards the zone's delegations.
    pub occlusion: Occlusion,
    /// Withdrawn values that wait for approval.
    pub hold: Hold<'a>,
}

impl<'a> NamePlanInput<'a> {
    /// An input with nothing there and nothing wished; fill in with `..`.
    pub fn new(name: &'a Name, apex: &'a Name, policy: &'a Policy) -> NamePlanInput<'a> {
        NamePlanInput {
            name,
            apex,
            observed: &[],
            desired: &[],
            applied: &[],
            unsupported: &[],
            policy,
            a_host_holds_this_address: false,
            occlusion: Occlusion::Clear,
            hold: Hold::Nothing,
        }
    }
}

/// What the plan does about one key (name and type).
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum KeyVerdict {
    /// It is as it should be; nothing is written.
    Equal,
    /// A change brings it about.
    Change,
    /// It was there already and is ours from now on; nothing is written.
    Adopted,
    /// Values stand in the way that are not ours; nothing is written.
    Conflict(Conflict),
    /// Our values that should go wait for approval; what can be added beside them is.
    Held,
    /// The service cannot hold the set; what stands there is left alone.
    Unsupported,
    /// As it should be or changed to be so, but below a delegation: no query ever sees it.
    Occluded,
}

impl KeyVerdict {
    /// The verdict in one word, as previews show it.
    pub fn as_str(&self) -> &'static str {
        match self {
            KeyVerdict::Equal => "equal",
            KeyVerdict::Change => "change",
            KeyVerdict::Adopted => "adopted",
            KeyVerdict::Conflict(_) => "conflict",
            KeyVerdict::Held => "held",
            KeyVerdict::Unsupported => "unsupported",
            KeyVerdict::Occluded => "occluded",
        }
    }
}

/// What the plan does about one key, and what is whose afterwards.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct KeyPlan {
    /// The name.
    pub name: Name,
    /// The type.
    pub rtype: RecordType,
    /// What is done.
    pub verdict: KeyVerdict,
    /// A remark for people.
    pub note: Option<String>,
    /// Values that were there and become ours; for the audit.
    pub adopted: Vec<RecordData>,
    /// Foreign values that the plan removes; for the audit.
    pub taken_over: Vec<RecordData>,
    /// Values of ours that the plan removes; for the removal guard.
    pub withdrawn: Vec<RecordData>,
    /// Our values once the plan was carried out: the next `applied`.
    pub ours_after: Vec<RecordData>,
}

/// The plan for one name.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct NamePlan {
    /// The steps in order: first the deletes that make room for another type, then creates, then
    /// replacements, then the other deletes. One for each set, or two where the policy takes them apart.
    pub changes: Vec<Change>,
    /// One entry for each key that is desired, was applied, or loses foreign values; by type.
    pub keys: Vec<KeyPlan>,
}

impl NamePlan {
    /// How many values of ours the name loses, for the removal guard. A value that gives way to another
    /// one of its set is a change and no loss: a panel that moves a domain to another address replaces
    /// most of its records and empties nothing.
    pub fn removals(&self) -> usize {
        let loss = |key: &KeyPlan| {
            let mut steps = self.changes.iter().filter(|change| change.rtype() == key.rtype);
            let values = |set: Option<&RRset>| set.map_or(0, |set| set.values.len());
            let Some(first) = steps.next() else { return key.withdrawn.len() };
            let last = steps.next_back().unwrap_or(first);
            values(first.before()).saturating_sub(values(last.after())).min(key.withdrawn.len())
        };
        self.keys.iter().map(loss).sum()
    }
}

/// Plans one name.
///
/// ```text
/// observed  www A 192.0.2.1 (ours), 198.51.100.7 (foreign)     desired  www A 192.0.2.2
///   -> Replace  www A 192.0.2.2, 198.51.100.7   with the TTL that was there
/// observed  www CNAME old.example.net (ours)                   desired  www A 192.0.2.2
///   -> Delete www CNAME, Create www A
/// observed  www A 198.51.100.7 (foreign)                       desired  www A 192.0.2.2
///   -> nothing; the key is in conflict, by policy `report`
/// ```
/// Never written: opaque sets, SOA and apex NS (unless asked), what a signer makes. Disabled values
/// are neighbours and stay. Foreign values that share a set keep its TTL.
pub fn plan_name(input: &NamePlanInput<'_>) -> NamePlan {
    let mut drafts: Vec<Draft<'_>> =
        types_of(input).into_iter().map(|rtype| Draft::new(input, rtype)).collect();
    exclusive::settle(input, &mut drafts);
    let changes = ordered(&drafts, input.policy);
    let keys = drafts.into_iter().filter_map(|draft| draft.finish(input)).collect();
    NamePlan { changes, keys }
}

fn types_of(input: &NamePlanInput<'_>) -> Vec<RecordType> {
    let observed = input.observed.iter().map(|set| set.rtype);
    let ours = input.desired.iter().chain(input.applied).map(|set| set.rtype);
    let mut types: Vec<RecordType> = observed.chain(ours).chain(input.unsupported.iter().copied()).collect();
    types.sort_unstable();
    types.dedup();
    types
}

/// Puts a name's changes in order; see [`NamePlan::changes`].
fn ordered(drafts: &[Draft<'_>], policy: &Policy) -> Vec<Change> {
    let mut changes: Vec<Change> = drafts.iter().filter_map(|draft| draft.change(policy)).collect();
    let creates_cname = changes.iter().any(|change| is_create(change) && change.rtype() == RecordType::CNAME);
    let creates_other = changes.iter().any(|change| is_create(change) && change.rtype() != RecordType::CNAME);
    changes.sort_by_key(|change| match change {
        Change::Delete(set) if set.rtype == RecordType::CNAME && creates_other => 0,
        Change::Delete(set) if set.rtype != RecordType::CNAME && creates_cname => 0,
        Change::Create(_) => 1,
        Change::Replace { .. } => 2,
        Change::Delete(_) => 3,
    });
    if policy.delete_then_create {
        changes = changes.into_iter().flat_map(|change| apart(drafts, change)).collect();
    }
    changes
}

fn is_create(change: &Change) -> bool {
    matches!(change, Change::Create(_))
}

/// A replacement as the literal two steps. Only what is ours goes and comes: neighbours in the set, and
/// what waits for approval, stand there all the time.
fn apart(drafts: &[Draft<'_>], change: Change) -> Vec<Change> {
    let Change::Replace { old, new } = change else { return vec![change] };
    let staying = drafts.iter().filter(|draft| draft.rtype == old.rtype).flat_map(Draft::not_ours);
    let staying: Vec<RecordData> = staying.filter(|value| new.values.contains(value)).cloned().collect();
    let between = RRset::new(old.name.clone(), old.rtype, old.ttl, staying);
    match () {
        () if between.values.is_empty() => vec![Change::Delete(old), Change::Create(new)],
        () if between == old => vec![Change::Replace { old, new }],
        () => vec![Change::Replace { old, new: between.clone() }, Change::Replace { old: between, new }],
    }
}

/// The plan for many names, usually a whole zone.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Plan {
    /// The steps: first everything that creates, replaces or makes room, name by name in canonical
    /// order, then the other deletes, so that a rename is there before its old name goes.
    pub changes: Vec<Change>,
    /// The keys with something to tell: all but those that are equal and were ours before.
    pub keys: Vec<KeyPlan>,
}

/// How many steps of each kind a plan has.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Counts {
    /// Sets that come into being.
    pub creates: usize,
    /// Sets that change in place.
    pub replaces: usize,
    /// Sets that go.
    pub deletes: usize,
}

impl Plan {
    /// One plan from the plans of several names, given in canonical order.
    pub fn of_names(names: impl IntoIterator<Item = NamePlan>) -> Plan {
        let mut builder = PlanBuilder::default();
        names.into_iter().for_each(|name| builder.add(name, |_| true));
        builder.finish()
    }

    /// Whether there is nothing to do.
    pub fn is_empty(&self) -> bool {
        self.changes.is_empty()
    }

    /// How many steps of each kind.
    pub fn counts(&self) -> Counts {
        let mut counts = Counts::default();
        for change in &self.changes {
            match change {
                Change::Create(_) => counts.creates += 1,
                Change::Replace { .. } => counts.replaces += 1,
                Change::Delete(_) => counts.deletes += 1,
            }
        }
        counts
    }

    /// How many values of ours the plan removes; the removal guard's number.
    pub fn withdrawn_values(&self) -> usize {
        self.keys.iter().map(|key| key.withdrawn.len()).sum()
    }
}

/// Gathers the plans of names and keeps the closing deletes for the end.
#[derive(Default)]
struct PlanBuilder {
    plan: Plan,
    last: Vec<Change>,
}

impl PlanBuilder {
    fn add(&mut self, mut name: NamePlan, tells: impl Fn(&KeyPlan) -> bool) {
        let closing = name.changes.iter().rposition(|change| !matches!(change, Change::Delete(_)));
        self.last.extend(name.changes.drain(closing.map_or(0, |index| index + 1)..));
        self.plan.changes.extend(name.changes);
        self.plan.keys.extend(name.keys.into_iter().filter(tells));
    }

    fn finish(mut self) -> Plan {
        self.plan.changes.append(&mut self.last);
        self.plan
    }
}
