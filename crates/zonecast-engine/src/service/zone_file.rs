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
use zonecast_core::{Name, Observed, ObservedRRset, OwnerState, RRset, RecordData, RecordType};
use zonecast_dns::{comment, read_zonefile, write_zonefile};
use zonecast_store::{
    KeyRow, OwnerAction, OwnerFilter, OwnerRow, OwnerWrite, Priority, RecordRow, WriteResult,
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
    /// What stands there besides and is no record, in the provider's words: `ALIAS www.example.net.`
    pub unread: Vec<String>,
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

/// A zone as a zone file, and what the file does not say.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct ExportView {
    /// The zone's name.
    pub zone: String,
    /// The zone file; each line of `left_out` is a comment in it.
    pub zone_file: String,
    /// Records in the file.
    pub records: usize,
    /// What stands in the zone and is no record of the file.
    pub left_out: Vec<LeftOut>,
}

/// One thing that an export could not write as a record.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct LeftOut {
    /// Where it stands.
    pub name: String,
    /// Its TTL.
    pub ttl: u32,
    /// What it is, in the provider's words.
    pub what: String,
    /// Why it is no record of the file.
    pub reason: String,
}

/// What an import did. `added`, `changed`, `unchanged`, `skipped` and `failed` together are the sets of
/// the file.
#[derive(Clone, Debug, Default, Serialize, Deserialize, ToSchema)]
pub struct ImportView {
    /// Records read in the file.
    pub records: usize,
    /// Records that say what another record of the file says already.
    pub doubles: usize,
    /// RRsets whose records had different TTLs; the smallest counts.
    pub ttls_differ: usize,
    /// Record resources added.
    pub added: usize,
    /// Record resources changed.
    pub changed: usize,
    /// RRsets that were there already.
    pub unchanged: usize,
    /// RRsets passed over as the server's business, with the reason.
    pub skipped: Vec<String>,
    /// RRsets that could not be stored, with the reason.
    pub failed: Vec<String>,
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
        rows.insert((set.name.clone(), set.rtype), row(&set, key.as_ref()));
    }
    for ((name, rtype), key) in keys {
        let none = ObservedRRset::new(name.clone(), rtype, key.ttl, Vec::new());
        rows.insert((name, rtype), row(&none, Some(&key)));
    }
    Ok(rows.into_values().collect())
}

fn row(set: &ObservedRRset, key: Option<&KeyRow>) -> ZoneRecordView {
    ZoneRecordView {
        name: set.name.to_string(),
        rtype: set.rtype.to_string(),
        ttl: set.ttl.seconds(),
        values: set.values.iter().map(|value| value.data.to_text()).collect(),
        unread: set.unread.clone(),
        ours: key.map(|key| key.applied.iter().map(RecordData::to_text).collect()).unwrap_or_default(),
        state: key.map_or_else(|| "foreign".to_owned(), |key| key.state.to_string()),
        verified: key.and_then(|key| key.verified.clone()),
        last_error: key.and_then(|key| key.last_error.clone()),
        updated_at: key.map(|key| time(key.updated_at)),
    }
}

/// The zone as its provider holds it now, as a zone file. Nothing is left out in silence: what is no
/// record stands in the file as a comment, and in the answer.
pub async fn export(app: &App, id: i64) -> Result<ExportView, Problem> {
    let zone = entry(app, id)?;
    let observed = observe(&zone).await?;
    let left_out: Vec<LeftOut> = observed.rrsets.iter().flat_map(left_out).collect();
    let sets: Vec<RRset> = observed.rrsets.into_iter().map(written).collect();
    let mut zone_file = write_zonefile(&zone.row.name, sets.iter().cloned());
    for LeftOut { name, ttl, what, reason } in &left_out {
        zone_file.push_str(&comment(&format!("left out: {name}. {ttl} IN {what}: {reason}")));
    }
    let records = sets.iter().map(|set| set.values.len()).sum();
    Ok(ExportView { zone: zone.row.name.to_string(), zone_file, records, left_out })
}

/// What of a set is a record.
fn written(set: ObservedRRset) -> RRset {
    let values = set.values.into_iter().filter(|value| !value.disabled).map(|value| value.data).collect();
    RRset::new(set.name, set.rtype, set.ttl, values)
}

/// What of a set is none.
fn left_out(set: &ObservedRRset) -> Vec<LeftOut> {
    let line = |what: String, reason: &str| LeftOut {
        name: set.name.to_string(),
        ttl: set.ttl.seconds(),
        what,
        reason: reason.to_owned(),
    };
    let disabled = set.values.iter().filter(|value| value.disabled);
    let disabled = disabled.map(|value| format!("{} {}", set.rtype, value.data.to_zonefile()));
    let silent = set.opaque && set.values.is_empty() && set.unread.is_empty();
    let unread = set.unread.iter().cloned().chain(silent.then(|| set.rtype.to_string()));
    let unread = unread.map(|what| line(what, "a zone file has no record for it"));
    unread.chain(disabled.map(|what| line(what, "it is switched off and not served"))).collect()
}

/// Takes a zone file: each of its RRsets becomes a record resource of this zone. One that is there is
/// changed in place; those that the file does not name stay. SOA, apex NS and what a signer makes are
/// the server's business.
pub async fn import(app: &App, caller: &Caller, id: i64, text: &str) -> Result<Work<ImportView>, Problem> {
    let zone = entry(app, id)?;
    let default = zone.settings.ttl.unwrap_or(app.config.orchestrator.dns.ttl);
    let file = read_zonefile(text, &zone.row.name, default).map_err(|errors| {
        let wrong = |error: &zonecast_dns::ZonefileError| FieldProblem {
            field: "/zone_file".to_owned(),
            message: error.to_string(),
        };
        Problem::invalid(errors.iter().take(100).map(wrong).collect())
    })?;
    let known = records_of_zone(app, id).await?;
    let (records, doubles, ttls_differ) = (file.records, file.doubles, file.ttls_differ);
    let mut view = ImportView { records, doubles, ttls_differ, ..ImportView::default() };
    let mut rows: Vec<(RecordRow, OwnerAction)> = Vec::new();
    for set in file.rrsets {
        if let Some(reason) = passed_over(&zone.row.name, &set) {
            let message = format!("{} {}: {reason}", set.name, set.rtype);
            view.skipped.push(message.clone());
            super::dry_run::leave_out([FieldProblem { field: "/zone_file".to_owned(), message }]);
            continue;
        }
        match known.get(&(set.name.clone(), set.rtype)) {
            Some(old) if old.values == set.values && old.ttl == Some(set.ttl) => view.unchanged += 1,
            Some(old) => {
                let action = OwnerAction::Update { expected_version: old.version };
                rows.push((RecordRow { values: set.values, ttl: Some(set.ttl), ..old.clone() }, action));
            }
            None => rows.push((new_row(caller, id, set), OwnerAction::Insert)),
        }
    }
    let job_id = if rows.is_empty() { None } else { store(app, caller, &zone, &rows, &mut view).await? };
    Ok(Work { job_id, data: view })
}

fn passed_over(apex: &Name, set: &RRset) -> Option<&'static str> {
    match set.rtype {
        _ if !set.name.is_within(apex) => Some("not in this zone"),
        RecordType::NS if set.name == *apex => Some("the zone's name servers stay as they are"),
        rtype => made_by_its_server(rtype),
    }
}

/// Why records of this type are nobody's to write.
pub(super) fn made_by_its_server(rtype: RecordType) -> Option<&'static str> {
    match rtype {
        RecordType::SOA => Some("the zone's server makes it"),
        rtype if rtype.is_dnssec_made() || rtype == RecordType::DNSKEY => Some("a signer makes it"),
        _ => None,
    }
}

fn new_row(caller: &Caller, zone_id: i64, set: RRset) -> RecordRow {
    RecordRow {
        id: 0,
        name: set.name,
        rtype: set.rtype,
        values: set.values,
        ttl: Some(set.ttl),
        zone_id: Some(zone_id),
        source: caller.source.clone(),
        state: OwnerState::Active,
        created_at: 0,
        updated_at: 0,
        version: 0,
    }
}

async fn records_of_zone(app: &App, id: i64) -> Result<HashMap<(Name, RecordType), RecordRow>, Problem> {
    let filter = OwnerFilter { zone_id: Some(id), state: Some(OwnerState::Active), ..OwnerFilter::default() };
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
            _ => view.failed.push(format!("{} {}: changed by somebody else meanwhile", row.name, row.rtype)),
        }
    }
    Ok(written.job_id)
}
