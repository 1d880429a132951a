//! The envelope of answers: `{"success": true, "data": ...}`, 202 with a job, ETags, problems.

use super::extract::{Ctx, WorkQuery};
use crate::problem::Problem;
use crate::service::{Page, Work, jobs};
use axum::Json;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use sha2::Digest;
use utoipa::ToSchema;
use zonecast_core::{RecordData, RecordType};

/// A successful answer.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct Answer<T> {
    /// Always true.
    pub success: bool,
    /// The resource.
    pub data: T,
}

/// A page of a list.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct ListAnswer<T> {
    /// Always true.
    pub success: bool,
    /// The items.
    pub data: Vec<T>,
    /// Give it as `cursor` to get the next page; `null` at the end.
    pub next_cursor: Option<String>,
}

/// A resource with the job that makes it true.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct WithJob<T> {
    /// The job that watches; `null` where there is nothing to do.
    pub job_id: Option<i64>,
    /// The resource.
    #[serde(flatten)]
    pub resource: T,
}

/// What is left of a removed resource.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct Gone {
    /// Its id.
    pub id: i64,
    /// Always true.
    pub removed: bool,
}

/// 200: it is gone.
pub fn gone(id: i64) -> Response {
    ok(Gone { id, removed: true })
}

/// 200 with data.
pub fn ok<T: Serialize>(data: T) -> Response {
    Json(Answer { success: true, data }).into_response()
}

/// 200 with data that has a version: ETag, and 304 for who has it already.
pub fn tagged<T: Serialize>(data: T, version: i64, headers: &HeaderMap) -> Response {
    let Ok(body) = serde_json::to_vec(&Answer { success: true, data }) else {
        return Refusal(Problem::new(500, "the answer could not be written")).into_response();
    };
    // The states of records change without the resource's version, so the tag tells both.
    let digest = hex::encode(&sha2::Sha256::digest(&body)[..6]);
    let tag = format!("\"{version}-{digest}\"");
    let known = headers.get(header::IF_NONE_MATCH).and_then(|value| value.to_str().ok());
    let fresh = known.is_some_and(|tags| {
        tags.split(',').map(str::trim).any(|known| known == "*" || known.trim_start_matches("W/") == tag)
    });
    let json = [(header::CONTENT_TYPE, "application/json")];
    let mut response =
        if fresh { StatusCode::NOT_MODIFIED.into_response() } else { (json, body).into_response() };
    if let Ok(value) = HeaderValue::from_str(&tag) {
        response.headers_mut().insert(header::ETAG, value);
    }
    response
}

/// 201 with a new resource.
pub fn created<T: Serialize>(data: T, location: String) -> Response {
    let mut response = (StatusCode::CREATED, Json(Answer { success: true, data })).into_response();
    locate(&mut response, &location);
    response
}

/// 202: the wish is stored, the job makes it true.
pub fn accepted<T: Serialize>(resource: T, job_id: Option<i64>) -> Response {
    let data = WithJob { job_id, resource };
    let mut response = (StatusCode::ACCEPTED, Json(Answer { success: true, data })).into_response();
    if let Some(id) = job_id {
        locate(&mut response, &format!("/api/v1/jobs/{id}"));
    }
    response
}

/// 200 after the job was waited for.
pub fn finished<T: Serialize>(resource: T, job_id: Option<i64>) -> Response {
    let mut response = accepted(resource, job_id);
    *response.status_mut() = StatusCode::OK;
    response
}

/// 200 with a page.
pub fn list<T: Serialize>(page: Page<T>) -> Response {
    Json(ListAnswer { success: true, data: page.items, next_cursor: page.next_cursor }).into_response()
}

/// 200 with everything there is.
pub fn all<T: Serialize>(items: Vec<T>) -> Response {
    list(Page { items, next_cursor: None })
}

fn locate(response: &mut Response, location: &str) {
    if let Ok(value) = HeaderValue::from_str(location) {
        response.headers_mut().insert(header::LOCATION, value);
    }
}

/// A [`Problem`] on its way out, as `application/problem+json`.
#[derive(Debug)]
pub struct Refusal(pub Problem);

impl<P: Into<Problem>> From<P> for Refusal {
    fn from(problem: P) -> Refusal {
        Refusal(problem.into())
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let Refusal(problem) = self;
        let status = StatusCode::from_u16(problem.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let mut response = (status, Json(&problem)).into_response();
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        if status == StatusCode::UNAUTHORIZED {
            headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        if status == StatusCode::SERVICE_UNAVAILABLE || status == StatusCode::TOO_MANY_REQUESTS {
            headers.insert(header::RETRY_AFTER, HeaderValue::from_static("1"));
        }
        response
    }
}

/// A resource with what should be said about how the call was read.
#[derive(Debug, Serialize, ToSchema)]
pub struct Noted<T> {
    /// The resource.
    #[serde(flatten)]
    pub resource: T,
    /// What was read otherwise than it stands in the call.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<String>,
}

/// Answers as [`answer_work`] does a call that gave these sets, each its type and the object with its
/// `values`: texts that were read otherwise than they stand there are told.
pub async fn answer_noted<'v, T, F>(
    ctx: &Ctx,
    query: &WorkQuery,
    sets: impl IntoIterator<Item = (&'v str, &'v Value)>,
    work: Work<T>,
    again: impl FnOnce() -> F,
) -> Result<Response, Refusal>
where
    T: Serialize,
    F: Future<Output = Result<T, Problem>>,
{
    let texts = sets.into_iter().flat_map(|(rtype, set)| {
        let rtype = rtype.parse().unwrap_or(RecordType::A);
        let values = set["values"].as_array().into_iter().flatten();
        values.filter_map(move |value| RecordData::meant(rtype, value.as_str()?))
    });
    let notes: Vec<String> = texts.collect();
    let noted = |resource: T| Noted { resource, notes: notes.clone() };
    let work = Work { job_id: work.job_id, data: noted(work.data) };
    answer_work(ctx, query, work, || async { Ok(noted(again().await?)) }).await
}

/// Answers a call that started work: at once, or when its job has ended or the wait is over; `again`
/// reads the resource anew then.
pub async fn answer_work<T, F>(
    ctx: &Ctx,
    query: &WorkQuery,
    work: Work<T>,
    again: impl FnOnce() -> F,
) -> Result<Response, Refusal>
where
    T: Serialize,
    F: Future<Output = Result<T, Problem>>,
{
    match (query.wait, work.job_id) {
        (Some(wait), Some(job)) => {
            let ended = jobs::wait(ctx, job, wait.0).await?;
            let now = again().await?;
            Ok(if ended { finished(now, work.job_id) } else { accepted(now, work.job_id) })
        }
        _ => Ok(accepted(work.data, work.job_id)),
    }
}
