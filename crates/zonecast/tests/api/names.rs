//! Names as callers write them: whole, or told which one is meant (C17).

use crate::Site;
use serde_json::{Value, json};

/// Sample 2, octodns #1146: what is below what is known to a zone file, and not to a call.
#[tokio::test(flavor = "multi_thread")]
async fn a_record_has_a_whole_name_and_so_has_what_it_points_to() {
    let site = Site::open().await;
    let alone = site.post("records", json!({"name": "www", "type": "A", "values": ["192.0.2.1"]})).await;
    assert!(alone.text.contains("www.example.com"), "no zone to guess by: {}", alone.text);
    let zone = site.embedded("a.test").await;
    let top = site.embedded("lan").await;
    let record =
        |name: &str, rtype: &str, value: &str| json!({"name": name, "type": rtype, "values": [value]});
    let bound =
        |name: &str, zone: i64| json!({"name": name, "type": "A", "values": ["192.0.2.1"], "zone_id": zone});
    for (body, field, meant) in [
        (bound("www", zone), "/name", "did you mean www.a.test?"),
        (bound("@", zone), "/name", "did you mean a.test?"),
        (bound(".", zone), "/name", "did you mean a.test?"),
        (record("www", "A", "192.0.2.1"), "/name", "www.example.com"),
        (record("@", "A", "192.0.2.1"), "/name", "www.example.com"),
        (record("a.a.test", "MX", "10 mail"), "/values/0", "mail."),
        (record("a.a.test", "CNAME", "@"), "/values/0", "whole name"),
    ] {
        let reply = site.post("records", body.clone()).await;
        assert_eq!((reply.status.as_u16(), reply.fields()), (422, vec![field]), "{body}: {}", reply.text);
        assert!(reply.text.contains(meant), "{body}: {}", reply.text);
    }
    let domain = json!({"name": "d.a.test", "records": [record("d.a.test", "MX", "10 mail")]});
    let reply = site.post("domains", domain).await;
    assert_eq!(reply.fields(), ["/records/0/values/0"], "{}", reply.text);
    assert!(reply.text.contains("mail.d.a.test"), "{}", reply.text);
    assert_eq!(site.get("dns/records").await.data(), &json!([]), "nothing is stored");
    for body in [
        record("a.a.test", "MX", "10 mail."),
        record("b.a.test", "MX", "0 ."),
        bound("lan", top),
        record("x.lan", "A", "192.0.2.2"),
        record("elsewhere.example", "A", "192.0.2.2"),
    ] {
        let made = site.post("records", body).await;
        assert_eq!(made.status, 202, "{}", made.text);
    }
    let changed = site.call("PATCH", "records/1", Some(json!({"name": "www"}))).await;
    assert_eq!(changed.fields(), ["/name"], "{}", changed.text);
}

/// Sample 6: a network is a zone, a classless name tells its network, and nonsense is refused.
#[tokio::test(flavor = "multi_thread")]
async fn a_reverse_zone_is_what_its_network_says() {
    let site = Site::open().await;
    let zone = |name: &str, network: Option<&str>| {
        let mut zone = json!({"name": name, "provider": "embedded"});
        if let Some(network) = network {
            zone["network"] = json!(network);
        }
        zone
    };
    for (name, network, field) in [
        ("10.20.0.0/20", None, "/name"),
        ("192.0.2.64/26", None, "/name"),
        ("10.20.0.1/16", None, "/name"),
        ("192.0.2.1", None, "/name"),
        ("0-29.2.0.192.in-addr.arpa", Some("192.0.2.7/29"), "/network"),
        ("0-29.2.0.192.in-addr.arpa", Some("2001:db8::/64"), "/network"),
        ("8.b.d.0.1.0.0.2.ip6.arpa", Some("192.0.2.0/24"), "/network"),
    ] {
        let reply = site.post("zones", zone(name, network)).await;
        assert_eq!((reply.status.as_u16(), reply.fields()), (422, vec![field]), "{name}: {}", reply.text);
    }
    for (name, stored, network) in [
        ("10.20.0.0/16", "20.10.in-addr.arpa", Value::Null),
        ("64/26.2.0.192.in-addr.arpa", "64/26.2.0.192.in-addr.arpa", json!("192.0.2.64/26")),
        ("64-26.2.0.192.in-addr.arpa", "64-26.2.0.192.in-addr.arpa", json!("192.0.2.64/26")),
        ("64-127.2.0.192.in-addr.arpa", "64-127.2.0.192.in-addr.arpa", json!("192.0.2.64/26")),
        ("2-23.100.10.in-addr.arpa", "2-23.100.10.in-addr.arpa", json!("10.100.2.0/23")),
    ] {
        let made = site.post("zones", zone(name, None)).await;
        assert_eq!(
            (&made.data()["name"], &made.data()["network"]),
            (&json!(stored), &network),
            "{}",
            made.text
        );
    }
    let host = json!({"fqdn": "vm.a.test", "addresses": ["192.0.2.70", "10.20.3.4"]});
    let host = site.post("hosts?wait=20s", host).await;
    let records = host.data()["records"].as_array().unwrap();
    let names: Vec<&str> = records.iter().filter_map(|key| key["name"].as_str()).collect();
    for name in ["70.64/26.2.0.192.in-addr.arpa", "70.64-127.2.0.192.in-addr.arpa", "4.3.20.10.in-addr.arpa"]
    {
        assert!(names.contains(&name), "{name} is not in {names:?}");
    }
    let id = site.embedded("customer.2.0.192.in-addr.arpa").await;
    let path = format!("zones/{id}");
    let seen = site.get(&path).await;
    assert!(seen.data()["notes"][0].as_str().unwrap_or_default().contains("no address"), "{}", seen.text);
    for wrong in ["192.0.2.7/29", "2001:db8::/64"] {
        let reply = site.call("PATCH", &path, Some(json!({"network": wrong}))).await;
        assert_eq!(reply.fields(), ["/network"], "{}", reply.text);
    }
}

/// D24: a provider's name is a word, not a spelling.
#[tokio::test(flavor = "multi_thread")]
async fn a_provider_is_named_in_any_case() {
    let site = Site::open().await;
    let made = site.post("zones", json!({"name": "a.test", "provider": "Embedded"})).await;
    assert_eq!(made.data()["provider"], "embedded", "{}", made.text);
    assert_eq!(site.get("zones?provider=EMBEDDED").await.data().as_array().unwrap().len(), 1);
    let settings = json!({"server_url": "http://127.0.0.1:9", "api_key": "x"});
    let connection = json!({"name": "p", "provider": "PowerDNS", "settings": settings});
    assert_eq!(site.post("connections", connection).await.data()["provider"], "powerdns");
    let unknown = site.post("zones", json!({"name": "b.test", "provider": "nope"})).await;
    assert_eq!(unknown.fields(), ["/provider"]);
}

/// Sample 5 (D21): a registration that no zone holds is no plain success in its job.
#[tokio::test(flavor = "multi_thread")]
async fn a_registration_without_a_zone_says_so_in_its_job() {
    let site = Site::open().await;
    let record = json!({"name": "r.nowhere.test", "type": "A", "values": ["203.0.113.2"]});
    for (path, body) in
        [("hosts", json!({"fqdn": "x.nowhere.test", "addresses": ["203.0.113.1"]})), ("records", record)]
    {
        let made = site.post(path, body).await;
        let job = site.get(&format!("jobs/{}", made.data()["job_id"])).await;
        let title = job.data()["title"].as_str().unwrap();
        assert!(title.contains("no configured zone holds it"), "{path}: {title}");
        assert_eq!(job.data()["state"], "no_matching_zone", "{path}");
    }
    let quiet = site.call("PATCH", "hosts/1", Some(json!({"vm_status": "running"}))).await;
    let job = site.get(&format!("jobs/{}", quiet.data()["job_id"])).await;
    assert!(!job.text.contains("no configured zone"), "{}", job.text);
    assert_eq!(job.data()["state"], "done");

    // What changes nothing of a domain that has its zone is done.
    site.post("zones", json!({"name": "a.test", "provider": "embedded"})).await;
    let made = site.post("domains", json!({"name": "a.test", "addresses": ["192.0.2.1"]})).await;
    let path = format!("domains/{}/template", made.data()["id"]);
    for _ in 0..2 {
        let applied = site.call("POST", &format!("{path}?wait=20s"), Some(json!({"action": "apply"}))).await;
        let job = site.get(&format!("jobs/{}", applied.data()["job_id"])).await;
        assert_eq!(job.data()["state"], "done", "{}", job.text);
    }
}
