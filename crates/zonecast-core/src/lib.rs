//! The rules of Zonecast, and nothing but the rules: data in, data out.
//!
//! What should be true (`host`, `derive`, `desired`), where it belongs (`matching`), what is there
//! (`observed`), what has to change (`plan`), and what must not be touched on the way (`plan`,
//! `guard`). There is no IO here, no clock, no randomness and no environment: time and settings
//! come in as arguments, so every rule can be tested as a table or as a law.
//!
//! Read `name` and `record` first (the two types everything speaks), then `plan`.

pub mod capability;
pub mod host;
pub mod name;
pub mod observed;
pub mod record;
pub mod serial;

pub use capability::{Capabilities, Guard};
pub use host::{AddressPolicy, Host, HostAddress};
pub use name::{Name, NameError};
pub use observed::{Change, Observed, ObservedRRset, ObservedValue};
pub use record::{RRset, RecordData, RecordError, RecordType, Ttl};
pub use serial::Serial;
