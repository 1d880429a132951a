//! Zones and connections: secrets stay inside, zones stay where they are.

use crate::{Reply, Site};
use serde_json::json;

fn powerdns(port: u16, key: &str) -> serde_json::Value {
    json!({"server_url": format!("http://127.0.0.1:{port}"), "api_key": key})
}

#[tokio::test(flavor = "multi_thread")]
async fn a_secret_goes_in_and_never_comes_out() {
    let site = Site::open().await;
    let zone = json!({"name": "example.com", "provider": "powerdns", "settings": powerdns(9, "canary-1")});
    let made = site.post("zones", zone.clone()).await;
    assert_eq!(made.status, 201, "{}", made.text);
    assert_eq!(made.data()["settings"]["api_key"], "KEEP");
    let (id, connection) =
        (made.data()["id"].as_i64().unwrap(), made.data()["connection_id"].as_i64().unwrap());
    let again = site.post("zones", zone).await;
    assert_eq!(again.status, 409);
    assert!(again.text.contains(&format!("zone {id}")), "{}", again.text);
    let second = json!({"name": "example.org", "provider": "powerdns", "settings": powerdns(9, "canary-1")});
    assert_eq!(site.post("zones", second).await.data()["connection_id"], connection, "the same account");

    let path = format!("zones/{id}");
    let moved = site.call("PATCH", &path, Some(json!({"settings": powerdns(10, "KEEP")}))).await;
    assert_eq!((moved.status.as_u16(), moved.fields()), (422, vec!["/settings/api_key"]));
    let kept = site.call("PATCH", &path, Some(json!({"settings": {"api_key": ""}, "ttl": 60}))).await;
    assert_eq!((&kept.data()["ttl"], &kept.data()["settings"]["api_key"]), (&json!(60), &json!("KEEP")));
    let changed = site.call("PATCH", &path, Some(json!({"settings": {"api_key": "canary-2"}}))).await;
    assert!(changed.data()["notes"][0].as_str().unwrap().contains("1 zone"), "{}", changed.text);
    let tested = site.call("POST", &format!("{path}/test"), None).await;
    assert_eq!(tested.data()["ok"], false);
    let unsaved = json!({"name": "example.com", "provider": "powerdns", "settings": powerdns(9, "KEEP")});
    assert_eq!(site.post("zones/test", unsaved).await.fields(), ["/settings/api_key"]);
    for path in ["zones", "connections", "audit", "jobs", "status", "providers", &path, "/metrics"] {
        assert!(!site.get(path).await.text.contains("canary"), "{path}");
    }
}

/// B13: a refused change of a zone has changed nothing of its connection, and a changed connection takes
/// its zones along: two zone objects never come to one place, by no road.
#[tokio::test(flavor = "multi_thread")]
async fn two_zones_never_come_to_one_place() {
    let site = Site::open().await;
    let zone =
        |port| json!({"name": "example.com", "provider": "powerdns", "settings": powerdns(port, "one")});
    let first = site.post("zones", zone(9)).await.data().clone();
    let second = site.post("zones", zone(10)).await.data().clone();
    let audit = site.get("audit").await.data().as_array().unwrap().len();
    let here = json!({"settings": powerdns(9, "two")});
    let (zone_path, connection_path) =
        (format!("zones/{}", second["id"]), format!("connections/{}", second["connection_id"]));
    for path in [&zone_path, &connection_path] {
        let refused = site.call("PATCH", path, Some(here.clone())).await;
        assert_eq!(refused.status, 409, "{path}: {}", refused.text);
        assert!(refused.text.contains(&format!("zone {}", first["id"])), "{}", refused.text);
        let connection = site.get(&connection_path).await;
        assert_eq!(connection.data()["settings"]["server_url"], "http://127.0.0.1:10", "{path}");
        assert_eq!(site.get("audit").await.data().as_array().unwrap().len(), audit, "{path}");
    }
    // Away from its place, the first makes room for another.
    let away = json!({"settings": powerdns(11, "two")});
    site.call("PATCH", &format!("connections/{}", first["connection_id"]), Some(away)).await.data();
    site.call("PATCH", &connection_path, Some(here)).await.data();
    assert_eq!(site.post("zones", zone(9)).await.status, 409, "the second is there now");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_zone_stays_where_it_is() {
    let site = Site::open().await;
    let id = site.embedded("example.com").await;
    let move_it = json!({"name": "example.org", "connection_id": 99, "provider": "powerdns"});
    let reply = site.call("PATCH", &format!("zones/{id}"), Some(move_it)).await;
    assert_eq!((reply.status.as_u16(), reply.fields()), (422, vec!["/name", "/connection_id", "/provider"]));
    assert_eq!(site.post("zones", json!({"name": "example.com.", "provider": "embedded"})).await.status, 409);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_embedded_zone_is_exported_imported_and_shown() {
    let site = Site::open().await;
    let id = site.embedded("example.com").await;
    let file = "$ORIGIN example.com.\n$TTL 300\n@ MX 10 mail\nmail A 192.0.2.25\n@ SOA ns1 host 1 2 3 4 5\n";
    let import = site.post(&format!("zones/{id}/import?wait=20s"), json!({"zone_file": file})).await;
    assert_eq!(
        (&import.data()["added"], &import.data()["changed"]),
        (&json!(2), &json!(0)),
        "{}",
        import.text
    );
    let text = site.get(&format!("zones/{id}/export")).await.text;
    assert!(text.contains("192.0.2.25") && text.contains("SOA"), "{text}");
    let rows = site.get(&format!("zones/{id}/records")).await;
    assert!(
        rows.data().as_array().unwrap().iter().any(|row| row["state"] == "foreign" && row["type"] == "SOA")
    );
    assert_eq!(site.get(&format!("zones/{id}/plan")).await.data()["empty"], true);
    let again = site.post(&format!("zones/{id}/import"), json!({"zone_file": file})).await;
    assert_eq!(again.data()["unchanged"], 2, "{}", again.text);
    let wrong = site.post(&format!("zones/{id}/import"), json!({"zone_file": "a A nonsense"})).await;
    assert_eq!(wrong.status, 422);
    let explain = site.get("explain?name=mail.example.com").await;
    assert_eq!(
        (&explain.data()["matched"], &explain.data()["claims"][0]["value"]),
        (&json!(true), &json!("192.0.2.25"))
    );
}

/// Nothing enters without being counted: a domain says what of its zone file it did not take, in the
/// preview and for as long as those records are its records.
#[tokio::test(flavor = "multi_thread")]
async fn what_a_domain_leaves_out_of_a_zone_file_is_told() {
    let site = Site::open().await;
    let signed = "@ SOA ns1 host 1 2 3 4 5\n@ NS ns1.example.net.\nwww A 192.0.2.80\n\
                  @ DNSKEY 257 3 13 AAAA\n@ NSEC www A NS\nwww NSEC @ A\n";
    let told =
        ["1 SOA, the zone's server makes it", "2 NSEC, a signer makes it", "1 DNSKEY, a signer makes it"]
            .map(|line| json!(format!("left out of the zone file: {line}")));
    let body = json!({"name": "signed.example.com", "zone_file": signed});
    let dry = site.post("domains?dry_run=true", body.clone()).await;
    let planned = dry.data()["left_out"].as_array().unwrap().iter().map(|line| line["message"].clone());
    assert_eq!(planned.collect::<Vec<_>>(), told, "{}", dry.text);
    let made = site.post("domains", body).await;
    let path = format!("domains/{}", made.data()["id"]);
    let messages = |reply: &Reply| reply.data()["messages"].as_array().unwrap()[..3].to_vec();
    assert_eq!(messages(&made), told, "{}", made.text);
    assert_eq!(made.data()["record_set"].as_array().unwrap().len(), 2, "{}", made.text);
    let changed = site.call("PATCH", &path, Some(json!({"zone_file": signed}))).await;
    assert_eq!(messages(&changed), told, "{}", changed.text);
    let plain = site.call("PATCH", &path, Some(json!({"zone_file": "www A 192.0.2.80\n"}))).await;
    assert!(!plain.text.contains("left out"), "{}", plain.text);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_zone_that_comes_after_its_hosts_gets_them() {
    let site = Site::open().await;
    let host = json!({"fqdn": "vm.example.com", "addresses": ["192.0.2.1"]});
    let made = site.post("hosts", host).await;
    assert_eq!(made.data()["no_matching_zone"], true);
    let host = format!("hosts/{}", made.data()["id"]);
    site.embedded("example.com").await;
    for _ in 0..200 {
        let seen = site.get(&host).await;
        let rows = seen.data()["records"].as_array().unwrap();
        if rows.iter().any(|row| ["applied", "served"].contains(&row["state"].as_str().unwrap())) {
            return;
        }
        site.app.engine.changed(std::time::Duration::from_millis(100)).await;
    }
    panic!("{}", site.get(&host).await.text);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_paused_zone_waits_and_goes_on() {
    let site = Site::open().await;
    let id = site.embedded("example.com").await;
    assert_eq!(site.call("POST", &format!("zones/{id}/pause"), None).await.data()["state"], "paused");
    let host = json!({"fqdn": "vm.example.com", "addresses": ["192.0.2.1"]});
    let made = site.post("hosts?wait=300ms", host).await;
    assert_eq!(made.data()["records"][0]["state"], "pending", "{}", made.text);
    site.call("POST", &format!("zones/{id}/resume"), None).await.data();
    let job = made.data()["job_id"].as_i64().unwrap();
    assert_eq!(site.get(&format!("jobs/{job}?wait=20s")).await.data()["state"], "done");
    let gone = site.call("DELETE", &format!("zones/{id}?records=remove&wait=20s"), None).await;
    assert!(gone.data()["job_id"].is_i64(), "{}", gone.text);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_removed_embedded_zone_is_served_no_more_and_nothing_is_lost_unasked() {
    let site = Site::open().await;
    let id = site.embedded("example.com").await;
    let apex = zonecast_core::Name::parse("example.com").unwrap();
    let host = json!({"fqdn": "vm.example.com", "addresses": ["192.0.2.1"]});
    assert_eq!(site.post("hosts?wait=20s", host).await.status, 200);
    // A value that belongs to nobody here, as an UPDATE leaves it.
    let foreign = zonecast_core::RRset::new(
        zonecast_core::Name::parse("other.example.com").unwrap(),
        zonecast_core::RecordType::TXT,
        zonecast_core::Ttl::DEFAULT,
        vec![zonecast_core::RecordData::text(b"of somebody else")],
    );
    let edit = vec![zonecast_dns::Edit::Set(foreign)];
    site.app.authority.apply(&apex, edit, zonecast_dns::ChangeOptions::default()).await.unwrap();
    let kept = site.call("DELETE", &format!("zones/{id}"), None).await;
    assert_eq!(kept.status, 409, "{}", kept.text);
    assert!(kept.text.contains("1 value") && site.app.authority.snapshot(&apex).is_some(), "{}", kept.text);
    let gone = site.call("DELETE", &format!("zones/{id}?records=remove&wait=20s"), None).await;
    assert_eq!(gone.status, 200, "{}", gone.text);
    assert!(site.app.authority.snapshot(&apex).is_none());
    assert_eq!(site.get(&format!("zones/{id}")).await.status, 404);

    let id = site.embedded("example.com").await;
    site.app.engine.wake();
    let gone = site.call("DELETE", &format!("zones/{id}"), None).await;
    assert_eq!((gone.status.as_u16(), &gone.data()["state"]), (200, &json!("deleted")), "{}", gone.text);
    assert!(site.app.authority.snapshot(&apex).is_none(), "served data must not stay behind");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_address_of_a_delegations_own_server_is_glue_and_not_occluded() {
    let site = Site::open().await;
    let id = site.embedded("example.com").await;
    let file = "$ORIGIN example.com.\n$TTL 300\nsub NS ns1.sub\nns1.sub A 192.0.2.53\nvm.sub A 192.0.2.54\n";
    site.post(&format!("zones/{id}/import?wait=20s"), json!({"zone_file": file})).await.data();
    site.app.store.shift_clock(2 * 24 * 3600 * 1000);
    for _ in 0..300 {
        site.app.engine.changed(std::time::Duration::from_millis(50)).await;
        if !site.app.store.zone(id).await.unwrap().unwrap().cuts.is_empty() {
            break;
        }
    }
    let work = site.post(&format!("zones/{id}/sync?wait=20s"), json!({})).await;
    assert_eq!(work.status, 200, "{}", work.text);
    let rows = site.get(&format!("zones/{id}/records")).await;
    let state = |name: &str| {
        let row = rows.data().as_array().unwrap().iter().find(|row| row["name"] == name);
        row.map(|row| row["state"].clone())
    };
    assert_eq!(state("vm.sub.example.com"), Some(json!("occluded")), "{}", rows.text);
    assert_ne!(state("ns1.sub.example.com"), Some(json!("occluded")), "{}", rows.text);
}

#[tokio::test(flavor = "multi_thread")]
async fn adding_a_zone_tells_how_many_keys_hold_values_of_others() {
    let site = Site::open().await;
    let name = |text: &str| zonecast_core::Name::parse(text).unwrap();
    // The zone was served before: somebody's address stands where a host wants its own.
    let id = site.embedded("example.com").await;
    for (host, ip) in [("one", "192.0.2.1"), ("two", "192.0.2.2"), ("three", "192.0.2.3")] {
        site.post("hosts", json!({"fqdn": format!("{host}.example.com"), "addresses": [ip]})).await.data();
    }
    assert!(site.call("DELETE", &format!("zones/{id}?records=remove"), None).await.status.is_success());
    let server =
        zonecast_core::RecordData::single_name(zonecast_core::RecordType::NS, &name("ns.example.net"));
    let soa = "ns.example.net. host.example.net. 1 2 3 4 5";
    let soa = zonecast_core::RecordData::parse(zonecast_core::RecordType::SOA, soa).unwrap();
    let theirs = zonecast_core::RecordData::address("198.51.100.9".parse().unwrap());
    let set = |at: &str, rtype, data| {
        zonecast_core::RRset::new(name(at), rtype, zonecast_core::Ttl::DEFAULT, vec![data])
    };
    let rrsets = vec![
        set("example.com", zonecast_core::RecordType::SOA, soa),
        set("example.com", zonecast_core::RecordType::NS, server),
        set("one.example.com", zonecast_core::RecordType::A, theirs.clone()),
        set("two.example.com", zonecast_core::RecordType::A, theirs),
    ];
    site.app.authority.create_zone(name("example.com"), rrsets, Default::default()).await.unwrap();

    let body = json!({"name": "example.com", "provider": "embedded"});
    let plan = site.post("zones?dry_run=true", body.clone()).await;
    assert_eq!((&plan.data()["conflicts"], &plan.data()["creates"]), (&json!(2), &json!(1)), "{}", plan.text);
    assert_eq!(site.get("zones").await.data(), &json!([]), "nothing is stored");
    let made = site.post("zones", body).await;
    assert_eq!(made.data()["conflicts"], 2, "{}", made.text);
    assert!(made.data()["notes"][0].as_str().unwrap().contains("2 keys"), "{}", made.text);
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_died_before_its_answer_gets_the_same_zone_connection_pool_and_record() {
    use zonecast::service::{Caller, connections, pools, records, write::Once, zone_new};
    let site = Site::open().await;
    let caller = |key: &str| {
        let once = Once { key: key.to_owned(), principal: "key:admin".to_owned(), body_hash: [7; 32] };
        Caller { once: Some(std::sync::Arc::new(once)), ..Caller::local("test") }
    };
    let zone = json!({"name": "example.com", "provider": "powerdns", "settings": powerdns(9, "canary")});
    let connection = json!({"name": "second", "provider": "powerdns", "settings": powerdns(10, "canary")});
    let pool = json!({"prefix": "192.0.2.0/24"});
    let record = json!({"name": "www.example.com", "type": "A", "values": ["192.0.2.1"]});
    let mut ids = Vec::new();
    for _ in 0..2 {
        let app = &site.app;
        ids.push([
            zone_new::create(app, &caller("z"), &zone).await.unwrap().id,
            connections::create(app, &caller("c"), &connection).await.unwrap().id,
            pools::create(app, &caller("p"), &pool).await.unwrap().id,
            records::create(app, &caller("r"), &record).await.unwrap().data.id,
        ]);
    }
    assert_eq!(ids[0], ids[1]);
    for (path, count) in [("zones", 1), ("connections", 2), ("pools", 1), ("records", 1)] {
        assert_eq!(site.get(path).await.data().as_array().unwrap().len(), count, "{path}");
    }
    let other = Once { key: "p".to_owned(), principal: "key:admin".to_owned(), body_hash: [8; 32] };
    let other = Caller { once: Some(std::sync::Arc::new(other)), ..Caller::local("test") };
    let refused = pools::create(&site.app, &other, &json!({"prefix": "198.51.100.0/24"})).await.unwrap_err();
    assert_eq!(refused.status, 409, "another call under the same key");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_forgotten_host_leaves_an_audit_line() {
    let site = Site::open().await;
    let id = site.embedded("example.com").await;
    site.call("POST", &format!("zones/{id}/pause"), None).await.data();
    let host = json!({"fqdn": "vm.example.com", "addresses": ["192.0.2.1"]});
    let host = site.post("hosts", host).await.data()["id"].as_i64().unwrap();
    site.call("DELETE", &format!("hosts/{host}?forget=true"), None).await.data();
    let audit = site.get("audit").await;
    let lines = audit.data().as_array().unwrap();
    let object = json!(format!("host:{host}"));
    assert!(
        lines.iter().any(|line| line["action"] == "host.forget" && line["object"] == object),
        "{}",
        audit.text
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reverse_zone_that_no_address_matches_says_what_is_missing() {
    let site = Site::open().await;
    let host = json!({"fqdn": "vm.example.com", "addresses": ["192.0.2.10"]});
    site.post("hosts", host).await.data();
    for (name, hint) in [
        ("0-63.2.0.192.in-addr.arpa", "its network is 192.0.2.0/26"),
        ("300.2.0.192.in-addr.arpa", "no address has its reverse name"),
        ("customer.2.0.192.in-addr.arpa", "such as 192.0.2.0/26"),
        ("10.2.0.192.in-addr.arpa", "single_address"),
    ] {
        let zone = site.post("zones?dry_run=true", json!({"name": name, "provider": "embedded"})).await;
        assert!(zone.data()["notes"][0].as_str().unwrap_or_default().contains(hint), "{}", zone.text);
    }
    let single = json!({"name": "10.2.0.192.in-addr.arpa", "provider": "embedded", "single_address": true});
    let made = site.post("zones", single).await;
    assert_eq!(made.data()["notes"], json!(null), "{}", made.text);
    let apex = zonecast_core::Name::parse("10.2.0.192.in-addr.arpa").unwrap();
    let types = || {
        let served = site.app.authority.snapshot(&apex).unwrap();
        served.rrsets_at(&apex).into_iter().map(|set| set.rtype.to_string()).collect::<Vec<_>>()
    };
    for _ in 0..200 {
        if types().len() == 3 {
            break;
        }
        site.app.engine.changed(std::time::Duration::from_millis(50)).await;
    }
    assert_eq!(types(), ["NS", "SOA", "PTR"], "the PTR joins SOA and NS, which stay");
}
