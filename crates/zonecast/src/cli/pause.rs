//! `zonecast pause` and `resume`: stop writing to all, one account or one zone; registrations go on.

use super::connect::Context;
use super::failure::{Done, Failure};
use crate::client::Call;
use clap::Args;
use serde_json::json;

/// What to pause.
#[derive(Args)]
pub struct PauseArgs {
    /// Only this zone, by id or name
    #[arg(long, conflicts_with = "connection")]
    zone: Option<String>,
    /// Only this account, by id or name
    #[arg(long)]
    connection: Option<String>,
}

/// Stops writing.
pub async fn pause(args: PauseArgs, context: &Context) -> Result<Done, Failure> {
    set(args, context, true).await
}

/// Writes again.
pub async fn resume(args: PauseArgs, context: &Context) -> Result<Done, Failure> {
    set(args, context, false).await
}

async fn set(args: PauseArgs, context: &Context, paused: bool) -> Result<Done, Failure> {
    let mut body = json!({});
    let mut what = "everything".to_owned();
    if let Some(zone) = &args.zone {
        body["zone_id"] = json!(super::zone::ZONE.find(context, zone).await?);
        what = format!("zone {zone}");
    }
    if let Some(connection) = &args.connection {
        body["connection_id"] = json!(super::connection::CONNECTION.find(context, connection).await?);
        what = format!("connection {connection}");
    }
    let verb = if paused { "pause" } else { "resume" };
    let data = context.client.send(Call::post(verb, body)).await?.data;
    let word = if paused { "paused: nothing is written" } else { "resumed" };
    context.out.show(&data, |_| format!("{what} {word}"))?;
    Ok(Done::Ok)
}
