//! Members of a listing, read one by one: an odd one hides its own set, not the zone.
//!
//! A `null` or a number where a text was expected is somebody's record all the same. It is shown as it
//! came, nobody writes there, and what stands beside it goes on.

use super::{full_name, type_of};
use crate::ZoneRef;
use crate::redact::one_line;
use serde::Deserialize;
use serde::de::{DeserializeOwned, Deserializer, Error};
use serde_json::Value;
use serde_json::value::RawValue;
use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use zonecast_core::{Name, ObservedRRset, RecordType, Ttl};

/// Sets by name and type.
pub(crate) type Sets = BTreeMap<(Name, RecordType), ObservedRRset>;

/// A set or a record in a service's own form.
pub(crate) trait Listed: DeserializeOwned {
    /// The keys of its name and its type.
    const KEYS: [&'static str; 2];

    /// What tells it from the others of a listing.
    fn key(&self) -> String;
}

/// One member of a listing: understood, or as it came.
#[derive(Clone, Debug)]
pub(crate) enum Member<T> {
    Read(T),
    Odd(Box<RawValue>),
}

impl<'de, T: Listed> Deserialize<'de> for Member<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Member<T>, D::Error> {
        let raw = Box::<RawValue>::deserialize(deserializer)?;
        Ok(match serde_json::from_str(raw.get()) {
            Ok(read) => Member::Read(read),
            // What has neither name nor type is no member, but an answer to something else.
            Err(_) if is_member(raw.get(), T::KEYS) => Member::Odd(raw),
            Err(error) => return Err(Error::custom(error)),
        })
    }
}

impl<T: Listed> Member<T> {
    /// With its key, for the pages of a listing.
    pub(crate) fn keyed(self) -> (String, Member<T>) {
        let key = match &self {
            Member::Read(read) => read.key(),
            Member::Odd(raw) => raw.get().to_owned(),
        };
        (key, self)
    }

    pub(crate) fn read(&self) -> Option<&T> {
        match self {
            Member::Read(read) => Some(read),
            Member::Odd(_) => None,
        }
    }
}

fn is_member(raw: &str, keys: [&str; 2]) -> bool {
    serde_json::from_str::<Value>(raw).is_ok_and(|value| keys.iter().any(|key| value.get(key).is_some()))
}

/// Members as the planner sees them: those of one name and type are one set. What has no name that can
/// be read is shown `at` the name that was asked for, the zone's own in a listing of all.
pub(crate) fn gather<'a, T: Listed + 'a>(
    zone: &ZoneRef,
    at: &Name,
    members: impl IntoIterator<Item = &'a Member<T>>,
    observed: impl Fn(&T) -> Option<ObservedRRset>,
) -> Vec<ObservedRRset> {
    let mut sets = Sets::new();
    for member in members {
        let set = match member {
            Member::Read(read) => observed(read),
            Member::Odd(raw) => odd(raw.get(), T::KEYS, |label| {
                label.map_or(Some(at.clone()), |label| full_name(zone, label))
            }),
        };
        set.into_iter().for_each(|set| add(&mut sets, set));
    }
    sets.into_values().collect()
}

/// Joins a set with what stands under its name and type already.
pub(crate) fn add(sets: &mut Sets, mut set: ObservedRRset) {
    match sets.entry((set.name.clone(), set.rtype)) {
        Entry::Vacant(free) => drop(free.insert(set)),
        Entry::Occupied(mut held) => held.get_mut().join(&mut set),
    }
}

/// A member that is not what it should be, under its name and type, as far as they can be read.
pub(crate) fn odd(
    raw: &str,
    [name, rtype]: [&str; 2],
    read: impl Fn(Option<&str>) -> Option<Name>,
) -> Option<ObservedRRset> {
    let value: Value = serde_json::from_str(raw).ok()?;
    let rtype = type_of(value[rtype].as_str().unwrap_or_default());
    let mut set = ObservedRRset::new(read(value[name].as_str())?, rtype, Ttl::DEFAULT, Vec::new());
    set.cannot_read(one_line(raw));
    Some(set)
}
