//! Zones: one zone name at one connection each.
//!
//! A zone comes with the provider's fields inline (then a connection is found that has just these, or
//! an implicit one is made) or with a `connection_id`. Adding one raises the zone epoch; the engine
//! then marks every desired name below it.

use super::connections::{self, TEST_PATIENCE, change_settings, run_test};
use super::input::{Errors, Field, Form};
use super::secrets::{known_kind, masked, plain_map, same_secrets, save};
use super::view::{TestView, ZoneView, time};
use super::write::audit;
use super::zone_form::{ZoneForm, embedded_over, embedded_shown, zone_id_field};
use super::{Caller, Expected, Role};
use crate::app::App;
use crate::catalog::{View, ZoneEntry};
use crate::problem::Problem;
use serde_json::{Map, Value};
use std::sync::Arc;
use std::time::Instant;
use zonecast_core::Name;
use zonecast_providers::{Provider, ZoneRef};
use zonecast_store::{ConnectionRow, StoreError, ZoneRow};

/// The kind served by Zonecast itself.
pub const EMBEDDED: &str = "embedded";

/// Which zones a list shows.
#[derive(Clone, Debug, Default)]
pub struct ListZones {
    /// Exactly this name.
    pub name: Option<String>,
    /// Part of the name.
    pub search: Option<String>,
    /// At this provider.
    pub provider: Option<String>,
    /// At this connection.
    pub connection_id: Option<i64>,
    /// In this state.
    pub state: Option<String>,
    /// Items on a page.
    pub limit: usize,
    /// Where the page begins.
    pub cursor: Option<String>,
}

/// A page of zones, by id.
pub fn list(app: &App, query: &ListZones) -> Result<super::Page<ZoneView>, Problem> {
    let mut errors = Errors::default();
    let after = super::cursor_in(query.cursor.as_deref(), &mut errors);
    let exact = match query.name.as_deref().map(Name::parse) {
        Some(Err(error)) => {
            errors.add("name", error.to_string());
            None
        }
        other => other.and_then(Result::ok),
    };
    errors.into_result(())?;
    let search = query.search.as_ref().map(|text| text.to_lowercase());
    let view = app.catalog.view();
    let fits = |zone: &&Arc<ZoneEntry>| {
        exact.as_ref().is_none_or(|name| zone.row.name == *name)
            && search.as_ref().is_none_or(|part| {
                zone.row.name.to_string().contains(part.as_str())
                    || zone.row.name.unicode().contains(part.as_str())
            })
            && query.provider.as_ref().is_none_or(|kind| zone.connection.row.provider == *kind)
            && query.connection_id.is_none_or(|id| zone.row.connection_id == id)
            && query.state.as_ref().is_none_or(|state| zone.row.state == *state)
    };
    let found = view.zones.range(after.saturating_add(1)..).map(|(_, zone)| zone).filter(fits);
    let rows: Vec<&Arc<ZoneEntry>> = found.take(query.limit + 1).collect();
    let (rows, next_cursor) = super::cut(rows, query.limit, |zone| zone.row.id);
    Ok(super::Page { items: rows.into_iter().map(|zone| view_of(app, zone)).collect(), next_cursor })
}

/// One zone.
pub fn get(app: &App, id: i64) -> Result<ZoneView, Problem> {
    let zone = entry(app, id)?;
    Ok(view_of(app, &zone))
}

/// The zone in force.
pub fn entry(app: &App, id: i64) -> Result<Arc<ZoneEntry>, Problem> {
    app.catalog.view().zone(id).cloned().ok_or_else(|| Problem::missing("zone", id))
}

fn view_of(app: &App, zone: &ZoneEntry) -> ZoneView {
    let connection = &zone.connection.row;
    let embedded = connection.provider == EMBEDDED;
    let snapshot = embedded.then(|| app.authority.snapshot(&zone.row.name)).flatten();
    let mut settings = masked(&connection.settings, &connection.secrets);
    if let Some(snapshot) = &snapshot {
        settings.extend(embedded_shown(snapshot.settings()));
    }
    let id_field = zonecast_providers::fields::kind(&connection.provider).as_ref().and_then(zone_id_field);
    if let (Some(field), Some(id)) = (id_field, &zone.row.provider_zone_id) {
        settings.insert(field.to_owned(), Value::from(id.as_str()));
    }
    ZoneView {
        id: zone.row.id,
        name: zone.row.name.to_string(),
        name_unicode: zone.row.name.unicode(),
        provider: connection.provider.clone(),
        connection_id: connection.id,
        connection: connection.name.clone(),
        provider_zone_id: zone.row.provider_zone_id.clone(),
        reverse: zone.zone.is_reverse(),
        settings,
        policy: zone.settings.clone(),
        state: zone.row.state.clone(),
        connection_state: connection.state.clone(),
        last_error: zone.row.last_error.clone().or_else(|| connection.last_error.clone()),
        serial: snapshot.map(|snapshot| snapshot.serial().0),
        listed_at: zone.row.listed_at.map(time),
        matching: zone.row.rematch_after.is_some(),
        created_at: time(zone.row.created_at),
        updated_at: time(zone.row.updated_at),
        version: zone.row.version,
        notes: Vec::new(),
    }
}

/// A zone as a body describes it, checked but not stored.
struct Draft {
    name: Name,
    connection: ConnectionRow,
    /// The connection is stored already.
    known: bool,
    provider_zone_id: Option<String>,
    policy: Map<String, Value>,
    embedded: Option<zonecast_dns::ZoneSettings>,
}

fn draft(app: &App, caller: &Caller, body: &Value, view: &View) -> Result<Draft, Problem> {
    let mut errors = Errors::default();
    let form = ZoneForm::read(Form::body(body)?, &mut errors);
    if !form.name.is_given() && !errors.names("/name") {
        errors.add("/name", "is missing");
    }
    let policy = form.policy_over(&Map::new());
    let connection = draft_connection(caller, &form, view, &mut errors)?;
    let mut embedded = None;
    if let (Some((row, _)), Field::Is(given)) = (&connection, &form.settings)
        && row.provider == EMBEDDED
    {
        embedded = Some(embedded_over(given, &zonecast_dns::ZoneSettings::default(), &mut errors));
    }
    let name = errors.into_result(form.name)?.value();
    let (Some(name), Some((connection, known))) = (name, connection) else {
        return Err(Problem::new(422, "the zone is not complete"));
    };
    app.catalog.connect(&connection).map_err(|words| Problem::field("/settings", words))?;
    Ok(Draft { name, connection, known, provider_zone_id: form.provider_zone_id.value(), policy, embedded })
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

/// Adds a zone.
pub async fn create(app: &App, caller: &Caller, body: &Value) -> Result<ZoneView, Problem> {
    let view = app.catalog.view();
    let mut draft = draft(app, caller, body, &view)?;
    let provider =
        app.catalog.connect(&draft.connection).map_err(|words| Problem::field("/settings", words))?;
    let reference = ZoneRef {
        name: draft.name.clone(),
        provider_zone_id: draft.provider_zone_id.clone(),
        deadline: Instant::now() + TEST_PATIENCE,
    };
    let physical_id = format!("{} {}", draft.connection.provider, provider.physical_id(&reference));
    if let Some(first) = view.zones.values().find(|zone| zone.row.physical_id == physical_id) {
        return Err(twice(first.row.id));
    }
    if !draft.known {
        draft.connection.name = implicit_name(&view, &draft);
        draft.connection = connections::add(app, caller, draft.connection.clone()).await?;
    }
    if draft.connection.provider == EMBEDDED {
        serve(app, provider.as_ref(), &reference, draft.embedded.take()).await?;
    }
    let row = ZoneRow {
        id: 0,
        name: draft.name.clone(),
        connection_id: draft.connection.id,
        provider_zone_id: draft.provider_zone_id.clone(),
        physical_id,
        settings: draft.policy.clone(),
        state: "ok".to_owned(),
        last_error: None,
        cuts: Vec::new(),
        rematch_after: Some(Vec::new()),
        listed_at: None,
        created_at: 0,
        updated_at: 0,
        version: 0,
    };
    let line = audit(caller, "zone.add", format!("zone:{}", row.name));
    let stored = app.store.add_zone(&row, &[line]).await.map_err(|error| match error {
        StoreError::Constraint { by: Some(first), .. } => twice(first),
        error => error.into(),
    })?;
    app.catalog.reload().await?;
    app.engine.wake();
    get(app, stored.id)
}

fn twice(first: i64) -> Problem {
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

/// Makes the zone at the embedded authority, with SOA and NS; one that is there keeps what it holds.
async fn serve(
    app: &App,
    provider: &dyn Provider,
    zone: &ZoneRef,
    settings: Option<zonecast_dns::ZoneSettings>,
) -> Result<(), Problem> {
    let seed = app.config.authority.seed(&zone.name);
    provider.create_zone(zone, &seed).await.map_err(|error| Problem::new(503, error.to_string()))?;
    if let Some(settings) = settings {
        set_embedded(app, &zone.name, settings).await?;
    }
    Ok(())
}

async fn set_embedded(app: &App, name: &Name, settings: zonecast_dns::ZoneSettings) -> Result<(), Problem> {
    app.authority.set_settings(name, settings).await.map_err(|error| match error {
        zonecast_dns::AuthorityError::NoSuchZone(_) => Problem::new(409, error.to_string()),
        error => {
            tracing::error!(%error, "the zone's settings were not stored");
            Problem::new(503, "the zone's settings could not be stored; please try again")
        }
    })
}

/// Changes a zone by a JSON merge patch. Name and connection stay; the provider's fields go to the
/// connection, which other zones may use too: the answer says so.
pub async fn patch(
    app: &App,
    caller: &Caller,
    id: i64,
    body: &Value,
    expected: Expected,
) -> Result<ZoneView, Problem> {
    let zone = entry(app, id)?;
    expected.check(zone.row.version)?;
    let mut errors = Errors::default();
    let form = ZoneForm::read(Form::body(body)?, &mut errors);
    refuse_moves(&form, &zone, &mut errors);
    let mut row = zone.row.clone();
    row.settings = form.policy_over(&row.settings);
    form.provider_zone_id.over(&mut row.provider_zone_id);
    let mut connection = zone.connection.row.clone();
    let mut embedded = None;
    if let Field::Is(given) = &form.settings {
        if connection.provider == EMBEDDED {
            let snapshot = app.authority.snapshot(&row.name);
            let stored = snapshot.map(|snapshot| snapshot.settings().clone()).unwrap_or_default();
            embedded =
                Some(embedded_over(given, &stored, &mut errors)).filter(|settings| *settings != stored);
        } else {
            change_settings(&mut connection, Some(given), &mut errors);
        }
    }
    errors.into_result(())?;
    let notes = store_patch(app, caller, &zone, row, connection, embedded).await?;
    Ok(ZoneView { notes, ..get(app, id)? })
}

fn refuse_moves(form: &ZoneForm, zone: &ZoneEntry, errors: &mut Errors) {
    let move_it = "to move it, add the second zone, wait until it is served, remove this one";
    if matches!(&form.name, Field::Is(name) if *name != zone.row.name) {
        errors.add("/name", format!("a zone's name cannot be changed: {move_it}"));
    }
    if matches!(form.connection_id, Field::Is(id) if id != zone.row.connection_id) {
        errors.add("/connection_id", format!("a zone's connection cannot be changed: {move_it}"));
    }
    if matches!(&form.provider, Field::Is(provider) if *provider != zone.connection.row.provider) {
        errors.add("/provider", format!("a zone's provider cannot be changed: {move_it}"));
    }
}

async fn store_patch(
    app: &App,
    caller: &Caller,
    zone: &ZoneEntry,
    mut row: ZoneRow,
    connection: ConnectionRow,
    embedded: Option<zonecast_dns::ZoneSettings>,
) -> Result<Vec<String>, Problem> {
    let mut notes = Vec::new();
    let before = &zone.connection.row;
    let moved = connection.settings != before.settings || !same_secrets(&connection.secrets, &before.secrets);
    if moved {
        caller.require(Role::Admin)?;
        let others = connections::update(app, caller, connection.clone()).await?.zones.saturating_sub(1);
        if others > 0 {
            let zones = if others == 1 { "zone" } else { "zones" };
            notes.push(format!("this connection is also used by {others} {zones}"));
        }
    }
    let provider = app.catalog.connect(&connection).map_err(|words| Problem::field("/settings", words))?;
    let reference = ZoneRef {
        name: row.name.clone(),
        provider_zone_id: row.provider_zone_id.clone(),
        deadline: Instant::now() + TEST_PATIENCE,
    };
    row.physical_id = format!("{} {}", connection.provider, provider.physical_id(&reference));
    if row.state == "parked" {
        row.state = "ok".to_owned();
        row.last_error = None;
    }
    if let Some(settings) = embedded {
        set_embedded(app, &row.name, settings).await?;
    }
    let line = audit(caller, "zone.set", format!("zone:{}", row.id));
    app.store.update_zone(&row, &[line]).await.map_err(|error| match error {
        StoreError::Changed { .. } => Problem::new(412, "the zone was changed meanwhile: read it again"),
        StoreError::Constraint { by: Some(first), .. } => twice(first),
        error => error.into(),
    })?;
    app.store.set_zone_state(row.id, &row.state, row.last_error.as_deref()).await?;
    app.store.rematch_zone(row.id).await?;
    app.catalog.reload().await?;
    app.engine.wake();
    Ok(notes)
}

/// Tests a zone as it is stored.
pub async fn test(app: &App, id: i64) -> Result<TestView, Problem> {
    let zone = entry(app, id)?;
    run_test(app, &zone.connection.row, zone.reference(Instant::now() + TEST_PATIENCE)).await
}

/// Tests a form that is not saved, with its own secrets only: no stored one is ever sent (X18). A
/// connection that is named by id is tested as it is stored.
pub async fn test_unsaved(app: &App, caller: &Caller, body: &Value) -> Result<TestView, Problem> {
    let view = app.catalog.view();
    let with_connection = body.get("connection_id").is_some_and(|id| !id.is_null());
    let mut draft = draft(app, caller, body, &view)?;
    if !with_connection {
        // A connection found to have the same secrets is used as the form says it, not as stored.
        draft.connection.id = 0;
    }
    let reference = ZoneRef {
        name: draft.name.clone(),
        provider_zone_id: draft.provider_zone_id.clone(),
        deadline: Instant::now() + TEST_PATIENCE,
    };
    run_test(app, &draft.connection, reference).await
}

/// Lets every desired name below the zone be marked again.
pub async fn rematch(app: &App, id: i64) -> Result<ZoneView, Problem> {
    entry(app, id)?;
    app.store.rematch_zone(id).await?;
    app.catalog.reload().await?;
    app.engine.wake();
    get(app, id)
}
