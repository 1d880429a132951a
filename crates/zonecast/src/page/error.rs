//! Errors as a person sees them: one sentence, in the frame of the page, or as a red message.

use super::session::Flash;
use super::shell::Shell;
use super::visit::Visit;
use crate::problem::Problem;
use askama::Template;
use axum::http::StatusCode;
use axum::response::{Html, IntoResponse, Response};

#[derive(Template)]
#[template(path = "error.html")]
struct ErrorPage {
    shell: Shell,
    status: u16,
    words: String,
}

/// A message as a piece of a page.
#[derive(Template)]
#[template(path = "toast.html")]
pub struct Toast {
    /// What it says.
    pub flash: Flash,
}

/// What is wrong, in one sentence, with every wrong field.
pub fn sentence(problem: &Problem) -> String {
    let words = problem.to_string();
    words.trim_start_matches('/').trim_start_matches(": ").to_owned()
}

/// The page, or the message, that says it.
pub fn page(visit: Option<&Visit>, problem: &Problem) -> Response {
    let Some(visit) = visit else { return bare(problem) };
    if visit.fragment {
        let flash = Flash { good: false, text: sentence(problem), lines: Vec::new() };
        return html(problem.status, &Toast { flash });
    }
    let shell = Shell {
        csrf: visit.csrf.clone(),
        who: visit.caller.actor.trim_start_matches("key:").to_owned(),
        role: visit.caller.role.as_str(),
        may_write: visit.may_write(),
        is_admin: visit.caller.role >= crate::service::Role::Admin,
        ..Shell::nobody(&problem.title)
    };
    html(problem.status, &ErrorPage { shell, status: problem.status, words: sentence(problem) })
}

/// The same where nobody is logged in.
pub fn bare(problem: &Problem) -> Response {
    let shell = Shell::nobody(&problem.title);
    html(problem.status, &ErrorPage { shell, status: problem.status, words: sentence(problem) })
}

fn html(status: u16, template: &impl Template) -> Response {
    let status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    match template.render() {
        Ok(text) => (status, Html(text)).into_response(),
        Err(_) => status.into_response(),
    }
}
