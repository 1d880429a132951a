//! `/audit`.

use super::ApiState;
use super::extract::{Ctx, Limit, Query};
use super::reply::{self, Answer, ListAnswer, Refusal};
use crate::service::audit::{self, ChainView, ListAudit};
use crate::service::view::AuditView;
use axum::response::Response;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

pub fn routes() -> OpenApiRouter<ApiState> {
    OpenApiRouter::new().routes(routes!(list)).routes(routes!(verify))
}

/// Which lines.
#[derive(Debug, Default, serde::Deserialize, utoipa::IntoParams)]
#[serde(default, deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct AuditQuery {
    /// Items on one page, 1 to 500.
    #[param(value_type = Option<u16>, minimum = 1, maximum = 500)]
    limit: Limit,
    /// `next_cursor` of the page before.
    cursor: Option<String>,
    /// By whom.
    actor: Option<String>,
    /// The beginning of the action, such as `host.`.
    action: Option<String>,
    /// On what, such as `host:12`.
    object: Option<String>,
}

/// Lists the audit, newest first.
#[utoipa::path(get, path = "/audit", tag = "audit", params(AuditQuery),
    responses((status = 200, body = ListAnswer<AuditView>)))]
async fn list(ctx: Ctx, Query(query): Query<AuditQuery>) -> Result<Response, Refusal> {
    let AuditQuery { limit, cursor, actor, action, object } = query;
    let query = ListAudit { actor, action, object, limit: limit.0, cursor };
    Ok(reply::list(audit::list(&ctx, &query).await?))
}

/// Walks the chain of the audit: has anybody touched the book?
#[utoipa::path(get, path = "/audit/verify", tag = "audit", responses((status = 200, body = Answer<ChainView>)))]
async fn verify(ctx: Ctx) -> Result<Response, Refusal> {
    Ok(reply::ok(audit::verify(&ctx).await?))
}
