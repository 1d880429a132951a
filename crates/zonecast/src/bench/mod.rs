//! `zonecast bench`: brings the zones of a job file to their providers and measures nothing itself;
//! whoever calls it holds the stopwatch (`bench/sync/README.md` has the form of the file).
//!
//! The path is the daemon's: read from the provider, plan by `zonecast_core::plan`, apply through the
//! provider. Two things are different, and said here. The wanted state comes from a sorted file
//! (`wanted`) instead of the database: the database holds hosts and their claims, while a job file
//! holds 100,000 bare RRsets without owners, and importing them as owners would measure the import.
//! And outcomes are printed instead of stored.
//!
//! Where a job names what was changed, `sync` looks at those names only, as the daemon does for dirty
//! names; `--full` compares the whole zone all the same.

mod core;
mod job;
mod run;
mod wanted;

pub use self::core::core;
pub use run::{plan, sync};

use job::Job;
use std::path::Path;

/// Imports the wanted zones of a job into the sorted form beside it.
pub fn prepare(path: &Path) -> anyhow::Result<()> {
    let job = Job::read(path)?;
    for zone in job.zones.values() {
        wanted::import(&job.file(&zone.desired), &job.wanted_file(zone))?;
        let dirty = job.dirty_file(zone);
        match &zone.changed {
            Some(changed) => wanted::import(&job.file(changed), &dirty)?,
            None if dirty.exists() => std::fs::remove_file(dirty)?,
            None => {}
        }
    }
    Ok(())
}
