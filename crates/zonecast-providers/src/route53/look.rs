//! The Test button. Reading cannot prove that a key may write and there is no dry run, but a batch
//! that cannot succeed tells: who may write is told that the record to delete is not there, who may
//! not is told that.

use super::Route53;
use super::wire::{Hosted, Step, change_batch};
use crate::{ErrorClass, TestReport, ZoneRef};
use reqwest::Method;
use zonecast_core::{Name, RecordType};

impl Route53 {
    /// Two small calls, nothing written.
    pub(super) async fn look(&self, zone: &ZoneRef) -> TestReport {
        let mut report = TestReport { reachable: true, authorised: true, ..TestReport::default() };
        // What was known before proves nothing now.
        self.known().remove(&zone.name);
        let hosted = match self.resolve(zone).await {
            Ok(hosted) => hosted,
            Err(error) => {
                report.reachable = error.class != ErrorClass::Transient;
                report.authorised = report.reachable && error.class != ErrorClass::Unauthorized;
                report.message = error.message;
                return report;
            }
        };
        report.zone_matches = true;
        match self.may_write(zone, &hosted).await {
            Ok(true) => {}
            Ok(false) => {
                report.advice.push("the right to write could not be checked without writing".to_owned());
            }
            Err(words) => {
                report.message = words;
                return report;
            }
        }
        (report.can_write, report.ok) = (true, true);
        report.message =
            format!("Route 53 has {} (Hosted Zone ID {}) and takes changes", zone.name, hosted.id);
        if hosted.private {
            report
                .advice
                .push("the zone is private: only its own networks can see what is written".to_owned());
        }
        if hosted.unread {
            report.advice.push(
                "the key lacks route53:GetHostedZone: the zone's name was taken from its records".to_owned(),
            );
        }
        report
    }

    /// `false` where it cannot be told; `Err` names the missing right.
    async fn may_write(&self, zone: &ZoneRef, hosted: &Hosted) -> Result<bool, String> {
        let nobody: Name = match zone.name.child("_zonecast-no-such-record") {
            Ok(name) => name,
            Err(_) => return Ok(false),
        };
        let step = Step {
            action: "DELETE",
            name: &nobody,
            rtype: RecordType::TXT,
            ttl: 4_711,
            values: &[
                "\"asked by Zonecast to learn whether it may write; there is no such record\"".to_owned()
            ],
        };
        let path = format!("/hostedzone/{}/rrset/", hosted.id);
        let body = change_batch(std::iter::once(step));
        match self.ask(zone, Method::POST, &path, &[], Some(body)).await {
            Err(refused) if refused.error.class == ErrorClass::Rejected => Ok(true),
            Err(refused)
                if matches!(refused.error.class, ErrorClass::Forbidden | ErrorClass::Unauthorized) =>
            {
                Err(format!(
                    "{}; the key may read the zone, but lacks the right route53:ChangeResourceRecordSets on it",
                    refused.error.message
                ))
            }
            _ => Ok(false),
        }
    }
}
