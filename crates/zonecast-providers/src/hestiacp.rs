//! HestiaCP 1.8 and newer, through the commands that its HTTP API runs.
//!
//! Seen with the sources of August 2026 (33 commits after 1.10.3) running against BIND 9.18, 2026-11:
//! - There are no sets, only lines with an id. We work on single lines, so a neighbour's line is not
//!   in our calls: what came in since the read stays. The window of a deletion or a change by id is
//!   that one call; a whole replace (below) has the window of one call for the whole zone.
//! - A write takes seconds and grows with the zone, as the whole zone is written out each time; two
//!   at once may give two lines one id. One write is in flight per server.
//! - Success does not mean that it is served: the name server's refusal is ignored. What it would
//!   refuse (a CNAME beside anything, an empty text) is refused here, every write is listed
//!   afterwards, and `refresh` writes the zone out again.
//! - Some additions are appended to the file and written out once; many, and many removals, are one
//!   replaced file. A HestiaCP that sends its zones to others learns nothing of either, so there, and where
//!   the key may not, each line is a call of its own.
//! - Both listings drop backslashes. A file is replaced only when no line that stays could have one.
//! - The last A and the last NS of a zone cannot be removed by command, only by a replaced file.

mod file;
mod form;
mod look;
mod plan;
mod records;
mod wire;
mod write;

use crate::fields::{FieldError, Kind, Settings};
use crate::http::{Http, canonical_endpoint};
use crate::redact::Redactor;
use crate::tls::Trust;
use crate::turn::turn_of;
use crate::{ErrorClass, Outcome, Provider, ProviderError, TestReport, ZoneRef};
use async_trait::async_trait;
use form::Login;
use records::{Held, from_json, from_plain, held};
use secrecy::ExposeSecret;
use serde::Deserialize;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use tokio::sync::OnceCell;
use zonecast_core::{
    Capabilities, Change, Guard, Name, Observed, ObservedRRset, RecordData, RecordType, Ttl,
};

/// HestiaCP, for the list of kinds.
pub fn kind() -> Kind {
    Kind {
        name: "hestiacp",
        label: "HestiaCP",
        fields: form::FIELDS,
        capabilities: capabilities(),
        docs: "docs/providers/hestiacp.md",
        check: form::check,
        connect: |settings, deps| Ok(Arc::new(HestiaCp::connect(settings, &deps.trust)?)),
    }
}

/// One HestiaCP server and a way to log in there.
pub struct HestiaCp {
    http: Http,
    login: Login,
    /// `https://host:8083/api/`: without the final slash the server redirects, and nobody follows.
    api: String,
    /// The server in canonical form.
    identity: String,
    /// The HestiaCP user who owns the zones.
    user: String,
    /// One write at a time, shared by every connection to this server.
    turn: Arc<tokio::sync::Mutex<()>>,
    server: OnceCell<ServerInfo>,
    /// The key may not append to files or replace them.
    may_not_append: AtomicBool,
    /// Zones whose file changed and was not written out.
    unserved: Mutex<BTreeSet<Name>>,
}

/// What the server says of itself, where it does.
#[derive(Clone, Debug, Default)]
struct ServerInfo {
    version: Option<(u32, u32, u32)>,
    /// Other HestiaCP servers are sent every record: they learn of checked commands only.
    feeds_others: Option<bool>,
}

/// A zone's entry.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "UPPERCASE", default)]
struct Entry {
    /// As the server spells it; commands want it so.
    #[serde(skip)]
    spelled: String,
    ttl: String,
    soa: String,
    serial: String,
    /// The cluster master that sends it.
    src: String,
    records: String,
    suspended: String,
}

impl HestiaCp {
    /// A connection from settings that were validated; nothing is sent.
    pub(crate) fn connect(settings: &Settings, trust: &Trust) -> Result<HestiaCp, Vec<FieldError>> {
        let plain = |name: &str| settings.plain.get(name).map(String::as_str).unwrap_or_default();
        let wrong = |field: &str, message: String| vec![FieldError { field: field.to_owned(), message }];
        let mut trust = trust.clone();
        if let Some(pin) = settings.plain.get("server_certificate_sha256") {
            trust.pinned_sha256 = Trust::parse_pin(pin);
        }
        let secret = settings.secrets.get("admin_password").map(ExposeSecret::expose_secret);
        let login = Login::new(plain("admin_user"), secret.unwrap_or_default());
        let login = login.map_err(|(field, message)| wrong(field, message.to_owned()))?;
        let root = plain("server_url").trim_end_matches('/');
        let secrets = login.secrets();
        let redactor = Redactor::new(secrets.iter().map(String::as_str));
        let http = Http::new("HestiaCP", &format!("{root}/"), &trust, redactor);
        let http = http.map_err(|message| wrong("server_url", message))?;
        let identity = canonical_endpoint(root);
        Ok(HestiaCp {
            http,
            login,
            api: format!("{root}/api/"),
            turn: turn_of(&identity),
            identity,
            user: plain("user").to_owned(),
            server: OnceCell::new(),
            may_not_append: AtomicBool::new(false),
            unserved: Mutex::default(),
        })
    }

    /// Version and cluster; a key that may not ask leaves both unknown.
    async fn server(&self, zone: &ZoneRef) -> Result<ServerInfo, ProviderError> {
        let ask = || async {
            match self.ask(zone, "v-list-sys-config", &["json"]).await {
                Ok(text) => Ok(server_info(&text)),
                Err(error) if matches!(error.class, ErrorClass::Forbidden | ErrorClass::Unsupported) => {
                    Ok(ServerInfo::default())
                }
                Err(error) => Err(error),
            }
        };
        self.server.get_or_try_init(ask).await.cloned()
    }

    /// The zone's entry. A zone made in national script is known only so.
    async fn entry(&self, zone: &ZoneRef) -> Result<Entry, ProviderError> {
        let mut spellings = vec![zone.provider_zone_id.clone().unwrap_or_else(|| zone.name.to_string())];
        if zone.name.unicode() != zone.name.to_string() {
            spellings.push(zone.name.unicode());
        }
        let mut missing = None;
        for spelled in spellings {
            match self.ask(zone, "v-list-dns-domain", &[&self.user, &spelled, "json"]).await {
                Ok(text) => {
                    let mut entries: BTreeMap<String, Entry> =
                        serde_json::from_str(&text).map_err(|_| self.no_listing(zone, &text))?;
                    let found = entries.remove(&spelled).ok_or_else(|| self.no_listing(zone, &text))?;
                    return Ok(Entry { spelled, ..found });
                }
                Err(error) if error.class == ErrorClass::NoSuchZone => {
                    missing.get_or_insert(error);
                }
                Err(error) => return Err(error),
            }
        }
        Err(missing.unwrap_or_else(|| self.no_listing(zone, "")))
    }

    /// Every record of the zone. Never empty: a zone has name servers.
    async fn records(&self, zone: &ZoneRef, entry: &Entry) -> Result<Vec<Held>, ProviderError> {
        let ask = |format| async move {
            self.ask(zone, "v-list-dns-records", &[&self.user, &entry.spelled, format]).await
        };
        let text = ask("json").await?;
        let lines = match from_json(&text) {
            Some(lines) => lines,
            // A value that spoils the JSON ends like any other; a torn listing does not.
            None if text.starts_with('{') && text.ends_with('}') => {
                let text = ask("plain").await?;
                let lines = from_plain(&text).ok_or_else(|| self.no_listing(zone, &text))?;
                let whole = entry.records.parse().is_ok_and(|count: usize| lines.len() >= count);
                if whole { lines } else { return Err(self.no_listing(zone, "fewer records than it has")) }
            }
            None => return Err(self.no_listing(zone, &text)),
        };
        match held(&zone.name, lines) {
            Ok(records) if records.is_empty() => Err(self.no_listing(zone, "no records, not even NS")),
            Ok(records) => Ok(records),
            Err(line) => Err(self.no_listing(zone, &line)),
        }
    }

    fn no_listing(&self, zone: &ZoneRef, text: &str) -> ProviderError {
        let words = self.http.say(text.as_bytes());
        let message = format!("{}: HestiaCP's listing cannot be read: {words}", zone.name);
        ProviderError::new(ErrorClass::Transient, message)
    }

    async fn observe(&self, zone: &ZoneRef) -> Result<Observed, ProviderError> {
        let entry = self.entry(zone).await?;
        let records = self.records(zone, &entry).await?;
        let mut observed = records::observed(&records);
        observed.rrsets.retain(|set| set.rtype != RecordType::SOA);
        observed.rrsets.extend(soa(zone, &entry));
        Ok(Observed::new(observed.rrsets))
    }

    fn mark_unserved(&self, zone: &Name, unserved: bool) {
        let mut zones = self.unserved.lock().unwrap_or_else(PoisonError::into_inner);
        match unserved {
            true => zones.insert(zone.clone()),
            false => zones.remove(zone),
        };
    }

    fn is_unserved(&self, zone: &Name) -> bool {
        self.unserved.lock().unwrap_or_else(PoisonError::into_inner).contains(zone)
    }

    /// Whether lines may be appended and files replaced without anybody missing it.
    fn may_append(&self, server: &ServerInfo) -> bool {
        server.feeds_others == Some(false) && !self.may_not_append.load(Ordering::Relaxed)
    }
}

#[async_trait]
impl Provider for HestiaCp {
    fn capabilities(&self) -> Capabilities {
        capabilities()
    }

    async fn test(&self, zone: &ZoneRef) -> TestReport {
        self.look(zone).await
    }

    async fn read(&self, zone: &ZoneRef, names: &[Name]) -> Result<Observed, ProviderError> {
        // There is no narrow listing.
        let mut all = self.observe(zone).await?;
        all.rrsets.retain(|set| names.contains(&set.name));
        Ok(all)
    }

    async fn list(&self, zone: &ZoneRef) -> Result<Observed, ProviderError> {
        self.observe(zone).await
    }

    async fn apply(&self, zone: &ZoneRef, _seen: &Observed, changes: &[Change]) -> Vec<Outcome> {
        if changes.is_empty() {
            return Vec::new();
        }
        let Ok(_turn) = tokio::time::timeout_at(zone.deadline.into(), self.turn.lock()).await else {
            let words = format!("{}: another write to this HestiaCP took all the time", zone.name);
            let error = ProviderError::new(ErrorClass::Transient, words);
            return vec![Outcome::Failed(error); changes.len()];
        };
        self.write(zone, changes).await
    }

    async fn refresh(&self, zone: &ZoneRef, _names: &[Name]) {
        let Ok(_turn) = tokio::time::timeout_at(zone.deadline.into(), self.turn.lock()).await else { return };
        if let Ok(entry) = self.entry(zone).await {
            self.write_out(zone, &entry).await;
        }
    }

    fn requests(&self) -> u64 {
        self.http.requests()
    }

    fn physical_id(&self, zone: &ZoneRef) -> String {
        // A zone's name is taken once per server, whoever owns it.
        format!("hestiacp|{}|{}", self.identity, zone.name)
    }
}

/// What HestiaCP can hold.
pub fn capabilities() -> Capabilities {
    use RecordType as T;
    let types = vec![T::A, T::NS, T::CNAME, T::PTR, T::MX, T::TXT, T::AAAA, T::SRV, T::DS, T::TLSA, T::CAA];
    Capabilities {
        types: Some(types),
        values_per_set_max: 500,
        batch_changes_max: 500,
        atomic_batch: false,
        guard: Guard::Values,
        settle_seconds: 10,
        write_concurrency: 1,
        zones: false,
        dnssec: false,
        text_cut: false,
        ..Capabilities::unlimited()
    }
}

fn server_info(text: &str) -> ServerInfo {
    let config = serde_json::from_str::<serde_json::Value>(text).unwrap_or_default();
    let config = &config["config"];
    let word = |name: &str| config[name].as_str();
    let version = word("VERSION").and_then(|text| {
        let mut parts = text.split(['.', '~', '-']).map(|part| part.parse().ok());
        Some((parts.next()??, parts.next()??, parts.next().flatten().unwrap_or(0)))
    });
    // In the mode `hestia-zone` the others transfer what is served.
    let by_record = word("DNS_CLUSTER_SYSTEM") != Some("hestia-zone");
    let feeds_others = config.is_object().then(|| word("DNS_CLUSTER") == Some("yes") && by_record);
    ServerInfo { version, feeds_others }
}

/// The SOA is made from the entry, not from a record; its timers are the server's own.
fn soa(zone: &ZoneRef, entry: &Entry) -> Option<ObservedRRset> {
    let primary = Name::parse(&entry.soa).ok()?.absolute();
    let refresh = match zone.name.to_string().rsplit('.').next() {
        Some("de" | "cz" | "pl" | "pt") => 1800,
        _ => 3600,
    };
    let mailbox = zone.name.child("root").ok()?.absolute();
    let text = format!("{primary} {mailbox} {} 14400 {refresh} 1209600 3600", entry.serial);
    let data = RecordData::parse(RecordType::SOA, &text).ok()?;
    let ttl = entry.ttl.parse().ok().and_then(|ttl| Ttl::from_seconds(ttl).ok())?;
    let (name, values) = (zone.name.clone(), vec![data.into()]);
    Some(ObservedRRset { opaque: true, ..ObservedRRset::new(name, RecordType::SOA, ttl, values) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_server_tells_version_and_cluster() {
        let info = server_info(r#"{"config":{"VERSION":"1.9.4~beta1","DNS_CLUSTER":"yes"}}"#);
        assert_eq!((info.version, info.feeds_others), (Some((1, 9, 4)), Some(true)));
        let zones =
            r#"{"config":{"VERSION":"1.10.3","DNS_CLUSTER":"yes","DNS_CLUSTER_SYSTEM":"hestia-zone"}}"#;
        assert_eq!(server_info(zones).feeds_others, Some(false));
        assert_eq!(server_info(r#"{"config":{"VERSION":"1.10"}}"#).version, Some((1, 10, 0)));
        assert_eq!(server_info("OK").feeds_others, None);
    }
}
