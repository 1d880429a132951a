//! etcd's JSON gateway: transactions and ranges over HTTP, several endpoints, a login.
//!
//! Seen with etcd 3.4.23, 2026-11-21: keys and values are base64, 64-bit numbers are strings, a field
//! that is empty or false is left out, a transaction takes 128 operations, a token is sent without
//! "Bearer" and dies after five idle minutes.

use crate::coredns::about;
use crate::http::{Answer, Failure, Http};
use crate::redact::Redactor;
use crate::tls::Trust;
use crate::{ErrorClass, ProviderError, ZoneRef};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use reqwest::Method;
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use serde_json::{Value, json};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

/// The cluster, as seen from here.
pub(super) struct Gateway {
    endpoints: Vec<(String, Http)>,
    /// The endpoint that answered last.
    good: AtomicUsize,
    login: Option<(String, SecretString)>,
    token: Mutex<Option<SecretString>>,
}

/// One key.
#[derive(Clone, Debug)]
pub(super) struct Pair {
    pub(super) key: String,
    pub(super) value: Vec<u8>,
    pub(super) revision: u64,
}

#[derive(Deserialize)]
struct RangeAnswer {
    #[serde(default)]
    kvs: Vec<RawPair>,
    #[serde(default)]
    more: bool,
}

#[derive(Deserialize)]
struct RawPair {
    key: String,
    #[serde(default)]
    value: String,
    mod_revision: String,
}

#[derive(Deserialize)]
struct TxnAnswer {
    /// Every answer has one: a body without is no answer of etcd.
    #[serde(rename = "header")]
    _header: Value,
    #[serde(default)]
    succeeded: bool,
    #[serde(default)]
    responses: Vec<TxnResponse>,
}

#[derive(Deserialize)]
struct TxnResponse {
    #[serde(default)]
    response_range: Option<RangeAnswer>,
}

/// What etcd says where it refuses, 3.4 and 3.5 alike.
#[derive(Deserialize)]
struct Refusal {
    #[serde(default)]
    code: i64,
}

/// How a transaction ended: whether its comparisons held, and what its ranges found.
pub(super) struct Ended {
    pub(super) succeeded: bool,
    pub(super) ranges: Vec<Vec<Pair>>,
}

impl Gateway {
    /// How many requests were sent so far, to whichever member.
    pub(super) fn requests(&self) -> u64 {
        self.endpoints.iter().map(|(_, http)| http.requests()).sum()
    }

    pub(super) fn new(
        endpoints: &str,
        login: Option<(String, SecretString)>,
        trust: &Trust,
    ) -> Result<Gateway, String> {
        let secrets = login.iter().map(|(_, password)| password.expose_secret());
        let redactor = Redactor::new(secrets);
        let endpoints: Result<Vec<(String, Http)>, String> = split(endpoints)
            .map(|endpoint| {
                let endpoint = endpoint.trim_end_matches('/').to_owned();
                let http = Http::new("etcd", &endpoint, trust, redactor.clone())?;
                Ok((endpoint, http))
            })
            .collect();
        let endpoints = endpoints?;
        if endpoints.is_empty() {
            return Err("an endpoint is needed, such as http://127.0.0.1:2379".to_owned());
        }
        Ok(Gateway { endpoints, good: AtomicUsize::new(0), login, token: Mutex::default() })
    }

    /// The endpoints, for an identity.
    pub(super) fn identity(&self) -> String {
        let mut names: Vec<&str> = self.endpoints.iter().map(|(endpoint, _)| endpoint.as_str()).collect();
        names.sort_unstable();
        names.join(",")
    }

    /// All keys in `[from, end)`, page by page.
    pub(super) async fn range(
        &self,
        zone: &ZoneRef,
        from: &str,
        end: &str,
    ) -> Result<Vec<Pair>, ProviderError> {
        let (mut pairs, mut next) = (Vec::new(), from.as_bytes().to_vec());
        loop {
            let body =
                json!({ "key": STANDARD.encode(&next), "range_end": STANDARD.encode(end), "limit": 5000 });
            let (answer, place) =
                self.call(zone, "/v3/kv/range", &body).await.map_err(|failure| failure.error)?;
            let text: Value = self.endpoints[place]
                .1
                .json(&answer)
                .map_err(|error| about(zone, error.class.clone(), error))?;
            if text.get("header").is_none() {
                let said = self.endpoints[place].1.say(&answer.body);
                let words = format!("etcd answered without a header: {said}");
                return Err(about(zone, ErrorClass::Transient, words));
            }
            let found: RangeAnswer = serde_json::from_value(text).map_err(|error| {
                about(zone, ErrorClass::Transient, format!("etcd's answer cannot be read: {error}"))
            })?;
            let more = found.more;
            pairs.extend(read_pairs(zone, found)?);
            match pairs.last() {
                Some(last) if more => next = [last.key.as_bytes(), b"\0"].concat(),
                _ => return Ok(pairs),
            }
        }
    }

    /// One transaction.
    pub(super) async fn txn(&self, zone: &ZoneRef, body: &Value) -> Result<Ended, Failure> {
        let (answer, place) = self.call(zone, "/v3/kv/txn", body).await?;
        let failed = |error: ProviderError| Failure { error, may_have_arrived: true };
        let answer: TxnAnswer = self.endpoints[place]
            .1
            .json(&answer)
            .map_err(|error| failed(about(zone, error.class.clone(), &error)))?;
        let ranges = answer.responses.into_iter().filter_map(|response| response.response_range);
        let ranges: Result<Vec<Vec<Pair>>, ProviderError> =
            ranges.map(|found| read_pairs(zone, found)).collect();
        Ok(Ended { succeeded: answer.succeeded, ranges: ranges.map_err(failed)? })
    }

    /// A call at the endpoint that answered last, else at the next one that can be reached. A request
    /// that may have arrived somewhere is never sent elsewhere.
    async fn call(&self, zone: &ZoneRef, path: &str, body: &Value) -> Result<(Answer, usize), Failure> {
        let first = self.good.load(Ordering::Relaxed);
        let mut last = None;
        for step in 0..self.endpoints.len() {
            let place = (first + step) % self.endpoints.len();
            match self.call_at(zone, place, path, body).await {
                Ok(answer) => {
                    self.good.store(place, Ordering::Relaxed);
                    return Ok((answer, place));
                }
                Err(failure) if failure.error.class == ErrorClass::Transient && !failure.may_have_arrived => {
                    last = Some(failure);
                }
                Err(failure) => return Err(failure),
            }
        }
        Err(last.unwrap_or_else(|| Failure {
            error: about(zone, ErrorClass::Transient, "no etcd endpoint is known"),
            may_have_arrived: false,
        }))
    }

    async fn call_at(
        &self,
        zone: &ZoneRef,
        place: usize,
        path: &str,
        body: &Value,
    ) -> Result<Answer, Failure> {
        let mut fresh = false;
        loop {
            let token = match (&self.login, self.held_token()) {
                (None, _) => None,
                (Some(_), Some(token)) => Some(token),
                (Some(login), None) => {
                    fresh = true;
                    Some(self.log_in(zone, place, login).await?)
                }
            };
            let answer = self.send(zone, place, path, token.as_ref(), body).await?;
            if answer.status.is_success() {
                return Ok(answer);
            }
            // A token dies of idleness: one new login, then the answer stands.
            if answer.status == 401 && self.login.is_some() && !fresh {
                *self.token.lock().unwrap_or_else(PoisonError::into_inner) = None;
                continue;
            }
            return Err(self.refusal(zone, place, &answer));
        }
    }

    async fn send(
        &self,
        zone: &ZoneRef,
        place: usize,
        path: &str,
        token: Option<&SecretString>,
        body: &Value,
    ) -> Result<Answer, Failure> {
        let (endpoint, http) = &self.endpoints[place];
        let mut request = http.request(Method::POST, &format!("{endpoint}{path}")).body(body.to_string());
        if let Some(token) = token {
            request = request.header("Authorization", token.expose_secret());
        }
        let sent = http.send(request, zone.deadline).await;
        sent.map_err(|failure| Failure {
            error: about(zone, failure.error.class.clone(), &failure.error),
            may_have_arrived: failure.may_have_arrived,
        })
    }

    async fn log_in(
        &self,
        zone: &ZoneRef,
        place: usize,
        (name, password): &(String, SecretString),
    ) -> Result<SecretString, Failure> {
        let body = json!({ "name": name, "password": password.expose_secret() });
        let answer = self.send(zone, place, "/v3/auth/authenticate", None, &body).await;
        // Nothing was asked for yet, so nothing can have happened.
        let answer = answer.map_err(|failure| Failure { may_have_arrived: false, ..failure })?;
        if !answer.status.is_success() {
            return Err(Failure { may_have_arrived: false, ..self.refusal(zone, place, &answer) });
        }
        let value: Value = serde_json::from_slice(&answer.body).unwrap_or_default();
        let Some(token) = value["token"].as_str() else {
            let said = self.endpoints[place].1.say(&answer.body);
            let words = format!("etcd answered a login without a token: {said}");
            let error = about(zone, ErrorClass::Transient, words);
            return Err(Failure { error, may_have_arrived: false });
        };
        let token = SecretString::from(token);
        *self.token.lock().unwrap_or_else(PoisonError::into_inner) = Some(token.clone());
        Ok(token)
    }

    fn held_token(&self) -> Option<SecretString> {
        self.token.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn refusal(&self, zone: &ZoneRef, place: usize, answer: &Answer) -> Failure {
        let (endpoint, http) = &self.endpoints[place];
        let said = http.say(&answer.body);
        let code = serde_json::from_slice::<Refusal>(&answer.body).map_or(0, |refusal| refusal.code);
        let has = |words: &str| said.contains(words);
        let class = match (answer.status.as_u16(), code) {
            _ if has("authentication failed") || has("user name is empty") || has("invalid auth token") => {
                ErrorClass::Unauthorized
            }
            _ if has("authentication is not enabled") => ErrorClass::Unauthorized,
            _ if has("permission denied") => ErrorClass::Forbidden,
            _ if has("database space exceeded") => ErrorClass::Quota,
            _ if has("too many requests") => ErrorClass::RateLimited { retry_after: answer.retry_after },
            _ if has("etcdserver: request timed out") || has("no leader") || has("leader changed") => {
                ErrorClass::Transient
            }
            (401, _) | (_, 16) => ErrorClass::Unauthorized,
            (403, _) | (_, 7) => ErrorClass::Forbidden,
            (400, _) => ErrorClass::Rejected,
            (429, _) => ErrorClass::RateLimited { retry_after: answer.retry_after },
            _ => ErrorClass::Transient,
        };
        // A timed out request may still be carried out by the cluster.
        let may_have_arrived = class == ErrorClass::Transient && !has("no leader");
        let words = format!("etcd at {endpoint} answered {}: {said}", answer.status.as_u16());
        Failure { error: about(zone, class, words), may_have_arrived }
    }
}

/// Endpoints as people list them.
pub(super) fn split(endpoints: &str) -> impl Iterator<Item = &str> {
    endpoints.split([',', ' ']).filter(|part| !part.is_empty())
}

fn read_pairs(zone: &ZoneRef, found: RangeAnswer) -> Result<Vec<Pair>, ProviderError> {
    let bad = || about(zone, ErrorClass::Transient, "etcd's answer cannot be read");
    let read = |pair: RawPair| {
        let key = STANDARD.decode(&pair.key).ok().and_then(|key| String::from_utf8(key).ok());
        Ok(Pair {
            key: key.ok_or_else(bad)?,
            value: STANDARD.decode(&pair.value).map_err(|_| bad())?,
            revision: pair.mod_revision.parse().map_err(|_| bad())?,
        })
    };
    found.kvs.into_iter().map(read).collect()
}

/// The operations and comparisons of transactions.
pub(super) mod op {
    use super::{STANDARD, Value, json};
    use base64::Engine as _;

    pub(in super::super) fn put(key: &str, value: &str) -> Value {
        json!({ "request_put": { "key": STANDARD.encode(key), "value": STANDARD.encode(value) } })
    }

    pub(in super::super) fn delete(key: &str) -> Value {
        json!({ "request_delete_range": { "key": STANDARD.encode(key) } })
    }

    pub(in super::super) fn get(key: &str) -> Value {
        json!({ "request_range": { "key": STANDARD.encode(key) } })
    }

    pub(in super::super) fn get_range(from: &str, end: &str) -> Value {
        json!({ "request_range": { "key": STANDARD.encode(from), "range_end": STANDARD.encode(end) } })
    }

    /// The key is not there (0), or is as it was at this revision.
    pub(in super::super) fn unchanged(key: &str, revision: u64) -> Value {
        json!({ "key": STANDARD.encode(key), "target": "MOD", "result": "EQUAL", "mod_revision": revision.to_string() })
    }
}
