//! The Plesk extension, run whole against a stand-in for the SDK: the script passes input, lines and exit
//! code between Plesk and the program; registration is what public extensions do; the page has the address, an
//! encrypted key, Test, "Send all zones", domains on and off, and what came of each.

use crate::panel::{Ended, Panel, Service, run, sample, zone_of};
use serde_json::{Value, json};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

fn extension() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../extras/plesk-extension")
}

/// A Plesk with the extension, and nothing else of it.
struct Plesk {
    folder: tempfile::TempDir,
    environment: Vec<(&'static str, String)>,
}

impl Plesk {
    fn new(state: &Value) -> Plesk {
        let folder = tempfile::tempdir().expect("a folder");
        let plesk = Plesk { folder, environment: Vec::new() };
        std::fs::write(plesk.file(), state.to_string()).expect("the state");
        // `extension --exec zonecast SCRIPT` is a program of Plesk's; a blank in its path must not matter.
        let program = plesk.root().join("bin/extension");
        std::fs::create_dir_all(program.parent().expect("a folder")).expect("bin");
        let sdk = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/plesk/sdk.php");
        let text =
            format!("#!/bin/sh\nexec php '{}' '{}' script \"$3\"\n", sdk.display(), plesk.file().display());
        std::fs::write(&program, text).expect("bin/extension");
        std::fs::set_permissions(&program, std::fs::Permissions::from_mode(0o755)).expect("executable");
        plesk
    }

    fn with(mut self, name: &'static str, value: impl Into<String>) -> Plesk {
        self.environment.push((name, value.into()));
        self
    }

    fn root(&self) -> PathBuf {
        self.folder.path().join("Plesk root")
    }

    fn file(&self) -> PathBuf {
        self.folder.path().join("state.json")
    }

    fn state(&self) -> Value {
        serde_json::from_str(&std::fs::read_to_string(self.file()).expect("the state")).expect("JSON")
    }

    fn prepare(&self, mut command: Command) -> Command {
        for name in ["ZONECAST_URL", "ZONECAST_KEY", "ZONECAST_BIN", "ZONECAST_DATA", "ZONECAST_REGISTER"] {
            command.env_remove(name);
        }
        command
            .env("PLESK_ROOT", self.root())
            .envs(self.environment.iter().map(|(name, value)| (name, value)));
        command
    }

    fn php(&self, arguments: &[&str]) -> Ended {
        let mut command = Command::new("php");
        command.args(["-d", "display_errors=1", "-d", "error_reporting=32767"]);
        command.arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/plesk/sdk.php"));
        command.arg(self.file()).args(arguments);
        let ended = run(self.prepare(command), b"");
        assert!(!ended.said().contains("Warning:") && !ended.said().contains("Deprecated:"), "{ended:?}");
        ended
    }

    fn script(&self, name: &str) -> Ended {
        self.php(&["script", name])
    }

    /// An action of the page.
    fn page(&self, action: &str, method: &str, parameters: &Value) -> Ended {
        self.php(&["page", action, method, &parameters.to_string()])
    }

    /// A zone changes: Plesk runs what was registered, as one string.
    fn change(&self, input: &[u8]) -> Ended {
        let calls = self.state()["calls"].clone();
        let registered =
            calls.as_array().expect("calls").iter().rfind(|call| call[1] == "--enable-custom-backend");
        let mut command = Command::new("sh");
        command.arg("-c").arg(registered.expect("it is registered")[2].as_str().expect("a command line"));
        // No PATH of the panel's may matter.
        command.env("PATH", "/usr/bin:/bin");
        run(self.prepare(command), input)
    }
}

fn create(name: &str, address: &str) -> Value {
    json!([{ "command": "create", "zone": zone_of(name, &[("", "A", "", address)]) }])
}

#[test]
fn every_file_is_sound_php_and_what_the_catalog_asks_for_is_there() {
    let mut folders = vec![extension()];
    let mut checked = 0;
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).expect("a folder") {
            let path = entry.expect("an entry").path();
            match path.extension().and_then(|kind| kind.to_str()) {
                _ if path.is_dir() => folders.push(path),
                Some("php" | "phtml") => {
                    let mut command = Command::new("php");
                    command.arg("-l").arg(&path);
                    let ended = run(command, b"");
                    assert_eq!(ended.code, 0, "{}: {ended:?} (Debian package php-cli)", path.display());
                    checked += 1;
                }
                _ => {}
            }
        }
    }
    assert!(checked >= 13, "{checked} files");
    for file in
        ["meta.xml", "CHANGES.md", "DESCRIPTION.md", "htdocs/index.php", "plib/resources/locales/en-US.php"]
    {
        assert!(extension().join(file).is_file(), "{file}");
    }
    for size in ["32x32", "64x64", "128x128"] {
        let png = std::fs::read(extension().join(format!("_meta/icons/{size}.png"))).expect("an icon");
        assert!(png.starts_with(b"\x89PNG"), "{size}");
    }
}

/// S4.2, S4.5-9, S4.37-40, S4.43-46: registered, configured on its page, it does what the program does, and
/// tells what came of each domain; released, Plesk has its slot back.
#[test]
fn the_extension_from_installation_to_removal() {
    let panel = Panel::at(Service::Embedded);
    let domains = ["php.test", "other.test", "xn--mller-kva.test"];
    let plesk =
        Plesk::new(&json!({ "domains": domains })).with("ZONECAST_BIN", env!("CARGO_BIN_EXE_zonecast"));
    plesk.script("post-install.php").well().says("one slot").says("is registered");
    let command = format!("\"{}/bin/extension\" --exec zonecast zonecast.php", plesk.root().display());
    assert_eq!(plesk.state()["calls"], json!([["server_dns", "--enable-custom-backend", command]]));

    // The page: nothing is stored that is wrong, the key is sealed, and never shown.
    let url = format!("http://{}", panel.daemon.http);
    plesk.page("test", "post", &json!({})).says("error: Write in address and key first.");
    let form = json!({ "url": "zonecast.example", "key": panel.daemon.key, "enabled": "1" });
    plesk.page("index", "post", &form).says("url (text)");
    assert_eq!(plesk.state()["settings"], Value::Null);
    let form = json!({ "url": url, "key": panel.daemon.key, "enabled": "1" });
    plesk.page("index", "post", &form).says("info: Saved.").says("index/tools");
    let kept = plesk.state()["settings"].to_string();
    assert!(kept.contains("sealed:") && !kept.contains(&panel.daemon.key), "{kept}");
    let form = json!({ "url": url, "key": "", "enabled": "1" });
    plesk.page("index", "post", &form).says("info: Saved.");
    let shown = plesk.page("index", "get", &json!({}));
    assert!(shown.said().contains("(unchanged - enter new to replace)"), "{shown:?}");
    assert!(!shown.said().contains(&panel.daemon.key), "{shown:?}");
    plesk.page("test", "post", &json!({})).says("info: Zonecast at http://");

    // A change goes through, and its outcome is on the page.
    plesk.change(create("php.test", "192.0.2.1").to_string().as_bytes()).well().says("is now synchronised");
    assert_eq!(panel.zone("php.test"), ["php.test. TYPE1 192.0.2.1"]);
    let shown = plesk.page("domains", "get", &json!({}));
    shown
        .says("php.test | synchronised")
        .says("other.test | not sent yet")
        .says("the zone of php.test is now");

    // What cannot be is told in the same words, at the domain it is about.
    let mut both = create("php.test", "192.0.2.2");
    let bad = create("other.test", "192.0.2.999")[0].clone();
    both.as_array_mut().expect("a list").push(bad);
    assert_eq!(plesk.change(both.to_string().as_bytes()).code, 255);
    let shown = plesk.page("domains", "get", &json!({}));
    shown.says("php.test | synchronised").says("other.test | look at it").says("192.0.2.999");

    plesk.page("send-all", "post", &json!({})).says("info: Every zone was sent.");
    assert!(plesk.state()["calls"].to_string().contains(r#"["dns","--sync-all-zones"]"#));
    plesk.script("pre-uninstall.php").well().says("is released");
    let calls = plesk.state()["calls"].clone();
    assert_eq!(
        calls.as_array().and_then(|calls| calls.last()),
        Some(&json!(["server_dns", "--disable-custom-backend"]))
    );
}

/// A domain that is switched off stays as it is, whatever Plesk sends; the others of the same call go on.
#[test]
fn a_domain_is_switched_off_and_on() {
    let panel = Panel::at(Service::Embedded);
    let plesk = Plesk::new(
        &json!({ "domains": ["off.test"], "settings": { "url": format!("http://{}", panel.daemon.http) } }),
    )
    .with("ZONECAST_BIN", env!("CARGO_BIN_EXE_zonecast"))
    .with("ZONECAST_KEY", &panel.daemon.key);
    plesk.page("register", "post", &json!({})).says("info: ");
    plesk.change(create("off.test", "192.0.2.1").to_string().as_bytes()).well();
    plesk.page("switch", "post", &json!({ "domain": "Off.test", "on": "0" })).says("off.test is off");
    plesk.page("domains", "get", &json!({})).says("off.test | off");
    let mut input = create("OFF.test", "192.0.2.9");
    let more = [
        create("on.test", "192.0.2.1")[0].clone(),
        json!({ "command": "delete", "zone": { "name": "off.test." } }),
    ];
    input.as_array_mut().expect("a list").extend(more);
    plesk.change(input.to_string().as_bytes()).well().says("off.test is switched off").says("on.test is now");
    assert_eq!(panel.zone("off.test"), ["off.test. TYPE1 192.0.2.1"]);
    assert_eq!(panel.zone("on.test"), ["on.test. TYPE1 192.0.2.1"]);
    plesk.page("switch", "post", &json!({ "domain": "off.test", "on": "1" })).says("off.test is on");
    plesk.change(create("off.test", "192.0.2.9").to_string().as_bytes()).well();
    assert_eq!(panel.zone("off.test"), ["off.test. TYPE1 192.0.2.9"]);
}

/// Nobody but an admin, nothing by a link; what a utility or the program cannot do is said.
#[test]
fn doors_and_trouble() {
    let plesk = Plesk::new(&json!({ "client": "customer" }));
    let refused = plesk.page("index", "get", &json!({}));
    assert!(refused.code != 0 && refused.said().contains("Permission denied"), "{refused:?}");
    let plesk = Plesk::new(&json!({ "refuse": "server_dns" })).with("ZONECAST_BIN", "/nowhere/zonecast");
    for action in ["switch", "test", "send-all", "register", "release"] {
        let refused = plesk.page(action, "get", &json!({}));
        assert!(refused.code != 0 && refused.said().contains("Permission denied"), "{action}: {refused:?}");
    }
    plesk.page("register", "post", &json!({})).says("error: server_dns failed");
    let ended = plesk.script("post-install.php");
    assert!(
        ended.code == 1 && ended.stderr.contains("err: the custom DNS backend was not registered"),
        "{ended:?}"
    );
    let ended = plesk.change(create("a.test", "192.0.2.1").to_string().as_bytes());
    assert_eq!(ended.code, 255, "{ended:?}");
    ended.says("err: /nowhere/zonecast could not be started");
    // Damaged input is the program's to judge; a switched-off extension touches nothing.
    let plesk = Plesk::new(&json!({})).with("ZONECAST_BIN", env!("CARGO_BIN_EXE_zonecast"));
    plesk.page("register", "post", &json!({})).says("info: ");
    let data = plesk.folder.path().join("data");
    let plesk = plesk.with("ZONECAST_DATA", data.to_str().expect("a path"));
    let damaged = plesk.change(&sample("m01-not-json.txt"));
    assert_eq!(damaged.code, 255, "{damaged:?}");
    assert!(damaged.stderr.contains("err: the input is not JSON"), "{damaged:?}");
    plesk
        .page("index", "post", &json!({ "url": "http://127.0.0.1:9", "key": "k", "enabled": "" }))
        .says("info: Saved.");
    let ended = plesk.change(&sample("m01-not-json.txt"));
    assert_eq!((ended.code, ended.said()), (0, String::new()));
    plesk.page("test", "post", &json!({})).says("error: http://127.0.0.1:9 does not answer");
}
