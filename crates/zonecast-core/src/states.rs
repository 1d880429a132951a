//! The words for how things stand, the same in the store, the API and on the page.
//!
//! Each is one small enum with one spelling: `as_str`, `FromStr`, `Display` and serde agree by
//! construction, because all four are made from the same list.

/// Makes a state enum whose text form is given once.
macro_rules! states {
    ($(#[$doc:meta])* $name:ident { $($(#[$variant_doc:meta])* $variant:ident = $text:literal,)+ }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
        #[derive(serde::Serialize, serde::Deserialize)]
        pub enum $name { $($(#[$variant_doc])* #[serde(rename = $text)] $variant,)+ }

        impl $name {
            /// Every state, in the order of the design.
            pub const ALL: &[$name] = &[$($name::$variant),+];

            /// The word stored, sent and shown.
            pub fn as_str(self) -> &'static str {
                match self { $($name::$variant => $text,)+ }
            }
        }

        impl std::str::FromStr for $name {
            type Err = UnknownState;
            fn from_str(text: &str) -> Result<Self, UnknownState> {
                match text {
                    $($text => Ok($name::$variant),)+
                    other => Err(UnknownState { what: stringify!($name), text: other.to_owned() }),
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
#[error("{text:?} is not a {what}")]
pub struct UnknownState {
    what: &'static str,
    text: String,
}

states! {
    /// How one (zone, name, type) stands.
    KeyState {
        /// Wished for, not yet tried.
        Pending = "pending",
        /// The service has taken it; not yet seen at its servers.
        Applied = "applied",
        /// Seen at the zone's own servers.
        Served = "served",
        /// Failed for a passing reason; a next attempt is due.
        Retrying = "retrying",
        /// Refused; waits until the wish changes.
        Failed = "failed",
        /// Foreign values stand there, or an older claim.
        Conflict = "conflict",
        /// Healed three times in a day and changed again: stopped.
        Contested = "contested",
        /// A removal that waits for approval.
        Held = "held",
        /// A newer claim has the one value this key can hold.
        Superseded = "superseded",
        /// The service cannot hold this set.
        Unsupported = "unsupported",
        /// Stored below a delegation, so never served from this zone.
        Occluded = "occluded",
    }
}

states! {
    /// How a host or a hosted domain stands.
    HostState {
        /// Its records are kept true.
        Active = "active",
        /// Its records are withdrawn.
        Disabled = "disabled",
        /// Its records stay; it gets no first sync.
        Suspended = "suspended",
        /// Never synced.
        Secondary = "secondary",
        /// On its way out; visible until every zone has an outcome.
        Deleting = "deleting",
    }
}

states! {
    /// How a zone stands.
    ZoneState {
        /// Read and written as needed.
        Ok = "ok",
        /// Refused by the service (no such zone, no right); waits for a person.
        Parked = "parked",
        /// Stopped by a person.
        Paused = "paused",
        /// On its way out.
        Deleting = "deleting",
    }
}

states! {
    /// How a connection stands.
    ConnectionState {
        /// Calls go through.
        Ok = "ok",
        /// The breaker is open: no calls until a set time.
        Open = "open",
        /// One call is allowed, to see whether the service is back.
        Probing = "probing",
        /// The secret was refused; waits for a person.
        Parked = "parked",
        /// Stopped by a person.
        Paused = "paused",
    }
}

states! {
    /// How a job stands.
    JobState {
        /// Not begun.
        Queued = "queued",
        /// Some names have no outcome yet.
        Running = "running",
        /// Every name is as wished.
        Done = "done",
        /// Some names are as wished, some failed.
        Partial = "partial",
        /// No name is as wished.
        Failed = "failed",
        /// A newer job took its names over.
        Superseded = "superseded",
        /// Stopped by a person.
        Cancelled = "cancelled",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde::de::IntoDeserializer;

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
        HostState::ALL.iter().for_each(|state| agrees(*state, state.as_str()));
        ZoneState::ALL.iter().for_each(|state| agrees(*state, state.as_str()));
        ConnectionState::ALL.iter().for_each(|state| agrees(*state, state.as_str()));
        JobState::ALL.iter().for_each(|state| agrees(*state, state.as_str()));
        assert_eq!(KeyState::ALL.len(), 11);
    }

    #[test]
    fn an_unknown_word_is_named() {
        let error = "nonsense".parse::<KeyState>().unwrap_err();
        assert_eq!(error.to_string(), "\"nonsense\" is not a KeyState");
        assert!("Served".parse::<KeyState>().is_err(), "states are lower case");
    }
}
