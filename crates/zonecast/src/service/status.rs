//! The numbers of the dashboard.

use crate::app::App;
use crate::problem::Problem;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use utoipa::ToSchema;

/// How things stand.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct StatusView {
    /// This program's version.
    pub version: String,
    /// Hosts.
    pub hosts: i64,
    /// Records an operator added.
    pub records: i64,
    /// Zones by state.
    pub zones: BTreeMap<String, usize>,
    /// Connections by state.
    pub connections: BTreeMap<String, usize>,
    /// Keys (zone, name, type) by state.
    pub keys: BTreeMap<String, i64>,
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
        *zones.entry(zone.row.state.clone()).or_insert(0) += 1;
    }
    let mut connections = BTreeMap::new();
    for connection in view.connections.values() {
        *connections.entry(connection.row.state.clone()).or_insert(0) += 1;
    }
    Ok(StatusView {
        version: env!("CARGO_PKG_VERSION").to_owned(),
        hosts: stats.hosts,
        records: stats.records,
        zones,
        connections,
        keys: stats.keys.into_iter().collect(),
        dirty_names: stats.dirty_names,
        open_jobs: stats.open_jobs,
        paused: super::pause::state(app).await?.paused,
    })
}
