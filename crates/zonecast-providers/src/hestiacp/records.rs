//! HestiaCP's records: the lines of a zone as listed, what they say, and the line that says what we
//! want.
//!
//! The listings are pasted together by a shell (seen in the sources of 2026-08): backslashes are gone
//! from values, five blanks are a TAB in the JSON form, two lines may bear one id, and a value may
//! make the JSON invalid. So keys are read as a list, not a map, TAB is turned back, and what is not
//! JSON is asked for again in the plain form.

use crate::rest::type_of;
use serde::Deserialize;
use serde::de::{Deserializer, MapAccess, Visitor};
use std::fmt;
use zonecast_core::{Name, Observed, ObservedRRset, ObservedValue, RRset, RecordData, RecordType, Ttl};

/// One record as listed.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "UPPERCASE", default)]
pub(super) struct Line {
    pub(super) id: String,
    pub(super) record: String,
    #[serde(rename = "TYPE")]
    pub(super) kind: String,
    pub(super) priority: String,
    pub(super) value: String,
    pub(super) suspended: String,
    pub(super) time: String,
    pub(super) date: String,
    pub(super) ttl: String,
}

/// A record and what it means in its zone.
#[derive(Clone, Debug)]
pub(super) struct Held {
    pub(super) line: Line,
    pub(super) owner: Name,
    pub(super) rtype: RecordType,
    pub(super) ttl: Ttl,
    /// Nothing where the value is none: the name server will not load it.
    pub(super) data: Option<RecordData>,
}

impl Held {
    /// Stored and not served.
    pub(super) fn is_suspended(&self) -> bool {
        self.line.suspended == "yes"
    }

    pub(super) fn is_at(&self, owner: &Name, rtype: RecordType) -> bool {
        self.rtype == rtype && self.owner == *owner
    }
}

/// The lines of a JSON listing, doubled ids and all. `None`: it is not JSON.
pub(super) fn from_json(text: &str) -> Option<Vec<Line>> {
    let mut lines = serde_json::from_str::<Lines>(text).ok()?.0;
    for line in &mut lines {
        line.value = line.value.replace('\t', "     ");
    }
    Some(lines)
}

/// The lines of a plain listing. `None`: a line has not its nine columns.
pub(super) fn from_plain(text: &str) -> Option<Vec<Line>> {
    let line = |row: &str| {
        let mut columns = row.split('\t').map(str::to_owned);
        let mut next = || columns.next();
        let (id, record, kind, priority, value) = (next()?, next()?, next()?, next()?, next()?);
        let (suspended, time, date, ttl) = (next()?, next()?, next()?, next()?);
        let line = Line { id, record, kind, priority, value, suspended, time, date, ttl };
        next().is_none().then_some(line)
    };
    text.lines().filter(|row| !row.is_empty()).map(line).collect()
}

struct Lines(Vec<Line>);

impl<'de> Deserialize<'de> for Lines {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Lines, D::Error> {
        struct Pairs;
        impl<'de> Visitor<'de> for Pairs {
            type Value = Lines;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("records by id")
            }
            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Lines, A::Error> {
                let mut lines = Vec::new();
                while let Some((_, line)) = map.next_entry::<String, Line>()? {
                    lines.push(line);
                }
                Ok(Lines(lines))
            }
        }
        deserializer.deserialize_map(Pairs)
    }
}

/// Reads lines as the name server will. `Err` is the first line that says nothing we know.
pub(super) fn held(zone: &Name, lines: Vec<Line>) -> Result<Vec<Held>, String> {
    let mut held: Vec<Held> = Vec::with_capacity(lines.len());
    let mut last = zone.clone();
    for line in lines {
        let owner = match line.record.as_str() {
            "@" => Some(zone.clone()),
            // A line of a zone file without a name belongs to the one before.
            "" => Some(last),
            name => name_in(zone, name),
        };
        let said = !line.id.is_empty() && !line.kind.is_empty();
        let Some(owner) = owner.filter(|_| said) else {
            return Err(format!("id {:?}: {} {}", line.id, line.record, line.kind));
        };
        let rtype = type_of(&line.kind);
        last = owner.clone();
        let ttl = line.ttl.parse().ok().and_then(|ttl| Ttl::from_seconds(ttl).ok()).unwrap_or(Ttl::MAX);
        let data = data_of(zone, rtype, &line);
        held.push(Held { line, owner, rtype, ttl, data });
    }
    Ok(held)
}

/// The RRsets of these records.
pub(super) fn observed(held: &[Held]) -> Observed {
    let mut order: Vec<&Held> = held.iter().filter(|record| !record.rtype.is_dnssec_made()).collect();
    order.sort_by(|a, b| (&a.owner, a.rtype).cmp(&(&b.owner, b.rtype)));
    let mut rrsets: Vec<ObservedRRset> = Vec::new();
    for record in order {
        if !rrsets.last().is_some_and(|set| record.is_at(&set.name, set.rtype)) {
            // Of several TTLs in a set BIND takes the first.
            let (name, ttl) = (record.owner.clone(), record.ttl);
            rrsets.push(ObservedRRset::new(name, record.rtype, ttl, Vec::new()));
        }
        let Some(set) = rrsets.last_mut() else { continue };
        let Some(data) = &record.data else {
            set.cannot_read(format!("{} {}", record.line.kind, record.line.value));
            continue;
        };
        let disabled = record.is_suspended();
        if set.values.iter().any(|there| there.data == *data && there.disabled == disabled) {
            continue;
        }
        let raw = (stored(data).value != record.line.value).then(|| record.line.value.as_str().into());
        set.values.push(ObservedValue { data: data.clone(), raw, disabled });
    }
    Observed::new(rrsets)
}

fn data_of(zone: &Name, rtype: RecordType, line: &Line) -> Option<RecordData> {
    let value = line.value.trim();
    let target = |name: &str| name_in(zone, name).map(|name| name.absolute());
    match rtype {
        RecordType::NS | RecordType::CNAME | RecordType::PTR => {
            Some(RecordData::single_name(rtype, &name_in(zone, value)?))
        }
        RecordType::MX => RecordData::parse(rtype, &format!("{} {}", line.priority, target(value)?)).ok(),
        RecordType::SRV => {
            let fields: Vec<&str> = value.split_whitespace().collect();
            let (priority, rest) = match (line.priority.as_str(), fields.len()) {
                ("", 4) => (fields[0], &fields[1..]),
                (priority, 3) if !priority.is_empty() => (priority, &fields[..]),
                _ => return None,
            };
            let text = format!("{priority} {} {} {}", rest[0], rest[1], target(rest[2])?);
            RecordData::parse(rtype, &text).ok()
        }
        RecordType::TXT | RecordType::SPF => text_of(value).and_then(|text| {
            let data = RecordData::text(&text);
            RecordData::from_wire(rtype, data.wire()).ok()
        }),
        _ => RecordData::parse(rtype, value).ok(),
    }
}

/// A name of a zone file: without its final dot it ends in the zone.
fn name_in(zone: &Name, text: &str) -> Option<Name> {
    match text {
        "@" => Some(zone.clone()),
        "" => None,
        text if text.ends_with('.') => Name::parse(text).ok(),
        text => Name::parse(&format!("{text}.{}", zone.absolute())).ok(),
    }
}

/// The text of a TXT value as a zone file has it: quoted strings, or words without quotes. `None`
/// where it is neither, such as where a listing dropped the backslash before a quote.
fn text_of(value: &str) -> Option<Vec<u8>> {
    let mut text = Vec::new();
    let mut rest = value;
    if rest.is_empty() {
        return None;
    }
    while !rest.is_empty() {
        if let Some(quoted) = rest.strip_prefix('"') {
            let (string, after) = quoted.split_once('"')?;
            if !(after.is_empty() || after.starts_with([' ', '"'])) {
                return None;
            }
            text.extend_from_slice(string.as_bytes());
            rest = after;
        } else {
            let end = rest.find([' ', '"']).unwrap_or(rest.len());
            let (word, after) = rest.split_at(end);
            if word.contains([';', '(', ')']) || after.starts_with('"') {
                return None;
            }
            text.extend_from_slice(word.as_bytes());
            rest = after;
        }
        rest = rest.trim_start_matches(' ');
    }
    Some(text)
}

/// A value in HestiaCP's two columns.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Stored {
    /// Of MX and SRV; empty for the others.
    pub(super) priority: String,
    pub(super) value: String,
}

/// How a value stands in HestiaCP's file. Texts are cut and quoted as the zone file needs them, so
/// that the shell that writes it leaves them alone.
pub(super) fn stored(data: &RecordData) -> Stored {
    let text = data.to_zonefile();
    match (data.rtype(), text.split_once(' ')) {
        (RecordType::MX | RecordType::SRV, Some((priority, value))) => {
            Stored { priority: priority.to_owned(), value: value.to_owned() }
        }
        _ => Stored { priority: String::new(), value: text },
    }
}

/// The RECORD column for a name of this zone.
pub(super) fn label(zone: &Name, owner: &Name) -> String {
    let (owner, zone) = (owner.to_string(), zone.to_string());
    match owner.strip_suffix(&zone) {
        Some("") => "@".to_owned(),
        Some(label) => label.trim_end_matches('.').to_owned(),
        None => format!("{owner}."),
    }
}

/// A line of HestiaCP's file.
pub(super) fn file_line(line: &Line) -> String {
    let value = line.value.replace('\'', "%quote%");
    let ttl = if line.ttl.is_empty() { String::new() } else { format!(" TTL='{}'", line.ttl) };
    format!(
        "ID='{}' RECORD='{}' TYPE='{}' PRIORITY='{}' VALUE='{value}' SUSPENDED='{}' TIME='{}' DATE='{}'{ttl}",
        line.id, line.record, line.kind, line.priority, line.suspended, line.time, line.date,
    )
}

/// Why HestiaCP cannot hold this set and tell us of it again; nothing where it can.
pub(super) fn refuses(zone: &Name, set: &RRset) -> Option<String> {
    let name = label(zone, &set.name);
    if let Some(why) = refuses_name(&name) {
        return Some(format!("HestiaCP takes no name {why}"));
    }
    set.values.iter().find_map(refuses_value)
}

fn refuses_name(name: &str) -> Option<&'static str> {
    if name == "@" {
        return None;
    }
    let allowed = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.' | b'*');
    let edge = |b: Option<&u8>| b.is_some_and(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'*'));
    let plain = |label: &str| label.strip_prefix("xn--").unwrap_or(label).contains("--");
    let bytes = name.as_bytes();
    if !bytes.iter().all(|b| allowed(*b)) {
        Some("with other signs than letters, digits, - _ and *")
    } else if name.split('.').any(plain) || name.contains("__") {
        Some("with -- or __")
    } else if !edge(bytes.first()) || !edge(bytes.last()) {
        Some("that begins or ends with -")
    } else if name.contains('*') && name != "*" && !name.contains("*.") {
        Some("with a * inside a label")
    } else if bytes.len() >= 400 {
        Some("of 400 bytes")
    } else {
        None
    }
}

fn refuses_value(data: &RecordData) -> Option<String> {
    let rtype = data.rtype();
    if let Some(text) = data.as_text() {
        return match &text {
            text if text.is_empty() => {
                Some("HestiaCP takes no empty text: its name server would refuse the zone".to_owned())
            }
            text if !text.iter().all(|b| matches!(b, b' '..=b'~')) => {
                Some("HestiaCP takes printable ASCII in texts only".to_owned())
            }
            text if text.contains(&b'"') || text.contains(&b'\\') => {
                Some("HestiaCP loses double quotes and backslashes in texts".to_owned())
            }
            text if text.windows(7).any(|part| part == b"%quote%") => {
                Some("HestiaCP reads %quote% as a single quote".to_owned())
            }
            _ => None,
        };
    }
    let text = stored(data).value;
    if text.contains('\\') || text.contains("%quote%") {
        return Some(format!("HestiaCP loses backslashes in {rtype} values"));
    }
    let rootless = matches!(rtype, RecordType::NS | RecordType::CNAME | RecordType::PTR | RecordType::MX);
    (rootless && text == ".").then(|| format!("HestiaCP takes no root as the target of {rtype}"))
}

/// Whether the checked commands take it; the rest can only be appended to the file.
pub(super) fn is_checked_kind(name: &str, data: &RecordData) -> bool {
    let stored = stored(data);
    let target = stored.value.rsplit(' ').next().unwrap_or_default();
    let dots = target.bytes().filter(|b| *b == b'.').count();
    let is_host = |name: &str| name.split('.').all(|label| !label.contains('_') && label.len() < 64);
    let named = match data.rtype() {
        RecordType::NS => dots >= 3 && is_host(target),
        RecordType::SRV => target == "." || (dots >= 3 && is_host(target)),
        RecordType::MX | RecordType::PTR => dots >= 2 && is_host(target),
        RecordType::CNAME => dots >= 2,
        RecordType::TXT => is_checked_text(&data.as_text().unwrap_or_default()),
        _ => true,
    };
    let national = name.split('.').any(|label| label.starts_with("xn--"));
    let has_target = matches!(
        data.rtype(),
        RecordType::NS | RecordType::CNAME | RecordType::MX | RecordType::PTR | RecordType::SRV
    );
    named && !(national && (has_target || !is_checked_national(name)))
}

/// HestiaCP quotes a text with a blank or a semicolon in it and leaves others bare, and cuts long
/// ones with a tool that eats single quotes and the blank at the start of a part.
fn is_checked_text(text: &[u8]) -> bool {
    let quoted = text.iter().any(|b| matches!(b, b' ' | b';'));
    let bare = text.iter().any(|b| matches!(b, b'(' | b')' | b'@' | b'$'));
    let long = text.len() > 255 - 2;
    let eaten = text.contains(&b'\'') || text.chunks(255).any(|part| part.first() == Some(&b' '));
    (quoted || !bare) && !(long && eaten)
}

/// HestiaCP checks such names in their national script, by the bytes at both ends.
fn is_checked_national(name: &str) -> bool {
    let Ok(parsed) = Name::parse(name) else { return false };
    let unicode = parsed.unicode();
    let plain = |b: Option<&u8>| b.is_some_and(u8::is_ascii_alphanumeric);
    plain(unicode.as_bytes().first()) && plain(unicode.as_bytes().last()) && !unicode.contains("--")
}

#[cfg(test)]
#[path = "records_tests.rs"]
mod tests;
