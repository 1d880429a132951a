//! How a domain stands: its set, its records at every zone, and what there is to tell its owner.

use super::claims::{domain_claims, why_not};
use super::options::DomainOptions;
use crate::app::App;
use crate::catalog::View;
use crate::problem::Problem;
use crate::service::rows::{Asked, rows_of};
use crate::service::touch::places;
use crate::service::view::{KeyView, time};
use crate::service::write::as_new;
use crate::settings::Managed;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use utoipa::ToSchema;
use zonecast_core::{Name, RecordData, RecordType};
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
    /// `active`, `disabled`, `suspended`, `secondary`, `dns_off`, `deleting`.
    pub state: String,
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
    let together = rows.iter().zip(keys);
    Ok(together.map(|(row, keys)| view_of(row, &view, keys, records)).collect())
}

async fn asked_of(app: &App, row: &DomainRow) -> Result<Asked, Problem> {
    let owner = OwnerId { kind: OwnerKind::Domain, id: row.id };
    let deleting = row.state == "deleting";
    // What stands, for a domain that is left alone or goes; else what its set asks for.
    let frozen = deleting || matches!(row.state.as_str(), "secondary" | "dns_off");
    let claims = match (row.synced, frozen) {
        (false, _) => Vec::new(),
        (true, false) => domain_claims(row),
        (true, true) => app.store.claims_of(owner, true).await?.into_iter().map(as_new).collect(),
    };
    Ok(Asked { owner, claims, deleting })
}

fn view_of(row: &DomainRow, view: &View, keys: Vec<KeyView>, records: bool) -> DomainView {
    let options = DomainOptions::of(row);
    let (synchronised, messages) = story(row, &options, view, &keys);
    DomainView {
        id: row.id,
        name: row.name.to_string(),
        name_unicode: row.name.unicode(),
        kind: row.kind.clone(),
        state: row.state.clone(),
        addresses: row.addresses.iter().map(ToString::to_string).collect(),
        ttl: row.ttl.map(|ttl| ttl.seconds()),
        record_set: row.records.iter().map(DomainSetView::from).collect(),
        create_at: options.create_at,
        managed: options.managed,
        manage_ns_soa: options.manage_ns_soa,
        synced: row.synced,
        synchronised,
        messages,
        no_matching_zone: places(view, &row.name, RecordType::A, None).next().is_none(),
        created_at: time(row.created_at),
        updated_at: time(row.updated_at),
        version: row.version,
        records: records.then_some(keys),
    }
}

/// Whether the service holds the record as it should be.
fn is_well(state: &str) -> bool {
    matches!(state, "applied" | "served" | "occluded")
}

/// Whether it is synchronised, and what there is to tell.
fn story(row: &DomainRow, options: &DomainOptions, view: &View, keys: &[KeyView]) -> (bool, Vec<String>) {
    let mut lines = options.messages.clone();
    if row.state == "deleting" {
        return (false, lines);
    }
    lines.extend(why_not(row));
    if !row.synced {
        return (false, lines);
    }
    let mut zones: BTreeMap<i64, Vec<&KeyView>> = BTreeMap::new();
    for key in keys {
        zones.entry(key.zone_id).or_default().push(key);
    }
    if zones.is_empty() && !row.records.is_empty() {
        lines.push(format!("no configured zone holds {}", row.name.unicode()));
        return (false, lines);
    }
    let mut all = true;
    for (zone_id, keys) in zones {
        let Some(zone) = view.zone(zone_id) else { continue };
        let service = format!("{} ({})", zone.connection.row.name, zone.connection.row.provider);
        let bad: Vec<&&KeyView> = keys.iter().filter(|key| !is_well(&key.state)).collect();
        if bad.is_empty() {
            lines.push(format!("the zone of {} is now synchronised with {service}", row.name.unicode()));
            continue;
        }
        all = false;
        lines.extend(troubles(row, &service, keys.len(), &bad));
    }
    (all, lines)
}

/// One line for a zone that fails as a whole (S4.46), else one for each record (S4.45).
fn troubles(row: &DomainRow, service: &str, all: usize, bad: &[&&KeyView]) -> Vec<String> {
    let words = |key: &KeyView| key.last_error.clone();
    let first = bad.first().and_then(|key| words(key));
    if let Some(error) = &first
        && bad.len() == all
        && bad.iter().all(|key| key.state == "retrying" && words(key).as_ref() == Some(error))
    {
        let name = row.name.unicode();
        return vec![format!("the zone of {name} cannot be synchronised with {service}: {error}")];
    }
    let told = bad.iter().filter(|key| key.state != "pending").map(|key| {
        let name = Name::parse(&key.name).map_or_else(|_| key.name.clone(), |name| name.unicode());
        let why = words(key).unwrap_or_else(|| key.state.clone());
        format!("{name} {}: {} at {service}: {why}", key.rtype, key.state)
    });
    told.collect()
}
