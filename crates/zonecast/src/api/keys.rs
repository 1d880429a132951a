//! `/keys`: for admins only.

use super::ApiState;
use super::extract::{Body, Ctx, Id, Query};
use super::reply::{self, Answer, ListAnswer, Refusal};
use crate::service::forms_schema::KeyBody;
use crate::service::keys;
use crate::service::view::KeyInfoView;
use axum::extract::State;
use axum::response::Response;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

pub fn routes() -> OpenApiRouter<ApiState> {
    OpenApiRouter::new().routes(routes!(list, add)).routes(routes!(show, remove))
}

/// Which keys.
#[derive(Debug, Default, serde::Deserialize, utoipa::IntoParams)]
#[serde(default, deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct NameQuery {
    /// Exactly this name.
    name: Option<String>,
}

/// Lists keys, without their secrets.
#[utoipa::path(get, path = "/keys", tag = "keys", params(NameQuery),
    responses((status = 200, body = ListAnswer<KeyInfoView>)))]
async fn list(ctx: Ctx, Query(query): Query<NameQuery>) -> Result<Response, Refusal> {
    let mut items = keys::list(&ctx).await?;
    items.retain(|item| query.name.as_ref().is_none_or(|name| item.name == *name));
    Ok(reply::all(items))
}

/// Makes a key; this answer is the only one that shows it.
#[utoipa::path(post, path = "/keys", tag = "keys", request_body = KeyBody,
    responses((status = 201, body = Answer<KeyInfoView>)))]
async fn add(ctx: Ctx, Body(body): Body) -> Result<Response, Refusal> {
    let key = keys::create_from(&ctx, &ctx.caller, &body).await?;
    let location = format!("/api/v1/keys/{}", key.id);
    Ok(reply::created(key, location))
}

/// Shows a key, without its secret.
#[utoipa::path(get, path = "/keys/{id}", tag = "keys", params(("id" = i64, Path)),
    responses((status = 200, body = Answer<KeyInfoView>)))]
async fn show(ctx: Ctx, Id(id): Id) -> Result<Response, Refusal> {
    Ok(reply::ok(keys::get(&ctx, id).await?))
}

/// Ends a key.
#[utoipa::path(delete, path = "/keys/{id}", tag = "keys", params(("id" = i64, Path)),
    responses((status = 200, body = Answer<reply::Gone>)))]
async fn remove(State(state): State<ApiState>, ctx: Ctx, Id(id): Id) -> Result<Response, Refusal> {
    keys::remove(&ctx, &ctx.caller, id).await?;
    state.keys.forget(id);
    Ok(reply::gone(id))
}
