//! What a wrong body is told.

use crate::Site;
use serde_json::json;

#[tokio::test(flavor = "multi_thread")]
async fn every_wrong_field_is_named() {
    let site = Site::open().await;
    for (path, body, fields) in [
        ("hosts", json!({}), vec!["/fqdn"]),
        ("hosts", json!({"fqdn": "vm"}), vec!["/fqdn"]),
        (
            "hosts",
            json!({"fqdn": "a..b", "addresses": ["192.0.2.0/24", {"ip": "x"}, 7, {"reverse_name": "m"}], "ttl": -1, "color": 1}),
            vec![
                "/fqdn",
                "/addresses/0",
                "/addresses/1/ip",
                "/addresses/2",
                "/addresses/3/ip",
                "/addresses/3/reverse_name",
                "/ttl",
                "/color",
            ],
        ),
        (
            "hosts",
            json!({"fqdn": "a.example.com", "addresses": ["192.0.2.1", {"ip": "192.0.2.1"}]}),
            vec!["/addresses/1/ip"],
        ),
        ("hosts", json!({"name": "vm-1"}), vec!["/main_domain"]),
        (
            "hosts",
            json!({"fqdn": "a.example.com", "state": "gone", "address_policy": "some"}),
            vec!["/address_policy", "/state"],
        ),
        ("records", json!({}), vec!["/name", "/type", "/values"]),
        (
            "records",
            json!({"name": "a.example.com", "type": "A", "values": ["x", "192.0.2.1", "192.0.2.1"]}),
            vec!["/values/0", "/values/2"],
        ),
        ("records", json!({"name": "a.example.com", "type": "NOPE", "values": []}), vec!["/type", "/values"]),
        ("zones", json!({}), vec!["/name", "/provider"]),
        ("zones", json!({"name": "example.com", "provider": "nope"}), vec!["/provider"]),
        ("zones", json!({"name": "example.com", "connection_id": 9}), vec!["/connection_id"]),
        (
            "zones",
            json!({"name": "example.com", "provider": "embedded", "settings": {"allow_transfer": ["x"], "colour": 1}}),
            vec!["/settings/allow_transfer/0", "/settings/colour"],
        ),
        (
            "connections",
            json!({"provider": "powerdns"}),
            vec!["/name", "/settings/server_url", "/settings/api_key"],
        ),
        (
            "connections",
            json!({"name": "p", "provider": "powerdns", "settings": {"server_url": "https://x.example", "api_key": "KEEP"}}),
            vec!["/settings/api_key"],
        ),
        ("pools", json!({"prefix": "192.0.2.1/24"}), vec!["/prefix"]),
        (
            "pools",
            json!({"prefix": "192.0.2.0/24", "name_pattern": "x", "ttl": "9"}),
            vec!["/name_pattern", "/ttl"],
        ),
        ("keys", json!({"role": "king"}), vec!["/role", "/name"]),
        ("pause", json!({"zone_id": 1, "connection_id": 1}), vec!["/connection_id"]),
    ] {
        let reply = site.post(path, body.clone()).await;
        assert_eq!((reply.status.as_u16(), reply.fields()), (422, fields), "{path} {body}: {}", reply.text);
    }
    assert_eq!(site.get("hosts").await.data(), &json!([]), "nothing is half-stored");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bare_name_is_completed_by_its_main_domain_or_its_pool() {
    let site = Site::open().await;
    let pool = json!({"prefix": "192.0.2.0/24", "main_domain": "puqcloud.com", "name_pattern": "ip-{address}",
        "ptr_pattern": "{address}.rev.example.com"});
    let pool = site.post("pools", pool).await;
    assert_eq!(pool.data()["reverse_zones"], json!(["2.0.192.in-addr.arpa"]));
    for (body, fqdn) in [
        (json!({"name": "5551-1776530141", "main_domain": "example.com"}), "5551-1776530141.example.com"),
        (json!({"name": "vm", "addresses": ["192.0.2.7"]}), "vm.puqcloud.com"),
        (json!({"addresses": ["192.0.2.8"]}), "ip-192-0-2-8.puqcloud.com"),
        (json!({"fqdn": "bücher.example", "name": "x", "main_domain": "y.example"}), "xn--bcher-kva.example"),
    ] {
        let host = site.post("hosts", body).await;
        assert_eq!(host.data()["fqdn"], fqdn);
    }
    let host = site.get("hosts?address=192.0.2.7").await;
    assert_eq!(host.data()[0]["addresses"][0]["ptr"], "192-0-2-7.rev.example.com");
}

/// Where a text is cut is part of the value on every road, a plain text is cut for the user, and escapes
/// of a zone file without quotes are what the user meant (issue 9, C16).
#[tokio::test(flavor = "multi_thread")]
async fn texts_keep_their_cut_and_escapes_without_quotes_are_meant() {
    let site = Site::open().await;
    let id = site.embedded("example.com").await;
    let long = "x".repeat(300);
    let values = json!(["\"path=/\" \"v=1\"", "v=DMARC1\\; p=none", long]);
    let body = json!({"name": "t.example.com", "type": "TXT", "values": values});
    let made = site.post("records?wait=20s", body).await;
    let shown = &made.data()["values"];
    assert_eq!(
        *shown,
        json!(["\"path=/\" \"v=1\"", "\"v=DMARC1; p=none\"", format!("\"{long}\"")]),
        "{}",
        made.text
    );
    let notes = made.data()["notes"].as_array().unwrap();
    assert!(notes.len() == 1 && notes[0].as_str().unwrap().contains("v=DMARC1; p=none"), "{}", made.text);
    let file = site.get(&format!("zones/{id}/export")).await.text;
    for text in [
        "TXT \"path=/\" \"v=1\"",
        "TXT \"v=DMARC1; p=none\"",
        &format!("\"{}\" \"{}\"", &long[..255], &long[255..]),
    ] {
        assert!(file.contains(text), "{text} in {file}");
    }
    let other = site.embedded("other.test").await;
    let file = file.replace("example.com.", "other.test.");
    site.post(&format!("zones/{other}/import?wait=20s"), json!({"zone_file": file})).await.data();
    let again = site.get(&format!("zones/{other}/export")).await.text;
    assert!(again.contains("TXT \"path=/\" \"v=1\""), "{again}");
    let domain =
        json!({"name": "other.test", "records": [{"name": "@", "type": "TXT", "values": ["a\\;b"]}]});
    let made = site.post("domains", domain).await;
    assert_eq!(made.data()["notes"].as_array().map(Vec::len), Some(1), "{}", made.text);
}
