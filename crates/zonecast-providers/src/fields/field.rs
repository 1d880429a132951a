//! One field of a form: what it is called, and what its value has to look like.

use serde::Serialize;
use serde_json::Value;

/// One field of a service's form.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Field {
    /// The setting's name, as in the API and in files.
    pub name: &'static str,
    /// What the form says.
    pub label: &'static str,
    /// One sentence of help.
    pub help: &'static str,
    /// Whether it must be given.
    pub required: bool,
    /// Whether it is a secret: write-only, never shown.
    pub secret: bool,
    /// The only values it can have; empty where it is free.
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    pub choices: &'static [&'static str],
    /// Whether it says where the secrets are sent: changing it voids them.
    #[serde(skip)]
    pub is_endpoint: bool,
    /// Used where nothing is given.
    #[serde(skip)]
    pub default: Option<&'static str>,
    /// The value as it will be stored, or a sentence about what is wrong with it.
    #[serde(skip)]
    normalise: fn(&str) -> Result<String, String>,
}

impl Field {
    /// A field that may stay empty.
    pub const fn optional(name: &'static str, label: &'static str, help: &'static str) -> Field {
        Field {
            name,
            label,
            help,
            required: false,
            secret: false,
            choices: &[],
            is_endpoint: false,
            default: None,
            normalise: as_it_is,
        }
    }

    /// A field that must be given.
    pub const fn required(name: &'static str, label: &'static str, help: &'static str) -> Field {
        Field { required: true, ..Field::optional(name, label, help) }
    }

    /// It is write-only and never shown.
    pub const fn secret(self) -> Field {
        Field { secret: true, ..self }
    }

    /// It says where the secrets are sent, or whom to trust there.
    pub const fn endpoint(self) -> Field {
        Field { is_endpoint: true, ..self }
    }

    /// What is used where nothing is given.
    pub const fn or(self, default: &'static str) -> Field {
        Field { default: Some(default), ..self }
    }

    /// It can have these values only.
    pub const fn one_of(self, choices: &'static [&'static str]) -> Field {
        Field { choices, ..self }
    }

    /// How its value is checked and spelled. Doing so twice changes nothing.
    pub const fn spelled(self, normalise: fn(&str) -> Result<String, String>) -> Field {
        Field { normalise, ..self }
    }

    /// Reads one value; `Err` is a sentence for the form.
    pub(super) fn read(&self, value: Option<&Value>) -> Result<Option<String>, String> {
        let text = match value {
            None | Some(Value::Null) => String::new(),
            Some(Value::String(text)) => text.trim().to_owned(),
            Some(Value::Number(number)) => number.to_string(),
            Some(_) => return Err(format!("{} is a text", self.label)),
        };
        if text.is_empty() {
            return match (self.required, self.default) {
                (true, _) => Err(format!("{} is required: {}", self.label, self.help)),
                (false, default) => Ok(default.map(str::to_owned)),
            };
        }
        if text.len() > 8192 || text.chars().any(char::is_control) {
            return Err(format!("{} is one line of at most 8192 characters", self.label));
        }
        if self.secret && text == "KEEP" {
            return Err(format!(
                "{} is the word KEEP, and there is none to keep: give the secret",
                self.label
            ));
        }
        if !self.choices.is_empty() && !self.choices.contains(&text.as_str()) {
            return Err(format!("{text:?} is not one of {}", self.choices.join(", ")));
        }
        (self.normalise)(&text).map(Some)
    }
}

fn as_it_is(text: &str) -> Result<String, String> {
    Ok(text.to_owned())
}
