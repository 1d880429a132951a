//! GoDaddy's DNS (Premium DNS included), through its domains API version 1 with a key and a secret.
//!
//! From its documentation, the clients external-dns, lexicon and godaddypy, and recorded traffic,
//! looked at 2026-11-21:
//! - Since May 2024 the API is open only to accounts with 10 domains or more, or with a plan that
//!   includes it; everybody else's keys are right and refused (`ACCESS_DENIED`, lego #2269).
//! - One PUT replaces one set by type and name. An empty one is ignored: a set goes by DELETE. A PUT
//!   above that replaces the whole zone and is never sent.
//! - A listing has at most 500 records and tells no total. `offset` skips records in the documentation
//!   and counts pages from 1 for those who use it (terraform-provider-godaddy #44). With a `limit` of 1
//!   both mean nearly the same, and so one record more is asked for: if there is none, all were seen.
//! - Targets have no final dot, TXT no quotes. SRV and CAA have a form of their own here: they are seen
//!   and left alone.
//! - A write that comes while the one before is spreading is refused with 409.
//! - TTLs are 600 to 604,800. 60 calls a minute.

use crate::fields::{Field, Kind, Settings, no_more_to_check, normalise_url, one};
use crate::redact::url_encode;
use crate::rest::listing::{Next, Pages};
use crate::rest::member::{Listed, Member, gather};
use crate::rest::{
    PROBE, Refused, Rest, Swap, WriteSets, failed, full_name, label, observed, one_by_one, passed, read_only,
    swap_in_steps, words_of,
};
use crate::tls::Trust;
use crate::{ErrorClass, Outcome, Provider, ProviderError, TestReport, ZoneRef};
use async_trait::async_trait;
use reqwest::{Method, RequestBuilder};
use secrecy::ExposeSecret;
use serde::Deserialize;
use serde_json::{Value, json};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use zonecast_core::{
    Capabilities, Change, Guard, Name, Observed, ObservedRRset, RecordData, RecordType, Whole,
};

const ACCOUNT_RULE: &str = ": the key is right, but GoDaddy opens its DNS API only to accounts with 10 domains or more, or with a plan that includes it (Discount Domain Club - Domain Pro); the account does not qualify, or the key is not its own. Move the zone's DNS to another provider, or ask GoDaddy";

const FIELDS: &[Field] = &[
    Field::required(
        "api_key",
        "API Key",
        "a production key from developer.godaddy.com/keys; the account needs 10 domains or a plan with API access",
    ),
    Field::required("api_secret", "API Secret", "shown once, when the key is made").secret(),
    Field::optional("shopper_id", "Shopper ID", "for resellers only: the customer whose domain it is"),
    Field::optional("server_url", "Server URL", "where the API answers, unless it is GoDaddy's own")
        .or("https://api.godaddy.com/v1")
        .endpoint()
        .spelled(normalise_url),
];

/// GoDaddy, for the list of kinds.
pub fn kind() -> Kind {
    Kind {
        name: "godaddy",
        label: "GoDaddy",
        fields: FIELDS,
        capabilities: capabilities(),
        docs: "docs/providers/godaddy.md",
        check: no_more_to_check,
        connect: |settings, deps| {
            let service = GoDaddy::new(settings, &deps.trust);
            Ok(Arc::new(service.map_err(|message| one("server_url", message))?))
        },
    }
}

/// One key at GoDaddy.
pub struct GoDaddy {
    rest: Rest,
    shopper_id: String,
    /// Offsets were seen to count pages, from 1.
    counts_pages: AtomicBool,
}

/// A domain. The answer holds its owner's address and phone number: only this is read.
#[derive(Deserialize)]
struct Domain {
    #[serde(default)]
    domain: String,
    #[serde(default)]
    status: String,
    #[serde(default, rename = "nameServers")]
    name_servers: Option<Vec<String>>,
}

#[derive(Deserialize)]
struct Record {
    #[serde(rename = "type")]
    kind: String,
    name: String,
    #[serde(default)]
    data: String,
    #[serde(default)]
    ttl: u32,
    #[serde(default)]
    priority: Option<u32>,
    #[serde(default)]
    service: Option<String>,
    #[serde(default)]
    protocol: Option<String>,
}

impl GoDaddy {
    /// A connection; nothing is sent. `Err` is a sentence for the form.
    pub fn new(settings: &Settings, trust: &Trust) -> Result<GoDaddy, String> {
        let (key, secret) = (settings.plain("api_key"), settings.secret("api_secret"));
        let pair = format!("{key}:{}", secret.expose_secret());
        let authorization = format!("sso-key {pair}");
        let secrets = [&secret, &pair.into()];
        let rest = Rest::new("GoDaddy", settings.plain("server_url"), trust, &secrets, authorization, words)?;
        let shopper_id = settings.plain("shopper_id").to_owned();
        Ok(GoDaddy { rest, shopper_id, counts_pages: AtomicBool::new(false) })
    }

    fn call(&self, method: Method, zone: &ZoneRef, below: &str) -> RequestBuilder {
        let path = format!("/domains/{}{below}", url_encode(&zone.name.to_string()));
        let request = self.rest.call(method, &path);
        match self.shopper_id.is_empty() {
            true => request,
            false => request.header("X-Shopper-Id", &self.shopper_id),
        }
    }

    async fn domain(&self, zone: &ZoneRef) -> Result<Domain, Refused> {
        self.rest.ask(zone, self.call(Method::GET, zone, "")).await.map_err(told_apart)
    }

    async fn records(
        &self,
        zone: &ZoneRef,
        limit: usize,
        offset: usize,
    ) -> Result<Vec<Member<Record>>, Refused> {
        let path = format!("/records?limit={limit}&offset={offset}");
        self.rest.ask(zone, self.call(Method::GET, zone, &path)).await
    }

    /// Every record; that these are all is proven.
    async fn all(&self, zone: &ZoneRef) -> Result<Vec<Member<Record>>, Refused> {
        let mut pages = Pages::of(zone, "GoDaddy");
        let keyed = |records: Vec<Member<Record>>| records.into_iter().map(Member::keyed);
        let first: Vec<Member<Record>> =
            self.rest.ask(zone, self.call(Method::GET, zone, "/records")).await?;
        let size = first.len();
        pages.take(keyed(first), None, Next::Exists)?;
        let Some(more) = self.one_more(zone, size, &pages).await? else {
            return Ok(pages.members().into_values().collect());
        };
        loop {
            let offset = if self.counts_pages() { pages.number() } else { pages.have() };
            let page = self.records(zone, size, offset).await?;
            if !pages.take(keyed(page), None, Next::Unsaid)? {
                break;
            }
        }
        let all = pages.members();
        match all.contains_key(&more) {
            true => Ok(all.into_values().collect()),
            false => Err(unproven(zone, size)),
        }
    }

    /// A record that is not among the first `size`, if there is one.
    async fn one_more(
        &self,
        zone: &ZoneRef,
        size: usize,
        known: &Pages<String, Member<Record>>,
    ) -> Result<Option<String>, Refused> {
        loop {
            let counts_pages = self.counts_pages();
            let answer = self.records(zone, 1, size + usize::from(counts_pages)).await?;
            let count = answer.len();
            let mut keys = answer.into_iter().map(|record| record.keyed().0);
            if let Some(more) = keys.find(|key| !known.has(key)) {
                return Ok(Some(more));
            }
            match count {
                0 => return Ok(None),
                // Neither word is heeded: there are no pages. A round number may be a limit all the same.
                _ if count == size && count > 1 && !count.is_multiple_of(50) => return Ok(None),
                _ if counts_pages || size == 0 => return Err(unproven(zone, size)),
                _ => self.counts_pages.store(true, Ordering::Relaxed),
            }
        }
    }

    fn counts_pages(&self) -> bool {
        self.counts_pages.load(Ordering::Relaxed)
    }

    async fn whole(&self, zone: &ZoneRef) -> Result<Vec<ObservedRRset>, ProviderError> {
        let records = self.all(zone).await.map_err(|refused| {
            // What was learned of offsets may have been learned while records changed.
            self.counts_pages.store(false, Ordering::Relaxed);
            told_apart(refused).error
        })?;
        Ok(gather(zone, &zone.name, &records, |record| record.observed(zone)))
    }

    async fn look(&self, zone: &ZoneRef) -> TestReport {
        let domain = match self.domain(zone).await {
            Ok(domain) => domain,
            Err(refused) => return failed(&refused.error),
        };
        if Name::parse(&domain.domain).ok().as_ref() != Some(&zone.name) {
            let words = format!("GoDaddy answered with {:?} when asked for {}", domain.domain, zone.name);
            return TestReport { zone_matches: false, ..read_only(words) };
        }
        // Some single calls stay open where the API as a whole is not.
        let path = format!("/records/TXT/{PROBE}");
        let mut advice = Vec::new();
        for method in [Method::GET, Method::DELETE] {
            match self.rest.may_write(zone, self.call(method, zone, &path)).await {
                Ok(more) => advice.extend(more),
                Err(error) => {
                    let refused = Refused { status: 403, ..Refused::local(error.class, error.message) };
                    return read_only(told_apart(refused).error.message);
                }
            }
        }
        if !domain.status.is_empty() && domain.status != "ACTIVE" {
            advice.push(format!("GoDaddy says that the domain is {}", domain.status));
        }
        let servers = domain.name_servers.unwrap_or_default();
        if !servers.is_empty()
            && !servers.iter().any(|name| name.to_lowercase().contains("domaincontrol.com"))
        {
            let servers = servers.join(", ");
            advice.push(format!("nobody asks GoDaddy's name servers: the domain is delegated to {servers}"));
        }
        passed(format!("GoDaddy has {} and takes changes", zone.name), advice)
    }
}

fn unproven(zone: &ZoneRef, size: usize) -> Refused {
    let words = format!("{}: GoDaddy gave {size} records and not the ones after them", zone.name);
    Refused::local(ErrorClass::Transient, words)
}

/// Tells refusals apart by GoDaddy's codes, and explains the two that puzzle people.
fn told_apart(mut refused: Refused) -> Refused {
    let body = refused.json();
    let error = &mut refused.error;
    match (refused.status, &error.class) {
        (401, _) => error.message.push_str(
            ": key or secret is wrong; a key of the test environment (OTE) does not do in production, nor the other way round",
        ),
        (403, _) if !error.message.contains(ACCOUNT_RULE) => error.message.push_str(ACCOUNT_RULE),
        // The write before is spreading still.
        (409, _) => error.class = ErrorClass::Transient,
        (422, _) if body["code"] == "QUOTA_EXCEEDED" => error.class = ErrorClass::Quota,
        (429, ErrorClass::RateLimited { retry_after: None }) => {
            let seconds = body["retryAfterSec"].as_u64().map(Duration::from_secs);
            error.class = ErrorClass::RateLimited { retry_after: seconds };
        }
        _ => {}
    }
    refused
}

/// `{"code", "message", "fields": [{"code", "message", "path"}]}`, and `errors` like `fields`.
fn words(body: &Value) -> Option<String> {
    let one = |fault: &Value| {
        let text = |key: &str| fault[key].as_str().map(str::to_owned);
        let place = text("path").map(|path| format!("{path}: ")).unwrap_or_default();
        Some(format!("{place}{} ({})", text("message")?, text("code").unwrap_or_else(|| "no code".into())))
    };
    let mut words = vec![one(body)?];
    let more = ["fields", "errors"].iter().filter_map(|key| body[*key].as_array()).flatten();
    words.extend(more.filter_map(one));
    Some(words.join("; "))
}

impl Listed for Record {
    const KEYS: [&'static str; 2] = ["name", "type"];

    fn key(&self) -> String {
        let Record { kind, name, data, ttl, priority, service, protocol } = self;
        format!("{kind} {name} {data:?} {ttl} {priority:?} {service:?} {protocol:?}")
    }
}

impl Record {
    /// The record as a set of one.
    fn observed(&self, zone: &ZoneRef) -> Option<ObservedRRset> {
        let target = match self.data.as_str() {
            "@" => zone.name.absolute(),
            data => format!("{}.", data.trim_end_matches('.')),
        };
        let parts = [self.service.as_deref(), self.protocol.as_deref(), Some(&*self.name)];
        let label = match self.kind.as_str() {
            "SRV" => parts.into_iter().flatten().filter(|part| *part != "@").collect::<Vec<_>>().join("."),
            _ => self.name.clone(),
        };
        let name = full_name(zone, &label)?;
        let text = match self.kind.as_str() {
            "CNAME" | "NS" => target,
            "MX" => format!("{} {target}", self.priority.unwrap_or(0)),
            "TXT" => RecordData::text(self.data.as_bytes()).to_zonefile(),
            _ => self.data.clone(),
        };
        let mut set = observed(zone, name, &self.kind, self.ttl, [text.as_str()])?;
        set.opaque |= capabilities().types.is_some_and(|types| !types.contains(&set.rtype));
        for value in &mut set.values {
            let ours = element(None, &value.data, self.ttl);
            value.raw = (ours["data"] != self.data.as_str()).then(|| self.data.as_str().into());
        }
        Some(set)
    }
}

/// One element of a PUT; `data` as GoDaddy spells it where it stands there already.
fn element(present: Option<&ObservedRRset>, value: &RecordData, ttl: u32) -> Value {
    let text = value.to_zonefile();
    let dotless = |text: &str| text.strip_suffix('.').unwrap_or(text).to_owned();
    let words = words_of(&text);
    let data = match value.rtype() {
        RecordType::MX => dotless(words.get(1).map_or("", String::as_str)),
        RecordType::CNAME | RecordType::NS => dotless(&text),
        RecordType::TXT => String::from_utf8_lossy(&value.as_text().unwrap_or_default()).into_owned(),
        _ => text.clone(),
    };
    let there = present.into_iter().flat_map(|set| &set.values).find(|there| there.data == *value);
    let mut element =
        json!({ "data": there.and_then(|there| there.raw.as_deref()).unwrap_or(&data), "ttl": ttl });
    if value.rtype() == RecordType::MX {
        element["priority"] = words.first().and_then(|word| word.parse::<u32>().ok()).into();
    }
    element
}

/// Why GoDaddy cannot hold this value.
fn unfit(value: &RecordData) -> Option<String> {
    let text = value.as_text()?;
    let why = match () {
        () if text.is_empty() => "is empty",
        () if text.len() > 1_024 => "is longer than 1,024 characters",
        () if !text.iter().all(|b| (b' '..=b'~').contains(b)) => "has other than printable ASCII characters",
        () => return None,
    };
    Some(format!("GoDaddy takes no TXT that {why}"))
}

#[async_trait]
impl WriteSets for GoDaddy {
    async fn write_set(
        &self,
        zone: &ZoneRef,
        change: &Change,
        present: Option<&ObservedRRset>,
    ) -> Result<(), Refused> {
        let path = format!("/records/{}/{}", change.rtype(), url_encode(&label(zone, change.name())));
        let (request, status) = match change.after() {
            None => (self.call(Method::DELETE, zone, &path), 204),
            Some(after) => {
                if let Some(words) = after.values.iter().find_map(unfit) {
                    return Err(Refused::local(ErrorClass::Unsupported, words));
                }
                let set: Vec<Value> =
                    after.values.iter().map(|value| element(present, value, after.ttl.seconds())).collect();
                (self.call(Method::PUT, zone, &path).json(&set), 200)
            }
        };
        match self.rest.write_silent(zone, request, status).await {
            Ok(()) => Ok(()),
            // The set is gone already, if the domain is not.
            Err(refused) if refused.status == 404 && change.after().is_none() => {
                self.domain(zone).await.map(|_| ())
            }
            Err(refused) => Err(told_apart(refused)),
        }
    }

    async fn swap(&self, zone: &ZoneRef, seen: &Observed, swap: &Swap<'_>) -> Result<(), Refused> {
        swap_in_steps(self, zone, seen, swap).await
    }
}

#[async_trait]
impl Provider for GoDaddy {
    fn capabilities(&self) -> Capabilities {
        capabilities()
    }

    async fn test(&self, zone: &ZoneRef) -> TestReport {
        self.look(zone).await
    }

    /// One call for however many names: 60 a minute are too few to ask for each type at each name.
    async fn read(&self, zone: &ZoneRef, names: &[Name]) -> Result<Observed, ProviderError> {
        let mut sets = self.whole(zone).await?;
        sets.retain(|set| names.contains(&set.name));
        Ok(Observed::new(sets))
    }

    async fn list(&self, zone: &ZoneRef) -> Result<Observed, ProviderError> {
        Ok(Observed::new(self.whole(zone).await?))
    }

    async fn apply(&self, zone: &ZoneRef, seen: &Observed, changes: &[Change]) -> Vec<Outcome> {
        one_by_one(self, &capabilities(), zone, seen, changes).await
    }

    async fn dns_servers(&self, zone: &ZoneRef) -> Vec<String> {
        let domain = self.domain(zone).await;
        domain.ok().and_then(|domain| domain.name_servers).unwrap_or_default()
    }

    fn requests(&self) -> u64 {
        self.rest.requests()
    }

    fn physical_id(&self, zone: &ZoneRef) -> String {
        format!("godaddy|{}|{}", self.rest.identity, zone.name)
    }
}

/// What GoDaddy can hold.
pub fn capabilities() -> Capabilities {
    use RecordType as T;
    Capabilities {
        types: Some(vec![T::A, T::AAAA, T::CNAME, T::MX, T::NS, T::TXT]),
        ttl_seconds_min: 600,
        ttl_seconds_max: 604_800,
        values_per_set_max: 100,
        batch_changes_max: 25,
        atomic_batch: false,
        guard: Guard::None,
        whole: Whole::Nothing,
        settle_seconds: 60,
        write_concurrency: 1,
        calls_per_second: Some(1.0),
        zones: false,
        dnssec: false,
        text_cut: false,
    }
}
