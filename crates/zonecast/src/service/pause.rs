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

/// The words at a connection that was stopped with all others, so that only those go on again.
const BY_ALL: &str = "paused with everything else";
/// Where it is remembered that everything is stopped.
const META: &str = "paused";

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
    let paused = app.store.meta(META).await?.is_some_and(|value| value == "1");
    let connections = list(app).iter().filter(|connection| connection.state == "paused").count();
    Ok(PauseView { paused, connections })
}

/// Stops, or lets go on, everything.
pub async fn all(app: &App, caller: &Caller, paused: bool) -> Result<PauseView, Problem> {
    app.store.set_meta(META, if paused { "1" } else { "0" }).await?;
    let view = app.catalog.view();
    for entry in view.connections.values() {
        let row = &entry.row;
        let by_all = row.state == "paused" && row.last_error.as_deref() == Some(BY_ALL);
        if paused && row.state != "paused" {
            app.store.set_connection_state(row.id, "paused", Some(BY_ALL), 0, 0).await?;
        } else if !paused && by_all {
            app.store.set_connection_state(row.id, "ok", None, 0, 0).await?;
        }
    }
    done(app, caller, if paused { "pause" } else { "resume" }, "everything".to_owned()).await?;
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
    app.store.set_connection_state(id, state, None, 0, 0).await?;
    let action = if paused { "connection.pause" } else { "connection.resume" };
    done(app, caller, action, format!("connection:{id}")).await?;
    connections::get(app, id).await
}

/// Stops, or lets go on, one zone.
pub async fn zone(app: &App, caller: &Caller, id: i64, paused: bool) -> Result<ZoneView, Problem> {
    entry(app, id)?;
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
