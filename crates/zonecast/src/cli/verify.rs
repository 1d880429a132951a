//! `zonecast verify`: ask the zone's name servers whether a name is served as wanted.

use super::connect::Context;
use super::failure::{Done, Failure};
use super::output::{Column, text_at};
use crate::client::Call;
use crate::manager::is_served;
use clap::Args;
use serde_json::Value;

/// A name to verify.
#[derive(Args)]
pub struct VerifyArgs {
    /// A name, or an address (its reverse name is meant)
    name: String,
    /// Only this type
    #[arg(long = "type", value_name = "TYPE")]
    rtype: Option<String>,
}

const ANSWERS: &[Column] = &[
    ("SERVER", "/server"),
    ("ZONE", "/zone"),
    ("NAME", "/name"),
    ("TYPE", "/type"),
    ("WANTED", "/wanted"),
    ("ANSWERED", "/values"),
    ("TTL", "/ttl"),
    ("RCODE", "/rcode"),
    ("RESULT", "/result"),
    ("ERROR", "/error"),
];

/// Does it; a name that is not served as wanted is exit code 1.
pub async fn run(args: VerifyArgs, context: &Context) -> Result<Done, Failure> {
    let call = Call::get("verify").query("name", &args.name).query_opt("type", args.rtype);
    let data = context.client.send(call).await?.data;
    let served = is_served(&data);
    context.out.show(&data, |out| {
        let verdict = out.paint(if served { "ok" } else { "failed" });
        let rows = data.get("answers").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
        let table = if rows.is_empty() { String::new() } else { format!("\n{}", out.rows(ANSWERS, rows)) };
        format!("{verdict}: {}{table}", text_at(&data, "/message"))
    })?;
    Ok(if served { Done::Ok } else { Done::Failed })
}
