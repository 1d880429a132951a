//! `--dry-run` on every command there is (B10): the list comes from the command tree, so that a new
//! command fails here until somebody says how it is called.

use clap::CommandFactory;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use tempfile::TempDir;

/// How each command is called so that it would do something; nothing where it only looks.
const CALLS: &[(&str, &str)] = &[
    ("quickstart", ""),
    ("serve", "--http 127.0.0.1:0 --dns 127.0.0.1:0"),
    ("host add", "new.a.test --ip 192.0.2.9"),
    ("host list", ""),
    ("host show", "vm.a.test"),
    ("host set", "vm.a.test --ip 192.0.2.5"),
    ("host rdns", "vm.a.test 192.0.2.1 other.a.test"),
    ("host sync", "vm.a.test"),
    ("host disable", "vm.a.test"),
    ("host enable", "vm.a.test"),
    ("host suspend", "vm.a.test"),
    ("host remove", "vm.a.test"),
    ("zone add", "new.test --provider embedded"),
    ("zone list", ""),
    ("zone show", "a.test"),
    ("zone set", "a.test --set ttl=99"),
    ("zone test", "a.test"),
    ("zone plan", "a.test"),
    ("zone sync", "a.test"),
    ("zone import", "a.test zone.txt"),
    ("zone export", "a.test out.txt"),
    ("zone dnssec", "a.test"),
    ("zone drift", "a.test"),
    ("zone pause", "a.test"),
    ("zone resume", "a.test"),
    ("zone remove", "a.test --records remove"),
    ("domain add", "e.a.test --ip 192.0.2.80"),
    ("domain list", ""),
    ("domain show", "d.a.test"),
    ("domain set", "d.a.test --ttl 99"),
    ("domain sync", "d.a.test"),
    ("domain rename", "d.a.test other.a.test --records update"),
    ("domain ip", "d.a.test 192.0.2.60 192.0.2.61"),
    ("domain template", "d.a.test"),
    ("domain import", "d.a.test zone.txt"),
    ("domain remove", "d.a.test"),
    ("plesk", ""),
    ("connection add", "new --provider powerdns --set server_url=http://127.0.0.1:9 --set api_key=x"),
    ("connection list", ""),
    ("connection show", "spare"),
    ("connection set", "spare --name other"),
    ("connection test", "spare"),
    ("connection remove", "spare"),
    ("record add", "r.a.test A 192.0.2.44"),
    ("record list", ""),
    ("record show", "one.a.test"),
    ("record set", "one.a.test 192.0.2.45"),
    ("record remove", "one.a.test"),
    ("pool add", "198.51.100.0/24"),
    ("pool list", ""),
    ("pool show", "192.0.2.0/24"),
    ("pool set", "192.0.2.0/24 --ttl 99"),
    ("pool remove", "192.0.2.0/24"),
    ("provider list", ""),
    ("provider show", "powerdns"),
    ("job list", ""),
    ("job show", "1"),
    ("job follow", "1"),
    ("job retry", "1"),
    ("job cancel", "1"),
    ("audit list", ""),
    ("audit verify", ""),
    ("explain", "vm.a.test"),
    ("verify", "vm.a.test"),
    ("plan", ""),
    ("doctor", ""),
    ("pause", ""),
    ("resume", ""),
    ("approve", "a.test"),
    ("key add", "new"),
    ("key list", ""),
    ("key remove", "second"),
    ("adopt zone", "a.test --apply"),
    ("adopt puq", "puq.json --apply"),
    ("config show", ""),
    ("config check", ""),
    ("backup", "copy"),
    ("restore", "copy"),
    ("bench prepare", "job.json"),
    ("bench plan", "job.json"),
    ("bench sync", "job.json"),
    ("bench core", ""),
    ("completions", "bash"),
    ("man", "pages"),
];

fn zonecast(folder: &Path, line: &str) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_zonecast"));
    command.current_dir(folder).args(line.split_whitespace()).arg("--data").arg(folder.join("data"));
    command.stdin(std::process::Stdio::null()).output().expect("the program starts")
}

fn leaves(command: &clap::Command, above: &str, found: &mut Vec<String>) {
    for below in command.get_subcommands().filter(|below| below.get_name() != "help") {
        let path = format!("{above} {}", below.get_name()).trim().to_owned();
        match below.has_subcommands() {
            true => leaves(below, &path, found),
            false => found.push(path),
        }
    }
}

/// Everything in the folder, byte by byte: the database holds the zones that are served too.
fn everything(folder: &Path) -> Vec<(PathBuf, Vec<u8>)> {
    let mut all = Vec::new();
    for at in [folder.to_owned(), folder.join("data")] {
        for file in std::fs::read_dir(at).unwrap() {
            let path = file.unwrap().path();
            let bytes = if path.is_file() { std::fs::read(&path).unwrap() } else { Vec::new() };
            all.push((path, bytes));
        }
    }
    all.sort();
    all
}

/// Sample 1: `record set`, `host rdns`, `key add`, `pause` and all others.
#[test]
fn no_command_does_anything_in_a_dry_run() {
    let home = TempDir::new().unwrap();
    let folder = home.path();
    std::fs::create_dir(folder.join("data")).unwrap();
    std::fs::write(folder.join("zone.txt"), "x 300 IN A 192.0.2.7\n").unwrap();
    let mapping = r#"[{ "forward": "new.a.test", "ip": "192.0.2.9", "reverse": "new.a.test" }]"#;
    std::fs::write(folder.join("puq.json"), mapping).unwrap();
    for line in [
        "zone add a.test --provider embedded",
        "zone add 2.0.192.in-addr.arpa --provider embedded",
        "host add vm.a.test --ip 192.0.2.1 --wait",
        "record add one.a.test A 192.0.2.50 --wait",
        "domain add d.a.test --ip 192.0.2.60 --wait",
        "pool add 192.0.2.0/24",
        "key add first --role admin",
        "key add second",
        "connection add spare --provider powerdns --set server_url=http://127.0.0.1:9 --set api_key=x",
    ] {
        let made = zonecast(folder, line);
        assert!(made.status.success(), "{line}: {made:?}");
    }
    let mut found = Vec::new();
    leaves(&zonecast::cli::Cli::command(), "", &mut found);
    // The first look puts away what the last command left beside the database.
    zonecast(folder, "host list --dry-run");
    let before = everything(folder);
    let mut wrong = Vec::new();
    for leaf in found {
        let Some((_, rest)) = CALLS.iter().find(|(path, _)| *path == leaf) else {
            panic!("say in CALLS how `zonecast {leaf}` is called");
        };
        let line = format!("{leaf} {rest} --dry-run");
        let done = zonecast(folder, &line);
        let said = String::from_utf8_lossy(&done.stderr);
        if done.status.code().is_none_or(|code| code > 7) || said.contains("Usage:") {
            wrong.push(format!("{line}: {said}"));
        }
        if everything(folder) != before {
            wrong.push(format!("{line} did something: {}", String::from_utf8_lossy(&done.stdout)));
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
    let shown = zonecast(folder, "record set one.a.test 192.0.2.45 --dry-run");
    assert_eq!(shown.status.code(), Some(6), "{shown:?}");
    let refused = zonecast(folder, "key add new --dry-run");
    assert_eq!(refused.status.code(), Some(2), "{refused:?}");
    assert!(String::from_utf8_lossy(&refused.stderr).contains("has no dry run"), "{refused:?}");
}
