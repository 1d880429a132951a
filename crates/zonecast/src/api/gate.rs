//! The gate: who calls, whether that key may do this, and not too often.
//!
//! Shut by default: every path needs a right key but `/livez` and `/readyz`, and the old endpoint that
//! has an address list of its own; also paths that do not exist and the documentation. A key is `zc_<id>_<secret>`; the database holds the SHA-256 of the
//! secret (it is random, so a slow hash would add nothing), compared in constant time. A looked-up key
//! is remembered for a few seconds, so that the hot paths ask no SQL.

use super::ApiState;
use super::reply::Refusal;
use crate::problem::Problem;
use crate::service::keys::{holds, parts};
use crate::service::{Caller, Role};
use axum::extract::{Request, State};
use axum::http::{HeaderMap, Method, header};
use axum::middleware::Next;
use axum::response::Response;
use governor::{DefaultKeyedRateLimiter, Quota, RateLimiter};
use std::collections::HashMap;
use std::num::NonZeroU32;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};
use zonecast_store::{ApiKeyRow, StoreError};

/// How long a key is believed without asking the database.
const TRUST: Duration = Duration::from_secs(5);
/// Most keys remembered.
const KEYS_MAX: usize = 10_000;

/// Keys seen lately, and how often each calls.
pub struct Keys {
    seen: Mutex<HashMap<i64, (Instant, Option<ApiKeyRow>)>>,
    limiter: Option<DefaultKeyedRateLimiter<i64>>,
}

impl Keys {
    /// Remembers nothing yet; `calls_per_second` 0 is no limit.
    pub fn new(calls_per_second: u32) -> Keys {
        let quota = NonZeroU32::new(calls_per_second).map(Quota::per_second);
        Keys { seen: Mutex::default(), limiter: quota.map(RateLimiter::keyed) }
    }

    /// Forgets a key, because it was changed or deleted.
    pub fn forget(&self, id: i64) {
        self.lock().remove(&id);
    }

    async fn find(&self, state: &ApiState, id: i64) -> Result<Option<ApiKeyRow>, StoreError> {
        if let Some((_, row)) = self.lock().get(&id).filter(|(at, _)| at.elapsed() < TRUST) {
            return Ok(row.clone());
        }
        let row = state.app.store.api_key(id).await?;
        let mut seen = self.lock();
        if seen.len() >= KEYS_MAX {
            seen.clear();
        }
        seen.insert(id, (Instant::now(), row.clone()));
        Ok(row)
    }

    /// Refuses a key that calls too often, with the seconds to wait.
    fn check_rate(&self, id: i64) -> Result<(), u64> {
        let Some(limiter) = &self.limiter else { return Ok(()) };
        limiter.check_key(&id).map_err(|not_until| {
            use governor::clock::Clock;
            not_until.wait_time_from(governor::clock::DefaultClock::default().now()).as_secs() + 1
        })
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<i64, (Instant, Option<ApiKeyRow>)>> {
        // A cache is whole at every instant, so a panic elsewhere does not spoil it.
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The layer around everything.
pub async fn guard(State(state): State<ApiState>, mut request: Request, next: Next) -> Response {
    use axum::response::IntoResponse;
    if is_open(request.uri().path()) {
        return next.run(request).await;
    }
    // Only this process can put an extension on a request; the wire cannot.
    let known = request.extensions().get::<Caller>().cloned();
    let caller = match known {
        Some(caller) => Ok(caller),
        None => caller_of(&state, request.headers()).await,
    };
    let checked = caller.and_then(|caller| {
        caller.require(required_role(request.method(), request.uri().path()))?;
        Ok(caller)
    });
    match checked {
        Ok(caller) => {
            request.extensions_mut().insert(caller);
            next.run(request).await
        }
        Err(Refused::Problem(problem)) => Refusal(problem).into_response(),
        Err(Refused::TooOften { seconds }) => {
            let mut response = Refusal(Problem::new(429, "this key calls too often")).into_response();
            response.headers_mut().insert(header::RETRY_AFTER, seconds.into());
            response
        }
    }
}

enum Refused {
    Problem(Problem),
    TooOften { seconds: u64 },
}

impl From<Problem> for Refused {
    fn from(problem: Problem) -> Refused {
        Refused::Problem(problem)
    }
}

async fn caller_of(state: &ApiState, headers: &HeaderMap) -> Result<Caller, Refused> {
    // One sentence for every way a key can be wrong: it tells a guesser nothing.
    let shut = || {
        Refused::Problem(Problem::new(
            401,
            "this needs a key: send it as `Authorization: Bearer zc_...` or `X-API-Key: zc_...`",
        ))
    };
    let (id, secret) = key_text(headers).and_then(parts).ok_or_else(shut)?;
    let row = state.keys.find(state, id).await.map_err(Problem::from)?.ok_or_else(shut)?;
    if !holds(&row, secret) {
        return Err(shut());
    }
    state.keys.check_rate(id).map_err(|seconds| Refused::TooOften { seconds })?;
    let role = row.role.parse().map_err(|_| shut())?;
    Ok(Caller { actor: format!("key:{}", row.name), role, source: "api".to_owned(), once: None })
}

fn key_text(headers: &HeaderMap) -> Option<&str> {
    if let Some(value) = headers.get("x-api-key") {
        return value.to_str().ok().map(str::trim);
    }
    let value = headers.get(header::AUTHORIZATION)?.to_str().ok()?;
    let (scheme, key) = value.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| key.trim())
}

fn is_open(path: &str) -> bool {
    matches!(path, "/livez" | "/readyz") || super::legacy::is_here(path)
}

/// The role a call needs. Looking needs a viewer and changing an operator; keys, and connections with
/// their secrets, are an admin's. What a body holds can ask for more (a zone with inline secrets).
pub fn required_role(method: &Method, path: &str) -> Role {
    let looks = matches!(*method, Method::GET | Method::HEAD | Method::OPTIONS);
    let resource = path.strip_prefix("/api/v1/").unwrap_or_default().split('/').next().unwrap_or_default();
    match (resource, looks) {
        ("keys", _) => Role::Admin,
        (_, true) => Role::Viewer,
        ("connections", false) => Role::Admin,
        (_, false) => Role::Operator,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn looking_is_for_all_changing_for_operators_secrets_for_admins() {
        for (method, path, role) in [
            (Method::GET, "/api/v1/hosts", Role::Viewer),
            (Method::POST, "/api/v1/hosts", Role::Operator),
            (Method::DELETE, "/api/v1/zones/1", Role::Operator),
            (Method::GET, "/api/v1/connections/1", Role::Viewer),
            (Method::POST, "/api/v1/connections", Role::Admin),
            (Method::GET, "/api/v1/keys", Role::Admin),
            (Method::GET, "/metrics", Role::Viewer),
            (Method::GET, "/nothing", Role::Viewer),
        ] {
            assert_eq!(required_role(&method, path), role, "{method} {path}");
        }
    }

    #[test]
    fn a_key_comes_in_either_header() {
        let with = |name: &'static str, value: &str| {
            let mut headers = HeaderMap::new();
            headers.insert(name, value.parse().unwrap());
            key_text(&headers).map(str::to_owned)
        };
        assert_eq!(with("x-api-key", "zc_1_a").as_deref(), Some("zc_1_a"));
        assert_eq!(with("authorization", "bearer zc_1_a").as_deref(), Some("zc_1_a"));
        assert_eq!(with("authorization", "Basic eDp5"), None);
    }
}
