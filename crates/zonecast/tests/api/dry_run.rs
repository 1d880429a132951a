//! A dry run stores nothing, at every operation there is (B10): the list comes from the description, so
//! that a new operation is asked without being named here.

use crate::{Reply, Site};
use serde_json::{Value, json};
use std::time::Duration;

/// An operation of the description.
struct Operation {
    method: String,
    path: String,
    body: Option<Value>,
    plans: bool,
}

/// Every operation that may write.
fn operations(spec: &Value) -> Vec<Operation> {
    let mut found = Vec::new();
    for (path, methods) in spec["paths"].as_object().unwrap() {
        for (method, operation) in methods.as_object().unwrap() {
            if method == "get" {
                continue;
            }
            let parameters = operation["parameters"].as_array().into_iter().flatten();
            let plans = parameters.clone().any(|parameter| parameter["name"] == "dry_run");
            let body = operation["requestBody"]["content"].as_object().and_then(|kinds| {
                let schema = kinds.values().next()?["schema"]["$ref"].as_str()?;
                Some(body(method, path, schema.rsplit('/').next()?))
            });
            // The second of each kind is there to be changed; the first zones hold the records.
            let id = if path.contains("/connections/") || path.contains("/keys/") { "2" } else { "1" };
            let path = path.replace("{id}", id).replace("{ip}", "192.0.2.1");
            found.push(Operation { method: method.to_uppercase(), path, body, plans });
        }
    }
    found
}

/// A body that does something, for each schema and operation.
fn body(method: &str, path: &str, schema: &str) -> Value {
    let patch = method == "patch";
    match schema {
        "HostBody" => json!({"fqdn": "new.a.test", "addresses": ["192.0.2.9"]}),
        "HostBulkBody" => json!({"hosts": [{"fqdn": "b1.a.test", "addresses": ["192.0.2.7"]},
            {"fqdn": "vm.a.test", "addresses": ["192.0.2.8"]}, {"fqdn": "b2.a.test", "ttl": -1}]}),
        "HostPatchBody" => json!({"addresses": ["192.0.2.5"]}),
        "ReverseNameBody" => json!({"reverse_name": "other.a.test"}),
        "SyncBody" | "TemplateBody" | "ScopeBody" => json!({}),
        "RecordBody" => json!({"name": "r.a.test", "type": "A", "values": ["192.0.2.44"]}),
        "RecordPatchBody" => json!({"values": ["192.0.2.45"]}),
        "ZoneBody" if patch => json!({"ttl": 99, "settings": {"notify": ["127.0.0.1:9"]}}),
        "ZoneBody" => json!({"name": "new.test", "provider": "embedded"}),
        "ZoneFileBody" => json!({"zone_file": "x 300 IN A 192.0.2.1\n"}),
        "ConnectionBody" => json!({"name": "new", "provider": "powerdns",
            "settings": {"server_url": "http://127.0.0.1:9", "api_key": "x"}}),
        "ConnectionPatchBody" => json!({"budget_group": "other"}),
        "TestBody" => json!({"zone": "a.test"}),
        "PoolBody" => json!({"prefix": "198.51.100.0/24"}),
        "PoolPatchBody" => json!({"ttl": 99}),
        "KeyBody" => json!({"name": "new", "role": "viewer"}),
        "DomainBody" if patch => json!({"records": []}),
        "DomainBody" => json!({"name": "e.a.test", "addresses": ["192.0.2.80"], "create_at": [1]}),
        "RenameBody" => json!({"name": "other.a.test", "records": "update"}),
        "AddressChangeBody" => json!({"from": "192.0.2.60", "to": "192.0.2.61"}),
        new => panic!("{method} {path} takes a {new}: say here what one looks like that does something"),
    }
}

/// A Zonecast with one of everything, at rest.
async fn furnished() -> Site {
    let site = Site::open().await;
    site.embedded("a.test").await;
    site.embedded("2.0.192.in-addr.arpa").await;
    let host = json!({"fqdn": "vm.a.test", "addresses": ["192.0.2.1"]});
    let records = json!([{"name": "www.d.a.test", "type": "A", "values": ["192.0.2.60"]}]);
    for (path, body) in [
        ("hosts?wait=20s", host),
        ("records?wait=20s", json!({"name": "one.a.test", "type": "A", "values": ["192.0.2.50"]})),
        ("domains?wait=20s", json!({"name": "d.a.test", "addresses": ["192.0.2.60"], "records": records})),
        ("pools", json!({"prefix": "192.0.2.0/24"})),
        ("keys", json!({"name": "second", "role": "viewer"})),
        (
            "connections",
            json!({"name": "spare", "provider": "powerdns", "settings": {"server_url": "http://127.0.0.1:9", "api_key": "x"}}),
        ),
    ] {
        let made = site.post(path, body).await;
        assert!(made.status.is_success(), "{path}: {}", made.text);
    }
    site.app.engine.stop(Duration::from_secs(5)).await;
    site
}

/// Everything there is: the bytes of the database, what the API shows, and the zones as they are served.
async fn everything(site: &Site) -> Vec<(String, String)> {
    let mut all = Vec::new();
    for file in ["zonecast.db", "zonecast.db-wal"] {
        let bytes = std::fs::read(site.folder().join(file)).unwrap();
        all.push((file.to_owned(), hex_of(&bytes)));
    }
    for path in
        ["hosts", "domains", "records", "zones", "connections", "pools", "keys", "jobs", "audit", "status"]
    {
        all.push((path.to_owned(), site.get(path).await.text));
    }
    for zone in ["a.test", "2.0.192.in-addr.arpa", "new.test"] {
        let name = zonecast_core::Name::parse(zone).unwrap();
        let served = site.app.authority.snapshot(&name).map(|zone| (zone.serial(), zone.settings().clone()));
        all.push((zone.to_owned(), format!("{served:?}")));
    }
    all
}

fn hex_of(bytes: &[u8]) -> String {
    use std::hash::{DefaultHasher, Hash, Hasher};
    let mut hasher = DefaultHasher::new();
    bytes.hash(&mut hasher);
    format!("{} bytes, {:x}", bytes.len(), hasher.finish())
}

async fn call(site: &Site, operation: &Operation, query: &str) -> Reply {
    let path = format!("{}{query}", operation.path);
    site.call_with(&operation.method, &path, operation.body.clone(), &[("idempotency-key", "k")]).await
}

/// Sample 1, external-dns #816: a preview or a refusal that names the operation, and nothing changed.
#[tokio::test(flavor = "multi_thread")]
async fn no_operation_stores_anything_in_a_dry_run() {
    let site = furnished().await;
    let operations = operations(&zonecast::api::description());
    assert!(operations.len() > 40, "{}", operations.len());
    let before = everything(&site).await;
    let mut wrong = Vec::new();
    for operation in &operations {
        let called = format!("{} {}", operation.method, operation.path);
        let reply = call(&site, operation, "?dry_run=true").await;
        let told = reply.fields() == ["dry_run"] && reply.text.contains(&called);
        match (operation.plans, reply.status.as_u16()) {
            (true, 200) => {}
            (false, 422) if told => {}
            (plans, status) => wrong.push(format!("{called} (plans: {plans}): {status} {}", reply.text)),
        }
        for (now, then) in everything(&site).await.iter().zip(&before) {
            if now != then {
                wrong.push(format!("{called} changed {}", now.0));
            }
        }
    }
    assert!(wrong.is_empty(), "{:#?}", wrong);
}

/// The other half: each preview promises something, and the same call in earnest does it.
#[tokio::test(flavor = "multi_thread")]
async fn what_a_dry_run_shows_is_then_done() {
    let spec = zonecast::api::description();
    let empty_is_right = ["/sync", "/enable", "/disable", "/suspend", "/template"];
    for operation in operations(&spec).iter().filter(|operation| operation.plans) {
        let called = format!("{} {}", operation.method, operation.path);
        let site = furnished().await;
        let plan = call(&site, operation, "?dry_run=true").await;
        let may_be_empty =
            empty_is_right.iter().any(|end| called.ends_with(end)) || called.ends_with("/zones");
        assert!(may_be_empty || plan.data()["empty"] == false, "{called}: {}", plan.text);
        let before = everything(&site).await;
        let done = call(&site, operation, "").await;
        assert!(done.status.is_success(), "{called}: {}", done.text);
        assert_ne!(everything(&site).await, before, "{called} did nothing in earnest");
    }
}

/// A word that an operation does not know is refused by every one, so that no wish is passed over.
#[tokio::test(flavor = "multi_thread")]
async fn no_operation_ignores_a_query_word() {
    let site = Site::open().await;
    let spec = zonecast::api::description();
    for (path, methods) in spec["paths"].as_object().unwrap() {
        for method in methods.as_object().unwrap().keys() {
            let path = path.replace("{id}", "1").replace("{ip}", "192.0.2.1");
            let reply = site.call(&method.to_uppercase(), &format!("{path}?zzz=1"), Some(json!({}))).await;
            assert_eq!((reply.status.as_u16(), reply.fields()), (422, vec!["zzz"]), "{method} {path}");
        }
    }
    assert_eq!(site.call("HEAD", "hosts?limit=1", None).await.status, 200);
}
