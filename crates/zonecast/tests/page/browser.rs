//! An admin's day in a real browser, against a real PowerDNS.
//!
//! The steps are in `day.mjs`, for Playwright speaks JavaScript. What the browser cannot do itself it
//! asks for by a line on its standard output: `@break` makes the provider refuse reverse names, `@mend`
//! puts it right, `@answers` waits until DNS answers as the page says. With `ZONECAST_PICTURES` set to a folder
//! the screens are stored there.

use crate::daemon::{Daemon, reverse, until_answer};
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use zonecast_testbed::{Backend, Canned, FaultProxy, PowerDns};

const HERE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/page");

/// S1.22-40, S2.1-4, S2.13-32, S2.57, S2.63, S2.66, S2.69, S2.72-77.
#[test]
fn an_admins_day_in_a_browser() {
    let modules = modules();
    let server = PowerDns::start(Backend::Sqlite);
    for zone in ["example.com", "2.0.192.in-addr.arpa", "xn--bcher-kva.example"] {
        server.create_zone(zone, "Native");
    }
    let proxy = FaultProxy::start(server.api_addr());
    let daemon = Daemon::start();
    let mut command = Command::new("node");
    command.arg(format!("{HERE}/day.mjs")).stdin(Stdio::piped()).stdout(Stdio::piped());
    command.env("MODULES", &modules).env("BASE", format!("http://{}", daemon.http)).env("KEY", &daemon.key);
    command.env("PDNS_URL", proxy.url()).env("PDNS_KEY", server.api_key());
    command.env("PDNS_DNS", server.dns_addr().to_string());
    let mut browser = command.spawn().expect("node runs (Debian package nodejs)");
    let mut answers = browser.stdin.take().expect("its input");
    let lines = BufReader::new(browser.stdout.take().expect("its output")).lines();
    for line in lines.map_while(Result::ok) {
        eprintln!("{line}");
        match line.as_str() {
            "@break" => {
                let words = r#"{"error": "RRset 10.2.0.192.in-addr.arpa. IN PTR: the auditor said no"}"#;
                proxy.refuse_bodies_with("in-addr.arpa", Canned::json(422, words));
            }
            "@mend" => proxy.reset(),
            "@answers" => {
                until_answer(server.dns_addr(), "vm-1.example.com", "A", &["192.0.2.10", "198.51.100.7"]);
                until_answer(server.dns_addr(), &reverse("192.0.2.10"), "PTR", &["mail.example.com."]);
            }
            _ => continue,
        }
        writeln!(answers, "done").expect("the browser listens");
    }
    let status = browser.wait().expect("node ends");
    assert!(status.success(), "the browser's day ended badly ({status}); its last words are above");
}

/// The folder with Playwright and axe, installed once per lock file, outside the clone.
fn modules() -> PathBuf {
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
