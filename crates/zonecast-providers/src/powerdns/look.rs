//! The Test button: four findings, in the order in which they can fail, and advice.

use super::PowerDns;
use super::wire::ZoneInfo;
use crate::{ErrorClass, ProviderError, TestReport, ZoneRef};
use reqwest::Method;
use serde::Deserialize;
use zonecast_core::Name;

#[derive(Default, Deserialize)]
pub(super) struct ServerInfo {
    #[serde(default)]
    daemon_type: String,
    #[serde(default)]
    pub(super) version: String,
}

impl PowerDns {
    /// Two small calls, nothing written.
    pub(super) async fn look(&self, zone: &ZoneRef) -> TestReport {
        let mut report = TestReport::default();
        let (server, refused) = match self.server(zone, &mut report).await {
            Ok(Ok(server)) => (server, None),
            // A key for the zones alone is enough for the work.
            Ok(Err(refused)) => (ServerInfo::default(), Some(refused)),
            Err(words) => return TestReport { message: words, ..report },
        };
        let info = match self.info(zone).await {
            Ok(info) => info,
            Err(error) => {
                let missing = error.class == ErrorClass::NoSuchZone;
                let narrow = refused.as_ref().is_none_or(|refused| refused.class == ErrorClass::Forbidden);
                report.authorised |= missing && narrow;
                let message = match refused {
                    Some(refused) if !(missing && narrow) => self.server_refusal(refused),
                    _ if missing => format!(
                        "PowerDNS {} has no zone {}: create it there or check the name ({})",
                        server.version, zone.name, error.message
                    ),
                    _ => error.message,
                };
                return TestReport { message, ..report };
            }
        };
        report.authorised = true;
        report.zone_matches = Name::parse(&info.name).is_ok_and(|name| name == zone.name);
        report.can_write = report.zone_matches && !info.is_secondary();
        report.ok = report.can_write;
        report.message = if !report.zone_matches {
            format!("PowerDNS answered with zone {} when asked for {}", info.name, zone.name)
        } else if info.is_secondary() {
            secondary_words(zone, &info)
        } else {
            format!("PowerDNS {} serves {} ({}) and takes changes", server.version, zone.name, info.kind)
        };
        report.advice = advice(&info);
        report.advice.extend(refused.map(|refused| {
            let words = refused.message;
            format!(
                "{words}: what the server is could not be asked; whole zones are read where a search would do"
            )
        }));
        report
    }

    /// The server itself: reachable, the right daemon, the right key. `Err` is the message; a refusal is
    /// for the zone to confirm.
    async fn server(
        &self,
        zone: &ZoneRef,
        report: &mut TestReport,
    ) -> Result<Result<ServerInfo, ProviderError>, String> {
        let answer = match self.http.send(self.call(Method::GET, ""), zone.deadline).await {
            Ok(answer) => answer,
            Err(failure) => return Err(failure.error.message),
        };
        report.reachable = true;
        if !answer.status.is_success() {
            return Ok(Err(self.http.refusal(&answer)));
        }
        let server: ServerInfo = match self.http.json(&answer) {
            Ok(server) => server,
            Err(error) => return Err(format!("this is not the API of PowerDNS: {}", error.message)),
        };
        if server.daemon_type != "authoritative" {
            return Err(format!(
                "this is not a PowerDNS Authoritative Server but {:?}: give the API of the authoritative one",
                server.daemon_type
            ));
        }
        report.authorised = true;
        Ok(Ok(server))
    }

    fn server_refusal(&self, error: ProviderError) -> String {
        let hint = match error.class {
            ErrorClass::Unauthorized => "the API Key is wrong (api-key in pdns.conf)",
            ErrorClass::Forbidden => "this address may not use the API (webserver-allow-from in pdns.conf)",
            ErrorClass::NoSuchZone => {
                "there is no such server id or no API at this URL (api=yes in pdns.conf; the id is localhost)"
            }
            _ => return error.message,
        };
        format!("{}: {hint}", error.message)
    }
}

/// Why a copy of another server's zone is not written to.
pub(super) fn secondary_words(zone: &ZoneRef, info: &ZoneInfo) -> String {
    format!(
        "{} is a {} zone at this PowerDNS: what is written here is lost at the next transfer; connect its primary",
        zone.name, info.kind
    )
}

/// What an operator may want to change, though everything works.
fn advice(info: &ZoneInfo) -> Vec<String> {
    let mut advice = Vec::new();
    if info.is_primary() && info.soa_edit_api.is_empty() {
        advice.push(
            "the zone has no soa_edit_api: the serial does not move with changes and secondaries never learn of them; set it to DEFAULT"
                .to_owned(),
        );
    }
    if info.dnssec && !info.api_rectify {
        advice.push(
            "the zone is signed and api_rectify is not set: unless the server's default-api-rectify is on, denials go wrong after changes"
                .to_owned(),
        );
    }
    if !info.dnssec && info.api_rectify {
        advice.push(
            "api_rectify is on in an unsigned zone: every change costs the server time in proportion to the whole zone"
                .to_owned(),
        );
    }
    advice
}
