//! The module for WHMCS: its files run as WHMCS runs them, against a stand-in for WHMCS and a real daemon.

use crate::{Daemon, extras, text};
use serde_json::{Value, json};
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::time::{Duration, Instant};

const NAME: &str = "5551-1776530141.puqcloud.com";
const V6: &str = "2001:db8::7";
const REVERSE6: &str = "7.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2.ip6.arpa";

fn module() -> PathBuf {
    extras().join("whmcs/modules/addons/zonecast")
}

fn files_below(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        match path.is_dir() {
            true => files_below(&path, found),
            false => found.push(path),
        }
    }
}

#[test]
fn every_php_file_is_sound() {
    let mut files = Vec::new();
    files_below(&extras().join("whmcs"), &mut files);
    files.retain(|path| path.extension().is_some_and(|kind| kind == "php"));
    assert!(files.len() > 8, "{files:?}");
    for file in files {
        let output = Command::new("php").arg("-l").arg(&file).output().unwrap();
        assert!(output.status.success(), "{}", text(&output));
    }
}

/// WHMCS: its database is a file, each call a request of its own.
struct Whmcs {
    folder: tempfile::TempDir,
}

impl Whmcs {
    /// The module is active, asks `url`, and product 7 has machines below puqcloud.com; client 42 has service 1.
    fn with(url: &str, key: &str) -> Whmcs {
        let whmcs = Whmcs { folder: tempfile::tempdir().unwrap() };
        whmcs.configure(url, key);
        whmcs.service(1, NAME, &["192.0.2.7", V6]);
        whmcs
    }

    fn configure(&self, url: &str, key: &str) {
        let settings = json!({
            "url": url, "key": key, "seconds": "10", "products": "3\n7 = puqcloud.com", "client_reverse": "on",
        });
        assert_eq!(self.run(&["configure", &settings.to_string()]).trim(), "success");
    }

    fn service(&self, id: u32, domain: &str, addresses: &[&str]) {
        let row = json!({
            "id": id, "userid": 42, "packageid": 7, "domain": domain, "dedicatedip": addresses[0],
            "assignedips": addresses[1..].join("\n"),
        });
        self.run(&["service", &row.to_string()]);
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut php = Command::new("php");
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/extras/whmcs.php");
        php.args(["-d", "display_errors=1", "-d", "error_reporting=32767"]).arg(script);
        php.arg(self.folder.path().join("whmcs.sqlite")).args(arguments);
        php
    }

    fn run(&self, arguments: &[&str]) -> String {
        let output = self.command(arguments).output().unwrap();
        let said = text(&output);
        assert!(output.status.success(), "{arguments:?}: {said}");
        assert!(!said.contains("Warning:") && !said.contains("Deprecated:"), "{arguments:?}: {said}");
        said
    }

    /// A module action of WHMCS has succeeded for a service.
    fn module(&self, action: &str, id: u32, domain: &str, addresses: &[&str]) {
        let params = json!({ "params": {
            "serviceid": id, "packageid": 7, "domain": domain, "dedicatedip": addresses.first().unwrap_or(&""),
            "assignedips": addresses.get(1..).unwrap_or_default().join("\n"),
        }});
        assert_eq!(self.run(&["hook", &format!("AfterModule{action}"), &params.to_string()]), "");
    }

    fn cron(&self) -> String {
        self.run(&["due"]);
        self.run(&["hook", "AfterCronJob", "{}"])
    }

    fn spool(&self) -> Vec<Value> {
        serde_json::from_str(&self.run(&["spool"])).unwrap()
    }

    /// Runs the cron until the spool is empty: all was sent and told.
    fn until_told(&self) -> String {
        let end = Instant::now() + Duration::from_secs(30);
        while !self.spool().is_empty() {
            assert!(Instant::now() < end, "{:?}", self.spool());
            self.cron();
        }
        self.run(&["log"])
    }

    fn page(&self, post: &Value) -> String {
        self.run(&["page", &post.to_string()])
    }

    fn client(&self, uid: &str, post: &Value) -> String {
        self.run(&["client", uid, &post.to_string()])
    }
}

/// The events of a service, line by line (S1.2-6, S2.31-36, S2.51-64, S2.85): the module log tells each record.
#[test]
fn the_life_of_a_service() {
    let daemon = Daemon::start();
    let whmcs = Whmcs::with(&daemon.http, &daemon.key);
    whmcs.module("Create", 1, "5551-1776530141", &["192.0.2.7", V6]);
    daemon.answers(NAME, "A", &["192.0.2.7"]);
    daemon.answers(NAME, "AAAA", &[V6]);
    daemon.answers("7.2.0.192.in-addr.arpa", "PTR", &[&format!("{NAME}.")]);
    daemon.answers(REVERSE6, "PTR", &[&format!("{NAME}.")]);
    let log = whmcs.until_told();
    assert!(log.contains("module log: deploy") && log.contains("fwd OK") && log.contains("rev OK"), "{log}");
    assert!(!log.contains(&daemon.key), "{log}");
    // The same lines on the daemon's output (S2.64).
    let output = daemon.output();
    assert!(output.contains(&format!("fwd OK {NAME} A 192.0.2.7")) && output.contains("rev OK"), "{output}");

    // The client gives an address a name of its own; nobody else can, and no form without its token.
    let wish =
        |name: &str| json!({ "token": "right", "service": 1, "ip": "192.0.2.7", "reverse_name": name });
    assert!(whmcs.client("43", &wish("evil.example.net")).contains("no such service"));
    assert!(whmcs.client("42", &json!({ "service": 1, "ip": "192.0.2.7" })).contains("no token"));
    assert!(whmcs.client("42", &wish("no host name")).contains("whole host name"));
    let other =
        json!({ "token": "right", "service": 1, "ip": "192.0.2.9", "reverse_name": "mail.puqcloud.com" });
    assert!(whmcs.client("42", &other).contains("does not belong"));
    assert!(whmcs.client("42", &wish("mail.puqcloud.com")).contains("192.0.2.7 says mail.puqcloud.com"));
    daemon.answers("7.2.0.192.in-addr.arpa", "PTR", &["mail.puqcloud.com."]);
    daemon.answers(NAME, "A", &["192.0.2.7"]);

    // Change package: one address more; the own reverse name of the one that stays survives.
    whmcs.service(1, NAME, &["192.0.2.7", "192.0.2.8", V6]);
    whmcs.module("ChangePackage", 1, NAME, &["192.0.2.7", "192.0.2.8", V6]);
    daemon.answers(NAME, "A", &["192.0.2.7", "192.0.2.8"]);
    daemon.answers("8.2.0.192.in-addr.arpa", "PTR", &[&format!("{NAME}.")]);
    daemon.answers("7.2.0.192.in-addr.arpa", "PTR", &["mail.puqcloud.com."]);

    // The service's page: each record with its state, and the button; the client's: each reverse name.
    whmcs.until_told();
    let tab = whmcs.run(&["hook", "AdminClientServicesTabFields", r#"{"id":1}"#]);
    assert!(tab.contains("Set DNS records") && tab.contains("served") && tab.contains("embedded"), "{tab}");
    let shown = whmcs.run(&["hook", "ClientAreaProductDetailsOutput", r#"{"uid":42,"service":{"id":1}}"#]);
    assert!(shown.contains("value=\"mail.puqcloud.com\"") && shown.contains("name=\"token\""), "{shown}");
    assert_eq!(
        whmcs.run(&["hook", "ClientAreaProductDetailsOutput", r#"{"uid":43,"service":{"id":1}}"#]),
        ""
    );
    let pressed = r#"{"id":1,"zonecast_set_dns_records":"1"}"#;
    whmcs.run(&["hook", "AdminClientServicesTabFieldsSave", pressed]);
    let log = whmcs.until_told();
    assert!(log.contains("module log: set-dns-records"), "{log}");

    // Suspend and unsuspend: nothing goes. Terminate: all of it, and once more is no error.
    whmcs.module("Suspend", 1, NAME, &[]);
    whmcs.module("Unsuspend", 1, NAME, &[]);
    daemon.answers(NAME, "A", &["192.0.2.7", "192.0.2.8"]);
    for _ in 0..2 {
        whmcs.module("Terminate", 1, NAME, &["192.0.2.7"]);
        for (name, rtype) in
            [(NAME, "A"), (NAME, "AAAA"), ("7.2.0.192.in-addr.arpa", "PTR"), (REVERSE6, "PTR")]
        {
            daemon.answers(name, rtype, &[]);
        }
    }
    assert!(!whmcs.until_told().contains("activity: "));
}

/// S2.53-56, S2.83: while Zonecast is away nothing is lost, terminate above all, and the order stays.
#[test]
fn what_zonecast_missed_is_sent_when_it_is_back() {
    let daemon = Daemon::start();
    let whmcs = Whmcs::with(&daemon.http, &daemon.key);
    whmcs.module("Create", 1, NAME, &["192.0.2.7"]);
    daemon.answers(NAME, "A", &["192.0.2.7"]);
    whmcs.until_told();
    whmcs.configure("http://127.0.0.1:9", &daemon.key);
    whmcs.module("Terminate", 1, NAME, &["192.0.2.7"]);
    whmcs.module("Create", 2, "a", &["192.0.2.20"]);
    whmcs.module("Terminate", 2, "a", &["192.0.2.20"]);
    whmcs.module("Create", 3, "b", &["192.0.2.21"]);
    let waits = whmcs.spool();
    assert_eq!(waits.len(), 4, "{waits:?}");
    assert!(waits.iter().all(|row| row["state"] == "waiting"), "{waits:?}");
    // The cron meets it once, not once a row, and says when it comes again.
    let log = whmcs.run(&["log"]).matches("fwd ERR").count();
    assert!(whmcs.cron().contains("fwd ERR"));
    assert_eq!(whmcs.run(&["log"]).matches("fwd ERR").count(), log + 1);
    assert!(whmcs.page(&json!({})).contains("4 waiting") && whmcs.page(&json!({})).contains("next try"));
    // The key is no longer known: that is put right by an admin, and loses nothing either.
    whmcs.configure(&daemon.http, "zc_9_wrong");
    assert!(whmcs.page(&json!({ "token": "right", "do": "test" })).contains("fwd ERR test"));
    whmcs.cron();
    assert_eq!(whmcs.spool().len(), 4);
    daemon.answers(NAME, "A", &["192.0.2.7"]);
    // Back again; two runs of the cron at once send each row once.
    whmcs.configure(&daemon.http, &daemon.key);
    assert!(whmcs.page(&json!({ "token": "right", "do": "test" })).contains("Zonecast answers"));
    whmcs.run(&["due"]);
    let both: Vec<_> =
        (0..2).map(|_| whmcs.command(&["hook", "AfterCronJob", "{}"]).spawn().unwrap()).collect();
    for mut child in both {
        assert!(child.wait().unwrap().success());
    }
    daemon.answers(NAME, "A", &[]);
    daemon.answers("7.2.0.192.in-addr.arpa", "PTR", &[]);
    daemon.answers("b.puqcloud.com", "A", &["192.0.2.21"]);
    daemon.answers("a.puqcloud.com", "A", &[]);
    whmcs.until_told();
}

/// What Zonecast refuses stays on the module's page until an admin decides.
#[test]
fn what_was_refused_is_shown_and_stays() {
    let daemon = Daemon::start();
    let whmcs = Whmcs::with(&daemon.http, &daemon.key);
    whmcs.module("Create", 5, "<b>bad name", &["192.0.2.7"]);
    // The product is none of ours: nothing is asked.
    let other =
        json!({ "params": { "serviceid": 9, "packageid": 8, "domain": "x", "dedicatedip": "192.0.2.9" } });
    whmcs.run(&["hook", "AfterModuleCreate", &other.to_string()]);
    let rows = whmcs.spool();
    assert!(rows.len() == 1 && rows[0]["state"] == "refused", "{rows:?}");
    let page = whmcs.page(&json!({}));
    assert!(
        page.contains("1 refused") && page.contains("&lt;b&gt;bad name") && page.contains("Send again"),
        "{page}"
    );
    assert!(whmcs.run(&["log"]).contains("activity: Zonecast: deploy"));
    whmcs.cron();
    assert_eq!(whmcs.spool().len(), 1, "it is not sent again by itself");
    let drop = json!({ "do": "drop", "id": rows[0]["id"] });
    assert!(whmcs.page(&drop).contains("no token"));
    let mut drop = drop;
    drop["token"] = "right".into();
    whmcs.page(&drop);
    assert!(whmcs.spool().is_empty());
}

fn event(daemon: &Daemon, arguments: &str) -> Output {
    let mut php = Command::new("php");
    php.arg(module().join("event.php")).args(arguments.split(' '));
    php.env("ZONECAST_URL", &daemon.http).env("ZONECAST_KEY", &daemon.key).output().unwrap()
}

/// The same events from a command line, for panels without a module.
#[test]
fn events_by_hand() {
    let mut daemon = Daemon::start();
    let happens = |arguments: &str| {
        let output = event(&daemon, arguments);
        assert!(output.status.success(), "{arguments}: {}", text(&output));
        text(&output)
    };
    for _ in 0..2 {
        happens(&format!("deploy {NAME} 192.0.2.7 {V6}"));
        daemon.answers(NAME, "A", &["192.0.2.7"]);
    }
    happens(&format!("rdns {NAME} 192.0.2.7 mail.puqcloud.com"));
    daemon.answers("7.2.0.192.in-addr.arpa", "PTR", &["mail.puqcloud.com."]);
    let lines = happens(&format!("set-dns-records {NAME}"));
    let job = lines.trim().rsplit(' ').next().unwrap().to_owned();
    let end = Instant::now() + Duration::from_secs(20);
    while !happens(&format!("log {job}")).contains("fwd OK") {
        assert!(Instant::now() < end, "job {job} says nothing");
        std::thread::sleep(Duration::from_millis(50));
    }
    happens(&format!("terminate {NAME}"));
    daemon.answers(NAME, "A", &[]);
    happens(&format!("terminate {NAME}"));
    let output = event(&daemon, "deploy bad_name!!.puqcloud.com 192.0.2.7 not-an-address");
    assert_eq!(output.status.code(), Some(1));
    assert!(text(&output).contains("fwd ERR /addresses/1"), "{}", text(&output));
    daemon.http = "http://127.0.0.1:9".to_owned();
    let output = event(&daemon, "deploy a.puqcloud.com 192.0.2.7");
    assert!(output.status.code() == Some(1) && text(&output).contains("fwd ERR"), "{}", text(&output));
    assert!(!text(&output).contains(&daemon.key));
}
