//! What Zonecast remembers: SQLite (default) or PostgreSQL behind one set of statements.
//!
//! Everything that must survive power loss is here and nowhere else: what should be true (owners and
//! their claims), what was written (keys), what has still to be done (dirty names), who may write
//! (leases), and what people want to look back at (jobs, audit).
//!
//! The three laws of this crate:
//!
//! 1. **No wish is lost.** Registering raises `wanted` of each touched (zone, name); a worker stores the
//!    version it planned from as `done`, never "clean", so a wish that arrives meanwhile stays dirty.
//! 2. **No stale hand writes.** Results are stored only under a lease whose fence and holder still are
//!    the ones in the database, in the same transaction.
//! 3. **Nothing falls between zones and names.** A write names the zone epoch it matched with and is
//!    refused when zones changed since; a zone that is added waits for the writes in flight.
//!
//! Read `model` first, then `owners` (a wish comes in) and `results` (its outcome is stored).
//! Deliberately absent: matching, deriving and planning (they are the core's), and any caching.

mod audit;
mod claims;
mod codec;
mod connections;
mod db;
mod dirty;
mod domains;
mod drift;
mod embedded;
mod error;
mod filter;
mod guard;
mod hosts;
mod idempotency;
mod intents;
mod jobs;
mod keys;
mod lease;
mod link;
mod meta;
mod migrations;
pub mod model;
mod open;
mod operation;
mod owners;
mod owners_diff;
mod owners_rows;
mod pools;
mod raise;
mod reap;
mod records;
mod results;
mod secrets;
mod sql;
mod stamp;
mod statements;
mod stats;
mod tied;
mod verify;
mod waits;
mod zones;

pub use audit::{AuditFilter, ChainReport};
pub use dirty::NameProgress;
pub use embedded::{EmbeddedEdit, EmbeddedEntry, EmbeddedPiece};
pub use error::StoreError;
pub use filter::OwnerFilter;
pub use idempotency::{AnswerFn, Answered, Remember};
pub use intents::Intent;
pub use jobs::JobFilter;
pub use model::*;
pub use open::Store;
pub use operation::Operation;
pub use secrets::{KeySource, MasterKey};
pub use stamp::ZoneMark;
pub use stats::{Stats, ZoneStats};
pub use tied::hands_tied;
