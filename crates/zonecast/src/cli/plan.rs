//! `zonecast plan`: what would change at the providers, and nothing is changed.

use super::connect::Context;
use super::failure::{Done, Failure};
use super::output::{Output, text_at};
use crate::client::Call;
use clap::Args;
use serde_json::Value;

/// Which plan.
#[derive(Args)]
pub struct PlanArgs {
    /// Only this zone, by id or name; without it all
    #[arg(long)]
    zone: Option<String>,
}

/// Does it; a plan that is not empty is exit code 6.
pub async fn run(args: PlanArgs, context: &Context) -> Result<Done, Failure> {
    let zone = match &args.zone {
        Some(zone) => Some(super::zone::ZONE.find(context, zone).await?),
        None => None,
    };
    ask(context, zone).await
}

/// Asks for the plan of one zone or of all, and prints it.
pub async fn ask(context: &Context, zone: Option<i64>) -> Result<Done, Failure> {
    let data = context.client.send(Call::get("plan").query_opt("zone_id", zone)).await?.data;
    print(context, &data)
}

/// Prints a plan; also what `--dry-run` gives.
pub fn print(context: &Context, data: &Value) -> Result<Done, Failure> {
    context.out.show(data, |out| text(out, data))?;
    let unread = zones(data).iter().any(|zone| zone.get("error").is_some_and(|error| !error.is_null()));
    Ok(match (data["empty"] == Value::Bool(true), unread) {
        (false, _) => Done::PlanNotEmpty,
        (true, true) => Done::Partial,
        (true, false) => Done::Ok,
    })
}

fn text(out: &Output, data: &Value) -> String {
    let mut lines = Vec::new();
    for zone in zones(data) {
        let (changes, notes) = (list(zone, "changes"), list(zone, "notes"));
        let error = text_at(zone, "/error");
        if changes.is_empty() && notes.is_empty() && error.is_empty() {
            continue;
        }
        let (name, provider, id) =
            (text_at(zone, "/zone"), text_at(zone, "/provider"), text_at(zone, "/zone_id"));
        lines.push(format!("zone {id} {name} ({provider})"));
        if !error.is_empty() {
            lines.push(format!("  {}: {error}", out.paint("failed")));
        }
        lines.extend(changes.iter().map(|change| format!("  {}", text_at(change, "/line"))));
        lines.extend(notes.iter().map(|note| {
            let words =
                [text_at(note, "/name"), text_at(note, "/type"), out.paint(&text_at(note, "/verdict"))];
            format!("  {} {}", words.join(" "), text_at(note, "/note")).trim_end().to_owned()
        }));
    }
    lines.extend(
        list(data, "left_out")
            .iter()
            .map(|left| format!("left out: {} {}", text_at(left, "/field"), text_at(left, "/message"))),
    );
    let count = |at: &str| text_at(data, at);
    lines.push(match data["empty"] == Value::Bool(true) {
        true => "nothing to do".to_owned(),
        false => format!(
            "{} to create, {} to change, {} to delete; nothing was written",
            count("/creates"),
            count("/replaces"),
            count("/deletes")
        ),
    });
    lines.join("\n")
}

fn zones(data: &Value) -> &[Value] {
    list(data, "zones")
}

fn list<'a>(value: &'a Value, field: &str) -> &'a [Value] {
    value.get(field).and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default()
}
