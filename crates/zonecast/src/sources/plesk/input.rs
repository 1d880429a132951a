//! Reading what Plesk writes to a backend's standard input. Pure: bytes in, commands out.
//!
//! Plesk's documents call every value a string and its examples show numbers, arrays are usual and a
//! single object was met, `rr` stands under `zone` and is documented under `soa`: all of it is taken
//! (X2-X5). Keys nobody knows are passed over (S4.93). One damaged command is its own error and stops
//! no other (S4.91).

use super::content;
use crate::settings::SoaWish;
use serde_json::{Map, Value};
use std::net::IpAddr;
use zonecast_core::host::{parse_address, parse_host_name};
use zonecast_core::{Name, RecordType, Ttl};
use zonecast_store::DomainSet;

/// Why nothing of the input can be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InputError {
    /// Nothing was written to standard input.
    #[error("the input is empty: Plesk writes JSON to standard input")]
    Empty,
    /// It is no JSON, or it was cut off.
    #[error("the input is not JSON: {0}")]
    NotJson(String),
    /// It is JSON, but neither a command nor a list of them.
    #[error("the input is {0}, not a command or a list of commands")]
    WrongShape(&'static str),
}

/// Why one command cannot be carried out.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CommandError {
    /// It is no object.
    #[error("command {number}: is {found}, not an object")]
    NotAnObject {
        /// Its place in the input, from 1.
        number: usize,
        /// What stands there.
        found: &'static str,
    },
    /// It does not say what to do.
    #[error("command {number}: has no \"command\"")]
    NoCommand {
        /// Its place in the input, from 1.
        number: usize,
    },
    /// A zone command without a zone.
    #[error("command {number}, {command}: has no \"zone\"")]
    NoZone {
        /// Its place in the input, from 1.
        number: usize,
        /// What it wants.
        command: String,
    },
    /// The zone's name is missing or is none.
    #[error("command {number}, {command}: {reason}")]
    BadName {
        /// Its place in the input, from 1.
        number: usize,
        /// What it wants.
        command: String,
        /// What is wrong.
        reason: String,
    },
    /// `rr` is missing: taken for an empty zone it would wipe everything.
    #[error("{zone}: has no record list (\"rr\"); nothing of it was touched")]
    NoRecords {
        /// The zone, as people write it.
        zone: String,
    },
    /// A PTR command without address and host name.
    #[error("command {number}, {command}: {reason}")]
    BadPtr {
        /// Its place in the input, from 1.
        number: usize,
        /// What it wants.
        command: String,
        /// What is wrong.
        reason: String,
    },
}

/// One command.
#[derive(Clone, Debug, PartialEq)]
pub enum Command {
    /// `create` or `update`: both mean "make the zone exactly this" (X5).
    Put(Box<ZoneSet>),
    /// `delete`: carries nothing but the zone's name (S4.83).
    Delete {
        /// The zone.
        name: Name,
        /// As people write it.
        display: String,
    },
    /// `createPTRs`.
    CreatePtr(Ptr),
    /// `deletePTRs`.
    DeletePtr(Ptr),
    /// A command of a newer Plesk.
    Unknown(String),
}

/// A zone as it shall be.
#[derive(Clone, Debug, PartialEq)]
pub struct ZoneSet {
    /// Its name.
    pub name: Name,
    /// As people write it.
    pub display: String,
    /// TTL of records that have none.
    pub ttl: Option<Ttl>,
    /// What the SOA shall say.
    pub soa: Option<SoaWish>,
    /// Every record set, in the order of the input.
    pub sets: Vec<DomainSet>,
    /// What was left out, and why.
    pub notes: Vec<Note>,
}

/// Something to tell about one record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Note {
    /// How bad it is.
    pub severity: Severity,
    /// A sentence that names the record.
    pub line: String,
}

/// How bad something is: only `Error` makes the exit code 255.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// As it should be.
    Info,
    /// Worth knowing.
    Warn,
    /// Not done.
    Error,
}

/// An address and its name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ptr {
    /// The address, in whatever spelling it came.
    pub address: IpAddr,
    /// The name it shall have, or shall lose.
    pub host: Name,
}

/// Reads the whole input. Never panics, whatever the bytes are.
///
/// ```
/// use zonecast::sources::plesk::{Command, read};
/// let commands = read(br#"{"command": "delete", "zone": {"name": "D10.example."}}"#).unwrap();
/// assert!(matches!(&commands[0], Ok(Command::Delete { name, .. }) if name.to_string() == "d10.example"));
/// assert!(read(b"").is_err());
/// ```
pub fn read(bytes: &[u8]) -> Result<Vec<Result<Command, CommandError>>, InputError> {
    let text = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    if text.iter().all(|byte| byte.is_ascii_whitespace() || *byte == 0) {
        return Err(InputError::Empty);
    }
    let value: Value =
        serde_json::from_slice(text).map_err(|error| InputError::NotJson(error.to_string()))?;
    match &value {
        Value::Array(items) => {
            Ok(items.iter().enumerate().map(|(index, item)| command(index + 1, item)).collect())
        }
        Value::Object(_) => Ok(vec![command(1, &value)]),
        other => Err(InputError::WrongShape(crate::service::input::kind(other))),
    }
}

fn command(number: usize, item: &Value) -> Result<Command, CommandError> {
    let Value::Object(fields) = item else {
        return Err(CommandError::NotAnObject { number, found: crate::service::input::kind(item) });
    };
    let word = text(fields, "command").filter(|word| !word.is_empty());
    let word = word.ok_or(CommandError::NoCommand { number })?;
    match word.as_str() {
        "create" | "update" => {
            let (zone, name) = zone(number, &word, fields)?;
            put(zone, name).map(|set| Command::Put(Box::new(set)))
        }
        "delete" => {
            let (zone, name) = zone(number, &word, fields)?;
            Ok(Command::Delete { display: display(zone, &name), name })
        }
        "createPTRs" => ptr(number, &word, fields).map(Command::CreatePtr),
        "deletePTRs" => ptr(number, &word, fields).map(Command::DeletePtr),
        _ => Ok(Command::Unknown(word)),
    }
}

type Fields = Map<String, Value>;

fn zone<'a>(number: usize, word: &str, fields: &'a Fields) -> Result<(&'a Fields, Name), CommandError> {
    let command = word.to_owned();
    let Some(Value::Object(zone)) = fields.get("zone") else {
        return Err(CommandError::NoZone { number, command });
    };
    let bad = |reason: String| CommandError::BadName { number, command: command.clone(), reason };
    let text = text(zone, "name").filter(|text| !text.trim().is_empty());
    let text = text.ok_or_else(|| bad("its zone has no \"name\"".to_owned()))?;
    let name = Name::parse(text.trim()).map_err(|error| bad(format!("{text:?}: {error}")))?;
    match name.is_root() || name.is_wildcard() {
        true => Err(bad(format!("{text:?} is not the name of a zone"))),
        false => Ok((zone, name)),
    }
}

/// The name in national script, as the panel shows it (S4.14).
fn display(zone: &Fields, name: &Name) -> String {
    let shown = text(zone, "displayName").map(|text| text.trim().trim_end_matches('.').to_owned());
    shown.filter(|text| !text.is_empty()).unwrap_or_else(|| name.unicode())
}

fn put(zone: &Fields, name: Name) -> Result<ZoneSet, CommandError> {
    let display = display(zone, &name);
    let soa = match zone.get("soa") {
        Some(Value::Object(soa)) => Some(soa),
        _ => None,
    };
    // `rr` is printed under `soa` in the documents and stands under `zone` in fact (X4).
    let rr = [Some(zone), soa].into_iter().flatten().find_map(|place| match place.get("rr") {
        Some(Value::Array(items)) => Some(items),
        _ => None,
    });
    let Some(rr) = rr else { return Err(CommandError::NoRecords { zone: display }) };
    let mut set = ZoneSet {
        ttl: soa.and_then(|soa| ttl(soa, "ttl").ok().flatten()),
        soa: soa.and_then(|soa| soa_wish(soa, &name)),
        name,
        display,
        sets: Vec::with_capacity(rr.len()),
        notes: Vec::new(),
    };
    for item in rr {
        record(item, &mut set);
    }
    drop_bad_aliases(&mut set);
    Ok(set)
}

fn soa_wish(soa: &Fields, apex: &Name) -> Option<SoaWish> {
    let email = text(soa, "email")?;
    let (local, domain) = email.trim().split_once('@')?;
    // A dot in the local part is part of one label (RFC 1035 section 8).
    let mailbox = Name::parse(&format!("{}.{domain}", local.replace('.', "\\."))).ok()?;
    let seconds = |field: &str, usual: u32| {
        text(soa, field).and_then(|text| text.trim().parse::<u32>().ok()).unwrap_or(usual)
    };
    let _ = apex;
    Some(SoaWish {
        mailbox,
        refresh: seconds("refresh", 10_800),
        retry: seconds("retry", 3_600),
        expire: seconds("expire", 604_800),
        minimum: seconds("minimum", 10_800),
    })
}

/// Takes one entry of `rr` into the set, or a note why not.
fn record(item: &Value, set: &mut ZoneSet) {
    let mut note = |severity, line: String| set.notes.push(Note { severity, line });
    let Value::Object(fields) = item else {
        return note(Severity::Error, format!("{}: an entry is {}, not a record", set.display, kind(item)));
    };
    let entry = content::Entry {
        host: text(fields, "host").unwrap_or_default(),
        shown: text(fields, "displayHost").unwrap_or_default(),
        rtype: text(fields, "type").unwrap_or_default(),
        opt: text(fields, "opt").unwrap_or_default(),
        value: text(fields, "value").unwrap_or_default(),
    };
    let called = entry.called();
    if entry.is_reverse_entry() {
        return note(Severity::Info, format!("{called}: passed over, reverse names come by createPTRs"));
    }
    let (name, data) = match entry.read() {
        Ok(read) => read,
        Err(reason) => return note(Severity::Error, format!("{called}: {reason}; it was left out")),
    };
    if !name.is_within(&set.name) {
        return note(
            Severity::Warn,
            format!("{called}: is not in the zone {}; it was left out", set.display),
        );
    }
    let rtype = data.rtype();
    if rtype == RecordType::SOA || rtype.is_dnssec_made() {
        return note(Severity::Warn, format!("{called}: is made by the name server itself; it was left out"));
    }
    let ttl = ttl(fields, "ttl").unwrap_or_else(|given| {
        note(Severity::Warn, format!("{called}: its TTL {given:?} is none; the zone's counts"));
        None
    });
    match set.sets.iter_mut().find(|other| other.name == name && other.rtype == rtype) {
        Some(other) if other.values.contains(&data) => {}
        Some(_) if matches!(rtype, RecordType::CNAME | RecordType::DNAME) => {
            note(Severity::Error, format!("{called}: the name has a {rtype} already; it was left out"));
        }
        Some(other) => other.values.push(data),
        None => set.sets.push(DomainSet { name, rtype, ttl, values: vec![data] }),
    }
}

/// A CNAME stands alone at its name and never at the apex (RFC 1034 section 3.6.2): where it does not,
/// it is the one that goes, whatever the order of the input.
fn drop_bad_aliases(set: &mut ZoneSet) {
    let crowded = |one: &DomainSet| {
        let others = set.sets.iter().any(|other| other.name == one.name && other.rtype != one.rtype);
        one.rtype == RecordType::CNAME && (others || one.name == set.name)
    };
    let bad: Vec<Name> = set.sets.iter().filter(|one| crowded(one)).map(|one| one.name.clone()).collect();
    set.sets.retain(|one| one.rtype != RecordType::CNAME || !bad.contains(&one.name));
    set.notes.extend(bad.iter().map(|name| Note {
        severity: Severity::Error,
        line: format!("{} CNAME: other records stand at this name; it was left out", name.unicode()),
    }));
}

fn ptr(number: usize, word: &str, fields: &Fields) -> Result<Ptr, CommandError> {
    let bad = |reason: String| CommandError::BadPtr { number, command: word.to_owned(), reason };
    let Some(Value::Object(ptr)) = fields.get("ptr") else { return Err(bad("has no \"ptr\"".to_owned())) };
    let address = text(ptr, "ip_address").unwrap_or_default();
    let address = parse_address(address.trim()).map_err(|error| bad(error.to_string()))?;
    let host = text(ptr, "hostname").unwrap_or_default();
    let host = parse_host_name(host.trim()).map_err(|error| bad(error.to_string()))?;
    Ok(Ptr { address, host })
}

/// A field as text: strings and numbers are the same (X2), null and missing are nothing.
fn text(fields: &Fields, field: &str) -> Option<String> {
    match fields.get(field)? {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    }
}

/// A TTL; `Err` is what was given and is none.
fn ttl(fields: &Fields, field: &str) -> Result<Option<Ttl>, String> {
    let Some(given) = text(fields, field).filter(|text| !text.trim().is_empty()) else { return Ok(None) };
    let seconds = given.trim().parse::<u32>().ok();
    match seconds.and_then(|seconds| Ttl::from_seconds(seconds).ok()) {
        Some(ttl) => Ok(Some(ttl)),
        None => Err(given),
    }
}

fn kind(value: &Value) -> &'static str {
    crate::service::input::kind(value)
}

#[cfg(test)]
#[path = "input_tests.rs"]
mod tests;
