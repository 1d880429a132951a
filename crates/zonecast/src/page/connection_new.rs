//! Adding an account at a provider without a zone: domains make their zones at such a one.

use super::inputs::{Input, Summary};
use super::shell::Shell;
use super::visit::{Fields, Shown, Visit, see_other, show_as};
use super::zone_form::{chosen_kind, setting, settings_body, typed_inputs};
use crate::problem::Problem;
use crate::service::connections;
use askama::Template;
use axum::http::StatusCode;
use serde_json::{Value, json};
use zonecast_providers::fields::kinds;

#[derive(Template)]
#[template(path = "connection_new.html")]
struct NewPage {
    shell: Shell,
    summary: Summary,
    inputs: Vec<Input>,
    provider: String,
    kinds: Vec<(&'static str, &'static str)>,
}

async fn form(visit: &Visit, fields: &Fields, problem: Option<&Problem>) -> Shown {
    let chosen = chosen_kind(fields)?;
    let name = Input::text("name", "Name", fields.get("name"));
    let mut inputs = vec![name.required(true).hint("ns-main").help("what people here call the account")];
    inputs.extend(typed_inputs(chosen.name, |field| fields.get(&setting(field)).to_owned(), None));
    let status = problem.and_then(|problem| StatusCode::from_u16(problem.status).ok());
    let page = NewPage {
        summary: problem.map_or_else(Summary::none, |problem| Summary::of(&mut inputs, problem)),
        inputs,
        provider: chosen.name.to_owned(),
        kinds: kinds().iter().map(|kind| (kind.name, kind.label)).collect(),
        shell: visit.shell("Add connection", "connections").await?,
    };
    show_as(status.unwrap_or(StatusCode::OK), &page)
}

/// The empty form, or the same for another type with what was typed already.
pub async fn new_page(visit: Visit, fields: Fields) -> Shown {
    form(&visit, &fields, None).await
}

/// Adds the account.
pub async fn add(visit: Visit, fields: Fields) -> Shown {
    let provider = chosen_kind(&fields)?.name;
    let mut settings = settings_body(&fields, provider);
    settings.retain(|_, value| !value.is_null());
    let mut body = json!({ "provider": provider, "settings": Value::Object(settings) });
    if let Some(name) = fields.given("name") {
        body["name"] = name.into();
    }
    match connections::create(&visit, &visit.caller, &body).await {
        Ok(connection) => {
            visit.say(true, format!("connection {} is added", connection.name));
            Ok(see_other("/connections"))
        }
        Err(problem) => form(&visit, &fields, Some(&problem)).await,
    }
}
