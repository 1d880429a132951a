//! A new zone: its body is checked whole, the connection found or made, and people are told what
//! stands in it already.

use super::connections::{self, physical_id};
use super::input::{Errors, Field, Form};
use super::plan::{self, PlanView, ZonePlanView};
use super::secrets::{known_kind, plain_map, same_secrets, save};
use super::view::ZoneView;
use super::write::{add_once, audit, given_before};
use super::zone_form::{ZoneForm, embedded_over};
use super::zones::{self, EMBEDDED};
use super::{Caller, Role, zone_names};
use crate::app::App;
use crate::catalog::{ConnectionEntry, View};
use crate::embedded_store::EmbeddedStore;
use crate::problem::Problem;
use serde::Serialize;
use serde_json::{Map, Value};
use std::sync::Arc;
use utoipa::ToSchema;
use zonecast_core::{Name, ZoneState};
use zonecast_dns::ZoneStore as _;
use zonecast_providers::Provider;
use zonecast_providers::embedded::new_zone;
use zonecast_store::{ConnectionRow, Operation, Remember, StoreError, ZoneRow};

/// A zone as a body describes it, checked but not stored.
pub(super) struct Draft {
    pub(super) name: Name,
    pub(super) connection: ConnectionRow,
    /// The connection is stored already.
    known: bool,
    pub(super) provider_zone_id: Option<String>,
    paused: bool,
    policy: Map<String, Value>,
    embedded: Option<zonecast_dns::ZoneSettings>,
}

pub(super) fn draft(app: &App, caller: &Caller, body: &Value, view: &View) -> Result<Draft, Problem> {
    let mut errors = Errors::default();
    let form = ZoneForm::read(Form::body(body)?, &mut errors);
    if !form.name.is_given() && !errors.names("/name") {
        errors.add("/name", "is missing");
    }
    let mut policy = form.policy_over(&Map::new());
    if let Field::Is(name) = &form.name {
        zone_names::take_network(name, &mut policy);
        zone_names::check_network(name, &policy, &mut errors);
    }
    let connection = draft_connection(caller, &form, view, &mut errors)?;
    let mut embedded = None;
    if let (Some((row, _)), Field::Is(given)) = (&connection, &form.settings)
        && row.provider == EMBEDDED
    {
        embedded = Some(embedded_over(given, &zonecast_dns::ZoneSettings::default(), &mut errors));
    }
    let paused = form.paused;
    let name = errors.into_result(form.name)?.value();
    let (Some(name), Some((connection, known))) = (name, connection) else {
        return Err(Problem::new(422, "the zone is not complete"));
    };
    app.catalog.connect(&connection).map_err(|words| Problem::field("/settings", words))?;
    let provider_zone_id = form.provider_zone_id.value();
    Ok(Draft { name, connection, known, provider_zone_id, paused, policy, embedded })
}

/// The connection a new zone lives at, and whether it is stored already.
fn draft_connection(
    caller: &Caller,
    form: &ZoneForm,
    view: &View,
    errors: &mut Errors,
) -> Result<Option<(ConnectionRow, bool)>, Problem> {
    let provider = match &form.provider {
        Field::Is(provider) => Some(provider.as_str()),
        _ => None,
    };
    if let Field::Is(id) = form.connection_id {
        let Some(found) = view.connections.get(&id) else {
            errors.add("/connection_id", format!("there is no connection {id}"));
            return Ok(None);
        };
        let row = &found.row;
        if provider.is_some_and(|provider| provider != row.provider) {
            errors.add("/provider", format!("connection {id} is of the provider {}", row.provider));
        }
        if let Field::Is(given) = &form.settings
            && row.provider != EMBEDDED
            && !given.is_empty()
        {
            errors
                .add("/settings", "are those of the connection: leave them out, or leave out connection_id");
        }
        return Ok(Some((row.clone(), true)));
    }
    let Some(provider) = provider else {
        if !errors.names("/provider") {
            errors.add("/provider", "is missing: give provider and settings, or connection_id");
        }
        return Ok(None);
    };
    let Some(kind) = known_kind(provider, errors) else { return Ok(None) };
    let none = Map::new();
    let given = match &form.settings {
        Field::Is(given) if provider != EMBEDDED => given,
        _ => &none,
    };
    if kind.fields.iter().any(|field| field.secret) {
        // Whoever adds a zone with inline secrets adds a connection.
        caller.require(Role::Admin)?;
    }
    let Some(settings) = save(&kind, given, None, errors) else { return Ok(None) };
    let plain = plain_map(&settings);
    let same = |row: &ConnectionRow| {
        row.provider == provider && row.settings == plain && same_secrets(&row.secrets, &settings.secrets)
    };
    if let Some(found) = view.connections.values().find(|entry| same(&entry.row)) {
        return Ok(Some((found.row.clone(), true)));
    }
    Ok(Some((connections::fresh(String::new(), provider.to_owned(), &settings, String::new(), true), false)))
}

/// A zone that can be added: checked, with the row it would have.
struct Candidate {
    draft: Draft,
    provider: Arc<dyn Provider>,
    row: ZoneRow,
}

fn candidate(app: &App, caller: &Caller, body: &Value, view: &View) -> Result<Candidate, Problem> {
    let draft = draft(app, caller, body, view)?;
    let provider =
        app.catalog.connect(&draft.connection).map_err(|words| Problem::field("/settings", words))?;
    let place = draft.provider_zone_id.clone();
    let physical_id = physical_id(&draft.connection, provider.as_ref(), &draft.name, place);
    if let Some(first) = view.zones.values().find(|zone| zone.row.physical_id == physical_id) {
        return Err(twice(first.row.id));
    }
    let row = ZoneRow {
        id: 0,
        name: draft.name.clone(),
        connection_id: draft.connection.id,
        provider_zone_id: draft.provider_zone_id.clone(),
        physical_id,
        settings: draft.policy.clone(),
        state: if draft.paused { ZoneState::Paused } else { ZoneState::Ok },
        last_error: None,
        waiting: Default::default(),
        cuts: Vec::new(),
        rematch_after: Some(Vec::new()),
        listed_at: None,
        created_at: 0,
        updated_at: 0,
        version: 0,
    };
    Ok(Candidate { draft, provider, row })
}

/// Adds a zone, and tells how many keys in it hold values that are not ours.
pub async fn create(app: &App, caller: &Caller, body: &Value) -> Result<ZoneView, Problem> {
    if let Some(id) = given_before(app, caller).await? {
        return zones::get(app, id);
    }
    let view = app.catalog.view();
    let Candidate { mut draft, row, .. } = candidate(app, caller, body, &view)?;
    draft.connection.name = if draft.known { draft.connection.name } else { implicit_name(&view, &draft) };
    let add = async |remember: Option<&Remember<'_>>| store(app, caller, &draft, row.clone(), remember).await;
    let refused = |error| match error {
        StoreError::Constraint { by: Some(first), .. } => twice(first),
        error => error.into(),
    };
    let id = add_once(app, caller, add, refused).await?;
    if draft.connection.provider == EMBEDDED {
        zones::serve_stored(app, &draft.name).await;
    }
    let view = app.catalog.reload().await?;
    app.engine.wake();
    let zone = zones::entry(app, id)?;
    let plan = plan::of_new_zone(app, &view, &zone).await?;
    Ok(with_conflicts(zones::get(app, id)?, &plan))
}

/// What adding a zone would do, and how many keys would conflict, without adding it.
pub async fn plan_create(app: &App, caller: &Caller, body: &Value) -> Result<NewZonePlanView, Problem> {
    let view = app.catalog.view();
    let Candidate { draft, provider, row, .. } = candidate(app, caller, body, &view)?;
    let connection = ConnectionEntry { row: draft.connection, provider: Ok(provider) };
    let (view, zone) = view.with_zone(row, connection);
    let plan = plan::of_new_zone(app, &view, &zone).await?;
    let conflicts = plan.conflicts();
    let notes = zone_names::hint(&zone.zone).into_iter().collect();
    Ok(NewZonePlanView { conflicts, notes, plan: PlanView::of(vec![plan]) })
}

/// What adding a zone would do.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct NewZonePlanView {
    /// Keys that hold values of others; `null` where the zone could not be read.
    pub conflicts: Option<usize>,
    /// What a person should know.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<String>,
    /// The plan.
    #[serde(flatten)]
    pub plan: PlanView,
}

fn with_conflicts(mut view: ZoneView, plan: &ZonePlanView) -> ZoneView {
    view.conflicts = plan.conflicts();
    let note = match (view.conflicts, &plan.error) {
        (Some(0), _) => None,
        (Some(count), _) => {
            let keys = if count == 1 { "1 key holds" } else { &format!("{count} keys hold") };
            Some(format!(
                "{keys} values that are not ours: nothing is written there until somebody decides; \
                 GET /zones/{}/plan lists them",
                view.id
            ))
        }
        (None, Some(words)) => Some(format!("how many keys conflict is not known yet: {words}")),
        (None, None) => None,
    };
    view.notes.extend(note);
    view
}

pub(super) fn twice(first: i64) -> Problem {
    Problem::conflict(
        "/name",
        format!("this very zone at this very server is configured already, as zone {first}"),
    )
}

/// `powerdns pdns.example.com:8081`, with a number where that is taken.
fn implicit_name(view: &View, draft: &Draft) -> String {
    let endpoint =
        draft.connection.settings.get("server_url").or_else(|| draft.connection.settings.get("server"));
    let host = endpoint.and_then(Value::as_str).unwrap_or_default();
    let host = host.split_once("://").map_or(host, |(_, rest)| rest);
    let base = match host.is_empty() {
        true => draft.connection.provider.clone(),
        false => format!("{} {host}", draft.connection.provider),
    };
    let taken = |name: &str| view.connections.values().any(|entry| entry.row.name == name);
    let mut names = std::iter::once(base.clone()).chain((2..).map(|number| format!("{base} ({number})")));
    names.find(|name| !taken(name)).unwrap_or(base)
}

/// Stores the zone, with the connection it brings and what the embedded authority serves of it.
async fn store(
    app: &App,
    caller: &Caller,
    draft: &Draft,
    mut row: ZoneRow,
    remember: Option<&Remember<'_>>,
) -> Result<i64, StoreError> {
    let operation = app.store.operation().await?;
    if !draft.known {
        let line = audit(caller, "connection.add", format!("connection:{}", draft.connection.name));
        let added = operation.add_connection(&draft.connection, &[line]).await;
        row.connection_id = added.map_err(not_by_the_zone)?.id;
    }
    if draft.connection.provider == EMBEDDED {
        seed(app, &operation, draft).await?;
    }
    let line = audit(caller, "zone.add", format!("zone:{}", row.name));
    let id = operation.add_zone_once(&row, &[line], remember).await?.id;
    operation.commit().await?;
    Ok(id)
}

/// A connection's name that was taken meanwhile says nothing about the zone.
fn not_by_the_zone(error: StoreError) -> StoreError {
    match error {
        StoreError::Constraint { what, .. } => StoreError::Constraint { what, by: None },
        error => error,
    }
}

/// The zone as the embedded authority begins it, with SOA and NS; one that is there keeps what it holds.
async fn seed(app: &App, operation: &Operation, draft: &Draft) -> Result<(), StoreError> {
    let zones = EmbeddedStore::within(operation);
    let settings = draft.embedded.clone();
    let stored = match app.authority.snapshot(&draft.name) {
        Some(_) => match settings {
            Some(settings) => zones.set_settings(&draft.name, &settings).await,
            None => Ok(()),
        },
        None => {
            let sets = new_zone(&draft.name, &app.config.authority.seed(&draft.name));
            zones.create(&draft.name, &settings.unwrap_or_default(), &sets).await
        }
    };
    stored.map_err(|error| StoreError::Unavailable(error.to_string()))
}
