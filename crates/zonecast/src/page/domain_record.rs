//! One record set of a domain: added, edited, removed (S4.68-71).
//!
//! The services know a domain's records as a whole. So a form for one of them sends the whole again,
//! with the version it was read at: two people at two records do not undo each other.

use super::ask::Ask;
use super::domain_form::{path, to_domain};
use super::inputs::Input;
use super::text::Label;
use super::visit::{Fields, Id, Shown, Visit, see_other};
use super::zone_form::number;
use crate::problem::{FieldProblem, Problem};
use crate::service::Expected;
use crate::service::domains::{self, DomainSetView, DomainView};
use serde_json::{Value, json};

/// Types that are suggested; any other can be typed.
const TYPES: [&str; 14] =
    ["A", "AAAA", "CNAME", "MX", "TXT", "NS", "SRV", "CAA", "PTR", "TLSA", "SSHFP", "DS", "HTTPS", "SVCB"];

/// Where the set of this name and type stands in the domain.
fn place(domain: &DomainView, name: &str, rtype: &str) -> Option<usize> {
    domain.record_set.iter().position(|set| set.name == name && set.rtype == rtype)
}

/// The form: empty, for the set in the query, or with what was typed.
async fn form(
    visit: &Visit,
    domain: &DomainView,
    old: Option<&DomainSetView>,
    given: Option<&Fields>,
    problem: Option<&Problem>,
) -> Shown {
    let stored = |field: &str| match (old, field) {
        (Some(set), "name") => Label::of(&set.name).text,
        (Some(set), "type") => set.rtype.clone(),
        (Some(set), "values") => set.values.join("\n"),
        (Some(set), "ttl") => set.ttl.map(|ttl| ttl.to_string()).unwrap_or_default(),
        _ => String::new(),
    };
    let value = |field: &str| given.map_or_else(|| stored(field), |fields| fields.get(field).to_owned());
    let title = match old {
        Some(set) => format!("Edit {} {}", Label::of(&set.name).text, set.rtype),
        None => format!("Add a record to {}", domain.name_unicode),
    };
    let mut ask = Ask {
        title,
        section: "domains",
        path: path(Some(domain)),
        inputs: vec![
            Input::text("name", "Name", value("name"))
                .required(true)
                .hint(&format!("www.{}", domain.name_unicode))
                .help("the whole name, or @ for the domain itself"),
            Input::text("type", "Type", value("type")).required(true).hint("A").suggest(&TYPES),
            Input::lines("values", "Values", value("values"))
                .required(true)
                .hint("192.0.2.80")
                .help("one on each line, as zone files write them: 10 mail.example.com"),
            Input::text("ttl", "TTL", value("ttl")).hint("default").help("in seconds; empty: the domain's"),
        ],
        action: format!("/domains/{}/record", domain.id),
        button: if old.is_some() { "Save" } else { "Add record" },
        version: Some(domain.version),
        ..Ask::default()
    };
    if let Some(set) = old {
        ask.hidden = vec![("was_name", set.name.clone()), ("was_type", set.rtype.clone())];
        ask.other = Some((format!("/domains/{}/record/remove", domain.id), "Remove record"));
    }
    ask.show(visit, given, problem).await
}

/// The form.
pub async fn form_page(visit: Visit, Id(id): Id, fields: Fields) -> Shown {
    let domain = domains::get(&visit, id).await?;
    let old = match fields.given("name") {
        None => None,
        Some(name) => {
            let at = place(&domain, &name, fields.get("type"));
            let missing = || Problem::new(404, format!("{} has no such record", domain.name_unicode));
            Some(at.map(|at| &domain.record_set[at]).ok_or_else(missing)?)
        }
    };
    form(&visit, &domain, old, None, None).await
}

/// A set as the API's body has it.
fn body_of(set: &DomainSetView) -> Value {
    json!({ "name": set.name, "type": set.rtype, "values": set.values, "ttl": set.ttl })
}

/// Adds the record, or puts it in the place of the one it was (S4.70).
pub async fn save(visit: Visit, Id(id): Id, fields: Fields) -> Shown {
    let domain = domains::get(&visit, id).await?;
    let at = place(&domain, fields.get("was_name"), fields.get("was_type"));
    let old = at.map(|at| &domain.record_set[at]);
    let values = fields.get("values").lines().map(str::trim).filter(|line| !line.is_empty());
    let new = json!({ "name": fields.get("name"), "type": fields.get("type").to_uppercase(),
        "values": values.collect::<Vec<_>>(), "ttl": number(fields.get("ttl")) });
    let mut records: Vec<Value> = domain.record_set.iter().map(body_of).collect();
    let at = match at {
        Some(at) => {
            records[at] = new;
            at
        }
        None => {
            records.push(new);
            records.len() - 1
        }
    };
    let expected = Expected(fields.id("version"));
    let body = json!({ "records": records });
    match domains::patch(&visit, &visit.caller, id, &body, expected).await {
        Ok(work) => {
            let words = if old.is_some() { "is changed" } else { "is added" };
            visit.say(true, format!("{} {} {words}", fields.get("name"), fields.get("type")));
            Ok(see_other(&to_domain(&work)))
        }
        Err(problem) => {
            let problem = about(problem, at, &domain);
            form(&visit, &domain, old, Some(&fields), Some(&problem)).await
        }
    }
}

/// The errors of the whole, as those of the one record this form is about; others name their record.
fn about(mut problem: Problem, at: usize, domain: &DomainView) -> Problem {
    let own = format!("/records/{at}");
    for error in &mut problem.errors {
        let rest = error.field.strip_prefix(&own).filter(|rest| rest.is_empty() || rest.starts_with('/'));
        if let Some(rest) = rest {
            error.field = if rest.is_empty() { "/name".to_owned() } else { rest.to_owned() };
        } else if let Some(other) = other_record(error, domain) {
            error.message = format!("{} {}: {}", other.name, other.rtype, error.message);
            error.field = String::new();
        }
    }
    problem
}

fn other_record<'a>(error: &FieldProblem, domain: &'a DomainView) -> Option<&'a DomainSetView> {
    let index = error.field.strip_prefix("/records/")?.split('/').next()?.parse::<usize>().ok()?;
    domain.record_set.get(index)
}

/// Takes the record away (S4.71).
pub async fn remove(visit: Visit, Id(id): Id, fields: Fields) -> Shown {
    let domain = domains::get(&visit, id).await?;
    let (name, rtype) = (fields.get("was_name"), fields.get("was_type"));
    let missing = || Problem::new(404, format!("{} has no such record", domain.name_unicode));
    let at = place(&domain, name, rtype).ok_or_else(missing)?;
    let mut records: Vec<Value> = domain.record_set.iter().map(body_of).collect();
    records.remove(at);
    let expected = Expected(fields.id("version"));
    match domains::patch(&visit, &visit.caller, id, &json!({ "records": records }), expected).await {
        Ok(work) => {
            visit.say(true, format!("{} {rtype} is removed", Label::of(name).text));
            Ok(see_other(&to_domain(&work)))
        }
        Err(problem) => form(&visit, &domain, Some(&domain.record_set[at]), None, Some(&problem)).await,
    }
}
