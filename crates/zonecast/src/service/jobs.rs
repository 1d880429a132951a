//! Jobs: pieces of work that a person watches. A job never does anything: it counts names.

use super::input::Errors;
use super::view::{JobView, LogLineView, time};
use super::{Page, cursor_in};
use crate::app::App;
use crate::problem::Problem;
use std::time::Duration;
use zonecast_store::{JobFilter, JobRow, LogLine, OwnerId, OwnerKind};

/// Lines read in one step.
const LINES: usize = 1_000;

/// Which jobs a list shows.
#[derive(Clone, Debug, Default)]
pub struct ListJobs {
    /// In this state.
    pub state: Option<String>,
    /// Of this kind.
    pub kind: Option<String>,
    /// About this host.
    pub host_id: Option<i64>,
    /// About this record.
    pub record_id: Option<i64>,
    /// Items on a page.
    pub limit: usize,
    /// Where the page begins.
    pub cursor: Option<String>,
}

/// A page of jobs, newest first.
pub async fn list(app: &App, query: &ListJobs) -> Result<Page<JobView>, Problem> {
    let mut errors = Errors::default();
    let before = cursor_in(query.cursor.as_deref(), &mut errors);
    errors.into_result(())?;
    let host = query.host_id.map(|id| OwnerId { kind: OwnerKind::Host, id });
    let record = query.record_id.map(|id| OwnerId { kind: OwnerKind::Record, id });
    let filter = JobFilter {
        state: query.state.clone().unwrap_or_default(),
        kind: query.kind.clone().unwrap_or_default(),
        owner: host.or(record),
    };
    let rows = app.store.jobs(&filter, (before > 0).then_some(before), query.limit + 1).await?;
    let (rows, next_cursor) = super::cut(rows, query.limit, |row| row.id);
    Ok(Page { items: rows.iter().map(JobView::from).collect(), next_cursor })
}

/// One job.
pub async fn get(app: &App, id: i64) -> Result<JobView, Problem> {
    Ok(JobView::from(&row(app, id).await?))
}

async fn row(app: &App, id: i64) -> Result<JobRow, Problem> {
    app.store.job(id).await?.ok_or_else(|| Problem::missing("job", id))
}

/// Waits until the job has ended or the time is up; whether it has ended.
pub async fn wait(app: &App, id: i64, limit: Duration) -> Result<bool, Problem> {
    let row = app.engine.wait_for_job(id, limit).await?;
    Ok(row.is_none_or(|row| row.finished_at.is_some()))
}

/// The lines of a job's log after a line's id.
pub async fn log_after(app: &App, id: i64, after: i64) -> Result<Vec<LogLineView>, Problem> {
    let lines = app.store.job_log(id, after, LINES).await?;
    Ok(lines.into_iter().map(|LogLine { id, at, line }| LogLineView { id, at: time(at), line }).collect())
}

/// The whole log as text.
pub async fn log_text(app: &App, id: i64) -> Result<String, Problem> {
    row(app, id).await?;
    let mut text = String::new();
    let mut after = 0;
    loop {
        let lines = log_after(app, id, after).await?;
        let Some(last) = lines.last() else { return Ok(text) };
        after = last.id;
        for line in &lines {
            text.push_str(&format!("{} {}\n", line.at, line.line));
        }
    }
}

/// Raises the names that ended badly once more.
pub async fn retry(app: &App, id: i64) -> Result<JobView, Problem> {
    row(app, id).await?;
    app.store.retry_job(id).await?;
    app.engine.wake();
    get(app, id).await
}

/// Stops watching; what was registered is still carried out.
pub async fn cancel(app: &App, id: i64) -> Result<JobView, Problem> {
    row(app, id).await?;
    match app.store.cancel_job(id).await? {
        true => get(app, id).await,
        false => Err(Problem::new(409, format!("job {id} has ended already"))),
    }
}
