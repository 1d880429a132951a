//! Writing an answer into a buffer that is used again and again.
//!
//! Owners are always two bytes: a pointer to a name that stands uncompressed earlier in the message
//! (the question, or the target of a CNAME or NS just written), or into its tail for an ancestor. So
//! no table of compressed names is kept.

use crate::node::SetRef;
use crate::query::{Edns, HEADER, Query};

/// RFC 1035 section 3.1; the sections of a message after the question.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Section {
    Answer,
    Authority,
    Additional,
}

/// Response codes, RFC 1035 section 4.1.1 and later; 16 and above need EDNS.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Rcode {
    NoError = 0,
    FormErr = 1,
    NxDomain = 3,
    NotImp = 4,
    Refused = 5,
    YxDomain = 6,
    BadVers = 16,
}

/// The payload size offered and used at most over UDP: no fragments on any usual path (DNS flag day 2020).
pub(crate) const UDP_PAYLOAD: u16 = 1232;
const OPT_LEN: usize = 11;
const COOKIE_LEN: usize = 4 + 24;
/// Pointers have 14 bits.
const POINTER_MAX: usize = 0x3FFF;

/// A message being written.
pub(crate) struct Reply<'b> {
    pub(crate) buffer: &'b mut Vec<u8>,
    room: usize,
    question_end: usize,
    counts: [u16; 3],
    rcode: Rcode,
    authoritative: bool,
    truncated: bool,
}

impl<'b> Reply<'b> {
    /// Begins the answer to a query; `limit` is the size of the whole message, `reserve` what is
    /// added after it is finished.
    pub(crate) fn new(buffer: &'b mut Vec<u8>, query: &Query<'_>, limit: usize, reserve: usize) -> Reply<'b> {
        buffer.clear();
        buffer.extend_from_slice(&query.message[..query.question_end]);
        buffer[2] = 0x80 | query.message[2] & 0x79; // QR, opcode and RD as asked
        buffer[3] = 0;
        buffer[4..HEADER].fill(0);
        buffer[5] = u8::from(query.question_end > HEADER);
        let opt = match &query.edns {
            Some(Edns { cookie: Some(_), .. }) => OPT_LEN + COOKIE_LEN,
            Some(_) => OPT_LEN,
            None => 0,
        };
        Reply {
            buffer,
            room: limit.saturating_sub(opt + reserve),
            question_end: query.question_end,
            counts: [0; 3],
            rcode: Rcode::NoError,
            authoritative: false,
            truncated: false,
        }
    }

    pub(crate) fn set_rcode(&mut self, rcode: Rcode) {
        self.rcode = rcode;
    }

    pub(crate) fn set_authoritative(&mut self, authoritative: bool) {
        self.authoritative = authoritative;
    }

    pub(crate) fn is_truncated(&self) -> bool {
        self.truncated
    }

    /// Appends an RRset whose owner stands at `owner` in the message. An RRset that does not fit
    /// makes the answer truncated, and the caller need not stop.
    pub(crate) fn push_set(&mut self, section: Section, owner: usize, set: SetRef<'_>) {
        if !self.try_push_set(section, owner, set) {
            self.truncated = true;
        }
    }

    /// The same for data an answer can do without: left out when there is no room.
    pub(crate) fn try_push_set(&mut self, section: Section, owner: usize, set: SetRef<'_>) -> bool {
        if self.truncated || self.buffer.len() + set.body.len() > self.room || owner > POINTER_MAX {
            return false;
        }
        let start = self.buffer.len();
        self.buffer.extend_from_slice(set.body);
        if owner != HEADER {
            let pointer = (0xC000 | owner as u16).to_be_bytes();
            let mut at = start;
            while let Some(head) = self.buffer.get_mut(at..at + HEADER) {
                head[..2].copy_from_slice(&pointer);
                at += HEADER + u16::from_be_bytes([head[10], head[11]]) as usize;
            }
        }
        self.counts[section as usize] += set.count;
        true
    }

    /// Appends one record; `rest` is all of it after the owner.
    pub(crate) fn push_record(&mut self, section: Section, owner: usize, rest: &[u8]) {
        if self.truncated || self.buffer.len() + 2 + rest.len() > self.room || owner > POINTER_MAX {
            self.truncated = true;
            return;
        }
        self.buffer.extend_from_slice(&(0xC000 | owner as u16).to_be_bytes());
        self.buffer.extend_from_slice(rest);
        self.counts[section as usize] += 1;
    }

    /// Writes header and OPT. A truncated answer keeps only its question: RFC 2181 section 9 lets
    /// nobody use the rest, and a small answer amplifies nothing.
    pub(crate) fn finish(self, edns: Option<&Edns<'_>>, cookie: Option<[u8; 24]>) {
        let Reply { buffer, mut counts, .. } = self;
        if self.truncated {
            buffer.truncate(self.question_end);
            counts = [0; 3];
        }
        buffer[2] |= u8::from(self.authoritative) << 2 | u8::from(self.truncated) << 1;
        buffer[3] = self.rcode as u8 & 15;
        if let Some(edns) = edns {
            counts[Section::Additional as usize] += 1;
            push_opt(buffer, self.rcode as u8 >> 4, edns.dnssec_ok, cookie);
        }
        for (section, count) in counts.iter().enumerate() {
            buffer[6 + 2 * section..8 + 2 * section].copy_from_slice(&count.to_be_bytes());
        }
    }
}

fn push_opt(buffer: &mut Vec<u8>, rcode_high: u8, dnssec_ok: bool, cookie: Option<[u8; 24]>) {
    let payload = UDP_PAYLOAD.to_be_bytes();
    buffer.extend_from_slice(&[0, 0, 41, payload[0], payload[1]]);
    buffer.extend_from_slice(&[rcode_high, 0, u8::from(dnssec_ok) << 7, 0]);
    match cookie {
        Some(cookie) => {
            buffer.extend_from_slice(&[0, COOKIE_LEN as u8, 0, 10, 0, 24]);
            buffer.extend_from_slice(&cookie);
        }
        None => buffer.extend_from_slice(&[0, 0]),
    }
}

/// Cuts a finished answer down to its question with TC set.
pub(crate) fn truncate_to_question(message: &mut Vec<u8>) {
    let question_end = Query::question_end(message).unwrap_or(HEADER);
    message.truncate(question_end);
    message[2] |= 2;
    message[6..HEADER].fill(0);
}
