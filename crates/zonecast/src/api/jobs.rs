//! `/jobs`.

use super::ApiState;
use super::extract::{Ctx, Id, Limit, Query};
use super::reply::{self, Answer, ListAnswer, Refusal};
use crate::service::jobs::{self, Follower, ListJobs, Step};
use crate::service::view::JobView;
use axum::http::{HeaderMap, header};
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use futures_util::stream::{self, Stream};
use std::convert::Infallible;
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
    /// About this domain.
    domain_id: Option<i64>,
}

/// Lists jobs, newest first.
#[utoipa::path(get, path = "/jobs", tag = "jobs", params(JobsQuery),
    responses((status = 200, body = ListAnswer<JobView>)))]
async fn list(ctx: Ctx, Query(query): Query<JobsQuery>) -> Result<Response, Refusal> {
    let JobsQuery { limit, cursor, state, kind, host_id, record_id, domain_id } = query;
    let query = ListJobs { state, kind, host_id, record_id, domain_id, limit: limit.0, cursor };
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
async fn show(ctx: Ctx, Id(id): Id, Query(query): Query<WaitQuery>) -> Result<Response, Refusal> {
    if let Some(wait) = query.wait {
        jobs::wait(&ctx, id, wait.0).await?;
    }
    Ok(reply::ok(jobs::get(&ctx, id).await?))
}

/// A job's log as text, or live as server-sent events (`Accept: text/event-stream`), which go on
/// behind `Last-Event-ID`.
#[utoipa::path(get, path = "/jobs/{id}/log", tag = "jobs", params(("id" = i64, Path)),
    responses((status = 200, content((String = "text/plain"), (String = "text/event-stream")))))]
async fn log(ctx: Ctx, Id(id): Id, headers: HeaderMap) -> Result<Response, Refusal> {
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

fn follow(ctx: Ctx, job: i64, after: i64) -> impl Stream<Item = Result<Event, Infallible>> {
    stream::unfold(Follower::new(ctx.app, job, after), |mut log| async move {
        let event = match log.next().await? {
            Step::Line(line) => Event::default().id(line.id.to_string()).event("line").data(line.line),
            Step::End(state) => Event::default().event("end").data(state.as_str()),
        };
        Some((Ok(event), log))
    })
}

/// Raises the names that ended badly once more.
#[utoipa::path(post, path = "/jobs/{id}/retry", tag = "jobs", params(("id" = i64, Path)),
    responses((status = 202, body = Answer<JobView>)))]
async fn retry(ctx: Ctx, Id(id): Id) -> Result<Response, Refusal> {
    Ok(reply::accepted(jobs::retry(&ctx, id).await?, Some(id)))
}

/// Stops watching; what was registered is still carried out.
#[utoipa::path(post, path = "/jobs/{id}/cancel", tag = "jobs", params(("id" = i64, Path)),
    responses((status = 200, body = Answer<JobView>)))]
async fn cancel(ctx: Ctx, Id(id): Id) -> Result<Response, Refusal> {
    Ok(reply::ok(jobs::cancel(&ctx, id).await?))
}
