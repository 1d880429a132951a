//! Parts that only one type has: places, prefixes, moments, kinds of certificates.

use super::print::six;
use super::read::Words;
use super::wire::Cursor;
use std::fmt::Write as _;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// RFC 4398: by number or mnemonic.
pub(super) fn cert_kind(kind: &str) -> Result<u16, String> {
    let known = ["PKIX", "SPKI", "PGP", "IPKIX", "ISPKI", "IPGP", "ACPKIX", "IACPKIX"];
    match known.iter().position(|name| name.eq_ignore_ascii_case(kind)) {
        Some(at) => Ok(at as u16 + 1),
        None if kind.eq_ignore_ascii_case("URI") => Ok(253),
        None if kind.eq_ignore_ascii_case("OID") => Ok(254),
        None => kind.parse().map_err(|_| format!("{kind:?} is not a certificate type")),
    }
}

/// RFC 4034 appendix A.1 and the registry: by number or mnemonic, as BIND prints it.
pub(super) fn algorithm(text: &str) -> Result<u8, String> {
    let known = [
        ("DELETE", 0),
        ("RSAMD5", 1),
        ("DH", 2),
        ("DSA", 3),
        ("RSASHA1", 5),
        ("NSEC3DSA", 6),
        ("DSA-NSEC3-SHA1", 6),
        ("NSEC3RSASHA1", 7),
        ("RSASHA1-NSEC3-SHA1", 7),
        ("RSASHA256", 8),
        ("RSASHA512", 10),
        ("ECCGOST", 12),
        ("ECC-GOST", 12),
        ("ECDSAP256SHA256", 13),
        ("ECDSAP384SHA384", 14),
        ("ED25519", 15),
        ("ED448", 16),
        ("INDIRECT", 252),
        ("PRIVATEDNS", 253),
        ("PRIVATEOID", 254),
    ];
    match known.iter().find(|(name, _)| name.eq_ignore_ascii_case(text)) {
        Some((_, number)) => Ok(*number),
        None => text.parse().map_err(|_| format!("{text:?} is not a DNSSEC algorithm")),
    }
}

/// RFC 3123: `[!]family:address/prefix`, trailing zero bytes left out on the wire.
pub(super) fn read_prefix(item: &str, wire: &mut Vec<u8>) -> Result<(), String> {
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
    wire.extend(family.to_be_bytes());
    wire.extend([prefix, negated | octets.len() as u8]);
    wire.extend(octets);
    Ok(())
}

pub(super) fn print_prefixes(cursor: &mut Cursor<'_>, out: &mut String) -> Option<()> {
    let mut gap = "";
    while !cursor.0.is_empty() {
        let (family, prefix, length) = (cursor.u16()?, cursor.u8()?, cursor.u8()?);
        let given = cursor.take((length & 0x7F).into())?;
        given.last().is_none_or(|last| *last != 0).then_some(())?;
        let mut octets = [0u8; 16];
        octets.get_mut(..given.len())?.copy_from_slice(given);
        let [a, b, c, d, ..] = octets;
        let address = match family {
            1 if prefix <= 32 && given.len() <= 4 => Ipv4Addr::new(a, b, c, d).to_string(),
            2 if prefix <= 128 => six(Ipv6Addr::from(octets)),
            _ => return None,
        };
        let negated = if length & 0x80 != 0 { "!" } else { "" };
        let _ = write!(out, "{gap}{negated}{family}:{address}/{prefix}");
        gap = " ";
    }
    Some(())
}

/// RFC 1876 section 3: degrees [minutes [seconds]] N/S, the same E/W, altitude, and three sizes.
pub(super) fn read_place(words: &mut Words<'_, '_>, wire: &mut Vec<u8>) -> Result<(), String> {
    let latitude = angle(words, ["N", "S"], 90)?;
    let longitude = angle(words, ["E", "W"], 180)?;
    let altitude = centimetres(words.next()?)?.checked_add(10_000_000);
    let altitude =
        altitude.and_then(|altitude| u32::try_from(altitude).ok()).ok_or("altitude out of range")?;
    let mut sizes = [0x12, 0x16, 0x13]; // 1 m, 10 km, 10 m
    let given: Vec<&str> = words.rest().collect();
    if given.len() > sizes.len() {
        return Err("LOC has at most three sizes".to_owned());
    }
    for (size, text) in sizes.iter_mut().zip(given) {
        *size = power(centimetres(text)?).ok_or_else(|| format!("{text:?} is out of range"))?;
    }
    wire.push(0);
    wire.extend(sizes);
    for number in [latitude, longitude, altitude] {
        wire.extend(number.to_be_bytes());
    }
    Ok(())
}

/// Thousandths of an arc second from the equator or prime meridian, which is 2^31.
fn angle(words: &mut Words<'_, '_>, sides: [&str; 2], degrees_max: u32) -> Result<u32, String> {
    let mut parts = [0.0f64; 3];
    for count in 0.. {
        let word = words.next()?;
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

/// The place in the one form all servers write: seconds with three decimals, metres with two.
pub(super) fn print_place(cursor: &mut Cursor<'_>, out: &mut String) -> Option<()> {
    let [version, sizes @ ..] = cursor.array::<4>()?;
    (version == 0).then_some(())?;
    for (sides, degrees_max) in [(["N", "S"], 90), (["E", "W"], 180)] {
        let from_zero = i64::from(cursor.u32()?) - (1 << 31);
        let side = sides[usize::from(from_zero < 0)];
        let all = from_zero.unsigned_abs();
        (all <= degrees_max * 3_600_000).then_some(())?;
        let (degrees, minutes, rest) = (all / 3_600_000, all / 60_000 % 60, all % 60_000);
        let _ = write!(out, "{degrees} {minutes} {}.{:03} {side} ", rest / 1000, rest % 1000);
    }
    let altitude = i64::from(cursor.u32()?) - 10_000_000;
    let sign = if altitude < 0 { "-" } else { "" };
    let altitude = altitude.unsigned_abs();
    let _ = write!(out, "{sign}{}.{:02}m", altitude / 100, altitude % 100);
    for size in sizes {
        let (digit, exponent) = (u64::from(size >> 4), u32::from(size & 15));
        (digit <= 9 && exponent <= 9 && (digit > 0 || exponent == 0)).then_some(())?;
        let centimetres = digit * 10u64.pow(exponent);
        let _ = write!(out, " {}.{:02}m", centimetres / 100, centimetres % 100);
    }
    Some(())
}

/// RFC 4034 section 3.2: `YYYYMMDDHHmmSS`, or the seconds since 1970.
pub(super) fn read_moment(text: &str) -> Result<u32, String> {
    let bad = || format!("{text:?} is not a time (YYYYMMDDHHmmSS)");
    if !text.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(bad());
    }
    if text.len() != 14 {
        return text.parse().map_err(|_| bad());
    }
    let part = |from: usize, to: usize| text[from..to].parse::<i64>().map_err(|_| bad());
    let (year, month, day) = (part(0, 4)?, part(4, 6)?, part(6, 8)?);
    let seconds = part(8, 10)? * 3600 + part(10, 12)? * 60 + part(12, 14)?;
    // Days of the civil calendar, years counted from March.
    let (year, month) = if month > 2 { (year, month - 3) } else { (year - 1, month + 9) };
    let days = year * 365 + year / 4 - year / 100 + year / 400 + (month * 153 + 2) / 5 + day - 1 - 719_468;
    u32::try_from(days * 86_400 + seconds).ok().filter(|seconds| moment(*seconds) == text).ok_or_else(bad)
}

pub(super) fn moment(seconds: u32) -> String {
    let (days, seconds) = (i64::from(seconds) / 86_400 + 719_468, seconds % 86_400);
    let era = days / 146_097;
    let of_era = days % 146_097;
    let year = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year + year / 4 - year / 100);
    let month = (5 * of_year + 2) / 153;
    let day = of_year - (153 * month + 2) / 5 + 1;
    let (year, month) = (year + era * 400 + month / 10, (month + 2) % 12 + 1);
    format!("{year:04}{month:02}{day:02}{:02}{:02}{:02}", seconds / 3600, seconds / 60 % 60, seconds % 60)
}
