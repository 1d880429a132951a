//! `zonecast verify`: ask the zone's name servers whether a name is served as wanted.

use super::connect::Context;
use super::failure::{Done, Failure};
use super::output::{Output, text_at, text_of};
use crate::client::Call;
use crate::manager::is_served;
use clap::Args;
use serde_json::Value;

/// A name to verify.
#[derive(Args)]
pub struct VerifyArgs {
    /// The name
    name: String,
    /// Only this type
    #[arg(long = "type", value_name = "TYPE")]
    rtype: Option<String>,
}

/// Does it; a name that is not served as wanted is exit code 1.
pub async fn run(args: VerifyArgs, context: &Context) -> Result<Done, Failure> {
    let call = Call::get("verify").query("name", &args.name).query_opt("type", args.rtype);
    let data = context.client.send(call).await?.data;
    let served = is_served(&data);
    context.out.show(&data, |out| {
        let verdict = if served { out.paint("served") } else { out.paint("failed") };
        let mut text = format!("{}: {verdict} {}", args.name, text_at(&data, "/message"));
        for rows in data.as_object().into_iter().flatten().filter_map(|(_, value)| value.as_array()) {
            if !rows.is_empty() && rows.iter().all(Value::is_object) {
                text.push_str(&format!("\n{}", any_table(out, rows)));
            }
        }
        text
    })?;
    Ok(if served { Done::Ok } else { Done::Failed })
}

/// A list of objects with whatever fields they have, in the order of the first that has them.
pub fn any_table(out: &Output, rows: &[Value]) -> String {
    let mut heads: Vec<String> = Vec::new();
    for key in rows.iter().filter_map(Value::as_object).flat_map(|row| row.keys()) {
        if !heads.contains(key) {
            heads.push(key.clone());
        }
    }
    let cells = rows.iter().map(|row| heads.iter().map(|head| row.get(head).map(text_of).unwrap_or_default()).collect());
    let titles: Vec<String> = heads.iter().map(|head| head.replace('_', " ").to_uppercase()).collect();
    let titles: Vec<&str> = titles.iter().map(String::as_str).collect();
    out.table(&titles, cells.collect())
}
