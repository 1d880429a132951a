//! What stands in `extras/`, run by the programs that will run it, against a daemon.

#![allow(missing_docs, reason = "a test binary")]

mod proxmox;
mod whmcs;

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
        let output = std::fs::File::create(folder.path().join("output")).unwrap();
        let child = Command::new(env!("CARGO_BIN_EXE_zonecast"))
            .args(["serve", "--http", "127.0.0.1:0", "--dns", "127.0.0.1:0", "--data"])
            .arg(folder.path())
            .stdout(output.try_clone().unwrap())
            .stderr(output)
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

    /// What it has written to its output so far.
    fn output(&self) -> String {
        std::fs::read_to_string(self.folder.path().join("output")).unwrap()
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

/// What a program said, on both its streams.
fn text(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr)
}
