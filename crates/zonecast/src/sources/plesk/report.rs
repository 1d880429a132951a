//! What a backend leaves behind: an exit code, and lines for the Plesk log (S4.5-8).

use super::input::{Note, Severity};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// The exit code of a failure, as Plesk's own scripts have it (X7).
const FAILED: u8 = 255;

/// What became of one call.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct PleskView {
    /// 0, or 255 when at least one thing was not done.
    pub exit: u8,
    /// `info: ...`, `warn: ...`, `err: ...`.
    pub lines: Vec<String>,
    /// The jobs that carry the work out.
    pub jobs: Vec<i64>,
}

impl PleskView {
    /// Adds a line; an error makes the exit code that of a failure.
    pub fn say(&mut self, severity: Severity, line: impl AsRef<str>) {
        let word = match severity {
            Severity::Info => "info",
            Severity::Warn => "warn",
            Severity::Error => {
                self.exit = FAILED;
                "err"
            }
        };
        // One line each, whatever a provider's words look like.
        let line: String = line.as_ref().chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
        self.lines.push(format!("{word}: {line}"));
    }

    /// Adds notes.
    pub fn tell(&mut self, notes: &[Note]) {
        notes.iter().for_each(|note| self.say(note.severity, &note.line));
    }
}
