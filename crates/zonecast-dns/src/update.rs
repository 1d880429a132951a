//! RFC 2136 UPDATE messages, built as plain bytes.
//!
//! A message has prerequisites ("the set is exactly this", "there is no such set") and updates, and
//! the server carries out all of it or nothing. Pieces that belong together are built apart and
//! [appended](Update::append) until a message is full, so a piece is never torn in two.

use crate::message::ResponseCode;
use crate::tsig_client::TsigFault;
use std::time::Duration;
use zonecast_core::{Name, RecordType, Ttl};

const OPCODE_UPDATE: u8 = 5;
const CLASS_IN: u16 = 1;
const CLASS_NONE: u16 = 254;
const CLASS_ANY: u16 = 255;
const TYPE_ANY: RecordType = RecordType(255);
/// Header and question, without the zone's name.
const FIXED: usize = 12 + 4;

/// Prerequisites and updates of one zone, to be carried out together or not at all.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Update {
    zone: Name,
    prerequisites: Section,
    updates: Section,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Section {
    wire: Vec<u8>,
    count: usize,
}

/// What the server answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UpdateAnswer {
    /// NOERROR says that the message was taken, not that everything in it was done.
    pub rcode: ResponseCode,
    /// What is wrong with the signatures: ours in the server's eyes, or the answer's in ours. A
    /// NOERROR with a fault never comes here, it is an error; a refusal need not be signed.
    pub fault: Option<TsigFault>,
    /// From the message written to the answer read.
    pub elapsed: Duration,
}

impl Update {
    /// Nothing yet, for this zone.
    pub fn new(zone: Name) -> Update {
        Update { zone, prerequisites: Section::default(), updates: Section::default() }
    }

    /// Only if the set has exactly these values, whatever its TTL; each in wire form.
    pub fn require_exactly<'v>(
        &mut self,
        name: &Name,
        rtype: RecordType,
        values: impl Iterator<Item = &'v [u8]>,
    ) {
        for value in values {
            self.prerequisites.push(&self.zone, name, rtype, CLASS_IN, 0, value);
        }
    }

    /// Only if there is no such set.
    pub fn require_absent(&mut self, name: &Name, rtype: RecordType) {
        self.prerequisites.push(&self.zone, name, rtype, CLASS_NONE, 0, &[]);
    }

    /// Only if the name has any data.
    pub fn require_name(&mut self, name: &Name) {
        self.prerequisites.push(&self.zone, name, TYPE_ANY, CLASS_ANY, 0, &[]);
    }

    /// Only if the name has no data.
    pub fn require_no_name(&mut self, name: &Name) {
        self.prerequisites.push(&self.zone, name, TYPE_ANY, CLASS_NONE, 0, &[]);
    }

    /// Adds a value; the TTL becomes that of the whole set.
    pub fn add(&mut self, name: &Name, rtype: RecordType, ttl: Ttl, value: &[u8]) {
        self.updates.push(&self.zone, name, rtype, CLASS_IN, ttl.seconds(), value);
    }

    /// Deletes a set, if it is there.
    pub fn delete_set(&mut self, name: &Name, rtype: RecordType) {
        self.updates.push(&self.zone, name, rtype, CLASS_ANY, 0, &[]);
    }

    /// Deletes one value, if it is there.
    pub fn delete_value(&mut self, name: &Name, rtype: RecordType, value: &[u8]) {
        self.updates.push(&self.zone, name, rtype, CLASS_NONE, 0, value);
    }

    /// Adds everything of another update of the same zone behind what is here.
    pub fn append(&mut self, other: &Update) {
        debug_assert_eq!(self.zone, other.zone);
        for (mine, theirs) in
            [(&mut self.prerequisites, &other.prerequisites), (&mut self.updates, &other.updates)]
        {
            mine.wire.extend_from_slice(&theirs.wire);
            mine.count += theirs.count;
        }
    }

    /// The zone.
    pub fn zone(&self) -> &Name {
        &self.zone
    }

    /// Bytes of the message without a signature.
    pub fn size(&self) -> usize {
        FIXED + self.zone.wire_len() + self.prerequisites.wire.len() + self.updates.wire.len()
    }

    /// Records in both sections.
    pub fn records(&self) -> usize {
        self.prerequisites.count + self.updates.count
    }

    /// The message with this id, unsigned.
    pub(crate) fn compose(&self, id: u16) -> Vec<u8> {
        let mut message = Vec::with_capacity(self.size() + crate::tsig::TSIG_ROOM);
        message.extend_from_slice(&id.to_be_bytes());
        message.extend_from_slice(&[OPCODE_UPDATE << 3, 0, 0, 1]);
        message.extend_from_slice(&(self.prerequisites.count as u16).to_be_bytes());
        message.extend_from_slice(&(self.updates.count as u16).to_be_bytes());
        message.extend_from_slice(&[0, 0]);
        self.zone.compose(&mut message);
        message.extend_from_slice(&[0, RecordType::SOA.0 as u8, 0, 1]);
        message.extend_from_slice(&self.prerequisites.wire);
        message.extend_from_slice(&self.updates.wire);
        message
    }
}

impl Section {
    fn push(&mut self, zone: &Name, name: &Name, rtype: RecordType, class: u16, ttl: u32, rdata: &[u8]) {
        push_owner(&mut self.wire, zone, name);
        self.wire.extend_from_slice(&rtype.0.to_be_bytes());
        self.wire.extend_from_slice(&class.to_be_bytes());
        self.wire.extend_from_slice(&ttl.to_be_bytes());
        self.wire.extend_from_slice(&(rdata.len() as u16).to_be_bytes());
        self.wire.extend_from_slice(rdata);
        self.count += 1;
    }
}

/// Writes an owner; the zone's part of it is a pointer to the question, wherever the record ends up.
fn push_owner(wire: &mut Vec<u8>, zone: &Name, name: &Name) {
    let start = wire.len();
    name.compose(wire);
    if name.is_within(zone) && !zone.is_root() {
        wire.truncate(start + name.wire_len() - zone.wire_len());
        wire.extend_from_slice(&[0xC0, 12]);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use domain::base::Message;

    #[test]
    fn a_message_reads_back_as_it_was_meant() {
        let name = |text: &str| Name::parse(text).unwrap();
        let mut update = Update::new(name("example.org"));
        update.require_absent(&name("www.example.org"), RecordType::A);
        let mut more = Update::new(name("example.org"));
        more.require_exactly(&name("example.org"), RecordType::A, [&[192, 0, 2, 1][..]].into_iter());
        more.add(&name("a.b.example.org"), RecordType::A, Ttl::DEFAULT, &[192, 0, 2, 2]);
        more.delete_set(&name("other.test"), RecordType::TXT);
        update.append(&more);
        let wire = update.compose(7);
        assert_eq!(wire.len(), update.size());
        let message = Message::from_octets(wire).unwrap();
        assert_eq!(message.header().opcode().to_int(), 5);
        let owners = |section: domain::base::RecordSection<'_, Vec<u8>>| -> Vec<String> {
            section.map(|record| record.unwrap().owner().to_string()).collect()
        };
        assert_eq!(owners(message.answer().unwrap()), ["www.example.org", "example.org"]);
        assert_eq!(owners(message.authority().unwrap()), ["a.b.example.org", "other.test"]);
        assert!(message.additional().unwrap().next().is_none());
    }
}
