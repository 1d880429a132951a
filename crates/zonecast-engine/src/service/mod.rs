//! What a caller can ask for, without any door: no HTTP, no command line, no page.
//!
//! Every operation takes the [`App`](crate::app::App) and a [`Caller`], checks its input in full
//! before anything is stored, and gives a view or a [`Problem`]. The REST API, the CLI and the
//! library come in through the same functions, so a rule is written once.
//!
//! `input` reads bodies and names every wrong field; `forms` says what each body may hold; `view` is
//! what comes out; `touch` says which names in which zones a wish changes; `owners` is what hosts, domains
//! and records share; the other files are one per resource.

pub mod audit;
pub mod connections;
pub mod dnssec;
pub mod domains;
pub mod drift;
pub mod dry_run;
pub mod explain;
pub mod forms;
pub mod forms_domains;
pub mod forms_schema;
pub mod hosts;
pub mod hosts_bulk;
pub mod input;
pub mod jobs;
pub mod keys;
pub mod mapping;
pub mod orchestrator;
pub mod owners;
pub mod pause;
pub mod plan;
pub mod pools;
pub mod records;
pub mod rows;
pub mod secrets;
pub mod status;
pub mod touch;
pub mod trouble;
pub mod verify;
pub mod view;
mod whole_names;
pub mod write;
pub mod zone_file;
pub mod zone_form;
mod zone_names;
pub mod zone_new;
pub mod zone_work;
pub mod zones;

use crate::problem::Problem;
use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

/// What a key may do.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// Looks, changes nothing.
    Viewer,
    /// Registers hosts and records and works with zones; no keys, no secrets of connections.
    Operator,
    /// Everything.
    Admin,
}

impl Role {
    /// The word stored and shown.
    pub fn as_str(self) -> &'static str {
        match self {
            Role::Viewer => "viewer",
            Role::Operator => "operator",
            Role::Admin => "admin",
        }
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Role {
    type Err = String;
    fn from_str(text: &str) -> Result<Role, String> {
        match text {
            "viewer" => Ok(Role::Viewer),
            "operator" => Ok(Role::Operator),
            "admin" => Ok(Role::Admin),
            _ => Err(format!("{text:?} is not a role: admin, operator or viewer")),
        }
    }
}

/// Who calls, and through which door.
#[derive(Clone, Debug)]
pub struct Caller {
    /// As the audit names it: `key:admin`, `cli`, `library`.
    pub actor: String,
    /// What the caller may do.
    pub role: Role,
    /// The door: `api`, `cli`, `page`, `library`.
    pub source: String,
    /// The call carries an idempotency key.
    pub once: Option<Arc<write::Once>>,
}

impl Caller {
    /// A caller inside this process with every right: the CLI without a daemon, the library.
    pub fn local(source: &str) -> Caller {
        Caller { actor: source.to_owned(), role: Role::Admin, source: source.to_owned(), once: None }
    }

    /// Refuses a caller below `role`.
    pub fn require(&self, role: Role) -> Result<(), Problem> {
        if self.role >= role {
            return Ok(());
        }
        Err(Problem::new(403, format!("this needs the role {role}; your key has the role {}", self.role)))
    }
}

/// What an operation that starts work gives back.
#[derive(Clone, Debug)]
pub struct Work<T> {
    /// The job that watches, where there is anything to do.
    pub job_id: Option<i64>,
    /// The resource as it is now.
    pub data: T,
}

/// One page of a list.
#[derive(Clone, Debug)]
pub struct Page<T> {
    /// The items.
    pub items: Vec<T>,
    /// Where the next page begins, if there is one.
    pub next_cursor: Option<String>,
}

/// The version a caller thinks it changes (`If-Match`).
#[derive(Clone, Copy, Debug, Default)]
pub struct Expected(pub Option<i64>);

impl Expected {
    /// 412 when the resource is at another version.
    pub fn check(self, version: i64) -> Result<(), Problem> {
        match self.0 {
            Some(expected) if expected != version => Err(Problem::new(
                412,
                format!("it was changed meanwhile: it is at version {version}, you have version {expected}"),
            )),
            _ => Ok(()),
        }
    }
}

/// A word of a query, read; what is wrong with it is told by its name.
pub fn given<T, E: std::fmt::Display>(
    text: Option<&str>,
    field: &str,
    parse: impl Fn(&str) -> Result<T, E>,
    errors: &mut input::Errors,
) -> Option<T> {
    let read = parse(text?);
    read.map_err(|error| errors.add(field, error.to_string())).ok()
}

/// Reads a cursor: the id after which the page begins.
pub fn cursor_in(cursor: Option<&str>, errors: &mut input::Errors) -> i64 {
    let Some(text) = cursor.filter(|text| !text.is_empty()) else { return 0 };
    let id = text.strip_prefix('c').and_then(|id| id.parse::<i64>().ok()).filter(|id| *id >= 0);
    id.unwrap_or_else(|| {
        errors.add("cursor", "is not a cursor of this list: give next_cursor as it came");
        0
    })
}

/// Cuts rows of which one more than asked for was read into a page and its next cursor.
pub fn cut<T>(mut rows: Vec<T>, limit: usize, id: impl Fn(&T) -> i64) -> (Vec<T>, Option<String>) {
    let more = rows.len() > limit;
    rows.truncate(limit);
    let next = rows.last().filter(|_| more).map(|row| format!("c{}", id(row)));
    (rows, next)
}
