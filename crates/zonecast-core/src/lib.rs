//! The rules of Zonecast, and nothing but the rules: data in, data out.
//!
//! What should be true (`host`, `derive`, `desired`), where it belongs (`matching`), what is there
//! (`observed`), what has to change (`plan`), and what must not be touched on the way (`plan`,
//! `guard`). There is no IO here, no clock, no randomness and no environment: time and settings
//! come in as arguments, so every rule can be tested as a table or as a law.
//!
//! Read `name` and `record` first (the two types everything speaks), then `plan`.

pub mod capability;
pub mod claim;
pub mod classless;
pub mod derive;
pub mod desired;
pub mod explain;
pub mod guard;
pub mod host;
pub mod matching;
pub mod name;
pub mod observed;
pub mod occlusion;
pub mod plan;
pub mod record;
pub use serial::Serial;
