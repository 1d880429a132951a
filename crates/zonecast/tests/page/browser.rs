//! An admin's day in a real browser, against a real PowerDNS.
//!
//! The steps are in `day.mjs`, `domains.mjs` and `adopt.mjs`, for Playwright speaks JavaScript. What the browser
//! cannot do itself it asks for by a line on its standard output: `@break` makes the provider refuse
//! reverse names, `@mend` puts it right, `@zone d1.test` transfers a zone from the server. With `ZONECAST_PICTURES` set to a folder
//! the screens are stored there.

use crate::daemon::{Daemon, id, reverse, until_answer};
use serde_json::json;
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::{Mutex, PoisonError};
use zonecast_testbed::{Answer, Backend, Canned, Fault, FaultProxy, PowerDns, axfr};

const HERE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/page");

/// S1.22-40, S2.1-4, S2.13-32, S2.57, S2.63, S2.66, S2.69, S2.72-77.
#[test]
fn an_admins_day_in_a_browser() {
    let server = PowerDns::start(Backend::Sqlite);
    for zone in ["example.com", "2.0.192.in-addr.arpa", "xn--bcher-kva.example"] {
        server.create_zone(zone, "Native");
    }
    let proxy = FaultProxy::start(server.api_addr());
    let daemon = Daemon::start();
    let address = server.dns_addr();
    walk("day.mjs", &daemon, &server, &proxy.url(), |asked| {
        match asked {
            "break" => {
                let words = r#"{"error": "RRset 10.2.0.192.in-addr.arpa. IN PTR: the auditor said no"}"#;
                proxy.refuse_bodies_with("in-addr.arpa", Canned::json(422, words));
            }
            "mend" => proxy.reset(),
            "answers" => {
                until_answer(address, "vm-1.example.com", "A", &["192.0.2.10", "198.51.100.7"]);
                until_answer(address, &reverse("192.0.2.10"), "PTR", &["mail.example.com."]);
            }
            other => panic!("the browser asks for {other}"),
        }
        "done".to_owned()
    });
}

/// S4.41-46, S4.49-61, S4.64-79, S2.84.
#[test]
fn domains_pools_and_keys_in_a_browser() {
    let server = PowerDns::start(Backend::Sqlite);
    let proxy = FaultProxy::start(server.api_addr());
    let daemon = Daemon::start();
    walk("domains.mjs", &daemon, &server, &proxy.url(), |asked| {
        let (word, about) = asked.split_once(' ').unwrap_or((asked, ""));
        match word {
            "zone" => return json!(transfer(&server, about)).to_string(),
            "refuse" => {
                let words = format!(r#"{{"error": "RRset of type {about}: unknown type given"}}"#);
                proxy.refuse_bodies_with(about, Canned::json(422, &words));
            }
            "full" => {
                let refusal = Canned::json(422, r#"{"error":"the plan has no room for another zone"}"#);
                proxy.rule("POST", "/zones", 100, Fault::Answer(refusal));
            }
            "mend" => proxy.reset(),
            "theirs" => server.put("d1.test", about, "A", 600, &["203.0.113.9"]),
            "servers" => {
                let zones = daemon.must("GET", &format!("/zones?name={about}"), None);
                let servers = json!({ "dns_servers": [server.dns_addr().to_string()] });
                daemon.must("PATCH", &format!("/zones/{}", id(&zones[0])), Some(servers));
            }
            other => panic!("the browser asks for {other}"),
        }
        "done".to_owned()
    });
}

/// The export of the command line's test, brought by hand (S2.6, S2.36, S2.65).
#[test]
fn somebody_moves_in_by_the_page() {
    let server = PowerDns::start(Backend::Sqlite);
    server.create_zone("vps.example", "Native");
    server.create_zone("2.0.192.in-addr.arpa", "Native");
    let daemon = Daemon::start();
    let dump = include_str!("../scenarios/puq.sql");
    let dump = dump.replace("@SERVER@", &server.api_url()).replace("@KEY@", server.api_key());
    let file = daemon.folder().join("whmcs.sql");
    std::fs::write(&file, dump).expect("the export");
    walk("adopt.mjs", &daemon, &server, &server.api_url(), |asked| match asked {
        "file" => file.display().to_string(),
        "hosts" => daemon.must("GET", "/hosts?limit=500", None).as_array().map_or(0, Vec::len).to_string(),
        other => panic!("the browser asks for {other}"),
    });
}

/// Everything in a zone, SOA and apex NS apart, as `name TYPE data` lines.
pub fn transfer(server: &PowerDns, name: &str) -> Vec<String> {
    let all = axfr(server.dns_addr(), name).unwrap_or_else(|error| panic!("{error}"));
    let line = |answer: &Answer| format!("{} TYPE{} {}", answer.name, answer.rtype, answer.text());
    let mut lines: Vec<String> = all.iter().map(line).collect();
    let apex = [format!("{name}. TYPE6 "), format!("{name}. TYPE2 ")];
    lines.retain(|line| !apex.iter().any(|start| line.starts_with(start.as_str())));
    lines.sort();
    lines
}

/// Lets a script walk through the page; `answer` gives a line for each line it asks with.
fn walk(script: &str, daemon: &Daemon, server: &PowerDns, url: &str, answer: impl Fn(&str) -> String) {
    let mut command = Command::new("node");
    command.arg(format!("{HERE}/{script}")).stdin(Stdio::piped()).stdout(Stdio::piped());
    command.env("MODULES", modules()).env("BASE", format!("http://{}", daemon.http));
    command.env("KEY", &daemon.key).env("PDNS_URL", url).env("PDNS_KEY", server.api_key());
    command.env("PDNS_DNS", server.dns_addr().to_string());
    let mut browser = command.spawn().expect("node runs (Debian package nodejs)");
    let mut answers = browser.stdin.take().expect("its input");
    let lines = BufReader::new(browser.stdout.take().expect("its output")).lines();
    for line in lines.map_while(Result::ok) {
        eprintln!("{line}");
        if let Some(asked) = line.strip_prefix('@') {
            writeln!(answers, "{}", answer(asked)).expect("the browser listens");
        }
    }
    let status = browser.wait().expect("node ends");
    assert!(status.success(), "{script} ended badly ({status}); its last words are above");
}

/// The folder with Playwright and axe, installed once per lock file, outside the clone.
fn modules() -> PathBuf {
    static TURN: Mutex<()> = Mutex::new(());
    let _turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
    let variable = |name: &str| std::env::var_os(name).map(PathBuf::from);
    let cache = variable("ZONECAST_CACHE")
        .or_else(|| variable("XDG_CACHE_HOME").map(|path| path.join("zonecast")))
        .or_else(|| variable("HOME").map(|path| path.join(".cache/zonecast")))
        .unwrap_or_else(|| std::env::temp_dir().join("zonecast"));
    let folder = cache.join("page");
    std::fs::create_dir_all(&folder).expect("the cache folder");
    let lock = std::fs::read(Path::new(HERE).join("package-lock.json")).expect("the lock file");
    let stamp = folder.join("node_modules/.installed-from");
    if std::fs::read(&stamp).is_ok_and(|installed| installed == lock) {
        return folder;
    }
    for file in ["package.json", "package-lock.json"] {
        std::fs::copy(Path::new(HERE).join(file), folder.join(file)).expect("a copy in the cache");
    }
    let mut npm = Command::new("npm");
    npm.args(["ci", "--ignore-scripts", "--no-audit", "--no-fund"]).current_dir(&folder);
    let ended = npm.output().expect("npm runs (Debian package npm)");
    assert!(ended.status.success(), "npm ci: {}", String::from_utf8_lossy(&ended.stderr));
    std::fs::write(&stamp, &lock).expect("the stamp");
    folder
}
