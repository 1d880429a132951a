//! Record types.

use super::RecordError;
use domain::base::iana::Rtype;
use std::fmt;
use std::str::FromStr;

/// A record type by its number; text is the mnemonic, or `TYPE65280` for one without.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RecordType(pub u16);

#[allow(missing_docs)]
impl RecordType {
    pub const A: RecordType = RecordType(1);
    pub const NS: RecordType = RecordType(2);
    pub const CNAME: RecordType = RecordType(5);
    pub const SOA: RecordType = RecordType(6);
    pub const PTR: RecordType = RecordType(12);
    pub const MX: RecordType = RecordType(15);
    pub const TXT: RecordType = RecordType(16);
    pub const AAAA: RecordType = RecordType(28);
    pub const SRV: RecordType = RecordType(33);
    pub const DNAME: RecordType = RecordType(39);
    pub const DS: RecordType = RecordType(43);
    pub const RRSIG: RecordType = RecordType(46);
    pub const NSEC: RecordType = RecordType(47);
    pub const DNSKEY: RecordType = RecordType(48);
    pub const NSEC3: RecordType = RecordType(50);
    pub const NSEC3PARAM: RecordType = RecordType(51);
    pub const TLSA: RecordType = RecordType(52);
    pub const CDS: RecordType = RecordType(59);
    pub const CDNSKEY: RecordType = RecordType(60);
    pub const SVCB: RecordType = RecordType(64);
    pub const HTTPS: RecordType = RecordType(65);
    pub const SPF: RecordType = RecordType(99);
    pub const CAA: RecordType = RecordType(257);

    /// Types that carry one host name and nothing else.
    pub fn is_single_name(self) -> bool {
        matches!(self, Self::NS | Self::CNAME | Self::PTR | Self::DNAME)
    }

    /// Types a signer makes; nobody writes them by hand and no plan touches them.
    pub fn is_dnssec_made(self) -> bool {
        matches!(self, Self::RRSIG | Self::NSEC | Self::NSEC3 | Self::NSEC3PARAM)
    }
}

impl fmt::Display for RecordType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&Rtype::from_int(self.0), f)
    }
}

impl fmt::Debug for RecordType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

impl FromStr for RecordType {
    type Err = RecordError;
    fn from_str(text: &str) -> Result<Self, RecordError> {
        let upper = text.to_ascii_uppercase();
        let known = Rtype::from_str(&upper).map(|rtype| RecordType(rtype.to_int()));
        match known {
            // Meta and query types (RFC 6895 section 3.1) cannot be stored in a zone.
            Ok(rtype) if rtype.0 != 0 && rtype.0 != 41 && !(128..=255).contains(&rtype.0) => Ok(rtype),
            _ => Err(RecordError::UnknownType(text.to_owned())),
        }
    }
}

impl serde::Serialize for RecordType {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> serde::Deserialize<'de> for RecordType {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = <std::borrow::Cow<'de, str>>::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}
