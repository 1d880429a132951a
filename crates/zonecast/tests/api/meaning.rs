//! What an owner means, and whose a name is.

use crate::Site;
use serde_json::{Value, json};

fn set<'a>(domain: &'a Value, name: &str, rtype: &str) -> &'a Value {
    let sets = domain["record_set"].as_array().unwrap();
    &sets.iter().find(|set| set["name"] == name && set["type"] == rtype).unwrap()["values"]
}

/// S4.74: a change by meaning reaches everything that means it, and says what it left.
#[tokio::test(flavor = "multi_thread")]
async fn a_change_of_address_reaches_every_value_that_holds_it() {
    let site = Site::open().await;
    site.embedded("d.test").await;
    let records = json!([
        {"name": "d.test", "type": "A", "values": ["192.0.2.80", "192.0.2.81"]},
        {"name": "d.test", "type": "HTTPS", "values": ["1 . alpn=h2 ipv4hint=192.0.2.80"]},
        {"name": "d.test", "type": "TXT", "values": ["v=spf1 ip4:192.0.2.80 ip4:192.0.2.80/28 -all", "at 192.0.2.80"]},
        {"name": "www.d.test", "type": "CNAME", "values": ["d.test."]},
        {"name": "other.d.test", "type": "A", "values": ["192.0.2.8"]},
    ]);
    let made = site
        .post("domains", json!({"name": "d.test", "addresses": ["192.0.2.80"], "records": records}))
        .await;
    let path = format!("domains/{}", made.data()["id"]);
    let move_it = json!({"from": "192.0.2.80", "to": "192.0.2.81"});
    let moved = site.post(&format!("{path}/ip?wait=20s"), move_it.clone()).await;
    let changed = moved.data()["moved"]["changed"].as_array().unwrap();
    assert_eq!(changed.len(), 3, "{}", moved.text);
    assert_eq!(changed[0], "d.test A 192.0.2.80 -> 192.0.2.81");
    let left = moved.data()["moved"]["left"].as_array().unwrap();
    assert_eq!(left.len(), 2, "the network in the SPF record, and the words: {left:?}");
    let domain = site.get(&path).await.data().clone();
    assert_eq!(set(&domain, "d.test", "A"), &json!(["192.0.2.81"]), "twice is once");
    assert!(set(&domain, "d.test", "HTTPS").to_string().contains("ipv4hint=192.0.2.81"), "{domain}");
    assert_eq!((&domain["addresses"], &domain["moved"]), (&json!(["192.0.2.81"]), &Value::Null));
    let desired = site.get("dns/records").await.text;
    assert!(desired.contains("ip4:192.0.2.81 ") && desired.contains("at 192.0.2.80"), "{desired}");
    assert_eq!(
        site.post(&format!("{path}/ip"), move_it).await.fields(),
        ["/from"],
        "nothing has it any more"
    );
}
