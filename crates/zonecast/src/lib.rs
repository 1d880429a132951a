//! Zonecast: names follow machines.
//!
//! One place knows what DNS should say about servers, VMs and domains, looks at what it says at every
//! provider, changes only the difference, proves it by DNS queries and keeps it true. Programs use
//! [`DnsManager`]; the daemon, the command line and the API stand on the same parts ([`app::App`]).
//!
//! Read ARCHITECTURE.md first; then `service` (what can be asked), `sync` (how it is done).

pub mod api;
pub mod app;
pub mod backup;
pub mod bench;
pub mod catalog;
pub mod cli;
pub mod client;
pub mod config;
pub mod daemon;
mod embedded_store;
pub mod manager;
mod outcome;
pub mod page;
pub mod problem;
pub mod service;
pub mod settings;
pub mod sources;
pub mod sync;

pub use manager::DnsManager;
