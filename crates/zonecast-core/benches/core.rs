//! How fast the rules are, at the sizes of our goals: diff of a million RRsets (8a), a million names
//! against 100,000 zones (8b), and 250,000 hosts derived, matched and planned (8c).
//!
//! `cargo bench -p zonecast-core`. Compare within one run only: at high load every figure grows.

use divan::{Bencher, black_box};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use zonecast_core::plan::{ZonePlanInput, plan_zone};
use zonecast_core::*;

fn main() {
    divan::main();
}

fn name(text: &str) -> Name {
    Name::parse(text).unwrap()
}

fn address_sets(count: u32, salt: u32) -> Vec<RRset> {
    let mut sets = Vec::with_capacity(count as usize);
    for index in 0..count / 2 {
        // One name in a thousand differs between two states of different salt.
        let bits = (0x0a00_0000 + index) ^ if index % 1000 == 0 { salt } else { 0 };
        let v6 = Ipv6Addr::from((0xfdu128 << 120) + u128::from(index));
        for ip in [IpAddr::from(Ipv4Addr::from(bits)), v6.into()] {
            let data = RecordData::address(ip);
            let owner = name(&format!("vm-{index:07}.cust.example.org"));
            sets.push(RRset::new(owner, data.rtype(), Ttl::DEFAULT, vec![data]));
        }
    }
    sets
}

fn as_observed(sets: &[RRset]) -> Observed {
    // A read makes its own names; shared ones would flatter the figure.
    let observed = |set: &RRset| ObservedRRset {
        name: Name::from_key(set.name.key()).unwrap(),
        ..ObservedRRset::from(set.clone())
    };
    Observed::new(sets.iter().map(observed).collect())
}

fn diff(bencher: Bencher, salt: u32) {
    let applied = address_sets(1_000_000, 0);
    let desired = address_sets(1_000_000, salt);
    let observed = as_observed(&applied);
    let (apex, policy) = (name("cust.example.org"), Policy::default());
    bencher.bench_local(|| {
        plan_zone(black_box(&ZonePlanInput {
            apex: &apex,
            observed: &observed,
            desired: &desired,
            applied: &applied,
            unsupported: &[],
            policy: &policy,
            a_host_holds: &|_| false,
            hold: Hold::Nothing,
        }))
    });
}

/// 8a: a million RRsets in each of three states, one name in a thousand differs; goal 25 ms.
#[divan::bench(sample_count = 20, sample_size = 1)]
fn diff_1m_one_in_a_thousand_differs(bencher: Bencher) {
    diff(bencher, 0x5500);
}

/// 8a with nothing to do.
#[divan::bench(sample_count = 20, sample_size = 1)]
fn diff_1m_equal(bencher: Bencher) {
    diff(bencher, 0);
}

fn zone_names(count: usize) -> Vec<String> {
    let text = |index: usize| match index % 4 {
        0 => format!("customer-{index}.example"),
        1 => format!("d{index}.co.example.net"),
        2 => format!("{}.{}.10.in-addr.arpa", (index / 4) & 255, (index / 1024) & 255),
        _ => format!("zone{index}.example.org"),
    };
    (0..count).map(text).collect()
}

fn index_of(names: &[String]) -> ZoneIndex {
    let zones =
        names.iter().zip(1..).map(|(text, id)| Zone::new(ZoneId(id), ConnectionId(id % 7), name(text)));
    ZoneIndex::new(zones.collect())
}

/// 8b: a million names against 100,000 zones, all matches; goal 350 ms.
#[divan::bench(sample_count = 10, sample_size = 1)]
fn match_1m_names_100k_zones(bencher: Bencher) {
    let zones = zone_names(100_000);
    let index = index_of(&zones);
    let names: Vec<Name> =
        (0..1_000_000).map(|i| name(&format!("vm-{i}.srv.{}", zones[(i * 7919) % zones.len()]))).collect();
    bencher.bench_local(|| {
        names.iter().map(|name| index.zones_for(black_box(name), RecordType::A).count()).sum::<usize>()
    });
}

/// Building the index of 100,000 zones.
#[divan::bench(sample_count = 5, sample_size = 1)]
fn index_100k_zones(bencher: Bencher) {
    let zones = index_of(&zone_names(100_000)).zones().to_vec();
    bencher.with_inputs(|| zones.clone()).bench_local_values(ZoneIndex::new);
}

fn hosts(count: u32) -> Vec<Host> {
    let host = |index: u32| Host {
        fqdn: name(&format!("vm-{index:07}.cust.example.org")),
        addresses: [
            IpAddr::from(Ipv4Addr::from(0x0a00_0000 + index)),
            Ipv6Addr::from((0xfdu128 << 120) + u128::from(index)).into(),
        ]
        .map(|ip| HostAddress { ip, reverse_name: None, pool_name: None })
        .into(),
        ttl: None,
        address_policy: AddressPolicy::All,
    };
    (0..count).map(host).collect()
}

/// What 250,000 hosts want in each zone, as sorted sets.
fn desired_of(hosts: &[Host], index: &ZoneIndex) -> Vec<Vec<RRset>> {
    let first = index.zones().as_ptr();
    let mut zones: Vec<Vec<RRset>> = vec![Vec::new(); index.zones().len()];
    for host in hosts {
        for claim in claims_of(host) {
            for place in index.placements(&claim.name, claim.data.rtype(), None) {
                let data = place.data(&claim.data);
                // The position of a zone is its offset in the slice it came from.
                let at = (std::ptr::from_ref(place.zone) as usize - first as usize) / size_of::<Zone>();
                zones[at].push(RRset::new(place.name, data.rtype(), Ttl::DEFAULT, vec![data]));
            }
        }
    }
    zones
        .iter_mut()
        .for_each(|sets| sets.sort_unstable_by(|a, b| (&a.name, a.rtype).cmp(&(&b.name, b.rtype))));
    zones
}

/// 8c: derive, match and diff for 250,000 hosts (a million records), cold; goal 1 s.
#[divan::bench(sample_count = 5, sample_size = 1)]
fn derive_match_diff_250k_hosts(bencher: Bencher) {
    let mut names = zone_names(10_000);
    names.extend(["cust.example.org", "10.in-addr.arpa", "d.f.ip6.arpa"].map(String::from));
    let index = index_of(&names);
    let hosts = hosts(250_000);
    let applied = desired_of(&hosts, &index);
    let observed: Vec<Observed> = applied.iter().map(|sets| as_observed(sets)).collect();
    let policy = Policy::default();
    bencher.bench_local(|| {
        let desired = desired_of(black_box(&hosts), &index);
        let plan = |at: usize| {
            plan_zone(&ZonePlanInput {
                apex: &index.zones()[at].name,
                observed: &observed[at],
                desired: &desired[at],
                applied: &applied[at],
                unsupported: &[],
                policy: &policy,
                a_host_holds: &|_| true,
                hold: Hold::Nothing,
            })
        };
        (0..desired.len()).map(|at| plan(at).changes.len()).sum::<usize>()
    });
}
