//! What stands in `extras/`, run by the programs that will run it, against a daemon.

#![allow(missing_docs, reason = "a test binary")]

use serde_json::Value;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output};
use std::time::{Duration, Instant};
use zonecast_testbed::dig;

/// A daemon on loopback, and its key.
struct Daemon {
    child: Child,
    folder: tempfile::TempDir,
    http: String,
    dns: SocketAddr,
    key: String,
}

impl Daemon {
    fn start() -> Daemon {
        let folder = tempfile::tempdir().unwrap();
        let child = Command::new(env!("CARGO_BIN_EXE_zonecast"))
            .args(["serve", "--http", "127.0.0.1:0", "--dns", "127.0.0.1:0", "--data"])
            .arg(folder.path())
            .stdout(std::process::Stdio::null())
            .stderr(std::process::Stdio::null())
            .spawn()
            .unwrap();
        let read = |name: &str| std::fs::read_to_string(folder.path().join(name)).unwrap_or_default();
        let end = Instant::now() + Duration::from_secs(30);
        let endpoints: Value = loop {
            assert!(Instant::now() < end, "the daemon does not come up");
            if let Ok(endpoints) = serde_json::from_str(&read("endpoints.json")) {
                break endpoints;
            }
            std::thread::sleep(Duration::from_millis(20));
        };
        let (http, key) =
            (endpoints["http"].as_str().unwrap().to_owned(), read("admin.key").trim().to_owned());
        let dns = endpoints["dns"].as_str().unwrap().parse().unwrap();
        let daemon = Daemon { child, folder, http, dns, key };
        for zone in ["puqcloud.com", "2.0.192.in-addr.arpa", "8.b.d.0.1.0.0.2.ip6.arpa"] {
            let mut command = Command::new(env!("CARGO_BIN_EXE_zonecast"));
            let output = command
                .args(["zone", "add", zone, "--provider", "embedded", "--data"])
                .arg(daemon.folder.path());
            assert!(output.output().unwrap().status.success(), "{zone}");
        }
        daemon
    }

    /// Waits until DNS answers with exactly these values.
    fn answers(&self, name: &str, rtype: &str, wanted: &[&str]) {
        let end = Instant::now() + Duration::from_secs(20);
        loop {
            let reply = dig(self.dns, name, rtype).unwrap();
            let mut found: Vec<String> = reply.answers.iter().map(|answer| answer.text()).collect();
            found.sort();
            if found == wanted {
                return;
            }
            assert!(Instant::now() < end, "{name} {rtype}: {found:?} instead of {wanted:?}");
            std::thread::sleep(Duration::from_millis(20));
        }
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn extras() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../extras")
}

fn text(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr)
}

fn event(daemon: &Daemon, arguments: &str) -> Output {
    let mut php = Command::new("php");
    php.arg(extras().join("whmcs/zonecast/event.php")).args(arguments.split(' '));
    php.env("ZONECAST_URL", &daemon.http).env("ZONECAST_KEY", &daemon.key).output().unwrap()
}

fn happens(daemon: &Daemon, arguments: &str) -> String {
    let output = event(daemon, arguments);
    assert!(output.status.success(), "{arguments}: {}", text(&output));
    text(&output)
}

#[test]
fn every_php_file_is_sound() {
    for file in ["hooks.php", "zonecast/Zonecast.php", "zonecast/event.php", "zonecast/settings.example.php"]
    {
        let output = Command::new("php").arg("-l").arg(extras().join("whmcs").join(file)).output().unwrap();
        assert!(output.status.success(), "{}", text(&output));
    }
}

/// The event table of the panel, line by line (S2.31-36, S2.57-64, S2.85, X39).
#[test]
fn the_events_of_a_machine() {
    let daemon = Daemon::start();
    let (name, v6) = ("5551-1776530141.puqcloud.com", "2001:db8::7");
    let reverse6 = "7.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2.ip6.arpa";
    // Deploy: forward in every matching zone, a PTR for every address.
    happens(&daemon, &format!("deploy 5551-1776530141 puqcloud.com 192.0.2.7 {v6}"));
    daemon.answers(name, "A", &["192.0.2.7"]);
    daemon.answers(name, "AAAA", &[v6]);
    daemon.answers("7.2.0.192.in-addr.arpa", "PTR", &[&format!("{name}.")]);
    daemon.answers(reverse6, "PTR", &[&format!("{name}.")]);
    // Deploy once more, as a resumed step does: nothing changes.
    happens(&daemon, &format!("deploy 5551-1776530141 puqcloud.com 192.0.2.7 {v6}"));
    // The client changes the rDNS of one address: forward records stay.
    happens(&daemon, &format!("rdns {name} 192.0.2.7 mail.puqcloud.com"));
    daemon.answers("7.2.0.192.in-addr.arpa", "PTR", &["mail.puqcloud.com."]);
    daemon.answers(name, "A", &["192.0.2.7"]);
    // Change package: one address more; the own reverse name of the one that stays survives.
    happens(&daemon, &format!("change-package 5551-1776530141 puqcloud.com 192.0.2.7 192.0.2.8 {v6}"));
    daemon.answers(name, "A", &["192.0.2.7", "192.0.2.8"]);
    daemon.answers("8.2.0.192.in-addr.arpa", "PTR", &[&format!("{name}.")]);
    daemon.answers("7.2.0.192.in-addr.arpa", "PTR", &["mail.puqcloud.com."]);
    // Set DNS records: a queued job with a log.
    let lines = happens(&daemon, &format!("set-dns-records {name}"));
    let job = lines.trim().rsplit(' ').next().unwrap().to_owned();
    let end = Instant::now() + Duration::from_secs(20);
    while !happens(&daemon, &format!("log {job}")).contains("fwd OK") {
        assert!(Instant::now() < end, "job {job} says nothing");
        std::thread::sleep(Duration::from_millis(50));
    }
    // Suspend and unsuspend: nothing goes.
    happens(&daemon, &format!("suspend {name}"));
    happens(&daemon, &format!("unsuspend {name}"));
    daemon.answers(name, "A", &["192.0.2.7", "192.0.2.8"]);
    // Terminate: all of it goes, and once more is no error.
    happens(&daemon, &format!("terminate {name}"));
    for (name, rtype) in [(name, "A"), (name, "AAAA"), ("7.2.0.192.in-addr.arpa", "PTR"), (reverse6, "PTR")] {
        daemon.answers(name, rtype, &[]);
    }
    happens(&daemon, &format!("terminate {name}"));
}

#[test]
fn trouble_is_said_and_thrown_at_nobody() {
    let mut daemon = Daemon::start();
    let output = event(&daemon, "deploy bad_name!! puqcloud.com 192.0.2.7 not-an-address");
    assert_eq!(output.status.code(), Some(1));
    assert!(text(&output).contains("fwd ERR /addresses/1"), "{}", text(&output));
    daemon.http = "http://127.0.0.1:9".to_owned();
    let output = event(&daemon, "deploy a puqcloud.com 192.0.2.7");
    assert!(output.status.code() == Some(1) && text(&output).contains("fwd ERR"), "{}", text(&output));
    assert!(!text(&output).contains(&daemon.key));
}

/// A Proxmox node: `qm config` answers from files.
fn proxmox(daemon: &Daemon, guest: &str, phase: &str) -> String {
    let bin = daemon.folder.path().join("bin");
    std::fs::create_dir_all(&bin).unwrap();
    std::fs::write(bin.join("qm"), "#!/bin/sh\ncat \"$(dirname \"$0\")/../guest-$2\" 2>/dev/null\n").unwrap();
    std::fs::write(bin.join("pct"), "#!/bin/sh\nexit 2\n").unwrap();
    for program in ["qm", "pct"] {
        use std::os::unix::fs::PermissionsExt;
        std::fs::set_permissions(bin.join(program), std::fs::Permissions::from_mode(0o755)).unwrap();
    }
    let conf = daemon.folder.path().join("hook.conf");
    let settings =
        format!("ZONECAST_URL={}\nZONECAST_KEY={}\nZONECAST_DOMAIN=puqcloud.com\n", daemon.http, daemon.key);
    std::fs::write(&conf, settings).unwrap();
    let path = format!("{}:{}", bin.display(), std::env::var("PATH").unwrap());
    let mut hook = Command::new(extras().join("proxmox/zonecast-hook"));
    let output =
        hook.args([guest, phase]).env("PATH", path).env("ZONECAST_HOOK_CONF", conf).output().unwrap();
    assert!(output.status.success(), "a guest is never stopped: {}", text(&output));
    assert!(!text(&output).contains(&daemon.key));
    text(&output)
}

#[test]
fn a_guest_of_proxmox_starts_stops_and_is_destroyed() {
    let mut daemon = Daemon::start();
    let guest = daemon.folder.path().join("guest-101");
    let config = "agent: 1\nname: Web-1\nipconfig0: gw=192.0.2.1,ip=192.0.2.10/24,ip6=2001:db8::10/64\nipconfig1: ip=dhcp\nnet0: virtio=52:54:00:12:34:56,bridge=vmbr0\n";
    std::fs::write(&guest, config).unwrap();
    for phase in ["pre-start", "post-start"] {
        proxmox(&daemon, "101", phase);
    }
    daemon.answers("web-1.puqcloud.com", "A", &["192.0.2.10"]);
    daemon.answers("web-1.puqcloud.com", "AAAA", &["2001:db8::10"]);
    daemon.answers("10.2.0.192.in-addr.arpa", "PTR", &["web-1.puqcloud.com."]);
    // Started again with another address.
    std::fs::write(&guest, config.replace("192.0.2.10", "192.0.2.11")).unwrap();
    proxmox(&daemon, "101", "post-start");
    daemon.answers("web-1.puqcloud.com", "A", &["192.0.2.11"]);
    daemon.answers("10.2.0.192.in-addr.arpa", "PTR", &[]);
    // Destroyed: its configuration is gone, its names go all the same.
    std::fs::remove_file(&guest).unwrap();
    proxmox(&daemon, "101", "destroy");
    daemon.answers("web-1.puqcloud.com", "A", &[]);
    proxmox(&daemon, "101", "destroy");
    // Stop unregisters, and the next start registers again.
    std::fs::write(&guest, config).unwrap();
    proxmox(&daemon, "101", "post-start");
    daemon.answers("web-1.puqcloud.com", "A", &["192.0.2.10"]);
    proxmox(&daemon, "101", "post-stop");
    daemon.answers("web-1.puqcloud.com", "A", &[]);
    // Zonecast is away: it is said, and the guest starts.
    daemon.http = "http://127.0.0.1:9".to_owned();
    assert!(proxmox(&daemon, "101", "post-start").contains("failed"));
}
