//! A page that asks for something: one sentence, some fields, one button.
//!
//! What can be done to a domain, a pool or a key differs in fields and words only, so there is one
//! template for all of them: the errors stand at their fields, what was typed stays, and a change that
//! somebody else made meanwhile is told.

use super::inputs::{Input, Summary};
use super::shell::Shell;
use super::text::Label;
use super::visit::{Fields, Shown, Visit, show_as};
use crate::problem::Problem;
use askama::Template;
use axum::http::StatusCode;

/// What the page says and asks.
#[derive(Default)]
pub struct Ask {
    /// The heading.
    pub title: String,
    /// The section of the navigation.
    pub section: &'static str,
    /// Where one comes from: address and name.
    pub path: Vec<(String, Label)>,
    /// What will happen.
    pub words: String,
    /// The fields.
    pub inputs: Vec<Input>,
    /// Fields nobody sees.
    pub hidden: Vec<(&'static str, String)>,
    /// Where the form goes.
    pub action: String,
    /// What the button says.
    pub button: &'static str,
    /// Something goes for good.
    pub danger: bool,
    /// A second button: where it sends the form, and what it says.
    pub other: Option<(String, &'static str)>,
    /// The version of what is changed, where there is one.
    pub version: Option<i64>,
}

#[derive(Template)]
#[template(path = "ask.html")]
struct AskPage {
    shell: Shell,
    summary: Summary,
    ask: Ask,
    back: String,
    conflict: bool,
}

impl Ask {
    /// The page: empty, or with what was typed and what is wrong with it.
    pub async fn show(mut self, visit: &Visit, given: Option<&Fields>, problem: Option<&Problem>) -> Shown {
        let conflict = problem.is_some_and(|problem| problem.status == 412);
        let status = problem.and_then(|problem| StatusCode::from_u16(problem.status).ok());
        let summary = match problem.filter(|_| !conflict) {
            Some(problem) => Summary::of(&mut self.inputs, problem),
            None => Summary::none(),
        };
        if let (Some(fields), Some(_), false) = (given, self.version, conflict) {
            // Who was warned once may save over it; who was not sends what the form was read with.
            self.version = fields.id("version").or(self.version);
        }
        let back = self.path.last().map_or_else(|| "/".to_owned(), |(path, _)| path.clone());
        let shell = visit.shell(&self.title, self.section).await?;
        show_as(status.unwrap_or(StatusCode::OK), &AskPage { shell, summary, ask: self, back, conflict })
    }
}
