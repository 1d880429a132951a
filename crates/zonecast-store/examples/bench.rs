//! How fast hosts come in and results go back: `bench [HOSTS] [URL or path]`.
//!
//! Each host has two addresses (four claims) and touches three names in three zones. Measured by wall
//! clock with every commit synced, and by the CPU this process used; look at ratios between runs on
//! one machine, not at single figures.

// A bench prints; that is what it is for.
#![allow(clippy::print_stdout)]

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::time::Instant;
use zonecast_core::{
    AddressPolicy, ConnectionState, KeyState, Name, OwnerState, RecordData, RecordType, Ttl, ZoneState,
};
use zonecast_store::*;

type Result<T> = std::result::Result<T, Box<dyn std::error::Error>>;

const BATCH: usize = 1000;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<()> {
    let mut args = std::env::args().skip(1);
    let hosts: usize = args.next().map_or(Ok(10_000), |text| text.parse())?;
    let folder = tempfile::tempdir()?;
    let path = folder.path().join("bench.db").to_string_lossy().into_owned();
    let url = args.next().unwrap_or(path);
    let store = Store::open(&url, MasterKey::ephemeral()?).await?;
    println!("{} {hosts} hosts, batches of {BATCH}", store.engine());
    let zones = zones(&store).await?;
    register(&store, &zones, hosts).await?;
    singles(&store, &zones, hosts).await?;
    look(&store, &zones, hosts).await?;
    settle(&store, &zones).await?;
    touch(&store, &zones, hosts).await?;
    println!("RSS {} MB at most", peak_rss_kb() / 1024);
    if let Ok(data) = std::fs::metadata(&url) {
        println!("file {} MB, {} bytes a host", data.len() / 1_048_576, data.len() / hosts as u64);
    }
    store.close().await;
    Ok(())
}

struct Clock {
    wall: Instant,
    cpu: f64,
}

impl Clock {
    fn start() -> Clock {
        Clock { wall: Instant::now(), cpu: cpu_seconds() }
    }

    fn say(&self, what: &str, count: usize) {
        let (wall, cpu) = (self.wall.elapsed().as_secs_f64(), cpu_seconds() - self.cpu);
        let per = |seconds: f64| seconds * 1e6 / count as f64;
        println!(
            "{what:<28} {count:>8}  {:>9.0} /s  {:>7.1} us wall  {:>7.1} us CPU each",
            count as f64 / wall,
            per(wall),
            per(cpu)
        );
    }
}

fn cpu_seconds() -> f64 {
    let text = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let after = text.rsplit(')').next().unwrap_or_default();
    let ticks: f64 = after.split_whitespace().skip(11).take(2).filter_map(|t| t.parse::<f64>().ok()).sum();
    ticks / 100.0
}

fn peak_rss_kb() -> u64 {
    let text = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = text.lines().find(|line| line.starts_with("VmHWM:")).unwrap_or_default();
    line.split_whitespace().nth(1).and_then(|kb| kb.parse().ok()).unwrap_or(0)
}

async fn zones(store: &Store) -> Result<Vec<ZoneRow>> {
    let mut zones = Vec::new();
    for name in ["example.com", "10.in-addr.arpa", "8.b.d.0.1.0.0.2.ip6.arpa"] {
        let connection = ConnectionRow {
            id: 0,
            name: name.into(),
            provider: "memory".into(),
            settings: Default::default(),
            secrets: Default::default(),
            budget_group: String::new(),
            implicit: false,
            state: ConnectionState::Ok,
            last_error: None,
            failures: 0,
            open_until: 0,
            trouble_since: 0,
            created_at: 0,
            updated_at: 0,
            version: 0,
        };
        let connection = store.add_connection(&connection, &[]).await?;
        let zone = ZoneRow {
            id: 0,
            name: name.parse()?,
            connection_id: connection.id,
            provider_zone_id: None,
            physical_id: name.into(),
            settings: Default::default(),
            state: ZoneState::Ok,
            last_error: None,
            waiting: Default::default(),
            cuts: Vec::new(),
            rematch_after: None,
            listed_at: None,
            created_at: 0,
            updated_at: 0,
            version: 0,
        };
        zones.push(store.add_zone(&zone, &[]).await?);
    }
    Ok(zones)
}

fn write(index: usize, zones: &[ZoneRow], action: OwnerAction) -> Result<OwnerWrite> {
    let fqdn: Name = format!("vm-{index}.example.com").parse()?;
    let v4 = IpAddr::from(Ipv4Addr::from(0x0a00_0000 + index as u32));
    let v6 = IpAddr::from(Ipv6Addr::from(0x2001_0db8_u128 << 96 | index as u128));
    let claim = |name: &Name, data| NewClaim {
        name: name.clone(),
        data,
        ttl: None,
        zone_id: None,
        domain: None,
        derived: false,
    };
    let ptr = || RecordData::single_name(RecordType::PTR, &fqdn);
    let (r4, r6) = (Name::reverse_of(v4), Name::reverse_of(v6));
    let claims = vec![
        claim(&fqdn, RecordData::address(v4)),
        claim(&fqdn, RecordData::address(v6)),
        claim(&r4, ptr()),
        claim(&r6, ptr()),
    ];
    let row = HostRow {
        id: index as i64 + 1,
        fqdn: fqdn.clone(),
        name: None,
        main_domain: None,
        addresses: [v4, v6].map(|ip| AddressRow { ip, reverse_name: None }).into(),
        ttl: None,
        address_policy: AddressPolicy::All,
        state: OwnerState::Active,
        vm_status: None,
        created_at: 0,
        updated_at: 0,
        version: 1,
    };
    let touched = zones.iter().map(|zone| zone.id).zip([fqdn, r4, r6]).collect();
    Ok(OwnerWrite { row: OwnerRow::Host(row), action, claims, touched })
}

async fn context(store: &Store, priority: Priority) -> Result<WriteContext> {
    Ok(WriteContext {
        actor: "bench".into(),
        source: "api".into(),
        epoch: store.epoch().await?,
        priority,
        asked: true,
        rewrite: false,
        take_over: false,
        job: Some(NewJob { kind: "host.add".into(), title: "bench".into() }),
        action: "host.add".into(),
    })
}

async fn register(store: &Store, zones: &[ZoneRow], hosts: usize) -> Result<()> {
    let context = context(store, Priority::Bulk).await?;
    let clock = Clock::start();
    for start in (0..hosts).step_by(BATCH) {
        let end = (start + BATCH).min(hosts);
        let writes =
            (start..end).map(|index| write(index, zones, OwnerAction::Insert)).collect::<Result<Vec<_>>>()?;
        let written = store.write_owners(&writes, &context).await?;
        assert!(written.results.iter().all(|result| matches!(result, WriteResult::Stored { .. })));
        if hosts >= 100_000 && end.is_multiple_of(100_000) {
            clock.say("registered so far", end);
        }
    }
    clock.say("registered in bulk", hosts);
    Ok(())
}

async fn singles(store: &Store, zones: &[ZoneRow], hosts: usize) -> Result<()> {
    let context = context(store, Priority::Interactive).await?;
    let clock = Clock::start();
    for index in hosts..hosts + 200 {
        store.write_owners(&[write(index, zones, OwnerAction::Insert)?], &context).await?;
    }
    clock.say("registered one by one", 200);
    Ok(())
}

async fn look(store: &Store, zones: &[ZoneRow], hosts: usize) -> Result<()> {
    let now = store.now().await?;
    let clock = Clock::start();
    for _ in 0..20 {
        assert!(!store.dirty_groups(now).await?.is_empty());
    }
    clock.say("dirty_groups", 20);
    let clock = Clock::start();
    for _ in 0..20 {
        assert_eq!(store.dirty_names(zones[0].id, now, 500).await?.len(), 500.min(hosts + 200));
    }
    clock.say("dirty_names, 500 each", 20);
    let clock = Clock::start();
    store.stats().await?;
    clock.say("stats", 1);
    let clock = Clock::start();
    store.hosts(&OwnerFilter { search: "vm-99".into(), ..OwnerFilter::default() }, 0, 50).await?;
    clock.say("search, 50 hosts", 1);
    Ok(())
}

async fn settle(store: &Store, zones: &[ZoneRow]) -> Result<()> {
    let clock = Clock::start();
    let mut count = 0;
    for zone in zones {
        let group = format!("connection:{}", zone.connection_id);
        let lease = store.acquire_lease(&group, "bench", 3_600_000).await?.ok_or("no lease")?;
        loop {
            let dirty = store.dirty_names(zone.id, store.now().await?, BATCH).await?;
            if dirty.is_empty() {
                break;
            }
            count += dirty.len();
            store.store_results(&lease, zone.id, &results(store, zone.id, &dirty).await?, &[], &[]).await?;
        }
    }
    clock.say("names settled", count);
    Ok(())
}

async fn results(store: &Store, zone_id: i64, dirty: &[DirtyName]) -> Result<Vec<NameResult>> {
    let names: Vec<Name> = dirty.iter().map(|dirty| dirty.name.clone()).collect();
    let mut claims = store.claims_at(&names).await?.into_iter().peekable();
    store.keys_at(zone_id, &names).await?;
    let mut sorted: Vec<&DirtyName> = dirty.iter().collect();
    sorted.sort_by(|a, b| a.name.cmp(&b.name));
    let mut results = Vec::with_capacity(dirty.len());
    for dirty in sorted {
        let mut keys = Vec::new();
        while let Some(claim) = claims.next_if(|claim| claim.name == dirty.name) {
            keys.push(KeyRow {
                zone_id,
                name: claim.name,
                rtype: claim.data.rtype(),
                state: KeyState::Applied,
                applied: vec![claim.data],
                ttl: Ttl::DEFAULT,
                last_error: None,
                attempts: 0,
                next_attempt_at: None,
                verified: None,
                verified_at: None,
                updated_at: 0,
            });
        }
        results.push(NameResult {
            name: dirty.name.clone(),
            planned: dirty.wanted,
            done: true,
            retry_at: None,
            on_its_way: Vec::new(),
            keys,
            ok: true,
            job_id: dirty.job_id,
            removed_derived: 0,
        });
    }
    Ok(results)
}

async fn touch(store: &Store, zones: &[ZoneRow], hosts: usize) -> Result<()> {
    let context = context(store, Priority::Bulk).await?;
    let count = hosts.min(20_000);
    let clock = Clock::start();
    for start in (0..count).step_by(BATCH) {
        let end = (start + BATCH).min(count);
        let update = OwnerAction::Update { expected_version: 1 };
        let writes =
            (start..end).map(|index| write(index, zones, update.clone())).collect::<Result<Vec<_>>>()?;
        store.write_owners(&writes, &context).await?;
    }
    clock.say("updated in bulk", count);
    Ok(())
}
