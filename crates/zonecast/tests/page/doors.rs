//! Who gets in: sessions, cookies, forged forms, headers, and how often a log-in may fail.

use crate::site::{AsForm, Site, send};
use serde_json::json;
use zonecast::config::Network;
use zonecast::page;
use zonecast::service::keys;

/// Every path of the page but the log-in, with 1 for each id.
fn paths() -> Vec<String> {
    let all = page::paths().into_iter().filter(|path| *path != "/login");
    all.map(|path| path.replace("{id}", "1")).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn every_page_is_shut_without_a_session() {
    let site = Site::open().await;
    site.api("POST", "zones", json!({"name": "example.com", "provider": "embedded"})).await;
    assert!(paths().len() > 35, "{}", paths().len());
    let strange = format!("zonecast_session={}", "0".repeat(64));
    for path in paths() {
        for cookie in ["", "zonecast_session=", strange.as_str(), "__Host-zonecast_session=x"] {
            for method in ["GET", "POST"] {
                let reply = send(site.request(method, &path).header("cookie", cookie)).await;
                let live = path.ends_with("/live");
                assert_eq!(reply.status.as_u16(), if live { 401 } else { 303 }, "{method} {path}");
                assert!(live || reply.location().starts_with("/login?next="), "{path} {}", reply.location());
                assert!(!reply.text.contains("example.com"), "{path}");
            }
            let piece =
                send(site.request("GET", &path).header("cookie", cookie).header("hx-request", "true"));
            assert_eq!(piece.await.status, 401, "{path}");
        }
    }
    // An API key is not a session, and a session is no API key.
    assert_eq!(send(site.request("GET", "/zones").bearer_auth(&site.key)).await.status, 303);
    let visitor = site.log_in().await;
    assert_eq!(visitor.get("/api/v1/hosts").await.status, 401);
    assert_eq!(visitor.get("/nothing").await.status, 401, "what is not of the page is the API's");
    for path in
        ["/zones/1", "/zones/1/edit", "/zones/1/delete", "/zones/1/plan", "/zones/1/records", "/hosts"]
    {
        assert_eq!(visitor.get(path).await.status, 200, "{path}");
    }
    for path in ["/zones/77", "/hosts/77", "/jobs/77", "/jobs/77/live", "/zones/x", "/connections/9/edit"] {
        let reply = visitor.get(path).await;
        assert_eq!(reply.status, 404, "{path}");
        assert!(reply.text.contains("role=\"alert\""), "{path}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_is_new_at_each_log_in_and_ends_at_the_log_out() {
    let site = Site::open().await;
    let chosen = format!("zonecast_session={}", "a".repeat(64));
    let request = site.request("POST", "/login").header("cookie", &chosen).form(&[("key", &site.key)]);
    let reply = send(request).await;
    let line = reply.cookie_line();
    assert!(line.ends_with("; Path=/; HttpOnly; SameSite=Strict"), "{line}");
    assert!(reply.cookie() != chosen && reply.cookie().len() == chosen.len(), "{line}");
    let fixed = send(site.request("GET", "/").header("cookie", &chosen)).await;
    assert_eq!(fixed.status, 303, "a cookie that somebody chose opens nothing");

    let tls = site.request("POST", "/login").header("x-forwarded-proto", "https").form(&[("key", &site.key)]);
    let tls = send(tls).await;
    assert!(tls.cookie_line().starts_with("__Host-zonecast_session="), "{}", tls.cookie_line());
    assert!(tls.cookie_line().ends_with("; Secure"), "{}", tls.cookie_line());
    assert_eq!(send(site.request("GET", "/").header("cookie", tls.cookie())).await.status, 200);

    let visitor = site.log_in().await;
    let other = site.log_in().await;
    let out = visitor.post("/logout", &[]).await;
    assert_eq!((out.status.as_u16(), out.location()), (303, "/login"));
    assert_eq!(visitor.get("/").await.status, 303, "the id is dead, not only forgotten");
    assert_eq!(other.get("/").await.status, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_log_in_leads_back_and_never_away() {
    let site = Site::open().await;
    let asked = send(site.request("GET", "/hosts?search=a%20b")).await;
    assert_eq!(asked.location(), "/login?next=/hosts%3Fsearch%3Da%2520b");
    assert_eq!(site.log_in_with(&site.key, "/hosts?search=a%20b").await.location(), "/hosts?search=a%20b");
    for next in ["//evil.example", "https://evil.example", "/\\evil.example"] {
        assert_eq!(site.log_in_with(&site.key, next).await.location(), "/", "{next}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_form_without_its_token_or_from_elsewhere_does_nothing() {
    let site = Site::open().await;
    let visitor = site.log_in().await;
    let other = site.log_in().await;
    for path in paths() {
        let wrong = "0".repeat(64);
        for token in ["", wrong.as_str(), other.csrf.as_str()] {
            let reply = send(visitor.request(&path).form(&[("_csrf", token)])).await;
            assert_eq!(reply.status, 403, "{path} {token}");
        }
    }
    let fields = [("_csrf", visitor.csrf.as_str()), ("fqdn", "a.example.com"), ("addresses", "192.0.2.1")];
    let host = site.base.trim_start_matches("http://").to_owned();
    let near = format!("http://{host}.evil.example");
    for (name, value) in [
        ("sec-fetch-site", "cross-site"),
        ("sec-fetch-site", "same-site"),
        ("origin", "https://evil.example"),
        ("origin", "null"),
        ("origin", near.as_str()),
    ] {
        let reply = send(visitor.request("/hosts").header(name, value).form(&fields)).await;
        assert_eq!(reply.status, 403, "{name}: {value}");
        let log_in = site.request("POST", "/login").header(name, value).form(&[("key", &site.key)]);
        assert_eq!(send(log_in).await.status, 403, "{name}: {value}");
    }
    let json =
        visitor.request("/hosts").header("x-csrf-token", &visitor.csrf).json(&json!({"fqdn": "a.example"}));
    assert_eq!(send(json).await.status, 415);
    assert_eq!(site.api("GET", "hosts", json!({})).await.as_array().unwrap().len(), 0);
    let ours = visitor.request("/hosts").header("origin", &site.base).form(&fields);
    assert_eq!(send(ours).await.status, 303);
    assert_eq!(site.api("GET", "hosts", json!({})).await.as_array().unwrap().len(), 1);
    let large = "x".repeat(300_000);
    assert_eq!(visitor.post("/hosts", &[("fqdn", large.as_str())]).await.status, 413);
}

#[tokio::test(flavor = "multi_thread")]
async fn every_answer_carries_the_headers() {
    let site = Site::open().await;
    let visitor = site.log_in().await;
    let page = visitor.get("/").await;
    let asset = page.text.split("href=\"").find(|part| part.contains("zonecast.css")).unwrap();
    let asset = asset.split('"').next().unwrap().to_owned();
    let mut replies = vec![page, visitor.get("/zones/77").await, visitor.post("/hosts", &[]).await];
    replies.push(send(site.request("GET", "/login")).await);
    replies.push(send(site.request("GET", "/zones")).await);
    for reply in &replies {
        let policy = reply.headers["content-security-policy"].to_str().unwrap();
        assert!(policy.starts_with("default-src 'none'; script-src 'self'; style-src 'self'"), "{policy}");
        assert!(policy.contains("frame-ancestors 'none'") && !policy.contains("unsafe"), "{policy}");
        assert_eq!(reply.headers["x-frame-options"], "DENY");
        assert_eq!(reply.headers["x-content-type-options"], "nosniff");
        assert_eq!(reply.headers["referrer-policy"], "same-origin");
        assert_eq!(reply.headers["cache-control"], "no-store");
        for inline in ["<style", "style=\"", "onclick", "javascript:", "//cdn", "src=\"http", "href=\"http"] {
            assert!(!reply.text.contains(inline), "{inline}");
        }
    }
    let style = send(site.request("GET", &asset)).await;
    assert_eq!(style.headers["cache-control"], "public, max-age=31536000, immutable");
    assert_eq!(style.headers["content-type"], "text/css; charset=utf-8");
    assert_eq!(send(site.request("GET", "/assets/x/../../Cargo.toml")).await.status, 401);
    assert_eq!(send(site.request("GET", "/assets/x/nothing")).await.status, 404);
}

#[tokio::test(flavor = "multi_thread")]
async fn wrong_keys_are_counted_and_then_made_to_wait() {
    let site = Site::open().await;
    let guess = format!("{}0", site.key);
    for (count, key) in ["", "x", "zc_1_wrong", "zc_99_x", guess.as_str()].iter().cycle().take(10).enumerate()
    {
        let reply = site.log_in_with(key, "/").await;
        assert_eq!(reply.status, 401, "{count}");
        assert!(!reply.headers.contains_key("set-cookie"));
        assert!(
            reply.text.contains("aria-invalid") && (key.len() < 3 || !reply.text.contains(key)),
            "{count}"
        );
    }
    for key in ["zc_1_wrong", site.key.as_str()] {
        let reply = site.log_in_with(key, "/").await;
        assert_eq!(reply.status, 429);
        assert!(reply.headers["retry-after"].to_str().unwrap().parse::<u64>().unwrap() > 200);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_role_holds_on_the_page_too_and_a_deleted_key_ends_its_sessions() {
    let site = Site::open().await;
    let viewer = keys::create(&site.app, "eye", "viewer", None).await.unwrap();
    let operator = keys::create(&site.app, "hand", "operator", None).await.unwrap();
    let (viewer, operator) = (site.log_in_as(&viewer).await, site.log_in_as(&operator).await);
    for path in paths().iter().filter(|path| *path != "/logout") {
        assert_eq!(viewer.post(path, &[]).await.status, 403, "{path}");
    }
    let reply = operator.post("/hosts", &[("fqdn", "a.example.com")]).await;
    assert_eq!(reply.status, 303);
    assert_eq!(operator.post("/connections/1/pause", &[]).await.status, 403);
    let zone =
        [("provider", "powerdns"), ("name", "example.com"), ("settings.server_url", "http://127.0.0.1:1")];
    let mut zone = zone.to_vec();
    zone.push(("settings.api_key", "k"));
    assert_eq!(operator.post("/zones", &zone).await.status, 403, "secrets are an admin's");
    assert!(!viewer.get("/hosts").await.text.contains("Add host"));
    site.api("DELETE", "keys/3", json!({})).await;
    assert_eq!(operator.get("/").await.status, 303, "at once");
    let audit = site.api("GET", "audit?action=key.log_in", json!({})).await;
    assert_eq!(audit[0]["source"], "page");
}

/// E25: everybody behind a proxy has its address; who tried wrong keys is one of them.
#[tokio::test(flavor = "multi_thread")]
async fn wrong_keys_shut_out_one_person_behind_a_trusted_proxy() {
    let proxy = || vec![Network::try_from("127.0.0.1".to_owned()).unwrap()];
    let site = Site::open_with(|config| config.api.trusted_proxies = proxy()).await;
    let log_in = async |from: &str, key: &str| {
        let request = site.request("POST", "/login").header("x-forwarded-for", from);
        send(request.form(&[("key", key), ("next", "/")])).await.status.as_u16()
    };
    for _ in 0..10 {
        assert_eq!(log_in("192.0.2.1", "wrong").await, 401);
    }
    assert_eq!(log_in("192.0.2.1", &site.key).await, 429);
    assert_eq!(log_in("192.0.2.2", &site.key).await, 303);
}

#[tokio::test(flavor = "multi_thread")]
async fn answers_of_the_api_are_what_they_say_and_for_no_cache() {
    let site = Site::open().await;
    for (path, key) in
        [("/api/v1/hosts", &site.key), ("/api/v1/hosts", &String::new()), ("/nothing", &site.key)]
    {
        let reply = send(site.request("GET", path).bearer_auth(key)).await;
        let header = |name: &str| reply.headers.get(name).and_then(|value| value.to_str().ok());
        assert_eq!(header("x-content-type-options"), Some("nosniff"), "{path}");
        assert_eq!(header("cache-control"), Some("no-store"), "{path}");
    }
}
