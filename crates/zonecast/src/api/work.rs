//! `/plan`, `/pause`, `/resume`, `/approve`, `/status`.

use super::ApiState;
use super::extract::{Ctx, OptionalBody, Query};
use super::reply::{self, Answer, Refusal};
use crate::problem::Problem;
use crate::service::forms_schema::ScopeBody;
use crate::service::input::{Errors, Form};
use crate::service::pause::{self, ApproveView, PauseView};
use crate::service::plan::{self, PlanView};
use crate::service::status::{self, StatusView};
use crate::service::{Role, zone_work};
use axum::response::Response;
use serde_json::Value;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

pub fn routes() -> OpenApiRouter<ApiState> {
    OpenApiRouter::new()
        .routes(routes!(show_plan))
        .routes(routes!(pause_state, pause_some))
        .routes(routes!(resume_some))
        .routes(routes!(approve))
        .routes(routes!(show_status))
}

/// What to plan.
#[derive(Debug, Default, serde::Deserialize, utoipa::IntoParams)]
#[serde(default, deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct PlanQuery {
    /// One host's names.
    host_id: Option<i64>,
    /// One zone.
    zone_id: Option<i64>,
}

/// What would be done now, for one host, one zone, or everywhere.
#[utoipa::path(get, path = "/plan", tag = "work", params(PlanQuery),
    responses((status = 200, body = Answer<PlanView>)))]
async fn show_plan(ctx: Ctx, Query(query): Query<PlanQuery>) -> Result<Response, Refusal> {
    let plan = match (query.host_id, query.zone_id) {
        (Some(_), Some(_)) => {
            return Err(Problem::field("zone_id", "give host_id or zone_id, not both").into());
        }
        (Some(id), None) => plan::of_host(&ctx, id).await?,
        (None, Some(id)) => plan::of_zone(&ctx, id).await?,
        (None, None) => plan::of_all(&ctx).await?,
    };
    Ok(reply::ok(plan))
}

struct Scope {
    zone_id: Option<i64>,
    connection_id: Option<i64>,
}

fn scope(body: &Value) -> Result<Scope, Problem> {
    let mut errors = Errors::default();
    let mut form = Form::body(body)?;
    let scope = Scope {
        zone_id: form.number("zone_id", 1..=i64::MAX, &mut errors).value(),
        connection_id: form.number("connection_id", 1..=i64::MAX, &mut errors).value(),
    };
    form.finish(&mut errors);
    if scope.zone_id.is_some() && scope.connection_id.is_some() {
        errors.add("/connection_id", "give zone_id or connection_id, not both");
    }
    errors.into_result(scope)
}

/// Whether everything is stopped.
#[utoipa::path(get, path = "/pause", tag = "work", responses((status = 200, body = Answer<PauseView>)))]
async fn pause_state(ctx: Ctx) -> Result<Response, Refusal> {
    Ok(reply::ok(pause::state(&ctx).await?))
}

/// Stops writing: to a zone, through a connection, or everywhere. Wishes go on being taken.
#[utoipa::path(post, path = "/pause", tag = "work",
    request_body(content = ScopeBody, description = "may be left out: everything"),
    responses((status = 200, body = Answer<PauseView>)))]
async fn pause_some(ctx: Ctx, OptionalBody(body): OptionalBody) -> Result<Response, Refusal> {
    set_paused(ctx, &body, true).await
}

/// Goes on.
#[utoipa::path(post, path = "/resume", tag = "work",
    request_body(content = ScopeBody, description = "may be left out: everything"),
    responses((status = 200, body = Answer<PauseView>)))]
async fn resume_some(ctx: Ctx, OptionalBody(body): OptionalBody) -> Result<Response, Refusal> {
    set_paused(ctx, &body, false).await
}

async fn set_paused(ctx: Ctx, body: &Value, paused: bool) -> Result<Response, Refusal> {
    let scope = scope(body)?;
    match (scope.zone_id, scope.connection_id) {
        (Some(id), _) => drop(pause::zone(&ctx, &ctx.caller, id, paused).await?),
        (None, Some(id)) => {
            ctx.caller.require(Role::Admin)?;
            pause::connection(&ctx, &ctx.caller, id, paused).await?;
        }
        (None, None) => return Ok(reply::ok(pause::all(&ctx, &ctx.caller, paused).await?)),
    }
    Ok(reply::ok(pause::state(&ctx).await?))
}

/// Lets held removals go: of a zone, or everywhere.
#[utoipa::path(post, path = "/approve", tag = "work",
    request_body(content = ScopeBody, description = "may be left out: everything"),
    responses((status = 200, body = Answer<ApproveView>)))]
async fn approve(ctx: Ctx, OptionalBody(body): OptionalBody) -> Result<Response, Refusal> {
    let scope = scope(&body)?;
    if scope.connection_id.is_some() {
        return Err(Problem::field("/connection_id", "removals are approved zone by zone").into());
    }
    Ok(reply::ok(match scope.zone_id {
        Some(id) => ApproveView { approved: zone_work::approve(&ctx, &ctx.caller, id).await? },
        None => pause::approve_all(&ctx, &ctx.caller).await?,
    }))
}

/// The numbers of the dashboard.
#[utoipa::path(get, path = "/status", tag = "work", responses((status = 200, body = Answer<StatusView>)))]
async fn show_status(ctx: Ctx) -> Result<Response, Refusal> {
    Ok(reply::ok(status::status(&ctx).await?))
}
