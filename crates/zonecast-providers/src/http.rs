//! The one HTTP client of all adapters: how long a call may take, what an answer means, and what a
//! missing answer means.
//!
//! Nothing is retried here and no redirect is followed: a secret goes to the endpoint it was given
//! for and nowhere else. No `Expect` header is sent (PowerDNS does not answer it, seen 2026-11-21)
//! and the environment's proxies are not used. A body has a limit, a call a deadline.

use crate::redact::Redactor;
use crate::tls::{Trust, client_config};
use crate::{ErrorClass, Outcome, ProviderError};
use bytes::{Bytes, BytesMut};
use reqwest::{Client, Method, RequestBuilder, Response, StatusCode, header};
use std::error::Error;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant, SystemTime};

/// The longest answer read whole. Listings are streamed and have their own bound.
const ANSWER_MAX: usize = 8 << 20;
const CONNECT: Duration = Duration::from_secs(5);
/// A service that asks for more quiet than this is asked again all the same.
const RETRY_AFTER_MAX: Duration = Duration::from_secs(24 * 3600);

/// A client for one endpoint of one service.
pub struct Http {
    client: Client,
    service: &'static str,
    endpoint: String,
    redactor: Redactor,
    sent: AtomicU64,
}

/// An answer, whatever its status.
#[derive(Debug)]
pub struct Answer {
    /// The status.
    pub status: StatusCode,
    /// What it asked for in Retry-After.
    pub retry_after: Option<Duration>,
    /// The body, whole.
    pub body: Bytes,
}

/// A call without a usable answer.
#[derive(Debug)]
pub struct Failure {
    /// What to do and what to say.
    pub error: ProviderError,
    /// The request may have reached the service: a write may have happened.
    pub may_have_arrived: bool,
}

impl Failure {
    /// The outcome of a write that ended so.
    pub fn into_outcome(self) -> Outcome {
        if self.may_have_arrived { Outcome::Unknown(self.error) } else { Outcome::Failed(self.error) }
    }
}

impl Http {
    /// A client for `endpoint` (shown in messages; no secret may be in it). `service` is the
    /// service's name as people know it. `Err` is a sentence for the form.
    pub fn new(
        service: &'static str,
        endpoint: &str,
        trust: &Trust,
        redactor: Redactor,
    ) -> Result<Http, String> {
        crate::reach::refuse_literal(endpoint)?;
        let mut builder = Client::builder()
            .no_proxy()
            .dns_resolver(std::sync::Arc::new(crate::reach::Resolver))
            .redirect(reqwest::redirect::Policy::none())
            .retry(reqwest::retry::never())
            .connect_timeout(CONNECT)
            .tcp_nodelay(true)
            .user_agent(concat!("zonecast/", env!("CARGO_PKG_VERSION")));
        // Reading the system's roots costs milliseconds, so plain endpoints do without them.
        let config = match endpoint.starts_with("https://") {
            true => client_config(trust)?,
            false => client_config(&Trust { pinned_sha256: Some([0; 32]), ..Trust::default() })?,
        };
        builder = builder.tls_backend_preconfigured(config);
        let client = builder.build().map_err(|error| format!("no HTTP client: {}", words(&error)))?;
        Ok(Http { client, service, endpoint: endpoint.to_owned(), redactor, sent: AtomicU64::new(0) })
    }

    /// How many requests were sent so far.
    pub fn requests(&self) -> u64 {
        self.sent.load(Ordering::Relaxed)
    }

    /// Begins a request; the adapter adds headers and body.
    pub fn request(&self, method: Method, url: &str) -> RequestBuilder {
        self.client.request(method, url)
    }

    /// A request that is finished, and then altered: signed.
    pub fn altered(
        &self,
        request: RequestBuilder,
        alter: impl Fn(&mut reqwest::Request),
    ) -> Result<RequestBuilder, Failure> {
        let (client, request) = request.build_split();
        let mut request = request.map_err(|error| self.lost(&error))?;
        alter(&mut request);
        Ok(RequestBuilder::from_parts(client, request))
    }

    /// Sends a request and reads the answer whole, all before `deadline`.
    pub async fn send(&self, request: RequestBuilder, deadline: Instant) -> Result<Answer, Failure> {
        let response = self.open(request, deadline).await?;
        self.whole(response).await
    }

    /// Reads an answer that was opened to its end.
    pub async fn whole(&self, mut response: Response) -> Result<Answer, Failure> {
        let (status, retry_after) = (response.status(), retry_after(&response));
        let mut body = BytesMut::new();
        loop {
            match response.chunk().await {
                Ok(Some(chunk)) if body.len() + chunk.len() > ANSWER_MAX => {
                    let words = format!("{} answered with more than {ANSWER_MAX} bytes", self.service);
                    return Err(self.failure(words, true));
                }
                Ok(Some(chunk)) => body.extend_from_slice(&chunk),
                Ok(None) => return Ok(Answer { status, retry_after, body: body.freeze() }),
                Err(error) => return Err(self.cut(&error)),
            }
        }
    }

    /// Sends a request and gives the answer with its body unread, for streaming.
    pub async fn open(&self, request: RequestBuilder, deadline: Instant) -> Result<Response, Failure> {
        let left = deadline.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Err(self.failure(format!("no time was left to call {}", self.service), false));
        }
        self.sent.fetch_add(1, Ordering::Relaxed);
        request.timeout(left).send().await.map_err(|error| self.lost(&error))
    }

    /// The error of an answer that is not a success, with the service's own words in it.
    pub fn refusal(&self, answer: &Answer) -> ProviderError {
        let class = class_of(answer.status, answer.retry_after);
        let said = self.say(&answer.body);
        ProviderError::new(class, format!("{} answered {}: {said}", self.service, answer.status.as_u16()))
    }

    /// Reads an answer as JSON; a page or a torn body is a passing failure, never "nothing there".
    pub fn json<'a, T: serde::Deserialize<'a>>(&self, answer: &'a Answer) -> Result<T, ProviderError> {
        serde_json::from_slice(&answer.body).map_err(|_| self.not_json(&answer.body))
    }

    /// The error for a body that is not the JSON it should be.
    pub fn not_json(&self, body: &[u8]) -> ProviderError {
        let said = self.say(body);
        let odd = serde_json::from_slice::<serde::de::IgnoredAny>(body).is_ok();
        let what = if odd { "JSON that is not what was asked for" } else { "something that is not JSON" };
        let words = format!("{} answered with {what}: {said}", self.service);
        ProviderError::new(ErrorClass::Transient, words)
    }

    /// The error for an answer that broke off.
    pub fn cut(&self, error: &reqwest::Error) -> Failure {
        let words = match error.is_timeout() {
            true => format!("{} did not finish its answer in time", self.service),
            false => format!("the answer of {} broke off: {}", self.service, words(error)),
        };
        self.failure(words, true)
    }

    /// The service's words for people: all that its JSON says of what is wrong, else the text; see
    /// [`Redactor::say`].
    pub fn say(&self, body: &[u8]) -> String {
        let text = match serde_json::from_slice::<serde_json::Value>(body) {
            Ok(value) => json_words(&value).unwrap_or_else(|| value.to_string()),
            Err(_) => String::from_utf8_lossy(body).into_owned(),
        };
        let line = self.redactor.say(&text);
        if line.is_empty() { "no reason given".to_owned() } else { line }
    }

    /// Words that were found in an answer, as they may be shown.
    pub fn words(&self, words: &str) -> String {
        self.redactor.say(words)
    }

    /// The service's name, for messages.
    pub fn service(&self) -> &'static str {
        self.service
    }

    /// The request went out, or not, and no answer came.
    fn lost(&self, error: &reqwest::Error) -> Failure {
        let place = format!("{} at {}", self.service, self.endpoint);
        let deepest = words(error);
        if error.is_connect() || error.is_builder() {
            let why = if error.is_timeout() { "no connection in time" } else { &deepest };
            let tls = self.endpoint.starts_with("https://");
            // A server of plain HTTP answers a TLS greeting with words, with silence or by hanging up.
            let words = match tls && (error.is_timeout() || plain_for_tls(why)) {
                true => format!(
                    "{place} does not speak TLS ({why}): if the port answers plain HTTP, write http:// or name the TLS port"
                ),
                false => format!("{place} cannot be reached: {why}"),
            };
            return self.failure(words, false);
        }
        let words = match error.is_timeout() {
            true => format!("{place} did not answer in time"),
            false if deepest.contains("invalid HTTP version") => {
                format!("{place} does not speak plain HTTP ({deepest}): if it is a TLS port, write https://")
            }
            false => format!("{place} gave no answer: {deepest}"),
        };
        self.failure(words, true)
    }

    fn failure(&self, words: String, may_have_arrived: bool) -> Failure {
        let error = ProviderError::new(ErrorClass::Transient, self.redactor.say(&words));
        Failure { error, may_have_arrived }
    }
}

/// What to do about a status that is not a success. Adapters know better where 404, 409 or 422 mean
/// something special to their service.
pub fn class_of(status: StatusCode, retry_after: Option<Duration>) -> ErrorClass {
    match status.as_u16() {
        401 => ErrorClass::Unauthorized,
        403 => ErrorClass::Forbidden,
        404 => ErrorClass::NoSuchZone,
        429 => ErrorClass::RateLimited { retry_after },
        503 if retry_after.is_some() => ErrorClass::RateLimited { retry_after },
        408 | 425 | 500..=599 => ErrorClass::Transient,
        200..=399 => ErrorClass::Transient,
        _ => ErrorClass::Rejected,
    }
}

/// What an answer asks for in Retry-After: seconds or an HTTP date (RFC 9110 section 10.2.3). A 429
/// without it may still say when the quota is full again: in `Ratelimit` (Cloudflare), or in a header
/// of its own as seconds or as a time (Hetzner, DigitalOcean).
pub fn retry_after(response: &Response) -> Option<Duration> {
    let text = |name: header::HeaderName| response.headers().get(name)?.to_str().ok().map(str::trim);
    let asked = text(header::RETRY_AFTER).and_then(|text| parse_retry_after(text, SystemTime::now()));
    if asked.is_some() || response.status() != StatusCode::TOO_MANY_REQUESTS {
        return asked;
    }
    let of = |name| text(header::HeaderName::from_static(name));
    let resets = ["ratelimit-reset", "x-ratelimit-reset"].into_iter().filter_map(of);
    of("ratelimit")
        .and_then(parse_ratelimit)
        .or_else(|| resets.filter_map(|text| parse_reset(text, SystemTime::now())).max())
}

/// Seconds, or seconds since 1970 where the number is too large for a wait.
fn parse_reset(text: &str, now: SystemTime) -> Option<Duration> {
    let wait = Duration::from_secs(text.parse().ok()?);
    let since_1970 = now.duration_since(SystemTime::UNIX_EPOCH).ok()?;
    let wait = if wait > since_1970 / 2 { wait.checked_sub(since_1970)? } else { wait };
    Some(wait.min(RETRY_AFTER_MAX))
}

/// The longest wait of the limits that have nothing left: `"default";r=0;t=30`.
fn parse_ratelimit(text: &str) -> Option<Duration> {
    let spent = text.split(',').filter(|limit| limit.split(';').any(|part| part.trim() == "r=0"));
    let waits = spent.filter_map(|limit| limit.split(';').find_map(|part| part.trim().strip_prefix("t=")));
    let seconds = waits.filter_map(|wait| wait.parse::<u64>().ok()).max()?;
    Some(Duration::from_secs(seconds).min(RETRY_AFTER_MAX))
}

fn parse_retry_after(text: &str, now: SystemTime) -> Option<Duration> {
    let wait = match text.parse::<u64>() {
        Ok(seconds) => Duration::from_secs(seconds),
        // A date that is past asks for nothing.
        Err(_) => httpdate::parse_http_date(text).ok()?.duration_since(now).ok()?,
    };
    Some(wait.min(RETRY_AFTER_MAX))
}

/// An endpoint in its one canonical form, for telling whether two are the same: scheme and host in
/// lower case, the port always there, no slash at the end.
pub fn canonical_endpoint(url: &str) -> String {
    let Ok(parsed) = reqwest::Url::parse(url) else { return url.to_owned() };
    let (host, port) = (parsed.host_str().unwrap_or_default(), parsed.port_or_known_default().unwrap_or(0));
    format!("{}://{host}:{port}{}", parsed.scheme(), parsed.path().trim_end_matches('/'))
}

/// The deepest cause of an error: the one sentence that says what happened.
fn words(error: &reqwest::Error) -> String {
    let mut cause: &dyn Error = error;
    while let Some(deeper) = cause.source() {
        cause = deeper;
    }
    // The outermost error prints its URL; a cause never does.
    match cause.downcast_ref::<reqwest::Error>() {
        Some(_) => "the request failed".to_owned(),
        None => cause.to_string(),
    }
}

fn plain_for_tls(words: &str) -> bool {
    ["InvalidContentType", "corrupt message", "wrong version number", "eof", "reset by peer"]
        .iter()
        .any(|sign| words.contains(sign))
}

/// Every word that a JSON body says of what is wrong, however deep and in whatever list it stands.
pub(crate) fn json_words(value: &serde_json::Value) -> Option<String> {
    use serde_json::Value;
    /// Words that stand for themselves; other keys are said with them.
    const PLAIN: &[&str] = &[
        "error",
        "errors",
        "message",
        "messages",
        "detail",
        "details",
        "description",
        "non_field_errors",
        "fields",
        "result",
    ];
    fn gather(value: &Value, under: &str, into: &mut Vec<String>) {
        match value {
            Value::String(text) if text.is_empty() => {}
            Value::String(text) if under.is_empty() => into.push(text.clone()),
            Value::String(text) => into.push(format!("{under}: {text}")),
            Value::Number(number) if !under.is_empty() => into.push(format!("{under}: {number}")),
            Value::Array(list) => list.iter().for_each(|one| gather(one, under, into)),
            Value::Object(map) => {
                let (plain, other): (Vec<_>, Vec<_>) =
                    map.iter().partition(|(key, _)| PLAIN.contains(&key.as_str()));
                plain.into_iter().for_each(|(_, one)| gather(one, under, into));
                other.into_iter().for_each(|(key, one)| gather(one, key, into));
            }
            _ => {}
        }
    }
    let mut words = Vec::new();
    gather(value, "", &mut words);
    (!words.is_empty()).then(|| words.join("; "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn retry_after_is_seconds_or_a_date() {
        let now = httpdate::parse_http_date("Sat, 21 Nov 2026 11:00:00 GMT").unwrap();
        let read = |text| parse_retry_after(text, now).map(|wait| wait.as_secs());
        assert_eq!(read("7"), Some(7));
        assert_eq!(read("Sat, 21 Nov 2026 11:01:30 GMT"), Some(90));
        assert_eq!(read("Sat, 21 Nov 2026 10:00:00 GMT"), None);
        assert_eq!(read("999999999999"), Some(RETRY_AFTER_MAX.as_secs()));
        assert_eq!(read("soon"), None);
        let reset = |text| parse_reset(text, now).map(|wait| wait.as_secs());
        assert_eq!((reset("40"), reset("1795258840"), reset("1795258000")), (Some(40), Some(40), None));
        let spent = parse_ratelimit("\"default\";r=50;t=90, \"burst\";r=0;t=30");
        assert_eq!(spent, Some(Duration::from_secs(30)));
        assert_eq!(parse_ratelimit("\"default\";r=50;t=90"), None);
    }

    #[test]
    fn statuses_are_told_apart() {
        let class = |status| class_of(StatusCode::from_u16(status).unwrap(), None);
        assert_eq!(class(401), ErrorClass::Unauthorized);
        assert_eq!(class(403), ErrorClass::Forbidden);
        assert_eq!(class(404), ErrorClass::NoSuchZone);
        assert_eq!(class(422), ErrorClass::Rejected);
        assert_eq!(class(502), ErrorClass::Transient);
        assert!(matches!(class(429), ErrorClass::RateLimited { .. }));
    }

    #[test]
    fn words_are_one_line_without_secrets() {
        let redactor = Redactor::new(["hunter2"]);
        let http = Http::new("Test", "http://127.0.0.1:1", &Trust::default(), redactor).unwrap();
        assert_eq!(http.say(br#"{"error":"bad key hunter2"}"#), "bad key [secret]");
        assert_eq!(http.say(br#"{"error":"two","errors":["a","b"]}"#), "two; a; b");
        let nested = br#"[{},{"records":[{"content":["no\u001b[2J dot"]}]},{"code":"X","message":"bad"}]"#;
        assert_eq!(http.say(nested), "content: no [2J dot; bad; code: X");
        assert_eq!(http.say(b"<html>\n <b>no</b>\n"), "<html> <b>no</b>");
        assert_eq!(http.say(b""), "no reason given");
    }
}
