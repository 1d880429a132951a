//! A zone as a whole: what is there with the state of each set, as text, and from text.

use super::connections::TEST_PATIENCE;
use super::view::time;
use super::write::{self, Wish};
use super::zones::entry;
use super::{Caller, Work};
use crate::app::App;
use crate::catalog::ZoneEntry;
use crate::problem::{FieldProblem, Problem};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, HashMap};
use std::time::Instant;
use utoipa::ToSchema;
use zonecast_core::{Name, Observed, RRset, RecordData, RecordType, Ttl};
use zonecast_dns::{parse_zonefile, write_zonefile};
use zonecast_store::{
    KeyRow, OwnerAction, OwnerRow, OwnerWrite, Priority, RecordFilter, RecordRow, WriteResult,
};

/// Keys read in one step.
const STEP: usize = 5_000;

/// One RRset of a zone: what the provider holds, and how our part in it stands.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct ZoneRecordView {
    /// The name.
    pub name: String,
    /// The type.
    #[serde(rename = "type")]
    pub rtype: String,
    /// The TTL the provider holds; ours where it holds none.
    pub ttl: u32,
    /// All values the provider holds.
    pub values: Vec<String>,
    /// Those we wrote.
    pub ours: Vec<String>,
    /// How our part stands; `foreign` where we have none.
    pub state: String,
    /// Whether it was seen at the zone's servers.
    pub verified: Option<String>,
    /// The last error, in the provider's words.
    pub last_error: Option<String>,
    /// When it was last written by us.
    pub updated_at: Option<String>,
}

/// What an import did.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct ImportView {
    /// Record resources added.
    pub added: usize,
    /// Record resources changed.
    pub changed: usize,
    /// RRsets that were there already.
    pub unchanged: usize,
    /// RRsets passed over, with the reason.
    pub skipped: Vec<String>,
}

/// The zone as its provider lists it now.
async fn observe(zone: &ZoneEntry) -> Result<Observed, Problem> {
    let provider = zone.connection.provider.as_ref().map_err(|words| Problem::new(409, words.clone()))?;
    let deadline = Instant::now() + TEST_PATIENCE;
    provider.list(&zone.reference(deadline)).await.map_err(|error| Problem::new(502, error.to_string()))
}

async fn keys_of(app: &App, zone_id: i64) -> Result<Vec<KeyRow>, Problem> {
    let mut keys: Vec<KeyRow> = Vec::new();
    loop {
        let after = keys.last().map(|key| key.name.key().to_vec());
        let step = app.store.keys_below(zone_id, after.as_deref(), STEP).await?;
        if step.is_empty() {
            return Ok(keys);
        }
        keys.extend(step);
    }
}

/// Every RRset of the zone, observed now, with the state of ours.
pub async fn records(app: &App, id: i64) -> Result<Vec<ZoneRecordView>, Problem> {
    let zone = entry(app, id)?;
    let observed = observe(&zone).await?;
    let mut keys: HashMap<(Name, RecordType), KeyRow> =
        keys_of(app, id).await?.into_iter().map(|key| ((key.name.clone(), key.rtype), key)).collect();
    let mut rows: BTreeMap<(Name, RecordType), ZoneRecordView> = BTreeMap::new();
    for set in observed.rrsets {
        let key = keys.remove(&(set.name.clone(), set.rtype));
        let values = set.values.iter().map(|value| value.data.to_text()).collect();
        rows.insert((set.name.clone(), set.rtype), row(&set.name, set.rtype, set.ttl, values, key.as_ref()));
    }
    for ((name, rtype), key) in keys {
        let view = row(&name, rtype, key.ttl, Vec::new(), Some(&key));
        rows.insert((name, rtype), view);
    }
    Ok(rows.into_values().collect())
}

fn row(
    name: &Name,
    rtype: RecordType,
    ttl: Ttl,
    values: Vec<String>,
    key: Option<&KeyRow>,
) -> ZoneRecordView {
    ZoneRecordView {
        name: name.to_string(),
        rtype: rtype.to_string(),
        ttl: ttl.seconds(),
        values,
        ours: key.map(|key| key.applied.iter().map(RecordData::to_text).collect()).unwrap_or_default(),
        state: key.map_or_else(|| "foreign".to_owned(), |key| key.state.clone()),
        verified: key.and_then(|key| key.verified.clone()),
        last_error: key.and_then(|key| key.last_error.clone()),
        updated_at: key.map(|key| time(key.updated_at)),
    }
}

/// The zone as its provider holds it now, as a zone file.
pub async fn export(app: &App, id: i64) -> Result<String, Problem> {
    let zone = entry(app, id)?;
    let sets = observe(&zone).await?.rrsets.into_iter().map(|set| {
        let values = set.values.into_iter().filter(|value| !value.disabled).map(|value| value.data).collect();
        RRset::new(set.name, set.rtype, set.ttl, values)
    });
    Ok(write_zonefile(&zone.row.name, sets.filter(|set| !set.values.is_empty())))
}

/// Takes a zone file: each of its RRsets becomes a record resource of this zone. One that is there is
/// changed in place; those that the file does not name stay. SOA, apex NS and what a signer makes are
/// the server's business.
pub async fn import(app: &App, caller: &Caller, id: i64, text: &str) -> Result<Work<ImportView>, Problem> {
    let zone = entry(app, id)?;
    let default = zone.settings.ttl.unwrap_or(app.config.orchestrator.dns.ttl);
    let sets = parse_zonefile(text, &zone.row.name, default).map_err(|errors| {
        let wrong = |error: &zonecast_dns::ZonefileError| FieldProblem {
            field: "/zone_file".to_owned(),
            message: error.to_string(),
        };
        Problem::invalid(errors.iter().take(100).map(wrong).collect())
    })?;
    let known = records_of_zone(app, id).await?;
    let mut view = ImportView { added: 0, changed: 0, unchanged: 0, skipped: Vec::new() };
    let mut rows: Vec<(RecordRow, OwnerAction)> = Vec::new();
    for set in sets {
        if let Some(reason) = passed_over(&zone.row.name, &set) {
            view.skipped.push(format!("{} {}: {reason}", set.name, set.rtype));
            continue;
        }
        match known.get(&(set.name.clone(), set.rtype)) {
            Some(old) if old.values == set.values && old.ttl == Some(set.ttl) => view.unchanged += 1,
            Some(old) => {
                let action = OwnerAction::Update { expected_version: old.version };
                rows.push((RecordRow { values: set.values, ttl: Some(set.ttl), ..old.clone() }, action));
            }
            None => rows.push((new_row(id, set), OwnerAction::Insert)),
        }
    }
    let job_id = if rows.is_empty() { None } else { store(app, caller, &zone, &rows, &mut view).await? };
    Ok(Work { job_id, data: view })
}

fn passed_over(apex: &Name, set: &RRset) -> Option<&'static str> {
    match set.rtype {
        _ if !set.name.is_within(apex) => Some("not in this zone"),
        RecordType::SOA => Some("the zone's server makes it"),
        RecordType::NS if set.name == *apex => Some("the zone's name servers stay as they are"),
        rtype if rtype.is_dnssec_made() || rtype == RecordType::DNSKEY => Some("a signer makes it"),
        _ => None,
    }
}

fn new_row(zone_id: i64, set: RRset) -> RecordRow {
    RecordRow {
        id: 0,
        name: set.name,
        rtype: set.rtype,
        values: set.values,
        ttl: Some(set.ttl),
        zone_id: Some(zone_id),
        state: "active".to_owned(),
        created_at: 0,
        updated_at: 0,
        version: 0,
    }
}

async fn records_of_zone(app: &App, id: i64) -> Result<HashMap<(Name, RecordType), RecordRow>, Problem> {
    let filter = RecordFilter { zone_id: Some(id), state: "active".to_owned(), ..RecordFilter::default() };
    let mut known = HashMap::new();
    let mut after = 0;
    loop {
        let rows = app.store.records(&filter, after, STEP).await?;
        let Some(last) = rows.last() else { return Ok(known) };
        after = last.id;
        known.extend(rows.into_iter().map(|row| ((row.name.clone(), row.rtype), row)));
    }
}

async fn store(
    app: &App,
    caller: &Caller,
    zone: &ZoneEntry,
    rows: &[(RecordRow, OwnerAction)],
    view: &mut ImportView,
) -> Result<Option<i64>, Problem> {
    let wish = Wish {
        priority: Priority::Bulk,
        ..Wish::new(caller, "zone.import", format!("import {} RRsets into {}", rows.len(), zone.row.name))
    };
    let written = write::many(app, &wish, |catalog| {
        let write = |(row, action): &(RecordRow, OwnerAction)| {
            let claims = super::touch::record_claims(row);
            let touched = super::touch::touched(catalog, claims.iter());
            OwnerWrite { row: OwnerRow::Record(row.clone()), action: action.clone(), claims, touched }
        };
        Ok(rows.iter().map(write).collect())
    })
    .await?;
    for ((row, action), result) in rows.iter().zip(&written.results) {
        match (result, action) {
            (WriteResult::Stored { .. }, OwnerAction::Insert) => view.added += 1,
            (WriteResult::Stored { .. }, _) => view.changed += 1,
            _ => view.skipped.push(format!("{} {}: changed by somebody else meanwhile", row.name, row.rtype)),
        }
    }
    Ok(written.job_id)
}
