//! GoDaddy's domains API, written from its documentation and its clients of 2026-11-21.

use super::{Call, Desk, Record, Said, Zone, data, said};
use serde_json::{Value, json};

fn fault(status: u16, code: &str, words: &str) -> Said {
    said(status, json!({ "code": code, "message": words }))
}

fn invalid(path: &str, words: &str) -> Said {
    let field = json!({ "code": "UNEXPECTED_VALUE", "message": words, "path": path });
    said(
        422,
        json!({ "code": "INVALID_BODY", "message": "Request body doesn't fulfill schema, see details in `fields`",
        "fields": [field] }),
    )
}

pub(super) fn answer(desk: &mut Desk, call: &Call<'_>) -> Said {
    let header = call.request.header("authorization").unwrap_or_default();
    let Some(token) = header.strip_prefix("sso-key ").and_then(|text| desk.token(text)) else {
        return fault(401, "UNABLE_TO_AUTHENTICATE", "Unauthorized : Could not authenticate API key/secret");
    };
    let method = call.request.method.as_str();
    let parts: Vec<&str> = call.parts.iter().map(String::as_str).collect();
    // Domain details stay open where records are not.
    let is_detail = matches!((method, parts.as_slice()), ("GET", ["domains", _]));
    if (desk.shut && !is_detail) || (method != "GET" && !token.writes) {
        return fault(403, "ACCESS_DENIED", "Authenticated user is not allowed access");
    }
    let mut next = desk.next;
    let answer = match parts.as_slice() {
        ["domains", name, rest @ ..] => match desk.zone(&token, name) {
            Some(zone) => in_zone(zone, name, &mut next, call, rest),
            None if rest.is_empty() => {
                fault(404, "NOT_FOUND", &format!("Domain {name} not found for shopper"))
            }
            None => {
                let words = "The given domain is not registered, or does not have a zone file";
                fault(404, "UNKNOWN_DOMAIN", words)
            }
        },
        _ => fault(404, "NOT_FOUND", "Not Found : The requested resource was not found"),
    };
    desk.next = next;
    answer
}

fn in_zone(zone: &mut Zone, domain: &str, next: &mut u64, call: &Call<'_>, rest: &[&str]) -> Said {
    let method = call.request.method.as_str();
    match (method, rest) {
        ("GET", []) => {
            let elsewhere = zone.state == "elsewhere";
            let servers = if elsewhere { "ns1.example.net" } else { "ns01.domaincontrol.com" };
            let contact = json!({ "nameFirst": "Secret", "phone": "+1.5555550100" });
            said(
                200,
                json!({ "domainId": 1, "domain": domain, "status": "ACTIVE", "nameServers": [servers],
                "contactRegistrant": contact }),
            )
        }
        ("GET", ["records", of @ ..]) => {
            let fits = |record: &&Record| {
                of.first().is_none_or(|rtype| record.rtype == *rtype)
                    && of.get(1).is_none_or(|name| record.name == *name)
            };
            let shown: Vec<Value> = zone.records.iter().filter(fits).map(show).collect();
            let size = call.number("limit").unwrap_or(500).clamp(1, 500);
            let offset = call.number("offset");
            let page = match zone.state.as_str() {
                "offsets skip records" => zone.pages.from(shown, offset.unwrap_or(0), size),
                "offsets are nothing" => zone.pages.from(shown, 0, 500),
                _ => zone.pages.by_number(shown, offset.unwrap_or(1), size),
            };
            zone.was_listed(next);
            said(200, page.rows.into())
        }
        ("PUT", ["records", rtype, name]) => put(zone, next, rtype, name, &call.body),
        ("PUT", ["records", rtype]) => put_type(zone, next, rtype, &call.body),
        ("PATCH", ["records"]) => add(zone, next, &call.body),
        ("DELETE", ["records", rtype, name]) => {
            if zone.set(name, rtype).is_empty() {
                return fault(404, "NOT_FOUND", "The specified records were not found");
            }
            zone.put(next, name, rtype, 0, &[]);
            said(204, Value::Null)
        }
        _ => fault(404, "NOT_FOUND", "Not Found : The requested resource was not found"),
    }
}

fn show(record: &Record) -> Value {
    let host = |text: &str| text.strip_suffix('.').unwrap_or(text).to_owned();
    let mut shown =
        json!({ "data": record.value, "name": record.name, "ttl": record.ttl, "type": record.rtype });
    match (record.rtype.as_str(), record.value.split_once(' ')) {
        ("CNAME" | "NS", _) => shown["data"] = host(&record.value).into(),
        ("MX", Some((priority, target))) => {
            shown["priority"] = priority.parse::<u64>().unwrap_or(0).into();
            shown["data"] = host(target).into();
        }
        ("TXT", _) => {
            let text = data::strings(&record.value).unwrap_or_default();
            shown["data"] = String::from_utf8_lossy(&text).into_owned().into();
        }
        _ => {}
    }
    shown
}

/// The value and TTL of one element, in zone-file form.
fn read(rtype: &str, item: &Value) -> Result<(String, u32), Said> {
    let given = item["data"].as_str().unwrap_or_default();
    let ttl = item["ttl"].as_u64().unwrap_or(3_600);
    if !(600..=604_800).contains(&ttl) {
        return Err(invalid("records[0].ttl", "is not between 600 and 604800"));
    }
    let value = match rtype {
        "A" | "AAAA" => given.to_owned(),
        "CNAME" | "NS" | "MX" if given.ends_with('.') => {
            return Err(invalid("records[0].data", "must not end with a dot"));
        }
        "CNAME" | "NS" => format!("{given}."),
        "MX" => match item["priority"].as_u64() {
            Some(priority) => format!("{priority} {given}."),
            None => return Err(invalid("records[0].priority", "is required")),
        },
        "TXT" if given.is_empty() || given.len() > 1_024 => {
            return Err(invalid("records[0].data", "is not between 1 and 1024 characters"));
        }
        "TXT" => {
            let quoted = |one: &[u8]| {
                let text = String::from_utf8_lossy(one).replace('\\', "\\\\").replace('"', "\\\"");
                format!("\"{text}\"")
            };
            given.as_bytes().chunks(255).map(quoted).collect::<Vec<_>>().join(" ")
        }
        _ => return Err(invalid("type", "is not supported")),
    };
    let value = data::check(rtype, &value).map_err(|words| invalid("records[0].data", &words))?;
    Ok((value, ttl as u32))
}

/// Replaces one set. An empty one changes nothing.
fn put(zone: &mut Zone, next: &mut u64, rtype: &str, name: &str, body: &Value) -> Said {
    let Some(items) = body.as_array() else { return invalid("records", "is not an array") };
    if !data::is_label(name) {
        return invalid("name", "is not a valid name");
    }
    if zone.clash(name, rtype).is_some() {
        return fault(422, "INVALID_VALUE_ENUM", "A CNAME cannot share its name with other records");
    }
    let mut values: Vec<String> = Vec::new();
    let mut least = 604_800;
    for item in items {
        match read(rtype, item) {
            Err(refusal) => return refusal,
            Ok((value, _)) if values.contains(&value) || (rtype == "CNAME" && !values.is_empty()) => {
                return fault(
                    422,
                    "DUPLICATE_RECORD",
                    "Another record with the same attributes already exists",
                );
            }
            Ok((value, ttl)) => {
                least = least.min(ttl);
                values.push(value);
            }
        }
    }
    if !values.is_empty() {
        zone.put(next, name, rtype, least, &values);
    }
    said(200, Value::Null)
}

/// Replaces all sets of one type, as lexicon does to delete one value.
fn put_type(zone: &mut Zone, next: &mut u64, rtype: &str, body: &Value) -> Said {
    let mut after = zone.clone();
    after.records.retain(|record| record.rtype != rtype);
    for item in body.as_array().into_iter().flatten() {
        match read(rtype, item) {
            Err(refusal) => return refusal,
            Ok((value, ttl)) => {
                *next += 1;
                let name = item["name"].as_str().unwrap_or_default().to_owned();
                after.records.push(Record { id: *next, name, rtype: rtype.to_owned(), ttl, value });
            }
        }
    }
    *zone = after;
    said(200, Value::Null)
}

fn add(zone: &mut Zone, next: &mut u64, body: &Value) -> Said {
    for item in body.as_array().into_iter().flatten() {
        let text = |key: &str| item[key].as_str().unwrap_or_default().to_owned();
        let (rtype, name) = (text("type"), text("name"));
        match read(&rtype, item) {
            Err(refusal) => return refusal,
            Ok((value, _)) if zone.set(&name, &rtype).iter().any(|record| record.value == value) => {
                return fault(
                    422,
                    "DUPLICATE_RECORD",
                    "Another record with the same attributes already exists",
                );
            }
            Ok((value, ttl)) => {
                *next += 1;
                zone.records.push(Record { id: *next, name, rtype, ttl, value });
            }
        }
    }
    said(200, Value::Null)
}
