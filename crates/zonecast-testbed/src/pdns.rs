//! A real PowerDNS Authoritative Server with its REST API.

use crate::command::{data_file, program, random_secret, run};
use crate::http::{HttpAnswer, http};
use crate::process::{Process, free_port, refuse_taken};
use crate::release::Release;
use serde_json::{Value, json};
use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;
use tempfile::TempDir;

/// What 4.9 on lmdb says with a 500, now and then: asked again, it works.
pub const NOT_BEGUN: &str = "Unable to start RW transaction";

/// What the server keeps its zones in.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Backend {
    /// One SQLite file, as most small installations have it.
    Sqlite,
    /// LMDB.
    Lmdb,
}

/// A running PowerDNS: API and DNS on two loopback ports, its data in a folder of its own.
pub struct PowerDns {
    process: Option<Process>,
    folder: TempDir,
    backend: Backend,
    /// Whose programs run, where it is not the machine's own.
    release: Option<Release>,
    extra: Vec<(String, String)>,
    api_key: String,
    api_port: u16,
    dns_port: u16,
}

impl PowerDns {
    /// Starts a server with an empty database. AXFR is open to loopback, NOTIFY goes nowhere else.
    pub fn start(backend: Backend) -> PowerDns {
        PowerDns::start_with(backend, &[])
    }

    /// As `start`, with lines of `pdns.conf` added or replaced.
    pub fn start_with(backend: Backend, extra: &[(&str, &str)]) -> PowerDns {
        PowerDns::start_of(None, backend, extra)
    }

    /// As `start`, of another release.
    pub fn start_release(release: &Release, backend: Backend) -> PowerDns {
        PowerDns::start_of(Some(release.clone()), backend, &[])
    }

    fn start_of(release: Option<Release>, backend: Backend, extra: &[(&str, &str)]) -> PowerDns {
        let folder = tempfile::Builder::new().prefix("zonecast-pdns-").tempdir();
        let mut server = PowerDns {
            process: None,
            folder: folder.unwrap_or_else(|error| panic!("no temporary folder: {error}")),
            backend,
            release,
            extra: extra.iter().map(|(key, value)| (key.to_string(), value.to_string())).collect(),
            api_key: random_secret(),
            api_port: 0,
            dns_port: 0,
        };
        if backend == Backend::Sqlite {
            server.make_database();
        }
        let mut last = String::new();
        for _ in 0..5 {
            (server.api_port, server.dns_port) = (free_port(), free_port());
            match server.launch() {
                Ok(()) => return server,
                Err(words) => last = words,
            }
        }
        panic!("PowerDNS did not start: {last}")
    }

    /// `http://127.0.0.1:PORT`, without a path.
    pub fn api_url(&self) -> String {
        format!("http://{}", self.api_addr())
    }

    /// Where the API listens.
    pub fn api_addr(&self) -> SocketAddr {
        (Ipv4Addr::LOCALHOST, self.api_port).into()
    }

    /// The API key of this run.
    pub fn api_key(&self) -> &str {
        &self.api_key
    }

    /// Where DNS queries are answered, UDP and TCP.
    pub fn dns_addr(&self) -> SocketAddr {
        (Ipv4Addr::LOCALHOST, self.dns_port).into()
    }

    /// Ends the server properly; its data and ports stay for `start_again`.
    pub fn stop(&mut self) {
        if let Some(process) = self.process.take() {
            process.stop(libc::SIGTERM);
        }
    }

    /// Kills the server as a power cut would.
    pub fn crash(&mut self) {
        if let Some(process) = self.process.take() {
            process.kill();
        }
    }

    /// Starts the server again on the same ports with the same data.
    pub fn start_again(&mut self) {
        self.stop();
        self.launch().unwrap_or_else(|words| panic!("PowerDNS did not start again: {words}"));
    }

    /// Freezes the server: it accepts connections and answers nothing until `resume`.
    pub fn pause(&self) {
        self.process.iter().for_each(|process| process.signal(libc::SIGSTOP));
    }

    /// Lets a frozen server go on.
    pub fn resume(&self) {
        self.process.iter().for_each(|process| process.signal(libc::SIGCONT));
    }

    /// One API call below `/api/v1/servers/localhost`, such as `("GET", "/zones", None)`. Asked again
    /// where 4.9's lmdb backend, now and then, cannot begin a transaction: nothing was done then.
    pub fn api(&self, method: &str, path: &str, body: Option<&Value>) -> HttpAnswer {
        let path = format!("/api/v1/servers/localhost{path}");
        let ask = || {
            http(self.api_addr(), method, &path, &[("X-API-Key", &self.api_key)], body)
                .unwrap_or_else(|error| panic!("{method} {path}: {error}"))
        };
        let not_begun = |answer: &HttpAnswer| {
            answer.status == 500 && String::from_utf8_lossy(&answer.body).contains(NOT_BEGUN)
        };
        let again = (0..5).map(|_| ask()).find(|answer| !not_begun(answer));
        again.unwrap_or_else(ask)
    }

    /// Makes a zone with `ns1.<zone>` as name server; `kind` is `Native`, `Master` or `Slave`.
    pub fn create_zone(&self, zone: &str, kind: &str) {
        let zone = absolute(zone);
        let mut body = json!({ "name": zone, "kind": kind, "soa_edit_api": "DEFAULT" });
        match kind {
            "Slave" => body["masters"] = json!(["192.0.2.1"]),
            _ => body["nameservers"] = json!([format!("ns1.{zone}")]),
        }
        let answer = self.api("POST", "/zones", Some(&body));
        assert_eq!(answer.status, 201, "{}", String::from_utf8_lossy(&answer.body));
    }

    /// The version it says it has, such as `4.9.17`.
    pub fn version(&self) -> String {
        let answer: Value = serde_json::from_slice(&self.api("GET", "", None).body).unwrap_or_default();
        answer["version"].as_str().unwrap_or_default().to_owned()
    }

    /// Removes a zone; fine when it is gone.
    pub fn delete_zone(&self, zone: &str) {
        self.api("DELETE", &format!("/zones/{}", absolute(zone)), None);
    }

    /// Plays the foreign client: sets one RRset as the API takes it, values in PowerDNS's spelling.
    pub fn put(&self, zone: &str, name: &str, rtype: &str, ttl: u32, values: &[&str]) {
        let records: Vec<Value> =
            values.iter().map(|value| json!({ "content": value, "disabled": false })).collect();
        self.put_raw(
            zone,
            json!({ "name": absolute(name), "type": rtype, "ttl": ttl, "changetype": "REPLACE", "records": records }),
        );
    }

    /// Plays the foreign client with an RRset object of its own making (disabled values, comments).
    pub fn put_raw(&self, zone: &str, rrset: Value) {
        let path = format!("/zones/{}", absolute(zone));
        let answer = self.api("PATCH", &path, Some(&json!({ "rrsets": [rrset] })));
        assert_eq!(answer.status, 204, "{}", String::from_utf8_lossy(&answer.body));
    }

    /// Signs a zone with a key of the server's choice, as an operator would.
    pub fn sign(&self, zone: &str) {
        let answer = self.api("PUT", &format!("/zones/{}", absolute(zone)), Some(&json!({ "dnssec": true })));
        assert_eq!(answer.status, 204, "{}", String::from_utf8_lossy(&answer.body));
    }

    fn launch(&mut self) -> Result<(), String> {
        refuse_taken(&[self.api_port, self.dns_port])?;
        self.write_configuration();
        let mut command = match &self.release {
            Some(release) => release.command("usr/sbin/pdns_server"),
            None => Command::new(program("pdns_server", &["/usr/sbin"], "pdns-server")),
        };
        command.arg(format!("--config-dir={}", self.folder.path().display()));
        let mut process = Process::spawn("pdns_server", command, self.path("log"));
        let (address, key) = (self.api_addr(), self.api_key.clone());
        process.wait_ready(Duration::from_secs(40), || {
            let answer = http(address, "GET", "/api/v1/servers/localhost", &[("X-API-Key", &key)], None);
            answer.is_ok_and(|answer| answer.status == 200)
        })?;
        self.process = Some(process);
        Ok(())
    }

    fn write_configuration(&self) {
        let folder = self.folder.path().display().to_string();
        let mut lines: Vec<(String, String)> = [
            ("daemon", "no"),
            ("guardian", "no"),
            ("local-address", "127.0.0.1"),
            ("local-port", &self.dns_port.to_string()),
            ("socket-dir", &folder),
            ("api", "yes"),
            ("api-key", &self.api_key),
            ("webserver", "yes"),
            ("webserver-address", "127.0.0.1"),
            ("webserver-port", &self.api_port.to_string()),
            ("webserver-allow-from", "127.0.0.0/8"),
            ("primary", "yes"),
            ("only-notify", "127.0.0.0/8"),
            ("allow-axfr-ips", "127.0.0.0/8"),
            ("xfr-cycle-interval", "60"),
            ("loglevel", "4"),
            ("receiver-threads", "1"),
            ("distributor-threads", "1"),
        ]
        .map(|(key, value)| (key.to_owned(), value.to_owned()))
        .into();
        if let Some(release) = &self.release {
            lines.push(("module-dir".into(), release.libraries().join("pdns").display().to_string()));
        }
        match self.backend {
            Backend::Sqlite => {
                lines.push(("launch".into(), "gsqlite3".into()));
                lines.push(("gsqlite3-database".into(), self.path("pdns.db").display().to_string()));
                lines.push(("gsqlite3-dnssec".into(), "yes".into()));
            }
            Backend::Lmdb => {
                lines.push(("launch".into(), "lmdb".into()));
                lines.push(("lmdb-filename".into(), self.path("pdns.lmdb").display().to_string()));
                lines.push(("lmdb-shards".into(), "2".into()));
            }
        }
        lines.retain(|(key, _)| !self.extra.iter().any(|(own, _)| own == key));
        lines.extend(self.extra.clone());
        let text: String = lines.iter().map(|(key, value)| format!("{key}={value}\n")).collect();
        std::fs::write(self.path("pdns.conf"), text).unwrap_or_else(|error| panic!("pdns.conf: {error}"));
    }

    fn make_database(&self) {
        const SCHEMAS: [&str; 2] = [
            "/usr/share/pdns-backend-sqlite3/schema/schema.sqlite3.sql",
            "/usr/share/doc/pdns-backend-sqlite3/schema.sqlite3.sql",
        ];
        let schema = match &self.release {
            Some(release) => release.file(SCHEMAS[0].trim_start_matches('/')),
            None => data_file(&SCHEMAS, "pdns-backend-sqlite3"),
        };
        for statement in [format!(".read {}", schema.display()), "PRAGMA journal_mode=wal;".into()] {
            let mut command = Command::new(program("sqlite3", &["/usr/bin"], "sqlite3"));
            run(command.arg("-bail").arg(self.path("pdns.db")).arg(statement));
        }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }
}

impl Drop for PowerDns {
    fn drop(&mut self) {
        self.crash();
    }
}

fn absolute(name: &str) -> String {
    format!("{}.", name.trim_end_matches('.'))
}
