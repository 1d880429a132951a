//! The table in the terms of zone files: a folder that cannot be written, a file that is torn, gone or
//! no zone, and somebody who writes it while we do.

use crate::stages::coredns::connected;
use serde_json::json;
use std::net::UdpSocket;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use zonecast_core::{Change, Name, Observed, RRset, RecordData, RecordType, Ttl};
use zonecast_providers::fields::Deps;
use zonecast_providers::{ErrorClass, Outcome, Provider, ZoneRef};
use zonecast_testbed::skip;

const TEXT: &str = "$ORIGIN files.test.\n$TTL 300\n\
    @ IN SOA ns1.files.test. root.files.test. 1 10800 3600 1209600 300\n\
    @ IN NS ns1.files.test.\nns1 IN A 192.0.2.53\nwww IN A 192.0.2.1\nold IN TXT \"one\" \"two\"\n";

fn zone() -> ZoneRef {
    ZoneRef::new(Name::parse("files.test").unwrap())
}

fn host(label: &str, address: &str) -> RRset {
    let owner = Name::parse(&format!("{label}.files.test")).unwrap();
    let value = RecordData::parse(RecordType::A, address).unwrap();
    RRset::new(owner, RecordType::A, Ttl::DEFAULT, vec![value])
}

/// A folder with the zone's file, and a connection to it.
struct Place {
    folder: tempfile::TempDir,
    provider: Arc<dyn Provider>,
}

impl Place {
    fn new(coredns: &str) -> Place {
        let folder = tempfile::tempdir().unwrap();
        let mut settings = json!({ "backend": "file", "directory": folder.path().to_str() });
        if !coredns.is_empty() {
            settings["coredns_url"] = coredns.into();
        }
        let provider = connected(settings, &Deps::default());
        let place = Place { folder, provider };
        std::fs::write(place.file(), TEXT).unwrap();
        place
    }

    fn file(&self) -> PathBuf {
        self.folder.path().join("db.files.test")
    }

    async fn apply(&self, change: Change) -> Outcome {
        let outcomes = self.provider.apply(&zone(), &Observed::default(), &[change]).await;
        outcomes.into_iter().next().unwrap()
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_bad_file_is_taken_for_a_zone_and_none_is_written_over() {
    let half = &TEXT[..TEXT.find("\"two\"").unwrap() + 3];
    for (title, text, class) in [
        ("torn in a value", Some(half), ErrorClass::Transient),
        ("torn before the SOA", Some("$ORIGIN files.test.\n$TTL 300\n"), ErrorClass::Transient),
        ("empty", Some(""), ErrorClass::Transient),
        ("a page", Some("<html><body>Sign in</body></html>"), ErrorClass::Transient),
        ("another zone", Some("other.test. 300 IN SOA a.test. b.test. 1 2 3 4 5\n"), ErrorClass::Transient),
        ("gone", None, ErrorClass::NoSuchZone),
    ] {
        let place = Place::new("");
        match text {
            Some(text) => std::fs::write(place.file(), text).unwrap(),
            None => std::fs::remove_file(place.file()).unwrap(),
        }
        for error in [
            place.provider.read(&zone(), &[host("www", "192.0.2.1").name]).await.expect_err(title),
            place.provider.list(&zone()).await.expect_err(title),
        ] {
            assert_eq!(error.class, class, "{title}: {error}");
            assert!(error.message.contains("files.test"), "{error}");
        }
        for change in [Change::Delete(host("www", "192.0.2.1")), Change::Create(host("new", "192.0.2.2"))] {
            match place.apply(change).await {
                Outcome::Failed(error) => assert_eq!(error.class, class, "{title}: {error}"),
                other => panic!("{title}: {other:?}"),
            }
        }
        assert_eq!(std::fs::read_to_string(place.file()).ok().as_deref(), text, "{title}: left as it was");
        let report = place.provider.test(&zone()).await;
        assert!(!report.ok && !report.can_write, "{title}: {report:?}");
    }
}

/// A folder that takes no new file, also not from root; open again when dropped.
struct Shut<'a>(&'a Path);

impl Shut<'_> {
    fn new(folder: &Path) -> Option<Shut<'_>> {
        let run = |program: &str, mode: &str| Command::new(program).arg(mode).arg(folder).status();
        let probe = folder.join("probe");
        let _ = run("chmod", "0555");
        let shut = Shut(folder);
        if std::fs::write(&probe, "").is_err() {
            return Some(shut);
        }
        let _ = std::fs::remove_file(&probe);
        let _ = run("chattr", "+i");
        std::fs::write(&probe, "").is_err().then_some(shut)
    }
}

impl Drop for Shut<'_> {
    fn drop(&mut self) {
        for (program, mode) in [("chattr", "-i"), ("chmod", "0755")] {
            let _ = Command::new(program).arg(mode).arg(self.0).stderr(std::process::Stdio::null()).status();
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_folder_that_cannot_be_written_is_said_and_nothing_is_lost() {
    let place = Place::new("");
    {
        let Some(_shut) = Shut::new(place.folder.path()) else {
            return skip("this file system lets root write everywhere");
        };
        assert_eq!(place.provider.list(&zone()).await.unwrap().rrsets.len(), 5, "it can be read");
        match place.apply(Change::Delete(host("www", "192.0.2.1"))).await {
            Outcome::Failed(error) => {
                assert_eq!(error.class, ErrorClass::Forbidden, "{error}");
                assert!(error.message.contains("db.files.test cannot be written"), "{error}");
            }
            other => panic!("{other:?}"),
        }
        let report = place.provider.test(&zone()).await;
        assert!(!report.ok && report.zone_matches && !report.can_write, "{report:?}");
    }
    assert_eq!(std::fs::read_to_string(place.file()).unwrap(), TEXT);
    assert_eq!(place.apply(Change::Delete(host("www", "192.0.2.1"))).await, Outcome::Done);
}

/// Somebody writes the file after we read it and before we exchange it: the moment in which CoreDNS is
/// asked for its serial.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_another_writes_meanwhile_stays() {
    for (theirs, outcome) in
        [("www IN A 198.51.100.9\n", None), ("new IN A 198.51.100.9\n", Some(ErrorClass::Conflict))]
    {
        let coredns = UdpSocket::bind("127.0.0.1:0").unwrap();
        let place = Place::new(&coredns.local_addr().unwrap().to_string());
        let (file, text) = (place.file(), format!("{TEXT}{theirs}"));
        let other = std::thread::spawn(move || {
            coredns.recv_from(&mut [0; 512]).unwrap();
            std::fs::write(file, text).unwrap();
        });
        let ended = place.apply(Change::Create(host("new", "192.0.2.2"))).await;
        other.join().unwrap();
        match (ended, outcome) {
            (Outcome::Done, None) => {}
            (Outcome::Failed(error), Some(class)) => assert_eq!(error.class, class, "{error}"),
            (ended, outcome) => panic!("{ended:?} instead of {outcome:?}"),
        }
        let now = place.provider.list(&zone()).await.unwrap();
        let theirs = RecordData::parse(RecordType::A, "198.51.100.9").unwrap();
        let kept = now.rrsets.iter().any(|set| set.values.iter().any(|value| value.data == theirs));
        assert!(kept, "what another wrote is lost: {now:?}");
    }
}
