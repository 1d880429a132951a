//! An operation is one transaction: whatever commit of it fails, everything of it is there or nothing is.
//!
//! The operations are those of the API's description. One that is new is in this test already; where
//! `{}` and the description's example are no body for it, it is given one here.

use crate::{Reply, Site};
use axum::body::Body;
use axum::http::Request;
use serde_json::{Map, Value, json};
use std::time::{Duration, Instant};

/// Method and path of every operation that may change anything.
fn operations() -> Vec<(String, String)> {
    let spec = zonecast::api::description();
    let mut found = Vec::new();
    for (path, methods) in spec["paths"].as_object().unwrap() {
        let methods = methods.as_object().unwrap().keys().filter(|method| *method != "get");
        found.extend(methods.map(|method| (method.to_uppercase(), path.clone())));
    }
    found
}

/// What an operation needs where `{}` would be refused.
fn body(method: &str, path: &str) -> Value {
    match (method, path.trim_start_matches("/api/v1")) {
        ("POST", "/hosts") => json!({"fqdn": "new.example.com", "addresses": ["192.0.2.9"]}),
        ("POST", "/hosts/bulk") => json!([{"fqdn": "bulk.example.com", "addresses": ["192.0.2.8"]}]),
        ("PATCH", "/hosts/{id}") => json!({"addresses": ["192.0.2.7"]}),
        ("PUT", "/hosts/{id}/addresses/{ip}/reverse_name") => json!({"reverse_name": "mx.example.com"}),
        ("POST", "/records") => json!({"name": "r.example.com", "type": "A", "values": ["192.0.2.6"]}),
        ("PATCH", "/records/{id}") => json!({"values": ["changed"]}),
        ("POST", "/domains") => json!({"name": "new.test", "addresses": ["192.0.2.5"], "create_at": [1],
            "managed": "full", "manage_ns_soa": true}),
        ("PATCH", "/domains/{id}") => json!({"managed": "full", "addresses": ["192.0.2.4"]}),
        ("POST", "/domains/{id}/rename") => json!({"name": "other.test", "records": "update"}),
        ("POST", "/domains/{id}/ip") => json!({"from": "192.0.2.80", "to": "192.0.2.81"}),
        ("POST", "/zones") => json!({"name": "new.test", "provider": "embedded",
            "settings": {"allow_transfer": ["192.0.2.0/24"]}}),
        ("POST", "/zones/test") => json!({"name": "example.com", "provider": "embedded"}),
        ("PATCH", "/zones/{id}") => json!({"ttl": 77, "settings": {"allow_transfer": ["192.0.2.0/24"]}}),
        ("POST", "/zones/{id}/import") => json!({"zone_file": "x 300 IN A 192.0.2.3\n"}),
        ("POST", "/connections") => json!({"name": "new", "provider": "powerdns", "settings": powerdns(7)}),
        ("PATCH", "/connections/{id}") => json!({"settings": powerdns(8)}),
        ("POST", "/connections/{id}/test") => json!({"zone": "example.com"}),
        ("POST", "/keys") => json!({"name": "new", "role": "viewer"}),
        ("POST", "/pools") => json!({"prefix": "198.51.100.0/24"}),
        ("PATCH", "/pools/{id}") => json!({"ttl": 60}),
        ("POST", "/plesk") => json!([{"command": "create", "zone": {"name": "plesk.test.",
            "soa": {"ttl": 60}, "rr": [{"host": "plesk.test.", "type": "A", "value": "192.0.2.2"}]}}]),
        _ => json!({}),
    }
}

fn powerdns(port: u16) -> Value {
    json!({"server_url": format!("http://127.0.0.1:{port}"), "api_key": "secret"})
}

/// A Zonecast with one of everything; nobody works, so only calls commit.
async fn prepared() -> Site {
    let site = Site::still().await;
    for zone in ["example.com", "2.0.192.in-addr.arpa", "domain.test"] {
        site.embedded(zone).await;
    }
    for (path, body) in [
        ("connections", json!({"name": "spare", "provider": "powerdns", "settings": powerdns(6)})),
        ("hosts", json!({"fqdn": "vm-1.example.com", "addresses": ["192.0.2.1"]})),
        ("domains", json!({"name": "domain.test", "addresses": ["192.0.2.80"]})),
        ("records", json!({"name": "t.example.com", "type": "TXT", "values": ["x"]})),
        ("pools", json!({"prefix": "203.0.113.0/24"})),
        ("keys", json!({"name": "second", "role": "admin"})),
    ] {
        site.post(path, body).await.data();
    }
    site
}

async fn happens(site: &Site, method: &str, path: &str) -> Reply {
    // The second connection has no zones, the first key is the one that calls.
    let id = if path.contains("/connections/") || path.contains("/keys/") { "2" } else { "1" };
    let asked = path.replace("{id}", id).replace("{ip}", "192.0.2.1");
    let request = Request::builder().method(method).uri(asked).header("x-api-key", &site.key);
    let request = request.header("content-type", "application/json");
    let body = if method == "DELETE" { Body::empty() } else { Body::from(body(method, path).to_string()) };
    site.send(request.body(body).unwrap()).await
}

/// Everything a caller can see; what changes by itself is left out.
async fn seen(site: &Site, all: bool) -> Value {
    let mut seen = Map::new();
    let lists =
        ["hosts", "domains", "records", "zones", "connections", "pools", "keys", "pause", "dns/records"];
    let books: &[&str] = if all { &["audit", "jobs"] } else { &[] };
    for list in lists.iter().chain(books) {
        let mut data = site.get(list).await.data().clone();
        forget_time(&mut data, all);
        seen.insert((*list).to_owned(), data);
    }
    seen.insert("served".to_owned(), json!(site.app.authority.zones().len()));
    Value::Object(seen)
}

fn forget_time(value: &mut Value, all: bool) {
    match value {
        Value::Array(items) => items.iter_mut().for_each(|item| forget_time(item, all)),
        Value::Object(fields) => {
            fields.retain(|name, _| {
                !name.ends_with("_at")
                    && (all
                        || !matches!(
                            name.as_str(),
                            "version"
                                | "serial"
                                | "matching"
                                | "job_id"
                                | "key"
                                | "messages"
                                | "synchronised"
                                | "last_error"
                        ))
            });
            fields.values_mut().for_each(|item| forget_time(item, all));
        }
        _ => {}
    }
}

/// Lets the engine work until everything is as it should be at the end.
async fn ends_as(site: &Site, wanted: Option<&Value>, what: &str) -> Value {
    site.app.engine.start();
    let deadline = Instant::now() + Duration::from_secs(30);
    loop {
        site.app.engine.changed(Duration::from_millis(50)).await;
        let idle = site.get("status").await.data()["dirty_names"] == 0;
        let now = seen(site, false).await;
        match wanted {
            Some(wanted) if *wanted == now => return now,
            None if idle => return now,
            Some(wanted) => assert!(Instant::now() < deadline, "{what}: {}", difference(&now, wanted)),
            None => assert!(Instant::now() < deadline, "{what}: work is left"),
        }
    }
}

/// The lists that are not the same, for a person.
fn difference(left: &Value, right: &Value) -> String {
    let lists = left.as_object().unwrap().iter().filter(|(list, data)| right[list.as_str()] != **data);
    lists.map(|(list, data)| format!("{list}: {data}\n  against {}\n", right[list.as_str()])).collect()
}

/// Commit after commit of one operation fails.
async fn nothing_or_everything(method: String, path: String) {
    let what = format!("{method} {path}");
    let site = prepared().await;
    let commits = site.app.store.commits(None);
    let reply = happens(&site, &method, &path).await;
    assert!(reply.status.is_success(), "{what} wants a body here: {}", reply.text);
    let commits = site.app.store.commits(None) - commits;
    let after = seen(&site, true).await;
    site.app.catalog.reload().await.unwrap();
    let read_again = seen(&site, true).await;
    assert!(after == read_again, "{what}: the catalog did not follow: {}", difference(&after, &read_again));
    let mut end = None;
    for failing in 1..=commits {
        let what = format!("{what}, commit {failing} of {commits} failed");
        let broken = prepared().await;
        let before = seen(&broken, true).await;
        broken.app.store.commits(Some(failing));
        let reply = happens(&broken, &method, &path).await;
        let now = seen(&broken, true).await;
        if failing == 1 || now == before {
            // Plesk reads an exit code, whatever the status.
            let told = !reply.status.is_success() || reply.body["data"]["exit"] == 255;
            assert!(told, "{what}: nothing was stored, and nobody was told: {}", reply.text);
            assert!(now == before, "{what}: {}", difference(&now, &before));
            broken.app.catalog.reload().await.unwrap();
            let now = seen(&broken, true).await;
            assert!(now == before, "{what}, and something was stored: {}", difference(&now, &before));
            continue;
        }
        if end.is_none() {
            end = Some(ends_as(&site, None, &what).await);
        }
        ends_as(&broken, end.as_ref(), &what).await;
    }
}

/// B13, for each operation there is.
#[tokio::test(flavor = "multi_thread")]
async fn a_commit_that_fails_leaves_nothing_or_everything() {
    let mut wrong = Vec::new();
    for (method, path) in operations() {
        let done = tokio::spawn(nothing_or_everything(method.clone(), path.clone())).await;
        wrong.extend(done.err().map(|_| format!("{method} {path}")));
    }
    assert!(wrong.is_empty(), "what is said above of {wrong:#?}");
}
