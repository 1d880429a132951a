//! The words for how things stand, the same in the store, the API and on the page.
//!
//! Each is one small enum with one spelling: `as_str`, `FromStr`, `Display` and serde agree by
//! construction, because all four are made from the same list. What a state means and what to do next is
//! said here as well, once: page, command line and `docs/states.md` show these sentences.

/// How something stands, told to a person.
pub trait State: Copy {
    /// The word stored, sent and shown.
    fn word(self) -> &'static str;
    /// What it means, in one sentence.
    fn meaning(self) -> &'static str;
    /// What to do next, in one sentence.
    fn next_step(self) -> &'static str;
}

/// Makes a state enum whose text form is given once.
macro_rules! states {
    ($(#[$doc:meta])* $name:ident {
        $(#[doc = $meaning:literal] $variant:ident = $text:literal, $next:literal;)+
    }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
        #[derive(serde::Serialize, serde::Deserialize)]
        pub enum $name { $(#[doc = $meaning] #[serde(rename = $text)] $variant,)+ }

        impl $name {
            /// Every state, in the order of the design.
            pub const ALL: &[$name] = &[$($name::$variant),+];

            /// The word stored, sent and shown.
            pub fn as_str(self) -> &'static str {
                match self { $($name::$variant => $text,)+ }
            }

        }

        impl State for $name {
            fn word(self) -> &'static str {
                self.as_str()
            }

            fn meaning(self) -> &'static str {
                match self { $($name::$variant => $meaning.trim_ascii(),)+ }
            }

            fn next_step(self) -> &'static str {
                match self { $($name::$variant => $next,)+ }
            }
        }

        impl std::str::FromStr for $name {
            type Err = UnknownState;
            fn from_str(text: &str) -> Result<Self, UnknownState> {
                match text {
                    $($text => Ok($name::$variant),)+
                    other => Err(UnknownState { text: other.to_owned(), known: &[$($text),+] }),
                }
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(self.as_str())
            }
        }
    };
}

/// A word that names no state of its kind.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{text:?} is none of {}", known.join(", "))]
pub struct UnknownState {
    text: String,
    known: &'static [&'static str],
}

impl KeyState {
    /// Whether the service holds the set as it should.
    pub fn is_well(self) -> bool {
        matches!(self, KeyState::Applied | KeyState::Served | KeyState::Occluded)
    }

    /// Whether it asks for somebody's attention.
    pub fn is_trouble(self) -> bool {
        use KeyState::{Conflict, Contested, Failed, Held, Retrying, Unsupported};
        matches!(self, Failed | Retrying | Conflict | Contested | Held | Unsupported)
    }
}

impl OwnerState {
    /// The states a person may put a host into.
    pub const OF_HOSTS: &[OwnerState] =
        &[OwnerState::Active, OwnerState::Disabled, OwnerState::Suspended, OwnerState::Secondary];
    /// The states a person may put a domain into.
    pub const OF_DOMAINS: &[OwnerState] = &[
        OwnerState::Active,
        OwnerState::Disabled,
        OwnerState::Suspended,
        OwnerState::Secondary,
        OwnerState::DnsOff,
    ];
    /// The states that an owner there can be in: all but `deleted`.
    pub const LISTED: &[OwnerState] = listed(OwnerState::ALL);
}

impl ZoneState {
    /// The states that a zone there can be in: all but `deleted`.
    pub const LISTED: &[ZoneState] = listed(ZoneState::ALL);
}

/// All but the last.
const fn listed<T>(all: &'static [T]) -> &'static [T] {
    match all {
        [listed @ .., _] => listed,
        [] => all,
    }
}

impl JobState {
    /// Whether nothing will happen any more.
    pub fn is_over(self) -> bool {
        !matches!(self, JobState::Queued | JobState::Running)
    }
}

impl ConnectionState {
    /// Whether work waits for the service or for a person who mends it.
    pub fn is_trouble(self) -> bool {
        matches!(self, ConnectionState::Unreachable | ConnectionState::Probing | ConnectionState::Parked)
    }
}

states! {
    /// How one (zone, name, type) stands.
    KeyState {
        /// Wished for, not yet tried.
        Pending = "pending", "Nothing: the engine comes to it within seconds.";
        /// The service has taken it; not yet seen at its servers.
        Applied = "applied", "Nothing: the servers are asked until they answer with it.";
        /// Seen at the zone's own servers.
        Served = "served", "Nothing.";
        /// Failed for a passing reason; a next attempt is due.
        Retrying = "retrying", "Read the error; the next attempt is made by itself at the time shown.";
        /// Refused; waits until the wish changes.
        Failed = "failed", "Read the service's words, and change the record so that it is taken.";
        /// Foreign values stand there, or an older claim.
        Conflict = "conflict", "Decide whose values stand: the error names both and the ways out.";
        /// Healed three times in a day and changed again: stopped.
        Contested = "contested", "Find out who else writes there, then set DNS records.";
        /// A removal that waits for approval.
        Held = "held", "Look at the zone's plan, then approve the removals or bring the records back.";
        /// A newer claim has the one value this key can hold.
        Superseded = "superseded", "Nothing, or withdraw the newer claim that the error names.";
        /// The service cannot hold this set.
        Unsupported = "unsupported", "Change the record to what the error says the service can hold.";
        /// Stored below a delegation, so never served from this zone.
        Occluded = "occluded", "Put the record into the zone that is delegated, or remove the delegation.";
    }
}

states! {
    /// How an owner of records stands: a host, a hosted domain, a record.
    OwnerState {
        /// Its records are kept true.
        Active = "active", "Nothing.";
        /// Switched off: it gets no first sync; records it has stay and follow its changes.
        Disabled = "disabled", "Enable it to let it be synchronised.";
        /// Suspended: it gets no first sync; records it has stay and follow its changes.
        Suspended = "suspended", "Enable it to let it be synchronised.";
        /// Never synced: another server is primary for it.
        Secondary = "secondary", "Nothing: its records are kept elsewhere.";
        /// A domain whose DNS its panel switched off; its records stay as they are.
        DnsOff = "dns_off", "Switch its DNS on at the panel to have its records follow again.";
        /// On its way out; visible until every zone has an outcome.
        Deleting = "deleting", "Nothing: it goes when every zone has answered; forget it if one never will.";
        /// Gone; only the answer to its removal shows it.
        Deleted = "deleted", "Nothing.";
    }
}

states! {
    /// How a zone stands.
    ZoneState {
        /// Read and written as needed.
        Ok = "ok", "Nothing.";
        /// Refused by the service (no such zone, no right); waits for a person.
        Parked = "parked", "Mend the zone or its rights at the provider, then test the zone.";
        /// Stopped by a person.
        Paused = "paused", "Resume the zone.";
        /// On its way out.
        Deleting = "deleting", "Nothing: it is forgotten when our values are out.";
        /// Gone; only the answer to its removal shows it.
        Deleted = "deleted", "Nothing.";
    }
}

states! {
    /// How a connection stands.
    ConnectionState {
        /// Calls go through.
        Ok = "ok", "Nothing.";
        /// The service does not answer as it should: no calls until a set time.
        Unreachable = "unreachable", "Read the error; the service is tried again by itself at the time shown.";
        /// One call is made, to see whether the service is back.
        Probing = "probing", "Nothing: the answer decides.";
        /// The secret was refused; waits for a person.
        Parked = "parked", "Give the connection a right secret, then test it.";
        /// Stopped by a person.
        Paused = "paused", "Resume the connection.";
    }
}

states! {
    /// How a job stands.
    JobState {
        /// Not begun.
        Queued = "queued", "Nothing.";
        /// Some names have no outcome yet.
        Running = "running", "Nothing: follow its lines.";
        /// Every name is as wished.
        Done = "done", "Nothing.";
        /// No configured zone holds any of its names, so nothing is served.
        NoMatchingZone = "no_matching_zone", "Add the zone that should hold them; explain tells which zones there are.";
        /// Some names are as wished, some failed.
        Partial = "partial", "Read its lines, mend what failed, and retry the job.";
        /// No name is as wished.
        Failed = "failed", "Read its lines, mend what failed, and retry the job.";
        /// A newer job took its names over.
        Superseded = "superseded", "Nothing: look at the newer job.";
        /// Stopped by a person.
        Cancelled = "cancelled", "Retry the job if its names should be looked at after all.";
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde::de::IntoDeserializer;

    #[test]
    fn each_state_says_what_it_means_and_what_to_do() {
        let mut said: Vec<(&str, &str)> = Vec::new();
        said.extend(KeyState::ALL.iter().map(|state| (state.meaning(), state.next_step())));
        said.extend(OwnerState::ALL.iter().map(|state| (state.meaning(), state.next_step())));
        said.extend(ZoneState::ALL.iter().map(|state| (state.meaning(), state.next_step())));
        said.extend(ConnectionState::ALL.iter().map(|state| (state.meaning(), state.next_step())));
        said.extend(JobState::ALL.iter().map(|state| (state.meaning(), state.next_step())));
        for (meaning, next) in said {
            assert!(meaning.ends_with('.') && next.ends_with('.'), "{meaning:?} {next:?}");
        }
    }

    fn agrees<T>(state: T, text: &str)
    where
        T: std::str::FromStr + std::fmt::Display + PartialEq + std::fmt::Debug,
        T: serde::de::DeserializeOwned,
        <T as std::str::FromStr>::Err: std::fmt::Debug,
    {
        let from_serde = T::deserialize(IntoDeserializer::<serde::de::value::Error>::into_deserializer(text));
        assert_eq!(from_serde.unwrap(), state);
        assert_eq!(text.parse::<T>().unwrap(), state);
        assert_eq!(state.to_string(), text);
    }

    #[test]
    fn one_spelling_everywhere() {
        KeyState::ALL.iter().for_each(|state| agrees(*state, state.as_str()));
        OwnerState::ALL.iter().for_each(|state| agrees(*state, state.as_str()));
        ZoneState::ALL.iter().for_each(|state| agrees(*state, state.as_str()));
        ConnectionState::ALL.iter().for_each(|state| agrees(*state, state.as_str()));
        JobState::ALL.iter().for_each(|state| agrees(*state, state.as_str()));
        assert_eq!(KeyState::ALL.len(), 11);
    }

    #[test]
    fn an_unknown_word_is_named() {
        let error = "nonsense".parse::<KeyState>().unwrap_err();
        assert!(error.to_string().starts_with("\"nonsense\" is none of pending, applied, "), "{error}");
        assert!("Served".parse::<KeyState>().is_err(), "states are lower case");
    }
}
