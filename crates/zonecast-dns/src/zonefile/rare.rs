//! Presentation forms that `domain` 0.12 cannot read, RFC by RFC.

use super::rdata::{Words, read_hex, unescaped};
use base64::Engine as _;
use std::net::IpAddr;
use zonecast_core::RecordType;

const AFSDB: u16 = 18;
const LOC: u16 = 29;
const KX: u16 = 36;
const CERT: u16 = 37;
const APL: u16 = 42;
const DHCID: u16 = 49;
const SMIMEA: u16 = 53;
const CSYNC: u16 = 62;
const EUI48: u16 = 108;
const EUI64: u16 = 109;
const URI: u16 = 256;

/// Writes the data of one of these types; false for any other type.
pub(super) fn read_rare(rtype: RecordType, words: &mut Words<'_, '_>) -> Result<bool, String> {
    match rtype.0 {
        AFSDB | KX => words.number::<u16>().and_then(|()| words.name())?,
        CERT => cert(words)?,
        APL => apl(words)?,
        DHCID => base64_rest(words)?,
        SMIMEA => {
            (0..3).try_for_each(|_| words.number::<u8>())?;
            let hex = read_hex(&words.joined())?;
            words.wire.extend(hex);
        }
        CSYNC => csync(words)?,
        EUI48 | EUI64 => eui(words, if rtype.0 == EUI48 { 6 } else { 8 })?,
        URI => {
            (0..2).try_for_each(|_| words.number::<u16>())?;
            let target = unescaped(words.next()?.text)?;
            words.wire.extend(target);
        }
        LOC => loc(words)?,
        _ => return Ok(false),
    }
    Ok(true)
}

fn base64_rest(words: &mut Words<'_, '_>) -> Result<(), String> {
    let text = words.joined();
    let bytes = base64::engine::general_purpose::STANDARD.decode(&text);
    words.wire.extend(bytes.map_err(|_| format!("{text:?} is not base64"))?);
    Ok(())
}

/// RFC 4398: type and algorithm by number or mnemonic.
fn cert(words: &mut Words<'_, '_>) -> Result<(), String> {
    let kind = words.next()?.text;
    let known = ["PKIX", "SPKI", "PGP", "IPKIX", "ISPKI", "IPGP", "ACPKIX", "IACPKIX"];
    let kind = match known.iter().position(|name| name.eq_ignore_ascii_case(kind)) {
        Some(at) => at as u16 + 1,
        None if kind.eq_ignore_ascii_case("URI") => 253,
        None if kind.eq_ignore_ascii_case("OID") => 254,
        None => kind.parse().map_err(|_| format!("{kind:?} is not a certificate type"))?,
    };
    words.wire.extend(kind.to_be_bytes());
    words.number::<u16>()?;
    words.number::<u8>()?;
    base64_rest(words)
}

/// RFC 3123: `[!]family:address/prefix`, trailing zero bytes left out on the wire.
fn apl(words: &mut Words<'_, '_>) -> Result<(), String> {
    let items: Vec<&str> = words.rest().iter().map(|token| token.text).collect();
    for item in items {
        let bad = || format!("{item:?} is not an address prefix (1:192.0.2.0/24)");
        let (negated, rest) = item.strip_prefix('!').map_or((0, item), |rest| (0x80, rest));
        let (family, rest) = rest.split_once(':').ok_or_else(bad)?;
        let (address, prefix) = rest.split_once('/').ok_or_else(bad)?;
        let prefix: u8 = prefix.parse().map_err(|_| bad())?;
        let (family, mut octets) = match (family, address.parse::<IpAddr>()) {
            ("1", Ok(IpAddr::V4(v4))) if prefix <= 32 => (1u16, v4.octets().to_vec()),
            ("2", Ok(IpAddr::V6(v6))) if prefix <= 128 => (2, v6.octets().to_vec()),
            _ => return Err(bad()),
        };
        while octets.last() == Some(&0) {
            octets.pop();
        }
        words.wire.extend(family.to_be_bytes());
        words.wire.extend([prefix, negated | octets.len() as u8]);
        words.wire.extend(octets);
    }
    Ok(())
}

/// RFC 7477: serial, flags, the types to copy as a bitmap.
fn csync(words: &mut Words<'_, '_>) -> Result<(), String> {
    words.number::<u32>()?;
    words.number::<u16>()?;
    let mut types = Vec::new();
    for token in words.rest() {
        let rtype = token.text.parse::<RecordType>().map_err(|error| error.to_string())?;
        types.push(rtype.0);
    }
    types.sort_unstable();
    for window in types.chunk_by(|a, b| a >> 8 == b >> 8) {
        let mut bitmap = [0u8; 32];
        for rtype in window {
            bitmap[usize::from(rtype & 0xFF) / 8] |= 0x80 >> (rtype & 7);
        }
        let length = bitmap.iter().rposition(|byte| *byte != 0).map_or(0, |at| at + 1);
        words.wire.extend([(window[0] >> 8) as u8, length as u8]);
        words.wire.extend(&bitmap[..length]);
    }
    Ok(())
}

/// RFC 7043: pairs of hexadecimal digits with hyphens between.
fn eui(words: &mut Words<'_, '_>, length: usize) -> Result<(), String> {
    let text = words.next()?.text;
    let bytes = read_hex(&text.replace('-', ""))?;
    if bytes.len() != length || text.len() != length * 3 - 1 {
        return Err(format!("{text:?} is not {length} bytes with hyphens between"));
    }
    words.wire.extend(bytes);
    Ok(())
}

/// RFC 1876 section 3: degrees [minutes [seconds]] N/S, the same E/W, altitude, and three sizes.
fn loc(words: &mut Words<'_, '_>) -> Result<(), String> {
    let latitude = angle(words, ["N", "S"], 90)?;
    let longitude = angle(words, ["E", "W"], 180)?;
    let altitude = centimetres(words.next()?.text)?.checked_add(10_000_000);
    let altitude =
        altitude.and_then(|altitude| u32::try_from(altitude).ok()).ok_or("altitude out of range")?;
    let mut sizes = [0x12, 0x16, 0x13]; // 1 m, 10 km, 10 m
    let given: Vec<&str> = words.rest().iter().map(|token| token.text).collect();
    if given.len() > sizes.len() {
        return Err("LOC has at most three sizes".to_owned());
    }
    for (size, text) in sizes.iter_mut().zip(given) {
        *size = power(centimetres(text)?).ok_or_else(|| format!("{text:?} is out of range"))?;
    }
    words.wire.push(0);
    words.wire.extend(sizes);
    for number in [latitude, longitude, altitude] {
        words.wire.extend(number.to_be_bytes());
    }
    Ok(())
}

/// Thousandths of an arc second from the equator or prime meridian, which is 2^31.
fn angle(words: &mut Words<'_, '_>, sides: [&str; 2], degrees_max: u32) -> Result<u32, String> {
    let mut parts = [0.0f64; 3];
    for count in 0.. {
        let word = words.next()?.text;
        if let Some(side) = sides.iter().position(|side| side.eq_ignore_ascii_case(word)) {
            let thousandths = (parts[0] * 3_600_000.0 + parts[1] * 60_000.0 + parts[2] * 1000.0).round();
            if count == 0 || thousandths > f64::from(degrees_max) * 3_600_000.0 {
                return Err("an angle is out of range".to_owned());
            }
            let thousandths = thousandths as u32;
            let zero = 1u32 << 31;
            return Ok(if side == 0 { zero + thousandths } else { zero - thousandths });
        }
        let value = word.parse().ok().filter(|value: &f64| (0.0..=180.0).contains(value));
        *parts.get_mut(count).ok_or("an angle has degrees, minutes and seconds")? =
            value.ok_or_else(|| format!("{word:?} is not a part of an angle"))?;
    }
    Err("an angle is missing".to_owned())
}

/// Metres with up to two decimals and an optional `m`.
fn centimetres(text: &str) -> Result<i64, String> {
    let metres: f64 =
        text.trim_end_matches(['m', 'M']).parse().map_err(|_| format!("{text:?} is not metres"))?;
    if !(-100_000.0..=90_000_000.0).contains(&metres) {
        return Err(format!("{text:?} is out of range"));
    }
    Ok((metres * 100.0).round() as i64)
}

/// One digit and a power of ten, as one byte.
fn power(centimetres: i64) -> Option<u8> {
    let (mut digit, mut exponent) = (u64::try_from(centimetres).ok()?, 0u8);
    while digit > 9 {
        digit /= 10;
        exponent += 1;
    }
    (exponent <= 9).then_some((digit as u8) << 4 | exponent)
}
