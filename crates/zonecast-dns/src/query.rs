//! Reading a query without copying it: exactly what an answer needs, and nothing taken on trust.
//!
//! Every length is checked against the message; damage is one of two outcomes. A message that could
//! be an answer, or is too short to hold a header, is dropped, since answering it could start a loop.
//! Everything else wrong gets FORMERR.

use zonecast_core::{RecordType, Serial};

pub(crate) const HEADER: usize = 12;
const TYPE_OPT: u16 = 41;
const TYPE_TSIG: u16 = 250;
const OPTION_COOKIE: u16 = 10;
const OPCODE_UPDATE: u8 = 5;

/// A message that asks for something.
#[derive(Debug)]
pub(crate) struct Query<'a> {
    pub(crate) message: &'a [u8],
    pub(crate) opcode: u8,
    /// The question's name in wire form, uncompressed, in the asker's case.
    pub(crate) name: &'a [u8],
    pub(crate) qtype: RecordType,
    pub(crate) class: u16,
    /// Where the question ends.
    pub(crate) question_end: usize,
    pub(crate) edns: Option<Edns<'a>>,
    pub(crate) has_tsig: bool,
    /// The serial of the SOA record in the authority section, which IXFR carries.
    pub(crate) serial: Option<Serial>,
}

/// What the OPT record of a query says (RFC 6891).
#[derive(Debug, Clone, Copy)]
pub(crate) struct Edns<'a> {
    pub(crate) version: u8,
    pub(crate) payload: u16,
    pub(crate) dnssec_ok: bool,
    /// The data of the COOKIE option.
    pub(crate) cookie: Option<&'a [u8]>,
}

/// What cannot be answered as a query.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Unreadable {
    /// No answer at all.
    Drop,
    /// FORMERR. The question is repeated only as far as it was understood.
    Damaged,
}

impl<'a> Query<'a> {
    pub(crate) fn read(message: &'a [u8]) -> Result<Query<'a>, Unreadable> {
        if message.len() < HEADER || message[2] & 0x80 != 0 {
            return Err(Unreadable::Drop);
        }
        let opcode = message[2] >> 3 & 15;
        let mut query = Query {
            message,
            opcode,
            name: &[],
            qtype: RecordType(0),
            class: 0,
            question_end: HEADER,
            edns: None,
            has_tsig: false,
            serial: None,
        };
        if opcode == 0 {
            query.read_question().and_then(|()| query.read_records()).ok_or(Unreadable::Damaged)?;
        }
        if opcode == OPCODE_UPDATE {
            // Not carried out yet, so what else is wrong with it does not matter.
            query.has_tsig = query.read_question().and_then(|()| query.ends_with_tsig()).unwrap_or(false);
        }
        Ok(query)
    }

    /// Where the question of a message ends that this server wrote.
    pub(crate) fn question_end(message: &[u8]) -> Option<usize> {
        (count(message, 0) == 1).then(|| name_end(message, HEADER).map(|end| end + 4)).flatten()
    }

    fn read_question(&mut self) -> Option<()> {
        if count(self.message, 0) != 1 {
            return None;
        }
        let end = name_end(self.message, HEADER)?;
        let fixed = self.message.get(end..end + 4)?;
        self.name = &self.message[HEADER..end];
        self.qtype = RecordType(u16::from_be_bytes([fixed[0], fixed[1]]));
        self.class = u16::from_be_bytes([fixed[2], fixed[3]]);
        self.question_end = end + 4;
        Some(())
    }

    fn ends_with_tsig(&self) -> Option<bool> {
        let records: usize = (1..4).map(|section| usize::from(count(self.message, section))).sum();
        let (mut at, mut last) = (self.question_end, 0);
        for _ in 0..records {
            let record = Record::read(self.message, at)?;
            (at, last) = (record.end, record.rtype);
        }
        Some(at == self.message.len() && last == TYPE_TSIG && count(self.message, 3) > 0)
    }

    fn read_records(&mut self) -> Option<()> {
        let mut at = self.question_end;
        if count(self.message, 1) != 0 {
            return None;
        }
        for _ in 0..count(self.message, 2) {
            let record = Record::read(self.message, at)?;
            if record.rtype == RecordType::SOA.0 {
                self.serial = crate::soa::serial_of(record.data);
            }
            at = record.end;
        }
        for _ in 0..count(self.message, 3) {
            let record = Record::read(self.message, at)?;
            match record.rtype {
                _ if self.has_tsig => return None, // TSIG is the last record, RFC 8945 section 5.1.
                TYPE_OPT if self.edns.is_some() || record.owner != [0] => return None,
                TYPE_OPT => self.edns = Some(read_edns(&record)?),
                TYPE_TSIG => self.has_tsig = true,
                _ => {}
            }
            at = record.end;
        }
        (at == self.message.len()).then_some(())
    }
}

/// One record of a message, its owner not followed through pointers.
struct Record<'a> {
    owner: &'a [u8],
    rtype: u16,
    class: u16,
    ttl: [u8; 4],
    data: &'a [u8],
    end: usize,
}

impl<'a> Record<'a> {
    fn read(message: &'a [u8], start: usize) -> Option<Record<'a>> {
        let owner_end = skip_name(message, start)?;
        let head: &[u8; 10] = message.get(owner_end..)?.first_chunk()?;
        let length = u16::from_be_bytes([head[8], head[9]]) as usize;
        let end = owner_end + 10 + length;
        Some(Record {
            owner: &message[start..owner_end],
            rtype: u16::from_be_bytes([head[0], head[1]]),
            class: u16::from_be_bytes([head[2], head[3]]),
            ttl: [head[4], head[5], head[6], head[7]],
            data: message.get(owner_end + 10..end)?,
            end,
        })
    }
}

fn read_edns<'a>(record: &Record<'a>) -> Option<Edns<'a>> {
    let mut edns = Edns {
        version: record.ttl[1],
        payload: record.class,
        dnssec_ok: record.ttl[2] & 0x80 != 0,
        cookie: None,
    };
    let mut rest = record.data;
    while !rest.is_empty() {
        let (head, tail) = rest.split_at_checked(4)?;
        let code = u16::from_be_bytes([head[0], head[1]]);
        let (data, tail) = tail.split_at_checked(u16::from_be_bytes([head[2], head[3]]) as usize)?;
        if code == OPTION_COOKIE && edns.cookie.is_none() {
            // RFC 7873 section 5.2.2: a client cookie alone, or with a server cookie of 8 to 32 bytes.
            if data.len() != 8 && !(16..=40).contains(&data.len()) {
                return None;
            }
            edns.cookie = Some(data);
        }
        rest = tail;
    }
    Some(edns)
}

fn count(message: &[u8], section: usize) -> u16 {
    u16::from_be_bytes([message[4 + 2 * section], message[5 + 2 * section]])
}

/// The end of an uncompressed name; `None` for a pointer, a name too long, or damage.
fn name_end(message: &[u8], start: usize) -> Option<usize> {
    let mut at = start;
    loop {
        let length = *message.get(at)? as usize;
        at += 1 + length;
        if length > 63 || at - start > 255 {
            return None;
        }
        if length == 0 {
            return Some(at);
        }
    }
}

/// The end of a name that may be compressed.
fn skip_name(message: &[u8], start: usize) -> Option<usize> {
    let mut at = start;
    loop {
        match *message.get(at)? {
            0 => return Some(at + 1),
            length @ 1..=63 => at += 1 + length as usize,
            0xC0.. => return (at + 2 <= message.len()).then_some(at + 2),
            _ => return None,
        }
    }
}

/// Writes the sort key of a name in wire form: the same bytes [`zonecast_core::Name::key`] has. The
/// name must be uncompressed and whole, as [`Query::name`] and stored data are.
pub(crate) fn key_of_wire(wire: &[u8], key: &mut Vec<u8>) {
    key.clear();
    let mut starts = [0u8; 128];
    let (mut labels, mut at) = (0, 0);
    while let Some(length) = wire.get(at).copied().filter(|length| *length != 0) {
        if labels == starts.len() {
            break;
        }
        starts[labels] = at as u8;
        labels += 1;
        at += 1 + length as usize;
    }
    for start in starts[..labels].iter().rev() {
        let start = *start as usize;
        let end = (start + 1 + wire[start] as usize).min(wire.len());
        for byte in &wire[start + 1..end] {
            match byte.to_ascii_lowercase() {
                small @ (0 | 1) => key.extend_from_slice(&[1, small + 2]),
                byte => key.push(byte),
            }
        }
        key.push(0);
    }
}

/// The length on the wire of the name with this key.
pub(crate) fn wire_len(key: &[u8]) -> usize {
    key.len() + 1 - key.iter().filter(|byte| **byte == 1).count()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use zonecast_core::Name;

    proptest! {
        #[test]
        fn keys_and_lengths_are_those_of_the_name(labels in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 1..9), 0..6)) {
            let name = Name::from_labels(labels.iter().map(Vec::as_slice)).unwrap();
            let mut key = Vec::new();
            key_of_wire(&name.to_wire(), &mut key);
            prop_assert_eq!(&key, name.key());
            prop_assert_eq!(wire_len(&key), name.wire_len());
        }

        #[test]
        fn any_bytes_are_read_without_panic(message in proptest::collection::vec(any::<u8>(), 0..80)) {
            let _ = Query::read(&message);
        }
    }

    #[test]
    fn answers_and_fragments_are_dropped() {
        assert_eq!(Query::read(&[0; 11]).unwrap_err(), Unreadable::Drop);
        let mut answer = [0u8; 12];
        answer[2] = 0x80;
        assert_eq!(Query::read(&answer).unwrap_err(), Unreadable::Drop);
        assert_eq!(Query::read(&[0; 12]).unwrap_err(), Unreadable::Damaged);
    }
}
