//! Record files, and `update_domain_zone`: the zone file a name server is given, with its flaws.

use super::State;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};
use zonecast_core::{Name, RRset, RecordType, Ttl};
use zonecast_dns::{Authority, ChangeOptions, Edit, ZoneSettings, parse_zonefile};

/// A line of a record file.
pub fn line(
    id: u64,
    record: &str,
    kind: &str,
    priority: &str,
    value: &str,
    asleep: &str,
    ttl: Option<u32>,
) -> String {
    let value = value.replace('\'', "%quote%");
    let ttl = ttl.map(|ttl| format!(" TTL='{ttl}'")).unwrap_or_default();
    format!(
        "ID='{id}' RECORD='{record}' TYPE='{kind}' PRIORITY='{priority}' VALUE='{value}' SUSPENDED='{asleep}' TIME='08:13:25' DATE='2026-11-21'{ttl}"
    )
}

/// What `KEY='value'` pairs a line has.
pub fn columns(line: &str) -> BTreeMap<String, String> {
    let mut columns: BTreeMap<String, String> = BTreeMap::new();
    let mut parts = line.split('\'');
    while let (Some(key), Some(value)) = (parts.next(), parts.next()) {
        columns.insert(key.trim().trim_end_matches('=').to_owned(), value.to_owned());
    }
    for key in ["ID", "RECORD", "TYPE", "PRIORITY", "VALUE", "SUSPENDED", "TIME", "DATE", "TTL"] {
        columns.entry(key.to_owned()).or_default();
    }
    columns
}

pub fn next_id(lines: &[String]) -> u64 {
    lines.iter().filter_map(|line| columns(line)["ID"].parse::<u64>().ok()).max().unwrap_or(0) + 1
}

/// Sorts the file, raises the serial if wanted, and hands the zone to the name server.
pub async fn write_out(state: &Arc<Mutex<State>>, dns: &Authority, name: &str, raise: bool) {
    let text = {
        let mut state = state.lock().unwrap();
        let Some(zone) = state.zones.get_mut(name) else { return };
        if raise {
            zone.serial =
                if zone.serial == 0 { 3_000_000_000 } else { zone.serial.checked_add(1).unwrap_or(1) };
        }
        zone.lines.sort_by_key(|line| columns(line)["ID"].parse::<u64>().unwrap_or(0));
        zone.records = zone.lines.len();
        zone_file(name, zone)
    };
    let loaded = load(dns, name, &text).await;
    state.lock().unwrap().written.insert(name.to_owned(), (text, loaded));
}

fn zone_file(name: &str, zone: &super::Zone) -> String {
    let ascii = Name::parse(name).unwrap().to_string();
    let mut text = format!(
        "$TTL {}\n@    IN    SOA    {}.    root.{ascii}. (\n {}\n 14400\n 3600\n 1209600\n 3600 )\n\n",
        zone.ttl, zone.soa, zone.serial
    );
    for line in &zone.lines {
        let line = columns(line);
        let ttl = if line["TTL"].is_empty() { zone.ttl.to_string() } else { line["TTL"].clone() };
        let kind = line["TYPE"].as_str();
        let mut value = line["VALUE"].clone();
        if kind == "TXT" {
            value = cut(&value.replace("%quote%", "'"));
        }
        if line["SUSPENDED"] != "yes" {
            let value = value.replace("%quote%", "'");
            let record = ascii_name(&line["RECORD"]);
            text.push_str(&format!("{record}\t{ttl}\tIN\t{kind}\t{}\t{value}\n", line["PRIORITY"]));
        }
    }
    text
}

/// `idn2`, which says nothing to what it does not like.
fn ascii_name(record: &str) -> String {
    if record.is_ascii() {
        let forbidden =
            record.split('.').any(|label| label.get(2..4) == Some("--") && !label.starts_with("xn--"));
        return if forbidden { String::new() } else { record.to_owned() };
    }
    Name::parse(record).map(|name| name.to_string()).unwrap_or_default()
}

/// `fold -w 255 | xargs -I '$' echo -n '"$"'`: a blank at the start of a part goes, and a quote in one
/// ends it all.
fn cut(value: &str) -> String {
    if value.len() <= 255 || value.contains("\" \"") || value.contains("\"\"") {
        return value.to_owned();
    }
    let bare = value.strip_prefix('"').map_or(value, |rest| &rest[..rest.len() - 1]);
    if bare.contains(['\'', '"']) {
        return String::new();
    }
    let parts = bare.as_bytes().chunks(255).map(|part| String::from_utf8_lossy(part).trim_start().to_owned());
    parts.map(|part| format!("\"{part}\"")).collect()
}

/// The name server takes the zone whole, or goes on with the one it has.
async fn load(dns: &Authority, name: &str, text: &str) -> Result<(), String> {
    let origin = Name::parse(name).unwrap();
    let mut parsed: Vec<RRset> = Vec::new();
    let read = parse_zonefile(text, &origin, Ttl::DEFAULT).map_err(|errors| errors[0].to_string())?;
    for set in read {
        if !set.name.is_within(&origin) {
            continue;
        }
        match parsed.iter_mut().find(|there| there.name == set.name && there.rtype == set.rtype) {
            Some(there) => there.values.extend(set.values),
            None => parsed.push(set),
        }
    }
    let sets: Vec<RRset> =
        parsed.into_iter().map(|set| RRset::new(set.name, set.rtype, set.ttl, set.values)).collect();
    let Some(now) = dns.snapshot(&origin) else {
        let settings =
            ZoneSettings { allow_transfer: vec!["127.0.0.1/32".parse().unwrap()], ..ZoneSettings::default() };
        return dns.create_zone(origin, sets, settings).await.map(drop).map_err(|error| error.to_string());
    };
    let keep: BTreeSet<(Name, RecordType)> = sets.iter().map(|set| (set.name.clone(), set.rtype)).collect();
    let gone = now.rrsets().filter(|set| !keep.contains(&(set.name.clone(), set.rtype)));
    let mut edits: Vec<Edit> = gone.map(|set| Edit::Delete(set.name, set.rtype)).collect();
    edits.extend(sets.into_iter().map(Edit::Set));
    dns.apply(&origin, edits, ChangeOptions::default()).await.map(drop).map_err(|error| error.to_string())
}
