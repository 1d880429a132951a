//! The strings of a TXT record: on the wire each with its length, in text quoted and escaped. Where a text
//! is cut is part of the value (RFC 1035 section 3.3.14, RFC 6763 section 6).

use super::read::{escape, unescaped};
use std::fmt::Write as _;

/// Cuts a text that nobody cut into character-strings of 255 bytes; an empty text is one empty string.
pub(super) fn cut_text(text: &[u8]) -> Vec<u8> {
    if text.is_empty() {
        return vec![0];
    }
    let mut wire = Vec::with_capacity(text.len() + text.len() / 255 + 1);
    for part in text.chunks(255) {
        wire.push(part.len() as u8);
        wire.extend_from_slice(part);
    }
    wire
}

pub(super) fn join_text(wire: &[u8]) -> Option<Vec<u8>> {
    let mut text = Vec::with_capacity(wire.len());
    let mut rest = wire;
    while let Some((length, tail)) = rest.split_first() {
        text.extend_from_slice(tail.get(..*length as usize)?);
        rest = &tail[*length as usize..];
    }
    (!wire.is_empty()).then_some(text)
}

/// Reads what a person or a service gives as the value of a TXT record. Quoted strings are what they are,
/// each cut only where it has more than 255 bytes; anything else is one text, spaces and all.
pub(super) fn read(text: &str) -> Result<Vec<u8>, String> {
    match text.starts_with('"') {
        true => {
            Ok(strings(text).ok_or("a quote is not closed")?.iter().flat_map(|part| cut_text(part)).collect())
        }
        false => Ok(cut_text(&meant(text).unwrap_or_else(|| text.as_bytes().to_vec()))),
    }
}

/// The text that escapes of zone files in it mean (`v=DMARC1\\; p=none`): they were copied without the
/// quotes. `None` where there is none that nobody writes for its own sake.
pub(super) fn meant(text: &str) -> Option<Vec<u8>> {
    let (mut rest, mut escaped) = (text.as_bytes(), false);
    while let Some((byte, tail)) = rest.split_first() {
        if *byte == b'\\' {
            let number = tail.get(..3).is_some_and(|digits| digits.iter().all(u8::is_ascii_digit));
            escaped |= number || matches!(tail.first(), Some(b';' | b'"'));
            rest = tail.get(1..).unwrap_or_default();
        } else {
            rest = tail;
        }
    }
    escaped.then(|| unescaped(text).ok()).flatten()
}

/// Quoted strings, and words between them.
fn strings(text: &str) -> Option<Vec<Vec<u8>>> {
    let mut all: Vec<Vec<u8>> = Vec::new();
    let mut bytes = text.bytes();
    let (mut quoted, mut fresh) = (false, true);
    while let Some(byte) = bytes.next() {
        if byte == b'"' {
            quoted = !quoted;
            fresh = !quoted;
            if quoted {
                all.push(Vec::new());
            }
            continue;
        }
        if !quoted && matches!(byte, b' ' | b'\t') {
            fresh = true;
            continue;
        }
        if std::mem::take(&mut fresh) {
            all.push(Vec::new());
        }
        let string = all.last_mut()?;
        match byte {
            b'\\' => string.push(escape(&mut bytes)?),
            other => string.push(other),
        }
    }
    (!quoted).then_some(all)
}

pub(super) fn quote(text: &[u8]) -> String {
    let mut out = String::with_capacity(text.len() + 2);
    out.push('"');
    for byte in text {
        let _ = match byte {
            b'"' | b'\\' => write!(out, "\\{}", *byte as char),
            0x20..=0x7e => out.write_char(*byte as char),
            other => write!(out, "\\{other:03}"),
        };
    }
    out.push('"');
    out
}
