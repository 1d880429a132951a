//! Messages this crate sends as a client, and reading what comes back into our own types.

use domain::base::iana::Class;
use domain::base::rdata::ComposeRecordData;
use domain::base::{Message, ParsedName, RecordSection, ToName};
use domain::rdata::AllRecordData;
use std::fmt;
use zonecast_core::{Name, RRset, RecordData, RecordType, Ttl};

pub(crate) const OPCODE_QUERY: u8 = 0;
pub(crate) const OPCODE_NOTIFY: u8 = 4;

/// A response code, RFC 1035 section 4.1.1 and later.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ResponseCode(pub u8);

impl ResponseCode {
    /// The answer is good, with or without records.
    pub const NOERROR: ResponseCode = ResponseCode(0);
    /// The server cannot read the message.
    pub const FORMERR: ResponseCode = ResponseCode(1);
    /// The server had a problem of its own.
    pub const SERVFAIL: ResponseCode = ResponseCode(2);
    /// The name does not exist.
    pub const NXDOMAIN: ResponseCode = ResponseCode(3);
    /// The server does not do this kind of request.
    pub const NOTIMP: ResponseCode = ResponseCode(4);
    /// The server does not want to answer.
    pub const REFUSED: ResponseCode = ResponseCode(5);
    /// A name that should not be there is.
    pub const YXDOMAIN: ResponseCode = ResponseCode(6);
    /// An RRset that should not be there is.
    pub const YXRRSET: ResponseCode = ResponseCode(7);
    /// An RRset that should be there, as it was named, is not.
    pub const NXRRSET: ResponseCode = ResponseCode(8);
    /// The server is not authoritative for the zone, or does not know the key.
    pub const NOTAUTH: ResponseCode = ResponseCode(9);
    /// A name of the message is not within the zone.
    pub const NOTZONE: ResponseCode = ResponseCode(10);
}

impl fmt::Display for ResponseCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&domain::base::iana::Rcode::masked_from_int(self.0), f)
    }
}

impl fmt::Debug for ResponseCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// A question to be sent.
pub(crate) struct Question<'q> {
    pub(crate) opcode: u8,
    pub(crate) name: &'q Name,
    pub(crate) rtype: RecordType,
    pub(crate) recursion_desired: bool,
    pub(crate) edns: bool,
    /// One record of the answer section, without its owner: NOTIFY carries the SOA.
    pub(crate) soa: Option<&'q [u8]>,
}

impl Question<'_> {
    /// The message with this id.
    pub(crate) fn compose(&self, id: u16) -> Vec<u8> {
        let mut message = Vec::with_capacity(64);
        message.extend_from_slice(&id.to_be_bytes());
        let authoritative = self.opcode == OPCODE_NOTIFY;
        message.push(self.opcode << 3 | u8::from(authoritative) << 2 | u8::from(self.recursion_desired));
        message.push(0);
        message.extend_from_slice(&[0, 1, 0, u8::from(self.soa.is_some()), 0, 0, 0, u8::from(self.edns)]);
        self.name.compose(&mut message);
        message.extend_from_slice(&self.rtype.0.to_be_bytes());
        message.extend_from_slice(&[0, 1]);
        if let Some(soa) = self.soa {
            message.extend_from_slice(&[0xC0, 12]);
            message.extend_from_slice(soa);
        }
        if self.edns {
            let payload = crate::reply::UDP_PAYLOAD.to_be_bytes();
            message.extend_from_slice(&[0, 0, 41, payload[0], payload[1], 0, 0, 0, 0, 0, 0]);
        }
        message
    }

    /// Whether a message answers this question as it was sent with `id`.
    pub(crate) fn is_answered_by(&self, id: u16, message: &Message<Vec<u8>>) -> bool {
        let header = message.header();
        let same = header.id() == id && header.qr() && header.opcode().to_int() == self.opcode;
        let question = message.sole_question().ok();
        same && question.is_some_and(|question| {
            question.qtype().to_int() == self.rtype.0
                && question.qclass() == Class::IN
                && to_name(question.qname()).as_ref() == Some(self.name)
        })
    }
}

/// A random message id.
pub(crate) fn random_id() -> u16 {
    // Without random numbers the port still is one; an id of 0 then only weakens, it does not break.
    getrandom::u32().map_or(0, |random| random as u16)
}

/// Hands every record of a section to `take`; `None` when the section is damaged. Records of other
/// classes and of types that only messages carry are left out.
pub(crate) fn read_section(
    section: RecordSection<'_, Vec<u8>>,
    take: &mut dyn FnMut(Name, Ttl, RecordData),
) -> Option<()> {
    read_section_raw(section, &mut |name, ttl, data, _| take(name, ttl, data))
}

/// What takes records with their spelling.
pub(crate) type RawSink<'s> = &'s mut dyn FnMut(Name, Ttl, RecordData, &[u8]);

/// As [`read_section`], and with the data as the server spells it: upper case in names and the cuts of
/// texts are kept. Whoever wants to delete exactly this record has to say exactly this.
pub(crate) fn read_section_raw(section: RecordSection<'_, Vec<u8>>, take: RawSink<'_>) -> Option<()> {
    let mut wire = Vec::new();
    for record in section {
        let record = record.ok()?;
        let rtype = RecordType(record.rtype().to_int());
        if record.class() != Class::IN || rtype.0 == 41 || (128..=255).contains(&rtype.0) {
            continue;
        }
        let name = to_name(&record.owner())?;
        // RFC 2181 section 8: a TTL with the highest bit set counts as 0.
        let ttl = Ttl::from_seconds(record.ttl().as_secs()).or_else(|_| Ttl::from_seconds(0)).ok()?;
        let record = record.to_any_record::<AllRecordData<_, ParsedName<_>>>().ok()?;
        wire.clear();
        record.data().compose_rdata(&mut wire).ok()?;
        take(name, ttl, RecordData::from_wire(rtype, &wire).ok()?, &wire);
    }
    Some(())
}

/// Groups records into RRsets, in the order their first records came.
#[derive(Default)]
pub(crate) struct RRsets(Vec<RRset>);

impl RRsets {
    pub(crate) fn take(&mut self, name: Name, ttl: Ttl, data: RecordData) {
        let rtype = data.rtype();
        match self.0.iter_mut().find(|set| set.rtype == rtype && set.name == name) {
            Some(set) => {
                set.ttl = set.ttl.min(ttl);
                set.values.push(data);
            }
            None => self.0.push(RRset { name, rtype, ttl, values: vec![data] }),
        }
    }

    pub(crate) fn finish(self) -> Vec<RRset> {
        self.0.into_iter().map(|set| RRset::new(set.name, set.rtype, set.ttl, set.values)).collect()
    }
}

fn to_name(name: &impl ToName) -> Option<Name> {
    let wire = name.to_vec();
    Name::from_wire(wire.as_slice()).ok().map(|(name, _)| name)
}
