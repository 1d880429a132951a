//! Domains come, change, are looked at and go.

use super::claims::{IN_PARENT, in_force, why_not};
use super::form::{DomainForm, empty};
use super::view::{DomainView, views};
use super::{limits, place};
use crate::app::App;
use crate::catalog::View;
use crate::problem::Problem;
use crate::service::input::{Errors, Form};
use crate::service::owners::{self, Head, How, ListOwners, Look, Owner};
use crate::service::write::{Refused, until_stored};
use crate::service::{Caller, Expected, Page, Work};
use crate::settings::DomainOptions;
use serde_json::Value;
use zonecast_core::{Name, OwnerState};
use zonecast_store::{DomainRow, NewClaim, Operation, OwnerFilter, OwnerKind, OwnerRow, StoreError};

impl Owner for DomainRow {
    const KIND: OwnerKind = OwnerKind::Domain;
    const NAME: &'static str = "/name";
    type View = DomainView;

    fn head(&self) -> Head<'_> {
        Head { id: self.id, version: self.version, state: self.state, name: &self.name }
    }

    fn leave(&mut self) {
        self.state = OwnerState::Deleting;
    }

    fn into_row(self) -> OwnerRow {
        OwnerRow::Domain(self)
    }

    async fn find(app: &App, id: i64) -> Result<Option<DomainRow>, StoreError> {
        app.store.domain(id).await
    }

    async fn page(
        app: &App,
        filter: &OwnerFilter,
        after: i64,
        limit: usize,
    ) -> Result<Vec<DomainRow>, StoreError> {
        app.store.domains(filter, after, limit).await
    }

    async fn show(app: &App, rows: &[DomainRow], records: bool) -> Result<Vec<DomainView>, Problem> {
        views(app, rows, records).await
    }

    fn claims(&mut self, _: &App, _: &View, held: &[NewClaim], _: bool) -> Vec<NewClaim> {
        in_force(self, held)
    }

    fn why_not(&self, _: &[NewClaim]) -> Option<String> {
        why_not(self)
    }

    async fn check(
        &self,
        app: &App,
        view: &View,
        held: &[NewClaim],
        claims: &[NewClaim],
    ) -> Result<(), Refused> {
        place::check(view, self)?;
        limits::check(app, view, self, held, claims).await?;
        match app.store.domain_by_name(&self.name).await? {
            Some(there) if there.id != self.id => Err(Refused::TakenBy(there.id)),
            _ => Ok(()),
        }
    }

    /// Zones are made for what is let out only.
    fn is_settled(&self, view: &View) -> bool {
        let out = self.kind != IN_PARENT && (self.state == OwnerState::Active || self.synced);
        !out || place::is_settled(view, self)
    }

    async fn settle(
        &self,
        operation: &Operation,
        caller: &Caller,
        view: &View,
    ) -> Result<Option<View>, Refused> {
        place::settle(operation, caller, view, self).await
    }

    /// A managed SOA is no claim, so its name is raised by hand.
    fn touches(&self, old: Option<&DomainRow>, view: &View) -> Vec<(i64, Name)> {
        if old.is_some_and(|old| old.options == self.options && old.records == self.records) {
            return Vec::new();
        }
        let managed = view.zones_named(&self.name).filter(|zone| zone.settings.manage_ns_soa);
        managed.map(|zone| (zone.row.id, self.name.clone())).collect()
    }
}

/// A page of domains, by id.
pub async fn list(app: &App, query: &ListOwners) -> Result<Page<DomainView>, Problem> {
    owners::list::<DomainRow>(app, query).await
}

/// One domain with where its records stand.
pub async fn get(app: &App, id: i64) -> Result<DomainView, Problem> {
    owners::get::<DomainRow>(app, id).await
}

/// Adds a domain: its records follow at every matching zone, which is made where that is asked for.
pub async fn create(app: &App, caller: &Caller, body: &Value) -> Result<Work<DomainView>, Problem> {
    owners::add(app, caller, "add", read_new(body)?).await
}

fn read_new(body: &Value) -> Result<DomainRow, Problem> {
    let mut errors = Errors::default();
    let row = DomainForm::read(Form::body(body)?, None, &mut errors).into_new(&mut errors);
    errors.into_result(row)
}

/// Changes a domain by a JSON merge patch; `records` is replaced whole.
pub async fn patch(
    app: &App,
    caller: &Caller,
    id: i64,
    body: &Value,
    expected: Expected,
) -> Result<Work<DomainView>, Problem> {
    owners::change(app, caller, id, expected, &How::asked("set"), |row: &mut DomainRow, _| {
        let mut errors = Errors::default();
        let name = row.name.clone();
        DomainForm::read(Form::body(body)?, Some(&name), &mut errors).over(row, &mut errors);
        errors.into_result(())
    })
    .await
}

/// Reads the domain, changes it as a call asked, stores it.
pub(super) async fn change(
    app: &App,
    caller: &Caller,
    id: i64,
    word: &'static str,
    edit: impl Fn(&mut DomainRow) -> Result<(), Problem> + Sync,
) -> Result<Work<DomainView>, Problem> {
    owners::change(app, caller, id, Expected(None), &How::asked(word), |row, _| edit(row)).await
}

/// Makes the domain of this name just what `fill` says, whether it is there or not: how a source that
/// knows whole sets speaks (S4.80, S4.81). What it leaves out is withdrawn as derived, so the removal
/// guard watches; the same set again is looked at as a whole.
pub async fn put_set(
    app: &App,
    caller: &Caller,
    name: &Name,
    fill: impl Fn(&mut DomainRow) -> Result<(), Problem> + Sync,
) -> Result<Work<DomainView>, Problem> {
    let how = How { asked: false, look: Look::Equal, ..How::asked("set") };
    let edit = |row: &mut DomainRow, _: &View| fill(row);
    let stored = until_stored!(app, |view| async {
        let done = match app.store.domain_by_name(name).await? {
            Some(there) => {
                owners::try_change(app, caller, &view, there.id, Expected(None), &how, &edit).await
            }
            None => {
                let mut row = empty(name.clone());
                fill(&mut row)?;
                owners::try_add(app, caller, &view, "add", &row).await
            }
        };
        match done {
            // It came or went between the look and the write.
            Err(Refused::TakenBy(_) | Refused::Gone) => Err(Refused::Changed),
            done => done,
        }
    });
    let (id, job_id) = stored.map_err(Refused::into_problem)?;
    Ok(Work { job_id, data: get(app, id).await? })
}

/// Synchronise now: every record is read afresh and written again; `take_over` replaces others' values
/// at the domain's names, once.
pub async fn sync(app: &App, caller: &Caller, id: i64, body: &Value) -> Result<Work<DomainView>, Problem> {
    owners::change(app, caller, id, Expected(None), &How::sync(body)?, |_: &mut DomainRow, _| Ok(())).await
}

/// Withdraws all records of a domain (S4.79); it is gone when every zone has an outcome. With `forget`
/// it goes at once, and what could not be removed stays at the provider.
pub async fn remove(
    app: &App,
    caller: &Caller,
    id: i64,
    forget: bool,
    expected: Expected,
) -> Result<Work<DomainView>, Problem> {
    owners::remove::<DomainRow>(app, caller, id, forget, expected).await
}

/// The same by name; nothing where there is no such domain (S4.82).
pub async fn remove_named(
    app: &App,
    caller: &Caller,
    name: &Name,
) -> Result<Option<Work<DomainView>>, Problem> {
    let Some(row) = app.store.domain_by_name(name).await? else { return Ok(None) };
    match remove(app, caller, row.id, false, Expected(None)).await {
        Err(problem) if problem.status == 404 => Ok(None),
        done => done.map(Some),
    }
}

/// The options of a row, changed by a function.
pub(super) fn with_options(row: &mut DomainRow, change: impl FnOnce(&mut DomainOptions)) {
    let mut options = DomainOptions::of(row);
    change(&mut options);
    options.store(row);
}
