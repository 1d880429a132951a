//! Servers of newer Debian releases beside those of the machine: unpacked once into the cache, run
//! with their own libraries, never installed.

use crate::place::cache;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// Programs of another Debian release.
#[derive(Clone, Debug)]
pub struct Release {
    folder: PathBuf,
}

impl Release {
    /// PowerDNS of a release: `trixie` (Debian 13) has 4.9, `forky` 5.x (seen 2026-11-21). `Err` says
    /// why it cannot be had here: no network, no Debian, another processor.
    pub fn powerdns(suite: &str) -> Result<Release, String> {
        Release::unpacked(suite, &["pdns-server", "pdns-backend-sqlite3", "pdns-backend-lmdb"])
    }

    fn unpacked(suite: &str, packages: &[&str]) -> Result<Release, String> {
        let cache = cache();
        // Processes wait for each other; the lock goes with the process that holds it.
        let lock = std::fs::File::create(cache.join(format!("debian-{suite}.lock")));
        let lock = lock.map_err(|error| format!("no lock in {}: {error}", cache.display()))?;
        lock.lock().map_err(|error| error.to_string())?;
        let folder = cache.join(format!("debian-{suite}"));
        let (done, wanted) = (folder.join("unpacked.txt"), packages.join("\n"));
        if std::fs::read_to_string(&done).ok().as_ref() != Some(&wanted) {
            let _ = std::fs::remove_dir_all(&folder);
            std::fs::create_dir_all(&folder).map_err(|error| error.to_string())?;
            let mut command = Command::new("sh");
            command.args(["-c", include_str!("debian.sh"), "debian.sh", suite]).arg(&folder).args(packages);
            let output = command.stdin(Stdio::null()).output().map_err(|error| error.to_string())?;
            if !output.status.success() {
                let words = String::from_utf8_lossy(&output.stderr).trim().to_owned();
                return Err(format!("packages of Debian {suite} cannot be had: {words}"));
            }
            std::fs::write(&done, &wanted).map_err(|error| error.to_string())?;
        }
        let release = Release { folder };
        match release.loader().is_file() {
            true => Ok(release),
            false => Err(format!("no loader at {}", release.loader().display())),
        }
    }

    /// A command that runs a program of this release through its own loader.
    pub(crate) fn command(&self, program: &str) -> Command {
        let mut command = Command::new(self.loader());
        let libraries = self.libraries();
        // libsystemd's private half lies a folder deeper.
        let path = format!("{}:{}", libraries.display(), libraries.join("systemd").display());
        command.arg("--library-path").arg(path).arg(self.file(program));
        command
    }

    /// A file of this release.
    pub(crate) fn file(&self, path: &str) -> PathBuf {
        self.folder.join(path)
    }

    /// Where the release keeps its libraries.
    pub(crate) fn libraries(&self) -> PathBuf {
        self.file(&format!("usr/lib/{}-linux-gnu", std::env::consts::ARCH))
    }

    fn loader(&self) -> PathBuf {
        let name = match std::env::consts::ARCH {
            "x86_64" => "ld-linux-x86-64.so.2",
            _ => "ld-linux-aarch64.so.1",
        };
        Path::new(&self.libraries()).join(name)
    }
}
