//! What Zonecast remembers.
pub mod model;
pub use model::*;
