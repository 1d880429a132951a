//! DigitalOcean, written from its reference and its clients of 2026-11-21.

use super::{Call, Desk, Record, Said, Zone, data, said};
use serde_json::{Value, json};

fn fault(status: u16, id: &str, words: &str) -> Said {
    said(status, json!({ "id": id, "message": words, "request_id": "4d9d8375-3c56-4925-a3e7-eb137fed17e9" }))
}

fn missing() -> Said {
    fault(404, "not_found", "The resource you were accessing could not be found.")
}

fn invalid(words: &str) -> Said {
    fault(422, "unprocessable_entity", words)
}

pub(super) fn answer(desk: &mut Desk, call: &Call<'_>) -> Said {
    let header = call.request.header("authorization").unwrap_or_default();
    let Some(token) = header.strip_prefix("Bearer ").and_then(|text| desk.token(text)) else {
        return fault(401, "Unauthorized", "Unable to authenticate you");
    };
    let method = call.request.method.as_str();
    if method != "GET" && !token.writes {
        return fault(403, "Forbidden", "You are not authorized to perform this operation");
    }
    let parts: Vec<&str> = call.parts.iter().map(String::as_str).collect();
    let mut next = desk.next;
    let answer = match (method, parts.as_slice()) {
        ("GET", ["domains"]) => {
            let names: Vec<Value> = desk.zones.keys().map(|name| json!({ "name": name })).collect();
            said(200, json!({ "domains": names, "links": {}, "meta": { "total": names.len() } }))
        }
        ("POST", ["domains"]) => {
            let name = call.body["name"].as_str().unwrap_or_default().to_owned();
            if desk.zones.contains_key(&name) {
                return invalid("Name already exists");
            }
            desk.zones.insert(name.clone(), Zone::default());
            said(201, json!({ "domain": { "name": name, "ttl": 1_800, "zone_file": null } }))
        }
        ("DELETE", ["domains", name]) => match desk.zones.remove(*name) {
            Some(_) => said(204, Value::Null),
            None => missing(),
        },
        (_, ["domains", name, rest @ ..]) => match desk.zone(&token, name) {
            Some(zone) => in_zone(zone, name, &mut next, call, rest),
            None => missing(),
        },
        _ => missing(),
    };
    desk.next = next;
    answer
}

fn in_zone(zone: &mut Zone, domain: &str, next: &mut u64, call: &Call<'_>, rest: &[&str]) -> Said {
    let method = call.request.method.as_str();
    match (method, rest) {
        ("GET", []) => said(200, json!({ "domain": { "name": domain, "ttl": 1_800, "zone_file": "" } })),
        ("GET", ["records"]) => {
            let listed = list(zone, domain, call);
            zone.was_listed(next);
            listed
        }
        ("POST", ["records"]) => {
            *next += 1;
            match read(zone, domain, *next, &call.body, None) {
                Ok(record) => {
                    let shown = show(&record);
                    zone.records.push(record);
                    said(201, json!({ "domain_record": shown }))
                }
                Err(words) => invalid(&words),
            }
        }
        (_, ["records", id]) => {
            let Some(at) = zone.records.iter().position(|record| record.id.to_string() == *id) else {
                return missing();
            };
            match method {
                "GET" => said(200, json!({ "domain_record": show(&zone.records[at]) })),
                "DELETE" => {
                    zone.records.remove(at);
                    said(204, Value::Null)
                }
                "PUT" | "PATCH" => {
                    let old = zone.records.remove(at);
                    let read = read(zone, domain, old.id, &call.body, Some(&old));
                    zone.records.insert(at, read.clone().unwrap_or(old));
                    match read {
                        Ok(record) => said(200, json!({ "domain_record": show(&record) })),
                        Err(words) => invalid(&words),
                    }
                }
                _ => missing(),
            }
        }
        _ => missing(),
    }
}

/// `name` filters by the whole name, though records carry the relative one.
fn list(zone: &Zone, domain: &str, call: &Call<'_>) -> Said {
    let (name, rtype) = (call.request.param("name"), call.request.param("type"));
    let whole = |name: &str| if name == "@" { domain.to_owned() } else { format!("{name}.{domain}") };
    let fits = |record: &&Record| {
        name.as_ref().is_none_or(|wanted| *wanted == whole(&record.name))
            && rtype.as_ref().is_none_or(|wanted| *wanted == record.rtype)
    };
    let all: Vec<Value> = zone.records.iter().filter(fits).map(show).collect();
    let number = call.number("page").unwrap_or(1);
    let per_page = call.number("per_page").unwrap_or(20).clamp(1, 200);
    let last = all.len().div_ceil(per_page);
    let page = zone.pages.by_number(all, number, per_page);
    let url = |page: usize| format!("https://api.digitalocean.com/v2/domains/{domain}/records?page={page}");
    let links = match page.next {
        Some(_) => json!({ "pages": { "next": url(number + 1), "last": url(last.max(number + 1)) } }),
        None => json!({}),
    };
    said(200, json!({ "domain_records": page.rows, "links": links, "meta": { "total": page.total } }))
}

/// Without final dots, and TXT without quotes.
fn show(record: &Record) -> Value {
    let words: Vec<&str> = record.value.split(' ').collect();
    let host = |text: &str| text.strip_suffix('.').filter(|text| !text.is_empty()).unwrap_or(text).to_owned();
    let mut shown = json!({
        "id": record.id, "type": record.rtype, "name": record.name, "ttl": record.ttl, "priority": null,
        "port": null, "weight": null, "flags": null, "tag": null, "data": record.value,
    });
    let number = |at: usize| Value::from(words[at].parse::<u64>().unwrap_or(0));
    match record.rtype.as_str() {
        "CNAME" | "NS" => shown["data"] = host(&record.value).into(),
        "MX" => {
            shown["priority"] = number(0);
            shown["data"] = host(words[1]).into();
        }
        "SRV" => {
            (shown["priority"], shown["weight"], shown["port"]) = (number(0), number(1), number(2));
            shown["data"] = host(words[3]).into();
        }
        "CAA" => {
            shown["flags"] = number(0);
            shown["tag"] = words[1].into();
            shown["data"] = words[2].trim_matches('"').into();
        }
        "TXT" => {
            let text = data::strings(&record.value).unwrap_or_default();
            shown["data"] = String::from_utf8_lossy(&text).into_owned().into();
        }
        _ => {}
    }
    shown
}

/// Reads a body; what it leaves out comes from the record it changes.
fn read(zone: &Zone, domain: &str, id: u64, body: &Value, old: Option<&Record>) -> Result<Record, String> {
    let base = old.map(show).unwrap_or_default();
    let get = |key: &str| if body[key].is_null() { base[key].clone() } else { body[key].clone() };
    let text = |key: &str| get(key).as_str().unwrap_or_default().to_owned();
    let (rtype, name, given) = (text("type"), text("name"), text("data"));
    if !data::is_label(&name) || name.ends_with(&format!(".{domain}")) {
        return Err("Name is invalid".to_owned());
    }
    let number = |key: &str| get(key).as_u64().ok_or_else(|| format!("{key} can't be blank"));
    let value = match rtype.as_str() {
        "A" | "AAAA" => given,
        "CNAME" | "NS" => dotted(&given)?,
        "MX" => format!("{} {}", number("priority")?, dotted(&given)?),
        "SRV" => {
            format!("{} {} {} {}", number("priority")?, number("weight")?, number("port")?, dotted(&given)?)
        }
        "CAA" if given.contains(' ') => return Err("Data is invalid".to_owned()),
        "CAA" => format!("{} {} \"{}\"", number("flags")?, text("tag"), given.trim_end_matches('.')),
        "TXT" if given.is_empty() => return Err("Data can't be blank".to_owned()),
        "TXT" if given.contains('\\') || given.len() > 512 => return Err("Data is invalid".to_owned()),
        "TXT" => {
            let chunks = given.as_bytes().chunks(255).map(String::from_utf8_lossy);
            let chunks: Vec<String> = chunks.map(|one| format!("\"{}\"", one.replace('"', "\\\""))).collect();
            chunks.join(" ")
        }
        _ => return Err("Type is not included in the list".to_owned()),
    };
    let value = data::check(&rtype, &value).map_err(|words| format!("Data is invalid: {words}"))?;
    let ttl = get("ttl").as_u64().unwrap_or(1_800);
    if ttl < 30 {
        return Err("Ttl must be greater than or equal to 30".to_owned());
    }
    let cname_beside = rtype == "CNAME" && zone.records.iter().any(|other| other.name == name);
    if cname_beside || zone.clash(&name, &rtype).is_some() {
        return Err("CNAME records cannot share a name with other records".to_owned());
    }
    Ok(Record { id, name, rtype, ttl: ttl as u32, value })
}

fn dotted(target: &str) -> Result<String, String> {
    match target.ends_with('.') {
        true => Ok(target.to_owned()),
        false => Err("Data needs to end with a dot (.)".to_owned()),
    }
}
