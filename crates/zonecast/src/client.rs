//! One way to reach Zonecast, two ways to carry it.
//!
//! Every resource command and every call of [`DnsManager`](crate::DnsManager) is a request of the
//! REST API. With a daemon it travels by HTTP; without one the same router answers inside this
//! process, over the same store and with the same leases. So there is one place where a wish is
//! checked and stored, and a command cannot do what a key may not.

use crate::app::App;
use crate::config::Config;
use crate::daemon;
use crate::problem::Problem;
use crate::service::Caller;
use axum::body::Body;
use axum::http::{HeaderMap, Method, Request, StatusCode, header};
use serde_json::Value;
use std::time::Duration;
use tower::ServiceExt;
use zonecast_dns::{Server, ServerOptions};

/// Largest answer taken from a router in this process.
const ANSWER_BYTES_MAX: usize = 1 << 30;

/// Why there is no answer to use.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// The API refused, in its own words.
    #[error("{0}")]
    Problem(Problem),
    /// Nobody answers at this address; nothing is known to be stored.
    #[error("no Zonecast answers at {url}: {reason}")]
    Unreachable {
        /// What was called.
        url: String,
        /// The network's own words.
        reason: String,
    },
    /// Something answered, but not as the API does.
    #[error("{url} does not answer as Zonecast does: {reason}")]
    Foreign {
        /// What was called.
        url: String,
        /// What is odd about the answer.
        reason: String,
    },
}

/// A successful answer.
#[derive(Debug, Clone)]
pub struct Answer {
    /// The HTTP status.
    pub status: u16,
    /// What the API has in `data`.
    pub data: Value,
    /// Where the next page of a list begins.
    pub next_cursor: Option<String>,
    /// The version of the resource, for `If-Match`.
    pub etag: Option<String>,
}

impl Answer {
    /// The job that carries the work out, where there is one.
    pub fn job_id(&self) -> Option<i64> {
        self.data.get("job_id").and_then(Value::as_i64)
    }
}

/// What a request carries.
#[derive(Debug, Clone)]
enum Payload {
    Json(Value),
    Text(String),
}

impl Payload {
    fn content_type(&self) -> &'static str {
        match self {
            Payload::Json(_) => "application/json",
            Payload::Text(_) => "text/plain; charset=utf-8",
        }
    }

    fn bytes(&self) -> bytes::Bytes {
        match self {
            Payload::Json(value) => value.to_string().into(),
            Payload::Text(text) => text.clone().into(),
        }
    }
}

/// One request, before it is sent.
#[derive(Debug, Clone)]
pub struct Call {
    method: Method,
    path: String,
    body: Option<Payload>,
    headers: Vec<(&'static str, String)>,
    query: Vec<(String, String)>,
}

impl Call {
    /// A request of `/api/v1/<path>`; a path that begins with a slash is taken as it is.
    pub fn new(method: Method, path: impl Into<String>) -> Call {
        let path = path.into();
        let path = if path.starts_with('/') { path } else { format!("/api/v1/{path}") };
        Call { method, path, body: None, headers: Vec::new(), query: Vec::new() }
    }

    /// `GET`.
    pub fn get(path: impl Into<String>) -> Call {
        Call::new(Method::GET, path)
    }

    /// `POST` with a body.
    pub fn post(path: impl Into<String>, body: Value) -> Call {
        Call::new(Method::POST, path).body(body)
    }

    /// `PATCH` with a merge patch.
    pub fn patch(path: impl Into<String>, body: Value) -> Call {
        Call::new(Method::PATCH, path).body(body)
    }

    /// `DELETE`.
    pub fn delete(path: impl Into<String>) -> Call {
        Call::new(Method::DELETE, path)
    }

    /// Sends JSON along.
    pub fn body(mut self, body: Value) -> Call {
        self.body = Some(Payload::Json(body));
        self
    }

    /// Sends plain text along, such as a zone file.
    pub fn text(mut self, text: String) -> Call {
        self.body = Some(Payload::Text(text));
        self
    }

    /// Adds a query parameter.
    pub fn query(mut self, name: &str, value: impl ToString) -> Call {
        self.query.push((name.to_owned(), value.to_string()));
        self
    }

    /// Adds a query parameter where there is a value.
    pub fn query_opt(self, name: &str, value: Option<impl ToString>) -> Call {
        match value {
            Some(value) => self.query(name, value),
            None => self,
        }
    }

    /// Adds a header.
    pub fn header(mut self, name: &'static str, value: impl Into<String>) -> Call {
        self.headers.push((name, value.into()));
        self
    }

    fn target(&self) -> String {
        let mut target = self.path.clone();
        for (index, (name, value)) in self.query.iter().enumerate() {
            target.push(if index == 0 { '?' } else { '&' });
            target.push_str(name);
            target.push('=');
            target.push_str(&escape(value));
        }
        target
    }
}

/// Percent-encodes all but RFC 3986's unreserved characters.
pub fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            out.push(byte as char);
        } else {
            out.push_str(&format!("%{byte:02X}"));
        }
    }
    out
}

/// Speaks to one Zonecast. Cheap to clone.
#[derive(Clone)]
pub struct Client {
    transport: Transport,
    /// Every call that writes is asked for its preview.
    dry_run: bool,
}

#[derive(Clone)]
enum Transport {
    Http { base: String, key: String, http: reqwest::Client },
    Router { router: axum::Router, caller: Caller },
}

impl Client {
    /// A client of the daemon at `url`, such as `http://127.0.0.1:8053`.
    pub fn connect(url: &str, key: &str) -> Result<Client, ClientError> {
        let base = url.trim().trim_end_matches('/').to_owned();
        let fail = |reason: String| ClientError::Unreachable { url: base.clone(), reason };
        if !base.starts_with("http://") && !base.starts_with("https://") {
            return Err(fail("the address of a daemon begins with http:// or https://".to_owned()));
        }
        let http = http_client(base.starts_with("https://")).map_err(|error| fail(chain(&error)))?;
        Ok(Client { transport: Transport::Http { base, key: key.to_owned(), http }, dry_run: false })
    }

    /// A client of a router in this process, calling as `caller`.
    pub fn in_process(router: axum::Router, caller: Caller) -> Client {
        Client { transport: Transport::Router { router, caller }, dry_run: false }
    }

    /// The same client, whose every writing call is a dry run if `dry_run` says so.
    pub fn dry_run(self, dry_run: bool) -> Client {
        Client { dry_run, ..self }
    }

    /// Whether the work is done by this very process, so that it must not end too early.
    pub fn is_in_process(&self) -> bool {
        matches!(self.transport, Transport::Router { .. })
    }

    /// Where requests go, for messages.
    pub fn place(&self) -> &str {
        match &self.transport {
            Transport::Http { base, .. } => base,
            Transport::Router { .. } => "this process",
        }
    }

    /// Sends a request and takes the API's envelope off the answer.
    pub async fn send(&self, call: Call) -> Result<Answer, ClientError> {
        let (status, headers, bytes) = self.exchange(&call).await?;
        let foreign =
            |reason: String| ClientError::Foreign { url: format!("{}{}", self.place(), call.path), reason };
        if !status.is_success() {
            return Err(match serde_json::from_slice::<Problem>(&bytes) {
                Ok(problem) => ClientError::Problem(problem),
                Err(_) => foreign(format!("{status} {}", excerpt(&bytes))),
            });
        }
        let etag = headers.get(header::ETAG).and_then(|v| v.to_str().ok()).map(str::to_owned);
        if bytes.is_empty() {
            let data = Value::Null;
            return Ok(Answer { status: status.as_u16(), data, next_cursor: None, etag });
        }
        let mut envelope: Value = serde_json::from_slice(&bytes)
            .map_err(|_| foreign(format!("no JSON but {}", excerpt(&bytes))))?;
        let next_cursor = match envelope.get("next_cursor") {
            Some(Value::String(cursor)) => Some(cursor.clone()),
            Some(Value::Number(cursor)) => Some(cursor.to_string()),
            _ => None,
        };
        let data = envelope.get_mut("data").map(Value::take).unwrap_or(Value::Null);
        Ok(Answer { status: status.as_u16(), data, next_cursor, etag })
    }

    /// Sends a request whose answer is text, such as a job's log or a zone file.
    pub async fn text(&self, call: Call) -> Result<String, ClientError> {
        let call = call.header("accept", "text/plain");
        let (status, _, bytes) = self.exchange(&call).await?;
        if status.is_success() {
            return Ok(String::from_utf8_lossy(&bytes).into_owned());
        }
        Err(match serde_json::from_slice::<Problem>(&bytes) {
            Ok(problem) => ClientError::Problem(problem),
            Err(_) => ClientError::Foreign {
                url: format!("{}{}", self.place(), call.path),
                reason: format!("{status} {}", excerpt(&bytes)),
            },
        })
    }

    /// Every page of a list, as one array.
    pub async fn list(&self, call: Call) -> Result<Vec<Value>, ClientError> {
        let mut all = Vec::new();
        let mut cursor: Option<String> = None;
        loop {
            let page = self.send(call.clone().query_opt("cursor", cursor.take())).await?;
            let empty = match page.data {
                Value::Array(rows) => {
                    let empty = rows.is_empty();
                    all.extend(rows);
                    empty
                }
                _ => true,
            };
            match page.next_cursor {
                Some(next) if !empty => cursor = Some(next),
                _ => return Ok(all),
            }
        }
    }

    /// Whether something alive answers.
    pub async fn is_alive(&self) -> bool {
        let probe = Call::get("/livez");
        let answer = tokio::time::timeout(Duration::from_secs(2), self.exchange(&probe)).await;
        matches!(answer, Ok(Ok((status, _, _))) if status.is_success())
    }

    async fn exchange(&self, call: &Call) -> Result<(StatusCode, HeaderMap, bytes::Bytes), ClientError> {
        let dry = (self.dry_run && call.method != Method::GET).then(|| call.clone().query("dry_run", true));
        let call = dry.as_ref().unwrap_or(call);
        match &self.transport {
            Transport::Http { base, key, http } => over_http(base, key, http, call).await,
            Transport::Router { router, caller } => {
                Box::pin(over_router(router.clone(), caller.clone(), call)).await
            }
        }
    }
}

async fn over_http(
    base: &str,
    key: &str,
    http: &reqwest::Client,
    call: &Call,
) -> Result<(StatusCode, HeaderMap, bytes::Bytes), ClientError> {
    let mut request = http.request(call.method.clone(), format!("{base}{}", call.target()));
    if !key.is_empty() {
        request = request.bearer_auth(key);
    }
    for (name, value) in &call.headers {
        request = request.header(*name, value);
    }
    if let Some(body) = &call.body {
        request = request.header(header::CONTENT_TYPE, body.content_type()).body(body.bytes());
    }
    let fail = |error: reqwest::Error| ClientError::Unreachable {
        url: base.to_owned(),
        reason: chain(&error.without_url()),
    };
    let response = request.send().await.map_err(fail)?;
    let (status, headers) = (response.status(), response.headers().clone());
    Ok((status, headers, response.bytes().await.map_err(fail)?))
}

async fn over_router(
    router: axum::Router,
    caller: Caller,
    call: &Call,
) -> Result<(StatusCode, HeaderMap, bytes::Bytes), ClientError> {
    let fail = |reason: String| ClientError::Foreign { url: call.path.clone(), reason };
    let mut request = Request::builder().method(call.method.clone()).uri(call.target()).extension(caller);
    for (name, value) in &call.headers {
        request = request.header(*name, value);
    }
    let body = match &call.body {
        Some(body) => {
            request = request.header(header::CONTENT_TYPE, body.content_type());
            Body::from(body.bytes())
        }
        None => Body::empty(),
    };
    let request = request.body(body).map_err(|error| fail(error.to_string()))?;
    let response = match router.oneshot(request).await {
        Ok(response) => response,
        Err(never) => match never {},
    };
    let (parts, body) = response.into_parts();
    let bytes =
        axum::body::to_bytes(body, ANSWER_BYTES_MAX).await.map_err(|error| fail(error.to_string()))?;
    Ok((parts.status, parts.headers, bytes))
}

/// A Zonecast without a daemon: store, workers and a name server on a free loopback port, so that
/// embedded zones can be verified like any others.
pub struct InProcess {
    /// Its parts.
    pub app: App,
    server: Option<Server>,
    source: &'static str,
}

impl InProcess {
    /// Opens the store and starts the workers; `source` is the door that the audit names.
    pub async fn open(config: Config, source: &'static str) -> anyhow::Result<InProcess> {
        let own = Box::pin(InProcess::look(config, source)).await?;
        crate::service::orchestrator::add_missing(&own.app).await?;
        own.app.engine.start();
        Ok(own)
    }

    /// The same without workers, so that nothing is done that nobody asked for: for a dry run.
    pub async fn look(config: Config, source: &'static str) -> anyhow::Result<InProcess> {
        let app = Box::pin(daemon::open(config)).await?;
        let loopback = ServerOptions::new(([127, 0, 0, 1], 0).into());
        let server = Server::start(app.authority.clone(), &loopback).ok();
        if let Some(server) = &server {
            app.engine.serve_at(server.local_addr());
        }
        Ok(InProcess { app, server, source })
    }

    /// A client with every right.
    pub fn client(&self) -> Client {
        Client::in_process(crate::api::router(self.app.clone()), Caller::local(self.source))
    }

    /// Where its name server answers.
    pub fn dns(&self) -> Option<std::net::SocketAddr> {
        self.server.as_ref().map(Server::local_addr)
    }

    /// Gives leases back and closes the store.
    pub async fn close(self) {
        self.app.engine.stop(Duration::from_secs(5)).await;
        if let Some(server) = self.server {
            server.shutdown().await;
        }
        self.app.store.close().await;
    }
}

/// Makes ring the one TLS provider of this process. Calling it again changes nothing.
pub fn install_crypto() {
    let _ = rustls::crypto::ring::default_provider().install_default();
}

/// A client for plain HTTP loads no certificates: that alone would cost 60 ms at every start.
fn http_client(tls: bool) -> Result<reqwest::Client, reqwest::Error> {
    install_crypto();
    let builder = reqwest::Client::builder()
        .user_agent(concat!("zonecast/", env!("CARGO_PKG_VERSION")))
        .redirect(reqwest::redirect::Policy::none())
        .connect_timeout(Duration::from_secs(5));
    if tls {
        return builder.build();
    }
    builder.no_proxy().tls_certs_only(std::iter::empty()).build()
}

/// An error with its causes, in one line.
fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        let words = cause.to_string();
        if !text.contains(&words) {
            text = format!("{text}: {words}");
        }
        source = cause.source();
    }
    text
}

/// The beginning of an answer, fit for one line.
fn excerpt(bytes: &[u8]) -> String {
    let text = String::from_utf8_lossy(&bytes[..bytes.len().min(200)]);
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::Json;
    use axum::routing::{get, post};
    use serde_json::json;

    fn router() -> axum::Router {
        axum::Router::new()
            .route(
                "/api/v1/hosts",
                post(async || {
                    (StatusCode::ACCEPTED, Json(json!({"success": true, "data": {"id": 1, "job_id": 7}})))
                }),
            )
            .route(
                "/api/v1/hosts/9",
                get(async || (StatusCode::NOT_FOUND, Json(Problem::missing("host", 9)))),
            )
            .route("/api/v1/odd", get(async || (StatusCode::BAD_GATEWAY, "a proxy speaks")))
    }

    #[tokio::test]
    async fn the_envelope_is_taken_off() {
        let client = Client::in_process(router(), Caller::local("cli"));
        let answer = client.send(Call::post("hosts", json!({}))).await.unwrap();
        assert_eq!((answer.status, answer.job_id()), (202, Some(7)));
    }

    #[tokio::test]
    async fn a_problem_keeps_its_words_and_a_stranger_is_named() {
        let client = Client::in_process(router(), Caller::local("cli"));
        let missing = client.send(Call::get("hosts/9")).await.unwrap_err();
        assert_eq!(missing.to_string(), "there is no host 9");
        let odd = client.send(Call::get("odd")).await.unwrap_err();
        assert!(matches!(odd, ClientError::Foreign { .. }), "{odd}");
    }

    #[test]
    fn query_values_are_escaped() {
        let call = Call::get("hosts").query("fqdn", "a b/é.example").query_opt("x", None::<i64>);
        assert_eq!(call.target(), "/api/v1/hosts?fqdn=a%20b%2F%C3%A9.example");
    }
}
