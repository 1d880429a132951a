//! One record, and what Cloudflare refuses about it alone and beside others.

use super::{Fault, Plan, fault};
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// Types with one text, and types whose data has parts (in presentation order).
const CONTENT: &[&str] = &["A", "AAAA", "CNAME", "MX", "NS", "PTR", "TXT", "OPENPGPKEY"];
const DATA: &[(&str, &[&str])] = &[
    ("CAA", &["flags", "tag", "value"]),
    ("DS", &["key_tag", "algorithm", "digest_type", "digest"]),
    ("HTTPS", &["priority", "target", "value"]),
    ("SVCB", &["priority", "target", "value"]),
    ("NAPTR", &["order", "preference", "flags", "service", "regex", "replacement"]),
    ("SRV", &["priority", "weight", "port", "target"]),
    ("SSHFP", &["algorithm", "type", "fingerprint"]),
    ("TLSA", &["usage", "selector", "matching_type", "certificate"]),
    ("LOC", &["lat_degrees", "long_degrees"]),
];

#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Record {
    id: String,
    name: String,
    kind: String,
    content: String,
    priority: Option<u64>,
    data: Option<Value>,
    ttl: u64,
    proxied: bool,
    comment: Option<String>,
    tags: Vec<Value>,
    meta: Value,
}

impl Record {
    /// Reads a request body; what it leaves out comes from `base`, else is the default.
    pub(super) fn read(zone: &str, id: &str, body: &Value, base: Option<&Record>) -> Result<Record, Fault> {
        let text = |key: &str| body[key].as_str().map(str::to_owned);
        let kind = text("type").or_else(|| base.map(|base| base.kind.clone())).unwrap_or_default();
        let name = match (text("name"), base) {
            (Some(name), _) => complete(zone, &name)?,
            (None, Some(base)) => base.name.clone(),
            (None, None) => return Err(invalid(9000, "DNS name is invalid.")),
        };
        let proxiable = matches!(kind.as_str(), "A" | "AAAA" | "CNAME");
        let proxied = body["proxied"].as_bool().or(base.map(|base| base.proxied)).unwrap_or(false);
        if proxied && !proxiable {
            return Err(invalid(9004, "This record type cannot be proxied."));
        }
        let ttl = body["ttl"].as_u64().or(base.map(|base| base.ttl)).unwrap_or(1);
        if ttl != 1 && !(60..=86_400).contains(&ttl) {
            return Err(invalid(
                9021,
                "Invalid TTL. Must be between 60 and 86400 seconds, or 1 for Automatic.",
            ));
        }
        let mut record = Record {
            id: id.to_owned(),
            name,
            content: text("content").or_else(|| base.map(|base| base.content.clone())).unwrap_or_default(),
            priority: body["priority"].as_u64().or(base.and_then(|base| base.priority)),
            data: body.get("data").cloned().or_else(|| base.and_then(|base| base.data.clone())),
            ttl: if proxied { 1 } else { ttl },
            proxied,
            comment: match body.get("comment") {
                Some(comment) => comment.as_str().map(str::to_owned),
                None => base.and_then(|base| base.comment.clone()),
            },
            tags: body["tags"]
                .as_array()
                .cloned()
                .or_else(|| base.map(|base| base.tags.clone()))
                .unwrap_or_default(),
            meta: body
                .get("meta")
                .cloned()
                .or_else(|| base.map(|base| base.meta.clone()))
                .unwrap_or_else(|| json!({})),
            kind,
        };
        record.normalise()?;
        Ok(record)
    }

    pub(super) fn of_new_type(id: &str, name: &str, kind: &str, content: &str) -> Record {
        let [id, name, kind, content] = [id, name, kind, content].map(str::to_owned);
        Record { id, name, kind, content, ttl: 1, ..Record::default() }
    }

    /// The same for data in parts.
    fn normalise_parts(&mut self, keys: &[&str]) -> Result<(), Fault> {
        let data = self.data.clone().unwrap_or_default();
        let parts: Option<Vec<String>> = keys.iter().map(|key| part(&data, key)).collect();
        let Some(mut parts) = parts else {
            return Err(invalid(9101, format!("data is a required field for type {}.", self.kind)));
        };
        for (key, value) in keys.iter().zip(&mut parts) {
            let number = !matches!(
                *key,
                "tag"
                    | "value"
                    | "digest"
                    | "target"
                    | "flags"
                    | "service"
                    | "regex"
                    | "replacement"
                    | "fingerprint"
                    | "certificate"
            );
            if number && value.parse::<u32>().is_err() {
                return Err(invalid(9100, format!("{key} is not a number.")));
            }
            if *key == "target" && value.len() > 1 && value.ends_with('.') {
                value.pop();
            }
        }
        self.content = match self.kind.as_str() {
            "CAA" => format!(
                "{} {} \"{}\"",
                parts[0],
                parts[1],
                parts[2].replace('\\', "\\\\").replace('"', "\\\"")
            ),
            "NAPTR" => format!(
                "{} {} \"{}\" \"{}\" \"{}\" {}",
                parts[0], parts[1], parts[2], parts[3], parts[4], parts[5]
            ),
            _ => parts.join(" ").trim_end().to_owned(),
        };
        Ok(())
    }

    /// Checks the data by type and brings it into Cloudflare's own form.
    fn normalise(&mut self) -> Result<(), Fault> {
        if let Some((_, keys)) = DATA.iter().find(|(kind, _)| *kind == self.kind) {
            return self.normalise_parts(keys);
        }
        self.data = None;
        let bad = |code, words: &str| Err(invalid(code, words));
        match self.kind.as_str() {
            "A" if self.content.parse::<std::net::Ipv4Addr>().is_err() => {
                bad(9005, "Content for A record must be a valid IPv4 address.")
            }
            "AAAA" => match self.content.parse::<std::net::Ipv6Addr>() {
                Ok(address) => {
                    self.content = address.to_string();
                    Ok(())
                }
                Err(_) => bad(9006, "Content for AAAA record must be a valid IPv6 address."),
            },
            "CNAME" | "NS" | "PTR" | "MX" => {
                if self.kind == "MX" && self.priority.is_none() {
                    return bad(9102, "priority is a required field for type MX.");
                }
                if self.content.len() > 1 && self.content.ends_with('.') {
                    self.content.pop();
                }
                // Whatever the spelling: a blank stays a blank when it is written as an escape.
                match self.content.is_empty() || self.content.contains([' ', '"', '\\']) {
                    true => bad(9007, "Content for CNAME record is invalid."),
                    false => Ok(()),
                }
            }
            "TXT" if self.content.is_empty() || self.content == "\"\"" => {
                bad(9013, "Content for TXT record is missing.")
            }
            "TXT" if txt_length(&self.content) > 4_096 => {
                bad(9015, "Record content exceeds the allowed length of 4096 wire format bytes.")
            }
            kind if CONTENT.contains(&kind) => Ok(()),
            kind => bad(9001, &format!("Invalid record type {kind:?}.")),
        }
    }

    /// As the API shows it.
    pub(super) fn show(&self) -> Value {
        let mut shown = json!({
            "id": self.id, "name": self.name, "type": self.kind, "content": self.content,
            "proxiable": matches!(self.kind.as_str(), "A" | "AAAA" | "CNAME"), "proxied": self.proxied,
            "ttl": self.ttl, "settings": {}, "meta": self.meta, "comment": self.comment, "tags": self.tags,
            "created_on": "2026-11-21T10:00:00.000000Z", "modified_on": "2026-11-21T10:00:00.000000Z",
        });
        if let Some(priority) = self.priority {
            shown["priority"] = priority.into();
        }
        if let Some(data) = &self.data {
            shown["data"] = data.clone();
        }
        shown
    }

    /// Name, type, TTL in answers, data in zone-file form.
    pub(super) fn line(&self) -> (String, String, u32, String) {
        let ttl = if self.ttl == 1 { 300 } else { self.ttl as u32 };
        let dotted = |target: &str| if target == "." { ".".to_owned() } else { format!("{target}.") };
        let data = match self.kind.as_str() {
            "CNAME" | "NS" | "PTR" => dotted(&self.content),
            "MX" => format!("{} {}", self.priority.unwrap_or_default(), dotted(&self.content)),
            "SRV" => match self.content.rsplit_once(' ') {
                Some((numbers, target)) => format!("{numbers} {}", dotted(target)),
                None => self.content.clone(),
            },
            "TXT" if !self.content.starts_with('"') => {
                format!("\"{}\"", self.content.replace('\\', "\\\\").replace('"', "\\\""))
            }
            _ => self.content.clone(),
        };
        (self.name.clone(), self.kind.clone(), ttl, data)
    }

    fn is_same(&self, other: &Record) -> bool {
        (&self.name, &self.kind, &self.content, self.priority)
            == (&other.name, &other.kind, &other.content, other.priority)
    }
}

fn part(data: &Value, key: &str) -> Option<String> {
    match data.get(key)? {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    }
}

fn invalid(code: u32, message: impl Into<String>) -> Fault {
    Fault { chained: true, ..fault(400, code, message) }
}

/// A name that does not end with the zone is relative to it. That is the trap.
fn complete(zone: &str, name: &str) -> Result<String, Fault> {
    let name = name.trim_end_matches('.').to_ascii_lowercase();
    let full = if name == "@" || name == zone {
        zone.to_owned()
    } else if name.ends_with(&format!(".{zone}")) {
        name
    } else {
        format!("{name}.{zone}")
    };
    match full.len() > 253
        || full.split('.').any(|label| label.is_empty() || label.len() > 63)
        || full.contains(' ')
    {
        true => Err(invalid(9000, "DNS name is invalid.")),
        false => Ok(full),
    }
}

/// Bytes of a TXT on the wire, escapes counted as what they stand for.
fn txt_length(content: &str) -> usize {
    let mut bytes = 0;
    let mut chars = content.chars();
    while let Some(c) = chars.next() {
        match c {
            '"' => {}
            '\\' => {
                if chars.next().is_some_and(|next| next.is_ascii_digit()) {
                    chars.nth(1);
                }
                bytes += 1;
            }
            ' ' if content.starts_with('"') && chars.as_str().starts_with('"') => {}
            c => bytes += c.len_utf8(),
        }
    }
    bytes + bytes.div_ceil(255)
}

/// Adds records one by one, each beside those that are there then.
pub(super) fn check_all(
    plan: Plan,
    held: &mut BTreeMap<String, Record>,
    new: Vec<Record>,
) -> Result<(), Fault> {
    let most = match plan {
        Plan::Free => 200,
        Plan::FreeOld => 1_000,
        Plan::Pro => 3_500,
    };
    for record in new {
        if plan != Plan::Pro && !record.tags.is_empty() {
            let words = format!("DNS record has {} tags, exceeding the quota of 0.", record.tags.len());
            return Err(fault(400, 9300, words));
        }
        let comment = if plan == Plan::Pro { 500 } else { 100 };
        if record.comment.as_ref().is_some_and(|text| text.chars().count() > comment) {
            return Err(invalid(9302, format!("comment is longer than {comment} characters.")));
        }
        for other in held.values().filter(|other| other.name == record.name) {
            if other.is_same(&record) {
                return Err(fault(400, 81058, "An identical record already exists."));
            }
            if record.kind == "CNAME" {
                return Err(fault(400, 81053, "An A, AAAA, or CNAME record with that host already exists."));
            }
            if other.kind == "CNAME" {
                return Err(fault(400, 81054, "A CNAME record with that host already exists."));
            }
        }
        let of_set = held.values().filter(|other| other.name == record.name && other.kind == record.kind);
        let combined: usize = of_set.map(|other| other.content.len()).sum::<usize>() + record.content.len();
        if combined > 8_192 {
            return Err(invalid(
                83011,
                "Combined content length of records with this name and type exceeds 8192.",
            ));
        }
        if held.len() >= most {
            return Err(fault(400, 81045, "Record quota exceeded."));
        }
        held.insert(record.id.clone(), record);
    }
    Ok(())
}
