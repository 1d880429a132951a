//! The rows, as the rest of the product sees them.
//!
//! Ids are integers that people type. Times are milliseconds since 1970 by the database's clock.
//! Names travel as `Name` and are stored as their sort key; values travel as `RecordData` and are
//! stored as canonical wire form, so the database compares and orders exactly as the core does.

mod admin;
mod engine;
mod owners;
mod places;

pub use admin::*;
pub use engine::*;
pub use owners::*;
pub use places::*;

/// Milliseconds since 1970-01-01T00:00:00Z.
pub type Millis = i64;
