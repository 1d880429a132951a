//! What careful services check of a record's data, and the spelling they keep.

use std::net::{Ipv4Addr, Ipv6Addr};

/// The data in the form a service keeps, or what is wrong with it.
pub(super) fn check(rtype: &str, value: &str) -> Result<String, String> {
    let words: Vec<&str> = value.split(' ').collect();
    let numbers = |count: usize| -> Result<(), String> {
        match words.len() > count && words[..count].iter().all(|word| word.parse::<u16>().is_ok()) {
            true => Ok(()),
            false => Err(format!("{value:?} does not begin with {count} numbers")),
        }
    };
    match rtype {
        "A" => value.parse::<Ipv4Addr>().map(|one| one.to_string()).map_err(|error| error.to_string()),
        "AAAA" => value.parse::<Ipv6Addr>().map(|one| one.to_string()).map_err(|error| error.to_string()),
        "CNAME" | "NS" | "PTR" | "DNAME" => host(value).map(str::to_owned),
        "MX" if words.len() == 2 => numbers(1).and(host(words[1]).map(|_| value.to_owned())),
        "SRV" if words.len() == 4 => numbers(3).and(host(words[3]).map(|_| value.to_owned())),
        "HTTPS" | "SVCB" if words.len() > 1 => numbers(1).and(host(words[1]).map(|_| value.to_owned())),
        "CAA" if words.len() > 2 => {
            let text = value.splitn(3, ' ').last().unwrap_or_default();
            numbers(1).and(strings(text).map(|_| value.to_owned()))
        }
        "TXT" | "SPF" => strings(value).map(|_| value.to_owned()),
        "TLSA" if words.len() == 4 => numbers(3).and(hex(words[3])).map(|()| value.to_ascii_lowercase()),
        "DS" if words.len() == 4 => numbers(3).and(hex(words[3])).map(|()| value.to_ascii_lowercase()),
        "SSHFP" if words.len() == 3 => numbers(2).and(hex(words[2])).map(|()| value.to_ascii_lowercase()),
        "NAPTR" if words.len() == 6 => numbers(2).map(|()| value.to_owned()),
        _ => Err(format!("{value:?} is not data of type {rtype}")),
    }
}

/// A target with its final dot.
fn host(text: &str) -> Result<&str, String> {
    let fine = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.' | '*');
    let labels = text.trim_end_matches('.').split('.');
    match text {
        "." => Ok(text),
        _ if !text.ends_with('.') => Err(format!("{text:?} lacks its final dot")),
        _ if !text.chars().all(fine) => Err(format!("{text:?} is not a host name")),
        _ if labels.clone().any(|label| label.is_empty() || label.len() > 63) => {
            Err(format!("{text:?} has a label that is empty or too long"))
        }
        _ => Ok(text),
    }
}

fn hex(text: &str) -> Result<(), String> {
    match text.len().is_multiple_of(2) && text.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        true => Ok(()),
        false => Err("not hexadecimal".to_owned()),
    }
}

/// Quoted strings of at most 255 bytes each; gives the bytes of all.
pub(super) fn strings(text: &str) -> Result<Vec<u8>, String> {
    let (mut all, mut bytes) = (Vec::new(), text.bytes().peekable());
    loop {
        while bytes.next_if_eq(&b' ').is_some() {}
        match bytes.next() {
            None if all.is_empty() && text != "\"\"" => return Err("there is no string".to_owned()),
            None => return Ok(all),
            Some(b'"') => {}
            Some(_) => return Err("a string is not quoted".to_owned()),
        }
        let start = all.len();
        loop {
            match bytes.next() {
                None => return Err("a quote is not closed".to_owned()),
                Some(b'"') => break,
                Some(b'\\') => all.push(escape(&mut bytes).ok_or("an escape is wrong")?),
                Some(byte) if !(b' '..0x7f).contains(&byte) => return Err("a byte is not escaped".to_owned()),
                Some(byte) => all.push(byte),
            }
        }
        if all.len() - start > 255 {
            return Err("a string is longer than 255 bytes".to_owned());
        }
    }
}

fn escape(bytes: &mut impl Iterator<Item = u8>) -> Option<u8> {
    let first = bytes.next()?;
    if !first.is_ascii_digit() {
        return Some(first);
    }
    let digits = [first, bytes.next()?, bytes.next()?];
    std::str::from_utf8(&digits).ok()?.parse().ok()
}

/// A relative name: labels of letters, digits, `-` and `_`, a wildcard only in front, `@` alone.
pub(super) fn is_label(name: &str) -> bool {
    let fine = |label: &str| {
        (1..=63).contains(&label.len())
            && label.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || matches!(b, b'-' | b'_'))
    };
    let rest = name.strip_prefix("*.").unwrap_or(name);
    matches!(name, "@" | "*") || rest.split('.').all(fine)
}
