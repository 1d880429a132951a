//! One law for every adapter: what `apply` says it wrote is what `read`, `list` and the service's own
//! name server give back, for random values of every type that the adapter claims.
//!
//! A value that a service cannot hold may be refused, before anything is sent, and is not there then;
//! but of every claimed type something has to be taken. A new adapter is one line at the end.

mod stages;

#[path = "round_trip/values.rs"]
mod values;

use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};
use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};
use values::wanted;
use zonecast_core::{Change, Name, Observed, RRset, RecordType};
use zonecast_providers::conformance::Stage;
use zonecast_providers::{ErrorClass, Outcome, ZoneRef};

const FORWARD: &str = "story.test";
const REVERSE: [&str; 2] = ["8.b.d.0.1.0.0.2.ip6.arpa", "2.0.192.in-addr.arpa"];

/// The same values at every run, and others each time where many are asked for.
fn runner() -> TestRunner {
    match std::env::var_os("ZONECAST_SOAK") {
        Some(_) => TestRunner::new(Config::default()),
        None => TestRunner::new_with_rng(Config::default(), TestRng::deterministic_rng(RngAlgorithm::ChaCha)),
    }
}

fn zone(text: &str) -> ZoneRef {
    let deadline = Instant::now() + Duration::from_secs(120);
    ZoneRef { deadline, ..ZoneRef::new(Name::parse(text).unwrap()) }
}

/// Sets that are left out, each with its reason where the table names it.
type LeftOut = fn(&RRset, &Name) -> bool;

/// The law, in the forward zone and in both reverse ones.
async fn law(stage: &dyn Stage, left_out: LeftOut) {
    let mut runner = runner();
    let limits = stage.provider().capabilities();
    let claimed = limits.types.clone().unwrap_or_else(values::all_types);
    let mut taken: BTreeMap<RecordType, usize> = BTreeMap::new();
    let mut refused: BTreeMap<RecordType, BTreeSet<String>> = BTreeMap::new();
    for apex in [FORWARD, REVERSE[0], REVERSE[1]] {
        let zone = zone(apex);
        let mut sets = wanted(&mut runner, &zone.name, &claimed, stage.text_bytes_max(), &limits);
        sets.iter().filter(|set| left_out(set, &zone.name)).for_each(|set| {
            taken.entry(set.rtype).or_default();
        });
        sets.retain(|set| !left_out(set, &zone.name));
        if sets.is_empty() {
            continue;
        }
        stage.new_zone(&zone.name).await;
        let held = write(stage, &zone, sets, &mut refused).await;
        held.iter().for_each(|set| *taken.entry(set.rtype).or_default() += 1);
        is_there(stage, &zone, held).await;
    }
    eprintln!("taken {taken:?}, refused {refused:?}");
    for rtype in claimed.iter().filter(|rtype| **rtype != RecordType::SOA) {
        assert!(taken.contains_key(rtype), "{rtype} is claimed and never taken: {:?}", refused.get(rtype));
    }
}

/// Writes all in calls as large as the adapter likes them; gives what it says it holds.
async fn write(
    stage: &dyn Stage,
    zone: &ZoneRef,
    sets: Vec<RRset>,
    refused: &mut BTreeMap<RecordType, BTreeSet<String>>,
) -> Vec<RRset> {
    let (provider, mut held) = (stage.provider(), Vec::new());
    for part in sets.chunks(provider.capabilities().batch_changes_max) {
        let names: Vec<Name> = part.iter().map(|set| set.name.clone()).collect();
        let seen = provider.read(zone, &names).await.unwrap_or_else(|error| panic!("{error}"));
        let changes: Vec<Change> = part.iter().cloned().map(Change::Create).collect();
        let outcomes = provider.apply(zone, &seen, &changes).await;
        assert_eq!(outcomes.len(), changes.len());
        for (set, outcome) in part.iter().zip(outcomes) {
            match outcome {
                Outcome::Done => held.push(set.clone()),
                Outcome::Failed(error)
                    if matches!(error.class, ErrorClass::Unsupported | ErrorClass::Rejected) =>
                {
                    refused.entry(set.rtype).or_default().insert(error.message);
                }
                other => panic!("{set:?}: {other:?}"),
            }
        }
    }
    held.sort();
    held
}

/// Whoever looks sees exactly this.
async fn is_there(stage: &dyn Stage, zone: &ZoneRef, held: Vec<RRset>) {
    let names: Vec<Name> = held.iter().map(|set| set.name.clone()).collect();
    let provider = stage.provider();
    let few = &names[..names.len().min(4)];
    let (head, read) = (provider.read(zone, few).await, provider.read(zone, &names).await);
    let listed = provider.list(zone).await;
    let of_few: Vec<RRset> = held.iter().filter(|set| few.contains(&set.name)).cloned().collect();
    same(&plain(&zone.name, head.unwrap()), &of_few, "a few names as read");
    same(&plain(&zone.name, read.unwrap()), &held, "all names as read");
    same(&plain(&zone.name, listed.unwrap()), &held, "the zone as listed");
    same(&stage.zone(&zone.name).await, &held, "the zone as served");
}

/// What was observed, without spelling, SOA and apex NS.
fn plain(apex: &Name, seen: Observed) -> Vec<RRset> {
    let vital = |set: &RRset| set.name == *apex && matches!(set.rtype, RecordType::SOA | RecordType::NS);
    let sets = seen.rrsets.into_iter().map(|set| {
        assert!(!set.opaque || matches!(set.rtype, RecordType::SOA), "{set:?} cannot be read");
        RRset::new(set.name, set.rtype, set.ttl, set.values.into_iter().map(|value| value.data).collect())
    });
    sets.filter(|set| !vital(set)).collect()
}

fn same(found: &[RRset], wanted: &[RRset], what: &str) {
    let missing: Vec<&RRset> = wanted.iter().filter(|set| !found.contains(set)).take(3).collect();
    let too_much: Vec<&RRset> = found.iter().filter(|set| !wanted.contains(set)).take(3).collect();
    assert!(
        missing.is_empty() && too_much.is_empty(),
        "{what} is not as written\n missing: {missing:?}\n too much: {too_much:?}"
    );
}

macro_rules! law {
    (@) => { |_, _| false };
    (@ $left_out:expr) => { $left_out };
    ($($provider:ident => $stage:expr $(, without $left_out:expr)?;)*) => { $(
        #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
        async fn $provider() {
            let stage = $stage;
            law(&stage, law!(@ $($left_out)?)).await;
        }
    )* };
}

/// PowerDNS 4.7 reads the generic form (RFC 3597) of types it does not know only, and URI it knows.
fn uri(set: &RRset, _: &Name) -> bool {
    set.rtype == RecordType(256)
}

/// PowerDNS 4.7 cannot read an update with a type that it does not know: FORMERR.
fn unknown_types(set: &RRset, _: &Name) -> bool {
    set.rtype.0 >= 65_280
}

/// Deeper than one label below the zone a CNAME in etcd is served to who asks for an address, and not
/// to who asks for the CNAME.
fn deep_cname(set: &RRset, apex: &Name) -> bool {
    set.rtype == RecordType::CNAME && set.name.label_count() > apex.label_count() + 1
}

law! {
    memory => stages::memory::MemoryStage::new(zonecast_core::Guard::CompareAndSet);
    embedded => stages::embedded::EmbeddedStage::start().await;
    hestiacp => stages::hestiacp::HestiaStage::start(stages::hestiacp::By::AccessKey).await;
    hestiacp_password => stages::hestiacp::HestiaStage::start(stages::hestiacp::By::Password).await;
    powerdns_sqlite => stages::powerdns::PowerDnsStage::start(zonecast_testbed::Backend::Sqlite), without uri;
    powerdns_lmdb => stages::powerdns::PowerDnsStage::start(zonecast_testbed::Backend::Lmdb), without uri;
    cloudflare => stages::cloudflare::CloudflareStage::start();
    route53 => stages::route53::Route53Stage::start();
    rfc2136_bind => stages::rfc2136::Rfc2136Stage::bind();
    rfc2136_knot => stages::rfc2136::Rfc2136Stage::knot();
    rfc2136_powerdns => stages::rfc2136::Rfc2136Stage::powerdns(), without unknown_types;
    coredns_file => stages::coredns::FileStage::start();
    coredns_secondary => stages::coredns::SecondaryStage::start().await;
    coredns_etcd => stages::coredns::EtcdStage::start(1), without deep_cname;
    desec => stages::rest::RestStage::desec();
    hetzner => stages::rest::RestStage::hetzner();
    gandi => stages::rest::RestStage::gandi();
    digitalocean => stages::rest::RestStage::digitalocean();
    godaddy => stages::rest::RestStage::godaddy();
    ovh => stages::rest::RestStage::ovh();
}
