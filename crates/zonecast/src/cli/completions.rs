//! `zonecast completions` and `man`: made from the command line itself, so they are never behind.

use super::args::Cli;
use super::failure::{Done, Failure};
use clap::{Args, CommandFactory};
use std::path::PathBuf;

/// Which shell.
#[derive(Args)]
pub struct CompletionsArgs {
    /// The shell
    shell: clap_complete::Shell,
}

/// Where the pages go.
#[derive(Args)]
pub struct ManArgs {
    /// Write one page per command into this folder; without it the main page to standard output
    dir: Option<PathBuf>,
}

/// Prints completions.
pub fn run(args: &CompletionsArgs) -> Result<Done, Failure> {
    clap_complete::generate(args.shell, &mut Cli::command(), "zonecast", &mut std::io::stdout());
    Ok(Done::Ok)
}

/// Prints the manual page, or writes all of them.
pub fn man(args: &ManArgs) -> Result<Done, Failure> {
    match &args.dir {
        Some(dir) => {
            std::fs::create_dir_all(dir)?;
            clap_mangen::generate_to(Cli::command(), dir)?;
        }
        None => clap_mangen::Man::new(Cli::command()).render(&mut std::io::stdout())?,
    }
    Ok(Done::Ok)
}
