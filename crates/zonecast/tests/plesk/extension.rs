//! The Plesk extension: every PHP file is sound, the script passes input, lines and exit code between
//! Plesk and the program, and registration runs the command that Plesk's documents name.

use crate::panel::{Panel, Service, run, sample, zone_of};
use serde_json::json;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

fn scripts() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../extras/plesk-extension/plib/scripts")
}

fn php(script: &str) -> Command {
    let mut command = Command::new("php");
    command.arg(scripts().join(script));
    command
}

#[test]
fn every_script_is_sound_php() {
    for script in ["zonecast.php", "post-install.php", "pre-uninstall.php"] {
        let mut command = Command::new("php");
        command.arg("-l").arg(scripts().join(script));
        let checked = run(command, b"");
        assert_eq!(checked.code, 0, "{script}: {checked:?} (Debian package php-cli)");
    }
}

/// S4.2, S4.5-9, S4.37: the script in `plib/scripts` does what the program does.
#[test]
fn the_script_hands_plesk_to_the_program() {
    let panel = Panel::at(Service::Embedded);
    let script = |input: &[u8]| {
        let mut command = php("zonecast.php");
        command.env("ZONECAST_BIN", env!("CARGO_BIN_EXE_zonecast"));
        command.env("ZONECAST_DATA", panel.daemon.folder());
        command.env("ZONECAST_CONFIG", panel.daemon.folder().join("zonecast.toml"));
        command.env_remove("ZONECAST_URL").env_remove("ZONECAST_KEY");
        run(command, input)
    };
    let zone = json!([{ "command": "create", "zone": zone_of("php.test", &[("", "A", "", "192.0.2.1")]) }]);
    script(zone.to_string().as_bytes()).well().says("info: the zone of php.test is now synchronised");
    assert_eq!(panel.zone("php.test"), ["php.test. TYPE1 192.0.2.1"]);
    let damaged = script(&sample("m01-not-json.txt"));
    assert_eq!(damaged.code, 255, "{damaged:?}");
    assert!(damaged.stderr.contains("err: the input is not JSON"), "{damaged:?}");
}

#[test]
fn a_program_that_is_not_there_is_said() {
    let mut command = php("zonecast.php");
    command.env("ZONECAST_BIN", "/nowhere/zonecast");
    let ended = run(command, b"[]");
    assert_eq!(ended.code, 255, "{ended:?}");
    ended.says("err: /nowhere/zonecast");
}

/// S4.38-40: one string for the backend; and its release.
#[test]
fn it_registers_and_releases_the_one_slot() {
    let folder = tempfile::tempdir().expect("a folder");
    let (plesk, log) = (folder.path().join("plesk"), folder.path().join("log"));
    let text = format!("#!/bin/sh\nfor word in \"$@\"; do echo \"$word\" >> {}; done\n", log.display());
    std::fs::write(&plesk, text).expect("a stand-in for plesk");
    std::fs::set_permissions(&plesk, std::fs::Permissions::from_mode(0o755)).expect("executable");
    let call = |script: &str| {
        let mut command = php(script);
        command.env("ZONECAST_PLESK", &plesk).env_remove("ZONECAST_REGISTER");
        run(command, b"").well().says("info: ");
        let said = std::fs::read_to_string(&log).expect("it was called");
        let _ = std::fs::remove_file(&log);
        said.lines().map(str::to_owned).collect::<Vec<_>>()
    };
    let backend = format!("{} bin extension --exec zonecast zonecast.php", plesk.display());
    assert_eq!(call("post-install.php"), ["bin", "server_dns", "--enable-custom-backend", backend.as_str()]);
    assert_eq!(call("pre-uninstall.php"), ["bin", "server_dns", "--disable-custom-backend"]);
}
