//! Who gets in: every route without a key, with each role; and how the API refuses.

use crate::Site;
use axum::body::Body;
use axum::http::Request;
use serde_json::json;
use zonecast::service::{Role, keys};

/// Every (method, path) of the description, with 1 for each id.
fn routes() -> Vec<(String, String)> {
    let spec = zonecast::api::description();
    let paths = spec["paths"].as_object().unwrap();
    let mut routes = Vec::new();
    for (path, methods) in paths {
        let path = path.replace("{id}", "1").replace("{ip}", "192.0.2.1");
        routes
            .extend(methods.as_object().unwrap().keys().map(|method| (method.to_uppercase(), path.clone())));
    }
    for path in
        ["/metrics", "/api/openapi.json", "/api/docs", "/api/docs/", "/", "/nothing", "/api/v1/nothing"]
    {
        routes.push(("GET".to_owned(), path.to_owned()));
    }
    routes
}

async fn status(site: &Site, method: &str, path: &str, key: Option<&str>) -> u16 {
    let mut request = Request::builder().method(method).uri(path);
    if let Some(key) = key {
        request = request.header("authorization", format!("Bearer {key}"));
    }
    site.send(request.body(Body::empty()).unwrap()).await.status.as_u16()
}

#[tokio::test(flavor = "multi_thread")]
async fn every_route_is_shut_without_a_right_key() {
    let site = Site::open().await;
    let routes = routes();
    assert!(routes.len() > 50, "{}", routes.len());
    let wrong = format!("{}0", site.key);
    for (method, path) in &routes {
        for key in [None, Some("zc_1_wrong"), Some(wrong.as_str()), Some("zc_99_x"), Some("nonsense")] {
            assert_eq!(status(&site, method, path, key).await, 401, "{method} {path} {key:?}");
        }
    }
    assert_eq!(status(&site, "GET", "/livez", None).await, 200);
    assert_eq!(status(&site, "GET", "/readyz", None).await, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_role_opens_what_it_may_and_nothing_else() {
    let site = Site::open().await;
    let viewer = keys::create(&site.app, "eye", "viewer", None).await.unwrap();
    let operator = keys::create(&site.app, "hand", "operator", None).await.unwrap();
    for (method, path) in routes().iter().filter(|(method, _)| method != "GET") {
        assert_eq!(status(&site, method, path, Some(&viewer)).await, 403, "{method} {path}");
        let needs = zonecast::api::required_role(&method.parse().unwrap(), path);
        let shut = status(&site, method, path, Some(&operator)).await == 403;
        assert_eq!(shut, needs == Role::Admin, "{method} {path}");
    }
    assert_eq!(status(&site, "GET", "/api/v1/keys", Some(&operator)).await, 403);
    assert_eq!(status(&site, "GET", "/api/v1/hosts", Some(&viewer)).await, 200);
    let ended = keys::create(&site.app, "old", "admin", Some(1)).await.unwrap();
    assert_eq!(status(&site, "GET", "/api/v1/hosts", Some(&ended)).await, 401);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_key_is_shown_once_and_the_last_admin_key_stays() {
    let site = Site::open().await;
    let made = site.post("keys", json!({"name": "ci", "role": "operator"})).await;
    assert_eq!(made.status, 201);
    let key = made.data()["key"].as_str().unwrap().to_owned();
    assert!(key.starts_with("zc_2_"), "{key}");
    assert!(!site.get("keys").await.text.contains(key.rsplit('_').next().unwrap()));
    assert_eq!(status(&site, "GET", "/api/v1/hosts", Some(&key)).await, 200);
    assert_eq!(site.call("DELETE", "keys/2", None).await.status, 200);
    assert_eq!(status(&site, "GET", "/api/v1/hosts", Some(&key)).await, 401, "at once");
    assert_eq!(site.call("DELETE", "keys/1", None).await.status, 409);
}

#[tokio::test(flavor = "multi_thread")]
async fn whatever_is_wrong_is_a_problem() {
    let site = Site::with(|config| config.api.body_bytes_max = 10_000).await;
    let large = json!({"fqdn": "a.example.com", "vm_status": "x".repeat(20_000)});
    for (reply, expected) in [
        (site.get("nothing").await, 404),
        (site.get("hosts/x").await, 404),
        (site.get("hosts/7").await, 404),
        (site.call("PUT", "hosts", Some(json!({}))).await, 405),
        (site.get("hosts?limit=0").await, 422),
        (site.get("hosts?limt=1").await, 422),
        (site.get("hosts?cursor=zzz").await, 422),
        (site.get("jobs?cursor=-1").await, 422),
        (site.post("hosts?wait=long", json!({})).await, 422),
        (site.post("hosts", json!([])).await, 422),
        (site.post("hosts", large.clone()).await, 413),
        (site.call_with("POST", "hosts", Some(large), &[("idempotency-key", "k")]).await, 413),
        (site.call_with("POST", "hosts", None, &[("content-type", "text/plain")]).await, 415),
        (site.call_with("POST", "hosts", None, &[("content-type", "application/json")]).await, 400),
        (site.get("explain").await, 422),
    ] {
        let kind = reply.headers["content-type"].to_str().unwrap();
        assert_eq!((reply.status.as_u16(), kind), (expected, "application/problem+json"), "{}", reply.text);
        assert_eq!(reply.body["success"], false);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_that_calls_too_often_is_told_to_wait() {
    let site = Site::with(|config| config.api.calls_per_second = 2).await;
    let mut last = None;
    for _ in 0..4 {
        last = Some(site.get("hosts").await);
    }
    let last = last.unwrap();
    assert_eq!(last.status, 429);
    assert_eq!(last.headers["retry-after"], "1");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_key_of_one_name_is_refused_at_the_name() {
    let site = Site::open().await;
    let body = json!({ "name": "panel", "role": "operator" });
    assert_eq!(site.post("keys", body.clone()).await.status, 201);
    let again = site.post("keys", body).await;
    assert_eq!(
        (again.status.as_u16(), again.body["errors"][0]["field"].as_str()),
        (409, Some("/name")),
        "{}",
        again.body
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn the_description_is_openapi_3_1_and_names_every_problem() {
    let site = Site::open().await;
    let spec = site.get("/api/openapi.json").await;
    assert!(spec.body["openapi"].as_str().unwrap().starts_with("3.1"));
    assert_eq!(spec.body, zonecast::api::description());
    let responses = &spec.body["paths"]["/api/v1/hosts"]["post"]["responses"];
    for status in ["202", "401", "409", "413", "415", "422"] {
        assert!(responses.get(status).is_some(), "{status}");
    }
    assert_eq!(site.get("/api/docs/").await.status, 200);
    site.get("hosts").await;
    assert!(site.get("/metrics").await.text.contains("zonecast_http_requests_total"));
}
