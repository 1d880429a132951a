//! Chains of CNAME and DNAME, answered as BIND, Knot and NSD answer them for the same zone (issue 9, C20).

use crate::harness::{Process, Running, dig, eventually, free_port};
use crate::transfers::{bind, knot, nsd, serial_at};
use std::collections::BTreeSet;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;
use std::process::Command;
use zonecast_core::Serial;
use zonecast_dns::ZoneSettings;

const ZONE: &str = "@ 60 SOA ns1 h 1 7200 3600 1209600 300\n@ 60 NS ns1\nns1 60 A 192.0.2.1\n\
    d 60 DNAME e\na.e 60 A 192.0.2.7\nb.e 60 CNAME a.d\nc.e 60 CNAME zz.d\nx.e 60 CNAME y.d\n\
    y.e 60 CNAME x.d\nloop 60 DNAME loop2\nloop2 60 DNAME loop\nf 60 DNAME g.h\nin.g.h 60 CNAME in2.f\n\
    in2.g.h 60 TXT hi\nup 60 DNAME x.test.\n*.w 60 CNAME x.w\nself 60 CNAME self\n*.u 60 CNAME ns1\n";

/// Ends well, or with nothing: here all three agree to the letter.
const QUESTIONS: [&str; 18] = [
    "a.d.x.test A",
    "b.d.x.test A",
    "c.d.x.test A",
    "a.d.x.test MX",
    "a.d.x.test CNAME",
    "nothing.d.x.test CNAME",
    "d.x.test CNAME",
    "a.d.x.test DNAME",
    "d.x.test DNAME",
    "in.f.x.test TXT",
    "a.loop.x.test CNAME",
    "ns1.up.up.x.test A",
    "ns1.up.up.x.test CNAME",
    "nothing.up.up.x.test A",
    "q.u.x.test A",
    "q.u.x.test CNAME",
    "q.w.x.test CNAME",
    "x.w.x.test CNAME",
];
/// Loops: BIND says SERVFAIL to what the others find good enough; the records are the same.
const LOOPS: [&str; 5] = ["x.d.x.test A", "a.loop.x.test A", "q.w.x.test A", "x.w.x.test A", "self.x.test A"];

/// Status, and the records of the answer, each once.
async fn answer(server: SocketAddr, question: &str) -> Option<(String, BTreeSet<String>)> {
    let seen = dig(server, question).await?;
    Some((seen.status, seen.records.into_iter().collect()))
}

async fn agrees(start: fn(&Path, u16, u16, bool) -> Command, loops_fail: bool) {
    let folder = tempfile::tempdir().unwrap();
    let port = free_port();
    let theirs: SocketAddr = (Ipv4Addr::LOCALHOST, port).into();
    let open =
        ZoneSettings { allow_transfer: vec!["127.0.0.0/8".parse().unwrap()], ..ZoneSettings::default() };
    let running = Running::start("x.test", ZONE, open).await;
    let mut command = start(folder.path(), port, running.address().port(), false);
    let Some(_process) = Process::start(&mut command) else { return };
    eventually("the transfer", async || serial_at(theirs).await == Some(Serial(1))).await;
    for question in QUESTIONS.into_iter().chain(LOOPS) {
        let Some((status, ours)) = answer(running.address(), question).await else { return };
        let (their_status, records) = answer(theirs, question).await.unwrap();
        assert_eq!(ours, records, "{question}");
        let fails = loops_fail && LOOPS.contains(&question);
        assert_eq!(if fails { "SERVFAIL" } else { &status }, their_status, "{question}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn chains_are_followed_as_bind_does() {
    agrees(bind, true).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn chains_are_followed_as_knot_does() {
    agrees(knot, false).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn chains_are_followed_as_nsd_does() {
    agrees(nsd, false).await;
}
