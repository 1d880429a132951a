//! Lookups: one question to one server, never to a cache unless asked.
//!
//! This is how Zonecast sees whether a record is served: it asks the zone's own servers with RD=0 and
//! looks at what they say. A lookup has one deadline for everything in it (a second try, the way from
//! UDP to TCP), and every outcome that is not an answer has a name, so "the server is down" is never
//! mistaken for "the record is gone".

use crate::message::{
    OPCODE_QUERY, Question, RRsets, ResponseCode, random_id, read_section, read_section_raw,
};
use crate::tsig::TsigKey;
use crate::tsig_client::{ClientSigner, TsigFault};
use domain::base::Message;
use std::collections::BTreeMap;
use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::{Duration, Instant};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpStream, UdpSocket};
use tokio::time::{timeout, timeout_at};
use zonecast_core::{Name, RRset, RecordData, RecordType, Ttl};

/// Longest wait for one message of a transfer.
const TRANSFER_WAIT: Duration = Duration::from_secs(30);
/// A zone larger than this is not taken over the wire.
const TRANSFER_RECORDS_MAX: usize = 20_000_000;

/// How to ask.
#[derive(Clone, Copy, Debug)]
pub struct QueryOptions {
    /// For the whole lookup, retries and TCP included.
    pub timeout: Duration,
    /// Sets RD: for asking a resolver.
    pub recursion_desired: bool,
    /// Asks over TCP at once.
    pub tcp: bool,
}

impl Default for QueryOptions {
    fn default() -> QueryOptions {
        QueryOptions { timeout: Duration::from_secs(4), recursion_desired: false, tcp: false }
    }
}

/// What a server answered.
#[derive(Clone, Debug)]
pub struct Answer {
    /// The response code.
    pub rcode: ResponseCode,
    /// The server speaks with authority (AA).
    pub authoritative: bool,
    /// The answer was cut (TC); only when even TCP could not carry it.
    pub truncated: bool,
    /// The answer section.
    pub answer: Vec<RRset>,
    /// The authority section.
    pub authority: Vec<RRset>,
    /// The additional section as far as it could be read: glue, among others.
    pub additional: Vec<RRset>,
    /// From the first packet sent to the answer read.
    pub elapsed: Duration,
}

impl Answer {
    /// The RRset of this name and type in the answer section.
    pub fn rrset(&self, name: &Name, rtype: RecordType) -> Option<&RRset> {
        self.answer.iter().find(|set| set.rtype == rtype && set.name == *name)
    }
}

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub enum QueryError {
    /// Nothing came in time.
    #[error("{0} did not answer in time")]
    Timeout(SocketAddr),
    /// The server or its network refused the packet, or TCP broke off.
    #[error("{server} cannot be reached")]
    Unreachable {
        /// Who was asked.
        server: SocketAddr,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// Something came that is no DNS answer to the question.
    #[error("{server} sent a message that cannot be read: {reason}")]
    Malformed {
        /// Who was asked.
        server: SocketAddr,
        /// What is wrong with it.
        reason: String,
    },
    /// A transfer was answered with an error.
    #[error("{server} refuses the transfer: {rcode}")]
    Refused {
        /// Who was asked.
        server: SocketAddr,
        /// The server's code.
        rcode: ResponseCode,
    },
    /// The server says what is wrong with our signature.
    #[error("{server}: {fault}")]
    KeyRefused {
        /// Who was asked.
        server: SocketAddr,
        /// What it says.
        fault: TsigFault,
    },
    /// The answer is not signed, or not by the key.
    #[error("the answer of {server} is not signed as it should be: {reason}")]
    BadSignature {
        /// Who was asked.
        server: SocketAddr,
        /// What is wrong with it.
        reason: String,
    },
}

/// Asks one server one question. Over UDP it asks twice within the deadline, and again over TCP when
/// the answer is truncated. Packets that do not answer this question are ignored, not errors.
pub async fn query(
    server: SocketAddr,
    name: &Name,
    rtype: RecordType,
    options: QueryOptions,
) -> Result<Answer, QueryError> {
    let start = Instant::now();
    let recursion_desired = options.recursion_desired;
    let question = Question { opcode: OPCODE_QUERY, name, rtype, recursion_desired, edns: true, soa: None };
    let exchange = async {
        if !options.tcp {
            let answer = ask_udp(server, &question, options.timeout / 2).await?;
            if !answer.header().tc() {
                return Ok(answer);
            }
        }
        ask_tcp(server, &question).await
    };
    let message = timeout(options.timeout, exchange).await.map_err(|_| QueryError::Timeout(server))??;
    read_answer(&message, start.elapsed())
        .ok_or_else(|| QueryError::Malformed { server, reason: "a record is damaged".to_owned() })
}

/// Takes a whole zone from a server, in canonical order. With a key, request and answers are signed.
pub async fn axfr(server: SocketAddr, zone: &Name, key: Option<&TsigKey>) -> Result<Vec<RRset>, QueryError> {
    let mut sets: BTreeMap<(Name, RecordType), (Ttl, Vec<RecordData>)> = BTreeMap::new();
    let take = |name, ttl, data: RecordData, _: &[u8]| {
        let set = sets.entry((name, data.rtype())).or_insert_with(|| (ttl, Vec::with_capacity(1)));
        set.0 = set.0.min(ttl);
        set.1.push(data);
    };
    axfr_raw(server, zone, key, take).await?;
    let sets = sets.into_iter();
    Ok(sets.map(|((name, rtype), (ttl, values))| RRset::new(name, rtype, ttl, values)).collect())
}

/// As [`axfr`], record by record in the server's order, each with its data as the server spells it.
/// What was handed out counts only when the whole transfer ended well.
pub async fn axfr_raw(
    server: SocketAddr,
    zone: &Name,
    key: Option<&TsigKey>,
    mut take: impl FnMut(Name, Ttl, RecordData, &[u8]) + Send,
) -> Result<(), QueryError> {
    let rtype = crate::answer::TYPE_AXFR;
    let question = Question {
        opcode: OPCODE_QUERY,
        name: zone,
        rtype,
        recursion_desired: false,
        edns: false,
        soa: None,
    };
    let id = random_id();
    let mut request = question.compose(id);
    let unreachable = |source| QueryError::Unreachable { server, source };
    let malformed = |reason: &str| QueryError::Malformed { server, reason: reason.to_owned() };
    let mut signer = ClientSigner::sign(key, &mut request).ok_or_else(|| malformed("request too long"))?;

    let late = |_| QueryError::Timeout(server);
    let connect = timeout(TRANSFER_WAIT, TcpStream::connect(server));
    let mut stream = connect.await.map_err(late)?.map_err(unreachable)?;
    write_framed(&mut stream, &request).await.map_err(unreachable)?;
    let mut transfer = IncomingZone::new(zone);
    while !transfer.done {
        let read = timeout(TRANSFER_WAIT, read_framed(&mut stream));
        let octets = read.await.map_err(late)?.map_err(unreachable)?;
        let mut message = Message::from_octets(octets).map_err(|_| malformed("too short"))?;
        let header = message.header();
        if header.id() != id || !header.qr() {
            return Err(malformed("another id"));
        }
        let refused = (header.rcode().to_int() != 0).then(|| ResponseCode(header.rcode().to_int()));
        match (signer.check(&mut message), refused) {
            (Err(fault @ TsigFault::Refused { .. }), _) => {
                return Err(QueryError::KeyRefused { server, fault });
            }
            // A refusal need not be signed to be believed.
            (_, Some(rcode)) => return Err(QueryError::Refused { server, rcode }),
            (Err(fault), None) => return Err(bad_signature(server, fault)),
            (Ok(()), None) => {}
        }
        transfer.take(&message, &mut take).map_err(malformed)?;
    }
    signer.finish().map_err(|fault| bad_signature(server, fault))
}

fn bad_signature(server: SocketAddr, fault: TsigFault) -> QueryError {
    QueryError::BadSignature { server, reason: fault.to_string() }
}

async fn ask_udp(
    server: SocketAddr,
    question: &Question<'_>,
    first_wait: Duration,
) -> Result<Message<Vec<u8>>, QueryError> {
    let unreachable = |source| QueryError::Unreachable { server, source };
    let any: SocketAddr = match server {
        SocketAddr::V4(_) => (Ipv4Addr::UNSPECIFIED, 0).into(),
        SocketAddr::V6(_) => (Ipv6Addr::UNSPECIFIED, 0).into(),
    };
    let socket = UdpSocket::bind(any).await.map_err(unreachable)?;
    socket.connect(server).await.map_err(unreachable)?;
    let id = random_id();
    let request = question.compose(id);
    socket.send(&request).await.map_err(unreachable)?;
    let again = tokio::time::Instant::now() + first_wait;
    match timeout_at(again, receive(&socket, question, id)).await {
        Ok(answer) => answer.map_err(unreachable),
        Err(_) => {
            socket.send(&request).await.map_err(unreachable)?;
            receive(&socket, question, id).await.map_err(unreachable)
        }
    }
}

/// The first packet that answers; the caller bounds the wait.
async fn receive(socket: &UdpSocket, question: &Question<'_>, id: u16) -> io::Result<Message<Vec<u8>>> {
    let mut buffer = vec![0; usize::from(u16::MAX)];
    loop {
        let length = socket.recv(&mut buffer).await?;
        if let Ok(message) = Message::from_octets(buffer[..length].to_vec())
            && question.is_answered_by(id, &message)
        {
            return Ok(message);
        }
    }
}

async fn ask_tcp(server: SocketAddr, question: &Question<'_>) -> Result<Message<Vec<u8>>, QueryError> {
    let id = random_id();
    let exchange = async {
        let mut stream = TcpStream::connect(server).await?;
        write_framed(&mut stream, &question.compose(id)).await?;
        read_framed(&mut stream).await
    };
    let octets = exchange.await.map_err(|source| QueryError::Unreachable { server, source })?;
    let message = Message::from_octets(octets).ok().filter(|message| question.is_answered_by(id, message));
    message.ok_or_else(|| QueryError::Malformed { server, reason: "it answers another question".to_owned() })
}

async fn write_framed(stream: &mut TcpStream, message: &[u8]) -> io::Result<()> {
    let mut framed = (message.len() as u16).to_be_bytes().to_vec();
    framed.extend_from_slice(message);
    stream.write_all(&framed).await
}

async fn read_framed(stream: &mut TcpStream) -> io::Result<Vec<u8>> {
    let mut message = vec![0; usize::from(stream.read_u16().await?)];
    stream.read_exact(&mut message).await?;
    Ok(message)
}

fn read_answer(message: &Message<Vec<u8>>, elapsed: Duration) -> Option<Answer> {
    let header = message.header();
    let (mut answer, mut authority, mut additional) =
        (RRsets::default(), RRsets::default(), RRsets::default());
    read_section(message.answer().ok()?, &mut |name, ttl, data| answer.take(name, ttl, data))?;
    read_section(message.authority().ok()?, &mut |name, ttl, data| authority.take(name, ttl, data))?;
    // Only who looks for glue looks here; what cannot be read must not spoil the answer.
    if let Ok(section) = message.additional() {
        let _ = read_section(section, &mut |name, ttl, data| additional.take(name, ttl, data));
    }
    Some(Answer {
        rcode: ResponseCode(header.rcode().to_int()),
        authoritative: header.aa(),
        truncated: header.tc(),
        answer: answer.finish(),
        authority: authority.finish(),
        additional: additional.finish(),
        elapsed,
    })
}

/// What takes the records of a transfer.
type Sink<'s> = &'s mut (dyn FnMut(Name, Ttl, RecordData, &[u8]) + Send);

/// A zone on its way in: from its SOA to the same SOA again.
struct IncomingZone<'z> {
    zone: &'z Name,
    soa: Option<RecordData>,
    records: usize,
    done: bool,
}

impl<'z> IncomingZone<'z> {
    fn new(zone: &'z Name) -> IncomingZone<'z> {
        IncomingZone { zone, soa: None, records: 0, done: false }
    }

    fn take(&mut self, message: &Message<Vec<u8>>, sink: Sink<'_>) -> Result<(), &'static str> {
        let section = message.answer().map_err(|_| "no answer section")?;
        let mut fault = None;
        let read = read_section_raw(section, &mut |name, ttl, data, raw| {
            match self.record(&name, &data) {
                Ok(true) => sink(name, ttl, data, raw),
                Ok(false) => {}
                Err(words) => fault = fault.or(Some(words)),
            };
        });
        read.ok_or("a record is damaged")?;
        fault.map_or(Ok(()), Err)
    }

    /// Whether the record belongs to the zone; the closing SOA is the first one once more.
    fn record(&mut self, name: &Name, data: &RecordData) -> Result<bool, &'static str> {
        let is_soa = data.rtype() == RecordType::SOA;
        match &self.soa {
            None if !is_soa || name != self.zone => return Err("it does not begin with the SOA record"),
            None => self.soa = Some(data.clone()),
            Some(_) if self.done => return Err("records after the closing SOA record"),
            Some(first) if is_soa => {
                self.done = true;
                return if first == data { Ok(false) } else { Err("the zone changed while it was sent") };
            }
            Some(_) if !name.is_within(self.zone) => return Err("a record outside the zone"),
            Some(_) => {}
        }
        self.records += 1;
        if self.records > TRANSFER_RECORDS_MAX {
            return Err("too many records");
        }
        Ok(true)
    }
}
