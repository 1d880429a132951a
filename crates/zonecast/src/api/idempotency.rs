//! `Idempotency-Key`: a repeated call gives the first answer, also after a crash.
//!
//! Two things are remembered. The transaction that stores owners remembers what it gave out (ids and
//! job) under the key; so when we die between the commit and the answer, the same call later stores
//! nothing and answers from that. And the finished answer is remembered whole, to be sent again as it
//! was. Refusals are not remembered: whoever puts the body right may come again with the same key.

use super::ApiState;
use super::reply::Refusal;
use crate::problem::Problem;
use crate::service::Caller;
use crate::service::write::Once;
use axum::body::{Body, Bytes, to_bytes};
use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use sha2::{Digest, Sha256};
use std::sync::Arc;
use zonecast_store::{Answered, StoreError};

/// Longest key taken.
const KEY_MAX: usize = 200;
/// Largest answer remembered.
const ANSWER_MAX: usize = 16 * 1024 * 1024;

/// Marks a call whose answer is a preview: nobody who repeats the call shall get that.
#[derive(Clone, Copy)]
pub struct Preview;

/// The layer around the routes.
pub async fn replay(State(state): State<ApiState>, request: Request, next: Next) -> Response {
    // The answer that shows a new key is the only one that ever does: it is never stored.
    let applies = request.method() == Method::POST && !request.uri().path().starts_with("/api/v1/keys");
    let key = if applies { key_of(request.headers()) } else { Ok(None) };
    let is_preview = request.extensions().get::<Preview>().is_some();
    let answered = match key.map(|key| key.filter(|_| !is_preview)) {
        Ok(None) => return next.run(request).await,
        Ok(Some(key)) => with_key(&state, key, request, next).await,
        Err(problem) => Err(problem.into()),
    };
    answered.unwrap_or_else(IntoResponse::into_response)
}

fn key_of(headers: &HeaderMap) -> Result<Option<String>, Problem> {
    let Some(value) = headers.get("idempotency-key") else { return Ok(None) };
    let key = value.to_str().unwrap_or_default().trim();
    if key.is_empty() || key.len() > KEY_MAX {
        return Err(Problem::field(
            "Idempotency-Key",
            format!("must be 1 to {KEY_MAX} visible ASCII characters"),
        ));
    }
    Ok(Some(key.to_owned()))
}

async fn with_key(state: &ApiState, key: String, request: Request, next: Next) -> Result<Response, Refusal> {
    let store = &state.app.store;
    let caller = request.extensions().get::<Caller>().cloned();
    let mut caller = caller.ok_or_else(|| Problem::new(401, "this needs a key"))?;
    let (mut parts, body) = request.into_parts();
    let body = to_bytes(body, state.app.config.api.body_bytes_max).await;
    let body = body.map_err(|_| Problem::new(413, "the body is too large"))?;
    let body_hash = fingerprint(parts.uri.path(), &body);
    if let Some(first) = store.recall(&key, &caller.actor).await? {
        return again(first, body_hash);
    }
    caller.once = Some(Arc::new(Once { key: key.clone(), principal: caller.actor.clone(), body_hash }));
    let principal = caller.actor.clone();
    parts.extensions.insert(caller);
    let response = next.run(Request::from_parts(parts, Body::from(body))).await;
    if !response.status().is_success() {
        return Ok(response);
    }
    let (mut head, body) = response.into_parts();
    let body = to_bytes(body, ANSWER_MAX).await.map_err(|_| Problem::new(500, "the answer is too large"))?;
    let text = stored_text(&head.headers, &body);
    match store.remember(&key, &principal, body_hash, head.status.as_u16(), &text).await {
        Ok(()) => Ok(Response::from_parts(head, Body::from(body))),
        // Somebody else answered the same call meanwhile: everybody gets that one.
        Err(StoreError::AlreadyAnswered) => match store.recall(&key, &principal).await? {
            Some(first) => again(first, body_hash),
            None => Ok(Response::from_parts(head, Body::from(body))),
        },
        Err(error) => {
            // The wish is stored and its transaction remembers the key: the answer may go out.
            tracing::warn!(%error, "an answer was not remembered");
            head.headers.remove(header::CONTENT_LENGTH);
            Ok(Response::from_parts(head, Body::from(body)))
        }
    }
}

fn fingerprint(path: &str, body: &Bytes) -> [u8; 32] {
    let mut hash = Sha256::new();
    hash.update(path.as_bytes());
    hash.update([0]);
    hash.update(body);
    hash.finalize().into()
}

/// The answer with the one header that belongs to it: its first line, the body behind it.
fn stored_text(headers: &HeaderMap, body: &Bytes) -> String {
    let location = headers.get(header::LOCATION).and_then(|value| value.to_str().ok()).unwrap_or_default();
    format!("{location}\n{}", String::from_utf8_lossy(body))
}

fn again(first: Answered, body_hash: [u8; 32]) -> Result<Response, Refusal> {
    if first.body_hash != body_hash {
        return Err(
            Problem::new(409, "this Idempotency-Key was used for another call: take a new one").into()
        );
    }
    let (location, body) = first.body.split_once('\n').unwrap_or(("", first.body.as_str()));
    let mut response = Response::new(Body::from(body.to_owned()));
    *response.status_mut() = StatusCode::from_u16(first.status).unwrap_or(StatusCode::OK);
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    headers.insert("idempotency-replayed", HeaderValue::from_static("true"));
    if let (false, Ok(value)) = (location.is_empty(), HeaderValue::from_str(location)) {
        headers.insert(header::LOCATION, value);
    }
    Ok(response)
}
