//! What a handler knows of the request: who is there, what the form holds, and how to answer.

use super::PageState;
use super::session::{Flash, Known};
use super::shell::Shell;
use crate::app::App;
use crate::problem::Problem;
use crate::service::{Caller, Role};
use crate::sources::adopt::Found;
use askama::Template;
use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use axum::http::{HeaderName, HeaderValue, StatusCode, header};
use axum::response::{Html, IntoResponse, Response};
use std::ops::Deref;

/// Somebody who is logged in looks at a page. Reads like the [`App`].
#[derive(Clone)]
pub struct Visit {
    state: PageState,
    known: Known,
    /// Who it is.
    pub caller: Caller,
    /// The token each form carries.
    pub csrf: String,
    /// htmx asks for a piece of a page.
    pub fragment: bool,
}

impl Deref for Visit {
    type Target = App;
    fn deref(&self) -> &App {
        &self.state.app
    }
}

impl<S: Send + Sync> FromRequestParts<S> for Visit {
    type Rejection = Refused;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Visit, Refused> {
        // The guard put it there; a route that was forgotten there stays shut.
        let visit = parts.extensions.get::<Visit>().cloned();
        visit.ok_or_else(|| Refused(Problem::new(401, "please log in")))
    }
}

impl Visit {
    /// A visit in a session.
    pub fn new(state: PageState, caller: Caller, known: Known, fragment: bool) -> Visit {
        let csrf = known.csrf.clone();
        Visit { state, known, caller, csrf, fragment }
    }

    /// The frame of a page, with the messages that wait.
    pub async fn shell(&self, title: &str, section: &'static str) -> Result<Shell, Problem> {
        let paused = crate::service::pause::state(self).await?.paused;
        Ok(Shell {
            title: title.to_owned(),
            section,
            csrf: self.csrf.clone(),
            who: self.caller.actor.trim_start_matches("key:").to_owned(),
            role: self.caller.role.as_str(),
            may_write: self.may_write(),
            is_admin: self.caller.role >= Role::Admin,
            paused,
            flashes: self.state.sessions.take(&self.known.id),
            refresh: false,
        })
    }

    /// Whether the key may change anything.
    pub fn may_write(&self) -> bool {
        self.caller.role >= Role::Operator
    }

    /// Leaves a message for the next page.
    pub fn say(&self, good: bool, text: impl Into<String>) {
        self.leave(Flash { good, text: text.into(), lines: Vec::new() });
    }

    /// The same with more lines.
    pub fn leave(&self, flash: Flash) {
        self.state.sessions.leave(&self.known.id, flash);
    }

    /// After an action: a green message or the red words, on the page `to`.
    pub fn done(&self, result: Result<String, Problem>, to: &str) -> Response {
        match result {
            Ok(text) => self.say(true, text),
            Err(problem) => self.say(false, super::error::sentence(&problem)),
        }
        see_other(to)
    }

    /// Keeps what somebody moves in with until it is taken; only in memory, for it holds secrets.
    pub fn keep(&self, found: Found) {
        self.state.sessions.keep(&self.known.id, found);
    }

    /// Takes what was kept.
    pub fn kept(&self) -> Option<Found> {
        self.state.sessions.kept(&self.known.id)
    }

    /// Ends this session.
    pub fn leave_for_good(&self) {
        self.state.sessions.close(&self.known.id);
    }
}

/// A problem on its way to the guard, which shows it in the frame of the page.
#[derive(Clone, Debug)]
pub struct Refused(pub Problem);

impl From<Problem> for Refused {
    fn from(problem: Problem) -> Refused {
        Refused(problem)
    }
}

impl IntoResponse for Refused {
    fn into_response(self) -> Response {
        let status = StatusCode::from_u16(self.0.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let mut response = status.into_response();
        response.extensions_mut().insert(self);
        response
    }
}

/// What a handler gives.
pub type Shown = Result<Response, Refused>;

/// A page.
pub fn show(template: &impl Template) -> Shown {
    show_as(StatusCode::OK, template)
}

/// A page with a status, such as 422 for a form that is not right.
pub fn show_as(status: StatusCode, template: &impl Template) -> Shown {
    match template.render() {
        Ok(html) => Ok((status, Html(html)).into_response()),
        Err(error) => {
            tracing::error!(%error, "a page could not be written");
            Err(Refused(Problem::new(500, "this page met a bug; the log has the details")))
        }
    }
}

/// 303: after a form, the browser gets a page it may load again.
pub fn see_other(to: &str) -> Response {
    let mut response = StatusCode::SEE_OTHER.into_response();
    set(&mut response, header::LOCATION, to);
    response
}

/// Sets a header; a value that cannot stand in one is left out.
pub fn set(response: &mut Response, name: HeaderName, value: &str) {
    if let Ok(value) = HeaderValue::from_str(value) {
        response.headers_mut().insert(name, value);
    }
}

/// The id in a path; a text that is no number is simply not there.
pub struct Id(pub i64);

impl<S: Send + Sync> FromRequestParts<S> for Id {
    type Rejection = Refused;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Id, Refused> {
        let path = axum::extract::Path::<Vec<(String, String)>>::from_request_parts(parts, state).await;
        let text = path.ok().and_then(|path| path.0.into_iter().next()).map(|(_, text)| text);
        let id = text.and_then(|text| text.parse().ok()).filter(|id: &i64| *id > 0);
        id.map(Id).ok_or_else(|| Refused(Problem::new(404, "there is nothing at this address")))
    }
}

/// The fields of a form or of a query string, in their order.
#[derive(Clone, Debug, Default)]
pub struct Fields(Vec<(String, String)>);

impl Fields {
    /// Of names and values.
    pub fn of(pairs: Vec<(String, String)>) -> Fields {
        Fields(pairs)
    }

    /// Reads `application/x-www-form-urlencoded`.
    pub fn parse(bytes: &[u8]) -> Fields {
        let owned = |(name, value): (std::borrow::Cow<'_, str>, std::borrow::Cow<'_, str>)| {
            (name.into_owned(), value.into_owned())
        };
        Fields(form_urlencoded::parse(bytes).map(owned).collect())
    }

    /// The first field of this name, trimmed; empty where it is not there.
    pub fn get(&self, name: &str) -> &str {
        self.0.iter().find(|(known, _)| known == name).map_or("", |(_, value)| value.trim())
    }

    /// The same, where something stands in it.
    pub fn given(&self, name: &str) -> Option<String> {
        Some(self.get(name)).filter(|value| !value.is_empty()).map(str::to_owned)
    }

    /// Every field of this name.
    pub fn all(&self, name: &str) -> Vec<String> {
        self.iter().filter(|(known, _)| *known == name).map(|(_, value)| value.to_owned()).collect()
    }

    /// Names and values in their order.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(name, value)| (name.as_str(), value.trim()))
    }

    /// Whether a check box is ticked.
    pub fn is_on(&self, name: &str) -> bool {
        !self.get(name).is_empty()
    }

    /// An id in a field.
    pub fn id(&self, name: &str) -> Option<i64> {
        self.get(name).parse().ok().filter(|id| *id > 0)
    }
}

impl<S: Send + Sync> FromRequestParts<S> for Fields {
    type Rejection = Refused;

    /// The fields of the form, which the guard has read; else those of the query.
    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Fields, Refused> {
        let form = parts.extensions.get::<Fields>().cloned();
        Ok(form.unwrap_or_else(|| Fields::parse(parts.uri.query().unwrap_or_default().as_bytes())))
    }
}
