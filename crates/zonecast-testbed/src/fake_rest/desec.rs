//! deSEC, written from its published source (desec-stack of 2026-08-18).

use super::{Call, Desk, Pages, Said, Token, Zone, data, said};
use serde_json::{Value, json};

const PAGE: usize = 500;
const TTL_MAX: u64 = 86_400;
const TYPES: &[&str] = &[
    "A", "AAAA", "CAA", "CNAME", "DNAME", "DS", "HTTPS", "MX", "NAPTR", "NS", "PTR", "SRV", "SSHFP", "SVCB",
    "TLSA", "TXT",
];

fn detail(status: u16, words: &str) -> Said {
    said(status, json!({ "detail": words }))
}

pub(super) fn answer(desk: &mut Desk, call: &Call<'_>) -> Said {
    let header = call.request.header("authorization").unwrap_or_default();
    let Some(text) = header.strip_prefix("Token ") else {
        return detail(401, "Authentication credentials were not provided.");
    };
    let Some(token) = desk.token(text) else { return detail(401, "Invalid token.") };
    let parts: Vec<&str> = call.parts.iter().map(String::as_str).collect();
    let is_json =
        call.request.header("content-type").is_some_and(|kind| kind.starts_with("application/json"));
    if !call.request.body.is_empty() && (!is_json || call.body.is_null()) {
        return detail(400, "JSON parse error - Expecting value: line 1 column 1 (char 0)");
    }
    match (call.request.method.as_str(), parts.as_slice()) {
        ("POST", ["domains", ""]) => create(desk, &token, &call.body),
        ("GET", ["domains", ""]) => {
            let names: Vec<Value> = desk.zones.keys().map(|name| json!({ "name": name })).collect();
            said(200, names.into())
        }
        (method, ["domains", name, rest @ ..]) if call.parts.last().is_some_and(String::is_empty) => {
            let (next, addr) = (desk.next, desk.addr.clone());
            let found = match (method, rest) {
                ("DELETE", [""]) => {
                    desk.zones.remove(*name);
                    return said(204, Value::Null);
                }
                _ => desk.zone(&token, name),
            };
            let Some(zone) = found else {
                return detail(
                    404,
                    if rest == [""] { "No Domain matches the given query." } else { "Not found." },
                );
            };
            let (answer, next) = in_zone(zone, name, &addr, next, &token, call, rest);
            desk.next = next;
            answer
        }
        _ => detail(404, "Not found."),
    }
}

fn create(desk: &mut Desk, token: &Token, body: &Value) -> Said {
    let name = body["name"].as_str().unwrap_or_default();
    if !token.writes {
        return detail(403, "You do not have permission to perform this action.");
    }
    if desk.zones.contains_key(name) || !name.contains('.') {
        let words = "This domain name conflicts with an existing domain, or is disallowed by policy.";
        return said(400, json!({ "name": [words] }));
    }
    if desk.zones.len() >= 15 {
        return detail(403, "Domain limit exceeded. Please contact support to create additional domains.");
    }
    let mut zone = Zone { ttl_min: 3_600, ..Zone::default() };
    zone.put(&mut desk.next, "@", "NS", 3_600, &["ns1.desec.io.".into(), "ns2.desec.org.".into()]);
    desk.zones.insert(name.to_owned(), zone);
    said(201, json!({ "name": name, "minimum_ttl": 3_600, "keys": keys(name) }))
}

/// The key of RFC 6605 section 6.1, whose DS is that of one name only.
fn keys(name: &str) -> Value {
    let key = "GojIhhXUN/u4v54ZQqGSnyhWJwaubCvTmeexv7bR6edbkrSqQpF64cYbcB7wNcP+e+MAnLr+Wi9xMWyQLc8NAA==";
    let ds = "55648 13 2 b4c8c1fe2e7477127b27115656ad6256f424625bf5c1e2770ce6d6e37df61d17";
    let ds: &[&str] = if name == "example.net" { &[ds] } else { &[] };
    json!([{ "dnskey": format!("257 3 13 {key}"), "ds": ds, "flags": 257, "keytype": "csk" }])
}

fn in_zone(
    zone: &mut Zone,
    name: &str,
    addr: &str,
    next: u64,
    token: &Token,
    call: &Call<'_>,
    rest: &[&str],
) -> (Said, u64) {
    match (call.request.method.as_str(), rest) {
        ("GET", [""]) => {
            let shown =
                json!({ "name": name, "minimum_ttl": zone.ttl_min, "keys": keys(name), "published": null });
            (said(200, shown), next)
        }
        ("GET", ["rrsets", ""]) => {
            let (listed, mut next) = (list(zone, name, addr, call), next);
            zone.was_listed(&mut next);
            (listed, next)
        }
        ("GET", ["rrsets", subname, rtype, ""]) => match show(zone, name, subname, rtype) {
            Some(shown) => (said(200, shown), next),
            None => (detail(404, "No RRset matches the given query."), next),
        },
        ("PATCH", ["rrsets", ""]) => match call.body.as_array() {
            None => {
                (said(400, json!({ "non_field_errors": ["Expected a list of items but got dict."] })), next)
            }
            Some(items) => bulk(zone, name, next, token, items),
        },
        (method, _) => (detail(405, &format!("Method \"{method}\" not allowed.")), next),
    }
}

fn show(zone: &Zone, domain: &str, name: &str, rtype: &str) -> Option<Value> {
    let set = zone.set(name, rtype);
    let subname = if name == "@" { "" } else { name };
    let full = if subname.is_empty() { format!("{domain}.") } else { format!("{subname}.{domain}.") };
    let records: Vec<&str> = set.iter().map(|record| record.value.as_str()).collect();
    Some(json!({
        "domain": domain, "subname": subname, "name": full, "type": rtype, "ttl": set.first()?.ttl,
        "records": records, "created": "2026-11-21T10:00:00Z", "touched": "2026-11-21T10:00:00Z",
    }))
}

/// Newest first, 500 at a time, and only by cursor if there are more.
fn list(zone: &Zone, domain: &str, addr: &str, call: &Call<'_>) -> Said {
    let subname = call.request.param("subname").map(|text| if text.is_empty() { "@".into() } else { text });
    let rtype = call.request.param("type");
    let keys = zone.keys().into_iter().rev();
    let all: Vec<Value> = keys
        .filter(|(name, _)| subname.as_ref().is_none_or(|wanted| wanted == name))
        .filter(|(_, of)| rtype.as_ref().is_none_or(|wanted| wanted == of))
        .filter_map(|(name, rtype)| show(zone, domain, &name, &rtype))
        .collect();
    if all.len() <= PAGE && zone.pages == Pages::Honest {
        return said(200, all.into());
    }
    let url = |cursor: &str| format!("<http://{addr}/api/v1/domains/{domain}/rrsets/?cursor={cursor}>");
    let first = format!("{}; rel=\"first\"", url(""));
    let Some(cursor) = call.request.param("cursor") else {
        let words = format!("Pagination required. You can query up to {PAGE} items at a time.");
        return Said(400, json!({ "detail": words }), vec![("Link".into(), first)]);
    };
    let start = cursor.strip_prefix("c=").and_then(|at| at.parse().ok()).unwrap_or(0);
    let page = zone.pages.from(all, start, PAGE);
    let next = page.next.map(|next| format!(", {}; rel=\"next\"", url(&format!("c%3D{next}"))));
    let link = first + &next.unwrap_or_default();
    Said(200, page.rows.into(), vec![("Link".into(), link)])
}

/// All or nothing; one place in the answer for each set.
fn bulk(zone: &mut Zone, domain: &str, next: u64, token: &Token, items: &[Value]) -> (Said, u64) {
    if !token.writes {
        return (detail(403, "Insufficient token permissions."), next);
    }
    let faults: Vec<Value> = items.iter().map(|item| check(zone, items, item)).collect();
    if faults.iter().any(|fault| *fault != json!({})) {
        return (said(400, faults.into()), next);
    }
    let (mut after, mut at) = (zone.clone(), next);
    let mut late = Vec::new();
    for item in items {
        let (name, rtype) = key(item);
        let records: Vec<&str> =
            item["records"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
        let values: Result<Vec<String>, String> =
            records.iter().map(|text| data::check(&rtype, text)).collect();
        // What is found only while saving is told without a place.
        if matches!(rtype.as_str(), "CNAME" | "DNAME") && records.len() > 1 {
            late.push(format!("{rtype} RRset cannot have multiple records."));
        }
        if matches!(rtype.as_str(), "CNAME" | "DS") && name == "@" && !records.is_empty() {
            late.push(format!("{rtype} RRset cannot have empty subname."));
        }
        let ttl = item["ttl"].as_u64().unwrap_or(3_600) as u32;
        after.put(&mut at, &name, &rtype, ttl, &values.unwrap_or_default());
    }
    if !late.is_empty() {
        return (said(400, json!(late)), next);
    }
    *zone = after;
    let keys = items.iter().map(key);
    let shown: Vec<Value> = keys.filter_map(|(name, rtype)| show(zone, domain, &name, &rtype)).collect();
    (said(200, shown.into()), at)
}

fn key(item: &Value) -> (String, String) {
    let subname = item["subname"].as_str().unwrap_or_default();
    let name = if subname.is_empty() { "@" } else { subname };
    (name.to_owned(), item["type"].as_str().unwrap_or_default().to_owned())
}

/// The faults of one set, beside what is there and what comes with it.
fn check(zone: &Zone, items: &[Value], item: &Value) -> Value {
    let (name, rtype) = key(item);
    let fault = |field: &str, words: String| json!({ field: [words] });
    let known = !zone.set(&name, &rtype).is_empty();
    let Some(records) = item["records"].as_array() else {
        return fault("records", "This field is required.".into());
    };
    if item["subname"] == "@" || (item["subname"] != "" && !data::is_label(&name)) {
        return fault("subname", "Subname can only use (lowercase) a-z, 0-9, ., -, and _.".into());
    }
    if !TYPES.contains(&rtype.as_str()) {
        return fault("type", format!("The {rtype} RR set type is currently unsupported."));
    }
    if items.iter().filter(|other| key(other) == key(item)).count() > 1 {
        return fault(
            "non_field_errors",
            "Same subname and type as in position(s), but must be unique.".into(),
        );
    }
    if records.is_empty() {
        return json!({});
    }
    if let Some(other) = clash(zone, items, &name, &rtype) {
        let words = format!(
            "RRset with conflicting type present at same subname: {other}. (No other RRsets are allowed alongside CNAME.)"
        );
        return fault("non_field_errors", words);
    }
    match item["ttl"].as_u64() {
        None if !known => return fault("ttl", "This field is required.".into()),
        Some(ttl) if ttl < u64::from(zone.ttl_min) => {
            let words = format!("Ensure this value is greater than or equal to {}.", zone.ttl_min);
            return fault("ttl", words);
        }
        Some(ttl) if ttl > TTL_MAX => {
            return fault("ttl", format!("Ensure this value is less than or equal to {TTL_MAX}."));
        }
        _ => {}
    }
    let mut seen: Vec<String> = Vec::new();
    for record in records {
        match data::check(&rtype, record.as_str().unwrap_or_default()) {
            Err(words) => return fault("non_field_errors", words),
            Ok(value) if seen.contains(&value.to_ascii_lowercase()) => {
                return fault("non_field_errors", "Duplicate: records must be semantically unique".into());
            }
            Ok(value) => seen.push(value.to_ascii_lowercase()),
        }
    }
    json!({})
}

/// Which type forbids this one: of those that stay, and of those that come in the same call.
fn clash(zone: &Zone, items: &[Value], name: &str, rtype: &str) -> Option<String> {
    let goes = |of: &str| {
        items.iter().any(|item| key(item) == (name.to_owned(), of.to_owned()) && item["records"] == json!([]))
    };
    let stands = zone.keys().into_iter().filter(|(at, of)| at == name && !goes(of)).map(|(_, of)| of);
    let comes = items.iter().filter(|item| item["records"] != json!([])).map(key);
    let comes = comes.filter(|(at, _)| at == name).map(|(_, of)| of);
    stands.chain(comes).find(|of| of != rtype && (of == "CNAME" || rtype == "CNAME"))
}
