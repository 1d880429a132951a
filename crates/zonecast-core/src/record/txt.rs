//! The strings of a TXT record: on the wire cut into pieces of 255 bytes, in text quoted and escaped.

use std::fmt::Write as _;

/// Cuts a text into character-strings of 255 bytes; an empty text is one empty string.
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

/// Reads one or more quoted strings as one text.
pub(super) fn parse_quoted(text: &str) -> Option<Vec<u8>> {
    let mut out = Vec::with_capacity(text.len());
    let mut bytes = text.bytes();
    let mut inside = false;
    while let Some(byte) = bytes.next() {
        match (inside, byte) {
            (_, b'"') => inside = !inside,
            (_, b'\\') => {
                let first = bytes.next()?;
                if !first.is_ascii_digit() {
                    out.push(first);
                    continue;
                }
                let digits = [first, bytes.next()?, bytes.next()?];
                let value = std::str::from_utf8(&digits).ok()?.parse::<u8>().ok()?;
                out.push(value);
            }
            (false, b' ' | b'\t') => {}
            (_, other) => out.push(other),
        }
    }
    (!inside).then_some(out)
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
