//! DigitalOcean's DNS, through its REST API version 2 with a token.
//!
//! From its reference, the clients of octoDNS and dnscontrol, and recorded traffic, looked at
//! 2026-11-21:
//! - Every value is a record with an id of its own. Values are added, changed and removed one by one,
//!   by id, so neighbours are never in the call. There is no batch.
//! - The same value can be added twice: what is there is read again before each write.
//! - Targets are sent with a final dot and come back without. TXT is neither quoted nor escaped; a
//!   backslash in it is refused, and so is more than 512 characters.
//! - There are no PTR records here: a Droplet's reverse name is the Droplet's name.
//! - 5,000 calls an hour and 250 a minute for an account.

mod record;

use crate::fields::{Field, Kind, Settings, no_more_to_check, normalise_url, one};
use crate::redact::url_encode;
use crate::rest::by_id::{self, ById, Step};
use crate::rest::listing::{Pages, Wanted};
use crate::rest::member::{Member, gather};
use crate::rest::{Refused, Rest, failed, passed, read_only};
use crate::tls::Trust;
use crate::{ErrorClass, Outcome, Provider, ProviderError, TestReport, ZoneRef, ZoneSeed};
use async_trait::async_trait;
use record::{Listing, body_of, unfit};
use reqwest::Method;
use secrecy::ExposeSecret;
use serde::Deserialize;
use serde_json::{Value, json};
use std::sync::Arc;
use zonecast_core::{
    Capabilities, Change, Guard, Name, Observed, ObservedRRset, RecordData, RecordType, Whole,
};

/// Records in one page; more are not given.
const PAGE: usize = 200;
/// Up to this many names are read one by one.
const NARROW_MAX: usize = 4;

const FIELDS: &[Field] = &[
    Field::required(
        "api_token",
        "API Token",
        "a personal access token with the scopes domain:read, domain:create, domain:update and domain:delete",
    )
    .secret(),
    Field::optional("server_url", "Server URL", "where the API answers, unless it is DigitalOcean's own")
        .or("https://api.digitalocean.com/v2")
        .endpoint()
        .spelled(normalise_url),
];

/// DigitalOcean, for the list of kinds.
pub fn kind() -> Kind {
    Kind {
        name: "digitalocean",
        label: "DigitalOcean",
        fields: FIELDS,
        capabilities: capabilities(),
        docs: "docs/providers/digitalocean.md",
        check: no_more_to_check,
        connect: |settings, deps| {
            let service = DigitalOcean::new(settings, &deps.trust);
            Ok(Arc::new(service.map_err(|message| one("server_url", message))?))
        },
    }
}

/// One token at DigitalOcean.
pub struct DigitalOcean {
    rest: Rest,
}

#[derive(Deserialize)]
struct DomainAnswer {
    domain: Domain,
}

#[derive(Deserialize)]
struct Domain {
    name: String,
}

impl DigitalOcean {
    /// A connection; nothing is sent. `Err` is a sentence for the form.
    pub fn new(settings: &Settings, trust: &Trust) -> Result<DigitalOcean, String> {
        let token = settings.secret("api_token");
        let authorization = format!("Bearer {}", token.expose_secret());
        let rest =
            Rest::new("DigitalOcean", settings.plain("server_url"), trust, &[&token], authorization, words)?;
        Ok(DigitalOcean { rest })
    }

    fn path(zone: &ZoneRef, below: &str) -> String {
        format!("/domains/{}{below}", url_encode(&zone.name.to_string()))
    }

    async fn domain(&self, zone: &ZoneRef) -> Result<Domain, Refused> {
        let request = self.rest.call(Method::GET, &DigitalOcean::path(zone, ""));
        Ok(self.rest.ask::<DomainAnswer>(zone, request).await?.domain)
    }

    /// Every set that `filter` lets through, from all pages.
    async fn fetch(&self, zone: &ZoneRef, at: &Name, filter: &str) -> Result<Vec<ObservedRRset>, Refused> {
        let mut pages = Pages::of(zone, "DigitalOcean");
        loop {
            let path = format!("/records?per_page={PAGE}&page={}{filter}", pages.number());
            let request = self.rest.call(Method::GET, &DigitalOcean::path(zone, &path));
            let answer: Listing = self.rest.ask(zone, request).await?;
            // Whether a total knows of the filter is not documented.
            let (next, total) = (answer.next(), answer.total().filter(|_| filter.is_empty()));
            if !pages.take(answer.domain_records.into_iter().map(Member::keyed), total, next)? {
                return Ok(gather(zone, at, pages.members().values(), |record| record.observed(zone)));
            }
        }
    }

    async fn read_names(&self, zone: &ZoneRef, names: &[Name]) -> Result<Observed, Refused> {
        let wanted = Wanted::of(names);
        let Some(names) = wanted.one_by_one(NARROW_MAX) else {
            return Ok(wanted.among(self.fetch(zone, &zone.name, "").await?));
        };
        let mut sets = Vec::new();
        for name in names {
            // The filter wants the whole name, though records carry the relative one.
            sets.extend(self.fetch(zone, name, &format!("&name={}", url_encode(&name.to_string()))).await?);
        }
        Ok(wanted.among(sets))
    }

    async fn look(&self, zone: &ZoneRef) -> TestReport {
        let domain = match self.domain(zone).await {
            Ok(domain) => domain,
            Err(refused) => return failed(&explained(refused.error)),
        };
        if Name::parse(&domain.name).ok().as_ref() != Some(&zone.name) {
            let words = format!("DigitalOcean answered with {} when asked for {}", domain.name, zone.name);
            return TestReport { zone_matches: false, ..read_only(words) };
        }
        // No record has the id 0.
        let mut advice = Vec::new();
        for (method, scope) in [(Method::DELETE, "domain:delete"), (Method::PATCH, "domain:update")] {
            let probe = self.rest.call(method, &DigitalOcean::path(zone, "/records/0")).json(&json!({}));
            match self.rest.may_write(zone, probe).await {
                Ok(more) => advice.extend(more),
                Err(error) => {
                    let words = format!("{}: the token may read, but lacks the scope {scope}", error.message);
                    return read_only(words);
                }
            }
        }
        passed(format!("DigitalOcean has {} and takes changes", zone.name), advice)
    }
}

/// Adds what DigitalOcean's words leave unsaid.
fn explained(mut error: ProviderError) -> ProviderError {
    let more = match error.class {
        ErrorClass::Unauthorized => ": the API Token is wrong, expired or revoked",
        ErrorClass::Forbidden => ": the token is known, but lacks the scope domain:read",
        ErrorClass::NoSuchZone => ": the token's team has no such domain",
        _ => "",
    };
    error.message.push_str(more);
    error
}

/// `{"id", "message", "request_id"}`.
fn words(body: &Value) -> Option<String> {
    Some(format!("{} ({})", body["message"].as_str()?, body["id"].as_str().unwrap_or("no id")))
}

#[async_trait]
impl ById for DigitalOcean {
    fn unfit(&self, value: &RecordData) -> Option<String> {
        unfit(value)
    }

    async fn send(&self, zone: &ZoneRef, name: &Name, step: &Step<'_>) -> Result<(), Refused> {
        let call = |method: Method, id: u64| {
            self.rest.call(method, &DigitalOcean::path(zone, &format!("/records/{id}")))
        };
        let request = match *step {
            Step::Put { id, value, ttl } => call(Method::PUT, id).json(&body_of(zone, name, value, ttl)),
            Step::Post { value, ttl } => {
                let request = self.rest.call(Method::POST, &DigitalOcean::path(zone, "/records"));
                request.json(&body_of(zone, name, value, ttl))
            }
            Step::Delete { id } => return self.rest.write_silent(zone, call(Method::DELETE, id), 204).await,
        };
        self.rest.write(zone, request, |answer| answer["domain_record"].is_object()).await.map(|_| ())
    }
}

#[async_trait]
impl Provider for DigitalOcean {
    fn capabilities(&self) -> Capabilities {
        capabilities()
    }

    async fn test(&self, zone: &ZoneRef) -> TestReport {
        self.look(zone).await
    }

    async fn read(&self, zone: &ZoneRef, names: &[Name]) -> Result<Observed, ProviderError> {
        self.read_names(zone, names).await.map_err(|refused| refused.error)
    }

    async fn list(&self, zone: &ZoneRef) -> Result<Observed, ProviderError> {
        Ok(Observed::new(self.fetch(zone, &zone.name, "").await.map_err(|refused| refused.error)?))
    }

    async fn apply(&self, zone: &ZoneRef, seen: &Observed, changes: &[Change]) -> Vec<Outcome> {
        by_id::apply(self, zone, seen, changes).await
    }

    async fn create_zone(&self, zone: &ZoneRef, _seed: &ZoneSeed) -> Result<Option<String>, ProviderError> {
        let body = json!({ "name": zone.name.to_string() });
        let request = self.rest.call(Method::POST, "/domains").json(&body);
        match self.rest.write(zone, request, |answer| answer["domain"].is_object()).await {
            Ok(_) => Ok(None),
            // A name that is taken may be taken by this very team.
            Err(refused) if refused.is_about_a_record() && self.domain(zone).await.is_ok() => Ok(None),
            Err(refused) => Err(explained(refused.error)),
        }
    }

    async fn delete_zone(&self, zone: &ZoneRef) -> Result<(), ProviderError> {
        let request = self.rest.call(Method::DELETE, &DigitalOcean::path(zone, ""));
        match self.rest.write_silent(zone, request, 204).await {
            Err(refused) if refused.status != 404 => Err(refused.error),
            _ => Ok(()),
        }
    }

    async fn dns_servers(&self, _zone: &ZoneRef) -> Vec<String> {
        // The same for every domain.
        (1..=3).map(|n| format!("ns{n}.digitalocean.com")).collect()
    }

    fn requests(&self) -> u64 {
        self.rest.requests()
    }

    fn physical_id(&self, zone: &ZoneRef) -> String {
        format!("digitalocean|{}|{}", self.rest.identity, zone.name)
    }
}

/// What DigitalOcean can hold.
pub fn capabilities() -> Capabilities {
    use RecordType as T;
    Capabilities {
        types: Some(vec![T::A, T::AAAA, T::CAA, T::CNAME, T::MX, T::NS, T::SRV, T::TXT]),
        ttl_seconds_min: 30,
        ttl_seconds_max: i32::MAX as u32,
        values_per_set_max: 50,
        batch_changes_max: 50,
        atomic_batch: false,
        guard: Guard::Values,
        whole: Whole::Counted,
        settle_seconds: 30,
        write_concurrency: 1,
        calls_per_second: Some(1.3),
        zones: true,
        dnssec: false,
        text_cut: false,
    }
}
