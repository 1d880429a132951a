//! The data of one record, from words to wire form.

use super::entry::{read_name, read_ttl};
use super::lexer::Token;
use super::rare::read_rare;
use bytes::Bytes;
use domain::base::rdata::ComposeRecordData;
use domain::zonefile::inplace::{Entry, Zonefile};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use zonecast_core::{Name, RecordData, RecordType};

/// The words of one record's data, taken from left to right.
pub(super) struct Words<'a, 't> {
    tokens: &'a [Token<'t>],
    origin: &'a Name,
    pub(super) wire: Vec<u8>,
}

/// Reads the data of a record.
pub(super) fn read_data(
    rtype: RecordType,
    tokens: &[Token<'_>],
    origin: &Name,
) -> Result<RecordData, String> {
    if tokens.first().is_some_and(|token| token.text == "\\#" && !token.quoted) {
        return read_generic(rtype, &tokens[1..]);
    }
    let mut words = Words { tokens, origin, wire: Vec::new() };
    let known = match rtype {
        RecordType::A | RecordType::AAAA => return read_address(rtype, words.only()?),
        RecordType::TXT | RecordType::SPF => return read_text(rtype, tokens),
        rtype if rtype.is_single_name() => words.name().map(|()| true),
        RecordType::MX => words.number::<u16>().and_then(|()| words.name()).map(|()| true),
        RecordType::SRV => {
            (0..3).try_for_each(|_| words.number::<u16>()).and_then(|()| words.name()).map(|()| true)
        }
        RecordType::SOA => words.soa().map(|()| true),
        _ => read_rare(rtype, &mut words),
    };
    if !known? {
        return read_by_domain(rtype, tokens, origin);
    }
    if let Some(left) = words.tokens.first() {
        return Err(format!("{:?} is one word too many for {rtype}", left.text));
    }
    RecordData::from_wire(rtype, &words.wire).map_err(|error| error.to_string())
}

impl<'t> Words<'_, 't> {
    /// The next word.
    pub(super) fn next(&mut self) -> Result<Token<'t>, String> {
        let (first, rest) = self.tokens.split_first().ok_or("the data ends too early")?;
        self.tokens = rest;
        Ok(*first)
    }

    fn only(&mut self) -> Result<&'t str, String> {
        match self.tokens {
            [only] => Ok(only.text),
            _ => Err("exactly one word of data is wanted".to_owned()),
        }
    }

    /// All words that are left, joined: long hexadecimal and base64 may be cut anywhere.
    pub(super) fn joined(&mut self) -> String {
        std::mem::take(&mut self.tokens).iter().map(|token| token.text).collect()
    }

    /// Words that are left.
    pub(super) fn rest(&mut self) -> &[Token<'t>] {
        std::mem::take(&mut self.tokens)
    }

    /// Reads a name and writes it.
    pub(super) fn name(&mut self) -> Result<(), String> {
        let word = self.next()?;
        read_name(word.text, self.origin)?.compose(&mut self.wire);
        Ok(())
    }

    /// Reads a number of a given size and writes it.
    pub(super) fn number<N: Number>(&mut self) -> Result<(), String> {
        let word = self.next()?.text;
        N::push(word, &mut self.wire).ok_or_else(|| format!("{word:?} is not a number of the size wanted"))
    }

    fn soa(&mut self) -> Result<(), String> {
        self.name()?;
        self.name()?;
        self.number::<u32>()?;
        for _ in 0..4 {
            let seconds = read_ttl(self.next()?.text)?.seconds();
            self.wire.extend_from_slice(&seconds.to_be_bytes());
        }
        Ok(())
    }
}

/// Unsigned numbers, written big-endian.
pub(super) trait Number {
    fn push(text: &str, wire: &mut Vec<u8>) -> Option<()>;
}

impl Number for u8 {
    fn push(text: &str, wire: &mut Vec<u8>) -> Option<()> {
        wire.push(text.parse().ok()?);
        Some(())
    }
}

impl Number for u16 {
    fn push(text: &str, wire: &mut Vec<u8>) -> Option<()> {
        wire.extend_from_slice(&text.parse::<u16>().ok()?.to_be_bytes());
        Some(())
    }
}

impl Number for u32 {
    fn push(text: &str, wire: &mut Vec<u8>) -> Option<()> {
        wire.extend_from_slice(&text.parse::<u32>().ok()?.to_be_bytes());
        Some(())
    }
}

fn read_address(rtype: RecordType, text: &str) -> Result<RecordData, String> {
    let address = match rtype {
        RecordType::A => text.parse::<Ipv4Addr>().map(IpAddr::from),
        _ => text.parse::<Ipv6Addr>().map(IpAddr::from),
    };
    address.map(RecordData::address).map_err(|_| format!("{text:?} is not an address for {rtype}"))
}

fn read_text(rtype: RecordType, tokens: &[Token<'_>]) -> Result<RecordData, String> {
    let mut wire = Vec::new();
    if tokens.is_empty() {
        return Err("a text is missing".to_owned());
    }
    for token in tokens {
        let string = unescaped(token.text)?;
        // A string above 255 bytes is no valid file, but what is meant is clear.
        for part in string.chunks(255) {
            wire.push(part.len() as u8);
            wire.extend_from_slice(part);
        }
        if string.is_empty() {
            wire.push(0);
        }
    }
    RecordData::from_wire(rtype, &wire).map_err(|error| error.to_string())
}

/// A word with its escapes resolved.
pub(super) fn unescaped(text: &str) -> Result<Vec<u8>, String> {
    let mut out = Vec::with_capacity(text.len());
    let mut bytes = text.bytes();
    while let Some(byte) = bytes.next() {
        if byte != b'\\' {
            out.push(byte);
            continue;
        }
        let bad = || format!("a bad escape in {text:?}");
        let first = bytes.next().ok_or_else(bad)?;
        if !first.is_ascii_digit() {
            out.push(first);
            continue;
        }
        let digits = [Some(first), bytes.next(), bytes.next()];
        let value = digits.into_iter().try_fold(0u16, |value, digit| {
            let digit = digit.filter(u8::is_ascii_digit)?;
            Some(value * 10 + u16::from(digit - b'0'))
        });
        out.push(value.and_then(|value| u8::try_from(value).ok()).ok_or_else(bad)?);
    }
    Ok(out)
}

/// RFC 3597: `\# length hex`.
fn read_generic(rtype: RecordType, tokens: &[Token<'_>]) -> Result<RecordData, String> {
    let (length, hex) = tokens.split_first().ok_or("\\# without a length")?;
    let wire = read_hex(&hex.iter().map(|token| token.text).collect::<String>())?;
    if length.text.parse() != Ok(wire.len()) {
        return Err(format!("\\# says {} bytes and gives {}", length.text, wire.len()));
    }
    RecordData::from_wire(rtype, &wire).map_err(|error| error.to_string())
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

/// Every other type `domain` knows: one entry is given to its scanner, with our origin.
fn read_by_domain(rtype: RecordType, tokens: &[Token<'_>], origin: &Name) -> Result<RecordData, String> {
    let mut line = format!(". 0 IN {rtype}");
    for token in tokens {
        let quote = if token.quoted { "\"" } else { "" };
        line.extend([" ", quote, token.text, quote]);
    }
    line.push('\n');
    let mut file = Zonefile::new();
    let origin = domain::base::Name::from_octets(Bytes::from(origin.to_wire()));
    file.set_origin(origin.map_err(|error| error.to_string())?);
    file.extend_from_slice(line.as_bytes());
    match file.next_entry() {
        Ok(Some(Entry::Record(record))) => {
            let mut wire = Vec::new();
            // Writing to a vector cannot fail.
            let _ = record.data().compose_canonical_rdata(&mut wire);
            RecordData::from_wire(rtype, &wire).map_err(|error| error.to_string())
        }
        Ok(_) => Err("nothing to read".to_owned()),
        Err(error) => Err(format!("not valid data of type {rtype}: {error}")),
    }
}
