//! One file per DNS service that Zonecast writes to.
//!
//! Read the [`Provider`] trait first, then `memory` (the reference), then any other: they all look
//! alike. A provider knows its service's wire and its service's traps, and nothing of hosts, claims
//! or jobs: it reads RRsets, applies changes to RRsets, and tells errors apart by what the caller
//! should do about them.

pub mod cloudflare;
pub mod conformance;
pub mod coredns;
pub mod desec;
pub mod digitalocean;
pub mod dnssec;
pub mod embedded;
pub mod fields;
pub mod gandi;
pub mod godaddy;
mod hand;
pub mod hestiacp;
pub mod hetzner;
pub mod http;
pub mod memory;
pub mod ovh;
pub mod powerdns;
pub mod reach;
pub mod redact;
mod rest;
pub mod rfc2136;
mod rounds;
pub mod route53;
pub mod tls;
mod turn;
mod vet;

pub use rounds::carry_out;

use async_trait::async_trait;
use std::time::{Duration, Instant};
use zonecast_core::{Capabilities, Change, Name, Observed};

/// One zone at one connection, as a provider needs to know it.
#[derive(Clone, Debug)]
pub struct ZoneRef {
    /// The zone's name.
    pub name: Name,
    /// The provider's own id of the zone, where it has one.
    pub provider_zone_id: Option<String>,
    /// No call may last beyond this instant: the lease that allows it ends soon after.
    pub deadline: Instant,
}

impl ZoneRef {
    /// A zone with the usual deadline of 30 seconds from now.
    pub fn new(name: Name) -> ZoneRef {
        ZoneRef { name, provider_zone_id: None, deadline: Instant::now() + Duration::from_secs(30) }
    }
}

/// What happened to one change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The provider holds it.
    Done,
    /// The provider refused it, or it was never sent.
    Failed(ProviderError),
    /// It was sent and no answer came: read again before anything else.
    Unknown(ProviderError),
}

/// What the caller should do about an error (design section 4).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ErrorClass {
    /// Try again with backoff.
    Transient,
    /// Try again, not before this.
    RateLimited {
        /// What the service asked for, if it did.
        retry_after: Option<Duration>,
    },
    /// The credentials are wrong: park the connection.
    Unauthorized,
    /// The credentials may not touch this zone: park the zone.
    Forbidden,
    /// The service has no such zone: park the zone.
    NoSuchZone,
    /// This record will never be taken as it is.
    Rejected,
    /// Somebody changed it between our read and our write: plan again.
    Conflict,
    /// The account or zone is full.
    Quota,
    /// The service cannot do this.
    Unsupported,
}

impl ErrorClass {
    /// Whether it is a no that was meant, and asking again changes nothing.
    pub(crate) fn is_refusal(&self) -> bool {
        !matches!(self, ErrorClass::Transient | ErrorClass::RateLimited { .. })
    }

    /// Whether trying the same again later can help by itself.
    pub fn is_retryable(&self) -> bool {
        matches!(self, ErrorClass::Transient | ErrorClass::RateLimited { .. } | ErrorClass::Conflict)
    }

    /// The word shown in API and logs.
    pub fn as_str(&self) -> &'static str {
        match self {
            ErrorClass::Transient => "transient",
            ErrorClass::RateLimited { .. } => "rate_limited",
            ErrorClass::Unauthorized => "unauthorized",
            ErrorClass::Forbidden => "forbidden",
            ErrorClass::NoSuchZone => "no_such_zone",
            ErrorClass::Rejected => "rejected",
            ErrorClass::Conflict => "conflict",
            ErrorClass::Quota => "quota",
            ErrorClass::Unsupported => "unsupported",
        }
    }
}

/// A refusal or a failure, in the service's own words without secrets.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct ProviderError {
    /// What to do about it.
    pub class: ErrorClass,
    /// Zone, service and the service's own words; never a secret.
    pub message: String,
    /// The change this is about, by its index in the call, where the service named it.
    pub culprit: Option<usize>,
}

impl ProviderError {
    /// An error of a class.
    pub fn new(class: ErrorClass, message: impl Into<String>) -> ProviderError {
        ProviderError { class, message: message.into(), culprit: None }
    }
}

/// The four findings of Test (S2.72-77, X20), and the words for the toast.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize)]
pub struct TestReport {
    /// All four are true.
    pub ok: bool,
    /// The service answered.
    pub reachable: bool,
    /// The credentials are right.
    pub authorised: bool,
    /// The service has this zone, under this name.
    pub zone_matches: bool,
    /// Records of it may be written.
    pub can_write: bool,
    /// One sentence for a person; the provider's exact words where it refused.
    pub message: String,
    /// Advice that does not make the test fail.
    pub advice: Vec<String>,
}

/// Test as the work goes: what the provider found, and then one read through the same connection. A key
/// may see a zone and not its records, and such a zone would be parked at its first pass.
pub async fn test_whole(provider: &dyn Provider, zone: &ZoneRef) -> TestReport {
    let report = provider.test(zone).await;
    if !report.ok {
        return report;
    }
    // A name that nobody has: at the zone's own, some services can only list everything.
    let name = zone.name.child("_zonecast-may-i-read").unwrap_or_else(|_| zone.name.clone());
    match provider.read(zone, &[name]).await {
        Ok(_) => report,
        Err(error) => {
            let message = format!("the zone is there, but its records cannot be read: {}", error.message);
            TestReport { ok: false, message, ..report }
        }
    }
}

/// A service that holds zones. One value stands for one connection: endpoint, trust and secrets.
///
/// Every method is bounded by `zone.deadline`. Nothing is retried inside: the engine owns retries.
#[async_trait]
pub trait Provider: Send + Sync {
    /// What the service can hold; constant for the life of the value.
    fn capabilities(&self) -> Capabilities;

    /// Looks, and changes nothing that anybody could see. Never an `Err`: what went wrong is the report.
    async fn test(&self, zone: &ZoneRef) -> TestReport;

    /// Every RRset at each of `names` (all types, except those a signer makes), sorted. A name with
    /// nothing is simply not in the answer; an error means nothing is known.
    async fn read(&self, zone: &ZoneRef, names: &[Name]) -> Result<Observed, ProviderError>;

    /// The whole zone, sorted, except what a signer makes. Never empty on error.
    async fn list(&self, zone: &ZoneRef) -> Result<Observed, ProviderError>;

    /// Applies changes planned from `seen`; gives exactly one outcome per change, in order. One call speaks
    /// of each set once; [`carry_out`] takes plans that do not.
    ///
    /// Neighbours' values inside the sets are written back as `seen` spells them. Twice is the same
    /// as once: deleting what is gone and creating what is there are `Done`. One refused change does
    /// not stop the others: the named culprit is taken out, else the batch is bisected.
    ///
    /// Before: `www A 192.0.2.1`. Call: `Replace www A {192.0.2.1} -> {192.0.2.2}`. After: `www A
    /// 192.0.2.2`, and no query in between saw anything else than one of the two.
    async fn apply(&self, zone: &ZoneRef, seen: &Observed, changes: &[Change]) -> Vec<Outcome>;

    /// Makes the zone; `Done` when it is there already. The provider's own zone id comes back.
    async fn create_zone(&self, zone: &ZoneRef, primary: &ZoneSeed) -> Result<Option<String>, ProviderError> {
        let _ = (zone, primary);
        Err(ProviderError::new(ErrorClass::Unsupported, "this provider does not create zones"))
    }

    /// Removes the zone with all it holds; fine when it is gone already.
    async fn delete_zone(&self, zone: &ZoneRef) -> Result<(), ProviderError> {
        let _ = zone;
        Err(ProviderError::new(ErrorClass::Unsupported, "this provider does not delete zones"))
    }

    /// Called after verification found an old answer: drop caches for these names, if the service has any.
    async fn refresh(&self, zone: &ZoneRef, names: &[Name]) {
        let _ = (zone, names);
    }

    /// Where the provider says its name servers are; empty where it cannot tell.
    async fn dns_servers(&self, zone: &ZoneRef) -> Vec<String> {
        let _ = zone;
        Vec::new()
    }

    /// DNSKEY and DS of the zone, for its registrar; `None` where the service could sign it and does
    /// not. Read only: nothing is switched on or off. `Unsupported` where the service signs nothing or
    /// cannot tell; `capabilities().dnssec` says beforehand that it can.
    async fn dnssec(&self, zone: &ZoneRef) -> Result<Option<dnssec::Signed>, ProviderError> {
        let _ = zone;
        Err(ProviderError::new(ErrorClass::Unsupported, "this provider does not tell keys of a zone"))
    }

    /// How many requests this connection has sent in its life, where one call of a method may take
    /// several: the engine counts them against the account's budget. Zero is "one a call".
    fn requests(&self) -> u64 {
        0
    }

    /// The zone's identity at this connection, for `physical_id`: canonical endpoint and zone id.
    fn physical_id(&self, zone: &ZoneRef) -> String;
}

/// What a new zone starts with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ZoneSeed {
    /// The primary's name, for the SOA.
    pub primary: Name,
    /// The mailbox of the SOA, as a name.
    pub mailbox: Name,
    /// The apex NS set.
    pub name_servers: Vec<Name>,
}
