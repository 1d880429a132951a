//! Records an operator added: one name, one type, its values, in one zone or in all that match.

use super::forms::RecordForm;
use super::input::{Errors, Form};
use super::rows::{Asked, rows_of};
use super::touch::{places, record_claims, touched};
use super::view::{DesiredRecordView, RecordView, time};
use super::write::{self, Wish};
use super::{Caller, Expected, Page, Work};
use crate::app::App;
use crate::catalog::View;
use crate::problem::Problem;
use serde_json::Value;
use zonecast_core::{Name, RecordData, RecordType};
use zonecast_store::{
    ClaimRow, NewClaim, OwnerAction, OwnerId, OwnerKind, OwnerRow, OwnerWrite, RecordFilter, RecordRow,
};

/// Which records a list shows.
#[derive(Clone, Debug, Default)]
pub struct ListRecords {
    /// Part of the name.
    pub search: Option<String>,
    /// Exactly this name.
    pub name: Option<String>,
    /// Bound to this zone.
    pub zone_id: Option<i64>,
    /// In this state.
    pub state: Option<String>,
    /// With where they stand.
    pub records: bool,
    /// Items on a page.
    pub limit: usize,
    /// Where the page begins.
    pub cursor: Option<String>,
}

/// A page of records, by id.
pub async fn list(app: &App, query: &ListRecords) -> Result<Page<RecordView>, Problem> {
    let mut errors = Errors::default();
    let after = super::cursor_in(query.cursor.as_deref(), &mut errors);
    let exact = match query.name.as_deref().map(Name::parse) {
        Some(Err(error)) => {
            errors.add("name", error.to_string());
            None
        }
        other => other.and_then(Result::ok),
    };
    errors.into_result(())?;
    let filter = RecordFilter {
        search: query.search.clone().unwrap_or_default(),
        state: query.state.clone().unwrap_or_default(),
        below: exact.clone(),
        zone_id: query.zone_id,
        ..RecordFilter::default()
    };
    let rows = app.store.records(&filter, after, query.limit + 1).await?;
    let (mut rows, next_cursor) = super::cut(rows, query.limit, |row| row.id);
    rows.retain(|row| exact.as_ref().is_none_or(|name| row.name == *name));
    let view = app.catalog.view();
    let mut items: Vec<RecordView> = rows.iter().map(|row| view_of(row, &view)).collect();
    if query.records {
        let asked: Vec<Asked> = rows.iter().map(asked).collect();
        for (item, rows) in items.iter_mut().zip(rows_of(app, &view, &asked).await?) {
            item.records = Some(rows);
        }
    }
    Ok(Page { items, next_cursor })
}

/// One record with where it stands.
pub async fn get(app: &App, id: i64) -> Result<RecordView, Problem> {
    let row = row(app, id).await?;
    let view = app.catalog.view();
    let mut record = view_of(&row, &view);
    record.records = rows_of(app, &view, &[asked(&row)]).await?.pop();
    Ok(record)
}

async fn row(app: &App, id: i64) -> Result<RecordRow, Problem> {
    app.store.record(id).await?.ok_or_else(|| Problem::missing("record", id))
}

fn asked(row: &RecordRow) -> Asked {
    Asked { owner: owner(row.id), claims: record_claims(row), deleting: row.state == "deleting" }
}

fn owner(id: i64) -> OwnerId {
    OwnerId { kind: OwnerKind::Record, id }
}

fn view_of(row: &RecordRow, view: &View) -> RecordView {
    RecordView {
        id: row.id,
        name: row.name.to_string(),
        name_unicode: row.name.unicode(),
        rtype: row.rtype.to_string(),
        values: row.values.iter().map(RecordData::to_text).collect(),
        ttl: row.ttl.map(|ttl| ttl.seconds()),
        zone_id: row.zone_id,
        state: row.state.clone(),
        no_matching_zone: places(view, &row.name, row.rtype, row.zone_id).next().is_none(),
        created_at: time(row.created_at),
        updated_at: time(row.updated_at),
        version: row.version,
        records: None,
    }
}

/// Adds a record.
pub async fn create(app: &App, caller: &Caller, body: &Value) -> Result<Work<RecordView>, Problem> {
    let mut errors = Errors::default();
    let row = RecordForm::read(Form::body(body)?, &mut errors).into_new(&mut errors);
    check_zone(&row, &app.catalog.view(), &mut errors);
    let row = errors.into_result(row)?;
    refuse_cname_neighbours(app, owner(0), &record_claims(&row), "/name").await?;
    let wish = Wish::new(caller, "record.add", format!("add {} {}", row.name, row.rtype));
    let (id, job_id) = write::one(app, &wish, |view| Ok(new_write(view, row.clone()))).await?;
    Ok(Work { job_id, data: get(app, id).await? })
}

fn new_write(view: &View, row: RecordRow) -> OwnerWrite {
    let claims = record_claims(&row);
    let touched = touched(view, claims.iter());
    OwnerWrite { row: OwnerRow::Record(row), action: OwnerAction::Insert, claims, touched }
}

fn check_zone(row: &RecordRow, view: &View, errors: &mut Errors) {
    if let Some(words) = super::whole_names::wrong_name(&row.name, row.zone_id, view) {
        if !errors.names("/name") {
            errors.add("/name", words);
        }
        return;
    }
    let Some(id) = row.zone_id else { return };
    match view.zone(id) {
        None => errors.add("/zone_id", format!("there is no zone {id}")),
        Some(zone) if !row.name.is_within(&zone.row.name) => {
            errors.add("/name", format!("{} is not in zone {id}, {}", row.name, zone.row.name));
        }
        Some(_) => {}
    }
}

/// 409 where a person asks for a CNAME beside other data, or for other data beside a CNAME.
pub async fn refuse_cname_neighbours(
    app: &App,
    owner: OwnerId,
    claims: &[NewClaim],
    field: &str,
) -> Result<(), Problem> {
    let mut names: Vec<Name> = claims.iter().map(|claim| claim.name.clone()).collect();
    names.sort_unstable();
    names.dedup();
    let standing = app.store.claims_at(&names).await?;
    let clash = claims.iter().find_map(|claim| {
        standing
            .iter()
            .find(|other| other.owner != owner && clashes(claim, other))
            .map(|other| (claim, other))
    });
    let Some((claim, other)) = clash else { return Ok(()) };
    let (mine, theirs) = (claim.data.rtype(), other.data.rtype());
    Err(Problem::conflict(
        field,
        format!(
            "{} has {theirs} of {} {} already: {mine} cannot stand beside it",
            claim.name,
            super::view::owner_word(other.owner.kind),
            other.owner.id
        ),
    ))
}

fn clashes(claim: &NewClaim, other: &ClaimRow) -> bool {
    let meet = claim.zone_id.is_none() || other.zone_id.is_none() || claim.zone_id == other.zone_id;
    let (a, b) = (claim.data.rtype(), other.data.rtype());
    let cname = |rtype| rtype == RecordType::CNAME;
    claim.name == other.name && meet && (cname(a) || cname(b)) && (a != b || claim.data != other.data)
}

/// Changes a record by a JSON merge patch; `values` is replaced whole.
pub async fn patch(
    app: &App,
    caller: &Caller,
    id: i64,
    body: &Value,
    expected: Expected,
) -> Result<Work<RecordView>, Problem> {
    for _ in 0..write::TRIES {
        let old = row(app, id).await?;
        if old.state == "deleting" {
            return Err(Problem::new(409, format!("record {id} is being removed")));
        }
        expected.check(old.version)?;
        let mut new = old.clone();
        let mut errors = Errors::default();
        RecordForm::read(Form::body(body)?, &mut errors).over(&mut new, &mut errors);
        check_zone(&new, &app.catalog.view(), &mut errors);
        errors.into_result(())?;
        refuse_cname_neighbours(app, owner(id), &record_claims(&new), "/name").await?;
        let wish = Wish::new(caller, "record.set", format!("change {} {}", new.name, new.rtype));
        let stored = write::one(app, &wish, |view| {
            let (before, claims) = (record_claims(&old), record_claims(&new));
            let touched = touched(view, before.iter().chain(&claims));
            let action = OwnerAction::Update { expected_version: old.version };
            Ok(OwnerWrite { row: OwnerRow::Record(new.clone()), action, claims, touched })
        })
        .await;
        match stored {
            Err(problem) if write::was_changed(&problem) => continue,
            Err(problem) => return Err(problem),
            Ok((id, job_id)) => return Ok(Work { job_id, data: get(app, id).await? }),
        }
    }
    Err(write::too_busy())
}

/// Withdraws a record.
pub async fn remove(
    app: &App,
    caller: &Caller,
    id: i64,
    forget: bool,
    expected: Expected,
) -> Result<Work<RecordView>, Problem> {
    for _ in 0..write::TRIES {
        let old = row(app, id).await?;
        expected.check(old.version)?;
        let mut gone = view_of(&old, &app.catalog.view());
        let mut job_id = None;
        if old.state != "deleting" {
            let wish = Wish::new(caller, "record.remove", format!("remove {} {}", old.name, old.rtype));
            let stored = write::one(app, &wish, |view| {
                let touched = touched(view, record_claims(&old).iter());
                let action = OwnerAction::Remove { expected_version: old.version };
                Ok(OwnerWrite { row: OwnerRow::Record(old.clone()), action, claims: Vec::new(), touched })
            })
            .await;
            match stored {
                Err(problem) if write::was_changed(&problem) => continue,
                Err(problem) => return Err(problem),
                Ok((_, job)) => job_id = job,
            }
        }
        if forget {
            app.store.forget(owner(id), &[write::forgotten(caller, owner(id))]).await?;
        }
        gone.state = "deleting".to_owned();
        return Ok(Work { job_id, data: gone });
    }
    Err(write::too_busy())
}

/// Claims read in one step of the list of everything desired.
const STEP: usize = 5_000;

/// The next rows of everything desired (S5.24): one per value, ordered by name, type and value, zones
/// collapsed. Begins after the name whose key is `after`; the key to go on with, until there is none.
pub async fn desired_page(
    app: &App,
    after: Option<&[u8]>,
) -> Result<(Vec<DesiredRecordView>, Option<Vec<u8>>), Problem> {
    let claims = app.store.claims_below(&Name::root(), after, STEP).await?;
    let next = claims.last().map(|claim| claim.name.key().to_vec());
    let view = app.catalog.view();
    let mut rows = Vec::with_capacity(claims.len());
    for at_name in claims.chunk_by(|a, b| a.name == b.name) {
        rows.extend(desired_rows(app, &view, at_name));
    }
    Ok((rows, next))
}

/// What is desired at one name: judged as one zone would that has no limits.
fn desired_rows(app: &App, view: &View, claims: &[ClaimRow]) -> Vec<DesiredRecordView> {
    use crate::sync::{core_owner, pool_ttl};
    use zonecast_core::claim::Claim;
    let Some(first) = claims.first() else { return Vec::new() };
    let core: Vec<Claim> = claims
        .iter()
        .map(|row| Claim {
            id: row.id,
            owner: core_owner(row.owner),
            name: row.name.clone(),
            data: row.data.clone(),
            ttl: row.ttl,
            zone: None,
        })
        .collect();
    let place = places(view, &first.name, first.data.rtype(), first.zone_id).next();
    let zone = place.and_then(|place| view.zone(place.zone_id)).map(|entry| entry.zone.clone());
    let zone = zone.unwrap_or_else(|| {
        zonecast_core::Zone::new(zonecast_core::ZoneId(0), zonecast_core::ConnectionId(0), first.name.clone())
    });
    let unlimited = zonecast_core::Capabilities::unlimited();
    let ttl = |claim: &Claim| pool_ttl(view, claim).unwrap_or(app.config.orchestrator.dns.ttl);
    let desired = zonecast_core::desired::desired_at(&zone, &first.name, &core, ttl, &unlimited);
    let rows = desired.sets.into_iter().flat_map(|set| {
        let mut values: Vec<String> = set.values.iter().map(RecordData::to_text).collect();
        values.sort_unstable();
        let (name, rtype, ttl) = (set.name.to_string(), set.rtype.to_string(), set.ttl.seconds());
        values.into_iter().map(move |value| DesiredRecordView {
            name: name.clone(),
            record_type: rtype.clone(),
            value,
            ttl,
        })
    });
    rows.collect()
}
