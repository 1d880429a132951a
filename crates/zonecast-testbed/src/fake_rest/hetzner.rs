//! Hetzner's Cloud API for DNS, written from its reference and its clients of 2026-08-18.

use super::{Call, Desk, Pages, Said, Token, Zone, data, said};
use serde_json::{Value, json};

const TYPES: &[&str] =
    &["A", "AAAA", "CAA", "CNAME", "DS", "HTTPS", "MX", "NS", "PTR", "SOA", "SRV", "SVCB", "TLSA", "TXT"];

fn fault(status: u16, code: &str, words: &str) -> Said {
    said(status, json!({ "error": { "code": code, "message": words, "details": null } }))
}

fn invalid(field: &str, words: &str) -> Said {
    let details = json!({ "fields": [{ "name": field, "messages": [words] }] });
    let words = format!("invalid input in field '{field}'");
    said(422, json!({ "error": { "code": "invalid_input", "message": words, "details": details } }))
}

pub(super) fn answer(desk: &mut Desk, call: &Call<'_>) -> Said {
    let mut answer = route(desk, call);
    let headers = [("RateLimit-Limit", "3600"), ("RateLimit-Remaining", "3599"), ("RateLimit-Reset", "1")];
    answer.2.extend(headers.map(|(name, value)| (name.to_owned(), value.to_owned())));
    answer
}

fn route(desk: &mut Desk, call: &Call<'_>) -> Said {
    let header = call.request.header("authorization").unwrap_or_default();
    let Some(token) = header.strip_prefix("Bearer ").and_then(|text| desk.token(text)) else {
        return fault(401, "unauthorized", "the token you provided is invalid");
    };
    let (method, parts) = (call.request.method.as_str(), call.parts.iter().map(String::as_str));
    let parts: Vec<&str> = parts.collect();
    if method != "GET" && !token.writes {
        return fault(403, "token_readonly", "only GET requests are allowed for this token");
    }
    match (method, parts.as_slice()) {
        ("GET", ["actions", id]) => action_state(desk, id),
        ("GET", ["zones"]) => {
            let wanted = call.request.param("name");
            let zones = desk.zones.iter().filter(|(name, _)| wanted.as_ref().is_none_or(|one| one == *name));
            let shown: Vec<Value> = zones.map(|(name, zone)| show_zone(name, zone)).collect();
            paged("zones", Pages::Honest, shown, call)
        }
        ("POST", ["zones"]) => create_zone(desk, &call.body),
        (_, ["zones", id, rest @ ..]) => {
            let by_id = desk.zones.iter().find(|(_, zone)| zone.id.to_string() == *id);
            let name = by_id.map_or_else(|| (*id).to_owned(), |(name, _)| name.clone());
            in_zone(desk, &token, call, &name, rest)
        }
        _ => fault(404, "not_found", "route not found"),
    }
}

/// The next actions are running for as many looks as the test asked for.
fn action(desk: &mut Desk, command: &str) -> Value {
    desk.next += 1;
    let status = if desk.busy > 0 { "running" } else { "success" };
    json!({ "id": desk.next, "command": command, "status": status, "progress": 0, "error": null,
        "started": "2026-11-21T10:00:00+00:00", "finished": null, "resources": [] })
}

fn action_state(desk: &mut Desk, id: &str) -> Said {
    desk.busy = desk.busy.saturating_sub(1);
    let status = if desk.busy > 0 { "running" } else { "success" };
    said(
        200,
        json!({ "action": { "id": id.parse::<u64>().unwrap_or(0), "status": status, "progress": 100, "command": "x",
        "error": null, "started": "2026-11-21T10:00:00+00:00", "finished": null, "resources": [] } }),
    )
}

fn show_zone(name: &str, zone: &Zone) -> Value {
    let mode = if zone.state == "secondary" { "secondary" } else { "primary" };
    let servers = ["hydrogen.ns.hetzner.com.", "oxygen.ns.hetzner.com.", "helium.ns.hetzner.de."];
    json!({
        "id": zone.id, "name": name, "ttl": 3_600, "mode": mode, "status": "ok", "labels": {},
        "created": "2026-11-21T10:00:00+00:00", "record_count": zone.records.len(), "registrar": "other",
        "protection": { "delete": false }, "primary_nameservers": [],
        "authoritative_nameservers": {
            "assigned": servers, "delegated": [], "delegation_last_check": "2026-11-21T10:00:00+00:00",
            "delegation_status": if zone.state == "lame" { "lame" } else { "valid" },
        },
    })
}

fn create_zone(desk: &mut Desk, body: &Value) -> Said {
    let name = body["name"].as_str().unwrap_or_default().to_owned();
    if body["mode"] != "primary" || !name.contains('.') {
        return invalid("mode", "must be primary or secondary");
    }
    if desk.zones.contains_key(&name) {
        return fault(409, "uniqueness_error", "zone name is already taken");
    }
    desk.next += 1;
    let zone = Zone { id: desk.next, ..Zone::default() };
    let shown = show_zone(&name, &zone);
    desk.zones.insert(name, zone);
    let action = action(desk, "create_zone");
    said(201, json!({ "zone": shown, "action": action }))
}

fn paged(key: &str, pages: Pages, all: Vec<Value>, call: &Call<'_>) -> Said {
    let (number, per_page) = (call.number("page").unwrap_or(1), call.number("per_page").unwrap_or(25));
    if per_page > 100 {
        return invalid("per_page", "must be between 1 and 100");
    }
    let page = pages.by_number(all, number, per_page);
    let next = page.next.map(|_| number + 1);
    let last = page.total.div_ceil(per_page).max(1);
    let pagination = json!({ "page": number, "per_page": per_page, "previous_page": null, "next_page": next,
        "last_page": last, "total_entries": page.total });
    said(200, json!({ key: page.rows, "meta": { "pagination": pagination } }))
}

fn in_zone(desk: &mut Desk, token: &Token, call: &Call<'_>, name: &str, rest: &[&str]) -> Said {
    let Some(zone) = desk.zone(token, name).cloned() else {
        return fault(404, "not_found", "Zone not found");
    };
    let method = call.request.method.as_str();
    if method != "GET" && !rest.is_empty() && zone.state == "secondary" {
        return fault(422, "incorrect_zone_mode", "This operation is not supported for this Zone's mode.");
    }
    match (method, rest) {
        ("GET", []) => said(200, json!({ "zone": show_zone(name, &zone) })),
        ("DELETE", []) => {
            desk.zones.remove(name);
            let action = action(desk, "delete_zone");
            said(201, json!({ "action": action }))
        }
        ("GET", ["rrsets"]) => {
            let (of, kind) = (call.request.param("name"), call.request.param("type"));
            let keys = zone.keys().into_iter();
            let keys = keys.filter(|(name, rtype)| {
                of.as_ref().is_none_or(|of| of == name) && kind.as_ref().is_none_or(|kind| kind == rtype)
            });
            let all = keys.map(|(name, rtype)| show(&zone, &name, &rtype)).collect();
            let mut next = desk.next;
            if let Some(zone) = desk.zone(token, name) {
                zone.was_listed(&mut next);
            }
            desk.next = next;
            paged("rrsets", zone.pages, all, call)
        }
        ("GET", ["rrsets", at, rtype]) if !zone.set(at, rtype).is_empty() => {
            said(200, json!({ "rrset": show(&zone, at, rtype) }))
        }
        ("POST", ["rrsets"]) => create_set(desk, call, name, zone),
        (_, ["rrsets", at, rtype, ..]) if zone.set(at, rtype).is_empty() => {
            fault(404, "not_found", "RRSet not found")
        }
        ("DELETE", ["rrsets", at, rtype]) => change(desk, name, zone, (at, rtype), None, Vec::new()),
        ("POST", ["rrsets", at, rtype, "actions", "change_ttl"]) => match ttl_of(&call.body) {
            Ok(ttl) => {
                let held = zone.set(at, rtype).iter().map(|record| record.value.clone()).collect();
                change(desk, name, zone, (at, rtype), Some(ttl), held)
            }
            Err(refused) => refused,
        },
        ("POST", ["rrsets", at, rtype, "actions", "set_records"]) => match values(rtype, &call.body) {
            Ok(values) => {
                let ttl = zone.set(at, rtype).first().map(|record| record.ttl);
                let mut zone = zone;
                // What is written without a comment has none.
                zone.comments.retain(|(name, _), _| name != at);
                for record in call.body["records"].as_array().into_iter().flatten() {
                    if let (Some(value), Some(comment)) =
                        (record["value"].as_str(), record["comment"].as_str())
                    {
                        zone.comments.insert(((*at).to_owned(), value.to_owned()), comment.to_owned());
                    }
                }
                change(desk, name, zone, (at, rtype), ttl, values)
            }
            Err(refused) => refused,
        },
        _ => fault(404, "not_found", "route not found"),
    }
}

fn show(zone: &Zone, name: &str, rtype: &str) -> Value {
    let set = zone.set(name, rtype);
    let comment = |value: &str| zone.comments.get(&(name.to_owned(), value.to_owned())).cloned();
    let records = set.iter().map(|one| json!({ "value": one.value, "comment": comment(&one.value) }));
    let records: Vec<Value> = records.collect();
    let ttl = set.first().map(|record| record.ttl).filter(|ttl| *ttl != 3_600);
    json!({ "id": format!("{name}/{rtype}"), "name": name, "type": rtype, "ttl": ttl, "labels": {},
        "protection": { "change": zone.state == format!("protected {name}") }, "records": records, "zone": zone.id })
}

fn ttl_of(body: &Value) -> Result<u32, Said> {
    match body.get("ttl") {
        None | Some(Value::Null) => Ok(3_600),
        Some(ttl) => match ttl.as_u64().filter(|ttl| (60..=2_147_483_647).contains(ttl)) {
            Some(ttl) => Ok(ttl as u32),
            None => Err(invalid("ttl", "must be between 60 and 2147483647")),
        },
    }
}

fn values(rtype: &str, body: &Value) -> Result<Vec<String>, Said> {
    let records = body["records"].as_array().cloned().unwrap_or_default();
    if records.is_empty() {
        return Err(invalid("records", "must contain at least one record"));
    }
    let mut values: Vec<String> = Vec::new();
    for record in &records {
        let value = data::check(rtype, record["value"].as_str().unwrap_or_default());
        let value = value.map_err(|words| invalid("records", &words))?;
        if values.contains(&value) {
            return Err(invalid("records", "must be unique"));
        }
        values.push(value);
    }
    if rtype == "CNAME" && values.len() > 1 {
        return Err(invalid("records", "a CNAME has one record"));
    }
    Ok(values)
}

fn create_set(desk: &mut Desk, call: &Call<'_>, zone_name: &str, zone: Zone) -> Said {
    let text = |key: &str| call.body[key].as_str().unwrap_or_default().to_owned();
    let (name, rtype) = (text("name"), text("type"));
    if !data::is_label(&name) || name.ends_with(zone_name) {
        return invalid("name", "must be lower case, relative to the zone");
    }
    if !TYPES.contains(&rtype.as_str()) {
        return invalid("type", "is not supported");
    }
    if !zone.set(&name, &rtype).is_empty() {
        return fault(409, "uniqueness_error", "RRSet with this name and type exists already");
    }
    if let Some(other) = zone.clash(&name, &rtype) {
        return fault(409, "uniqueness_error", &format!("a {other} RRSet is at this name"));
    }
    let (ttl, values) = match (ttl_of(&call.body), values(&rtype, &call.body)) {
        (Ok(ttl), Ok(values)) => (ttl, values),
        (Err(refused), _) | (_, Err(refused)) => return refused,
    };
    change(desk, zone_name, zone, (&name, &rtype), Some(ttl), values)
}

/// Writes the set and starts an action.
fn change(
    desk: &mut Desk,
    zone_name: &str,
    mut zone: Zone,
    (name, rtype): (&str, &str),
    ttl: Option<u32>,
    values: Vec<String>,
) -> Said {
    if zone.state == format!("protected {name}") {
        return fault(403, "protected", "the RRSet is protected");
    }
    let mut next = desk.next;
    zone.put(&mut next, name, rtype, ttl.unwrap_or(3_600), &values);
    desk.next = next;
    let shown = show(&zone, name, rtype);
    desk.zones.insert(zone_name.to_owned(), zone);
    let action = action(desk, "rrset");
    said(201, json!({ "action": action, "rrset": shown }))
}
