//! Gandi LiveDNS, written from its documentation and its clients of 2026-11-21.

use super::{Call, Desk, Said, Zone, data, said};
use serde_json::{Value, json};

const TYPES: &[&str] =
    &["A", "AAAA", "CAA", "CNAME", "DNAME", "DS", "MX", "NAPTR", "NS", "PTR", "SRV", "SSHFP", "TLSA", "TXT"];

fn fault(status: u16, object: &str, cause: &str, words: &str) -> Said {
    said(status, json!({ "code": status, "object": object, "cause": cause, "message": words }))
}

fn missing(words: &str) -> Said {
    fault(404, "HTTPNotFound", "Not Found", words)
}

fn invalid(field: &str, words: &str) -> Said {
    said(
        400,
        json!({ "status": "error", "errors": [{ "location": "body", "name": field, "description": words }] }),
    )
}

pub(super) fn answer(desk: &mut Desk, call: &Call<'_>) -> Said {
    let header = call.request.header("authorization").unwrap_or_default();
    let Some(token) = header.strip_prefix("Bearer ").and_then(|text| desk.token(text)) else {
        let words = "The server could not verify that you authorized to access the document you requested.";
        return fault(401, "HTTPUnauthorized", "Unauthorized", words);
    };
    let method = call.request.method.as_str();
    if method != "GET" && !token.writes {
        return fault(403, "HTTPForbidden", "Forbidden", "Access was denied to this resource.");
    }
    let parts: Vec<&str> = call.parts.iter().map(String::as_str).collect();
    let mut next = desk.next;
    let answer = match (method, parts.as_slice()) {
        ("GET", ["domains"]) => {
            let names: Vec<Value> = desk.zones.keys().map(|name| json!({ "fqdn": name })).collect();
            said(200, names.into())
        }
        ("POST", ["domains"]) => {
            let name = call.body["fqdn"].as_str().unwrap_or_default().to_owned();
            if desk.zones.contains_key(&name) {
                return fault(409, "HTTPConflict", "Conflict", "Domain already exists");
            }
            desk.zones.insert(name, Zone { ttl_min: 300, ..Zone::default() });
            said(201, json!({ "message": "Domain Created" }))
        }
        (_, ["domains", name, rest @ ..]) => match desk.zone(&token, name) {
            None if token.zones.is_empty() => missing("The resource could not be found."),
            None => fault(403, "HTTPForbidden", "Forbidden", "Access was denied to this resource."),
            Some(zone) => in_zone(zone, name, &mut next, call, rest),
        },
        _ => missing("The resource could not be found."),
    };
    desk.next = next;
    answer
}

fn show(zone: &Zone, domain: &str, name: &str, rtype: &str) -> Value {
    let set = zone.set(name, rtype);
    let values: Vec<&str> = set.iter().map(|record| record.value.as_str()).collect();
    let href = format!("https://api.gandi.net/v5/livedns/domains/{domain}/records/{name}/{rtype}");
    let ttl = set.first().map(|record| record.ttl);
    json!({ "rrset_name": name, "rrset_type": rtype, "rrset_ttl": ttl, "rrset_values": values, "rrset_href": href })
}

fn in_zone(zone: &mut Zone, domain: &str, next: &mut u64, call: &Call<'_>, rest: &[&str]) -> Said {
    let method = call.request.method.as_str();
    match (method, rest) {
        ("GET", []) => said(200, json!({ "fqdn": domain, "automatic_snapshots": true })),
        ("GET", ["nameservers"]) => {
            said(200, json!(["ns-1-a.gandi.net", "ns-2-b.gandi.net", "ns-3-c.gandi.net"]))
        }
        ("GET", ["records"]) => {
            let size = call.number("per_page").unwrap_or(100);
            let page = zone.pages.by_number(zone.keys(), call.number("page").unwrap_or(1), size);
            let total = ("Total-Count".to_owned(), page.total.to_string());
            let rows = page.rows.iter().map(|(name, rtype)| show(zone, domain, name, rtype));
            let rows: Vec<Value> = rows.collect();
            zone.was_listed(next);
            Said(200, rows.into(), vec![total])
        }
        ("GET", ["records", name]) => {
            let keys = zone.keys().into_iter().filter(|(at, _)| at == name);
            let rows: Vec<Value> = keys.map(|(name, rtype)| show(zone, domain, &name, &rtype)).collect();
            match rows.is_empty() {
                true => missing("Can't find the DNS record"),
                false => said(200, rows.into()),
            }
        }
        ("GET" | "DELETE", ["records", name, rtype]) if zone.set(name, rtype).is_empty() => {
            missing(&format!("Can't find the DNS record {name}/{rtype} in the zone"))
        }
        ("GET", ["records", name, rtype]) => said(200, show(zone, domain, name, rtype)),
        ("DELETE", ["records", name, rtype]) => {
            zone.put(next, name, rtype, 0, &[]);
            said(204, Value::Null)
        }
        ("POST", ["records", name, rtype]) if !zone.set(name, rtype).is_empty() => {
            fault(409, "HTTPConflict", "Conflict", "A DNS Record already exists with same value")
        }
        // The same with name and type in the body.
        ("POST", ["records"]) => {
            let text = |key: &str| call.body[key].as_str().unwrap_or_default();
            let (name, rtype) = (text("rrset_name"), text("rrset_type"));
            if !zone.set(name, rtype).is_empty() || zone.clash(name, rtype).is_some() {
                return fault(409, "HTTPConflict", "Conflict", "A DNS Record already exists with same value");
            }
            put(zone, next, name, rtype, &call.body).unwrap_or_else(|()| created())
        }
        ("PUT" | "POST", ["records", name, rtype]) => {
            if let Some(other) = zone.clash(name, rtype) {
                let words = format!("A {other} record is at {name} already, it cannot stand beside {rtype}");
                return fault(409, "HTTPConflict", "Conflict", &words);
            }
            put(zone, next, name, rtype, &call.body).unwrap_or_else(|()| created())
        }
        ("PUT", ["records", name]) => put_all(zone, next, name, &call.body),
        // The whole zone: nobody here may.
        ("PUT", ["records"]) => {
            fault(500, "HTTPInternalServerError", "Internal", "the whole zone was replaced")
        }
        _ => missing("The resource could not be found."),
    }
}

fn created() -> Said {
    said(201, json!({ "message": "DNS Record Created" }))
}

/// `Ok` is a refusal.
fn put(zone: &mut Zone, next: &mut u64, name: &str, rtype: &str, body: &Value) -> Result<Said, ()> {
    if !data::is_label(name) {
        return Ok(invalid("rrset_name", "is not a valid name"));
    }
    if !TYPES.contains(&rtype) {
        return Ok(invalid("rrset_type", "is not one of the known types"));
    }
    let ttl = body["rrset_ttl"].as_u64().unwrap_or(10_800);
    if !(300..=2_592_000).contains(&ttl) {
        return Ok(invalid("rrset_ttl", "300 is the smallest value, 2592000 the largest"));
    }
    let given = body["rrset_values"].as_array().cloned().unwrap_or_default();
    if given.is_empty() {
        return Ok(invalid("rrset_values", "Required"));
    }
    let mut values = Vec::new();
    for value in &given {
        let text = value.as_str().unwrap_or_default();
        // An unquoted text is taken too, and kept with quotes.
        let quoted = match rtype == "TXT" && !text.starts_with('"') {
            true => format!("\"{text}\""),
            false => text.to_owned(),
        };
        match data::check(rtype, &quoted) {
            Err(words) => return Ok(invalid("rrset_values", &words)),
            Ok(value) if values.contains(&value) => {
                return Ok(invalid("rrset_values", "has duplicate values"));
            }
            Ok(value) => values.push(value),
        }
    }
    if matches!(rtype, "CNAME" | "DNAME") && (values.len() > 1 || name == "@") {
        return Ok(invalid("rrset_values", "there is one CNAME at a name, and none at the apex"));
    }
    zone.put(next, name, rtype, ttl as u32, &values);
    Err(())
}

/// All or nothing at one name.
fn put_all(zone: &mut Zone, next: &mut u64, name: &str, body: &Value) -> Said {
    let mut after = zone.clone();
    after.records.retain(|record| record.name != name);
    for item in body["items"].as_array().into_iter().flatten() {
        let rtype = item["rrset_type"].as_str().unwrap_or_default();
        if after.clash(name, rtype).is_some() {
            return fault(409, "HTTPConflict", "Conflict", "A CNAME stands beside nothing");
        }
        if let Ok(refusal) = put(&mut after, next, name, rtype, item) {
            return refusal;
        }
    }
    *zone = after;
    created()
}
