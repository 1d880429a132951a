//! One record as DigitalOcean spells it, and from a change to its operations on single records.

use crate::ZoneRef;
use crate::redact::one_line;
use crate::rest::by_id;
use crate::rest::listing::Next;
use crate::rest::member::{Listed, Member};
use crate::rest::{full_name, label, type_of, words_of};
use serde::Deserialize;
use serde_json::{Map, Value};
use zonecast_core::{Name, ObservedRRset, RecordData, RecordType, Ttl};

/// What a TXT may have in zone-file form, quotes and all: longer ones are refused (dnscontrol #370).
const TEXT_MAX: usize = 509;

#[derive(Deserialize)]
pub(super) struct Listing {
    pub(super) domain_records: Vec<Member<Record>>,
    #[serde(default)]
    links: Value,
    #[serde(default)]
    meta: Value,
}

impl Listing {
    pub(super) fn next(&self) -> Next {
        Next::when(self.links["pages"]["next"].is_string())
    }

    pub(super) fn total(&self) -> Option<usize> {
        self.meta["total"].as_u64().map(|total| total as usize)
    }
}

/// One record.
#[derive(Clone, Debug, Deserialize)]
pub(super) struct Record {
    id: u64,
    #[serde(rename = "type")]
    kind: String,
    name: String,
    #[serde(default)]
    data: String,
    #[serde(default)]
    priority: Option<u32>,
    #[serde(default)]
    port: Option<u32>,
    #[serde(default)]
    weight: Option<u32>,
    #[serde(default)]
    flags: Option<u32>,
    #[serde(default)]
    tag: Option<String>,
    #[serde(default)]
    ttl: u32,
}

impl Listed for Record {
    const KEYS: [&'static str; 2] = ["name", "type"];

    fn key(&self) -> String {
        self.id.to_string()
    }
}

impl Record {
    /// The record as a set of one.
    pub(super) fn observed(&self, zone: &ZoneRef) -> Option<ObservedRRset> {
        let (name, rtype) = (full_name(zone, &self.name)?, type_of(&self.kind));
        let ttl = Ttl::from_seconds(self.ttl).unwrap_or(Ttl::MAX);
        let mut set = ObservedRRset::new(name, rtype, ttl, Vec::new());
        match data_of(zone, rtype, self) {
            Some(data) => set.values.push(by_id::value(data, self.id, self.ttl)),
            None => set.cannot_read(one_line(&format!("{} {}", self.kind, self.data))),
        }
        Some(set)
    }
}

/// The value of a record; `None` where it cannot be read.
fn data_of(zone: &ZoneRef, rtype: RecordType, record: &Record) -> Option<RecordData> {
    let data = record.data.as_str();
    let target = match data {
        "@" => zone.name.absolute(),
        data => format!("{}.", data.trim_end_matches('.')),
    };
    let text = match rtype {
        RecordType::TXT if !data.starts_with('"') => return Some(RecordData::text(data.as_bytes())),
        RecordType::CNAME | RecordType::NS => target,
        RecordType::MX => format!("{} {target}", record.priority?),
        RecordType::SRV => format!("{} {} {} {target}", record.priority?, record.weight?, record.port?),
        RecordType::CAA => {
            let value = data.trim_matches('"').trim_end_matches('.');
            let value = value.replace('\\', "\\\\").replace('"', "\\\"");
            format!("{} {} \"{value}\"", record.flags.unwrap_or(0), record.tag.as_deref()?)
        }
        _ => data.to_owned(),
    };
    RecordData::parse(rtype, &text).ok().map(|data| data.uncut())
}

/// Why DigitalOcean cannot hold this value.
pub(super) fn unfit(value: &RecordData) -> Option<String> {
    let text = value.as_text();
    let why = match (value.rtype(), &text) {
        (RecordType::TXT, Some(text)) if text.is_empty() => "is empty",
        (RecordType::TXT, Some(text)) if text.contains(&b'\\') => "has a backslash",
        (RecordType::TXT, Some(text)) if text.first() == Some(&b'"') => "begins with a quote",
        (RecordType::TXT, Some(text)) if !text.iter().all(|b| (b' '..=b'~').contains(b)) => {
            "has other than printable ASCII characters"
        }
        (RecordType::TXT, _) if value.to_zonefile().len() > TEXT_MAX => "is longer than about 500 characters",
        (RecordType::CAA, _) if words_of(&value.to_zonefile()).get(2)?.contains(' ') => "has a space",
        (RecordType::MX, _) if value.to_zonefile().ends_with(" .") => "is a null MX",
        _ => return None,
    };
    Some(format!("DigitalOcean takes no {} that {why}", value.rtype()))
}

/// The members of a record.
pub(super) fn body_of(zone: &ZoneRef, name: &Name, value: &RecordData, ttl: u32) -> Map<String, Value> {
    let mut body = Map::new();
    let mut put = |key: &str, value: Value| body.insert(key.to_owned(), value);
    put("type", value.rtype().to_string().into());
    put("name", label(zone, name).into());
    put("ttl", ttl.into());
    let text = value.to_zonefile();
    let words = words_of(&text);
    let word = |at: usize| words.get(at).cloned().unwrap_or_default();
    let number = |at: usize| Value::from(word(at).parse::<u32>().unwrap_or_default());
    match value.rtype() {
        RecordType::TXT => {
            put("data", String::from_utf8_lossy(&value.as_text().unwrap_or_default()).into());
        }
        RecordType::MX => {
            put("priority", number(0));
            put("data", word(1).into());
        }
        RecordType::SRV => {
            put("priority", number(0));
            put("weight", number(1));
            put("port", number(2));
            put("data", word(3).into());
        }
        RecordType::CAA => {
            put("flags", number(0));
            put("tag", word(1).into());
            // The API wants a final dot and keeps none (dnscontrol's source, 2026-11-21).
            let dot = if word(1).starts_with("issue") && !word(2).contains(';') { "." } else { "" };
            put("data", format!("{}{dot}", word(2)).into());
        }
        _ => {
            put("data", text.into());
        }
    }
    body
}
