//! PowerDNS Authoritative Server, 4.3 and newer, through its REST API.
//!
//! Seen with 4.7.3 on SQLite and LMDB, 2026-11-21:
//! - Writes at one time from several clients answer 500 on SQLite, also in different zones: one
//!   write is in flight per server.
//! - A name that is being asked may be answered from the packet cache for 20 s after a 204: names
//!   are flushed one by one, above 50 the settle time stands for it.
//! - No NOTIFY goes out after a PATCH: it is asked for.
//! - A PATCH rectifies the whole zone while `api_rectify` is on: zones that we make have it off, and
//!   are rectified once after a batch that needs it. Other people's zones stay as they are.
//! - A narrow read leaves out disabled records up to 4.9, and a write would erase them unseen:
//!   `read` says how they are found all the same.
//! - There is no guard: a foreign write between our read and our PATCH is overwritten where it
//!   touches the same RRset. The window is that one call.

mod listing;
mod look;
mod read;
mod wire;
mod write;

use crate::dnssec::Signed;
use crate::fields::{Field, Kind, no_more_to_check, normalise_url, one};
use crate::http::{Answer, Http, canonical_endpoint};
use crate::redact::{Redactor, url_encode};
use crate::tls::Trust;
use crate::turn::turn_of;
use crate::{ErrorClass, Outcome, Provider, ProviderError, TestReport, ZoneRef, ZoneSeed};
use async_trait::async_trait;
use futures_util::{StreamExt, stream};
use reqwest::{Method, RequestBuilder};
use secrecy::{ExposeSecret, SecretString};
use std::sync::Arc;
use wire::{OUR_ACCOUNT, ZoneInfo, in_path, seed_rrset, zone_id};
use zonecast_core::{Capabilities, Change, Guard, Name, Observed, RRset, RecordData, RecordType, Ttl};

/// Small calls in flight at one time.
const PARALLEL: usize = 8;
/// Batches up to this many names are flushed from the packet cache.
const FLUSH_MAX: usize = 50;

const FIELDS: &[Field] = &[
    Field::required(
        "server_url",
        "Server URL",
        "where the API of PowerDNS answers, such as https://pdns.example.com:8081",
    )
    .endpoint()
    .spelled(normalise_url),
    Field::required("api_key", "API Key", "api-key in pdns.conf").secret(),
    Field::optional("server_id", "Server ID", "localhost, unless a proxy in front renames it")
        .or("localhost"),
];

/// PowerDNS, for the list of kinds.
pub fn kind() -> Kind {
    Kind {
        name: "powerdns",
        label: "PowerDNS",
        fields: FIELDS,
        capabilities: capabilities(),
        docs: "docs/providers/powerdns.md",
        check: no_more_to_check,
        connect: |settings, deps| {
            let (url, id) = (settings.plain("server_url"), settings.plain("server_id"));
            let server = PowerDns::new(url, id, settings.secret("api_key"), &deps.trust);
            Ok(Arc::new(server.map_err(|message| one("server_url", message))?))
        },
    }
}

/// One PowerDNS server and a key for it.
pub struct PowerDns {
    http: Http,
    key: SecretString,
    /// `http://host:8081/api/v1/servers/localhost`.
    base: String,
    /// The same in canonical form.
    identity: String,
    /// One write at a time, shared by every connection to this server.
    turn: Arc<tokio::sync::Mutex<()>>,
    /// What listings told about zones, and what this server's reads leave out.
    known: read::Known,
}

impl PowerDns {
    /// A connection; nothing is sent. `server_url` is normalised already, `server_id` is `localhost`
    /// unless a proxy renames it. `Err` is a sentence for the form.
    pub fn new(
        server_url: &str,
        server_id: &str,
        api_key: SecretString,
        trust: &Trust,
    ) -> Result<PowerDns, String> {
        let root = server_url.trim_end_matches('/');
        let root = root.strip_suffix("/api/v1").unwrap_or(root);
        let base = format!("{root}/api/v1/servers/{}", url_encode(server_id));
        let redactor = Redactor::new([api_key.expose_secret()]);
        let http = Http::new("PowerDNS", root, trust, redactor)?;
        let identity = canonical_endpoint(&base);
        let turn = turn_of(&identity);
        Ok(PowerDns { http, key: api_key, base, identity, turn, known: read::Known::default() })
    }

    /// A request below the server's base.
    fn call(&self, method: Method, path: &str) -> RequestBuilder {
        self.http
            .request(method, &format!("{}{path}", self.base))
            .header("X-API-Key", self.key.expose_secret())
            .header("Accept", "application/json")
            .header("Content-Type", "application/json")
    }

    fn zone_path(&self, zone: &ZoneRef, info: &ZoneInfo) -> String {
        let id = match info.id.is_empty() {
            true => self.id_of(zone),
            false => info.id.clone(),
        };
        format!("/zones/{}", in_path(&id))
    }

    fn id_of(&self, zone: &ZoneRef) -> String {
        zone.provider_zone_id.clone().unwrap_or_else(|| zone_id(&zone.name))
    }

    /// The error of a refused call about a zone.
    fn refusal(&self, zone: &ZoneRef, answer: &Answer) -> ProviderError {
        let mut error = self.http.refusal(answer);
        // 4.9 and 5.0 answered 422 for a missing zone for a while.
        let missing = answer.status == 422
            && ["Could not find domain", "Domain '", "does not exist"]
                .iter()
                .any(|words| error.message.contains(words));
        if missing && !error.message.contains("RRset ") {
            error.class = ErrorClass::NoSuchZone;
        }
        error.message = format!("{}: {}", zone.name, error.message);
        error
    }

    /// Waits for its turn to write, no longer than the call may last.
    async fn turn(&self, zone: &ZoneRef) -> Result<tokio::sync::MutexGuard<'_, ()>, ProviderError> {
        tokio::time::timeout_at(zone.deadline.into(), self.turn.lock()).await.map_err(|_| {
            let words = format!("{}: other writes to this PowerDNS took all the time", zone.name);
            ProviderError::new(ErrorClass::Transient, words)
        })
    }

    /// The zone's fields without its RRsets: one small call.
    async fn info(&self, zone: &ZoneRef) -> Result<ZoneInfo, ProviderError> {
        let path = format!("/zones/{}?rrsets=false", in_path(&self.id_of(zone)));
        let answer = self.http.send(self.call(Method::GET, &path), zone.deadline).await;
        let answer = answer.map_err(|failure| about(zone, failure.error))?;
        if !answer.status.is_success() {
            return Err(self.refusal(zone, &answer));
        }
        self.http.json(&answer).map_err(|error| about(zone, error))
    }

    /// The keys of a signed zone. Listed without their private parts, which only the call for one key
    /// brings; that one is never made.
    async fn keys(&self, zone: &ZoneRef) -> Result<Option<Signed>, ProviderError> {
        let path = format!("/zones/{}/cryptokeys", in_path(&self.id_of(zone)));
        let answer = self.http.send(self.call(Method::GET, &path), zone.deadline).await;
        let answer = answer.map_err(|failure| about(zone, failure.error))?;
        if !answer.status.is_success() {
            return Err(self.refusal(zone, &answer));
        }
        let keys: Vec<wire::Cryptokey> = self.http.json(&answer).map_err(|error| about(zone, error))?;
        if keys.is_empty() && self.info(zone).await?.dnssec {
            let words = "the zone came signed from elsewhere, its keys are not at this server";
            return Err(about(zone, ProviderError::new(ErrorClass::Unsupported, words)));
        }
        wire::signed(&zone.name, &keys).map_err(|words| {
            about(zone, ProviderError::new(ErrorClass::Transient, format!("PowerDNS: {words}")))
        })
    }

    /// What follows a write that was taken: empty non-terminals, caches, secondaries. None of it can
    /// make the write undone, so a failure here is logged and left to verification.
    async fn follow_up(&self, zone: &ZoneRef, info: &ZoneInfo, changes: &[Change], outcomes: &[Outcome]) {
        let done = || changes.iter().zip(outcomes).filter(|(_, outcome)| **outcome == Outcome::Done);
        if done().next().is_none() {
            return;
        }
        let path = self.zone_path(zone, info);
        if info.is_rectified_by_us() && !info.dnssec && write::needs_rectify(&zone.name, changes, outcomes) {
            self.nudge(zone, Method::PUT, &format!("{path}/rectify")).await;
        }
        let mut names: Vec<Name> = done().map(|(change, _)| change.name().clone()).collect();
        names.sort_unstable();
        names.dedup();
        if names.len() <= FLUSH_MAX {
            self.flush(zone, &names).await;
        }
        if info.is_primary() {
            self.nudge(zone, Method::PUT, &format!("{path}/notify")).await;
        }
    }

    async fn flush(&self, zone: &ZoneRef, names: &[Name]) {
        let mut calls = Vec::with_capacity(names.len());
        for name in names {
            let path = format!("/cache/flush?domain={}", url_encode(&name.absolute()));
            calls.push(async move { self.nudge(zone, Method::PUT, &path).await });
        }
        stream::iter(calls).buffer_unordered(PARALLEL).collect::<Vec<()>>().await;
    }

    async fn nudge(&self, zone: &ZoneRef, method: Method, path: &str) {
        match self.http.send(self.call(method, path), zone.deadline).await {
            Ok(answer) if answer.status.is_success() => {}
            Ok(answer) => {
                let words = self.refusal(zone, &answer).message;
                tracing::warn!(zone = %zone.name, provider = "powerdns", path, "{words}");
            }
            Err(failure) => {
                tracing::warn!(zone = %zone.name, provider = "powerdns", path, "{}", failure.error);
            }
        }
    }

    /// A zone of ours that was signed since needs rectifying with every PATCH from now on.
    async fn hand_over_if_signed(&self, zone: &ZoneRef, info: &mut ZoneInfo) {
        if info.dnssec && info.is_rectified_by_us() {
            let request = self.call(Method::PUT, &self.zone_path(zone, info)).body("{\"api_rectify\":true}");
            match self.http.send(request, zone.deadline).await {
                Ok(answer) if answer.status.is_success() => info.api_rectify = true,
                _ => tracing::warn!(zone = %zone.name, "a signed zone is not rectified by its API"),
            }
        }
    }
}

#[async_trait]
impl Provider for PowerDns {
    fn capabilities(&self) -> Capabilities {
        capabilities()
    }

    async fn test(&self, zone: &ZoneRef) -> TestReport {
        self.look(zone).await
    }

    async fn read(&self, zone: &ZoneRef, names: &[Name]) -> Result<Observed, ProviderError> {
        self.read_names(zone, names).await
    }

    async fn list(&self, zone: &ZoneRef) -> Result<Observed, ProviderError> {
        self.read_all(zone).await
    }

    async fn apply(&self, zone: &ZoneRef, seen: &Observed, changes: &[Change]) -> Vec<Outcome> {
        if changes.is_empty() {
            return Vec::new();
        }
        let all = |error: ProviderError| vec![Outcome::Failed(error); changes.len()];
        let _turn = match self.turn(zone).await {
            Ok(turn) => turn,
            Err(error) => return all(error),
        };
        let mut info = match self.info(zone).await {
            Ok(info) => info,
            Err(error) => return all(error),
        };
        if info.is_secondary() {
            return all(ProviderError::new(ErrorClass::Forbidden, look::secondary_words(zone, &info)));
        }
        self.hand_over_if_signed(zone, &mut info).await;
        let outcomes = self.write(zone, &info, seen, changes).await;
        self.follow_up(zone, &info, changes, &outcomes).await;
        outcomes
    }

    async fn create_zone(&self, zone: &ZoneRef, seed: &ZoneSeed) -> Result<Option<String>, ProviderError> {
        let soa = format!("{} {} 1 10800 3600 1209600 300", seed.primary.absolute(), seed.mailbox.absolute());
        let soa = RecordData::parse(RecordType::SOA, &soa)
            .map_err(|error| ProviderError::new(ErrorClass::Rejected, error.to_string()))?;
        let soa = RRset::new(zone.name.clone(), RecordType::SOA, Ttl::DEFAULT, vec![soa]);
        let servers: Vec<String> = seed.name_servers.iter().map(Name::absolute).collect();
        let body = serde_json::json!({
            "name": zone.name.absolute(),
            "kind": "Master",
            "nameservers": servers,
            "rrsets": [seed_rrset(&soa)],
            "account": OUR_ACCOUNT,
            "soa_edit_api": "DEFAULT",
            "api_rectify": false,
        });
        let _turn = self.turn(zone).await?;
        let request = self.call(Method::POST, "/zones").body(body.to_string());
        let answer = self.http.send(request, zone.deadline).await;
        let answer = answer.map_err(|failure| about(zone, failure.error))?;
        match answer.status.as_u16() {
            200..=299 => {
                let info: ZoneInfo = self.http.json(&answer).map_err(|error| about(zone, error))?;
                Ok(Some(info.id))
            }
            409 => Ok(Some(self.info(zone).await?.id)),
            _ => Err(self.refusal(zone, &answer)),
        }
    }

    async fn delete_zone(&self, zone: &ZoneRef) -> Result<(), ProviderError> {
        let _turn = self.turn(zone).await?;
        let path = format!("/zones/{}", in_path(&self.id_of(zone)));
        let answer = self.http.send(self.call(Method::DELETE, &path), zone.deadline).await;
        let answer = answer.map_err(|failure| about(zone, failure.error))?;
        let error = self.refusal(zone, &answer);
        match answer.status.is_success() || error.class == ErrorClass::NoSuchZone {
            true => Ok(()),
            false => Err(error),
        }
    }

    async fn dnssec(&self, zone: &ZoneRef) -> Result<Option<Signed>, ProviderError> {
        self.keys(zone).await
    }

    async fn refresh(&self, zone: &ZoneRef, names: &[Name]) {
        self.flush(zone, names).await;
    }

    fn requests(&self) -> u64 {
        self.http.requests()
    }

    fn physical_id(&self, zone: &ZoneRef) -> String {
        format!("powerdns|{}|{}", self.identity, self.id_of(zone))
    }
}

/// What PowerDNS can hold; the same for every server.
pub fn capabilities() -> Capabilities {
    Capabilities {
        types: None,
        ttl_seconds_min: 0,
        batch_changes_max: 5_000,
        atomic_batch: true,
        guard: Guard::None,
        settle_seconds: 25,
        write_concurrency: 1,
        zones: true,
        dnssec: true,
        ..Capabilities::unlimited()
    }
}

/// Names the zone in an error.
fn about(zone: &ZoneRef, mut error: ProviderError) -> ProviderError {
    error.message = format!("{}: {}", zone.name, error.message);
    error
}
