//! Stopping and going on: everywhere, at one connection, in one zone. Registrations go on meanwhile.

use super::connections::{self, list};
use super::view::{ConnectionView, ZoneView};
use super::write::audit;
use super::zones::{self, entry};
use super::{Caller, zone_work};
use crate::app::App;
use crate::problem::Problem;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

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
    let connections = list(app).iter().filter(|connection| connection.state == "paused").count();
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
    let state = if paused { "paused" } else { "ok" };
    // Before the state says that nothing waits.
    if !paused {
        let view = app.catalog.view();
        let zones = view.zones.values().filter(|zone| zone.row.connection_id == id);
        app.store.end_waits(&zones.map(|zone| zone.row.id).collect::<Vec<_>>()).await?;
    }
    app.store.set_connection_state(id, state, None, 0, 0).await?;
    let action = if paused { "connection.pause" } else { "connection.resume" };
    done(app, caller, action, format!("connection:{id}")).await?;
    connections::get(app, id).await
}

/// Stops, or lets go on, one zone.
pub async fn zone(app: &App, caller: &Caller, id: i64, paused: bool) -> Result<ZoneView, Problem> {
    if entry(app, id)?.row.state == "deleting" {
        return Err(Problem::new(409, format!("zone {id} is being removed")));
    }
    if !paused {
        app.store.end_waits(&[id]).await?;
    }
    app.store.set_zone_state(id, if paused { "paused" } else { "ok" }, None).await?;
    let action = if paused { "zone.pause" } else { "zone.resume" };
    done(app, caller, action, format!("zone:{id}")).await?;
    zones::get(app, id)
}

async fn done(app: &App, caller: &Caller, action: &str, object: String) -> Result<(), Problem> {
    app.store.audit(&[audit(caller, action, object)]).await?;
    app.catalog.reload().await?;
    app.engine.wake();
    Ok(())
}

/// How many held names were let go.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct ApproveView {
    /// Names whose removal goes on now.
    pub approved: usize,
}

/// Lets the held removals of every zone go.
pub async fn approve_all(app: &App, caller: &Caller) -> Result<ApproveView, Problem> {
    let mut approved = 0;
    for id in app.catalog.view().zones.keys() {
        approved += zone_work::approve(app, caller, *id).await?;
    }
    Ok(ApproveView { approved })
}
