//! `zonecast plan`: what would change at the providers, and nothing is changed.

use super::connect::Context;
use super::failure::{Done, Failure};
use super::output::{Output, text_at, text_of};
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
    let changes = count(data);
    context.out.show(data, |out| text(out, data, changes))?;
    Ok(if changes == 0 { Done::Ok } else { Done::PlanNotEmpty })
}

fn text(out: &Output, data: &Value, changes: usize) -> String {
    let mut lines = Vec::new();
    for zone in zones(data) {
        let changes = list(zone);
        let error = text_at(zone, "/error");
        if changes.is_empty() && error.is_empty() {
            continue;
        }
        let name = [text_at(zone, "/zone"), text_at(zone, "/name")].into_iter().find(|t| !t.is_empty());
        let provider = text_at(zone, "/provider");
        lines.push(format!("{} ({provider}) {}", name.unwrap_or_default(), text_at(zone, "/zone_id")).trim().to_owned());
        if !error.is_empty() {
            lines.push(format!("  {} {error}", out.paint("failed")));
        }
        lines.extend(changes.iter().map(|change| format!("  {}", line(change))));
    }
    match changes {
        0 if lines.is_empty() => lines.push("nothing to do".to_owned()),
        1 => lines.push("1 change; nothing was written".to_owned()),
        n => lines.push(format!("{n} changes; nothing was written")),
    }
    lines.join("\n")
}

/// A change as the API shows it: a line, or an object that names what it does.
fn line(change: &Value) -> String {
    for field in ["text", "line"] {
        if let Some(text) = change.get(field).and_then(Value::as_str) {
            return text.to_owned();
        }
    }
    let Some(fields) = change.as_object() else { return text_of(change) };
    let sign = match text_at(change, "/action").as_str() {
        "create" | "add" => "+".to_owned(),
        "delete" | "remove" => "-".to_owned(),
        "replace" | "change" | "update" => "~".to_owned(),
        other => other.to_owned(),
    };
    let mut words = vec![sign, text_at(change, "/name"), text_at(change, "/type")];
    for (key, value) in fields.iter().filter(|(key, _)| !["action", "name", "type"].contains(&key.as_str())) {
        words.push(format!("{key}={}", text_of(value)));
    }
    words.join(" ")
}

fn zones(data: &Value) -> Vec<&Value> {
    match data {
        Value::Array(zones) => zones.iter().collect(),
        other => match other.get("zones").or_else(|| other.get("plan")) {
            Some(Value::Array(zones)) => zones.iter().collect(),
            Some(plan) => vec![plan],
            None => vec![other],
        },
    }
}

fn list(zone: &Value) -> &[Value] {
    zone.get("changes").and_then(Value::as_array).map_or(&[], Vec::as_slice)
}

fn count(data: &Value) -> usize {
    zones(data).into_iter().map(|zone| list(zone).len()).sum()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn changes_are_counted_over_all_zones() {
        let one = json!({"zone": "example.com", "changes": [{"action": "create"}]});
        assert_eq!((count(&one), count(&json!([one, one])), count(&json!({"zones": [one]}))), (1, 2, 1));
        assert_eq!(count(&json!({"zones": []})), 0);
    }
}
