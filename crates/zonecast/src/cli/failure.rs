//! How a command ends: a sentence on stderr, one line per wrong field, and an exit code that a
//! script can act on.

use crate::client::ClientError;
use crate::daemon::FolderTaken;
use std::io::Write;
use std::process::ExitCode;

/// How a command that did not fail ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Done {
    /// All is well.
    Ok,
    /// The work was done and did not succeed; the answer was printed.
    Failed,
    /// Some zones have it, some do not.
    Partial,
    /// A plan was asked for and there is something to do.
    PlanNotEmpty,
}

impl Done {
    /// The process's exit code.
    pub fn code(self) -> ExitCode {
        ExitCode::from(match self {
            Done::Ok => 0,
            Done::Failed => 1,
            Done::Partial => 5,
            Done::PlanNotEmpty => 6,
        })
    }
}

/// Why a command failed.
#[derive(Debug)]
pub enum Failure {
    /// The command line is wrong.
    Usage(String),
    /// No such thing.
    NotFound(String),
    /// The API refused or does not answer.
    Client(ClientError),
    /// Another daemon has the data folder.
    FolderTaken(String),
    /// Anything else.
    Other(String),
}

impl Failure {
    /// The exit code of design section 6. A value that the API refuses counts as wrong usage.
    pub fn exit_code(&self) -> u8 {
        match self {
            Failure::Usage(_) => 2,
            Failure::NotFound(_) => 3,
            Failure::Client(ClientError::Unreachable { .. }) => 7,
            Failure::Client(ClientError::Problem(problem)) => match problem.status {
                400 | 413 | 415 | 422 => 2,
                404 => 3,
                409 | 412 => 4,
                _ => 1,
            },
            Failure::FolderTaken(_) => 8,
            Failure::Client(ClientError::Foreign { .. }) | Failure::Other(_) => 1,
        }
    }

    /// The sentence, and one line per wrong field.
    pub fn text(&self) -> String {
        match self {
            Failure::Usage(text)
            | Failure::NotFound(text)
            | Failure::FolderTaken(text)
            | Failure::Other(text) => text.clone(),
            Failure::Client(ClientError::Problem(problem)) => {
                let mut text = problem.detail.clone();
                for one in &problem.errors {
                    let line = format!("{}: {}", one.field, one.message);
                    if line != text {
                        text.push_str(&format!("\n  {line}"));
                    }
                }
                if problem.status == 401 {
                    text.push_str(
                        "\n  give a key with --key or ZONECAST_KEY, or --data of the daemon's folder",
                    );
                }
                text
            }
            Failure::Client(error) => error.to_string(),
        }
    }

    /// Writes it to stderr and gives the exit code.
    pub fn report(&self) -> ExitCode {
        let _ = writeln!(std::io::stderr(), "error: {}", self.text());
        ExitCode::from(self.exit_code())
    }
}

impl From<ClientError> for Failure {
    fn from(error: ClientError) -> Failure {
        Failure::Client(error)
    }
}

impl From<anyhow::Error> for Failure {
    fn from(error: anyhow::Error) -> Failure {
        match error.downcast::<FolderTaken>() {
            Ok(taken) => Failure::FolderTaken(taken.to_string()),
            Err(error) => Failure::Other(format!("{error:#}")),
        }
    }
}

impl From<std::io::Error> for Failure {
    fn from(error: std::io::Error) -> Failure {
        Failure::Other(error.to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::problem::{FieldProblem, Problem};

    fn refused(problem: Problem) -> Failure {
        Failure::Client(ClientError::Problem(problem))
    }

    #[test]
    fn a_problem_becomes_its_sentence_one_line_per_field_and_a_code() {
        let one = refused(Problem::field("/ttl", "too large"));
        assert_eq!((one.text().as_str(), one.exit_code()), ("/ttl: too large", 2));
        let fields = ["/fqdn", "/ttl"].map(|f| FieldProblem { field: f.into(), message: "no".into() });
        let two = refused(Problem::invalid(fields.to_vec()));
        assert_eq!(two.text(), "2 fields are not right\n  /fqdn: no\n  /ttl: no");
        assert_eq!(refused(Problem::missing("host", 1)).exit_code(), 3);
        assert_eq!(refused(Problem::conflict("/fqdn", "taken")).exit_code(), 4);
        let gone = ClientError::Unreachable { url: "http://x".into(), reason: "refused".into() };
        assert_eq!(Failure::from(gone).exit_code(), 7);
    }
}
