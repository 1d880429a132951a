//! S5.60: where a zone is asked is kept, and asked anew when it may have changed; answers are never kept.

use crate::bed::{Bed, until};
use serde_json::json;
use zonecast::service::{Caller, Expected, zones};

/// Proof costs the account one call, however many records wait for it and however often they are asked;
/// a change of the zone and a Test ask at once.
#[tokio::test(flavor = "multi_thread")]
async fn name_servers_are_asked_for_once_and_anew_after_a_change_and_a_test() {
    let bed = Bed::open(|_| {}).await;
    let connection = bed.connection("one", "").await;
    // A name server that is not there: the records are asked for again and again.
    let closed = std::net::UdpSocket::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    bed.memory.set_dns_servers([closed.to_string()]);
    bed.memory.add_zone(&zonecast_core::Name::parse("a.example").unwrap());
    let zone = bed.zone_with("a.example", connection, json!({ "verify_seconds": 1 }), &[]).await;
    let asked = || bed.memory.calls().iter().filter(|call| **call == "dns_servers").count();
    let mut hosts = Vec::new();
    for number in 1..=20 {
        hosts.push(bed.host(&format!("vm-{number}.a.example"), &format!("192.0.2.{number}")).await.id);
    }
    for host in hosts {
        until("the record was asked for until its time was up", async || {
            let host = zonecast::service::hosts::get(&bed.app, host).await.unwrap();
            let rows = host.records.unwrap_or_default();
            rows.iter().any(|row| row.verified.as_deref() == Some("unreachable"))
        })
        .await;
    }
    assert_eq!(asked(), 1, "20 records, each asked for several times");

    let servers = async || {
        let view = bed.app.catalog.view();
        bed.app.engine.servers_of(view.zone(zone).unwrap()).await
    };
    assert_eq!((servers().await, asked()), (vec![closed], 1));
    let moved = "127.0.0.1:53";
    bed.memory.set_dns_servers([moved.to_owned()]);
    zones::patch(&bed.app, &Caller::local("test"), zone, &json!({ "ttl": 60 }), Expected(None))
        .await
        .unwrap();
    assert_eq!((servers().await, asked()), (vec![moved.parse().unwrap()], 2), "the zone was changed");
    bed.memory.set_dns_servers([closed.to_string()]);
    assert!(zones::test(&bed.app, zone).await.unwrap().ok);
    assert_eq!((servers().await, asked()), (vec![closed], 3), "it was tested");
}
