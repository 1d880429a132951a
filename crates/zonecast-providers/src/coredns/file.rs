//! Zone files for CoreDNS's `auto` and `file` plugins.
//!
//! `auto` looks into its directory every `reload` (60 s by default) and takes a changed file only if
//! its SOA serial differs from the loaded one, so the serial is raised with every write, above the one
//! in the file and above the one CoreDNS answers with. A file is exchanged by a rename in the same
//! directory, under a name that the default pattern `db\.(.*)` cannot match. SOA comes first (the
//! plugin's parser stops there to compare). Comments and layout of a hand-written file are not kept.

use super::{CoreDnsUrl, about, served_serial};
use crate::vet::refuse;
use crate::{ErrorClass, Outcome, Provider, ProviderError, TestReport, ZoneRef, ZoneSeed};
use async_trait::async_trait;
use sha2::{Digest, Sha256};
use std::collections::{BTreeMap, HashMap};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::{Arc, LazyLock, Mutex, PoisonError};
use std::time::Duration;
use zonecast_core::{
    Capabilities, Change, Guard, Name, Observed, ObservedRRset, RRset, RecordData, RecordType, Serial, Ttl,
};
use zonecast_dns::{Soa, parse_zonefile, write_zonefile};

/// A file larger than this is not a zone of ours.
const FILE_MAX: u64 = 1 << 30;
/// How often a file is read again because somebody else wrote it meanwhile.
const READS_AGAIN: usize = 3;

type Sets = BTreeMap<(Name, RecordType), RRset>;

/// A directory of zone files.
pub struct Files {
    directory: PathBuf,
    /// `db.{zone}`; `{zone}` stands for the zone's name.
    pattern: String,
    coredns: Option<CoreDnsUrl>,
}

impl Files {
    /// The provider; nothing is touched. `Err` is a sentence for the form.
    pub fn new(directory: &str, pattern: &str, coredns: Option<CoreDnsUrl>) -> Result<Files, String> {
        let pattern = if pattern.is_empty() { "db.{zone}" } else { pattern };
        if !pattern.contains("{zone}") || pattern.contains('/') {
            return Err("the file name holds {zone} and no slash, such as db.{zone}".to_owned());
        }
        Ok(Files { directory: directory.into(), pattern: pattern.to_owned(), coredns })
    }

    fn path(&self, zone: &ZoneRef) -> PathBuf {
        // A slash in a label (RFC 2317) cannot stand in a file name, and no two zones have the same one.
        let name = zone.name.to_string().replace('%', "%25").replace('/', "%2F");
        self.directory.join(self.pattern.replace("{zone}", &name))
    }

    /// The file as it is now.
    async fn load(&self, zone: &ZoneRef) -> Result<Loaded, ProviderError> {
        let (path, zone) = (self.path(zone), zone.clone());
        let loaded = tokio::task::spawn_blocking(move || load(&path, &zone)).await;
        loaded.unwrap_or_else(|error| Err(ProviderError::new(ErrorClass::Transient, error.to_string())))
    }

    /// A serial above the file's and the served one.
    async fn next_serial(&self, zone: &ZoneRef, now: Serial) -> Serial {
        let served = match &self.coredns {
            Some(url) => served_serial(url, zone, Duration::from_secs(1)).await.ok(),
            None => None,
        };
        now.next_above(served)
    }

    /// Exchanges the file; `false`: it is not the one that `token` stands for any more, and stays.
    async fn store(
        &self,
        zone: &ZoneRef,
        text: String,
        token: Option<String>,
    ) -> Result<bool, ProviderError> {
        let (path, zone) = (self.path(zone), zone.clone());
        let stored = tokio::task::spawn_blocking(move || {
            replace(&path, text.as_bytes(), token.as_deref()).map_err(|error| {
                let class = match error.kind() {
                    std::io::ErrorKind::PermissionDenied => ErrorClass::Forbidden,
                    std::io::ErrorKind::StorageFull | std::io::ErrorKind::QuotaExceeded => ErrorClass::Quota,
                    _ => ErrorClass::Transient,
                };
                about(&zone, class, format!("{} cannot be written: {error}", path.display()))
            })
        });
        stored.await.unwrap_or_else(|error| Err(ProviderError::new(ErrorClass::Transient, error.to_string())))
    }

    async fn change(&self, zone: &ZoneRef, changes: &[Change]) -> Result<Vec<Outcome>, ProviderError> {
        let turn = turn_of(&self.path(zone));
        let turn = tokio::time::timeout_at(zone.deadline.into(), turn.lock()).await;
        let _turn =
            turn.map_err(|_| about(zone, ErrorClass::Transient, "another write took all the time"))?;
        for _ in 0..READS_AGAIN {
            let Loaded { mut sets, token } = self.load(zone).await?;
            let before = sets.clone();
            let outcomes = edit(zone, &mut sets, changes);
            if sets == before {
                return Ok(outcomes);
            }
            let Some(soa) = sets.get_mut(&(zone.name.clone(), RecordType::SOA)) else {
                return Err(no_soa(zone));
            };
            let Some(mut fields) = Soa::from_data(&soa.values[0]) else { return Err(no_soa(zone)) };
            fields.serial = self.next_serial(zone, fields.serial).await;
            soa.values = vec![fields.to_data()];
            if self.store(zone, write_zonefile(&zone.name, sets.into_values()), Some(token)).await? {
                return Ok(outcomes);
            }
        }
        Err(about(zone, ErrorClass::Conflict, "the file does not stand still"))
    }
}

#[async_trait]
impl Provider for Files {
    fn capabilities(&self) -> Capabilities {
        capabilities()
    }

    async fn test(&self, zone: &ZoneRef) -> TestReport {
        let mut report = TestReport { authorised: true, ..TestReport::default() };
        report.reachable = self.directory.is_dir();
        if !report.reachable {
            report.message = format!("{} is not a directory", self.directory.display());
            return report;
        }
        let serial = match self.load(zone).await {
            Ok(loaded) => loaded.serial(zone),
            Err(error) => return TestReport { message: error.message, ..report },
        };
        report.zone_matches = true;
        // A file that the default pattern of `auto` cannot match, gone at once.
        if let Err(error) = tempfile_in(&self.directory).and_then(|(path, _)| std::fs::remove_file(path)) {
            report.message = format!("{} cannot be written: {error}", self.directory.display());
            return report;
        }
        (report.can_write, report.ok) = (true, true);
        let serial = serial.map_or(String::new(), |serial| serial.to_string());
        report.message = format!("{} holds {} at serial {serial}", self.path(zone).display(), zone.name);
        if let Some(url) = &self.coredns {
            match served_serial(url, zone, Duration::from_secs(3)).await {
                Ok(theirs) if theirs.to_string() != serial => {
                    report
                        .advice
                        .push(format!("CoreDNS serves serial {theirs}: it may not have reloaded yet"));
                }
                Ok(_) => {}
                Err(words) => report.advice.push(words),
            }
            report.advice.extend(url.warning.clone());
        }
        report
    }

    async fn read(&self, zone: &ZoneRef, names: &[Name]) -> Result<Observed, ProviderError> {
        let mut all = self.list(zone).await?;
        all.rrsets.retain(|set| names.contains(&set.name));
        Ok(all)
    }

    async fn list(&self, zone: &ZoneRef) -> Result<Observed, ProviderError> {
        let Loaded { sets, token } = self.load(zone).await?;
        let sets = sets.into_values().filter(|set| !set.rtype.is_dnssec_made());
        let mut observed = Observed::new(sets.map(ObservedRRset::from).collect());
        observed.token = Some(token);
        Ok(observed)
    }

    async fn apply(&self, zone: &ZoneRef, _seen: &Observed, changes: &[Change]) -> Vec<Outcome> {
        match self.change(zone, changes).await {
            Ok(outcomes) => outcomes,
            Err(error) => vec![Outcome::Failed(error); changes.len()],
        }
    }

    async fn create_zone(&self, zone: &ZoneRef, seed: &ZoneSeed) -> Result<Option<String>, ProviderError> {
        if self.path(zone).exists() {
            return Ok(None);
        }
        let serial = self.next_serial(zone, Serial(0)).await;
        let soa = Soa {
            primary: seed.primary.clone(),
            mailbox: seed.mailbox.clone(),
            serial,
            refresh: 10_800,
            retry: 3_600,
            expire: 1_209_600,
            minimum: 300,
        };
        let servers = seed.name_servers.iter().map(|name| RecordData::single_name(RecordType::NS, name));
        let servers = RRset::new(zone.name.clone(), RecordType::NS, Ttl::DEFAULT, servers.collect());
        let text = write_zonefile(&zone.name, [soa.to_rrset(&zone.name, Ttl::DEFAULT), servers]);
        self.store(zone, text, None).await?;
        Ok(None)
    }

    async fn delete_zone(&self, zone: &ZoneRef) -> Result<(), ProviderError> {
        let path = self.path(zone);
        match std::fs::remove_file(&path) {
            Ok(()) => Ok(()),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(()),
            Err(error) => Err(about(
                zone,
                ErrorClass::Forbidden,
                format!("{} cannot be removed: {error}", path.display()),
            )),
        }
    }

    async fn dns_servers(&self, _zone: &ZoneRef) -> Vec<String> {
        self.coredns.iter().map(CoreDnsUrl::authority).collect()
    }

    fn physical_id(&self, zone: &ZoneRef) -> String {
        format!("file|{}", self.path(zone).display())
    }
}

/// What a zone file can hold.
pub fn capabilities() -> Capabilities {
    Capabilities {
        batch_changes_max: 100_000,
        atomic_batch: true,
        guard: Guard::CompareAndSet,
        // The plugin looks every 60 s unless told otherwise.
        settle_seconds: 65,
        ..Capabilities::unlimited()
    }
}

/// A zone file as it was read.
struct Loaded {
    sets: Sets,
    token: String,
}

impl Loaded {
    fn serial(&self, zone: &ZoneRef) -> Option<Serial> {
        let soa = self.sets.get(&(zone.name.clone(), RecordType::SOA))?;
        Some(Soa::from_data(soa.values.first()?)?.serial)
    }
}

fn load(path: &Path, zone: &ZoneRef) -> Result<Loaded, ProviderError> {
    let failed = |error: &std::io::Error| {
        let class = match error.kind() {
            std::io::ErrorKind::NotFound => ErrorClass::NoSuchZone,
            std::io::ErrorKind::PermissionDenied => ErrorClass::Forbidden,
            _ => ErrorClass::Transient,
        };
        about(zone, class, format!("{} cannot be read: {error}", path.display()))
    };
    let size = std::fs::metadata(path).map_err(|error| failed(&error))?.len();
    if size > FILE_MAX {
        return Err(about(zone, ErrorClass::Transient, format!("{} is too large", path.display())));
    }
    let text = std::fs::read_to_string(path).map_err(|error| failed(&error))?;
    // A file that cannot be read whole may be half written: nothing is planned from it.
    let rrsets = parse_zonefile(&text, &zone.name, Ttl::DEFAULT).map_err(|errors| {
        let first = errors.first().map_or(String::new(), ToString::to_string);
        about(zone, ErrorClass::Transient, format!("{} is not a zone file: {first}", path.display()))
    })?;
    let sets: Sets = rrsets.into_iter().map(|set| ((set.name.clone(), set.rtype), set)).collect();
    if !sets.contains_key(&(zone.name.clone(), RecordType::SOA)) {
        return Err(no_soa(zone));
    }
    Ok(Loaded { sets, token: token_of(text.as_bytes()) })
}

fn token_of(content: &[u8]) -> String {
    hex::encode(Sha256::digest(content))
}

fn no_soa(zone: &ZoneRef) -> ProviderError {
    about(zone, ErrorClass::Transient, "the file has no SOA record of this zone")
}

/// Carries out what can be; one outcome for each change. What gives way goes first.
fn edit(zone: &ZoneRef, sets: &mut Sets, changes: &[Change]) -> Vec<Outcome> {
    let mut outcomes: Vec<Option<Outcome>> = changes.iter().map(|change| judge(zone, sets, change)).collect();
    // A type may come to a name only if nothing is left there that it cannot stand beside.
    let mut refused = Vec::new();
    for (index, change) in changes.iter().enumerate() {
        let Some(after) = change.after().filter(|_| outcomes[index].is_none()) else { continue };
        let goes = |rtype| {
            changes.iter().zip(&outcomes).any(|(other, outcome)| {
                outcome.is_none()
                    && other.after().is_none()
                    && other.name() == &after.name
                    && other.rtype() == rtype
            })
        };
        let is_cname = after.rtype == RecordType::CNAME;
        let at_name =
            sets.range((after.name.clone(), RecordType(0))..=(after.name.clone(), RecordType(u16::MAX)));
        let mut others = at_name.map(|((_, rtype), _)| *rtype).filter(|rtype| {
            *rtype != after.rtype && (is_cname || *rtype == RecordType::CNAME) && !rtype.is_dnssec_made()
        });
        if let Some(other) = others.find(|rtype| !goes(*rtype)) {
            let words =
                format!("{} {}: {other} stands there, and a CNAME stands alone", after.name, after.rtype);
            refused.push((index, words));
        }
    }
    for (index, words) in refused {
        // A swap is refused as a whole, or the name would lose its answer.
        for (other, change) in changes.iter().enumerate().filter(|(_, c)| c.name() == changes[index].name()) {
            if outcomes[other].is_none() && (other == index || change.after().is_none()) {
                let mut error = about(zone, ErrorClass::Rejected, &words);
                error.culprit = Some(index);
                outcomes[other] = Some(Outcome::Failed(error));
            }
        }
    }
    for (change, outcome) in changes.iter().zip(&mut outcomes).filter(|(_, outcome)| outcome.is_none()) {
        let key = (change.name().clone(), change.rtype());
        match change.after() {
            Some(after) => sets.insert(key, after.clone()),
            None => sets.remove(&key),
        };
        *outcome = Some(Outcome::Done);
    }
    outcomes.into_iter().map(|outcome| outcome.unwrap_or(Outcome::Done)).collect()
}

/// The outcome of a change that is not to be carried out.
fn judge(zone: &ZoneRef, sets: &Sets, change: &Change) -> Option<Outcome> {
    let (name, rtype) = (change.name(), change.rtype());
    let failed =
        |class, words: &str| Some(Outcome::Failed(about(zone, class, format!("{name} {rtype}: {words}"))));
    if let Some(error) = refuse(zone, &capabilities(), &Observed::default(), change) {
        return Some(Outcome::Failed(error));
    } else if *name == zone.name && rtype == RecordType::SOA {
        return failed(ErrorClass::Rejected, "the SOA is written with the file");
    } else if rtype == RecordType::CNAME && change.after().is_some_and(|set| set.values.len() > 1) {
        return failed(ErrorClass::Rejected, "a name has one CNAME only");
    }
    let present = sets.get(&(name.clone(), rtype));
    if present == change.after() {
        return Some(Outcome::Done);
    }
    let same = |a: &RRset, b: &RRset| a.values == b.values;
    let as_read = match (present, change.before()) {
        (None, None) => true,
        (Some(present), Some(before)) => same(present, before),
        _ => false,
    };
    if as_read { None } else { failed(ErrorClass::Conflict, "somebody else changed it since it was read") }
}

/// Puts a file in place of another, if that is the one behind `token` still: whoever opens it sees the
/// one or the other, whole.
fn replace(path: &Path, content: &[u8], token: Option<&str>) -> std::io::Result<bool> {
    let directory = path.parent().unwrap_or(Path::new("."));
    let (temporary, mut file) = tempfile_in(directory)?;
    let written = (|| {
        file.write_all(content)?;
        if let Ok(present) = std::fs::metadata(path) {
            file.set_permissions(present.permissions())?;
        } else {
            use std::os::unix::fs::PermissionsExt as _;
            // CoreDNS usually runs as another user.
            file.set_permissions(std::fs::Permissions::from_mode(0o644))?;
        }
        file.sync_all()?;
        if token.is_some_and(|token| std::fs::read(path).map_or(true, |now| token_of(&now) != token)) {
            return Ok(false);
        }
        std::fs::rename(&temporary, path)?;
        std::fs::File::open(directory)?.sync_all().map(|()| true)
    })();
    if !matches!(written, Ok(true)) {
        let _ = std::fs::remove_file(&temporary);
    }
    written
}

/// A new file without a dot but the first in its name, so that no pattern with a zone in it matches.
fn tempfile_in(directory: &Path) -> std::io::Result<(PathBuf, std::fs::File)> {
    static COUNT: std::sync::atomic::AtomicU64 = std::sync::atomic::AtomicU64::new(0);
    let count = COUNT.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
    let path = directory.join(format!(".zonecast-{}-{count}", std::process::id()));
    let file = std::fs::File::options().write(true).create_new(true).open(&path);
    let stale = matches!(&file, Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists);
    // Left behind by a process of the same id that was killed.
    let file = if stale { std::fs::File::create(&path) } else { file };
    file.map(|file| (path, file))
}

/// The lock of one file, however many connections lead to it. Another process is not kept out: the
/// file is compared with the one that was read, right before the rename.
fn turn_of(path: &Path) -> Arc<tokio::sync::Mutex<()>> {
    static TURNS: LazyLock<Mutex<HashMap<PathBuf, Arc<tokio::sync::Mutex<()>>>>> =
        LazyLock::new(Mutex::default);
    let mut turns = TURNS.lock().unwrap_or_else(PoisonError::into_inner);
    turns.retain(|_, turn| Arc::strong_count(turn) > 1);
    turns.entry(path.to_owned()).or_default().clone()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_two_zones_have_the_same_file() {
        let files = Files::new("/zones", "", None).unwrap();
        let names = ["0/26.2.0.192.in-addr.arpa", "0_26.2.0.192.in-addr.arpa", "0%2F26.2.0.192.in-addr.arpa"];
        let path = |text: &&str| files.path(&ZoneRef::new(Name::parse(text).unwrap()));
        let mut paths: Vec<PathBuf> = names.iter().map(path).collect();
        assert_eq!(paths[0].file_name().unwrap(), "db.0%2F26.2.0.192.in-addr.arpa");
        assert!(paths.iter().all(|path| path.parent() == Some(Path::new("/zones"))), "{paths:?}");
        paths.sort();
        paths.dedup();
        assert_eq!(paths.len(), names.len(), "{paths:?}");
    }
}
