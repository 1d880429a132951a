//! Finding what a zone says about a name: RFC 1034 section 4.3.2 with RFC 4592 (wildcards) and
//! RFC 6672 (DNAME), on the ordered names of a snapshot.

use crate::node::Node;
use crate::zone::ZoneSnapshot;
use zonecast_core::RecordType;

/// What a name is to a zone.
pub(crate) enum Found<'z> {
    /// The name holds data.
    Exact(&'z Node),
    /// The name does not exist and this wildcard stands for it.
    Wildcard(&'z Node),
    /// The name is at or below this delegation.
    Cut(&'z Node),
    /// The name is below this DNAME.
    Dname(&'z Node),
    /// The name exists only because something below it does.
    EmptyNonTerminal,
    /// The name does not exist.
    Nothing,
}

impl ZoneSnapshot {
    /// Looks a key within the zone up. A DS question at a delegation is the parent's to answer
    /// (RFC 4035 section 3.1.4.1), so there the cut itself counts as data. `key` is scratch
    /// afterwards.
    pub(crate) fn find(&self, key: &mut Vec<u8>, qtype: RecordType) -> Found<'_> {
        let exact = self.node(key);
        if self.cuts > 0
            && let Some(cut) = self.cut_above(key, exact, qtype)
        {
            return cut;
        }
        if let Some(node) = exact {
            return Found::Exact(node);
        }
        let after = self.at_or_after(key).map_or(&[][..], Node::key);
        if after.starts_with(key) {
            return Found::EmptyNonTerminal;
        }
        let before = self.before(key).map_or(&[][..], Node::key);
        let encloser = common_labels(before, key).max(common_labels(after, key));
        key.truncate(encloser);
        key.extend_from_slice(b"*\0");
        match self.node(key) {
            Some(wildcard) => Found::Wildcard(wildcard),
            // `*` may also exist as an empty non-terminal: then the name exists with no data.
            None if after_exists(self, key) => Found::EmptyNonTerminal,
            None => Found::Nothing,
        }
    }

    /// The highest delegation or DNAME on the way from the apex down to the key.
    fn cut_above<'z>(&'z self, key: &[u8], exact: Option<&'z Node>, qtype: RecordType) -> Option<Found<'z>> {
        let apex = self.apex.key().len();
        let mut end = apex;
        loop {
            let node = match end {
                end if end == key.len() => exact,
                end if end == apex && !self.apex_is_dname => None,
                end => self.node(&key[..end]),
            };
            if let Some(node) = node {
                let delegated = end > apex && node.get(RecordType::NS).is_some();
                if delegated && !(end == key.len() && qtype == RecordType::DS) {
                    return Some(Found::Cut(node));
                }
                if end < key.len() && node.get(RecordType::DNAME).is_some() {
                    return Some(Found::Dname(node));
                }
            }
            let label = key[end..].iter().position(|byte| *byte == 0)?;
            end += label + 1;
        }
    }
}

fn after_exists(zone: &ZoneSnapshot, key: &[u8]) -> bool {
    zone.at_or_after(key).is_some_and(|node| node.key().starts_with(key))
}

/// How many bytes two keys share, up to the end of a label.
fn common_labels(a: &[u8], b: &[u8]) -> usize {
    let same = a.iter().zip(b).take_while(|(a, b)| a == b);
    same.enumerate().filter(|(_, (byte, _))| **byte == 0).map(|(at, _)| at + 1).last().unwrap_or(0)
}
