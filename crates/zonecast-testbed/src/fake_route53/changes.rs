//! Change batches: all or nothing, in order, and every reason Route 53 has to refuse one.

use super::api::Fault;
use super::{Set, Zone, names};
use std::collections::BTreeSet;

/// One change of a batch.
pub(super) struct Step {
    action: String,
    name: String,
    rtype: String,
    ttl: Option<u32>,
    values: Vec<String>,
    extra: bool,
}

const TYPES: &[&str] = &[
    "A", "AAAA", "CAA", "CNAME", "DS", "HTTPS", "MX", "NAPTR", "NS", "PTR", "SOA", "SPF", "SRV", "SSHFP",
    "SVCB", "TLSA", "TXT",
];

/// The text inside the first element of this name.
pub(super) fn element<'a>(xml: &'a str, tag: &str) -> Option<&'a str> {
    let start = xml.find(&format!("<{tag}>"))? + tag.len() + 2;
    let end = xml[start..].find(&format!("</{tag}>"))? + start;
    Some(&xml[start..end])
}

fn elements<'a>(xml: &'a str, tag: &str) -> Vec<&'a str> {
    let (mut found, mut rest) = (Vec::new(), xml);
    while let Some(inner) = element(rest, tag) {
        found.push(inner);
        let after = inner.as_ptr() as usize - rest.as_ptr() as usize + inner.len();
        rest = &rest[after..];
    }
    found
}

fn unescape(text: &str) -> String {
    text.replace("&quot;", "\"")
        .replace("&apos;", "'")
        .replace("&lt;", "<")
        .replace("&gt;", ">")
        .replace("&amp;", "&")
}

/// Reads a ChangeResourceRecordSets body; `None` where it is not one.
pub(super) fn read(body: &str) -> Option<Vec<Step>> {
    if !body
        .contains("<ChangeResourceRecordSetsRequest xmlns=\"https://route53.amazonaws.com/doc/2013-04-01/\"")
    {
        return None;
    }
    let changes = element(body, "Changes")?;
    let step = |change: &str| {
        Some(Step {
            action: element(change, "Action")?.to_owned(),
            name: names::normal(&unescape(element(change, "Name")?)),
            rtype: element(change, "Type")?.to_owned(),
            ttl: element(change, "TTL").and_then(|text| text.parse().ok()),
            values: elements(change, "Value").into_iter().map(unescape).collect(),
            extra: change.contains("<AliasTarget>") || change.contains("<SetIdentifier>"),
        })
    };
    let steps: Option<Vec<Step>> = elements(changes, "Change").into_iter().map(step).collect();
    steps.filter(|steps| !steps.is_empty())
}

/// Carries a batch out, or nothing of it.
pub(super) fn apply(zone: &mut Zone, steps: &[Step]) -> Result<(), Fault> {
    limits(steps)?;
    let mut after = zone.clone();
    let mut faults = Vec::new();
    for step in steps {
        if step.ttl.is_none() || step.extra {
            return Err((
                400,
                "InvalidInput",
                format!(
                    "Invalid request: Expected exactly one of [AliasTarget, all of [TTL, and ResourceRecords], or TrafficPolicyInstanceId], but found none in Change with [Action={}, Name={}, Type={}, SetIdentifier=null]",
                    step.action, step.name, step.rtype
                ),
            ));
        }
        if let Err(words) = one(&mut after, step) {
            faults.push(words);
        }
    }
    if after.sets.len() > 10_000 {
        return Err((400, "LimitsExceeded", "Record limit of 10000 exceeded.".to_owned()));
    }
    match faults.is_empty() {
        true => {
            *zone = after;
            Ok(())
        }
        false => Err((400, "InvalidChangeBatch", format!("[{}]", faults.join(", ")))),
    }
}

fn limits(steps: &[Step]) -> Result<(), Fault> {
    let (mut count, mut characters) = (0, 0);
    for step in steps {
        let times = if step.action == "UPSERT" { 2 } else { 1 };
        count += times * step.values.len();
        characters += times * step.values.iter().map(|value| value.chars().count()).sum::<usize>();
    }
    let refused = |words: &str| Err((400, "InvalidChangeBatch", words.to_owned()));
    match (count > 1_000, characters > 32_000) {
        (true, _) => refused("Number of records limit of 1000 exceeded."),
        (_, true) => refused("RDATA character limit of 32000 exceeded."),
        _ => Ok(()),
    }
}

fn one(zone: &mut Zone, step: &Step) -> Result<(), String> {
    let (name, rtype) = (&step.name, step.rtype.as_str());
    if name != &zone.name && !name.ends_with(&format!(".{}", zone.name)) {
        return Err(format!("RRSet with DNS name {name} is not permitted in zone {}", zone.name));
    }
    if !TYPES.contains(&rtype) {
        return Err(format!("Invalid Resource Record type {rtype} for name='{name}'"));
    }
    let key = (names::labels(name), rtype.to_owned(), String::new());
    let called = format!("resource record set [name='{name}', type='{rtype}']");
    let vital = *name == zone.name && matches!(rtype, "SOA" | "NS");
    if step.action == "DELETE" {
        let Some(held) = zone.sets.get(&key) else {
            return Err(format!("Tried to delete {called} but it was not found"));
        };
        let set = |values: &[String]| values.iter().cloned().collect::<BTreeSet<String>>();
        if set(&held.values) != set(&step.values) || Some(held.ttl) != step.ttl {
            return Err(format!(
                "Tried to delete {called} but the values provided do not match the current values"
            ));
        }
        if vital {
            return Err(format!(
                "A HostedZone must contain exactly one SOA record and at least one NS record: {called}"
            ));
        }
        zone.sets.remove(&key);
        return Ok(());
    }
    if step.action == "CREATE" && zone.sets.contains_key(&key) {
        return Err(format!("Tried to create {called} but it already exists"));
    }
    // Weighted or alias sets at the same key, and CNAME against all others.
    for (other, _) in zone.sets.iter().filter(|(other, _)| other.0 == key.0 && **other != key) {
        if rtype == "CNAME" {
            return Err(format!(
                "RRSet of type CNAME with DNS name {name} is not permitted as it conflicts with other records with the same DNS name in zone {}",
                zone.name
            ));
        }
        if other.1 == "CNAME" {
            return Err(format!(
                "RRSet of type {rtype} with DNS name {name} is not permitted because a conflicting RRSet of type CNAME with the same DNS name already exists in zone {}",
                zone.name
            ));
        }
        if other.1 == key.1 {
            return Err(format!("Tried to create {called} but it already exists"));
        }
    }
    values(zone, step)?;
    let values = step.values.iter().map(|value| dotted(rtype, value)).collect();
    zone.sets.insert(key, Set { ttl: step.ttl.unwrap_or_default(), values, extra: String::new() });
    Ok(())
}

/// Targets come back with their final dot.
fn dotted(rtype: &str, value: &str) -> String {
    match matches!(rtype, "CNAME" | "NS" | "PTR" | "MX" | "SRV") && !value.ends_with('.') {
        true => format!("{value}."),
        false => value.to_owned(),
    }
}

fn values(zone: &Zone, step: &Step) -> Result<(), String> {
    let (name, rtype) = (&step.name, step.rtype.as_str());
    if step.values.is_empty() || step.values.len() > 400 {
        return Err(format!("Invalid Resource Record count in name='{name}', type='{rtype}'"));
    }
    if rtype == "CNAME" && (step.values.len() > 1 || *name == zone.name) {
        return Err(format!(
            "RRSet of type CNAME with DNS name {name} is not permitted at apex in zone {}",
            zone.name
        ));
    }
    let distinct: BTreeSet<&String> = step.values.iter().collect();
    if distinct.len() != step.values.len() {
        return Err(format!("Duplicate Resource Record: '{}'", step.values[0]));
    }
    for value in &step.values {
        let problem = match rtype {
            "A" if value.parse::<std::net::Ipv4Addr>().is_err() => {
                "ARRDATAIllegalIPv4Address (Value is not a valid IPv4 address)"
            }
            "AAAA" if value.parse::<std::net::Ipv6Addr>().is_err() => {
                "AAAARRDATAIllegalIPv6Address (Value is not a valid IPv6 address)"
            }
            "TXT" | "SPF" if !is_quoted(value) => {
                "InvalidCharacterString (Value should be enclosed in quotation marks)"
            }
            _ if value.chars().count() > 4_000 => "TooLong (Value is longer than 4000 characters)",
            _ if value.is_empty() || !value.is_ascii() => "BadCharacter (Value is empty or not ASCII)",
            _ => continue,
        };
        return Err(format!(
            "Invalid Resource Record: 'FATAL problem: {problem} encountered with '{value}''"
        ));
    }
    Ok(())
}

/// Strings in quotes, each of at most 255 bytes; escapes are `\"`, `\\` and octal.
fn is_quoted(value: &str) -> bool {
    let mut bytes = value.bytes().peekable();
    let mut some = false;
    while bytes.peek().is_some() {
        if bytes.next() != Some(b'"') {
            return false;
        }
        let mut length = 0;
        loop {
            match bytes.next() {
                None => return false,
                Some(b'"') => break,
                Some(b'\\') => match bytes.next() {
                    Some(b'"' | b'\\') => {}
                    Some(b'0'..=b'3') => {
                        let octal = |byte: Option<u8>| byte.is_some_and(|byte| (b'0'..=b'7').contains(&byte));
                        if !octal(bytes.next()) || !octal(bytes.next()) {
                            return false;
                        }
                    }
                    _ => return false,
                },
                Some(0x20..=0x7e) => {}
                Some(_) => return false,
            }
            length += 1;
        }
        if length > 255 {
            return false;
        }
        some = true;
        while bytes.peek() == Some(&b' ') {
            bytes.next();
        }
    }
    some
}
