//! The API as its callers see it: the router in this process, over a fresh store, with the engine
//! working and the embedded authority as the provider.

#![allow(missing_docs, reason = "a test binary")]

mod backup;
mod bench;
mod doors;
mod dry_run;
mod forms;
mod hosts;
mod legacy;
mod meaning;
mod names;
mod policy;
mod together;
mod zones;

use axum::Router;
use axum::body::Body;
use axum::http::{HeaderMap, Method, Request, StatusCode};
use serde_json::{Value, json};
use tower::ServiceExt;
use zonecast::app::App;
use zonecast::config::Config;
use zonecast::service::keys;

/// A running Zonecast without listeners.
pub struct Site {
    pub app: App,
    pub router: Router,
    pub key: String,
    folder: tempfile::TempDir,
}

/// What came back.
pub struct Reply {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub text: String,
    pub body: Value,
}

impl Reply {
    /// The data of a success.
    pub fn data(&self) -> &Value {
        assert!(self.status.is_success(), "{} {}", self.status, self.text);
        &self.body["data"]
    }

    /// The fields a problem names.
    pub fn fields(&self) -> Vec<&str> {
        let errors = self.body["errors"].as_array().map(Vec::as_slice).unwrap_or_default();
        errors.iter().filter_map(|error| error["field"].as_str()).collect()
    }
}

impl Site {
    pub async fn open() -> Site {
        Site::with(|_| {}).await
    }

    pub async fn with(change: impl FnOnce(&mut Config)) -> Site {
        let site = Site::made(change).await;
        site.app.engine.start();
        site
    }

    /// One in which nobody works: only calls store anything.
    pub async fn still() -> Site {
        Site::made(|config| config.plesk.wait = 0).await
    }

    async fn made(change: impl FnOnce(&mut Config)) -> Site {
        let folder = tempfile::tempdir().unwrap();
        let mut config = Config { data: folder.path().to_owned(), ..Config::default() };
        change(&mut config);
        let app = zonecast::daemon::open(config).await.unwrap();
        let key = keys::create(&app, "admin", "admin", None).await.unwrap();
        Site { router: zonecast::api::router(app.clone()), app, key, folder }
    }

    /// Where it keeps its database.
    pub fn folder(&self) -> &std::path::Path {
        self.folder.path()
    }

    pub async fn send(&self, request: Request<Body>) -> Reply {
        let response = self.router.clone().oneshot(request).await.unwrap();
        let (parts, body) = response.into_parts();
        let bytes = axum::body::to_bytes(body, usize::MAX).await.unwrap();
        let text = String::from_utf8(bytes.to_vec()).unwrap();
        let body = serde_json::from_str(&text).unwrap_or(Value::Null);
        Reply { status: parts.status, headers: parts.headers, text, body }
    }

    pub async fn call(&self, method: &str, path: &str, body: Option<Value>) -> Reply {
        self.call_with(method, path, body, &[]).await
    }

    pub async fn call_with(
        &self,
        method: &str,
        path: &str,
        body: Option<Value>,
        headers: &[(&str, &str)],
    ) -> Reply {
        let method: Method = method.parse().unwrap();
        let path = if path.starts_with('/') { path.to_owned() } else { format!("/api/v1/{path}") };
        let mut request = Request::builder().method(method).uri(path).header("x-api-key", &self.key);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        if body.is_some() {
            request = request.header("content-type", "application/json");
        }
        let body = body.map_or_else(Body::empty, |body| Body::from(body.to_string()));
        self.send(request.body(body).unwrap()).await
    }

    pub async fn get(&self, path: &str) -> Reply {
        self.call("GET", path, None).await
    }

    pub async fn post(&self, path: &str, body: Value) -> Reply {
        self.call("POST", path, Some(body)).await
    }

    pub async fn embedded(&self, name: &str) -> i64 {
        let zone = self.post("zones", json!({"name": name, "provider": "embedded"})).await;
        zone.data()["id"].as_i64().unwrap()
    }
}
