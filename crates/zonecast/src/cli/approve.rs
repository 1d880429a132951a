//! `zonecast approve`: let held removals of a zone go through.

use super::connect::Context;
use super::failure::{Done, Failure};
use super::wait;
use crate::client::Call;
use clap::Args;
use serde_json::json;

/// Where removals are held.
#[derive(Args)]
pub struct ApproveArgs {
    /// The zone, by id or name
    zone: String,
}

/// Does it.
pub async fn run(args: ApproveArgs, context: &Context) -> Result<Done, Failure> {
    let id = super::zone::ZONE.find(context, &args.zone).await?;
    let answer = context.client.send(Call::post("approve", json!({ "zone_id": id }))).await?;
    let job = wait::follow(context, &answer).await?;
    context.out.show(&answer.data, |_| {
        let sentence = wait::sentence(&answer, job.as_ref()).unwrap_or_default();
        format!("held removals of {} may go\n{sentence}", args.zone)
    })?;
    Ok(job.as_ref().map_or(Done::Ok, wait::verdict))
}
