//! What would be done, without doing it: the same reading and the same planning as the engine's pass.

use super::touch::touched;
use super::zones::entry;
use crate::app::App;
use crate::catalog::{View, ZoneEntry};
use crate::problem::{FieldProblem, Problem};
use crate::sync::{Wanted, desired_in_zone};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};
use utoipa::ToSchema;
use zonecast_core::claim::{Claim, Owner, OwnerKind as CoreKind};
use zonecast_core::desired::desired_at;
use zonecast_core::plan::{KeyVerdict, NamePlan, NamePlanInput, Policy, change_line, plan_name};
use zonecast_core::{Capabilities, Change, Name, Observed, RRset, RecordData, RecordType, Ttl, ZoneId};
use zonecast_store::{KeyRow, NewClaim, OwnerId, OwnerKind, OwnerWrite};

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
        }
    }

    /// Keys that hold values of others; nothing where the zone could not be read.
    pub fn conflicts(&self) -> Option<usize> {
        let notes = self.notes.iter().filter(|note| note.verdict == "conflict");
        self.error.is_none().then(|| notes.count())
    }
}

/// Claims to be looked at as if they were stored already.
#[derive(Default)]
struct Supposed {
    without: BTreeSet<Owner>,
    /// By zone and name; their ids are their order, as if after all that are stored.
    plus: BTreeMap<(i64, Name), Vec<Claim>>,
}

impl Supposed {
    fn write(&mut self, view: &View, write: &OwnerWrite) {
        let owner = write.row.owner();
        let owner = Owner { kind: core_kind(owner.kind), id: owner.id };
        if owner.id > 0 {
            self.without.insert(owner);
        }
        for (claim, id) in write.claims.iter().zip(1..) {
            for place in view.index.placements(&claim.name, claim.data.rtype()) {
                if claim.zone_id.is_none_or(|only| only == place.zone.id.0) {
                    let (data, ttl, zone) = (place.data(&claim.data), claim.ttl, claim.zone_id.map(ZoneId));
                    let here = self.plus.entry((place.zone.id.0, place.name.clone())).or_default();
                    here.push(Claim { id, owner, name: place.name, data, ttl, zone });
                }
            }
        }
    }
}

/// What writes that are not stored would do.
pub async fn of_writes(app: &App, view: &View, writes: &[OwnerWrite]) -> Result<PlanView, Problem> {
    let mut names: BTreeMap<i64, Vec<Name>> = BTreeMap::new();
    let mut supposed = Supposed::default();
    for write in writes {
        for (zone, name) in &write.touched {
            names.entry(*zone).or_default().push(name.clone());
        }
        supposed.write(view, write);
    }
    over(app, view, names, &supposed).await
}

/// What is due for one host.
pub async fn of_host(app: &App, id: i64) -> Result<PlanView, Problem> {
    app.store.host(id).await?.ok_or_else(|| Problem::missing("host", id))?;
    let view = app.catalog.view();
    let claims = app.store.claims_of(OwnerId { kind: OwnerKind::Host, id }, true).await?;
    let claims: Vec<NewClaim> = claims.into_iter().map(super::write::as_new).collect();
    let mut names: BTreeMap<i64, Vec<Name>> = BTreeMap::new();
    for (zone, name) in touched(&view, claims.iter()) {
        names.entry(zone).or_default().push(name);
    }
    over(app, &view, names, &Supposed::default()).await
}

/// What is due for one zone.
pub async fn of_zone(app: &App, id: i64) -> Result<PlanView, Problem> {
    let zone = entry(app, id)?;
    let names = super::zone_work::names_of(app, &zone, NAMES_MAX).await?;
    over(app, &app.catalog.view(), BTreeMap::from([(id, names)]), &Supposed::default()).await
}

/// What is due in a zone that is being added; the provider is asked briefly, and only where names are
/// wanted there.
pub async fn of_new_zone(app: &App, view: &View, zone: &ZoneEntry) -> Result<ZonePlanView, Problem> {
    let names = super::zone_work::names_in(app, view, zone, NAMES_MAX).await?;
    let nothing = Supposed::default();
    let plan = of_names(app, view, zone, names, &nothing);
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
    let mut names = BTreeMap::new();
    for (id, zone) in &view.zones {
        names.insert(*id, super::zone_work::names_of(app, zone, NAMES_MAX).await?);
    }
    over(app, &view, names, &Supposed::default()).await
}

async fn over(
    app: &App,
    view: &View,
    names: BTreeMap<i64, Vec<Name>>,
    supposed: &Supposed,
) -> Result<PlanView, Problem> {
    let zones = names.into_iter().filter_map(|(id, names)| Some((view.zone(id)?, names)));
    let plans = zones.map(|(zone, names)| of_names(app, view, zone, names, supposed));
    let plans = futures_util::future::join_all(plans).await;
    Ok(PlanView::of(plans.into_iter().collect::<Result<_, _>>()?))
}

async fn of_names(
    app: &App,
    view: &View,
    zone: &ZoneEntry,
    mut names: Vec<Name>,
    supposed: &Supposed,
) -> Result<ZonePlanView, Problem> {
    names.sort_unstable();
    names.dedup();
    let mut plan = ZonePlanView::empty(zone);
    if names.is_empty() {
        return Ok(plan);
    }
    let ttl = app.config.orchestrator.dns.ttl;
    let wanted = desired_in_zone(&app.store, view, zone, &names, ttl).await?;
    let keys = app.store.keys_at(zone.row.id, &names).await?;
    let observed = match read(zone, &names).await {
        Ok(observed) => observed,
        Err(words) => {
            plan.error = Some(words);
            return Ok(plan);
        }
    };
    for wanted in wanted {
        let wanted = suppose(app, view, zone, wanted, supposed);
        show(&mut plan, plan_one(zone, &wanted, &keys, &observed));
    }
    Ok(plan)
}

async fn read(zone: &ZoneEntry, names: &[Name]) -> Result<Observed, String> {
    let provider = zone.connection.provider.as_ref().map_err(Clone::clone)?;
    let place = zone.reference(Instant::now() + PATIENCE);
    let reading = provider.read(&place, names);
    match tokio::time::timeout(PATIENCE, reading).await {
        Ok(read) => read.map_err(|error| error.to_string()),
        Err(_) => Err(format!("no answer within {} seconds", PATIENCE.as_secs())),
    }
}

/// What would be wanted if the supposed claims stood.
fn suppose(app: &App, view: &View, zone: &ZoneEntry, wanted: Wanted, supposed: &Supposed) -> Wanted {
    if supposed.without.is_empty() && supposed.plus.is_empty() {
        return wanted;
    }
    let stays = |claim: &Claim| !supposed.without.contains(&claim.owner);
    let mut claims: Vec<Claim> = wanted.claims.into_iter().filter(stays).collect();
    let newest = claims.iter().map(|claim| claim.id).max().unwrap_or(0);
    let plus = supposed.plus.get(&(zone.row.id, wanted.name.clone())).into_iter().flatten();
    claims.extend(plus.map(|claim| Claim { id: newest + claim.id, ..claim.clone() }));
    let capabilities = match &zone.connection.provider {
        Ok(provider) => provider.capabilities(),
        Err(_) => Capabilities::unlimited(),
    };
    let ttl = |claim: &Claim| default_ttl(app, view, claim);
    let desired = desired_at(&zone.zone, &wanted.name, &claims, ttl, &capabilities);
    Wanted { name: wanted.name, desired, claims }
}

/// The TTL of a claim whose owner and zone name none: the pool's, else the configured one.
pub(crate) fn default_ttl(app: &App, view: &View, claim: &Claim) -> Ttl {
    let address = claim.data.as_address().or_else(|| claim.name.reverse_address());
    let pool = address.and_then(|address| view.pool_of(address));
    pool.and_then(|pool| pool.ttl).unwrap_or(app.config.orchestrator.dns.ttl)
}

/// The store's word for an owner in the core's.
pub(crate) fn core_kind(kind: OwnerKind) -> CoreKind {
    match kind {
        OwnerKind::Host => CoreKind::Host,
        OwnerKind::Domain => CoreKind::Domain,
        OwnerKind::Record => CoreKind::Record,
    }
}

fn plan_one(zone: &ZoneEntry, wanted: &Wanted, keys: &[KeyRow], observed: &Observed) -> NamePlan {
    let ours = keys.iter().filter(|key| key.name == wanted.name && !key.applied.is_empty());
    let applied: Vec<RRset> =
        ours.map(|key| RRset::new(key.name.clone(), key.rtype, key.ttl, key.applied.clone())).collect();
    let policy = Policy { ..zone.zone.policy() };
    plan_name(&NamePlanInput {
        observed: observed.at(&wanted.name),
        desired: &wanted.desired.sets,
        unsupported: &wanted.desired.unsupported,
        applied: &applied,
        a_host_holds_this_address: wanted.host_holds(),
        ..NamePlanInput::new(&wanted.name, &zone.row.name, &policy)
    })
}

fn show(plan: &mut ZonePlanView, of_name: NamePlan) {
    plan.changes.extend(of_name.changes.iter().map(change_view));
    let worth = of_name.keys.into_iter().filter(|key| key.note.is_some() || is_in_the_way(&key.verdict));
    plan.notes.extend(worth.map(|key| PlanNote {
        name: key.name.to_string(),
        rtype: key.rtype.to_string(),
        verdict: verdict_word(&key.verdict),
        note: key.note,
    }));
}

fn is_in_the_way(verdict: &KeyVerdict) -> bool {
    !matches!(verdict, KeyVerdict::Equal | KeyVerdict::Change | KeyVerdict::Adopted)
}

fn verdict_word(verdict: &KeyVerdict) -> String {
    let text = format!("{verdict:?}");
    let word: String = text.chars().take_while(|c| c.is_ascii_alphanumeric()).collect();
    word.to_lowercase()
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
