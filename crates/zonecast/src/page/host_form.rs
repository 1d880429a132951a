//! Adding and editing a host.

use super::inputs::{Input, Summary};
use super::shell::Shell;
use super::text::Label;
use super::visit::{Fields, Id, Shown, Visit, see_other, show_as};
use super::zone_form::number;
use crate::problem::Problem;
use crate::service::view::HostView;
use crate::service::{Expected, hosts};
use askama::Template;
use axum::http::StatusCode;
use serde_json::{Map, Value, json};

#[derive(Template)]
#[template(path = "host_form.html")]
struct FormPage {
    shell: Shell,
    summary: Summary,
    inputs: Vec<Input>,
    /// The host that is changed; a new one has none.
    id: Option<i64>,
    version: i64,
    conflict: bool,
}

fn inputs(value: impl Fn(&str) -> String) -> Vec<Input> {
    let policies = [("all", "all addresses"), ("first", "the first IPv4 and the first IPv6 address")];
    let policies = policies.iter().map(|(value, label)| ((*value).to_owned(), (*label).to_owned())).collect();
    vec![
        Input::text("fqdn", "Name", value("fqdn"))
            .required(true)
            .hint("vm-1.example.com")
            .help("the whole name, in any script"),
        Input::lines("addresses", "Addresses", value("addresses"))
            .hint("192.0.2.10\n2001:db8::10 mail.example.com")
            .help("one on each line; behind an address its own reverse name, if it has one"),
        Input::text("ttl", "TTL", value("ttl")).hint("default").help("in seconds; empty: that of the zone"),
        Input::select("address_policy", "Forward records for", &value("address_policy"), policies),
    ]
}

/// The body of the API's call that this form stands for.
fn body(fields: &Fields, new: bool) -> Value {
    let lines = fields.get("addresses").lines().map(str::trim).filter(|line| !line.is_empty());
    let address = |line: &str| match line.split_once(char::is_whitespace) {
        Some((ip, name)) => json!({ "ip": ip, "reverse_name": name.trim() }),
        // The form shows every reverse name: one that was taken out of it shall go.
        None => json!({ "ip": line, "reverse_name": null }),
    };
    let mut body = Map::new();
    body.insert("fqdn".to_owned(), fields.given("fqdn").map_or(Value::Null, Value::from));
    body.insert("addresses".to_owned(), lines.map(address).collect());
    body.insert("ttl".to_owned(), number(fields.get("ttl")));
    body.insert("address_policy".to_owned(), fields.given("address_policy").map_or(Value::Null, Value::from));
    if new {
        body.retain(|_, value| !value.is_null());
    }
    Value::Object(body)
}

async fn form(
    visit: &Visit,
    host: Option<&HostView>,
    given: Option<&Fields>,
    problem: Option<Problem>,
) -> Shown {
    let stored = host.map(stored).unwrap_or_default();
    let mut inputs = inputs(|name| match given {
        Some(fields) => fields.get(name).to_owned(),
        None => stored.get(name).and_then(Value::as_str).unwrap_or_default().to_owned(),
    });
    let conflict = problem.as_ref().is_some_and(|problem| problem.status == 412);
    let status = problem.as_ref().and_then(|problem| StatusCode::from_u16(problem.status).ok());
    let summary = match problem.as_ref().filter(|_| !conflict) {
        Some(problem) => Summary::of(&mut inputs, problem),
        None => Summary::none(),
    };
    let title = match host {
        Some(host) => format!("Edit {}", host.fqdn_unicode),
        None => "Add host".to_owned(),
    };
    let present = host.map_or(0, |host| host.version);
    let page = FormPage {
        summary,
        inputs,
        id: host.map(|host| host.id),
        version: match given {
            Some(fields) if !conflict => fields.id("version").unwrap_or(present),
            _ => present,
        },
        conflict,
        shell: visit.shell(&title, "hosts").await?,
    };
    show_as(status.unwrap_or(StatusCode::OK), &page)
}

/// A host as the form's fields hold it.
fn stored(host: &HostView) -> Map<String, Value> {
    let line = |address: &crate::service::view::AddressView| match &address.reverse_name {
        Some(name) => format!("{} {}", address.ip, Label::of(name).text),
        None => address.ip.clone(),
    };
    let lines: Vec<String> = host.addresses.iter().map(line).collect();
    let mut stored = Map::new();
    stored.insert("fqdn".to_owned(), host.fqdn_unicode.as_str().into());
    stored.insert("addresses".to_owned(), lines.join("\n").into());
    stored.insert("ttl".to_owned(), host.ttl.map(|ttl| ttl.to_string()).unwrap_or_default().into());
    stored.insert("address_policy".to_owned(), host.address_policy.as_str().into());
    stored
}

/// The empty form.
pub async fn new_page(visit: Visit) -> Shown {
    form(&visit, None, None, None).await
}

/// Registers the host.
pub async fn add(visit: Visit, fields: Fields) -> Shown {
    match hosts::register(&visit, &visit.caller, &body(&fields, true)).await {
        Ok(work) => {
            visit.say(true, format!("{} is registered", work.data.fqdn_unicode));
            let job = work.job_id.map(|job| format!("?job={job}")).unwrap_or_default();
            Ok(see_other(&format!("/hosts/{}{job}", work.data.id)))
        }
        Err(problem) => form(&visit, None, Some(&fields), Some(problem)).await,
    }
}

/// The form of a host that is there.
pub async fn edit_page(visit: Visit, Id(id): Id) -> Shown {
    let host = hosts::get(&visit, id).await?;
    form(&visit, Some(&host), None, None).await
}

/// Saves it.
pub async fn save(visit: Visit, Id(id): Id, fields: Fields) -> Shown {
    let expected = Expected(fields.id("version"));
    match hosts::patch(&visit, &visit.caller, id, &body(&fields, false), expected).await {
        Ok(work) => {
            visit.say(true, format!("{} is saved", work.data.fqdn_unicode));
            let job = work.job_id.map(|job| format!("?job={job}")).unwrap_or_default();
            Ok(see_other(&format!("/hosts/{id}{job}")))
        }
        Err(problem) => {
            let host = hosts::get(&visit, id).await?;
            form(&visit, Some(&host), Some(&fields), Some(problem)).await
        }
    }
}
