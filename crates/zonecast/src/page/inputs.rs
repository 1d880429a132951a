//! One field of a form: its label, what stands in it, what is wrong with it.
//!
//! The services name wrong fields by JSON pointer; here they find the field they mean. What no field
//! takes up is shown above the form, so no error is ever lost. A secret has no value: what was typed
//! is not sent back, and what is stored never leaves.

use crate::problem::{FieldProblem, Problem};
use askama::Template;
use askama::filters::HtmlSafe;

/// What a secret's field says when one is stored.
pub const UNCHANGED: &str = "(unchanged – enter new to replace)";

/// A field as the page shows it.
#[derive(Clone, Debug, Default, Template)]
#[template(path = "input.html")]
pub struct Input {
    /// Its name in the form.
    pub name: String,
    /// What it is called.
    pub label: String,
    /// One sentence of help.
    pub help: String,
    /// What stands in it; never a secret.
    pub value: String,
    /// `text`, `password`, `textarea`, `select`, `radio`, `check`, `checks`.
    pub kind: &'static str,
    /// It must be filled in.
    pub required: bool,
    /// What is wrong with it.
    pub error: String,
    /// What it says while it is empty.
    pub placeholder: String,
    /// What can be chosen: value and label.
    pub options: Vec<(String, String)>,
    /// What is chosen, where more than one can be.
    pub chosen: Vec<String>,
    /// Lines that a large field shows at once.
    pub rows: u8,
    /// What a browser may offer while one types.
    pub suggestions: &'static [&'static str],
}

// Its template escapes what it holds.
impl HtmlSafe for Input {}

impl Input {
    /// A line of text.
    pub fn text(name: &str, label: &str, value: impl Into<String>) -> Input {
        Input {
            name: name.to_owned(),
            label: label.to_owned(),
            value: value.into(),
            kind: "text",
            ..Input::default()
        }
    }

    /// A secret.
    pub fn secret(name: &str, label: &str, stored: bool) -> Input {
        let placeholder = if stored { UNCHANGED.to_owned() } else { String::new() };
        Input { kind: "password", placeholder, ..Input::text(name, label, "") }
    }

    /// Several lines.
    pub fn lines(name: &str, label: &str, value: impl Into<String>) -> Input {
        Input { kind: "textarea", rows: 4, ..Input::text(name, label, value) }
    }

    /// One of few, all to be seen at once.
    pub fn radio(name: &str, label: &str, value: &str, options: &[(&str, &str)]) -> Input {
        Input { kind: "radio", options: owned(options), ..Input::text(name, label, value) }
    }

    /// Yes or no.
    pub fn check(name: &str, label: &str, on: bool) -> Input {
        Input { kind: "check", ..Input::text(name, label, if on { "1" } else { "" }) }
    }

    /// Any of several.
    pub fn checks(name: &str, label: &str, chosen: Vec<String>, options: Vec<(String, String)>) -> Input {
        Input { kind: "checks", chosen, options, ..Input::text(name, label, "") }
    }

    /// One of several.
    pub fn select(name: &str, label: &str, value: &str, mut options: Vec<(String, String)>) -> Input {
        // A stored value that is not in the list stays one that can be kept.
        if !value.is_empty() && !options.iter().any(|(known, _)| known == value) {
            options.push((value.to_owned(), value.to_owned()));
        }
        Input { kind: "select", options, ..Input::text(name, label, value) }
    }

    /// With a sentence of help.
    pub fn help(mut self, help: &str) -> Input {
        self.help = help.to_owned();
        self
    }

    /// That must be filled in.
    pub fn required(mut self, required: bool) -> Input {
        self.required = required;
        self
    }

    /// With what it says while it is empty.
    pub fn hint(mut self, placeholder: &str) -> Input {
        self.placeholder = placeholder.to_owned();
        self
    }

    /// With so many lines.
    pub fn tall(mut self, rows: u8) -> Input {
        self.rows = rows;
        self
    }

    /// With what a browser may offer.
    pub fn suggest(mut self, suggestions: &'static [&'static str]) -> Input {
        self.suggestions = suggestions;
        self
    }

    /// The id of its element.
    pub fn id(&self) -> String {
        format!("f-{}", self.name.replace(['.', '/'], "-"))
    }

    /// Whether the label has to say that it may stay empty.
    pub fn may_be_empty(&self) -> bool {
        !self.required
            && matches!(self.kind, "text" | "textarea" | "password")
            && self.placeholder != UNCHANGED
    }

    /// Which elements describe it.
    pub fn described_by(&self) -> String {
        let mut ids = Vec::new();
        if !self.error.is_empty() {
            ids.push(format!("{}-error", self.id()));
        }
        if !self.help.is_empty() {
            ids.push(format!("{}-help", self.id()));
        }
        ids.join(" ")
    }

    fn puts_pointer(&self, pointer: &str) -> bool {
        let own = format!("/{}", self.name.replace('.', "/"));
        pointer == own || pointer.strip_prefix(&own).is_some_and(|rest| rest.starts_with('/'))
    }
}

/// Choices as a select holds them.
pub fn owned(options: &[(&str, &str)]) -> Vec<(String, String)> {
    options.iter().map(|(value, label)| ((*value).to_owned(), (*label).to_owned())).collect()
}

/// Hands each error to the field it means; gives what no field took up.
pub fn place(inputs: &mut [Input], problem: &Problem) -> Vec<String> {
    let mut left = Vec::new();
    for error in &problem.errors {
        match inputs.iter_mut().find(|input| input.puts_pointer(&error.field)) {
            Some(input) => {
                let words = words_of(error, &input.label);
                if !input.error.is_empty() {
                    input.error.push_str("; ");
                }
                input.error.push_str(&words);
            }
            None => left.push(format!("{} {}", error.field.trim_start_matches('/'), error.message)),
        }
    }
    if problem.errors.is_empty() {
        left.push(problem.detail.clone());
    }
    left
}

/// `is missing` becomes `Zone is missing`; a sentence that stands alone stays.
fn words_of(error: &FieldProblem, label: &str) -> String {
    let plain = ["is ", "must ", "has ", "holds ", "cannot ", "does "];
    match plain.iter().any(|start| error.message.starts_with(start)) {
        true => format!("{label} {}", error.message),
        false => error.message.clone(),
    }
}

/// What is wrong with a form as a whole: shown above it, with links to the fields.
pub struct Summary {
    /// What no field took up.
    pub words: Vec<String>,
    /// Wrong fields: id and what is wrong.
    pub fields: Vec<(String, String)>,
}

impl Summary {
    /// Of a form that was refused.
    pub fn of(inputs: &mut [Input], problem: &Problem) -> Summary {
        let words = place(inputs, problem);
        let wrong = inputs.iter().filter(|input| !input.error.is_empty());
        Summary { words, fields: wrong.map(|input| (input.id(), input.error.clone())).collect() }
    }

    /// Nothing is wrong.
    pub fn none() -> Summary {
        Summary { words: Vec::new(), fields: Vec::new() }
    }

    /// Whether there is nothing to show.
    pub fn is_empty(&self) -> bool {
        self.words.is_empty() && self.fields.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_stands_at_its_field_and_none_is_lost() {
        let mut inputs = vec![
            Input::text("name", "Zone", ""),
            Input::secret("settings.api_key", "API Key", true),
            Input::lines("addresses", "Addresses", ""),
        ];
        let error =
            |field: &str, message: &str| FieldProblem { field: field.into(), message: message.into() };
        let problem = Problem::invalid(vec![
            error("/name", "is missing"),
            error("/settings/api_key", "API Key is required: api-key in pdns.conf"),
            error("/addresses/1/ip", "\"x\" is not an address"),
            error("/settings", "cannot be used"),
        ]);
        let summary = Summary::of(&mut inputs, &problem);
        assert_eq!(inputs[0].error, "Zone is missing");
        assert_eq!(inputs[1].error, "API Key is required: api-key in pdns.conf");
        assert_eq!(inputs[2].error, "\"x\" is not an address");
        assert_eq!(summary.words, ["settings cannot be used"]);
        assert_eq!(summary.fields[1].0, "f-settings-api_key");
        assert_eq!(inputs[0].described_by(), "f-name-error");
    }

    #[test]
    fn a_secret_is_never_written_into_a_page() {
        let mut secret = Input::secret("settings.api_key", "API Key", true);
        secret.value = "s3cret".to_owned();
        let html = secret.render().unwrap();
        assert!(!html.contains("s3cret") && html.contains(UNCHANGED), "{html}");
    }
}
