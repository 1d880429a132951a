//! Records: type, TTL, data, and the set of them that shares a name and a type.
//!
//! [`RecordData`] is kept in canonical wire form (RFC 4034 section 6.2: names uncompressed and in
//! lower case), so equality and order are those of bytes for every type, known or not (RFC 3597).
//! A TXT value is **a list of character-strings**: where a text is cut is part of the value. A plain text of
//! any length is taken and cut every 255 bytes; [`RecordData::uncut`] is for services that keep no cut.
//! What each type is made of stands in one table (`form`); text and wire form go by it everywhere: API,
//! command line, zone files, providers.

mod address;
mod form;
mod print;
mod rare;
mod read;
mod rtype;
mod service;
mod txt;
mod whole;
mod wire;
pub mod words;

pub use rtype::RecordType;
pub use whole::bare_names;

use crate::name::{Name, NameError};
use form::form;
use std::fmt::{self, Write as _};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use txt::{cut_text, join_text, quote};
use words::{Fault, Token};

/// Seconds a resolver may keep an answer, 0 to 2^31 - 1 (RFC 2181 section 8).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, serde::Serialize)]
#[serde(transparent)]
pub struct Ttl(u32);

impl Ttl {
    /// The largest TTL, 2^31 - 1 seconds.
    pub const MAX: Ttl = Ttl(i32::MAX as u32);
    /// The TTL where neither host, zone, pool nor configuration says one.
    pub const DEFAULT: Ttl = Ttl(300);

    /// A TTL from seconds; refused above 2^31 - 1.
    pub fn from_seconds(seconds: u32) -> Result<Ttl, RecordError> {
        if seconds > Ttl::MAX.0 { Err(RecordError::TtlRange) } else { Ok(Ttl(seconds)) }
    }

    /// Seconds, or units as in `1h30m` (s, m, h, d, w).
    pub fn parse(text: &str) -> Result<Ttl, String> {
        let bad = || format!("{text:?} is not a TTL");
        let (mut total, mut number, mut digits) = (0u64, 0u64, 0);
        for c in text.chars() {
            if let Some(digit) = c.to_digit(10) {
                number = number.checked_mul(10).and_then(|n| n.checked_add(digit.into())).ok_or_else(bad)?;
                digits += 1;
                continue;
            }
            let unit = match c.to_ascii_lowercase() {
                's' => 1,
                'm' => 60,
                'h' => 3600,
                'd' => 86_400,
                'w' => 604_800,
                _ => return Err(bad()),
            };
            if digits == 0 {
                return Err(bad());
            }
            total = number.checked_mul(unit).and_then(|n| n.checked_add(total)).ok_or_else(bad)?;
            (number, digits) = (0, 0);
        }
        if text.is_empty() {
            return Err(bad());
        }
        let seconds = u32::try_from(total.saturating_add(number)).map_err(|_| bad())?;
        Ttl::from_seconds(seconds).map_err(|error| error.to_string())
    }

    /// The seconds.
    pub fn seconds(self) -> u32 {
        self.0
    }
}

impl fmt::Display for Ttl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl<'de> serde::Deserialize<'de> for Ttl {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ttl::from_seconds(u32::deserialize(deserializer)?).map_err(serde::de::Error::custom)
    }
}

/// Why a type, a TTL or a value is not one.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RecordError {
    /// Neither a mnemonic nor `TYPEnnn`, or a type that cannot stand in a zone.
    #[error("{0:?} is not a record type")]
    UnknownType(String),
    /// More than 2^31 - 1 seconds.
    #[error("a TTL is 0 to 2147483647 seconds")]
    TtlRange,
    /// The value cannot be read as data of its type.
    #[error("{text:?} is not a valid {rtype} value: {reason}")]
    BadValue {
        /// The type it was read as.
        rtype: RecordType,
        /// What was given.
        text: String,
        /// What is wrong with it.
        reason: String,
    },
}

impl RecordError {
    /// What is wrong, without the value.
    fn reason(self) -> String {
        match self {
            RecordError::BadValue { reason, .. } => reason,
            other => other.to_string(),
        }
    }
}

/// The data of one record: its type and its canonical wire form.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RecordData {
    rtype: RecordType,
    wire: Box<[u8]>,
}

impl RecordData {
    /// An A or AAAA value.
    pub fn address(address: IpAddr) -> RecordData {
        match address {
            IpAddr::V4(v4) => RecordData { rtype: RecordType::A, wire: v4.octets().into() },
            IpAddr::V6(v6) => RecordData { rtype: RecordType::AAAA, wire: v6.octets().into() },
        }
    }

    /// A value that is one name: PTR, CNAME, NS or DNAME.
    pub fn single_name(rtype: RecordType, target: &Name) -> RecordData {
        debug_assert!(rtype.is_single_name());
        RecordData { rtype, wire: target.to_wire().into() }
    }

    /// A TXT value from its whole text, however long.
    pub fn text(text: &[u8]) -> RecordData {
        RecordData { rtype: RecordType::TXT, wire: cut_text(text).into() }
    }

    /// Takes wire form as a message or the database holds it, uncompressed; makes it canonical.
    pub fn from_wire(rtype: RecordType, wire: &[u8]) -> Result<RecordData, RecordError> {
        let bad = |reason: &str| RecordError::BadValue {
            rtype,
            text: format!("\\# {}", wire.len()),
            reason: reason.to_owned(),
        };
        let canonical = match rtype {
            RecordType::A if wire.len() == 4 => wire.to_vec(),
            RecordType::AAAA if wire.len() == 16 => wire.to_vec(),
            _ if rtype.is_single_name() => match Name::from_wire(wire) {
                Ok((name, used)) if used == wire.len() => name.to_wire(),
                _ => return Err(bad("not one name")),
            },
            _ => match form(rtype) {
                Some(fields) => {
                    wire::canonical(fields, wire).ok_or_else(|| bad("the wire form is damaged"))?
                }
                None => wire.to_vec(),
            },
        };
        if canonical.len() > u16::MAX as usize {
            return Err(bad("more than 65535 bytes"));
        }
        Ok(RecordData { rtype, wire: canonical.into() })
    }

    /// Takes canonical wire form that this type made before, without looking at it again.
    pub fn from_canonical(rtype: RecordType, wire: &[u8]) -> RecordData {
        RecordData { rtype, wire: wire.into() }
    }

    /// Reads presentation form. Names may lack the final dot and are absolute all the same; a TXT
    /// value that does not begin with a quote is taken whole, spaces and all ([`RecordData::meant`] tells
    /// where escapes in it were resolved).
    pub fn parse(rtype: RecordType, text: &str) -> Result<RecordData, RecordError> {
        let text = text.trim();
        let bad = |reason: String| RecordError::BadValue { rtype, text: text.to_owned(), reason };
        if text.starts_with("\\#") {
            return Self::parse_words(rtype, text);
        }
        match rtype {
            RecordType::A => match text.parse::<Ipv4Addr>() {
                Ok(address) => Ok(Self::address(address.into())),
                Err(_) => Err(bad("not an IPv4 address".into())),
            },
            RecordType::AAAA => match text.parse::<Ipv6Addr>() {
                Ok(address) => Ok(Self::address(address.into())),
                Err(_) => Err(bad("not an IPv6 address".into())),
            },
            _ if rtype.is_single_name() => match Name::parse(text) {
                Ok(name) => Ok(Self::single_name(rtype, &name)),
                Err(error) => Err(bad(error.to_string())),
            },
            RecordType::TXT | RecordType::SPF => {
                let wire = txt::read(text).map_err(bad)?;
                Self::from_wire(rtype, &wire).map_err(|error| bad(error.reason()))
            }
            _ => Self::parse_words(rtype, text),
        }
    }

    fn parse_words(rtype: RecordType, text: &str) -> Result<RecordData, RecordError> {
        let bad = |reason: String| RecordError::BadValue { rtype, text: text.to_owned(), reason };
        if text.bytes().any(|b| b == b'\n' || b == b'\r') {
            return Err(bad("a value is one line".into()));
        }
        let entry = words::entries(text).next().ok_or_else(|| bad("nothing to read".into()))?;
        if let Some(fault) = entry.fault {
            return Err(bad(fault.message));
        }
        Self::read(rtype, &entry.tokens, &Name::root()).map_err(|fault| bad(fault.message))
    }

    /// Reads the words of a zone file; names without a final dot are completed with `origin`.
    pub fn read(rtype: RecordType, words: &[Token<'_>], origin: &Name) -> Result<RecordData, Fault> {
        read::read(rtype, words, origin)
    }

    /// The type this is data of.
    pub fn rtype(&self) -> RecordType {
        self.rtype
    }

    /// The canonical wire form, without length.
    pub fn wire(&self) -> &[u8] {
        &self.wire
    }

    /// The address of an A or AAAA value.
    pub fn as_address(&self) -> Option<IpAddr> {
        match self.rtype {
            RecordType::A => <[u8; 4]>::try_from(&*self.wire).ok().map(IpAddr::from),
            RecordType::AAAA => <[u8; 16]>::try_from(&*self.wire).ok().map(IpAddr::from),
            _ => None,
        }
    }

    /// The target of a PTR, CNAME, NS or DNAME value.
    pub fn as_name(&self) -> Option<Name> {
        let one = self.rtype.is_single_name();
        one.then(|| Name::from_wire(&self.wire).ok().map(|(name, _)| name)).flatten()
    }

    /// A note for the person who gave this text for a TXT value: it has escapes of zone files and no
    /// quotes, and was read as what they mean.
    pub fn meant(rtype: RecordType, text: &str) -> Option<String> {
        let text = text.trim();
        let is_text = matches!(rtype, RecordType::TXT | RecordType::SPF);
        let meant =
            txt::meant(text).filter(|_| is_text && !text.starts_with('"') && !text.starts_with("\\#"))?;
        let meant = String::from_utf8_lossy(&meant);
        Some(format!("{text} has escapes of a zone file and no quotes: it was read as {meant}"))
    }

    /// The same value with its text cut every 255 bytes, whatever it was cut into: what a service holds
    /// that keeps no cut. Values without text are as they were.
    pub fn uncut(&self) -> RecordData {
        match self.as_text() {
            Some(text) => RecordData { rtype: self.rtype, wire: cut_text(&text).into() },
            None => self.clone(),
        }
    }

    /// The whole text of a TXT value, all strings joined.
    pub fn as_text(&self) -> Option<Vec<u8>> {
        matches!(self.rtype, RecordType::TXT | RecordType::SPF).then(|| join_text(&self.wire)).flatten()
    }

    /// Presentation form as zone files and most services want it: names with their final dot, TXT
    /// as quoted strings of at most 255 bytes.
    pub fn to_zonefile(&self) -> String {
        self.print(Name::absolute)
    }

    fn print(&self, name: fn(&Name) -> String) -> String {
        let printed = form(self.rtype).and_then(|fields| print::print(fields, &self.wire, name));
        printed.unwrap_or_else(|| self.to_generic())
    }

    /// The RFC 3597 form `\# length hex`, which every type has.
    pub fn to_generic(&self) -> String {
        let mut text = format!("\\# {}", self.wire.len());
        if !self.wire.is_empty() {
            text.push(' ');
        }
        for byte in &self.wire {
            let _ = write!(text, "{byte:02X}");
        }
        text
    }

    /// As people and the API see it: names without the final dot, TXT as one quoted text unless it is cut
    /// otherwise than every 255 bytes.
    pub fn to_text(&self) -> String {
        if let Some(address) = self.as_address() {
            return address.to_string();
        }
        if let Some(text) = self.as_text().filter(|text| *self.wire == *cut_text(text)) {
            return quote(&text);
        }
        self.print(Name::to_string)
    }
}

impl fmt::Debug for RecordData {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.rtype, self.to_text())
    }
}

/// All values of one type at one name, sorted, without doubles, with the one TTL of the set.
#[derive(Clone, PartialEq, Eq, Debug, PartialOrd, Ord)]
pub struct RRset {
    /// The owner name.
    pub name: Name,
    /// The type of every value.
    pub rtype: RecordType,
    /// The TTL of the set (RFC 2181 section 5.2).
    pub ttl: Ttl,
    /// The values; never empty in a set that exists.
    pub values: Vec<RecordData>,
}

impl RRset {
    /// A set in canonical order; doubles are dropped.
    pub fn new(name: Name, rtype: RecordType, ttl: Ttl, mut values: Vec<RecordData>) -> RRset {
        values.sort_unstable();
        values.dedup();
        RRset { name, rtype, ttl, values }
    }
}

impl From<NameError> for RecordError {
    fn from(error: NameError) -> RecordError {
        RecordError::BadValue { rtype: RecordType(0), text: String::new(), reason: error.to_string() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn round_trip(rtype: &str, text: &str) -> String {
        let rtype: RecordType = rtype.parse().unwrap();
        let data = RecordData::parse(rtype, text).unwrap();
        assert_eq!(RecordData::parse(rtype, &data.to_zonefile()).unwrap(), data);
        assert_eq!(RecordData::parse(rtype, &data.to_text()).unwrap(), data);
        assert_eq!(RecordData::from_wire(rtype, data.wire()).unwrap(), data);
        data.to_zonefile()
    }

    /// In one list all names look the same, whatever their type (D24).
    #[test]
    fn people_see_every_name_without_its_final_dot() {
        for (rtype, file, shown) in [
            ("CNAME", "www.example.com.", "www.example.com"),
            ("MX", "10 mail.example.com.", "10 mail.example.com"),
            ("MX", "0 .", "0 ."),
            ("SRV", "0 5 5060 sip.example.com.", "0 5 5060 sip.example.com"),
            ("RP", "admin.example.com. about.example.com.", "admin.example.com about.example.com"),
            ("AFSDB", "1 afs.example.com.", "1 afs.example.com"),
            ("HTTPS", "1 . alpn=h2", "1 . alpn=h2"),
            ("HTTPS", "0 www.example.com.", "0 www.example.com"),
            ("NAPTR", "10 20 \"u\" \"\" \"\" sip.example.com.", "10 20 \"u\" \"\" \"\" sip.example.com"),
            (
                "SOA",
                "ns.example.com. admin.example.com. 1 2 3 4 5",
                "ns.example.com admin.example.com 1 2 3 4 5",
            ),
        ] {
            assert_eq!(round_trip(rtype, file), file);
            let data = RecordData::parse(rtype.parse().unwrap(), file).unwrap();
            assert_eq!(data.to_text(), shown);
        }
    }

    #[test]
    fn every_type_round_trips_through_text_and_wire() {
        for (rtype, text, zonefile) in [
            ("A", "192.0.2.1", "192.0.2.1"),
            ("AAAA", "2001:DB8:0::1", "2001:db8::1"),
            ("CNAME", "Www.Example.COM", "www.example.com."),
            ("MX", "10 Mail.example.com", "10 mail.example.com."),
            ("MX", "0 .", "0 ."),
            ("SRV", "10 20 5060 sip.example.org.", "10 20 5060 sip.example.org."),
            ("CAA", "0 issue \"letsencrypt.org\"", "0 issue \"letsencrypt.org\""),
            ("TXT", "\"v=spf1 -all\"", "\"v=spf1 -all\""),
            ("TXT", "v=spf1 -all", "\"v=spf1 -all\""),
            ("TXT", "\"a\" \"b\"", "\"a\" \"b\""),
            ("TXT", "\"\" \"b\"\"c\" d", "\"\" \"b\" \"c\" \"d\""),
            ("TXT", "v=DMARC1\\; p=none", "\"v=DMARC1; p=none\""),
            ("TXT", "C:\\temp", "\"C:\\\\temp\""),
            ("TXT", "\"say \\\"hi\\\" \\\\ \\195\"", "\"say \\\"hi\\\" \\\\ \\195\""),
            ("TXT", "\"\"", "\"\""),
            ("TYPE65280", "\\# 3 0A0b0C", "\\# 3 0A0B0C"),
            ("TYPE1", "\\# 4 C0000201", "192.0.2.1"),
            ("TLSA", "3 1 1 0123456789abcdef", "3 1 1 0123456789ABCDEF"),
            ("DS", "36072 13 2 00FF", "36072 13 2 00FF"),
            ("HTTPS", "1 . alpn=h2", "1 . alpn=h2"),
            ("MX", "10 a\\\"b.example", "10 a\\\"b.example."),
            ("MX", "10 Bücher.example", "10 xn--bcher-kva.example."),
            ("SRV", "1 2 3 bücher.example.", "1 2 3 xn--bcher-kva.example."),
            ("HTTPS", "1 bücher.example alpn=\"h2,h3\"", "1 xn--bcher-kva.example. alpn=h2,h3"),
            ("RP", "post.bücher.example .", "post.xn--bcher-kva.example. ."),
            (
                "NAPTR",
                "1 2 S SIP+D2U \"\" bücher.example",
                "1 2 \"S\" \"SIP+D2U\" \"\" xn--bcher-kva.example.",
            ),
            ("AAAA", "::ffff:192.0.2.1", "::ffff:c000:201"),
            ("AAAA", "::192.0.2.1", "::c000:201"),
            ("URI", "10 1 \"https://example.org/\"", "10 1 \"https://example.org/\""),
        ] {
            assert_eq!(round_trip(rtype, text), zonefile, "{rtype} {text}");
        }
    }

    #[test]
    fn a_text_is_cut_for_the_user_and_a_cut_is_part_of_the_value() {
        let long = "x".repeat(600);
        let whole = RecordData::text(long.as_bytes());
        let plain = RecordData::parse(RecordType::TXT, &long).unwrap();
        assert_eq!((plain.wire().len(), plain), (603, whole.clone()));
        assert_eq!(RecordData::parse(RecordType::TXT, &whole.to_text()).unwrap(), whole);
        let cut = RecordData::parse(RecordType::TXT, &format!("\"{}\" \"{}\"", &long[..100], &long[100..]));
        let cut = cut.unwrap();
        assert_eq!((cut.wire().len(), cut.wire()[0]), (603, 100));
        assert_eq!((cut == whole, cut.uncut() == whole, cut.as_text()), (false, true, whole.as_text()));
        assert!(
            RecordData::meant(RecordType::TXT, "v=DMARC1\\; p=none").unwrap().contains("v=DMARC1; p=none")
        );
        for plain in ["v=DMARC1; p=none", "C:\\temp\\x", "\"v=DMARC1\\; p=none\"", "a"] {
            assert_eq!(RecordData::meant(RecordType::TXT, plain), None, "{plain}");
        }
    }

    #[test]
    fn bad_values_name_type_and_reason() {
        for (rtype, text) in [
            ("A", "192.0.2.300"),
            ("AAAA", "192.0.2.1"),
            ("MX", "mail"),
            ("TXT", "\"open"),
            ("A", "1.2.3.4\nx"),
            ("A", "\\# 0"),
            ("SRV", "\\# 3 010203"),
            ("SRV", ""),
        ] {
            let error = RecordData::parse(rtype.parse().unwrap(), text).unwrap_err();
            assert!(error.to_string().contains(rtype), "{error}");
        }
        assert!("ANY".parse::<RecordType>().is_err() && "AXFR".parse::<RecordType>().is_err());
        assert!("NOSUCH".parse::<RecordType>().is_err());
        assert!(Ttl::from_seconds(1 << 31).is_err());
    }
}
