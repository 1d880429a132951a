//! Records an operator added: one name, one type, its values, in one zone or in all that match.

use super::forms::RecordForm;
use super::input::{Errors, Form};
use super::owners::{self, Head, How, ListOwners, Owner, refuse_cname_neighbours};
use super::rows::{Asked, rows_of};
use super::touch::{places, record_claims};
use super::view::{DesiredRecordView, RecordView, time};
use super::write::Refused;
use super::{Caller, Expected, Page, Work};
use crate::app::App;
use crate::catalog::View;
use crate::problem::Problem;
use serde_json::Value;
use zonecast_core::{Name, OwnerState, RecordData};
use zonecast_store::{ClaimRow, NewClaim, OwnerFilter, OwnerId, OwnerKind, OwnerRow, RecordRow, StoreError};

impl Owner for RecordRow {
    const KIND: OwnerKind = OwnerKind::Record;
    const NAME: &'static str = "/name";
    type View = RecordView;

    fn head(&self) -> Head<'_> {
        Head { id: self.id, version: self.version, state: self.state, name: &self.name }
    }

    fn leave(&mut self) {
        self.state = OwnerState::Deleting;
    }

    fn into_row(self) -> OwnerRow {
        OwnerRow::Record(self)
    }

    fn label(&self) -> String {
        format!("{} {}", self.name, self.rtype)
    }

    async fn find(app: &App, id: i64) -> Result<Option<RecordRow>, StoreError> {
        app.store.record(id).await
    }

    async fn page(
        app: &App,
        filter: &OwnerFilter,
        after: i64,
        limit: usize,
    ) -> Result<Vec<RecordRow>, StoreError> {
        app.store.records(filter, after, limit).await
    }

    async fn show(app: &App, rows: &[RecordRow], records: bool) -> Result<Vec<RecordView>, Problem> {
        let view = app.catalog.view();
        let mut items: Vec<RecordView> = rows.iter().map(|row| view_of(row, &view)).collect();
        if records {
            let asked: Vec<Asked> = rows.iter().map(asked).collect();
            for (item, rows) in items.iter_mut().zip(rows_of(app, &view, &asked).await?) {
                item.records = Some(rows);
            }
        }
        Ok(items)
    }

    fn claims(&mut self, _: &App, _: &View, _: &[NewClaim], _: bool) -> Vec<NewClaim> {
        record_claims(self)
    }

    async fn check(
        &self,
        app: &App,
        _: &View,
        held: &[NewClaim],
        claims: &[NewClaim],
    ) -> Result<(), Refused> {
        let owner = OwnerId { kind: OwnerKind::Record, id: self.id };
        Ok(refuse_cname_neighbours(app, owner, held, claims, "/name").await?)
    }
}

/// A page of records, by id.
pub async fn list(app: &App, query: &ListOwners) -> Result<Page<RecordView>, Problem> {
    owners::list::<RecordRow>(app, query).await
}

/// One record with where it stands.
pub async fn get(app: &App, id: i64) -> Result<RecordView, Problem> {
    owners::get::<RecordRow>(app, id).await
}

fn asked(row: &RecordRow) -> Asked {
    let owner = OwnerId { kind: OwnerKind::Record, id: row.id };
    Asked { owner, claims: record_claims(row), deleting: row.state == OwnerState::Deleting }
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
        source: row.source.clone(),
        state: row.state,
        no_matching_zone: places(view, &row.name, row.rtype, row.zone_id, None).next().is_none(),
        created_at: time(row.created_at),
        updated_at: time(row.updated_at),
        version: row.version,
        records: None,
    }
}

/// Adds a record.
pub async fn create(app: &App, caller: &Caller, body: &Value) -> Result<Work<RecordView>, Problem> {
    let row = RecordRow { source: caller.source.clone(), ..read_new(&app.catalog.view(), body)? };
    owners::add(app, caller, "add", row).await
}

fn read_new(view: &View, body: &Value) -> Result<RecordRow, Problem> {
    let mut errors = Errors::default();
    let row = RecordForm::read(Form::body(body)?, &mut errors).into_new(&mut errors);
    check_zone(&row, view, &mut errors);
    errors.into_result(row)
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

/// Changes a record by a JSON merge patch; `values` is replaced whole.
pub async fn patch(
    app: &App,
    caller: &Caller,
    id: i64,
    body: &Value,
    expected: Expected,
) -> Result<Work<RecordView>, Problem> {
    owners::change(app, caller, id, expected, &How::asked("set"), |row: &mut RecordRow, view| {
        let mut errors = Errors::default();
        RecordForm::read(Form::body(body)?, &mut errors).over(row, &mut errors);
        check_zone(row, view, &mut errors);
        errors.into_result(())
    })
    .await
}

/// Withdraws a record.
pub async fn remove(
    app: &App,
    caller: &Caller,
    id: i64,
    forget: bool,
    expected: Expected,
) -> Result<Work<RecordView>, Problem> {
    owners::remove::<RecordRow>(app, caller, id, forget, expected).await
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
            derived: row.derived,
        })
        .collect();
    let place = places(view, &first.name, first.data.rtype(), first.zone_id, first.domain.as_ref()).next();
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
