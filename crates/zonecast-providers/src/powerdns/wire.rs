//! PowerDNS's JSON, and the two conversions at the door.

use crate::dnssec::{Signed, SigningKey};
use crate::redact::{one_line, url_encode};
use crate::rest::member::odd;
use crate::rest::type_of;
use serde::{Deserialize, Serialize};
use std::borrow::Cow;
use zonecast_core::{Change, Name, ObservedRRset, ObservedValue, RRset, RecordData, RecordType, Ttl};

/// What marks a zone as made by us.
pub(super) const OUR_ACCOUNT: &str = "zonecast";

/// A zone without its RRsets. Fields come and go between versions: all but the name may be absent.
#[derive(Debug, Default, Deserialize)]
pub(super) struct ZoneInfo {
    pub(super) name: String,
    #[serde(default)]
    pub(super) id: String,
    #[serde(default)]
    pub(super) kind: String,
    #[serde(default)]
    pub(super) account: String,
    #[serde(default)]
    pub(super) dnssec: bool,
    #[serde(default)]
    pub(super) api_rectify: bool,
    #[serde(default)]
    pub(super) soa_edit_api: String,
}

impl ZoneInfo {
    /// A copy of another server's zone: writes are accepted (204, seen with 4.7.3) and lost at the
    /// next transfer.
    pub(super) fn is_secondary(&self) -> bool {
        matches!(self.kind.as_str(), "Slave" | "Secondary" | "Consumer")
    }

    pub(super) fn is_primary(&self) -> bool {
        matches!(self.kind.as_str(), "Master" | "Primary" | "Producer")
    }

    /// We made it with `api_rectify` off and see to empty non-terminals ourselves.
    pub(super) fn is_rectified_by_us(&self) -> bool {
        self.account == OUR_ACCOUNT && !self.api_rectify
    }
}

/// A key of a signed zone; `published` came with 4.3.
#[derive(Deserialize)]
pub(super) struct Cryptokey {
    active: bool,
    #[serde(default = "yes")]
    published: bool,
    dnskey: String,
    /// Absent for zone signing keys.
    #[serde(default)]
    ds: Vec<String>,
}

fn yes() -> bool {
    true
}

/// Keys that stand in the zone; `None` where it has none.
pub(super) fn signed(zone: &Name, keys: &[Cryptokey]) -> Result<Option<Signed>, String> {
    let published = keys.iter().filter(|key| key.published);
    let keys: Result<Vec<SigningKey>, String> =
        published.map(|key| SigningKey::read(zone, &key.dnskey, key.active, &key.ds)).collect();
    let mut keys = keys?;
    keys.sort_by_key(|key| key.tag);
    Ok((!keys.is_empty()).then(|| Signed { state: String::new(), keys }))
}

#[derive(Deserialize)]
pub(super) struct RRsetIn<'a> {
    #[serde(borrow)]
    name: Cow<'a, str>,
    #[serde(borrow, rename = "type")]
    rtype: Cow<'a, str>,
    #[serde(default)]
    ttl: i64,
    #[serde(borrow, default)]
    records: Vec<RecordIn<'a>>,
}

#[derive(Deserialize)]
struct RecordIn<'a> {
    #[serde(borrow)]
    content: Cow<'a, str>,
    #[serde(default)]
    disabled: bool,
}

/// Reads one RRset. `None`: nothing that is there for us (comments without records, what a signer
/// makes, a name that is none).
pub(super) fn from_wire(json: &[u8]) -> Result<Option<ObservedRRset>, String> {
    let Ok(set) = serde_json::from_slice::<RRsetIn<'_>>(json) else {
        // One odd set is no reason to see none.
        let raw: &serde_json::value::RawValue =
            serde_json::from_slice(json).map_err(|error| error.to_string())?;
        return Ok(odd(raw.get(), ["name", "type"], |text| Name::parse(text?).ok()));
    };
    let Ok(name) = Name::parse(&set.name) else { return Ok(None) };
    if set.records.is_empty() {
        return Ok(None);
    }
    let rtype = type_of(&set.rtype);
    if rtype.is_dnssec_made() {
        return Ok(None);
    }
    // A TTL beyond 31 bits is stored as it wraps (seen with 4.7.3).
    let ttl = u32::try_from(set.ttl).ok().and_then(|ttl| Ttl::from_seconds(ttl).ok()).unwrap_or(Ttl::MAX);
    let mut read = ObservedRRset::new(name, rtype, ttl, Vec::with_capacity(set.records.len()));
    for record in &set.records {
        match RecordData::parse(rtype, &record.content) {
            Ok(data) => {
                let raw = spelling(&data, &record.content);
                read.values.push(ObservedValue { data, raw, disabled: record.disabled });
            }
            Err(_) => {
                let disabled = if record.disabled { " (disabled)" } else { "" };
                read.cannot_read(one_line(&format!("{} {}{disabled}", set.rtype, record.content)));
            }
        }
    }
    Ok(Some(read))
}

/// How a value is written back, where that is not as we write it. An address mapped into IPv6 is not as
/// the database spells it: the API refuses the dots, and ours beside it with them.
pub(super) fn spelling(data: &RecordData, content: &str) -> Option<Box<str>> {
    let refused = data.rtype() == RecordType::AAAA && content.contains('.');
    (!refused && data.to_zonefile() != content).then(|| content.into())
}

#[derive(Serialize)]
struct RRsetOut<'a> {
    name: String,
    #[serde(rename = "type")]
    rtype: RecordType,
    ttl: u32,
    changetype: &'a str,
    records: Vec<RecordOut<'a>>,
}

#[derive(Serialize)]
struct RecordOut<'a> {
    content: Cow<'a, str>,
    disabled: bool,
}

/// How often the server takes escapes out of what it is sent. 5.1 (seen with 5.1.5) does so once
/// before it reads the content, so `"a\\\\b"` would silently become `ab`; what it gives back is as ever.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Escapes {
    Once,
    Twice,
}

impl Escapes {
    fn spell<'a>(self, content: Cow<'a, str>) -> Cow<'a, str> {
        match self {
            // Generic data (RFC 3597) is read as it is.
            Escapes::Twice if content.contains('\\') && !content.starts_with("\\#") => {
                escape_twice(&content).into()
            }
            _ => content,
        }
    }
}

/// Escapes of escapes. Within quotes by number, `;` too: 5.1 looks for comments between its two readings.
fn escape_twice(content: &str) -> String {
    let mut out = String::with_capacity(content.len() + 16);
    let (mut quoted, mut chars) = (false, content.chars());
    while let Some(char) = chars.next() {
        match char {
            '"' => {
                quoted = !quoted;
                out.push('"');
            }
            ';' if quoted => out.push_str("\\\\059"),
            '\\' => match chars.next() {
                Some(next @ ('"' | '\\' | ';')) if quoted => {
                    out.push_str(&format!("\\\\{:03}", u32::from(next)))
                }
                Some(next) => out.extend(['\\', '\\', next]),
                None => out.push('\\'),
            },
            other => out.push(other),
        }
    }
    out
}

/// One element of a PATCH.
pub(super) struct Element {
    pub(super) json: String,
    pub(super) is_delete: bool,
}

impl Element {
    /// Whether a content in it has something escaped. Names spell differently and never matter here.
    pub(super) fn has_escapes(&self) -> bool {
        self.json.split_once("\"records\":").is_some_and(|(_, records)| records.contains("\\\\"))
    }
}

/// A PATCH that no server takes, and whose refusal shows what it made of the content: it is neither a
/// text, which begins with a quote, nor generic data (RFC 3597), which is hexadecimal.
pub(super) fn escape_probe(zone: &Name) -> String {
    let name = zone.child("_zonecast-probe").unwrap_or_else(|_| zone.clone()).absolute();
    let record = serde_json::json!({ "content": "\\# 1 00 \"", "disabled": false });
    let set = serde_json::json!({ "name": name, "type": "TXT", "ttl": 60, "changetype": "REPLACE", "records": [record] });
    serde_json::json!({ "rrsets": [set] }).to_string()
}

/// Reads the refusal of [`escape_probe`].
pub(super) fn escapes_of(refusal: &str) -> Escapes {
    match refusal.contains("'# 1 00") {
        true => Escapes::Twice,
        false => Escapes::Once,
    }
}

/// Turns a change into an element. Neighbours are written as `seen` spells them, and a disabled
/// value stays disabled: it goes only when the change names it in `old` and not in `new`, and is
/// served only when the change wants it in `new` and did not find it in `old`.
pub(super) fn to_wire(change: &Change, seen: Option<&ObservedRRset>, escapes: Escapes) -> Element {
    let before: &[RecordData] = change.before().map_or(&[], |set| &set.values);
    let after: &[RecordData] = change.after().map_or(&[], |set| &set.values);
    let present: &[ObservedValue] = seen.map_or(&[], |set| &set.values);
    let mut records = Vec::with_capacity(after.len());
    for value in after {
        let there = present.iter().find(|there| there.data == *value);
        let content = match there.and_then(|there| there.raw.as_deref()) {
            Some(raw) => Cow::Borrowed(raw),
            None => Cow::Owned(value.to_zonefile()),
        };
        let disabled = there.is_some_and(|there| there.disabled) && before.contains(value);
        records.push(RecordOut { content: escapes.spell(content), disabled });
    }
    for there in present.iter().filter(|there| there.disabled) {
        if !after.contains(&there.data) && !before.contains(&there.data) {
            let content = match there.raw.as_deref() {
                Some(raw) => Cow::Borrowed(raw),
                None => Cow::Owned(there.data.to_zonefile()),
            };
            records.push(RecordOut { content: escapes.spell(content), disabled: true });
        }
    }
    let is_delete = records.is_empty();
    let ttl = change.after().map(|set| set.ttl).or(seen.map(|set| set.ttl)).unwrap_or(Ttl::DEFAULT);
    let set = RRsetOut {
        name: change.name().absolute(),
        rtype: change.rtype(),
        ttl: ttl.seconds(),
        changetype: if is_delete { "DELETE" } else { "REPLACE" },
        records,
    };
    // Strings and numbers always have a JSON form.
    Element { json: serde_json::to_string(&set).unwrap_or_default(), is_delete }
}

/// A new zone's SOA as an RRset of `POST /zones`.
pub(super) fn seed_rrset(set: &RRset) -> serde_json::Value {
    let records: Vec<_> = set
        .values
        .iter()
        .map(|value| serde_json::json!({ "content": value.to_zonefile(), "disabled": false }))
        .collect();
    serde_json::json!({
        "name": set.name.absolute(),
        "type": set.rtype.to_string(),
        "ttl": set.ttl.seconds(),
        "records": records,
    })
}

/// The server's id of a zone: the absolute name, other bytes than letters, digits, `.` and `-` as
/// `=XX`, and the root as `=2E`.
pub(super) fn zone_id(name: &Name) -> String {
    if name.is_root() {
        return "=2E".to_owned();
    }
    let mut id = String::new();
    for byte in name.absolute().bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'.' | b'-' => id.push(byte as char),
            other => id.push_str(&format!("={other:02X}")),
        }
    }
    id
}

/// A zone id as it stands in a path: `=` stays, whatever else a server invents is encoded.
pub(super) fn in_path(id: &str) -> String {
    url_encode(id).replace("%3D", "=")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(json: &str) -> Option<ObservedRRset> {
        from_wire(json.as_bytes()).unwrap()
    }

    #[test]
    fn what_is_not_there_for_us_is_dropped() {
        assert!(
            read(r#"{"name":"a.","type":"A","ttl":0,"records":[],"comments":[{"content":"x"}]}"#).is_none()
        );
        assert!(
            read(r#"{"name":"a.","type":"NSEC3PARAM","ttl":0,"records":[{"content":"1 0 0 -"}]}"#).is_none()
        );
        let alias = read(r#"{"name":"a.","type":"ALIAS","ttl":60,"records":[{"content":"b."}]}"#).unwrap();
        assert!(alias.opaque && alias.unread == ["ALIAS b."]);
        let newer = read(r#"{"name":"a.","type":"NEWER","ttl":60,"records":[{"content":"x"}]}"#).unwrap();
        assert!(newer.opaque && newer.unread == ["NEWER x"]);
        let odd = r#"{"name":"a.","type":"A","ttl":60,"records":[{"content":null,"disabled":false}]}"#;
        let hidden = read(odd).unwrap();
        assert_eq!(
            (hidden.opaque, hidden.rtype, &*hidden.unread),
            (true, RecordType::A, &[odd.to_owned()][..])
        );
    }

    #[test]
    fn neighbours_keep_spelling_and_state() {
        let seen = read(
            r#"{"name":"A.Example.","type":"MX","ttl":60,"records":[
                {"content":"10 MX.Example.","disabled":false},{"content":"20 off.example.","disabled":true}]}"#,
        )
        .unwrap();
        assert_eq!(seen.values[0].raw.as_deref(), Some("10 MX.Example."));
        let value = |text: &str| RecordData::parse(RecordType::MX, text).unwrap();
        let set = |texts: &[&str]| {
            RRset::new(seen.name.clone(), seen.rtype, seen.ttl, texts.iter().map(|t| value(t)).collect())
        };
        let change =
            Change::Replace { old: set(&["10 mx.example"]), new: set(&["10 mx.example", "5 new.example"]) };
        let json = to_wire(&change, Some(&seen), Escapes::Once).json;
        assert!(json.contains(r#""10 MX.Example.","disabled":false"#), "{json}");
        assert!(json.contains(r#""20 off.example.","disabled":true"#), "{json}");
        assert!(json.contains(r#""5 new.example.","disabled":false"#), "{json}");
        let mapped = read(
            r#"{"name":"a.","type":"AAAA","ttl":60,"records":[{"content":"::ffff:192.0.2.9"},{"content":"2001:DB8::1"}]}"#,
        );
        let raw: Vec<_> = mapped.unwrap().values.into_iter().map(|value| value.raw).collect();
        assert_eq!(raw, [None, Some("2001:DB8::1".into())]);
        let gone = to_wire(&Change::Delete(set(&["10 mx.example"])), Some(&seen), Escapes::Once);
        assert!(!gone.is_delete && gone.json.contains("off.example"), "a disabled neighbour stays");
        let all =
            to_wire(&Change::Delete(set(&["10 mx.example", "20 off.example"])), Some(&seen), Escapes::Once);
        assert!(all.is_delete);
    }

    #[test]
    fn a_refusal_shows_how_escapes_are_read() {
        let once = r#"Record _zonecast-probe.a./TXT '\# 1 00 "': Parsing record content: Data field in DNS should start with quote"#;
        let twice = "Record _zonecast-probe.a./TXT '# 1 00 \"\"': Not in expected format";
        assert_eq!((escapes_of(once), escapes_of(twice)), (Escapes::Once, Escapes::Twice));
        let text = RRset::new(
            Name::parse("a").unwrap(),
            RecordType::TXT,
            Ttl::DEFAULT,
            vec![RecordData::text(b"a\\b")],
        );
        let element = |escapes| to_wire(&Change::Create(text.clone()), None, escapes);
        assert!(element(Escapes::Once).has_escapes());
        let contents = |escapes| serde_json::from_str::<serde_json::Value>(&element(escapes).json).unwrap();
        let content = |escapes| contents(escapes)["records"][0]["content"].clone();
        assert_eq!(content(Escapes::Once), r#""a\\b""#);
        assert_eq!(content(Escapes::Twice), r#""a\\092b""#);
        assert_eq!(escape_twice(r#""\"x;\195" "y" z\.z"#), r#""\\034x\\059\\195" "y" z\\.z"#);
    }

    #[test]
    fn zone_ids_are_escaped_as_the_server_does() {
        assert_eq!(
            zone_id(&Name::parse("0/25.2.0.192.in-addr.arpa").unwrap()),
            "0=2F25.2.0.192.in-addr.arpa."
        );
        assert_eq!(zone_id(&Name::parse("_x.example").unwrap()), "=5Fx.example.");
        assert_eq!(zone_id(&Name::root()), "=2E");
        assert_eq!(in_path("0=2F25.example."), "0=2F25.example.");
    }
}
