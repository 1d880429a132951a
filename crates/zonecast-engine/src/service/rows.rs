//! Where the records of owners stand: their claims, joined with what is known of each zone.
//!
//! A row is one (zone, name, type) with this owner's values. Its state is that of the key, except
//! where the owner's own claim did not make it there (a newer PTR, an older CNAME), or where work is
//! still due: then the row says `pending`, or `retrying` in the words of a connection that is down.

use super::touch::{Place, places_of};
use super::view::{KeyView, time};
use crate::app::App;
use crate::catalog::{View, ZoneEntry};
use crate::problem::Problem;
use crate::sync::{Wanted, core_owner, desired_in_zone};
use std::collections::{BTreeMap, BTreeSet, HashMap};
use zonecast_core::plan::claim_words;
use zonecast_core::{Claim, KeyState, Name, RecordData, RecordType, Ttl, ZoneState};
use zonecast_store::{KeyRow, NameProgress, NewClaim, OwnerId, OwnerKind};

/// An owner whose rows are wanted.
pub struct Asked {
    /// Who.
    pub owner: OwnerId,
    /// What it asks for.
    pub claims: Vec<NewClaim>,
    /// It is on its way out: only what is still there is shown.
    pub deleting: bool,
}

/// One (zone, name, type).
type Key = (i64, Name, RecordType);

/// What is known of the names of one zone.
struct ZoneFacts {
    wanted: HashMap<Name, Wanted>,
    keys: HashMap<(Name, RecordType), KeyRow>,
    dirty: HashMap<Name, NameProgress>,
}

/// The rows of each owner, in order; forward before reverse, zone by zone.
pub async fn rows_of(app: &App, view: &View, asked: &[Asked]) -> Result<Vec<Vec<KeyView>>, Problem> {
    let mut names: BTreeMap<i64, BTreeSet<Name>> = BTreeMap::new();
    for claim in asked.iter().flat_map(|asked| &asked.claims) {
        for place in places_of(view, claim) {
            names.entry(place.zone_id).or_default().insert(place.name);
        }
    }
    let mut facts = HashMap::with_capacity(names.len());
    for (zone_id, names) in names {
        let Some(entry) = view.zone(zone_id) else { continue };
        let names: Vec<Name> = names.into_iter().collect();
        facts.insert(zone_id, facts_of(app, view, entry, &names).await?);
    }
    let default_ttl = app.config.orchestrator.dns.ttl;
    Ok(asked.iter().map(|asked| rows(view, asked, &facts, default_ttl)).collect())
}

async fn facts_of(app: &App, view: &View, entry: &ZoneEntry, names: &[Name]) -> Result<ZoneFacts, Problem> {
    let zone_id = entry.row.id;
    let wanted = desired_in_zone(&app.store, view, entry, names, app.config.orchestrator.dns.ttl).await?;
    let keys = app.store.keys_at(zone_id, names).await?;
    let touched: Vec<(i64, Name)> = names.iter().map(|name| (zone_id, name.clone())).collect();
    let mut dirty = app.store.progress(&touched).await?;
    dirty.retain(|name| name.done < name.wanted);
    Ok(ZoneFacts {
        wanted: wanted.into_iter().map(|wanted| (wanted.name.clone(), wanted)).collect(),
        keys: keys.into_iter().map(|key| ((key.name.clone(), key.rtype), key)).collect(),
        dirty: dirty.into_iter().map(|dirty| (dirty.name.clone(), dirty)).collect(),
    })
}

fn rows(view: &View, asked: &Asked, facts: &HashMap<i64, ZoneFacts>, default_ttl: Ttl) -> Vec<KeyView> {
    let mut order: Vec<Key> = Vec::new();
    let mut values: HashMap<Key, (Vec<RecordData>, Option<Ttl>)> = HashMap::new();
    for claim in &asked.claims {
        for place in places_of(view, claim) {
            let data = data_at(&place, &claim.data);
            let key = (place.zone_id, place.name, data.rtype());
            let (values, ttl) = values.entry(key.clone()).or_insert_with(|| {
                order.push(key);
                (Vec::new(), None)
            });
            if !values.contains(&data) {
                values.push(data);
            }
            *ttl = match (*ttl, claim.ttl) {
                (Some(a), Some(b)) => Some(a.min(b)),
                (a, b) => a.or(b),
            };
        }
    }
    let row = |key: Key| {
        let (values, ttl) = values.get(&key)?;
        let entry = view.zone(key.0)?;
        let facts = facts.get(&key.0)?;
        one_row(
            asked,
            entry,
            facts,
            (&key.1, key.2),
            values,
            ttl.or(entry.settings.ttl).unwrap_or(default_ttl),
        )
    };
    order.into_iter().filter_map(row).collect()
}

fn data_at(place: &Place, data: &RecordData) -> RecordData {
    match &place.cname {
        Some(target) => RecordData::single_name(RecordType::CNAME, target),
        None => data.clone(),
    }
}

fn one_row(
    asked: &Asked,
    entry: &ZoneEntry,
    facts: &ZoneFacts,
    (name, rtype): (&Name, RecordType),
    values: &[RecordData],
    ttl: Ttl,
) -> Option<KeyView> {
    let key = facts.keys.get(&(name.clone(), rtype));
    let dirty = facts.dirty.get(name);
    if asked.deleting && key.is_none() && dirty.is_none() {
        return None;
    }
    let wanted = facts.wanted.get(name);
    let set = wanted.and_then(|wanted| wanted.desired.sets.iter().find(|set| set.rtype == rtype));
    let mut row = KeyView {
        zone_id: entry.row.id,
        zone: entry.row.name.to_string(),
        provider: entry.connection.row.provider.clone(),
        name: name.to_string(),
        rtype: rtype.to_string(),
        values: values.iter().map(RecordData::to_text).collect(),
        ttl: set.map_or(ttl, |set| set.ttl).seconds(),
        state: key.map_or(KeyState::Pending, |key| key.state),
        verified: key.and_then(|key| key.verified.clone()),
        last_error: key.and_then(|key| key.last_error.clone()),
        attempts: key.map_or(0, |key| key.attempts),
        next_attempt_at: key.and_then(|key| key.next_attempt_at).map(time),
        verified_at: key.and_then(|key| key.verified_at).map(time),
    };
    let not_wanted = wanted.and_then(|wanted| verdict(asked.owner, wanted, rtype));
    match (not_wanted, dirty) {
        (Some((state, words)), _) if !asked.deleting => {
            row.state = state;
            row.last_error = Some(words);
        }
        (_, Some(dirty)) => work_is_due(&mut row, entry, dirty),
        _ => {}
    }
    Some(row)
}

/// Why the owner's claim is not what stands there, if it is not.
fn verdict(owner: OwnerId, wanted: &Wanted, rtype: RecordType) -> Option<(KeyState, String)> {
    let owner = core_owner(owner);
    let mut mine = wanted
        .claims
        .iter()
        .zip(&wanted.desired.verdicts)
        .filter(|(claim, _)| claim.owner == owner && claim.rtype() == rtype);
    let words = |claim: &Claim| format!("{} {}", kind_word(claim.owner.kind), claim.owner.id);
    mine.find_map(|(claim, verdict)| claim_words(claim, verdict, &wanted.claims, words))
}

fn kind_word(kind: zonecast_core::claim::OwnerKind) -> &'static str {
    use zonecast_core::claim::OwnerKind as Kind;
    let kind = match kind {
        Kind::Host => OwnerKind::Host,
        Kind::Domain => OwnerKind::Domain,
        Kind::Record => OwnerKind::Record,
    };
    kind.word()
}

/// The name waits for the engine: what stood there before is old news.
fn work_is_due(row: &mut KeyView, entry: &ZoneEntry, dirty: &NameProgress) {
    let connection = &entry.connection.row;
    if connection.state.is_trouble() {
        row.state = KeyState::Retrying;
        row.last_error = connection.last_error.clone().or(row.last_error.take());
        row.attempts = row.attempts.max(connection.failures);
        row.next_attempt_at = (connection.open_until > 0).then(|| time(connection.open_until));
        return;
    }
    if entry.row.state == ZoneState::Parked {
        row.state = KeyState::Retrying;
        row.last_error = entry.row.last_error.clone().or(row.last_error.take());
        row.attempts = row.attempts.max(entry.row.waiting.failures);
        row.next_attempt_at = (entry.row.waiting.until > 0).then(|| time(entry.row.waiting.until));
        return;
    }
    row.attempts = row.attempts.max(dirty.attempts);
    if matches!(row.state, KeyState::Applied | KeyState::Served) {
        row.state = KeyState::Pending;
        row.verified = None;
        row.verified_at = None;
    }
}
