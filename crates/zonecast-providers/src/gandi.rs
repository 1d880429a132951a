//! Gandi LiveDNS, through its REST API version 5 with a personal access token.
//!
//! From its documentation (api.gandi.net/docs/livedns), the clients of octoDNS and libdns, and
//! recorded traffic, looked at 2026-11-21:
//! - The unit is the RRset. One PUT replaces one set, or all sets at one name: the second is how a
//!   CNAME gives way to an address without a gap. A PUT above that replaces the whole zone and is never
//!   sent.
//! - A page may hold fewer sets than were asked for; `Total-Count` says how many all pages have.
//! - A name without records is answered 404, as is a domain that is not there: the domain is asked for.
//! - TTLs are 300 to 2,592,000. TXT comes back quoted, however it was sent.
//! - Targets without a final dot are relative to the zone.
//! - SOA, and the apex NS set while it is Gandi's own, are not listed.

use crate::fields::{Field, Kind, Settings, no_more_to_check, normalise_url, one};
use crate::redact::url_encode;
use crate::rest::listing::{Next, Pages, Wanted};
use crate::rest::member::{Listed, Member, gather};
use crate::rest::{
    PROBE, Refused, Rest, Swap, WriteSets, failed, full_name, label, observed, one_by_one, passed, read_only,
    spelled, swap_in_steps,
};
use crate::tls::Trust;
use crate::{ErrorClass, Outcome, Provider, ProviderError, TestReport, ZoneRef, ZoneSeed};
use async_trait::async_trait;
use reqwest::{Method, RequestBuilder};
use secrecy::ExposeSecret;
use serde::Deserialize;
use serde_json::{Value, json};
use std::sync::Arc;
use zonecast_core::{Capabilities, Change, Guard, Name, Observed, ObservedRRset, RecordType, Ttl, Whole};

/// Sets in one page.
const PAGE: usize = 500;
/// Up to this many names are read one by one.
const NARROW_MAX: usize = 4;

const FIELDS: &[Field] = &[
    Field::required(
        "api_token",
        "Personal Access Token",
        "with the right \"Manage domain name technical configurations\" (admin.gandi.net > Organizations > Sharing); not the deprecated API key",
    )
    .secret(),
    Field::optional("server_url", "Server URL", "where the API answers, unless it is Gandi's own")
        .or("https://api.gandi.net/v5/livedns")
        .endpoint()
        .spelled(normalise_url),
];

/// Gandi, for the list of kinds.
pub fn kind() -> Kind {
    Kind {
        name: "gandi",
        label: "Gandi LiveDNS",
        fields: FIELDS,
        capabilities: capabilities(),
        docs: "docs/providers/gandi.md",
        check: no_more_to_check,
        connect: |settings, deps| {
            let service = Gandi::new(settings, &deps.trust);
            Ok(Arc::new(service.map_err(|message| one("server_url", message))?))
        },
    }
}

/// One token at Gandi.
pub struct Gandi {
    rest: Rest,
}

#[derive(Deserialize)]
struct Domain {
    #[serde(default)]
    fqdn: String,
}

#[derive(Deserialize)]
struct RRsetIn {
    rrset_name: String,
    rrset_type: String,
    rrset_ttl: u32,
    #[serde(default)]
    rrset_values: Vec<String>,
}

impl Gandi {
    /// A connection; nothing is sent. `Err` is a sentence for the form.
    pub fn new(settings: &Settings, trust: &Trust) -> Result<Gandi, String> {
        let token = settings.secret("api_token");
        let authorization = format!("Bearer {}", token.expose_secret());
        let rest = Rest::new("Gandi", settings.plain("server_url"), trust, &[&token], authorization, words)?;
        Ok(Gandi { rest })
    }

    fn path(zone: &ZoneRef, below: &str) -> String {
        format!("/domains/{}{below}", url_encode(&zone.name.to_string()))
    }

    async fn domain(&self, zone: &ZoneRef) -> Result<Domain, Refused> {
        self.rest.ask(zone, self.rest.call(Method::GET, &Gandi::path(zone, ""))).await
    }

    /// Whether a 404 speaks of what was asked for, the domain being there.
    async fn only_the_set_is_missing(&self, zone: &ZoneRef, refused: Refused) -> Result<(), Refused> {
        match refused.status {
            404 => self.domain(zone).await.map(|_| ()),
            _ => Err(refused),
        }
    }

    async fn whole(&self, zone: &ZoneRef) -> Result<Vec<ObservedRRset>, Refused> {
        let mut pages = Pages::of(zone, "Gandi");
        loop {
            let path = format!("/records?page={}&per_page={PAGE}", pages.number());
            let request = self.rest.call(Method::GET, &Gandi::path(zone, &path));
            let (sets, around) = self.rest.ask_page::<Vec<Member<RRsetIn>>>(zone, request).await?;
            if !pages.take(sets.into_iter().map(Member::keyed), around.total, Next::Unsaid)? {
                return Ok(gather(zone, &zone.name, pages.members().values(), |set| set.observed(zone)));
            }
        }
    }

    async fn at(&self, zone: &ZoneRef, name: &Name) -> Result<Vec<ObservedRRset>, Refused> {
        let path = Gandi::path(zone, &format!("/records/{}", url_encode(&label(zone, name))));
        match self.rest.ask::<Vec<Member<RRsetIn>>>(zone, self.rest.call(Method::GET, &path)).await {
            Ok(sets) => Ok(gather(zone, name, &sets, |set| set.observed(zone))),
            Err(refused) => self.only_the_set_is_missing(zone, refused).await.map(|()| Vec::new()),
        }
    }

    async fn read_names(&self, zone: &ZoneRef, names: &[Name]) -> Result<Observed, Refused> {
        let wanted = Wanted::of(names);
        let Some(names) = wanted.one_by_one(NARROW_MAX) else {
            return Ok(wanted.among(self.whole(zone).await?));
        };
        let mut sets = Vec::new();
        for name in names {
            sets.extend(self.at(zone, name).await?);
        }
        Ok(wanted.among(sets))
    }

    async fn write(&self, zone: &ZoneRef, request: RequestBuilder) -> Result<(), Refused> {
        let written = self.rest.write(zone, request, is_yes).await;
        written.map(|_| ()).map_err(|mut refused| {
            if refused.status == 409 {
                refused.error.class = ErrorClass::Conflict;
            }
            refused
        })
    }

    async fn look(&self, zone: &ZoneRef) -> TestReport {
        let domain = match self.domain(zone).await {
            Ok(domain) => domain,
            Err(refused) => return failed(&explained(refused.error)),
        };
        if Name::parse(&domain.fqdn).ok().as_ref() != Some(&zone.name) {
            let words = format!("Gandi answered with {:?} when asked for {}", domain.fqdn, zone.name);
            return TestReport { zone_matches: false, ..read_only(words) };
        }
        let probe = self.rest.call(Method::DELETE, &Gandi::path(zone, &format!("/records/{PROBE}/TXT")));
        match self.rest.may_write(zone, probe).await {
            Ok(advice) => {
                let words = format!("Gandi LiveDNS has {} and takes changes", zone.name);
                passed(words, advice.into_iter().collect())
            }
            Err(error) => read_only(format!(
                "{}: the token may read, but lacks the right \"Manage domain name technical configurations\"",
                error.message
            )),
        }
    }
}

/// `{"message": "DNS Record Created"}`. A refusal has a message as well, with code and cause beside it.
fn is_yes(answer: &Value) -> bool {
    answer["message"].is_string() && ["code", "cause", "errors"].iter().all(|key| answer[*key].is_null())
}

/// Adds what Gandi's words leave unsaid.
fn explained(mut error: ProviderError) -> ProviderError {
    let more = match error.class {
        ErrorClass::Unauthorized => {
            ": the Personal Access Token is wrong or expired (an API key of the old kind does not do here)"
        }
        ErrorClass::Forbidden => {
            ": the token is known, but neither its products nor its rights cover this domain"
        }
        ErrorClass::NoSuchZone => {
            ": LiveDNS has no such domain; it has to use LiveDNS's name servers, or be added to LiveDNS"
        }
        _ => "",
    };
    error.message.push_str(more);
    error
}

/// `{"message", "cause"}`, and `errors` with a description for each field.
fn words(body: &Value) -> Option<String> {
    let mut words: Vec<String> = body["message"].as_str().map(str::to_owned).into_iter().collect();
    for fault in body["errors"].as_array().into_iter().flatten() {
        let text = |key: &str| fault[key].as_str().unwrap_or_default();
        words.push(format!("{}: {}", text("name"), text("description")));
    }
    (!words.is_empty()).then(|| words.join("; "))
}

impl Listed for RRsetIn {
    const KEYS: [&'static str; 2] = ["rrset_name", "rrset_type"];

    fn key(&self) -> String {
        format!("{} {}", self.rrset_name, self.rrset_type)
    }
}

impl RRsetIn {
    fn observed(&self, zone: &ZoneRef) -> Option<ObservedRRset> {
        let values = self.rrset_values.iter().map(String::as_str);
        observed(zone, full_name(zone, &self.rrset_name)?, &self.rrset_type, self.rrset_ttl, values)
    }
}

fn item(rtype: RecordType, ttl: Ttl, values: Vec<String>) -> Value {
    json!({ "rrset_type": rtype.to_string(), "rrset_ttl": ttl.seconds(), "rrset_values": values })
}

#[async_trait]
impl WriteSets for Gandi {
    async fn write_set(
        &self,
        zone: &ZoneRef,
        change: &Change,
        present: Option<&ObservedRRset>,
    ) -> Result<(), Refused> {
        let at = format!("/records/{}/{}", url_encode(&label(zone, change.name())), change.rtype());
        let path = Gandi::path(zone, &at);
        let Some(after) = change.after() else {
            return match self.rest.write_silent(zone, self.rest.call(Method::DELETE, &path), 204).await {
                Ok(()) => Ok(()),
                Err(refused) => self.only_the_set_is_missing(zone, refused).await,
            };
        };
        let values: Vec<String> = after.values.iter().map(|value| spelled(present, value)).collect();
        let body = json!({ "rrset_ttl": after.ttl.seconds(), "rrset_values": values });
        self.write(zone, self.rest.call(Method::PUT, &path).json(&body)).await
    }

    /// All sets at the name in one PUT: those that come or change, and those that stay as they are.
    async fn swap(&self, zone: &ZoneRef, seen: &Observed, swap: &Swap<'_>) -> Result<(), Refused> {
        let Some(name) = swap.first().map(|change| change.name()) else { return Ok(()) };
        let there = seen.at(name);
        if there.iter().any(|set| set.opaque) {
            return swap_in_steps(self, zone, seen, swap).await;
        }
        let touched = |set: &&ObservedRRset| swap.iter().any(|change| change.rtype() == set.rtype);
        let stay = there.iter().filter(|set| !touched(set)).map(|set| {
            item(set.rtype, set.ttl, set.values.iter().map(|value| spelled(Some(set), &value.data)).collect())
        });
        let come = swap.iter().filter_map(|change| change.after()).map(|after| {
            let present = seen.get(name, after.rtype);
            item(after.rtype, after.ttl, after.values.iter().map(|value| spelled(present, value)).collect())
        });
        let items: Vec<Value> = stay.chain(come).collect();
        let path = Gandi::path(zone, &format!("/records/{}", url_encode(&label(zone, name))));
        self.write(zone, self.rest.call(Method::PUT, &path).json(&json!({ "items": items }))).await
    }
}

#[async_trait]
impl Provider for Gandi {
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
        Ok(Observed::new(self.whole(zone).await.map_err(|refused| refused.error)?))
    }

    async fn apply(&self, zone: &ZoneRef, seen: &Observed, changes: &[Change]) -> Vec<Outcome> {
        one_by_one(self, &capabilities(), zone, seen, changes).await
    }

    async fn create_zone(&self, zone: &ZoneRef, _seed: &ZoneSeed) -> Result<Option<String>, ProviderError> {
        let body = json!({ "fqdn": zone.name.to_string() });
        match self.write(zone, self.rest.call(Method::POST, "/domains").json(&body)).await {
            Ok(()) => Ok(None),
            Err(refused) if refused.is_about_a_record() && self.domain(zone).await.is_ok() => Ok(None),
            Err(refused) => Err(explained(refused.error)),
        }
    }

    async fn dns_servers(&self, zone: &ZoneRef) -> Vec<String> {
        let request = self.rest.call(Method::GET, &Gandi::path(zone, "/nameservers"));
        self.rest.ask::<Vec<String>>(zone, request).await.unwrap_or_default()
    }

    fn requests(&self) -> u64 {
        self.rest.requests()
    }

    fn physical_id(&self, zone: &ZoneRef) -> String {
        format!("gandi|{}|{}", self.rest.identity, zone.name)
    }
}

/// What LiveDNS can hold. How many values a set may have is not published: Gandi says so itself.
pub fn capabilities() -> Capabilities {
    use RecordType as T;
    let types = vec![
        T::A,
        T::AAAA,
        T::CAA,
        T::CNAME,
        T::DNAME,
        T::DS,
        T::MX,
        RecordType(35),
        T::NS,
        T::PTR,
        T::SRV,
        RecordType(44),
        T::TLSA,
        T::TXT,
    ];
    Capabilities {
        types: Some(types),
        ttl_seconds_min: 300,
        ttl_seconds_max: 2_592_000,
        values_per_set_max: 500,
        batch_changes_max: 50,
        atomic_batch: false,
        guard: Guard::None,
        whole: Whole::Counted,
        settle_seconds: 60,
        write_concurrency: 1,
        calls_per_second: Some(4.0),
        // It makes zones, but does not delete them.
        zones: true,
        dnssec: false,
        text_cut: true,
    }
}
