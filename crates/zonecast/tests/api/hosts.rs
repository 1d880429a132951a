//! Hosts from the first call to the last record.

use crate::Site;
use serde_json::json;

async fn site() -> Site {
    let site = Site::open().await;
    for zone in ["example.com", "2.0.192.in-addr.arpa", "8.b.d.0.1.0.0.2.ip6.arpa"] {
        site.embedded(zone).await;
    }
    site
}

fn example() -> serde_json::Value {
    json!({"fqdn": "vm-1.example.com", "ttl": 300,
        "addresses": ["192.0.2.10", {"ip": "2001:db8::10", "reverse_name": "mail.example.com"}]})
}

#[tokio::test(flavor = "multi_thread")]
async fn a_host_is_registered_changed_and_removed() {
    let site = site().await;
    let made = site.post("hosts?wait=20s", example()).await;
    let (id, job) = (made.data()["id"].as_i64().unwrap(), made.data()["job_id"].as_i64().unwrap());
    assert_eq!(made.headers["location"], format!("/api/v1/jobs/{job}"));
    let rows = made.data()["records"].as_array().unwrap();
    assert_eq!(rows.len(), 4, "{}", made.text);
    for row in rows {
        assert!(["applied", "served"].contains(&row["state"].as_str().unwrap()), "{row}");
    }
    assert_eq!(site.get(&format!("jobs/{job}")).await.data()["state"], "done");
    assert!(site.get(&format!("jobs/{job}/log")).await.text.contains("vm-1.example.com"));

    let patch = json!({"addresses": ["192.0.2.11"]});
    let changed = site.call("PATCH", &format!("hosts/{id}?wait=20s"), Some(patch)).await;
    assert_eq!(changed.data()["records"].as_array().unwrap().len(), 2, "{}", changed.text);
    let list = site.get("dns/records").await;
    assert_eq!(
        list.text,
        "{\"success\":true,\"data\":[\
         {\"name\":\"11.2.0.192.in-addr.arpa\",\"record_type\":\"PTR\",\"value\":\"vm-1.example.com\",\"ttl\":300},\
         {\"name\":\"vm-1.example.com\",\"record_type\":\"A\",\"value\":\"192.0.2.11\",\"ttl\":300}]}"
    );

    let rdns = json!({"reverse_name": "mx.example.com"});
    let path = format!("hosts/{id}/addresses/192.0.2.11/reverse_name?wait=20s");
    let named = site.call("PUT", &path, Some(rdns)).await;
    assert_eq!(named.data()["addresses"][0]["reverse_name"], "mx.example.com");

    let gone = site.call("DELETE", &format!("hosts/{id}?wait=20s"), None).await;
    assert_eq!(gone.data()["state"], "deleted", "{}", gone.text);
    assert_eq!(site.get(&format!("hosts/{id}")).await.status, 404);
    assert_eq!(site.get("dns/records").await.text, "{\"success\":true,\"data\":[]}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_repeated_key_gives_the_first_answer() {
    let site = site().await;
    let key = [("idempotency-key", "k-1")];
    let first = site.call_with("POST", "hosts", Some(example()), &key).await;
    let second = site.call_with("POST", "hosts", Some(example()), &key).await;
    assert_eq!((first.status, &first.text), (second.status, &second.text));
    assert_eq!(first.headers["location"], second.headers["location"]);
    let other = json!({"fqdn": "other.example.com"});
    assert_eq!(site.call_with("POST", "hosts", Some(other), &key).await.status, 409);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_taken_name_is_a_conflict_that_names_the_host() {
    let site = site().await;
    let first = site.post("hosts", example()).await;
    let id = first.data()["id"].as_i64().unwrap();
    let second = site.post("hosts", example()).await;
    assert_eq!(second.status, 409);
    assert!(second.body["detail"].as_str().unwrap().contains(&format!("host {id}")), "{}", second.text);
    let alias = json!({"name": "vm-1.example.com", "type": "CNAME", "values": ["example.com."]});
    assert_eq!(site.post("records", alias).await.status, 409);
    let record = json!({"name": "www.example.com", "type": "CNAME", "values": ["example.com."]});
    assert_eq!(site.post("records", record).await.status, 202);
    assert_eq!(
        site.post("hosts", json!({"fqdn": "www.example.com", "addresses": ["192.0.2.9"]})).await.status,
        409
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn tags_and_versions_guard_a_host() {
    let site = site().await;
    let id = site.post("hosts?wait=20s", example()).await.data()["id"].as_i64().unwrap();
    let path = format!("hosts/{id}");
    let seen = site.get(&path).await;
    let tag = seen.headers["etag"].to_str().unwrap().to_owned();
    let stale = [("if-match", "\"999\"")];
    assert_eq!(site.call_with("PATCH", &path, Some(json!({"ttl": 60})), &stale).await.status, 412);
    assert_eq!(
        site.call_with("PATCH", &path, Some(json!({"ttl": 60})), &[("if-match", &tag)]).await.status,
        202
    );
    assert_eq!(
        site.call_with("PATCH", &path, Some(json!({"ttl": 90})), &[("if-match", &tag)]).await.status,
        412
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn disabled_before_the_first_sync_is_never_written() {
    let site = site().await;
    let mut body = example();
    body["state"] = json!("disabled");
    let made = site.post("hosts", body).await;
    assert!(made.data()["job_id"].is_null() || made.data()["job_id"].is_i64());
    let id = made.data()["id"].as_i64().unwrap();
    assert_eq!(site.get("dns/records").await.body["data"], json!([]));
    assert_eq!(site.post(&format!("hosts/{id}/sync"), json!({})).await.status, 409);
    let enabled = site.call("POST", &format!("hosts/{id}/enable?wait=20s"), None).await;
    assert_eq!(enabled.data()["state"], "active");
    assert_eq!(site.get("dns/records").await.body["data"].as_array().unwrap().len(), 4);
    site.call("POST", &format!("hosts/{id}/suspend"), None).await.data();
    assert_eq!(site.get("dns/records").await.body["data"].as_array().unwrap().len(), 4, "records stay");
}

#[tokio::test(flavor = "multi_thread")]
async fn many_hosts_come_under_one_job_and_a_wrong_one_stops_none() {
    let site = site().await;
    let hosts = json!([
        {"fqdn": "a.example.com", "addresses": ["192.0.2.1"]},
        {"fqdn": "b.example.com", "addresses": ["192.0.2.0/24"]},
        {"fqdn": "a.example.com", "addresses": ["192.0.2.2"]},
        {"fqdn": "c.elsewhere.net", "addresses": ["198.51.100.1"]},
    ]);
    let bulk = site.post("hosts/bulk?wait=20s", json!({"hosts": hosts})).await;
    assert_eq!((&bulk.data()["stored"], &bulk.data()["refused"]), (&json!(2), &json!(2)), "{}", bulk.text);
    assert_eq!(bulk.data()["items"][1]["errors"][0]["field"], "/hosts/1/addresses/0");
    assert_eq!(bulk.data()["items"][2]["errors"][0]["field"], "/hosts/2/fqdn");
    let lonely = site.get("hosts?fqdn=c.elsewhere.net").await;
    assert_eq!(lonely.data()[0]["no_matching_zone"], true);
    let page = site.get("hosts?limit=1&records=true").await;
    assert_eq!(page.data().as_array().unwrap().len(), 1);
    assert!(page.data()[0]["records"].is_array());
    let next = page.body["next_cursor"].as_str().unwrap();
    let last = site.get(&format!("hosts?limit=1&cursor={next}")).await;
    assert_eq!(
        (last.data()[0]["fqdn"].as_str(), &last.body["next_cursor"]),
        (Some("c.elsewhere.net"), &json!(null))
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dry_run_shows_the_plan_and_stores_nothing() {
    let site = site().await;
    let plan = site.post("hosts?dry_run=true", example()).await;
    assert_eq!((&plan.data()["creates"], &plan.data()["empty"]), (&json!(4), &json!(false)), "{}", plan.text);
    assert_eq!(site.get("hosts").await.data(), &json!([]));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_that_died_before_its_answer_is_answered_when_it_comes_again() {
    use zonecast::service::{Caller, hosts, write::Once};
    let site = site().await;
    let once = Once { key: "k".to_owned(), principal: "key:admin".to_owned(), body_hash: [7; 32] };
    let caller = Caller { once: Some(std::sync::Arc::new(once)), ..Caller::local("test") };
    let first = hosts::register(&site.app, &caller, &example()).await.unwrap();
    let again = hosts::register(&site.app, &caller, &example()).await.unwrap();
    assert_eq!((first.data.id, first.job_id), (again.data.id, again.job_id));
    assert_eq!(site.get("hosts").await.data().as_array().unwrap().len(), 1);
}

/// A lost race is read again and tried again, for every kind of owner.
#[tokio::test(flavor = "multi_thread")]
async fn changes_that_meet_are_all_kept() {
    let site = site().await;
    let host = site.post("hosts?wait=20s", example()).await.data()["id"].clone();
    let domain = site.post("domains", json!({"name": "d.example.com", "addresses": ["192.0.2.80"]})).await;
    let domain = domain.data()["id"].clone();
    let body = json!({"name": "r.example.com", "type": "TXT", "values": ["a"]});
    let record = site.post("records", body).await.data()["id"].clone();
    for path in [format!("hosts/{host}"), format!("domains/{domain}"), format!("records/{record}")] {
        let before = site.get(&path).await.data()["version"].as_i64().unwrap();
        let ttls = [60, 61, 62, 63];
        let calls = ttls.map(|ttl| site.call("PATCH", &path, Some(json!({ "ttl": ttl }))));
        for reply in futures_util::future::join_all(calls).await {
            assert_eq!(reply.status, 202, "{path} {}", reply.text);
        }
        assert_eq!(site.get(&path).await.data()["version"], before + 4, "{path}");
    }
}

/// What is exactly of a name is found however much lies below it.
#[tokio::test(flavor = "multi_thread")]
async fn an_exact_name_is_found_above_many_others() {
    let site = site().await;
    for name in ["a.example.com", "b.example.com", "example.com"] {
        site.post("records", json!({"name": name, "type": "TXT", "values": ["x"]})).await.data();
        site.post("hosts", json!({"fqdn": format!("vm.{name}")})).await.data();
    }
    for (path, field, name) in [("records", "name", "example.com"), ("hosts", "fqdn", "vm.example.com")] {
        let found = site.get(&format!("{path}?{field}={name}&limit=1")).await;
        assert_eq!(found.data()[0][field], name, "{}", found.text);
    }
}

/// An address that stays keeps its own reverse name in every form a body may have; `null` takes it away.
#[tokio::test(flavor = "multi_thread")]
async fn a_reverse_name_stays_until_it_is_spoken_of() {
    let site = site().await;
    let id = site.post("hosts", example()).await.data()["id"].clone();
    let path = format!("hosts/{id}");
    let own = async || {
        let host = site.get(&path).await;
        let addresses = host.data()["addresses"].as_array().unwrap().clone();
        let mine = addresses.iter().find(|one| one["ip"] == "2001:db8::10").unwrap();
        mine["reverse_name"].as_str().map(str::to_owned)
    };
    for addresses in [
        json!(["192.0.2.10", "2001:db8::10"]),
        json!(["2001:db8::10"]),
        json!(["2001:0DB8:0:0::10", "192.0.2.11"]),
        json!([{"ip": "2001:db8::10"}]),
        json!([{"ip": "192.0.2.12", "reverse_name": "other.example.com"}, {"ip": "2001:db8::0010"}]),
        site.get(&path).await.data()["addresses"].clone(),
    ] {
        let patch = json!({ "addresses": addresses, "fqdn": "vm-1.example.com" });
        site.call("PATCH", &path, Some(patch)).await.data();
        assert_eq!(own().await.as_deref(), Some("mail.example.com"), "{addresses}");
    }
    let bulk =
        site.post("hosts/bulk", json!([{"fqdn": "vm-1.example.com", "addresses": ["2001:db8::10"]}])).await;
    assert_eq!((&bulk.data()["refused"], own().await.as_deref()), (&json!(1), Some("mail.example.com")));
    let named = json!([{"ip": "2001:db8::10", "reverse_name": "new.example.com"}]);
    site.call("PATCH", &path, Some(json!({ "addresses": named }))).await.data();
    assert_eq!(own().await.as_deref(), Some("new.example.com"));
    let taken = json!([{"ip": "2001:db8::10", "reverse_name": null}]);
    site.call("PATCH", &path, Some(json!({ "addresses": taken }))).await.data();
    assert_eq!(own().await, None);
}
