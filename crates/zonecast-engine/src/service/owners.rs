//! Owners of claims: what hosts, domains and records share is here, once.
//!
//! An owner is read, changed, its claims are derived and compared with those it holds; what differs says
//! which names are touched; all of it is one write. Each kind says in its own file only how it is found,
//! which claims it makes and how it is shown. So a third kind costs one file, and whatever is true of an
//! owner (its versions, its leaving, who was faster) is true of every kind.

mod claims;
mod list;

pub use list::{ListOwners, list};

pub(super) use claims::refuse_cname_neighbours;

use super::input::{Errors, Form};
use super::touch::touched;
use super::write::{self, Refused, Wish, as_new, until_stored};
use super::{Caller, Expected, Work};
use crate::app::App;
use crate::catalog::View;
use crate::problem::Problem;
use claims::Lookup;
use serde_json::Value;
use zonecast_core::{Name, OwnerState};
use zonecast_store::{
    JobFilter, NewClaim, Operation, OwnerAction, OwnerFilter, OwnerId, OwnerKind, OwnerRow, OwnerWrite,
    StoreError,
};

/// What every owner has.
pub struct Head<'a> {
    /// Zero before it is stored.
    pub id: i64,
    /// Raised by every change.
    pub version: i64,
    /// `active`, `deleting` and what the kind knows beside.
    pub state: OwnerState,
    /// Its name.
    pub name: &'a Name,
}

/// A kind of owner: all that one kind does otherwise than another.
pub trait Owner: Clone + PartialEq + Send + Sync + Sized + 'static {
    /// Its kind.
    const KIND: OwnerKind;
    /// The field that says its name.
    const NAME: &'static str;
    /// How it is shown.
    type View: Send;

    /// What every owner has.
    fn head(&self) -> Head<'_>;
    /// Says that it is on its way out.
    fn leave(&mut self);
    /// As the store takes it.
    fn into_row(self) -> OwnerRow;
    /// What a job calls it.
    fn label(&self) -> String {
        self.head().name.to_string()
    }
    /// The owner of this id.
    fn find(app: &App, id: i64) -> impl Future<Output = Result<Option<Self>, StoreError>> + Send;
    /// A page of owners, by id.
    fn page(
        app: &App,
        filter: &OwnerFilter,
        after: i64,
        limit: usize,
    ) -> impl Future<Output = Result<Vec<Self>, StoreError>> + Send;
    /// The views of owners, with or without where their records stand.
    fn show(
        app: &App,
        rows: &[Self],
        records: bool,
    ) -> impl Future<Output = Result<Vec<Self::View>, Problem>> + Send;
    /// The claims it shall have, given those it holds; `begin` lets out what was never let out.
    fn claims(&mut self, app: &App, view: &View, held: &[NewClaim], begin: bool) -> Vec<NewClaim>;
    /// Why it cannot be synchronised now, if it cannot.
    fn why_not(&self, _held: &[NewClaim]) -> Option<String> {
        None
    }
    /// Refuses what can be known to be impossible before anything is stored.
    fn check(
        &self,
        app: &App,
        view: &View,
        held: &[NewClaim],
        claims: &[NewClaim],
    ) -> impl Future<Output = Result<(), Refused>> + Send;
    /// Whether the places that its claims go to are as it wishes them.
    fn is_settled(&self, _view: &View) -> bool {
        true
    }
    /// Makes them so; gives the view with them, where that is another.
    fn settle(
        &self,
        _operation: &Operation,
        _caller: &Caller,
        _view: &View,
    ) -> impl Future<Output = Result<Option<View>, Refused>> + Send {
        async { Ok(None) }
    }
    /// Names that a change of it touches beside those of its claims.
    fn touches(&self, _old: Option<&Self>, _view: &View) -> Vec<(i64, Name)> {
        Vec::new()
    }
}

/// One owner with where its records stand.
pub async fn get<K: Owner>(app: &App, id: i64) -> Result<K::View, Problem> {
    show(app, find::<K>(app, id).await?, true).await
}

async fn show<K: Owner>(app: &App, row: K, records: bool) -> Result<K::View, Problem> {
    let id = row.head().id;
    K::show(app, &[row], records).await?.pop().ok_or_else(|| Problem::missing(K::KIND.word(), id))
}

async fn find<K: Owner>(app: &App, id: i64) -> Result<K, Problem> {
    K::find(app, id).await?.ok_or_else(|| Problem::missing(K::KIND.word(), id))
}

/// The owner, if it may still be changed.
async fn current<K: Owner>(app: &App, id: i64) -> Result<K, Problem> {
    let row: K = find(app, id).await?;
    match row.head().state {
        OwnerState::Deleting => Err(Problem::new(409, format!("{} {id} is being removed", K::KIND.word()))),
        _ => Ok(row),
    }
}

async fn held(app: &App, owner: OwnerId) -> Result<Vec<NewClaim>, Problem> {
    Ok(app.store.claims_of(owner, false).await?.into_iter().map(as_new).collect())
}

fn owner_of<K: Owner>(row: &K) -> OwnerId {
    OwnerId { kind: K::KIND, id: row.head().id }
}

/// How an owner is changed.
#[derive(Clone, Copy)]
pub(super) struct How {
    /// What is done, behind the kind in the audit: `set`, `sync`.
    pub word: &'static str,
    /// What is done, as a job's line begins.
    pub title: &'static str,
    /// A call asked for just this; else the removal guard watches.
    pub asked: bool,
    /// Which names are looked at though nothing of them changes.
    pub look: Look,
    /// Owners that cannot be synchronised are refused, those that never were begin.
    pub sync: bool,
    /// What is equal is written again.
    pub rewrite: bool,
    /// Others' values are taken over, once.
    pub take_over: bool,
}

/// Which names a change looks at though nothing of them changes.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Look {
    /// None.
    Changed,
    /// All, where the whole is equal: the same set sent once more asks for it to be put right.
    Equal,
    /// All.
    All,
}

impl How {
    /// A call asked for just this change.
    pub fn asked(word: &'static str) -> How {
        How {
            word,
            title: "update",
            asked: true,
            look: Look::Changed,
            sync: false,
            rewrite: false,
            take_over: false,
        }
    }

    /// Set DNS records, as the body of a sync says.
    pub fn sync(body: &Value) -> Result<How, Problem> {
        let mut errors = Errors::default();
        let mut form = Form::body(body)?;
        let take_over = form.flag("take_over", &mut errors).value().unwrap_or(false);
        let rewrite = form.flag("rewrite", &mut errors).value().unwrap_or(true);
        form.finish(&mut errors);
        errors.into_result(())?;
        let asked = How { look: Look::All, sync: true, ..How::asked("sync") };
        Ok(How { title: "set DNS records of", rewrite, take_over, ..asked })
    }
}

/// The write of a new owner.
pub(super) fn new_write<K: Owner>(app: &App, view: &View, mut row: K) -> OwnerWrite {
    let claims = row.claims(app, view, &[], false);
    let mut names = touched(view, claims.iter());
    names.extend(row.touches(None, view));
    OwnerWrite { row: row.into_row(), action: OwnerAction::Insert, claims, touched: names }
}

/// Stores a new owner; its records follow at every matching zone.
pub(super) async fn add<K: Owner>(
    app: &App,
    caller: &Caller,
    title: &str,
    row: K,
) -> Result<Work<K::View>, Problem> {
    let stored = until_stored!(app, |view| try_add(app, caller, &view, title, &row));
    let (id, job_id) = stored.map_err(|refused| at_its_name(refused, &row).into_problem())?;
    Ok(Work { job_id, data: get::<K>(app, id).await? })
}

/// One attempt at it.
pub(super) async fn try_add<K: Owner>(
    app: &App,
    caller: &Caller,
    view: &View,
    title: &str,
    row: &K,
) -> Result<(i64, Option<i64>), Refused> {
    let write = new_write(app, view, row.clone());
    row.check(app, view, &[], &write.claims).await?;
    let wish = Wish::new(caller, &format!("{}.add", K::KIND.word()), format!("{title} {}", row.label()));
    store(app, view, &wish, row, write).await
}

/// Stores an owner's write; where its places have to be made first, in one operation with them.
async fn store<K: Owner>(
    app: &App,
    view: &View,
    wish: &Wish<'_>,
    row: &K,
    mut write: OwnerWrite,
) -> Result<(i64, Option<i64>), Refused> {
    if row.is_settled(view) {
        return write::one(app, &app.store, wish, view, write).await;
    }
    let operation = app.store.operation().await?;
    if operation.epoch().await? != view.epoch {
        return Err(Refused::ZonesChanged);
    }
    let settled = row.settle(&operation, wish.caller, view).await?;
    let now = settled.as_ref().unwrap_or(view);
    let fresh = touched(now, write.claims.iter());
    write.touched.extend(fresh.into_iter().filter(|(zone, _)| view.zone(*zone).is_none()));
    write.touched.extend(row.touches(None, now));
    let stored = write::one(app, &operation, wish, now, write.clone()).await?;
    match operation.commit().await {
        // The zones that would be made cannot be planned: what goes to the others is.
        Err(StoreError::DryRun(_)) => Err(write::planned(app, wish, view, vec![write], stored).await),
        Err(error) => Err(error.into()),
        Ok(()) => {
            app.catalog.reload().await?;
            Ok(stored)
        }
    }
}

/// Reads the owner, changes it, stores it.
pub(super) async fn change<K: Owner>(
    app: &App,
    caller: &Caller,
    id: i64,
    expected: Expected,
    how: &How,
    edit: impl Fn(&mut K, &View) -> Result<(), Problem> + Sync,
) -> Result<Work<K::View>, Problem> {
    let stored = until_stored!(app, |view| try_change(app, caller, &view, id, expected, how, &edit));
    let (id, job_id) = stored.map_err(Refused::into_problem)?;
    Ok(Work { job_id, data: get::<K>(app, id).await? })
}

/// One attempt at it.
pub(super) async fn try_change<K: Owner>(
    app: &App,
    caller: &Caller,
    view: &View,
    id: i64,
    expected: Expected,
    how: &How,
    edit: &(impl Fn(&mut K, &View) -> Result<(), Problem> + Sync),
) -> Result<(i64, Option<i64>), Refused> {
    let (new, write) = changed(app, view, id, expected, how, edit).await?;
    let action = format!("{}.{}", K::KIND.word(), how.word);
    let wish = Wish {
        asked: how.asked,
        rewrite: how.rewrite,
        take_over: how.take_over,
        ..Wish::new(caller, &action, format!("{} {}", how.title, new.label()))
    };
    store(app, view, &wish, &new, write).await.map_err(|refused| at_its_name(refused, &new))
}

/// The owner as it shall be, and the write that makes it so. Only what differs is looked at again: a new
/// TTL touches all names, a new address its own.
async fn changed<K: Owner>(
    app: &App,
    view: &View,
    id: i64,
    expected: Expected,
    how: &How,
    edit: &(impl Fn(&mut K, &View) -> Result<(), Problem> + Sync),
) -> Result<(K, OwnerWrite), Refused> {
    let old: K = current(app, id).await?;
    expected.check(old.head().version)?;
    let held = held(app, owner_of(&old)).await?;
    let mut new = old.clone();
    edit(&mut new, view)?;
    if let Some(words) = new.why_not(&held).filter(|_| how.sync) {
        return Err(Problem::new(409, words).into());
    }
    let claims = new.claims(app, view, &held, how.sync);
    new.check(app, view, &held, &claims).await?;
    let (before, after) = (Lookup::of(&held), Lookup::of(&claims));
    let gone = held.iter().filter(|claim| !after.has(claim));
    let come = claims.iter().filter(|claim| !before.has(claim));
    let mut names = touched(view, gone.chain(come));
    let equal = old == new && before.0 == after.0;
    if how.look == Look::All || (how.look == Look::Equal && names.is_empty()) {
        names = touched(view, held.iter().chain(&claims));
    }
    names.extend(new.touches(Some(&old).filter(|_| how.look != Look::All), view));
    let action = match equal {
        true => OwnerAction::Touch,
        false => OwnerAction::Update { expected_version: old.head().version },
    };
    // What is as it was, and is not asked to be looked at, has no place that could be missing.
    let claims = if equal && how.look == Look::Changed { Vec::new() } else { claims };
    let write = OwnerWrite { row: new.clone().into_row(), action, claims, touched: names };
    Ok((new, write))
}

/// A taken name is said at its field.
fn at_its_name<K: Owner>(refused: Refused, row: &K) -> Refused {
    match refused {
        Refused::TakenBy(by) => Problem::conflict(K::NAME, taken(row, by)).into(),
        refused => refused,
    }
}

/// The words for a name that another owner of the kind has.
pub(super) fn taken<K: Owner>(row: &K, by: i64) -> String {
    format!("{} is registered already, as {} {by}", row.head().name, K::KIND.word())
}

/// Withdraws all records of an owner; it is gone when every zone has an outcome. With `forget` it goes
/// in the same transaction, and what could not be removed stays at the provider.
pub async fn remove<K: Owner>(
    app: &App,
    caller: &Caller,
    id: i64,
    forget: bool,
    expected: Expected,
) -> Result<Work<K::View>, Problem> {
    let stored = until_stored!(app, |view| try_remove::<K>(app, caller, &view, id, forget, expected));
    let (mut row, job_id) = stored.map_err(Refused::into_problem)?;
    row.leave();
    Ok(Work { job_id, data: show(app, row, false).await? })
}

async fn try_remove<K: Owner>(
    app: &App,
    caller: &Caller,
    view: &View,
    id: i64,
    forget: bool,
    expected: Expected,
) -> Result<(K, Option<i64>), Refused> {
    let row: K = find(app, id).await?;
    let expected_version = row.head().version;
    expected.check(expected_version)?;
    let owner = owner_of(&row);
    if row.head().state == OwnerState::Deleting {
        if forget {
            app.store.forget(owner, &[owner.forgotten(&caller.actor, &caller.source)]).await?;
        }
        let about = JobFilter { owner: Some(owner), ..JobFilter::default() };
        return Ok((row, app.store.jobs(&about, None, 1).await?.first().map(|job| job.id)));
    }
    let held = held(app, owner).await?;
    let action = OwnerAction::Remove { expected_version, forget };
    let names = touched(view, held.iter());
    let write = OwnerWrite { row: row.clone().into_row(), action, claims: Vec::new(), touched: names };
    let wish = Wish::new(caller, &format!("{}.remove", K::KIND.word()), format!("remove {}", row.label()));
    let (_, job_id) = write::one(app, &app.store, &wish, view, write).await?;
    Ok((row, job_id))
}
