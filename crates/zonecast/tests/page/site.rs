//! A daemon in this process and a client that walks through its page.

use crate::daemon::PATIENCE;
use reqwest::header::HeaderMap;
use reqwest::{Client, RequestBuilder, StatusCode};
use std::net::SocketAddr;
use std::sync::Once;
use std::time::{Duration, Instant};
use zonecast::app::App;
use zonecast::config::Config;
use zonecast::daemon::{Daemon, Roles};

/// A running Zonecast, and a browser without a window.
pub struct Site {
    pub app: App,
    pub base: String,
    pub key: String,
    pub client: Client,
    _daemon: Daemon,
    _folder: tempfile::TempDir,
}

/// What came back.
pub struct Reply {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub text: String,
}

impl Reply {
    pub fn location(&self) -> &str {
        self.headers.get("location").and_then(|value| value.to_str().ok()).unwrap_or_default()
    }

    /// `name=value` of the cookie that was set.
    pub fn cookie(&self) -> String {
        self.cookie_line().split(';').next().unwrap_or_default().to_owned()
    }

    pub fn cookie_line(&self) -> String {
        let value = self.headers.get("set-cookie").expect("a cookie");
        value.to_str().unwrap().to_owned()
    }
}

/// Somebody who is logged in.
pub struct Visitor<'a> {
    site: &'a Site,
    pub cookie: String,
    pub csrf: String,
}

impl Site {
    pub async fn open() -> Site {
        Site::open_with(|_| {}).await
    }

    pub async fn open_with(change: impl FnOnce(&mut Config)) -> Site {
        static TLS: Once = Once::new();
        TLS.call_once(|| drop(rustls::crypto::ring::default_provider().install_default()));
        let folder = tempfile::tempdir().unwrap();
        let nowhere = SocketAddr::from(([127, 0, 0, 1], 0));
        let mut config =
            Config { data: folder.path().to_owned(), http: nowhere, dns: nowhere, ..Config::default() };
        change(&mut config);
        let daemon = Daemon::start(config, Roles::default()).await.unwrap();
        let client = Client::builder().redirect(reqwest::redirect::Policy::none()).build().unwrap();
        Site {
            app: daemon.app.clone(),
            base: daemon.endpoints.http.clone(),
            key: daemon.new_admin_key.clone().unwrap(),
            client,
            _daemon: daemon,
            _folder: folder,
        }
    }

    pub fn request(&self, method: &str, path: &str) -> RequestBuilder {
        self.client.request(method.parse().unwrap(), format!("{}{path}", self.base))
    }

    pub async fn log_in_with(&self, key: &str, next: &str) -> Reply {
        send(self.request("POST", "/login").form(&[("key", key), ("next", next)])).await
    }

    pub async fn log_in(&self) -> Visitor<'_> {
        self.log_in_as(&self.key).await
    }

    pub async fn log_in_as(&self, key: &str) -> Visitor<'_> {
        let reply = self.log_in_with(key, "/").await;
        assert_eq!(reply.status, 303, "{}", reply.text);
        let mut visitor = Visitor { site: self, cookie: reply.cookie(), csrf: String::new() };
        let page = visitor.get("/").await;
        let csrf = page.text.split("name=\"_csrf\" value=\"").nth(1).and_then(|rest| rest.split('"').next());
        visitor.csrf = csrf.expect("a token").to_owned();
        visitor
    }

    /// One call of the API; what it gives as `data`.
    pub async fn api(&self, method: &str, path: &str, body: serde_json::Value) -> serde_json::Value {
        let path = format!("/api/v1/{path}");
        let reply = send(self.request(method, &path).bearer_auth(&self.key).json(&body)).await;
        assert!(reply.status.is_success(), "{method} {path}: {}", reply.text);
        serde_json::from_str::<serde_json::Value>(&reply.text).unwrap()["data"].take()
    }
}

impl Visitor<'_> {
    pub async fn get(&self, path: &str) -> Reply {
        send(self.site.request("GET", path).header("cookie", &self.cookie)).await
    }

    /// Sends a form as the page would, token included.
    pub async fn post(&self, path: &str, fields: &[(&str, &str)]) -> Reply {
        let mut all = vec![("_csrf", self.csrf.as_str())];
        all.extend_from_slice(fields);
        send(self.request(path).form(&all)).await
    }

    pub fn request(&self, path: &str) -> RequestBuilder {
        self.site.request("POST", path).header("cookie", &self.cookie)
    }
}

pub async fn send(request: RequestBuilder) -> Reply {
    let response = request.send().await.unwrap();
    let (status, headers) = (response.status(), response.headers().clone());
    Reply { status, headers, text: response.text().await.unwrap() }
}

/// Waits until something is true.
pub async fn until(what: &str, mut is_true: impl AsyncFnMut() -> bool) {
    let end = Instant::now() + PATIENCE;
    let mut breath = tokio::time::interval(Duration::from_millis(10));
    while !is_true().await {
        assert!(Instant::now() < end, "waited {PATIENCE:?} for {what}");
        breath.tick().await;
    }
}

/// A body as browsers send it.
pub trait AsForm {
    fn form<V: AsRef<str>>(self, fields: &[(&str, V)]) -> RequestBuilder;
}

impl AsForm for RequestBuilder {
    fn form<V: AsRef<str>>(self, fields: &[(&str, V)]) -> RequestBuilder {
        let mut body = form_urlencoded::Serializer::new(String::new());
        body.extend_pairs(fields.iter().map(|(name, value)| (*name, value.as_ref())));
        self.header("content-type", "application/x-www-form-urlencoded").body(body.finish())
    }
}
