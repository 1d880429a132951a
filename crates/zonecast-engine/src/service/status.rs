//! The numbers of the dashboard.

use crate::app::App;
use crate::problem::Problem;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use utoipa::ToSchema;
use zonecast_core::{ConnectionState, KeyState, ZoneState};

/// How things stand.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct StatusView {
    /// This program's version.
    pub version: String,
    /// Hosts.
    pub hosts: i64,
    /// Zones by state; one that is `ok` itself counts under the state of its connection.
    pub zones: BTreeMap<String, usize>,
    /// Connections by state.
    #[schema(value_type = BTreeMap<String, usize>)]
    pub connections: BTreeMap<ConnectionState, usize>,
    /// Keys (zone, name, type) in trouble, by state.
    #[schema(value_type = BTreeMap<String, i64>)]
    pub trouble: BTreeMap<KeyState, i64>,
    /// Values of ours at providers.
    pub owned_values: i64,
    /// Differences found at providers.
    pub drift: i64,
    /// Names with work to do.
    pub dirty_names: i64,
    /// Jobs that have not ended.
    pub open_jobs: i64,
    /// Everything is stopped.
    pub paused: bool,
}

/// Counts what is there.
pub async fn status(app: &App) -> Result<StatusView, Problem> {
    let stats = app.store.stats().await?;
    let view = app.catalog.view();
    let mut zones = BTreeMap::new();
    for zone in view.zones.values() {
        // A zone is well only where its connection is.
        let state = match zone.row.state {
            ZoneState::Ok => zone.connection.row.state.as_str(),
            other => other.as_str(),
        };
        *zones.entry(state.to_owned()).or_insert(0) += 1;
    }
    let mut connections = BTreeMap::new();
    for connection in view.connections.values() {
        *connections.entry(connection.row.state).or_insert(0) += 1;
    }
    let mut trouble = BTreeMap::new();
    for (state, count) in stats.zones.iter().flat_map(|zone| &zone.trouble) {
        *trouble.entry(*state).or_insert(0) += count;
    }
    Ok(StatusView {
        version: env!("CARGO_PKG_VERSION").to_owned(),
        hosts: stats.hosts,
        zones,
        connections,
        trouble,
        owned_values: stats.zones.iter().map(|zone| zone.owned_values).sum(),
        drift: stats.drift,
        dirty_names: stats.dirty_names,
        open_jobs: stats.running_jobs,
        paused: super::pause::state(app).await?.paused,
    })
}
