//! `/explain` and `/verify`: why a name goes where it goes, and what is served there.

use super::ApiState;
use super::extract::{Ctx, Query};
use super::reply::{self, Answer, Refusal};
use crate::service::explain::ExplainView;
use crate::service::verify::VerifyView;
use axum::response::Response;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

pub fn routes() -> OpenApiRouter<ApiState> {
    OpenApiRouter::new().routes(routes!(explain)).routes(routes!(verify))
}

/// Which name.
#[derive(Debug, serde::Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct NameQuery {
    /// A name, or an address for its reverse name.
    name: String,
    /// The type.
    r#type: Option<String>,
}

/// Every zone, whether it takes the name, and why.
#[utoipa::path(get, path = "/explain", tag = "names", params(NameQuery),
    responses((status = 200, body = Answer<ExplainView>)))]
async fn explain(ctx: Ctx, Query(query): Query<NameQuery>) -> Result<Response, Refusal> {
    Ok(reply::ok(crate::service::explain::explain(&ctx, &query.name, query.r#type.as_deref()).await?))
}

/// What the zones' own servers answer for the name, now.
#[utoipa::path(get, path = "/verify", tag = "names", params(NameQuery),
    responses((status = 200, body = Answer<VerifyView>)))]
async fn verify(ctx: Ctx, Query(query): Query<NameQuery>) -> Result<Response, Refusal> {
    Ok(reply::ok(crate::service::verify::verify(&ctx, &query.name, query.r#type.as_deref()).await?))
}
