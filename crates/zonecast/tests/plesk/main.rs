//! The Plesk backend as Plesk meets it: the real binary, JSON on standard input, an exit code and
//! lines; and the zone as anybody sees it, by transfer or query.

#![allow(missing_docs, reason = "a test binary")]

mod acceptance;
#[path = "../scenarios/daemon.rs"]
#[allow(dead_code, reason = "the scenarios use the rest of it")]
mod daemon;
mod extension;
mod load;
mod panel;
mod samples;
mod settings;
mod whose;

/// How often something that is counted is done: a few times in `check`, many in `check --soak`.
fn rounds(check: usize, soak: usize) -> usize {
    if std::env::var_os("ZONECAST_SOAK").is_some() { soak } else { check }
}
