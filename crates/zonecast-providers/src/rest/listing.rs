//! Listings that come in pages, the proof that nothing of one is missing, and what is listed at all.
//!
//! A page that is shorter than asked ends nothing: services cap pages, or leave out what they hide. The
//! end is where the service says it is (there is no next page, or so many are all), and where it says
//! neither, at an empty page. A listing whose total changes or does not come out, or that gives a member
//! twice, changed while it was read, or is none: an error that passes, never "nothing there".

use super::Refused;
use crate::{ErrorClass, ProviderError, ZoneRef};
use std::collections::BTreeMap;
use zonecast_core::{Name, Observed, ObservedRRset};

/// Pages read at most.
const PAGES_MAX: usize = 1_000;

/// What a page says about the one after it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Next {
    Exists,
    IsNone,
    Unsaid,
}

impl Next {
    /// For services that name the next page, and leave it out after the last.
    pub(crate) fn when(named: bool) -> Next {
        if named { Next::Exists } else { Next::IsNone }
    }
}

/// The pages of one listing, as far as they were read. Members are told apart by their keys.
pub(crate) struct Pages<K, V> {
    whose: String,
    members: BTreeMap<K, V>,
    total: Option<usize>,
    taken: usize,
}

impl<K: Ord, V> Pages<K, V> {
    pub(crate) fn of(zone: &ZoneRef, service: &str) -> Pages<K, V> {
        let whose = format!("{}: {service}", zone.name);
        Pages { whose, members: BTreeMap::new(), total: None, taken: 0 }
    }

    /// The number of the page to ask for, from 1.
    pub(crate) fn number(&self) -> usize {
        self.taken + 1
    }

    /// Takes that page, with the total it tells; gives whether another one is to be asked for.
    pub(crate) fn take(
        &mut self,
        page: impl IntoIterator<Item = (K, V)>,
        total: Option<usize>,
        next: Next,
    ) -> Result<bool, ProviderError> {
        let (before, mut given) = (self.members.len(), 0);
        for (key, member) in page {
            given += 1;
            self.members.insert(key, member);
        }
        self.taken += 1;
        let have = self.members.len();
        if have < before + given {
            return Err(self.unsound("gave something twice: a page came again, or records changed"));
        }
        if total.is_some() && self.total.is_some_and(|said| Some(said) != total) {
            return Err(self.unsound("gave another total: records changed"));
        }
        self.total = total.or(self.total);
        let goes_on = match (next, self.total) {
            (Next::Exists, _) => true,
            (Next::Unsaid, Some(total)) => have < total && given > 0,
            (Next::Unsaid, None) => given > 0,
            (Next::IsNone, _) => false,
        };
        match self.total {
            _ if self.taken >= PAGES_MAX => Err(self.unsound("came to no end")),
            Some(total) if !goes_on && have != total => Err(self
                .unsound(&format!("gave {have} and speaks of {total}: records changed, or some are hidden"))),
            _ => Ok(goes_on),
        }
    }

    /// How many members were given so far.
    pub(crate) fn have(&self) -> usize {
        self.members.len()
    }

    pub(crate) fn has(&self, key: &K) -> bool {
        self.members.contains_key(key)
    }

    /// All members, in order of their keys.
    pub(crate) fn members(self) -> BTreeMap<K, V> {
        self.members
    }

    fn unsound(&self, what: &str) -> ProviderError {
        let words = format!("{} {what} while all was listed; it is read again", self.whose);
        ProviderError::new(ErrorClass::Transient, words)
    }
}

/// The names that a read asks for, each once.
pub(crate) struct Wanted(Vec<Name>);

impl Wanted {
    pub(crate) fn of(names: &[Name]) -> Wanted {
        let mut names = names.to_vec();
        names.sort_unstable();
        names.dedup();
        Wanted(names)
    }

    /// The names, where they are few enough to be asked for one by one; else all is listed.
    pub(crate) fn one_by_one(&self, most: usize) -> Option<&[Name]> {
        (self.0.len() <= most).then_some(&self.0)
    }

    /// What was asked for, of what came.
    pub(crate) fn among(&self, mut sets: Vec<ObservedRRset>) -> Observed {
        sets.retain(|set| self.0.binary_search(&set.name).is_ok());
        Observed::new(sets)
    }
}

impl From<ProviderError> for Refused {
    fn from(error: ProviderError) -> Refused {
        Refused::local(error.class, error.message)
    }
}
