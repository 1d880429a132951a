//! The answer to one query, from memory, without waiting for anything.
//!
//! [`Engine::respond`] is called by every listener. It does the envelope (header, EDNS, signature);
//! what a zone says comes from [`crate::lookup`]; [`Walk`] follows CNAMEs and DNAMEs inside the zone.
//! Answers are minimal: authority and additional data only where the asker cannot go on without.

use crate::authority::{Authority, Zones, deepest};
use crate::cookie::CookieJar;
use crate::lookup::Found;
use crate::node::{Node, SetRef};
use crate::query::{HEADER, Query, Unreadable, key_of_wire, wire_len};
use crate::reply::{Rcode, Reply, Section, UDP_PAYLOAD};
use crate::tsig::Signer;
use crate::zone::ZoneSnapshot;
use std::net::IpAddr;
use std::sync::Arc;
use zonecast_core::{RecordType, Serial};

const CLASS_IN: u16 = 1;
pub(crate) const TYPE_IXFR: RecordType = RecordType(251);
pub(crate) const TYPE_AXFR: RecordType = RecordType(252);
const TYPE_ANY: RecordType = RecordType(255);
/// CNAMEs and DNAMEs followed in one answer; whoever asks follows the rest.
const LINKS_MAX: usize = 16;

/// How a query came.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Transport {
    Udp,
    Tcp,
}

/// What a listener does with a message.
pub(crate) enum Response {
    /// Nothing.
    Drop,
    /// The answer is in the buffer; the asker has shown a cookie or signature of ours, or not.
    Answer { proven: bool },
    /// A zone transfer is asked for and allowed.
    Transfer(Box<Transfer>),
}

/// An allowed transfer: everything needed to send it.
pub(crate) struct Transfer {
    /// Header and question of the request, to begin each message with.
    pub(crate) question: Vec<u8>,
    pub(crate) zone: Arc<crate::authority::Zone>,
    pub(crate) snapshot: Arc<ZoneSnapshot>,
    /// The serial the asker has, for IXFR.
    pub(crate) since: Option<Serial>,
    pub(crate) signer: Signer,
}

/// Everything a listener needs to answer.
#[derive(Clone)]
pub(crate) struct Engine {
    authority: Authority,
    cookies: CookieJar,
}

/// Buffers of one listener, kept so that no answer allocates.
#[derive(Default)]
pub(crate) struct Scratch {
    key: Vec<u8>,
    target: Vec<u8>,
}

impl Engine {
    pub(crate) fn new(authority: Authority) -> Result<Engine, getrandom::Error> {
        Ok(Engine { authority, cookies: CookieJar::new()? })
    }

    /// The set of zones as it is now; taken once for a batch of queries.
    pub(crate) fn zones(&self) -> arc_swap::Guard<Arc<Zones>> {
        self.authority.load_zones()
    }

    /// Answers one message into `out`.
    pub(crate) fn respond(
        &self,
        zones: &Zones,
        message: &[u8],
        peer: IpAddr,
        transport: Transport,
        scratch: &mut Scratch,
        out: &mut Vec<u8>,
    ) -> Response {
        let query = match Query::read(message) {
            Ok(query) => query,
            Err(Unreadable::Drop) => return Response::Drop,
            Err(Unreadable::Damaged) => {
                header_only(message, Rcode::FormErr, out);
                return Response::Answer { proven: false };
            }
        };
        if query.opcode != 0 {
            return not_implemented(&query, zones, scratch, out);
        }
        key_of_wire(query.name, &mut scratch.key);
        let zone = find_zone(zones, &scratch.key, query.qtype);
        let mut signer = match check_signature(&query, zone) {
            Ok(signer) => signer,
            Err(error) => {
                *out = error;
                return Response::of(out, false);
            }
        };
        let mut reply = Reply::new(out, &query, size_limit(&query, transport), signer.room());
        match decide(&query, zone, peer, &signer, transport) {
            Decision::Refuse(rcode) => reply.set_rcode(rcode),
            Decision::Ask(zone, qtype) => {
                let mut walk = Walk { zone: &zone.load(), qtype, at: HEADER, len: query.name.len(), scratch };
                walk.answer(&mut reply);
            }
            Decision::Transfer(zone) => {
                let question = message[..query.question_end].to_vec();
                let (zone, snapshot) = (zone.clone(), zone.snapshot());
                let since = query.serial.filter(|_| query.qtype == TYPE_IXFR);
                return Response::Transfer(Box::new(Transfer { question, zone, snapshot, since, signer }));
            }
        }
        let shown = query.edns.and_then(|edns| edns.cookie);
        let proven = signer.is_signed() || shown.is_some_and(|shown| self.cookies.is_ours(shown, peer));
        reply.finish(query.edns.as_ref(), shown.and_then(|shown| self.cookies.answer(shown, peer)));
        signer.sign(out);
        Response::of(out, proven)
    }
}

impl Response {
    /// An empty buffer is no answer.
    fn of(out: &[u8], proven: bool) -> Response {
        if out.is_empty() { Response::Drop } else { Response::Answer { proven } }
    }
}

/// NOTIMP with the header alone; signed where an UPDATE is signed by its zone's key (RFC 8945 section 5.3),
/// so that the client can believe it.
fn not_implemented(query: &Query<'_>, zones: &Zones, scratch: &mut Scratch, out: &mut Vec<u8>) -> Response {
    header_only(query.message, Rcode::NotImp, out);
    key_of_wire(query.name, &mut scratch.key);
    match check_signature(query, deepest(zones, &scratch.key)) {
        Ok(mut signer) => {
            let proven = signer.is_signed();
            signer.sign(out);
            Response::of(out, proven)
        }
        Err(error) => {
            *out = error;
            Response::of(out, false)
        }
    }
}

/// Checks the signature of a signed query by the key of the zone asked for; `Err` is the answer.
fn check_signature(query: &Query<'_>, zone: Option<&Arc<crate::authority::Zone>>) -> Result<Signer, Vec<u8>> {
    if !query.has_tsig {
        return Ok(Signer::Plain);
    }
    let settings = zone.map(|zone| zone.load().settings.clone());
    Signer::check(query.message, settings.as_ref().and_then(|settings| settings.tsig_key.as_ref()))
}

/// How large the whole answer may be.
fn size_limit(query: &Query<'_>, transport: Transport) -> usize {
    match (transport, &query.edns) {
        (Transport::Tcp, _) => usize::from(u16::MAX),
        (Transport::Udp, Some(edns)) => edns.payload.clamp(512, UDP_PAYLOAD).into(),
        (Transport::Udp, None) => 512,
    }
}

enum Decision<'z> {
    Refuse(Rcode),
    Transfer(&'z Arc<crate::authority::Zone>),
    Ask(&'z Arc<crate::authority::Zone>, RecordType),
}

/// The deepest zone of a name. DS at an apex belongs to the parent zone, if that is here too.
fn find_zone<'z>(zones: &'z Zones, key: &[u8], qtype: RecordType) -> Option<&'z Arc<crate::authority::Zone>> {
    if qtype == RecordType::DS
        && let Some(label) = key.strip_suffix(&[0])
    {
        let parent = label.iter().rposition(|byte| *byte == 0).map_or(0, |at| at + 1);
        if let Some(zone) = deepest(zones, &key[..parent]) {
            return Some(zone);
        }
    }
    deepest(zones, key)
}

fn decide<'z>(
    query: &Query<'_>,
    zone: Option<&'z Arc<crate::authority::Zone>>,
    peer: IpAddr,
    signer: &Signer,
    transport: Transport,
) -> Decision<'z> {
    if query.edns.is_some_and(|edns| edns.version > 0) {
        return Decision::Refuse(Rcode::BadVers);
    }
    let (CLASS_IN, Some(zone)) = (query.class, zone) else { return Decision::Refuse(Rcode::Refused) };
    match query.qtype {
        TYPE_AXFR | TYPE_IXFR => {
            let snapshot = zone.load();
            let at_apex = query.name.len() == snapshot.apex.wire_len();
            if !at_apex || !snapshot.settings.may_transfer(peer, signer.is_signed()) {
                return Decision::Refuse(Rcode::Refused);
            }
            match (query.qtype, transport) {
                (_, Transport::Tcp) => Decision::Transfer(zone),
                // RFC 1995 section 2: over UDP the SOA alone tells the client to come by TCP.
                (TYPE_IXFR, Transport::Udp) => Decision::Ask(zone, RecordType::SOA),
                (_, Transport::Udp) => Decision::Refuse(Rcode::FormErr),
            }
        }
        RecordType(41) => Decision::Refuse(Rcode::FormErr),
        RecordType(0 | 128..=254) => Decision::Refuse(Rcode::NotImp),
        qtype => Decision::Ask(zone, qtype),
    }
}

/// Answers with the header alone, for what has no question to repeat.
fn header_only(message: &[u8], rcode: Rcode, out: &mut Vec<u8>) {
    out.clear();
    out.extend_from_slice(&message[..HEADER]);
    out[2] = 0x80 | message[2] & 0x79;
    out[3] = rcode as u8;
    out[4..].fill(0);
}

/// The way from the question through CNAMEs and DNAMEs. The current name always stands uncompressed
/// in the message, `len` bytes at `at`.
struct Walk<'w> {
    zone: &'w ZoneSnapshot,
    qtype: RecordType,
    at: usize,
    len: usize,
    scratch: &'w mut Scratch,
}

impl<'w> Walk<'w> {
    fn answer(&mut self, reply: &mut Reply<'_>) {
        reply.set_authoritative(true);
        let mut names = [(0, 0); LINKS_MAX];
        let mut dnames: [*const Node; LINKS_MAX] = [std::ptr::null(); LINKS_MAX];
        for link in 0..LINKS_MAX {
            if self.was_at(&names[..link], reply) {
                // A loop: whoever asks has all of it already.
                return;
            }
            names[link] = (self.at, self.len);
            let zone = self.zone;
            let target = match zone.find(&mut self.scratch.key, self.qtype) {
                Found::Cut(node) => {
                    // The answer's authority is that of its first owner, RFC 1034 section 4.3.1.
                    reply.set_authoritative(link > 0);
                    return self.referral(node, reply);
                }
                Found::EmptyNonTerminal => return self.negative(reply),
                Found::Nothing => {
                    reply.set_rcode(Rcode::NxDomain);
                    return self.negative(reply);
                }
                Found::Dname(node) => {
                    let is_new = !dnames.contains(&(node as *const Node));
                    dnames[link] = node;
                    self.dname(node, is_new, reply)
                }
                Found::Exact(node) | Found::Wildcard(node) => self.data(node, reply),
            };
            match target {
                Some((at, len)) if !reply.is_truncated() && self.go_to(at, len, reply) => {}
                _ => return,
            }
        }
    }

    /// Whether the current name was met before. Names are compared, not what was found at them: a wildcard
    /// and a DNAME stand for many.
    fn was_at(&self, names: &[(usize, usize)], reply: &Reply<'_>) -> bool {
        let wire = |at: usize, len: usize| reply.buffer.get(at..at + len).unwrap_or_default();
        let here = wire(self.at, self.len);
        names.iter().any(|(at, len)| *len == self.len && wire(*at, *len).eq_ignore_ascii_case(here))
    }

    /// Moves on to a name in the message; false when it is not within the zone.
    fn go_to(&mut self, at: usize, len: usize, reply: &Reply<'_>) -> bool {
        let Some(wire) = reply.buffer.get(at..at + len) else { return false };
        key_of_wire(wire, &mut self.scratch.key);
        (self.at, self.len) = (at, len);
        self.scratch.key.starts_with(self.zone.apex.key())
    }

    /// The RRset asked for, or the CNAME instead; gives the place of the CNAME's target.
    fn data(&self, node: &Node, reply: &mut Reply<'_>) -> Option<(usize, usize)> {
        let asked = match self.qtype {
            TYPE_ANY => pick_for_any(node),
            qtype => node.get(qtype),
        };
        if let Some(set) = asked {
            reply.push_set(Section::Answer, self.at, set);
            return None;
        }
        let Some(cname) = node.get(RecordType::CNAME).filter(|_| !self.qtype.is_dnssec_made()) else {
            self.negative(reply);
            return None;
        };
        reply.push_set(Section::Answer, self.at, cname);
        let target = cname.rdata().next()?.len();
        Some((reply.buffer.len().checked_sub(target)?, target))
    }

    /// The DNAME, unless the answer has it already, and the CNAME it stands for here (RFC 6672 section 3.1).
    /// Who asks for the CNAME has it then.
    fn dname(&mut self, node: &Node, is_new: bool, reply: &mut Reply<'_>) -> Option<(usize, usize)> {
        let set = node.get(RecordType::DNAME)?;
        let owner_len = wire_len(node.key());
        if is_new {
            reply.push_set(Section::Answer, self.at + self.len - owner_len, set);
        }
        let target = &mut self.scratch.target;
        target.clear();
        target.extend_from_slice(reply.buffer.get(self.at..self.at + self.len - owner_len)?);
        target.extend_from_slice(set.rdata().next()?);
        if target.len() > 255 {
            reply.set_rcode(Rcode::YxDomain);
            return None;
        }
        let mut record = Vec::with_capacity(10 + target.len());
        crate::node::push_record(&mut record, [], RecordType::CNAME, set.ttl(), target);
        reply.push_record(Section::Answer, self.at, &record);
        let at = reply.buffer.len().checked_sub(target.len())?;
        (self.qtype != RecordType::CNAME).then_some((at, target.len()))
    }

    /// The SOA record in the authority section: how long "no" may be believed.
    fn negative(&self, reply: &mut Reply<'_>) {
        let owner = self.at + self.len - wire_len(self.zone.apex.key());
        reply.push_record(Section::Authority, owner, &self.zone.negative);
    }

    /// The NS RRset of a delegation and the addresses of its servers as far as this zone has them.
    fn referral(&mut self, cut: &Node, reply: &mut Reply<'_>) {
        let Some(servers) = cut.get(RecordType::NS) else { return };
        let owner = self.at + self.len - wire_len(cut.key());
        let start = reply.buffer.len();
        reply.push_set(Section::Authority, owner, servers);
        if reply.is_truncated() {
            return;
        }
        // Glue without which the delegation cannot be followed comes first, RFC 9471.
        for needed in [true, false] {
            let mut end = start;
            for server in servers.records() {
                end += server.len();
                self.glue(cut, &server[HEADER..], end - (server.len() - HEADER), needed, reply);
            }
        }
    }

    fn glue(&mut self, cut: &Node, server: &[u8], at: usize, needed: bool, reply: &mut Reply<'_>) {
        key_of_wire(server, &mut self.scratch.key);
        let key = &self.scratch.key;
        if !key.starts_with(self.zone.apex.key()) || key.starts_with(cut.key()) != needed {
            return;
        }
        let Some(node) = self.zone.node(key) else { return };
        let addresses = [RecordType::A, RecordType::AAAA].into_iter().filter_map(|rtype| node.get(rtype));
        for set in addresses {
            if needed {
                reply.push_set(Section::Additional, at, set);
            } else {
                reply.try_push_set(Section::Additional, at, set);
            }
        }
    }
}

/// RFC 8482 section 4.1: one RRset is answer enough.
fn pick_for_any(node: &Node) -> Option<SetRef<'_>> {
    node.sets().find(|set| !set.rtype.is_dnssec_made()).or_else(|| node.sets().next())
}

#[cfg(test)]
mod tests;
