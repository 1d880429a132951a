//! Whether this process lives, whether it may be sent calls, and how it is doing.

use super::ApiState;
use super::extract::Ctx;
use super::reply::Refusal;
use crate::problem::Problem;
use axum::Router;
use axum::extract::{MatchedPath, Request, State};
use axum::http::header;
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusHandle};
use std::sync::OnceLock;
use std::time::Instant;

pub fn routes() -> Router<ApiState> {
    recorder();
    Router::new()
        .route("/livez", get(alive))
        .route("/readyz", get(ready))
        .route("/metrics", get(show_metrics))
}

async fn alive() -> &'static str {
    "ok\n"
}

/// Ready when the store answers. Providers that are down do not make us unready: calls are stored.
async fn ready(State(state): State<ApiState>) -> Result<&'static str, Refusal> {
    match state.app.store.healthy().await {
        Ok(()) => Ok("ok\n"),
        Err(error) => {
            tracing::warn!(%error, "not ready");
            Err(Problem::new(503, "the database does not answer").into())
        }
    }
}

async fn show_metrics(_: Ctx) -> Response {
    let text = recorder().map(PrometheusHandle::render).unwrap_or_default();
    ([(header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")], text).into_response()
}

/// The recorder of this process, made once however many routers there are.
fn recorder() -> Option<&'static PrometheusHandle> {
    static RECORDER: OnceLock<Option<PrometheusHandle>> = OnceLock::new();
    let made = RECORDER.get_or_init(|| match PrometheusBuilder::new().install_recorder() {
        Ok(handle) => Some(handle),
        Err(error) => {
            tracing::warn!(%error, "there are no metrics: somebody else records them");
            None
        }
    });
    made.as_ref()
}

/// Counts calls and their time by route and status; never by path, which would hold names.
pub async fn count(request: Request, next: Next) -> Response {
    let began = Instant::now();
    let method = request.method().as_str().to_owned();
    let route = request.extensions().get::<MatchedPath>().map_or("none", MatchedPath::as_str).to_owned();
    let response = next.run(request).await;
    let status = response.status().as_u16().to_string();
    metrics::counter!("zonecast_http_requests_total", "method" => method, "route" => route.clone(), "status" => status)
        .increment(1);
    metrics::histogram!("zonecast_http_request_seconds", "route" => route)
        .record(began.elapsed().as_secs_f64());
    response
}
