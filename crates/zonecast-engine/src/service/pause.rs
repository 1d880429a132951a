//! Stopping and going on: everywhere, at one connection, in one zone. Registrations go on meanwhile.

use super::Caller;
use super::connections::{self, list};
use super::view::{ConnectionView, ZoneView};
use super::write::{audit, operation};
use super::zones::{self, entry};
use crate::app::App;
use crate::problem::Problem;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use zonecast_core::{ConnectionState, ZoneState};

/// Whether everything is stopped.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct PauseView {
    /// Nothing is written anywhere.
    pub paused: bool,
    /// Connections that are stopped.
    pub connections: usize,
}

/// Whether everything is stopped.
pub async fn state(app: &App) -> Result<PauseView, Problem> {
    let paused = app.store.is_paused().await?;
    let connections =
        list(app).iter().filter(|connection| connection.state == ConnectionState::Paused).count();
    Ok(PauseView { paused, connections })
}

/// Stops, or lets go on, everything. What was paused by itself stays so afterwards.
pub async fn all(app: &App, caller: &Caller, paused: bool) -> Result<PauseView, Problem> {
    let action = if paused { "pause" } else { "resume" };
    app.store.set_paused(paused, &[audit(caller, action, "everything".to_owned())]).await?;
    app.catalog.reload().await?;
    app.engine.wake();
    state(app).await
}

/// Stops, or lets go on, one connection.
pub async fn connection(
    app: &App,
    caller: &Caller,
    id: i64,
    paused: bool,
) -> Result<ConnectionView, Problem> {
    connections::get(app, id).await?;
    let (state, action) = if paused {
        (ConnectionState::Paused, "connection.pause")
    } else {
        (ConnectionState::Ok, "connection.resume")
    };
    let view = app.catalog.view();
    let zones = view.zones.values().filter(|zone| zone.row.connection_id == id && !paused);
    let zones: Vec<i64> = zones.map(|zone| zone.row.id).collect();
    operation!(app, |operation| {
        operation.end_waits(&zones).await?;
        operation.set_connection_state(id, state, None, 0, 0).await?;
        operation.audit(&[audit(caller, action, format!("connection:{id}"))]).await?;
    })?;
    connections::get(app, id).await
}

/// Stops, or lets go on, one zone.
pub async fn zone(app: &App, caller: &Caller, id: i64, paused: bool) -> Result<ZoneView, Problem> {
    if entry(app, id)?.row.state == ZoneState::Deleting {
        return Err(Problem::new(409, format!("zone {id} is being removed")));
    }
    let (state, action) =
        if paused { (ZoneState::Paused, "zone.pause") } else { (ZoneState::Ok, "zone.resume") };
    operation!(app, |operation| {
        if !paused {
            operation.end_waits(&[id]).await?;
        }
        operation.set_zone_state(id, state, None).await?;
        operation.audit(&[audit(caller, action, format!("zone:{id}"))]).await?;
    })?;
    zones::get(app, id)
}

/// How many held names were let go.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct ApproveView {
    /// Names whose removal goes on now.
    pub approved: usize,
}

/// Lets the held removals of every zone go.
pub async fn approve_all(app: &App, caller: &Caller) -> Result<ApproveView, Problem> {
    let view = app.catalog.view();
    let approved = operation!(app, |operation| {
        let mut approved = 0;
        for id in view.zones.keys() {
            approved +=
                operation.approve(*id, &[audit(caller, "zone.approve", format!("zone:{id}"))]).await?;
        }
        approved
    })?;
    Ok(ApproveView { approved })
}
