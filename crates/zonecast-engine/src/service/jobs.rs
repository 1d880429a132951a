//! Jobs: pieces of work that a person watches. A job never does anything: it counts names.

use super::input::Errors;
use super::view::{JobView, LogLineView, time};
use super::{Page, cursor_in};
use crate::app::App;
use crate::problem::Problem;
use std::collections::VecDeque;
use std::time::Duration;
use zonecast_core::JobState;
use zonecast_store::{JobFilter, JobRow, LogLine, OwnerId, OwnerKind};

/// Lines read in one step.
const LINES: usize = 1_000;
/// How often a live log looks for new lines where nobody signals.
const FOLLOW_EVERY: Duration = Duration::from_millis(500);

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
    /// About this domain.
    pub domain_id: Option<i64>,
    /// Items on a page.
    pub limit: usize,
    /// Where the page begins.
    pub cursor: Option<String>,
}

/// A page of jobs, newest first.
pub async fn list(app: &App, query: &ListJobs) -> Result<Page<JobView>, Problem> {
    let mut errors = Errors::default();
    let before = cursor_in(query.cursor.as_deref(), &mut errors);
    let state = super::given(query.state.as_deref(), "state", str::parse::<JobState>, &mut errors);
    errors.into_result(())?;
    let host = query.host_id.map(|id| OwnerId { kind: OwnerKind::Host, id });
    let record = query.record_id.map(|id| OwnerId { kind: OwnerKind::Record, id });
    let domain = query.domain_id.map(|id| OwnerId { kind: OwnerKind::Domain, id });
    let filter =
        JobFilter { state, kind: query.kind.clone().unwrap_or_default(), owner: host.or(record).or(domain) };
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

/// A reader of a live log: every line once, in order, then the end.
pub struct Follower {
    app: App,
    job: i64,
    after: i64,
    lines: VecDeque<LogLineView>,
    ended: bool,
}

/// What a reader of a live log sees next.
#[derive(Clone, Debug)]
pub enum Step {
    /// A line.
    Line(LogLineView),
    /// The job has ended, in this state; nothing follows.
    End(JobState),
}

impl Follower {
    /// Reads the lines behind `after`.
    pub fn new(app: App, job: i64, after: i64) -> Follower {
        Follower { app, job, after, lines: VecDeque::new(), ended: false }
    }

    /// The next step; waits where nothing is new. `None` after the end, or where the log cannot be read.
    pub async fn next(&mut self) -> Option<Step> {
        loop {
            if let Some(line) = self.lines.pop_front() {
                return Some(Step::Line(line));
            }
            if self.ended {
                return None;
            }
            // The job is looked at before its lines, so that the last ones are never missed.
            let job = get(&self.app, self.job).await.ok()?;
            self.lines.extend(log_after(&self.app, self.job, self.after).await.ok()?);
            match self.lines.back() {
                Some(last) => self.after = last.id,
                None if job.finished_at.is_some() => {
                    self.ended = true;
                    return Some(Step::End(job.state));
                }
                None => self.app.engine.changed(FOLLOW_EVERY).await,
            }
        }
    }
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
