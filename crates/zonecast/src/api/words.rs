//! The query words of a call: those that the operation's description names, and the dry run.
//!
//! Decided here once for every operation that exists or comes, from the description itself: a word that
//! an operation does not know is refused, never ignored, and `dry_run` runs the operation with its hands
//! tied ([`dry_run`]). What stores something other than owners has no dry run, and says so.

use super::idempotency::Preview;
use super::reply::{self, Refusal};
use crate::problem::Problem;
use crate::service::dry_run::{self, DryRun};
use crate::service::plan::PlanView;
use axum::extract::{MatchedPath, Request, State};
use axum::http::{Method, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use serde_json::Value;
use std::collections::HashMap;
use std::sync::Arc;

/// The word that asks for a preview.
const DRY_RUN: &str = "dry_run";

/// The query words of each operation, by method and route.
#[derive(Clone, Default)]
pub struct Words(Arc<HashMap<(String, String), Vec<String>>>);

impl Words {
    /// Reads them from the description.
    pub fn of(spec: &Value) -> Words {
        let mut words = HashMap::new();
        for (path, operations) in spec["paths"].as_object().into_iter().flatten() {
            for (method, operation) in operations.as_object().into_iter().flatten() {
                let parameters = operation["parameters"].as_array().into_iter().flatten();
                let query = parameters.filter(|parameter| parameter["in"] == "query");
                let names = query.filter_map(|parameter| Some(parameter["name"].as_str()?.to_owned()));
                words.insert((method.to_uppercase(), path.clone()), names.collect());
            }
        }
        Words(Arc::new(words))
    }

    fn known(&self, method: &Method, route: &str) -> &[String] {
        let method = if method == Method::HEAD { &Method::GET } else { method };
        self.0.get(&(method.to_string(), route.to_owned())).map_or(&[], Vec::as_slice)
    }
}

/// The layer around the routes of the API.
pub async fn guard(State(words): State<Words>, mut request: Request, next: Next) -> Response {
    let route = request.extensions().get::<MatchedPath>().map(|route| route.as_str().to_owned());
    let Some(route) = route.filter(|route| route.starts_with("/api/v1/")) else {
        return next.run(request).await;
    };
    let called = format!("{} {}", request.method(), request.uri().path());
    let mut dry = false;
    let query = request.uri().query().unwrap_or_default().to_owned();
    for (word, value) in form_urlencoded::parse(query.as_bytes()) {
        let known = words.known(request.method(), &route);
        match word.as_ref() {
            word if !known.iter().any(|known| known == word) => {
                return Refusal(unknown(&called, word, known)).into_response();
            }
            DRY_RUN => dry |= value != "false",
            _ => {}
        }
    }
    if !dry {
        return next.run(request).await;
    }
    request.extensions_mut().insert(Preview);
    answer(&called, dry_run::of(next.run(request)).await)
}

fn unknown(called: &str, word: &str, known: &[String]) -> Problem {
    if word == DRY_RUN {
        return no_dry_run(called);
    }
    let known = match known {
        [] => "it takes no query".to_owned(),
        known => format!("known are {}", known.join(", ")),
    };
    Problem::field(word, format!("is not known to {called}: {known}"))
}

fn no_dry_run(called: &str) -> Problem {
    Problem::field(
        DRY_RUN,
        format!(
            "{called} has no dry run: nothing was done; leave dry_run out to do it, GET /api/v1/plan shows what waits"
        ),
    )
}

/// The preview; the operation's own refusal; or that it has none.
fn answer(called: &str, done: DryRun<Response>) -> Response {
    match done.plan {
        Some(plan) => reply::ok(plan),
        None if done.gave.status().is_client_error() => done.gave,
        None if done.would_store => Refusal(no_dry_run(called)).into_response(),
        // It went its way and found nothing to store.
        None if matches!(done.gave.status(), StatusCode::CREATED | StatusCode::ACCEPTED) => {
            reply::ok(PlanView::of(Vec::new()))
        }
        None => done.gave,
    }
}
