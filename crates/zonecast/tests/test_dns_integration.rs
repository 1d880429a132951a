//! The library from end to end: register through `DnsManager`, ask the embedded authority by a real
//! DNS query, change, unregister, and see NXDOMAIN (S5.38). `cargo test test_dns_integration`.

use serde_json::json;
use std::net::{IpAddr, SocketAddr};
use std::time::{Duration, Instant};
use zonecast::DnsManager;
use zonecast::client::Call;
use zonecast::config::Config;
use zonecast::daemon::{Daemon, Roles};
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

/// Zones that the file names are there after the start, served by the embedded authority, and CoreDNS
/// is told; what is taken off the list stays (S5.19-20, X1).
#[tokio::test(flavor = "multi_thread")]
async fn zones_of_the_configuration_are_there_after_the_start() {
    let folder = tempfile::tempdir().unwrap();
    let coredns = tokio::net::UdpSocket::bind("127.0.0.1:0").await.unwrap();
    let mut config = Config { data: folder.path().to_owned(), ..Config::default() };
    (config.http, config.dns) = ("127.0.0.1:0".parse().unwrap(), "127.0.0.1:0".parse().unwrap());
    config.orchestrator.dns.coredns_url = format!("http://{}", coredns.local_addr().unwrap());
    config.orchestrator.dns.zones = vec![Name::parse("example.com").unwrap()];

    for number in [10, 11] {
        let daemon = Daemon::start(config.clone(), Roles::default()).await.expect("the daemon starts");
        let key = std::fs::read_to_string(folder.path().join("admin.key")).unwrap();
        let dns = DnsManager::connect(&daemon.endpoints.http, key.trim()).unwrap();
        let zones = dns.client().send(Call::get("zones")).await.unwrap();
        assert_eq!(zones.data.as_array().map(Vec::len), Some(1), "{zones:?}");

        let (host, address) = (format!("vm-{number}.example.com"), format!("192.0.2.{number}"));
        dns.register_server_dns(&host, ip(&address)).await.unwrap();
        let deadline = Instant::now() + Duration::from_secs(20);
        while values(daemon.endpoints.dns.parse().unwrap(), &host, RecordType::A).await != [address.as_str()]
        {
            assert!(Instant::now() < deadline, "{host} is served in time");
        }
        let told = async {
            let mut packet = [0; 512];
            // Questions for the SOA come here too; opcode 4 is NOTIFY.
            while packet[2] >> 3 & 15 != 4 {
                coredns.recv_from(&mut packet).await.unwrap();
            }
        };
        tokio::time::timeout(Duration::from_secs(20), told).await.expect("CoreDNS is told of the change");
        daemon.stop().await;
        config.orchestrator.dns.zones.clear();
    }
}

/// What the file says wrongly ends the start with the zone and the setting in the words.
#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_zone_of_the_configuration_is_told() {
    for (key, value, word) in [
        ("password", "hunter2", "env:NAME"),
        ("password", "env:ZONECAST_TEST_NOBODY_SET_THIS", "ZONECAST_TEST_NOBODY_SET_THIS"),
        ("endpoint", "http://127.0.0.1:1", "endpoint"),
    ] {
        let folder = tempfile::tempdir().unwrap();
        let mut config = Config { data: folder.path().to_owned(), ..Config::default() };
        config.orchestrator.dns.coredns_backend = "etcd".to_owned();
        config.orchestrator.dns.coredns_settings.insert(key.to_owned(), value.to_owned());
        config.orchestrator.dns.zones = vec![Name::parse("example.com").unwrap()];
        let Err(error) = DnsManager::open(config).await else { panic!("{key} {value} is taken") };
        let words = format!("{error:?}");
        assert!(words.contains("example.com") && words.contains(word), "{words}");
        assert!(!words.contains("hunter2"), "{words}");
    }
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
