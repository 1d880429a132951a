//! Moving in: what was found somewhere else becomes zones, pools and hosts here.
//!
//! A plan is made first, by looking at what is there and by asking the API for its dry runs; carrying it
//! out is nothing but calls of the API. So there is no second way to store anything. Zones come paused:
//! nothing is written at a provider until somebody resumes them. What is there already stays as it is.

mod carry_out;
mod found;
mod pairs;
mod plan;

pub use carry_out::carry_out;
pub use found::{Found, FoundHost, FoundPool, FoundZone, Left, Wanted};
pub use pairs::pairs;
pub use plan::plan;

use crate::app::App;
use crate::client::{Client, ClientError};
use crate::problem::Problem;
use crate::service::Caller;
use serde::Serialize;
use serde_json::Value;

/// A client of this process's API that may do what the caller may do.
pub fn here(app: &App, caller: &Caller) -> Client {
    Client::in_process(crate::api::router(app.clone()), caller.clone())
}

impl From<ClientError> for Problem {
    fn from(error: ClientError) -> Problem {
        match error {
            ClientError::Problem(problem) => problem,
            error => Problem::new(500, error.to_string()),
        }
    }
}

/// What becomes of one thing that was found.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// It would be added.
    New,
    /// It was added.
    Added,
    /// It is here already.
    There,
    /// It cannot be taken over; the reason says why.
    LeftOut,
    /// It needs no place here; the reason says why.
    PassedOver,
}

/// One thing that was found.
// No `Debug`: the body may hold secrets.
#[derive(Clone, Serialize)]
pub struct Step {
    /// `zone`, `pool`, `host`.
    pub kind: &'static str,
    /// What it is called.
    pub name: String,
    /// What there is to say of it in a few words.
    pub detail: String,
    /// Where it was found.
    pub place: String,
    /// What becomes of it.
    pub state: State,
    /// Why.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// What the API is asked to add.
    #[serde(skip)]
    body: Value,
}

impl Step {
    fn leave_out(&mut self, reason: impl Into<String>) {
        self.state = State::LeftOut;
        self.reason = Some(reason.into());
    }
}

/// The plan, and afterwards what became of it.
#[derive(Clone, Default, Serialize)]
pub struct Adoption {
    /// Everything that was found.
    pub steps: Vec<Step>,
    /// Zones here that are written to and would get records of the new hosts at once.
    pub written_at_once: Vec<String>,
    /// The jobs of the hosts that were added.
    pub jobs: Vec<i64>,
}

impl Adoption {
    /// How many things of a kind are in a state.
    pub fn count(&self, kind: &str, state: State) -> usize {
        self.steps.iter().filter(|step| step.kind == kind && step.state == state).count()
    }

    /// Whether there is anything in this state.
    pub fn has(&self, state: State) -> bool {
        self.steps.iter().any(|step| step.state == state)
    }

    /// Everything in this state.
    pub fn in_state(&self, state: State) -> impl Iterator<Item = &Step> {
        self.steps.iter().filter(move |step| step.state == state)
    }

    /// Why nothing may be added now.
    pub fn at_once(&self) -> Option<String> {
        let zones = self.written_at_once.join(", ");
        (!zones.is_empty()).then(|| {
            format!(
                "records of the new hosts would be written at once in {zones}: pause what is named here (zonecast zone \
                 pause), adopt, look at the plan, then resume; nothing was added"
            )
        })
    }

    /// `3 zones, 1 pool, 10 hosts`, of those in a state.
    pub fn counted(&self, state: State) -> String {
        let words = ["zone", "pool", "host"].map(|kind| match self.count(kind, state) {
            1 => format!("1 {kind}"),
            count => format!("{count} {kind}s"),
        });
        words.join(", ")
    }
}
