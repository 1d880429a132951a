//! Reading: a few names one by one, many as one listing, and the records that a narrow read hides.
//!
//! Up to 4.9 a read of one name leaves out its disabled records (seen with 4.7.3, 2026-11-21); 5.0
//! lists them when asked. A REPLACE would erase what we never saw, so with an old server each narrow
//! read is completed by a search for the name, which shows them (SQL backends; 30-50 ms in a zone of
//! 100,000), or, where search finds nothing ever (LMDB), the zone is listed. A listing without any
//! disabled record spares us both for an hour.

use super::listing::Splitter;
use super::wire::{from_wire, in_path, spelling};
use super::{PARALLEL, PowerDns, about};
use crate::http::Answer;
use crate::redact::{one_line, url_encode};
use crate::rest::type_of;
use crate::{ProviderError, ZoneRef};
use futures_util::{StreamExt, TryStreamExt, stream};
use reqwest::Method;
use serde::Deserialize;
use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};
use tokio::sync::OnceCell;
use zonecast_core::{Name, Observed, ObservedRRset, ObservedValue, RecordData, Ttl};

/// RRsets a listing brings in the time of one narrow read (0.01 ms against 1.5 ms, seen with 4.7.3).
const RRSETS_PER_READ: usize = 150;
/// Above this many names a zone of unknown size is listed.
const NARROW_MAX: usize = 64;
/// Above this many names a listing costs less than searching for each.
const SEARCH_MAX: usize = 32;
/// The most records a search is asked for; that many mean that there may be more.
const HITS_MAX: usize = 1000;
/// How long a listing without disabled records is believed.
const BELIEVED: Duration = Duration::from_secs(3600);

/// What is known of a server and its zones.
#[derive(Default)]
pub(super) struct Known {
    zones: Mutex<HashMap<Name, Listed>>,
    /// Narrow reads leave out disabled records.
    hides: OnceCell<bool>,
    /// Search finds records.
    searches: OnceCell<bool>,
}

#[derive(Clone, Copy)]
struct Listed {
    size: usize,
    disabled: bool,
    at: Instant,
}

/// What is left of a whole answer when its RRsets were taken out: it had a place for them.
#[derive(Deserialize)]
struct Envelope {
    name: String,
    #[serde(rename = "rrsets")]
    _rrsets: Vec<serde::de::IgnoredAny>,
}

#[derive(PartialEq, Eq)]
enum Way {
    Narrow,
    NarrowAndSearch,
    List,
}

#[derive(Deserialize)]
struct Hit {
    name: String,
    #[serde(rename = "type", default)]
    rtype: String,
    #[serde(default)]
    content: String,
    #[serde(default)]
    disabled: bool,
    #[serde(default)]
    ttl: u32,
    #[serde(default)]
    zone: String,
}

impl PowerDns {
    pub(super) async fn read_names(&self, zone: &ZoneRef, names: &[Name]) -> Result<Observed, ProviderError> {
        let mut wanted: Vec<Name> = names.to_vec();
        wanted.sort_unstable();
        wanted.dedup();
        let way = self.way(zone, wanted.len()).await?;
        if way == Way::List {
            return self.listed_names(zone, &wanted).await;
        }
        let mut calls = Vec::with_capacity(wanted.len());
        for name in &wanted {
            let query = format!("?rrset_name={}&include_disabled=true", url_encode(&name.absolute()));
            calls.push(async move { self.fetch(zone, &query, |found| found == name).await });
        }
        let reads = stream::iter(calls).buffer_unordered(PARALLEL).try_collect::<Vec<Vec<ObservedRRset>>>();
        let searched: &[Name] = if way == Way::NarrowAndSearch { &wanted } else { &[] };
        let searches: Vec<_> =
            searched.iter().map(|name| async { plainly(self.search(zone, name).await, None) }).collect();
        let searches = stream::iter(searches).buffer_unordered(PARALLEL).try_collect::<Vec<_>>();
        let (parts, found) = futures_util::try_join!(reads, searches)?;
        let mut rrsets: Vec<ObservedRRset> = parts.into_iter().flatten().collect();
        for hits in found {
            let Some(hits) = hits else { return self.listed_names(zone, &wanted).await };
            hits.into_iter().filter(|hit| hit.disabled).for_each(|hit| add_hidden(&mut rrsets, &hit));
        }
        Ok(Observed::new(rrsets))
    }

    pub(super) async fn read_all(&self, zone: &ZoneRef) -> Result<Observed, ProviderError> {
        let rrsets = self.fetch(zone, "", |_| true).await?;
        let disabled = rrsets.iter().flat_map(|set| &set.values).any(|value| value.disabled);
        let listed = Listed { size: rrsets.len(), disabled, at: Instant::now() };
        let mut zones = self.known.zones.lock().unwrap_or_else(PoisonError::into_inner);
        zones.insert(zone.name.clone(), listed);
        drop(zones);
        Ok(Observed::new(rrsets))
    }

    async fn listed_names(&self, zone: &ZoneRef, wanted: &[Name]) -> Result<Observed, ProviderError> {
        let mut all = self.read_all(zone).await?;
        all.rrsets.retain(|set| wanted.binary_search(&set.name).is_ok());
        Ok(all)
    }

    /// The cheapest way to see everything at this many names.
    async fn way(&self, zone: &ZoneRef, names: usize) -> Result<Way, ProviderError> {
        let known = {
            let zones = self.known.zones.lock().unwrap_or_else(PoisonError::into_inner);
            zones.get(&zone.name).copied()
        };
        let narrow = match known {
            Some(known) => names <= 4 || names * RRSETS_PER_READ <= known.size,
            None => names <= NARROW_MAX,
        };
        if !narrow {
            return Ok(Way::List);
        }
        let none_hidden = known.is_some_and(|known| !known.disabled && known.at.elapsed() < BELIEVED);
        if none_hidden || !self.hides_disabled(zone).await? {
            return Ok(Way::Narrow);
        }
        match names <= SEARCH_MAX && self.can_search(zone).await? {
            true => Ok(Way::NarrowAndSearch),
            false => Ok(Way::List),
        }
    }

    /// Whether this server leaves disabled records out of narrow reads: up to 4.9, and where the key may
    /// not ask for the version.
    async fn hides_disabled(&self, zone: &ZoneRef) -> Result<bool, ProviderError> {
        let ask = || async {
            let answer = self.http.send(self.call(Method::GET, ""), zone.deadline).await;
            let answer = answer.map_err(|failure| about(zone, failure.error))?;
            if !answer.status.is_success() {
                return Err(self.refusal(zone, &answer));
            }
            let server: super::look::ServerInfo =
                self.http.json(&answer).map_err(|error| about(zone, error))?;
            let major = server.version.split('.').next().and_then(|major| major.parse::<u32>().ok());
            Ok(major.is_none_or(|major| major < 5))
        };
        plainly(self.known.hides.get_or_try_init(ask).await.copied(), true)
    }

    /// Whether search works at all: it must find the zone's own SOA.
    async fn can_search(&self, zone: &ZoneRef) -> Result<bool, ProviderError> {
        let ask = || async { Ok(self.search(zone, &zone.name).await?.is_none_or(|hits| !hits.is_empty())) };
        plainly(self.known.searches.get_or_try_init(ask).await.copied(), false)
    }

    /// Everything at one name, disabled or not; `None` where there was more than a search gives.
    async fn search(&self, zone: &ZoneRef, name: &Name) -> Result<Option<Vec<Hit>>, ProviderError> {
        // Search wants the name as the database has it, without the final dot.
        let query = url_encode(&name.to_string());
        let path = format!("/search-data?q={query}&max={HITS_MAX}&object_type=record");
        let answer = self.http.send(self.call(Method::GET, &path), zone.deadline).await;
        let answer = answer.map_err(|failure| about(zone, failure.error))?;
        if !answer.status.is_success() {
            return Err(self.refusal(zone, &answer));
        }
        let mut hits: Vec<Hit> = self.http.json(&answer).map_err(|error| about(zone, error))?;
        if hits.len() >= HITS_MAX {
            return Ok(None);
        }
        let is = |text: &str, name: &Name| Name::parse(text).is_ok_and(|found| found == *name);
        hits.retain(|hit| is(&hit.zone, &zone.name) && is(&hit.name, name));
        Ok(Some(hits))
    }

    /// Reads RRsets while they arrive, keeping those `keep` wants.
    async fn fetch(
        &self,
        zone: &ZoneRef,
        query: &str,
        keep: impl Fn(&Name) -> bool,
    ) -> Result<Vec<ObservedRRset>, ProviderError> {
        let path = format!("/zones/{}{query}", in_path(&self.id_of(zone)));
        let opened = self.http.open(self.call(Method::GET, &path), zone.deadline).await;
        let mut response = opened.map_err(|failure| about(zone, failure.error))?;
        if !response.status().is_success() {
            let (status, retry_after) = (response.status(), crate::http::retry_after(&response));
            let body = response.chunk().await.ok().flatten().unwrap_or_default();
            return Err(self.refusal(zone, &Answer { status, retry_after, body }));
        }
        let (mut splitter, mut rrsets) = (Splitter::default(), Vec::new());
        loop {
            let chunk = response.chunk().await.map_err(|error| about(zone, self.http.cut(&error).error))?;
            let Some(chunk) = chunk else { break };
            let fed = splitter.feed(&chunk, |json| {
                rrsets.extend(from_wire(json)?.filter(|set| keep(&set.name)));
                Ok(())
            });
            fed.map_err(|_| about(zone, self.http.not_json(&chunk)))?;
        }
        let rest = splitter.finish();
        match serde_json::from_slice::<Envelope>(&rest) {
            Ok(info) if Name::parse(&info.name).is_ok_and(|name| name == zone.name) => Ok(rrsets),
            _ => Err(about(zone, self.http.not_json(&rest))),
        }
    }
}

/// A refused nicety is done without: what a key for `/zones` alone cannot ask is read from the zone.
fn plainly<T>(asked: Result<T, ProviderError>, without: T) -> Result<T, ProviderError> {
    match asked {
        Err(error) if error.class.is_refusal() => Ok(without),
        asked => asked,
    }
}

/// Adds a record that only the search showed to what was read.
fn add_hidden(rrsets: &mut Vec<ObservedRRset>, hit: &Hit) {
    let Ok(name) = Name::parse(&hit.name) else { return };
    let rtype = type_of(&hit.rtype);
    let at = rrsets.iter().position(|set| set.name == name && set.rtype == rtype);
    let at = at.unwrap_or_else(|| {
        let ttl = Ttl::from_seconds(hit.ttl).unwrap_or(Ttl::MAX);
        rrsets.push(ObservedRRset::new(name, rtype, ttl, Vec::new()));
        rrsets.len() - 1
    });
    match RecordData::parse(rtype, &hit.content) {
        Ok(data) => {
            let raw = spelling(&data, &hit.content);
            let there = rrsets[at].values.iter().any(|value| value.disabled && value.data == data);
            if !there {
                rrsets[at].values.push(ObservedValue { data, raw, disabled: true });
            }
        }
        Err(_) => rrsets[at].cannot_read(one_line(&format!("{} {} (disabled)", hit.rtype, hit.content))),
    }
}
