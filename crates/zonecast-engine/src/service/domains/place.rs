//! A domain's own zones: added where it is to be created, set to how it is to be managed.
//!
//! Nothing is asked of a provider here. A zone that is missing there is made by the pass that first
//! meets its absence (`sync::make_zone`), so making it is as durable, retried and visible as writing a
//! record: one path, also after a crash.

use crate::app::App;
use crate::catalog::{ConnectionEntry, View, ZoneEntry};
use crate::problem::{FieldProblem, Problem};
use crate::service::write::audit;
use crate::service::{Caller, dry_run};
use crate::settings::DomainOptions;
use crate::settings::{Managed, ZoneSettings};
use serde_json::{Map, Value, json};
use std::time::{Duration, Instant};
use zonecast_providers::ZoneRef;
use zonecast_store::{DomainRow, StoreError, ZoneRow};

/// Makes the zones of this domain what its options ask for; tells whether any was added or changed.
pub(super) async fn settle(app: &App, caller: &Caller, row: &DomainRow) -> Result<bool, Problem> {
    let options = DomainOptions::of(row);
    let mut changed = false;
    for (index, id) in options.create_at.iter().enumerate() {
        let view = app.catalog.view();
        let connection = view.connections.get(id).ok_or_else(|| no_connection(index, *id))?;
        if view.zones_named(&row.name).any(|zone| zone.row.connection_id == *id) {
            continue;
        }
        changed |= add(app, caller, row, &options, connection).await?;
    }
    if changed {
        app.catalog.reload().await?;
    }
    let view = app.catalog.view();
    let mut managed = false;
    for zone in view.zones_named(&row.name) {
        managed |= manage(app, caller, zone, &options).await?;
    }
    if managed {
        app.catalog.reload().await?;
    }
    Ok(changed || managed)
}

/// Refuses what can be known to be impossible, before anything is stored (S4.62).
pub(super) fn check(view: &View, row: &DomainRow) -> Result<(), Problem> {
    let options = DomainOptions::of(row);
    for (index, id) in options.create_at.iter().enumerate() {
        let connection = view.connections.get(id).ok_or_else(|| no_connection(index, *id))?;
        let there = view.zones_named(&row.name).any(|zone| zone.row.connection_id == *id);
        let able = connection.provider.as_ref().is_ok_and(|provider| provider.capabilities().zones);
        if !there && !able {
            return Err(Problem::conflict(
                format!("/create_at/{index}"),
                format!(
                    "{} ({}) does not make zones: make {} there by hand and add it",
                    connection.row.name, connection.row.provider, row.name
                ),
            ));
        }
    }
    Ok(())
}

fn no_connection(index: usize, id: i64) -> Problem {
    Problem::field(format!("/create_at/{index}"), format!("there is no connection {id}"))
}

async fn add(
    app: &App,
    caller: &Caller,
    domain: &DomainRow,
    options: &DomainOptions,
    connection: &ConnectionEntry,
) -> Result<bool, Problem> {
    let provider = connection.provider.as_ref().map_err(|words| Problem::new(409, words.clone()))?;
    let reference = ZoneRef {
        name: domain.name.clone(),
        provider_zone_id: None,
        deadline: Instant::now() + Duration::from_secs(1),
    };
    let mut settings = Map::new();
    settings.insert("create_missing_zone".to_owned(), Value::Bool(true));
    wish(&mut settings, options);
    let row = ZoneRow {
        id: 0,
        name: domain.name.clone(),
        connection_id: connection.row.id,
        provider_zone_id: None,
        physical_id: format!("{} {}", connection.row.provider, provider.physical_id(&reference)),
        settings,
        state: "ok".to_owned(),
        last_error: None,
        waiting: Default::default(),
        cuts: Vec::new(),
        rematch_after: Some(Vec::new()),
        listed_at: looked_at(options),
        created_at: 0,
        updated_at: 0,
        version: 0,
    };
    let line = audit(caller, "zone.add", format!("zone:{}", row.name));
    match app.store.add_zone(&row, &[line]).await {
        Ok(_) => Ok(true),
        // Somebody was faster, or it is there by way of another connection: it is there.
        Err(StoreError::Constraint { .. }) => Ok(true),
        Err(StoreError::DryRun(_)) => {
            let at = &connection.row.name;
            let message = format!("the zone {} would be made at {at}, with all of it inside", row.name);
            dry_run::leave_out([FieldProblem { field: "/create_at".to_owned(), message }]);
            Ok(false)
        }
        Err(error) => Err(error.into()),
    }
}

/// Puts what a domain wishes of its own zone into the zone's settings; only ever adds to them.
fn wish(settings: &mut Map<String, Value>, options: &DomainOptions) {
    if options.managed == Managed::Full {
        settings.insert("managed".to_owned(), json!("full"));
    }
    if options.manage_ns_soa {
        settings.insert("manage_ns_soa".to_owned(), Value::Bool(true));
    }
}

/// A zone that is managed as a whole is due for a listing now: what stands there and nobody wants goes.
fn looked_at(options: &DomainOptions) -> Option<i64> {
    (options.managed == Managed::Full).then_some(0)
}

async fn manage(
    app: &App,
    caller: &Caller,
    zone: &ZoneEntry,
    options: &DomainOptions,
) -> Result<bool, Problem> {
    let ZoneSettings { managed, manage_ns_soa, .. } = zone.settings;
    let full = options.managed == Managed::Full && managed != Managed::Full;
    let apex = options.manage_ns_soa && !manage_ns_soa;
    if !full && !apex {
        if options.managed == Managed::Full && zone.row.listed_at != Some(0) {
            let listed = app.store.zone_listed(zone.row.id, 0, &zone.row.cuts).await;
            return match listed {
                Err(StoreError::DryRun(_)) => Ok(false),
                listed => Ok(listed.map(|_| true)?),
            };
        }
        return Ok(false);
    }
    let mut row = zone.row.clone();
    row.listed_at = looked_at(options).or(row.listed_at);
    wish(&mut row.settings, options);
    let line = audit(caller, "zone.set", format!("zone:{}", row.id));
    match app.store.update_zone(&row, &[line]).await {
        Ok(_) => Ok(true),
        Err(StoreError::DryRun(_)) => {
            let message = format!("the policy of zone {} would become {:?}", row.id, row.settings);
            dry_run::leave_out([FieldProblem { field: "/managed".to_owned(), message }]);
            Ok(false)
        }
        Err(StoreError::Changed { .. }) => {
            app.catalog.reload().await?;
            Err(Problem::new(503, "the zone is being changed by somebody else; please try again"))
        }
        Err(error) => Err(error.into()),
    }
}
