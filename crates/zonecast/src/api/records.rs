//! `/records`, and `/dns/records`: everything desired (S5.23-25).

use super::ApiState;
use super::extract::{Body, Ctx, Id, IfMatch, Limit, Query, RemoveQuery, WorkQuery};
use super::reply::{self, Answer, ListAnswer, Noted, Refusal, WithJob, answer_noted, answer_work};
use crate::app::App;
use crate::service::forms_schema::{RecordBody, RecordPatchBody};
use crate::service::owners::ListOwners;
use crate::service::records;
use crate::service::view::{DesiredRecordView, RecordView};
use axum::body::{Body as HttpBody, Bytes};
use axum::http::{HeaderMap, header};
use axum::response::{IntoResponse, Response};
use futures_util::stream;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use zonecast_core::OwnerState;

pub fn routes() -> OpenApiRouter<ApiState> {
    OpenApiRouter::new()
        .routes(routes!(list, add))
        .routes(routes!(show, change, remove))
        .routes(routes!(desired))
}

/// Which records.
#[derive(Debug, Default, serde::Deserialize, utoipa::IntoParams)]
#[serde(default, deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct RecordsQuery {
    /// Items on one page, 1 to 500.
    #[param(value_type = Option<u16>, minimum = 1, maximum = 500)]
    limit: Limit,
    /// `next_cursor` of the page before.
    cursor: Option<String>,
    /// Part of the name.
    search: Option<String>,
    /// Exactly this name.
    name: Option<String>,
    /// Bound to this zone.
    zone_id: Option<i64>,
    /// In this state.
    state: Option<String>,
    /// With where they stand.
    #[param(value_type = Option<bool>)]
    records: bool,
}

/// Lists records an operator added.
#[utoipa::path(get, path = "/records", tag = "records", params(RecordsQuery),
    responses((status = 200, body = ListAnswer<RecordView>)))]
async fn list(ctx: Ctx, Query(query): Query<RecordsQuery>) -> Result<Response, Refusal> {
    let RecordsQuery { limit, cursor, search, name, zone_id, state, records } = query;
    let query =
        ListOwners { search, name, zone_id, state, records, limit: limit.0, cursor, ..ListOwners::default() };
    Ok(reply::list(records::list(&ctx, &query).await?))
}

/// Adds a record.
#[utoipa::path(post, path = "/records", tag = "records", params(WorkQuery), request_body = RecordBody,
    responses((status = 202, body = Answer<WithJob<Noted<RecordView>>>), (status = 200, body = Answer<WithJob<Noted<RecordView>>>)))]
async fn add(ctx: Ctx, Query(query): Query<WorkQuery>, Body(body): Body) -> Result<Response, Refusal> {
    let work = records::create(&ctx, &ctx.caller, &body).await?;
    let id = work.data.id;
    let rtype = work.data.rtype.clone();
    answer_noted(&ctx, &query, [(rtype.as_str(), &body)], work, || records::get(&ctx, id)).await
}

/// Shows a record with where it stands.
#[utoipa::path(get, path = "/records/{id}", tag = "records", params(("id" = i64, Path)),
    responses((status = 200, body = Answer<RecordView>)))]
async fn show(ctx: Ctx, Id(id): Id, headers: HeaderMap) -> Result<Response, Refusal> {
    let record = records::get(&ctx, id).await?;
    let version = record.version;
    Ok(reply::tagged(record, version, &headers))
}

/// Changes a record by a JSON merge patch; `values` is replaced whole.
#[utoipa::path(patch, path = "/records/{id}", tag = "records", params(("id" = i64, Path), WorkQuery),
    request_body = RecordPatchBody,
    responses((status = 202, body = Answer<WithJob<Noted<RecordView>>>), (status = 200, body = Answer<WithJob<Noted<RecordView>>>)))]
async fn change(
    ctx: Ctx,
    Id(id): Id,
    Query(query): Query<WorkQuery>,
    IfMatch(expected): IfMatch,
    Body(body): Body,
) -> Result<Response, Refusal> {
    let work = records::patch(&ctx, &ctx.caller, id, &body, expected).await?;
    let rtype = work.data.rtype.clone();
    answer_noted(&ctx, &query, [(rtype.as_str(), &body)], work, || records::get(&ctx, id)).await
}

/// Withdraws a record.
#[utoipa::path(delete, path = "/records/{id}", tag = "records", params(("id" = i64, Path), RemoveQuery),
    responses((status = 202, body = Answer<WithJob<RecordView>>), (status = 200, body = Answer<WithJob<RecordView>>)))]
async fn remove(
    ctx: Ctx,
    Id(id): Id,
    Query(query): Query<RemoveQuery>,
    IfMatch(expected): IfMatch,
) -> Result<Response, Refusal> {
    let work = records::remove(&ctx, &ctx.caller, id, query.forget, expected).await?;
    let gone = RecordView { state: OwnerState::Deleted, ..work.data.clone() };
    answer_work(&ctx, &query.work(), work, || async {
        match records::get(&ctx, id).await {
            Err(problem) if problem.status == 404 => Ok(gone),
            found => found,
        }
    })
    .await
}

/// Everything desired: one row per value, zones collapsed, ordered by name, type and value.
#[utoipa::path(get, path = "/dns/records", tag = "records",
    responses((status = 200, body = Answer<Vec<DesiredRecordView>>)))]
async fn desired(ctx: Ctx) -> Result<Response, Refusal> {
    // The first step is taken before the status goes out: a database that is down is a 503.
    let first = records::desired_page(&ctx, None).await?;
    let parts = stream::unfold(Some(Step::First(first, ctx.app)), |step| async move {
        let (text, next) = step?.write().await;
        Some((text, next))
    });
    let json = [(header::CONTENT_TYPE, "application/json")];
    Ok((json, HttpBody::from_stream(parts)).into_response())
}

type DesiredPage = (Vec<DesiredRecordView>, Option<Vec<u8>>);

/// One part of the list on the wire: a list of a million rows never lies in memory.
enum Step {
    First(DesiredPage, App),
    Next { after: Vec<u8>, app: App, begun: bool },
}

impl Step {
    async fn write(self) -> (std::io::Result<Bytes>, Option<Step>) {
        let (page, app, head, begun) = match self {
            Step::First(page, app) => (Ok(page), app, "{\"success\":true,\"data\":[", false),
            Step::Next { after, app, begun } => {
                (records::desired_page(&app, Some(&after)).await, app, "", begun)
            }
        };
        let (rows, next) = match page {
            Ok(page) => page,
            // The status is out: a cut body is the one way left to say that it is not whole.
            Err(problem) => return (Err(std::io::Error::other(problem)), None),
        };
        let mut text = String::from(head);
        let mut begun = begun;
        for row in &rows {
            if std::mem::replace(&mut begun, true) {
                text.push(',');
            }
            text.push_str(&serde_json::to_string(row).unwrap_or_default());
        }
        match next {
            Some(after) => (Ok(text.into()), Some(Step::Next { after, app, begun })),
            None => {
                text.push_str("]}");
                (Ok(text.into()), None)
            }
        }
    }
}
