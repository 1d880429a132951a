//! What values and names the checked commands refuse: `is_common_format_valid`, `is_dns_fqnd`,
//! `is_dns_nameserver_valid` and `dns_record_validator.php`.

use super::commands::{Ended, invalid};
use super::zone::columns;
use std::net::{Ipv4Addr, Ipv6Addr};
use zonecast_core::Name;

const TYPES: [&str; 15] = [
    "A", "AAAA", "NS", "CNAME", "MX", "TXT", "SRV", "DNSKEY", "KEY", "IPSECKEY", "PTR", "SPF", "TLSA", "CAA",
    "DS",
];

/// A record as it will be stored.
pub struct Checked {
    pub record: String,
    pub kind: String,
    pub value: String,
    pub priority: String,
}

fn has_target(kind: &str) -> bool {
    matches!(kind, "NS" | "CNAME" | "MX" | "PTR" | "SRV")
}

/// Brings a record into the stored form, or says why not.
pub fn check(
    version: (u32, u32, u32),
    zone: &str,
    lines: &[String],
    mut new: Checked,
) -> Result<Checked, Ended> {
    if !matches!(new.kind.as_str(), "MX" | "SRV") {
        new.priority = String::new();
    }
    if has_target(&new.kind) {
        if !new.value.ends_with('.') {
            new.value.push('.');
        }
        if !new.record.is_ascii() {
            new.record = Name::parse(&new.record).map(|name| name.to_string()).unwrap_or_default();
        }
    }
    if new.kind != "CAA" {
        new.value = new.value.replace('"', "");
        let bare = matches!(new.kind.as_str(), "SRV" | "DNSKEY" | "DS" | "TLSA" | "KEY" | "IPSECKEY");
        if !bare && new.value.contains([' ', ';', '\t']) {
            new.value = format!("\"{}\"", new.value);
        }
    }
    if new.record == "@" && new.kind == "CNAME" {
        return Err(invalid("CNAME on root is not allowed"));
    }
    common("record", &new.record)?;
    if !TYPES.contains(&new.kind.as_str()) {
        return Err(invalid(&format!("invalid dns record type format :: {}", new.kind)));
    }
    // Up to 1.9.4 values were not looked at.
    if version >= (1, 9, 5) {
        validate(&mut new)?;
    }
    fqdn(&new)?;
    name_server(zone, lines, &new)?;
    Ok(new)
}

pub fn common(what: &str, text: &str) -> Result<(), Ended> {
    let excluded = "!|#$^&()+={}:<>?/\"';%` ";
    let edge = |c: Option<char>, more: &str| c.is_some_and(|c| c.is_ascii_alphanumeric() || more.contains(c));
    let bad = text.contains(|c| excluded.contains(c))
        || text.len() >= 400
        || (text.contains('@') && text.len() > 1)
        || (text.contains('*') && text != "*" && !text.contains("*."))
        || (!text.is_empty() && (!edge(text.chars().last(), "_*@.") || !edge(text.chars().next(), "_*@")))
        || ["..", "--", "__"].iter().any(|part| text.contains(part));
    if bad { Err(invalid(&format!("invalid {what} format :: {text}"))) } else { Ok(()) }
}

/// PHP's FILTER_VALIDATE_DOMAIN, with or without FILTER_FLAG_HOSTNAME.
fn domain(text: &str, hostname: bool) -> bool {
    let text = text.trim_end_matches('.');
    let label = |label: &str| {
        let bytes = label.as_bytes();
        !label.is_empty()
            && label.len() < 64
            && (!hostname
                || (bytes.iter().all(|b| b.is_ascii_alphanumeric() || *b == b'-')
                    && bytes[0] != b'-'
                    && bytes[bytes.len() - 1] != b'-'))
    };
    !text.is_empty() && text.len() < 254 && text.split('.').all(label)
}

fn validate(new: &mut Checked) -> Result<(), Ended> {
    let value = new.value.clone();
    let fields: Vec<&str> = value.split_whitespace().collect();
    let small = |text: &str| text.parse::<u16>().is_ok();
    let target = |text: &str| text == "." || domain(text, true);
    let hex = |parts: &[&str]| {
        parts.concat().bytes().all(|b| b.is_ascii_hexdigit()) && parts.concat().len() % 2 == 0
    };
    let fine = match new.kind.as_str() {
        "A" => value.parse::<Ipv4Addr>().is_ok(),
        "AAAA" => value.parse::<Ipv6Addr>().is_ok(),
        "NS" | "PTR" => domain(&value, true),
        "CNAME" => domain(&value, false),
        "MX" => domain(&value, true) && small(&new.priority),
        "TXT" | "SPF" => {
            !value.is_empty() && value.len() <= 65535 && value.bytes().all(|b| matches!(b, b' '..=b'~'))
        }
        "CAA" => value.splitn(3, ' ').count() == 3 && fields[0].parse::<u8>().is_ok(),
        "TLSA" => {
            fields.len() >= 4 && hex(&fields[3..]) && (fields[2] != "1" || fields[3..].concat().len() == 64)
        }
        "DS" => fields.len() >= 4 && small(fields[0]) && hex(&fields[3..]),
        "SRV" => {
            let (priority, rest) = match fields.len() {
                4 => (fields[0].to_owned(), fields[1..].to_vec()),
                // The first field is taken for a host name if it looks like one, and a number does.
                3 if target(fields[0]) && fields[0] != "0" => {
                    (new.priority.clone(), vec![fields[2], fields[1], fields[0]])
                }
                3 => (new.priority.clone(), fields.clone()),
                _ => return Err(invalid(&format!("invalid SRV record format :: {value}"))),
            };
            let fine = small(&priority) && small(rest[0]) && small(rest[1]) && target(rest[2]);
            new.priority = priority;
            new.value = rest.join(" ");
            fine
        }
        _ => !fields.is_empty(),
    };
    if fine { Ok(()) } else { Err(invalid(&format!("dns record validation failed :: {value}"))) }
}

fn fqdn(new: &Checked) -> Result<(), Ended> {
    if !has_target(&new.kind) || (new.kind == "SRV" && new.value.ends_with(" .")) {
        return Ok(());
    }
    let least = if matches!(new.kind.as_str(), "CNAME" | "MX" | "PTR") { 2 } else { 3 };
    if new.value.matches('.').count() >= least {
        return Ok(());
    }
    let value = new.value.trim_end_matches('.');
    Err(invalid(&format!("{} record {value} should be a fully qualified domain name (FQDN)", new.kind)))
}

fn name_server(zone: &str, lines: &[String], new: &Checked) -> Result<(), Ended> {
    let Some(inside) = new.value.strip_suffix(&format!(".{zone}.")).filter(|_| new.kind == "NS") else {
        return Ok(());
    };
    let has = |line: &String| columns(line)["RECORD"] == inside && columns(line)["TYPE"] == "A";
    match lines.iter().any(has) {
        true => Ok(()),
        false => Err(Ended { code: 3, output: format!("Error: IN A {inside}.{zone} does not exist") }),
    }
}
