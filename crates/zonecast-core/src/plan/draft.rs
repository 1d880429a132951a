//! One key alone: which of its values stay, go and come.
//!
//! A draft starts as "leave everything as it is"; each rule below either fills in what stands there
//! afterwards or leaves the key untouched with a reason. Whether types tolerate each other at the
//! name is decided later, over all drafts of a name.

use super::{Because, Conflict, KeyPlan, KeyVerdict, NamePlanInput, Policy};
use crate::desired::holds_one_value;
use crate::observed::{Change, ObservedRRset, ObservedValue};
use crate::record::{RRset, RecordData, RecordType, Ttl};
use crate::zone::ConflictPolicy;

/// What is to become of one key.
pub(super) struct Draft<'a> {
    pub(super) rtype: RecordType,
    pub(super) observed: Option<&'a ObservedRRset>,
    pub(super) desired: Option<&'a RRset>,
    applied: Option<&'a RRset>,
    name: &'a crate::name::Name,
    /// What stands there afterwards, sorted; empty: no set.
    pub(super) after: Vec<RecordData>,
    ttl: Ttl,
    pub(super) verdict: KeyVerdict,
    note: Option<String>,
    adopted: Vec<RecordData>,
    taken_over: Vec<RecordData>,
    pub(super) held: Vec<RecordData>,
    /// Looked at and never written.
    read_only: bool,
}

impl<'a> Draft<'a> {
    pub(super) fn new(input: &NamePlanInput<'a>, rtype: RecordType) -> Draft<'a> {
        let mut draft = Draft {
            rtype,
            observed: input.observed.iter().find(|set| set.rtype == rtype),
            desired: input.desired.iter().find(|set| set.rtype == rtype && !set.values.is_empty()),
            applied: input.applied.iter().find(|set| set.rtype == rtype),
            name: input.name,
            after: Vec::new(),
            ttl: Ttl::DEFAULT,
            verdict: KeyVerdict::Equal,
            note: None,
            adopted: Vec::new(),
            taken_over: Vec::new(),
            held: Vec::new(),
            read_only: false,
        };
        draft.leave();
        if let Some(because) = draft.untouchable(input) {
            draft.look_only(because);
        } else if input.unsupported.contains(&rtype) {
            draft.verdict = KeyVerdict::Unsupported;
        } else {
            draft.decide(input);
        }
        draft
    }

    /// Back to "everything stays as it is".
    fn leave(&mut self) {
        self.after = self.values().iter().map(|value| value.data.clone()).collect();
        self.after.sort_unstable();
        self.after.dedup();
        self.ttl = self.observed.map_or(Ttl::DEFAULT, |set| set.ttl);
        self.adopted.clear();
        self.taken_over.clear();
    }

    /// Everything stays, because of `theirs`.
    pub(super) fn conflict(&mut self, theirs: Vec<String>, because: Because) {
        self.leave();
        let ours = self.desired.or(self.applied).map_or(&[][..], |set| &set.values);
        self.verdict = KeyVerdict::Conflict(Conflict {
            rtype: self.rtype,
            ours: ours.iter().map(RecordData::to_text).collect(),
            wanted: self.desired.is_some(),
            theirs,
            because,
        });
        self.note = None;
    }

    /// Everything stays, because removing what is in the way waits for approval.
    pub(super) fn wait(&mut self) {
        self.leave();
        self.verdict = KeyVerdict::Held;
        self.read_only = true;
    }

    /// Everything goes: foreign values make room for another type because somebody asked.
    pub(super) fn make_room(&mut self) {
        let (ours, theirs): (Vec<_>, Vec<_>) =
            self.after.drain(..).partition(|value| has(self.applied, value));
        drop(ours);
        self.taken_over.extend(theirs);
    }

    fn values(&self) -> &'a [ObservedValue] {
        self.observed.map_or(&[], |set| &set.values)
    }

    fn untouchable(&self, input: &NamePlanInput<'_>) -> Option<Because> {
        let of_the_apex =
            self.rtype == RecordType::SOA || (self.rtype == RecordType::NS && input.name == input.apex);
        match () {
            () if self.is_opaque() => Some(Because::Opaque),
            () if self.rtype.is_dnssec_made() => Some(Because::Signer),
            () if of_the_apex && !(input.policy.apex_asked && self.desired.is_some()) => Some(Because::Apex),
            () => None,
        }
    }

    /// A key that is never written: as wished by chance, or in conflict.
    fn look_only(&mut self, because: Because) {
        self.read_only = true;
        let standing = |value: &RecordData| self.values().iter().any(|v| !v.disabled && v.data == *value);
        let wished = self.desired.iter().flat_map(|set| &set.values).all(standing);
        let mut withdrawn = self.applied.iter().flat_map(|set| &set.values).filter(|v| !has(self.desired, v));
        if !wished || withdrawn.any(standing) {
            let mut theirs = texts(self.values().iter());
            if self.is_opaque() {
                theirs.extend(self.unread());
            }
            self.conflict(theirs, because);
        }
    }

    fn decide(&mut self, input: &NamePlanInput<'_>) {
        let mut sorted = self.sort_values(input);
        if sorted.disabled_twin {
            return self.conflict(texts(self.values().iter()), Because::Disabled);
        }
        let one_value = holds_one_value(self.rtype) || self.rtype == RecordType::PTR;
        if sorted.missing && one_value && !sorted.held.is_empty() {
            return self.wait();
        }
        let mut takes_over = managed_full(input, self.rtype);
        if sorted.missing && !takes_over && sorted.stands_in_the_way(self.rtype) {
            match on_conflict(input, self.rtype) {
                ConflictPolicy::Merge => {}
                ConflictPolicy::TakeOver => takes_over = true,
                ConflictPolicy::Report => {
                    let because = Because::of(policy_for(input, self.rtype), unheld_ptr(input, self.rtype));
                    return self.conflict(texts(self.strangers()), because);
                }
            }
        }
        if sorted.missing && holds_one_value(self.rtype) && sorted.disabled > 0 {
            return self.conflict(texts(self.strangers()), Because::Disabled);
        }
        if takes_over {
            self.taken_over = std::mem::take(&mut sorted.foreign);
        }
        self.fill_in(sorted);
    }

    /// Tells the observed values apart: whose is each, and does it stay?
    fn sort_values(&self, input: &NamePlanInput<'_>) -> Sorted {
        let mut sorted = Sorted::default();
        for ObservedValue { data, disabled, .. } in self.values() {
            let (wanted, ours) = (has(self.desired, data), has(self.applied, data));
            match () {
                () if *disabled => {
                    sorted.disabled += 1;
                    sorted.stays.push(data.clone());
                }
                () if wanted => {
                    sorted.stays.push(data.clone());
                    sorted.adopted.extend((!ours).then(|| data.clone()));
                }
                () if ours && input.hold.holds(data) => sorted.held.push(data.clone()),
                () if ours => {}
                () => sorted.foreign.push(data.clone()),
            }
            sorted.owned |= !*disabled && (wanted || ours);
        }
        let enabled = |value: &RecordData| self.values().iter().any(|v| v.data == *value && !v.disabled);
        let missing = self.desired.iter().flat_map(|set| &set.values).filter(|value| !enabled(value));
        for value in missing {
            sorted.missing = true;
            sorted.disabled_twin |= self.values().iter().any(|v| v.data == *value);
        }
        sorted
    }

    fn fill_in(&mut self, sorted: Sorted) {
        if !sorted.held.is_empty() {
            self.verdict = KeyVerdict::Held;
        }
        let shared = !sorted.foreign.is_empty() || sorted.disabled > 0;
        self.after = sorted.stays;
        self.after.extend(sorted.foreign);
        self.after.extend(sorted.held.iter().cloned());
        self.after.extend(self.desired.iter().flat_map(|set| set.values.iter().cloned()));
        self.after.sort_unstable();
        self.after.dedup();
        self.adopted = sorted.adopted;
        self.held = sorted.held;
        self.choose_ttl(shared);
    }

    /// Foreign values that share the set keep its TTL: a note, never a diff.
    fn choose_ttl(&mut self, shared: bool) {
        let Some(desired) = self.desired else { return };
        if !shared || self.observed.is_none() {
            self.ttl = desired.ttl;
        } else if self.ttl != desired.ttl {
            let (theirs, ours) = (self.ttl, desired.ttl);
            self.note =
                Some(format!("other values share this set, so its TTL stays {theirs}; ours would be {ours}"));
        }
    }

    /// Values that are neither desired nor ours; disabled ones always are strangers.
    fn strangers(&self) -> impl Iterator<Item = &'a ObservedValue> {
        let (desired, applied) = (self.desired, self.applied);
        self.values().iter().filter(move |v| v.disabled || !(has(desired, &v.data) || has(applied, &v.data)))
    }

    /// Values that a rewrite leaves standing: strangers, and ours that wait for approval.
    pub(super) fn not_ours(&self) -> impl Iterator<Item = &RecordData> {
        self.strangers().map(|value| &value.data).chain(&self.held)
    }

    /// Whether something stands there afterwards; a set that shows no values (an alias record) does.
    pub(super) fn stands(&self) -> bool {
        !self.after.is_empty() || self.is_opaque()
    }

    /// What stands there afterwards, as text with its type, for the conflict of another type.
    pub(super) fn texts_after(&self) -> Vec<String> {
        if self.after.is_empty() && self.is_opaque() {
            return self.unread();
        }
        self.after.iter().map(|value| format!("{} {}", self.rtype, value.to_text())).collect()
    }

    /// What an opaque set holds that is no value, in the service's words.
    fn unread(&self) -> Vec<String> {
        let unread = self.observed.map_or(&[][..], |set| &set.unread);
        let bare = unread.is_empty() && self.values().is_empty();
        let bare = bare.then(|| format!("{} without values (an alias record)", self.rtype));
        unread.iter().cloned().chain(bare).collect()
    }

    /// Whether all that stands there are values of ours that wait for approval.
    pub(super) fn only_held(&self) -> bool {
        !self.is_opaque() && self.held.len() == self.after.len()
    }

    fn is_opaque(&self) -> bool {
        self.observed.is_some_and(|set| set.opaque)
    }

    /// Whether the key may be emptied for another type: nothing of it is wished, held, disabled,
    /// opaque, or part of a delegation.
    pub(super) fn may_make_room(&self) -> bool {
        let delegation = matches!(self.rtype, RecordType::NS | RecordType::DS | RecordType::SOA);
        let removable =
            self.observed.is_some_and(|set| !set.opaque && set.values.iter().all(|v| !v.disabled));
        removable && !delegation && self.desired.is_none() && self.held.is_empty() && !self.is_unsupported()
    }

    fn is_unsupported(&self) -> bool {
        self.verdict == KeyVerdict::Unsupported
    }

    /// The step that brings the draft about, if one is needed.
    pub(super) fn change(&self, policy: &Policy) -> Option<Change> {
        // What cannot be modelled is left alone, also where it shows no values (an alias record).
        if self.is_opaque() {
            return None;
        }
        let set =
            |ttl: Ttl, values: &[RecordData]| RRset::new(self.name.clone(), self.rtype, ttl, values.to_vec());
        let old = self.observed.map(|old| {
            let values: Vec<RecordData> = old.values.iter().map(|value| value.data.clone()).collect();
            set(old.ttl, &values)
        });
        let new = (!self.after.is_empty()).then(|| set(self.ttl, &self.after));
        match (old, new) {
            (None, None) => None,
            (None, Some(new)) => Some(Change::Create(new)),
            (Some(old), None) => Some(Change::Delete(old)),
            (Some(old), Some(new)) if old != new || (policy.rewrite && self.is_rewritable()) => {
                Some(Change::Replace { old, new })
            }
            _ => None,
        }
    }

    /// Set DNS records writes again what is desired here, and only where writing is allowed.
    fn is_rewritable(&self) -> bool {
        let left_alone = matches!(self.verdict, KeyVerdict::Conflict(_) | KeyVerdict::Unsupported);
        self.desired.is_some() && !left_alone && !self.read_only
    }

    /// The account of this key; `None` where there is nothing of ours and nothing was done.
    pub(super) fn finish(mut self, input: &NamePlanInput<'_>) -> Option<KeyPlan> {
        let concerned = self.desired.is_some() || self.applied.is_some() || self.is_unsupported();
        if !concerned && self.taken_over.is_empty() {
            return None;
        }
        let changed = self.change(input.policy).is_some();
        if self.verdict == KeyVerdict::Equal {
            self.verdict = match (changed, self.adopted.is_empty()) {
                (true, _) => KeyVerdict::Change,
                (false, false) => KeyVerdict::Adopted,
                (false, true) => KeyVerdict::Equal,
            };
            self.mark_occluded(input);
        }
        Some(KeyPlan {
            ours_after: self.ours_after(),
            withdrawn: self.withdrawn(),
            name: input.name.clone(),
            rtype: self.rtype,
            verdict: self.verdict,
            note: self.note,
            adopted: self.adopted,
            taken_over: self.taken_over,
        })
    }

    fn mark_occluded(&mut self, input: &NamePlanInput<'_>) {
        if self.desired.is_some() && input.occlusion.hides(self.rtype) {
            self.verdict = KeyVerdict::Occluded;
            let note = "stands below a delegation, so this zone's servers never answer with it";
            self.note.get_or_insert_with(|| note.to_owned());
        }
    }

    fn ours_after(&self) -> Vec<RecordData> {
        let written = !matches!(self.verdict, KeyVerdict::Conflict(_) | KeyVerdict::Unsupported);
        let untouched = self.adopted.is_empty() && self.change_is_none();
        let ours = |value: &RecordData| {
            has(self.applied, value) || (written && !untouched && has(self.desired, value))
        };
        let disabled = |value: &RecordData| {
            let mut twins = self.values().iter().filter(|v| v.data == *value).peekable();
            twins.peek().is_some() && twins.all(|v| v.disabled)
        };
        self.after.iter().filter(|value| ours(value) && !disabled(value)).cloned().collect()
    }

    fn change_is_none(&self) -> bool {
        self.change(&Policy::default()).is_none()
    }

    fn withdrawn(&self) -> Vec<RecordData> {
        let gone =
            |v: &&ObservedValue| !v.disabled && has(self.applied, &v.data) && !self.after.contains(&v.data);
        self.values().iter().filter(gone).map(|v| v.data.clone()).collect()
    }
}

/// The observed values of one key, told apart.
#[derive(Default)]
struct Sorted {
    /// Desired and there, or disabled.
    stays: Vec<RecordData>,
    /// Desired and there, not ours so far.
    adopted: Vec<RecordData>,
    /// Ours and not desired, waiting for approval.
    held: Vec<RecordData>,
    /// Neither ours nor desired.
    foreign: Vec<RecordData>,
    disabled: usize,
    /// We own at least one value there already.
    owned: bool,
    /// A desired value is not there.
    missing: bool,
    /// A desired value is there, but only disabled.
    disabled_twin: bool,
}

impl Sorted {
    /// Whether neighbours forbid adding a value: always where there is room for one only, else
    /// while we own nothing there yet.
    fn stands_in_the_way(&self, rtype: RecordType) -> bool {
        let neighbours = !self.foreign.is_empty() || self.disabled > 0;
        neighbours && (!self.owned || holds_one_value(rtype))
    }
}

fn has(set: Option<&RRset>, value: &RecordData) -> bool {
    set.is_some_and(|set| set.values.binary_search(value).is_ok())
}

/// In a fully managed zone foreign values go, but not what a signer publishes at the apex.
fn managed_full(input: &NamePlanInput<'_>, rtype: RecordType) -> bool {
    let signer = matches!(rtype, RecordType::DNSKEY | RecordType::CDS | RecordType::CDNSKEY);
    input.policy.managed_full && !(signer && input.name == input.apex)
}

/// What the policy says about foreign values at this key.
fn on_conflict(input: &NamePlanInput<'_>, rtype: RecordType) -> ConflictPolicy {
    let policy = input.policy;
    let of_the_apex = rtype == RecordType::SOA || (rtype == RecordType::NS && input.name == input.apex);
    if policy.take_over_asked || (policy.apex_asked && of_the_apex) {
        return ConflictPolicy::TakeOver;
    }
    match policy_for(input, rtype) {
        ConflictPolicy::TakeOver if must_be_asked(input, rtype) => ConflictPolicy::Report,
        ConflictPolicy::Merge if holds_one_value(rtype) || rtype == RecordType::PTR => ConflictPolicy::Report,
        other => other,
    }
}

/// The zone's standing policy for the type.
fn policy_for(input: &NamePlanInput<'_>, rtype: RecordType) -> ConflictPolicy {
    if rtype == RecordType::PTR { input.policy.reverse_conflict } else { input.policy.forward_conflict }
}

/// Where values are never taken over by a standing policy.
fn must_be_asked(input: &NamePlanInput<'_>, rtype: RecordType) -> bool {
    let delicate = matches!(rtype, RecordType::NS | RecordType::MX | RecordType::CNAME | RecordType::SOA);
    delicate || unheld_ptr(input, rtype) || input.name == input.apex || input.name.is_wildcard()
}

/// A PTR for an address that no registered host has.
fn unheld_ptr(input: &NamePlanInput<'_>, rtype: RecordType) -> bool {
    rtype == RecordType::PTR && !input.a_host_holds_this_address
}

fn texts<'a>(values: impl Iterator<Item = &'a ObservedValue>) -> Vec<String> {
    let text = |value: &ObservedValue| {
        let text = value.data.to_text();
        if value.disabled { format!("{text} (disabled)") } else { text }
    };
    values.map(text).collect()
}
