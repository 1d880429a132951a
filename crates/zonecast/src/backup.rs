//! A copy of everything, and a life begun anew from one.
//!
//! A backup is one consistent SQLite file, taken while the daemon works. The master key is not in it:
//! whoever finds the file has no secrets. PostgreSQL has its own tools (pg_dump, base backups), and an
//! error says so.
//!
//! What a restore brings back is the past, and the world went on. So it starts paused: nothing is
//! written before somebody has seen the plans and resumed. A new installation epoch voids the leases
//! and matches of before. And secondaries of embedded zones have seen later serials, so each zone
//! begins above all of them (design section 4 "Restore").

use crate::app::App;
use crate::config::Config;
use crate::daemon;
use anyhow::{Context, bail, ensure};
use std::fs;
use std::net::SocketAddr;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;
use zonecast_core::{Name, RecordType, Serial};
use zonecast_dns::{ChangeOptions, QueryOptions, Soa, query};
use zonecast_store::{MasterKey, NewAudit, Store};

/// How far a zone's serial goes on even where no secondary could be asked: more changes than were
/// likely made after the backup, and far from half the number circle (RFC 1982).
const LEAP: u32 = 100_000;
/// How long a secondary may take to say its serial.
const PATIENCE: Duration = Duration::from_secs(2);

/// What a restore found and did.
#[derive(Debug, Default, serde::Serialize)]
pub struct Restored {
    /// Embedded zones, with the serial each begins at.
    pub zones: Vec<(String, u32)>,
    /// Servers that did not say their serial.
    pub silent: Vec<String>,
}

/// Writes a copy of the store to a new file, readable by its owner only.
pub async fn backup(config: &Config, file: &Path) -> anyhow::Result<()> {
    refuse_postgres(config, "back it up with pg_dump, or continuously with pgBackRest")?;
    let database = PathBuf::from(config.store_url());
    ensure!(database.is_file(), "there is no store at {}", database.display());
    // Made here first: SQLite would make it readable for everybody, and takes an empty file as new.
    let made = fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(file);
    made.with_context(|| format!("cannot make {}", file.display()))?;
    let store = open_store(config, &database).await?;
    let copied = store.vacuum_into(file).await;
    store.close().await;
    if copied.is_err() {
        let _ = fs::remove_file(file);
    }
    copied.with_context(|| format!("the copy at {} is not complete", file.display()))
}

/// Makes a store in the data folder from a backup. There must be none yet, and the key that sealed the
/// secrets must be where a daemon would look for it. Nothing is there afterwards if it fails.
pub async fn restore(config: &Config, file: &Path) -> anyhow::Result<Restored> {
    refuse_postgres(config, "restore it with pg_restore, then `zonecast pause` before a daemon starts")?;
    let database = PathBuf::from(config.store_url());
    ensure!(file.is_file(), "there is no file {}", file.display());
    ensure!(
        !database.exists(),
        "there is a store at {} already: stop its daemon and move it away",
        database.display()
    );
    ensure!(
        has_key(config),
        "the master key is missing: put secret.key of the backup's time into {}, or set ZONECAST_SECRET_KEY",
        config.data.display()
    );
    let done = begin_anew(config, file, &database).await;
    if done.is_err() {
        remove(&database);
    }
    done
}

async fn begin_anew(config: &Config, file: &Path, database: &Path) -> anyhow::Result<Restored> {
    fs::copy(file, database).with_context(|| format!("cannot copy to {}", database.display()))?;
    let store = open_store(config, database).await.context("this backup cannot be opened")?;
    let line = NewAudit {
        actor: "cli".to_owned(),
        source: "cli".to_owned(),
        action: "restore".to_owned(),
        object: "everything".to_owned(),
        detail: serde_json::json!({ "file": file.file_name().map(|name| name.to_string_lossy()) }),
    };
    store.set_paused(true, &[line]).await?;
    store.new_installation().await?;
    store.close().await;
    let app = daemon::open(config.clone()).await?;
    let restored = raise_serials(&app).await;
    app.store.close().await;
    restored
}

/// Each embedded zone goes on above every serial that its servers hold.
async fn raise_serials(app: &App) -> anyhow::Result<Restored> {
    let mut restored = Restored::default();
    for zone in app.authority.zones() {
        let Some(snapshot) = app.authority.snapshot(&zone) else { continue };
        let mut known = Vec::new();
        for server in servers(app, &zone) {
            match serial_at(server, &zone).await {
                Some(serial) => known.push(serial),
                None => restored.silent.push(format!("{server} ({zone})")),
            }
        }
        let floor = Serial(snapshot.serial().0.wrapping_add(LEAP)).next_above(known);
        let options = ChangeOptions { expected_serial: None, min_serial: Some(floor) };
        let serial = app.authority.apply(&zone, Vec::new(), options).await?;
        restored.zones.push((zone.to_string(), serial.0));
    }
    Ok(restored)
}

/// Everybody who is told of the zone's changes, or said to serve it.
fn servers(app: &App, zone: &Name) -> Vec<SocketAddr> {
    let view = app.catalog.view();
    let configured = view.zones.values().filter(|entry| entry.row.name == *zone);
    let mut servers: Vec<SocketAddr> =
        configured.flat_map(|entry| entry.settings.dns_servers.iter().copied()).collect();
    if let Some(snapshot) = app.authority.snapshot(zone) {
        servers.extend(&snapshot.settings().notify);
    }
    servers.sort_unstable();
    servers.dedup();
    servers
}

async fn serial_at(server: SocketAddr, zone: &Name) -> Option<Serial> {
    let options = QueryOptions { timeout: PATIENCE, ..QueryOptions::default() };
    let answer = query(server, zone, RecordType::SOA, options).await.ok()?;
    let soa = answer.rrset(zone, RecordType::SOA)?.values.first().and_then(Soa::from_data)?;
    Some(soa.serial)
}

fn refuse_postgres(config: &Config, instead: &str) -> anyhow::Result<()> {
    if config.store.starts_with("postgres") {
        bail!("the store is PostgreSQL: {instead}");
    }
    Ok(())
}

fn has_key(config: &Config) -> bool {
    std::env::var_os("CREDENTIALS_DIRECTORY").is_some()
        || std::env::var_os("ZONECAST_SECRET_KEY").is_some()
        || config.data.join("secret.key").is_file()
}

async fn open_store(config: &Config, database: &Path) -> anyhow::Result<Store> {
    let credentials = std::env::var_os("CREDENTIALS_DIRECTORY").map(PathBuf::from);
    let environment = std::env::var("ZONECAST_SECRET_KEY").ok();
    let (key, _) = MasterKey::load(credentials.as_deref(), environment.as_deref(), &config.data)?;
    Ok(Store::open(&database.display().to_string(), key).await?)
}

fn remove(database: &Path) {
    for suffix in ["", "-wal", "-shm"] {
        let _ = fs::remove_file(format!("{}{suffix}", database.display()));
    }
}
