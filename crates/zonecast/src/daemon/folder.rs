//! The data folder: who may read it, and which one daemon has it.
//!
//! Two daemons on one folder would each serve what it knows and hear nothing of the other's changes, so
//! a folder has one. The lock is the kernel's, on `daemon.lock`: it goes with the process, however that
//! ends, so nobody ever removes a stale one. What stands in the file is for people. Commands and the
//! library do not take it: they speak to the daemon, and work on the store themselves where none answers.

use super::Endpoints;
use anyhow::Context;
use std::fs;
use std::io::{Read, Seek, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

/// What is kept in the folder.
const OURS: [&str; 7] = [
    "zonecast.db",
    "zonecast.db-wal",
    "zonecast.db-shm",
    "secret.key",
    "admin.key",
    "endpoints.json",
    "daemon.lock",
];

/// The folder's lock, held while this lives.
#[derive(Debug)]
pub(super) struct Lock {
    _file: fs::File,
}

/// A daemon has this data folder already.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "a daemon has the data folder {} already{who}: stop it first, or give this one a folder of its own with --data \
     (several nodes share a PostgreSQL store, never a folder)",
    .folder.display()
)]
pub struct FolderTaken {
    /// The folder.
    pub folder: PathBuf,
    /// Who has it: process, since when, where it listens.
    pub who: String,
}

/// What the holder of the lock wrote about itself.
#[derive(serde::Serialize, serde::Deserialize)]
struct Holder {
    pid: u32,
    since: String,
}

/// Takes the folder for this process; makes it where it is missing.
pub(super) fn take(data: &Path) -> anyhow::Result<Lock> {
    prepare(data)?;
    let path = data.join("daemon.lock");
    let open =
        fs::OpenOptions::new().read(true).write(true).create(true).truncate(false).mode(0o600).open(&path);
    let mut file = open.with_context(|| format!("cannot open {}", path.display()))?;
    match file.try_lock() {
        Ok(()) => {}
        Err(fs::TryLockError::WouldBlock) => return Err(taken(data, &mut file).into()),
        Err(fs::TryLockError::Error(error)) => {
            return Err(error).with_context(|| format!("cannot lock {}", path.display()));
        }
    }
    let since = crate::service::view::time(now_millis());
    file.set_len(0)?;
    file.rewind()?;
    file.write_all(&serde_json::to_vec(&Holder { pid: std::process::id(), since })?)?;
    Ok(Lock { _file: file })
}

fn taken(data: &Path, file: &mut fs::File) -> FolderTaken {
    let mut text = String::new();
    let _ = file.read_to_string(&mut text);
    let holder =
        serde_json::from_str(&text).map(|Holder { pid, since }| format!(" (process {pid}, since {since}"));
    let endpoints: Option<Endpoints> = super::endpoints(data);
    let who = holder.map_or_else(
        |_| String::new(),
        |holder| match endpoints {
            Some(endpoints) => format!("{holder}, at {}, DNS at {})", endpoints.http, endpoints.dns),
            None => format!("{holder}, not ready yet)"),
        },
    );
    FolderTaken { folder: data.to_owned(), who }
}

fn now_millis() -> i64 {
    let since_1970 = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    since_1970.map_or(0, |time| time.as_millis() as i64)
}

/// Makes the folder where it is missing; it and what we keep in it are for their owner only, also where
/// they were there before.
pub(super) fn prepare(data: &Path) -> anyhow::Result<()> {
    if !data.is_dir() {
        fs::DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(data)
            .with_context(|| format!("cannot make the data folder {}", data.display()))?;
    }
    // A folder that everybody may write into (/tmp) is nobody's to shut.
    if fs::metadata(data)?.mode() & 0o1000 == 0 {
        shut(data, 0o700);
    }
    for file in OURS {
        shut(&data.join(file), 0o600);
    }
    Ok(())
}

/// Makes an empty database that only its owner may read, where there is none; SQLite takes it as new, and
/// makes its other files as readable as this one.
pub(super) fn make_database(file: &Path) -> anyhow::Result<()> {
    match fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(file) {
        Err(error) if error.kind() != std::io::ErrorKind::AlreadyExists => {
            Err(error).with_context(|| format!("cannot make {}", file.display()))
        }
        _ => Ok(()),
    }
}

fn shut(path: &Path, mode: u32) {
    let Ok(known) = fs::metadata(path) else { return };
    if known.mode() & 0o777 & !mode != 0
        && let Err(error) = fs::set_permissions(path, fs::Permissions::from_mode(mode))
    {
        tracing::warn!(%error, "{} can be read by others, and this user may not change that", path.display());
    }
}

/// Whoever reads the file sees the old or the new content, never half of it.
pub(super) fn write_atomically(path: &Path, content: &[u8], mode: u32) -> anyhow::Result<()> {
    let fresh = path.with_extension("new");
    let mut file = fs::OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(mode)
        .open(&fresh)
        .with_context(|| format!("cannot write {}", fresh.display()))?;
    file.write_all(content)?;
    file.sync_all()?;
    fs::rename(&fresh, path).with_context(|| format!("cannot write {}", path.display()))
}
