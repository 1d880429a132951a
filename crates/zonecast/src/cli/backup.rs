//! `zonecast backup`: a consistent copy of the store while it is in use.

use super::args::Global;
use super::connect;
use super::failure::{Done, Failure};
use super::output::Output;
use crate::daemon;
use clap::Args;
use std::path::PathBuf;

/// Where the copy goes.
#[derive(Args)]
pub struct BackupArgs {
    /// A file that does not exist yet
    file: PathBuf,
}

/// Does it.
pub async fn run(args: BackupArgs, global: &Global) -> Result<Done, Failure> {
    if args.file.exists() {
        return Err(Failure::Usage(format!("{} is there already; a backup overwrites nothing", args.file.display())));
    }
    let app = Box::pin(daemon::open(connect::config(global)?)).await?;
    app.store.backup(&args.file).await.map_err(|error| Failure::Other(error.to_string()))?;
    Output::new(global.output, global.quiet).say(format!(
        "{} holds everything but the key that opens its secrets: keep secret.key in another place",
        args.file.display()
    ));
    Ok(Done::Ok)
}
