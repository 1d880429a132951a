//! The library from end to end: register through `DnsManager`, ask the embedded authority by a real
//! DNS query, change, unregister, and see NXDOMAIN (S5.38). `cargo test test_dns_integration`.

use serde_json::json;
use std::net::{IpAddr, SocketAddr};
use zonecast::DnsManager;
use zonecast::client::Call;
use zonecast::config::Config;
use zonecast::manager::{DnsError, Status};
use zonecast_core::{Name, RecordData, RecordType};
use zonecast_dns::{Answer, QueryOptions, ResponseCode, query};

const HOST: &str = "server.example.com";

async fn manager(folder: &tempfile::TempDir) -> (DnsManager, SocketAddr) {
    let config = Config { data: folder.path().to_owned(), ..Config::default() };
    let manager = DnsManager::open(config).await.expect("the store opens");
    let server = manager.dns_address().expect("a name server on loopback");
    for zone in ["example.com", "2.0.192.in-addr.arpa", "8.b.d.0.1.0.0.2.ip6.arpa"] {
        let zone = Call::post("zones", json!({ "name": zone, "provider": "embedded" }));
        manager.client().send(zone).await.expect("the zone is made");
    }
    (manager, server)
}

fn ip(text: &str) -> IpAddr {
    text.parse().unwrap()
}

async fn ask(server: SocketAddr, name: &str, rtype: RecordType) -> Answer {
    query(server, &Name::parse(name).unwrap(), rtype, QueryOptions::default()).await.expect("an answer")
}

async fn values(server: SocketAddr, name: &str, rtype: RecordType) -> Vec<String> {
    let answer = ask(server, name, rtype).await;
    let set = answer.rrset(&Name::parse(name).unwrap(), rtype);
    set.map(|set| set.values.iter().map(RecordData::to_text).collect()).unwrap_or_default()
}

#[tokio::test(flavor = "multi_thread")]
async fn test_dns_integration() {
    let folder = tempfile::tempdir().unwrap();
    let (dns, server) = manager(&folder).await;

    let outcome = dns.register_server_dns(HOST, ip("192.0.2.10")).await.unwrap();
    assert_eq!(outcome.status, Status::Done, "{outcome}");
    assert_eq!(values(server, HOST, RecordType::A).await, ["192.0.2.10"]);
    assert!(values(server, "10.2.0.192.in-addr.arpa", RecordType::PTR).await[0].starts_with(HOST));

    // The other family joins; the same once more changes nothing.
    dns.register_server_dns(HOST, ip("2001:db8::10")).await.unwrap();
    assert_eq!(values(server, HOST, RecordType::AAAA).await, ["2001:db8::10"]);
    assert_eq!(dns.register_server_dns(HOST, ip("192.0.2.10")).await.unwrap().status, Status::Unchanged);
    assert!(dns.verify_dns_resolution(HOST).await.unwrap());

    let records = dns.list_records().await.unwrap();
    let a = records.iter().find(|record| record.record_type == "A").unwrap();
    assert_eq!((a.name.as_str(), a.value.as_str(), a.ttl), (HOST, "192.0.2.10", 300));

    dns.unregister_server_dns(HOST).await.unwrap();
    assert_eq!(ask(server, HOST, RecordType::A).await.rcode, ResponseCode::NXDOMAIN);
    assert_eq!(ask(server, "10.2.0.192.in-addr.arpa", RecordType::PTR).await.rcode, ResponseCode::NXDOMAIN);
    assert_eq!(dns.unregister_server_dns(HOST).await.unwrap().status, Status::Unchanged);
    dns.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn test_dns_integration_a_second_address_is_asked_for_by_name() {
    let folder = tempfile::tempdir().unwrap();
    let (dns, server) = manager(&folder).await;
    dns.register_server_dns(HOST, ip("192.0.2.10")).await.unwrap();

    let outcome = dns.register_server_dns(HOST, ip("192.0.2.11")).await.unwrap();
    assert_eq!(outcome.status, Status::Conflict);
    assert_eq!(values(server, HOST, RecordType::A).await, ["192.0.2.10"]);

    dns.add_server_address(HOST, ip("192.0.2.11")).await.unwrap();
    assert_eq!(values(server, HOST, RecordType::A).await.len(), 2);

    dns.update_dns_record(HOST, ip("192.0.2.12")).await.unwrap();
    assert_eq!(values(server, HOST, RecordType::A).await, ["192.0.2.12"]);
    assert_eq!(
        dns.update_dns_record("other.example.com", ip("192.0.2.1")).await.unwrap().status,
        Status::NotRegistered
    );
    dns.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn test_dns_integration_bad_input_is_an_error_and_nothing_is_stored() {
    let folder = tempfile::tempdir().unwrap();
    let (dns, _) = manager(&folder).await;
    for (name, address) in [("server", "192.0.2.1"), ("a..example.com", "192.0.2.1"), (HOST, "224.0.0.1")] {
        let result = dns.register_server_dns(name, ip(address)).await;
        assert!(matches!(result, Err(DnsError::Invalid(_))), "{name} {address}: {result:?}");
    }
    assert!(dns.list_records().await.unwrap().is_empty());
    dns.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn test_dns_integration_a_provider_that_is_down_is_an_outcome() {
    let folder = tempfile::tempdir().unwrap();
    let (dns, server) = manager(&folder).await;
    let down = json!({
        "name": "example.com", "provider": "powerdns",
        "settings": { "server_url": "http://127.0.0.1:1", "api_key": "k" },
    });
    dns.client().send(Call::post("zones", down)).await.unwrap();
    let dns = dns.with_patience(std::time::Duration::from_secs(3));
    let outcome = dns.register_server_dns(HOST, ip("192.0.2.10")).await.unwrap();
    assert!(!outcome.is_well(), "{outcome}");
    assert_eq!(values(server, HOST, RecordType::A).await, ["192.0.2.10"]);
    dns.close().await;
}
