//! How names, times and states are written for people.

use askama::Template;
use askama::filters::HtmlSafe;
use zonecast_core::{Name, State};

/// A name in national script, with the form the wire carries beside it where the two differ.
#[derive(Clone, Debug, PartialEq, Eq, Template)]
#[template(
    source = r#"<bdi>{{ text }}</bdi>{% if let Some(ascii) = ascii %} <small class="ascii">{{ ascii }}</small>{% endif %}"#,
    ext = "html"
)]
pub struct Label {
    /// For people.
    pub text: String,
    /// The A-label form, where it is another one.
    pub ascii: Option<String>,
}

// Its template escapes what it holds.
impl HtmlSafe for Label {}

impl Label {
    /// Of both forms.
    pub fn new(ascii: &str, unicode: &str) -> Label {
        let other = (ascii != unicode).then(|| ascii.to_owned());
        Label { text: unicode.to_owned(), ascii: other }
    }

    /// Of a name as views write it.
    pub fn of(name: &str) -> Label {
        match Name::parse(name) {
            Ok(parsed) => Label::new(name, &parsed.unicode()),
            Err(_) => Label::new(name, name),
        }
    }
}

/// `2026-11-21T11:00:00.123Z` as `2026-11-21 11:00:00`; pages say once that times are UTC.
pub fn moment(time: &str) -> String {
    let whole = time.split('.').next().unwrap_or(time).trim_end_matches('Z');
    whole.replace('T', " ")
}

/// A state as a small coloured word.
#[derive(Clone, Debug, PartialEq, Eq, Template)]
#[template(
    source = r#"<span class="badge {{ tone }}"{% if !help.is_empty() %} title="{{ help }}"{% endif %}>{{ text }}</span>"#,
    ext = "html"
)]
pub struct Badge {
    text: String,
    tone: &'static str,
    /// What it means and what to do.
    help: String,
}

// Its template escapes what it holds.
impl HtmlSafe for Badge {}

impl Badge {
    /// Of a state, in the colour it has, with what it means and what to do.
    pub fn of(state: impl State) -> Badge {
        let help = format!("{} {}", state.meaning(), state.next_step());
        Badge { help, ..Badge::like(state.word(), state.word().replace('_', " ")) }
    }

    /// Of words, in the colour of a state.
    pub fn like(state: &str, text: impl Into<String>) -> Badge {
        Badge { text: text.into(), tone: tone(state), help: String::new() }
    }

    /// Without a colour.
    pub fn plain(text: impl Into<String>) -> Badge {
        Badge { text: text.into(), tone: "off", help: String::new() }
    }

    /// The same with other words.
    pub fn saying(self, text: impl Into<String>) -> Badge {
        Badge { text: text.into(), ..self }
    }
}

/// The colour of a state: `good`, `busy`, `bad`, `off`.
pub fn tone(state: &str) -> &'static str {
    match state {
        "ok" | "served" | "done" | "active" => "good",
        "pending" | "applied" | "queued" | "running" | "probing" | "matching" => "busy",
        "failed" | "partial" | "no_matching_zone" | "conflict" | "contested" | "retrying" | "parked"
        | "unsupported" | "held" | "stale" | "unreachable" => "bad",
        _ => "off",
    }
}

/// A value inside a query string.
pub fn encode(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' | b'/' => {
                out.push(byte as char)
            }
            other => out.push_str(&format!("%{other:02X}")),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_shows_both_forms_where_they_differ() {
        let label = Label::of("xn--bcher-kva.example");
        assert_eq!(label.text, "bücher.example");
        assert_eq!(label.ascii.as_deref(), Some("xn--bcher-kva.example"));
        assert_eq!(Label::of("a.example").ascii, None);
    }

    #[test]
    fn times_and_queries_are_plain() {
        assert_eq!(moment("2026-11-21T11:00:00.123Z"), "2026-11-21 11:00:00");
        assert_eq!(encode("/hosts?a=b&ü"), "/hosts%3Fa%3Db%26%C3%BC");
    }
}
