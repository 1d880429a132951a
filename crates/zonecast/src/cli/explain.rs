//! `zonecast explain`: which zones a name goes to, and why.

use super::connect::Context;
use super::failure::{Done, Failure};
use super::output::{Column, text_at};
use crate::client::Call;
use clap::Args;
use serde_json::Value;

/// A name to explain.
#[derive(Args)]
pub struct ExplainArgs {
    /// A name, or an address (its reverse name is meant)
    name: String,
    /// The type it would have
    #[arg(long = "type", value_name = "TYPE")]
    rtype: Option<String>,
}

const ZONES: &[Column] = &[
    ("ID", "/zone_id"),
    ("ZONE", "/zone"),
    ("PROVIDER", "/provider"),
    ("WRITTEN", "/matches"),
    ("WHY", "/reason"),
];
const CLAIMS: &[Column] = &[("WANTED BY", "/owner"), ("TYPE", "/type"), ("VALUE", "/value"), ("TTL", "/ttl")];

/// Does it.
pub async fn run(args: ExplainArgs, context: &Context) -> Result<Done, Failure> {
    let call = Call::get("explain").query("name", &args.name).query_opt("type", args.rtype);
    let data = context.client.send(call).await?.data;
    context.out.show(&data, |out| {
        let mut text = format!("{} {}", text_at(&data, "/name"), text_at(&data, "/type"));
        for (columns, list, none) in
            [(ZONES, "zones", "no zone is configured"), (CLAIMS, "claims", "nobody wants it")]
        {
            match data.get(list).and_then(Value::as_array) {
                Some(rows) if !rows.is_empty() => text.push_str(&format!("\n\n{}", out.rows(columns, rows))),
                _ => text.push_str(&format!("\n\n{none}")),
            }
        }
        text
    })?;
    Ok(Done::Ok)
}
