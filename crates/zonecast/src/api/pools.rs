//! `/pools`.

use super::ApiState;
use super::extract::{Body, Ctx, Id, IfMatch, Query};
use super::reply::{self, Answer, ListAnswer, Refusal};
use crate::service::forms_schema::{PoolBody, PoolPatchBody};
use crate::service::pools;
use crate::service::view::PoolView;
use axum::http::HeaderMap;
use axum::response::Response;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

pub fn routes() -> OpenApiRouter<ApiState> {
    OpenApiRouter::new().routes(routes!(list, add)).routes(routes!(show, change, remove))
}

/// Which pools.
#[derive(Debug, Default, serde::Deserialize, utoipa::IntoParams)]
#[serde(default, deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct PoolsQuery {
    /// Exactly this prefix.
    prefix: Option<String>,
}

/// Lists pools.
#[utoipa::path(get, path = "/pools", tag = "pools", params(PoolsQuery),
    responses((status = 200, body = ListAnswer<PoolView>)))]
async fn list(ctx: Ctx, Query(query): Query<PoolsQuery>) -> Result<Response, Refusal> {
    let mut items = pools::list(&ctx).await?;
    items.retain(|item| query.prefix.as_ref().is_none_or(|prefix| item.prefix == *prefix));
    Ok(reply::all(items))
}

/// Adds a pool.
#[utoipa::path(post, path = "/pools", tag = "pools", request_body = PoolBody,
    responses((status = 201, body = Answer<PoolView>)))]
async fn add(ctx: Ctx, Body(body): Body) -> Result<Response, Refusal> {
    let pool = pools::create(&ctx, &ctx.caller, &body).await?;
    let location = format!("/api/v1/pools/{}", pool.id);
    Ok(reply::created(pool, location))
}

/// Shows a pool with the reverse zones it needs.
#[utoipa::path(get, path = "/pools/{id}", tag = "pools", params(("id" = i64, Path)),
    responses((status = 200, body = Answer<PoolView>)))]
async fn show(ctx: Ctx, Id(id): Id, headers: HeaderMap) -> Result<Response, Refusal> {
    let pool = pools::get(&ctx, id).await?;
    let version = pool.version;
    Ok(reply::tagged(pool, version, &headers))
}

/// Changes a pool by a JSON merge patch.
#[utoipa::path(patch, path = "/pools/{id}", tag = "pools", params(("id" = i64, Path)), request_body = PoolPatchBody,
    responses((status = 200, body = Answer<PoolView>)))]
async fn change(
    ctx: Ctx,
    Id(id): Id,
    IfMatch(expected): IfMatch,
    Body(body): Body,
) -> Result<Response, Refusal> {
    Ok(reply::ok(pools::patch(&ctx, &ctx.caller, id, &body, expected).await?))
}

/// Removes a pool.
#[utoipa::path(delete, path = "/pools/{id}", tag = "pools", params(("id" = i64, Path)),
    responses((status = 200, body = Answer<reply::Gone>)))]
async fn remove(ctx: Ctx, Id(id): Id, IfMatch(expected): IfMatch) -> Result<Response, Refusal> {
    pools::remove(&ctx, &ctx.caller, id, expected).await?;
    Ok(reply::gone(id))
}
