//! Adding and editing a zone: a form whose fields follow the type (S2.13-32).
//!
//! Fields, labels and help come from `zonecast_providers::fields`, the same list that the API and the
//! command line use. Secrets have no value in the form, neither stored ones nor those just typed.

use super::inputs::{Input, Summary};
use super::session::Flash;
use super::shell::Shell;
use super::text::Label;
use super::visit::{Fields, Id, Shown, Visit, see_other, show, show_as};
use super::zones::{flash_of, provider_label};
use crate::problem::Problem;
use crate::service::secrets::KEEP;
use crate::service::view::ZoneView;
use crate::service::zones::{self, EMBEDDED};
use crate::service::{Expected, connections, zone_new};
use crate::settings::ZoneSettings;
use askama::Template;
use axum::http::StatusCode;
use serde_json::{Map, Value, json};
use zonecast_engine::describe;
use zonecast_providers::fields::{Field, Kind, kind, kinds};

#[derive(Template)]
#[template(path = "zone_new.html")]
struct NewPage {
    shell: Shell,
    summary: Summary,
    inputs: Vec<Input>,
    typed: Vec<Input>,
    policy: Vec<Input>,
    provider: String,
    kinds: Vec<(&'static str, &'static str)>,
    hint: &'static str,
    flash: Option<Flash>,
}

#[derive(Template)]
#[template(path = "zone_edit.html")]
struct EditPage {
    shell: Shell,
    summary: Summary,
    id: i64,
    name: Label,
    provider: String,
    connection: String,
    typed: Vec<Input>,
    policy: Vec<Input>,
    version: i64,
    hint: &'static str,
    conflict: bool,
    others: usize,
}

/// The empty form; `?type=` chooses the provider.
pub async fn new_page(visit: Visit, fields: Fields) -> Shown {
    new_form(&visit, &fields, None, None, StatusCode::OK).await
}

/// The same form for another type, with what was typed already.
pub async fn other_type(visit: Visit, fields: Fields) -> Shown {
    new_form(&visit, &fields, None, None, StatusCode::OK).await
}

/// Tests the form before it is saved, with its own secrets only.
pub async fn test(visit: Visit, fields: Fields) -> Shown {
    match zones::test_unsaved(&visit, &visit.caller, &new_body(&fields)).await {
        Ok(report) => {
            let flash = flash_of(&Label::of(fields.get("name").trim_end_matches('.')).text, report);
            if visit.fragment {
                return show(&super::error::Toast { flash });
            }
            new_form(&visit, &fields, None, Some(flash), StatusCode::OK).await
        }
        Err(problem) if visit.fragment => Err(problem.into()),
        Err(problem) => {
            new_form(&visit, &fields, Some(problem), None, StatusCode::UNPROCESSABLE_ENTITY).await
        }
    }
}

/// Adds the zone.
pub async fn add(visit: Visit, fields: Fields) -> Shown {
    match zone_new::create(&visit, &visit.caller, &new_body(&fields)).await {
        Ok(zone) => {
            let mut text = format!("zone {} is added", zone.name_unicode);
            note_url(&mut text, &fields, &zone);
            if let Some(conflicts) = zone.conflicts.filter(|conflicts| *conflicts > 0) {
                text.push_str(&format!(
                    "; {conflicts} of our keys hold values of others there: nothing is written at them"
                ));
            }
            visit.say(true, text);
            Ok(see_other(&format!("/zones/{}", zone.id)))
        }
        Err(problem) => {
            let status = StatusCode::from_u16(problem.status).unwrap_or(StatusCode::UNPROCESSABLE_ENTITY);
            new_form(&visit, &fields, Some(problem), None, status).await
        }
    }
}

/// Says how a URL was written down, where that is not how it was typed.
fn note_url(text: &mut String, fields: &Fields, zone: &ZoneView) {
    for field in kind(&zone.provider).map(|kind| kind.fields).unwrap_or_default() {
        let typed = fields.get(&setting(field));
        let stored = zone.settings.get(field.name).and_then(Value::as_str).unwrap_or_default();
        if field.is_endpoint && !typed.is_empty() && typed != stored {
            text.push_str(&format!("; {} is stored as {stored}", field.label));
        }
    }
}

async fn new_form(
    visit: &Visit,
    fields: &Fields,
    problem: Option<Problem>,
    flash: Option<Flash>,
    status: StatusCode,
) -> Shown {
    let kinds = kinds();
    let chosen = chosen_kind(fields)?;
    let name = Input::text("name", "Zone", fields.get("name"))
        .required(true)
        .hint("example.com or 2.0.192.in-addr.arpa")
        .help("as the provider has it; a final dot does not matter");
    let mut inputs = vec![name];
    inputs.extend(connection_input(visit, &chosen, fields));
    let mut typed = typed_inputs(chosen.name, |field| fields.get(&setting(field)).to_owned(), None);
    let mut policy = policy_inputs(|name| fields.get(name).to_owned());
    let summary = summary(&mut [&mut inputs, &mut typed, &mut policy], problem.as_ref());
    let page = NewPage {
        summary,
        inputs,
        typed,
        policy,
        provider: chosen.name.to_owned(),
        kinds: kinds.iter().map(|kind| (kind.name, kind.label)).collect(),
        hint: hint(chosen.name),
        flash,
        shell: visit.shell("Add DNS Zone", "zones").await?,
    };
    show_as(status, &page)
}

/// The type that was chosen; else the first that is not our own.
pub fn chosen_kind(fields: &Fields) -> Result<Kind, Problem> {
    let wanted = fields.given("provider").or_else(|| fields.given("type")).unwrap_or_default();
    let first = || kinds().into_iter().find(|kind| kind.name != EMBEDDED);
    let chosen = kind(&wanted).or_else(first).or_else(|| kinds().into_iter().next());
    chosen.ok_or_else(|| Problem::new(503, "this build knows no provider"))
}

/// The errors of a problem, each at its field, whichever group that stands in.
fn summary(groups: &mut [&mut Vec<Input>], problem: Option<&Problem>) -> Summary {
    let Some(problem) = problem else { return Summary::none() };
    let sizes: Vec<usize> = groups.iter().map(|group| group.len()).collect();
    let mut all: Vec<Input> = groups.iter_mut().flat_map(|group| group.drain(..)).collect();
    let summary = Summary::of(&mut all, problem);
    let mut all = all.into_iter();
    for (group, size) in groups.iter_mut().zip(sizes) {
        group.extend(all.by_ref().take(size));
    }
    summary
}

/// The accounts of this type that are there already.
fn connection_input(visit: &Visit, kind: &Kind, fields: &Fields) -> Option<Input> {
    if kind.name == EMBEDDED {
        return None;
    }
    let all = connections::list(visit);
    let fitting = all.iter().filter(|connection| connection.provider == kind.name);
    let mut options = vec![(String::new(), "New account: the data below".to_owned())];
    options.extend(fitting.map(|connection| (connection.id.to_string(), connection.name.clone())));
    let input = Input::select("connection_id", "Account", fields.get("connection_id"), options);
    let input = input.help("an account that is known already needs no data below");
    (input.options.len() > 1).then_some(input)
}

/// What a provider's field is called in a form.
pub fn setting(field: &Field) -> String {
    format!("settings.{}", field.name)
}

/// The fields of a provider's form. A secret that is `stored` need not be given.
pub fn typed_inputs(
    provider: &str,
    value: impl Fn(&Field) -> String,
    stored: Option<&Map<String, Value>>,
) -> Vec<Input> {
    let Some(kind) = kind(provider) else { return Vec::new() };
    let stored = |field: &Field| {
        let value = stored.and_then(|settings| settings.get(field.name)).and_then(Value::as_str);
        field.secret && value == Some(KEEP)
    };
    let input = |field: &Field| {
        let (name, empty) = (setting(field), field.default.unwrap_or_default());
        let input = match (field.secret, field.choices) {
            (true, _) => Input::secret(&name, field.label, stored(field)),
            (false, []) => Input::text(&name, field.label, value(field)).hint(empty),
            (false, choices) => Input::select(&name, field.label, &value(field), options(field, choices)),
        };
        input.help(field.help).required(field.required && !stored(field))
    };
    kind.fields.iter().map(input).collect()
}

/// What a field can be; one that may stay empty can be that too.
fn options(field: &Field, choices: &[&str]) -> Vec<(String, String)> {
    let empty = (!field.required).then(|| (String::new(), field.default.unwrap_or("–").to_owned()));
    empty
        .into_iter()
        .chain(choices.iter().map(|choice| ((*choice).to_owned(), (*choice).to_owned())))
        .collect()
}

/// What stands in a field: what was typed, else what is stored.
pub fn value_of(field: &Field, given: Option<&Fields>, stored: &Map<String, Value>) -> String {
    let stored = stored.get(field.name).and_then(Value::as_str).unwrap_or_default();
    given.map_or(stored, |fields| fields.get(&format!("settings.{}", field.name))).to_owned()
}

fn policy_inputs(value: impl Fn(&str) -> String) -> Vec<Input> {
    ZoneSettings::FIELDS.iter().map(|field| described(field, &value(field.name))).collect()
}

/// The field of a form that a description asks for.
fn described(field: &describe::Field, value: &str) -> Input {
    let (name, label) = (field.name, field.label);
    let select = |options| {
        let chosen = if value.is_empty() { field.default_text() } else { value.to_owned() };
        Input::select(name, label, &chosen, options)
    };
    let input = match field.kind {
        describe::Kind::Flag => {
            select(vec![("false".to_owned(), "no".to_owned()), ("true".to_owned(), "yes".to_owned())])
        }
        describe::Kind::Choice(words) => {
            let options = words.iter().map(|(word, means)| ((*word).to_owned(), format!("{word}: {means}")));
            select(options.collect())
        }
        describe::Kind::Servers => Input::text(name, label, value).hint("192.0.2.53:53"),
        describe::Kind::Prefix => Input::text(name, label, value).hint("192.0.2.0/26"),
        describe::Kind::Number { .. } | describe::Kind::Line { .. } => {
            Input::text(name, label, value).hint("default")
        }
    };
    input.help(field.meaning)
}

/// The body of the API's `POST /zones` that this form stands for.
fn new_body(fields: &Fields) -> Value {
    let mut body = Map::new();
    let mut settings = Map::new();
    for (name, value) in fields.iter().filter(|(_, value)| !value.is_empty()) {
        match name.strip_prefix("settings.") {
            Some(field) => drop(settings.insert(field.to_owned(), value.into())),
            None if matches!(name, "name" | "provider") => drop(body.insert(name.to_owned(), value.into())),
            None => {}
        }
    }
    if let Some(id) = fields.id("connection_id") {
        body.insert("connection_id".to_owned(), id.into());
    }
    if !settings.is_empty() || !body.contains_key("connection_id") {
        body.insert("settings".to_owned(), Value::Object(settings));
    }
    policy_body(fields, &mut body);
    body.retain(|_, value| !value.is_null() && *value != json!([]));
    Value::Object(body)
}

/// What a form says of the policy; what it does not show stays as it is.
fn policy_body(fields: &Fields, body: &mut Map<String, Value>) {
    for field in ZoneSettings::FIELDS {
        if fields.iter().any(|(sent, _)| sent == field.name) {
            let value = field.of_text(fields.get(field.name));
            let default = value == (field.default)();
            body.insert(field.name.to_owned(), if default { Value::Null } else { value });
        }
    }
}

/// A number as JSON has it; what is none goes on as text, so that the service says what is wrong.
pub fn number(text: &str) -> Value {
    match (text.is_empty(), text.parse::<i64>()) {
        (true, _) => Value::Null,
        (false, Ok(number)) => number.into(),
        (false, Err(_)) => text.into(),
    }
}

/// What to look at on the provider's side (S2.32, X43).
fn hint(provider: &str) -> &'static str {
    match provider {
        "powerdns" => {
            "pdns.conf needs api=yes, api-key=…, webserver=yes, webserver-address=0.0.0.0 and, for callers \
             from other machines, webserver-allow-from=<their addresses>. Its web server speaks plain HTTP: \
             for https put a TLS proxy in front. The zone must be there already."
        }
        EMBEDDED => "The zone is made here, with SOA and NS, and served by Zonecast's own DNS server.",
        _ => "The zone must be there already at the provider.",
    }
}

/// The form of a zone that is there.
pub async fn edit_page(visit: Visit, Id(id): Id) -> Shown {
    let view = zones::get(&visit, id)?;
    edit_form(&visit, &view, None, None).await
}

/// Saves it.
pub async fn save(visit: Visit, Id(id): Id, fields: Fields) -> Shown {
    let view = zones::get(&visit, id)?;
    let expected = Expected(fields.id("version"));
    match zones::patch(&visit, &visit.caller, id, &patch_body(&fields, &view), expected).await {
        Ok(zone) => {
            let mut text = format!("zone {} is saved", zone.name_unicode);
            note_url(&mut text, &fields, &zone);
            zone.notes.iter().for_each(|note| text.push_str(&format!("; {note}")));
            visit.say(true, text);
            Ok(see_other(&format!("/zones/{id}")))
        }
        Err(problem) => edit_form(&visit, &zones::get(&visit, id)?, Some(&fields), Some(problem)).await,
    }
}

fn patch_body(fields: &Fields, view: &ZoneView) -> Value {
    let settings = settings_body(fields, &view.provider);
    let mut body = Map::new();
    if !settings.is_empty() {
        body.insert("settings".to_owned(), Value::Object(settings));
    }
    policy_body(fields, &mut body);
    Value::Object(body)
}

/// The provider's fields of an edit form as a merge patch.
pub fn settings_body(fields: &Fields, provider: &str) -> Map<String, Value> {
    let mut settings = Map::new();
    for field in kind(provider).map(|kind| kind.fields).unwrap_or_default() {
        let value = fields.get(&setting(field));
        match (field.secret, value.is_empty()) {
            // Empty keeps the secret; it is not even mentioned.
            (true, true) => {}
            (false, true) => drop(settings.insert(field.name.to_owned(), Value::Null)),
            (_, false) => drop(settings.insert(field.name.to_owned(), value.into())),
        }
    }
    settings
}

async fn edit_form(
    visit: &Visit,
    view: &ZoneView,
    given: Option<&Fields>,
    problem: Option<Problem>,
) -> Shown {
    let value = |field: &Field| value_of(field, given, &view.settings);
    let mut typed = typed_inputs(&view.provider, value, Some(&view.settings));
    let now = stored_policy(view);
    let mut policy = policy_inputs(|name| match given {
        Some(fields) => fields.get(name).to_owned(),
        None => now.get(name).and_then(Value::as_str).unwrap_or_default().to_owned(),
    });
    let conflict = problem.as_ref().is_some_and(|problem| problem.status == 412);
    let status = problem.as_ref().and_then(|problem| StatusCode::from_u16(problem.status).ok());
    let shown = problem.as_ref().filter(|_| !conflict);
    let summary = summary(&mut [&mut typed, &mut policy], shown);
    let zones_there =
        connections::get(visit, view.connection_id).await.map_or(1, |connection| connection.zones);
    let page = EditPage {
        summary,
        id: view.id,
        name: Label::new(&view.name, &view.name_unicode),
        provider: provider_label(&view.provider),
        connection: view.connection.clone(),
        typed,
        policy,
        version: match given {
            Some(fields) if !conflict => fields.id("version").unwrap_or(view.version),
            _ => view.version,
        },
        hint: hint(&view.provider),
        conflict,
        others: zones_there.saturating_sub(1),
        shell: visit.shell(&format!("Edit zone {}", view.name_unicode), "zones").await?,
    };
    show_as(status.unwrap_or(StatusCode::OK), &page)
}

/// The policy as texts, as the form's fields hold them.
fn stored_policy(view: &ZoneView) -> Map<String, Value> {
    let stored = json!(view.policy);
    let text = |field: &describe::Field| field.text_of(&stored[field.name]).into();
    ZoneSettings::FIELDS.iter().map(|field| (field.name.to_owned(), text(field))).collect()
}
