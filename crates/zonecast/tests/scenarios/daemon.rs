//! One daemon as a process, with its folder, and the calls the scenarios make.

use serde_json::{Value, json};
use std::net::SocketAddr;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};
use tempfile::TempDir;
use zonecast_testbed::{PowerDns, dig, http, until};

/// How long a scenario waits for something to become true.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// What a command said.
pub struct Told {
    /// Its exit code.
    pub code: Option<i32>,
    /// Its answer.
    pub out: String,
    /// Its words on stderr.
    pub error: String,
}

/// A daemon of our own binary.
pub struct Daemon {
    child: Child,
    folder: TempDir,
    arguments: Vec<String>,
    /// Where the API listens.
    pub http: SocketAddr,
    /// Where the authority answers.
    pub dns: SocketAddr,
    /// The admin key.
    pub key: String,
}

impl Daemon {
    /// Starts a daemon on free ports in a new folder, with SQLite.
    pub fn start() -> Daemon {
        Daemon::start_with("")
    }

    /// The same with these lines in its configuration.
    pub fn start_with(config: &str) -> Daemon {
        Daemon::start_in(TempDir::new().expect("a temporary folder"), config)
    }

    fn start_in(folder: TempDir, config: &str) -> Daemon {
        std::fs::write(folder.path().join("zonecast.toml"), config).expect("the configuration");
        let arguments =
            ["serve", "--http", "127.0.0.1:0", "--dns", "127.0.0.1:0"].map(str::to_owned).to_vec();
        let child = launch(folder.path(), &arguments);
        let nowhere = SocketAddr::from(([127, 0, 0, 1], 0));
        let mut daemon = Daemon { child, folder, arguments, http: nowhere, dns: nowhere, key: String::new() };
        daemon.wait_ready();
        daemon
    }

    /// Starts a second node beside another one: same database, same master key, same admin key.
    pub fn start_beside(first: &Daemon, config: &str) -> Daemon {
        let folder = TempDir::new().expect("a temporary folder");
        for file in ["secret.key", "admin.key"] {
            std::fs::copy(first.folder().join(file), folder.path().join(file))
                .expect("the first node's keys");
        }
        Daemon::start_in(folder, config)
    }

    /// `kill -9`, as a power cut would.
    pub fn kill(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        let _ = std::fs::remove_file(self.folder.path().join("endpoints.json"));
    }

    /// Starts again on the same folder.
    pub fn start_again(&mut self) {
        self.child = launch(self.folder.path(), &self.arguments);
        self.wait_ready();
    }

    /// Asks the process to end and waits for it.
    pub fn stop(&mut self) {
        self.signal(libc::SIGTERM);
        let _ = self.child.wait();
    }

    /// Sends a signal.
    pub fn signal(&self, signal: i32) {
        // SAFETY: the child is ours and not yet waited for, so its id cannot be another's.
        unsafe {
            libc::kill(self.child.id() as i32, signal);
        }
    }

    /// The process's number.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// The data folder.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// One API call; the status and the JSON body.
    pub fn call(&self, method: &str, path: &str, body: Option<Value>) -> (u16, Value) {
        let bearer = format!("Bearer {}", self.key);
        let headers = [("Authorization", bearer.as_str()), ("Content-Type", content_type(method))];
        let answer = http(self.http, method, &format!("/api/v1{path}"), &headers, body.as_ref())
            .unwrap_or_else(|error| panic!("{method} {path}: {error}"));
        (answer.status, answer.json())
    }

    /// A call that must succeed; its `data`.
    pub fn must(&self, method: &str, path: &str, body: Option<Value>) -> Value {
        let (status, answer) = self.call(method, path, body);
        assert!((200..300).contains(&status), "{method} {path}: {status} {answer:#}");
        answer["data"].clone()
    }

    /// One command, asked of the daemon.
    pub fn run(&self, arguments: &[&str]) -> Told {
        let mut command = Command::new(env!("CARGO_BIN_EXE_zonecast"));
        command.args(arguments).arg("--data").arg(self.folder()).stdin(Stdio::null());
        command.env_remove("ZONECAST_URL").env_remove("ZONECAST_KEY").env("NO_COLOR", "1");
        let output = command.output().expect("the program starts");
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        Told { code: output.status.code(), out: text(&output.stdout), error: text(&output.stderr) }
    }

    /// Adds a zone of the embedded authority; its id.
    pub fn embedded_zone(&self, name: &str) -> i64 {
        id(&self.must("POST", "/zones", Some(json!({ "name": name, "provider": "embedded" }))))
    }

    /// Adds a zone at a PowerDNS whose API is reached at `api`; its id.
    pub fn powerdns_zone(&self, name: &str, server: &PowerDns, api: &str) -> i64 {
        let body = json!({
            "name": name, "provider": "powerdns",
            "settings": { "server_url": api, "api_key": server.api_key() },
            "dns_servers": [server.dns_addr().to_string()],
        });
        id(&self.must("POST", "/zones", Some(body)))
    }

    /// Registers a host; its id.
    pub fn host(&self, fqdn: &str, addresses: &[&str]) -> i64 {
        id(&self.must("POST", "/hosts", Some(json!({ "fqdn": fqdn, "addresses": addresses }))))
    }

    /// The `records` rows of a host.
    pub fn records(&self, host: i64) -> Vec<Value> {
        let host = self.must("GET", &format!("/hosts/{host}"), None);
        host["records"].as_array().cloned().unwrap_or_default()
    }

    /// Waits until every record of the host is `served`.
    pub fn wait_served(&self, host: i64) {
        until_or(PATIENCE, || {
            let records = self.records(host);
            let all = !records.is_empty() && records.iter().all(|record| record["state"] == "served");
            if all { Ok(()) } else { Err(format!("not served yet: {records:#?}")) }
        });
    }

    fn wait_ready(&mut self) {
        let path = self.folder.path().join("endpoints.json");
        until("the daemon to be ready", PATIENCE, || {
            if let Ok(Some(status)) = self.child.try_wait() {
                let log = std::fs::read_to_string(self.folder.path().join("log")).unwrap_or_default();
                panic!("the daemon ended with {status}:\n{log}");
            }
            path.exists()
        });
        let endpoints: Value =
            serde_json::from_slice(&std::fs::read(&path).expect("endpoints.json")).expect("JSON");
        let http = endpoints["http"].as_str().and_then(|url| url.strip_prefix("http://"));
        self.http = http.and_then(|place| place.parse().ok()).expect("an address in endpoints.json");
        self.dns = endpoints["dns"].as_str().and_then(|place| place.parse().ok()).expect("an address");
        let key = std::fs::read_to_string(self.folder.path().join("admin.key")).expect("admin.key");
        self.key = key.trim().to_owned();
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        if std::thread::panicking() {
            let log = std::fs::read_to_string(self.folder.path().join("log")).unwrap_or_default();
            let tail: Vec<&str> = log.lines().rev().take(60).collect();
            eprintln!("-- the daemon's last words --");
            tail.iter().rev().for_each(|line| eprintln!("{line}"));
        }
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn launch(folder: &Path, arguments: &[String]) -> Child {
    let log = std::fs::File::options().create(true).append(true).open(folder.join("log")).expect("a log");
    let mut command = Command::new(env!("CARGO_BIN_EXE_zonecast"));
    command.args(arguments).arg("--data").arg(folder).arg("--config").arg(folder.join("zonecast.toml"));
    command.stdin(Stdio::null()).stdout(log.try_clone().expect("a log")).stderr(log);
    command.env_remove("ZONECAST_URL").env_remove("ZONECAST_KEY").env("NO_COLOR", "1");
    // SAFETY: prctl is async-signal-safe and touches nothing of ours between fork and exec.
    unsafe {
        command.pre_exec(|| match libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL) {
            0 => Ok(()),
            _ => Err(std::io::Error::last_os_error()),
        });
    }
    command.spawn().expect("the daemon starts")
}

fn content_type(method: &str) -> &'static str {
    if method == "PATCH" { "application/merge-patch+json" } else { "application/json" }
}

/// The id in an answer's data.
pub fn id(data: &Value) -> i64 {
    data["id"].as_i64().unwrap_or_else(|| panic!("no id in {data:#}"))
}

/// Waits until the condition holds; panics with its last words.
pub fn until_or(limit: Duration, mut condition: impl FnMut() -> Result<(), String>) {
    let end = Instant::now() + limit;
    loop {
        match condition() {
            Ok(()) => return,
            Err(words) => assert!(Instant::now() < end, "waited {limit:?}: {words}"),
        }
        std::thread::park_timeout(Duration::from_millis(20));
    }
}

/// Waits until a name server answers with exactly these values.
pub fn until_answer(server: SocketAddr, name: &str, rtype: &str, values: &[&str]) {
    let mut wanted: Vec<String> = values.iter().map(|value| (*value).to_owned()).collect();
    wanted.sort();
    until_or(PATIENCE, || {
        let reply = dig(server, name, rtype).map_err(|error| error.to_string())?;
        let found = reply.texts(rtype);
        if found == wanted { Ok(()) } else { Err(format!("{name} {rtype}: {found:?} and not {wanted:?}")) }
    });
}

/// The reverse name of an address, with the final dot.
pub fn reverse(address: &str) -> String {
    zonecast_core::Name::reverse_of(address.parse().expect("an address")).absolute()
}
