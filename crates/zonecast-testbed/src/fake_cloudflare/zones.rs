//! Routes, rights, zones, and the record calls around the rules in `records`.

use super::records::{Record, check_all};
use super::{ACCOUNT, Body, Fault, Plan, State, Token, Zone, fault};
use crate::fake_http::{Request, decode};
use crate::pages::Pages;
use serde_json::{Value, json};
use std::collections::BTreeMap;

impl State {
    pub(super) fn new_id(&mut self) -> String {
        self.next += 1;
        format!("{:032x}", u128::from(self.next) * 0x9e37_79b9_7f4a_7c15_f39c_0001)
    }

    pub(super) fn new_zone(&mut self, name: &str, plan: Plan) -> String {
        let id = self.new_id();
        let (name, records, pages) = (name.to_owned(), BTreeMap::new(), Pages::Honest);
        let zone = Zone { id: id.clone(), name, plan, kind: "full", records, pages };
        self.zones.insert(id.clone(), zone);
        id
    }

    /// The token of a request, or the way Cloudflare refuses it.
    fn token(&self, request: &Request) -> Result<&Token, Fault> {
        let malformed = || fault(400, 6003, "Invalid format for Authorization header");
        let header = request.header("authorization").ok_or_else(malformed)?;
        let text = header.strip_prefix("Bearer ").filter(|text| text.len() >= 20 && !text.contains(' '));
        let text = text.ok_or_else(malformed)?;
        self.tokens
            .iter()
            .find(|token| token.text == text)
            .ok_or_else(|| fault(403, 10000, "Authentication error"))
    }
}

impl Token {
    fn sees(&self, id: &str) -> bool {
        self.zones.is_empty() || self.zones.iter().any(|zone| zone == id)
    }

    fn may(&self, right: &str, id: &str) -> Result<(), Fault> {
        match self.rights.contains(&right) && self.sees(id) {
            true => Ok(()),
            false => Err(fault(403, 10000, "Authentication error")),
        }
    }
}

/// Finds the call and carries it out.
pub(super) fn route(state: &mut State, request: &Request) -> Result<Body, Fault> {
    let path = decode(&request.path);
    let path = path.strip_prefix("/client/v4").unwrap_or(&path).to_owned();
    let parts: Vec<&str> = path.split('/').filter(|part| !part.is_empty()).collect();
    let nowhere = || {
        fault(
            400,
            7003,
            format!("Could not route to /client/v4{path}, perhaps your object identifier is invalid?"),
        )
    };
    if parts.as_slice() == ["user", "tokens", "verify"] {
        return match state.token(request) {
            Ok(_) => Ok(Body::Json(json!({ "result": { "id": "1", "status": "active" } }))),
            Err(found) if found.code == 6003 => Err(found),
            Err(_) => Err(fault(401, 1000, "Invalid API Token")),
        };
    }
    let token = state.token(request)?.clone();
    let body: Value = serde_json::from_slice(&request.body).unwrap_or_default();
    match (request.method.as_str(), parts.as_slice()) {
        ("GET", ["zones"]) => Ok(list_zones(state, &token, request)),
        ("POST", ["zones"]) => create_zone(state, &token, &body),
        (method, ["zones", id, rest @ ..]) => {
            let hex = id.len() == 32 && id.bytes().all(|byte| byte.is_ascii_hexdigit());
            if !hex {
                return Err(nowhere());
            }
            let right = match (method, rest) {
                ("GET", []) => "zone:read",
                (_, []) => "zone:edit",
                ("GET", _) => "dns:read",
                _ => "dns:edit",
            };
            token.may(right, id)?;
            let shows = state.shows_permissions;
            let (new_id, has_batch) = (state.new_id(), state.has_batch);
            let mut ids = (0..).map(|n: u32| format!("{}{n:06x}", &new_id[6..]));
            let Some(zone) = state.zones.get_mut(*id) else {
                return Err(fault(404, 1001, "Invalid zone identifier"));
            };
            match (method, rest) {
                ("GET", []) => Ok(Body::Json(json!({ "result": show(zone, &token, shows) }))),
                ("DELETE", []) => {
                    state.zones.remove(*id);
                    Ok(Body::Json(json!({ "result": { "id": id } })))
                }
                ("GET", ["dns_records"]) => {
                    let listed = list_records(zone, request);
                    was_listed(zone, &mut ids);
                    Ok(listed)
                }
                ("GET", ["dns_records", "export"]) => Ok(Body::Text(export(zone))),
                ("POST", ["dns_records"]) => post(zone, &mut ids, &body),
                ("POST", ["dns_records", "batch"]) if has_batch => batch(zone, &mut ids, &body),
                (method @ ("GET" | "PUT" | "PATCH" | "DELETE"), ["dns_records", record]) => {
                    one(zone, method, record, &body).map(Body::Json)
                }
                _ => Err(nowhere()),
            }
        }
        _ => Err(nowhere()),
    }
}

fn show(zone: &Zone, token: &Token, shows_permissions: bool) -> Value {
    let (legacy, created) = match zone.plan {
        Plan::Free => ("free", "2025-01-01T00:00:00.000000Z"),
        Plan::FreeOld => ("free", "2020-01-01T00:00:00.000000Z"),
        Plan::Pro => ("pro", "2025-01-01T00:00:00.000000Z"),
    };
    let mut shown = json!({
        "id": zone.id, "name": zone.name, "status": "active", "paused": false, "type": zone.kind,
        "development_mode": 0, "name_servers": ["a.ns.cloudflare.test", "b.ns.cloudflare.test"],
        "original_name_servers": [], "created_on": created, "modified_on": created, "activated_on": created,
        "account": { "id": ACCOUNT, "name": "Test" }, "owner": { "id": null, "type": "user" },
        "plan": { "id": "0feeeeeeeeeeeeeeeeeeeeeeeeeeeeee", "name": "Plan", "legacy_id": legacy }, "meta": {},
    });
    if shows_permissions {
        let names = [
            ("dns:read", "#dns_records:read"),
            ("dns:edit", "#dns_records:edit"),
            ("zone:read", "#zone:read"),
        ];
        let held: Vec<&str> =
            names.iter().filter(|(right, _)| token.rights.contains(right)).map(|(_, name)| *name).collect();
        shown["permissions"] = held.into();
    }
    shown
}

fn list_zones(state: &State, token: &Token, request: &Request) -> Body {
    let (name, account) = (request.param("name"), request.param("account.id"));
    let found: Vec<Value> = state
        .zones
        .values()
        .filter(|zone| token.rights.contains(&"zone:read") && token.sees(&zone.id))
        .filter(|zone| name.as_ref().is_none_or(|name| *name == zone.name))
        .filter(|_| account.as_ref().is_none_or(|account| account == ACCOUNT))
        .map(|zone| show(zone, token, state.shows_permissions))
        .collect();
    page(Pages::Honest, found, request, 20, 50)
}

fn create_zone(state: &mut State, token: &Token, body: &Value) -> Result<Body, Fault> {
    token.may("zone:edit", "")?;
    let name = body["name"].as_str().unwrap_or_default();
    if body["account"]["id"] != ACCOUNT || name.is_empty() {
        return Err(fault(403, 10000, "Authentication error"));
    }
    if state.zones.values().any(|zone| zone.name == name) {
        return Err(fault(400, 1061, format!("{name} already exists")));
    }
    let id = state.new_zone(name, Plan::Free);
    let shown = show(&state.zones[&id], token, state.shows_permissions);
    Ok(Body::Json(json!({ "result": shown })))
}

fn page(pages: Pages, all: Vec<Value>, request: &Request, default: usize, most: usize) -> Body {
    let number =
        |name: &str| request.param(name).and_then(|text| text.parse::<usize>().ok()).filter(|n| *n > 0);
    let per_page = number("per_page").unwrap_or(default).min(most);
    let number = number("page").unwrap_or(1);
    let page = pages.by_number(all, number, per_page);
    let last = if page.next.is_some() { number + 1 } else { number };
    let info = json!({
        "page": number, "per_page": per_page, "count": page.rows.len(), "total_count": page.total,
        "total_pages": page.total.div_ceil(per_page).max(last),
    });
    Body::Json(json!({ "result": page.rows, "result_info": info }))
}

fn list_records(zone: &Zone, request: &Request) -> Body {
    let pairs = request.pairs();
    let fits = |shown: &Value| {
        pairs.iter().all(|(key, value)| match key.as_str() {
            "name" | "name.exact" => shown["name"] == *value,
            "type" => shown["type"] == *value,
            "content" | "content.exact" => shown["content"] == *value,
            _ => true,
        })
    };
    let mut found: Vec<Value> = zone.records.values().map(Record::show).filter(fits).collect();
    found.sort_by_key(|shown| shown["name"].as_str().unwrap_or_default().to_owned());
    page(zone.pages, found, request, 100, 5_000)
}

/// What happens right after a page was given.
fn was_listed(zone: &mut Zone, ids: &mut impl Iterator<Item = String>) {
    match zone.pages {
        Pages::Grows => {
            let body =
                json!({ "name": format!("came.{}", zone.name), "type": "A", "content": "198.51.100.7" });
            let id = ids.next().unwrap_or_default();
            let record = Record::read(&zone.name, &id, &body, None);
            zone.records.extend(record.ok().map(|record| (id, record)));
        }
        Pages::Shrinks => {
            let name = |record: &Record| record.show()["name"].as_str().unwrap_or_default().to_owned();
            let first = zone.records.iter().min_by_key(|(_, record)| name(record)).map(|(id, _)| id.clone());
            first.map(|id| zone.records.remove(&id));
        }
        _ => return,
    }
    zone.pages = Pages::Capped;
}

fn export(zone: &Zone) -> String {
    let mut text = format!(";;\n;; Domain:     {}.\n;; Exported:   2026-11-21 12:00:00\n;;\n", zone.name);
    for record in zone.records.values() {
        let (name, kind, ttl, data) = record.line();
        text.push_str(&format!("{name}.\t{ttl}\tIN\t{kind}\t{data}\n"));
    }
    text
}

fn post(zone: &mut Zone, ids: &mut impl Iterator<Item = String>, body: &Value) -> Result<Body, Fault> {
    let id = ids.next().unwrap_or_default();
    let record = Record::read(&zone.name, &id, body, None)?;
    let mut after = zone.records.clone();
    check_all(zone.plan, &mut after, vec![record])?;
    zone.records = after;
    Ok(Body::Json(json!({ "result": zone.records[&id].show() })))
}

fn one(zone: &mut Zone, method: &str, id: &str, body: &Value) -> Result<Value, Fault> {
    let missing = || fault(404, 81044, "Record does not exist.");
    let held = zone.records.get(id).ok_or_else(missing)?.clone();
    let mut after = zone.records.clone();
    after.remove(id);
    let record = match method {
        "GET" => return Ok(json!({ "result": held.show() })),
        "DELETE" => {
            zone.records = after;
            return Ok(json!({ "result": { "id": id } }));
        }
        "PUT" => Record::read(&zone.name, id, body, None)?,
        "PATCH" => Record::read(&zone.name, id, body, Some(&held))?,
        _ => return Err(fault(405, 10405, "Method not allowed for this authentication scheme")),
    };
    check_all(zone.plan, &mut after, vec![record])?;
    zone.records = after;
    Ok(json!({ "result": zone.records[id].show() }))
}

/// Deletes, patches, puts, posts, in this order; all of it or nothing.
fn batch(zone: &mut Zone, ids: &mut impl Iterator<Item = String>, body: &Value) -> Result<Body, Fault> {
    let list = |key: &str| body[key].as_array().cloned().unwrap_or_default();
    let (deletes, patches, puts, posts) = (list("deletes"), list("patches"), list("puts"), list("posts"));
    let most = if zone.plan == Plan::Pro { 3_500 } else { 200 };
    let count = deletes.len() + patches.len() + puts.len() + posts.len();
    if count > most {
        return Err(fault(
            400,
            9301,
            format!("Batch has {count} operations, exceeding the limit of {most}."),
        ));
    }
    if count == 0 {
        return Err(fault(400, 9302, "Batch has no operations."));
    }
    let mut after = zone.records.clone();
    let missing = || fault(404, 81044, "Record does not exist.");
    let mut shown = [("deletes", vec![]), ("patches", vec![]), ("puts", vec![]), ("posts", vec![])];
    for item in &deletes {
        let gone = after.remove(item["id"].as_str().unwrap_or_default()).ok_or_else(missing)?;
        shown[0].1.push(gone.show());
    }
    for (at, list) in [(1, &patches), (2, &puts)] {
        for item in list {
            let id = item["id"].as_str().unwrap_or_default();
            let held = after.remove(id).ok_or_else(missing)?;
            let record = Record::read(&zone.name, id, item, (at == 1).then_some(&held))?;
            shown[at].1.push(record.show());
            check_all(zone.plan, &mut after, vec![record])?;
        }
    }
    let made: Result<Vec<Record>, Fault> = posts
        .iter()
        .map(|item| Record::read(&zone.name, &ids.next().unwrap_or_default(), item, None))
        .collect();
    let made = made?;
    shown[3].1.extend(made.iter().map(Record::show));
    check_all(zone.plan, &mut after, made)?;
    zone.records = after;
    let result: serde_json::Map<String, Value> =
        shown.into_iter().map(|(key, list)| (key.to_owned(), list.into())).collect();
    Ok(Body::Json(json!({ "result": result })))
}
