//! Zone files, RFC 1035 section 5, as panels and BIND really write them.
//!
//! The front end is ours: TTLs with units, `$GENERATE`, a missing last line end, and every error of a
//! file at once, each with its line. The data of a record is read by [`RecordData::read`], as everywhere.
//! `$INCLUDE` is refused: a zone file never reads other files.

mod entry;
mod generate;
mod write;

pub use write::write_zonefile;

use entry::Reader;
use std::collections::BTreeMap;
use std::fmt;
use zonecast_core::record::words;
use zonecast_core::{Name, RRset, RecordData, RecordType, Ttl};

/// Errors reported of one file; after that it is hardly a zone file.
const ERRORS_MAX: usize = 100;

/// One thing wrong in a zone file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ZonefileError {
    /// The line its entry begins at, counted from 1.
    pub line: usize,
    /// What is wrong, for the person who wrote the line.
    pub message: String,
}

impl fmt::Display for ZonefileError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}: {}", self.line, self.message)
    }
}

impl std::error::Error for ZonefileError {}

/// Reads a zone file. `origin` is the zone's name and what relative names are completed with until
/// `$ORIGIN` says otherwise; every owner must be within it. `ttl` is for records without any TTL.
///
/// Gives the RRsets in canonical order. Where the records of one RRset have different TTLs the
/// smallest counts (RFC 2181 section 5.2). Doubles are dropped. Whether it makes a valid zone (SOA,
/// NS, CNAME rules) is asked when the zone is created. On any error nothing is given but the errors.
///
/// ```
/// use zonecast_core::{Name, Ttl};
/// let text = "@ 1h IN SOA ns1 hostmaster 1 2h 15m 2w 5m\n  IN NS ns1\n$GENERATE 1-2 ns$ A 192.0.2.$";
/// let origin = Name::parse("example.org").unwrap();
/// let rrsets = zonecast_dns::parse_zonefile(text, &origin, Ttl::DEFAULT).unwrap();
/// assert_eq!(rrsets.len(), 4);
/// ```
pub fn parse_zonefile(text: &str, origin: &Name, ttl: Ttl) -> Result<Vec<RRset>, Vec<ZonefileError>> {
    let mut sets: BTreeMap<(Name, RecordType), (Ttl, Vec<RecordData>)> = BTreeMap::new();
    let mut errors = Vec::new();
    let mut reader = Reader::new(origin.clone(), ttl);
    for entry in words::entries(text) {
        let line = entry.line;
        let read = reader.read(entry, &mut |name, rtype, ttl, data| {
            let set = sets.entry((name, rtype)).or_insert_with(|| (ttl, Vec::with_capacity(1)));
            set.0 = set.0.min(ttl);
            set.1.push(data);
        });
        if let Err(message) = read {
            errors.push(ZonefileError { line, message });
            if errors.len() == ERRORS_MAX {
                break;
            }
        }
    }
    if errors.is_empty() {
        let sets = sets.into_iter();
        Ok(sets.map(|((name, rtype), (ttl, values))| RRset::new(name, rtype, ttl, values)).collect())
    } else {
        Err(errors)
    }
}

#[cfg(test)]
mod tests;
