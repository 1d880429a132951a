//! Programs from PyPI that nobody here wrote, installed once into the cache, outside the clone.

use crate::place::cache;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// A folder of this name in the cache with what the file pins; gives its Python. Made at the first
/// call, also among processes, and anew when the file changes. `Err` says why it cannot be had.
pub fn from_pypi(name: &str, requirements: &Path) -> Result<PathBuf, String> {
    let cache = cache();
    let pins = std::fs::read_to_string(requirements).map_err(|error| error.to_string())?;
    let lock =
        std::fs::File::create(cache.join(format!("{name}.lock"))).map_err(|error| error.to_string())?;
    lock.lock().map_err(|error| error.to_string())?;
    let (folder, done) = (cache.join(name), cache.join(name).join("installed.txt"));
    if std::fs::read_to_string(&done).ok().as_ref() != Some(&pins) {
        let _ = std::fs::remove_dir_all(&folder);
        succeed(Command::new("python3").args(["-m", "venv"]).arg(&folder))?;
        let mut pip = Command::new(folder.join("bin/pip"));
        pip.args(["install", "--quiet", "--disable-pip-version-check", "--retries", "2", "-r"]);
        succeed(pip.arg(requirements))?;
        std::fs::write(&done, pins).map_err(|error| error.to_string())?;
    }
    Ok(folder.join("bin/python"))
}

/// Runs a command to its end; `Err` is all it said where it failed.
pub fn succeed(command: &mut Command) -> Result<(), String> {
    let output = command.stdin(Stdio::null()).output().map_err(|error| format!("{command:?}: {error}"))?;
    let text =
        format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    if output.status.success() { Ok(()) } else { Err(format!("{command:?} failed:\n{text}")) }
}
