//! One table of what goes wrong between us and a service over HTTP, told to all adapters alike: what it
//! is taken for, in whose words, that no secret comes out, that no bad answer makes anything go away,
//! and that all is well when it is over. What speaks no HTTP has a table in its own terms.

mod stages;

#[path = "faults/dns.rs"]
mod dns;
#[path = "faults/files.rs"]
mod files;
#[path = "faults/peers.rs"]
mod peers;

use peers::{Peer, WORDS};
use std::time::{Duration, Instant};
use zonecast_core::{Change, Name, Observed, RRset, RecordData, RecordType, Ttl};
use zonecast_providers::{ErrorClass, Outcome, Provider, ZoneRef};
use zonecast_testbed::{Canned, Fault};

const ZONE: &str = "faults.test";
/// Rows in which no answer comes back: a write may have been carried out all the same.
const UNSURE: [&str; 3] = ["10 s late", "cut", "an answer lost"];

fn name(text: &str) -> Name {
    Name::parse(text).unwrap()
}

fn within(millis: u64) -> ZoneRef {
    ZoneRef { deadline: Instant::now() + Duration::from_millis(millis), ..ZoneRef::new(name(ZONE)) }
}

fn host(label: &str) -> RRset {
    let value = RecordData::parse(RecordType::A, "192.0.2.1").unwrap();
    let ttl = Ttl::from_seconds(3_600).unwrap();
    RRset::new(name(&format!("{label}.{ZONE}")), RecordType::A, ttl, vec![value])
}

/// A row: what happens, what it is for everybody, and whether the service's words come along.
struct Row {
    title: &'static str,
    fault: Fault,
    class: ErrorClass,
    speaks: bool,
}

/// The faults that every service has, and this one's own at the end.
fn table(peer: &Peer) -> Vec<Row> {
    let limited = |retry_after| ErrorClass::RateLimited { retry_after };
    let row = |title, fault, class| Row { title, fault, class, speaks: false };
    let says =
        |title, canned: Canned, class| Row { title, fault: Fault::Answer(canned), class, speaks: true };
    let words = format!("{WORDS}{}?", peer.secret);
    let no = |status| (peer.refuses)(status, &words);
    let mut rows = vec![
        row("down", Fault::Refuse, ErrorClass::Transient),
        row("10 s late", Fault::Delay(Duration::from_secs(10)), ErrorClass::Transient),
        says("401", no(401), ErrorClass::Unauthorized),
        says("403", no(403), ErrorClass::Forbidden),
        says("404", no(404), ErrorClass::NoSuchZone),
        says("429 in 7 s", no(429).header("Retry-After", "7"), limited(Some(Duration::from_secs(7)))),
        says("429", no(429), limited(None)),
        says("500", no(500), ErrorClass::Transient),
        says("bad words", Canned::new(500, words.clone()), ErrorClass::Transient),
        row("torn", Fault::Answer(Canned::json(200, "{\"result\":[{\"x\":1}").torn()), ErrorClass::Transient),
        row("cut", Fault::CutAfter(30), ErrorClass::Transient),
        row("a page and 504", Fault::Answer(Canned::html(504)), ErrorClass::Transient),
        row("a page and 403", Fault::Answer(Canned::html(403)), ErrorClass::Forbidden),
        row("a page", Fault::Answer(Canned::html(200)), ErrorClass::Transient),
        row("nothing", Fault::Answer(Canned::new(200, "")), ErrorClass::Transient),
        row("other JSON", Fault::Answer(Canned::json(200, peer.strange)), ErrorClass::Transient),
        row("an answer lost", Fault::LoseAnswer, ErrorClass::Transient),
    ];
    rows.extend(peer.own.iter().map(|(title, canned, class)| says(title, canned(&words), class.clone())));
    for row in &mut rows {
        if let Some(class) = (peer.other)(row.title) {
            row.class = class;
        }
    }
    rows
}

/// Tells the table to one adapter.
async fn tell(peer: Peer) {
    let before = (peer.connect)().read(&within(20_000), &[host("www").name]).await.unwrap();
    assert_eq!(before.rrsets.len(), 1, "it is there to begin with");
    for row in table(&peer) {
        let title = row.title;
        eprintln!("{title}");
        peer.proxy.set(row.fault.clone());
        let provider = (peer.connect)();
        let time = if title == "10 s late" { 400 } else { 20_000 };
        for error in [
            provider.read(&within(time), &[host("www").name]).await.expect_err(title),
            provider.list(&within(time)).await.expect_err(title),
        ] {
            assert_eq!(error.class, row.class, "{title}: {error}");
            spoken(&peer, &row, &error.message);
        }
        let report = provider.test(&within(time)).await;
        assert!(!report.ok && !report.message.contains(&peer.secret), "{title}: {report:?}");
        assert!(!report.reachable || !["down", "10 s late"].contains(&title), "{title}: {report:?}");
        writes_under(&peer, &row, provider.as_ref(), &before, time).await;
        peer.proxy.set(Fault::Pass);
        well_again(&peer, title, provider.as_ref()).await;
        let no_write = ["down", "10 s late"].contains(&title) || (title == "nothing" && peer.silent);
        let class = (peer.else_at_write)(title).unwrap_or(Some(row.class.clone()));
        if let Some(class) = class.filter(|_| !no_write) {
            at_the_write_alone(&peer, &Row { class, ..row }).await;
        }
    }
}

/// The service's exact words, and no secret among them.
fn spoken(peer: &Peer, row: &Row, message: &str) {
    assert!(!message.contains(&peer.secret), "{}: {message}", row.title);
    let said = message.contains(&format!("{WORDS}[secret]?"));
    assert!(said || !row.speaks, "{}: the service's words are lost: {message}", row.title);
    assert!(message.contains(ZONE), "{}: the zone is not named: {message}", row.title);
}

/// A deletion that was planned before, and a creation: neither is called done.
async fn writes_under(peer: &Peer, row: &Row, provider: &dyn Provider, before: &Observed, time: u64) {
    let title = row.title;
    // Carried out ten seconds later it must not meet the rows to come.
    let label = if title == "10 s late" { "late" } else { "www" };
    let silent = title == "nothing" && peer.silent;
    for change in [Change::Delete(host(label)), Change::Create(host("new"))] {
        if silent && matches!(change, Change::Create(_)) {
            continue;
        }
        let outcomes = provider.apply(&within(time), before, std::slice::from_ref(&change)).await;
        let [Outcome::Failed(error) | Outcome::Unknown(error)] = &outcomes[..] else {
            panic!("{title}: {change:?}: {outcomes:?}");
        };
        assert_eq!(error.class, row.class, "{title}: {change:?}: {error}");
        spoken(peer, row, &error.message);
        let unknown = matches!(&outcomes[..], [Outcome::Unknown(_)]);
        assert!(!unknown || !row.class.is_final(), "{title}: a refusal is no doubt: {outcomes:?}");
    }
}

/// When the fault is over, the same connection works, and only what may be gone is.
async fn well_again(peer: &Peer, title: &str, provider: &dyn Provider) {
    let names = [host("www").name, host("new").name];
    let seen =
        provider.read(&within(20_000), &names).await.unwrap_or_else(|error| panic!("{title}: {error}"));
    let www = seen.get(&names[0], RecordType::A);
    if !UNSURE.contains(&title) {
        assert!(www.is_some(), "{title}: it is gone");
        assert_eq!(seen.rrsets.len(), 1, "{title}: it came all the same");
    }
    let mut changes = Vec::new();
    if www.is_none() {
        changes.push(Change::Create(host("www")));
    }
    if seen.get(&names[1], RecordType::A).is_some() {
        changes.push(Change::Delete(host("new")));
    }
    for outcome in provider.apply(&within(20_000), &seen, &changes).await {
        assert_eq!(outcome, Outcome::Done, "{title}");
    }
    let fresh = (peer.connect)().read(&within(20_000), &names).await.unwrap();
    assert_eq!(fresh.rrsets.len(), 1, "{title}: {fresh:?}");
}

/// The fault hits the write alone, after reads that went well. It is not called done, and once more is:
/// what is there then is there once.
async fn at_the_write_alone(peer: &Peer, row: &Row) {
    let title = row.title;
    let provider = (peer.connect)();
    let change = [Change::Create(host("new"))];
    let seen = provider.read(&within(20_000), &[host("new").name]).await.unwrap();
    (peer.at_write)(&peer.proxy, row.fault.clone());
    let outcomes = provider.apply(&within(20_000), &seen, &change).await;
    let ([Outcome::Failed(error)] | [Outcome::Unknown(error)]) = &outcomes[..] else {
        panic!("{title}: {outcomes:?}");
    };
    assert_eq!(error.class, row.class, "{title}: {error}");
    spoken(peer, row, &error.message);
    if UNSURE.contains(&title) || ["torn", "a page and 504"].contains(&title) {
        assert!(matches!(&outcomes[..], [Outcome::Unknown(_)]), "{title}: {outcomes:?}");
    }
    peer.proxy.reset();
    let outcomes = provider.apply(&within(20_000), &seen, &change).await;
    assert_eq!(outcomes, [Outcome::Done], "{title}: twice is once");
    let now = provider.read(&within(20_000), &[host("new").name]).await.unwrap();
    assert_eq!(now.get(&host("new").name, RecordType::A).map(|set| set.values.len()), Some(1), "{now:?}");
    let outcomes = provider.apply(&within(20_000), &now, &[Change::Delete(host("new"))]).await;
    assert_eq!(outcomes, [Outcome::Done], "{title}: away with it");
}

trait Finality {
    /// A refusal that was spoken: nothing was written.
    fn is_final(&self) -> bool;
}

impl Finality for ErrorClass {
    fn is_final(&self) -> bool {
        !self.is_retryable() || matches!(self, ErrorClass::RateLimited { .. })
    }
}

macro_rules! told {
    ($($peer:ident => $make:expr;)*) => { $(
        #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
        async fn $peer() {
            tell($make).await;
        }
    )* };
}

told! {
    powerdns => peers::powerdns();
    cloudflare => peers::cloudflare();
    route53 => peers::route53();
    desec => peers::rest(&stages::rest::DESEC);
    hetzner => peers::rest(&stages::rest::HETZNER);
    gandi => peers::rest(&stages::rest::GANDI);
    digitalocean => peers::rest(&stages::rest::DIGITALOCEAN);
    godaddy => peers::rest(&stages::rest::GODADDY);
    ovh => peers::rest(&stages::rest::OVH);
    hestiacp => peers::hestiacp(stages::hestiacp::By::AccessKey).await;
    hestiacp_password => peers::hestiacp(stages::hestiacp::By::Password).await;
    coredns_etcd => peers::etcd();
}
