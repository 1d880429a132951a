//! The `v-*` commands on the record files.

use super::checks::{Checked, check, common};
use super::zone::{columns, line, next_id, write_out};
use super::{State, Zone};
use std::sync::{Arc, Mutex};
use zonecast_core::Name;
use zonecast_dns::Authority;

/// How a command ended: its exit code, and what it printed.
pub struct Ended {
    pub code: u32,
    pub output: String,
}

pub fn invalid(words: &str) -> Ended {
    Ended { code: 2, output: format!("Error: {words}") }
}

fn fine(output: impl Into<String>) -> Ended {
    Ended { code: 0, output: output.into() }
}

const KNOWN: [(&str, usize, &str); 12] = [
    ("v-list-sys-config", 0, "[FORMAT]"),
    ("v-list-dns-domains", 1, "USER [FORMAT]"),
    ("v-list-dns-domain", 2, "USER DOMAIN [FORMAT]"),
    ("v-list-dns-records", 2, "USER DOMAIN [FORMAT]"),
    ("v-add-dns-record", 5, "USER DOMAIN RECORD TYPE VALUE [PRIORITY] [ID] [RESTART] [TTL]"),
    ("v-change-dns-record", 6, "USER DOMAIN ID RECORD TYPE VALUE [PRIORITY] [RESTART] [TTL]"),
    ("v-delete-dns-record", 3, "USER DOMAIN ID [RESTART]"),
    ("v-insert-dns-record", 3, "USER DOMAIN DATA [RESTART]"),
    ("v-insert-dns-records", 3, "USER DOMAIN DATAFILE [RESTART]"),
    ("v-rebuild-dns-domain", 2, "USER DOMAIN [RESTART] [UPDATE_SERIAL]"),
    ("v-make-tmp-file", 2, "DATA NAME"),
    ("v-list-user", 1, "USER [FORMAT]"),
];

pub fn is_known(command: &str) -> bool {
    KNOWN.iter().any(|(name, ..)| *name == command)
}

/// Runs a command; the zone is written out when it changed.
pub async fn run(state: &Arc<Mutex<State>>, dns: &Authority, command: &str, args: &[String]) -> Ended {
    let (ended, out) = {
        let mut state = state.lock().unwrap();
        let mut ran = vec![command.to_owned()];
        ran.extend(args.iter().cloned());
        state.ran.push(ran);
        let ended = begin(&mut state, command, args);
        let writes = ended.code == 0 && !command.starts_with("v-list");
        if writes {
            state.writing.0 += 1;
            state.writing.1 = state.writing.1.max(state.writing.0);
        }
        let out = writes.then_some(match command {
            "v-add-dns-record" | "v-change-dns-record" | "v-delete-dns-record" => Some(true),
            "v-rebuild-dns-domain" => Some(args.get(3).is_some_and(|value| value == "yes")),
            _ => None,
        });
        (ended, out)
    };
    if let Some(out) = out {
        // Somebody else may come in here.
        tokio::task::yield_now().await;
        if let Some(raise) = out {
            write_out(state, dns, &args[1], raise).await;
        }
        state.lock().unwrap().writing.0 -= 1;
    }
    ended
}

fn begin(state: &mut State, command: &str, args: &[String]) -> Ended {
    let arg = |n: usize| args.get(n - 1).map(String::as_str).unwrap_or_default();
    let Some((_, least, usage)) = KNOWN.iter().find(|(name, ..)| *name == command) else {
        // sudo does not find it and prints nothing to us.
        return Ended { code: 1, output: String::new() };
    };
    if args.len() < *least {
        return Ended { code: 1, output: format!("Usage: {command} {usage}") };
    }
    match command {
        "v-list-sys-config" => return sys_config(state),
        "v-make-tmp-file" => {
            let name = format!("/tmp/{}", arg(2).rsplit('/').next().unwrap_or_default());
            state.files.insert(name, format!("{}\n", arg(1)));
            return fine("");
        }
        _ => {}
    }
    let (user, domain) = (arg(1), arg(2));
    if !state.users.contains_key(user) {
        return Ended { code: 3, output: format!("Error: user {user} doesn't exist") };
    }
    let zones = state.zones.iter().filter(|(_, zone)| zone.user == user);
    match command {
        "v-list-dns-domains" => return fine(entries(zones)),
        "v-list-user" => return fine("{}"),
        _ => {}
    }
    let lists = command.starts_with("v-list");
    if !lists && !matches!(command, "v-delete-dns-record" | "v-rebuild-dns-domain") && state.users[user] {
        return Ended { code: 5, output: format!("Error: user {user} is suspended") };
    }
    let Some(zone) = state.zones.get(domain).filter(|zone| zone.user == user) else {
        return Ended { code: 3, output: format!("Error: dns domain {domain} doesn't exist") };
    };
    if matches!(command, "v-add-dns-record" | "v-change-dns-record") && zone.suspended {
        return Ended { code: 5, output: format!("Error: dns {domain} is suspended") };
    }
    match command {
        "v-list-dns-domain" => fine(entries([(&domain.to_owned(), zone)].into_iter())),
        "v-list-dns-records" => fine(records(zone, arg(3))),
        "v-insert-dns-records" => {
            let file = state.files.remove(arg(3));
            if let (Some(file), Some(zone)) = (file, state.zones.get_mut(domain)) {
                zone.lines = file.lines().filter(|line| !line.is_empty()).map(str::to_owned).collect();
            }
            fine("")
        }
        "v-rebuild-dns-domain" => fine(""),
        _ => change(state, command, args).map_or_else(|ended| ended, |()| fine("")),
    }
}

fn change(state: &mut State, command: &str, args: &[String]) -> Result<(), Ended> {
    let arg = |n: usize| args.get(n - 1).map(String::as_str).unwrap_or_default();
    let (version, most) = (state.version, state.records_max);
    let name = arg(2).to_owned();
    let Some(zone) = state.zones.get_mut(&name) else { return Ok(()) };
    match command {
        "v-insert-dns-record" => zone.lines.push(arg(3).to_owned()),
        "v-delete-dns-record" => {
            let id = arg(3);
            let Some(found) = at(zone, id) else {
                return Err(Ended { code: 3, output: format!("Error: {name} id {id} doesn't exist") });
            };
            let kind = columns(&zone.lines[found])["TYPE"].clone();
            let alike = zone.lines.iter().filter(|line| columns(line)["TYPE"] == kind).count();
            if matches!(kind.as_str(), "A" | "NS") && alike <= 1 {
                return Err(invalid(&format!("at least one {kind} record should remain active")));
            }
            zone.lines.retain(|line| !line.starts_with(&format!("ID='{id}'")));
        }
        "v-add-dns-record" => {
            if zone.lines.len() >= most {
                let output = "Error: DNS_RECORDS limit is reached :: upgrade user package".to_owned();
                return Err(Ended { code: 8, output });
            }
            let (kind, priority) = (arg(4).to_uppercase(), if arg(6).is_empty() { "10" } else { arg(6) });
            let new = Checked {
                record: national(&arg(3).to_lowercase()),
                kind,
                value: arg(5).to_owned(),
                priority: priority.to_owned(),
            };
            let new = check(version, &name, &zone.lines, new)?;
            let id = next_id(&zone.lines);
            zone.lines.push(line(id, &new.record, &new.kind, &new.priority, &new.value, "no", ttl(arg(9))?));
        }
        _ => alter(zone, &name, version, args)?,
    }
    Ok(())
}

/// The line with an id.
fn at(zone: &Zone, id: &str) -> Option<usize> {
    zone.lines.iter().position(|line| line.starts_with(&format!("ID='{id}'")))
}

/// `v-change-dns-record`.
fn alter(zone: &mut Zone, name: &str, version: (u32, u32, u32), args: &[String]) -> Result<(), Ended> {
    let arg = |n: usize| args.get(n - 1).map(String::as_str).unwrap_or_default();
    let id = arg(3);
    common("record", arg(4))?;
    let Some(found) = at(zone, id) else {
        return Err(Ended { code: 3, output: format!("Error: {name} id {id} doesn't exist") });
    };
    let old = columns(&zone.lines[found]);
    let priority = if arg(7).is_empty() { old["PRIORITY"].clone() } else { arg(7).to_owned() };
    let new = Checked { record: arg(4).into(), kind: arg(5).into(), value: arg(6).into(), priority };
    let new = check(version, name, &zone.lines, new)?;
    let id = id.parse().unwrap_or(0);
    let ttl = ttl(arg(9))?;
    let number = |text: &str| text.parse::<u32>().unwrap_or(0);
    let stored = line(id, &new.record, &new.kind, &new.priority, &new.value, "no", ttl);
    let now = columns(&stored);
    let same = ["RECORD", "TYPE", "VALUE"].iter().all(|key| old[*key] == now[*key])
        && ["PRIORITY", "TTL"].iter().all(|key| number(&old[*key]) == number(&now[*key]))
        && old["SUSPENDED"] == "no";
    if same {
        return Err(Ended { code: 4, output: "No pending changes in DNS entry.".to_owned() });
    }
    zone.lines.retain(|line| !line.starts_with(&format!("ID='{id}'")));
    zone.lines.push(stored);
    Ok(())
}

fn ttl(text: &str) -> Result<Option<u32>, Ended> {
    match text {
        "" => Ok(None),
        text => text.parse().map(Some).map_err(|_| invalid(&format!("invalid ttl format :: {text}"))),
    }
}

/// `idn2 -d`.
fn national(record: &str) -> String {
    match record.contains("xn--") {
        true => Name::parse(record).map(|name| name.unicode()).unwrap_or_default(),
        false => record.to_owned(),
    }
}

fn sys_config(state: &State) -> Ended {
    let (a, b, c) = state.version;
    let cluster = if state.cluster.is_some() { "yes" } else { "no" };
    let system = state.cluster.unwrap_or("hestia");
    fine(format!(
        r#"{{"config":{{"VERSION":"{a}.{b}.{c}","DNS_SYSTEM":"bind9","DNS_CLUSTER":"{cluster}","DNS_CLUSTER_SYSTEM":"{system}"}}}}"#
    ))
}

fn entries<'a>(zones: impl Iterator<Item = (&'a String, &'a Zone)>) -> String {
    let entry = |(name, zone): (&String, &Zone)| {
        let suspended = if zone.suspended { "yes" } else { "no" };
        format!(
            "    \"{name}\": {{\n        \"IP\": \"198.51.100.10\",\n        \"TPL\": \"default\",\n        \"TTL\": \"{}\",\n        \"EXP\": \"2027-11-21\",\n        \"SOA\": \"{}\",\n        \"SERIAL\": \"{}\",\n        \"DNSSEC\": \"no\",\n        \"SRC\": \"{}\",\n        \"RECORDS\": \"{}\",\n        \"SUSPENDED\": \"{suspended}\",\n        \"TIME\": \"08:01:54\",\n        \"DATE\": \"2026-11-21\"\n    }}",
            zone.ttl, zone.soa, zone.serial, zone.src, zone.records
        )
    };
    let entries: Vec<String> = zones.map(entry).collect();
    format!("{{\n{}{}}}", entries.join(",\n"), if entries.is_empty() { "" } else { "\n" })
}

/// `json_list` and `plain_list`: the shell's `read` drops backslashes, and the JSON form makes a TAB
/// of five blanks.
fn records(zone: &Zone, format: &str) -> String {
    let rows: Vec<String> = zone.lines.iter().map(|line| row(zone, line, format)).collect();
    match format {
        "json" => format!("{{\n{}{}}}", rows.join(",\n"), if rows.is_empty() { "" } else { "\n" }),
        "plain" => rows.join("\n"),
        _ => String::new(),
    }
}

fn row(zone: &Zone, line: &str, format: &str) -> String {
    let mut line = columns(&line.replace('\\', ""));
    if line["TTL"].is_empty() {
        line.insert("TTL".into(), zone.ttl.to_string());
    }
    let value = line["VALUE"].replace("%quote%", "'");
    if format == "plain" {
        let keys = ["ID", "RECORD", "TYPE", "PRIORITY", "VALUE", "SUSPENDED", "TIME", "DATE", "TTL"];
        line.insert("VALUE".into(), value);
        return keys.map(|key| line[key].clone()).join("\t");
    }
    let value = value.replace('"', "\\\"").replace("     ", "\\u0009");
    line.insert("VALUE".into(), value);
    let keys = ["RECORD", "TYPE", "PRIORITY", "VALUE", "ID", "SUSPENDED", "TIME", "DATE", "TTL"];
    let fields = keys.map(|key| format!("        \"{key}\": \"{}\"", line[key]));
    format!("    \"{}\": {{\n{}\n    }}", line["ID"], fields.join(",\n"))
}
