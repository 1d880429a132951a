//! A real etcd, one member or several, spoken to through its JSON gateway.

use crate::command::{program, run};
use crate::http::http;
use crate::process::{Process, free_port, refuse_taken};
use serde_json::{Value, json};
use std::net::{Ipv4Addr, SocketAddr};
use std::process::Command;
use std::time::Duration;
use tempfile::TempDir;

/// A running cluster; its data is in a folder of its own.
pub struct Etcd {
    members: Vec<Member>,
    folder: TempDir,
    /// Certificate, key and CA of the clients' door, when it is TLS.
    tls: Option<[String; 3]>,
}

struct Member {
    process: Option<Process>,
    client: u16,
    peer: u16,
}

impl Etcd {
    /// Starts one member.
    pub fn start() -> Etcd {
        Etcd::start_cluster(1)
    }

    /// Starts a cluster of this many members and waits until each is healthy.
    pub fn start_cluster(members: usize) -> Etcd {
        Etcd::start_with(members, None)
    }

    /// Starts one member behind TLS that asks its clients for a certificate: paths of its own
    /// certificate, its key, and the CA of the clients.
    pub fn start_tls(certificate: &str, key: &str, ca: &str) -> Etcd {
        Etcd::start_with(1, Some([certificate, key, ca].map(str::to_owned)))
    }

    fn start_with(members: usize, tls: Option<[String; 3]>) -> Etcd {
        let mut last = String::new();
        for _ in 0..5 {
            let folder = tempfile::Builder::new().prefix("zonecast-etcd-").tempdir();
            let folder = folder.unwrap_or_else(|error| panic!("no temporary folder: {error}"));
            let member = |_| Member { process: None, client: free_port(), peer: free_port() };
            let mut cluster = Etcd { members: (0..members).map(member).collect(), folder, tls: tls.clone() };
            match cluster.launch_all() {
                Ok(()) => return cluster,
                Err(words) => last = words,
            }
        }
        panic!("etcd did not start: {last}")
    }

    /// `http://127.0.0.1:PORT` of each member.
    pub fn endpoints(&self) -> Vec<String> {
        let scheme = if self.tls.is_some() { "https" } else { "http" };
        self.members.iter().map(|member| format!("{scheme}://127.0.0.1:{}", member.client)).collect()
    }

    /// Where the first member's clients connect.
    pub fn addr(&self) -> SocketAddr {
        (Ipv4Addr::LOCALHOST, self.members[0].client).into()
    }

    /// Kills one member as a power cut would.
    pub fn crash(&mut self, index: usize) {
        if let Some(process) = self.members[index].process.take() {
            process.kill();
        }
    }

    /// Starts a crashed member again; does not wait for it.
    pub fn start_again(&mut self, index: usize) {
        self.crash(index);
        self.launch(index);
    }

    /// Turns authentication on: `root` with a password, and a user who may read and write a prefix.
    pub fn protect(&self, root: &str, user: &str, password: &str, prefix: &str) {
        let commands: [Vec<String>; 7] = [
            vec!["user".into(), "add".into(), format!("root:{root}")],
            vec!["user".into(), "grant-role".into(), "root".into(), "root".into()],
            vec!["user".into(), "add".into(), format!("{user}:{password}")],
            vec!["role".into(), "add".into(), user.into()],
            ["role", "grant-permission", user, "--prefix=true", "readwrite", prefix].map(String::from).into(),
            ["user", "grant-role", user, user].map(String::from).into(),
            ["auth", "enable"].map(String::from).into(),
        ];
        for arguments in commands {
            let mut command = Command::new(program("etcdctl", &["/usr/bin"], "etcd-client"));
            command.env("ETCDCTL_API", "3").arg(format!("--endpoints={}", self.endpoints().join(",")));
            run(command.args(arguments));
        }
    }

    /// Plays the foreign client: puts one key.
    pub fn put(&self, key: &str, value: &str) {
        let body = json!({ "key": base64(key.as_bytes()), "value": base64(value.as_bytes()) });
        let answer = self.call("/v3/kv/put", &body);
        assert!(answer.get("header").is_some(), "{answer}");
    }

    /// Plays the foreign client: deletes one key.
    pub fn delete(&self, key: &str) {
        self.call("/v3/kv/deleterange", &json!({ "key": base64(key.as_bytes()) }));
    }

    /// Every key below a prefix with its value, in order.
    pub fn dump(&self, prefix: &str) -> Vec<(String, String)> {
        let mut end = prefix.as_bytes().to_vec();
        if let Some(last) = end.last_mut() {
            *last += 1;
        }
        let body = json!({ "key": base64(prefix.as_bytes()), "range_end": base64(&end) });
        let answer = self.call("/v3/kv/range", &body);
        let pairs = answer["kvs"].as_array().cloned().unwrap_or_default();
        let text = |value: &Value| {
            String::from_utf8_lossy(&unbase64(value.as_str().unwrap_or_default())).into_owned()
        };
        pairs.iter().map(|pair| (text(&pair["key"]), text(&pair["value"]))).collect()
    }

    fn call(&self, path: &str, body: &Value) -> Value {
        let answer = http(self.addr(), "POST", path, &[], Some(body));
        answer.unwrap_or_else(|error| panic!("{path}: {error}")).json()
    }

    fn launch_all(&mut self) -> Result<(), String> {
        let ports: Vec<u16> = self.members.iter().flat_map(|member| [member.client, member.peer]).collect();
        refuse_taken(&ports)?;
        for index in 0..self.members.len() {
            self.launch(index);
        }
        let tls = self.tls.is_some();
        for member in &mut self.members {
            let address: SocketAddr = (Ipv4Addr::LOCALHOST, member.client).into();
            let Some(process) = member.process.as_mut() else { continue };
            process.wait_ready(Duration::from_secs(60), || match tls {
                true => std::net::TcpStream::connect(address).is_ok(),
                false => http(address, "GET", "/health", &[], None)
                    .is_ok_and(|answer| answer.json()["health"] == "true"),
            })?;
        }
        Ok(())
    }

    fn launch(&mut self, index: usize) {
        let cluster: Vec<String> = self
            .members
            .iter()
            .enumerate()
            .map(|(index, member)| format!("n{index}=http://127.0.0.1:{}", member.peer))
            .collect();
        let clients = &self.endpoints()[index];
        let peers = format!("http://127.0.0.1:{}", self.members[index].peer);
        let mut command = Command::new(program("etcd", &["/usr/bin"], "etcd-server"));
        command
            .args(["--name", &format!("n{index}"), "--initial-cluster-state", "new"])
            .arg("--data-dir")
            .arg(self.folder.path().join(format!("n{index}")))
            .args(["--listen-client-urls", clients, "--advertise-client-urls", clients])
            .args(["--listen-peer-urls", &peers, "--initial-advertise-peer-urls", &peers])
            .args(["--initial-cluster", &cluster.join(","), "--initial-cluster-token", "zonecast"])
            .args(["--logger", "zap", "--log-level", "warn"]);
        if let Some([certificate, key, ca]) = &self.tls {
            command.args(["--cert-file", certificate, "--key-file", key]);
            command.args(["--client-cert-auth", "--trusted-ca-file", ca]);
        }
        let log = self.folder.path().join(format!("log{index}"));
        self.members[index].process = Some(Process::spawn("etcd", command, log));
    }
}

impl Drop for Etcd {
    fn drop(&mut self) {
        (0..self.members.len()).for_each(|index| self.crash(index));
    }
}

const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

fn base64(bytes: &[u8]) -> String {
    let mut out = String::new();
    for chunk in bytes.chunks(3) {
        let word =
            chunk.iter().fold(0u32, |word, byte| word << 8 | u32::from(*byte)) << (8 * (3 - chunk.len()));
        for position in 0..4 {
            let letter = LETTERS[(word >> (18 - 6 * position)) as usize & 63] as char;
            out.push(if position > chunk.len() { '=' } else { letter });
        }
    }
    out
}

fn unbase64(text: &str) -> Vec<u8> {
    let mut out = Vec::new();
    let (mut word, mut bits) = (0u32, 0);
    for byte in text.bytes() {
        let Some(value) = LETTERS.iter().position(|letter| *letter == byte) else { continue };
        word = word << 6 | value as u32;
        bits += 6;
        if bits >= 8 {
            bits -= 8;
            out.push((word >> bits) as u8);
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base64_goes_both_ways() {
        for text in ["", "a", "ab", "abc", "/skydns/org/example/www"] {
            assert_eq!(unbase64(&base64(text.as_bytes())), text.as_bytes());
        }
        assert_eq!(base64(b"ab"), "YWI=");
    }
}
