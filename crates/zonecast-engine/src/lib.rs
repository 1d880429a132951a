//! What Zonecast does, without any door: operations, the engine behind them, the configuration in memory.
//!
//! `service` is what can be asked (one file per resource), `sync` how it is done, `catalog` what is
//! configured, `settings` what a zone or a domain may say about itself, [`app::App`] the parts of one
//! running Zonecast held together. The doors (API, page, command line, library) are the crate
//! `zonecast`; nothing here knows HTTP, templates or a terminal, and the compiler keeps it so.

pub mod app;
pub mod catalog;
pub mod config;
pub mod describe;
pub mod embedded_store;
pub mod problem;
pub mod service;
pub mod settings;
pub mod sync;
