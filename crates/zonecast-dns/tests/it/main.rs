//! The authority as the world sees it: real queries by `dig`, real secondaries (BIND, Knot, NSD), all
//! on loopback. A test whose program is not installed says so and passes; CI installs them all.

mod answers;
mod chains;
mod crowds;
mod harness;
mod judges;
mod lookups;
mod transfers;
#[path = "../../../zonecast-core/tests/laws/values.rs"]
mod values;
