//! Hetzner DNS, through the Cloud API with the token of a project.
//!
//! From its reference, its Go and Python clients (2026-08-18) and recorded traffic, looked at
//! 2026-11-21:
//! - DNS lives in the Cloud API since 2025-10. The older DNS Console had an API and tokens of its own
//!   (`dns.hetzner.com`), and a zone is in one of the two systems only: an older token is explained.
//! - The unit is the RRset. Its values and its TTL are changed by two calls, and each call starts an
//!   action: nothing is certain before the action has ended, so it is waited for.
//! - A record can carry a comment, which is lost where the record is written without: it goes along.
//! - A set or zone under protection refuses changes; such a set is left alone.
//! - Targets without a final dot are relative to the zone. `ttl: null` means the zone's own.
//! - 3,600 calls an hour for a project, given back one a second.

mod wire;

use crate::fields::{Field, FieldError, Kind, Settings, normalise_url, one};
use crate::redact::url_encode;
use crate::rest::listing::{Pages, Wanted};
use crate::rest::member::{Member, gather};
use crate::rest::{
    PROBE, Refused, Rest, Swap, WriteSets, failed, label, one_by_one, passed, read_only, swap_in_steps,
};
use crate::tls::Trust;
use crate::{ErrorClass, Outcome, Provider, ProviderError, TestReport, ZoneRef, ZoneSeed};
use async_trait::async_trait;
use reqwest::{Method, RequestBuilder};
use secrecy::{ExposeSecret, SecretString};
use serde_json::{Value, json};
use std::sync::Arc;
use std::time::{Duration, Instant};
use wire::{Listing, Started, ZoneAnswer, ZoneInfo, record_of, words};
use zonecast_core::{
    Capabilities, Change, Guard, Name, Observed, ObservedRRset, RecordData, RecordType, Whole,
};

/// RRsets in one page; more are not given.
const PAGE: usize = 100;
/// Up to this many names are read one by one.
const NARROW_MAX: usize = 4;
/// The first look at an action that is not over; each next one waits twice as long.
const LOOK_AGAIN: Duration = Duration::from_millis(100);
const LOOK_AGAIN_MAX: Duration = Duration::from_secs(1);
/// Tokens of the older DNS Console are this long, those of a project 64.
const OLD_TOKEN: usize = 32;
const OLD_WORDS: &str = "this is the older DNS Console, whose API and tokens do not work here: move the zone to Hetzner Console (DNS Console, \"migrate\"), then make an API token in the zone's project there (Security > API tokens, Read & Write)";

const FIELDS: &[Field] = &[
    Field::required(
        "api_token",
        "API Token",
        "a Read & Write token of the project that holds the zone (Hetzner Console > Security > API tokens; not one of the older DNS Console)",
    )
    .secret(),
    Field::optional("server_url", "Server URL", "where the API answers, unless it is Hetzner's own")
        .or("https://api.hetzner.cloud/v1")
        .endpoint()
        .spelled(normalise_url),
];

/// Hetzner, for the list of kinds.
pub fn kind() -> Kind {
    Kind {
        name: "hetzner",
        label: "Hetzner",
        fields: FIELDS,
        capabilities: capabilities(),
        docs: "docs/providers/hetzner.md",
        check: not_the_older_one,
        connect: |settings, deps| {
            let service = Hetzner::new(settings, &deps.trust);
            Ok(Arc::new(service.map_err(|message| one("server_url", message))?))
        },
    }
}

fn not_the_older_one(settings: &mut Settings) -> Vec<FieldError> {
    match settings.plain("server_url").contains("://dns.hetzner.com") {
        true => one("server_url", OLD_WORDS.to_owned()),
        false => Vec::new(),
    }
}

/// One token at Hetzner.
pub struct Hetzner {
    rest: Rest,
    token: SecretString,
}

impl Hetzner {
    /// A connection; nothing is sent. `Err` is a sentence for the form.
    pub fn new(settings: &Settings, trust: &Trust) -> Result<Hetzner, String> {
        let token = settings.secret("api_token");
        let authorization = format!("Bearer {}", token.expose_secret());
        let rest =
            Rest::new("Hetzner", settings.plain("server_url"), trust, &[&token], authorization, words)?;
        Ok(Hetzner { rest, token })
    }

    /// Zones are found by name as well as by id.
    fn zone_path(zone: &ZoneRef) -> String {
        let id = zone.provider_zone_id.clone().unwrap_or_else(|| zone.name.to_string());
        format!("/zones/{}", url_encode(&id))
    }

    fn set_path(zone: &ZoneRef, name: &Name, rtype: &str) -> String {
        format!("{}/rrsets/{}/{rtype}", Hetzner::zone_path(zone), url_encode(&label(zone, name)))
    }

    /// The zone; that it bears the name is certain afterwards.
    async fn zone(&self, zone: &ZoneRef) -> Result<ZoneInfo, Refused> {
        let request = self.rest.call(Method::GET, &Hetzner::zone_path(zone));
        let answer: ZoneAnswer = self.rest.ask(zone, request).await.map_err(|refused| self.class(refused))?;
        if Name::parse(&answer.zone.name).ok().as_ref() == Some(&zone.name) {
            return Ok(answer.zone);
        }
        let (id, name) = (answer.zone.id, &answer.zone.name);
        let words = format!("{}: the zone {id} at Hetzner is {name}", zone.name);
        Err(Refused::local(ErrorClass::NoSuchZone, words))
    }

    /// Sends a write and waits until what it started has ended.
    async fn act(&self, zone: &ZoneRef, request: RequestBuilder) -> Result<Value, Refused> {
        let answer = self.rest.write(zone, request, |answer| answer["action"].is_object()).await;
        let answer = answer.map_err(|refused| self.class(refused))?;
        let mut started: Started = serde_json::from_value(answer.clone()).unwrap_or_default();
        let mut pause = LOOK_AGAIN;
        while let Some(action) = started.action.take() {
            match action.status.as_str() {
                "running" if Instant::now() + pause < zone.deadline => {}
                "running" => {
                    let words = format!("{}: Hetzner is still at it (action {})", zone.name, action.id);
                    let refused = Refused::local(ErrorClass::Transient, words);
                    return Err(Refused { unknown: true, ..refused });
                }
                "error" => {
                    let said = self.rest.say(&action.error.map(|error| error.words()).unwrap_or_default());
                    let words = format!("{}: Hetzner gave up on it: {said}", zone.name);
                    return Err(Refused::local(ErrorClass::Transient, words));
                }
                _ => break,
            }
            tokio::time::sleep(pause).await;
            pause = (pause * 2).min(LOOK_AGAIN_MAX);
            let request = self.rest.call(Method::GET, &format!("/actions/{}", action.id));
            // It was taken, whatever becomes of the question.
            started =
                self.rest.ask(zone, request).await.map_err(|refused| Refused { unknown: true, ..refused })?;
        }
        Ok(answer)
    }

    /// Tells refusals apart by Hetzner's codes, and explains the token of the older console.
    fn class(&self, mut refused: Refused) -> Refused {
        use ErrorClass as E;
        let body = refused.json();
        let class = match body["error"]["code"].as_str().unwrap_or_default() {
            "uniqueness_error" => E::Conflict,
            "protected" => E::Rejected,
            "incorrect_zone_mode" | "token_readonly" => E::Forbidden,
            "resource_limit_exceeded" => E::Quota,
            "unsupported_error" => E::Unsupported,
            "locked" | "conflict" | "maintenance" | "resource_unavailable" | "timeout" => E::Transient,
            _ => refused.error.class.clone(),
        };
        refused.error.class = class;
        if refused.status == 401 {
            let old = self.token.expose_secret().len() == OLD_TOKEN;
            let more = if old { OLD_WORDS } else { "the API Token is wrong or was deleted" };
            refused.error.message.push_str(&format!(": {more}"));
        }
        refused
    }

    /// Every set that `filter` lets through, from all pages.
    async fn fetch(
        &self,
        zone: &ZoneRef,
        at: &Name,
        filter: &str,
    ) -> Result<Vec<ObservedRRset>, ProviderError> {
        let mut pages = Pages::of(zone, "Hetzner");
        loop {
            let number = pages.number();
            let path = format!("{}/rrsets?per_page={PAGE}&page={number}{filter}", Hetzner::zone_path(zone));
            let answer = self.rest.ask(zone, self.rest.call(Method::GET, &path)).await;
            let answer: Listing = answer.map_err(|refused| self.class(refused).error)?;
            let (next, total) = answer.around(number);
            if !pages.take(answer.rrsets.into_iter().map(Member::keyed), total, next)? {
                break;
            }
        }
        let found = pages.members();
        // Only a set without a TTL of its own needs the zone's.
        let default = match found.values().any(|set| set.read().is_some_and(|set| set.ttl.is_none())) {
            true => self.zone(zone).await.map_err(|refused| refused.error)?.ttl,
            false => 0,
        };
        Ok(gather(zone, at, found.values(), |set| set.observed(zone, default)))
    }

    async fn look(&self, zone: &ZoneRef) -> TestReport {
        let info = match self.zone(zone).await {
            Ok(info) => info,
            Err(mut refused) => {
                if refused.status == 404 {
                    refused.error.message.push_str(": the token's project has no such zone; if the older DNS Console has it, migrate it first");
                }
                return failed(&refused.error);
            }
        };
        if info.is_secondary() {
            return read_only(secondary_words(zone));
        }
        let probe = Hetzner::zone_path(zone) + &format!("/rrsets/{PROBE}/TXT");
        match self.rest.may_write(zone, self.rest.call(Method::DELETE, &probe)).await {
            Ok(mut advice) => {
                let mut all: Vec<String> = advice.take().into_iter().collect();
                all.extend(info.advice());
                passed(format!("Hetzner has {} (id {}) and takes changes", zone.name, info.id), all)
            }
            Err(error) => read_only(format!("{}: a token that may write is needed", error.message)),
        }
    }
}

/// Why a copy of another server's zone is not written to.
fn secondary_words(zone: &ZoneRef) -> String {
    format!("{} is a secondary zone at Hetzner: its records come from its primary; connect that", zone.name)
}

#[async_trait]
impl WriteSets for Hetzner {
    async fn write_set(
        &self,
        zone: &ZoneRef,
        change: &Change,
        present: Option<&ObservedRRset>,
    ) -> Result<(), Refused> {
        let path = Hetzner::set_path(zone, change.name(), &change.rtype().to_string());
        let Some(after) = change.after() else {
            return match self.act(zone, self.rest.call(Method::DELETE, &path)).await {
                Err(refused) if refused.status == 404 => Ok(()),
                ended => ended.map(|_| ()),
            };
        };
        let records: Vec<Value> = after.values.iter().map(|value| record_of(present, value)).collect();
        let create = json!({
            "name": label(zone, change.name()), "type": change.rtype().to_string(),
            "ttl": after.ttl.seconds(), "records": records,
        });
        let create = || {
            let path = format!("{}/rrsets", Hetzner::zone_path(zone));
            self.act(zone, self.rest.call(Method::POST, &path).json(&create))
        };
        let clash = match present {
            Some(_) => None,
            None => match create().await {
                Ok(_) => return Ok(()),
                Err(refused) if refused.error.class == ErrorClass::Conflict => Some(refused),
                Err(refused) => return Err(refused),
            },
        };
        let post = |action: &str, body: Value| {
            self.act(zone, self.rest.call(Method::POST, &format!("{path}/actions/{action}")).json(&body))
        };
        if present.is_none_or(|set| set.ttl != after.ttl) {
            match post("change_ttl", json!({ "ttl": after.ttl.seconds() })).await {
                // It went since it was read; or it never was, and another type is in the way.
                Err(refused) if refused.status == 404 => match clash {
                    Some(clash) => return Err(clash),
                    None => return create().await.map(|_| ()),
                },
                ended => ended?,
            };
        }
        let held =
            |value: &RecordData| present.is_some_and(|set| set.values.iter().any(|one| one.data == *value));
        let as_many = present.is_some_and(|set| set.values.len() == after.values.len());
        if as_many && after.values.iter().all(held) {
            return Ok(());
        }
        match post("set_records", json!({ "records": records })).await {
            Err(refused) if refused.status == 404 => create().await.map(|_| ()),
            ended => ended.map(|_| ()),
        }
    }

    async fn swap(&self, zone: &ZoneRef, seen: &Observed, swap: &Swap<'_>) -> Result<(), Refused> {
        swap_in_steps(self, zone, seen, swap).await
    }
}

#[async_trait]
impl Provider for Hetzner {
    fn capabilities(&self) -> Capabilities {
        capabilities()
    }

    async fn test(&self, zone: &ZoneRef) -> TestReport {
        self.look(zone).await
    }

    async fn read(&self, zone: &ZoneRef, names: &[Name]) -> Result<Observed, ProviderError> {
        let wanted = Wanted::of(names);
        let Some(names) = wanted.one_by_one(NARROW_MAX) else {
            return Ok(wanted.among(self.fetch(zone, &zone.name, "").await?));
        };
        let mut sets = Vec::new();
        for name in names {
            let filter = format!("&name={}", url_encode(&label(zone, name)));
            sets.extend(self.fetch(zone, name, &filter).await?);
        }
        Ok(wanted.among(sets))
    }

    async fn list(&self, zone: &ZoneRef) -> Result<Observed, ProviderError> {
        Ok(Observed::new(self.fetch(zone, &zone.name, "").await?))
    }

    async fn apply(&self, zone: &ZoneRef, seen: &Observed, changes: &[Change]) -> Vec<Outcome> {
        if changes.is_empty() {
            return Vec::new();
        }
        let all = |error: ProviderError| vec![Outcome::Failed(error); changes.len()];
        match self.zone(zone).await {
            Ok(info) if info.is_secondary() => {
                all(ProviderError::new(ErrorClass::Forbidden, secondary_words(zone)))
            }
            Ok(_) => one_by_one(self, &capabilities(), zone, seen, changes).await,
            Err(refused) => all(refused.error),
        }
    }

    async fn create_zone(&self, zone: &ZoneRef, _seed: &ZoneSeed) -> Result<Option<String>, ProviderError> {
        let body = json!({ "name": zone.name.to_string(), "mode": "primary" });
        match self.act(zone, self.rest.call(Method::POST, "/zones").json(&body)).await {
            Ok(answer) => Ok(answer["zone"]["id"].as_u64().map(|id| id.to_string())),
            Err(refused) if refused.error.class == ErrorClass::Conflict => {
                // Another account's zone is not found.
                let held = self.zone(&ZoneRef { provider_zone_id: None, ..zone.clone() }).await;
                held.map(|held| Some(held.id.to_string())).map_err(|_| refused.error)
            }
            Err(refused) => Err(refused.error),
        }
    }

    async fn delete_zone(&self, zone: &ZoneRef) -> Result<(), ProviderError> {
        match self.act(zone, self.rest.call(Method::DELETE, &Hetzner::zone_path(zone))).await {
            Err(refused) if refused.status != 404 => Err(refused.error),
            _ => Ok(()),
        }
    }

    async fn dns_servers(&self, zone: &ZoneRef) -> Vec<String> {
        self.zone(zone).await.map(|info| info.servers()).unwrap_or_default()
    }

    fn requests(&self) -> u64 {
        self.rest.requests()
    }

    fn physical_id(&self, zone: &ZoneRef) -> String {
        // By name: it is as unique at Hetzner as the id, and is known before the first answer.
        format!("hetzner|{}|{}", self.rest.identity, zone.name)
    }
}

/// What Hetzner can hold. Its limit of values in a set is not published: it says so itself.
pub fn capabilities() -> Capabilities {
    use RecordType as T;
    let types = vec![
        T::A,
        T::AAAA,
        T::CAA,
        T::CNAME,
        T::DS,
        T::HTTPS,
        T::MX,
        T::NS,
        T::PTR,
        T::SRV,
        T::SVCB,
        T::TLSA,
        T::TXT,
    ];
    Capabilities {
        types: Some(types),
        ttl_seconds_min: 60,
        ttl_seconds_max: i32::MAX as u32,
        values_per_set_max: 500,
        batch_changes_max: 50,
        atomic_batch: false,
        guard: Guard::None,
        whole: Whole::Apex,
        settle_seconds: 30,
        write_concurrency: 1,
        calls_per_second: Some(1.0),
        zones: true,
        dnssec: false,
        text_cut: true,
    }
}
