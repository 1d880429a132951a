//! Starting things on loopback, waiting for conditions, and ending every process that was started.

use std::net::{Ipv4Addr, SocketAddr};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};
use zonecast_core::{Name, Ttl};
use zonecast_dns::{Authority, MemoryZoneStore, Server, ServerOptions, ZoneSettings, parse_zonefile};

pub use zonecast_testbed::free_port;

/// Waits this long for anything; a test that gets here has failed.
pub const DEADLINE: Duration = Duration::from_secs(20);

pub fn name(text: &str) -> Name {
    Name::parse(text).unwrap()
}

/// An authority with one zone, answering on a free port.
pub struct Running {
    pub authority: Authority,
    pub server: Server,
}

impl Running {
    pub async fn start(zone: &str, text: &str, settings: ZoneSettings) -> Running {
        Running::start_on((Ipv4Addr::LOCALHOST, 0).into(), zone, text, settings).await
    }

    pub async fn start_on(listen: SocketAddr, zone: &str, text: &str, settings: ZoneSettings) -> Running {
        let authority = Authority::open(Arc::new(MemoryZoneStore::default())).await.unwrap();
        let rrsets = parse_zonefile(text, &name(zone), Ttl::DEFAULT).unwrap();
        authority.create_zone(name(zone), rrsets, settings).await.unwrap();
        let mut options = ServerOptions::new(listen);
        options.udp_threads = 2;
        let server = Server::start(authority.clone(), &options).unwrap();
        Running { authority, server }
    }

    pub fn address(&self) -> SocketAddr {
        self.server.local_addr()
    }
}

/// A program that runs until the test ends, however it ends.
pub struct Process(Child);

impl Process {
    /// Starts it; `None` when it is not installed.
    pub fn start(command: &mut Command) -> Option<Process> {
        let command = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        match command.spawn() {
            Ok(child) => Some(Process(child)),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => None,
            Err(error) => panic!("{command:?}: {error}"),
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Asks again and again until the condition holds; fails the test after the deadline.
pub async fn eventually(what: &str, mut holds: impl AsyncFnMut() -> bool) {
    let start = Instant::now();
    let mut pause = tokio::time::interval(Duration::from_millis(20));
    while !holds().await {
        assert!(start.elapsed() < DEADLINE, "not in time: {what}");
        pause.tick().await;
    }
}

/// What dig says, in the parts a test compares. `None` when dig is not installed.
#[derive(Debug)]
pub struct Dig {
    pub status: String,
    pub flags: String,
    /// Records in answer, authority and additional section; OPT counts in the last.
    pub counts: [usize; 3],
    /// Lines of records, white space made single.
    pub records: Vec<String>,
    pub text: String,
}

pub async fn dig(server: SocketAddr, arguments: &str) -> Option<Dig> {
    let mut command = tokio::process::Command::new("dig");
    command.args([&format!("@{}", server.ip()), "-p", &server.port().to_string()]);
    command.args(["+norec", "+time=3", "+tries=2"]).args(arguments.split_whitespace());
    let output = match tokio::time::timeout(DEADLINE, command.kill_on_drop(true).output()).await {
        Ok(Ok(output)) => output,
        Ok(Err(error)) if error.kind() == std::io::ErrorKind::NotFound => return None,
        failed => panic!("dig {arguments}: {failed:?}"),
    };
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let after = |mark: &str| text.split(mark).nth(1).unwrap_or_default().to_owned();
    let count = |mark: &str| {
        let digits: String = after(mark).chars().take_while(char::is_ascii_digit).collect();
        digits.parse().unwrap_or(0)
    };
    Some(Dig {
        status: after("status: ").chars().take_while(char::is_ascii_alphanumeric).collect(),
        flags: after(";; flags: ").split(';').next().unwrap_or_default().to_owned(),
        counts: [count("ANSWER: "), count("AUTHORITY: "), count("ADDITIONAL: ")],
        records: text
            .lines()
            .filter(|line| !line.starts_with(';') && !line.is_empty())
            .map(|line| line.split_whitespace().collect::<Vec<_>>().join(" "))
            .collect(),
        text,
    })
}
