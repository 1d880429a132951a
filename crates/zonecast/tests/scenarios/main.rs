//! The product as its users meet it: the real binary as a process, real servers beside it, and DNS
//! queries to see whether it is true. Each file is one promise.

mod bad_input;
mod carry;
mod crash;
mod daemon;
mod dark;
mod dry_run;
mod foreign;
mod handover;
mod heal;
mod moving_in;
mod nodes;
mod quickstart;
mod schema;
mod secrets;
mod two_daemons;
#[path = "../../../zonecast-core/tests/laws/values.rs"]
mod values;
mod whose;

/// How often something that is counted is done: a few times in `check`, many in `check --soak`.
fn rounds(check: usize, soak: usize) -> usize {
    if std::env::var_os("ZONECAST_SOAK").is_some() { soak } else { check }
}
