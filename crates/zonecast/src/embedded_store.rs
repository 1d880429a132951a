//! The embedded authority's zones, durable in the product's own database.
//!
//! The authority asks for a trait, the store offers plain functions; this file is where they meet.
//! TSIG secrets are sealed by the store, so the settings are written without them in clear.

use async_trait::async_trait;
use zonecast_core::{Name, RRset};
use zonecast_dns::{Edit, JournalEntry, StoreError, Stored, ZoneSettings, ZoneStore};
use zonecast_store::Store;
