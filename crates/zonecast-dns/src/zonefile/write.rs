//! Writing a zone file that every server reads.

use std::fmt::Write as _;
use zonecast_core::{Name, RRset, RecordType};

/// Writes RRsets as a zone file: SOA first (some loaders insist), then as given, which is canonical
/// order when they come from a snapshot. Every name is absolute and every record has its TTL, so each
/// line stands for itself.
pub fn write_zonefile(zone: &Name, rrsets: impl IntoIterator<Item = RRset>) -> String {
    let (mut soa, mut rest) = (String::new(), String::new());
    for rrset in rrsets {
        let first = rrset.rtype == RecordType::SOA && rrset.name == *zone;
        write_rrset(if first { &mut soa } else { &mut rest }, &rrset);
    }
    soa.push_str(&rest);
    soa
}

/// A comment of one line, whatever the words hold: for what stands in a zone and is no record.
pub fn comment(words: &str) -> String {
    let mut line = String::with_capacity(words.len() + 3);
    line.push_str("; ");
    for char in words.chars() {
        match char.is_control() {
            true => drop(write!(line, "\\{:03}", u32::from(char))),
            false => line.push(char),
        }
    }
    line.push('\n');
    line
}

fn write_rrset(out: &mut String, rrset: &RRset) {
    let owner = rrset.name.absolute();
    for value in &rrset.values {
        // Writing to a string cannot fail.
        let _ = writeln!(out, "{owner} {} IN {} {}", rrset.ttl, rrset.rtype, value.to_zonefile());
    }
}
