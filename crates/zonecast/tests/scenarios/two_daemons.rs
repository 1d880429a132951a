//! A data folder has one daemon (S1): the second says who has it and ends with a code of its own, however
//! often it is started and in whatever role, and the first goes on answering. The lock goes with the
//! process, also with one that was killed.

use crate::daemon::{Daemon, until_answer};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::Path;
use std::process::{Command, Output};
use zonecast_testbed::dig;

/// Another daemon on the first one's folder; it has to end by itself.
fn second(first: &Daemon, arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_zonecast"));
    command.args(arguments).arg("--data").arg(first.folder());
    command.args(["--http", "127.0.0.1:0", "--dns", "127.0.0.1:0"]).env("NO_COLOR", "1");
    command.env_remove("ZONECAST_URL").env_remove("ZONECAST_KEY").output().expect("the second daemon ends")
}

/// E25: nobody but the owner reads what is in the folder, also where it was open before, and the admin key
/// stands in its file and in no log.
#[test]
fn a_data_folder_is_its_owners_also_one_that_was_open_before() {
    let mut daemon = Daemon::start();
    let files =
        ["zonecast.db", "zonecast.db-wal", "secret.key", "admin.key", "endpoints.json", "daemon.lock"];
    let mode = |path: &Path| std::fs::metadata(path).map(|known| known.mode() & 0o777).unwrap_or_default();
    let check = |daemon: &Daemon, when: &str| {
        assert_eq!(mode(daemon.folder()), 0o700, "{when}");
        for file in files {
            assert_eq!(mode(&daemon.folder().join(file)), 0o600, "{when}: {file}");
        }
    };
    check(&daemon, "a new folder");
    let open = |path: &Path, mode: u32| {
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).expect("it is ours");
    };
    daemon.kill();
    open(daemon.folder(), 0o755);
    for file in ["zonecast.db", "secret.key", "admin.key"] {
        open(&daemon.folder().join(file), 0o644);
    }
    daemon.start_again();
    check(&daemon, "a folder that was open");
    let log = std::fs::read_to_string(daemon.folder().join("log")).expect("the log");
    assert!(log.contains("admin.key") && !log.contains(&daemon.key), "a log is no terminal");
}

#[test]
fn a_folder_has_one_daemon() {
    let mut first = Daemon::start();
    first.embedded_zone("example.com");
    for arguments in [&["serve"][..], &["serve", "--role", "dns"], &["serve", "--role", "api,worker"]] {
        let ended = second(&first, arguments);
        let words = String::from_utf8_lossy(&ended.stderr).into_owned();
        assert_eq!(ended.status.code(), Some(8), "{arguments:?}: {words}");
        for part in
            [format!("process {}", first.pid()), format!("http://{}", first.http), "since 20".to_owned()]
        {
            assert!(words.contains(&part), "{part} is missing: {words}");
        }
    }
    // The first still has its folder: what it is told now is served.
    first.host("vm.example.com", &["192.0.2.1"]);
    until_answer(first.dns, "vm.example.com", "A", &["192.0.2.1"]);
    // Commands on the folder speak to it and need no lock.
    let mut command = Command::new(env!("CARGO_BIN_EXE_zonecast"));
    command.args(["host", "add", "two.example.com", "--ip", "192.0.2.2", "--data"]).arg(first.folder());
    let done = command.env_remove("ZONECAST_URL").env_remove("ZONECAST_KEY").output().unwrap();
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    until_answer(first.dns, "two.example.com", "A", &["192.0.2.2"]);
    first.kill();
    first.start_again();
    assert!(dig(first.dns, "vm.example.com", "A").is_ok(), "a killed daemon leaves no lock behind");
}
