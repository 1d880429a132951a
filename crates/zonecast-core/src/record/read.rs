//! From words to wire form, by the parts of [`super::form`].

use super::form::{Field, form};
use super::words::{Fault, Token};
use super::{RecordData, RecordType, Ttl, rare, service};
use crate::name::Name;
use domain::utils::{base32, base64};
use std::net::{Ipv4Addr, Ipv6Addr};
use std::str::FromStr;

/// The words of one record's data, taken from left to right.
pub(super) struct Words<'a, 't> {
    tokens: &'a [Token<'t>],
    origin: &'a Name,
    /// Where the word stands that was taken last; behind the last one where there was none to take.
    at: usize,
    end: usize,
}

/// Reads the data of a record; names are completed with `origin`.
pub(super) fn read(rtype: RecordType, tokens: &[Token<'_>], origin: &Name) -> Result<RecordData, Fault> {
    let end = tokens.last().map_or(0, |last| last.at + last.text.len());
    let mut words = Words { tokens, origin, at: tokens.first().map_or(end, |first| first.at), end };
    words.all(rtype).map_err(|message| Fault { at: words.at, message })
}

impl<'t> Words<'_, 't> {
    fn all(&mut self, rtype: RecordType) -> Result<RecordData, String> {
        if self.tokens.first().is_some_and(|token| token.text == "\\#" && !token.quoted) {
            return generic(rtype, &self.tokens[1..]);
        }
        let fields =
            form(rtype).ok_or_else(|| format!("{rtype} has the form \\# LENGTH HEX only (RFC 3597)"))?;
        let mut wire = Vec::new();
        for field in fields {
            self.part(*field, &mut wire)?;
        }
        if let Some(left) = self.tokens.first() {
            self.at = left.at;
            return Err(format!("{:?} is one word too many for {rtype}", left.text));
        }
        RecordData::from_wire(rtype, &wire).map_err(|error| error.reason())
    }

    /// The next word.
    pub(super) fn next(&mut self) -> Result<&'t str, String> {
        self.at = self.tokens.first().map_or(self.end, |first| first.at);
        let (first, rest) = self.tokens.split_first().ok_or("the data ends too early")?;
        self.tokens = rest;
        Ok(first.text)
    }

    /// Words that are left.
    pub(super) fn rest(&mut self) -> impl Iterator<Item = &'t str> {
        self.at = self.tokens.first().map_or(self.end, |first| first.at);
        std::mem::take(&mut self.tokens).iter().map(|token| token.text)
    }

    /// All words that are left, at least one, joined: long hexadecimal and base64 may be cut anywhere.
    fn joined(&mut self) -> Result<String, String> {
        match self.tokens {
            [] => Err("the data ends too early".to_owned()),
            _ => Ok(self.rest().collect()),
        }
    }

    /// A number that fits.
    fn number<N: FromStr>(&mut self) -> Result<N, String> {
        let word = self.next()?;
        let plain = word.bytes().all(|byte| byte.is_ascii_digit());
        let number = plain.then(|| word.parse().ok()).flatten();
        number.ok_or_else(|| format!("{word:?} is not a number of the size wanted"))
    }

    fn parsed<T: FromStr>(&mut self, what: &str) -> Result<T, String> {
        let word = self.next()?;
        word.parse().map_err(|_| format!("{word:?} is not {what}"))
    }

    fn part(&mut self, field: Field, wire: &mut Vec<u8>) -> Result<(), String> {
        match field {
            Field::V4 => wire.extend(self.parsed::<Ipv4Addr>("an IPv4 address")?.octets()),
            Field::V6 => wire.extend(self.parsed::<Ipv6Addr>("an IPv6 address")?.octets()),
            Field::Name => Name::parse_below(self.next()?, self.origin)?.compose(wire),
            Field::U8 => wire.push(self.number()?),
            Field::U16 => wire.extend(self.number::<u16>()?.to_be_bytes()),
            Field::U32 => wire.extend(self.number::<u32>()?.to_be_bytes()),
            Field::Seconds => wire.extend(Ttl::parse(self.next()?)?.seconds().to_be_bytes()),
            Field::Moment => wire.extend(rare::read_moment(self.next()?)?.to_be_bytes()),
            Field::Type => wire.extend(self.parsed::<RecordType>("a record type")?.0.to_be_bytes()),
            Field::CertKind => wire.extend(rare::cert_kind(self.next()?)?.to_be_bytes()),
            Field::Algorithm => wire.push(rare::algorithm(self.next()?)?),
            Field::String | Field::Tag => {
                let string = unescaped(self.next()?)?;
                wire.push(u8::try_from(string.len()).map_err(|_| "a string has at most 255 bytes")?);
                wire.extend(string);
            }
            Field::Strings => self.strings(wire)?,
            Field::Text => wire.extend(unescaped(self.next()?)?),
            Field::Hex => wire.extend(read_hex(&self.joined()?)?),
            Field::Base64 => {
                let text = self.joined()?;
                wire.extend(base64::decode::<Vec<u8>>(&text).map_err(|_| format!("{text:?} is not base64"))?);
            }
            Field::Salt => {
                let word = self.next()?;
                counted(&if word == "-" { Vec::new() } else { read_hex(word)? }, wire)?;
            }
            Field::Hash => {
                let word = self.next()?;
                let hash = base32::decode_hex::<Vec<u8>>(word).map_err(|_| format!("{word:?} is not base32"));
                counted(&hash?, wire)?;
            }
            Field::Types => self.types(wire)?,
            Field::Eui(length) => {
                let text = self.next()?;
                let bytes = read_hex(&text.replace('-', ""))?;
                if bytes.len() != length || text.len() != length * 3 - 1 {
                    return Err(format!("{text:?} is not {length} bytes with hyphens between"));
                }
                wire.extend(bytes);
            }
            Field::Groups => {
                let text = self.next()?;
                let groups = text.split(':').map(|group| u16::from_str_radix(group, 16));
                match groups.collect::<Result<Vec<u16>, _>>() {
                    Ok(groups) if groups.len() == 4 => {
                        wire.extend(groups.into_iter().flat_map(u16::to_be_bytes))
                    }
                    _ => return Err(format!("{text:?} is not four groups of hexadecimal digits")),
                }
            }
            Field::Parameters => service::read(self.rest(), wire)?,
            Field::Prefixes => self.rest().try_for_each(|item| rare::read_prefix(item, wire))?,
            Field::Place => rare::read_place(self, wire)?,
            Field::Gateway => self.gateway(wire)?,
        }
        Ok(())
    }

    fn strings(&mut self, wire: &mut Vec<u8>) -> Result<(), String> {
        if self.tokens.is_empty() {
            return Err("a text is missing".to_owned());
        }
        for token in self.rest() {
            let string = unescaped(token)?;
            // A string above 255 bytes is no valid file, but what is meant is clear.
            for part in string.chunks(255) {
                counted(part, wire)?;
            }
            if string.is_empty() {
                wire.push(0);
            }
        }
        Ok(())
    }

    fn types(&mut self, wire: &mut Vec<u8>) -> Result<(), String> {
        let types = self.rest().map(|word| word.parse::<RecordType>().map_err(|error| error.to_string()));
        let mut types = types.collect::<Result<Vec<_>, _>>()?;
        types.sort_unstable();
        for window in types.chunk_by(|a, b| a.0 >> 8 == b.0 >> 8) {
            let mut bitmap = [0u8; 32];
            for rtype in window {
                bitmap[usize::from(rtype.0 & 0xFF) / 8] |= 0x80 >> (rtype.0 & 7);
            }
            let length = bitmap.iter().rposition(|byte| *byte != 0).map_or(0, |at| at + 1);
            wire.extend([(window[0].0 >> 8) as u8, length as u8]);
            wire.extend(&bitmap[..length]);
        }
        Ok(())
    }

    fn gateway(&mut self, wire: &mut Vec<u8>) -> Result<(), String> {
        let kind: u8 = self.number()?;
        wire.extend([kind, self.number()?]);
        match kind {
            0 if self.next()? != "." => Err("a gateway of kind 0 is a dot".to_owned()),
            0 => Ok(()),
            1 => self.part(Field::V4, wire),
            2 => self.part(Field::V6, wire),
            3 => self.part(Field::Name, wire),
            _ => Err("the kind of a gateway is 0 to 3".to_owned()),
        }
    }
}

fn counted(bytes: &[u8], wire: &mut Vec<u8>) -> Result<(), String> {
    wire.push(u8::try_from(bytes.len()).map_err(|_| "at most 255 bytes")?);
    wire.extend_from_slice(bytes);
    Ok(())
}

/// A word with its escapes resolved.
pub(super) fn unescaped(text: &str) -> Result<Vec<u8>, String> {
    let mut out = Vec::with_capacity(text.len());
    let mut bytes = text.bytes();
    while let Some(byte) = bytes.next() {
        match byte {
            b'\\' => out.push(escape(&mut bytes).ok_or_else(|| format!("a bad escape in {text:?}"))?),
            other => out.push(other),
        }
    }
    Ok(out)
}

/// What stands behind a backslash: three digits, or a sign for itself.
pub(super) fn escape(bytes: &mut impl Iterator<Item = u8>) -> Option<u8> {
    let first = bytes.next()?;
    if !first.is_ascii_digit() {
        return Some(first);
    }
    let value = [Some(first), bytes.next(), bytes.next()].into_iter().try_fold(0u16, |value, digit| {
        let digit = digit.filter(u8::is_ascii_digit)?;
        Some(value * 10 + u16::from(digit - b'0'))
    });
    value.and_then(|value| u8::try_from(value).ok())
}

/// RFC 3597: `\# length hex`.
fn generic(rtype: RecordType, tokens: &[Token<'_>]) -> Result<RecordData, String> {
    let (length, hex) = tokens.split_first().ok_or("\\# without a length")?;
    let wire = read_hex(&hex.iter().map(|token| token.text).collect::<String>())?;
    if length.text.parse() != Ok(wire.len()) {
        return Err(format!("\\# says {} bytes and gives {}", length.text, wire.len()));
    }
    RecordData::from_wire(rtype, &wire).map_err(|error| error.reason())
}

/// Bytes of pairs of hexadecimal digits.
pub(super) fn read_hex(text: &str) -> Result<Vec<u8>, String> {
    let bad = || format!("{text:?} is not hexadecimal");
    if !text.is_ascii() || text.len() % 2 == 1 {
        return Err(bad());
    }
    let pairs = text.as_bytes().chunks_exact(2);
    pairs
        .map(|pair| {
            let pair = std::str::from_utf8(pair).map_err(|_| bad())?;
            let plain = pair.bytes().all(|byte| byte.is_ascii_hexdigit());
            if plain { u8::from_str_radix(pair, 16).map_err(|_| bad()) } else { Err(bad()) }
        })
        .collect()
}
