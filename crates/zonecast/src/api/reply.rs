//! The envelope of answers: `{"success": true, "data": ...}`, 202 with a job, ETags, problems.

use crate::problem::Problem;
use crate::service::Page;
use axum::Json;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

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

/// 200 with data.
pub fn ok<T: Serialize>(data: T) -> Response {
    Json(Answer { success: true, data }).into_response()
}

/// 200 with data that has a version: ETag, and 304 for who has it already.
pub fn tagged<T: Serialize>(data: T, version: i64, headers: &HeaderMap) -> Response {
    let tag = format!("\"{version}\"");
    let known = headers.get(header::IF_NONE_MATCH).and_then(|value| value.to_str().ok());
    let fresh = known.is_some_and(|tags| {
        tags.split(',').map(str::trim).any(|known| known == "*" || known.trim_start_matches("W/") == tag)
    });
    let mut response = if fresh { StatusCode::NOT_MODIFIED.into_response() } else { ok(data) };
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

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let status = StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let mut response = (status, Json(&self)).into_response();
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
