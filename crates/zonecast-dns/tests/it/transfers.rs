//! BIND, Knot and NSD as secondaries of our primary. Their refresh time is hours, so a change reaches
//! them only by NOTIFY; that they end up with equal records shows NOTIFY, IXFR/AXFR and TSIG at once.

use crate::harness::{Process, Running, dig, eventually, free_port, name};
use std::fs;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;
use std::process::Command;
use zonecast_core::{RRset, RecordData, RecordType, Serial, Ttl};
use zonecast_dns::{
    ChangeOptions, Edit, Notifier, NotifyOptions, QueryOptions, TsigAlgorithm, TsigKey, ZoneSettings, query,
};

const ZONE: &str = "@ 60 SOA ns1 h 1 7200 3600 1209600 300\n@ 60 NS ns1\nns1 60 A 192.0.2.1\n\
                    *.w 60 A 192.0.2.2\n@ 60 MX 10 mail\nmail 60 AAAA 2001:db8::3\nd 60 DNAME ns1\n\
                    $GENERATE 1-2000 h$ 60 A 10.0.0.1\n";
const SECRET: &str = "em9uZWNhc3QtdGVzdC1zZWNyZXQtMDAwMDAwMDAwMDA=";

fn key() -> TsigKey {
    TsigKey::from_base64(name("zk"), TsigAlgorithm::HmacSha256, SECRET).unwrap()
}

pub async fn serial_at(server: SocketAddr) -> Option<Serial> {
    let zone = name("x.test");
    let answer = query(server, &zone, RecordType::SOA, QueryOptions::default()).await.ok()?;
    let soa = answer.rrset(&zone, RecordType::SOA)?;
    zonecast_dns::Soa::from_data(soa.values.first()?).map(|soa| soa.serial)
}

/// One secondary of each kind that is installed follows ten changes.
async fn follows(start: fn(&Path, u16, u16, bool) -> Command, signed: bool) {
    let folder = tempfile::tempdir().unwrap();
    let port = free_port();
    let secondary: SocketAddr = (Ipv4Addr::LOCALHOST, port).into();
    let settings = ZoneSettings {
        allow_transfer: if signed { vec![] } else { vec!["127.0.0.0/8".parse().unwrap()] },
        notify: vec![secondary],
        tsig_key: signed.then(key),
    };
    let running = Running::start("x.test", ZONE, settings).await;
    let _notifier = Notifier::start(running.authority.clone(), NotifyOptions::default());
    let mut command = start(folder.path(), port, running.address().port(), signed);
    let Some(_process) = Process::start(&mut command) else { return };
    eventually("the first transfer", async || serial_at(secondary).await == Some(Serial(1))).await;

    let zone = name("x.test");
    for round in 1..=10u8 {
        let owner = name(&format!("r{}.x.test", round % 4));
        let value = RecordData::address([192, 0, 2, round].into());
        let edits = vec![
            Edit::Set(RRset::new(owner, RecordType::A, Ttl::DEFAULT, vec![value])),
            Edit::Delete(name(&format!("h{round}.x.test")), RecordType::A),
        ];
        running.authority.apply(&zone, edits, ChangeOptions::default()).await.unwrap();
        if round % 5 == 0 {
            let want = Some(Serial(1 + u32::from(round)));
            eventually("the change at the secondary", async || serial_at(secondary).await == want).await;
        }
    }
    let want: Vec<RRset> = running.authority.snapshot(&zone).unwrap().rrsets().collect();
    let options = QueryOptions { tcp: true, ..QueryOptions::default() };
    for rrset in
        want.iter().filter(|set| set.name.label_count() <= 3 && !set.name.to_string().starts_with('h'))
    {
        let seen = query(secondary, &rrset.name, rrset.rtype, options).await.unwrap();
        assert_eq!(seen.rrset(&rrset.name, rrset.rtype), Some(rrset));
    }
    let gone = query(secondary, &name("h3.x.test"), RecordType::A, options).await.unwrap();
    assert!(gone.answer.is_empty());
}

pub fn bind(folder: &Path, port: u16, primary: u16, signed: bool) -> Command {
    let by = if signed { "key zk" } else { "" };
    let from = folder.display();
    let text = format!(
        r#"key "zk" {{ algorithm hmac-sha256; secret "{SECRET}"; }};
options {{ directory "{from}"; pid-file none; listen-on port {port} {{ 127.0.0.1; }}; listen-on-v6 {{ none; }};
  recursion no; minimal-responses yes; dnssec-validation no; session-keyfile "{from}/session.key"; }};
controls {{ }};
zone "x.test" {{ type secondary; file "zone"; primaries {{ 127.0.0.1 port {primary} {by}; }};
  allow-notify {{ 127.0.0.1; }}; }};"#
    );
    let file = folder.join("named.conf");
    fs::write(&file, text).unwrap();
    let mut command = Command::new("named");
    command.arg("-c").arg(file).args(["-n", "1", "-f", "-g"]);
    command
}

pub fn knot(folder: &Path, port: u16, primary: u16, signed: bool) -> Command {
    let by = if signed { "key: zk" } else { "" };
    let from = folder.display();
    let text = format!(
        "server:\n  rundir: \"{from}\"\n  listen: 127.0.0.1@{port}\n  background-workers: 1\n\
         database:\n  storage: \"{from}/db\"\n  journal-db-max-size: 10M\n  kasp-db-max-size: 5M\n  timer-db-max-size: 1M\n\
         key:\n  - id: zk\n    algorithm: hmac-sha256\n    secret: \"{SECRET}\"\n\
         remote:\n  - id: prim\n    address: 127.0.0.1@{primary}\n    {by}\n\
         acl:\n  - id: n\n    address: 127.0.0.1\n    action: notify\n  - id: nk\n    address: 127.0.0.1\n    key: zk\n    action: notify\n\
         zone:\n  - domain: x.test\n    file: \"{from}/zone\"\n    master: prim\n    acl: [n, nk]\n"
    );
    let file = folder.join("knot.conf");
    fs::create_dir(folder.join("db")).unwrap();
    fs::write(&file, text).unwrap();
    let mut command = Command::new("knotd");
    command.arg("-c").arg(file);
    command
}

pub fn nsd(folder: &Path, port: u16, primary: u16, signed: bool) -> Command {
    let by = if signed { "zk" } else { "NOKEY" };
    let from = folder.display();
    let text = format!(
        "server:\n  ip-address: 127.0.0.1@{port}\n  server-count: 1\n  minimal-responses: yes\n  username: \"\"\n  zonesdir: \"{from}\"\n\
         \x20 database: \"\"\n  pidfile: \"{from}/pid\"\n  xfrdfile: \"{from}/xfrd.state\"\n\
         \x20 zonelistfile: \"{from}/zone.list\"\n  xfrdir: \"{from}\"\n\
         remote-control:\n  control-enable: no\n\
         key:\n  name: \"zk\"\n  algorithm: hmac-sha256\n  secret: \"{SECRET}\"\n\
         zone:\n  name: \"x.test\"\n  zonefile: \"{from}/zone\"\n  request-xfr: 127.0.0.1@{primary} {by}\n\
         \x20 allow-notify: 127.0.0.1 {by}\n"
    );
    let file = folder.join("nsd.conf");
    fs::write(&file, text).unwrap();
    let mut command = Command::new("nsd");
    command.arg("-d").arg("-c").arg(file);
    command
}

#[tokio::test(flavor = "multi_thread")]
async fn bind_follows_our_changes() {
    follows(bind, false).await;
    follows(bind, true).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn knot_follows_our_changes() {
    follows(knot, false).await;
    follows(knot, true).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nsd_follows_our_changes() {
    follows(nsd, false).await;
    follows(nsd, true).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn ixfr_sends_the_difference_when_the_journal_reaches_back() {
    let open =
        ZoneSettings { allow_transfer: vec!["127.0.0.0/8".parse().unwrap()], ..ZoneSettings::default() };
    let running = Running::start("x.test", ZONE, open).await;
    let zone = name("x.test");
    for octet in 1..=2u8 {
        let value = RecordData::address([192, 0, 2, octet].into());
        let set = RRset::new(name("a.x.test"), RecordType::A, Ttl::DEFAULT, vec![value]);
        running.authority.apply(&zone, vec![Edit::Set(set)], ChangeOptions::default()).await.unwrap();
    }
    let Some(seen) = dig(running.address(), "x.test IXFR=1 +tcp").await else { return };
    let kinds: Vec<&str> =
        seen.records.iter().map(|line| line.split(' ').nth(3).unwrap_or_default()).collect();
    assert_eq!(kinds, ["SOA", "SOA", "SOA", "A", "SOA", "A", "SOA", "A", "SOA"], "{}", seen.text);
    assert!(seen.records[5].ends_with("192.0.2.1") && seen.records[7].ends_with("192.0.2.2"));
    let newest = dig(running.address(), "x.test IXFR=3 +tcp").await.unwrap();
    assert_eq!(newest.records.len(), 1, "up to date");
    let unknown = dig(running.address(), "x.test IXFR=4000000000 +tcp").await.unwrap();
    assert!(unknown.records.len() > 2000, "the whole zone");
    let udp = dig(running.address(), "x.test IXFR=1 +notcp").await.unwrap();
    assert_eq!(udp.records.len(), 1, "over UDP the SOA alone");
}
