//! From wire form to words. What has no presentation form that reads back as the same bytes gives
//! `None`, and the whole record is written as RFC 3597 wants it.

use super::form::Field;
use super::txt::quote;
use super::wire::Cursor;
use super::{RecordType, rare, service};
use crate::name::Name;
use domain::utils::{base16, base32, base64};
use std::fmt::Write as _;
use std::net::{Ipv4Addr, Ipv6Addr};

/// How a name inside data is written: with its final dot, or without.
type Written = fn(&Name) -> String;

/// The presentation form of data in wire form: what PowerDNS takes as normal form, and every other
/// server reads.
pub(super) fn print(fields: &[Field], wire: &[u8], name: Written) -> Option<String> {
    let mut cursor = Cursor(wire);
    let mut out = String::with_capacity(wire.len() * 2);
    for field in fields {
        if !out.is_empty() {
            out.push(' ');
        }
        let before = out.len();
        part(*field, &mut cursor, &mut out, name)?;
        // Types, parameters and prefixes may be none.
        if out.len() == before && out.ends_with(' ') {
            out.pop();
        }
    }
    (cursor.0.is_empty() && !out.is_empty()).then_some(out)
}

fn part(field: Field, cursor: &mut Cursor<'_>, out: &mut String, name: Written) -> Option<()> {
    match field {
        Field::V4 => write!(out, "{}", Ipv4Addr::from(cursor.array::<4>()?)),
        Field::V6 => write!(out, "{}", groups(Ipv6Addr::from(cursor.array::<16>()?))),
        Field::Name => write!(out, "{}", name(&cursor.name()?)),
        Field::U8 | Field::Algorithm => write!(out, "{}", cursor.u8()?),
        Field::U16 | Field::CertKind => write!(out, "{}", cursor.u16()?),
        Field::U32 => write!(out, "{}", cursor.u32()?),
        // A reader may refuse seconds above 2^31 - 1, as we do.
        Field::Seconds => write!(out, "{}", i32::try_from(cursor.u32()?).ok()?),
        Field::Moment => write!(out, "{}", rare::moment(cursor.u32()?)),
        Field::Type => write!(out, "{}", writable(cursor.u16()?)?),
        Field::String => write!(out, "{}", quote(cursor.counted()?)),
        Field::Strings => {
            while !cursor.0.is_empty() {
                let gap = if out.is_empty() { "" } else { " " };
                let _ = write!(out, "{gap}{}", quote(cursor.counted()?));
            }
            Ok(())
        }
        Field::Tag => {
            let tag = std::str::from_utf8(cursor.counted()?).ok()?;
            let plain = !tag.is_empty() && tag.bytes().all(|byte| byte.is_ascii_alphanumeric());
            plain.then(|| write!(out, "{tag}"))?
        }
        Field::Text => write!(out, "{}", quote(cursor.all())),
        Field::Hex => write!(out, "{}", base16::encode_string(some(cursor.all())?).to_uppercase()),
        Field::Base64 => write!(out, "{}", base64::encode_string(some(cursor.all())?)),
        Field::Salt => match cursor.counted()? {
            [] => write!(out, "-"),
            salt => write!(out, "{}", base16::encode_string(salt).to_uppercase()),
        },
        Field::Hash => write!(out, "{}", base32::encode_string_hex(some(cursor.counted()?)?)),
        Field::Types => {
            while !cursor.0.is_empty() {
                let (window, bits) = cursor.window()?;
                bits.last().filter(|last| **last != 0)?;
                let set = (0..bits.len() * 8).filter(|bit| bits[bit / 8] & (0x80 >> (bit % 8)) != 0);
                for bit in set {
                    let gap = if out.is_empty() || out.ends_with(' ') { "" } else { " " };
                    let _ = write!(out, "{gap}{}", writable(u16::from(window) << 8 | bit as u16)?);
                }
            }
            Ok(())
        }
        Field::Eui(length) => {
            let pairs: Vec<String> = cursor.take(length)?.iter().map(|byte| format!("{byte:02x}")).collect();
            write!(out, "{}", pairs.join("-"))
        }
        Field::Groups => {
            let groups: Vec<String> =
                cursor.take(8)?.chunks(2).map(|pair| format!("{:02x}{:02x}", pair[0], pair[1])).collect();
            write!(out, "{}", groups.join(":"))
        }
        Field::Parameters => return service::print(cursor, out),
        Field::Prefixes => return rare::print_prefixes(cursor, out),
        Field::Place => return rare::print_place(cursor, out),
        Field::Gateway => {
            let (kind, algorithm) = (cursor.u8()?, cursor.u8()?);
            let gateway = match kind {
                0 => ".".to_owned(),
                1 => Ipv4Addr::from(cursor.array::<4>()?).to_string(),
                2 => six(Ipv6Addr::from(cursor.array::<16>()?)),
                _ => name(&cursor.name()?),
            };
            write!(out, "{kind} {algorithm} {gateway}")
        }
    }
    .ok()
}

fn some(bytes: &[u8]) -> Option<&[u8]> {
    (!bytes.is_empty()).then_some(bytes)
}

/// A type whose mnemonic reads back; meta types have none that may stand in a zone.
fn writable(number: u16) -> Option<RecordType> {
    let rtype = RecordType(number);
    (rtype.to_string().parse() == Ok(rtype)).then_some(rtype)
}

/// An IPv6 address without IPv4 in it: the API of PowerDNS refuses an AAAA value with a dot as no address
/// (seen with 4.7.3, 2026-11-30), everybody reads this.
fn groups(address: Ipv6Addr) -> String {
    match address.to_ipv4_mapped().map(u32::from) {
        Some(four) => format!("::ffff:{:x}:{:x}", four >> 16, four & 0xFFFF),
        None => address.to_string(),
    }
}

/// An IPv6 address as the C library writes it, by which PowerDNS measures what it is given: `::1.2.3.4`
/// has its last four bytes as IPv4.
pub(super) fn six(address: Ipv6Addr) -> String {
    let octets = address.octets();
    match octets {
        [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, a, b, c, d] if a != 0 || b != 0 => {
            format!("::{}", Ipv4Addr::new(a, b, c, d))
        }
        _ => address.to_string(),
    }
}
