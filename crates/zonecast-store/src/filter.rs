//! Finding owners: the one filter that hosts, domains and records are listed by.

use crate::codec;
use crate::sql::{Value, args};
use zonecast_core::{Name, OwnerState};

/// Which owners of one kind to list. Everything left empty means all.
#[derive(Clone, Default, Debug)]
pub struct OwnerFilter {
    /// Part of the name, or of a host's address; with `prefix` its beginning.
    pub search: String,
    /// Whether `search` is the beginning of the name.
    pub prefix: bool,
    /// One state.
    pub state: Option<OwnerState>,
    /// Only owners at or below this name, such as a zone's.
    pub below: Option<Name>,
    /// Only owners of just this name.
    pub exact: Option<Name>,
    /// Only records bound to this zone.
    pub zone_id: Option<i64>,
}

impl OwnerFilter {
    /// Pattern, state and the range of names.
    pub(crate) fn args(&self) -> Vec<Value> {
        let (from, to) = match (&self.exact, &self.below) {
            (Some(name), _) => (name.key().to_vec(), [name.key(), &[0]].concat()),
            (None, Some(name)) => (name.key().to_vec(), codec::subtree_end(name.key())),
            (None, None) => (Vec::new(), codec::subtree_end(&[])),
        };
        args![like(&self.search, self.prefix), self.state.map_or("", OwnerState::as_str), from, to]
    }
}

/// The pattern for LIKE; empty for an empty search.
pub(crate) fn like(search: &str, prefix: bool) -> String {
    if search.is_empty() {
        return String::new();
    }
    let mut text = String::with_capacity(search.len() + 2);
    if !prefix {
        text.push('%');
    }
    for c in search.trim().to_lowercase().chars() {
        if matches!(c, '%' | '_' | '!') {
            text.push('!');
        }
        text.push(c);
    }
    text.push('%');
    text
}
