//! Jobs: the list, one job, and its log as it grows (S2.51, S2.52, S2.63).
//!
//! The log is read from the store and not from a channel, so a browser that comes back late, or whose
//! tab was hidden, goes on at the line it saw last (`Last-Event-ID`).

use super::shell::Shell;
use super::text::{Badge, moment};
use super::visit::{Fields, Id, Shown, Visit, show};
use super::zones::more;
use crate::problem::Problem;
use crate::service::jobs::{self, Follower, ListJobs, Step};
use crate::service::view::{JobView, LogLineView};
use askama::Template;
use askama::filters::HtmlSafe;
use axum::http::HeaderMap;
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use futures_util::stream;
use std::convert::Infallible;
use zonecast_core::JobState;

/// Jobs on one page.
const PAGE: usize = 50;

/// A job as rows and headings show it.
pub struct JobRow {
    pub(super) id: i64,
    pub(super) title: String,
    pub(super) state: Badge,
    pub(super) counts: String,
    pub(super) made: String,
    pub(super) ended: Option<String>,
    /// Where its owner is shown.
    pub(super) owner: Option<String>,
    /// What its owner is.
    pub(super) kind: &'static str,
}

impl From<&JobView> for JobRow {
    fn from(job: &JobView) -> JobRow {
        let owner = |kind: &str| job.owner.as_deref().and_then(|owner| owner.strip_prefix(kind));
        let (host, domain) = (owner("host:"), owner("domain:"));
        JobRow {
            id: job.id,
            title: job.title.clone(),
            state: Badge::of(job.state),
            counts: counts(job),
            made: moment(&job.created_at),
            ended: job.finished_at.as_deref().map(moment),
            owner: host
                .map(|id| format!("/hosts/{id}"))
                .or_else(|| domain.map(|id| format!("/domains/{id}"))),
            kind: if domain.is_some() { "domain" } else { "host" },
        }
    }
}

/// `3 of 4 names, 1 failed`.
fn counts(job: &JobView) -> String {
    let names = if job.total == 1 { "name" } else { "names" };
    match job.failed {
        0 => format!("{} of {} {names}", job.succeeded, job.total),
        failed => format!("{} of {} {names}, {failed} failed", job.succeeded, job.total),
    }
}

/// One line of a log, in its colour.
#[derive(Template)]
#[template(source = r#"<p class="{{ tone }}"><time>{{ at }}</time> {{ line }}</p>"#, ext = "html")]
struct Line {
    at: String,
    line: String,
    tone: &'static str,
}

// Its template escapes what it holds.
impl HtmlSafe for Line {}

impl From<LogLineView> for Line {
    fn from(line: LogLineView) -> Line {
        let tone = match line.line.split(' ').nth(1) {
            Some("OK") => "good",
            Some("ERR") => "bad",
            _ => "plain",
        };
        let at = moment(&line.at);
        Line { at: at.rsplit(' ').next().unwrap_or_default().to_owned(), line: line.line, tone }
    }
}

/// The state of a job, by itself.
#[derive(Template)]
#[template(path = "job_state.html")]
struct StatePiece {
    id: i64,
    state: Badge,
    counts: String,
}

// Its template escapes what it holds.
impl HtmlSafe for StatePiece {}

impl From<&JobView> for StatePiece {
    fn from(job: &JobView) -> StatePiece {
        StatePiece { id: job.id, state: Badge::of(job.state), counts: counts(job) }
    }
}

/// A job's log with its heading; it grows while the job runs.
#[derive(Template)]
#[template(path = "log.html")]
pub struct LogPane {
    id: i64,
    title: String,
    state: StatePiece,
    lines: Vec<Line>,
    last: i64,
    /// There are more lines behind these.
    cut: bool,
    /// The job has not ended.
    pub running: bool,
}

// Its template escapes what it holds.
impl HtmlSafe for LogPane {}

impl LogPane {
    /// The lines after a line's id.
    pub async fn read(visit: &Visit, id: i64, after: i64) -> Result<LogPane, Problem> {
        let job = jobs::get(visit, id).await?;
        let lines = jobs::log_after(visit, id, after).await?;
        let last = lines.last().map_or(after, |line| line.id);
        let running = job.finished_at.is_none();
        let cut = !running && !jobs::log_after(visit, id, last).await?.is_empty();
        Ok(LogPane {
            id,
            title: job.title.clone(),
            state: StatePiece::from(&job),
            lines: lines.into_iter().map(Line::from).collect(),
            last,
            cut,
            running,
        })
    }
}

#[derive(Template)]
#[template(path = "jobs.html")]
struct JobsPage {
    shell: Shell,
    jobs: Vec<JobRow>,
    state: String,
    states: &'static [JobState],
    next: Option<String>,
}

/// The list, newest first.
pub async fn list_page(visit: Visit, fields: Fields) -> Shown {
    let query = ListJobs {
        state: fields.given("state"),
        host_id: fields.id("host"),
        domain_id: fields.id("domain"),
        limit: PAGE,
        cursor: fields.given("cursor"),
        ..ListJobs::default()
    };
    let page = jobs::list(&visit, &query).await?;
    show(&JobsPage {
        jobs: page.items.iter().map(JobRow::from).collect(),
        state: query.state.unwrap_or_default(),
        states: JobState::ALL,
        next: page.next_cursor.map(|cursor| more("/jobs", &fields, &["state", "host", "domain"], &cursor)),
        shell: visit.shell("Jobs", "jobs").await?,
    })
}

#[derive(Template)]
#[template(path = "job.html")]
struct JobPage {
    shell: Shell,
    job: JobRow,
    log: LogPane,
    failed: bool,
    superseded_by: Option<i64>,
}

/// One job.
pub async fn show_job(visit: Visit, Id(id): Id, fields: Fields) -> Shown {
    let job = jobs::get(&visit, id).await?;
    let log = LogPane::read(&visit, id, fields.id("after").unwrap_or(0)).await?;
    let mut shell = visit.shell(&format!("Job {id}"), "jobs").await?;
    shell.refresh = log.running;
    show(&JobPage {
        job: JobRow::from(&job),
        log,
        failed: job.failed > 0,
        superseded_by: job.superseded_by,
        shell,
    })
}

/// The state alone, for a page that is open.
pub async fn state_piece(visit: Visit, Id(id): Id) -> Shown {
    show(&StatePiece::from(&jobs::get(&visit, id).await?))
}

/// The log as it grows: each line an event that htmx puts at the end, `end` when there are no more.
pub async fn live(visit: Visit, Id(id): Id, fields: Fields, headers: HeaderMap) -> Shown {
    jobs::get(&visit, id).await?;
    let seen = headers.get("last-event-id").and_then(|value| value.to_str().ok());
    let after = seen.and_then(|id| id.parse().ok()).or_else(|| fields.id("after")).unwrap_or(0);
    let app: &crate::app::App = &visit;
    let events = stream::unfold(Follower::new(app.clone(), id, after), |mut log| async move {
        let event = match log.next().await? {
            Step::Line(line) => {
                let id = line.id.to_string();
                Event::default().id(id).data(Line::from(line).render().unwrap_or_default())
            }
            Step::End(state) => Event::default().event("end").data(state.as_str()),
        };
        Some((Ok::<Event, Infallible>(event), log))
    });
    Ok(Sse::new(events).keep_alive(KeepAlive::default()).into_response())
}

/// Raises the names that ended badly once more.
pub async fn retry(visit: Visit, Id(id): Id) -> Response {
    let result = jobs::retry(&visit, id).await;
    visit.done(result.map(|_| "what failed is tried again".to_owned()), &format!("/jobs/{id}"))
}

/// Stops watching.
pub async fn cancel(visit: Visit, Id(id): Id) -> Response {
    let result = jobs::cancel(&visit, id).await;
    let words = "nobody watches any more; what was registered is still carried out";
    visit.done(result.map(|_| words.to_owned()), &format!("/jobs/{id}"))
}
