//! The dashboard: how things stand, what is wrong, and the switch that stops everything.

use super::jobs::JobRow;
use super::shell::Shell;
use super::text::{Badge, Label, moment};
use super::trouble::TroubleRow;
use super::visit::{Fields, Shown, Visit, show};
use super::zones::back;
use crate::service::jobs::{self, ListJobs};
use crate::service::pause as pausing;
use crate::service::status::{StatusView, status};
use crate::service::trouble::{self, Cause};
use askama::Template;
use axum::response::Response;
use zonecast_core::{ConnectionState, JobState, KeyState, ZoneState};

/// Failures shown.
const SHOWN: usize = 10;

/// One thing that is wrong, and what waits for it.
struct CauseRow {
    cause: Cause,
    zone: Option<(i64, Label)>,
    state: Badge,
    since: Option<String>,
    next: Option<String>,
}

impl From<Cause> for CauseRow {
    fn from(cause: Cause) -> CauseRow {
        CauseRow {
            zone: cause.zone.as_ref().map(|(id, name)| (*id, Label::of(name))),
            state: match cause.zone {
                Some(_) => Badge::of(ZoneState::Parked),
                None => Badge::of(cause.state),
            },
            since: cause.since.as_deref().map(moment),
            next: cause.next.as_deref().map(moment),
            cause,
        }
    }
}

#[derive(Template)]
#[template(path = "dashboard.html")]
struct Dashboard {
    shell: Shell,
    status: StatusView,
    zones: usize,
    zones_well: usize,
    connections: usize,
    connections_well: usize,
    /// Records in trouble: state and count.
    states: Vec<(Badge, i64, &'static str)>,
    causes: Vec<CauseRow>,
    failures: Vec<TroubleRow>,
    jobs: Vec<JobRow>,
}

/// Shows it.
pub async fn show_page(visit: Visit) -> Shown {
    let status = status(&visit).await?;
    let mut failed = Vec::new();
    for state in [JobState::Failed, JobState::Partial] {
        let query = ListJobs { state: Some(state.to_string()), limit: SHOWN, ..ListJobs::default() };
        failed.extend(jobs::list(&visit, &query).await?.items);
    }
    failed.sort_by_key(|job| std::cmp::Reverse(job.id));
    failed.truncate(SHOWN);
    let causes = trouble::causes(&visit).await?;
    let failures = trouble::list_beside(&visit, &causes, None, None, SHOWN).await?;
    // What only waits for a cause above is said there, once.
    let states =
        status.trouble.iter().filter(|(state, _)| causes.is_empty() || **state != KeyState::Retrying);
    let states = states.map(|(state, count)| (Badge::of(*state), *count, state.as_str()));
    show(&Dashboard {
        zones: status.zones.values().sum(),
        zones_well: status.zones.get("ok").copied().unwrap_or(0),
        connections: status.connections.values().sum(),
        connections_well: status.connections.get(&ConnectionState::Ok).copied().unwrap_or(0),
        states: states.collect(),
        causes: causes.into_iter().map(CauseRow::from).collect(),
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
