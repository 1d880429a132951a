//! `/zones`.

use super::ApiState;
use super::extract::{Body, Ctx, Id, IfMatch, Limit, OptionalBody, Query, Wait, WorkQuery};
use super::reply::{self, Answer, ListAnswer, Refusal, WithJob, answer_work};
use crate::problem::Problem;
use crate::service::dnssec::{self, DnssecView};
use crate::service::forms_schema::{ZoneBody, ZoneFileBody};
use crate::service::pause::{self, ApproveView};
use crate::service::plan::{self, PlanView};
use crate::service::view::{TestView, ZoneView};
use crate::service::zone_file::{self, ExportView, ImportView, ZoneRecordView};
use crate::service::zone_new::{self, NewZonePlanView};
use crate::service::zones::{self, ListZones};
use crate::service::{Work, zone_work};
use axum::extract::{FromRequest, Request};
use axum::http::{HeaderMap, header};
use axum::response::{AppendHeaders, IntoResponse, Response};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use zonecast_core::ZoneState;

pub fn routes() -> OpenApiRouter<ApiState> {
    OpenApiRouter::new()
        .routes(routes!(list, add))
        .routes(routes!(test_unsaved))
        .routes(routes!(show, change, remove))
        .routes(routes!(test))
        .routes(routes!(rematch))
        .routes(routes!(sync))
        .routes(routes!(pause_zone))
        .routes(routes!(resume_zone))
        .routes(routes!(approve))
        .routes(routes!(records))
        .routes(routes!(export))
        .routes(routes!(import))
        .routes(routes!(show_plan))
        .routes(routes!(show_dnssec))
}

/// Which zones.
#[derive(Debug, Default, serde::Deserialize, utoipa::IntoParams)]
#[serde(default, deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct ZonesQuery {
    /// Items on one page, 1 to 500.
    #[param(value_type = Option<u16>, minimum = 1, maximum = 500)]
    limit: Limit,
    /// `next_cursor` of the page before.
    cursor: Option<String>,
    /// Exactly this name.
    name: Option<String>,
    /// Part of the name or of the comment.
    search: Option<String>,
    /// At this provider.
    provider: Option<String>,
    /// At this connection.
    connection_id: Option<i64>,
    /// In this state.
    state: Option<String>,
}

/// Lists zones.
#[utoipa::path(get, path = "/zones", tag = "zones", params(ZonesQuery),
    responses((status = 200, body = ListAnswer<ZoneView>)))]
async fn list(ctx: Ctx, Query(query): Query<ZonesQuery>) -> Result<Response, Refusal> {
    let ZonesQuery { limit, cursor, name, search, provider, connection_id, state } = query;
    let query = ListZones { name, search, provider, connection_id, state, limit: limit.0, cursor };
    Ok(reply::list(zones::list(&ctx, &query)?))
}

/// How a zone is added.
#[derive(Debug, Default, serde::Deserialize, utoipa::IntoParams)]
#[serde(default, deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct AddQuery {
    /// Add nothing; tell what would be done, and how many keys hold values of others.
    #[param(value_type = Option<bool>)]
    dry_run: bool,
}

/// Adds a zone; the names below it that are wanted already are marked. `conflicts` tells how many keys
/// hold values of others.
#[utoipa::path(post, path = "/zones", tag = "zones", request_body = ZoneBody, params(AddQuery),
    responses((status = 201, body = Answer<ZoneView>), (status = 200, body = Answer<NewZonePlanView>)))]
async fn add(ctx: Ctx, Query(query): Query<AddQuery>, Body(body): Body) -> Result<Response, Refusal> {
    if query.dry_run {
        return Ok(reply::ok(zone_new::plan_create(&ctx, &ctx.caller, &body).await?));
    }
    let zone = zone_new::create(&ctx, &ctx.caller, &body).await?;
    let location = format!("/api/v1/zones/{}", zone.id);
    Ok(reply::created(zone, location))
}

/// Tests a form that is not saved, with its own secrets only.
#[utoipa::path(post, path = "/zones/test", tag = "zones", request_body = ZoneBody,
    responses((status = 200, body = Answer<TestView>)))]
async fn test_unsaved(ctx: Ctx, Body(body): Body) -> Result<Response, Refusal> {
    Ok(reply::ok(zones::test_unsaved(&ctx, &ctx.caller, &body).await?))
}

/// Shows a zone.
#[utoipa::path(get, path = "/zones/{id}", tag = "zones", params(("id" = i64, Path)),
    responses((status = 200, body = Answer<ZoneView>)))]
async fn show(ctx: Ctx, Id(id): Id, headers: HeaderMap) -> Result<Response, Refusal> {
    let zone = zones::get(&ctx, id)?;
    let version = zone.version;
    Ok(reply::tagged(zone, version, &headers))
}

/// Changes a zone by a JSON merge patch.
#[utoipa::path(patch, path = "/zones/{id}", tag = "zones", params(("id" = i64, Path)), request_body = ZoneBody,
    responses((status = 200, body = Answer<ZoneView>)))]
async fn change(
    ctx: Ctx,
    Id(id): Id,
    IfMatch(expected): IfMatch,
    Body(body): Body,
) -> Result<Response, Refusal> {
    Ok(reply::ok(zones::patch(&ctx, &ctx.caller, id, &body, expected).await?))
}

/// What happens to our records at the provider.
#[derive(Debug, Default, Clone, Copy, serde::Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
enum OnRemove {
    /// They stay.
    #[default]
    Keep,
    /// They are taken out first.
    Remove,
}

/// How a zone goes.
#[derive(Debug, Default, serde::Deserialize, utoipa::IntoParams)]
#[serde(default, deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct RemoveQuery {
    /// `keep` leaves our records at the provider, `remove` takes them out first. An embedded zone is not
    /// served any more in either case; `keep` is refused where values would be lost that no host, domain
    /// or record here wants.
    #[param(inline, value_type = Option<OnRemove>)]
    records: OnRemove,
    /// Wait so long for the job.
    #[param(value_type = Option<String>)]
    wait: Option<Wait>,
}

/// Forgets a zone.
#[utoipa::path(delete, path = "/zones/{id}", tag = "zones", params(("id" = i64, Path), RemoveQuery),
    responses((status = 202, body = Answer<WithJob<ZoneView>>), (status = 200, body = Answer<WithJob<ZoneView>>)))]
async fn remove(
    ctx: Ctx,
    Id(id): Id,
    Query(query): Query<RemoveQuery>,
    IfMatch(expected): IfMatch,
) -> Result<Response, Refusal> {
    let take_out = matches!(query.records, OnRemove::Remove);
    let Work { job_id, data } = zone_work::remove(&ctx, &ctx.caller, id, take_out, expected).await?;
    if job_id.is_none() {
        return Ok(reply::finished(ZoneView { state: ZoneState::Deleted, ..data }, None));
    }
    let query = WorkQuery { wait: query.wait, dry_run: false };
    let gone = data.clone();
    answer_work(&ctx, &query, Work { job_id, data }, || async { Ok(gone) }).await
}

/// Tests a zone as it is stored.
#[utoipa::path(post, path = "/zones/{id}/test", tag = "zones", params(("id" = i64, Path)),
    responses((status = 200, body = Answer<TestView>)))]
async fn test(ctx: Ctx, Id(id): Id) -> Result<Response, Refusal> {
    Ok(reply::ok(zones::test(&ctx, id).await?))
}

/// Marks every desired name below the zone again.
#[utoipa::path(post, path = "/zones/{id}/rematch", tag = "zones", params(("id" = i64, Path)),
    responses((status = 202, body = Answer<WithJob<ZoneView>>)))]
async fn rematch(ctx: Ctx, Id(id): Id) -> Result<Response, Refusal> {
    Ok(reply::accepted(zones::rematch(&ctx, id).await?, None))
}

/// Writes every name of the zone afresh.
#[utoipa::path(post, path = "/zones/{id}/sync", tag = "zones", params(("id" = i64, Path), WorkQuery),
    responses((status = 202, body = Answer<WithJob<ZoneView>>), (status = 200, body = Answer<WithJob<ZoneView>>)))]
async fn sync(ctx: Ctx, Id(id): Id, Query(query): Query<WorkQuery>) -> Result<Response, Refusal> {
    if query.dry_run {
        return Ok(reply::ok(plan::of_zone(&ctx, id).await?));
    }
    let work = zone_work::sync(&ctx, &ctx.caller, id).await?;
    answer_work(&ctx, &query, work, || async { zones::get(&ctx, id) }).await
}

/// Stops writing to a zone; wishes go on being taken.
#[utoipa::path(post, path = "/zones/{id}/pause", tag = "zones", params(("id" = i64, Path)),
    responses((status = 200, body = Answer<ZoneView>)))]
async fn pause_zone(ctx: Ctx, Id(id): Id) -> Result<Response, Refusal> {
    Ok(reply::ok(pause::zone(&ctx, &ctx.caller, id, true).await?))
}

/// Lets a zone go on.
#[utoipa::path(post, path = "/zones/{id}/resume", tag = "zones", params(("id" = i64, Path)),
    responses((status = 200, body = Answer<ZoneView>)))]
async fn resume_zone(ctx: Ctx, Id(id): Id) -> Result<Response, Refusal> {
    Ok(reply::ok(pause::zone(&ctx, &ctx.caller, id, false).await?))
}

/// Lets the held removals of a zone go.
#[utoipa::path(post, path = "/zones/{id}/approve", tag = "zones", params(("id" = i64, Path)),
    responses((status = 200, body = Answer<ApproveView>)))]
async fn approve(ctx: Ctx, Id(id): Id) -> Result<Response, Refusal> {
    let approved = zone_work::approve(&ctx, &ctx.caller, id).await?;
    Ok(reply::ok(ApproveView { approved }))
}

/// Every RRset of the zone, as its provider lists it now, with the state of ours.
#[utoipa::path(get, path = "/zones/{id}/records", tag = "zones", params(("id" = i64, Path)),
    responses((status = 200, body = ListAnswer<ZoneRecordView>)))]
async fn records(ctx: Ctx, Id(id): Id) -> Result<Response, Refusal> {
    Ok(reply::all(zone_file::records(&ctx, id).await?))
}

/// The form of an export.
#[derive(Debug, Default, Clone, Copy, serde::Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
enum ExportForm {
    /// The zone file alone.
    #[default]
    ZoneFile,
    /// The zone file with counts, and what it leaves out.
    Json,
}

/// How a zone is exported.
#[derive(Debug, Default, serde::Deserialize, utoipa::IntoParams)]
#[serde(default, deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct ExportQuery {
    /// `zone_file`, or `json` with what the file leaves out.
    #[param(inline, value_type = Option<ExportForm>)]
    format: ExportForm,
}

/// The zone as a zone file. What stands there and is no record (an alias of the service, a switched off
/// value, a weighted set) is a comment in it, counted by the header `Zonecast-Left-Out`.
#[utoipa::path(get, path = "/zones/{id}/export", tag = "zones", params(("id" = i64, Path), ExportQuery),
    responses((status = 200, content((String = "text/dns"), (Answer<ExportView> = "application/json")),
        headers(("Zonecast-Records" = usize, description = "Records in the file"),
            ("Zonecast-Left-Out" = usize, description = "What is no record, in comments")))))]
async fn export(ctx: Ctx, Id(id): Id, Query(query): Query<ExportQuery>) -> Result<Response, Refusal> {
    let view = zone_file::export(&ctx, id).await?;
    if matches!(query.format, ExportForm::Json) {
        return Ok(reply::ok(view));
    }
    let headers = [
        ("content-type", "text/dns; charset=utf-8".to_owned()),
        ("zonecast-records", view.records.to_string()),
        ("zonecast-left-out", view.left_out.len().to_string()),
    ];
    Ok((AppendHeaders(headers), view.zone_file).into_response())
}

/// Takes a zone file, as text or as `{"zone_file": "..."}`; its RRsets become records of this zone.
#[utoipa::path(post, path = "/zones/{id}/import", tag = "zones", params(("id" = i64, Path), WorkQuery),
    request_body(content((ZoneFileBody = "application/json"), (String = "text/dns"))),
    responses((status = 202, body = Answer<WithJob<ImportView>>), (status = 200, body = Answer<WithJob<ImportView>>)))]
async fn import(
    ctx: Ctx,
    Id(id): Id,
    Query(query): Query<WorkQuery>,
    ZoneFile(text): ZoneFile,
) -> Result<Response, Refusal> {
    let work = zone_file::import(&ctx, &ctx.caller, id, &text).await?;
    let data = work.data.clone();
    answer_work(&ctx, &query, work, || async { Ok(data) }).await
}

struct ZoneFile(String);

impl FromRequest<ApiState> for ZoneFile {
    type Rejection = Refusal;

    async fn from_request(request: Request, state: &ApiState) -> Result<ZoneFile, Refusal> {
        let kind = request.headers().get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
        if !kind.is_some_and(|kind| kind.contains("json")) {
            return super::extract::TextBody::from_request(request, state).await.map(|body| ZoneFile(body.0));
        }
        let OptionalBody(body) = OptionalBody::from_request(request, state).await?;
        let mut errors = crate::service::input::Errors::default();
        let mut form = crate::service::input::Form::body(&body)?;
        let text = form.text("zone_file", &mut errors).value();
        form.finish(&mut errors);
        match errors.into_result(text)? {
            Some(text) => Ok(ZoneFile(text.to_owned())),
            None => Err(Problem::field("/zone_file", "is missing").into()),
        }
    }
}

/// What would be done in the zone.
#[utoipa::path(get, path = "/zones/{id}/plan", tag = "zones", params(("id" = i64, Path)),
    responses((status = 200, body = Answer<PlanView>)))]
async fn show_plan(ctx: Ctx, Id(id): Id) -> Result<Response, Refusal> {
    Ok(reply::ok(plan::of_zone(&ctx, id).await?))
}

/// DS and DNSKEY of the zone, where its service signs it; nothing is switched on or off.
#[utoipa::path(get, path = "/zones/{id}/dnssec", tag = "zones", params(("id" = i64, Path)),
    responses((status = 200, body = Answer<DnssecView>)))]
async fn show_dnssec(ctx: Ctx, Id(id): Id) -> Result<Response, Refusal> {
    Ok(reply::ok(dnssec::view(&ctx, id).await?))
}
