//! What a provider says is there, and the steps that change it.
//!
//! [`Observed`] is what a read brought back; [`Change`] is one step on one RRset, plain data that can
//! be stored, shown and retried. A provider turns changes into its own calls.

use crate::name::Name;
use crate::record::{RRset, RecordData, RecordType, Ttl};

/// One value as a provider holds it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ObservedValue {
    /// The value, in the form everything is compared in.
    pub data: RecordData,
    /// The provider's own spelling where it differs, so that a neighbour is written back unaltered.
    pub raw: Option<Box<str>>,
    /// Stored but not served (PowerDNS `disabled`); such a value is always a neighbour's.
    pub disabled: bool,
}

impl From<RecordData> for ObservedValue {
    fn from(data: RecordData) -> ObservedValue {
        ObservedValue { data, raw: None, disabled: false }
    }
}

/// One RRset as a provider holds it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ObservedRRset {
    /// The owner name.
    pub name: Name,
    /// The type.
    pub rtype: RecordType,
    /// The TTL in force.
    pub ttl: Ttl,
    /// The values, in the provider's order.
    pub values: Vec<ObservedValue>,
    /// Something we cannot model stands at this key (an alias record, a proxied or weighted set):
    /// the planner treats the whole key as a neighbour's and never writes there.
    pub opaque: bool,
    /// What stands there and is no value here, each in the service's own words: `ALIAS www.example.net.`
    pub unread: Vec<String>,
}

impl ObservedRRset {
    /// A set of values that were all read.
    pub fn new(name: Name, rtype: RecordType, ttl: Ttl, values: Vec<ObservedValue>) -> ObservedRRset {
        ObservedRRset { name, rtype, ttl, values, opaque: false, unread: Vec::new() }
    }

    /// Something stands here that is no value: nobody writes at this key, and whoever looks is told.
    pub fn cannot_read(&mut self, words: impl Into<String>) {
        self.opaque = true;
        self.unread.push(words.into());
    }

    /// Takes what a service told apart and is one set all the same.
    pub fn join(&mut self, other: &mut ObservedRRset) {
        self.ttl = self.ttl.min(other.ttl);
        self.values.append(&mut other.values);
        self.opaque |= other.opaque;
        self.unread.append(&mut other.unread);
    }
}

impl From<RRset> for ObservedRRset {
    fn from(set: RRset) -> ObservedRRset {
        let values = set.values.into_iter().map(ObservedValue::from).collect();
        ObservedRRset::new(set.name, set.rtype, set.ttl, values)
    }
}

/// The result of one successful read. A failed, partial or unauthenticated read is an error, never
/// an empty `Observed`.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Observed {
    /// Sorted by (name, type), each of them once.
    pub rrsets: Vec<ObservedRRset>,
    /// For compare-and-set services: what to hand back with the write.
    pub token: Option<String>,
}

impl Observed {
    /// Puts RRsets into canonical order. What a service keeps apart under one name and type (weighted
    /// sets, two types of its own) becomes one set.
    pub fn new(mut rrsets: Vec<ObservedRRset>) -> Observed {
        rrsets.sort_by(|a, b| a.name.cmp(&b.name).then(a.rtype.cmp(&b.rtype)));
        rrsets.dedup_by(|next, first| {
            let same = next.name == first.name && next.rtype == first.rtype;
            if same {
                first.join(next);
            }
            same
        });
        Observed { rrsets, token: None }
    }

    /// The RRsets at one name, found by binary search.
    pub fn at(&self, name: &Name) -> &[ObservedRRset] {
        let start = self.rrsets.partition_point(|set| set.name < *name);
        let length = self.rrsets[start..].partition_point(|set| set.name == *name);
        &self.rrsets[start..start + length]
    }

    /// One RRset.
    pub fn get(&self, name: &Name, rtype: RecordType) -> Option<&ObservedRRset> {
        self.at(name).iter().find(|set| set.rtype == rtype)
    }
}

/// One step on one RRset. `Replace` works in place, so a name is never without an answer; a `Delete`
/// comes before a `Create` only where both cannot stand together (CNAME and another type).
/// The sets are whole: neighbours' values that stay are in `new`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Change {
    /// The set does not exist and shall.
    Create(RRset),
    /// The set exists as `old` and shall be `new`.
    Replace {
        /// What was read.
        old: RRset,
        /// What shall be there.
        new: RRset,
    },
    /// The set exists and shall not.
    Delete(RRset),
}

impl Change {
    /// The owner name.
    pub fn name(&self) -> &Name {
        &self.either().name
    }

    /// The type.
    pub fn rtype(&self) -> RecordType {
        self.either().rtype
    }

    /// The set after the change, if there is one.
    pub fn after(&self) -> Option<&RRset> {
        match self {
            Change::Create(set) | Change::Replace { new: set, .. } => Some(set),
            Change::Delete(_) => None,
        }
    }

    /// The set before the change, if there was one.
    pub fn before(&self) -> Option<&RRset> {
        match self {
            Change::Create(_) => None,
            Change::Replace { old: set, .. } | Change::Delete(set) => Some(set),
        }
    }

    fn either(&self) -> &RRset {
        match self {
            Change::Create(set) | Change::Replace { new: set, .. } | Change::Delete(set) => set,
        }
    }
}
