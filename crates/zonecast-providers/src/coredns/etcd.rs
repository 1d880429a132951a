//! SkyDNS keys in etcd, for CoreDNS's `etcd` plugin. Immediate, and lossy: read what it cannot hold.
//!
//! - A, AAAA, CNAME, TXT, MX, SRV and PTR only; no wildcards, no NS or SOA of one's own.
//! - One PTR for an address, one MX or SRV priority above 0, a TTL above 0; SRV weights are served as
//!   shares of 100.
//! - A host name in a key answers address questions as a CNAME does, also where it is an MX or SRV: so
//!   those never stand beside other types here.
//! - A lookup takes the whole subtree: values carry a `group`, and a name that holds nothing but has
//!   names below it gets a guard key (see `layout`).
//!
//! Values are added and removed one by one in transactions that compare the keys they touch; another
//! writer's keys at the same name are never part of one.

mod gateway;
mod layout;
mod write;

use super::{CoreDnsUrl, about, served_serial};
use crate::tls::Trust;
use crate::{ErrorClass, Outcome, Provider, ProviderError, TestReport, ZoneRef, ZoneSeed};
use async_trait::async_trait;
use futures_util::{StreamExt, TryStreamExt, stream};
use gateway::{Gateway, Pair, op};
use layout::Layout;
use secrecy::SecretString;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::time::Duration;
use zonecast_core::{
    Capabilities, Change, Guard, Name, Observed, ObservedRRset, ObservedValue, RecordData, RecordType, Ttl,
    Whole,
};

/// Names of one reading transaction; each takes two ranges of its 128 operations.
const NAMES_PER_READ: usize = 60;
/// Transactions under way at a time.
const PARALLEL: usize = 4;

/// An etcd cluster that a CoreDNS reads.
pub struct Etcd {
    gateway: Gateway,
    /// `/skydns`.
    path: String,
    coredns: Option<CoreDnsUrl>,
}

impl Etcd {
    /// The provider; nothing is sent. `endpoints` with commas, `path` as in the Corefile (`/skydns`
    /// when empty). `Err` is a sentence for the form.
    pub fn new(
        endpoints: &str,
        path: &str,
        login: Option<(String, SecretString)>,
        trust: &Trust,
        coredns: Option<CoreDnsUrl>,
    ) -> Result<Etcd, String> {
        let path = if path.is_empty() { "/skydns" } else { path }.trim_end_matches('/');
        let path = if path.starts_with('/') { path.to_owned() } else { format!("/{path}") };
        Ok(Etcd { gateway: Gateway::new(endpoints, login, trust)?, path, coredns })
    }

    fn layout(&self, zone: &ZoneRef) -> Layout {
        Layout::new(&self.path, &zone.name)
    }

    async fn read_names(&self, zone: &ZoneRef, names: &[Name]) -> Result<Observed, ProviderError> {
        let layout = self.layout(zone);
        let mut wanted: Vec<Name> = names.iter().filter(|name| name.is_within(&zone.name)).cloned().collect();
        wanted.sort_unstable();
        wanted.dedup();
        let bodies: Vec<Value> = wanted.chunks(NAMES_PER_READ).map(|names| reads(&layout, names)).collect();
        let calls: Vec<_> = bodies.iter().map(|body| self.gateway.txn(zone, body)).collect();
        let found: Vec<gateway::Ended> =
            stream::iter(calls).buffered(PARALLEL).try_collect().await.map_err(|failure| failure.error)?;
        let pairs = found.into_iter().flat_map(|ended| ended.ranges).flatten();
        let mut observed = observe(&layout, pairs);
        observed.rrsets.retain(|set| wanted.binary_search(&set.name).is_ok());
        Ok(observed)
    }

    async fn look(&self, zone: &ZoneRef, report: &mut TestReport) -> Result<(), ProviderError> {
        let layout = self.layout(zone);
        self.read_names(zone, std::slice::from_ref(&zone.name)).await?;
        (report.reachable, report.authorised) = (true, true);
        // A transaction whose comparison never holds: nothing is put, but the right to put is asked for.
        let folder = layout.folder(&zone.name).map_err(|words| about(zone, ErrorClass::Rejected, words))?;
        let key = format!("{folder}zc-probe");
        let body = json!({
            "compare": [op::unchanged(&key, i64::MAX as u64)],
            "success": [op::put(&key, "{}")],
        });
        self.gateway.txn(zone, &body).await.map_err(|failure| failure.error)?;
        report.can_write = true;
        Ok(())
    }
}

#[async_trait]
impl Provider for Etcd {
    fn capabilities(&self) -> Capabilities {
        capabilities()
    }

    async fn test(&self, zone: &ZoneRef) -> TestReport {
        let mut report = TestReport { zone_matches: true, ..TestReport::default() };
        if let Err(error) = self.look(zone, &mut report).await {
            report.reachable |= error.class != ErrorClass::Transient;
            report.authorised |= error.class == ErrorClass::Forbidden;
            return TestReport { message: error.message, ..report };
        }
        report.ok = true;
        report.message = format!("etcd takes records of {} below {}", zone.name, self.path);
        match &self.coredns {
            None => report
                .advice
                .push("without coredns_url nobody can see whether CoreDNS serves the zone".to_owned()),
            Some(url) => {
                report.advice.extend(url.warning.clone());
                match served_serial(url, zone, Duration::from_secs(3)).await {
                    Ok(_) => report.message.push_str(", and CoreDNS serves it"),
                    Err(words) if words.contains("does not serve") => {
                        (report.ok, report.zone_matches) = (false, false);
                        report.message = format!(
                            "{words}; its Corefile needs `etcd {} {{ path {} }}`",
                            zone.name, self.path
                        );
                    }
                    Err(words) => report.advice.push(words),
                }
            }
        }
        report
    }

    async fn read(&self, zone: &ZoneRef, names: &[Name]) -> Result<Observed, ProviderError> {
        self.read_names(zone, names).await
    }

    async fn list(&self, zone: &ZoneRef) -> Result<Observed, ProviderError> {
        let layout = self.layout(zone);
        let exact = layout.exact(&zone.name).map_err(|words| about(zone, ErrorClass::Rejected, words))?;
        // The slash's successor ends the range.
        let pairs = self.gateway.range(zone, &format!("{exact}/"), &format!("{exact}0")).await?;
        Ok(observe(&layout, pairs.into_iter()))
    }

    async fn apply(&self, zone: &ZoneRef, seen: &Observed, changes: &[Change]) -> Vec<Outcome> {
        self.write(zone, seen, changes).await
    }

    async fn create_zone(&self, _zone: &ZoneRef, _seed: &ZoneSeed) -> Result<Option<String>, ProviderError> {
        // A zone is a prefix; its SOA and NS are made up by CoreDNS.
        Ok(None)
    }

    async fn dns_servers(&self, _zone: &ZoneRef) -> Vec<String> {
        self.coredns.iter().map(CoreDnsUrl::authority).collect()
    }

    fn requests(&self) -> u64 {
        self.gateway.requests()
    }

    fn physical_id(&self, zone: &ZoneRef) -> String {
        format!("etcd|{}|{}|{}", self.gateway.identity(), self.path, zone.name.absolute())
    }
}

/// What the `etcd` plugin can serve.
pub fn capabilities() -> Capabilities {
    Capabilities {
        types: Some(vec![
            RecordType::A,
            RecordType::AAAA,
            RecordType::CNAME,
            RecordType::TXT,
            RecordType::MX,
            RecordType::SRV,
            RecordType::PTR,
        ]),
        ttl_seconds_min: 1,
        values_per_set_max: 50,
        batch_changes_max: 5_000,
        atomic_batch: false,
        guard: Guard::Values,
        whole: Whole::Counted,
        settle_seconds: 1,
        write_concurrency: 4,
        zones: true,
        text_cut: false,
        ..Capabilities::unlimited()
    }
}

/// The ranges that hold these names. A name whose labels cannot be keys holds nothing.
fn reads(layout: &Layout, names: &[Name]) -> Value {
    let ranges: Vec<Value> = names
        .iter()
        .filter_map(|name| Some((layout.exact(name).ok()?, layout.folder(name).ok()?)))
        .flat_map(|(exact, folder)| {
            let end = format!("{}0", folder.trim_end_matches('/'));
            [op::get(&exact), op::get_range(&folder, &end)]
        })
        .collect();
    json!({ "success": ranges })
}

/// Keys as records. A value's spelling is its keys and their revisions, `revision key revision key`.
fn observe(layout: &Layout, pairs: impl Iterator<Item = Pair>) -> Observed {
    type Sets = BTreeMap<(Name, RecordType), (Ttl, Vec<String>, BTreeMap<RecordData, String>)>;
    let mut sets = Sets::new();
    let mut pairs: Vec<Pair> = pairs.collect();
    pairs.sort_by(|a, b| a.key.cmp(&b.key));
    pairs.dedup_by(|a, b| a.key == b.key);
    for Pair { key, value, revision } in pairs {
        let Some(held) = layout.read(&key, &value) else { continue };
        // What is no record makes CoreDNS fail for the whole name; nobody writes there.
        let rtype = held.data.as_ref().map_or(RecordType::TXT, RecordData::rtype);
        let set = sets.entry((held.name, rtype)).or_insert_with(|| (held.ttl, Vec::new(), BTreeMap::new()));
        set.0 = set.0.min(held.ttl);
        match held.data {
            Some(data) => {
                let spelling = set.2.entry(data).or_default();
                let space = if spelling.is_empty() { "" } else { " " };
                spelling.push_str(&format!("{space}{revision} {key}"));
            }
            None => set.1.push(format!("{key} {}", String::from_utf8_lossy(&value))),
        }
    }
    let sets = sets.into_iter().map(|((name, rtype), (ttl, unread, values))| ObservedRRset {
        name,
        rtype,
        ttl,
        values: values
            .into_iter()
            .map(|(data, spelling)| ObservedValue { data, raw: Some(spelling.into()), disabled: false })
            .collect(),
        opaque: !unread.is_empty(),
        unread,
    });
    Observed::new(sets.collect())
}

/// The keys of a value as it was read, with their revisions.
fn spelled(value: &ObservedValue) -> Vec<(String, u64)> {
    let words: Vec<&str> = value.raw.as_deref().unwrap_or_default().split(' ').collect();
    let pairs = words.chunks_exact(2);
    pairs.filter_map(|pair| Some((pair[1].to_owned(), pair[0].parse().ok()?))).collect()
}
