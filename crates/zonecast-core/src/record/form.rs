//! What the data of each type is made of. This one table drives reading and writing text and looking
//! at wire form; a type that is not in it is opaque and has the form of RFC 3597 alone.

use super::RecordType;

/// One part of a record's data, as wire and as words.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Field {
    /// An IPv4 address.
    V4,
    /// An IPv6 address.
    V6,
    /// A domain name; kept in lower case.
    Name,
    /// A number of one byte.
    U8,
    /// A number of two bytes.
    U16,
    /// A number of four bytes.
    U32,
    /// Seconds, read with units too.
    Seconds,
    /// A moment, as in RRSIG: `YYYYMMDDHHmmSS`.
    Moment,
    /// A record type by its mnemonic.
    Type,
    /// A kind of certificate; read by mnemonic too.
    CertKind,
    /// A DNSSEC algorithm; read by mnemonic too.
    Algorithm,
    /// One character-string.
    String,
    /// One or more character-strings to the end.
    Strings,
    /// A character-string without quotes: the tag of CAA.
    Tag,
    /// Bytes to the end, quoted.
    Text,
    /// Bytes to the end, in hexadecimal.
    Hex,
    /// Bytes to the end, in base64.
    Base64,
    /// Length and bytes in hexadecimal, `-` for none.
    Salt,
    /// Length and bytes in base32hex.
    Hash,
    /// A set of types to the end.
    Types,
    /// So many bytes in hexadecimal with hyphens between.
    Eui(usize),
    /// Eight bytes as four groups with colons between.
    Groups,
    /// Service parameters (RFC 9460).
    Parameters,
    /// Address prefixes (RFC 3123).
    Prefixes,
    /// A place on earth (RFC 1876).
    Place,
    /// Kind of gateway, algorithm and gateway (RFC 4025).
    Gateway,
}

use Field::*;

const KEY: &[Field] = &[U16, U8, Algorithm, Base64];
const DIGEST: &[Field] = &[U16, Algorithm, U8, Hex];
const PREFERENCE: &[Field] = &[U16, Name];
const CERTIFICATE: &[Field] = &[U8, U8, U8, Hex];

/// The parts of a type's data; `None` for a type that is opaque here.
pub(super) fn form(rtype: RecordType) -> Option<&'static [Field]> {
    Some(match rtype.0 {
        1 => &[V4],
        28 => &[V6],
        // NS, MD, MF, CNAME, MB, MG, MR, PTR, DNAME
        2..=5 | 7..=9 | 12 | 39 => &[Name],
        6 => &[Name, Name, U32, Seconds, Seconds, Seconds, Seconds],
        // HINFO; MINFO, RP, TALINK
        13 => &[String, String],
        14 | 17 | 58 => &[Name, Name],
        // MX, AFSDB, RT, KX, LP
        15 | 18 | 21 | 36 | 107 => PREFERENCE,
        // TXT, ISDN, NINFO, SPF, AVC
        16 | 20 | 56 | 99 | 258 => &[Strings],
        // X25, GPOS
        19 => &[String],
        27 => &[String, String, String],
        // KEY, DNSKEY, RKEY, CDNSKEY
        25 | 48 | 57 | 60 => KEY,
        26 => &[U16, Name, Name],
        29 => &[Place],
        33 => &[U16, U16, U16, Name],
        35 => &[U16, U16, String, String, String, Name],
        37 => &[CertKind, U16, Algorithm, Base64],
        42 => &[Prefixes],
        // DS, CDS, TA, DLV
        43 | 59 | 32_768 | 32_769 => DIGEST,
        44 => &[U8, U8, Hex],
        45 => &[U8, Gateway, Base64],
        // SIG, RRSIG
        24 | 46 => &[Type, Algorithm, U8, U32, Moment, Moment, U16, Name, Base64],
        47 => &[Name, Types],
        // DHCID, OPENPGPKEY
        49 | 61 => &[Base64],
        50 => &[U8, U8, U16, Salt, Hash, Types],
        51 => &[U8, U8, U16, Salt],
        // TLSA, SMIMEA
        52 | 53 => CERTIFICATE,
        62 => &[U32, U16, Types],
        63 => &[U32, U8, U8, Hex],
        64 | 65 => &[U16, Name, Parameters],
        // NID, L64; L32
        104 | 106 => &[U16, Groups],
        105 => &[U16, V4],
        108 => &[Eui(6)],
        109 => &[Eui(8)],
        256 => &[U16, U16, Text],
        257 => &[U8, Tag, Text],
        _ => return None,
    })
}
