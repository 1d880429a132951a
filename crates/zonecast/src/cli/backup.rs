//! `zonecast backup`: a consistent copy of the store while it is in use.

use super::connect::Context;
use super::failure::{Done, Failure};
use clap::Args;
use std::path::PathBuf;

/// Where the copy goes.
#[derive(Args)]
pub struct BackupArgs {
    /// A file that does not exist yet
    file: PathBuf,
}

/// Does it.
pub async fn run(args: BackupArgs, context: &Context) -> Result<Done, Failure> {
    if args.file.exists() {
        return Err(Failure::Usage(format!("{} is there already; a backup overwrites nothing", args.file.display())));
    }
    context.backup(&args.file).await?;
    context.out.say(format!(
        "{} holds everything but the key that opens its secrets: keep secret.key in another place",
        args.file.display()
    ));
    Ok(Done::Ok)
}
