//! DNS queries by hand: a message is built and read here, byte by byte, apart from the product's own.

use std::io::{Error, ErrorKind, Read, Result, Write};
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, TcpStream, UdpSocket};
use std::time::Duration;

const WAIT: Duration = Duration::from_secs(5);

/// One answer of a name server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reply {
    /// 0 NOERROR, 2 SERVFAIL, 3 NXDOMAIN, 5 REFUSED ...
    pub rcode: u8,
    /// Authoritative answer.
    pub aa: bool,
    /// Cut to fit; `dig` has then asked again over TCP already.
    pub tc: bool,
    /// The answer section.
    pub answers: Vec<Answer>,
    /// The authority section.
    pub authority: Vec<Answer>,
}

impl Reply {
    /// NOERROR with an empty answer.
    pub fn is_nodata(&self) -> bool {
        self.rcode == 0 && self.answers.is_empty()
    }

    /// The texts of all answers of one type, sorted.
    pub fn texts(&self, rtype: &str) -> Vec<String> {
        let number = rtype_number(rtype);
        let mut texts: Vec<String> =
            self.answers.iter().filter(|a| a.rtype == number).map(Answer::text).collect();
        texts.sort();
        texts
    }
}

/// One record of a reply.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Answer {
    /// The owner in lower case with the final dot.
    pub name: String,
    /// The type's number.
    pub rtype: u16,
    /// The TTL.
    pub ttl: u32,
    /// The data with names uncompressed.
    pub rdata: Vec<u8>,
}

impl Answer {
    /// Presentation form of the everyday types, `\# n hex` of the others.
    pub fn text(&self) -> String {
        let data = &self.rdata;
        match (self.rtype, data.len()) {
            (1, 4) => Ipv4Addr::new(data[0], data[1], data[2], data[3]).to_string(),
            (28, 16) => {
                let mut octets = [0; 16];
                octets.copy_from_slice(data);
                Ipv6Addr::from(octets).to_string()
            }
            (2 | 5 | 12 | 39, _) => name_at(data, 0).map(|(name, _)| name).unwrap_or_default(),
            (15, 3..) => {
                let target = name_at(data, 2).map(|(name, _)| name).unwrap_or_default();
                format!("{} {target}", u16::from_be_bytes([data[0], data[1]]))
            }
            (16, _) => strings(data),
            _ => format!(
                "\\# {} {}",
                data.len(),
                data.iter().map(|byte| format!("{byte:02x}")).collect::<String>()
            ),
        }
    }
}

/// Asks over UDP (EDNS, 4096 bytes), and again over TCP when the answer was cut.
pub fn dig(server: SocketAddr, name: &str, rtype: &str) -> Result<Reply> {
    let reply = ask_udp(server, name, rtype_number(rtype), WAIT)?;
    if reply.tc { dig_tcp(server, name, rtype) } else { Ok(reply) }
}

/// Asks over TCP.
pub fn dig_tcp(server: SocketAddr, name: &str, rtype: &str) -> Result<Reply> {
    let mut stream = connect(server, name, rtype_number(rtype))?;
    parse(&next_message(&mut stream)?)
}

/// The whole zone by AXFR, without the closing SOA; an error says what the server answered.
pub fn axfr(server: SocketAddr, zone: &str) -> Result<Vec<Answer>> {
    let mut stream = connect(server, zone, 252)?;
    let mut records = Vec::new();
    let mut ends = 0;
    while ends < 2 {
        let reply = parse(&next_message(&mut stream)?)?;
        if reply.rcode != 0 || reply.answers.is_empty() {
            return Err(Error::other(format!("AXFR of {zone}: rcode {}, no records", reply.rcode)));
        }
        for answer in reply.answers {
            ends += usize::from(answer.rtype == 6);
            if ends < 2 {
                records.push(answer);
            }
        }
    }
    records.sort();
    Ok(records)
}

/// The number of a type's mnemonic, or of `TYPE65280`.
pub fn rtype_number(rtype: &str) -> u16 {
    const KNOWN: [(&str, u16); 22] = [
        ("A", 1),
        ("NS", 2),
        ("CNAME", 5),
        ("SOA", 6),
        ("PTR", 12),
        ("MX", 15),
        ("TXT", 16),
        ("AAAA", 28),
        ("SRV", 33),
        ("DNAME", 39),
        ("DS", 43),
        ("RRSIG", 46),
        ("NSEC", 47),
        ("DNSKEY", 48),
        ("NSEC3", 50),
        ("TLSA", 52),
        ("CDS", 59),
        ("CDNSKEY", 60),
        ("SVCB", 64),
        ("HTTPS", 65),
        ("ANY", 255),
        ("CAA", 257),
    ];
    let known = KNOWN.iter().find(|(name, _)| name.eq_ignore_ascii_case(rtype)).map(|(_, number)| *number);
    known
        .or_else(|| rtype.strip_prefix("TYPE").and_then(|digits| digits.parse().ok()))
        .unwrap_or_else(|| panic!("unknown record type {rtype}"))
}

/// One UDP question; `wait` bounds each of two tries.
pub(crate) fn ask_udp(server: SocketAddr, name: &str, rtype: u16, wait: Duration) -> Result<Reply> {
    let socket = UdpSocket::bind(if server.is_ipv4() { "127.0.0.1:0" } else { "[::1]:0" })?;
    socket.connect(server)?;
    socket.set_read_timeout(Some(wait))?;
    let id = crate::command::random_below(u16::MAX);
    let question = question(id, name, rtype)?;
    let mut buffer = [0u8; 65_535];
    for _ in 0..2 {
        socket.send(&question)?;
        match socket.recv(&mut buffer) {
            Ok(length) if length >= 12 && buffer[..2] == id.to_be_bytes() => return parse(&buffer[..length]),
            Ok(_) => {}
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {}
            Err(error) => return Err(error),
        }
    }
    Err(Error::new(ErrorKind::TimedOut, format!("{server} did not answer for {name}")))
}

fn connect(server: SocketAddr, name: &str, rtype: u16) -> Result<TcpStream> {
    let mut stream = TcpStream::connect_timeout(&server, WAIT)?;
    stream.set_read_timeout(Some(WAIT * 4))?;
    let question = question(7, name, rtype)?;
    let mut framed = (question.len() as u16).to_be_bytes().to_vec();
    framed.extend_from_slice(&question);
    stream.write_all(&framed)?;
    Ok(stream)
}

fn next_message(stream: &mut TcpStream) -> Result<Vec<u8>> {
    let mut length = [0; 2];
    stream.read_exact(&mut length)?;
    let mut message = vec![0; u16::from_be_bytes(length) as usize];
    stream.read_exact(&mut message)?;
    Ok(message)
}

fn question(id: u16, name: &str, rtype: u16) -> Result<Vec<u8>> {
    // RD is off: we ask those who should know.
    let mut message = id.to_be_bytes().to_vec();
    let additional = if rtype == 252 { 0 } else { 1 };
    message.extend_from_slice(&[0, 0, 0, 1, 0, 0, 0, 0, 0, additional]);
    for label in labels(name) {
        if label.is_empty() || label.len() > 63 {
            return Err(Error::new(ErrorKind::InvalidInput, format!("{name} is not a name")));
        }
        message.push(label.len() as u8);
        message.extend_from_slice(&label);
    }
    message.push(0);
    message.extend_from_slice(&rtype.to_be_bytes());
    message.extend_from_slice(&[0, 1]);
    if additional == 1 {
        message.extend_from_slice(&[0, 0, 41, 16, 0, 0, 0, 0, 0, 0, 0]);
    }
    Ok(message)
}

/// The labels of a presentation name; understands `\.` and `\DDD`.
fn labels(name: &str) -> Vec<Vec<u8>> {
    let mut labels = vec![Vec::new()];
    let bytes = name.trim_end_matches('.').as_bytes();
    let mut at = 0;
    while at < bytes.len() {
        let number = bytes.get(at + 1..at + 4).and_then(|d| std::str::from_utf8(d).ok()?.parse::<u8>().ok());
        match (bytes[at], number) {
            (b'.', _) => labels.push(Vec::new()),
            (b'\\', Some(value)) => {
                labels.last_mut().into_iter().for_each(|label| label.push(value));
                at += 3;
            }
            (b'\\', None) => {
                let next = bytes.get(at + 1).copied().unwrap_or(b'\\');
                labels.last_mut().into_iter().for_each(|label| label.push(next));
                at += 1;
            }
            (byte, _) => labels.last_mut().into_iter().for_each(|label| label.push(byte)),
        }
        at += 1;
    }
    if name.trim_end_matches('.').is_empty() { Vec::new() } else { labels }
}

fn parse(message: &[u8]) -> Result<Reply> {
    read(message).ok_or_else(|| Error::new(ErrorKind::InvalidData, "the answer is damaged"))
}

fn read(message: &[u8]) -> Option<Reply> {
    let count = |at: usize| Some(u16::from_be_bytes([*message.get(at)?, *message.get(at + 1)?]));
    let (questions, answers, authority) = (count(4)?, count(6)?, count(8)?);
    let mut at = 12;
    for _ in 0..questions {
        at = name_at(message, at)?.1 + 4;
    }
    let mut section = |records: u16| -> Option<Vec<Answer>> {
        let mut list = Vec::with_capacity(records as usize);
        for _ in 0..records {
            let (name, after) = name_at(message, at)?;
            let fixed = message.get(after..after + 10)?;
            let rtype = u16::from_be_bytes([fixed[0], fixed[1]]);
            let ttl = u32::from_be_bytes([fixed[4], fixed[5], fixed[6], fixed[7]]);
            let end = after + 10 + u16::from_be_bytes([fixed[8], fixed[9]]) as usize;
            let rdata = plain_rdata(message, rtype, after + 10, end)?;
            list.push(Answer { name, rtype, ttl, rdata });
            at = end;
        }
        Some(list)
    };
    let (answers, authority) = (section(answers)?, section(authority)?);
    let flags = message.get(2..4)?;
    Some(Reply { rcode: flags[1] & 15, aa: flags[0] & 4 != 0, tc: flags[0] & 2 != 0, answers, authority })
}

/// The data with its names uncompressed, for the types of RFC 1035 that may have compressed ones.
fn plain_rdata(message: &[u8], rtype: u16, start: usize, end: usize) -> Option<Vec<u8>> {
    let (names, prefix) = match rtype {
        2 | 5 | 12 | 39 => (1, 0),
        6 => (2, 0),
        15 => (1, 2),
        33 => (1, 6),
        _ => (0, 0),
    };
    let mut data = message.get(start..start + prefix)?.to_vec();
    let mut at = start + prefix;
    for _ in 0..names {
        let (labels, after) = labels_at(message, at)?;
        for label in labels {
            data.push(label.len() as u8);
            data.extend_from_slice(&label);
        }
        data.push(0);
        at = after;
    }
    data.extend_from_slice(message.get(at..end)?);
    Some(data)
}

fn name_at(message: &[u8], at: usize) -> Option<(String, usize)> {
    let (labels, after) = labels_at(message, at)?;
    let mut name = String::new();
    for label in &labels {
        for byte in label {
            match byte.to_ascii_lowercase() {
                byte @ (b'.' | b'\\' | b'"' | b'(' | b')' | b';' | b'@' | b'$') => {
                    name.push('\\');
                    name.push(byte as char);
                }
                byte @ 0x21..=0x7e => name.push(byte as char),
                byte => name.push_str(&format!("\\{byte:03}")),
            }
        }
        name.push('.');
    }
    Some((if name.is_empty() { ".".into() } else { name }, after))
}

fn labels_at(message: &[u8], start: usize) -> Option<(Vec<Vec<u8>>, usize)> {
    let (mut at, mut after, mut jumps) = (start, None, 0);
    let mut labels = Vec::new();
    loop {
        let length = *message.get(at)? as usize;
        match length {
            0 => return Some((labels, after.unwrap_or(at + 1))),
            1..=63 => {
                labels.push(message.get(at + 1..at + 1 + length)?.to_vec());
                at += 1 + length;
            }
            192.. => {
                after = after.or(Some(at + 2));
                at = (length & 63) << 8 | *message.get(at + 1)? as usize;
                jumps += 1;
                if jumps > 64 {
                    return None;
                }
            }
            _ => return None,
        }
    }
}

fn strings(data: &[u8]) -> String {
    let mut parts = Vec::new();
    let mut rest = data;
    while let Some((length, tail)) = rest.split_first() {
        let (text, after) = tail.split_at((*length as usize).min(tail.len()));
        parts.push(format!("\"{}\"", text.escape_ascii()));
        rest = after;
    }
    parts.join(" ")
}
