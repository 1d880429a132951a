//! Domains come, change, are looked at and go.

use super::claims::{IN_PARENT, in_force, why_not};
use super::form::{DomainForm, empty};
use super::view::{DomainView, views};
use super::{limits, place};
use crate::app::App;
use crate::catalog::View;
use crate::problem::Problem;
use crate::service::hosts::ascii;
use crate::service::input::{Errors, Form};
use crate::service::touch::touched;
use crate::service::write::{self, Wish, as_new};
use crate::service::{Caller, Expected, Page, Work};
use crate::settings::DomainOptions;
use serde_json::Value;
use zonecast_core::Name;
use zonecast_store::{
    DomainFilter, DomainRow, JobFilter, NewClaim, OwnerAction, OwnerId, OwnerKind, OwnerRow, OwnerWrite,
};

/// Which domains a list shows.
#[derive(Clone, Debug, Default)]
pub struct ListDomains {
    /// Part of the name.
    pub search: Option<String>,
    /// Exactly this name.
    pub name: Option<String>,
    /// In this state.
    pub state: Option<String>,
    /// With where their records stand.
    pub records: bool,
    /// Items on a page.
    pub limit: usize,
    /// Where the page begins.
    pub cursor: Option<String>,
}

/// A page of domains, by id.
pub async fn list(app: &App, query: &ListDomains) -> Result<Page<DomainView>, Problem> {
    let mut errors = Errors::default();
    let after = crate::service::cursor_in(query.cursor.as_deref(), &mut errors);
    let exact = match query.name.as_deref().map(Name::parse) {
        Some(Err(error)) => {
            errors.add("name", error.to_string());
            None
        }
        other => other.and_then(Result::ok),
    };
    errors.into_result(())?;
    let filter = DomainFilter {
        search: query.search.as_deref().map(ascii).unwrap_or_default(),
        state: query.state.clone().unwrap_or_default(),
        below: exact.clone(),
        ..DomainFilter::default()
    };
    let rows = app.store.domains(&filter, after, query.limit + 1).await?;
    let (mut rows, next_cursor) = crate::service::cut(rows, query.limit, |row| row.id);
    rows.retain(|row| exact.as_ref().is_none_or(|name| row.name == *name));
    Ok(Page { items: views(app, &rows, query.records).await?, next_cursor })
}

/// One domain with where its records stand.
pub async fn get(app: &App, id: i64) -> Result<DomainView, Problem> {
    let row = app.store.domain(id).await?.ok_or_else(|| Problem::missing("domain", id))?;
    views(app, &[row], true).await?.pop().ok_or_else(|| Problem::missing("domain", id))
}

/// Adds a domain: its records follow at every matching zone, which is made where that is asked for.
pub async fn create(app: &App, caller: &Caller, body: &Value) -> Result<Work<DomainView>, Problem> {
    let row = read_new(body)?;
    let wish = Wish::new(caller, "domain.add", format!("add {}", row.name));
    insert(app, &wish, row).await
}

fn read_new(body: &Value) -> Result<DomainRow, Problem> {
    let mut errors = Errors::default();
    let row = DomainForm::read(Form::body(body)?, None, &mut errors).into_new(&mut errors);
    errors.into_result(row)
}

async fn insert(app: &App, wish: &Wish<'_>, row: DomainRow) -> Result<Work<DomainView>, Problem> {
    let view = app.catalog.view();
    place::check(&view, &row)?;
    limits::check(app, &view, &row, &[], &in_force(&mut row.clone(), &[])).await?;
    let taken =
        |by: i64| Problem::conflict("/name", format!("{} is there already, as domain {by}", row.name));
    if let Some(there) = app.store.domain_by_name(&row.name).await? {
        return Err(taken(there.id));
    }
    if in_force_at_all(&row) {
        place::settle(app, wish.caller, &row).await?;
    }
    let stored = write::one(app, wish, |view| Ok(new_write(view, row.clone()))).await;
    let (id, job_id) = stored.map_err(|problem| match write::taken_by(&problem) {
        Some(by) => taken(by),
        None => problem,
    })?;
    Ok(Work { job_id, data: get(app, id).await? })
}

/// Zones are made for what is let out only.
fn in_force_at_all(row: &DomainRow) -> bool {
    row.kind != IN_PARENT && (row.state == "active" || row.synced)
}

fn new_write(view: &View, mut row: DomainRow) -> OwnerWrite {
    let claims = in_force(&mut row, &[]);
    let mut touched = touched(view, claims.iter());
    touch_apex(view, &row, &mut touched);
    OwnerWrite { row: OwnerRow::Domain(row), action: OwnerAction::Insert, claims, touched }
}

/// A managed SOA is no claim, so its name is raised by hand.
fn touch_apex(view: &View, row: &DomainRow, touched: &mut Vec<(i64, Name)>) {
    let managed = view.zones_named(&row.name).filter(|zone| zone.settings.manage_ns_soa);
    touched.extend(managed.map(|zone| (zone.row.id, row.name.clone())));
    touched.sort_unstable();
    touched.dedup();
}

/// Changes a domain by a JSON merge patch; `records` is replaced whole.
pub async fn patch(
    app: &App,
    caller: &Caller,
    id: i64,
    body: &Value,
    expected: Expected,
) -> Result<Work<DomainView>, Problem> {
    change(app, caller, id, expected, &Change::asked("domain.set"), |row| {
        let mut errors = Errors::default();
        let name = row.name.clone();
        DomainForm::read(Form::body(body)?, Some(&name), &mut errors).over(row, &mut errors);
        errors.into_result(())
    })
    .await
}

/// What kind of change a domain goes through.
pub(super) struct Change {
    action: &'static str,
    asked: bool,
    /// An equal set is looked at again as a whole.
    look_again: bool,
}

impl Change {
    /// A call asked for just this.
    pub fn asked(action: &'static str) -> Change {
        Change { action, asked: true, look_again: false }
    }
}

/// Reads the domain, changes it, stores it; once more if somebody else was faster.
pub(super) async fn change(
    app: &App,
    caller: &Caller,
    id: i64,
    expected: Expected,
    how: &Change,
    edit: impl Fn(&mut DomainRow) -> Result<(), Problem>,
) -> Result<Work<DomainView>, Problem> {
    for _ in 0..write::TRIES {
        let old = current(app, id).await?;
        expected.check(old.version)?;
        let mut new = old.clone();
        edit(&mut new)?;
        let held = held(app, id).await?;
        let claims = in_force(&mut new, &held);
        let view = app.catalog.view();
        place::check(&view, &new)?;
        limits::check(app, &view, &new, &held, &claims).await?;
        if in_force_at_all(&new) {
            place::settle(app, caller, &new).await?;
        }
        let mut wish = Wish::new(caller, how.action, format!("update {}", new.name));
        wish.asked = how.asked;
        let stored =
            write::one(app, &wish, |view| Ok(changed_write(view, &old, &new, &held, &claims, how))).await;
        match stored {
            Err(problem) if write::was_changed(&problem) => continue,
            Err(problem) => {
                return Err(match write::taken_by(&problem) {
                    Some(by) => {
                        Problem::conflict("/name", format!("{} is there already, as domain {by}", new.name))
                    }
                    None => problem,
                });
            }
            Ok((id, job_id)) => return Ok(Work { job_id, data: get(app, id).await? }),
        }
    }
    Err(write::too_busy())
}

/// The domain, if it may still be changed.
pub(super) async fn current(app: &App, id: i64) -> Result<DomainRow, Problem> {
    let row = app.store.domain(id).await?.ok_or_else(|| Problem::missing("domain", id))?;
    match row.state.as_str() {
        "deleting" => Err(Problem::new(409, format!("domain {id} is being removed"))),
        _ => Ok(row),
    }
}

async fn held(app: &App, id: i64) -> Result<Vec<NewClaim>, Problem> {
    let claims = app.store.claims_of(owner(id), false).await?;
    Ok(claims.into_iter().map(as_new).collect())
}

fn owner(id: i64) -> OwnerId {
    OwnerId { kind: OwnerKind::Domain, id }
}

/// Only what differs is looked at again; the same set sent once more is looked at as a whole, which is
/// how a panel asks for its zones to be put right ("synchronise all").
fn changed_write(
    view: &View,
    old: &DomainRow,
    new: &DomainRow,
    held: &[NewClaim],
    claims: &[NewClaim],
    how: &Change,
) -> OwnerWrite {
    let (before, after) = (Lookup::of(held), Lookup::of(claims));
    let gone = held.iter().filter(|claim| !after.has(claim));
    let come = claims.iter().filter(|claim| !before.has(claim));
    let mut names = touched(view, gone.chain(come));
    if names.is_empty() && how.look_again {
        names = touched(view, claims.iter());
    }
    if old.options != new.options || old.records != new.records {
        touch_apex(view, new, &mut names);
    }
    let action = match old == new && held == claims {
        true => OwnerAction::Touch,
        false => OwnerAction::Update { expected_version: old.version },
    };
    OwnerWrite { row: OwnerRow::Domain(new.clone()), action, claims: claims.to_vec(), touched: names }
}

/// Claims to be found by themselves: a set of six hundred is compared with a set of six hundred.
struct Lookup<'a>(std::collections::HashSet<(&'a [u8], &'a zonecast_core::RecordData, Option<u32>)>);

impl<'a> Lookup<'a> {
    fn of(claims: &'a [NewClaim]) -> Lookup<'a> {
        Lookup(claims.iter().map(Lookup::key).collect())
    }

    fn has(&self, claim: &NewClaim) -> bool {
        self.0.contains(&Lookup::key(claim))
    }

    fn key(claim: &NewClaim) -> (&[u8], &zonecast_core::RecordData, Option<u32>) {
        (claim.name.key(), &claim.data, claim.ttl.map(|ttl| ttl.seconds()))
    }
}

/// Makes the domain of this name just what `fill` says, whether it is there or not: how a source that
/// knows whole sets speaks (S4.80, S4.81). What it leaves out is withdrawn as derived, so the removal
/// guard watches; the same set again is looked at as a whole.
pub async fn put_set(
    app: &App,
    caller: &Caller,
    name: &Name,
    fill: impl Fn(&mut DomainRow) -> Result<(), Problem>,
) -> Result<Work<DomainView>, Problem> {
    for _ in 0..write::TRIES {
        let done = match app.store.domain_by_name(name).await? {
            Some(there) => {
                let how = Change { action: "domain.set", asked: false, look_again: true };
                change(app, caller, there.id, Expected(None), &how, &fill).await
            }
            None => {
                let mut row = empty(name.clone());
                fill(&mut row)?;
                insert(app, &Wish::new(caller, "domain.add", format!("add {name}")), row).await
            }
        };
        match done {
            // It came or went between the look and the write.
            Err(problem) if matches!(problem.status, 404 | 409) && raced(app, name, &problem).await? => {
                continue;
            }
            done => return done,
        }
    }
    Err(write::too_busy())
}

async fn raced(app: &App, name: &Name, problem: &Problem) -> Result<bool, Problem> {
    let there = app.store.domain_by_name(name).await?.is_some();
    let about_the_name = problem.errors.iter().any(|error| error.field == "/name");
    Ok((there && about_the_name) || (!there && problem.status == 404))
}

/// Synchronise now: every record is read afresh and written again; `take_over` replaces others' values
/// at the domain's names, once.
pub async fn sync(app: &App, caller: &Caller, id: i64, body: &Value) -> Result<Work<DomainView>, Problem> {
    let mut errors = Errors::default();
    let mut form = Form::body(body)?;
    let take_over = form.flag("take_over", &mut errors).value().unwrap_or(false);
    form.finish(&mut errors);
    errors.into_result(())?;
    for _ in 0..write::TRIES {
        let old = current(app, id).await?;
        if let Some(words) = why_not(&old) {
            return Err(Problem::new(409, words));
        }
        let held = held(app, id).await?;
        let mut new = old.clone();
        let claims = in_force(&mut new, &held);
        place::check(&app.catalog.view(), &new)?;
        place::settle(app, caller, &new).await?;
        let wish = Wish {
            rewrite: true,
            take_over,
            ..Wish::new(caller, "domain.sync", format!("synchronise {}", old.name))
        };
        let how = Change::asked("domain.sync");
        let stored = write::one(app, &wish, |view| {
            let mut write = changed_write(view, &old, &new, &held, &claims, &how);
            write.touched = touched(view, held.iter().chain(&claims));
            touch_apex(view, &new, &mut write.touched);
            Ok(write)
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

/// Withdraws all records of a domain (S4.79); it is gone when every zone has an outcome. With `forget`
/// it goes at once, and what could not be removed stays at the provider.
pub async fn remove(
    app: &App,
    caller: &Caller,
    id: i64,
    forget: bool,
    expected: Expected,
) -> Result<Work<DomainView>, Problem> {
    for _ in 0..write::TRIES {
        let row = app.store.domain(id).await?.ok_or_else(|| Problem::missing("domain", id))?;
        expected.check(row.version)?;
        let mut gone = get(app, id).await?;
        if row.state == "deleting" {
            if forget {
                app.store.forget(owner(id), &[write::forgotten(caller, owner(id))]).await?;
            }
            let about = JobFilter { owner: Some(owner(id)), ..JobFilter::default() };
            let job_id = app.store.jobs(&about, None, 1).await?.first().map(|job| job.id);
            return Ok(Work { job_id, data: gone });
        }
        let held = held(app, id).await?;
        let wish = Wish::new(caller, "domain.remove", format!("remove {}", row.name));
        let stored = write::one(app, &wish, |view| {
            let touched = touched(view, held.iter());
            let action = OwnerAction::Remove { expected_version: row.version };
            Ok(OwnerWrite { row: OwnerRow::Domain(row.clone()), action, claims: Vec::new(), touched })
        })
        .await;
        match stored {
            Err(problem) if write::was_changed(&problem) => continue,
            Err(problem) => return Err(problem),
            Ok((_, job_id)) => {
                if forget && app.store.domain(id).await?.is_some() {
                    app.store.forget(owner(id), &[write::forgotten(caller, owner(id))]).await?;
                }
                gone.state = "deleting".to_owned();
                return Ok(Work { job_id, data: gone });
            }
        }
    }
    Err(write::too_busy())
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
