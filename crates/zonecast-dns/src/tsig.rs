//! TSIG keys, RFC 8945, and the signing of messages that are already built.
//!
//! The hot path writes its answers into plain buffers. `domain` signs its own builders; [`Prefilled`]
//! hands it a finished message piece by piece, so both live without knowing of each other.

use base64::Engine as _;
use domain::base::message_builder::AdditionalBuilder;
use domain::base::question::ComposeQuestion;
use domain::base::record::ComposeRecord;
use domain::base::wire::Composer;
use domain::base::{Message, MessageBuilder};
use domain::rdata::tsig::Time48;
use domain::tsig::{Algorithm, Key, ServerSequence};
use std::fmt;
use std::str::FromStr;
use std::sync::Arc;
use zonecast_core::Name;

/// The room a TSIG record needs at most: two names, fixed fields and the longest MAC.
pub(crate) const TSIG_ROOM: usize = 255 + 10 + 30 + 16 + 64 + 6;

/// The hash a key signs with: every HMAC of RFC 8945 section 6. As a client all of them are spoken;
/// the embedded authority takes SHA-1, -256, -384 and -512 at full length.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum TsigAlgorithm {
    /// For very old peers only; broken as a hash, not yet as an HMAC.
    HmacMd5,
    /// For old peers only.
    HmacSha1,
    /// Rare.
    HmacSha224,
    /// What everybody speaks.
    #[default]
    HmacSha256,
    /// SHA-256 cut to 128 bits.
    HmacSha256Cut128,
    /// Longer.
    HmacSha384,
    /// SHA-384 cut to 192 bits.
    HmacSha384Cut192,
    /// Longest.
    HmacSha512,
    /// SHA-512 cut to 256 bits.
    HmacSha512Cut256,
}

/// A TSIG key. Its secret is never printed.
#[derive(Clone)]
pub struct TsigKey {
    name: Name,
    algorithm: TsigAlgorithm,
    secret: Arc<[u8]>,
    /// For signing as a server; `None` where `domain` does not know the algorithm.
    key: Option<Arc<Key>>,
}

/// Why a key was not taken.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TsigKeyError {
    /// The secret is not base64, or empty.
    #[error("the TSIG secret is not base64 text of at least one byte")]
    BadSecret,
    /// Not one of the algorithms known here.
    #[error(
        "{0:?} is not a known TSIG algorithm (hmac-sha256, hmac-sha512, hmac-sha384, -sha224, -sha1, -md5)"
    )]
    UnknownAlgorithm(String),
}

impl TsigKey {
    /// A key of a raw secret; the secret must not be empty.
    pub fn new(name: Name, algorithm: TsigAlgorithm, secret: Vec<u8>) -> Result<TsigKey, TsigKeyError> {
        let wire_name =
            domain::base::Name::from_octets(name.to_wire()).map_err(|_| TsigKeyError::BadSecret)?;
        let key_name = domain::base::name::FlattenInto::try_flatten_into(wire_name);
        let (Ok(key_name), false) = (key_name, secret.is_empty()) else {
            return Err(TsigKeyError::BadSecret);
        };
        let key = algorithm.to_domain().map(|algorithm| Key::new(algorithm, &secret, key_name, None, None));
        let key = key.transpose().map_err(|_| TsigKeyError::BadSecret)?;
        Ok(TsigKey { name, algorithm, secret: secret.into(), key: key.map(Arc::new) })
    }

    /// A key of a secret in base64, as key files and panels hold it.
    pub fn from_base64(name: Name, algorithm: TsigAlgorithm, secret: &str) -> Result<TsigKey, TsigKeyError> {
        let secret = base64::engine::general_purpose::STANDARD.decode(secret.trim());
        TsigKey::new(name, algorithm, secret.map_err(|_| TsigKeyError::BadSecret)?)
    }

    /// The name both sides call the key by.
    pub fn name(&self) -> &Name {
        &self.name
    }

    /// The algorithm.
    pub fn algorithm(&self) -> TsigAlgorithm {
        self.algorithm
    }

    /// The raw secret, for storing it encrypted. Never log it.
    pub fn secret(&self) -> &[u8] {
        &self.secret
    }

    fn server_key(&self) -> Option<Arc<Key>> {
        self.key.clone()
    }
}

impl fmt::Debug for TsigKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {} [secret]", self.name, self.algorithm)
    }
}

impl PartialEq for TsigKey {
    fn eq(&self, other: &TsigKey) -> bool {
        (&self.name, self.algorithm, &self.secret) == (&other.name, other.algorithm, &other.secret)
    }
}

impl Eq for TsigKey {}

impl TsigAlgorithm {
    fn to_domain(self) -> Option<Algorithm> {
        match self {
            TsigAlgorithm::HmacSha1 => Some(Algorithm::Sha1),
            TsigAlgorithm::HmacSha256 => Some(Algorithm::Sha256),
            TsigAlgorithm::HmacSha384 => Some(Algorithm::Sha384),
            TsigAlgorithm::HmacSha512 => Some(Algorithm::Sha512),
            _ => None,
        }
    }

    /// The text people write, and the label on the wire.
    fn as_str(self) -> &'static str {
        match self {
            TsigAlgorithm::HmacMd5 => "hmac-md5",
            TsigAlgorithm::HmacSha1 => "hmac-sha1",
            TsigAlgorithm::HmacSha224 => "hmac-sha224",
            TsigAlgorithm::HmacSha256 => "hmac-sha256",
            TsigAlgorithm::HmacSha256Cut128 => "hmac-sha256-128",
            TsigAlgorithm::HmacSha384 => "hmac-sha384",
            TsigAlgorithm::HmacSha384Cut192 => "hmac-sha384-192",
            TsigAlgorithm::HmacSha512 => "hmac-sha512",
            TsigAlgorithm::HmacSha512Cut256 => "hmac-sha512-256",
        }
    }

    /// The algorithm's domain name on the wire.
    pub(crate) fn wire_name(self) -> Vec<u8> {
        let suffix: &[u8] = match self {
            TsigAlgorithm::HmacMd5 => b"\x07sig-alg\x03reg\x03int\0",
            _ => b"\0",
        };
        let label = self.as_str().as_bytes();
        [&[label.len() as u8], label, suffix].concat()
    }

    /// Bytes of a signature.
    pub(crate) fn mac_len(self) -> usize {
        match self {
            TsigAlgorithm::HmacMd5 | TsigAlgorithm::HmacSha256Cut128 => 16,
            TsigAlgorithm::HmacSha1 => 20,
            TsigAlgorithm::HmacSha384Cut192 => 24,
            TsigAlgorithm::HmacSha224 => 28,
            TsigAlgorithm::HmacSha256 | TsigAlgorithm::HmacSha512Cut256 => 32,
            TsigAlgorithm::HmacSha384 => 48,
            TsigAlgorithm::HmacSha512 => 64,
        }
    }

    const ALL: [TsigAlgorithm; 9] = [
        TsigAlgorithm::HmacMd5,
        TsigAlgorithm::HmacSha1,
        TsigAlgorithm::HmacSha224,
        TsigAlgorithm::HmacSha256,
        TsigAlgorithm::HmacSha256Cut128,
        TsigAlgorithm::HmacSha384,
        TsigAlgorithm::HmacSha384Cut192,
        TsigAlgorithm::HmacSha512,
        TsigAlgorithm::HmacSha512Cut256,
    ];
}

impl fmt::Display for TsigAlgorithm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for TsigAlgorithm {
    type Err = TsigKeyError;
    fn from_str(text: &str) -> Result<TsigAlgorithm, TsigKeyError> {
        let word = text.trim().trim_end_matches('.').to_ascii_lowercase();
        let word = word.strip_suffix(".sig-alg.reg.int").unwrap_or(&word);
        let found = TsigAlgorithm::ALL.into_iter().find(|algorithm| algorithm.as_str() == word);
        found.ok_or_else(|| TsigKeyError::UnknownAlgorithm(text.to_owned()))
    }
}

/// The answers of one signed request, or of one unsigned request that needs no signature.
pub(crate) enum Signer {
    /// The request was not signed, so neither is the answer.
    Plain,
    /// Each message of the answer is signed in sequence.
    Sequence(Box<ServerSequence<Arc<Key>>>),
}

impl Signer {
    /// Checks the request's signature against the one key that may sign it. `Err` is the whole
    /// answer to send instead (NOTAUTH with BADKEY, BADSIG or BADTIME).
    pub(crate) fn check(request: &[u8], key: Option<&TsigKey>) -> Result<Signer, Vec<u8>> {
        let Ok(mut message) = Message::from_octets(request.to_vec()) else { return Ok(Signer::Plain) };
        let now = Time48::now();
        let checked = match key.and_then(TsigKey::server_key) {
            Some(key) => ServerSequence::request(&key, &mut message, now),
            None => ServerSequence::request(&NoKeys, &mut message, now),
        };
        match checked {
            Ok(Some(sequence)) => Ok(Signer::Sequence(Box::new(sequence))),
            Ok(None) => Ok(Signer::Plain),
            Err(error) => {
                let built = error.build_message(&message, MessageBuilder::new_vec());
                Err(built.map(|builder| with_bad_sig(builder.finish())).unwrap_or_default())
            }
        }
    }

    /// Whether a valid signature was seen.
    pub(crate) fn is_signed(&self) -> bool {
        matches!(self, Signer::Sequence(_))
    }

    /// Room to leave in each message.
    pub(crate) fn room(&self) -> usize {
        if self.is_signed() { TSIG_ROOM } else { 0 }
    }

    /// Signs one finished message in place; a message that cannot be signed becomes empty.
    pub(crate) fn sign(&mut self, message: &mut Vec<u8>) {
        if let Signer::Sequence(sequence) = self {
            let signed = prefilled(message).and_then(|mut builder| {
                sequence.answer(&mut builder, Time48::now()).ok()?;
                Some(builder.finish())
            });
            *message = signed.unwrap_or_default();
        }
    }
}

/// `domain` 0.12.3 says FORMERR in the TSIG record where the MAC is wrong; RFC 8945 section 5.2.2
/// wants BADSIG (16). The field stands before the last two bytes, the length of "other data".
fn with_bad_sig(mut message: Vec<u8>) -> Vec<u8> {
    let not_auth = message.get(3).is_some_and(|flags| flags & 15 == 9);
    if not_auth && message.ends_with(&[0, 1, 0, 0]) {
        let at = message.len() - 3;
        message[at] = 16;
    }
    message
}

/// Where no key is known, every signature is by an unknown key.
struct NoKeys;

impl domain::tsig::KeyStore for NoKeys {
    type Key = Arc<Key>;
    fn get_key<N: domain::base::ToName>(&self, _: &N, _: Algorithm) -> Option<Arc<Key>> {
        None
    }
}

/// A piece of a message that is already in wire form.
struct Prefilled<'a>(&'a [u8]);

impl ComposeRecord for Prefilled<'_> {
    fn compose_record<Target: Composer + ?Sized>(
        &self,
        target: &mut Target,
    ) -> Result<(), Target::AppendError> {
        target.append_slice(self.0)
    }
}

impl ComposeQuestion for Prefilled<'_> {
    fn compose_question<Target: Composer + ?Sized>(
        &self,
        target: &mut Target,
    ) -> Result<(), Target::AppendError> {
        target.append_slice(self.0)
    }
}

/// A builder that holds exactly this message, ready for one more additional record. Everything after
/// the header goes in as the first "question"; the counts are then made up with empty pushes.
pub(crate) fn prefilled(message: &[u8]) -> Option<AdditionalBuilder<Vec<u8>>> {
    let (header, body) = message.split_at_checked(12)?;
    let count = |section: usize| u16::from_be_bytes([header[4 + 2 * section], header[5 + 2 * section]]);
    let mut bodies = std::iter::once(body).chain(std::iter::repeat(&[][..]));
    let mut builder = MessageBuilder::new_vec();
    *builder.header_mut() = *domain::base::Header::for_message_slice(message);
    let mut question = builder.question();
    for _ in 0..count(0) {
        question.push(Prefilled(bodies.next()?)).ok()?;
    }
    let mut answer = question.answer();
    for _ in 0..count(1) {
        answer.push(Prefilled(bodies.next()?)).ok()?;
    }
    let mut authority = answer.authority();
    for _ in 0..count(2) {
        authority.push(Prefilled(bodies.next()?)).ok()?;
    }
    let mut additional = authority.additional();
    for _ in 0..count(3) {
        additional.push(Prefilled(bodies.next()?)).ok()?;
    }
    (additional.as_slice().len() == message.len()).then_some(additional)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_never_shows_its_secret() {
        let name = Name::parse("transfer").unwrap();
        let key = TsigKey::from_base64(name, TsigAlgorithm::HmacSha256, "c2VjcmV0LXNlY3JldA==").unwrap();
        assert_eq!(format!("{key:?}"), "transfer hmac-sha256 [secret]");
        assert_eq!(key.secret(), b"secret-secret");
        assert!(TsigKey::from_base64(Name::root(), TsigAlgorithm::HmacSha256, "%").is_err());
    }

    #[test]
    fn a_wrong_secret_is_bad_sig_and_an_unknown_key_bad_key() {
        let key = |name: &str, secret: u8| {
            TsigKey::new(Name::parse(name).unwrap(), TsigAlgorithm::HmacSha256, vec![secret; 32]).unwrap()
        };
        let mut request = vec![0, 7, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 1, b'a', 0, 0, 6, 0, 1];
        let signed = crate::tsig_client::ClientSigner::sign(Some(&key("k", 1)), &mut request);
        assert!(signed.is_some());
        assert!(Signer::check(&request, Some(&key("k", 1))).is_ok_and(|signer| signer.is_signed()));
        let error = |with: Option<TsigKey>| {
            let message = Signer::check(&request, with.as_ref()).err().unwrap();
            (message[3] & 15, message[message.len() - 3])
        };
        assert_eq!(error(Some(key("k", 2))), (9, 16));
        assert_eq!(error(Some(key("other", 1))), (9, 17));
        assert_eq!(error(None), (9, 17));
    }

    #[test]
    fn a_prefilled_builder_is_the_message_it_was_given() {
        let message = [
            &[0, 7, 0x84, 0, 0, 1, 0, 2, 0, 0, 0, 0][..],
            &[1, b'a', 0, 0, 1, 0, 1],
            &[0xC0, 12, 0, 1, 0, 1, 0, 0, 0, 9, 0, 4, 1, 2, 3, 4],
            &[0xC0, 12, 0, 1, 0, 1, 0, 0, 0, 9, 0, 4, 1, 2, 3, 5],
        ]
        .concat();
        assert_eq!(prefilled(&message).unwrap().finish(), message);
        assert!(prefilled(&message[..9]).is_none());
    }
}
