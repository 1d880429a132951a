//! The first command of the README, as a stranger runs it (S5.18 and the first picture).

use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};
use zonecast_testbed::dig;

#[test]
fn quickstart_registers_a_host_asks_dns_and_goes_on_serving() {
    let folder = tempfile::TempDir::new().expect("a folder");
    let mut child = Command::new(env!("CARGO_BIN_EXE_zonecast"))
        .args(["quickstart", "--http", "127.0.0.1:0", "--dns", "127.0.0.1:0", "--data"])
        .arg(folder.path())
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .expect("the program starts");
    let started = Instant::now();
    let endpoints = folder.path().join("endpoints.json");
    let mut told = String::new();
    let lines = BufReader::new(child.stdout.take().expect("its output")).lines();
    for line in lines.map_while(Result::ok) {
        told.push_str(&line);
        told.push('\n');
        if line.contains("Ctrl") || started.elapsed() > Duration::from_secs(30) {
            break;
        }
    }
    let endpoints: serde_json::Value =
        serde_json::from_slice(&std::fs::read(endpoints).expect("endpoints.json")).expect("JSON");
    let dns = endpoints["dns"].as_str().and_then(|text| text.parse().ok()).expect("an address");
    let a = dig(dns, "vm-1.example.com", "A").expect("an answer");
    let aaaa = dig(dns, "vm-1.example.com", "AAAA").expect("an answer");
    let _ = child.kill();
    let _ = child.wait();
    assert_eq!((a.answers.len(), aaaa.answers.len()), (2, 2), "{told}");
    for word in ["vm-1.example.com", "mail.example.com", "http://127.0.0.1:", "zc_"] {
        assert!(told.contains(word), "{word} is not in:\n{told}");
    }
}
