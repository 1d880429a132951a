//! `/domains`, and `/plesk`, the door behind `zonecast plesk`.

use super::ApiState;
use super::extract::{Body, Ctx, Id, IfMatch, Limit, OptionalBody, Query, RemoveQuery, Wait, WorkQuery};
use super::reply::{self, Answer, ListAnswer, Noted, Refusal, WithJob, answer_noted, answer_work};
use crate::service::domains::{self, DomainView};
use crate::service::forms_domains::{AddressChangeBody, DomainBody, RenameBody, TemplateBody};
use crate::service::forms_schema::SyncBody;
use crate::service::owners::ListOwners;
use crate::sources::plesk::{self, PleskView};
use axum::body::Bytes;
use axum::http::HeaderMap;
use axum::response::Response;
use serde_json::Value;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use zonecast_core::OwnerState;

pub fn routes() -> OpenApiRouter<ApiState> {
    OpenApiRouter::new()
        .routes(routes!(list, add))
        .routes(routes!(show, change, remove))
        .routes(routes!(sync))
        .routes(routes!(rename))
        .routes(routes!(change_address))
        .routes(routes!(apply_template))
        .routes(routes!(plesk_input))
}

/// Which domains.
#[derive(Debug, Default, serde::Deserialize, utoipa::IntoParams)]
#[serde(default, deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct DomainsQuery {
    /// Items on one page, 1 to 500.
    #[param(value_type = Option<u16>, minimum = 1, maximum = 500)]
    limit: Limit,
    /// `next_cursor` of the page before.
    cursor: Option<String>,
    /// Part of the name.
    search: Option<String>,
    /// Exactly this name.
    name: Option<String>,
    /// In this state.
    state: Option<String>,
    /// With where their records stand.
    #[param(value_type = Option<bool>)]
    records: bool,
}

/// Lists domains.
#[utoipa::path(get, path = "/domains", tag = "domains", params(DomainsQuery),
    responses((status = 200, body = ListAnswer<DomainView>)))]
async fn list(ctx: Ctx, Query(query): Query<DomainsQuery>) -> Result<Response, Refusal> {
    let DomainsQuery { limit, cursor, search, name, state, records } = query;
    let query = ListOwners { search, name, state, records, limit: limit.0, cursor, ..ListOwners::default() };
    Ok(reply::list(domains::list(&ctx, &query).await?))
}

/// Adds a domain with its whole record set; with addresses and no records it starts from the template.
#[utoipa::path(post, path = "/domains", tag = "domains", params(WorkQuery), request_body = DomainBody,
    responses((status = 202, body = Answer<WithJob<Noted<DomainView>>>), (status = 200, body = Answer<WithJob<Noted<DomainView>>>)))]
async fn add(ctx: Ctx, Query(query): Query<WorkQuery>, Body(body): Body) -> Result<Response, Refusal> {
    let work = domains::create(&ctx, &ctx.caller, &body).await?;
    let id = work.data.id;
    answer_noted(&ctx, &query, sets_of(&body), work, || domains::get(&ctx, id)).await
}

/// Shows a domain with where its records stand.
#[utoipa::path(get, path = "/domains/{id}", tag = "domains", params(("id" = i64, Path)),
    responses((status = 200, body = Answer<DomainView>)))]
async fn show(ctx: Ctx, Id(id): Id, headers: HeaderMap) -> Result<Response, Refusal> {
    let domain = domains::get(&ctx, id).await?;
    let version = domain.version;
    Ok(reply::tagged(domain, version, &headers))
}

/// Changes a domain by a JSON merge patch; `records` is replaced whole.
#[utoipa::path(patch, path = "/domains/{id}", tag = "domains", params(("id" = i64, Path), WorkQuery),
    request_body = DomainBody,
    responses((status = 202, body = Answer<WithJob<Noted<DomainView>>>), (status = 200, body = Answer<WithJob<Noted<DomainView>>>)))]
async fn change(
    ctx: Ctx,
    Id(id): Id,
    Query(query): Query<WorkQuery>,
    IfMatch(expected): IfMatch,
    Body(body): Body,
) -> Result<Response, Refusal> {
    let work = domains::patch(&ctx, &ctx.caller, id, &body, expected).await?;
    answer_noted(&ctx, &query, sets_of(&body), work, || domains::get(&ctx, id)).await
}

/// The sets that a body gives, each with its type.
fn sets_of(body: &Value) -> impl Iterator<Item = (&str, &Value)> {
    let sets = body["records"].as_array().into_iter().flatten();
    sets.filter_map(|set| Some((set["type"].as_str()?, set)))
}

/// Withdraws all records of a domain.
#[utoipa::path(delete, path = "/domains/{id}", tag = "domains", params(("id" = i64, Path), RemoveQuery),
    responses((status = 202, body = Answer<WithJob<DomainView>>), (status = 200, body = Answer<WithJob<DomainView>>)))]
async fn remove(
    ctx: Ctx,
    Id(id): Id,
    Query(query): Query<RemoveQuery>,
    IfMatch(expected): IfMatch,
) -> Result<Response, Refusal> {
    let work = domains::remove(&ctx, &ctx.caller, id, query.forget, expected).await?;
    let gone = DomainView { state: OwnerState::Deleted, ..work.data.clone() };
    answer_work(&ctx, &query.work(), work, || async {
        match domains::get(&ctx, id).await {
            Err(problem) if problem.status == 404 => Ok(gone),
            found => found,
        }
    })
    .await
}

/// Reads every record of a domain afresh and writes it again.
#[utoipa::path(post, path = "/domains/{id}/sync", tag = "domains", params(("id" = i64, Path), WorkQuery),
    request_body = SyncBody,
    responses((status = 202, body = Answer<WithJob<DomainView>>), (status = 200, body = Answer<WithJob<DomainView>>)))]
async fn sync(
    ctx: Ctx,
    Id(id): Id,
    Query(query): Query<WorkQuery>,
    OptionalBody(body): OptionalBody,
) -> Result<Response, Refusal> {
    let work = domains::sync(&ctx, &ctx.caller, id, &body).await?;
    answer_work(&ctx, &query, work, || async { domains::get(&ctx, id).await }).await
}

/// Gives a domain another name; `records` says whether they move along or are erased.
#[utoipa::path(post, path = "/domains/{id}/rename", tag = "domains", params(("id" = i64, Path), WorkQuery),
    request_body = RenameBody,
    responses((status = 202, body = Answer<WithJob<DomainView>>), (status = 200, body = Answer<WithJob<DomainView>>)))]
async fn rename(
    ctx: Ctx,
    Id(id): Id,
    Query(query): Query<WorkQuery>,
    Body(body): Body,
) -> Result<Response, Refusal> {
    let work = domains::rename(&ctx, &ctx.caller, id, &body).await?;
    answer_work(&ctx, &query, work, || async { domains::get(&ctx, id).await }).await
}

/// Replaces one address by another in every value of a domain that holds it; `moved` lists what was
/// changed, and what mentions the old one and was left.
#[utoipa::path(post, path = "/domains/{id}/ip", tag = "domains", params(("id" = i64, Path), WorkQuery),
    request_body = AddressChangeBody,
    responses((status = 202, body = Answer<WithJob<DomainView>>), (status = 200, body = Answer<WithJob<DomainView>>)))]
async fn change_address(
    ctx: Ctx,
    Id(id): Id,
    Query(query): Query<WorkQuery>,
    Body(body): Body,
) -> Result<Response, Refusal> {
    let work = domains::change_address(&ctx, &ctx.caller, id, &body).await?;
    let moved = work.data.moved.clone();
    let again = || async { Ok(DomainView { moved, ..domains::get(&ctx, id).await? }) };
    answer_work(&ctx, &query, work, again).await
}

/// Applies the record template, or resets the records to it.
#[utoipa::path(post, path = "/domains/{id}/template", tag = "domains", params(("id" = i64, Path), WorkQuery),
    request_body = TemplateBody,
    responses((status = 202, body = Answer<WithJob<DomainView>>), (status = 200, body = Answer<WithJob<DomainView>>)))]
async fn apply_template(
    ctx: Ctx,
    Id(id): Id,
    Query(query): Query<WorkQuery>,
    OptionalBody(body): OptionalBody,
) -> Result<Response, Refusal> {
    let work = domains::apply_template(&ctx, &ctx.caller, id, &body).await?;
    answer_work(&ctx, &query, work, || async { domains::get(&ctx, id).await }).await
}

/// How long the caller of the Plesk door waits.
#[derive(Debug, Default, serde::Deserialize, utoipa::IntoParams)]
#[serde(default, deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct PleskQuery {
    /// Wait so long for the work; without it as `[plesk] wait` says.
    #[param(value_type = Option<String>)]
    wait: Option<Wait>,
}

/// Takes what Plesk hands to a custom DNS backend, as it came, and gives the exit code and the lines.
#[utoipa::path(post, path = "/plesk", tag = "domains", params(PleskQuery),
    request_body(content = String, description = "The JSON of Plesk's standard input, as it came", content_type = "application/octet-stream"),
    responses((status = 200, body = Answer<PleskView>)))]
async fn plesk_input(ctx: Ctx, Query(query): Query<PleskQuery>, body: Bytes) -> Result<Response, Refusal> {
    let wait = query.wait.map(|wait| wait.0);
    Ok(reply::ok(plesk::carry_out(&ctx, &ctx.caller, &body, wait).await))
}
