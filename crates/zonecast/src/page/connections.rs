//! Connections: accounts at providers.

use super::inputs::{Input, Summary};
use super::session::Flash;
use super::shell::Shell;
use super::text::{Badge, moment};
use super::visit::{Fields, Id, Shown, Visit, see_other, show, show_as};
use super::zone_form::{settings_body, typed_inputs, value_of};
use super::zones::{back, provider_label, told};
use crate::problem::Problem;
use crate::service::view::ConnectionView;
use crate::service::{Expected, connections, pause as pausing};
use askama::Template;
use axum::http::StatusCode;
use axum::response::Response;
use serde_json::json;

struct ConnectionRow {
    view: ConnectionView,
    provider: Badge,
    state: Badge,
    until: Option<String>,
}

#[derive(Template)]
#[template(path = "connections.html")]
struct ConnectionsPage {
    shell: Shell,
    connections: Vec<ConnectionRow>,
}

/// The list.
pub async fn list_page(visit: Visit) -> Shown {
    let row = |view: ConnectionView| ConnectionRow {
        provider: Badge::plain(provider_label(&view.provider)),
        state: Badge::of(view.state),
        until: view.open_until.as_deref().map(moment),
        view,
    };
    show(&ConnectionsPage {
        connections: connections::list(&visit).into_iter().map(row).collect(),
        shell: visit.shell("Connections", "connections").await?,
    })
}

/// Tests the account at the first of its zones.
pub async fn test(visit: Visit, Id(id): Id, fields: Fields) -> Shown {
    let name = connections::get(&visit, id).await?.name;
    let report = connections::test(&visit, id, &json!({})).await?;
    let flash =
        Flash { good: report.ok, text: format!("Test of {name}: {}", report.message), lines: report.advice };
    told(&visit, flash, &back(&fields, "/connections"))
}

/// Stops writing through it.
pub async fn pause(visit: Visit, Id(id): Id) -> Response {
    let result = pausing::connection(&visit, &visit.caller, id, true).await;
    visit.done(result.map(|view| format!("{} is paused", view.name)), "/connections")
}

/// Goes on.
pub async fn resume(visit: Visit, Id(id): Id) -> Response {
    let result = pausing::connection(&visit, &visit.caller, id, false).await;
    visit.done(result.map(|view| format!("{} goes on", view.name)), "/connections")
}

#[derive(Template)]
#[template(path = "connection_edit.html")]
struct EditPage {
    shell: Shell,
    summary: Summary,
    id: i64,
    provider: String,
    inputs: Vec<Input>,
    version: i64,
    conflict: bool,
    zones: usize,
}

/// The form; secrets are never in it.
pub async fn edit_page(visit: Visit, Id(id): Id) -> Shown {
    let view = connections::get(&visit, id).await?;
    form(&visit, &view, None, None).await
}

/// Saves it.
pub async fn save(visit: Visit, Id(id): Id, fields: Fields) -> Shown {
    let view = connections::get(&visit, id).await?;
    let mut body = json!({ "settings": settings_body(&fields, &view.provider) });
    body["name"] = fields.given("name").map_or(json!(view.name), |name| json!(name));
    let expected = Expected(fields.id("version"));
    match connections::patch(&visit, &visit.caller, id, &body, expected).await {
        Ok(view) => {
            let notes: String = view.notes.iter().map(|note| format!("; {note}")).collect();
            visit.say(true, format!("{} is saved{notes}", view.name));
            Ok(see_other("/connections"))
        }
        Err(problem) => {
            form(&visit, &connections::get(&visit, id).await?, Some(&fields), Some(problem)).await
        }
    }
}

async fn form(
    visit: &Visit,
    view: &ConnectionView,
    given: Option<&Fields>,
    problem: Option<Problem>,
) -> Shown {
    let name = given.map_or_else(|| view.name.clone(), |fields| fields.get("name").to_owned());
    let mut inputs = vec![Input::text("name", "Name", name).required(true)];
    inputs.extend(typed_inputs(
        &view.provider,
        |field| value_of(field, given, &view.settings),
        Some(&view.settings),
    ));
    let conflict = problem.as_ref().is_some_and(|problem| problem.status == 412);
    let status = problem.as_ref().and_then(|problem| StatusCode::from_u16(problem.status).ok());
    let summary = match problem.as_ref().filter(|_| !conflict) {
        Some(problem) => Summary::of(&mut inputs, problem),
        None => Summary::none(),
    };
    let page = EditPage {
        summary,
        id: view.id,
        provider: provider_label(&view.provider),
        inputs,
        version: match given {
            Some(fields) if !conflict => fields.id("version").unwrap_or(view.version),
            _ => view.version,
        },
        conflict,
        zones: view.zones,
        shell: visit.shell(&format!("Edit {}", view.name), "connections").await?,
    };
    show_as(status.unwrap_or(StatusCode::OK), &page)
}
