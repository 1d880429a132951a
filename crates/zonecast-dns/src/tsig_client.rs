//! TSIG as a client: signing one request and checking its answers, RFC 8945.
//!
//! This is ours and not `domain`'s because a client meets more than a server offers: every HMAC of
//! the RFC, servers that answer a bad key with an unsigned REFUSED, and the need to tell "your secret
//! is wrong" from "I do not know this key" from "your clock is wrong" for a person who looks at it.

use crate::tsig::{TsigAlgorithm, TsigKey};
use domain::base::Message;
use hmac::{Hmac, KeyInit, Mac};
use std::time::{SystemTime, UNIX_EPOCH};
use zonecast_core::Name;

const TYPE_TSIG: u16 = 250;
/// Seconds the two clocks may differ, as everybody uses it.
const FUDGE: u16 = 300;
/// Messages of a transfer that may come between two signed ones (RFC 8945 section 5.3.1).
const UNSIGNED_MAX: usize = 99;

/// Why an answer to a signed request cannot be believed, or what it says about the key.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TsigFault {
    /// The answer carries no signature.
    #[error("the answer is not signed")]
    Unsigned,
    /// The answer's signature is not by our key.
    #[error("the signature of the answer is wrong")]
    BadSignature,
    /// The answer is from another time.
    #[error("the answer was signed {seconds} seconds away from our clock")]
    BadTime {
        /// How far.
        seconds: u64,
    },
    /// The server says what is wrong with our signature: 16 BADSIG, 17 BADKEY, 18 BADTIME, 22 BADTRUNC.
    #[error("the server does not accept the signature: {}", error_word(*.error))]
    Refused {
        /// The code in the TSIG record.
        error: u16,
        /// The server's clock (seconds since 1970), which it tells with BADTIME.
        server_time: Option<u64>,
    },
    /// The TSIG record cannot be read.
    #[error("the signature of the answer cannot be read")]
    Malformed,
}

/// The mnemonic of a TSIG error.
fn error_word(error: u16) -> String {
    match error {
        16 => "BADSIG (wrong secret)".to_owned(),
        17 => "BADKEY (unknown key or another algorithm)".to_owned(),
        18 => "BADTIME (the clocks differ)".to_owned(),
        22 => "BADTRUNC (signature too short)".to_owned(),
        other => format!("TSIG error {other}"),
    }
}

/// The signing of one request and its answers; nothing when there is no key.
pub(crate) struct ClientSigner(Option<Sequence>);

struct Sequence {
    key: TsigKey,
    /// The MAC before: the request's, then the last signed answer's.
    prior: Vec<u8>,
    /// Answers since then that were not signed.
    unsigned: Vec<u8>,
    unsigned_count: usize,
    /// A signed answer was seen: the next ones sign less.
    begun: bool,
}

impl ClientSigner {
    /// Signs a finished request in place.
    pub(crate) fn sign(key: Option<&TsigKey>, message: &mut Vec<u8>) -> Option<ClientSigner> {
        let Some(key) = key else { return Some(ClientSigner(None)) };
        let time = now();
        let variables = variables(key, time, FUDGE, 0, &[]);
        let mac = compute(key, &[message, &variables]);
        let additional = u16::from_be_bytes([*message.get(10)?, *message.get(11)?]).checked_add(1)?;
        let mut rdata = key.algorithm().wire_name();
        rdata.extend_from_slice(&time.to_be_bytes()[2..]);
        rdata.extend_from_slice(&FUDGE.to_be_bytes());
        rdata.extend_from_slice(&(mac.len() as u16).to_be_bytes());
        rdata.extend_from_slice(&mac);
        rdata.extend_from_slice(&[message[0], message[1], 0, 0, 0, 0]);
        key.name().compose(message);
        message.extend_from_slice(&[0, 250, 0, 255, 0, 0, 0, 0]);
        message.extend_from_slice(&(rdata.len() as u16).to_be_bytes());
        message.extend_from_slice(&rdata);
        message[10..12].copy_from_slice(&additional.to_be_bytes());
        let (key, prior) = (key.clone(), mac);
        let sequence = Sequence { key, prior, unsigned: Vec::new(), unsigned_count: 0, begun: false };
        (message.len() <= usize::from(u16::MAX)).then_some(ClientSigner(Some(sequence)))
    }

    /// Checks an answer and takes its signature off.
    pub(crate) fn check(&mut self, message: &mut Message<Vec<u8>>) -> Result<(), TsigFault> {
        let Some(sequence) = &mut self.0 else { return Ok(()) };
        let octets = message.as_slice();
        let bare = match Signature::find(octets)? {
            Some(signature) => sequence.verify(octets, &signature)?,
            None if sequence.begun && sequence.unsigned_count < UNSIGNED_MAX => {
                sequence.unsigned.extend_from_slice(octets);
                sequence.unsigned_count += 1;
                return Ok(());
            }
            None => return Err(TsigFault::Unsigned),
        };
        *message = Message::from_octets(bare).map_err(|_| TsigFault::Malformed)?;
        Ok(())
    }

    /// Checks that the last answer was signed.
    pub(crate) fn finish(self) -> Result<(), TsigFault> {
        match self.0 {
            Some(sequence) if !sequence.begun || sequence.unsigned_count > 0 => Err(TsigFault::Unsigned),
            _ => Ok(()),
        }
    }
}

impl Sequence {
    /// The message without its signature, if that is right.
    fn verify(&mut self, octets: &[u8], signature: &Signature<'_>) -> Result<Vec<u8>, TsigFault> {
        // BADSIG and BADKEY cannot be signed: the server has no key to do it with.
        if matches!(signature.error, 16 | 17 | 22) {
            return Err(TsigFault::Refused { error: signature.error, server_time: None });
        }
        let known = signature.name == *self.key.name()
            && signature.algorithm.to_wire() == self.key.algorithm().wire_name();
        if !known {
            return Err(TsigFault::BadSignature);
        }
        let mut bare = octets[..signature.at].to_vec();
        let additional = u16::from_be_bytes([octets[10], octets[11]]) - 1;
        bare[10..12].copy_from_slice(&additional.to_be_bytes());
        bare[..2].copy_from_slice(&signature.original_id);
        let tail = match self.begun {
            true => timers(signature.time, signature.fudge),
            false => variables(&self.key, signature.time, signature.fudge, signature.error, signature.other),
        };
        let length = (self.prior.len() as u16).to_be_bytes();
        let mac = compute(&self.key, &[&length, &self.prior, &self.unsigned, &bare, &tail]);
        if !is_same(&mac, signature.mac) {
            return Err(TsigFault::BadSignature);
        }
        if signature.error != 0 {
            let server_time = signature.other.first_chunk::<6>().map(|bytes| read_time(*bytes));
            return Err(TsigFault::Refused { error: signature.error, server_time });
        }
        let seconds = signature.time.abs_diff(now());
        if seconds > u64::from(signature.fudge) {
            return Err(TsigFault::BadTime { seconds });
        }
        self.prior = mac;
        self.unsigned.clear();
        self.unsigned_count = 0;
        self.begun = true;
        bare[..2].copy_from_slice(&octets[..2]);
        Ok(bare)
    }
}

/// A TSIG record at the end of a message.
struct Signature<'m> {
    /// Where it begins.
    at: usize,
    name: Name,
    algorithm: Name,
    time: u64,
    fudge: u16,
    mac: &'m [u8],
    original_id: [u8; 2],
    error: u16,
    other: &'m [u8],
}

impl<'m> Signature<'m> {
    fn find(message: &'m [u8]) -> Result<Option<Signature<'m>>, TsigFault> {
        let counts: Vec<usize> = match message.get(4..12) {
            Some(counts) => counts
                .chunks_exact(2)
                .map(|pair| usize::from(u16::from_be_bytes([pair[0], pair[1]])))
                .collect(),
            None => return Err(TsigFault::Malformed),
        };
        if counts[3] == 0 {
            return Ok(None);
        }
        let found = last_record(message, counts[0], counts[1] + counts[2] + counts[3]);
        let (at, is_tsig) = found.ok_or(TsigFault::Malformed)?;
        if !is_tsig {
            return Ok(None);
        }
        Signature::read(message, at).map(Some).ok_or(TsigFault::Malformed)
    }

    fn read(message: &'m [u8], at: usize) -> Option<Signature<'m>> {
        let (name, used) = Name::from_wire(message.get(at..)?).ok()?;
        let rdata = message.get(at + used + 10..)?;
        let (algorithm, used) = Name::from_wire(rdata).ok()?;
        let rest = rdata.get(used..)?;
        let time = read_time(*rest.first_chunk()?);
        let number = |at: usize| rest.get(at..at + 2).map(|pair| u16::from_be_bytes([pair[0], pair[1]]));
        let (fudge, mac_length) = (number(6)?, usize::from(number(8)?));
        let mac = rest.get(10..10 + mac_length)?;
        let end = 10 + mac_length;
        let original_id = *rest.get(end..)?.first_chunk()?;
        let (error, other_length) = (number(end + 2)?, usize::from(number(end + 4)?));
        let other = rest.get(end + 6..end + 6 + other_length)?;
        Some(Signature { at, name, algorithm, time, fudge, mac, original_id, error, other })
    }
}

/// Where the last record begins and whether it is a TSIG record.
fn last_record(message: &[u8], questions: usize, records: usize) -> Option<(usize, bool)> {
    let mut at = 12;
    for _ in 0..questions {
        at = after_name(message, at)? + 4;
    }
    for index in 1..=records {
        let fixed = after_name(message, at)?;
        let head = message.get(fixed..fixed + 10)?;
        if index == records {
            return Some((at, u16::from_be_bytes([head[0], head[1]]) == TYPE_TSIG));
        }
        at = fixed + 10 + usize::from(u16::from_be_bytes([head[8], head[9]]));
    }
    None
}

fn after_name(message: &[u8], mut at: usize) -> Option<usize> {
    loop {
        match usize::from(*message.get(at)?) {
            0 => return Some(at + 1),
            length @ 1..=63 => at += length + 1,
            192.. => return Some(at + 2),
            _ => return None,
        }
    }
}

/// The "TSIG variables" of RFC 8945 section 4.3.3.
fn variables(key: &TsigKey, time: u64, fudge: u16, error: u16, other: &[u8]) -> Vec<u8> {
    let mut out = key.name().to_wire();
    out.extend_from_slice(&[0, 255, 0, 0, 0, 0]);
    out.extend_from_slice(&key.algorithm().wire_name());
    out.extend_from_slice(&timers(time, fudge));
    out.extend_from_slice(&error.to_be_bytes());
    out.extend_from_slice(&(other.len() as u16).to_be_bytes());
    out.extend_from_slice(other);
    out
}

fn timers(time: u64, fudge: u16) -> Vec<u8> {
    [&time.to_be_bytes()[2..], &fudge.to_be_bytes()].concat()
}

fn read_time(bytes: [u8; 6]) -> u64 {
    bytes.iter().fold(0, |time, byte| time << 8 | u64::from(*byte))
}

fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs())
}

/// The MAC of these parts, cut to the length the algorithm has on the wire.
fn compute(key: &TsigKey, parts: &[&[u8]]) -> Vec<u8> {
    fn run<M: Mac + KeyInit>(secret: &[u8], parts: &[&[u8]]) -> Vec<u8> {
        // An HMAC takes a key of any length.
        let Ok(mut mac) = <M as KeyInit>::new_from_slice(secret) else { return Vec::new() };
        parts.iter().for_each(|part| mac.update(part));
        mac.finalize().into_bytes().to_vec()
    }
    let secret = key.secret();
    let mut mac = match key.algorithm() {
        TsigAlgorithm::HmacMd5 => run::<Hmac<md5::Md5>>(secret, parts),
        TsigAlgorithm::HmacSha1 => run::<Hmac<sha1::Sha1>>(secret, parts),
        TsigAlgorithm::HmacSha224 => run::<Hmac<sha2::Sha224>>(secret, parts),
        TsigAlgorithm::HmacSha256 | TsigAlgorithm::HmacSha256Cut128 => {
            run::<Hmac<sha2::Sha256>>(secret, parts)
        }
        TsigAlgorithm::HmacSha384 | TsigAlgorithm::HmacSha384Cut192 => {
            run::<Hmac<sha2::Sha384>>(secret, parts)
        }
        TsigAlgorithm::HmacSha512 | TsigAlgorithm::HmacSha512Cut256 => {
            run::<Hmac<sha2::Sha512>>(secret, parts)
        }
    };
    mac.truncate(key.algorithm().mac_len());
    mac
}

/// Compares without telling by its duration where the first difference is.
fn is_same(a: &[u8], b: &[u8]) -> bool {
    a.len() == b.len() && a.iter().zip(b).fold(0, |difference, (a, b)| difference | (a ^ b)) == 0
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tsig::Signer;

    fn key(algorithm: TsigAlgorithm, secret: u8) -> TsigKey {
        TsigKey::new(Name::parse("Key.Example").unwrap(), algorithm, vec![secret; 32]).unwrap()
    }

    fn question() -> Vec<u8> {
        vec![0, 7, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 1, b'a', 0, 0, 6, 0, 1]
    }

    #[test]
    fn another_implementation_accepts_our_signature_and_we_accept_its_answer() {
        for algorithm in [
            TsigAlgorithm::HmacSha1,
            TsigAlgorithm::HmacSha256,
            TsigAlgorithm::HmacSha384,
            TsigAlgorithm::HmacSha512,
        ] {
            let mut request = question();
            let mut signer = ClientSigner::sign(Some(&key(algorithm, 1)), &mut request).unwrap();
            let mut server = Signer::check(&request, Some(&key(algorithm, 1))).unwrap();
            for round in 0..3 {
                let mut answer = question();
                answer[2] |= 0x80;
                let plain = answer.clone();
                server.sign(&mut answer);
                let mut message = Message::from_octets(answer.clone()).unwrap();
                signer.check(&mut message).unwrap_or_else(|fault| panic!("{algorithm} {round}: {fault}"));
                assert_eq!(message.as_slice(), plain);
                answer[13] ^= 1;
                let mut message = Message::from_octets(answer).unwrap();
                assert_eq!(signer.check(&mut message), Err(TsigFault::BadSignature));
            }
            assert!(signer.finish().is_ok());
        }
    }

    #[test]
    fn a_servers_complaint_is_read_and_an_unsigned_answer_is_not_believed() {
        let mut request = question();
        let mut signer = ClientSigner::sign(Some(&key(TsigAlgorithm::HmacSha256, 1)), &mut request).unwrap();
        for (theirs, error) in [(Some(key(TsigAlgorithm::HmacSha256, 2)), 16), (None, 17)] {
            let answer = Signer::check(&request, theirs.as_ref()).err().unwrap();
            let mut message = Message::from_octets(answer).unwrap();
            assert_eq!(signer.check(&mut message), Err(TsigFault::Refused { error, server_time: None }));
        }
        let mut message = Message::from_octets(question()).unwrap();
        assert_eq!(signer.check(&mut message), Err(TsigFault::Unsigned));
    }

    proptest::proptest! {
        #[test]
        fn any_bytes_are_looked_at_without_panic(bytes in proptest::collection::vec(0u8.., 12..80)) {
            let mut request = question();
            let mut signer = ClientSigner::sign(Some(&key(TsigAlgorithm::HmacMd5, 1)), &mut request).unwrap();
            if let Ok(mut message) = Message::from_octets(bytes) {
                let _ = signer.check(&mut message);
            }
        }
    }
}
