//! The Test button: listings (S2.75), then commands with too few arguments to do anything, which a
//! key may begin or may not. What is missing is named, command by command (X21).

use super::records::Held;
use super::wire::{Ask, Said, class};
use super::{Entry, HestiaCp};
use crate::{ErrorClass, ProviderError, TestReport, ZoneRef};
use serde_json::{Map, Value};
use zonecast_core::{Name, RecordType};

const WRITES: [&str; 3] = ["v-add-dns-record", "v-change-dns-record", "v-delete-dns-record"];
/// All that a key's permission list should hold.
const WANTED: &str = "v-list-dns-domains, v-list-dns-domain, v-list-dns-records, v-add-dns-record, \
    v-change-dns-record, v-delete-dns-record, and for speed v-list-sys-config, v-insert-dns-record, \
    v-insert-dns-records, v-make-tmp-file, v-rebuild-dns-domain";

impl HestiaCp {
    /// A few small calls and one listing; nothing is written.
    pub(super) async fn look(&self, zone: &ZoneRef) -> TestReport {
        let mut report = TestReport::default();
        match self.walk(zone, &mut report).await {
            Ok(message) => {
                report.ok = report.can_write;
                report.message = message;
            }
            Err(message) => report.message = message,
        }
        report
    }

    async fn walk(&self, zone: &ZoneRef, report: &mut TestReport) -> Result<String, String> {
        self.zones(zone, report).await?;
        let entry = self.entry(zone).await.map_err(|error| self.hint(error).message)?;
        report.zone_matches = true;
        let records = self.records(zone, &entry).await.map_err(|error| self.hint(error).message)?;
        if let Some(words) = not_ours(zone, &entry) {
            return Err(words);
        }
        self.may_write(zone).await?;
        report.can_write = true;
        let server = self.server(zone).await.map_err(|error| error.message)?;
        if !self.may_append(&server) {
            report.advice.push(
                "each record is a call of its own here: HestiaCP sends its zones to others, or the key may not say"
                    .to_owned(),
            );
        }
        report.advice.extend(poison(&records));
        let version = server.version.map(|(a, b, c)| format!(" {a}.{b}.{c}")).unwrap_or_default();
        Ok(format!("HestiaCP{version} holds {} ({} records) and takes changes", zone.name, records.len()))
    }

    /// The zones of the user: reachable, authorised, and whether ours is among them.
    async fn zones(&self, zone: &ZoneRef, report: &mut TestReport) -> Result<(), String> {
        let command = "v-list-dns-domains";
        let said = match self.run(zone, command, &[&self.user, "json"], Ask::Data).await {
            Ok(said) => said,
            Err(failure) => {
                // Somebody who is not HestiaCP answered; a missing answer says where it was missed.
                report.reachable = failure.error.message.contains(" answered ");
                return Err(failure.error.message);
            }
        };
        report.reachable = true;
        if said.code != 0 {
            let error = self.hint(self.refused(zone, command, &said));
            report.authorised = !matches!(error.class, ErrorClass::Unauthorized | ErrorClass::Forbidden);
            return Err(error.message);
        }
        let zones: Map<String, Value> = serde_json::from_str(&said.text).map_err(|_| {
            format!("HestiaCP's listing of zones cannot be read: {}", self.http.say(said.text.as_bytes()))
        })?;
        report.authorised = true;
        let is_ours = |spelled: &String| Name::parse(spelled).is_ok_and(|name| name == zone.name);
        match zones.keys().any(is_ours) {
            true => Ok(()),
            false => Err(format!(
                "HestiaCP's user {} has no zone {} among {}: create it there, or check the name and the user",
                self.user,
                zone.name,
                zones.len()
            )),
        }
    }

    /// Begins each writing command without the arguments it needs: HestiaCP looks at the key's
    /// permission first and then shows the usage.
    async fn may_write(&self, zone: &ZoneRef) -> Result<(), String> {
        if !self.login.is_access_key() {
            return Ok(());
        }
        for command in WRITES {
            let said = self.run(zone, command, &[&self.user], Ask::Data).await;
            let said = said.map_err(|failure| failure.error.message)?;
            if said.code != 1 {
                return Err(self.hint(self.refused(zone, command, &said)).message);
            }
        }
        Ok(())
    }

    /// Adds what to do about it.
    fn hint(&self, mut error: ProviderError) -> ProviderError {
        let said = |part: &str| error.message.contains(part);
        let hint = if said("permission") || said("not found") {
            format!("no list that HestiaCP ships has all that is needed; the key's list should hold {WANTED}")
        } else if said("argument doesn") {
            "a user's key works for that user only: check User".to_owned()
        } else if said("IP is not allowed") {
            "add this machine's address to the API's allowed addresses".to_owned()
        } else if said("has been disabled") {
            "switch the API on in HestiaCP (Configure, Security, API)".to_owned()
        } else {
            return error;
        };
        error.message = format!("{}: {hint}", error.message);
        error
    }
}

/// Why this zone is not written to, though it is there.
pub(super) fn not_ours(zone: &ZoneRef, entry: &Entry) -> Option<String> {
    if entry.suspended == "yes" {
        return Some(format!("{} is suspended at HestiaCP: it takes no changes", zone.name));
    }
    let sent = !entry.src.is_empty();
    sent.then(|| {
        format!(
            "{} is sent to this HestiaCP by {}: what is written here is lost with its next change; connect that one",
            zone.name, entry.src
        )
    })
}

/// What makes BIND refuse the whole zone while HestiaCP reports success.
pub(super) fn poison(records: &[Held]) -> Vec<String> {
    let mut found = Vec::new();
    let live: Vec<&Held> = records.iter().filter(|record| !record.is_suspended()).collect();
    let mut ids: Map<String, Value> = Map::new();
    for record in records {
        let twice = ids.insert(record.line.id.clone(), Value::Null).is_some();
        if twice {
            found.push(format!("two records have the id {}: removing one removes both", record.line.id));
        }
    }
    for record in &live {
        let id = &record.line.id;
        let beside = |other: &&&Held| other.owner == record.owner && other.rtype != RecordType::CNAME;
        if record.rtype == RecordType::CNAME
            && let Some(other) = live.iter().find(beside)
        {
            found.push(format!("record {id} is a CNAME beside {} at {}", other.line.kind, record.owner));
        }
        if record.rtype == RecordType::TXT && record.line.value.trim_matches(['"', ' ']).is_empty() {
            found.push(format!("record {id} at {} is an empty text", record.owner));
        }
    }
    found.sort();
    found.dedup();
    let words = |what| format!("{what}; the name server may keep serving an old zone until that is mended");
    found.into_iter().map(words).collect()
}

/// A refusal for lack of permission, which another way may do without.
pub(super) fn is_permission(said: &Said) -> bool {
    matches!(class(said), ErrorClass::Forbidden | ErrorClass::Unsupported) && said.code != 5
}
