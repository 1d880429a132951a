//! Adding a domain, and editing what it carries beside its records.

use super::ask::Ask;
use super::domains::kind_label;
use super::inputs::{Input, owned};
use super::text::Label;
use super::visit::{Fields, Id, Shown, Visit, see_other};
use super::zone_form::number;
use crate::problem::Problem;
use crate::service::domains::{self, DomainView, KINDS};
use crate::service::view::ConnectionView;
use crate::service::{Expected, Work, connections};
use serde_json::{Map, Value, json};
use zonecast_core::OwnerState;

/// Where one comes from.
pub fn path(domain: Option<&DomainView>) -> Vec<(String, Label)> {
    let mut path = vec![("/domains".to_owned(), Label::new("Domains", "Domains"))];
    if let Some(domain) = domain {
        path.push((format!("/domains/{}", domain.id), Label::new(&domain.name, &domain.name_unicode)));
    }
    path
}

/// The page of a domain with the log of what was begun.
pub fn to_domain(work: &Work<DomainView>) -> String {
    let job = work.job_id.map(|job| format!("?job={job}")).unwrap_or_default();
    format!("/domains/{}{job}", work.data.id)
}

/// The fields both forms have. `chosen` are the connections that are ticked.
fn inputs(visit: &Visit, value: impl Fn(&str) -> String, chosen: Vec<String>) -> Vec<Input> {
    let kinds = KINDS.iter().map(|kind| ((*kind).to_owned(), kind_label(kind))).collect();
    let mut inputs = vec![
        Input::select("type", "Type", &value("type"), kinds),
        Input::lines("addresses", "Addresses", value("addresses"))
            .hint("192.0.2.80\n2001:db8::80")
            .help("one on each line; the template makes A and AAAA records of them"),
    ];
    let called = |one: ConnectionView| {
        let provider = super::zones::provider_label(&one.provider);
        (one.id.to_string(), format!("{} ({provider})", one.name))
    };
    let mut options: Vec<(String, String)> =
        connections::that_make_zones(visit).into_iter().map(called).collect();
    for id in &chosen {
        if !options.iter().any(|(known, _)| known == id) {
            options.push((id.clone(), format!("connection {id}")));
        }
    }
    if !options.is_empty() {
        inputs.push(
            Input::checks("create_at", "Make its zone where it is missing", chosen, options)
                .help("where nothing is ticked, its records go to the zones that are there"),
        );
    }
    inputs.extend([
        Input::text("ttl", "TTL", value("ttl"))
            .hint("default")
            .help("in seconds, for records without their own"),
        Input::select(
            "managed",
            "Managed",
            &value("managed"),
            owned(&[
                ("owned", "owned: values of others in its zone stay"),
                ("full", "full: what nobody here asks for goes, but SOA and NS"),
            ]),
        ),
        Input::check("manage_ns_soa", "SOA and the NS of the apex follow the domain", {
            !value("manage_ns_soa").is_empty()
        }),
    ]);
    inputs
}

/// The body of the API's call that this form stands for.
fn body(fields: &Fields) -> Map<String, Value> {
    let lines = fields.get("addresses").lines().map(str::trim).filter(|line| !line.is_empty());
    let ids: Vec<Value> = fields.all("create_at").iter().map(|id| number(id)).collect();
    let mut body = Map::new();
    body.insert("addresses".to_owned(), lines.collect());
    body.insert("create_at".to_owned(), ids.into());
    body.insert("ttl".to_owned(), number(fields.get("ttl")));
    body.insert("manage_ns_soa".to_owned(), fields.is_on("manage_ns_soa").into());
    for name in ["type", "managed"] {
        if let Some(value) = fields.given(name) {
            body.insert(name.to_owned(), value.into());
        }
    }
    body
}

async fn new_form(visit: &Visit, fields: &Fields, problem: Option<&Problem>) -> Shown {
    let mut all = vec![
        Input::text("name", "Domain", fields.get("name"))
            .required(true)
            .hint("example.com")
            .help("in any script"),
    ];
    all.extend(inputs(visit, |name| fields.get(name).to_owned(), fields.all("create_at")));
    let states = OwnerState::OF_DOMAINS.iter();
    let states = states.map(|state| (state.to_string(), state.as_str().replace('_', " "))).collect();
    all.push(
        Input::select("state", "State", fields.get("state"), states)
            .help("only an active domain is written to a service for the first time"),
    );
    let ask = Ask {
        title: "Add domain".to_owned(),
        section: "domains",
        path: path(None),
        words: "A domain with addresses starts from the template: web, mail and SPF records.".to_owned(),
        inputs: all,
        action: "/domains".to_owned(),
        button: "Add domain",
        ..Ask::default()
    };
    ask.show(visit, Some(fields), problem).await
}

/// The empty form.
pub async fn new_page(visit: Visit, fields: Fields) -> Shown {
    new_form(&visit, &fields, None).await
}

/// Adds the domain (S4.41, S4.47-61).
pub async fn add(visit: Visit, fields: Fields) -> Shown {
    let mut body = body(&fields);
    body.retain(|_, value| !value.is_null() && *value != json!([]) && *value != json!(false));
    for name in ["name", "state"] {
        if let Some(value) = fields.given(name) {
            body.insert(name.to_owned(), value.into());
        }
    }
    match domains::create(&visit, &visit.caller, &Value::Object(body)).await {
        Ok(work) => {
            visit.say(true, format!("{} is added", work.data.name_unicode));
            Ok(see_other(&to_domain(&work)))
        }
        Err(problem) => new_form(&visit, &fields, Some(&problem)).await,
    }
}

async fn edit_form(
    visit: &Visit,
    domain: &DomainView,
    given: Option<&Fields>,
    problem: Option<&Problem>,
) -> Shown {
    let stored = |name: &str| match name {
        "type" => domain.kind.clone(),
        "addresses" => domain.addresses.join("\n"),
        "ttl" => domain.ttl.map(|ttl| ttl.to_string()).unwrap_or_default(),
        "managed" => json!(domain.managed).as_str().unwrap_or_default().to_owned(),
        "manage_ns_soa" if domain.manage_ns_soa => "1".to_owned(),
        _ => String::new(),
    };
    let value = |name: &str| given.map_or_else(|| stored(name), |fields| fields.get(name).to_owned());
    let chosen = match given {
        Some(fields) => fields.all("create_at"),
        None => domain.create_at.iter().map(ToString::to_string).collect(),
    };
    let ask = Ask {
        title: format!("Edit {}", domain.name_unicode),
        section: "domains",
        path: path(Some(domain)),
        words: "Its records stay as they are; to put another address into them, change the address."
            .to_owned(),
        inputs: inputs(visit, value, chosen),
        action: format!("/domains/{}", domain.id),
        button: "Save",
        version: Some(domain.version),
        ..Ask::default()
    };
    ask.show(visit, given, problem).await
}

/// The form with what is stored.
pub async fn edit_page(visit: Visit, Id(id): Id) -> Shown {
    let domain = domains::get(&visit, id).await?;
    edit_form(&visit, &domain, None, None).await
}

/// Saves it.
pub async fn save(visit: Visit, Id(id): Id, fields: Fields) -> Shown {
    let expected = Expected(fields.id("version"));
    match domains::patch(&visit, &visit.caller, id, &Value::Object(body(&fields)), expected).await {
        Ok(work) => {
            visit.say(true, format!("{} is saved", work.data.name_unicode));
            Ok(see_other(&to_domain(&work)))
        }
        Err(problem) => {
            let domain = domains::get(&visit, id).await?;
            edit_form(&visit, &domain, Some(&fields), Some(&problem)).await
        }
    }
}
