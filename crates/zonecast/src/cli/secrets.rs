//! Settings and secrets of providers on the command line.
//!
//! `--set key=value` is for what anybody may see. A secret given there stands in the process list and
//! in the shell's history, so there are three better ways: typed at a prompt, from an environment
//! variable, from a file.

use super::failure::Failure;
use clap::Args;
use serde_json::{Map, Value};
use std::io::{BufRead, IsTerminal, Write};
use std::path::Path;

/// Settings and secrets.
#[derive(Args, Debug, Default)]
pub struct SettingArgs {
    /// A setting, such as server_url=https://ns1.example.com:8081 (may be repeated)
    #[arg(long = "set", value_name = "KEY=VALUE")]
    pub set: Vec<String>,
    /// A secret to type at a prompt, or to give as the next line of standard input
    #[arg(long = "secret", value_name = "KEY")]
    pub secret: Vec<String>,
    /// A secret from an environment variable, such as api_key=PDNS_KEY
    #[arg(long = "secret-env", value_name = "KEY=VARIABLE")]
    pub secret_env: Vec<String>,
    /// A secret from a file, such as api_key=/run/secrets/pdns
    #[arg(long = "secret-file", value_name = "KEY=PATH")]
    pub secret_file: Vec<String>,
}

impl SettingArgs {
    /// All of them as the API's `settings`.
    pub fn read(&self) -> Result<Map<String, Value>, Failure> {
        let mut settings = Map::new();
        for text in &self.set {
            let (key, value) = pair(text, "--set")?;
            settings.insert(key.to_owned(), parsed(value));
        }
        for key in &self.secret {
            settings.insert(key.clone(), Value::String(ask(key)?));
        }
        for text in &self.secret_env {
            let (key, variable) = pair(text, "--secret-env")?;
            let value = std::env::var(variable)
                .map_err(|_| Failure::Usage(format!("the environment variable {variable} is not set")))?;
            settings.insert(key.to_owned(), Value::String(value));
        }
        for text in &self.secret_file {
            let (key, path) = pair(text, "--secret-file")?;
            let value = std::fs::read_to_string(Path::new(path))
                .map_err(|error| Failure::Usage(format!("cannot read {path}: {error}")))?;
            settings.insert(key.to_owned(), Value::String(value.trim_end_matches(['\r', '\n']).to_owned()));
        }
        Ok(settings)
    }
}

/// `key=value`.
pub fn pair<'a>(text: &'a str, flag: &str) -> Result<(&'a str, &'a str), Failure> {
    match text.split_once('=') {
        Some((key, value)) if !key.is_empty() => Ok((key, value)),
        _ => Err(Failure::Usage(format!("{flag} {text}: give it as key=value"))),
    }
}

/// Booleans, lists and objects as JSON writes them, `null` clears; all else, numbers too, is text:
/// an account id of digits must not become a number. The API takes numbers as text where it wants them.
fn parsed(value: &str) -> Value {
    let structured = matches!(value, "true" | "false" | "null") || value.starts_with(['[', '{']);
    let number = value.len() < 6 && value.parse::<u32>().is_ok_and(|n| n.to_string() == value);
    if !structured && !number {
        return Value::String(value.to_owned());
    }
    serde_json::from_str(value).unwrap_or_else(|_| Value::String(value.to_owned()))
}

/// Asks for one line, without an echo where a person types it.
pub fn ask(key: &str) -> Result<String, Failure> {
    let input = std::io::stdin();
    let terminal = input.is_terminal();
    if terminal {
        let _ = write!(std::io::stderr(), "{key}: ");
    }
    let _hidden = terminal.then(NoEcho::new);
    let mut line = String::new();
    input.lock().read_line(&mut line)?;
    if terminal {
        let _ = writeln!(std::io::stderr());
    }
    let line = line.trim_end_matches(['\r', '\n']);
    if line.is_empty() {
        return Err(Failure::Usage(format!("no value was given for the secret {key}")));
    }
    Ok(line.to_owned())
}

/// Switches the terminal's echo off for as long as it lives. `stty` is on every POSIX system and
/// spares an unsafe call here.
struct NoEcho;

impl NoEcho {
    fn new() -> NoEcho {
        stty("-echo");
        NoEcho
    }
}

impl Drop for NoEcho {
    fn drop(&mut self) {
        stty("echo");
    }
}

fn stty(mode: &str) {
    let _ = std::process::Command::new("stty").arg(mode).status();
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_setting_stays_text_unless_it_is_plainly_something_else() {
        let args = SettingArgs {
            set: ["a=x=y", "b=true", "c=[\"192.0.2.1\"]", "d=0123456789", "e=300"]
                .map(str::to_owned)
                .to_vec(),
            ..SettingArgs::default()
        };
        let read = Value::Object(args.read().unwrap());
        let wanted =
            serde_json::json!({"a": "x=y", "b": true, "c": ["192.0.2.1"], "d": "0123456789", "e": 300});
        assert_eq!(read, wanted);
        assert!(SettingArgs { set: vec!["x".into()], ..SettingArgs::default() }.read().is_err());
    }

    #[test]
    fn a_secret_comes_from_a_file_without_its_last_line_break() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("key");
        std::fs::write(&path, "s3cret\n").unwrap();
        let args =
            SettingArgs { secret_file: vec![format!("api_key={}", path.display())], ..Default::default() };
        assert_eq!(args.read().unwrap()["api_key"], "s3cret");
    }
}
