//! The page: its doors and forms by plain HTTP, and an admin's day in a real browser against a real
//! PowerDNS.

#![allow(missing_docs, reason = "a test binary")]

mod acceptance;
mod browser;
#[path = "../scenarios/daemon.rs"]
#[allow(dead_code, reason = "the scenarios use the rest")]
mod daemon;
mod doors;
mod forms;
mod screens;
mod site;
mod zone_look;
