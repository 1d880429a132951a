//! A real Knot DNS as a primary that takes dynamic updates.

use crate::command::program;
use crate::key::TsigSecret;
use crate::process::{Process, free_port, refuse_taken};
use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;
use tempfile::TempDir;

/// A running `knotd` on one loopback port, its zones and journal in a folder of its own.
pub struct Knot {
    process: Option<Process>,
    folder: TempDir,
    key: TsigSecret,
    zones: Vec<String>,
    port: u16,
}

impl Knot {
    /// Starts a server with these zones; each holds SOA and NS, and `key` may update and transfer it.
    pub fn start(key: &TsigSecret, zones: &[&str]) -> Knot {
        let folder = tempfile::Builder::new().prefix("zonecast-knot-").tempdir();
        let mut server = Knot {
            process: None,
            folder: folder.unwrap_or_else(|error| panic!("no temporary folder: {error}")),
            key: key.clone(),
            zones: zones.iter().map(|zone| zone.trim_end_matches('.').to_owned()).collect(),
            port: 0,
        };
        for zone in &server.zones {
            server.write(&format!("{zone}.zone"), &crate::key::zone_text(zone));
        }
        let mut last = String::new();
        for _ in 0..5 {
            server.port = free_port();
            match server.launch() {
                Ok(()) => return server,
                Err(words) => last = words,
            }
        }
        panic!("Knot did not start: {last}")
    }

    /// Where it answers, UDP and TCP.
    pub fn dns_addr(&self) -> SocketAddr {
        (Ipv4Addr::LOCALHOST, self.port).into()
    }

    /// Ends the server as a power cut would; data and port stay for `start_again`.
    pub fn crash(&mut self) {
        if let Some(process) = self.process.take() {
            process.kill();
        }
    }

    /// Starts it again on the same port with the same data.
    pub fn start_again(&mut self) {
        self.crash();
        self.launch().unwrap_or_else(|words| panic!("Knot did not start again: {words}"));
    }

    fn launch(&mut self) -> Result<(), String> {
        refuse_taken(&[self.port])?;
        self.write("knot.conf", &self.configuration());
        let mut command = Command::new(program("knotd", &["/usr/sbin"], "knot"));
        command.arg("-c").arg(self.path("knot.conf"));
        let mut process = Process::spawn("knotd", command, self.path("log"));
        let (address, zones) = (self.dns_addr(), &self.zones);
        process.wait_ready(Duration::from_secs(40), || {
            zones.iter().all(|zone| crate::dig_tcp(address, zone, "SOA").is_ok_and(|reply| reply.aa))
        })?;
        self.process = Some(process);
        Ok(())
    }

    fn configuration(&self) -> String {
        let folder = self.folder.path().display();
        let TsigSecret { name, algorithm, secret } = &self.key;
        let mut text = format!(
            "server:\n  listen: 127.0.0.1@{port}\n  rundir: \"{folder}\"\n  background-workers: 2\n  \
             udp-workers: 1\n  tcp-workers: 2\ncontrol:\n  listen: \"{folder}/ctl\"\n\
             log:\n  - target: stdout\n    any: info\n\
             database:\n  storage: \"{folder}\"\n  journal-db-max-size: 64M\n  timer-db-max-size: 8M\n  \
             kasp-db-max-size: 16M\n  catalog-db-max-size: 16M\n\
             key:\n  - id: {name}\n    algorithm: {algorithm}\n    secret: {secret}\n\
             acl:\n  - id: ours\n    action: [transfer, update]\n    key: {name}\n  - id: eyes\n    action: transfer\n    \
             address: 127.0.0.0/8\n\
             template:\n  - id: default\n    storage: \"{folder}\"\n    file: \"%s.zone\"\n    \
             semantic-checks: on\n    zonefile-sync: -1\n    zonefile-load: difference-no-serial\n    \
             journal-content: all\n    serial-policy: increment\n    acl: [ours, eyes]\nzone:\n",
            port = self.port
        );
        for zone in &self.zones {
            text.push_str(&format!("  - domain: \"{zone}\"\n"));
        }
        text
    }

    fn write(&self, name: &str, text: &str) {
        std::fs::write(self.path(name), text).unwrap_or_else(|error| panic!("{name}: {error}"));
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }
}

impl Drop for Knot {
    fn drop(&mut self) {
        self.crash();
    }
}
