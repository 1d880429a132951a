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
