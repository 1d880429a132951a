//! Zonecast: names follow machines.
//!
//! One place knows what DNS should say about servers, VMs and domains, looks at what it says at every
//! provider, changes only the difference, proves it by DNS queries and keeps it true. Programs use
//! [`DnsManager`]; the daemon, the command line and the API stand on the same parts ([`app::App`]).
//!
//! Read ARCHITECTURE.md first; then `service` (what can be asked), `sync` (how it is done).

pub mod api;

pub mod backup;
pub mod bench;
pub mod cli;
pub mod client;
pub mod daemon;
pub mod manager;
mod outcome;
pub mod page;
pub mod sources;

pub use manager::DnsManager;
pub use zonecast_engine::{app, catalog, config, problem, service, settings, sync};
