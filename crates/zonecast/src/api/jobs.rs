//! `/jobs`.

use super::ApiState;
use super::extract::{Ctx, Id, Limit, Query};
use super::reply::{self, Answer, ListAnswer};
use crate::problem::Problem;
use crate::service::jobs::{self, ListJobs};
use crate::service::view::JobView;
use axum::http::{HeaderMap, header};
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use futures_util::stream::{self, Stream};
use std::collections::VecDeque;
use std::convert::Infallible;
use std::time::Duration;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

pub fn routes() -> OpenApiRouter<ApiState> {
    OpenApiRouter::new()
        .routes(routes!(list))
        .routes(routes!(show))
        .routes(routes!(log))
        .routes(routes!(retry))
        .routes(routes!(cancel))
}

/// Which jobs.
#[derive(Debug, Default, serde::Deserialize, utoipa::IntoParams)]
#[serde(default, deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct JobsQuery {
    /// Items on one page, 1 to 500.
    #[param(value_type = Option<u16>, minimum = 1, maximum = 500)]
    limit: Limit,
    /// `next_cursor` of the page before.
    cursor: Option<String>,
    /// In this state.
    state: Option<String>,
    /// Of this kind.
    kind: Option<String>,
    /// About this host.
    host_id: Option<i64>,
    /// About this record.
    record_id: Option<i64>,
}

/// Lists jobs, newest first.
#[utoipa::path(get, path = "/jobs", tag = "jobs", params(JobsQuery),
    responses((status = 200, body = ListAnswer<JobView>)))]
async fn list(ctx: Ctx, Query(query): Query<JobsQuery>) -> Result<Response, Problem> {
    let JobsQuery { limit, cursor, state, kind, host_id, record_id } = query;
    let query = ListJobs { state, kind, host_id, record_id, limit: limit.0, cursor };
    Ok(reply::list(jobs::list(&ctx, &query).await?))
}

/// How long to wait.
#[derive(Debug, Default, serde::Deserialize, utoipa::IntoParams)]
#[serde(default, deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct WaitQuery {
    /// Wait so long for its end.
    #[param(value_type = Option<String>)]
    wait: Option<super::extract::Wait>,
}

/// Shows a job.
#[utoipa::path(get, path = "/jobs/{id}", tag = "jobs", params(("id" = i64, Path), WaitQuery),
    responses((status = 200, body = Answer<JobView>)))]
async fn show(ctx: Ctx, Id(id): Id, Query(query): Query<WaitQuery>) -> Result<Response, Problem> {
    if let Some(wait) = query.wait {
        jobs::wait(&ctx, id, wait.0).await?;
    }
    Ok(reply::ok(jobs::get(&ctx, id).await?))
}

/// A job's log as text, or live as server-sent events (`Accept: text/event-stream`), which go on
/// behind `Last-Event-ID`.
#[utoipa::path(get, path = "/jobs/{id}/log", tag = "jobs", params(("id" = i64, Path)),
    responses((status = 200, content((String = "text/plain"), (String = "text/event-stream")))))]
async fn log(ctx: Ctx, Id(id): Id, headers: HeaderMap) -> Result<Response, Problem> {
    let accept = headers.get(header::ACCEPT).and_then(|value| value.to_str().ok()).unwrap_or_default();
    if !accept.contains("text/event-stream") {
        let text = jobs::log_text(&ctx, id).await?;
        return Ok(([(header::CONTENT_TYPE, "text/plain; charset=utf-8")], text).into_response());
    }
    jobs::get(&ctx, id).await?;
    let last = headers.get("last-event-id").and_then(|value| value.to_str().ok());
    let after = last.and_then(|id| id.parse().ok()).unwrap_or(0);
    Ok(Sse::new(follow(ctx, id, after)).keep_alive(KeepAlive::default()).into_response())
}

/// Where a reader of a live log stands.
struct Follower {
    ctx: Ctx,
    job: i64,
    after: i64,
    lines: VecDeque<Event>,
    ended: bool,
}

fn follow(ctx: Ctx, job: i64, after: i64) -> impl Stream<Item = Result<Event, Infallible>> {
    let start = Follower { ctx, job, after, lines: VecDeque::new(), ended: false };
    stream::unfold(start, |mut at| async move {
        loop {
            if let Some(event) = at.lines.pop_front() {
                return Some((Ok(event), at));
            }
            if at.ended || at.read().await.is_err() {
                return None;
            }
        }
    })
}

impl Follower {
    /// Reads what is new; waits where nothing is. The job is looked at before its lines, so that the
    /// last ones are never missed.
    async fn read(&mut self) -> Result<(), Problem> {
        let job = jobs::get(&self.ctx, self.job).await?;
        let lines = jobs::log_after(&self.ctx, self.job, self.after).await?;
        if let Some(last) = lines.last() {
            self.after = last.id;
        }
        let event = |id: i64, line: &str| Event::default().id(id.to_string()).event("line").data(line);
        self.lines.extend(lines.iter().map(|line| event(line.id, &line.line)));
        if lines.is_empty() && job.finished_at.is_some() {
            self.ended = true;
            self.lines.push_back(Event::default().event("end").data(job.state));
        } else if lines.is_empty() {
            self.ctx.engine.changed(Duration::from_millis(500)).await;
        }
        Ok(())
    }
}

/// Raises the names that ended badly once more.
#[utoipa::path(post, path = "/jobs/{id}/retry", tag = "jobs", params(("id" = i64, Path)),
    responses((status = 202, body = Answer<JobView>)))]
async fn retry(ctx: Ctx, Id(id): Id) -> Result<Response, Problem> {
    Ok(reply::accepted(jobs::retry(&ctx, id).await?, Some(id)))
}

/// Stops watching; what was registered is still carried out.
#[utoipa::path(post, path = "/jobs/{id}/cancel", tag = "jobs", params(("id" = i64, Path)),
    responses((status = 200, body = Answer<JobView>)))]
async fn cancel(ctx: Ctx, Id(id): Id) -> Result<Response, Problem> {
    Ok(reply::ok(jobs::cancel(&ctx, id).await?))
}
