//! `/drift`.

use super::ApiState;
use super::extract::{Ctx, Limit, Query};
use super::reply::{self, ListAnswer, Refusal};
use crate::service::drift::{self, DriftView};
use axum::response::Response;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

pub fn routes() -> OpenApiRouter<ApiState> {
    OpenApiRouter::new().routes(routes!(list))
}

/// Which differences.
#[derive(Debug, Default, serde::Deserialize, utoipa::IntoParams)]
#[serde(default, deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct DriftQuery {
    /// Items on one page, 1 to 500.
    #[param(value_type = Option<u16>, minimum = 1, maximum = 500)]
    limit: Limit,
    /// `next_cursor` of the page before.
    cursor: Option<String>,
    /// Of one zone.
    zone_id: Option<i64>,
}

/// Lists what the daily comparison found otherwise than we wrote it.
#[utoipa::path(get, path = "/drift", tag = "zones", params(DriftQuery),
    responses((status = 200, body = ListAnswer<DriftView>)))]
async fn list(ctx: Ctx, Query(query): Query<DriftQuery>) -> Result<Response, Refusal> {
    let DriftQuery { limit, cursor, zone_id } = query;
    Ok(reply::list(drift::list(&ctx, zone_id, limit.0, cursor.as_deref()).await?))
}
