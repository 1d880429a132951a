//! Cloudflare, through its REST API version 4 with a bearer token.
//!
//! From its documentation, schema, clients and recorded traffic, looked at 2026-11-21:
//! - Every value is a record with an id of its own. Values are added, changed and removed one by one,
//!   by id, so neighbours are never in the call; proxied, comment and tags stay on a changed record.
//! - A name that does not end with the zone is taken as relative to it, silently: the zone behind an
//!   id is compared with its name before anything is written.
//! - TTL 1 means "automatic" and is served as 300. A proxied record has no other TTL.
//! - SOA and the apex NS set are Cloudflare's own and not listed.
//! - A batch is one transaction in the order deletes, patches, posts; a plan limits its size, and a
//!   refusal does not reliably name the operation: what is there is read again, then bisected.
//! - Code 10000 is both "wrong token" and "no right": the token is verified to tell them apart.
//! - 1,200 calls in 5 minutes for a user's tokens together; 429 without Retry-After means 5 minutes.

mod look;
mod ops;
mod record;
mod wire;
mod write;

use crate::dnssec::Signed;
use crate::fields::{Field, Kind, Settings, no_more_to_check, normalise_url, one};
use crate::http::{Http, canonical_endpoint};
use crate::redact::{Redactor, url_encode};
use crate::rest::listing::{Next, Pages, Wanted};
use crate::rest::member::Member;
use crate::tls::Trust;
use crate::{ErrorClass, Outcome, Provider, ProviderError, TestReport, ZoneRef, ZoneSeed};
use async_trait::async_trait;
use futures_util::{StreamExt, TryStreamExt, stream};
use record::observed;
use reqwest::{Method, RequestBuilder};
use secrecy::{ExposeSecret, SecretString};
use std::collections::HashMap;
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use wire::{Envelope, Record, Refused, ZoneInfo};
use zonecast_core::{Capabilities, Change, Guard, Name, Observed, RecordType, Whole};

/// Records asked for in one page; the API takes up to 5,000, an answer here has its bound.
const PAGE: usize = 1_000;
/// Pages read at most.
const PAGES_MAX: usize = 1_000;
/// Reads of one name in flight at one time.
const PARALLEL: usize = 4;
/// Up to this many names are read one by one where the zone's size is not known.
const NARROW_MAX: usize = 4;

const FIELDS: &[Field] = &[
    Field::optional(
        "account_id",
        "Account ID",
        "shown on the overview page of the zone; when given, the zone must be in this account",
    ),
    Field::optional(
        "zone_id",
        "Zone ID",
        "shown on the overview page of the zone; without it the zone is looked up by its name",
    ),
    Field::required(
        "api_token",
        "API Token",
        "a token with Zone > DNS > Edit on this zone (not the Global API Key)",
    )
    .secret(),
    Field::optional("server_url", "Server URL", "where the API answers, unless it is Cloudflare's own")
        .or("https://api.cloudflare.com/client/v4")
        .endpoint()
        .spelled(normalise_url),
];

/// Cloudflare, for the list of kinds.
pub fn kind() -> Kind {
    Kind {
        name: "cloudflare",
        label: "Cloudflare",
        fields: FIELDS,
        capabilities: capabilities(),
        docs: "docs/providers/cloudflare.md",
        check: no_more_to_check,
        connect: |settings, deps| {
            let service = Cloudflare::new(settings, &deps.trust);
            Ok(Arc::new(service.map_err(|message| one("server_url", message))?))
        },
    }
}

/// One API token, and the zones it was seen to lead to.
pub struct Cloudflare {
    http: Http,
    redactor: Redactor,
    token: SecretString,
    /// `https://api.cloudflare.com/client/v4`.
    base: String,
    identity: String,
    account_id: Option<String>,
    zone_id: Option<String>,
    zones: Mutex<HashMap<Name, Known>>,
    /// The service at this endpoint has no batch call.
    batchless: AtomicBool,
}

/// What is known of a zone since it was last looked at.
#[derive(Clone)]
struct Known {
    info: Arc<ZoneInfo>,
    records: Option<usize>,
}

impl Cloudflare {
    /// A connection; nothing is sent. `Err` is a sentence for the form.
    pub fn new(settings: &Settings, trust: &Trust) -> Result<Cloudflare, String> {
        let plain = |name: &str| settings.plain.get(name).cloned();
        let token = settings.secrets.get("api_token").cloned().unwrap_or_default();
        let mut base = plain("server_url").unwrap_or_else(|| "https://api.cloudflare.com".to_owned());
        if base.ends_with("://api.cloudflare.com") {
            base.push_str("/client/v4");
        }
        let redactor = Redactor::new([token.expose_secret()]);
        Ok(Cloudflare {
            http: Http::new("Cloudflare", &base, trust, redactor.clone())?,
            redactor,
            token,
            identity: canonical_endpoint(&base),
            base,
            account_id: plain("account_id"),
            zone_id: plain("zone_id"),
            zones: Mutex::default(),
            batchless: AtomicBool::new(false),
        })
    }

    fn call(&self, method: Method, path: &str) -> RequestBuilder {
        self.http
            .request(method, &format!("{}{path}", self.base))
            .bearer_auth(self.token.expose_secret())
            .header("Accept", "application/json")
    }

    /// Sends a call and reads its envelope.
    async fn ask<T: serde::de::DeserializeOwned>(
        &self,
        zone: &ZoneRef,
        request: RequestBuilder,
    ) -> Result<Envelope<T>, Refused> {
        match self.http.send(request, zone.deadline).await {
            Ok(answer) => wire::open(&self.http, &self.redactor, zone, &answer),
            Err(failure) => Err(Refused::lost(zone, failure)),
        }
    }

    fn known(&self) -> MutexGuard<'_, HashMap<Name, Known>> {
        self.zones.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn id_of<'a>(&'a self, zone: &'a ZoneRef) -> Option<&'a str> {
        zone.provider_zone_id.as_deref().or(self.zone_id.as_deref())
    }

    /// The zone behind name or id, looked up once. That it bears the name is certain afterwards.
    async fn resolve(&self, zone: &ZoneRef) -> Result<Arc<ZoneInfo>, ProviderError> {
        let cached = self.known().get(&zone.name).map(|known| known.info.clone());
        if let Some(info) = cached.filter(|info| self.id_of(zone).is_none_or(|id| id == info.id)) {
            return Ok(info);
        }
        let found = match self.id_of(zone) {
            Some(id) => match self.zone_object(zone, id).await {
                Err(refused) if refused.status == 403 => self.by_its_records(zone, id).await,
                other => other,
            },
            None => self.by_name(zone).await,
        };
        let info = match found {
            Ok(info) => Arc::new(info),
            Err(refused) => return Err(self.explain(zone, refused).await),
        };
        if let Some(words) = self.mismatch(zone, &info) {
            return Err(ProviderError::new(ErrorClass::NoSuchZone, words));
        }
        self.known().insert(zone.name.clone(), Known { info: info.clone(), records: None });
        Ok(info)
    }

    /// Why this is not the zone that was meant.
    fn mismatch(&self, zone: &ZoneRef, info: &ZoneInfo) -> Option<String> {
        if Name::parse(&info.name).ok().as_ref() != Some(&zone.name) {
            return Some(format!(
                "{}: the Zone ID {} is that of {} at Cloudflare",
                zone.name, info.id, info.name
            ));
        }
        let account = info.account.as_ref().map(|account| account.id.as_str())?;
        let wanted = self.account_id.as_deref().filter(|wanted| *wanted != account)?;
        Some(format!("{}: the zone is in the Cloudflare account {account}, not in {wanted}", zone.name))
    }

    async fn zone_object(&self, zone: &ZoneRef, id: &str) -> Result<ZoneInfo, Refused> {
        let request = self.call(Method::GET, &format!("/zones/{}", url_encode(id)));
        Ok(self.ask::<ZoneInfo>(zone, request).await?.result)
    }

    /// The name filter is said to be deprecated: what comes back is compared, page after page.
    async fn by_name(&self, zone: &ZoneRef) -> Result<ZoneInfo, Refused> {
        let mut found = Vec::new();
        for page in 1..=PAGES_MAX {
            let mut path =
                format!("/zones?name={}&per_page=50&page={page}", url_encode(&zone.name.to_string()));
            if let Some(account) = &self.account_id {
                path.push_str(&format!("&account.id={}", url_encode(account)));
            }
            let answer: Envelope<Vec<ZoneInfo>> = self.ask(zone, self.call(Method::GET, &path)).await?;
            let last = answer.is_last(page, 50, answer.result.len());
            found.extend(
                answer
                    .result
                    .into_iter()
                    .filter(|one| Name::parse(&one.name).ok().as_ref() == Some(&zone.name)),
            );
            if last || !found.is_empty() {
                break;
            }
        }
        let ids: Vec<String> = found.iter().map(|one| one.id.clone()).collect();
        match (found.pop(), found.is_empty()) {
            (Some(one), true) => Ok(one),
            (Some(_), false) => Err(Refused::local(
                ErrorClass::NoSuchZone,
                format!(
                    "{}: Cloudflare has several zones of this name: give the Zone ID ({})",
                    zone.name,
                    ids.join(", ")
                ),
            )),
            (None, _) => Err(Refused::local(
                ErrorClass::NoSuchZone,
                format!(
                    "{}: the token sees no zone of this name at Cloudflare: either there is none{}, or the token lacks Zone > Zone > Read; giving the Zone ID helps in the second case",
                    zone.name,
                    self.account_id.as_ref().map(|id| format!(" in account {id}")).unwrap_or_default()
                ),
            )),
        }
    }

    /// Every record that `filter` lets through, from all pages.
    async fn fetch(
        &self,
        zone: &ZoneRef,
        info: &ZoneInfo,
        filter: &str,
    ) -> Result<Vec<Member<Record>>, ProviderError> {
        let mut pages = Pages::of(zone, "Cloudflare");
        loop {
            let path = format!(
                "/zones/{}/dns_records?per_page={PAGE}&page={}&order=name{filter}",
                url_encode(&info.id),
                pages.number()
            );
            let answer: Envelope<Vec<Member<Record>>> =
                match self.ask(zone, self.call(Method::GET, &path)).await {
                    Ok(answer) => answer,
                    Err(refused) => return Err(self.explain(zone, refused).await),
                };
            let total = answer.total();
            if !pages.take(answer.result.into_iter().map(Member::keyed), total, Next::Unsaid)? {
                return Ok(pages.members().into_values().collect());
            }
        }
    }

    async fn read_names(
        &self,
        zone: &ZoneRef,
        info: &ZoneInfo,
        names: &[Name],
    ) -> Result<Observed, ProviderError> {
        let wanted = Wanted::of(names);
        let size = self.known().get(&zone.name).and_then(|known| known.records);
        let most = size.map_or(NARROW_MAX, |size| size.div_ceil(PAGE));
        let Some(names) = wanted.one_by_one(most) else {
            return Ok(wanted.among(self.list_all(zone, info).await?.rrsets));
        };
        let mut calls = Vec::with_capacity(names.len());
        for name in names {
            let filter = format!("&name.exact={}", url_encode(&name.to_string()));
            calls.push(async move {
                let found = self.fetch(zone, info, &filter).await?;
                Ok::<_, ProviderError>(
                    observed(zone, found)?.into_iter().filter(|set| set.name == *name).collect(),
                )
            });
        }
        let parts: Vec<Vec<_>> = stream::iter(calls).buffer_unordered(PARALLEL).try_collect().await?;
        Ok(Observed::new(parts.into_iter().flatten().collect()))
    }

    async fn list_all(&self, zone: &ZoneRef, info: &ZoneInfo) -> Result<Observed, ProviderError> {
        let records = self.fetch(zone, info, "").await?;
        if let Some(known) = self.known().get_mut(&zone.name) {
            known.records = Some(records.len());
        }
        Ok(Observed::new(observed(zone, records)?))
    }
}

#[async_trait]
impl Provider for Cloudflare {
    fn capabilities(&self) -> Capabilities {
        capabilities()
    }

    async fn test(&self, zone: &ZoneRef) -> TestReport {
        self.look(zone).await
    }

    async fn read(&self, zone: &ZoneRef, names: &[Name]) -> Result<Observed, ProviderError> {
        let info = self.resolve(zone).await?;
        self.read_names(zone, &info, names).await
    }

    async fn list(&self, zone: &ZoneRef) -> Result<Observed, ProviderError> {
        let info = self.resolve(zone).await?;
        self.list_all(zone, &info).await
    }

    async fn apply(&self, zone: &ZoneRef, seen: &Observed, changes: &[Change]) -> Vec<Outcome> {
        if changes.is_empty() {
            return Vec::new();
        }
        let all = |error: ProviderError| vec![Outcome::Failed(error); changes.len()];
        match self.resolve(zone).await {
            Ok(info) if info.is_secondary() => {
                all(ProviderError::new(ErrorClass::Forbidden, look::secondary_words(zone)))
            }
            Ok(info) => self.write(zone, &info, seen, changes).await,
            Err(error) => all(error),
        }
    }

    async fn create_zone(&self, zone: &ZoneRef, _seed: &ZoneSeed) -> Result<Option<String>, ProviderError> {
        let Some(account) = &self.account_id else {
            let words = format!("{}: Cloudflare needs the Account ID to create a zone", zone.name);
            return Err(ProviderError::new(ErrorClass::Rejected, words));
        };
        let body = serde_json::json!({ "name": zone.name.to_string(), "account": { "id": account }, "type": "full" });
        let request = self.call(Method::POST, "/zones").json(&body);
        match self.ask::<ZoneInfo>(zone, request).await {
            Ok(answer) => Ok(Some(answer.result.id)),
            Err(refused) if refused.codes.contains(&1061) => Ok(Some(self.resolve(zone).await?.id.clone())),
            Err(refused) => Err(self.explain(zone, refused).await),
        }
    }

    async fn delete_zone(&self, zone: &ZoneRef) -> Result<(), ProviderError> {
        let info = match self.resolve(zone).await {
            Err(error) if error.class == ErrorClass::NoSuchZone => return Ok(()),
            other => other?,
        };
        self.known().remove(&zone.name);
        let request = self.call(Method::DELETE, &format!("/zones/{}", url_encode(&info.id)));
        match self.ask::<serde_json::Value>(zone, request).await {
            Ok(_) => Ok(()),
            Err(refused) if refused.error.class == ErrorClass::NoSuchZone => Ok(()),
            Err(refused) => Err(self.explain(zone, refused).await),
        }
    }

    async fn dns_servers(&self, zone: &ZoneRef) -> Vec<String> {
        let info = self.resolve(zone).await;
        info.map(|info| info.name_servers.clone().unwrap_or_default()).unwrap_or_default()
    }

    async fn dnssec(&self, zone: &ZoneRef) -> Result<Option<Signed>, ProviderError> {
        let info = self.resolve(zone).await?;
        let request = self.call(Method::GET, &format!("/zones/{}/dnssec", url_encode(&info.id)));
        let told = match self.ask::<wire::Dnssec>(zone, request).await {
            Ok(answer) => answer.result,
            Err(refused) => return Err(self.explain(zone, refused).await),
        };
        told.read(&zone.name).map_err(|words| {
            ProviderError::new(ErrorClass::Transient, format!("{}: Cloudflare: {words}", zone.name))
        })
    }

    fn requests(&self) -> u64 {
        self.http.requests()
    }

    fn physical_id(&self, zone: &ZoneRef) -> String {
        let id = self.id_of(zone).map_or_else(|| zone.name.to_string(), str::to_owned);
        format!("cloudflare|{}|{id}", self.identity)
    }
}

/// The types whose data is understood; others are seen and left alone.
const TYPES: &[RecordType] = &[
    RecordType::A,
    RecordType::AAAA,
    RecordType::CAA,
    RecordType::CNAME,
    RecordType::DS,
    RecordType::HTTPS,
    RecordType::MX,
    RecordType(35),
    RecordType::NS,
    RecordType::PTR,
    RecordType::SRV,
    RecordType(44),
    RecordType::SVCB,
    RecordType::TLSA,
    RecordType::TXT,
];

/// What Cloudflare can hold, whatever the plan: the smallest batch and the largest "smallest TTL" of
/// all plans.
pub fn capabilities() -> Capabilities {
    Capabilities {
        types: Some(TYPES.to_vec()),
        ttl_seconds_min: 60,
        ttl_seconds_max: 86_400,
        values_per_set_max: 500,
        batch_changes_max: 200,
        atomic_batch: true,
        guard: Guard::Values,
        whole: Whole::Counted,
        settle_seconds: 15,
        write_concurrency: 1,
        calls_per_second: Some(4.0),
        zones: true,
        dnssec: true,
        text_cut: false,
    }
}
