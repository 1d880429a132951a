//! Zone files, RFC 1035 section 5, as panels and BIND really write them.
//!
//! The front end is ours: TTLs with units, `$GENERATE`, a missing last line end, and every error of a
//! file at once, each with its line. The data of a record is read by [`RecordData::read`], as everywhere.
//! `$INCLUDE` is refused: a zone file never reads other files.

mod entry;
mod generate;
mod write;

pub use write::{comment, write_zonefile};

use entry::Reader;
use std::collections::BTreeMap;
use std::fmt;
use zonecast_core::record::words::{self, Fault};
use zonecast_core::{Name, RRset, RecordData, RecordType, Ttl};

/// Errors reported of one file; after that it is hardly a zone file.
const ERRORS_MAX: usize = 100;

/// One thing wrong in a zone file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ZonefileError {
    /// The line, counted from 1.
    pub line: usize,
    /// The character of the line, counted from 1.
    pub column: usize,
    /// What is wrong, for the person who wrote the line.
    pub message: String,
}

impl fmt::Display for ZonefileError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}, column {}: {}", self.line, self.column, self.message)
    }
}

impl std::error::Error for ZonefileError {}

/// What a zone file holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Zonefile {
    /// Its RRsets, in canonical order.
    pub rrsets: Vec<RRset>,
    /// The records that were read, each that `$GENERATE` makes counted.
    pub records: usize,
    /// Records that say what another one said already.
    pub doubles: usize,
    /// Sets whose records have different TTLs: the smallest counts.
    pub ttls_differ: usize,
}

/// Reads a zone file. `origin` is the zone's name and what relative names are completed with until
/// `$ORIGIN` says otherwise; every owner must be within it. `ttl` is for records without any TTL.
///
/// Where the records of one RRset have different TTLs the smallest counts (RFC 2181 section 5.2). Doubles
/// are dropped. A byte-order mark in front is passed over. Whether it makes a valid zone (SOA, NS, CNAME
/// rules) is asked when the zone is created. On any error nothing is given but the errors.
pub fn read_zonefile(text: &str, origin: &Name, ttl: Ttl) -> Result<Zonefile, Vec<ZonefileError>> {
    let text = text.strip_prefix('\u{FEFF}').unwrap_or(text);
    let mut sets: BTreeMap<(Name, RecordType), Read> = BTreeMap::new();
    let mut errors = Vec::new();
    let mut reader = Reader::new(origin.clone(), ttl);
    let mut records = 0;
    for entry in words::entries(text) {
        let read = reader.read(entry, &mut |name, rtype, ttl, data| {
            records += 1;
            let set =
                sets.entry((name, rtype)).or_insert_with(|| Read { ttl, differ: false, values: Vec::new() });
            set.differ |= ttl != set.ttl;
            set.ttl = set.ttl.min(ttl);
            set.values.push(data);
        });
        if let Err(Fault { at, message }) = read {
            let (line, column) = words::place(text, at);
            errors.push(ZonefileError { line, column, message });
            if errors.len() == ERRORS_MAX {
                break;
            }
        }
    }
    if !errors.is_empty() {
        return Err(errors);
    }
    let ttls_differ = sets.values().filter(|set| set.differ).count();
    let rrsets: Vec<RRset> =
        sets.into_iter().map(|((name, rtype), set)| RRset::new(name, rtype, set.ttl, set.values)).collect();
    let kept: usize = rrsets.iter().map(|set| set.values.len()).sum();
    Ok(Zonefile { rrsets, records, doubles: records - kept, ttls_differ })
}

/// One RRset while its records come in.
struct Read {
    ttl: Ttl,
    differ: bool,
    values: Vec<RecordData>,
}

/// The RRsets of a zone file, as [`read_zonefile`] reads it.
///
/// ```
/// use zonecast_core::{Name, Ttl};
/// let text = "@ 1h IN SOA ns1 hostmaster 1 2h 15m 2w 5m\n  IN NS ns1\n$GENERATE 1-2 ns$ A 192.0.2.$";
/// let origin = Name::parse("example.org").unwrap();
/// let rrsets = zonecast_dns::parse_zonefile(text, &origin, Ttl::DEFAULT).unwrap();
/// assert_eq!(rrsets.len(), 4);
/// ```
pub fn parse_zonefile(text: &str, origin: &Name, ttl: Ttl) -> Result<Vec<RRset>, Vec<ZonefileError>> {
    read_zonefile(text, origin, ttl).map(|file| file.rrsets)
}

#[cfg(test)]
mod tests;
