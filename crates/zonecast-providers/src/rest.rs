//! What the smaller REST services have in common: a secret in one header, JSON both ways, names that
//! are relative to the zone, and sets that are written one call at a time.
//!
//! Each service's paths, bodies and refusals stand in its own file.

pub(crate) mod by_id;
pub(crate) mod listing;
pub(crate) mod member;
mod sets;

pub(crate) use sets::{Swap, WriteSets, one_by_one, swap_in_steps};

use crate::http::{Answer, Failure, Http, canonical_endpoint};
use crate::redact::{Redactor, one_line};
use crate::tls::Trust;
use crate::{ErrorClass, ProviderError, TestReport, ZoneRef};
use bytes::Bytes;
use reqwest::header::{HeaderMap, LINK};
use reqwest::{Method, RequestBuilder};
use secrecy::{ExposeSecret, SecretString};
use serde::de::DeserializeOwned;
use serde_json::Value;
use std::borrow::Cow;
use zonecast_core::{Name, ObservedRRset, ObservedValue, RecordData, RecordType, Ttl};

/// Asked to be deleted by Test where nothing else tells whether records may be written. Nobody has it.
pub(crate) const PROBE: &str = "_zonecast-may-i-write";
/// Stands for types that a service invented (ALIAS, redirects): nobody else can read their data.
const OWN_TYPE: RecordType = RecordType(65401);

/// The type behind a service's word for it.
pub(crate) fn type_of(word: &str) -> RecordType {
    word.parse().unwrap_or(OWN_TYPE)
}

/// One account at one service.
pub(crate) struct Rest {
    http: Http,
    base: String,
    /// The endpoint in canonical form.
    pub(crate) identity: String,
    authorization: SecretString,
    words: fn(&Value) -> Option<String>,
    /// What a service wants to be signed, and how.
    sign: Option<Sign>,
}

/// Adds to a finished request what shows whose it is.
pub(crate) type Sign = Box<dyn Fn(&mut reqwest::Request) + Send + Sync>;

/// A call that brought nothing usable.
#[derive(Clone, Debug)]
pub(crate) struct Refused {
    pub(crate) error: ProviderError,
    /// 0 where there was no answer.
    pub(crate) status: u16,
    pub(crate) body: Bytes,
    /// A write may have happened.
    pub(crate) unknown: bool,
}

impl Refused {
    pub(crate) fn local(class: ErrorClass, words: String) -> Refused {
        Refused { error: ProviderError::new(class, words), status: 0, body: Bytes::new(), unknown: false }
    }

    fn lost(zone: &ZoneRef, failure: Failure) -> Refused {
        let words = format!("{}: {}", zone.name, failure.error.message);
        Refused { unknown: failure.may_have_arrived, ..Refused::local(failure.error.class, words) }
    }

    /// Whether one record is to blame, so that the others may fare better without it.
    pub(crate) fn is_about_a_record(&self) -> bool {
        use ErrorClass::{Conflict, Quota, Rejected, Unsupported};
        !self.unknown && matches!(self.error.class, Rejected | Conflict | Quota | Unsupported)
    }

    /// The answer's body as JSON; null where it is none.
    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_default()
    }
}

impl Rest {
    /// A connection; nothing is sent. `authorization` is the whole header, `words` finds a refusal's
    /// words in its JSON. `Err` is a sentence for the form.
    pub(crate) fn new(
        service: &'static str,
        base: &str,
        trust: &Trust,
        secrets: &[&SecretString],
        authorization: String,
        words: fn(&Value) -> Option<String>,
    ) -> Result<Rest, String> {
        let redactor = Redactor::new(secrets.iter().map(|secret| secret.expose_secret()));
        Ok(Rest {
            http: Http::new(service, base, trust, redactor)?,
            identity: canonical_endpoint(base),
            base: base.trim_end_matches('/').to_owned(),
            authorization: authorization.into(),
            words,
            sign: None,
        })
    }

    /// The same, where every request is signed.
    pub(crate) fn signed(self, sign: Sign) -> Rest {
        Rest { sign: Some(sign), ..self }
    }

    /// How many requests were sent so far.
    pub(crate) fn requests(&self) -> u64 {
        self.http.requests()
    }

    /// A request below the base.
    pub(crate) fn call(&self, method: Method, path: &str) -> RequestBuilder {
        self.http
            .request(method, &format!("{}{path}", self.base))
            .header("Authorization", self.authorization.expose_secret())
            .header("Accept", "application/json")
    }

    /// Sends a call; whatever is not a success is refused, in the service's own words.
    async fn send(&self, zone: &ZoneRef, request: RequestBuilder) -> Result<(Answer, Around), Refused> {
        let lost = |failure| Refused::lost(zone, failure);
        let request = match &self.sign {
            Some(sign) => self.http.altered(request, sign).map_err(lost)?,
            None => request,
        };
        let response = self.http.open(request, zone.deadline).await.map_err(lost)?;
        let around = Around::of(response.headers());
        let answer = self.http.whole(response).await.map_err(lost)?;
        if answer.status.is_success() {
            return Ok((answer, around));
        }
        let mut error = self.http.refusal(&answer);
        let said = serde_json::from_slice(&answer.body).ok().and_then(|body| (self.words)(&body));
        if let Some(said) = said {
            let (service, status) = (self.http.service(), answer.status.as_u16());
            error.message = format!("{service} answered {status}: {}", self.say(&said));
        }
        error.message = format!("{}: {}", zone.name, error.message);
        // A proxy answered for the service, which may be at it still.
        let unknown = matches!(answer.status.as_u16(), 502 | 504);
        Err(Refused { error, status: answer.status.as_u16(), body: answer.body, unknown })
    }

    /// Sends a call and reads its JSON.
    pub(crate) async fn ask<T: DeserializeOwned>(
        &self,
        zone: &ZoneRef,
        request: RequestBuilder,
    ) -> Result<T, Refused> {
        Ok(self.ask_page(zone, request).await?.0)
    }

    /// The same, with what the headers say of the listing that this is a page of.
    pub(crate) async fn ask_page<T: DeserializeOwned>(
        &self,
        zone: &ZoneRef,
        request: RequestBuilder,
    ) -> Result<(T, Around), Refused> {
        let (answer, around) = self.send(zone, request).await?;
        match serde_json::from_slice(&answer.body) {
            Ok(value) => Ok((value, around)),
            Err(_) => Err(self.not_json(zone, &answer)),
        }
    }

    /// Sends a write that is answered with JSON such as `is_answer` knows; a page, silence or anything
    /// else does not count as done.
    pub(crate) async fn write(
        &self,
        zone: &ZoneRef,
        request: RequestBuilder,
        is_answer: fn(&Value) -> bool,
    ) -> Result<Value, Refused> {
        let (answer, _) = self.send(zone, request).await?;
        match serde_json::from_slice::<Value>(&answer.body) {
            Ok(value) if is_answer(&value) => Ok(value),
            _ => Err(self.not_json(zone, &answer)),
        }
    }

    /// Sends a write that is answered with this status and nothing else: 204, and with GoDaddy 200.
    pub(crate) async fn write_silent(
        &self,
        zone: &ZoneRef,
        request: RequestBuilder,
        status: u16,
    ) -> Result<(), Refused> {
        let (answer, _) = self.send(zone, request).await?;
        match answer.status.as_u16() == status && answer.body.iter().all(u8::is_ascii_whitespace) {
            true => Ok(()),
            false => {
                let (service, got) = (self.http.service(), answer.status.as_u16());
                let said = self.http.say(&answer.body);
                let words =
                    format!("{}: {service} answered {got} instead of a bare {status}: {said}", zone.name);
                Err(Refused::local(ErrorClass::Transient, words))
            }
        }
    }

    /// Words on one line, without secrets.
    pub(crate) fn say(&self, words: &str) -> String {
        self.http.words(words)
    }

    fn not_json(&self, zone: &ZoneRef, answer: &Answer) -> Refused {
        let error = self.http.not_json(&answer.body);
        Refused::local(error.class, format!("{}: {}", zone.name, error.message))
    }

    /// Whether records may be written, by asking for something that changes nothing. `Ok(Some(..))` is
    /// advice where it cannot be told.
    pub(crate) async fn may_write(
        &self,
        zone: &ZoneRef,
        probe: RequestBuilder,
    ) -> Result<Option<String>, ProviderError> {
        match self.send(zone, probe).await {
            Ok(_) => Ok(None),
            Err(refused) if matches!(refused.status, 400 | 404 | 422) => Ok(None),
            Err(refused) if matches!(refused.status, 401 | 403) => Err(refused.error),
            Err(refused) => Ok(Some(format!(
                "whether records may be written could not be checked: {}",
                refused.error.message
            ))),
        }
    }
}

/// The report of a service that refused, or was not there.
pub(crate) fn failed(error: &ProviderError) -> TestReport {
    let reachable = !matches!(error.class, ErrorClass::Transient);
    TestReport {
        ok: false,
        reachable,
        authorised: reachable && error.class != ErrorClass::Unauthorized,
        zone_matches: false,
        can_write: false,
        message: error.message.clone(),
        advice: Vec::new(),
    }
}

/// The report of a zone that is there but takes no changes.
pub(crate) fn read_only(message: String) -> TestReport {
    let authorised = TestReport { reachable: true, authorised: true, ..failed(&nothing()) };
    TestReport { zone_matches: true, message, ..authorised }
}

/// The report of a zone that takes changes.
pub(crate) fn passed(message: String, advice: Vec<String>) -> TestReport {
    TestReport { ok: true, can_write: true, advice, ..read_only(message) }
}

fn nothing() -> ProviderError {
    ProviderError::new(ErrorClass::Transient, "")
}

/// What stands around a page, in the answer's headers.
pub(crate) struct Around {
    /// The address of the next page (RFC 8288).
    pub(crate) next: Option<String>,
    /// How many there are on all pages.
    pub(crate) total: Option<usize>,
}

impl Around {
    fn of(headers: &HeaderMap) -> Around {
        let total = headers.get("total-count").and_then(|total| total.to_str().ok()?.trim().parse().ok());
        Around { next: next_of(headers), total }
    }
}

/// `rel="next"` of a Link header.
fn next_of(headers: &HeaderMap) -> Option<String> {
    let links = headers.get(LINK)?.to_str().ok()?;
    let next = links.split(',').find(|link| link.contains("rel=\"next\""))?;
    Some(next.split_once('<')?.1.split_once('>')?.0.to_owned())
}

/// A name as most services want it: relative to the zone, `@` for the zone's own.
pub(crate) fn label(zone: &ZoneRef, name: &Name) -> String {
    let (text, apex) = (name.to_string(), zone.name.to_string());
    let relative = text.strip_suffix(&apex).unwrap_or(&text);
    let relative = relative.strip_suffix('.').unwrap_or(relative);
    if relative.is_empty() { "@".to_owned() } else { relative.to_owned() }
}

/// The name behind a label that is relative to the zone.
pub(crate) fn full_name(zone: &ZoneRef, label: &str) -> Option<Name> {
    match label.trim_end_matches('.') {
        "" | "@" => Some(zone.name.clone()),
        label => Name::parse(&format!("{label}.{}", zone.name)).ok(),
    }
}

/// A set as read. `None`: nothing that is there for us (what a signer makes, a name that is none).
/// Types that only the service knows are seen as opaque, and so are values that cannot be read.
/// Targets without a final dot are relative to the zone, as in a zone file.
pub(crate) fn observed<'a>(
    zone: &ZoneRef,
    name: Name,
    rtype: &str,
    ttl: u32,
    values: impl IntoIterator<Item = &'a str>,
) -> Option<ObservedRRset> {
    let word = rtype;
    let rtype = type_of(word);
    if rtype.is_dnssec_made() {
        return None;
    }
    let ttl = Ttl::from_seconds(ttl).unwrap_or(Ttl::MAX);
    let mut set = ObservedRRset::new(name, rtype, ttl, Vec::new());
    for text in values {
        match RecordData::parse(rtype, &qualified(zone, rtype, text)) {
            Ok(data) => {
                let raw = (data.to_zonefile() != text).then(|| text.into());
                set.values.push(ObservedValue { data, raw, disabled: false });
            }
            Err(_) => set.cannot_read(one_line(&format!("{word} {text}"))),
        }
    }
    Some(set)
}

/// A value with its target made absolute.
fn qualified<'a>(zone: &ZoneRef, rtype: RecordType, text: &'a str) -> Cow<'a, str> {
    let targets = [RecordType::MX, RecordType::SRV];
    let (front, target) = match text.trim_end().rsplit_once(' ') {
        Some((front, target)) if targets.contains(&rtype) => (format!("{front} "), target),
        None if rtype.is_single_name() => (String::new(), text),
        _ => return text.into(),
    };
    match target {
        "@" => format!("{front}{}", zone.name.absolute()).into(),
        _ if target.ends_with('.') => text.into(),
        _ => format!("{front}{target}.{}", zone.name.absolute()).into(),
    }
}

/// A value as it is written: as the service spells it where it stands there already.
pub(crate) fn spelled(present: Option<&ObservedRRset>, value: &RecordData) -> String {
    let there = present.into_iter().flat_map(|set| &set.values).find(|there| there.data == *value);
    there.and_then(|there| there.raw.as_deref()).map_or_else(|| value.to_zonefile(), str::to_owned)
}

/// The words of a value in presentation form; quoted ones whole, without quotes and escapes.
pub(crate) fn words_of(text: &str) -> Vec<String> {
    let (mut words, mut word, mut quoted, mut began) = (Vec::new(), String::new(), false, false);
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        match c {
            '"' => (quoted, began) = (!quoted, true),
            '\\' => word.extend(chars.next()),
            ' ' if !quoted => {
                if began || !word.is_empty() {
                    words.push(std::mem::take(&mut word));
                }
                began = false;
            }
            c => word.push(c),
        }
    }
    if began || !word.is_empty() {
        words.push(word);
    }
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_relative_to_their_zone() {
        let zone = ZoneRef::new(Name::parse("example.org").unwrap());
        for (name, relative) in [("example.org", "@"), ("www.example.org", "www"), ("*.a.example.org", "*.a")]
        {
            let name = Name::parse(name).unwrap();
            assert_eq!(label(&zone, &name), relative);
            assert_eq!(full_name(&zone, relative), Some(name));
        }
    }

    #[test]
    fn targets_without_a_dot_are_relative() {
        let zone = ZoneRef::new(Name::parse("example.org").unwrap());
        for (rtype, text, whole) in [
            (RecordType::CNAME, "www", "www.example.org."),
            (RecordType::CNAME, "@", "example.org."),
            (RecordType::NS, "ns.example.net.", "ns.example.net."),
            (RecordType::MX, "10 mail", "10 mail.example.org."),
            (RecordType::SRV, "1 2 3 .", "1 2 3 ."),
            (RecordType::TXT, "some text", "some text"),
        ] {
            assert_eq!(qualified(&zone, rtype, text), whole);
        }
    }

    #[test]
    fn the_next_page_is_the_one_named_next() {
        let mut headers = HeaderMap::new();
        headers
            .insert(LINK, "<https://x/?a=>; rel=\"first\", <https://x/?a=b>; rel=\"next\"".parse().unwrap());
        assert_eq!(next_of(&headers).as_deref(), Some("https://x/?a=b"));
        headers.insert(LINK, "<https://x/?a=>; rel=\"first\"".parse().unwrap());
        assert_eq!(next_of(&headers), None);
    }
}
