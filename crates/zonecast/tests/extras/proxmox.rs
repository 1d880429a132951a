//! The hook script of a Proxmox node.

use crate::{Daemon, extras, text};
use std::process::Command;

/// A Proxmox node: `qm config` answers from files.
fn proxmox(daemon: &Daemon, guest: &str, phase: &str) -> String {
    let bin = daemon.folder.path().join("bin");
    std::fs::create_dir_all(&bin).unwrap();
    std::fs::write(bin.join("qm"), "#!/bin/sh\ncat \"$(dirname \"$0\")/../guest-$2\" 2>/dev/null\n").unwrap();
    std::fs::write(bin.join("pct"), "#!/bin/sh\nexit 2\n").unwrap();
    for program in ["qm", "pct"] {
        use std::os::unix::fs::PermissionsExt;
        std::fs::set_permissions(bin.join(program), std::fs::Permissions::from_mode(0o755)).unwrap();
    }
    let conf = daemon.folder.path().join("hook.conf");
    let settings =
        format!("ZONECAST_URL={}\nZONECAST_KEY={}\nZONECAST_DOMAIN=puqcloud.com\n", daemon.http, daemon.key);
    std::fs::write(&conf, settings).unwrap();
    let path = format!("{}:{}", bin.display(), std::env::var("PATH").unwrap());
    let mut hook = Command::new(extras().join("proxmox/zonecast-hook"));
    let output =
        hook.args([guest, phase]).env("PATH", path).env("ZONECAST_HOOK_CONF", conf).output().unwrap();
    assert!(output.status.success(), "a guest is never stopped: {}", text(&output));
    assert!(!text(&output).contains(&daemon.key));
    text(&output)
}

#[test]
fn a_guest_of_proxmox_starts_stops_and_is_destroyed() {
    let mut daemon = Daemon::start();
    let guest = daemon.folder.path().join("guest-101");
    let config = "agent: 1\nname: Web-1\nipconfig0: gw=192.0.2.1,ip=192.0.2.10/24,ip6=2001:db8::10/64\nipconfig1: ip=dhcp\nnet0: virtio=52:54:00:12:34:56,bridge=vmbr0\n";
    std::fs::write(&guest, config).unwrap();
    for phase in ["pre-start", "post-start"] {
        proxmox(&daemon, "101", phase);
    }
    daemon.answers("web-1.puqcloud.com", "A", &["192.0.2.10"]);
    daemon.answers("web-1.puqcloud.com", "AAAA", &["2001:db8::10"]);
    daemon.answers("10.2.0.192.in-addr.arpa", "PTR", &["web-1.puqcloud.com."]);
    // Started again with another address.
    std::fs::write(&guest, config.replace("192.0.2.10", "192.0.2.11")).unwrap();
    proxmox(&daemon, "101", "post-start");
    daemon.answers("web-1.puqcloud.com", "A", &["192.0.2.11"]);
    daemon.answers("10.2.0.192.in-addr.arpa", "PTR", &[]);
    // Destroyed: its configuration is gone, its names go all the same.
    std::fs::remove_file(&guest).unwrap();
    proxmox(&daemon, "101", "destroy");
    daemon.answers("web-1.puqcloud.com", "A", &[]);
    proxmox(&daemon, "101", "destroy");
    // Stop unregisters, and the next start registers again.
    std::fs::write(&guest, config).unwrap();
    proxmox(&daemon, "101", "post-start");
    daemon.answers("web-1.puqcloud.com", "A", &["192.0.2.10"]);
    proxmox(&daemon, "101", "post-stop");
    daemon.answers("web-1.puqcloud.com", "A", &[]);
    // Zonecast is away: it is said, and the guest starts.
    daemon.http = "http://127.0.0.1:9".to_owned();
    assert!(proxmox(&daemon, "101", "post-start").contains("failed"));
}

/// What a caller does not mention stays, whatever door it comes through: the client's own reverse name
/// survives everybody who sends the addresses as plain text, and goes when somebody says so.
#[test]
fn an_own_reverse_name_survives_the_hook_and_the_command_line() {
    let daemon = Daemon::start();
    let (name, ip, reverse) = ("web-1.puqcloud.com", "192.0.2.10", "10.2.0.192.in-addr.arpa");
    let guest = "name: web-1\nipconfig0: ip=192.0.2.10/24,ip6=2001:db8::10/64\n";
    std::fs::write(daemon.folder.path().join("guest-101"), guest).unwrap();
    let command = |arguments: &[&str]| {
        let mut zonecast = Command::new(env!("CARGO_BIN_EXE_zonecast"));
        let output = zonecast.args(arguments).arg("--data").arg(daemon.folder.path()).output().unwrap();
        assert!(output.status.success(), "{arguments:?}: {}", text(&output));
    };
    proxmox(&daemon, "101", "post-start");
    command(&["host", "rdns", name, ip, "mx.client.test"]);
    daemon.answers(reverse, "PTR", &["mx.client.test."]);
    let doors: [&dyn Fn(); 3] = [
        &|| drop(proxmox(&daemon, "101", "post-start")),
        &|| command(&["host", "set", name, "--ip", "192.0.2.11", "--ip", ip]),
        &|| command(&["host", "set", name, "--add-ip", "192.0.2.12"]),
    ];
    for door in doors {
        door();
        // The call is carried out when a record that follows it is there.
        command(&["host", "sync", name, "--wait"]);
        daemon.answers(reverse, "PTR", &["mx.client.test."]);
    }
    command(&["host", "rdns", name, ip]);
    daemon.answers(reverse, "PTR", &[&format!("{name}.")]);
}
