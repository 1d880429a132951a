//! Connections: accounts at providers, with their secrets.

use super::input::{Errors, Form};
use super::secrets::{Stored, known_kind, masked, plain_map, same_secrets, save};
use super::view::{ConnectionView, TestView};
use super::write::{self, add_once, audit, given_before};
use super::{Caller, Expected};
use crate::app::App;
use crate::catalog::{View, ZoneEntry};
use crate::problem::Problem;
use serde_json::Value;
use std::time::{Duration, Instant};
use zonecast_core::{ConnectionState, Name, ZoneState};
use zonecast_providers::fields::Settings;
use zonecast_providers::{Provider, ZoneRef, test_whole};
use zonecast_store::{ConnectionRow, Operation, Remember, StoreError};

/// How long a test may take.
pub const TEST_PATIENCE: Duration = Duration::from_secs(15);

/// Every connection, by id.
pub fn list(app: &App) -> Vec<ConnectionView> {
    let view = app.catalog.view();
    view.connections.values().map(|entry| view_of(&entry.row, &view)).collect()
}

/// Those at whose service a zone can be made.
pub fn that_make_zones(app: &App) -> Vec<ConnectionView> {
    let view = app.catalog.view();
    let able = |entry: &&std::sync::Arc<crate::catalog::ConnectionEntry>| {
        entry.provider.as_ref().is_ok_and(|provider| provider.capabilities().zones)
    };
    view.connections.values().filter(able).map(|entry| view_of(&entry.row, &view)).collect()
}

/// One connection.
pub async fn get(app: &App, id: i64) -> Result<ConnectionView, Problem> {
    let row = row(app, id).await?;
    Ok(view_of(&row, &app.catalog.view()))
}

async fn row(app: &App, id: i64) -> Result<ConnectionRow, Problem> {
    app.store.connection(id).await?.ok_or_else(|| Problem::missing("connection", id))
}

fn view_of(row: &ConnectionRow, view: &View) -> ConnectionView {
    let zones = view.zones.values().filter(|zone| zone.row.connection_id == row.id).count();
    let mut shown = ConnectionView::of(row, masked(&row.settings, &row.secrets), zones);
    if view.paused {
        shown.state = ConnectionState::Paused;
        shown.notes.push("everything is paused".to_owned());
    }
    shown
}

/// Adds a connection.
pub async fn create(app: &App, caller: &Caller, body: &Value) -> Result<ConnectionView, Problem> {
    if let Some(id) = given_before(app, caller).await? {
        return get(app, id).await;
    }
    let row = new_row(body)?;
    app.catalog.connect(&row).map_err(|words| Problem::field("/settings", words))?;
    let line = audit(caller, "connection.add", format!("connection:{}", row.name));
    let add = async |remember: Option<&Remember<'_>>| {
        app.store.add_connection_once(&row, &[line], remember).await.map(|stored| stored.id)
    };
    let id = add_once(app, caller, add, |error| taken(error, &row.name)).await?;
    app.catalog.reload().await?;
    get(app, id).await
}

fn new_row(body: &Value) -> Result<ConnectionRow, Problem> {
    let mut errors = Errors::default();
    let mut form = Form::body(body)?;
    let name = form.line("name", 100, &mut errors).value();
    let provider = form.parsed("provider", &mut errors, super::secrets::provider_word).value();
    let group = form.line("budget_group", 100, &mut errors).value();
    let settings = form.object("settings", &mut errors).value();
    form.finish(&mut errors);
    if name.is_none() && !errors.names("/name") {
        errors.add("/name", "is missing");
    }
    if provider.is_none() && !errors.names("/provider") {
        errors.add("/provider", "is missing");
    }
    let empty = serde_json::Map::new();
    let kind = provider.as_deref().and_then(|name| known_kind(name, &mut errors));
    let settings = kind.and_then(|kind| save(&kind, settings.unwrap_or(&empty), None, &mut errors));
    errors.into_result(())?;
    let (Some(name), Some(provider), Some(settings)) = (name, provider, settings) else {
        return Err(Problem::new(422, "the connection is not complete"));
    };
    Ok(fresh(name, provider, &settings, group.unwrap_or_default(), false))
}

/// A row that is not stored yet.
pub fn fresh(
    name: String,
    provider: String,
    settings: &Settings,
    budget_group: String,
    implicit: bool,
) -> ConnectionRow {
    ConnectionRow {
        id: 0,
        name,
        provider,
        settings: plain_map(settings),
        secrets: settings.secrets.clone(),
        budget_group,
        implicit,
        state: ConnectionState::Ok,
        last_error: None,
        failures: 0,
        open_until: 0,
        trouble_since: 0,
        created_at: 0,
        updated_at: 0,
        version: 0,
    }
}

fn taken(error: StoreError, name: &str) -> Problem {
    match error {
        StoreError::Constraint { by, .. } => {
            let which = by.map_or_else(String::new, |id| format!(", id {id}"));
            Problem::conflict("/name", format!("there is a connection named {name:?} already{which}"))
        }
        error => error.into(),
    }
}

/// Changes a connection by a JSON merge patch.
pub async fn patch(
    app: &App,
    caller: &Caller,
    id: i64,
    body: &Value,
    expected: Expected,
) -> Result<ConnectionView, Problem> {
    let mut row = row(app, id).await?;
    expected.check(row.version)?;
    let mut errors = Errors::default();
    let mut form = Form::body(body)?;
    if let Some(name) = form.line("name", 100, &mut errors).value() {
        row.name = name;
    }
    if form
        .parsed("provider", &mut errors, super::secrets::provider_word)
        .value()
        .is_some_and(|provider| provider != row.provider)
    {
        errors.add("/provider", "cannot be changed: add another connection");
    }
    if let Some(group) = form.line("budget_group", 100, &mut errors).value() {
        row.budget_group = group;
    }
    let given = form.object("settings", &mut errors).value();
    form.ignore(&[
        "id",
        "implicit",
        "state",
        "last_error",
        "open_until",
        "zones",
        "created_at",
        "updated_at",
        "version",
        "notes",
    ]);
    form.finish(&mut errors);
    change_settings(&mut row, given, &mut errors);
    errors.into_result(())?;
    row.implicit = false;
    write::operation!(app, |operation| update(app, &operation, caller, &row, None).await?)?;
    let mut view = get(app, id).await?;
    if view.zones > 1 {
        view.notes.push(format!("used by {} zones", view.zones));
    }
    Ok(view)
}

/// Puts given settings over a row, by the rule for secrets.
pub fn change_settings(
    row: &mut ConnectionRow,
    given: Option<&serde_json::Map<String, Value>>,
    errors: &mut Errors,
) {
    let (Some(given), Some(kind)) = (given, zonecast_providers::fields::kind(&row.provider)) else { return };
    let stored = Stored { plain: &row.settings, secrets: &row.secrets };
    let Some(settings) = save(&kind, given, Some(stored), errors) else { return };
    let same = plain_map(&settings) == row.settings && same_secrets(&settings.secrets, &row.secrets);
    row.settings = plain_map(&settings);
    row.secrets = settings.secrets;
    // Whatever was wrong before may be right now.
    if !same && row.state != ConnectionState::Paused {
        row.state = ConnectionState::Ok;
        row.last_error = None;
        row.failures = 0;
        row.open_until = 0;
    }
}

/// Stores a changed connection, and where its zones are now: with another endpoint they are other places,
/// and no two zone objects may come to one. `but` is a zone that the caller stores itself.
pub(super) async fn update(
    app: &App,
    operation: &Operation,
    caller: &Caller,
    row: &ConnectionRow,
    but: Option<i64>,
) -> Result<(), Problem> {
    let provider = app.catalog.connect(row).map_err(|words| Problem::field("/settings", words))?;
    let line = audit(caller, "connection.set", format!("connection:{}", row.id));
    operation.update_connection(row, &[line]).await.map_err(|error| match error {
        StoreError::Changed { .. } => {
            Problem::new(412, "the connection was changed meanwhile: read it again")
        }
        error => taken(error, &row.name),
    })?;
    operation
        .set_connection_state(row.id, row.state, row.last_error.as_deref(), row.failures, row.open_until)
        .await?;
    for mut zone in operation.zones_at(row.id).await? {
        let there = physical_id(row, provider.as_ref(), &zone.name, zone.provider_zone_id.clone());
        if Some(zone.id) == but || there == zone.physical_id {
            continue;
        }
        zone.physical_id = there;
        operation.update_zone(&zone, &[]).await.map_err(|error| match error {
            StoreError::Constraint { by: Some(by), .. } => Problem::conflict(
                "/settings",
                format!("zone {} would be at the very place of zone {by}: remove one of them first", zone.id),
            ),
            error => error.into(),
        })?;
        operation.rematch_zone(zone.id).await?;
    }
    Ok(())
}

/// The one place that a zone at a connection is, whatever the connection is called.
pub(super) fn physical_id(
    row: &ConnectionRow,
    provider: &dyn Provider,
    name: &Name,
    provider_zone_id: Option<String>,
) -> String {
    let reference = ZoneRef { provider_zone_id, ..ZoneRef::new(name.clone()) };
    format!("{} {}", row.provider, provider.physical_id(&reference))
}

/// Removes a connection without zones.
pub async fn remove(app: &App, caller: &Caller, id: i64, expected: Expected) -> Result<(), Problem> {
    let row = row(app, id).await?;
    expected.check(row.version)?;
    let line = audit(caller, "connection.remove", format!("connection:{id}"));
    app.store.remove_connection(id, &[line]).await.map_err(|error| match error {
        StoreError::Constraint { by, .. } => {
            let zone = by.map_or_else(String::new, |id| format!(", such as zone {id}"));
            Problem::new(409, format!("connection {id} still has zones{zone}: remove them first"))
        }
        error => error.into(),
    })?;
    app.catalog.reload().await?;
    Ok(())
}

/// Whether the connection works, seen at the first of its zones (or at a name given).
pub async fn test(app: &App, id: i64, body: &Value) -> Result<TestView, Problem> {
    let row = row(app, id).await?;
    let mut errors = Errors::default();
    let mut form = Form::body(body)?;
    let name = form.parsed("zone", &mut errors, Name::parse).value();
    form.finish(&mut errors);
    errors.into_result(())?;
    let view = app.catalog.view();
    let first = view.zones.values().find(|zone| zone.row.connection_id == id);
    let reference = match (name, first) {
        (Some(name), _) => ZoneRef::new(name),
        (None, Some(zone)) => return test_zone(app, zone).await,
        (None, None) => {
            return Err(Problem::field(
                "/zone",
                "is missing: this connection has no zone yet, so name one to test with",
            ));
        }
    };
    run_test(app, &row, reference).await
}

/// Tests a zone as it is stored. A green test ends the waiting: of the zone, of its connection, and of
/// what else waits there, by one call each.
pub async fn test_zone(app: &App, zone: &ZoneEntry) -> Result<TestView, Problem> {
    let connection = &zone.connection.row;
    app.engine.forget_servers(zone.row.id);
    let found = run_test(app, connection, zone.reference(Instant::now() + TEST_PATIENCE)).await?;
    let others = app.catalog.view();
    let others = others.zones.values().filter(|other| other.row.connection_id == connection.id);
    let zones: Vec<i64> = others
        .filter(|zone| zone.row.state == ZoneState::Parked || connection.state.is_trouble())
        .map(|zone| zone.row.id)
        .collect();
    if found.ok && !zones.is_empty() {
        app.store.end_waits(&zones).await?;
        app.store.note_connection(connection.id, ConnectionState::Ok, None, 0, 0).await?;
        app.store.note_zone(zone.row.id, ZoneState::Ok, None, 0, 0).await?;
        app.catalog.reload().await?;
        app.engine.wake();
    }
    Ok(found)
}

/// Whether the connection can do what the work does, bounded in time.
pub async fn run_test(app: &App, row: &ConnectionRow, mut zone: ZoneRef) -> Result<TestView, Problem> {
    let provider = app.catalog.connect(row).map_err(|words| Problem::field("/settings", words))?;
    zone.deadline = Instant::now() + TEST_PATIENCE;
    let report = tokio::time::timeout(TEST_PATIENCE, test_whole(provider.as_ref(), &zone)).await;
    Ok(report.map_or_else(
        |_| TestView {
            ok: false,
            reachable: false,
            authorised: false,
            zone_matches: false,
            can_write: false,
            message: format!("no answer within {} seconds", TEST_PATIENCE.as_secs()),
            advice: Vec::new(),
        },
        TestView::from,
    ))
}
