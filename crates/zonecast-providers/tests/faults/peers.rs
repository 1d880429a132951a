//! The services of the table: how each refuses, what it calls success, and where its writes go.

use super::ZONE;
use crate::stages::hestiacp::{By, fake};
use crate::stages::rest::Service;
use serde_json::{Value, json};
use std::any::Any;
use std::sync::Arc;
use std::time::Duration;
use zonecast_providers::fields::{Deps, connect, validate};
use zonecast_providers::{ErrorClass, Provider};
use zonecast_testbed::{
    Backend, Canned, Etcd, FakeCloudflare, FakeRoute53, Fault, FaultProxy, Plan, PowerDns,
};

/// What every service says when it refuses; a secret and a question mark follow.
pub const WORDS: &str = "who are you, ";

type Said = fn(&str) -> Canned;
type AtWrite = Box<dyn Fn(&FaultProxy, Fault)>;

/// One service behind the proxy.
pub struct Peer {
    pub proxy: FaultProxy,
    pub secret: String,
    pub connect: Box<dyn Fn() -> Arc<dyn Provider>>,
    /// A refusal by status in the service's own form.
    pub refuses: fn(u16, &str) -> Canned,
    /// What is JSON and none of its answers.
    pub strange: &'static str,
    /// What only this service can say: a success with an error inside, above all.
    pub own: Vec<(&'static str, Said, ErrorClass)>,
    /// What a fault is at this service, where it differs.
    pub other: fn(&str) -> Option<ErrorClass>,
    /// Its next write meets this, and nothing else does.
    pub at_write: AtWrite,
    /// What a fault is at the write, where that differs; none: the adapter has another way to write.
    pub else_at_write: fn(&str) -> Option<Option<ErrorClass>>,
    /// It answers a write with 200 and nothing.
    pub silent: bool,
    _server: Box<dyn Any>,
}

fn connector(kind: &'static str, settings: Value) -> Box<dyn Fn() -> Arc<dyn Provider>> {
    Box::new(move || {
        let settings = validate(kind, settings.as_object().unwrap());
        let settings = settings.unwrap_or_else(|errors| panic!("{errors:?}"));
        connect(kind, &settings, &Deps::default()).unwrap()
    })
}

fn at(method: &'static str, path: &'static str) -> AtWrite {
    Box::new(move |proxy, fault| proxy.rule(method, path, 1, fault))
}

fn json(status: u16, body: &Value) -> Canned {
    Canned::json(status, &body.to_string())
}

fn nothing_else(_: &str) -> Option<ErrorClass> {
    None
}

pub fn powerdns() -> Peer {
    let server = PowerDns::start(Backend::Sqlite);
    server.create_zone(ZONE, "Native");
    server.put(ZONE, "www.faults.test", "A", 3_600, &["192.0.2.1"]);
    let proxy = FaultProxy::start(server.api_addr());
    let settings = json!({ "server_url": proxy.url(), "api_key": server.api_key() });
    Peer {
        secret: server.api_key().to_owned(),
        connect: connector("powerdns", settings),
        refuses: |status, words| json(status, &json!({ "error": words })),
        strange: "[]",
        own: vec![("200 that says no", |words| json(200, &json!({ "error": words })), ErrorClass::Transient)],
        other: nothing_else,
        at_write: at("PATCH", ""),
        else_at_write: |_| None,
        silent: false,
        proxy,
        _server: Box::new(server),
    }
}

pub fn cloudflare() -> Peer {
    let service = FakeCloudflare::start();
    let id = service.create_zone(ZONE, Plan::FreeOld);
    service.put(ZONE, &json!({ "name": "www", "type": "A", "content": "192.0.2.1", "ttl": 3_600 }));
    let proxy = FaultProxy::start(service.addr());
    let url = format!("{}/client/v4", proxy.url());
    let settings = json!({ "server_url": url, "api_token": service.token(), "zone_id": id });
    let refuses = |status, words: &str| {
        let errors = json!([{ "code": 424_242, "message": words }]);
        json(status, &json!({ "success": false, "result": null, "errors": errors, "messages": [] }))
    };
    Peer {
        secret: service.token().to_owned(),
        connect: connector("cloudflare", settings),
        refuses,
        strange: "[]",
        own: vec![("200 that says no", |words| refused_by_cloudflare(words), ErrorClass::Forbidden)],
        // After the limit was passed every call is refused for 5 minutes (documented, 2026-11-21).
        other: |title| {
            let five = Some(Duration::from_secs(300));
            (title == "429").then_some(ErrorClass::RateLimited { retry_after: five })
        },
        at_write: at("POST", ""),
        // There may be no batch call; single ones do then.
        else_at_write: |title| (title == "404").then_some(None),
        silent: false,
        proxy,
        _server: Box::new(service),
    }
}

fn refused_by_cloudflare(words: &str) -> Canned {
    let errors = json!([{ "code": 10_000, "message": words }]);
    json(200, &json!({ "success": false, "result": null, "errors": errors, "messages": [] }))
}

pub fn route53() -> Peer {
    let service = FakeRoute53::start();
    let id = service.create_zone(ZONE, false);
    service.put(ZONE, "www.faults.test", "A", 3_600, &["192.0.2.1"], "");
    let proxy = FaultProxy::start(service.addr());
    let settings = json!({ "server_url": proxy.url(), "access_key_id": FakeRoute53::KEY_ID,
        "secret_access_key": service.secret(), "hosted_zone_id": id });
    let refuses = |status, words: &str| {
        let body = format!(
            "<ErrorResponse><Error><Code>Odd</Code><Message>{words}</Message></Error></ErrorResponse>"
        );
        Canned::new(status, body).header("Content-Type", "text/xml")
    };
    Peer {
        secret: service.secret().to_owned(),
        connect: connector("route53", settings),
        refuses,
        strange: "[]",
        own: vec![(
            "200 that says no",
            |words| {
                let code = "<Code>AccessDenied</Code>";
                let body =
                    format!("<ErrorResponse><Error>{code}<Message>{words}</Message></Error></ErrorResponse>");
                Canned::new(200, body)
            },
            ErrorClass::Forbidden,
        )],
        other: nothing_else,
        at_write: at("POST", ""),
        else_at_write: |_| None,
        silent: false,
        proxy,
        _server: Box::new(service),
    }
}

/// The smaller REST services. Each speaks JSON with its words in a member of its own.
pub fn rest(service: &'static Service) -> Peer {
    let fake = (service.start)();
    fake.create_zone(ZONE);
    fake.put(ZONE, "www", "A", 3_600, &["192.0.2.1"]);
    let proxy = FaultProxy::start(fake.addr());
    let settings = (service.settings)(&format!("{}{}", proxy.url(), fake.base()), fake.token());
    let secret = ["api_token", "api_secret", "consumer_key"].iter().find_map(|key| settings[key].as_str());
    let refuses: fn(u16, &str) -> Canned = match service.kind {
        "desec" => |status, words| json(status, &json!({ "detail": words })),
        "hetzner" => |status, words| json(status, &json!({ "error": { "code": "odd", "message": words } })),
        "gandi" => |status, words| {
            let body = json!({ "code": status, "object": "HTTPOdd", "cause": "Odd", "message": words });
            json(status, &body)
        },
        "digitalocean" => |status, words| json(status, &json!({ "id": "odd", "message": words })),
        _ => |status, words| json(status, &json!({ "code": "ODD", "message": words })),
    };
    let mut own: Vec<(&'static str, Said, ErrorClass)> = vec![match service.kind {
        "desec" => {
            ("200 that says no", |words| json(200, &json!({ "detail": words })), ErrorClass::Transient)
        }
        "hetzner" => (
            "200 that says no",
            |words| json(200, &json!({ "error": { "code": "odd", "message": words } })),
            ErrorClass::Transient,
        ),
        "gandi" => (
            "200 that says no",
            |words| json(200, &json!({ "code": 403, "cause": "Forbidden", "message": words })),
            ErrorClass::Transient,
        ),
        _ => (
            "200 that says no",
            |words| json(200, &json!({ "id": "odd", "message": words })),
            ErrorClass::Transient,
        ),
    }];
    if service.kind == "desec" {
        let listed: Said = |words| json(200, &json!([{ "non_field_errors": [words] }]));
        own.push(("200 with a list of faults", listed, ErrorClass::Transient));
    }
    Peer {
        secret: secret.unwrap().to_owned(),
        connect: connector(service.kind, settings.clone()),
        refuses,
        // An empty list is a listing of those that answer with lists.
        strange: if matches!(service.kind, "hetzner" | "digitalocean") { "[]" } else { "{}" },
        own,
        other: nothing_else,
        at_write: at(service.write.0, service.write.1),
        else_at_write: |_| None,
        silent: service.kind == "godaddy",
        proxy,
        _server: Box::new(fake),
    }
}

/// HestiaCP's own refusals: an exit code in the header, or words with status 200.
fn hestias_own(by: By) -> Vec<(&'static str, Said, ErrorClass)> {
    match by {
        By::AccessKey => vec![
            (
                "exit code 3",
                |words| exit(200, 3, &format!("Error: {words} doesn't exist")),
                ErrorClass::NoSuchZone,
            ),
            (
                "exit code 5",
                |words| exit(200, 5, &format!("Error: {words} is suspended")),
                ErrorClass::Forbidden,
            ),
            ("exit code 9", |words| exit(200, 9, &format!("Error: {words}")), ErrorClass::Unauthorized),
            (
                "exit code 10",
                |words| exit(200, 10, &format!("Error: {words} IP is not allowed")),
                ErrorClass::Unauthorized,
            ),
            (
                "exit code 10, permission",
                |words| exit(200, 10, &format!("Error: {words} permission")),
                ErrorClass::Forbidden,
            ),
            ("exit code 15", |words| exit(200, 15, &format!("Error: {words}")), ErrorClass::Transient),
            ("no such page", |words| Canned::new(404, words), ErrorClass::Transient),
        ],
        By::Password => vec![
            (
                "no zone",
                |words| Canned::new(200, format!("Error: {words} doesn't exist")),
                ErrorClass::NoSuchZone,
            ),
            (
                "asleep",
                |words| Canned::new(200, format!("Error: {words} is suspended")),
                ErrorClass::Forbidden,
            ),
            ("odd words", |words| Canned::new(200, format!("Error: {words}")), ErrorClass::Transient),
            ("no such page", |words| Canned::new(404, words), ErrorClass::Transient),
        ],
    }
}

/// With a key the exit code is in a header, whatever the status; with a password the status is 200
/// whatever happens, and a listing is words then. Statuses are those of somebody in between.
pub async fn hestiacp(by: By) -> Peer {
    let server = fake::HestiaCp::start(fake::Tls::Off).await;
    server.new_zone(ZONE).await;
    server.put(ZONE, "www", "A", "", "192.0.2.1", Some(3_600)).await;
    let proxy = FaultProxy::start(server.addr());
    let login = crate::stages::hestiacp::login(by);
    let mut settings = json!({ "server_url": proxy.url(), "user": "dns" });
    settings.as_object_mut().unwrap().extend(login.as_object().unwrap().clone());
    Peer {
        secret: login["admin_password"].as_str().unwrap().to_owned(),
        connect: connector("hestiacp", settings),
        refuses: |status, words| match status {
            // Its own 404 has an exit code; a bare one comes from a server without the API.
            404 => exit(200, 3, &format!("Error: {words} doesn't exist")),
            status => Canned::new(status, words),
        },
        strange: "[]",
        own: hestias_own(by),
        other: nothing_else,
        at_write: Box::new(|proxy, fault| proxy.rule_for_bodies("cmd=v-add-dns-record", 1, fault)),
        // Where a password is used a write is answered with a number; words are nobody's answer.
        else_at_write: |title| ["no zone", "asleep"].contains(&title).then_some(Some(ErrorClass::Transient)),
        silent: false,
        proxy,
        _server: Box::new(server),
    }
}

fn exit(status: u16, code: u32, words: &str) -> Canned {
    Canned::new(status, words).header("Hestia-Exit-Code", &code.to_string())
}

/// A zone is a prefix in etcd, so nothing is a missing zone: 404 is a server without the gateway.
pub fn etcd() -> Peer {
    let etcd = Etcd::start();
    etcd.put("/skydns/test/faults/www/x", r#"{"host":"192.0.2.1","ttl":3600,"targetstrip":1}"#);
    let password = "only-etcd-knows-this-one";
    etcd.protect("rootpw", "zc", password, "/skydns/test/faults");
    let proxy = FaultProxy::start(etcd.addr());
    let settings =
        json!({ "backend": "etcd", "endpoints": proxy.url(), "username": "zc", "password": password });
    let connect = connector("coredns", settings);
    Peer {
        secret: password.to_owned(),
        connect,
        refuses: |status, words| json(status, &json!({ "error": words, "message": words, "code": 2 })),
        strange: "{}",
        own: vec![
            (
                "200 that says no",
                |words| json(200, &json!({ "error": words, "code": 2 })),
                ErrorClass::Transient,
            ),
            (
                "no leader",
                |words| json(503, &json!({ "error": format!("etcdserver: no leader; {words}") })),
                ErrorClass::Transient,
            ),
            (
                "no space",
                |words| {
                    json(
                        400,
                        &json!({ "error": format!("etcdserver: mvcc: database space exceeded; {words}") }),
                    )
                },
                ErrorClass::Quota,
            ),
            (
                "wrong user",
                |words| {
                    json(
                        400,
                        &json!({ "error": format!("etcdserver: authentication failed, {words}"), "code": 3 }),
                    )
                },
                ErrorClass::Unauthorized,
            ),
        ],
        other: |title| (title == "404").then_some(ErrorClass::Transient),
        at_write: at("POST", "/txn"),
        // A token dies of idleness, so one new login is tried.
        else_at_write: |title| (title == "401").then_some(None),
        silent: false,
        proxy,
        _server: Box::new(etcd),
    }
}
