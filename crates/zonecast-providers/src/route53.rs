//! Amazon Route 53, through its REST-XML API of 2013-04-01, signed with Signature Version 4.
//!
//! From its documentation, service model and recorded traffic, looked at 2026-11-21:
//! - A change batch is all or nothing and its changes are carried out in order: DELETE of what was
//!   read and CREATE of what shall be is refused when somebody changed the set meanwhile. UPSERT
//!   overwrites blindly and is used only for SOA and the apex NS set, which cannot be deleted.
//! - A batch holds 1,000 values and 32,000 characters of them; an UPSERT counts twice.
//! - A refused batch names its faults, several at once; nothing of it was done.
//! - Throttling and "another change of this zone is in work" come as HTTP 400.
//! - Names and texts are escaped in octal: `\052.example.org.` is the wildcard.
//! - Listings begin at a name, they do not filter by it.
//! - Sets with an alias target, a set identifier, a health check or a traffic policy are somebody's
//!   machinery: shown, never written.
//! - Several zones may bear one name (public and private, or copies): then the zone id has to be given.
//! - The SOA serial never moves. A change is on all servers when GetChange says INSYNC.

mod look;
mod refusal;
mod sign;
mod text;
mod wire;
mod write;

use crate::dnssec::Signed;
use crate::fields::{Field, Kind, Settings, no_more_to_check, normalise_url, one};
use crate::http::{Http, canonical_endpoint};
use crate::redact::{Redactor, url_encode};
use crate::tls::Trust;
use crate::{ErrorClass, Outcome, Provider, ProviderError, TestReport, ZoneRef, ZoneSeed};
use async_trait::async_trait;
use futures_util::{StreamExt, TryStreamExt, stream};
use refusal::Refused;
use reqwest::Method;
use secrecy::{ExposeSecret, SecretString};
use sign::Signer;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use wire::{Hosted, Listing};
use zonecast_core::{Capabilities, Change, Guard, Name, Observed, ObservedRRset, RecordType};

/// Sets in one page, the most there is.
const PAGE: usize = 300;
/// Pages read at most.
const PAGES_MAX: usize = 10_000;
/// Reads of one name in flight at one time.
const PARALLEL: usize = 4;

const FIELDS: &[Field] = &[
    Field::required(
        "access_key_id",
        "Access Key ID",
        "AKIA... of a user, or ASIA... together with a session token",
    ),
    Field::required("secret_access_key", "Secret Access Key", "shown once, when the access key was made")
        .secret(),
    Field::optional("session_token", "Session Token", "with temporary keys only").secret(),
    Field::optional(
        "hosted_zone_id",
        "Hosted Zone ID",
        "such as Z0123456789ABC; without it the zone is looked up by its name",
    ),
    Field::optional("server_url", "Server URL", "where the API answers, unless it is Amazon's own")
        .or("https://route53.amazonaws.com")
        .endpoint()
        .spelled(normalise_url),
];

/// Route 53, for the list of kinds.
pub fn kind() -> Kind {
    Kind {
        name: "route53",
        label: "Amazon Route 53",
        fields: FIELDS,
        capabilities: capabilities(),
        docs: "docs/providers/route53.md",
        check: no_more_to_check,
        connect: |settings, deps| {
            let service = Route53::new(settings, &deps.trust);
            Ok(Arc::new(service.map_err(|message| one("server_url", message))?))
        },
    }
}

/// One access key, and the zones it was seen to lead to.
pub struct Route53 {
    http: Http,
    redactor: Redactor,
    signer: Signer,
    /// `https://route53.amazonaws.com/2013-04-01`.
    base: String,
    identity: String,
    zone_id: Option<String>,
    zones: Mutex<HashMap<Name, Arc<Hosted>>>,
}

impl Route53 {
    /// A connection; nothing is sent. `Err` is a sentence for the form.
    pub fn new(settings: &Settings, trust: &Trust) -> Result<Route53, String> {
        let plain = |name: &str| settings.plain.get(name).cloned();
        let secret = |name: &str| settings.secrets.get(name).cloned();
        let root = plain("server_url").unwrap_or_else(|| "https://route53.amazonaws.com".to_owned());
        let root = root.trim_end_matches('/').trim_end_matches("/2013-04-01");
        let signer = Signer {
            key_id: plain("access_key_id").unwrap_or_default(),
            secret: secret("secret_access_key").unwrap_or_default(),
            token: secret("session_token"),
            region: sign::region_of(root),
        };
        let secrets = [Some(&signer.secret), signer.token.as_ref()];
        let redactor =
            Redactor::new(secrets.into_iter().flatten().map(|secret: &SecretString| secret.expose_secret()));
        Ok(Route53 {
            http: Http::new("Route 53", root, trust, redactor.clone())?,
            redactor,
            signer,
            identity: canonical_endpoint(root),
            base: format!("{root}/2013-04-01"),
            zone_id: plain("hosted_zone_id").map(|id| bare(&id).to_owned()),
            zones: Mutex::default(),
        })
    }

    /// Sends a signed call; gives the body of a success.
    async fn ask(
        &self,
        zone: &ZoneRef,
        method: Method,
        path: &str,
        query: &[(&str, &str)],
        body: Option<String>,
    ) -> Result<String, Refused> {
        let request = self.signer.request(&self.http, method, &format!("{}{path}", self.base), query, body);
        match self.http.send(request, zone.deadline).await {
            Ok(answer) => refusal::open(&self.http, &self.redactor, zone, &answer),
            Err(failure) => Err(Refused::lost(zone, failure)),
        }
    }

    fn known(&self) -> MutexGuard<'_, HashMap<Name, Arc<Hosted>>> {
        self.zones.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn id_of<'a>(&'a self, zone: &'a ZoneRef) -> Option<&'a str> {
        zone.provider_zone_id.as_deref().map(bare).or(self.zone_id.as_deref())
    }

    /// The zone behind name or id, looked up once. That it bears the name is certain afterwards.
    async fn resolve(&self, zone: &ZoneRef) -> Result<Arc<Hosted>, ProviderError> {
        let cached = self.known().get(&zone.name).cloned();
        if let Some(hosted) = cached.filter(|hosted| self.id_of(zone).is_none_or(|id| id == hosted.id)) {
            return Ok(hosted);
        }
        let found = match self.id_of(zone) {
            Some(id) => self.by_id(zone, id).await,
            None => self.by_name(zone).await,
        };
        let hosted = Arc::new(found.map_err(|refused| refused.error)?);
        if hosted.name.as_ref() != Some(&zone.name) {
            let words = format!(
                "{}: the Hosted Zone ID {} is that of {} at Route 53",
                zone.name,
                hosted.id,
                hosted.name.as_ref().map_or_else(String::new, Name::to_string)
            );
            return Err(ProviderError::new(ErrorClass::NoSuchZone, words));
        }
        self.known().insert(zone.name.clone(), hosted.clone());
        Ok(hosted)
    }

    async fn by_id(&self, zone: &ZoneRef, id: &str) -> Result<Hosted, Refused> {
        let path = format!("/hostedzone/{}", url_encode(id));
        match self.ask(zone, Method::GET, &path, &[], None).await {
            Ok(xml) => wire::hosted(&xml).ok_or_else(|| Refused::unreadable(zone, false)),
            // A policy may allow records and not the zone: the listing begins with the zone's own name.
            Err(refused) if refused.code == "AccessDenied" => {
                let first = self.page(zone, id, &[("maxitems", "1")]).await.map_err(|_| refused)?;
                Ok(Hosted { name: first.sets.first().map(|set| set.name.clone()), ..Hosted::unread(id) })
            }
            Err(refused) => Err(refused),
        }
    }

    async fn by_name(&self, zone: &ZoneRef) -> Result<Hosted, Refused> {
        let name = text::name_out(&zone.name);
        let query = [("dnsname", name.as_str()), ("maxitems", "100")];
        let xml = self.ask(zone, Method::GET, "/hostedzonesbyname", &query, None).await?;
        let all = wire::hosted_list(&xml).ok_or_else(|| Refused::unreadable(zone, false))?;
        let mut found: Vec<Hosted> =
            all.into_iter().filter(|one| one.name.as_ref() == Some(&zone.name) && !one.private).collect();
        match (found.pop(), found.is_empty()) {
            (Some(one), true) => Ok(one),
            (Some(last), false) => Err(Refused::local(
                ErrorClass::NoSuchZone,
                format!(
                    "{}: Route 53 has several public zones of this name: give the Hosted Zone ID ({}, {})",
                    zone.name,
                    found.iter().map(|one| one.id.as_str()).collect::<Vec<_>>().join(", "),
                    last.id
                ),
            )),
            (None, _) => Err(Refused::local(
                ErrorClass::NoSuchZone,
                format!(
                    "{}: Route 53 has no public hosted zone of this name in the account of this key (a private one needs its Hosted Zone ID)",
                    zone.name
                ),
            )),
        }
    }

    async fn page(&self, zone: &ZoneRef, id: &str, query: &[(&str, &str)]) -> Result<Listing, Refused> {
        let path = format!("/hostedzone/{}/rrset", url_encode(id));
        let xml = self.ask(zone, Method::GET, &path, query, None).await?;
        wire::listing(zone, &xml).ok_or_else(|| Refused::unreadable(zone, false))
    }

    /// Sets from `from` on, page after page while `goes_on` for the page's last name.
    async fn fetch(
        &self,
        zone: &ZoneRef,
        id: &str,
        from: Option<&Name>,
        page_size: &str,
        goes_on: impl Fn(&Name) -> bool,
    ) -> Result<Vec<ObservedRRset>, ProviderError> {
        let mut sets: Vec<ObservedRRset> = Vec::new();
        let mut next: Vec<(&str, String)> =
            from.map(|name| ("name", text::name_out(name))).into_iter().collect();
        for _ in 0..PAGES_MAX {
            let mut query: Vec<(&str, &str)> = vec![("maxitems", page_size)];
            query.extend(next.iter().map(|(key, value)| (*key, value.as_str())));
            let page = self.page(zone, id, &query).await.map_err(|refused| self.forget(zone, refused))?;
            sets.extend(page.sets);
            match page.next {
                Some(more) if more.query == next => {
                    let words =
                        format!("{}: Route 53 gave a page of the listing again; it is read again", zone.name);
                    return Err(ProviderError::new(ErrorClass::Transient, words));
                }
                Some(more) if goes_on(&more.name) => next = more.query,
                _ => return Ok(sets),
            }
        }
        Err(ProviderError::new(
            ErrorClass::Transient,
            format!("{}: Route 53's listing does not end", zone.name),
        ))
    }

    fn forget(&self, zone: &ZoneRef, refused: Refused) -> ProviderError {
        if refused.error.class == ErrorClass::NoSuchZone {
            self.known().remove(&zone.name);
        }
        refused.error
    }

    async fn read_names(
        &self,
        zone: &ZoneRef,
        hosted: &Hosted,
        names: &[Name],
    ) -> Result<Observed, ProviderError> {
        let mut wanted: Vec<Name> = names.to_vec();
        wanted.sort_unstable();
        wanted.dedup();
        if wanted.len() > hosted.sets.div_ceil(PAGE).max(1) {
            let mut all = self.fetch(zone, &hosted.id, None, "300", |_| true).await?;
            all.retain(|set| wanted.binary_search(&set.name).is_ok());
            return Ok(Observed::new(all));
        }
        let mut calls = Vec::with_capacity(wanted.len());
        for name in &wanted {
            calls.push(async move {
                let mut sets = self.fetch(zone, &hosted.id, Some(name), "20", |next| next == name).await?;
                sets.retain(|set| set.name == *name);
                Ok::<_, ProviderError>(sets)
            });
        }
        let parts: Vec<Vec<ObservedRRset>> =
            stream::iter(calls).buffer_unordered(PARALLEL).try_collect().await?;
        Ok(Observed::new(parts.into_iter().flatten().collect()))
    }
}

#[async_trait]
impl Provider for Route53 {
    fn capabilities(&self) -> Capabilities {
        capabilities()
    }

    async fn test(&self, zone: &ZoneRef) -> TestReport {
        self.look(zone).await
    }

    async fn read(&self, zone: &ZoneRef, names: &[Name]) -> Result<Observed, ProviderError> {
        let hosted = self.resolve(zone).await?;
        self.read_names(zone, &hosted, names).await
    }

    async fn list(&self, zone: &ZoneRef) -> Result<Observed, ProviderError> {
        let hosted = self.resolve(zone).await?;
        let sets = self.fetch(zone, &hosted.id, None, "300", |_| true).await?;
        let counted = Hosted { sets: sets.len(), ..Hosted::clone(&hosted) };
        self.known().insert(zone.name.clone(), Arc::new(counted));
        Ok(Observed::new(sets))
    }

    async fn apply(&self, zone: &ZoneRef, seen: &Observed, changes: &[Change]) -> Vec<Outcome> {
        if changes.is_empty() {
            return Vec::new();
        }
        match self.resolve(zone).await {
            Ok(hosted) => self.write(zone, &hosted, seen, changes).await,
            Err(error) => vec![Outcome::Failed(error); changes.len()],
        }
    }

    async fn create_zone(&self, zone: &ZoneRef, _seed: &ZoneSeed) -> Result<Option<String>, ProviderError> {
        // The same name a second time would make a second zone.
        match self.resolve(zone).await {
            Ok(hosted) => return Ok(Some(hosted.id.clone())),
            Err(error) if error.class != ErrorClass::NoSuchZone || error.message.contains("several") => {
                return Err(error);
            }
            Err(_) => {}
        }
        let body = wire::create_zone(&zone.name);
        let xml = self.ask(zone, Method::POST, "/hostedzone", &[], Some(body)).await;
        let xml = xml.map_err(|refused| refused.error)?;
        let hosted = wire::hosted(&xml).ok_or_else(|| Refused::unreadable(zone, true).error)?;
        Ok(Some(hosted.id))
    }

    async fn delete_zone(&self, zone: &ZoneRef) -> Result<(), ProviderError> {
        let hosted = match self.resolve(zone).await {
            Err(error) if error.class == ErrorClass::NoSuchZone && !error.message.contains("several") => {
                return Ok(());
            }
            other => other?,
        };
        self.empty(zone, &hosted).await?;
        self.known().remove(&zone.name);
        let path = format!("/hostedzone/{}", url_encode(&hosted.id));
        match self.ask(zone, Method::DELETE, &path, &[], None).await {
            Ok(_) => Ok(()),
            Err(refused) if refused.error.class == ErrorClass::NoSuchZone => Ok(()),
            Err(refused) => Err(refused.error),
        }
    }

    async fn dns_servers(&self, zone: &ZoneRef) -> Vec<String> {
        let Ok(hosted) = self.resolve(zone).await else { return Vec::new() };
        match hosted.name_servers.is_empty() {
            false => hosted.name_servers.clone(),
            true => self.by_id(zone, &hosted.id).await.map(|hosted| hosted.name_servers).unwrap_or_default(),
        }
    }

    async fn dnssec(&self, zone: &ZoneRef) -> Result<Option<Signed>, ProviderError> {
        let hosted = self.resolve(zone).await?;
        let path = format!("/hostedzone/{}/dnssec", url_encode(&hosted.id));
        let xml = self.ask(zone, Method::GET, &path, &[], None).await;
        let xml = xml.map_err(|refused| self.forget(zone, refused))?;
        wire::signed(&zone.name, &xml).map_err(|words| {
            ProviderError::new(ErrorClass::Transient, format!("{}: Route 53: {words}", zone.name))
        })
    }

    fn requests(&self) -> u64 {
        self.http.requests()
    }

    fn physical_id(&self, zone: &ZoneRef) -> String {
        let id = self.id_of(zone).map_or_else(|| zone.name.to_string(), str::to_owned);
        format!("route53|{}|{id}", self.identity)
    }
}

/// `/hostedzone/Z123` as people paste it is `Z123`.
fn bare(id: &str) -> &str {
    id.rsplit('/').next().unwrap_or(id)
}

/// What Route 53 holds.
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
    RecordType::SOA,
    RecordType::SPF,
    RecordType::SRV,
    RecordType(44),
    RecordType::SVCB,
    RecordType::TLSA,
    RecordType::TXT,
];

/// What Route 53 can hold.
pub fn capabilities() -> Capabilities {
    Capabilities {
        types: Some(TYPES.to_vec()),
        values_per_set_max: 400,
        batch_changes_max: 500,
        atomic_batch: true,
        guard: Guard::CompareAndSet,
        settle_seconds: 60,
        write_concurrency: 1,
        calls_per_second: Some(4.0),
        zones: true,
        dnssec: true,
        ..Capabilities::unlimited()
    }
}
