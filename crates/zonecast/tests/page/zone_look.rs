//! What a zone's page tells beside its records: how its service signs it, and what others changed.

use crate::daemon::PATIENCE;
use crate::site::Site;
use serde_json::json;
use std::time::Instant;
use zonecast_core::{Name, RecordType};
use zonecast_store::DriftRow;
use zonecast_testbed::{Backend, PowerDns};

#[tokio::test(flavor = "multi_thread")]
async fn a_signed_zone_tells_its_ds() {
    let server = PowerDns::start(Backend::Sqlite);
    let site = Site::open().await;
    let settings = json!({ "server_url": server.api_url(), "api_key": server.api_key() });
    for name in ["signed.test", "plain.test"] {
        server.create_zone(name, "Native");
        let body = json!({ "name": name, "provider": "powerdns", "settings": settings });
        site.api("POST", "zones", body).await;
    }
    server.sign("signed.test");
    let visitor = site.log_in().await;
    assert!(visitor.get("/zones/1").await.text.contains("href=\"/zones/1/dnssec\""));
    let page = visitor.get("/zones/1/dnssec").await.text;
    let keys = server.api("GET", "/zones/signed.test./cryptokeys", None).json();
    let ds = keys[0]["ds"].as_array().unwrap().iter().filter_map(|ds| ds.as_str());
    // Digest 2 is the one every registrar takes; who writes hexadecimal how is nobody's business.
    let ds = ds.map(str::to_lowercase).find(|ds| ds.split(' ').nth(2) == Some("2")).unwrap();
    assert!(page.to_lowercase().contains(&ds), "{ds}: {page}");
    let dnskey = keys[0]["dnskey"].as_str().unwrap();
    assert!(page.contains(&dnskey[..40]) && page.contains(">signs<"), "{dnskey}: {page}");
    let told = site.api("GET", "zones/1/dnssec", json!(null)).await;
    assert_eq!((&told["signed"], &told["keys"][0]["active"]), (&json!(true), &json!(true)), "{told}");
    assert!(told["keys"][0]["ds"].to_string().to_lowercase().contains(&ds), "{ds}: {told}");
    assert_eq!(site.api("GET", "zones/2/dnssec", json!(null)).await["signed"], false);
    assert!(visitor.get("/zones/2/dnssec").await.text.contains("could sign this zone and does not"));
    site.api("POST", "zones", json!({"name": "own.test", "provider": "embedded"})).await;
    assert!(!visitor.get("/zones/3").await.text.contains("/dnssec"));
    assert!(visitor.get("/zones/3/dnssec").await.text.contains("signs nothing, or cannot say how"));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_others_changed_is_listed() {
    let site = Site::open().await;
    for name in ["a.example", "b.example"] {
        site.api("POST", "zones", json!({"name": name, "provider": "embedded"})).await;
    }
    let row = |zone_id: i64, name: &str| DriftRow {
        id: 0,
        zone_id,
        name: Name::parse(name).unwrap(),
        rtype: RecordType::A,
        kind: "different".to_owned(),
        detail: "gone: 192.0.2.1; there: 203.0.113.9".to_owned(),
        seen: 2,
        first_seen_at: 1_700_000_000_000,
        healed_at: Vec::new(),
    };
    site.app.store.put_drift(&[row(1, "x.a.example"), row(2, "y.b.example")]).await.unwrap();
    let visitor = site.log_in().await;
    assert!(visitor.get("/zones/1").await.text.contains("Drift in this zone (1)"));
    let all = visitor.get("/drift").await.text;
    assert!(all.contains("x.a.example") && all.contains("y.b.example"));
    assert!(all.contains("gone: 192.0.2.1; there: 203.0.113.9") && all.contains("seen 2 times"));
    let told = site.api("GET", "drift?zone_id=2", json!(null)).await;
    assert_eq!((&told[0]["name"], &told[1]), (&json!("y.b.example"), &json!(null)), "{told}");
    let one = visitor.get("/drift?zone=2").await.text;
    assert!(!one.contains("x.a.example") && one.contains("y.b.example"));
}

/// D22: one line for what is wrong, with what waits for it and a button; not a line for each record.
#[tokio::test(flavor = "multi_thread")]
async fn the_dashboard_shows_causes_and_not_symptoms() {
    let server = PowerDns::start(Backend::Sqlite);
    server.create_zone("down.test", "Native");
    let site = Site::open().await;
    let settings = json!({ "server_url": server.api_url(), "api_key": server.api_key() });
    site.api("POST", "zones", json!({ "name": "down.test", "provider": "powerdns", "settings": settings }))
        .await;
    drop(server);
    for n in 1..=3 {
        let body = json!({ "fqdn": format!("vm-{n}.down.test"), "addresses": [format!("192.0.2.{n}")] });
        site.api("POST", "hosts", body).await;
    }
    let end = Instant::now() + PATIENCE;
    while site.api("GET", "connections/1", json!(null)).await["state"] == "ok" {
        assert!(Instant::now() < end, "nobody noticed that it is down");
    }
    let visitor = site.log_in().await;
    let page = visitor.get("/").await.text;
    for part in [
        "What is wrong",
        "3 names of 3 hosts wait",
        "cannot be reached",
        "action=\"/zones/1/resume\"",
        "Try now",
    ] {
        assert!(page.contains(part), "{part}: {page}");
    }
    assert!(!page.contains("/explain?name=vm-"), "no line for each record: {page}");
    assert!(page.contains("<small>0 ok</small>"), "a zone is well only where its connection is: {page}");
    let hosts = visitor.get("/hosts").await.text;
    assert!(hosts.contains(">1 retrying<") && !hosts.contains("good\">active"), "{hosts}");
    let zone = visitor.get("/zones/1").await.text;
    assert!(zone.contains("Our records") && zone.contains(">Try now<"), "{zone}");
    assert_eq!(visitor.post("/zones/1/resume", &[("back", "/")]).await.location(), "/");
}
