//! Serves one zone file on loopback, for trying things out and for measuring.
//!
//! `serve ZONEFILE ORIGIN PORT [THREADS]`; it says how long loading took and what memory it needs, and
//! lets anyone on loopback transfer the zone.
#![allow(clippy::print_stdout)]

use std::sync::Arc;
use std::time::{Duration, Instant};
use zonecast_core::{Name, Ttl};
use zonecast_dns::{
    Authority, ChangeOptions, Edit, MemoryZoneStore, Server, ServerOptions, StoreError, Stored, ZoneSettings,
    ZoneStore, parse_zonefile,
};

type Failure = Box<dyn std::error::Error + Send + Sync>;

#[tokio::main]
async fn main() -> Result<(), Failure> {
    let arguments: Vec<String> = std::env::args().collect();
    let [_, file, origin, port, threads @ ..] = arguments.as_slice() else {
        return Err("serve ZONEFILE ORIGIN PORT [THREADS]".into());
    };
    let origin = Name::parse(origin)?;
    let settings = ZoneSettings { allow_transfer: vec!["127.0.0.0/8".parse()?], ..ZoneSettings::default() };
    let start = Instant::now();
    let store = FileStore { file: file.clone(), origin: origin.clone(), settings };
    let authority = Authority::open(Arc::new(store)).await?;
    let loaded = start.elapsed();
    let zone = authority.snapshot(&origin).ok_or("the zone file is not a valid zone")?;
    println!("{zone:?} loaded in {loaded:.2?}");
    println!("resident {} MiB, at most {} MiB", status("VmRSS"), status("VmHWM"));
    drop(zone);
    // On a worker, where callers run, not on the main thread, from which each call crosses threads twice.
    let (changed, zone) = (authority.clone(), origin.clone());
    tokio::spawn(async move { measure_changes(&changed, &zone).await }).await??;

    let mut options = ServerOptions::new(([127, 0, 0, 1], port.parse()?).into());
    options.udp_threads = threads.first().map_or(Ok(1), |threads| threads.parse())?;
    let server = Server::start(authority, &options)?;
    println!("ready on {}", server.local_addr());
    tokio::signal::ctrl_c().await?;
    server.shutdown().await;
    Ok(())
}

async fn measure_changes(authority: &Authority, zone: &Name) -> Result<(), Failure> {
    let rrset = |value: u8| -> Result<Edit, Failure> {
        let text = format!("changed 60 A 192.0.2.{value}");
        Ok(Edit::Set(parse_zonefile(&text, zone, Ttl::DEFAULT).map_err(|_| "bad edit")?.remove(0)))
    };
    let start = Instant::now();
    for value in 0..2000u32 {
        authority.apply(zone, vec![rrset(value as u8)?], ChangeOptions::default()).await?;
    }
    let each: Duration = start.elapsed() / 2000;
    println!("one published change takes {each:.2?} (store in memory)");
    Ok(())
}

/// A figure of this process in MiB.
fn status(field: &str) -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find(|line| line.starts_with(field)).unwrap_or_default();
    let kib: u64 = line.split_whitespace().nth(1).and_then(|kib| kib.parse().ok()).unwrap_or_default();
    kib / 1024
}

/// Loads from a file and keeps nothing: what is measured is the authority alone.
struct FileStore {
    file: String,
    origin: Name,
    settings: ZoneSettings,
}

#[async_trait::async_trait]
impl ZoneStore for FileStore {
    async fn load(&self, visit: &mut (dyn FnMut(Stored) + Send)) -> Result<(), StoreError> {
        let text = std::fs::read_to_string(&self.file)?;
        let rrsets = parse_zonefile(&text, &self.origin, Ttl::DEFAULT).map_err(|errors| errors[0].clone())?;
        visit(Stored::Zone { name: self.origin.clone(), settings: self.settings.clone() });
        rrsets.into_iter().map(Stored::RRset).for_each(visit);
        Ok(())
    }

    async fn load_zone(&self, _: &Name, _: &mut (dyn FnMut(Stored) + Send)) -> Result<(), StoreError> {
        Ok(())
    }

    async fn create(
        &self,
        zone: &Name,
        settings: &ZoneSettings,
        rrsets: &[zonecast_core::RRset],
    ) -> Result<(), StoreError> {
        MemoryZoneStore::default().create(zone, settings, rrsets).await
    }

    async fn delete(&self, _: &Name) -> Result<(), StoreError> {
        Ok(())
    }

    async fn commit(&self, _: &Name, _: &zonecast_dns::JournalEntry, _: &[Edit]) -> Result<(), StoreError> {
        Ok(())
    }

    async fn set_settings(&self, _: &Name, _: &ZoneSettings) -> Result<(), StoreError> {
        Ok(())
    }
}
