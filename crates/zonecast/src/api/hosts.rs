//! `/hosts`.

use super::ApiState;
use super::extract::{
    Body, Ctx, Id, IfMatch, Limit, OptionalBody, Query, RemoveQuery, Steps, WorkQuery, id as read_id,
};
use super::reply::{self, Answer, ListAnswer, Refusal, WithJob, answer_work};
use crate::problem::Problem;
use crate::service::forms_schema::{HostBody, HostBulkBody, HostPatchBody, ReverseNameBody, SyncBody};
use crate::service::hosts;
use crate::service::hosts_bulk::{self, BulkView};
use crate::service::owners::ListOwners;
use crate::service::view::HostView;
use axum::http::HeaderMap;
use axum::response::Response;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use zonecast_core::OwnerState;

pub fn routes() -> OpenApiRouter<ApiState> {
    OpenApiRouter::new()
        .routes(routes!(list, register))
        .routes(routes!(register_bulk))
        .routes(routes!(show, change, remove))
        .routes(routes!(set_reverse_name))
        .routes(routes!(sync))
        .routes(routes!(enable))
        .routes(routes!(disable))
        .routes(routes!(suspend))
}

/// Which hosts.
#[derive(Debug, Default, serde::Deserialize, utoipa::IntoParams)]
#[serde(default, deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct HostsQuery {
    /// Items on one page, 1 to 500.
    #[param(value_type = Option<u16>, minimum = 1, maximum = 500)]
    limit: Limit,
    /// `next_cursor` of the page before.
    cursor: Option<String>,
    /// Part of the name, or of an address.
    search: Option<String>,
    /// Exactly this name.
    fqdn: Option<String>,
    /// In this state.
    state: Option<String>,
    /// Hosts that have this address.
    address: Option<String>,
    /// With their records.
    #[param(value_type = Option<bool>)]
    records: bool,
}

/// Lists hosts.
#[utoipa::path(get, path = "/hosts", tag = "hosts", params(HostsQuery),
    responses((status = 200, body = ListAnswer<HostView>)))]
async fn list(ctx: Ctx, Query(query): Query<HostsQuery>) -> Result<Response, Refusal> {
    let HostsQuery { limit, cursor, search, fqdn, state, address, records } = query;
    let query = ListOwners {
        search,
        name: fqdn,
        state,
        address,
        records,
        limit: limit.0,
        cursor,
        ..ListOwners::default()
    };
    Ok(reply::list(hosts::list(&ctx, &query).await?))
}

/// Registers a host: its records follow at every matching zone.
#[utoipa::path(post, path = "/hosts", tag = "hosts", params(WorkQuery), request_body = HostBody,
    responses((status = 202, body = Answer<WithJob<HostView>>), (status = 200, body = Answer<WithJob<HostView>>)))]
async fn register(ctx: Ctx, Query(query): Query<WorkQuery>, Body(body): Body) -> Result<Response, Refusal> {
    let work = hosts::register(&ctx, &ctx.caller, &body).await?;
    let id = work.data.id;
    answer_work(&ctx, &query, work, || async { hosts::get(&ctx, id).await }).await
}

/// Registers up to 10,000 hosts under one job; a wrong one stops no other.
#[utoipa::path(post, path = "/hosts/bulk", tag = "hosts", params(WorkQuery), request_body = HostBulkBody,
    responses((status = 202, body = Answer<WithJob<BulkView>>), (status = 200, body = Answer<WithJob<BulkView>>)))]
async fn register_bulk(
    ctx: Ctx,
    Query(query): Query<WorkQuery>,
    Body(body): Body,
) -> Result<Response, Refusal> {
    let work = hosts_bulk::register_bulk(&ctx, &ctx.caller, &body).await?;
    let data = work.data.clone();
    answer_work(&ctx, &query, work, || async { Ok(data) }).await
}

/// Shows a host with its records.
#[utoipa::path(get, path = "/hosts/{id}", tag = "hosts", params(("id" = i64, Path)),
    responses((status = 200, body = Answer<HostView>)))]
async fn show(ctx: Ctx, Id(id): Id, headers: HeaderMap) -> Result<Response, Refusal> {
    let host = hosts::get(&ctx, id).await?;
    let version = host.version;
    Ok(reply::tagged(host, version, &headers))
}

/// Changes a host by a JSON merge patch; `addresses` is replaced whole.
#[utoipa::path(patch, path = "/hosts/{id}", tag = "hosts", params(("id" = i64, Path), WorkQuery),
    request_body = HostPatchBody,
    responses((status = 202, body = Answer<WithJob<HostView>>), (status = 200, body = Answer<WithJob<HostView>>)))]
async fn change(
    ctx: Ctx,
    Id(id): Id,
    Query(query): Query<WorkQuery>,
    IfMatch(expected): IfMatch,
    Body(body): Body,
) -> Result<Response, Refusal> {
    let work = hosts::patch(&ctx, &ctx.caller, id, &body, expected).await?;
    answer_work(&ctx, &query, work, || async { hosts::get(&ctx, id).await }).await
}

/// Removes a host and its records.
#[utoipa::path(delete, path = "/hosts/{id}", tag = "hosts", params(("id" = i64, Path), RemoveQuery),
    responses((status = 202, body = Answer<WithJob<HostView>>), (status = 200, body = Answer<WithJob<HostView>>)))]
async fn remove(
    ctx: Ctx,
    Id(id): Id,
    Query(query): Query<RemoveQuery>,
    IfMatch(expected): IfMatch,
) -> Result<Response, Refusal> {
    let work = hosts::remove(&ctx, &ctx.caller, id, query.forget, expected).await?;
    let gone = HostView { state: OwnerState::Deleted, ..work.data.clone() };
    answer_work(&ctx, &query.work(), work, || async {
        match hosts::get(&ctx, id).await {
            Err(problem) if problem.status == 404 => Ok(gone),
            found => found,
        }
    })
    .await
}

/// Gives an address its own reverse name; `null` takes it away.
#[utoipa::path(put, path = "/hosts/{id}/addresses/{ip}/reverse_name", tag = "hosts",
    params(("id" = i64, Path), ("ip" = String, Path), WorkQuery), request_body = ReverseNameBody,
    responses((status = 202, body = Answer<WithJob<HostView>>), (status = 200, body = Answer<WithJob<HostView>>)))]
async fn set_reverse_name(
    ctx: Ctx,
    Steps(steps): Steps,
    Query(query): Query<WorkQuery>,
    Body(body): Body,
) -> Result<Response, Refusal> {
    let [id, ip] = steps.as_slice() else {
        return Err(Problem::new(404, "there is nothing at this path").into());
    };
    let id = read_id(id)?;
    let work = hosts::set_reverse_name(&ctx, &ctx.caller, id, ip, &body).await?;
    answer_work(&ctx, &query, work, || async { hosts::get(&ctx, id).await }).await
}

/// Set DNS records: reads afresh, rewrites what is owned, removes what is stale.
#[utoipa::path(post, path = "/hosts/{id}/sync", tag = "hosts", params(("id" = i64, Path), WorkQuery),
    request_body(content = SyncBody, description = "may be left out"),
    responses((status = 202, body = Answer<WithJob<HostView>>), (status = 200, body = Answer<WithJob<HostView>>)))]
async fn sync(
    ctx: Ctx,
    Id(id): Id,
    Query(query): Query<WorkQuery>,
    OptionalBody(body): OptionalBody,
) -> Result<Response, Refusal> {
    let work = hosts::sync(&ctx, &ctx.caller, id, &body).await?;
    answer_work(&ctx, &query, work, || async { hosts::get(&ctx, id).await }).await
}

/// Lets a host be synced again.
#[utoipa::path(post, path = "/hosts/{id}/enable", tag = "hosts", params(("id" = i64, Path), WorkQuery),
    responses((status = 202, body = Answer<WithJob<HostView>>), (status = 200, body = Answer<WithJob<HostView>>)))]
async fn enable(ctx: Ctx, Id(id): Id, Query(query): Query<WorkQuery>) -> Result<Response, Refusal> {
    set_state(ctx, id, query, OwnerState::Active).await
}

/// Disables a host; its records stay.
#[utoipa::path(post, path = "/hosts/{id}/disable", tag = "hosts", params(("id" = i64, Path), WorkQuery),
    responses((status = 202, body = Answer<WithJob<HostView>>), (status = 200, body = Answer<WithJob<HostView>>)))]
async fn disable(ctx: Ctx, Id(id): Id, Query(query): Query<WorkQuery>) -> Result<Response, Refusal> {
    set_state(ctx, id, query, OwnerState::Disabled).await
}

/// Suspends a host; its records stay.
#[utoipa::path(post, path = "/hosts/{id}/suspend", tag = "hosts", params(("id" = i64, Path), WorkQuery),
    responses((status = 202, body = Answer<WithJob<HostView>>), (status = 200, body = Answer<WithJob<HostView>>)))]
async fn suspend(ctx: Ctx, Id(id): Id, Query(query): Query<WorkQuery>) -> Result<Response, Refusal> {
    set_state(ctx, id, query, OwnerState::Suspended).await
}

async fn set_state(ctx: Ctx, id: i64, query: WorkQuery, state: OwnerState) -> Result<Response, Refusal> {
    let work = hosts::set_state(&ctx, &ctx.caller, id, state).await?;
    answer_work(&ctx, &query, work, || async { hosts::get(&ctx, id).await }).await
}
