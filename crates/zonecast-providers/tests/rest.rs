//! What is common to the smaller REST services: Test's findings, pages, zones. Each at a
//! stand-in that refuses what the real one refuses.

mod stages;

use serde_json::Value;
use stages::rest::{DESEC, DIGITALOCEAN, GANDI, GODADDY, HETZNER, OVH, Service};
use std::sync::Arc;
use zonecast_core::{Name, RecordType};
use zonecast_providers::{ErrorClass, Provider, ZoneRef, ZoneSeed};

const ALL: [&Service; 6] = [&DESEC, &HETZNER, &GANDI, &DIGITALOCEAN, &GODADDY, &OVH];

fn zone() -> ZoneRef {
    ZoneRef::new(Name::parse("example.test").unwrap())
}

fn connected(service: &Service, url: &str, token: &str) -> Arc<dyn Provider> {
    service.connected((service.settings)(url, token))
}

/// A secret, or both halves of one.
fn halves(settings: &Value) -> Vec<String> {
    let secrets = ["api_token", "api_secret", "application_secret", "consumer_key"];
    secrets.iter().filter_map(|key| Some(settings[key].as_str()?.to_owned())).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_test_says_which_part_is_wrong() {
    for service in ALL {
        let fake = (service.start)();
        fake.create_zone("example.test");
        fake.create_zone("other.test");
        let before = fake.lines("example.test");
        let (url, reader) = (fake.url(), fake.new_token(false, &[]));
        let elsewhere = fake.new_token(true, &["other.test"]);
        let rows: [(&str, &str, [bool; 5]); 6] = [
            (&url, fake.token(), [true; 5]),
            (&url, "nobody:knows-this-token-0123456789", [false, true, false, false, false]),
            (&url, &elsewhere, [false, true, true, false, false]),
            (&url, &reader, [false, true, true, true, false]),
            ("http://127.0.0.1:9", fake.token(), [false; 5]),
            (&url.replace("http:", "https:"), fake.token(), [false; 5]),
        ];
        for (url, token, expected) in rows {
            let settings = (service.settings)(url, token);
            let report = service.connected(settings.clone()).test(&zone()).await;
            let found =
                [report.ok, report.reachable, report.authorised, report.zone_matches, report.can_write];
            assert_eq!(found, expected, "{} {url}: {report:?}", service.kind);
            assert!(!report.message.is_empty() && report.advice.is_empty(), "{}: {report:?}", service.kind);
            assert!(halves(&settings).iter().all(|secret| !report.message.contains(secret.as_str())));
        }
        assert_eq!(fake.lines("example.test"), before, "{}: Test changes nothing", service.kind);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_zone_of_many_pages_is_listed_whole() {
    for service in ALL {
        let fake = (service.start)();
        fake.create_zone("example.test");
        // Without pages each record is a call.
        let hosts = if service.kind == "ovh" { 150 } else { 1_150 };
        for n in 0..hosts {
            fake.put(
                "example.test",
                &format!("h{n}"),
                "A",
                3_600,
                &[&format!("10.0.{}.{}", n / 250, n % 250)],
            );
        }
        let provider = connected(service, &fake.url(), fake.token());
        let listed = provider.list(&zone()).await.unwrap();
        let found = listed.rrsets.iter().filter(|set| set.rtype == RecordType::A);
        assert_eq!(found.count(), hosts, "{}", service.kind);
        let names: Vec<Name> = (0..9).map(|n| Name::parse(&format!("h{n}.example.test")).unwrap()).collect();
        for names in [&names[..2], &names[..]] {
            let read = provider.read(&zone(), names).await.unwrap();
            assert_eq!(read.rrsets.len(), names.len(), "{}: {read:?}", service.kind);
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn zones_come_and_go_where_the_service_makes_them() {
    let name = zone().name;
    let seed = ZoneSeed { primary: name.clone(), mailbox: name, name_servers: vec![] };
    for service in ALL {
        let fake = (service.start)();
        let provider = connected(service, &fake.url(), fake.token());
        if !provider.capabilities().zones {
            let error = provider.create_zone(&zone(), &seed).await.unwrap_err();
            assert_eq!(error.class, ErrorClass::Unsupported, "{}", service.kind);
            continue;
        }
        let id = provider.create_zone(&zone(), &seed).await.unwrap();
        assert_eq!(provider.create_zone(&zone(), &seed).await.unwrap(), id, "{}", service.kind);
        assert!(provider.test(&zone()).await.ok, "{}", service.kind);
        assert!(provider.dns_servers(&zone()).await.len() >= 2, "{}", service.kind);
        let by_id = ZoneRef { provider_zone_id: id, ..zone() };
        match provider.delete_zone(&by_id).await {
            Err(error) => {
                assert!(service.kind == "gandi" && error.class == ErrorClass::Unsupported, "{error}");
            }
            Ok(()) => {
                provider.delete_zone(&by_id).await.unwrap();
                assert_eq!(provider.list(&zone()).await.unwrap_err().class, ErrorClass::NoSuchZone);
            }
        }
    }
}
