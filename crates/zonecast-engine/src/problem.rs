//! The one shape of an error that a caller sees (RFC 9457), whichever door it came through.
//!
//! A [`Problem`] says what is wrong in one sentence and names every wrong field by JSON pointer, so
//! that a form can mark them all at once. The API writes it as `application/problem+json`, the CLI
//! prints it and turns its status into an exit code, the library gives it as an error.

use serde::{Deserialize, Serialize};

/// What went wrong, for a person and for a program.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema, thiserror::Error)]
#[error("{}", self.sentence())]
pub struct Problem {
    /// Always false.
    pub success: bool,
    /// The HTTP status.
    pub status: u16,
    /// The status in words.
    pub title: String,
    /// One sentence for a person.
    pub detail: String,
    /// One entry per wrong field.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub errors: Vec<FieldProblem>,
}

/// One wrong field.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct FieldProblem {
    /// JSON pointer into the request's body, such as `/addresses/0`, or the parameter's name.
    pub field: String,
    /// What is wrong with it.
    pub message: String,
}

impl Problem {
    /// A problem of a status, in one sentence.
    pub fn new(status: u16, detail: impl Into<String>) -> Problem {
        let title = match status {
            400 => "Bad Request",
            401 => "Unauthorized",
            403 => "Forbidden",
            404 => "Not Found",
            405 => "Method Not Allowed",
            409 => "Conflict",
            412 => "Precondition Failed",
            413 => "Content Too Large",
            415 => "Unsupported Media Type",
            422 => "Unprocessable Content",
            429 => "Too Many Requests",
            503 => "Service Unavailable",
            _ => "Internal Server Error",
        };
        Problem { success: false, status, title: title.to_owned(), detail: detail.into(), errors: Vec::new() }
    }

    /// 422: wrong fields.
    pub fn invalid(errors: Vec<FieldProblem>) -> Problem {
        let detail = match errors.as_slice() {
            [one] => format!("{}: {}", one.field, one.message),
            many => format!("{} fields are not right", many.len()),
        };
        Problem { errors, ..Problem::new(422, detail) }
    }

    /// 422: one wrong field.
    pub fn field(field: impl Into<String>, message: impl Into<String>) -> Problem {
        Problem::invalid(vec![FieldProblem { field: field.into(), message: message.into() }])
    }

    /// 409 about one field.
    pub fn conflict(field: impl Into<String>, message: impl Into<String>) -> Problem {
        let (field, message) = (field.into(), message.into());
        let detail = format!("{field}: {message}");
        Problem { errors: vec![FieldProblem { field, message }], ..Problem::new(409, detail) }
    }

    /// 404: no such thing.
    pub fn missing(what: &str, id: impl std::fmt::Display) -> Problem {
        Problem::new(404, format!("there is no {what} {id}"))
    }

    fn sentence(&self) -> String {
        let fields: Vec<String> = self.errors.iter().map(|e| format!("{}: {}", e.field, e.message)).collect();
        match fields.as_slice() {
            [] | [_] => self.detail.clone(),
            many => format!("{}: {}", self.detail, many.join("; ")),
        }
    }
}

impl From<zonecast_store::StoreError> for Problem {
    /// The store's own words go to the log; the caller learns whether to come again.
    fn from(error: zonecast_store::StoreError) -> Problem {
        use zonecast_store::StoreError::{Constraint, NotFound};
        if let Constraint { .. } | NotFound { .. } = error {
            let status = if matches!(error, NotFound { .. }) { 404 } else { 409 };
            return Problem::new(status, error.to_string());
        }
        tracing::error!(error = %error, "the store refused");
        Problem::new(503, "the database does not answer; nothing was stored, please try again")
    }
}
