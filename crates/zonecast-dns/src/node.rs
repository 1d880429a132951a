//! One name of a zone and all its records, in one block of memory.
//!
//! A zone of a million names is a million of these, so a node is a single allocation: its sort key,
//! then each RRset as the records an answer needs, owner included (a pointer to the question's name,
//! `C0 0C`). Answering copies a slice. The road not taken: a vector of RRset structs per name, which
//! costs three times the memory and a pointer chase per record.
//!
//! ```text
//! key length (2) | key | RRset ...      RRset: type (2) | records (2) | length (4) | records
//! ```

use std::borrow::Borrow;
use std::cmp::Ordering;
use zonecast_core::{Name, RRset, RecordData, RecordType, Ttl};

/// Owner (2), type (2), class (2), TTL (4), length of the data (2).
const RECORD_HEAD: usize = 12;
const SET_HEAD: usize = 8;

/// A name with its RRsets; ordered and found by its key alone.
#[derive(Clone)]
pub(crate) struct Node(Box<[u8]>);

/// One RRset inside a node.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct SetRef<'a> {
    pub(crate) rtype: RecordType,
    pub(crate) count: u16,
    /// The records, each with an owner that points at the question's name.
    pub(crate) body: &'a [u8],
}

impl Node {
    /// A node of these RRsets; each must be at this name.
    pub(crate) fn new<'a>(key: &[u8], sets: impl Iterator<Item = SetRef<'a>>) -> Node {
        let mut block = Vec::with_capacity(64);
        block.extend_from_slice(&(key.len() as u16).to_le_bytes());
        block.extend_from_slice(key);
        for set in sets {
            block.extend_from_slice(&set.rtype.0.to_le_bytes());
            block.extend_from_slice(&set.count.to_le_bytes());
            block.extend_from_slice(&(set.body.len() as u32).to_le_bytes());
            block.extend_from_slice(set.body);
        }
        Node(block.into_boxed_slice())
    }

    /// The canonical sort key of the name.
    pub(crate) fn key(&self) -> &[u8] {
        &self.0[2..2 + self.key_len()]
    }

    /// The RRsets, in order of their type.
    pub(crate) fn sets(&self) -> Sets<'_> {
        Sets(&self.0[2 + self.key_len()..])
    }

    /// The RRset of one type.
    pub(crate) fn get(&self, rtype: RecordType) -> Option<SetRef<'_>> {
        self.sets().find(|set| set.rtype == rtype)
    }

    /// The name itself. Keys come from names, so reading one back cannot fail.
    pub(crate) fn name(&self) -> Name {
        Name::from_key(self.key()).unwrap_or_else(|_| Name::root())
    }

    fn key_len(&self) -> usize {
        u16::from_le_bytes([self.0[0], self.0[1]]) as usize
    }
}

impl Borrow<[u8]> for Node {
    fn borrow(&self) -> &[u8] {
        self.key()
    }
}

impl PartialEq for Node {
    fn eq(&self, other: &Node) -> bool {
        self.key() == other.key()
    }
}

impl Eq for Node {}

impl PartialOrd for Node {
    fn partial_cmp(&self, other: &Node) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Node {
    fn cmp(&self, other: &Node) -> Ordering {
        self.key().cmp(other.key())
    }
}

/// Walks the RRsets of a node.
pub(crate) struct Sets<'a>(&'a [u8]);

impl<'a> Iterator for Sets<'a> {
    type Item = SetRef<'a>;

    fn next(&mut self) -> Option<SetRef<'a>> {
        let (head, rest) = self.0.split_at_checked(SET_HEAD)?;
        let rtype = RecordType(u16::from_le_bytes([head[0], head[1]]));
        let count = u16::from_le_bytes([head[2], head[3]]);
        let length = u32::from_le_bytes([head[4], head[5], head[6], head[7]]) as usize;
        let (body, rest) = rest.split_at_checked(length)?;
        self.0 = rest;
        Some(SetRef { rtype, count, body })
    }
}

impl<'a> SetRef<'a> {
    /// The records one by one, owner included.
    pub(crate) fn records(self) -> impl Iterator<Item = &'a [u8]> {
        let mut rest = self.body;
        std::iter::from_fn(move || {
            let length = u16::from_be_bytes([*rest.get(10)?, *rest.get(11)?]) as usize;
            let (record, tail) = rest.split_at_checked(RECORD_HEAD + length)?;
            rest = tail;
            Some(record)
        })
    }

    /// The data of each record.
    pub(crate) fn rdata(self) -> impl Iterator<Item = &'a [u8]> {
        self.records().map(|record| &record[RECORD_HEAD..])
    }

    /// The TTL of the set, as sent.
    pub(crate) fn ttl(self) -> u32 {
        self.body.get(6..10).and_then(|ttl| ttl.try_into().ok()).map_or(0, u32::from_be_bytes)
    }

    /// The set as the rest of Zonecast knows it.
    pub(crate) fn to_rrset(self, name: Name) -> RRset {
        let values = self.rdata().map(|rdata| RecordData::from_canonical(self.rtype, rdata)).collect();
        let ttl = Ttl::from_seconds(self.ttl()).unwrap_or(Ttl::MAX);
        RRset::new(name, self.rtype, ttl, values)
    }
}

/// The records of a set as a node holds them.
pub(crate) fn encode(rrset: &RRset) -> Vec<u8> {
    let mut body = Vec::with_capacity(rrset.values.len() * (RECORD_HEAD + 8));
    for value in &rrset.values {
        push_record(&mut body, [0xC0, 12], rrset.rtype, rrset.ttl.seconds(), value.wire());
    }
    body
}

/// Appends one record; `owner` is a name in wire form, compressed or not.
pub(crate) fn push_record(
    out: &mut Vec<u8>,
    owner: impl AsRef<[u8]>,
    rtype: RecordType,
    ttl: u32,
    rdata: &[u8],
) {
    out.extend_from_slice(owner.as_ref());
    out.extend_from_slice(&rtype.0.to_be_bytes());
    out.extend_from_slice(&[0, 1]);
    out.extend_from_slice(&ttl.to_be_bytes());
    out.extend_from_slice(&(rdata.len() as u16).to_be_bytes());
    out.extend_from_slice(rdata);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_node_gives_back_the_sets_it_was_made_of() {
        let name = Name::parse("www.example.org").unwrap();
        let addresses =
            ["192.0.2.1", "192.0.2.2"].map(|text| RecordData::parse(RecordType::A, text).unwrap());
        let ttl = Ttl::from_seconds(60).unwrap();
        let a = RRset::new(name.clone(), RecordType::A, ttl, addresses.to_vec());
        let txt = RRset::new(name.clone(), RecordType::TXT, ttl, vec![RecordData::text(b"hello")]);
        let bodies = [encode(&a), encode(&txt)];
        let sets = [&a, &txt].into_iter().zip(&bodies).map(|(set, body)| SetRef {
            rtype: set.rtype,
            count: set.values.len() as u16,
            body,
        });
        let node = Node::new(name.key(), sets);
        assert_eq!(node.name(), name);
        assert_eq!(node.get(RecordType::A).unwrap().to_rrset(name.clone()), a);
        assert_eq!(node.get(RecordType::TXT).unwrap().to_rrset(name), txt);
        assert!(node.get(RecordType::MX).is_none());
    }
}
