//! `zonecast backup` and `zonecast restore`: a copy of the store, and a store from a copy.

use super::args::Global;
use super::connect;
use super::failure::{Done, Failure};
use super::output::Output;
use crate::backup;
use clap::Args;
use serde_json::json;
use std::path::PathBuf;

/// Where the copy is.
#[derive(Args)]
pub struct BackupArgs {
    /// A new file for the copy
    file: PathBuf,
}

/// Where the copy is.
#[derive(Args)]
pub struct RestoreArgs {
    /// A file that `zonecast backup` made
    file: PathBuf,
}

/// Writes a copy; a daemon may go on working.
pub async fn backup(args: BackupArgs, global: &Global) -> Result<Done, Failure> {
    let config = connect::config(global)?;
    backup::backup(&config, &args.file).await?;
    let out = Output::new(global.output, global.quiet);
    out.show(&json!({ "file": args.file }), |_| {
        format!("{} holds everything but the master key: keep secret.key somewhere else", args.file.display())
    })?;
    Ok(Done::Ok)
}

/// Makes a store from a copy; nothing is written anywhere before `zonecast resume`.
pub async fn restore(args: RestoreArgs, global: &Global) -> Result<Done, Failure> {
    let config = connect::config(global)?;
    let restored = backup::restore(&config, &args.file).await?;
    let out = Output::new(global.output, global.quiet);
    for server in &restored.silent {
        out.note(format!("{} {server} did not say its serial", out.paint("warn")));
    }
    let data = serde_json::to_value(&restored).map_err(|error| Failure::Other(error.to_string()))?;
    out.show(&data, |_| {
        "restored, and everything is paused: start the daemon, look at `zonecast plan`, then `zonecast resume`"
            .to_owned()
    })?;
    Ok(Done::Ok)
}
