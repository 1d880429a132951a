//! A real BIND 9 as a primary that takes dynamic updates.

use crate::command::program;
use crate::key::TsigSecret;
use crate::process::{Process, free_port, refuse_taken};
use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;
use tempfile::TempDir;

/// A running `named` on one loopback port, its zones and journals in a folder of its own.
pub struct Bind {
    process: Option<Process>,
    folder: TempDir,
    keys: Vec<TsigSecret>,
    zones: Vec<Zone>,
    port: u16,
}

struct Zone {
    name: String,
    /// What stands in the zone's block besides type and file.
    extra: String,
}

impl Bind {
    /// Starts a server with these zones; each holds SOA and NS, and the first of `keys` may update
    /// and transfer it.
    pub fn start(keys: &[TsigSecret], zones: &[&str]) -> Bind {
        let allow = keys.first().map(|key| format!("key \"{}\";", key.name));
        let allow = allow.unwrap_or_else(|| "127.0.0.0/8;".to_owned());
        let extra = format!("allow-update {{ {allow} }}; allow-transfer {{ {allow} }};");
        Bind::start_with(keys, &zones.iter().map(|zone| (*zone, extra.as_str())).collect::<Vec<_>>())
    }

    /// As `start`, with what stands in each zone's block spelled out.
    pub fn start_with(keys: &[TsigSecret], zones: &[(&str, &str)]) -> Bind {
        let mut server = Bind::stopped(keys, zones);
        for zone in &server.zones {
            server.write(&format!("db.{}", zone.name), &crate::key::zone_text(&zone.name));
        }
        let mut last = String::new();
        for _ in 0..5 {
            server.port = free_port();
            match server.launch() {
                Ok(()) => return server,
                Err(words) => last = words,
            }
        }
        panic!("BIND did not start: {last}")
    }

    fn stopped(keys: &[TsigSecret], zones: &[(&str, &str)]) -> Bind {
        let folder = tempfile::Builder::new().prefix("zonecast-bind-").tempdir();
        let zones = zones.iter().map(|(name, extra)| Zone {
            name: name.trim_end_matches('.').to_owned(),
            extra: extra.to_string(),
        });
        Bind {
            process: None,
            folder: folder.unwrap_or_else(|error| panic!("no temporary folder: {error}")),
            keys: keys.to_vec(),
            zones: zones.collect(),
            port: 0,
        }
    }

    /// A server that loads one zone file, as a judge of it; `Err` has the log.
    pub fn load(zone: &str, text: &str) -> Result<Bind, String> {
        let mut server = Bind::stopped(&[], &[(zone, "allow-transfer { 127.0.0.0/8; };")]);
        server.port = free_port();
        server.write(&format!("db.{}", server.zones[0].name), text);
        server.launch()?;
        Ok(server)
    }

    /// Starts a server that copies these zones from `primary` and answers at `port`.
    pub fn start_secondary(zones: &[&str], primary: SocketAddr, port: u16) -> Bind {
        let extra = format!(
            "type secondary; primaries {{ {} port {}; }}; min-retry-time 1; min-refresh-time 1; max-records-per-type 0; \
             allow-transfer {{ 127.0.0.0/8; }};",
            primary.ip(),
            primary.port()
        );
        let mut server =
            Bind::stopped(&[], &zones.iter().map(|zone| (*zone, extra.as_str())).collect::<Vec<_>>());
        server.port = port;
        server.launch().unwrap_or_else(|words| panic!("BIND did not start: {words}"));
        server
    }

    /// The folder with the zone files, `db.ZONE` each.
    pub fn folder(&self) -> &std::path::Path {
        self.folder.path()
    }

    /// Lets it load changed zone files, as a CoreDNS does by itself.
    pub fn reload(&self) {
        self.process.iter().for_each(|process| process.signal(libc::SIGHUP));
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
        self.launch().unwrap_or_else(|words| panic!("BIND did not start again: {words}"));
    }

    /// Freezes the server.
    pub fn pause(&self) {
        self.process.iter().for_each(|process| process.signal(libc::SIGSTOP));
    }

    /// Lets a frozen server go on.
    pub fn resume(&self) {
        self.process.iter().for_each(|process| process.signal(libc::SIGCONT));
    }

    fn launch(&mut self) -> Result<(), String> {
        refuse_taken(&[self.port])?;
        self.write("named.conf", &self.configuration());
        let mut command = Command::new(program("named", &["/usr/sbin"], "bind9"));
        command.args(["-g", "-n", "1", "-c"]).arg(self.path("named.conf"));
        let mut process = Process::spawn("named", command, self.path("log"));
        let (address, zones) = (self.dns_addr(), &self.zones);
        process.wait_ready(Duration::from_secs(40), || {
            zones.iter().all(|zone| crate::dig_tcp(address, &zone.name, "SOA").is_ok_and(|reply| reply.aa))
        })?;
        self.process = Some(process);
        Ok(())
    }

    fn configuration(&self) -> String {
        let folder = self.folder.path().display();
        let mut text: String = self.keys.iter().map(TsigSecret::bind_text).collect();
        text.push_str(&format!(
            "options {{ directory \"{folder}\"; pid-file \"named.pid\"; session-keyfile \"session.key\";\n\
             listen-on-v6 {{ none; }}; listen-on port {} {{ 127.0.0.1; }};\n\
             recursion no; dnssec-validation no; empty-zones-enable no; notify no; minimal-responses no;\n\
             allow-transfer {{ none; }}; max-ixfr-ratio unlimited; }};\ncontrols {{ }};\n",
            self.port
        ));
        for Zone { name, extra } in &self.zones {
            let role = if extra.contains("type secondary") { "" } else { "type primary;" };
            text.push_str(&format!(
                "zone \"{name}\" {{ {role} file \"db.{name}\"; masterfile-format text; {extra} }};\n"
            ));
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

impl Drop for Bind {
    fn drop(&mut self) {
        self.crash();
    }
}

/// Runs `nsupdate` with these lines (`update add ...`, `send`); gives its exit and its words.
pub fn nsupdate(server: SocketAddr, key: Option<&TsigSecret>, lines: &str) -> (bool, String) {
    let folder = tempfile::tempdir().unwrap_or_else(|error| panic!("no temporary folder: {error}"));
    let script = folder.path().join("script");
    let head = format!("server {} {}\n", server.ip(), server.port());
    std::fs::write(&script, head + lines).unwrap_or_else(|error| panic!("script: {error}"));
    let mut command = Command::new(program("nsupdate", &["/usr/bin"], "bind9-dnsutils"));
    command.arg("-v");
    if let Some(key) = key {
        command.arg("-y").arg(format!("{}:{}:{}", key.algorithm, key.name, key.secret));
    }
    let output = command.arg(&script).output().unwrap_or_else(|error| panic!("nsupdate: {error}"));
    let words =
        format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    (output.status.success(), words)
}

/// What three zone checkers say of a zone file: their names and whether they take it, with words.
pub fn check_zonefile(zone: &str, text: &str) -> Vec<(&'static str, Result<(), String>)> {
    let folder = tempfile::tempdir().unwrap_or_else(|error| panic!("no temporary folder: {error}"));
    let file = folder.path().join("zone");
    std::fs::write(&file, text).unwrap_or_else(|error| panic!("zone: {error}"));
    let judge = |name: &'static str, package: &str, arguments: &[&std::ffi::OsStr]| {
        let mut command = Command::new(program(name, &["/usr/bin", "/usr/sbin"], package));
        let output = command.args(arguments).output().unwrap_or_else(|error| panic!("{name}: {error}"));
        let words =
            format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        (name, if output.status.success() { Ok(()) } else { Err(words) })
    };
    let (zone, file) = (std::ffi::OsStr::new(zone), file.as_os_str());
    vec![
        judge("named-checkzone", "bind9-utils", &[zone, file]),
        judge("kzonecheck", "knot-dnssecutils", &["-o".as_ref(), zone, file]),
        judge("nsd-checkzone", "nsd", &[zone, file]),
    ]
}
