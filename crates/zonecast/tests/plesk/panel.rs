//! A Plesk, a daemon and a service it makes zones at.

use crate::daemon::{Daemon, id};
use serde_json::{Value, json};
use std::io::Write;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use zonecast_testbed::{Answer, Backend, FaultProxy, PowerDns, axfr};

/// Where the zones are made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Service {
    Embedded,
    PowerDns,
}

/// The panel's view of the world.
pub struct Panel {
    pub daemon: Daemon,
    pub server: Option<PowerDns>,
    /// What stands between the daemon and PowerDNS, to refuse what a real service would.
    pub proxy: Option<FaultProxy>,
    pub connection: i64,
}

/// What a start of the backend gave.
#[derive(Debug)]
pub struct Ended {
    pub code: i32,
    pub stdout: String,
    pub stderr: String,
}

impl Ended {
    /// Everything it said.
    pub fn said(&self) -> String {
        format!("{}{}", self.stdout, self.stderr)
    }

    #[track_caller]
    pub fn well(&self) -> &Ended {
        assert_eq!(self.code, 0, "{self:?}");
        self
    }

    #[track_caller]
    pub fn says(&self, words: &str) -> &Ended {
        assert!(self.said().contains(words), "{words:?} is not in {self:?}");
        self
    }
}

impl Panel {
    /// A panel whose zones are made at the service.
    pub fn at(service: Service) -> Panel {
        Panel::with(service, "")
    }

    /// The same with more lines in `[plesk]`.
    pub fn with(service: Service, plesk: &str) -> Panel {
        let config = format!("[plesk]\ncreate_at = [1]\nwait = 60\n{plesk}");
        let daemon = Daemon::start_with(&config);
        let server = (service == Service::PowerDns).then(|| PowerDns::start(Backend::Sqlite));
        let proxy = server.as_ref().map(|server| FaultProxy::start(server.api_addr()));
        let body = match (&server, &proxy) {
            (Some(server), Some(proxy)) => json!({ "name": "pdns", "provider": "powerdns",
                "settings": { "server_url": proxy.url(), "api_key": server.api_key() } }),
            _ => json!({ "name": "own", "provider": "embedded", "settings": {} }),
        };
        let connection = id(&daemon.must("POST", "/connections", Some(body)));
        assert_eq!(connection, 1, "the configuration names it");
        Panel { daemon, server, proxy, connection }
    }

    /// Where DNS is asked.
    pub fn dns(&self) -> SocketAddr {
        self.server.as_ref().map_or(self.daemon.dns, PowerDns::dns_addr)
    }

    /// Starts the backend with this input.
    pub fn plesk(&self, input: impl AsRef<[u8]>) -> Ended {
        start(self.daemon.folder(), input.as_ref(), &[])
    }

    /// The same with one command.
    pub fn send(&self, command: &str, zone: Value) -> Ended {
        self.plesk(json!([{ "command": command, "zone": zone }]).to_string())
    }

    /// Everything in a zone, SOA and apex NS apart, as `name TYPE data` lines.
    pub fn zone(&self, name: &str) -> Vec<String> {
        let mut lines: Vec<String> = self.transfer(name).iter().map(line).collect();
        let apex = [format!("{name}. TYPE6 "), format!("{name}. TYPE2 ")];
        lines.retain(|line| !apex.iter().any(|start| line.starts_with(start.as_str())));
        lines.sort();
        lines
    }

    /// Every record of a zone, by AXFR.
    pub fn transfer(&self, name: &str) -> Vec<Answer> {
        if self.server.is_none() {
            let zones = self.daemon.must("GET", &format!("/zones?name={name}"), None);
            let zone =
                zones.as_array().and_then(|zones| zones.first()).unwrap_or_else(|| panic!("no zone {name}"));
            let open = json!({ "settings": { "allow_transfer": ["127.0.0.1"] } });
            self.daemon.must("PATCH", &format!("/zones/{}", id(zone)), Some(open));
        }
        axfr(self.dns(), name).unwrap_or_else(|error| panic!("{error}"))
    }

    /// The domain as the API shows it.
    pub fn domain(&self, name: &str) -> Value {
        let found = self.daemon.must("GET", &format!("/domains?name={name}&records=true"), None);
        found.as_array().and_then(|rows| rows.first().cloned()).unwrap_or_else(|| panic!("no domain {name}"))
    }

    /// Changes a domain's fields and waits.
    pub fn set(&self, name: &str, fields: Value) -> Value {
        let id = id(&self.domain(name));
        self.daemon.must("PATCH", &format!("/domains/{id}?wait=20s"), Some(fields))
    }

    /// Does something to a domain; the status and the answer.
    pub fn ask(&self, name: &str, what: &str, body: Value) -> (u16, Value) {
        let id = id(&self.domain(name));
        self.daemon.call("POST", &format!("/domains/{id}/{what}?wait=20s"), Some(body))
    }

    /// The messages the panel shows about a domain.
    pub fn messages(&self, name: &str) -> String {
        let domain = self.domain(name);
        let lines = domain["messages"].as_array().into_iter().flatten().filter_map(Value::as_str);
        lines.collect::<Vec<_>>().join("\n")
    }
}

/// One record as a line; types are numbers so that nothing of the product reads them.
pub fn line(answer: &Answer) -> String {
    format!("{} TYPE{} {}", answer.name, answer.rtype, answer.text())
}

/// Starts the backend on a data folder.
pub fn start(folder: &Path, input: &[u8], arguments: &[&str]) -> Ended {
    let mut command = Command::new(env!("CARGO_BIN_EXE_zonecast"));
    command.arg("plesk").arg("--data").arg(folder).arg("--config").arg(folder.join("zonecast.toml"));
    command.args(arguments);
    command.env_remove("ZONECAST_URL").env_remove("ZONECAST_KEY");
    run(command, input)
}

/// Runs a command with this input.
pub fn run(mut command: Command, input: &[u8]) -> Ended {
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().expect("the backend starts");
    let mut stdin = child.stdin.take().expect("its standard input");
    let input = input.to_vec();
    let writer = std::thread::spawn(move || stdin.write_all(&input));
    let output = child.wait_with_output().expect("it ends");
    let _ = writer.join();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    Ended {
        code: output.status.code().unwrap_or(-1),
        stdout: text(&output.stdout),
        stderr: text(&output.stderr),
    }
}

/// A sample by name.
pub fn sample(name: &str) -> Vec<u8> {
    std::fs::read(folder().join(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
}

/// Every sample's name.
pub fn samples() -> Vec<String> {
    let names = std::fs::read_dir(folder())
        .expect("the samples")
        .map(|entry| entry.expect("an entry").file_name().into_string().expect("a name"));
    let mut names: Vec<String> = names.filter(|name| name != "README.md").collect();
    names.sort();
    names
}

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/plesk/samples")
}

/// A zone of a panel: SOA data and records given as (label, type, opt, value).
pub fn zone_of(name: &str, records: &[(&str, &str, &str, &str)]) -> Value {
    let rr: Vec<Value> = records
        .iter()
        .map(|(label, rtype, opt, value)| {
            let host = if label.is_empty() { format!("{name}.") } else { format!("{label}.{name}.") };
            json!({ "host": host, "displayHost": host, "type": rtype, "opt": opt, "value": value, "displayValue": value })
        })
        .collect();
    json!({
        "name": format!("{name}."), "displayName": format!("{name}."),
        "soa": { "email": "hostmaster@example.test", "status": "0", "type": "master", "ttl": "3600", "refresh": "10800",
            "retry": "3600", "expire": "604800", "minimum": "10800", "serial": "1766000000",
            "serial_format": "UNIXTIMESTAMP" },
        "rr": rr,
    })
}
