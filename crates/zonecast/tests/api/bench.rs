//! How fast hosts come in; prints, and fails only when something is broken.

use crate::Site;
use serde_json::{Value, json};
use std::time::Instant;

#[tokio::test(flavor = "multi_thread")]
#[ignore = "a measurement: cargo test --test api -- --ignored --nocapture"]
async fn ten_thousand_hosts_in_one_call() {
    let site = Site::open().await;
    for zone in ["example.com", "10.in-addr.arpa", "8.b.d.0.1.0.0.2.ip6.arpa"] {
        site.embedded(zone).await;
    }
    let host = |n: usize| {
        let (high, low) = (n / 256, n % 256);
        json!({"fqdn": format!("vm-{n}.example.com"), "addresses": [format!("10.0.{high}.{low}"), format!("2001:db8::{n:x}")]})
    };
    let hosts: Vec<Value> = (0..10_000).map(host).collect();
    let began = Instant::now();
    let bulk = site.post("hosts/bulk", json!({"hosts": hosts})).await;
    assert_eq!(bulk.data()["stored"], 10_000, "{}", &bulk.text[..300.min(bulk.text.len())]);
    let spent = began.elapsed();
    eprintln!("10,000 hosts answered in {spent:?}, {:.0}/s", 10_000.0 / spent.as_secs_f64());
}
