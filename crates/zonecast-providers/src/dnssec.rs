//! What a registrar has to be told about a zone that a service signs: DNSKEY and DS.
//!
//! Services tell the same in many spellings, some without the tag, some with SHA-1 only. So an adapter
//! reads the DNSKEY and this file makes tag and digests of it (RFC 4034 appendix B and section 5.1.4).
//! What the service tells as DS is compared with that: a DS that does not belong to its key would take
//! the whole zone off the net once the parent has it.

use serde::Serialize;
use sha2::{Digest, Sha256, Sha384};
use zonecast_core::{Name, RecordData, RecordType};

/// How a service signs a zone.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Signed {
    /// The service's own word for the state, such as `active`; empty where it has none.
    pub state: String,
    /// Every key of the apex DNSKEY set that the service tells of, by tag.
    pub keys: Vec<SigningKey>,
}

/// One key.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct SigningKey {
    /// The key tag.
    pub tag: u16,
    /// The algorithm's number, such as 13 (ECDSA P-256).
    pub algorithm: u8,
    /// Whether the service signs with it now; a key may be published before or after that.
    pub active: bool,
    /// The DNSKEY data as in a zone file.
    pub dnskey: String,
    /// The DS data as in a zone file, digests 2 and 4; empty for a key without the SEP flag (a zone
    /// signing key beside a key signing key), which no parent points to.
    pub ds: Vec<String>,
}

impl SigningKey {
    /// The key of a DNSKEY in zone-file form (`257 3 13 <base64>`). `told` is what the service says
    /// the DS are, without the owner's name; `Err` when one of digest 2 or 4 is that of another key.
    pub(crate) fn read(
        zone: &Name,
        dnskey: &str,
        active: bool,
        told: &[String],
    ) -> Result<SigningKey, String> {
        let data = RecordData::parse(RecordType::DNSKEY, dnskey).map_err(|error| error.to_string())?;
        let wire = data.wire();
        let (tag, algorithm) = (tag_of(wire), wire[3]);
        // The owner's name in wire form is all there is in the data of an NS record.
        let owner = RecordData::single_name(RecordType::NS, zone);
        let digested = [owner.wire(), wire].concat();
        let digests: [(u8, Vec<u8>); 2] =
            [(2, Sha256::digest(&digested).to_vec()), (4, Sha384::digest(&digested).to_vec())];
        let mut all = Vec::new();
        for (kind, digest) in digests {
            let data = [&tag.to_be_bytes()[..], &[algorithm, kind], &digest].concat();
            all.push(RecordData::from_wire(RecordType::DS, &data).map_err(|error| error.to_string())?);
        }
        for text in told {
            let told = RecordData::parse(RecordType::DS, text).map_err(|error| error.to_string())?;
            if matches!(told.wire().get(3), Some(2 | 4)) && !all.contains(&told) {
                return Err(format!(
                    "it tells a DS ({text}) that is not that of its DNSKEY with the tag {tag}"
                ));
            }
        }
        let is_entry_point = wire[1] & 1 == 1;
        let ds = all.iter().filter(|_| is_entry_point).map(RecordData::to_zonefile).collect();
        Ok(SigningKey { tag, algorithm, active, dnskey: data.to_zonefile(), ds })
    }
}

/// RFC 4034 appendix B.
fn tag_of(dnskey: &[u8]) -> u16 {
    let sum: u32 = dnskey
        .iter()
        .enumerate()
        .map(|(at, byte)| if at % 2 == 0 { u32::from(*byte) << 8 } else { u32::from(*byte) })
        .sum();
    (sum + (sum >> 16)) as u16
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 6605 section 6.1.
    const KEY: &str =
        "257 3 13 GojIhhXUN/u4v54ZQqGSnyhWJwaubCvTmeexv7bR6edbkrSqQpF64cYbcB7wNcP+e+MAnLr+Wi9xMWyQLc8NAA==";
    const DS: &str = "55648 13 2 b4c8c1fe2e7477127b27115656ad6256f424625bf5c1e2770ce6d6e37df61d17";

    fn zone() -> Name {
        Name::parse("example.net").unwrap()
    }

    #[test]
    fn tag_and_digest_are_those_of_the_rfc() {
        let key = SigningKey::read(&zone(), KEY, true, &[DS.to_owned()]).unwrap();
        assert_eq!((key.tag, key.algorithm), (55648, 13));
        assert!(key.ds[0].eq_ignore_ascii_case(DS), "{:?}", key.ds);
        assert!(key.ds[1].starts_with("55648 13 4 "));
    }

    #[test]
    fn a_ds_of_another_key_is_refused() {
        let other = DS.replace("b4c8", "b4c9");
        assert!(SigningKey::read(&zone(), KEY, true, &[other]).unwrap_err().contains("55648"));
        let elsewhere = Name::parse("example.org").unwrap();
        assert!(
            SigningKey::read(&elsewhere, KEY, true, &[DS.to_owned()]).is_err(),
            "the name is digested, too"
        );
    }

    #[test]
    fn no_parent_points_to_a_zone_signing_key() {
        let key = SigningKey::read(&zone(), &KEY.replace("257", "256"), true, &[]).unwrap();
        assert!(key.ds.is_empty());
    }
}
