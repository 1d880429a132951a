//! `dns.php` as WHMCS installations know it (S2.78-81, X41, X42).

use crate::{Reply, Site};
use axum::body::Body;
use axum::extract::ConnectInfo;
use axum::http::Request;
use serde_json::json;
use std::net::SocketAddr;
use std::time::Instant;
use zonecast::config::Network;

const PATH: &str = "/modules/servers/puqProxmoxKVM/lib/dns/dns.php";

async fn site(allow: &[&str]) -> Site {
    let allow = allow.iter().map(|text| Network::try_from((*text).to_owned()).unwrap()).collect();
    Site::with(|config| config.legacy.allow = allow).await
}

async fn get(site: &Site, method: &str, path: &str, peer: &str) -> Reply {
    let peer: SocketAddr = format!("{peer}:4711").parse().unwrap();
    let mut request = Request::builder().method(method).uri(path).body(Body::empty()).unwrap();
    request.extensions_mut().insert(ConnectInfo(peer));
    site.send(request).await
}

#[tokio::test(flavor = "multi_thread")]
async fn one_object_per_address_byte_for_byte() {
    let site = site(&["127.0.0.1"]).await;
    assert_eq!(get(&site, "GET", PATH, "127.0.0.1").await.text, "[]");
    let hosts = [
        json!({ "fqdn": "vlan-1-4779.vps.uuq.pl", "addresses": [
            { "ip": "192.168.0.2", "reverse_name": "mail.uuq.pl" }, "2001:DB8::0:2" ] }),
        json!({ "name": "5551-1776530141", "main_domain": "puqcloud.com", "addresses": ["192.0.2.7"] }),
        // A younger host at an address that is held already: the PTR is its, for both (X42).
        json!({ "fqdn": "second.uuq.pl", "addresses": ["192.168.0.2"] }),
        json!({ "fqdn": "gone.uuq.pl", "addresses": ["192.0.2.9"] }),
    ];
    let mut id = 0;
    for host in hosts {
        id = site.call("POST", "/api/v1/hosts", Some(host)).await.data()["id"].as_i64().unwrap();
    }
    site.call("DELETE", &format!("/api/v1/hosts/{id}"), None).await.data();
    let reply = get(&site, "GET", PATH, "127.0.0.1").await;
    assert_eq!(reply.headers["content-type"], "application/json");
    assert_eq!(
        reply.text,
        concat!(
            r#"[{"forward":"vlan-1-4779.vps.uuq.pl","ip":"192.168.0.2","reverse":"second.uuq.pl"},"#,
            r#"{"forward":"vlan-1-4779.vps.uuq.pl","ip":"2001:db8::2","reverse":"vlan-1-4779.vps.uuq.pl"},"#,
            r#"{"forward":"5551-1776530141.puqcloud.com","ip":"192.0.2.7","reverse":"5551-1776530141.puqcloud.com"},"#,
            r#"{"forward":"second.uuq.pl","ip":"192.168.0.2","reverse":"second.uuq.pl"}]"#
        )
    );
    // Whatever folder the panel was in.
    let below = get(&site, "GET", &format!("/billing{PATH}"), "127.0.0.1").await;
    assert_eq!(below.text, reply.text);
}

#[tokio::test(flavor = "multi_thread")]
async fn it_is_shut_unless_an_address_is_listed_and_never_writes() {
    let closed = site(&[]).await;
    assert_eq!(get(&closed, "GET", PATH, "127.0.0.1").await.status, 403, "nobody by default");
    let open = site(&["192.0.2.0/24", "2001:db8::1"]).await;
    for (peer, status) in [
        ("192.0.2.200", 200),
        ("192.0.3.1", 403),
        ("[2001:db8::1]", 200),
        ("[2001:db8::2]", 403),
        ("127.0.0.1", 403),
    ] {
        assert_eq!(get(&open, "GET", PATH, peer).await.status, status, "{peer}");
    }
    for method in ["POST", "PUT", "PATCH", "DELETE"] {
        assert_eq!(get(&open, method, PATH, "192.0.2.1").await.status, 405, "{method}");
    }
    // Nothing else is open to a listed address.
    assert_eq!(get(&open, "GET", "/api/v1/hosts", "192.0.2.1").await.status, 401);
    assert_eq!(get(&open, "GET", &format!("{PATH}/x"), "192.0.2.1").await.status, 401);
}

#[tokio::test(flavor = "multi_thread")]
async fn many_pages_are_one_list() {
    let site = site(&["127.0.0.1"]).await;
    let host = |n: usize| {
        json!({ "fqdn": format!("h{n}.example.com"), "addresses": [
            format!("10.0.{}.{}", n >> 8, n & 255), format!("10.1.{}.{}", n >> 8, n & 255) ] })
    };
    for start in (0..5_000).step_by(1_000) {
        let hosts: Vec<_> = (start..start + 1_000).map(host).collect();
        site.call("POST", "/api/v1/hosts/bulk", Some(json!({ "hosts": hosts }))).await.data();
    }
    let began = Instant::now();
    let reply = get(&site, "GET", PATH, "127.0.0.1").await;
    eprintln!("10,000 addresses in {:?}", began.elapsed());
    let rows = reply.body.as_array().unwrap();
    assert_eq!(rows.len(), 10_000);
    assert_eq!(rows[9_999]["ip"], "10.1.19.135");
}
