//! One value as Cloudflare spells it: some types in `content`, some in parts.

use super::wire::Record;
use crate::redact::one_line;
use crate::rest::member::{Listed, Member, Sets, add, odd};
use crate::rest::type_of;
use crate::{ErrorClass, ProviderError, ZoneRef};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use zonecast_core::{Name, ObservedRRset, ObservedValue, RecordData, Ttl};

/// The TTL that stands for "automatic", and what is served then.
pub(super) const AUTOMATIC: u32 = 1;
const AUTOMATIC_SERVED: u32 = 300;

/// What an update of a value has to know of its record; kept with the value between read and write.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Handle {
    pub(super) id: String,
    pub(super) ttl: u32,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(super) proxied: bool,
}

impl Handle {
    pub(super) fn of(value: &ObservedValue) -> Option<Handle> {
        serde_json::from_str(value.raw.as_deref()?).ok()
    }

    /// The TTL in DNS answers.
    pub(super) fn served(&self) -> u32 {
        if self.ttl == AUTOMATIC { AUTOMATIC_SERVED } else { self.ttl }
    }
}

/// Gathers records into sets. A record outside the zone means that this is another zone.
pub(super) fn observed(
    zone: &ZoneRef,
    records: Vec<Member<Record>>,
) -> Result<Vec<ObservedRRset>, ProviderError> {
    let mut sets = Sets::new();
    for member in records {
        let record = match member {
            Member::Read(record) => record,
            Member::Odd(raw) => {
                let odd = odd(raw.get(), Record::KEYS, |name| Name::parse(name?).ok());
                let words = || {
                    format!("{}: Cloudflare has a record without a name: {}", zone.name, one_line(raw.get()))
                };
                add(&mut sets, odd.ok_or_else(|| ProviderError::new(ErrorClass::Transient, words()))?);
                continue;
            }
        };
        let Ok(name) = Name::parse(&record.name) else { continue };
        let rtype = type_of(&record.kind);
        if !name.is_within(&zone.name) {
            let words = format!("{}: the zone at Cloudflare holds {name}: it is another zone", zone.name);
            return Err(ProviderError::new(ErrorClass::NoSuchZone, words));
        }
        let handle = Handle {
            id: record.id.clone(),
            ttl: record.ttl.map_or(AUTOMATIC, |ttl| ttl as u32),
            proxied: record.proxied.unwrap_or(false),
        };
        let ttl = Ttl::from_seconds(handle.served()).unwrap_or(Ttl::MAX);
        let set = sets.entry((name.clone(), rtype));
        let set = set.or_insert_with(|| ObservedRRset::new(name, rtype, ttl, Vec::new()));
        set.ttl = set.ttl.min(ttl);
        // Mail routing makes records that the API refuses to change.
        let locked = record.meta.as_ref().is_some_and(|meta| meta["read_only"] == true);
        match text_of(&record).and_then(|text| Some(RecordData::parse(rtype, &text).ok()?.uncut())) {
            Some(data) if !locked => {
                let raw = serde_json::to_string(&handle).ok().map(Into::into);
                set.values.push(ObservedValue { data, raw, disabled: false });
            }
            _ => {
                let words = text_of(&record).unwrap_or_else(|| format!("{} without a value", record.name));
                set.cannot_read(one_line(&format!("{} {words}", record.kind)));
            }
        }
    }
    Ok(sets.into_values().collect())
}

/// Presentation form of a record's data.
fn text_of(record: &Record) -> Option<String> {
    let content = || record.content.clone();
    let Some(data) = record.data.as_ref().filter(|data| data.is_object()) else {
        return match (record.kind.as_str(), record.priority) {
            ("MX", Some(priority)) => Some(format!("{priority} {}", content()?)),
            _ => content(),
        };
    };
    let part = |key: &str| match data.get(key)? {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    };
    let parts = |keys: &[&str]| keys.iter().map(|key| part(key)).collect::<Option<Vec<_>>>();
    match record.kind.as_str() {
        "MX" => Some(format!("{} {}", record.priority?, content()?)),
        "CAA" => {
            let [flags, tag, value]: [String; 3] = parts(&["flags", "tag", "value"])?.try_into().ok()?;
            Some(format!("{flags} {tag} \"{}\"", value.replace('\\', "\\\\").replace('"', "\\\"")))
        }
        "NAPTR" => {
            let keys = ["order", "preference", "flags", "service", "regex", "replacement"];
            let [order, preference, flags, service, regex, replacement]: [String; 6] =
                parts(&keys)?.try_into().ok()?;
            Some(format!("{order} {preference} \"{flags}\" \"{service}\" \"{regex}\" {replacement}"))
        }
        kind => match keys_of(kind) {
            Some(keys) => Some(parts(keys)?.join(" ").trim_end().to_owned()),
            None => content(),
        },
    }
}

/// The parts of a type's data, in the order of its presentation form.
fn keys_of(kind: &str) -> Option<&'static [&'static str]> {
    Some(match kind {
        "SRV" => &["priority", "weight", "port", "target"],
        "TLSA" => &["usage", "selector", "matching_type", "certificate"],
        "SSHFP" => &["algorithm", "type", "fingerprint"],
        "DS" => &["key_tag", "algorithm", "digest_type", "digest"],
        "HTTPS" | "SVCB" => &["priority", "target", "value"],
        _ => return None,
    })
}

/// The members of a record that say name, type and value.
pub(super) fn body_of(name: &Name, value: &RecordData) -> Map<String, Value> {
    let kind = value.rtype().to_string();
    let text = value.to_zonefile();
    let mut body = Map::new();
    body.insert("type".into(), kind.clone().into());
    body.insert("name".into(), name.to_string().into());
    let words = words(&text);
    let number = |at: usize| words.get(at).and_then(|word| word.parse::<u64>().ok()).unwrap_or_default();
    let word = |at: usize| words.get(at).cloned().unwrap_or_default();
    match kind.as_str() {
        "CNAME" | "NS" | "PTR" => {
            body.insert("content".into(), dotless(&text).into());
        }
        "MX" => {
            body.insert("priority".into(), number(0).into());
            body.insert("content".into(), dotless(&word(1)).into());
        }
        "CAA" => {
            let value = word(2).replace("\\\"", "\"").replace("\\\\", "\\");
            body.insert("data".into(), json!({ "flags": number(0), "tag": word(1), "value": value }));
        }
        "NAPTR" => {
            let data = json!({
                "order": number(0), "preference": number(1), "flags": word(2), "service": word(3),
                "regex": word(4), "replacement": word(5),
            });
            body.insert("data".into(), data);
        }
        "HTTPS" | "SVCB" => {
            let mut parts = text.splitn(3, ' ');
            let (_, target) = (parts.next(), parts.next().unwrap_or("."));
            let data =
                json!({ "priority": number(0), "target": target, "value": parts.next().unwrap_or("") });
            body.insert("data".into(), data);
        }
        kind => match keys_of(kind) {
            Some(keys) => {
                let mut data = Map::new();
                for (at, key) in keys.iter().enumerate() {
                    let part = match (kind, *key) {
                        (_, "certificate" | "fingerprint" | "digest") => words[at..].concat().into(),
                        (_, "target") => dotless(&word(at)).into(),
                        _ => Value::from(number(at)),
                    };
                    data.insert((*key).to_owned(), part);
                }
                body.insert("data".into(), data.into());
            }
            None => {
                body.insert("content".into(), text.into());
            }
        },
    }
    body
}

/// Targets are sent as they come back: without the final dot, the root as `.`.
fn dotless(name: &str) -> String {
    match name.strip_suffix('.') {
        Some(rest) if !rest.is_empty() => rest.to_owned(),
        _ => name.to_owned(),
    }
}

/// The words of a presentation form; quotes hold a word together and are dropped, escapes stay.
fn words(text: &str) -> Vec<String> {
    let (mut words, mut word, mut inside, mut open) = (Vec::new(), String::new(), false, false);
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        match c {
            '\\' => {
                word.push('\\');
                word.extend(chars.next());
                open = true;
            }
            '"' => {
                inside = !inside;
                open = true;
            }
            ' ' if !inside => {
                if open {
                    words.push(std::mem::take(&mut word));
                }
                open = false;
            }
            c => {
                word.push(c);
                open = true;
            }
        }
    }
    if open {
        words.push(word);
    }
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_keep_quoted_spaces_and_empty_strings() {
        assert_eq!(
            words(r#"100 10 "" "E2U+sip" "!^.*$!s \" p!" ."#),
            ["100", "10", "", "E2U+sip", r#"!^.*$!s \" p!"#, "."]
        );
    }

    #[test]
    fn automatic_and_proxied_records_keep_their_ways() {
        let zone = ZoneRef::new(Name::parse("example.org").unwrap());
        let record = |json: Value| Member::Read(serde_json::from_value::<Record>(json).unwrap());
        let sets = observed(
            &zone,
            vec![
                record(json!({"id":"1","name":"www.example.org","type":"A","content":"192.0.2.1","ttl":1,"proxied":true})),
                record(json!({"id":"2","name":"mx.example.org","type":"MX","content":"route1.mx.example","priority":5,"ttl":1,"meta":{"read_only":true}})),
                record(json!({"id":"3","name":"loc.example.org","type":"LOC","content":"1 N","data":{"lat_degrees":1},"ttl":60})),
                record(json!({"id":"4","name":"t.example.org","type":"TXT","content":"plain text, no quotes","ttl":3600})),
            ],
        )
        .unwrap();
        assert_eq!(sets.len(), 4);
        let by = |text: &str| sets.iter().find(|set| set.name.to_string() == text).unwrap();
        let proxied = by("www.example.org");
        assert_eq!((proxied.ttl.seconds(), proxied.opaque), (300, false));
        assert!(Handle::of(&proxied.values[0]).unwrap().proxied);
        assert!(by("mx.example.org").opaque && by("loc.example.org").opaque);
        assert_eq!(by("t.example.org").values[0].data, RecordData::text(b"plain text, no quotes"));
        let outside = record(json!({"id":"1","name":"www.example.net","type":"A","content":"192.0.2.1"}));
        assert_eq!(observed(&zone, vec![outside]).unwrap_err().class, ErrorClass::NoSuchZone);
    }
}
