//! The forms of domains, pools and keys: what is wrong stands at its field, nothing is half-stored,
//! and a key is seen once.

use crate::forms::error_at;
use crate::site::Site;
use serde_json::json;
use zonecast::service::keys;

async fn with_domain(site: &Site) -> String {
    site.api("POST", "connections", json!({"name": "own", "provider": "embedded", "settings": {}})).await;
    let body = json!({"name": "d.example", "addresses": ["192.0.2.80"], "create_at": [1]});
    site.api("POST", "domains?wait=20s", body).await;
    "/domains/1".to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_wrong_with_a_domain_stands_at_its_field() {
    let site = Site::open().await;
    let page = with_domain(&site).await;
    let visitor = site.log_in().await;
    let bad = [
        ("name", "a b"),
        ("addresses", "192.0.2.1\n192.0.2.300"),
        ("ttl", "soon"),
        ("create_at", "1"),
        ("create_at", "7"),
    ];
    let refused = visitor.post("/domains", &bad).await;
    assert_eq!(refused.status, 422);
    for field in ["f-name", "f-addresses", "f-ttl"] {
        assert!(!error_at(&refused.text, field).is_empty(), "{field}");
    }
    let there = [("name", "e.example"), ("addresses", "192.0.2.1"), ("create_at", "1"), ("create_at", "7")];
    let refused = visitor.post("/domains", &there).await;
    assert_eq!(error_at(&refused.text, "f-create_at"), "there is no connection 7");
    assert!(refused.text.contains("value=\"1\" checked"), "what was ticked stays ticked");
    let twice = visitor.post("/domains", &[("name", "d.example")]).await;
    assert_eq!(twice.status, 409);
    assert!(error_at(&twice.text, "f-name").contains("domain 1"));
    for (path, fields, field, words) in [
        ("rename", vec![("name", "new.example")], "f-records", "is missing: update or erase"),
        ("rename", vec![("records", "erase"), ("name", "*.example")], "f-name", "not the name of a domain"),
        ("ip", vec![("from", "192.0.2.80"), ("to", "2001:db8::1")], "f-to", "family"),
        ("ip", vec![("from", "192.0.2.9"), ("to", "192.0.2.1")], "f-from", "no record with 192.0.2.9"),
        ("import", vec![("zone_file", "@ IN A not-an-address")], "f-zone_file", ""),
        ("import", vec![("zone_file", "  ")], "f-zone_file", "is missing"),
        ("template", vec![("action", "x")], "f-action", "apply or reset"),
    ] {
        let refused = visitor.post(&format!("{page}/{path}"), &fields).await;
        assert_eq!(refused.status, 422, "{path} {fields:?}");
        let said = error_at(&refused.text, field);
        assert!(!said.is_empty() && said.contains(words), "{path}: {said}");
        let (name, value) = fields[0];
        assert!(refused.text.contains(value) || value.trim().is_empty(), "{path}: {name} stays");
    }
    assert_eq!(site.api("GET", "domains/1", json!({})).await["record_set"].as_array().unwrap().len(), 8);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_wrong_with_a_record_stands_at_its_field() {
    let site = Site::open().await;
    let page = with_domain(&site).await;
    let visitor = site.log_in().await;
    for (name, rtype, values, field, words) in [
        ("www", "A", "192.0.2.1", "f-name", "write the whole name, such as www.d.example"),
        ("x.d.example", "A", "192.0.2.1\n192.0.2.300", "f-values", "192.0.2.300"),
        ("x.d.example", "NOTYPE", "1", "f-type", ""),
        ("x.d.example", "RRSIG", "1", "f-values", ""),
        ("x.d.example", "A", "", "f-values", "at least one"),
        ("www.d.example", "A", "192.0.2.1", "f-name", "CNAME"),
    ] {
        let fields = [("name", name), ("type", rtype), ("values", values)];
        let refused = visitor.post(&format!("{page}/record"), &fields).await;
        assert_eq!(refused.status, 422, "{fields:?}");
        let said = error_at(&refused.text, field);
        assert!(!said.is_empty() && said.contains(words), "{fields:?}: {said}");
    }
    let missing = visitor.get(&format!("{page}/record?name=nobody.d.example&type=A")).await;
    assert_eq!(missing.status, 404);
    // Two people at the records of one domain.
    let version = site.api("GET", "domains/1", json!({})).await["version"].to_string();
    site.api("PATCH", "domains/1", json!({"ttl": 100})).await;
    let stale = [("name", "x.d.example"), ("type", "A"), ("values", "192.0.2.1"), ("version", &version)];
    let refused = visitor.post(&format!("{page}/record"), &stale).await;
    assert_eq!(refused.status, 412);
    assert!(refused.text.contains("Somebody else changed this meanwhile"));
    for path in ["record/remove", "import", "delete", ""] {
        let path = format!("{page}/{path}");
        let path = path.trim_end_matches('/');
        let fields = [("was_name", "d.example"), ("was_type", "MX"), ("zone_file", "@ IN A 192.0.2.1")];
        let fields = [fields.as_slice(), &[("version", &version)]].concat();
        let reply = visitor.post(path, &fields).await;
        assert!(reply.status == 412 || path.ends_with("delete"), "{path}: {}", reply.status);
    }
    assert_eq!(site.api("GET", "domains/1", json!({})).await["record_set"].as_array().unwrap().len(), 8);
    let again = [("name", "X.d.example."), ("type", "a"), ("values", "192.0.2.1"), ("ttl", "300")];
    assert_eq!(visitor.post(&format!("{page}/record"), &again).await.status, 303);
}

#[tokio::test(flavor = "multi_thread")]
async fn many_records_and_many_domains_come_page_by_page() {
    let site = Site::open().await;
    let page = with_domain(&site).await;
    let visitor = site.log_in().await;
    let file: String = (0..1_200).map(|n| format!("h{n:04} IN A 192.0.2.1\n")).collect();
    assert_eq!(visitor.post(&format!("{page}/import"), &[("zone_file", &file)]).await.status, 303);
    let shown = visitor.get(&format!("{page}?from=1000")).await.text;
    assert_eq!(shown.matches(">Edit</a>").count(), 200 + 1);
    assert!(shown.contains("1200 record sets") && shown.contains("h1199.d.example"));
    let piece = visitor.get(&format!("{page}/records?from=500")).await.text;
    assert!(piece.contains("h0500.d.example") && piece.contains("records?from=500\""), "it stays there");
    for n in 0..60 {
        site.api("POST", "domains", json!({"name": format!("n{n:02}.example")})).await;
    }
    let first = visitor.get("/domains?search=example").await.text;
    assert_eq!(first.matches("class=\"name\"><a href=\"/domains/").count(), 50);
    let next = first.split("href=\"").find(|part| part.contains("rel=\"next\"")).unwrap();
    let next = next.split('"').next().unwrap().replace("&#38;", "&");
    let second = visitor.get(&next).await.text;
    assert_eq!(second.matches("class=\"name\"><a href=\"/domains/").count(), 11);
}

/// S2.35, S2.36, S2.84.
#[tokio::test(flavor = "multi_thread")]
async fn a_pool_names_the_reverse_zones_it_needs() {
    let site = Site::open().await;
    let visitor = site.log_in().await;
    let wrong =
        [("prefix", "192.0.2.1/24"), ("main_domain", "a b"), ("ptr_pattern", "x.example"), ("ttl", "-1")];
    let refused = visitor.post("/pools", &wrong).await;
    assert_eq!(refused.status, 422);
    assert!(error_at(&refused.text, "f-prefix").contains("did you mean 192.0.2.0/24"));
    for field in ["f-main_domain", "f-ptr_pattern", "f-ttl"] {
        assert!(!error_at(&refused.text, field).is_empty(), "{field}");
    }
    let right = [
        ("prefix", "198.51.100.0/23"),
        ("main_domain", "example.com"),
        ("name_pattern", "vm-{address}"),
        ("ptr_pattern", "{address}.pool.example.com"),
        ("ttl", "600"),
    ];
    assert_eq!(visitor.post("/pools", &right).await.location(), "/pools");
    let list = visitor.get("/pools").await.text;
    assert!(list.contains("reverse zones to add: 100.51.198.in-addr.arpa, 101.51.198.in-addr.arpa"));
    assert!(list.contains("href=\"/zones/new?name=100.51.198.in-addr.arpa\""), "{list}");
    assert!(list.contains("{address}.pool.example.com") && list.contains("no zone yet"));
    assert!(visitor.get("/zones/new?name=100.51.198.in-addr.arpa").await.text.contains("value=\"100.51"));
    site.api("POST", "zones", json!({"name": "100.51.198.in-addr.arpa", "provider": "embedded"})).await;
    assert!(visitor.get("/pools").await.text.contains("configured: <a href=\"/zones/1\">"));
    let edit = visitor.get("/pools/1/edit").await.text;
    assert!(
        edit.contains("value=\"vm-{address}\"") && edit.contains("Reverse zones: 100.51.198.in-addr.arpa")
    );
    let changed = [("main_domain", "example.net"), ("ttl", ""), ("version", "99")];
    assert_eq!(visitor.post("/pools/1", &changed).await.status, 412);
    assert_eq!(visitor.post("/pools/1", &changed[..2]).await.status, 303);
    let pool = site.api("GET", "pools/1", json!({})).await;
    assert_eq!((&pool["main_domain"], &pool["ttl"]), (&json!("example.net"), &json!(null)));
    assert!(visitor.get("/pools/1/delete").await.text.contains("Hosts inside keep"));
    assert_eq!(visitor.post("/pools/1/delete", &[]).await.status, 303);
    assert!(visitor.get("/pools").await.text.contains("No pool yet"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_is_shown_once_and_opens_nothing_after_its_end() {
    let site = Site::open().await;
    let visitor = site.log_in().await;
    let refused = visitor.post("/keys", &[("role", "viewer"), ("expires_at", "tomorrow")]).await;
    assert_eq!(error_at(&refused.text, "f-name"), "Name is missing");
    assert!(error_at(&refused.text, "f-expires_at").contains("2027-01-31T00:00:00Z"));
    let made = visitor.post("/keys", &[("name", "billing"), ("role", "operator")]).await;
    assert_eq!((made.status.as_u16(), made.headers["cache-control"].to_str().unwrap()), (200, "no-store"));
    let key = made.text.split("id=\"fresh-key\">").nth(1).unwrap().split('<').next().unwrap().to_owned();
    assert!(key.starts_with("zc_2_"), "{key}");
    for path in ["/keys", "/audit", "/keys/2/delete"] {
        let page = visitor.get(path).await.text;
        assert!(page.contains("billing") || path == "/audit", "{path}");
        assert!(!page.contains(&key), "{path}");
    }
    let other = site.log_in_as(&key).await;
    for path in ["/keys", "/keys/new", "/keys/1/delete"] {
        let shut = other.get(path).await;
        assert!(shut.status == 403 && !shut.text.contains("billing</td>"), "{path}: keys are an admin's");
    }
    assert!(!other.get("/").await.text.contains("href=\"/keys\""));
    assert!(visitor.get("/").await.text.contains("href=\"/keys\""));
    assert_eq!(visitor.post("/keys/2/delete", &[]).await.status, 303);
    assert_eq!(other.get("/").await.status, 303, "its sessions end at once");
    visitor.post("/keys/1/delete", &[]).await;
    assert!(visitor.get("/keys").await.text.contains("this is the last admin key"));
    let viewer = keys::create(&site.app, "eye", "viewer", None).await.unwrap();
    let viewer = site.log_in_as(&viewer).await;
    assert_eq!(viewer.get("/keys").await.status, 403);
}

/// A viewer sees domains and pools, and no button that would change one.
#[tokio::test(flavor = "multi_thread")]
async fn a_viewer_looks_at_domains_and_changes_none() {
    let site = Site::open().await;
    let page = with_domain(&site).await;
    let key = keys::create(&site.app, "eye", "viewer", None).await.unwrap();
    let viewer = site.log_in_as(&key).await;
    for path in ["/domains", &page, "/pools"] {
        let shown = viewer.get(path).await;
        assert_eq!(shown.status, 200);
        for word in ["Sync now", "Edit", "Rename", "Remove", "+ Add", "Disable"] {
            assert!(!shown.text.contains(&format!(">{word}")), "{path}: {word}");
        }
    }
    assert!(viewer.get(&page).await.text.contains("mail.d.example"));
}
