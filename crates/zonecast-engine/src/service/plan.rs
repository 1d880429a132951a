//! What would be done, without doing it: the engine's own look (`sync::look`), and no hand behind it.

use super::touch::touched;
use super::zones::entry;
use crate::app::App;
use crate::catalog::{View, ZoneEntry};
use crate::problem::{FieldProblem, Problem};
use crate::sync::look::{self, Eyes, Work};
use crate::sync::make_zone;
use crate::sync::reading::{self, Answer};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::time::{Duration, Instant};
use utoipa::ToSchema;
use zonecast_core::plan::{KeyPlan, KeyVerdict, NamePlan, change_line};
use zonecast_core::{Change, KeyState, Name, Observed, RRset, RecordData, RecordType};
use zonecast_store::{DirtyName, NewClaim, OwnerId, OwnerKind, OwnerWrite, Raise};

/// How long a provider may take for a plan.
const PATIENCE: Duration = Duration::from_secs(20);
/// Whoever adds a zone waits no longer than this to learn what stands in it.
const NEW_ZONE_PATIENCE: Duration = Duration::from_secs(4);
/// Most names of one zone in one plan.
const NAMES_MAX: usize = 20_000;

/// A plan over zones.
#[derive(Clone, Debug, Default, Serialize, Deserialize, ToSchema)]
pub struct PlanView {
    /// Sets that would be created.
    pub creates: usize,
    /// Sets that would be changed in place.
    pub replaces: usize,
    /// Sets that would be deleted.
    pub deletes: usize,
    /// Nothing would be done anywhere.
    pub empty: bool,
    /// Zone by zone.
    pub zones: Vec<ZonePlanView>,
    /// What of the call this plan leaves out, and why.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub left_out: Vec<FieldProblem>,
}

/// A plan for one zone.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct ZonePlanView {
    /// The zone.
    pub zone_id: i64,
    /// Its name.
    pub zone: String,
    /// The provider's kind.
    pub provider: String,
    /// The steps, in order.
    pub changes: Vec<ChangeView>,
    /// Keys where something stands in the way, or that deserve a word.
    pub notes: Vec<PlanNote>,
    /// Why there is no plan: the zone could not be read.
    pub error: Option<String>,
    /// Keys that hold values of others.
    #[serde(skip)]
    foreign: usize,
}

/// One step.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct ChangeView {
    /// `create`, `replace`, `delete`.
    pub action: String,
    /// The name.
    pub name: String,
    /// The type.
    #[serde(rename = "type")]
    pub rtype: String,
    /// The TTL afterwards (for a delete: before).
    pub ttl: u32,
    /// The values before.
    pub before: Vec<String>,
    /// The values afterwards.
    pub after: Vec<String>,
    /// The step in one line.
    pub line: String,
}

/// A word about one key.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct PlanNote {
    /// The name.
    pub name: String,
    /// The type.
    #[serde(rename = "type")]
    pub rtype: String,
    /// What the planner found.
    pub verdict: String,
    /// In words.
    pub note: Option<String>,
}

impl PlanView {
    /// The zones' plans together.
    pub fn of(zones: Vec<ZonePlanView>) -> PlanView {
        let mut plan = PlanView { zones, ..PlanView::default() };
        for change in plan.zones.iter().flat_map(|zone| &zone.changes) {
            match change.action.as_str() {
                "create" => plan.creates += 1,
                "replace" => plan.replaces += 1,
                _ => plan.deletes += 1,
            }
        }
        plan.empty = plan.creates + plan.replaces + plan.deletes == 0;
        plan
    }
}

impl ZonePlanView {
    fn empty(zone: &ZoneEntry) -> ZonePlanView {
        ZonePlanView {
            zone_id: zone.row.id,
            zone: zone.row.name.to_string(),
            provider: zone.connection.row.provider.clone(),
            changes: Vec::new(),
            notes: Vec::new(),
            error: None,
            foreign: 0,
        }
    }

    /// Keys that hold values of others; nothing where the zone could not be read.
    pub fn conflicts(&self) -> Option<usize> {
        self.error.is_none().then_some(self.foreign)
    }
}

/// Names of zones, and how they would be raised.
struct Asked<'a> {
    names: BTreeMap<i64, Vec<Name>>,
    /// `None`: as they are due already, or would be if they were.
    how: Option<Raise>,
    supposed: &'a [OwnerWrite],
}

impl Asked<'_> {
    fn new(touched: impl Iterator<Item = (i64, Name)>) -> Asked<'static> {
        let mut names: BTreeMap<i64, Vec<Name>> = BTreeMap::new();
        for (zone, name) in touched {
            names.entry(zone).or_default().push(name);
        }
        for names in names.values_mut() {
            names.sort_unstable();
            names.dedup();
        }
        Asked { names, how: None, supposed: &[] }
    }
}

/// What writes that are not stored would do, if they raised their names like this.
pub async fn of_raise(
    app: &App,
    view: &View,
    how: Raise,
    writes: &[OwnerWrite],
) -> Result<PlanView, Problem> {
    let touched = writes.iter().flat_map(|write| write.touched.iter().cloned());
    over(app, view, &Asked { how: Some(how), supposed: writes, ..Asked::new(touched) }).await
}

/// What is due for one host.
pub async fn of_host(app: &App, id: i64) -> Result<PlanView, Problem> {
    app.store.host(id).await?.ok_or_else(|| Problem::missing("host", id))?;
    let view = app.catalog.view();
    let claims = app.store.claims_of(OwnerId { kind: OwnerKind::Host, id }, true).await?;
    let claims: Vec<NewClaim> = claims.into_iter().map(super::write::as_new).collect();
    over(app, &view, &Asked::new(touched(&view, claims.iter()).into_iter())).await
}

/// What is due for one zone.
pub async fn of_zone(app: &App, id: i64) -> Result<PlanView, Problem> {
    let zone = entry(app, id)?;
    let names = super::zone_work::names_of(app, &zone, NAMES_MAX).await?;
    over(app, &app.catalog.view(), &Asked::new(names.into_iter().map(|name| (id, name)))).await
}

/// What is due in a zone that is being added; the provider is asked briefly, and only where names are
/// wanted there.
pub async fn of_new_zone(app: &App, view: &View, zone: &ZoneEntry) -> Result<ZonePlanView, Problem> {
    let names = super::zone_work::names_in(app, view, zone, NAMES_MAX).await?;
    let asked = Asked::new(std::iter::empty());
    let plan = of_names(app, view, zone, &names, &asked);
    match tokio::time::timeout(NEW_ZONE_PATIENCE, plan).await {
        Ok(plan) => plan,
        Err(_) => {
            let words = format!("no answer within {} seconds", NEW_ZONE_PATIENCE.as_secs());
            Ok(ZonePlanView { error: Some(words), ..ZonePlanView::empty(zone) })
        }
    }
}

/// What is due for every zone.
pub async fn of_all(app: &App) -> Result<PlanView, Problem> {
    let view = app.catalog.view();
    let mut names = Vec::new();
    for (id, zone) in &view.zones {
        let of_zone = super::zone_work::names_of(app, zone, NAMES_MAX).await?;
        names.extend(of_zone.into_iter().map(|name| (*id, name)));
    }
    over(app, &view, &Asked::new(names.into_iter())).await
}

async fn over(app: &App, view: &View, asked: &Asked<'_>) -> Result<PlanView, Problem> {
    let zones = asked.names.iter().filter_map(|(id, names)| Some((view.zone(*id)?, names)));
    let plans = zones.map(|(zone, names)| of_names(app, view, zone, names, asked));
    let plans = futures_util::future::join_all(plans).await;
    Ok(PlanView::of(plans.into_iter().collect::<Result<_, _>>()?))
}

async fn of_names(
    app: &App,
    view: &View,
    zone: &ZoneEntry,
    names: &[Name],
    asked: &Asked<'_>,
) -> Result<ZonePlanView, Problem> {
    let mut plan = ZonePlanView::empty(zone);
    if names.is_empty() {
        return Ok(plan);
    }
    let (store, config) = (&app.store, &app.config);
    let eyes = Eyes { store, view, zone, config, now: store.now().await?, supposed: asked.supposed };
    let dirty = raised(store.dirty_at(zone.row.id, names).await?, names, asked.how.as_ref());
    let mut work = look::load(&eyes, dirty).await?;
    match seen(&eyes, &work).await {
        Ok(observed) => {
            let (plans, _) = look::plan(&eyes, &mut work, &observed).await?;
            look::name_owners(&eyes, &mut work, |_| true).await?;
            show(&mut plan, &work, &plans);
        }
        Err(words) => plan.error = Some(words),
    }
    Ok(plan)
}

/// The names as they would be due: what is due already keeps what was asked for it.
fn raised(due: Vec<DirtyName>, names: &[Name], how: Option<&Raise>) -> Vec<DirtyName> {
    let mut due: BTreeMap<Name, DirtyName> = due.into_iter().map(|due| (due.name.clone(), due)).collect();
    let raised = |name: &Name| {
        let due = due.remove(name).unwrap_or_else(|| DirtyName::clean(name.clone()));
        how.map_or(due.clone(), |how| due.raised(how))
    };
    names.iter().map(raised).collect()
}

/// What stands at the names, read as the pass reads it; in a zone that the pass would make, what it
/// then finds.
async fn seen(eyes: &Eyes<'_>, work: &Work) -> Result<Observed, String> {
    let zone = eyes.zone;
    let provider = look::provider(zone).map_err(|error| error.to_string())?;
    let place = || zone.reference(Instant::now() + PATIENCE);
    let reading = reading::read(eyes, provider.as_ref(), work, place(), async || Ok(place()));
    match tokio::time::timeout(PATIENCE, reading).await {
        Ok(Ok(Err(error))) if make_zone::is_missing(zone, &error) => Ok(make_zone::made_with(eyes)),
        Ok(Ok(Ok(Answer::Plain(observed) | Answer::Proven(observed)))) => Ok(observed),
        Ok(Ok(Ok(Answer::Doubtful { confirmed, .. }))) => Err(reading::doubt(zone, confirmed)),
        Ok(Ok(Err(error))) => Err(error.to_string()),
        Ok(Err(error)) => Err(error.to_string()),
        Err(_) => Err(format!("no answer within {} seconds", PATIENCE.as_secs())),
    }
}

fn show(plan: &mut ZonePlanView, work: &Work, plans: &[NamePlan]) {
    let order = look::order(plans);
    plan.changes.extend(order.into_iter().map(|(index, step)| change_view(&plans[index].changes[step])));
    for (of_name, wanted) in plans.iter().zip(&work.wanted) {
        let foreign = |key: &&KeyPlan| matches!(key.verdict, KeyVerdict::Conflict(_));
        plan.foreign += of_name.keys.iter().filter(foreign).count();
        let mut note = |rtype: RecordType, verdict: &str, note: Option<String>| {
            plan.notes.push(PlanNote {
                name: wanted.name.to_string(),
                rtype: rtype.to_string(),
                verdict: verdict.to_owned(),
                note,
            });
        };
        for key in look::keys(wanted, of_name) {
            match look::said(work, wanted, key) {
                (KeyState::Applied, None) => {}
                (KeyState::Applied, words) => note(key.rtype, key.verdict.as_str(), words),
                (state, words) => note(key.rtype, state.as_str(), words),
            }
        }
        for (rtype, words) in look::refused(wanted) {
            note(rtype, KeyState::Unsupported.as_str(), Some(words));
        }
        for (rtype, state, words) in look::displaced(work, wanted) {
            note(rtype, state.as_str(), Some(words));
        }
    }
}

fn change_view(change: &Change) -> ChangeView {
    let texts = |set: Option<&RRset>| -> Vec<String> {
        set.map(|set| set.values.iter().map(RecordData::to_text).collect()).unwrap_or_default()
    };
    let (action, set) = match change {
        Change::Create(set) => ("create", set),
        Change::Replace { new, .. } => ("replace", new),
        Change::Delete(set) => ("delete", set),
    };
    ChangeView {
        action: action.to_owned(),
        name: change.name().to_string(),
        rtype: RecordType::to_string(&change.rtype()),
        ttl: set.ttl.seconds(),
        before: texts(change.before()),
        after: texts(change.after()),
        line: change_line(change),
    }
}
