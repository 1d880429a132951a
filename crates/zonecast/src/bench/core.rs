//! Planning and matching in memory: measures 8a to 8c of the baselines, one JSON line each.
//!
//! The states are made as the yardstick `bench/sync/micro` makes its own, so that the figures stand
//! beside each other.

use serde_json::json;
use std::io::Write;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::time::Instant;
use zonecast_core::derive::claims_of;
use zonecast_core::matching::ZoneIndex;
use zonecast_core::plan::{Hold, Policy, ZonePlanInput, plan_zone};
use zonecast_core::{
    AddressPolicy, ConnectionId, Host, HostAddress, Name, Observed, ObservedRRset, RRset, RecordData,
    RecordType, Ttl, Zone, ZoneId,
};

/// Runs all three; `hosts` scales them (250,000 is the size of the goals).
pub fn core(hosts: usize) -> anyhow::Result<()> {
    diff(hosts * 4)?;
    matching(hosts * 4, hosts * 2 / 5)?;
    cold(hosts)
}

/// 8a: two states of `n` RRsets, one in two thousand different.
fn diff(n: usize) -> anyhow::Result<()> {
    let apex = Name::parse("cust.example.org")?;
    let before = resident();
    let wanted = state(n, 0)?;
    let state_mb = resident() - before;
    let observed = Observed::new(state(n, 0x5500)?.into_iter().map(seen).collect());
    let policy = Policy { managed_full: true, ..Policy::default() };
    let input = ZonePlanInput {
        apex: &apex,
        observed: &observed,
        desired: &wanted,
        applied: &wanted,
        unsupported: &[],
        policy: &policy,
        a_host_holds: &|_| true,
        hold: Hold::Nothing,
    };
    let mut times = Vec::new();
    let mut changes = 0;
    for _ in 0..7 {
        let start = Instant::now();
        changes = plan_zone(&input).changes.len();
        times.push(start.elapsed().as_secs_f64());
    }
    say(&json!({ "m": "8a", "rrsets": n, "diff_s": median(times), "changes": changes, "state_mb": state_mb }))
}

/// 8b: `n` names against `zones` zones, every matching zone of each.
fn matching(n: usize, zones: usize) -> anyhow::Result<()> {
    let name = |i: usize| match i % 4 {
        0 => format!("customer-{i}.example"),
        1 => format!("d{i}.co.example.net"),
        2 => format!("{}.{}.10.in-addr.arpa", (i / 4) & 255, (i / 1024) & 255),
        _ => format!("zone{i}.example.org"),
    };
    let mut all = Vec::with_capacity(zones);
    for i in 0..zones {
        all.push(Zone::new(ZoneId(i as i64 + 1), ConnectionId(1), Name::parse(&name(i))?));
    }
    let mut names = Vec::with_capacity(n);
    for i in 0..n {
        names.push(Name::parse(&format!("vm-{i}.srv.{}", name((i * 7919) % zones)))?);
    }
    let start = Instant::now();
    let index = ZoneIndex::new(all);
    let build = start.elapsed().as_secs_f64();
    let mut times = Vec::new();
    let mut hits = 0;
    for _ in 0..5 {
        let start = Instant::now();
        hits = names.iter().map(|name| index.zones_for(name, RecordType::A).count()).sum();
        times.push(start.elapsed().as_secs_f64());
    }
    say(
        &json!({ "m": "8b", "names": n, "zones": zones, "match_s": median(times), "build_s": build, "hits": hits }),
    )
}

/// 8c: everything from hosts to an empty-handed provider: derive, match, sort, plan.
fn cold(count: usize) -> anyhow::Result<()> {
    let zones = ["cust.example.org", "10.in-addr.arpa", "d.f.ip6.arpa"];
    let mut all = Vec::new();
    for (i, zone) in zones.iter().enumerate() {
        all.push(Zone::new(ZoneId(i as i64), ConnectionId(1), Name::parse(zone)?));
    }
    let index = ZoneIndex::new(all);
    let hosts: Vec<Host> = (0..count).map(host).collect::<Result<_, _>>()?;
    let start = Instant::now();
    let mut wanted: Vec<Vec<RRset>> = vec![Vec::new(); zones.len()];
    for host in &hosts {
        for claim in claims_of(host) {
            for place in index.placements(&claim.name, claim.data.rtype(), None) {
                let (data, ttl) = (place.data(&claim.data), claim.ttl.unwrap_or(Ttl::DEFAULT));
                wanted[place.zone.id.0 as usize].push(RRset::new(place.name, data.rtype(), ttl, vec![data]));
            }
        }
    }
    let mut changes = 0;
    for (zone, sets) in index.zones().iter().zip(&mut wanted) {
        sets.sort_unstable_by(|a, b| a.name.cmp(&b.name).then(a.rtype.cmp(&b.rtype)));
        changes += plan_zone(&ZonePlanInput {
            apex: &zone.name,
            observed: &Observed::default(),
            desired: sets,
            applied: &[],
            unsupported: &[],
            policy: &zone.policy(),
            a_host_holds: &|_| true,
            hold: Hold::Nothing,
        })
        .changes
        .len();
    }
    let seconds = start.elapsed().as_secs_f64();
    say(&json!({ "m": "8c", "hosts": count, "cold_s": seconds, "changes": changes, "peak_mb": peak() }))
}

fn host(i: usize) -> anyhow::Result<Host> {
    let four = Ipv4Addr::from(0x0a00_0000 + i as u32);
    let six = Ipv6Addr::from((0xfd00_u128 << 112) + i as u128);
    let addresses =
        [IpAddr::V4(four), IpAddr::V6(six)].map(|ip| HostAddress { ip, reverse_name: None, pool_name: None });
    let fqdn = Name::parse(&format!("vm-{i:07}.cust.example.org"))?;
    Ok(Host { fqdn, addresses: addresses.to_vec(), ttl: None, address_policy: AddressPolicy::All })
}

fn state(n: usize, salt: u32) -> anyhow::Result<Vec<RRset>> {
    let mut sets = Vec::with_capacity(n);
    for i in 0..n / 2 {
        let ip = (0x0a00_0000_u32 + i as u32) ^ if i % 1000 == 0 { salt } else { 0 };
        let name = Name::parse(&format!("vm-{i:07}.cust.example.org"))?;
        let six = Ipv6Addr::from((0xfd00_u128 << 112) + i as u128);
        for ip in [IpAddr::V4(ip.into()), IpAddr::V6(six)] {
            let data = RecordData::address(ip);
            sets.push(RRset::new(name.clone(), data.rtype(), Ttl::DEFAULT, vec![data]));
        }
    }
    Ok(sets)
}

fn seen(set: RRset) -> ObservedRRset {
    let values = set.values.into_iter().map(Into::into).collect();
    ObservedRRset::new(set.name, set.rtype, set.ttl, values)
}

fn median(mut times: Vec<f64>) -> f64 {
    times.sort_by(f64::total_cmp);
    times.get(times.len() / 2).copied().unwrap_or_default()
}

fn say(line: &serde_json::Value) -> anyhow::Result<()> {
    Ok(writeln!(std::io::stdout(), "{line}")?)
}

fn resident() -> f64 {
    status("VmRSS")
}

fn peak() -> f64 {
    status("VmHWM")
}

/// Megabytes of this process, by the kernel's own word for it; 0 where it does not tell.
fn status(field: &str) -> f64 {
    let text = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = text.lines().find(|line| line.starts_with(field)).unwrap_or_default();
    let kilobytes: f64 =
        line.split_whitespace().nth(1).and_then(|word| word.parse().ok()).unwrap_or_default();
    (kilobytes / 1024.0).round()
}
