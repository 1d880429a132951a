//! Forms: what they hold, what they never hold, and what they say when something is wrong.

use crate::site::Site;
use serde_json::json;

const CANARY: &str = "c4n4ry-s3cret-0123456789";

fn zone(key: &str) -> Vec<(&'static str, String)> {
    vec![
        ("provider", "powerdns".to_owned()),
        ("name", "Example.COM.".to_owned()),
        ("settings.server_url", "HTTP://127.0.0.1:1/".to_owned()),
        ("settings.api_key", key.to_owned()),
    ]
}

fn borrowed<'a>(fields: &'a [(&'static str, String)]) -> Vec<(&'a str, &'a str)> {
    fields.iter().map(|(name, value)| (*name, value.as_str())).collect()
}

/// The message at a field, by the element that describes it.
pub fn error_at<'a>(html: &'a str, id: &str) -> &'a str {
    let named = format!("aria-describedby=\"{id}-error");
    assert!(html.contains(&named), "no field is described by {id}-error");
    let start = html.find(&format!("id=\"{id}-error\">")).expect("its message");
    html[start..].split(['>', '<']).nth(1).unwrap_or_default()
}

/// S2.13, S2.14, S2.30, S2.31, S1.24-40: one form per type, its fields by the provider's own list.
#[tokio::test(flavor = "multi_thread")]
async fn the_fields_follow_the_type_with_and_without_script() {
    let site = Site::open().await;
    let visitor = site.log_in().await;
    let form = visitor.get("/zones/new?type=powerdns").await.text;
    for kind in zonecast_providers::fields::kinds() {
        assert!(form.contains(&format!("<option value=\"{}\"", kind.name)), "{}", kind.name);
        let fields = [("provider", kind.name), ("name", "typed.example")];
        let shown = visitor.post("/zones/new/fields", &fields).await;
        assert_eq!(shown.status, 200);
        assert!(shown.text.contains("value=\"typed.example\""), "what was typed stays");
        for field in kind.fields {
            assert!(shown.text.contains(&format!("name=\"settings.{}\"", field.name)), "{}", field.name);
            assert!(shown.text.contains(&format!(">{}", field.label)), "{}", field.label);
        }
    }
    assert!(form.contains("webserver-allow-from"), "S2.32, X43: what pdns.conf needs");
    for field in zonecast::settings::ZoneSettings::FIELDS {
        assert!(form.contains(&format!("name=\"{}\"", field.name)), "{}", field.name);
        assert!(form.contains(field.label), "{}", field.label);
    }
}

/// S2.65-71: a secret goes in by a form and is in no page afterwards, whatever happens.
#[tokio::test(flavor = "multi_thread")]
async fn a_secret_is_in_no_page() {
    let site = Site::open().await;
    let visitor = site.log_in().await;
    let mut wrong = zone(CANARY);
    wrong[1].1 = "not a name".to_owned();
    let refused = visitor.post("/zones", &borrowed(&wrong)).await;
    assert_eq!(refused.status, 422);
    assert!(refused.text.contains("value=\"not a name\"") && !refused.text.contains(CANARY));
    for path in ["/zones/new/fields", "/zones/new/test", "/connections/new/fields", "/connections"] {
        assert!(!visitor.post(path, &borrowed(&zone(CANARY))).await.text.contains(CANARY), "{path}");
    }
    let added = visitor.post("/zones", &borrowed(&zone(CANARY))).await;
    assert_eq!((added.status.as_u16(), added.location()), (303, "/zones/1"), "{}", added.text);
    let page = visitor.get("/zones/1").await.text;
    assert!(page.contains("Server URL is stored as http://127.0.0.1:1"), "the URL is normalised visibly");
    visitor.post("/zones/1/test", &[]).await;
    visitor.post("/hosts", &[("fqdn", "a.example.com"), ("addresses", "192.0.2.1")]).await;
    for path in zonecast::page::paths() {
        let path = path.replace("{id}", "1");
        if !path.ends_with("/live") {
            assert!(!visitor.get(&path).await.text.contains(CANARY), "{path}");
        }
    }
    let edit = visitor.get("/zones/1/edit").await.text;
    assert!(edit.contains("placeholder=\"(unchanged – enter new to replace)\""), "S2.66");
    assert!(!edit.contains("KEEP"));
}

/// S2.68-71, X18: an empty secret keeps the stored one, unless it would go to another server.
#[tokio::test(flavor = "multi_thread")]
async fn an_edit_keeps_the_secret_and_another_server_asks_for_it() {
    let site = Site::open().await;
    let visitor = site.log_in().await;
    visitor.post("/zones", &borrowed(&zone(CANARY))).await;
    let kept = [("settings.server_url", "http://127.0.0.1:1"), ("settings.api_key", ""), ("ttl", "600")];
    assert_eq!(visitor.post("/zones/1", &kept).await.status, 303);
    let shown = site.api("GET", "zones/1", json!({})).await;
    assert_eq!((&shown["ttl"], &shown["settings"]["api_key"]), (&json!(600), &json!("KEEP")));
    site.api("PATCH", "zones/1", json!({"reverse_conflict": "merge"})).await;
    let edit = visitor.get("/zones/1/edit").await.text;
    assert!(edit.contains("<option value=\"merge\" selected>"), "a choice the list has not stays chosen");
    for path in ["/zones/1", "/connections/1"] {
        let moved = [("settings.server_url", "http://192.0.2.9:1"), ("settings.api_key", "")];
        let refused = visitor.post(path, &moved).await;
        assert_eq!(refused.status, 422, "{path}");
        let words = error_at(&refused.text, "f-settings-api_key");
        assert!(words.starts_with("API Key must be given again"), "{words}");
        assert!(refused.text.contains("value=\"http://192.0.2.9:1\""), "what was typed stays");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_wrong_field_is_named_at_the_field() {
    let site = Site::open().await;
    let visitor = site.log_in().await;
    let empty =
        visitor.post("/zones", &[("provider", "powerdns"), ("ttl", "long"), ("dns_servers", "x")]).await;
    assert_eq!(empty.status, 422);
    assert_eq!(error_at(&empty.text, "f-name"), "Zone is missing");
    assert!(error_at(&empty.text, "f-settings-server_url").contains("Server URL is required"));
    assert!(error_at(&empty.text, "f-ttl").starts_with("TTL must be a whole number"));
    assert!(error_at(&empty.text, "f-dns_servers").contains("192.0.2.53:53"));
    assert!(empty.text.contains("class=\"summary\" role=\"alert\""));
    let host = [("fqdn", "a b"), ("addresses", "192.0.2.0/24\n192.0.2.300"), ("ttl", "-1")];
    let host = visitor.post("/hosts", &host).await;
    assert_eq!(host.status, 422);
    for field in ["f-fqdn", "f-addresses", "f-ttl"] {
        assert!(!error_at(&host.text, field).is_empty());
    }
    assert!(host.text.contains("192.0.2.0/24\n192.0.2.300"), "what was typed stays");
    visitor.post("/hosts", &[("fqdn", "a.example.com"), ("addresses", "192.0.2.1")]).await;
    let twice = visitor.post("/hosts", &[("fqdn", "a.example.com")]).await;
    assert_eq!(twice.status, 409);
    assert!(error_at(&twice.text, "f-fqdn").contains("host 1"), "{}", error_at(&twice.text, "f-fqdn"));
    let rdns = [("ip", "192.0.2.1"), ("reverse_name", "not <a> name")];
    let rdns = visitor.post("/hosts/1/rdns", &rdns).await;
    assert_eq!(rdns.status, 422);
    assert!(rdns.text.contains("id=\"rdns-error\"") && rdns.text.contains("value=\"not &#60;a&#62; name\""));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_change_by_somebody_else_is_said_and_not_overwritten() {
    let site = Site::open().await;
    let visitor = site.log_in().await;
    site.api("POST", "zones", json!({"name": "example.com", "provider": "embedded"})).await;
    site.api("POST", "hosts", json!({"fqdn": "a.example.com"})).await;
    for (path, api) in [("/zones/1", "zones/1"), ("/hosts/1", "hosts/1")] {
        let version = site.api("GET", api, json!({})).await["version"].to_string();
        site.api("PATCH", api, json!({"ttl": 100})).await;
        let stale = [("fqdn", "a.example.com"), ("ttl", "900"), ("version", version.as_str())];
        let refused = visitor.post(path, &stale).await;
        assert_eq!(refused.status, 412, "{path}");
        assert!(refused.text.contains("Somebody else changed this meanwhile"), "{path}");
        assert!(refused.text.contains("value=\"900\""), "what was typed stays");
        assert_eq!(site.api("GET", api, json!({})).await["ttl"], 100);
        let now = refused.text.split("name=\"version\" value=\"").nth(1).unwrap().split('"').next().unwrap();
        let again = [("fqdn", "a.example.com"), ("ttl", "900"), ("version", now)];
        assert_eq!(visitor.post(path, &again).await.status, 303, "saving again replaces it");
        assert_eq!(site.api("GET", api, json!({})).await["ttl"], 900);
    }
}

/// S2.1-5: the list's columns; the cursor finds every row once, whatever the filter.
#[tokio::test(flavor = "multi_thread")]
async fn lists_are_walked_to_their_end() {
    let site = Site::open().await;
    let visitor = site.log_in().await;
    for number in 0..60 {
        let name = format!("z{number:02}.example");
        site.api("POST", "zones", json!({"name": name, "provider": "embedded"})).await;
    }
    let hosts: Vec<_> = (0..120).map(|n| json!({"fqdn": format!("h{n:03}.z01.example")})).collect();
    site.api("POST", "hosts/bulk", json!({"hosts": hosts})).await;
    for (start, mark, count) in [
        ("/zones", "/edit\"", 60),
        ("/hosts", "<td class=\"name\"><a href=\"/hosts/", 120),
        ("/hosts?search=h11", "<td class=\"name\"><a href=\"/hosts/", 10),
    ] {
        let (mut path, mut seen, mut pages) = (start.to_owned(), 0, 0);
        while !path.is_empty() {
            let page = visitor.get(&path).await;
            assert_eq!(page.status, 200, "{path}");
            seen += page.text.matches(mark).count();
            pages += 1;
            let next = page.text.split("rel=\"next\"").next().filter(|_| page.text.contains("rel=\"next\""));
            path = next.and_then(|text| text.rsplit("href=\"").next()).map_or_else(String::new, |link| {
                link.split('"').next().unwrap_or_default().replace("&#38;", "&")
            });
        }
        assert_eq!((seen, pages > 1), (count, count > 50), "{start}");
    }
    let page = visitor.get("/zones?search=z42").await.text;
    for part in
        [">43<", "z42.example", "Zonecast itself", "forward", "Test</button>", ">Edit</a>", ">Delete</a>"]
    {
        assert!(page.contains(part), "{part}");
    }
}
