//! `zonecast explain`: which zones a name goes to, and why.

use super::connect::Context;
use super::failure::{Done, Failure};
use super::output::Column;
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
    ("ZONE", "/zone_id"),
    ("NAME", "/zone"),
    ("PROVIDER", "/provider"),
    ("WRITTEN", "/written"),
    ("AS", "/name"),
    ("WHY", "/why"),
];

/// Does it.
pub async fn run(args: ExplainArgs, context: &Context) -> Result<Done, Failure> {
    let call = Call::get("explain").query("name", &args.name).query_opt("type", args.rtype);
    let data = context.client.send(call).await?.data;
    context.out.show(&data, |out| {
        let mut text = String::new();
        for (head, list) in data.as_object().into_iter().flatten() {
            match list {
                Value::Array(rows) if rows.iter().all(Value::is_object) && !rows.is_empty() => {
                    text.push_str(&format!("\n{}\n", generic(out, head, rows)));
                }
                other => text.push_str(&format!("{head}: {}\n", super::output::text_of(other))),
            }
        }
        if let Value::Array(rows) = &data { out.rows(ZONES, rows) } else { text }
    })?;
    Ok(Done::Ok)
}

/// A list of objects with whatever fields they have.
fn generic(out: &super::output::Output, head: &str, rows: &[Value]) -> String {
    if head == "zones" && rows.iter().all(|row| row.get("why").is_some()) {
        return out.rows(ZONES, rows);
    }
    super::verify::any_table(out, rows)
}
