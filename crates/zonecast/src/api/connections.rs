//! `/connections` and `/providers`.

use super::ApiState;
use super::extract::{Body, Ctx, Id, IfMatch, OptionalBody, Query};
use super::reply::{self, Answer, ListAnswer, Refusal};
use crate::service::forms_schema::{ConnectionBody, ConnectionPatchBody, TestBody};
use crate::service::view::{ConnectionView, TestView};
use crate::service::{connections, pause};
use axum::http::HeaderMap;
use axum::response::Response;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

pub fn routes() -> OpenApiRouter<ApiState> {
    OpenApiRouter::new()
        .routes(routes!(list, add))
        .routes(routes!(show, change, remove))
        .routes(routes!(test))
        .routes(routes!(pause_connection))
        .routes(routes!(resume_connection))
        .routes(routes!(providers))
}

/// Which ones.
#[derive(Debug, Default, serde::Deserialize, utoipa::IntoParams)]
#[serde(default, deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct NameQuery {
    /// Exactly this name.
    name: Option<String>,
}

/// Lists connections.
#[utoipa::path(get, path = "/connections", tag = "connections", params(NameQuery),
    responses((status = 200, body = ListAnswer<ConnectionView>)))]
async fn list(ctx: Ctx, Query(query): Query<NameQuery>) -> Result<Response, Refusal> {
    let mut items = connections::list(&ctx);
    items.retain(|item| query.name.as_ref().is_none_or(|name| item.name == *name));
    Ok(reply::all(items))
}

/// Adds a connection.
#[utoipa::path(post, path = "/connections", tag = "connections", request_body = ConnectionBody,
    responses((status = 201, body = Answer<ConnectionView>)))]
async fn add(ctx: Ctx, Body(body): Body) -> Result<Response, Refusal> {
    let connection = connections::create(&ctx, &ctx.caller, &body).await?;
    let location = format!("/api/v1/connections/{}", connection.id);
    Ok(reply::created(connection, location))
}

/// Shows a connection.
#[utoipa::path(get, path = "/connections/{id}", tag = "connections", params(("id" = i64, Path)),
    responses((status = 200, body = Answer<ConnectionView>)))]
async fn show(ctx: Ctx, Id(id): Id, headers: HeaderMap) -> Result<Response, Refusal> {
    let connection = connections::get(&ctx, id).await?;
    let version = connection.version;
    Ok(reply::tagged(connection, version, &headers))
}

/// Changes a connection by a JSON merge patch.
#[utoipa::path(patch, path = "/connections/{id}", tag = "connections", params(("id" = i64, Path)),
    request_body = ConnectionPatchBody, responses((status = 200, body = Answer<ConnectionView>)))]
async fn change(
    ctx: Ctx,
    Id(id): Id,
    IfMatch(expected): IfMatch,
    Body(body): Body,
) -> Result<Response, Refusal> {
    Ok(reply::ok(connections::patch(&ctx, &ctx.caller, id, &body, expected).await?))
}

/// Removes a connection without zones.
#[utoipa::path(delete, path = "/connections/{id}", tag = "connections", params(("id" = i64, Path)),
    responses((status = 200, body = Answer<reply::Gone>)))]
async fn remove(ctx: Ctx, Id(id): Id, IfMatch(expected): IfMatch) -> Result<Response, Refusal> {
    connections::remove(&ctx, &ctx.caller, id, expected).await?;
    Ok(reply::gone(id))
}

/// Tests a connection at one of its zones, or at a zone named.
#[utoipa::path(post, path = "/connections/{id}/test", tag = "connections", params(("id" = i64, Path)),
    request_body(content = TestBody, description = "may be left out"),
    responses((status = 200, body = Answer<TestView>)))]
async fn test(ctx: Ctx, Id(id): Id, OptionalBody(body): OptionalBody) -> Result<Response, Refusal> {
    Ok(reply::ok(connections::test(&ctx, id, &body).await?))
}

/// Stops all writing through a connection.
#[utoipa::path(post, path = "/connections/{id}/pause", tag = "connections", params(("id" = i64, Path)),
    responses((status = 200, body = Answer<ConnectionView>)))]
async fn pause_connection(ctx: Ctx, Id(id): Id) -> Result<Response, Refusal> {
    Ok(reply::ok(pause::connection(&ctx, &ctx.caller, id, true).await?))
}

/// Lets a connection go on.
#[utoipa::path(post, path = "/connections/{id}/resume", tag = "connections", params(("id" = i64, Path)),
    responses((status = 200, body = Answer<ConnectionView>)))]
async fn resume_connection(ctx: Ctx, Id(id): Id) -> Result<Response, Refusal> {
    Ok(reply::ok(pause::connection(&ctx, &ctx.caller, id, false).await?))
}

/// Every provider with its form and what it can hold.
#[utoipa::path(get, path = "/providers", tag = "connections",
    responses((status = 200, body = ListAnswer<Object>)))]
async fn providers(_: Ctx) -> Result<Response, Refusal> {
    Ok(reply::all(zonecast_providers::fields::kinds()))
}
