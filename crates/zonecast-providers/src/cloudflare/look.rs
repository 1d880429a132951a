//! The Test button, and telling "wrong token" from "no right".
//!
//! A token with DNS rights on one zone and no other is enough (Zone > Zone > Read is not needed): the
//! zone's name is then compared with that of a record, or with the head of an export. Whether records
//! may be written is in the zone object's `permissions`; without them a record that cannot exist is
//! asked to change, which says "no such record" to those who may write and "no right" to others.

use super::Cloudflare;
use super::wire::{GONE, Record, Refused, ZoneInfo};
use crate::http::Answer;
use crate::redact::url_encode;
use crate::{ErrorClass, ProviderError, TestReport, ZoneRef};
use reqwest::Method;
use serde::Deserialize;
use serde_json::{Value, json};
use zonecast_core::Name;

/// An id no record has.
const NOBODY: &str = "00000000000000000000000000000000";

#[derive(Deserialize)]
struct TokenState {
    #[serde(default)]
    status: String,
}

/// What verifying the token said.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Token {
    Valid,
    Wrong,
    Unclear,
}

impl Cloudflare {
    /// One to three small calls, nothing written.
    pub(super) async fn look(&self, zone: &ZoneRef) -> TestReport {
        let mut report = TestReport { reachable: true, authorised: true, ..TestReport::default() };
        // What was known before proves nothing now.
        self.known().remove(&zone.name);
        let info = match self.resolve(zone).await {
            Ok(info) => info,
            Err(error) => {
                report.reachable = !matches!(error.class, ErrorClass::Transient);
                report.authorised = report.reachable && error.class != ErrorClass::Unauthorized;
                report.message = error.message;
                return report;
            }
        };
        report.zone_matches = true;
        if info.is_secondary() {
            report.message = secondary_words(zone);
            return report;
        }
        match self.may_write(zone, &info).await {
            Ok(true) => report.can_write = true,
            Ok(false) => {
                report.can_write = true;
                report.advice.push("the right to write could not be checked without writing".to_owned());
            }
            Err(words) => {
                report.message = words;
                return report;
            }
        }
        report.ok = true;
        report.message = format!("Cloudflare has {} (Zone ID {}) and takes changes", zone.name, info.id);
        report.advice.extend(advice(&info));
        report
    }

    /// `false` where it cannot be told; `Err` names the missing right.
    async fn may_write(&self, zone: &ZoneRef, info: &ZoneInfo) -> Result<bool, String> {
        let missing = |said: &str| {
            format!(
                "{}: the token may read the zone, but lacks the right Zone > DNS > Edit on it{said}",
                zone.name
            )
        };
        match info.permissions.as_deref().unwrap_or_default() {
            [] => {}
            held if held.iter().any(|right| right == "#dns_records:edit") => return Ok(true),
            held => return Err(missing(&format!(" (Cloudflare lists {})", held.join(", ")))),
        }
        let path = format!("/zones/{}/dns_records/{NOBODY}", url_encode(&info.id));
        let request = self.call(Method::PATCH, &path).json(&json!({ "comment": "" }));
        match self.ask::<Value>(zone, request).await {
            Err(refused) if refused.has(&[GONE]) => Ok(true),
            Err(refused)
                if matches!(refused.error.class, ErrorClass::Forbidden | ErrorClass::Unauthorized) =>
            {
                Err(missing(&format!(": {}", refused.error.message)))
            }
            _ => Ok(false),
        }
    }

    /// The zone behind an id that the token may not read, by what it may read: its records.
    pub(super) async fn by_its_records(&self, zone: &ZoneRef, id: &str) -> Result<ZoneInfo, Refused> {
        let path = format!("/zones/{}/dns_records?per_page=1", url_encode(id));
        let answer = self.ask::<Vec<Record>>(zone, self.call(Method::GET, &path)).await?;
        let mut info =
            ZoneInfo { id: id.to_owned(), name: zone.name.to_string(), unread: true, ..ZoneInfo::default() };
        let named = match answer.result.first() {
            Some(record) => Name::parse(&record.name).is_ok_and(|name| name.is_within(&zone.name)),
            None => self.export_names(zone, id).await?,
        };
        if named {
            return Ok(info);
        }
        info.name = answer.result.first().map_or_else(String::new, |record| record.name.clone());
        Err(Refused::local(
            ErrorClass::NoSuchZone,
            format!(
                "{}: the Zone ID {id} is that of another zone at Cloudflare{}",
                zone.name,
                if info.name.is_empty() { String::new() } else { format!(" (it holds {})", info.name) }
            ),
        ))
    }

    /// An empty zone tells its name in the head of an export: `;; Domain:     example.org.`
    async fn export_names(&self, zone: &ZoneRef, id: &str) -> Result<bool, Refused> {
        let request = self.call(Method::GET, &format!("/zones/{}/dns_records/export", url_encode(id)));
        let answer: Answer =
            self.http.send(request, zone.deadline).await.map_err(|failure| Refused::lost(zone, failure))?;
        let text = String::from_utf8_lossy(&answer.body);
        let named = text.lines().find_map(|line| line.strip_prefix(";; Domain:"));
        match named.map(|name| Name::parse(name.trim())) {
            Some(Ok(name)) if answer.status.is_success() => Ok(name == zone.name),
            _ => Err(Refused::local(
                ErrorClass::Forbidden,
                format!(
                    "{}: that the Zone ID {id} belongs to this name cannot be checked: give the token Zone > Zone > Read",
                    zone.name
                ),
            )),
        }
    }

    /// The error of a refusal; where the code may mean either, the token is verified first.
    pub(super) async fn explain(&self, zone: &ZoneRef, refused: Refused) -> ProviderError {
        let mut error = refused.error.clone();
        if error.class == ErrorClass::NoSuchZone {
            self.known().remove(&zone.name);
        }
        if !refused.has(&[9109, 10_000]) {
            return error;
        }
        match self.token(zone).await {
            Token::Valid => {
                error.class = ErrorClass::Forbidden;
                error.message.push_str(
                    "; the token itself is valid, but lacks a right on this zone: it needs Zone > DNS > Edit, and Zone > Zone > Read to look the zone up by name",
                );
            }
            Token::Wrong => {
                error.class = ErrorClass::Unauthorized;
                error.message.push_str("; Cloudflare does not know this API token");
            }
            Token::Unclear => {
                error
                    .message
                    .push_str("; the token is wrong or lacks the right Zone > DNS > Edit on this zone");
            }
        }
        error
    }

    /// A user's token is verified at one place, an account's at another, and each refuses the other.
    async fn token(&self, zone: &ZoneRef) -> Token {
        let mut paths = vec!["/user/tokens/verify".to_owned()];
        if let Some(account) = &self.account_id {
            paths.push(format!("/accounts/{}/tokens/verify", url_encode(account)));
        }
        let mut found = Token::Wrong;
        for path in paths {
            match self.ask::<TokenState>(zone, self.call(Method::GET, &path)).await {
                Ok(answer) if answer.result.status == "active" => return Token::Valid,
                Ok(_) => {}
                Err(refused) if matches!(refused.status, 400 | 401 | 403) => {}
                Err(_) => found = Token::Unclear,
            }
        }
        found
    }
}

/// Why a copy of another server's zone is not written to.
pub(super) fn secondary_words(zone: &ZoneRef) -> String {
    format!(
        "{} is a secondary zone at Cloudflare: its records come from its primary; connect that",
        zone.name
    )
}

/// What an operator may want to know, though everything works.
fn advice(info: &ZoneInfo) -> Vec<String> {
    let mut advice = Vec::new();
    if info.unread {
        advice.push(
            "the token lacks Zone > Zone > Read: the zone's name was compared with a record's; account, plan and status are not known"
                .to_owned(),
        );
    }
    if !info.status.is_empty() && info.status != "active" {
        let servers = info.name_servers.clone().unwrap_or_default().join(", ");
        advice.push(format!(
            "the zone is {} at Cloudflare: nobody asks it until its registrar names {servers}",
            info.status
        ));
    }
    if info.paused {
        advice.push("the zone is paused at Cloudflare: proxied records answer with their origin".to_owned());
    }
    advice
}
