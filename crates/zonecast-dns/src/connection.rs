//! One TCP connection to one server, with several signed requests under way on it at a time.
//!
//! Updates and the looks around them go over the same connection, so a batch pays for one handshake.
//! Answers may come in any order and are told apart by their id. What matters most after a failure is
//! whether a request may have reached the server: "not sent" can be tried again, "sent and no answer"
//! has to be looked at first.

use crate::message::{OPCODE_QUERY, Question, ResponseCode, random_id, read_section, read_section_raw};
use crate::tsig::TsigKey;
use crate::tsig_client::{ClientSigner, TsigFault};
use crate::update::{Update, UpdateAnswer};
use domain::base::Message;
use std::collections::HashMap;
use std::io;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::Semaphore;
use tokio::time::timeout_at;
use zonecast_core::{Name, RRset, RecordData, RecordType, Ttl};

/// A connection and the key that signs on it.
pub struct Connection {
    stream: TcpStream,
    server: SocketAddr,
    key: Option<TsigKey>,
    next_id: u16,
    /// An answer was lost: what comes now may belong to anything.
    broken: bool,
}

/// Why there is no usable answer to one request.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ConnectionError {
    /// The server never saw it.
    #[error("{server} cannot be reached: {reason}")]
    NotSent {
        /// Who was meant.
        server: SocketAddr,
        /// What the system said.
        reason: String,
    },
    /// The server may have seen it and carried it out.
    #[error("{server} gave no answer: {reason}")]
    NoAnswer {
        /// Who was asked.
        server: SocketAddr,
        /// What happened instead.
        reason: String,
    },
    /// An answer came that says yes and is not signed as it should be.
    #[error("the answer of {server} cannot be believed: {fault}")]
    NotBelieved {
        /// Who was asked.
        server: SocketAddr,
        /// What is wrong with it.
        fault: TsigFault,
    },
}

/// What a server says about one question, records as it spells them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Look {
    /// The response code.
    pub rcode: ResponseCode,
    /// The server speaks with authority.
    pub authoritative: bool,
    /// What is wrong with the signatures, where the answer is a refusal.
    pub fault: Option<TsigFault>,
    /// The answer section: owner, TTL, data in the form everything is compared in, data as spelled.
    pub records: Vec<(Name, Ttl, RecordData, Box<[u8]>)>,
    /// The authority section: a delegation's NS, or the zone's SOA.
    pub authority: Vec<(Name, Ttl, RecordData)>,
}

/// One request as it goes out.
struct Request {
    id: u16,
    wire: Vec<u8>,
    signer: ClientSigner,
}

/// An answer that passed the signature check, or a refusal with what is wrong about its signature.
struct Reply {
    message: Message<Vec<u8>>,
    fault: Option<TsigFault>,
    at: Instant,
}

impl Connection {
    /// Connects; everything on it is signed with `key` if there is one.
    pub async fn open(
        server: SocketAddr,
        key: Option<TsigKey>,
        deadline: Instant,
    ) -> Result<Connection, ConnectionError> {
        let not_sent = |reason: String| ConnectionError::NotSent { server, reason };
        let connected = timeout_at(deadline.into(), TcpStream::connect(server)).await;
        let stream = connected.map_err(|_| not_sent("no connection in time".to_owned()))?;
        let stream = stream.map_err(|error| not_sent(error.to_string()))?;
        stream.set_nodelay(true).map_err(|error| not_sent(error.to_string()))?;
        Ok(Connection { stream, server, key, next_id: random_id(), broken: false })
    }

    /// Who is at the other end.
    pub fn server(&self) -> SocketAddr {
        self.server
    }

    /// Whether it can be used again; a server closes idle connections when it likes.
    pub fn is_usable(&self) -> bool {
        let mut byte = [0];
        let idle = matches!(self.stream.try_read(&mut byte), Err(error) if error.kind() == io::ErrorKind::WouldBlock);
        idle && !self.broken
    }

    /// Sends updates, at most `in_flight` unanswered at a time; one result for each, in order.
    pub async fn update(
        &mut self,
        updates: &[Update],
        in_flight: usize,
        deadline: Instant,
    ) -> Vec<Result<UpdateAnswer, ConnectionError>> {
        let start = Instant::now();
        let wires: Vec<Vec<u8>> = updates.iter().map(|update| update.compose(0)).collect();
        let replies = self.exchange(wires, in_flight, deadline).await;
        let answer = |reply: Reply| UpdateAnswer {
            rcode: rcode_of(&reply.message),
            fault: reply.fault,
            elapsed: reply.at.saturating_duration_since(start),
        };
        replies.into_iter().map(|reply| reply.map(answer)).collect()
    }

    /// Asks questions, many at a time; one result for each, in order. A damaged answer is no answer.
    pub async fn look(
        &mut self,
        questions: &[(Name, RecordType)],
        deadline: Instant,
    ) -> Vec<Result<Look, ConnectionError>> {
        let question = |(name, rtype): &(Name, RecordType)| {
            Question {
                opcode: OPCODE_QUERY,
                name,
                rtype: *rtype,
                recursion_desired: false,
                edns: false,
                soa: None,
            }
            .compose(0)
        };
        let replies = self.exchange(questions.iter().map(question).collect(), 64, deadline).await;
        let damaged = || ConnectionError::NoAnswer {
            server: self.server,
            reason: "a record of its answer is damaged".to_owned(),
        };
        replies.into_iter().map(|reply| read_look(&reply?).ok_or_else(damaged)).collect()
    }

    /// Writes and reads at the same time, so neither side waits for the other's buffer.
    async fn exchange(
        &mut self,
        wires: Vec<Vec<u8>>,
        in_flight: usize,
        deadline: Instant,
    ) -> Vec<Result<Reply, ConnectionError>> {
        let (mut batch, frames) = Batch::new(self.sign_all(wires));
        let server = self.server;
        let (mut reader, mut writer) = self.stream.split();
        let room = Semaphore::new(in_flight.max(1));
        // How many requests began to go out, for telling "not sent" from "no answer".
        let begun = AtomicUsize::new(0);
        let write = async {
            for frame in &frames {
                let Ok(permit) = room.acquire().await else { return Ok(()) };
                permit.forget();
                begun.fetch_add(1, Ordering::Relaxed);
                writer.write_all(frame).await?;
            }
            std::future::pending().await
        };
        let read = async {
            while batch.missing > 0 {
                acknowledge_at_once(reader.as_ref());
                if batch.take(server, read_framed(&mut reader).await?) {
                    room.add_permits(1);
                }
            }
            Ok(())
        };
        let both = async {
            tokio::select! { ended = read => ended, ended = write => ended }
        };
        let reason = match timeout_at(deadline.into(), both).await {
            Ok(Ok(())) => String::new(),
            Ok(Err::<(), io::Error>(error)) if error.kind() == io::ErrorKind::UnexpectedEof => {
                "the connection was closed".to_owned()
            }
            Ok(Err(error)) => error.to_string(),
            Err(_) => "not in time".to_owned(),
        };
        self.broken |= !reason.is_empty();
        let begun = begun.into_inner();
        let lost = |index: usize| match index < begun {
            true => ConnectionError::NoAnswer { server, reason: reason.clone() },
            false => ConnectionError::NotSent { server, reason: reason.clone() },
        };
        let settled = batch.replies.into_iter().enumerate();
        settled.map(|(index, reply)| reply.unwrap_or_else(|| Err(lost(index)))).collect()
    }

    fn sign_all(&mut self, wires: Vec<Vec<u8>>) -> Vec<Request> {
        let sign = |mut wire: Vec<u8>| {
            let id = self.next_id;
            self.next_id = self.next_id.wrapping_add(1);
            wire[..2].copy_from_slice(&id.to_be_bytes());
            // A message too long for its signature is the caller's mistake; unsigned it is refused.
            let signer = ClientSigner::sign(self.key.as_ref(), &mut wire)
                .or_else(|| ClientSigner::sign(None, &mut wire));
            signer.map(|signer| Request { id, wire, signer })
        };
        wires.into_iter().filter_map(sign).collect()
    }
}

/// Requests under way and the answers so far.
struct Batch {
    order: HashMap<u16, usize>,
    signers: Vec<Option<ClientSigner>>,
    replies: Vec<Option<Result<Reply, ConnectionError>>>,
    missing: usize,
}

impl Batch {
    /// The batch, and what goes out, framed for TCP.
    fn new(requests: Vec<Request>) -> (Batch, Vec<Vec<u8>>) {
        let missing = requests.len();
        let order = requests.iter().enumerate().map(|(index, request)| (request.id, index)).collect();
        let frame = |wire: &[u8]| [&(wire.len() as u16).to_be_bytes()[..], wire].concat();
        let frames = requests.iter().map(|request| frame(&request.wire)).collect();
        let signers = requests.into_iter().map(|request| Some(request.signer)).collect();
        let mut replies = Vec::new();
        replies.resize_with(missing, || None);
        (Batch { order, signers, replies, missing }, frames)
    }

    /// Takes a message; `false` when it answers nothing that is still open.
    fn take(&mut self, server: SocketAddr, octets: Vec<u8>) -> bool {
        let id = octets.first_chunk().map(|id| u16::from_be_bytes(*id));
        let Some(index) = id.and_then(|id| self.order.get(&id).copied()) else { return false };
        let Some(signer) = self.signers[index].take() else { return false };
        self.replies[index] = Some(accept(server, octets, signer));
        self.missing -= 1;
        true
    }
}

/// Believes an answer if it is signed as it should be, and a refusal in any case.
fn accept(server: SocketAddr, octets: Vec<u8>, mut signer: ClientSigner) -> Result<Reply, ConnectionError> {
    let no_answer = |reason: &str| ConnectionError::NoAnswer { server, reason: reason.to_owned() };
    let mut message = Message::from_octets(octets).map_err(|_| no_answer("its answer is damaged"))?;
    if !message.header().qr() {
        return Err(no_answer("it sent no answer but a request"));
    }
    let fault = signer.check(&mut message).err();
    match fault {
        Some(fault) if rcode_of(&message) == ResponseCode::NOERROR => {
            Err(ConnectionError::NotBelieved { server, fault })
        }
        fault => Ok(Reply { message, fault, at: Instant::now() }),
    }
}

/// BIND and PowerDNS send the second of several answers only when the first is acknowledged (Nagle), and
/// the system takes its time with that where there is nothing to send: 40 ms for a read of three names
/// (seen with BIND 9.18.49 and PowerDNS 4.7.3, 2026-11-21). The system forgets this wish by itself.
fn acknowledge_at_once(stream: &TcpStream) {
    #[cfg(target_os = "linux")]
    let _ = stream.set_quickack(true);
    #[cfg(not(target_os = "linux"))]
    let _ = stream;
}

async fn read_framed(stream: &mut (impl AsyncReadExt + Unpin)) -> io::Result<Vec<u8>> {
    let mut message = vec![0; usize::from(stream.read_u16().await?)];
    stream.read_exact(&mut message).await?;
    Ok(message)
}

fn rcode_of(message: &Message<Vec<u8>>) -> ResponseCode {
    ResponseCode(message.header().rcode().to_int())
}

fn read_look(reply: &Reply) -> Option<Look> {
    let (mut records, mut authority) = (Vec::new(), Vec::new());
    let (rcode, header) = (rcode_of(&reply.message), reply.message.header());
    if !header.tc() && reply.fault.is_none() {
        read_section_raw(reply.message.answer().ok()?, &mut |name, ttl, data, raw| {
            records.push((name, ttl, data, raw.into()));
        })?;
        read_section(reply.message.authority().ok()?, &mut |name, ttl, data| {
            authority.push((name, ttl, data));
        })?;
    } else if header.tc() {
        // Over TCP nothing may be cut.
        return None;
    }
    Some(Look { rcode, authoritative: header.aa(), fault: reply.fault.clone(), records, authority })
}

impl Look {
    /// The RRsets of the answer section, without their spelling.
    pub fn rrsets(&self) -> Vec<RRset> {
        let mut sets = crate::message::RRsets::default();
        for (name, ttl, data, _) in &self.records {
            sets.take(name.clone(), *ttl, data.clone());
        }
        sets.finish()
    }
}
