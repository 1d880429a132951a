//! Names out of text.

use super::{Name, NameError};

impl Name {
    /// Reads presentation form: with or without the final dot, national characters or A-labels,
    /// `\.` and `\DDD` escapes. Always absolute: nothing is ever appended.
    pub fn parse(text: &str) -> Result<Name, NameError> {
        if text == "." {
            return Ok(Name::root());
        }
        let mut labels: Vec<Vec<u8>> = Vec::with_capacity(8);
        let mut label = Vec::with_capacity(16);
        let mut national = false;
        let mut chars = text.chars();
        let mut open = true;
        while let Some(c) = chars.next() {
            open = true;
            match c {
                '.' | '\u{3002}' => {
                    labels.push(finish_label(std::mem::take(&mut label), national)?);
                    national = false;
                    open = false;
                }
                '\\' => label.push(unescape(&mut chars)?),
                c if c.is_ascii() => {
                    if c <= ' ' || c == '\x7f' {
                        return Err(NameError::BadCharacter(c));
                    }
                    label.push(c as u8);
                }
                c => {
                    national = true;
                    label.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes());
                }
            }
        }
        if open {
            labels.push(finish_label(label, national)?);
        }
        Name::from_labels(labels.iter().map(Vec::as_slice))
    }

    /// A name, completed with the origin unless it ends with a dot; `@` is the origin.
    pub fn parse_below(text: &str, origin: &Name) -> Result<Name, String> {
        if text == "@" {
            return Ok(origin.clone());
        }
        let absolute = text.ends_with('.') && !ends_escaped(&text[..text.len() - 1]);
        let name = if absolute || origin.is_root() {
            Name::parse(text)
        } else {
            Name::parse(&format!("{text}.{}", origin.absolute()))
        };
        name.map_err(|error| format!("{text:?}: {error}"))
    }
}

fn ends_escaped(text: &str) -> bool {
    text.bytes().rev().take_while(|byte| *byte == b'\\').count() % 2 == 1
}

fn finish_label(label: Vec<u8>, national: bool) -> Result<Vec<u8>, NameError> {
    if !national {
        return Ok(label);
    }
    let bad = || NameError::BadIdn(String::from_utf8_lossy(&label).into_owned());
    let text = std::str::from_utf8(&label).map_err(|_| bad())?;
    let ascii = idna::uts46::Uts46::new()
        .to_ascii(
            text.as_bytes(),
            idna::AsciiDenyList::EMPTY,
            idna::uts46::Hyphens::Check,
            idna::uts46::DnsLength::Verify,
        )
        .map_err(|_| bad())?;
    Ok(ascii.as_bytes().to_vec())
}

fn unescape(chars: &mut std::str::Chars<'_>) -> Result<u8, NameError> {
    let first = chars.next().ok_or(NameError::BadEscape)?;
    if !first.is_ascii_digit() {
        return if first.is_ascii() { Ok(first as u8) } else { Err(NameError::BadEscape) };
    }
    let mut value = first.to_digit(10).unwrap_or_default();
    for _ in 0..2 {
        let digit = chars.next().and_then(|c| c.to_digit(10)).ok_or(NameError::BadEscape)?;
        value = value * 10 + digit;
    }
    u8::try_from(value).map_err(|_| NameError::BadEscape)
}
