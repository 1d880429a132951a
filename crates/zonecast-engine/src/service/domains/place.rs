//! A domain's own zones: added where it is to be created, set to how it is to be managed.
//!
//! Nothing is asked of a provider here. A zone that is missing there is made by the pass that first
//! meets its absence (`sync::make_zone`), so making it is as durable, retried and visible as writing a
//! record: one path, also after a crash.

use crate::catalog::{ConnectionEntry, View, ZoneEntry};
use crate::problem::{FieldProblem, Problem};
use crate::service::connections::physical_id;
use crate::service::write::{Refused, audit};
use crate::service::{Caller, dry_run};
use crate::settings::DomainOptions;
use crate::settings::{Managed, ZoneSettings};
use serde_json::{Map, Value, json};
use zonecast_core::ZoneState;
use zonecast_store::{DomainRow, Operation, StoreError, ZoneRow};

/// Makes the zones of this domain what its options ask for, inside the operation that lets the domain
/// out; gives the view with them where that is another, so that its claims are matched there too.
pub(super) async fn settle(
    operation: &Operation,
    caller: &Caller,
    view: &View,
    row: &DomainRow,
) -> Result<Option<View>, Refused> {
    let options = DomainOptions::of(row);
    let mut rows = Vec::new();
    for (index, id) in options.create_at.iter().enumerate() {
        let connection = view.connections.get(id).ok_or_else(|| no_connection(index, *id))?;
        if !view.zones_named(&row.name).any(|zone| zone.row.connection_id == *id) {
            rows.extend(add(operation, caller, row, &options, connection).await?);
        }
    }
    for zone in view.zones_named(&row.name) {
        rows.extend(manage(operation, caller, zone, &options).await?);
    }
    let mut settled = None;
    for row in rows {
        let Some(connection) = view.connections.get(&row.connection_id) else { continue };
        let connection =
            ConnectionEntry { row: connection.row.clone(), provider: connection.provider.clone() };
        settled = Some(settled.as_ref().unwrap_or(view).with_zone(row, connection).0);
    }
    if let Some(settled) = &mut settled {
        settled.epoch = operation.epoch().await?;
    }
    Ok(settled)
}

/// Whether there is anything to settle.
pub(super) fn is_settled(view: &View, row: &DomainRow) -> bool {
    let options = DomainOptions::of(row);
    let there = |id: &i64| view.zones_named(&row.name).any(|zone| zone.row.connection_id == *id);
    options.create_at.iter().all(there)
        && view.zones_named(&row.name).all(|zone| change(zone, &options).is_none())
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
    operation: &Operation,
    caller: &Caller,
    domain: &DomainRow,
    options: &DomainOptions,
    connection: &ConnectionEntry,
) -> Result<Option<ZoneRow>, Problem> {
    let provider = connection.provider.as_ref().map_err(|words| Problem::new(409, words.clone()))?;
    let mut settings = Map::new();
    settings.insert("create_missing_zone".to_owned(), Value::Bool(true));
    wish(&mut settings, options);
    let row = ZoneRow {
        id: 0,
        name: domain.name.clone(),
        connection_id: connection.row.id,
        provider_zone_id: None,
        physical_id: physical_id(&connection.row, provider.as_ref(), &domain.name, None),
        settings,
        state: ZoneState::Ok,
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
    match operation.add_zone(&row, &[line]).await {
        Ok(zone) => {
            let at = &connection.row.name;
            let message = format!("the zone {} would be made at {at}, with all of it inside", row.name);
            dry_run::leave_out([FieldProblem { field: "/create_at".to_owned(), message }]);
            Ok(Some(zone))
        }
        // Somebody was faster, or it is there by way of another connection: it is there.
        Err(StoreError::Constraint { .. }) => Ok(None),
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

/// The zone as the domain wishes it, where that is not as it is.
fn change(zone: &ZoneEntry, options: &DomainOptions) -> Option<ZoneRow> {
    let ZoneSettings { managed, manage_ns_soa, .. } = zone.settings;
    let full = options.managed == Managed::Full && managed != Managed::Full;
    let apex = options.manage_ns_soa && !manage_ns_soa;
    let mut row = zone.row.clone();
    row.listed_at = looked_at(options).or(row.listed_at);
    if full || apex {
        wish(&mut row.settings, options);
    }
    (full || apex || row.listed_at != zone.row.listed_at).then_some(row)
}

async fn manage(
    operation: &Operation,
    caller: &Caller,
    zone: &ZoneEntry,
    options: &DomainOptions,
) -> Result<Option<ZoneRow>, Refused> {
    let Some(mut row) = change(zone, options) else { return Ok(None) };
    if row.settings == zone.row.settings {
        operation.zone_listed(row.id, 0, &row.cuts).await?;
        return Ok(Some(row));
    }
    let line = audit(caller, "zone.set", format!("zone:{}", row.id));
    match operation.update_zone(&row, &[line]).await {
        Ok(version) => {
            let message = format!("the policy of zone {} would become {:?}", row.id, row.settings);
            dry_run::leave_out([FieldProblem { field: "/managed".to_owned(), message }]);
            row.version = version;
        }
        Err(StoreError::Changed { .. }) => return Err(Refused::ZonesChanged),
        Err(error) => return Err(error.into()),
    }
    Ok(Some(row))
}
