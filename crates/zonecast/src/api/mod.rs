//! The REST API: one file per resource, each handler a few lines over `service`.
//!
//! Nothing is decided here but how HTTP spells it. The layers, from the outside: no cache keeps an
//! answer, a panic becomes a 500, every call is counted, the body is bounded, the gate lets in who has a
//! key and a role, unknown query words are refused and a dry run gets its hands tied, an
//! `Idempotency-Key` replays, and then the route. Whatever is wrong comes back as one
//! [`Problem`]; no framework error reaches a caller.

mod audit;
mod connections;
mod domains;
mod drift;
mod extract;
mod gate;
mod health;
mod hosts;
mod idempotency;
mod jobs;
mod keys;
pub(crate) mod legacy;
mod names;
mod openapi;
mod pools;
mod records;
mod reply;
mod words;
mod work;
mod zones;

pub use gate::required_role;
pub use reply::{Answer, ListAnswer, WithJob};

use crate::app::App;
use crate::problem::Problem;
use axum::Router;
use axum::extract::{DefaultBodyLimit, Request, State};
use axum::http::{HeaderValue, header};
use axum::middleware::from_fn_with_state;
use axum::response::{IntoResponse, Response};
use reply::Refusal;
use std::sync::Arc;
use utoipa_axum::router::OpenApiRouter;

/// What every handler can reach.
#[derive(Clone)]
pub struct ApiState {
    app: App,
    keys: Arc<gate::Keys>,
}

/// The API of a running Zonecast, to be served over HTTP.
pub fn router(app: App) -> Router {
    let limit = app.config.api.body_bytes_max;
    let keys = Arc::new(gate::Keys::new(app.config.api.calls_per_second));
    let state = ApiState { app, keys };
    let (routes, spec) = OpenApiRouter::new().nest("/api/v1", resources()).split_for_parts();
    let spec = openapi::finish(spec);
    let words = words::Words::of(&spec);
    routes
        .merge(health::routes())
        .merge(openapi::routes(spec))
        .fallback(no_route)
        .method_not_allowed_fallback(no_method)
        .layer(from_fn_with_state(state.clone(), idempotency::replay))
        .layer(from_fn_with_state(words, words::guard))
        .layer(from_fn_with_state(state.clone(), gate::guard))
        .layer(DefaultBodyLimit::max(limit))
        .layer(axum::middleware::from_fn(health::count))
        .layer(tower_http::catch_panic::CatchPanicLayer::custom(panicked))
        .layer(axum::middleware::map_response(as_it_is))
        .with_state(state)
}

/// The description of every route, OpenAPI 3.1, as `/api/openapi.json` gives it.
pub fn description() -> serde_json::Value {
    let (_, spec) = OpenApiRouter::new().nest("/api/v1", resources()).split_for_parts();
    openapi::finish(spec)
}

fn resources() -> OpenApiRouter<ApiState> {
    OpenApiRouter::new()
        .merge(hosts::routes())
        .merge(zones::routes())
        .merge(connections::routes())
        .merge(domains::routes())
        .merge(drift::routes())
        .merge(records::routes())
        .merge(pools::routes())
        .merge(jobs::routes())
        .merge(audit::routes())
        .merge(names::routes())
        .merge(work::routes())
        .merge(keys::routes())
}

async fn no_route(state: State<ApiState>, request: Request) -> Response {
    if legacy::is_here(request.uri().path()) {
        return legacy::mapping(state, request).await;
    }
    Refusal(Problem::new(404, "there is nothing at this path; GET /api/openapi.json lists every route"))
        .into_response()
}

/// Answers are what they say they are, and for nobody's cache.
async fn as_it_is(mut response: Response) -> Response {
    let headers = response.headers_mut();
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.entry(header::CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
    response
}

async fn no_method() -> Refusal {
    Refusal(Problem::new(405, "this path does not know this method"))
}

fn panicked(panic: Box<dyn std::any::Any + Send + 'static>) -> Response {
    let words = panic.downcast_ref::<String>().map(String::as_str);
    let words = words.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("no words");
    tracing::error!(panic = words, "a call stopped with a bug");
    Refusal(Problem::new(500, "this call met a bug; the log has the details")).into_response()
}
