//! What a server's code means for us, and the words for it.

use super::Rfc2136;
use crate::{ErrorClass, ProviderError, ZoneRef};
use std::time::{SystemTime, UNIX_EPOCH};
use zonecast_dns::{ResponseCode, TsigFault};

impl Rfc2136 {
    /// The error of a code that is not NOERROR. `asked` says what for: "the update", "the transfer".
    pub(super) fn refusal(
        &self,
        zone: &ZoneRef,
        asked: &str,
        rcode: ResponseCode,
        fault: Option<&TsigFault>,
    ) -> ProviderError {
        let server = &self.servers[0];
        if let Some(words) = fault.and_then(|fault| self.key_words(fault)) {
            return self.error(
                zone,
                ErrorClass::Unauthorized,
                &format!("{server} answered {rcode}: {words}"),
            );
        }
        let unsigned = fault == Some(&TsigFault::Unsigned);
        let (class, words) = match rcode {
            ResponseCode::REFUSED | ResponseCode::NOTAUTH if self.key.is_none() && asked == "the update" => {
                (ErrorClass::Unauthorized, format!("{asked} was not signed, and it takes only signed ones: give a TSIG key"))
            }
            // PowerDNS has one answer for a wrong secret, an unknown key and a zone that is not open.
            ResponseCode::REFUSED if unsigned && asked == "the update" => (
                ErrorClass::Unauthorized,
                "the answer is not signed, so it does not know the key, the secret is wrong, or updates are off"
                    .to_owned(),
            ),
            ResponseCode::REFUSED => (ErrorClass::Forbidden, format!("it does not allow {asked}")),
            ResponseCode::NOTAUTH => (ErrorClass::NoSuchZone, "it is not authoritative for this zone".to_owned()),
            ResponseCode::NOTIMP => (ErrorClass::Unsupported, format!("it does not know {asked}")),
            ResponseCode::FORMERR if asked == "the update" => {
                (ErrorClass::Rejected, format!("it cannot read {asked}"))
            }
            // RFC 8945 section 5.2: also the answer of a server that knows no TSIG.
            ResponseCode::FORMERR => (ErrorClass::Unsupported, format!("it cannot read {asked}")),
            ResponseCode::NOTZONE => (ErrorClass::Rejected, "a name is not within the zone".to_owned()),
            ResponseCode::SERVFAIL => {
                (ErrorClass::Transient, "it has a problem of its own: the zone is not loaded, or its disk".to_owned())
            }
            ResponseCode::YXDOMAIN | ResponseCode::YXRRSET | ResponseCode::NXRRSET | ResponseCode::NXDOMAIN => {
                (ErrorClass::Conflict, "the zone is not as it was read".to_owned())
            }
            _ => (ErrorClass::Transient, format!("an unexpected answer to {asked}")),
        };
        self.error(zone, class, &format!("{server} answered {rcode}: {words}"))
    }

    /// What a person should know about the key; `None` where the fault says nothing about it.
    fn key_words(&self, fault: &TsigFault) -> Option<String> {
        let key = self.key.as_ref()?;
        let (name, algorithm) = (key.name(), key.algorithm());
        Some(match fault {
            TsigFault::Refused { error: 16, .. } => format!("BADSIG, the secret of key {name} is wrong"),
            TsigFault::Refused { error: 17, .. } => {
                format!("BADKEY, it knows no key {name} with algorithm {algorithm}")
            }
            TsigFault::Refused { error: 18, server_time } => match server_time {
                Some(theirs) => {
                    let ours =
                        SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
                    format!("BADTIME, its clock and ours differ by {} seconds", theirs.abs_diff(ours))
                }
                None => "BADTIME, its clock and ours differ".to_owned(),
            },
            TsigFault::Refused { error: 22, .. } => {
                format!("BADTRUNC, signatures of {algorithm} are too short for it")
            }
            TsigFault::Refused { error, .. } => format!("TSIG error {error}"),
            TsigFault::BadSignature => format!("its answer is not signed with our key {name}"),
            TsigFault::BadTime { seconds } => format!("its clock and ours differ by {seconds} seconds"),
            TsigFault::Malformed => "the signature of its answer cannot be read".to_owned(),
            TsigFault::Unsigned => return None,
        })
    }
}
