//! No secret leaves by any door (G7, S2.65-71, X17-19, X40).

use crate::daemon::Daemon;
use serde_json::json;
use zonecast_testbed::{Canned, Fault, FaultProxy, http};

const CANARY: &str = "canary-7f3a91d2-secret";

#[test]
fn a_canary_secret_appears_in_no_answer_log_or_file() {
    let echo = FaultProxy::start(std::net::SocketAddr::from(([127, 0, 0, 1], 9)));
    let words = format!("{{\"error\":\"key {CANARY} is not known\"}}");
    echo.set(Fault::Answer(Canned::json(422, &words)));
    let daemon = Daemon::start();
    let body = json!({
        "name": "example.com", "provider": "powerdns",
        "settings": { "server_url": echo.url(), "api_key": CANARY }, "dns_servers": ["127.0.0.1:9"],
    });
    let mut said = Vec::new();
    let (_, zone) = daemon.call("POST", "/zones", Some(body));
    let id = zone["data"]["id"].as_i64().unwrap_or(1);
    said.push(zone);
    said.push(
        daemon
            .call(
                "POST",
                "/hosts?wait=5s",
                Some(json!({ "fqdn": "a.example.com", "addresses": ["192.0.2.1"] })),
            )
            .1,
    );
    for path in
        ["/zones", "/connections", "/audit", "/jobs", "/hosts/1", "/providers", "/jobs/1", "/openapi.json"]
    {
        said.push(daemon.call("GET", path, None).1);
    }
    said.push(daemon.call("POST", &format!("/zones/{id}/test"), Some(json!({}))).1);
    let changed = json!({ "settings": { "server_url": "http://127.0.0.1:1" } });
    let (status, answer) = daemon.call("PATCH", "/connections/1", Some(changed));
    assert_eq!(status, 422, "a changed endpoint voids the secret: {answer:#}");
    assert!(answer.to_string().contains("api_key"), "{answer:#}");
    said.push(answer);
    let bearer = format!("Bearer {}", daemon.key);
    for path in ["/metrics", "/api/openapi.json", "/api/v1/jobs/1/log"] {
        let answer = http(daemon.http, "GET", path, &[("Authorization", &bearer)], None).expect("an answer");
        said.push(json!(String::from_utf8_lossy(&answer.body)));
    }
    for answer in said {
        assert!(!answer.to_string().contains(CANARY), "{answer:#}");
    }
    for file in std::fs::read_dir(daemon.folder()).expect("the folder").flatten() {
        let content = std::fs::read(file.path()).unwrap_or_default();
        let found = content.windows(CANARY.len()).any(|window| window == CANARY.as_bytes());
        assert!(!found, "the canary lies in {}", file.path().display());
    }
}
