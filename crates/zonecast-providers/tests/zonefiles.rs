//! Zone files for CoreDNS, judged by real loaders; what happens to the file, and what does not.

mod stages;

use serde_json::json;
use stages::coredns::connected;
use std::sync::Arc;
use zonecast_core::{Change, Name, Observed, RRset, RecordData, RecordType, Ttl};
use zonecast_dns::{Soa, parse_zonefile};
use zonecast_providers::fields::Deps;
use zonecast_providers::{ErrorClass, Outcome, Provider, ZoneRef, ZoneSeed};
use zonecast_testbed::{Bind, check_zonefile, dig};

struct Place {
    folder: tempfile::TempDir,
    provider: Arc<dyn Provider>,
    zone: ZoneRef,
}

impl Place {
    async fn new() -> Place {
        let folder = tempfile::tempdir().unwrap();
        let settings = json!({ "backend": "file", "directory": folder.path().to_str() });
        let provider = connected(settings, &Deps::default());
        let zone = ZoneRef::new(Name::parse("story.test").unwrap());
        let ns = Name::parse("ns1.example.net").unwrap();
        let seed = ZoneSeed { primary: ns.clone(), mailbox: ns.clone(), name_servers: vec![ns] };
        provider.create_zone(&zone, &seed).await.unwrap();
        Place { folder, provider, zone }
    }

    fn text(&self) -> String {
        std::fs::read_to_string(self.folder.path().join("db.story.test")).unwrap()
    }

    fn write(&self, text: &str) {
        std::fs::write(self.folder.path().join("db.story.test"), text).unwrap();
    }

    fn serial(&self) -> u32 {
        let sets = parse_zonefile(&self.text(), &self.zone.name, Ttl::DEFAULT).unwrap();
        let soa = sets.into_iter().find(|set| set.rtype == RecordType::SOA).unwrap();
        Soa::from_data(&soa.values[0]).unwrap().serial.0
    }

    async fn apply(&self, changes: &[Change]) -> Vec<Outcome> {
        let seen = self.provider.list(&self.zone).await.unwrap_or_default();
        self.provider.apply(&self.zone, &seen, changes).await
    }
}

fn set(owner: &str, rtype: RecordType, values: &[&str]) -> RRset {
    let values = values.iter().map(|value| RecordData::parse(rtype, value).unwrap()).collect();
    RRset::new(Name::parse(owner).unwrap(), rtype, Ttl::DEFAULT, values)
}

#[tokio::test]
async fn four_loaders_take_what_is_written() {
    let place = Place::new().await;
    let long = "x".repeat(700);
    let sets = [
        set("www.story.test", RecordType::A, &["192.0.2.1", "192.0.2.2"]),
        set("www.story.test", RecordType::AAAA, &["2001:db8::1"]),
        set("alias.story.test", RecordType::CNAME, &["www.story.test"]),
        set("story.test", RecordType::MX, &["10 www.story.test", "20 mail.example.net"]),
        set("_sip._udp.story.test", RecordType::SRV, &["10 20 5060 www.story.test"]),
        set("story.test", RecordType::CAA, &["0 issue \"ca.example.net\""]),
        set("*.w.story.test", RecordType::A, &["192.0.2.3"]),
        set("t.story.test", RecordType::TXT, &[&long, "say \"hi\" \\ ; not a comment", "gr\u{fc}\u{df}e"]),
        set(
            "_443._tcp.www.story.test",
            RecordType::TLSA,
            &["3 1 1 00112233445566778899AABBCCDDEEFF00112233445566778899AABBCCDDEEFF"],
        ),
        set("h.story.test", RecordType::HTTPS, &["1 . alpn=h2"]),
        set("sub.story.test", RecordType::NS, &["ns1.example.net"]),
        set("odd.story.test", RecordType(65280), &["\\# 3 0A0B0C"]),
        set("p.story.test", RecordType::PTR, &["www.story.test"]),
    ];
    let changes: Vec<Change> = sets.iter().cloned().map(Change::Create).collect();
    let outcomes = place.apply(&changes).await;
    assert!(outcomes.iter().all(|outcome| *outcome == Outcome::Done), "{outcomes:?}");
    let text = place.text();
    assert!(text.lines().next().unwrap().contains(" SOA "), "the SOA comes first: {text}");
    for (judge, verdict) in check_zonefile("story.test", &text) {
        assert_eq!(verdict, Ok(()), "{judge}");
    }
    let bind = Bind::load("story.test", &text).unwrap_or_else(|log| panic!("{log}"));
    assert_eq!(dig(bind.dns_addr(), "www.story.test.", "A").unwrap().texts("A"), ["192.0.2.1", "192.0.2.2"]);
    let left: Vec<_> =
        std::fs::read_dir(place.folder.path()).unwrap().map(|f| f.unwrap().file_name()).collect();
    assert_eq!(left, ["db.story.test"], "nothing is left beside the file");
}

#[tokio::test]
async fn the_serial_rises_above_what_a_person_wrote_and_the_rest_stays() {
    let place = Place::new().await;
    place.write(
        "$TTL 1h\n$ORIGIN story.test.\n@ IN SOA ns1 host 2026112199 1h 10m 2w 5m ; by hand\n  IN NS ns1\n\
         ns1 IN A 192.0.2.53\nmail 600 IN A 192.0.2.25\n",
    );
    assert_eq!(
        place.apply(&[Change::Create(set("a.story.test", RecordType::A, &["192.0.2.1"]))]).await,
        [Outcome::Done]
    );
    assert_eq!(place.serial(), 2_026_112_200);
    let listed = place.provider.list(&place.zone).await.unwrap();
    let owners: Vec<String> =
        listed.rrsets.iter().map(|set| format!("{} {} {}", set.name, set.rtype, set.ttl)).collect();
    let wanted = [
        "story.test NS 3600",
        "story.test SOA 3600",
        "a.story.test A 300",
        "mail.story.test A 600",
        "ns1.story.test A 3600",
    ];
    assert_eq!(owners, wanted);
    assert_eq!(
        place.apply(&[Change::Create(set("a.story.test", RecordType::A, &["192.0.2.1"]))]).await,
        [Outcome::Done]
    );
    assert_eq!(place.serial(), 2_026_112_200, "what changes nothing writes nothing");
}

#[tokio::test]
async fn a_file_that_is_torn_gone_or_locked_is_no_empty_zone() {
    let place = Place::new().await;
    let whole = place.text();
    let create = [Change::Create(set("a.story.test", RecordType::A, &["192.0.2.1"]))];
    for (text, class) in [
        ("", ErrorClass::Transient),
        (&whole[..whole.len() / 3], ErrorClass::Transient),
        ("story.test. 300 IN NS ns1.example.net.\n", ErrorClass::Transient),
        ("<html>", ErrorClass::Transient),
    ] {
        place.write(text);
        assert_eq!(place.provider.list(&place.zone).await.unwrap_err().class, class, "{text:?}");
        let outcomes = place.provider.apply(&place.zone, &Observed::default(), &create).await;
        assert!(matches!(&outcomes[..], [Outcome::Failed(error)] if error.class == class), "{outcomes:?}");
        assert_eq!(place.text(), text, "a file that cannot be read is not written");
    }
    std::fs::remove_file(place.folder.path().join("db.story.test")).unwrap();
    assert_eq!(place.provider.list(&place.zone).await.unwrap_err().class, ErrorClass::NoSuchZone);
    let report = place.provider.test(&place.zone).await;
    assert!(!report.ok && report.reachable && !report.zone_matches, "{report:?}");
    let nowhere = json!({ "backend": "file", "directory": "/nonexistent/zones" });
    let report = connected(nowhere, &Deps::default()).test(&place.zone).await;
    assert!(!report.ok && !report.reachable && report.message.contains("/nonexistent/zones"), "{report:?}");
}

#[tokio::test]
async fn a_hand_edit_in_between_is_a_conflict() {
    let place = Place::new().await;
    let one = set("www.story.test", RecordType::A, &["192.0.2.1"]);
    assert_eq!(place.apply(&[Change::Create(one.clone())]).await, [Outcome::Done]);
    let seen = place.provider.list(&place.zone).await.unwrap();
    place.write(&place.text().replace("192.0.2.1", "198.51.100.1"));
    let outcomes = place.provider.apply(&place.zone, &seen, &[Change::Delete(one)]).await;
    assert!(
        matches!(&outcomes[..], [Outcome::Failed(error)] if error.class == ErrorClass::Conflict),
        "{outcomes:?}"
    );
    assert!(place.text().contains("198.51.100.1"));
}
