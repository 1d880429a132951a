//! Cloudflare's envelope: what was asked for, or a list of faults, each with a code.

use crate::dnssec::{Signed, SigningKey};
use crate::http::{Answer, Failure, Http, class_of};
use crate::redact::Redactor;
use crate::rest::member::Listed;
use crate::{ErrorClass, ProviderError, ZoneRef};
use serde::Deserialize;
use serde_json::Value;
use std::time::Duration;
use zonecast_core::Name;

/// How long every call is refused after the limit was passed, where no header says it.
const QUIET: Duration = Duration::from_secs(300);
/// A record with this id is not there.
pub(super) const GONE: i64 = 81_044;

/// A zone as Cloudflare describes it. Fields come and go: all but id and name may be absent.
#[derive(Clone, Debug, Default, Deserialize)]
pub(super) struct ZoneInfo {
    pub(super) id: String,
    pub(super) name: String,
    #[serde(default)]
    pub(super) status: String,
    #[serde(default, rename = "type")]
    pub(super) kind: String,
    #[serde(default)]
    pub(super) paused: bool,
    #[serde(default)]
    pub(super) name_servers: Option<Vec<String>>,
    #[serde(default)]
    pub(super) permissions: Option<Vec<String>>,
    #[serde(default)]
    pub(super) account: Option<Account>,
    #[serde(default)]
    pub(super) plan: Option<Plan>,
    #[serde(default)]
    pub(super) created_on: Option<String>,
    /// The token may not read the zone object; the name was compared otherwise.
    #[serde(skip)]
    pub(super) unread: bool,
}

#[derive(Clone, Debug, Deserialize)]
pub(super) struct Account {
    #[serde(default)]
    pub(super) id: String,
}

#[derive(Clone, Debug, Deserialize)]
pub(super) struct Plan {
    #[serde(default)]
    legacy_id: String,
}

impl ZoneInfo {
    pub(super) fn is_secondary(&self) -> bool {
        self.kind == "secondary"
    }

    pub(super) fn plan(&self) -> &str {
        self.plan.as_ref().map_or("", |plan| plan.legacy_id.as_str())
    }

    /// Operations in one batch.
    pub(super) fn batch_max(&self) -> usize {
        match self.plan() {
            "pro" | "business" | "enterprise" => 3_500,
            _ => 200,
        }
    }

    /// Records the plan allows in this zone; `None` where a contract says it.
    pub(super) fn records_max(&self) -> Option<usize> {
        match (self.plan(), &self.created_on) {
            ("pro" | "business", _) => Some(3_500),
            // Zones that are older kept the older limit.
            ("free", Some(created)) if created.as_str() >= "2024-09-01" => Some(200),
            ("free", _) => Some(1_000),
            _ => None,
        }
    }
}

/// How Cloudflare signs a zone. Keys are told as soon as it is switched on (`pending` until the parent
/// has the DS) and until it is off (`pending-disabled`).
#[derive(Deserialize)]
pub(super) struct Dnssec {
    status: String,
    flags: Option<u16>,
    algorithm: Option<String>,
    public_key: Option<String>,
    ds: Option<String>,
}

impl Dnssec {
    pub(super) fn read(self, zone: &Name) -> Result<Option<Signed>, String> {
        let (Some(flags), Some(algorithm), Some(key)) = (self.flags, self.algorithm, self.public_key) else {
            return Ok(None);
        };
        // `example.com. 3600 IN DS 42 13 2 ABC`: the data is what follows the type.
        let told = self.ds.iter().filter_map(|ds| ds.split_once(" DS ").map(|(_, data)| data.to_owned()));
        let told: Vec<String> = told.collect();
        let active = self.status != "disabled";
        let key = SigningKey::read(zone, &format!("{flags} 3 {algorithm} {key}"), active, &told)?;
        Ok(Some(Signed { state: self.status, keys: vec![key] }))
    }
}

/// One record.
#[derive(Clone, Debug, Deserialize)]
pub(super) struct Record {
    pub(super) id: String,
    pub(super) name: String,
    #[serde(rename = "type")]
    pub(super) kind: String,
    #[serde(default)]
    pub(super) content: Option<String>,
    #[serde(default)]
    pub(super) priority: Option<f64>,
    #[serde(default)]
    pub(super) data: Option<Value>,
    #[serde(default)]
    pub(super) ttl: Option<f64>,
    #[serde(default)]
    pub(super) proxied: Option<bool>,
    #[serde(default)]
    pub(super) meta: Option<Value>,
}

impl Listed for Record {
    const KEYS: [&'static str; 2] = ["name", "type"];

    fn key(&self) -> String {
        self.id.clone()
    }
}

#[derive(Deserialize)]
struct RawEnvelope<T> {
    success: bool,
    result: Option<T>,
    #[serde(default)]
    errors: Option<Vec<Fault>>,
    #[serde(default)]
    result_info: Option<PageInfo>,
}

/// An answer that says `success` and has a result.
#[derive(Debug)]
pub(super) struct Envelope<T> {
    pub(super) result: T,
    page: Option<PageInfo>,
}

#[derive(Clone, Debug, Deserialize)]
struct PageInfo {
    #[serde(default)]
    total_pages: Option<usize>,
    #[serde(default)]
    total_count: Option<usize>,
}

impl<T> Envelope<T> {
    /// Whether there is no page after `page`, which held `count` of at most `per_page`.
    pub(super) fn is_last(&self, page: usize, per_page: usize, count: usize) -> bool {
        match self.page.as_ref().and_then(|info| info.total_pages) {
            Some(pages) => page >= pages || count == 0,
            None => count < per_page,
        }
    }

    /// How many there are on all pages.
    pub(super) fn total(&self) -> Option<usize> {
        self.page.as_ref().and_then(|info| info.total_count)
    }
}

#[derive(Debug, Deserialize)]
struct Fault {
    #[serde(default)]
    code: Value,
    #[serde(default)]
    message: String,
    #[serde(default)]
    error_chain: Option<Vec<Fault>>,
    #[serde(default)]
    source: Option<Source>,
}

#[derive(Debug, Deserialize)]
struct Source {
    #[serde(default)]
    pointer: Option<String>,
}

impl Fault {
    fn code(&self) -> Option<i64> {
        self.code.as_i64().or_else(|| self.code.as_str()?.parse().ok())
    }

    /// The fault and its causes, on one level.
    fn flatten<'a>(&'a self, into: &mut Vec<&'a Fault>) {
        into.push(self);
        for cause in self.error_chain.iter().flatten() {
            cause.flatten(into);
        }
    }
}

/// A call that brought nothing usable.
#[derive(Clone, Debug)]
pub(super) struct Refused {
    pub(super) error: ProviderError,
    /// 0 where there was no answer.
    pub(super) status: u16,
    /// The codes of all faults and their causes.
    pub(super) codes: Vec<i64>,
    /// Where in the request the fault lies, if told: `/posts/3/content`.
    pub(super) pointer: Option<String>,
    /// A write may have happened.
    pub(super) unknown: bool,
}

impl Refused {
    pub(super) fn lost(zone: &ZoneRef, failure: Failure) -> Refused {
        let mut error = failure.error;
        error.message = format!("{}: {}", zone.name, error.message);
        Refused { error, status: 0, codes: Vec::new(), pointer: None, unknown: failure.may_have_arrived }
    }

    pub(super) fn local(class: ErrorClass, words: String) -> Refused {
        let error = ProviderError::new(class, words);
        Refused { error, status: 0, codes: Vec::new(), pointer: None, unknown: false }
    }

    pub(super) fn has(&self, codes: &[i64]) -> bool {
        self.codes.iter().any(|code| codes.contains(code))
    }
}

/// Opens the envelope. A status of 200 alone is no success.
pub(super) fn open<T: serde::de::DeserializeOwned>(
    http: &Http,
    redactor: &Redactor,
    zone: &ZoneRef,
    answer: &Answer,
) -> Result<Envelope<T>, Refused> {
    let status = answer.status.as_u16();
    let refused = |mut error: ProviderError, unknown: bool| {
        error.message = format!("{}: {}", zone.name, error.message);
        Refused { error, status, codes: Vec::new(), pointer: None, unknown }
    };
    if answer.status.is_success() {
        let raw: RawEnvelope<T> = http.json(answer).map_err(|error| refused(error, true))?;
        match (raw.success, raw.result) {
            (true, Some(result)) => return Ok(Envelope { result, page: raw.result_info }),
            (true, None) => {
                let error = ProviderError::new(ErrorClass::Transient, "Cloudflare answered without a result");
                return Err(refused(error, true));
            }
            (false, _) => return Err(by_faults(redactor, zone, answer, &raw.errors.unwrap_or_default())),
        }
    }
    match serde_json::from_slice::<RawEnvelope<serde::de::IgnoredAny>>(&answer.body) {
        Ok(raw) if raw.errors.as_ref().is_some_and(|errors| !errors.is_empty()) => {
            Err(by_faults(redactor, zone, answer, &raw.errors.unwrap_or_default()))
        }
        _ => {
            let mut error = http.refusal(answer);
            quiet(&mut error);
            // The edge answered for the API, which may be at it still.
            Err(refused(error, status >= 500 && status != 503))
        }
    }
}

fn by_faults(redactor: &Redactor, zone: &ZoneRef, answer: &Answer, faults: &[Fault]) -> Refused {
    let mut flat = Vec::new();
    faults.iter().for_each(|fault| fault.flatten(&mut flat));
    let codes: Vec<i64> = flat.iter().filter_map(|fault| fault.code()).collect();
    let words: Vec<String> = flat
        .iter()
        .map(|fault| match fault.code() {
            Some(code) => format!("{} (code {code})", fault.message),
            None => fault.message.clone(),
        })
        .collect();
    let status = answer.status.as_u16();
    let class = class_of_codes(status, &codes).unwrap_or_else(|| class_of(answer.status, answer.retry_after));
    let class = match class {
        ErrorClass::RateLimited { .. } => ErrorClass::RateLimited { retry_after: answer.retry_after },
        class => class,
    };
    let words = redactor.say(&words.join("; "));
    let mut error =
        ProviderError::new(class, format!("{}: Cloudflare answered {status}: {words}", zone.name));
    quiet(&mut error);
    let pointer = flat.iter().find_map(|fault| fault.source.as_ref()?.pointer.clone());
    Refused { error, status, codes, pointer, unknown: status >= 500 && status != 503 }
}

fn quiet(error: &mut ProviderError) {
    if error.class == (ErrorClass::RateLimited { retry_after: None }) {
        error.class = ErrorClass::RateLimited { retry_after: Some(QUIET) };
    }
}

/// What the codes say, before the status does; the most telling one counts.
fn class_of_codes(status: u16, codes: &[i64]) -> Option<ErrorClass> {
    let any = |known: &[i64]| codes.iter().any(|code| known.contains(code));
    if status == 429 || any(&[971, 10_429]) {
        Some(ErrorClass::RateLimited { retry_after: None })
    } else if any(&[6003, 6102, 6103, 6111, 9106, 9107]) || (status == 401 && any(&[1000])) {
        Some(ErrorClass::Unauthorized)
    } else if any(&[9109, 10_000, 1038]) {
        Some(ErrorClass::Forbidden)
    } else if any(&[7000, 7003, 1001]) {
        Some(ErrorClass::NoSuchZone)
    } else if any(&[81_045]) {
        Some(ErrorClass::Quota)
    } else if any(&[GONE, 81_053, 81_054, 81_056, 81_057, 81_058]) {
        Some(ErrorClass::Conflict)
    } else if codes.iter().any(|code| matches!(code, 1004 | 9000..=9999 | 81_000..=83_999)) {
        Some(ErrorClass::Rejected)
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tls::Trust;
    use reqwest::StatusCode;
    use zonecast_core::Name;

    fn opened(status: u16, body: &str) -> Refused {
        let redactor = Redactor::new(["hunter2hunter2"]);
        let http =
            Http::new("Cloudflare", "http://127.0.0.1:1", &Trust::default(), redactor.clone()).unwrap();
        let zone = ZoneRef::new(Name::parse("example.org").unwrap());
        let answer = Answer {
            status: StatusCode::from_u16(status).unwrap(),
            retry_after: None,
            body: body.to_owned().into(),
        };
        open::<Value>(&http, &redactor, &zone, &answer).unwrap_err()
    }

    #[test]
    fn codes_are_told_apart_wherever_they_stand() {
        let fault = |code: i64, chain: i64| {
            format!(
                r#"{{"success":false,"result":null,"errors":[{{"code":{code},"message":"outer","error_chain":[{{"code":{chain},"message":"inner hunter2hunter2"}}]}}]}}"#
            )
        };
        for (status, code, chain, class) in [
            (400, 6003, 6111, ErrorClass::Unauthorized),
            (401, 1000, 0, ErrorClass::Unauthorized),
            (403, 10_000, 0, ErrorClass::Forbidden),
            (403, 9109, 0, ErrorClass::Forbidden),
            (400, 7003, 7000, ErrorClass::NoSuchZone),
            (404, 1001, 0, ErrorClass::NoSuchZone),
            (400, 1004, 9005, ErrorClass::Rejected),
            (400, 1004, 81_053, ErrorClass::Conflict),
            (400, 81_045, 0, ErrorClass::Quota),
            (200, 9005, 0, ErrorClass::Rejected),
            (200, 424_242, 0, ErrorClass::Transient),
            (400, 424_242, 0, ErrorClass::Rejected),
            (400, 971, 0, ErrorClass::RateLimited { retry_after: Some(QUIET) }),
        ] {
            let refused = opened(status, &fault(code, chain));
            assert_eq!(refused.error.class, class, "{status} {code} {chain}");
            let words = &refused.error.message;
            assert!(
                words.contains(&format!("outer (code {code}); inner [secret] (code {chain})")),
                "{words}"
            );
        }
        assert_eq!(opened(200, "<html>").error.class, ErrorClass::Transient);
        assert_eq!(opened(200, r#"{"result":[]}"#).error.class, ErrorClass::Transient);
        assert_eq!(opened(200, r#"{"success":true,"result":null}"#).error.class, ErrorClass::Transient);
        assert_eq!(opened(403, "<html>").error.class, ErrorClass::Forbidden);
    }
}
