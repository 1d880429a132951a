//! The dashboard: how things stand, what is wrong, and the switch that stops everything.

use super::jobs::JobRow;
use super::shell::Shell;
use super::text::Badge;
use super::trouble::TroubleRow;
use super::visit::{Fields, Shown, Visit, show};
use super::zones::back;
use crate::service::jobs::{self, ListJobs};
use crate::service::status::{StatusView, status};
use crate::service::view::ConnectionView;
use crate::service::{connections, pause as pausing, trouble};
use askama::Template;
use axum::response::Response;

/// Failures shown.
const SHOWN: usize = 10;

#[derive(Template)]
#[template(path = "dashboard.html")]
struct Dashboard {
    shell: Shell,
    status: StatusView,
    zones: usize,
    zones_well: usize,
    connections: usize,
    /// Records in trouble: state and count.
    states: Vec<(Badge, i64, String)>,
    ill: Vec<(ConnectionView, Badge)>,
    failures: Vec<TroubleRow>,
    jobs: Vec<JobRow>,
}

/// Shows it.
pub async fn show_page(visit: Visit) -> Shown {
    let status = status(&visit).await?;
    let mut failed = Vec::new();
    for state in ["failed", "partial"] {
        let query = ListJobs { state: Some(state.to_owned()), limit: SHOWN, ..ListJobs::default() };
        failed.extend(jobs::list(&visit, &query).await?.items);
    }
    failed.sort_by_key(|job| std::cmp::Reverse(job.id));
    failed.truncate(SHOWN);
    let ill = connections::list(&visit).into_iter().filter(|connection| connection.state != "ok");
    let ill = ill.map(|connection| {
        let badge = Badge::of(&connection.state);
        (connection, badge)
    });
    let states = status.trouble.iter().map(|(state, count)| (Badge::of(state), *count, state.clone()));
    let failures = trouble::list(&visit, None, None, SHOWN).await?;
    show(&Dashboard {
        zones: status.zones.values().sum(),
        zones_well: status.zones.get("ok").copied().unwrap_or(0),
        connections: status.connections.values().sum(),
        states: states.collect(),
        ill: ill.collect(),
        failures: failures.into_iter().map(TroubleRow::from).collect(),
        jobs: failed.iter().map(JobRow::from).collect(),
        shell: visit.shell("Dashboard", "dashboard").await?,
        status,
    })
}

/// Stops writing everywhere; registrations go on.
pub async fn pause(visit: Visit, fields: Fields) -> Response {
    let result = pausing::all(&visit, &visit.caller, true).await;
    visit.done(
        result.map(|_| "everything is paused: nothing is written anywhere".to_owned()),
        &back(&fields, "/"),
    )
}

/// Goes on.
pub async fn resume(visit: Visit, fields: Fields) -> Response {
    let result = pausing::all(&visit, &visit.caller, false).await;
    visit.done(result.map(|_| "everything goes on".to_owned()), &back(&fields, "/"))
}
