//! Zones: one zone name at one connection each.
//!
//! A zone comes with the provider's fields inline (then a connection is found that has just these, or
//! an implicit one is made) or with a `connection_id`. Adding one raises the zone epoch; the engine
//! then marks every desired name below it.

use super::connections::{self, TEST_PATIENCE, change_settings, physical_id, run_test};
use super::input::{Errors, Field, Form};
use super::secrets::{masked, same_secrets};
use super::view::{TestView, ZoneView, time};
use super::write::{audit, operation};
use super::zone_form::{ZoneForm, embedded_over, embedded_shown, zone_id_field};
use super::zone_new::{draft, twice};
use super::{Caller, Expected, Role};
use crate::app::App;
use crate::catalog::ZoneEntry;
use crate::embedded_store::EmbeddedStore;
use crate::problem::Problem;
use serde_json::Value;
use std::sync::Arc;
use std::time::Instant;
use zonecast_core::{ConnectionState, Name, ZoneState};
use zonecast_dns::ZoneStore as _;
use zonecast_providers::ZoneRef;
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
    let state = super::given(query.state.as_deref(), "state", str::parse::<ZoneState>, &mut errors);
    errors.into_result(())?;
    let search = query.search.as_ref().map(|text| text.to_lowercase());
    let view = app.catalog.view();
    let fits = |zone: &&Arc<ZoneEntry>| {
        exact.as_ref().is_none_or(|name| zone.row.name == *name)
            && search.as_ref().is_none_or(|part| {
                zone.row.name.to_string().contains(part.as_str())
                    || zone.row.name.unicode().contains(part.as_str())
                    || zone
                        .settings
                        .comment
                        .as_ref()
                        .is_some_and(|comment| comment.to_lowercase().contains(part))
            })
            && query
                .provider
                .as_ref()
                .is_none_or(|kind| zone.connection.row.provider.eq_ignore_ascii_case(kind))
            && query.connection_id.is_none_or(|id| zone.row.connection_id == id)
            && state.is_none_or(|state| zone.row.state == state)
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
        state: zone.row.state,
        connection_state: match app.catalog.view().paused {
            true => ConnectionState::Paused,
            false => connection.state,
        },
        last_error: zone.row.last_error.clone().or_else(|| connection.last_error.clone()),
        serial: snapshot.map(|snapshot| snapshot.serial().0),
        listed_at: zone.row.listed_at.map(time),
        matching: zone.row.rematch_after.is_some(),
        created_at: time(zone.row.created_at),
        updated_at: time(zone.row.updated_at),
        version: zone.row.version,
        conflicts: None,
        notes: zone.notes.iter().cloned().chain(super::zone_names::hint(&zone.zone)).collect(),
    }
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
    super::zone_names::check_network(&row.name, &row.settings, &mut errors);
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
    let mut zone = get(app, id)?;
    zone.notes.extend(notes);
    Ok(zone)
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
        let same = |other: &&Arc<ZoneEntry>| other.row.connection_id == before.id;
        let others = app.catalog.view().zones.values().filter(same).count().saturating_sub(1);
        if others > 0 {
            let zones = if others == 1 { "zone" } else { "zones" };
            notes.push(format!("this connection is also used by {others} {zones}"));
        }
    }
    let provider = app.catalog.connect(&connection).map_err(|words| Problem::field("/settings", words))?;
    row.physical_id = physical_id(&connection, provider.as_ref(), &row.name, row.provider_zone_id.clone());
    if row.state == ZoneState::Parked {
        row.state = ZoneState::Ok;
        row.last_error = None;
    }
    operation!(app, |operation| {
        if moved {
            connections::update(app, &operation, caller, &connection, Some(row.id)).await?;
        }
        if let Some(settings) = &embedded {
            EmbeddedStore::within(&operation).set_settings(&row.name, settings).await.map_err(not_stored)?;
        }
        let line = audit(caller, "zone.set", format!("zone:{}", row.id));
        operation.update_zone(&row, &[line]).await.map_err(|error| match error {
            StoreError::Changed { .. } => Problem::new(412, "the zone was changed meanwhile: read it again"),
            StoreError::Constraint { by: Some(first), .. } => twice(first),
            error => error.into(),
        })?;
        operation.set_zone_state(row.id, row.state, row.last_error.as_deref()).await?;
        operation.rematch_zone(row.id).await?;
    })?;
    if embedded.is_some() {
        serve_stored(app, &row.name).await;
    }
    Ok(notes)
}

/// The store's own words go to the log.
pub(super) fn not_stored(error: zonecast_dns::StoreError) -> Problem {
    tracing::error!(%error, "an embedded zone was not stored");
    Problem::new(503, "the zone could not be stored; please try again")
}

/// Lets the authority serve an embedded zone as it was just committed. Should that fail, it is read with
/// its next change, or at the next start.
pub(super) async fn serve_stored(app: &App, name: &Name) {
    if let Err(error) = app.authority.reload(name).await {
        tracing::error!(%error, zone = %name, "a stored zone is not served yet");
    }
}

/// Tests a zone as it is stored.
pub async fn test(app: &App, id: i64) -> Result<TestView, Problem> {
    let zone = entry(app, id)?;
    connections::test_zone(app, &zone).await
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
    operation!(app, |operation| operation.rematch_zone(id).await?)?;
    get(app, id)
}
