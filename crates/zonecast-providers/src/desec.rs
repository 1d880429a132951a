//! deSEC, through its REST API version 1 with a token.
//!
//! From its documentation and its published source (desec-stack of 2026-08-18), looked at 2026-11-21:
//! - The unit is the RRset. One PATCH takes many sets, all or nothing; an empty set is a deletion, and
//!   deletions are carried out first, so one type gives way to another without a gap.
//! - A refused PATCH answers with a list of faults, one place for each set, so the bad ones are known
//!   at once. What is found only while saving has no place: then the batch is halved.
//! - TTLs below the domain's `minimum_ttl` (3600 unless deSEC allows less) are refused.
//! - Writes are few: 2 a second, 15 a minute, 100 an hour, 300 a day for one domain. A 429 can ask
//!   for hours of quiet.
//! - Every URL ends with a slash. The apex is an empty subname in bodies and queries.
//! - SOA and what signing needs are deSEC's own and not listed. Zones are always signed.

mod write;

use crate::dnssec::{Signed, SigningKey};
use crate::fields::{Field, Kind, Settings, no_more_to_check, normalise_url, one};
use crate::http::json_words as words;
use crate::redact::url_encode;
use crate::rest::listing::{Next, Pages, Wanted};
use crate::rest::member::{Listed, Member, gather};
use crate::rest::{PROBE, Refused, Rest, failed, full_name, label, observed, passed, read_only};
use crate::tls::Trust;
use crate::{ErrorClass, Outcome, Provider, ProviderError, TestReport, ZoneRef, ZoneSeed};
use async_trait::async_trait;
use reqwest::Method;
use secrecy::ExposeSecret;
use serde::Deserialize;
use serde_json::json;
use std::sync::Arc;
use zonecast_core::{Capabilities, Change, Guard, Name, Observed, ObservedRRset, RecordType, Whole};

/// Up to this many names are read one by one; above, the whole zone is (50 reads a minute are allowed).
const NARROW_MAX: usize = 4;
/// What deSEC asks of nearly every domain.
const MINIMUM_TTL: u32 = 3_600;
const TTL_MAX: u32 = 86_400;

const FIELDS: &[Field] = &[
    Field::required("api_token", "API Token", "made under Token Management at desec.io").secret(),
    Field::optional(
        "minimum_ttl",
        "Minimum TTL",
        "the smallest TTL in seconds that deSEC allows your domain; 3600 unless support lowered it",
    )
    .or("3600")
    .spelled(seconds),
    Field::optional("server_url", "Server URL", "where the API answers, unless it is deSEC's own")
        .or("https://desec.io/api/v1")
        .endpoint()
        .spelled(normalise_url),
];

fn seconds(text: &str) -> Result<String, String> {
    match text.parse::<u32>() {
        Ok(seconds) if (1..=TTL_MAX).contains(&seconds) => Ok(seconds.to_string()),
        _ => Err(format!("{text:?} is not a number of seconds from 1 to {TTL_MAX}")),
    }
}

/// deSEC, for the list of kinds.
pub fn kind() -> Kind {
    Kind {
        name: "desec",
        label: "deSEC",
        fields: FIELDS,
        capabilities: capabilities(MINIMUM_TTL),
        docs: "docs/providers/desec.md",
        check: no_more_to_check,
        connect: |settings, deps| {
            let service = Desec::new(settings, &deps.trust);
            Ok(Arc::new(service.map_err(|message| one("server_url", message))?))
        },
    }
}

/// One token at deSEC.
pub struct Desec {
    rest: Rest,
    minimum_ttl: u32,
}

#[derive(Deserialize)]
struct Domain {
    name: String,
    #[serde(default)]
    minimum_ttl: Option<u32>,
    #[serde(default)]
    keys: Vec<Key>,
}

#[derive(Deserialize)]
struct Key {
    dnskey: String,
    #[serde(default)]
    ds: Vec<String>,
}

#[derive(Deserialize)]
struct RRsetIn {
    #[serde(default)]
    subname: String,
    #[serde(rename = "type")]
    rtype: String,
    ttl: u32,
    #[serde(default)]
    records: Vec<String>,
}

impl Listed for RRsetIn {
    const KEYS: [&'static str; 2] = ["subname", "type"];

    fn key(&self) -> String {
        format!("{} {}", self.subname, self.rtype)
    }
}

impl RRsetIn {
    fn observed(&self, zone: &ZoneRef) -> Option<ObservedRRset> {
        let values = self.records.iter().map(String::as_str);
        observed(zone, full_name(zone, &self.subname)?, &self.rtype, self.ttl, values)
    }
}

impl Desec {
    /// A connection; nothing is sent. `Err` is a sentence for the form.
    pub fn new(settings: &Settings, trust: &Trust) -> Result<Desec, String> {
        let token = settings.secret("api_token");
        let authorization = format!("Token {}", token.expose_secret());
        let rest = Rest::new("deSEC", settings.plain("server_url"), trust, &[&token], authorization, words)?;
        Ok(Desec { rest, minimum_ttl: settings.plain("minimum_ttl").parse().unwrap_or(MINIMUM_TTL) })
    }

    fn path(zone: &ZoneRef, below: &str) -> String {
        format!("/domains/{}/{below}", url_encode(&zone.name.to_string()))
    }

    async fn domain(&self, zone: &ZoneRef) -> Result<Domain, Refused> {
        self.rest.ask(zone, self.rest.call(Method::GET, &Desec::path(zone, ""))).await
    }

    /// Every set that `filter` lets through, from all pages.
    async fn fetch(
        &self,
        zone: &ZoneRef,
        at: &Name,
        filter: &str,
    ) -> Result<Vec<ObservedRRset>, ProviderError> {
        let mut pages = Pages::of(zone, "deSEC");
        let mut cursor = String::new();
        loop {
            let path = Desec::path(zone, &format!("rrsets/?cursor={}{filter}", url_encode(&cursor)));
            let request = self.rest.call(Method::GET, &path);
            let (sets, around): (Vec<Member<RRsetIn>>, _) =
                self.rest.ask_page(zone, request).await.map_err(|refused| refused.error)?;
            // Only the cursor is taken of the link: the token goes to the endpoint it was given for.
            let next = around.next.as_deref().and_then(cursor_of);
            if !pages.take(sets.into_iter().map(Member::keyed), None, Next::when(next.is_some()))? {
                return Ok(gather(zone, at, pages.members().values(), |set| set.observed(zone)));
            }
            cursor = next.unwrap_or_default();
        }
    }

    async fn look(&self, zone: &ZoneRef) -> TestReport {
        let domain = match self.domain(zone).await {
            Ok(domain) => domain,
            Err(refused) => return failed(&explained(zone, refused.error)),
        };
        if Name::parse(&domain.name).ok().as_ref() != Some(&zone.name) {
            let words = format!("deSEC answered with {} when asked for {}", domain.name, zone.name);
            return TestReport { zone_matches: false, ..read_only(words) };
        }
        let probe = json!([{ "subname": PROBE, "type": "TXT", "records": [] }]);
        let probe = self.rest.call(Method::PATCH, &Desec::path(zone, "rrsets/")).json(&probe);
        let mut advice: Vec<String> = match self.rest.may_write(zone, probe).await {
            Ok(advice) => advice.into_iter().collect(),
            Err(error) => {
                let words = "the token may read, but a policy keeps it from writing RRsets of this domain";
                return read_only(format!("{}: {words} ({})", zone.name, error.message));
            }
        };
        let minimum = domain.minimum_ttl.unwrap_or(MINIMUM_TTL);
        if minimum > self.minimum_ttl {
            advice.push(format!(
                "deSEC refuses TTLs below {minimum} in this domain: set Minimum TTL to {minimum}"
            ));
        } else if minimum < self.minimum_ttl {
            advice.push(format!("deSEC allows TTLs down to {minimum} here: Minimum TTL may be lowered"));
        }
        passed(format!("deSEC has {} and takes changes", zone.name), advice)
    }
}

/// Adds what deSEC's words leave unsaid.
fn explained(zone: &ZoneRef, mut error: ProviderError) -> ProviderError {
    match error.class {
        ErrorClass::NoSuchZone => {
            error.message.push_str(&format!(": the token's account has no domain {}", zone.name));
        }
        ErrorClass::Unauthorized => error.message.push_str(": the API Token is wrong, expired or deleted"),
        ErrorClass::Forbidden => {
            error.message.push_str(
                ": the token is known, but not for this: look at its policies, and at its Client IP restriction",
            );
        }
        _ => {}
    }
    error
}

/// `cursor` of a link to the next page.
fn cursor_of(link: &str) -> Option<String> {
    let url = reqwest::Url::parse(link).ok()?;
    url.query_pairs().find(|(key, _)| key == "cursor").map(|(_, value)| value.into_owned())
}

#[async_trait]
impl Provider for Desec {
    fn capabilities(&self) -> Capabilities {
        capabilities(self.minimum_ttl)
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
            let subname = label(zone, name);
            let filter = format!("&subname={}", url_encode(subname.trim_start_matches('@')));
            let found = self.fetch(zone, name, &filter).await?;
            sets.extend(found.into_iter().filter(|set| set.name == *name));
        }
        Ok(wanted.among(sets))
    }

    async fn list(&self, zone: &ZoneRef) -> Result<Observed, ProviderError> {
        Ok(Observed::new(self.fetch(zone, &zone.name, "").await?))
    }

    async fn apply(&self, zone: &ZoneRef, seen: &Observed, changes: &[Change]) -> Vec<Outcome> {
        self.send_all(zone, seen, changes).await
    }

    async fn create_zone(&self, zone: &ZoneRef, _seed: &ZoneSeed) -> Result<Option<String>, ProviderError> {
        let body = json!({ "name": zone.name.to_string() });
        let request = self.rest.call(Method::POST, "/domains/").json(&body);
        let refused = match self.rest.write(zone, request, |answer| answer["name"].is_string()).await {
            Ok(_) => return Ok(None),
            Err(refused) => refused,
        };
        // A name that is taken may be taken by this very account.
        if refused.status == 400 && self.domain(zone).await.is_ok() {
            return Ok(None);
        }
        let mut error = explained(zone, refused.error);
        if error.message.contains("imit") && error.class == ErrorClass::Forbidden {
            error.class = ErrorClass::Quota;
        }
        Err(error)
    }

    async fn delete_zone(&self, zone: &ZoneRef) -> Result<(), ProviderError> {
        match self.rest.write_silent(zone, self.rest.call(Method::DELETE, &Desec::path(zone, "")), 204).await
        {
            Ok(_) => Ok(()),
            Err(refused) if refused.status == 404 => Ok(()),
            Err(refused) => Err(refused.error),
        }
    }

    async fn dns_servers(&self, zone: &ZoneRef) -> Vec<String> {
        let request = self.rest.call(Method::GET, &Desec::path(zone, "rrsets/@/NS/"));
        let set = self.rest.ask::<RRsetIn>(zone, request).await;
        set.map(|set| set.records.iter().map(|name| name.trim_end_matches('.').to_owned()).collect())
            .unwrap_or_default()
    }

    /// Zones are always signed, so there are always keys once the zone is published.
    async fn dnssec(&self, zone: &ZoneRef) -> Result<Option<Signed>, ProviderError> {
        let domain = self.domain(zone).await.map_err(|refused| explained(zone, refused.error))?;
        let keys = domain.keys.iter().map(|key| SigningKey::read(&zone.name, &key.dnskey, true, &key.ds));
        let keys: Vec<SigningKey> = keys.collect::<Result<_, _>>().map_err(|words| {
            ProviderError::new(ErrorClass::Transient, format!("{}: deSEC: {words}", zone.name))
        })?;
        Ok((!keys.is_empty()).then(|| Signed { state: String::new(), keys }))
    }

    fn requests(&self) -> u64 {
        self.rest.requests()
    }

    fn physical_id(&self, zone: &ZoneRef) -> String {
        format!("desec|{}|{}", self.rest.identity, zone.name)
    }
}

/// What deSEC can hold, in domains with this smallest TTL.
pub fn capabilities(minimum_ttl: u32) -> Capabilities {
    use RecordType as T;
    let types = vec![
        T::A,
        T::AAAA,
        T::CAA,
        T::CNAME,
        T::DNAME,
        T::DS,
        T::HTTPS,
        T::MX,
        RecordType(35),
        T::NS,
        T::PTR,
        T::SRV,
        RecordType(44),
        T::SVCB,
        T::TLSA,
        T::TXT,
    ];
    Capabilities {
        types: Some(types),
        ttl_seconds_min: minimum_ttl,
        ttl_seconds_max: TTL_MAX,
        // The whole set has to fit into one DNS message; 1,000 addresses do.
        values_per_set_max: 1_000,
        batch_changes_max: 500,
        atomic_batch: true,
        guard: Guard::None,
        whole: Whole::Counted,
        settle_seconds: 60,
        write_concurrency: 1,
        calls_per_second: Some(0.25),
        zones: true,
        dnssec: true,
        text_cut: true,
    }
}
