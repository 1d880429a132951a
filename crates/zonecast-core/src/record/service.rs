//! Service parameters of SVCB and HTTPS, RFC 9460 section 2.1 and appendix A.

use super::print::six;
use super::read::unescaped;
use super::txt::quote;
use super::wire::Cursor;
use domain::utils::base64;
use std::fmt::Write as _;
use std::net::{Ipv4Addr, Ipv6Addr};

const MANDATORY: u16 = 0;
const ALPN: u16 = 1;
const NO_DEFAULT_ALPN: u16 = 2;
const PORT: u16 = 3;
const IPV4HINT: u16 = 4;
const ECH: u16 = 5;
const IPV6HINT: u16 = 6;

/// Names that are read; written are only those every server knows: the first seven.
const NAMES: [&str; 9] =
    ["mandatory", "alpn", "no-default-alpn", "port", "ipv4hint", "ech", "ipv6hint", "dohpath", "ohttp"];
const WRITTEN: u16 = 7;

fn key_of(name: &str) -> Result<u16, String> {
    let bad = || format!("{name:?} is not a service parameter (alpn, port, ... or keyNNNNN)");
    if let Some(at) = NAMES.iter().position(|known| known.eq_ignore_ascii_case(name)) {
        return Ok(at as u16);
    }
    let number = name.strip_prefix("key").filter(|digits| !digits.starts_with('+')).ok_or_else(bad)?;
    number.parse().map_err(|_| bad())
}

fn name_of(key: u16) -> String {
    match NAMES.get(usize::from(key)) {
        Some(name) if key < WRITTEN => (*name).to_owned(),
        _ => format!("key{key}"),
    }
}

/// Writes the parameters of these words, in order of their keys.
pub(super) fn read<'t>(words: impl Iterator<Item = &'t str>, wire: &mut Vec<u8>) -> Result<(), String> {
    let mut all: Vec<(u16, Vec<u8>)> = Vec::new();
    for word in words {
        let (name, value) = word.split_once('=').map_or((word, None), |(name, value)| (name, Some(value)));
        let key = key_of(name)?;
        let value = value
            .map(|value| value.strip_prefix('"').and_then(|inner| inner.strip_suffix('"')).unwrap_or(value));
        let value = read_value(key, value).map_err(|error| format!("{word}: {error}"))?;
        all.push((key, value));
    }
    all.sort();
    if let Some(pair) = all.windows(2).find(|pair| pair[0].0 == pair[1].0) {
        return Err(format!("{} is given twice", name_of(pair[0].0)));
    }
    let mandatory = all.first().filter(|(key, _)| *key == MANDATORY);
    for wanted in mandatory.iter().flat_map(|(_, keys)| keys.chunks_exact(2)) {
        let wanted = u16::from_be_bytes([wanted[0], wanted[1]]);
        if wanted == MANDATORY || !all.iter().any(|(key, _)| *key == wanted) {
            return Err(format!("mandatory names {}, which is not there", name_of(wanted)));
        }
    }
    for (key, value) in all {
        wire.extend(key.to_be_bytes());
        wire.extend(u16::try_from(value.len()).map_err(|_| "a parameter is too long")?.to_be_bytes());
        wire.extend(value);
    }
    Ok(())
}

fn read_value(key: u16, value: Option<&str>) -> Result<Vec<u8>, String> {
    let Some(text) = value else {
        return if matches!(key, MANDATORY | ALPN | PORT | IPV4HINT | ECH | IPV6HINT) {
            Err("a value is missing".to_owned())
        } else {
            Ok(Vec::new())
        };
    };
    let bytes = unescaped(text)?;
    let plain = || String::from_utf8(bytes.clone()).map_err(|_| "not plain text".to_owned());
    match key {
        MANDATORY => {
            let mut keys = plain()?.split(',').map(key_of).collect::<Result<Vec<_>, _>>()?;
            keys.sort_unstable();
            keys.dedup();
            Ok(keys.into_iter().flat_map(u16::to_be_bytes).collect())
        }
        ALPN => alpn(&bytes),
        NO_DEFAULT_ALPN if bytes.is_empty() => Ok(bytes),
        NO_DEFAULT_ALPN => Err("no value is wanted".to_owned()),
        PORT => Ok(plain()?.parse::<u16>().map_err(|_| "not a port")?.to_be_bytes().to_vec()),
        IPV4HINT => {
            let text = plain()?;
            let hints = text.split(',').map(|hint| hint.parse::<Ipv4Addr>().map(|hint| hint.octets()));
            Ok(hints.collect::<Result<Vec<_>, _>>().map_err(|_| "not IPv4 addresses")?.concat())
        }
        IPV6HINT => {
            let text = plain()?;
            let hints = text.split(',').map(|hint| hint.parse::<Ipv6Addr>().map(|hint| hint.octets()));
            Ok(hints.collect::<Result<Vec<_>, _>>().map_err(|_| "not IPv6 addresses")?.concat())
        }
        ECH => match base64::decode::<Vec<u8>>(&plain()?) {
            Ok(bytes) if !bytes.is_empty() => Ok(bytes),
            _ => Err("not base64".to_owned()),
        },
        _ => Ok(bytes),
    }
}

/// Protocol names with a comma between; a comma or backslash within one has a backslash before it.
fn alpn(list: &[u8]) -> Result<Vec<u8>, String> {
    let mut names: Vec<Vec<u8>> = vec![Vec::new()];
    let mut bytes = list.iter().copied();
    while let Some(byte) = bytes.next() {
        let name = names.last_mut().ok_or("no protocol")?;
        match byte {
            b',' => names.push(Vec::new()),
            b'\\' => name.push(bytes.next().ok_or("a bad escape")?),
            other => name.push(other),
        }
    }
    let mut wire = Vec::with_capacity(list.len() + names.len());
    for name in names {
        let length = u8::try_from(name.len()).ok().filter(|length| *length > 0);
        wire.push(length.ok_or("a protocol name has 1 to 255 bytes")?);
        wire.extend(name);
    }
    Ok(wire)
}

/// The parameters as PowerDNS normalises them.
pub(super) fn print(cursor: &mut Cursor<'_>, out: &mut String) -> Option<()> {
    let mut first = true;
    while !cursor.0.is_empty() {
        let (key, length) = (cursor.u16()?, cursor.u16()?);
        let value = cursor.take(length.into())?;
        let gap = if first { "" } else { " " };
        first = false;
        let name = name_of(key);
        let _ = match key {
            NO_DEFAULT_ALPN => value.is_empty().then(|| write!(out, "{gap}{name}"))?,
            key if key < WRITTEN => write!(out, "{gap}{name}={}", printed(key, value)?),
            _ => write!(out, "{gap}{name}={}", plainly_quoted(value)),
        };
    }
    Some(())
}

fn printed(key: u16, value: &[u8]) -> Option<String> {
    if value.is_empty() {
        return None;
    }
    let list = |parts: Vec<String>| Some(parts.join(","));
    match key {
        MANDATORY => {
            let keys = value.chunks(2).map(|pair| pair.try_into().ok().map(u16::from_be_bytes));
            let keys: Vec<u16> = keys.collect::<Option<_>>()?;
            keys.is_sorted_by(|a, b| a < b).then(|| list(keys.into_iter().map(name_of).collect()))?
        }
        ALPN => {
            let mut names = Cursor(value);
            let mut out = String::new();
            while !names.0.is_empty() {
                let name = names.counted().filter(|name| !name.is_empty())?;
                out.push_str(if out.is_empty() { "" } else { "," });
                name.iter().for_each(|byte| push_protocol_byte(*byte, &mut out));
            }
            Some(out)
        }
        PORT => value.try_into().ok().map(u16::from_be_bytes).map(|port| port.to_string()),
        IPV4HINT => {
            let hints = value.chunks(4).map(|hint| <[u8; 4]>::try_from(hint).ok().map(Ipv4Addr::from));
            list(hints.map(|hint| hint.map(|hint| hint.to_string())).collect::<Option<_>>()?)
        }
        ECH => Some(format!("\"{}\"", base64::encode_string(value))),
        _ => {
            let hints = value.chunks(16).map(|hint| <[u8; 16]>::try_from(hint).ok().map(Ipv6Addr::from));
            list(hints.map(|hint| hint.map(six)).collect::<Option<_>>()?)
        }
    }
}

/// One byte of a protocol name: escaped for the list, and that escaped for the word.
fn push_protocol_byte(byte: u8, out: &mut String) {
    let _ = match byte {
        b',' => write!(out, "\\\\,"),
        b'\\' => write!(out, "\\\\\\\\"),
        b'"' | b';' | b'(' | b')' => write!(out, "\\{:03}", byte),
        0x21..=0x7e => write!(out, "{}", byte as char),
        _ => write!(out, "\\{byte:03}"),
    };
}

/// Quoted, without the signs that ldns and PowerDNS take for their own within `key="..."`.
fn plainly_quoted(value: &[u8]) -> String {
    quote(value).replace(';', "\\059").replace('(', "\\040").replace(')', "\\041")
}
