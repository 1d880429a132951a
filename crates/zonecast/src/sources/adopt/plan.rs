//! The plan: what is new, what is here already, what cannot be.

use super::{Adoption, Found, FoundHost, FoundPool, FoundZone, Left, State, Step};
use crate::client::{Call, Client, ClientError};
use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use serde_json::{Value, json};
use std::collections::{BTreeMap, HashMap, HashSet};

/// Hosts of one bulk call: far below its limits of number and size.
pub(super) const HOSTS_AT_ONCE: usize = 2_000;
/// Zones that are looked at together; one that cannot be reached keeps the others waiting no longer.
const ZONES_TOGETHER: usize = 8;

/// Looks at what is there and says what would be added. Nothing is stored.
pub async fn plan(client: &Client, found: &Found) -> Result<Adoption, ClientError> {
    let dry = client.clone().dry_run(true);
    let zones = client.list(Call::get("zones").query("limit", 500)).await?;
    let mut steps = of_zones(client, &dry, &found.zones, &zones).await?;
    let pools = client.list(Call::get("pools")).await?;
    steps.extend(found.pools.iter().map(|pool| of_pool(pool, &pools)));
    let mut adoption = Adoption::default();
    if !found.hosts.is_empty() {
        let hosts = client.list(Call::get("hosts").query("limit", 500)).await?;
        let known: HashMap<&str, &Value> =
            hosts.iter().filter_map(|host| Some((host["fqdn"].as_str()?, host))).collect();
        let mut hosts: Vec<Step> = found.hosts.iter().map(|host| of_host(host, &known)).collect();
        let written = preview(&dry, &mut hosts).await?;
        adoption.written_at_once = at_work(&zones, &written);
        steps.extend(hosts);
    }
    let left = |left: &Left, state| Step {
        kind: left.kind,
        name: String::new(),
        detail: String::new(),
        place: left.place.clone(),
        state,
        reason: Some(left.reason.clone()),
        body: Value::Null,
    };
    steps.extend(found.left_out.iter().map(|one| left(one, State::LeftOut)));
    steps.extend(found.passed_over.iter().map(|one| left(one, State::PassedOver)));
    Ok(Adoption { steps, ..adoption })
}

async fn of_zones(
    client: &Client,
    dry: &Client,
    found: &[FoundZone],
    zones: &[Value],
) -> Result<Vec<Step>, ClientError> {
    let connections = client.list(Call::get("connections")).await?;
    let steps: Vec<_> = found.iter().map(|zone| of_zone(dry, zone, zones, &connections)).collect();
    stream::iter(steps).buffered(ZONES_TOGETHER).try_collect().await
}

async fn of_zone(
    dry: &Client,
    found: &FoundZone,
    zones: &[Value],
    connections: &[Value],
) -> Result<Step, ClientError> {
    let name = found.name.to_string();
    let mut step = Step {
        kind: "zone",
        name: name.clone(),
        detail: found.account(),
        place: found.place.clone(),
        state: State::New,
        reason: None,
        body: json!({ "name": name, "state": "paused" }),
    };
    if let Some(id) = &found.zone_id {
        step.body["provider_zone_id"] = json!(id);
    }
    if zones.iter().any(|zone| zone["name"] == name && is_at(zone, found)) {
        step.state = State::There;
        return Ok(step);
    }
    if found.missing.is_empty() {
        let settings: BTreeMap<_, _> = found.plain.iter().chain(&found.secrets).collect();
        step.body["provider"] = json!(found.provider);
        step.body["settings"] = json!(settings);
    } else if let Some(connection) = connections.iter().find(|connection| is_at(connection, found)) {
        step.body["connection_id"] = connection["id"].clone();
    } else {
        step.leave_out(without_secret(found));
        return Ok(step);
    }
    match dry.send(Call::post("zones", step.body.clone())).await {
        Ok(_) => {}
        Err(error) => refused(&mut step, error)?,
    }
    Ok(step)
}

/// Whether a zone or connection here is at the account that was found.
fn is_at(here: &Value, found: &FoundZone) -> bool {
    let same = |(name, value): (&String, &String)| here["settings"][name.as_str()] == json!(value);
    here["provider"] == found.provider && found.plain.iter().all(same)
}

/// The ways to bring a secret that the export does not have.
fn without_secret(found: &FoundZone) -> String {
    let set: String = found.plain.iter().map(|(name, value)| format!(" --set {name}={value}")).collect();
    let secrets: String = found.missing.iter().map(|name| format!(" --secret {name}")).collect();
    format!(
        "the export has no {}: type it when asked, or add the connection first: zonecast connection add \
         '{}' --provider {}{set}{secrets}",
        found.missing.join(" and no "),
        found.account(),
        found.provider,
    )
}

/// A refusal concerns one thing; a key that may not do this, or nobody there, concerns all.
pub(super) fn refused(step: &mut Step, error: ClientError) -> Result<(), ClientError> {
    match error {
        ClientError::Problem(problem) if !matches!(problem.status, 401 | 403 | 429 | 500..) => {
            let words: Vec<String> =
                problem.errors.iter().map(|error| format!("{}: {}", error.field, error.message)).collect();
            step.leave_out(if words.is_empty() { problem.detail } else { words.join("; ") });
            Ok(())
        }
        error => Err(error),
    }
}

fn of_pool(found: &FoundPool, pools: &[Value]) -> Step {
    let prefix = found.prefix.to_string();
    let there = pools.iter().any(|pool| pool["prefix"] == prefix);
    Step {
        kind: "pool",
        detail: String::new(),
        place: found.place.clone(),
        state: if there { State::There } else { State::New },
        reason: None,
        body: json!({ "prefix": prefix }),
        name: prefix,
    }
}

fn of_host(found: &FoundHost, known: &HashMap<&str, &Value>) -> Step {
    let body = found.body();
    let name = found.fqdn.to_string();
    let mut step = Step {
        kind: "host",
        detail: addresses(&body),
        place: found.place.clone(),
        state: State::New,
        reason: None,
        name,
        body,
    };
    if let Some(host) = known.get(step.name.as_str()) {
        let here = addresses(&json!({ "addresses": crate::manager::addresses_of(host) }));
        step.state = State::There;
        if here != step.detail {
            step.leave_out(format!("is registered already, with {here}: zonecast host set changes it"));
        }
    }
    step
}

/// Addresses with their own reverse names, as one line.
fn addresses(body: &Value) -> String {
    let list = body["addresses"].as_array().map(Vec::as_slice).unwrap_or_default();
    let text = |one: &Value| match (one.as_str(), one["ip"].as_str(), one["reverse_name"].as_str()) {
        (None, Some(ip), Some(name)) => format!("{ip} ({name})"),
        (ip, other, _) => ip.or(other).unwrap_or_default().to_owned(),
    };
    list.iter().map(text).collect::<Vec<_>>().join(", ")
}

/// Asks the API what it thinks of the new hosts; gives the zones in which something would be written.
async fn preview(dry: &Client, hosts: &mut [Step]) -> Result<HashSet<i64>, ClientError> {
    let mut written = HashSet::new();
    let mut new: Vec<&mut Step> = hosts.iter_mut().filter(|step| step.state == State::New).collect();
    for part in new.chunks_mut(HOSTS_AT_ONCE) {
        let bodies: Vec<Value> = part.iter().map(|step| step.body.clone()).collect();
        let data = dry.send(Call::post("hosts/bulk", json!({ "hosts": bodies }))).await?.data;
        let rows = |field: &str| data[field].as_array().cloned().unwrap_or_default();
        let items =
            rows("items").into_iter().flat_map(|item| item["errors"].as_array().cloned().unwrap_or_default());
        for error in rows("left_out").into_iter().chain(items) {
            leave_out(part, &error);
        }
        let concerned = rows("zones").into_iter().filter(|zone| {
            zone["changes"].as_array().is_some_and(|changes| !changes.is_empty()) || !zone["error"].is_null()
        });
        written.extend(concerned.filter_map(|zone| zone["zone_id"].as_i64()));
    }
    Ok(written)
}

/// An error names its host by the place in the call, or by its name.
pub(super) fn leave_out(part: &mut [&mut Step], error: &Value) {
    let field = error["field"].as_str().unwrap_or_default();
    let index = field.strip_prefix("/hosts/").and_then(|rest| rest.split('/').next()?.parse::<usize>().ok());
    let by_name = || part.iter().position(|step| step.name == field);
    if let Some(at) = index.or_else(by_name).filter(|at| *at < part.len()) {
        let below = field.splitn(4, '/').nth(3).unwrap_or_default();
        let words = error["message"].as_str().unwrap_or_default();
        part[at].leave_out(format!("{below} {words}").trim().to_owned());
    }
}

/// The names of those zones that are not paused.
fn at_work(zones: &[Value], written: &HashSet<i64>) -> Vec<String> {
    let rests = |zone: &&Value| zone["state"] == "paused" || zone["connection_state"] == "paused";
    let zones = zones.iter().filter(|zone| zone["id"].as_i64().is_some_and(|id| written.contains(&id)));
    zones.filter(|zone| !rests(zone)).filter_map(|zone| zone["name"].as_str().map(str::to_owned)).collect()
}
