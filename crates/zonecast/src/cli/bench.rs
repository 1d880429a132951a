//! `zonecast bench`: measures Zonecast itself, by the code the daemon runs.

use super::failure::{Done, Failure};
use crate::bench;
use clap::{Args, Subcommand};
use std::path::PathBuf;

/// What to measure.
#[derive(Args)]
pub struct BenchArgs {
    #[command(subcommand)]
    command: BenchCommand,
}

#[derive(Subcommand)]
enum BenchCommand {
    /// Import a job's wanted zones into the local form (not timed)
    Prepare {
        /// The job file
        job: PathBuf,
    },
    /// Read every provider and count what differs; changes nothing
    Plan {
        /// The job file
        job: PathBuf,
    },
    /// Bring every provider to the wanted state
    Sync {
        /// The job file
        job: PathBuf,
        /// Read whole zones even where the job names what was changed
        #[arg(long)]
        full: bool,
    },
    /// Planning and matching in memory, as JSON lines
    Core {
        /// Hosts of the cold run; a tenth of everything for a quick look is 25000
        #[arg(long, default_value_t = 250_000)]
        hosts: usize,
    },
}

/// Does it.
pub async fn run(args: BenchArgs) -> Result<Done, Failure> {
    let all_well = match args.command {
        BenchCommand::Prepare { job } => bench::prepare(&job).map(|()| true)?,
        BenchCommand::Plan { job } => Box::pin(bench::plan(&job)).await?,
        BenchCommand::Sync { job, full } => Box::pin(bench::sync(&job, full)).await?,
        BenchCommand::Core { hosts } => bench::core(hosts).map(|()| true)?,
    };
    Ok(if all_well { Done::Ok } else { Done::Failed })
}
