//! Bad input gets a clear error that names the field, and nothing is half-stored (G10, S5.37, S5.47, S5.52, S5.53).

use crate::daemon::Daemon;
use serde_json::{Value, json};
use zonecast_testbed::http;

fn fields(answer: &Value) -> Vec<String> {
    let errors = answer["errors"].as_array().cloned().unwrap_or_default();
    errors.iter().map(|error| error["field"].as_str().unwrap_or_default().to_owned()).collect()
}

#[test]
fn every_wrong_field_is_named_and_nothing_is_stored() {
    let daemon = Daemon::start();
    daemon.embedded_zone("example.com");
    let long = "a".repeat(64);
    for (body, field) in [
        (json!({ "fqdn": "vm", "addresses": ["192.0.2.1"] }), "/fqdn"),
        (json!({ "fqdn": format!("{long}.example.com"), "addresses": ["192.0.2.1"] }), "/fqdn"),
        (json!({ "fqdn": "a b.example.com", "addresses": ["192.0.2.1"] }), "/fqdn"),
        (json!({ "fqdn": "a.example.com", "addresses": ["192.0.2.0/24"] }), "/addresses/0"),
        (json!({ "fqdn": "a.example.com", "addresses": ["192.0.2.1", "x"] }), "/addresses/1"),
        (
            json!({ "fqdn": "a.example.com", "addresses": ["192.0.2.1", { "ip": "192.0.2.2", "reverse_name": "-" }] }),
            "/addresses/1/reverse_name",
        ),
        (json!({ "fqdn": "a.example.com", "addresses": ["192.0.2.1", "192.0.2.1"] }), "/addresses/1"),
        (json!({ "fqdn": "a.example.com", "addresses": ["192.0.2.1"], "ttl": -1 }), "/ttl"),
        (json!({ "fqdn": "a.example.com", "addresses": ["192.0.2.1"], "ttl": 2_147_483_648_u64 }), "/ttl"),
        (json!({ "fqdn": "a.example.com", "addresses": ["192.0.2.1"], "tll": 60 }), "/tll"),
        (json!({ "addresses": ["192.0.2.1"] }), "/fqdn"),
    ] {
        let (status, answer) = daemon.call("POST", "/hosts", Some(body.clone()));
        assert_eq!(status, 422, "{body} {answer:#}");
        assert_eq!(answer["success"], false);
        assert!(
            fields(&answer).iter().any(|named| named.starts_with(field)),
            "{field} is not named: {answer:#}"
        );
    }
    assert_eq!(daemon.must("GET", "/hosts", None), json!([]), "nothing is stored");
}

#[test]
fn taken_names_wrong_ids_large_bodies_and_closed_doors_say_so() {
    let daemon = Daemon::start();
    daemon.embedded_zone("example.com");
    let first = daemon.host("a.example.com", &["192.0.2.1"]);
    let again = json!({ "fqdn": "A.example.com.", "addresses": ["192.0.2.2"] });
    let (status, answer) = daemon.call("POST", "/hosts", Some(again));
    assert_eq!(status, 409);
    assert!(answer.to_string().contains(&first.to_string()), "{answer:#}");
    let cname = json!({ "name": "a.example.com", "type": "CNAME", "values": ["b.example.com"] });
    let (status, answer) = daemon.call("POST", "/records", Some(cname));
    assert_eq!(status, 409, "a CNAME beside an address: {answer:#}");
    assert_eq!(daemon.call("GET", "/hosts/999999", None).0, 404);
    assert!(matches!(daemon.call("GET", "/hosts/abc", None).0, 404 | 422));
    assert_eq!(daemon.call("GET", "/nothing", None).0, 404);
    assert_eq!(daemon.call("PUT", "/hosts", None).0, 405);
    let huge = json!({ "fqdn": "x".repeat(10 * 1024 * 1024), "addresses": [] });
    assert_eq!(daemon.call("POST", "/hosts", Some(huge)).0, 413);
    for path in ["/api/v1/hosts", "/api/v1/zones", "/metrics", "/api/v1/audit", "/api/v1/dns/records"] {
        for headers in [&[][..], &[("Authorization", "Bearer zc_1_nothing")][..], &[("X-API-Key", "x")][..]] {
            let answer = http(daemon.http, "GET", path, headers, None).expect("an answer");
            assert_eq!(answer.status, 401, "{path} {headers:?}");
        }
    }
}
