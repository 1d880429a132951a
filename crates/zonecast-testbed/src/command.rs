//! Finding the programs the tests need, and saying which package has one that is missing.

use std::path::{Path, PathBuf};
use std::process::Command;

/// The program's path; panics with the Debian package's name where it is not installed.
pub(crate) fn program(name: &str, folders: &[&str], package: &str) -> PathBuf {
    let path = std::env::var_os("PATH").unwrap_or_default();
    folders
        .iter()
        .map(PathBuf::from)
        .chain(std::env::split_paths(&path))
        .map(|folder| folder.join(name))
        .find(|file| file.is_file())
        .unwrap_or_else(|| panic!("{name} is not installed: the tests need the Debian package {package}"))
}

/// The first of these files that exists; panics with the package's name otherwise.
pub(crate) fn data_file(candidates: &[&str], package: &str) -> PathBuf {
    candidates.iter().map(PathBuf::from).find(|file| file.is_file()).unwrap_or_else(|| {
        panic!("{} is missing: the tests need the Debian package {package}", candidates[0])
    })
}

/// Runs a command to its end; panics with its words when it fails.
pub(crate) fn run(command: &mut Command) -> String {
    let output = command.output().unwrap_or_else(|error| panic!("{command:?}: {error}"));
    let text =
        format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{command:?} failed:\n{text}");
    text
}

/// The last bytes of a log, for the message of a failed start.
pub(crate) fn tail(log: &Path) -> String {
    let text = std::fs::read(log).unwrap_or_default();
    String::from_utf8_lossy(&text[text.len().saturating_sub(3000)..]).into_owned()
}

/// Letters that nobody guesses: passwords and API keys of one test run.
pub(crate) fn random_secret() -> String {
    let mut bytes = [0u8; 18];
    let filled = std::fs::File::open("/dev/urandom")
        .and_then(|mut source| std::io::Read::read_exact(&mut source, &mut bytes));
    filled.unwrap_or_else(|error| panic!("/dev/urandom: {error}"));
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// A number below `limit`, different on every call and in every process.
pub(crate) fn random_below(limit: u16) -> u16 {
    let text = random_secret();
    u16::from_str_radix(&text[..4], 16).unwrap_or_default() % limit
}
