//! The Cloud API's JSON, and the two conversions at the door.

use crate::ZoneRef;
use crate::rest::listing::Next;
use crate::rest::member::{Listed, Member};
use crate::rest::{full_name, observed};
use serde::Deserialize;
use serde_json::{Value, json};
use zonecast_core::{ObservedRRset, RecordData};

#[derive(Deserialize)]
pub(super) struct ZoneAnswer {
    pub(super) zone: ZoneInfo,
}

/// A zone as Hetzner describes it. Fields come and go: all but id and name may be absent.
#[derive(Deserialize)]
pub(super) struct ZoneInfo {
    pub(super) id: u64,
    pub(super) name: String,
    #[serde(default = "an_hour")]
    pub(super) ttl: u32,
    #[serde(default)]
    mode: String,
    #[serde(default)]
    status: String,
    #[serde(default)]
    authoritative_nameservers: Servers,
}

fn an_hour() -> u32 {
    3_600
}

#[derive(Default, Deserialize)]
struct Servers {
    #[serde(default)]
    assigned: Vec<String>,
    #[serde(default)]
    delegation_status: Option<String>,
}

impl ZoneInfo {
    pub(super) fn is_secondary(&self) -> bool {
        self.mode == "secondary"
    }

    pub(super) fn servers(&self) -> Vec<String> {
        let assigned = self.authoritative_nameservers.assigned.iter();
        assigned.map(|name| name.trim_end_matches('.').to_owned()).collect()
    }

    /// What an operator may want to know, though everything works.
    pub(super) fn advice(&self) -> Vec<String> {
        let mut advice = Vec::new();
        if self.status == "error" {
            advice.push("Hetzner says that the zone is in the state \"error\"".to_owned());
        }
        let delegation = self.authoritative_nameservers.delegation_status.as_deref().unwrap_or_default();
        if matches!(delegation, "invalid" | "lame" | "unregistered" | "partially-valid") {
            let servers = self.servers().join(", ");
            advice.push(format!(
                "Hetzner says that the delegation is {delegation}: the registrar should name {servers}"
            ));
        }
        advice
    }
}

#[derive(Deserialize)]
pub(super) struct Listing {
    pub(super) rrsets: Vec<Member<RRsetIn>>,
    #[serde(default)]
    meta: Option<Meta>,
}

#[derive(Deserialize)]
struct Meta {
    #[serde(default)]
    pagination: Option<Pagination>,
}

#[derive(Deserialize)]
struct Pagination {
    #[serde(default)]
    next_page: Option<usize>,
    #[serde(default)]
    total_entries: Option<usize>,
}

impl Listing {
    /// What stands around page `number`.
    pub(super) fn around(&self, number: usize) -> (Next, Option<usize>) {
        match self.meta.as_ref().and_then(|meta| meta.pagination.as_ref()) {
            Some(told) => (Next::when(told.next_page.is_some_and(|next| next > number)), told.total_entries),
            None => (Next::Unsaid, None),
        }
    }
}

#[derive(Deserialize)]
pub(super) struct RRsetIn {
    name: String,
    #[serde(rename = "type")]
    kind: String,
    pub(super) ttl: Option<u32>,
    #[serde(default)]
    records: Vec<RecordIn>,
    #[serde(default)]
    protection: Protection,
}

#[derive(Deserialize)]
struct RecordIn {
    value: String,
    #[serde(default)]
    comment: Option<String>,
}

#[derive(Default, Deserialize)]
struct Protection {
    #[serde(default)]
    change: bool,
}

impl Listed for RRsetIn {
    const KEYS: [&'static str; 2] = ["name", "type"];

    fn key(&self) -> String {
        format!("{} {}", self.name, self.kind)
    }
}

impl RRsetIn {
    /// The set as the planner sees it. A comment stays with its record in `raw`.
    pub(super) fn observed(&self, zone: &ZoneRef, zone_ttl: u32) -> Option<ObservedRRset> {
        let name = full_name(zone, &self.name)?;
        let values = self.records.iter().map(|record| record.value.as_str());
        let mut set = observed(zone, name, &self.kind, self.ttl.unwrap_or(zone_ttl), values)?;
        set.opaque |= self.protection.change;
        if !set.opaque {
            for (value, record) in set.values.iter_mut().zip(&self.records) {
                let comment = record.comment.as_deref().filter(|comment| !comment.is_empty());
                if comment.is_some() || value.raw.is_some() {
                    let kept = json!({ "value": record.value, "comment": comment.unwrap_or_default() });
                    value.raw = Some(kept.to_string().into());
                }
            }
        }
        Some(set)
    }
}

/// One record of a set: as it stands there already, comment and all, or new.
pub(super) fn record_of(present: Option<&ObservedRRset>, value: &RecordData) -> Value {
    let there = present.into_iter().flat_map(|set| &set.values).find(|there| there.data == *value);
    let kept = there.and_then(|there| serde_json::from_str(there.raw.as_deref()?).ok());
    kept.unwrap_or_else(|| json!({ "value": value.to_zonefile() }))
}

/// What a write started.
#[derive(Default, Deserialize)]
pub(super) struct Started {
    #[serde(default)]
    pub(super) action: Option<Action>,
}

#[derive(Deserialize)]
pub(super) struct Action {
    pub(super) id: u64,
    pub(super) status: String,
    #[serde(default)]
    pub(super) error: Option<Fault>,
}

#[derive(Deserialize)]
pub(super) struct Fault {
    #[serde(default)]
    code: String,
    #[serde(default)]
    message: String,
}

impl Fault {
    pub(super) fn words(&self) -> String {
        format!("{} ({})", self.message, self.code)
    }
}

/// `{"error": {"code", "message", "details": {"fields": [{"name", "messages"}]}}}`.
pub(super) fn words(body: &Value) -> Option<String> {
    let fault: Fault = Fault::deserialize(body.get("error")?).ok()?;
    let mut words = fault.words();
    for field in body["error"]["details"]["fields"].as_array().into_iter().flatten() {
        let messages: Vec<&str> =
            field["messages"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
        words.push_str(&format!("; {}: {}", field["name"].as_str().unwrap_or("?"), messages.join(", ")));
    }
    Some(words)
}
