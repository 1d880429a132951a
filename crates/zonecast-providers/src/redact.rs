//! Services quote what they were sent, and sometimes that is a secret. Their words are shown to
//! people exactly as they are, so every form of a known secret is taken out first.

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD, URL_SAFE, URL_SAFE_NO_PAD};

/// What stands where a secret was.
const MASK: &str = "[secret]";

/// Knows the secrets of one connection and removes them from text. Its `Debug` shows none.
#[derive(Clone, Default)]
pub struct Redactor {
    /// Longest first, so that a secret that contains another goes as one.
    forms: Vec<String>,
}

impl Redactor {
    /// Knows these secrets: as they are, in base64 and URL-encoded. Pass `user:password` too where
    /// both travel together in a Basic header.
    pub fn new<'a>(secrets: impl IntoIterator<Item = &'a str>) -> Redactor {
        let mut forms = Vec::new();
        for secret in secrets.into_iter().filter(|secret| !secret.is_empty()) {
            forms.push(secret.to_owned());
            for engine in [&STANDARD, &STANDARD_NO_PAD, &URL_SAFE, &URL_SAFE_NO_PAD] {
                forms.push(engine.encode(secret));
            }
            let encoded = url_encode(secret);
            forms.push(encoded.to_ascii_lowercase());
            forms.push(encoded.replace("%20", "+"));
            forms.push(encoded);
            let quoted = serde_json::Value::from(secret).to_string();
            forms.push(quoted[1..quoted.len() - 1].to_owned());
        }
        forms.sort_by(|a, b| b.len().cmp(&a.len()).then_with(|| a.cmp(b)));
        forms.dedup();
        Redactor { forms }
    }

    /// The text with every form of every secret replaced by `[secret]`.
    ///
    /// Before: `bad key hunter2`. After, where `hunter2` is a secret: `bad key [secret]`.
    pub fn clean(&self, text: &str) -> String {
        let mut text = text.to_owned();
        for form in &self.forms {
            if text.contains(form.as_str()) {
                text = text.replace(form.as_str(), MASK);
            }
        }
        text
    }
}

/// The longest words of others, and the longest value of theirs, that are shown.
const WORDS_MAX: usize = 4_000;
const VALUE_MAX: usize = 300;

impl Redactor {
    /// Words of a service as they may be logged and shown: whole, on one line, without secrets and
    /// without characters that do something to the screen.
    ///
    /// Before: `bad\u{1b}[2J key\nhunter2`. After, where `hunter2` is a secret: `bad [2J key [secret]`.
    pub fn say(&self, words: &str) -> String {
        shortened(&self.clean(&folded(words)), WORDS_MAX)
    }
}

/// A value that cannot be read, as it may be shown.
pub(crate) fn one_line(value: &str) -> String {
    shortened(&folded(value), VALUE_MAX)
}

/// On one line; control characters, and those that turn text around or cannot be seen, are spaces.
fn folded(text: &str) -> String {
    let acts = |c: char| {
        c.is_control()
            || matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}')
    };
    let words = text.split(|c: char| c.is_whitespace() || acts(c)).filter(|word| !word.is_empty());
    words.collect::<Vec<_>>().join(" ")
}

fn shortened(text: &str, most: usize) -> String {
    match text.char_indices().nth(most) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

impl std::fmt::Debug for Redactor {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(MASK)
    }
}

/// Percent-encodes everything but the unreserved characters of RFC 3986 section 2.3.
pub(crate) fn url_encode(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => out.push(byte as char),
            other => out.push_str(&format!("%{other:02X}")),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_form_of_a_secret_goes() {
        let secret = "k/ey+wi th\"quote";
        let redactor = Redactor::new([secret, "k/ey", ""]);
        for form in [
            secret.to_owned(),
            STANDARD.encode(secret),
            URL_SAFE_NO_PAD.encode(secret),
            url_encode(secret),
            url_encode(secret).to_ascii_lowercase(),
            serde_json::Value::from(secret).to_string(),
        ] {
            let cleaned = redactor.clean(&format!("refused: {form}!"));
            assert!(!cleaned.contains(&form) && cleaned.contains(MASK), "{cleaned}");
        }
        assert_eq!(redactor.clean(&format!("a {secret} b")), "a [secret] b");
        assert_eq!(redactor.clean("nothing here"), "nothing here");
        assert_eq!(redactor.say("bad\u{1b}[2J\u{202e} key\r\n\tk/ey\0!"), "bad [2J key [secret] !");
        assert_eq!(redactor.say(&"ab ".repeat(3_000)).chars().count(), WORDS_MAX + 1);
        assert_eq!(format!("{redactor:?}"), MASK);
    }
}
