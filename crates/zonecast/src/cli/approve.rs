//! `zonecast approve`: let held removals go through.

use super::connect::Context;
use super::failure::{Done, Failure};
use super::output::text_at;
use crate::client::Call;
use clap::Args;
use serde_json::json;

/// Where removals are held.
#[derive(Args)]
pub struct ApproveArgs {
    /// The zone, by id or name
    #[arg(required_unless_present = "all")]
    zone: Option<String>,
    /// In every zone
    #[arg(long, conflicts_with = "zone")]
    all: bool,
}

/// Does it.
pub async fn run(args: ApproveArgs, context: &Context) -> Result<Done, Failure> {
    let body = match &args.zone {
        Some(zone) => json!({ "zone_id": super::zone::ZONE.find(context, zone).await? }),
        None => json!({}),
    };
    let data = context.client.send(Call::post("approve", body)).await?.data;
    context.out.show(&data, |_| match text_at(&data, "/approved").as_str() {
        "0" => "no removals are held there".to_owned(),
        count => format!("held removals at {count} names go through now"),
    })?;
    Ok(Done::Ok)
}
