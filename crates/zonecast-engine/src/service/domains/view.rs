//! How a domain stands: its set, its records at every zone, and what there is to tell its owner.

use super::claims::{domain_claims, why_not};
use crate::app::App;
use crate::catalog::{View, ZoneEntry};
use crate::problem::Problem;
use crate::service::rows::{Asked, rows_of};
use crate::service::touch::places;
use crate::service::view::{KeyView, time};
use crate::service::write::as_new;
use crate::settings::DomainOptions;
use crate::settings::Managed;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use utoipa::ToSchema;
use zonecast_core::{ConnectionState, KeyState, Name, OwnerState, RecordData, RecordType, ZoneState};
use zonecast_store::{DomainRow, DomainSet, OwnerId, OwnerKind};

/// A domain.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct DomainView {
    /// Its id.
    pub id: i64,
    /// Its name.
    pub name: String,
    /// The same in national script (S4.57).
    pub name_unicode: String,
    /// `subscription`, `addon`, `alias`, `no_hosting`, `forwarding`, `subdomain`, `subdomain_in_parent`.
    #[serde(rename = "type")]
    pub kind: String,
    /// How it stands.
    #[schema(value_type = String)]
    pub state: OwnerState,
    /// Its addresses.
    pub addresses: Vec<String>,
    /// TTL of its records that name none.
    pub ttl: Option<u32>,
    /// The record set it shall have.
    pub record_set: Vec<DomainSetView>,
    /// Connections at which its zone is made where it is missing.
    pub create_at: Vec<i64>,
    /// `owned` or `full`.
    pub managed: Managed,
    /// Whether SOA and the NS of the apex follow it.
    pub manage_ns_soa: bool,
    /// Its records were let out to the zones once.
    pub synced: bool,
    /// Every zone it goes to has every record (S4.43).
    pub synchronised: bool,
    /// What there is to tell its owner: one line per zone that is synchronised, one per record that is
    /// not, naming it (S4.44-46).
    pub messages: Vec<String>,
    /// The same with what each line means; for callers inside this process.
    #[serde(skip)]
    #[schema(ignore)]
    pub told: Vec<Told>,
    /// No zone fits its name.
    pub no_matching_zone: bool,
    /// When it was added.
    pub created_at: String,
    /// When it was last changed.
    pub updated_at: String,
    /// Raised by every change.
    pub version: i64,
    /// Where its records stand, zone by zone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub records: Option<Vec<KeyView>>,
    /// What a change of address did; in the answer to it only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub moved: Option<AddressMove>,
}

/// What a change of address did.
#[derive(Clone, Debug, Default, Serialize, Deserialize, ToSchema)]
pub struct AddressMove {
    /// `www.example.com A 192.0.2.80 -> 192.0.2.81`, one line per value.
    pub changed: Vec<String>,
    /// Values that mention the old address and were left, one line each.
    pub left: Vec<String>,
}

/// One record set of a domain.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct DomainSetView {
    /// The owner name.
    pub name: String,
    /// The type.
    #[serde(rename = "type")]
    pub rtype: String,
    /// The values, in presentation form.
    pub values: Vec<String>,
    /// Its own TTL.
    pub ttl: Option<u32>,
}

impl From<&DomainSet> for DomainSetView {
    fn from(set: &DomainSet) -> DomainSetView {
        DomainSetView {
            name: set.name.to_string(),
            rtype: set.rtype.to_string(),
            values: set.values.iter().map(RecordData::to_text).collect(),
            ttl: set.ttl.map(|ttl| ttl.seconds()),
        }
    }
}

/// The views of domains, with or without the rows of their records. What they say of their state is
/// always true: it comes from the rows.
pub(super) async fn views(app: &App, rows: &[DomainRow], records: bool) -> Result<Vec<DomainView>, Problem> {
    let view = app.catalog.view();
    let mut asked = Vec::with_capacity(rows.len());
    for row in rows {
        asked.push(asked_of(app, row).await?);
    }
    let keys = rows_of(app, &view, &asked).await?;
    let mut views = Vec::with_capacity(rows.len());
    for (row, keys) in rows.iter().zip(keys) {
        let held = held_removals(app, row, &keys).await?;
        views.push(view_of(row, &view, keys, &held, records));
    }
    Ok(views)
}

/// Names of the domain whose removal waits for approval, by zone: no claim speaks of them any more.
async fn held_removals(
    app: &App,
    row: &DomainRow,
    keys: &[KeyView],
) -> Result<BTreeMap<i64, usize>, Problem> {
    let mut held = BTreeMap::new();
    for key in keys {
        if let std::collections::btree_map::Entry::Vacant(entry) = held.entry(key.zone_id) {
            let names = app.store.held_names(key.zone_id).await?;
            entry.insert(names.iter().filter(|name| name.is_within(&row.name)).count());
        }
    }
    Ok(held)
}

async fn asked_of(app: &App, row: &DomainRow) -> Result<Asked, Problem> {
    let owner = OwnerId { kind: OwnerKind::Domain, id: row.id };
    let deleting = row.state == OwnerState::Deleting;
    // What stands, for a domain that is left alone or goes; else what its set asks for.
    let frozen = deleting || matches!(row.state, OwnerState::Secondary | OwnerState::DnsOff);
    let claims = match (row.synced, frozen) {
        (false, _) => Vec::new(),
        (true, false) => domain_claims(row),
        (true, true) => app.store.claims_of(owner, true).await?.into_iter().map(as_new).collect(),
    };
    Ok(Asked { owner, claims, deleting })
}

fn view_of(
    row: &DomainRow,
    view: &View,
    keys: Vec<KeyView>,
    held: &BTreeMap<i64, usize>,
    records: bool,
) -> DomainView {
    let options = DomainOptions::of(row);
    let story = story(row, &options, view, &keys, held);
    let all_well = story.iter().all(|told| matches!(told, Told::Synchronised(_) | Told::Source(_)));
    let synchronised = row.synced && all_well && (row.records.is_empty() || !keys.is_empty());
    let messages = story.iter().map(|told| told.line().to_owned()).collect();
    DomainView {
        id: row.id,
        name: row.name.to_string(),
        name_unicode: row.name.unicode(),
        kind: row.kind.clone(),
        state: row.state,
        addresses: row.addresses.iter().map(ToString::to_string).collect(),
        ttl: row.ttl.map(|ttl| ttl.seconds()),
        record_set: row.records.iter().map(DomainSetView::from).collect(),
        create_at: options.create_at,
        managed: options.managed,
        manage_ns_soa: options.manage_ns_soa,
        synced: row.synced,
        synchronised,
        messages,
        told: story,
        no_matching_zone: places(view, &row.name, RecordType::A, None, None).next().is_none(),
        created_at: time(row.created_at),
        updated_at: time(row.updated_at),
        version: row.version,
        records: records.then_some(keys),
        moved: None,
    }
}

/// Something to tell a domain's owner.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Told {
    /// What its source could not make a record of.
    Source(String),
    /// A zone has every record (S4.44).
    Synchronised(String),
    /// Nothing is done, and nothing is wrong: its state, or no zone that fits.
    Left(String),
    /// Work is due.
    Pending(String),
    /// It did not go well yet and is tried again by itself.
    Waiting(String),
    /// A person has to look (S4.45, S4.46).
    Failed(String),
}

impl Told {
    /// The sentence.
    pub fn line(&self) -> &str {
        match self {
            Told::Source(line)
            | Told::Synchronised(line)
            | Told::Left(line)
            | Told::Pending(line)
            | Told::Waiting(line)
            | Told::Failed(line) => line,
        }
    }
}

/// What there is to tell of one domain now.
pub async fn told(app: &App, id: i64) -> Result<Vec<Told>, Problem> {
    let row = app.store.domain(id).await?.ok_or_else(|| Problem::missing("domain", id))?;
    let view = app.catalog.view();
    let keys = rows_of(app, &view, &[asked_of(app, &row).await?]).await?.pop().unwrap_or_default();
    let held = held_removals(app, &row, &keys).await?;
    Ok(story(&row, &DomainOptions::of(&row), &view, &keys, &held))
}

fn story(
    row: &DomainRow,
    options: &DomainOptions,
    view: &View,
    keys: &[KeyView],
    held: &BTreeMap<i64, usize>,
) -> Vec<Told> {
    let source = options.messages.iter().cloned().chain(DomainOptions::notes(row));
    let mut story: Vec<Told> = source.map(Told::Source).collect();
    if row.state == OwnerState::Deleting {
        return story;
    }
    story.extend(why_not(row).map(Told::Left));
    if !row.synced {
        return story;
    }
    let mut zones: BTreeMap<i64, Vec<&KeyView>> = BTreeMap::new();
    for key in keys {
        zones.entry(key.zone_id).or_default().push(key);
    }
    if zones.is_empty() && !row.records.is_empty() {
        story.push(Told::Left(format!("no configured zone holds {}", row.name.unicode())));
    }
    for (zone_id, keys) in zones {
        if let Some(zone) = view.zone(zone_id) {
            match held.get(&zone_id) {
                None | Some(0) => story.extend(of_zone(row, zone, &keys)),
                Some(count) => story.push(Told::Failed(format!(
                    "{}: records at {count} names would go, more than 30 % of the zone: they stay until somebody approves (zonecast approve {zone_id})",
                    row.name.unicode()
                ))),
            }
        }
    }
    story
}

/// One line for a zone that has all or fails as a whole, else one for each record that is not well.
fn of_zone(row: &DomainRow, zone: &ZoneEntry, keys: &[&KeyView]) -> Vec<Told> {
    let service = format!("{} ({})", zone.connection.row.name, zone.connection.row.provider);
    let name = row.name.unicode();
    let bad: Vec<&&KeyView> = keys.iter().filter(|key| !key.state.is_well()).collect();
    let Some(first) = bad.first() else {
        return vec![Told::Synchronised(format!("the zone of {name} is now synchronised with {service}"))];
    };
    let parked = zone.row.state == ZoneState::Parked || zone.connection.row.state == ConnectionState::Parked;
    let again = |line: String| if parked { Told::Failed(line) } else { Told::Waiting(line) };
    let same = |key: &&&KeyView| key.state == KeyState::Retrying && key.last_error == first.last_error;
    if let Some(error) = first.last_error.as_ref().filter(|_| bad.len() == keys.len() && bad.iter().all(same))
    {
        return vec![again(format!("the zone of {name} cannot be synchronised with {service}: {error}"))];
    }
    let mut told: Vec<Told> = Vec::new();
    for key in bad.iter().filter(|key| key.state != KeyState::Pending) {
        let called = Name::parse(&key.name).map_or_else(|_| key.name.clone(), |name| name.unicode());
        let why = key.last_error.clone().unwrap_or_else(|| key.state.to_string());
        let line = format!("{called} {}: {} at {service}: {why}", key.rtype, key.state);
        told.push(if key.state == KeyState::Retrying { again(line) } else { Told::Failed(line) });
    }
    if bad.iter().any(|key| key.state == KeyState::Pending) {
        told.push(Told::Pending(format!("the zone of {name} is on its way to {service}")));
    }
    told
}
