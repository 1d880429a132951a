//! OVHcloud's DNS zones, through its API version 1 with an application and a consumer key.
//!
//! From its console (eu.api.ovh.com/console), the clients python-ovh, lego, octoDNS and dnscontrol, and
//! recorded traffic, looked at 2026-11-21:
//! - Every call is signed with the time in it, and the clock that counts is OVH's: `/auth/time` tells it.
//! - Every value is a record with an id of its own. A listing is a list of ids, whole and without pages;
//!   each record is a call more, so names are asked for one by one wherever possible.
//! - Nothing that was written is served before the zone is told to refresh: once for each batch, also
//!   after one that was refused in part.
//! - An empty `subDomain` is the apex. Whether it filters is not documented: the apex is found among all.
//! - SPF, DKIM and DMARC are types of their own here and are served as TXT.
//! - A TTL of 0 is the zone's own. There are no PTR records: reverse names are set on the address.

use crate::fields::{Field, Kind, Settings, no_more_to_check, normalise_url, one};
use crate::redact::url_encode;
use crate::rest::by_id::{self, ById, Step};
use crate::rest::listing::Wanted;
use crate::rest::member::{Listed, Member, gather};
use crate::rest::{PROBE, Refused, Rest, Sign, failed, full_name, label, observed, passed, read_only};
use crate::tls::Trust;
use crate::{ErrorClass, Outcome, Provider, ProviderError, TestReport, ZoneRef};
use async_trait::async_trait;
use futures_util::{StreamExt, TryStreamExt, stream};
use reqwest::header::HeaderValue;
use reqwest::{Method, Request, RequestBuilder};
use ring::digest::{SHA1_FOR_LEGACY_USE_ONLY, digest};
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};
use tokio::sync::OnceCell;
use zonecast_core::{
    Capabilities, Change, Guard, Name, Observed, ObservedRRset, RecordData, RecordType, Whole,
};

/// Up to this many names are read one by one.
const NARROW_MAX: usize = 100;
/// Records in flight at one time.
const PARALLEL: usize = 8;
/// What a record without a TTL of its own has, unless the zone was changed.
const ZONE_TTL: u32 = 3_600;

const FIELDS: &[Field] = &[
    Field::required("application_key", "Application Key", "made at eu.api.ovh.com/createToken, with the other two"),
    Field::required("application_secret", "Application Secret", "shown once, when the application is made").secret(),
    Field::required(
        "consumer_key",
        "Consumer Key",
        "with the rights GET, POST, PUT and DELETE on /domain/zone/* (or on /domain/zone/NAME and all below it)",
    )
    .secret(),
    Field::optional("server_url", "Server URL", "the API of your region, where it is not Europe")
        .or("https://eu.api.ovh.com/1.0")
        .endpoint()
        .spelled(normalise_url),
];

/// OVHcloud, for the list of kinds.
pub fn kind() -> Kind {
    Kind {
        name: "ovh",
        label: "OVHcloud",
        fields: FIELDS,
        capabilities: capabilities(),
        docs: "docs/providers/ovh.md",
        check: no_more_to_check,
        connect: |settings, deps| {
            let service = Ovh::new(settings, &deps.trust);
            Ok(Arc::new(service.map_err(|message| one("server_url", message))?))
        },
    }
}

/// One consumer key at OVHcloud.
pub struct Ovh {
    rest: Rest,
    /// How far OVH's clock is ahead of ours, in seconds.
    ahead: Arc<AtomicI64>,
    timed: OnceCell<()>,
}

#[derive(Deserialize)]
struct Zone {
    #[serde(default)]
    name: String,
    #[serde(default, rename = "nameServers")]
    name_servers: Vec<String>,
}

#[derive(Deserialize)]
struct Record {
    id: u64,
    #[serde(rename = "fieldType")]
    kind: String,
    #[serde(rename = "subDomain")]
    name: String,
    target: String,
    #[serde(default)]
    ttl: u32,
}

impl Ovh {
    /// A connection; nothing is sent. `Err` is a sentence for the form.
    pub fn new(settings: &Settings, trust: &Trust) -> Result<Ovh, String> {
        let (secret, consumer) = (settings.secret("application_secret"), settings.secret("consumer_key"));
        let ahead = Arc::new(AtomicI64::new(0));
        let sign = signer(settings.plain("application_key").to_owned(), &secret, &consumer, ahead.clone());
        let url = settings.plain("server_url");
        let rest = Rest::new("OVHcloud", url, trust, &[&secret, &consumer], String::new(), words)?;
        Ok(Ovh { rest: rest.signed(sign), ahead, timed: OnceCell::new() })
    }

    fn call(&self, method: Method, zone: &ZoneRef, below: &str) -> RequestBuilder {
        self.rest.call(method, &format!("/domain/zone/{}{below}", url_encode(&zone.name.to_string())))
    }

    /// Sends a call that is worth something only at OVH's own time.
    async fn ask<T: DeserializeOwned>(&self, zone: &ZoneRef, request: RequestBuilder) -> Result<T, Refused> {
        self.know_the_time(zone).await?;
        self.rest.ask(zone, request).await.map_err(told_apart)
    }

    async fn write(
        &self,
        zone: &ZoneRef,
        request: RequestBuilder,
        is_answer: fn(&Value) -> bool,
    ) -> Result<(), Refused> {
        self.know_the_time(zone).await?;
        self.rest.write(zone, request, is_answer).await.map(|_| ()).map_err(told_apart)
    }

    async fn know_the_time(&self, zone: &ZoneRef) -> Result<(), Refused> {
        let learn = || async {
            let theirs: i64 = self.rest.ask(zone, self.rest.call(Method::GET, "/auth/time")).await?;
            self.ahead.store(theirs - now(), Ordering::Relaxed);
            Ok::<(), Refused>(())
        };
        self.timed.get_or_try_init(learn).await.copied()
    }

    async fn zone(&self, zone: &ZoneRef) -> Result<Zone, Refused> {
        self.ask(zone, self.call(Method::GET, zone, "")).await
    }

    /// Every set that `filter` lets through: ids first, then each record.
    async fn fetch(&self, zone: &ZoneRef, at: &Name, filter: &str) -> Result<Vec<ObservedRRset>, Refused> {
        let ids: Vec<u64> = self.ask(zone, self.call(Method::GET, zone, &format!("/record{filter}"))).await?;
        let mut calls = Vec::with_capacity(ids.len());
        for id in ids {
            let request = self.call(Method::GET, zone, &format!("/record/{id}"));
            calls.push(async move {
                match self.ask::<Member<Record>>(zone, request).await {
                    // It went since the ids were listed; a zone that is missing has no ids.
                    Err(refused) if refused.status == 404 => Ok(None),
                    record => record.map(Some),
                }
            });
        }
        let records: Vec<Option<Member<Record>>> =
            stream::iter(calls).buffered(PARALLEL).try_collect().await?;
        Ok(gather(zone, at, records.iter().flatten(), |record| record.observed(zone)))
    }

    /// Has what was written served.
    async fn serve(&self, zone: &ZoneRef) -> Result<(), Refused> {
        let request = self.call(Method::POST, zone, "/refresh").json(&json!({}));
        self.write(zone, request, Value::is_null).await
    }

    async fn look(&self, zone: &ZoneRef) -> TestReport {
        let found = match self.zone(zone).await {
            Ok(found) => found,
            Err(refused) => return failed(&explained(refused.error)),
        };
        if Name::parse(&found.name).ok().as_ref() != Some(&zone.name) {
            let words = format!("OVHcloud answered with {:?} when asked for {}", found.name, zone.name);
            return TestReport { zone_matches: false, ..read_only(words) };
        }
        // The name that nobody has is listed, and the record that nobody has asked to go.
        let reads = self.call(Method::GET, zone, &format!("/record?subDomain={PROBE}"));
        if let Err(refused) = self.ask::<Vec<u64>>(zone, reads).await {
            return read_only(format!("{}: the Consumer Key may not read records", refused.error.message));
        }
        match self.rest.may_write(zone, self.call(Method::DELETE, zone, "/record/0")).await {
            Ok(advice) => {
                let words = format!("OVHcloud has {} and takes changes", zone.name);
                passed(words, advice.into_iter().collect())
            }
            Err(error) => read_only(format!(
                "{}: the Consumer Key may read, but lacks POST, PUT or DELETE on /domain/zone/{}/*",
                error.message, zone.name
            )),
        }
    }
}

fn now() -> i64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |time| time.as_secs() as i64)
}

/// `$1$` and the SHA-1 of both secrets, method, address, body and time, with `+` between.
fn signer(key: String, secret: &SecretString, consumer: &SecretString, ahead: Arc<AtomicI64>) -> Sign {
    let (secret, consumer) = (secret.clone(), consumer.clone());
    Box::new(move |request: &mut Request| {
        let time = now() + ahead.load(Ordering::Relaxed);
        let body = request.body().and_then(|body| body.as_bytes()).unwrap_or_default();
        let (secret, consumer) = (secret.expose_secret(), consumer.expose_secret());
        let (method, url) = (request.method(), request.url());
        let mut text = format!("{secret}+{consumer}+{method}+{url}+").into_bytes();
        text.extend_from_slice(body);
        text.extend_from_slice(format!("+{time}").as_bytes());
        let hash = digest(&SHA1_FOR_LEGACY_USE_ONLY, &text);
        for (name, value) in [
            ("x-ovh-application", key.clone()),
            ("x-ovh-consumer", consumer.to_owned()),
            ("x-ovh-timestamp", time.to_string()),
            ("x-ovh-signature", format!("$1${}", hex::encode(hash))),
        ] {
            if let Ok(mut value) = HeaderValue::from_str(&value) {
                value.set_sensitive(true);
                request.headers_mut().insert(name, value);
            }
        }
    })
}

/// Tells refusals apart by OVH's codes.
fn told_apart(mut refused: Refused) -> Refused {
    let body = refused.json();
    refused.error.class = match (refused.status, body["errorCode"].as_str().unwrap_or_default()) {
        (_, "INVALID_CREDENTIAL" | "NOT_CREDENTIAL" | "INVALID_KEY" | "INVALID_SIGNATURE") => {
            ErrorClass::Unauthorized
        }
        (_, "NOT_GRANTED_CALL") => ErrorClass::Forbidden,
        (_, "QUERY_TIME_OUT") => ErrorClass::Transient,
        (409, _) => ErrorClass::Conflict,
        _ => return refused,
    };
    refused
}

/// Adds what OVH's words leave unsaid.
fn explained(mut error: ProviderError) -> ProviderError {
    let more = match error.class {
        ErrorClass::Unauthorized => {
            ": a key is wrong, the Consumer Key was never validated or has expired, or it is of another region"
        }
        ErrorClass::Forbidden => ": the Consumer Key lacks the right GET on /domain/zone/* for this zone",
        ErrorClass::NoSuchZone => ": the account of these keys has no such DNS zone",
        _ => "",
    };
    error.message.push_str(more);
    error
}

/// `{"class", "message", "errorCode"}`.
fn words(body: &Value) -> Option<String> {
    let code = body["errorCode"].as_str().or(body["class"].as_str()).unwrap_or("no code");
    Some(format!("{} ({code})", body["message"].as_str()?))
}

impl Listed for Record {
    const KEYS: [&'static str; 2] = ["subDomain", "fieldType"];

    fn key(&self) -> String {
        self.id.to_string()
    }
}

impl Record {
    /// The record as a set of one.
    fn observed(&self, zone: &ZoneRef) -> Option<ObservedRRset> {
        let text = matches!(self.kind.as_str(), "TXT" | "SPF" | "DKIM" | "DMARC");
        let kind = if text { "TXT" } else { &self.kind };
        let value = match text && !self.target.starts_with('"') {
            true => RecordData::text(self.target.as_bytes()).to_zonefile(),
            false => self.target.clone(),
        };
        let ttl = if self.ttl == 0 { ZONE_TTL } else { self.ttl };
        let mut set = observed(zone, full_name(zone, &self.name)?, kind, ttl, [value.as_str()])?;
        for value in &mut set.values {
            *value = by_id::value(value.data.clone(), self.id, ttl);
        }
        Some(set)
    }
}

#[async_trait]
impl ById for Ovh {
    fn unfit(&self, value: &RecordData) -> Option<String> {
        let empty = value.as_text().is_some_and(|text| text.is_empty());
        empty.then(|| "OVHcloud takes no TXT that is empty".to_owned())
    }

    async fn send(&self, zone: &ZoneRef, name: &Name, step: &Step<'_>) -> Result<(), Refused> {
        let body = |value: &RecordData, ttl: u32| {
            let name = label(zone, name);
            json!({ "subDomain": name.trim_start_matches('@'), "target": value.to_zonefile(), "ttl": ttl })
        };
        let at = |id: u64| format!("/record/{id}");
        match *step {
            Step::Put { id, value, ttl } => {
                let request = self.call(Method::PUT, zone, &at(id)).json(&body(value, ttl));
                self.write(zone, request, Value::is_null).await
            }
            Step::Post { value, ttl } => {
                let mut body = body(value, ttl);
                body["fieldType"] = value.rtype().to_string().into();
                let request = self.call(Method::POST, zone, "/record").json(&body);
                self.write(zone, request, |answer| answer["id"].is_u64()).await
            }
            Step::Delete { id } => {
                self.write(zone, self.call(Method::DELETE, zone, &at(id)), Value::is_null).await
            }
        }
    }
}

#[async_trait]
impl Provider for Ovh {
    fn capabilities(&self) -> Capabilities {
        capabilities()
    }

    async fn test(&self, zone: &ZoneRef) -> TestReport {
        self.look(zone).await
    }

    async fn read(&self, zone: &ZoneRef, names: &[Name]) -> Result<Observed, ProviderError> {
        let wanted = Wanted::of(names);
        let few = wanted.one_by_one(NARROW_MAX).filter(|names| !names.contains(&zone.name));
        let Some(names) = few else { return Ok(wanted.among(self.list(zone).await?.rrsets)) };
        let mut sets = Vec::new();
        for name in names {
            let filter = format!("?subDomain={}", url_encode(&label(zone, name)));
            let found = self.fetch(zone, name, &filter).await.map_err(|refused| refused.error)?;
            sets.extend(found.into_iter().filter(|set| set.name == *name));
        }
        Ok(wanted.among(sets))
    }

    async fn list(&self, zone: &ZoneRef) -> Result<Observed, ProviderError> {
        Ok(Observed::new(self.fetch(zone, &zone.name, "").await.map_err(|refused| refused.error)?))
    }

    async fn apply(&self, zone: &ZoneRef, seen: &Observed, changes: &[Change]) -> Vec<Outcome> {
        let mut outcomes = by_id::apply(self, zone, seen, changes).await;
        let nothing_sent = outcomes.iter().all(|outcome| {
            matches!(outcome, Outcome::Failed(error) if error.class != ErrorClass::Conflict && error.culprit.is_none())
        });
        if nothing_sent {
            return outcomes;
        }
        if let Err(refused) = self.serve(zone).await {
            // It is written and not served: the next look decides, and `refresh` tries again.
            let done = outcomes.iter_mut().filter(|outcome| **outcome == Outcome::Done);
            done.for_each(|outcome| *outcome = Outcome::Unknown(refused.error.clone()));
        }
        outcomes
    }

    /// An old answer may mean that the zone was never told to serve what was written.
    async fn refresh(&self, zone: &ZoneRef, _names: &[Name]) {
        if let Err(refused) = self.serve(zone).await {
            tracing::warn!(zone = %zone.name, provider = "ovh", "{}", refused.error);
        }
    }

    async fn dns_servers(&self, zone: &ZoneRef) -> Vec<String> {
        self.zone(zone).await.map(|zone| zone.name_servers).unwrap_or_default()
    }

    fn requests(&self) -> u64 {
        self.rest.requests()
    }

    fn physical_id(&self, zone: &ZoneRef) -> String {
        format!("ovh|{}|{}", self.rest.identity, zone.name)
    }
}

/// What OVHcloud can hold.
pub fn capabilities() -> Capabilities {
    use RecordType as T;
    let types = vec![
        T::A,
        T::AAAA,
        T::CAA,
        T::CNAME,
        T::DNAME,
        T::MX,
        RecordType(35),
        T::NS,
        T::SRV,
        RecordType(44),
        T::TLSA,
        T::TXT,
    ];
    Capabilities {
        types: Some(types),
        ttl_seconds_min: 60,
        ttl_seconds_max: i32::MAX as u32,
        values_per_set_max: 50,
        batch_changes_max: 50,
        atomic_batch: false,
        guard: Guard::Values,
        whole: Whole::Counted,
        settle_seconds: 60,
        write_concurrency: 1,
        calls_per_second: Some(4.0),
        zones: false,
        dnssec: false,
        text_cut: true,
    }
}
