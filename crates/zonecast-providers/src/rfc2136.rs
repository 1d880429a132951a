//! Any server that takes dynamic updates, RFC 2136 with TSIG (RFC 8945): BIND, Knot, PowerDNS.
//!
//! Seen with BIND 9.18.49, Knot 3.2.6 and PowerDNS 4.7.3, 2026-11-21:
//! - NOERROR does not mean done: a CNAME beside an address is ignored silently (BIND, Knot). Every
//!   write therefore names what it expects in its prerequisites, and is looked at again by a message
//!   of prerequisites alone, which the server checks against the zone and not against a cache.
//! - A refused record refuses its whole message.
//! - BIND and Knot say BADSIG, BADKEY or BADTIME; PowerDNS answers an unsigned REFUSED for all of them.
//! - The TTL of a set follows the last value added, except on Knot, which ignores it: a TTL changes
//!   by deleting the set and adding it in the same message.
//! - There is no listing but AXFR. Names are read by one ANY question each over TCP, where the server
//!   answers those in full (BIND, PowerDNS). Knot answers with one RRset (RFC 8482): there a name is
//!   asked for type by type, many questions at a time on one connection, while that is cheaper than a
//!   transfer, and the zone is transferred for more names, and the first time. A type that nobody here
//!   knows and that came since the last transfer is seen by the next one only; no write harms it, as
//!   each names what it expects. A wildcard would answer for names nobody wrote, so below one the
//!   prerequisite "name is in use" decides.

mod look;
mod read;
mod refusal;
mod rules;
mod write;

use crate::fields::{Field, Kind, no_more_to_check, one};
use crate::{ErrorClass, Outcome, Provider, ProviderError, TestReport, ZoneRef};
use async_trait::async_trait;
use secrecy::{ExposeSecret, SecretString};
use std::collections::{BTreeSet, HashMap};
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};
use zonecast_core::{Capabilities, Change, Guard, Name, Observed, RecordType};
use zonecast_dns::{Connection, ConnectionError, TsigAlgorithm, TsigKey};

/// A connection idle for longer may be closed by the server at any moment (Knot: 10 s).
const IDLE_MAX: Duration = Duration::from_secs(4);
const IDLE_CONNECTIONS: usize = 4;

const FIELDS: &[Field] = &[
    Field::required(
        "server",
        "Server",
        "the primary that takes updates, such as 192.0.2.53:53; several with commas",
    )
    .endpoint()
    .spelled(normalise_servers),
    Field::optional("tsig_name", "TSIG Key Name", "the key's name, the same as at the server"),
    Field::optional("tsig_algorithm", "TSIG Algorithm", "as in the server's key statement")
        .one_of(ALGORITHMS)
        .or("hmac-sha256"),
    Field::optional("tsig_secret", "TSIG Secret", "the secret in base64, or BIND's whole key statement")
        .secret(),
];

/// The algorithms of a key (RFC 8945 section 6), best first.
pub(crate) const ALGORITHMS: &[&str] =
    &["hmac-sha256", "hmac-sha512", "hmac-sha384", "hmac-sha224", "hmac-sha1", "hmac-md5"];

/// Dynamic updates, for the list of kinds.
pub fn kind() -> Kind {
    Kind {
        name: "rfc2136",
        label: "RFC 2136 (BIND, Knot, ...)",
        fields: FIELDS,
        capabilities: capabilities(),
        docs: "docs/providers/rfc2136.md",
        check: no_more_to_check,
        connect: |settings, _| {
            let secret = settings.secret("tsig_secret");
            let key = parse_key(settings.plain("tsig_name"), settings.plain("tsig_algorithm"), &secret);
            let key = key.map_err(|(field, message)| one(field, message))?;
            let server = Rfc2136::new(settings.plain("server"), key);
            Ok(Arc::new(server.map_err(|message| one("server", message))?))
        },
    }
}

/// One server, or several that answer for the same primary, and a key.
pub struct Rfc2136 {
    /// `host:port`, tried in order.
    servers: Vec<String>,
    key: Option<TsigKey>,
    idle: Mutex<Vec<(Connection, Instant)>>,
    /// What was learnt of zones on the way.
    known: Mutex<HashMap<Name, Known>>,
}

/// What is known of a zone; all of it only decides which way is the shorter one.
#[derive(Clone, Default)]
struct Known {
    /// RRsets at the last listing.
    size: Option<usize>,
    /// The server does not let us transfer the zone.
    no_transfer: bool,
    /// The server answers ANY with a part of what it has.
    minimal: bool,
    /// Types that were listed or written and are not among those asked for anyway.
    more_types: BTreeSet<RecordType>,
}

impl Rfc2136 {
    /// A connection; nothing is sent. `servers` as [`normalise_servers`] gives them. Without a key
    /// updates go out unsigned. `Err` is a sentence for the form.
    pub fn new(servers: &str, key: Option<TsigKey>) -> Result<Rfc2136, String> {
        let servers = normalise_servers(servers)?.split(", ").map(str::to_owned).collect();
        Ok(Rfc2136 { servers, key, idle: Mutex::default(), known: Mutex::default() })
    }

    /// A connection to the first server that can be reached.
    async fn connect(&self, zone: &ZoneRef) -> Result<Connection, ProviderError> {
        let idle = {
            let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
            idle.retain(|(connection, since)| since.elapsed() < IDLE_MAX && connection.is_usable());
            idle.pop()
        };
        if let Some((connection, _)) = idle {
            return Ok(connection);
        }
        let mut words = Vec::new();
        for server in &self.servers {
            let addresses =
                match tokio::time::timeout_at(zone.deadline.into(), crate::reach::lookup(server)).await {
                    Ok(Ok(addresses)) => addresses.collect::<Vec<SocketAddr>>(),
                    Ok(Err(error)) => {
                        words.push(format!("{server} has no address: {error}"));
                        continue;
                    }
                    Err(_) => {
                        words.push(format!("{server}: its address was not found in time"));
                        continue;
                    }
                };
            // A server that hangs must leave time for the next one.
            let left = zone.deadline.saturating_duration_since(Instant::now());
            let share = Instant::now() + (left / 2).min(Duration::from_secs(5));
            for address in addresses {
                match Connection::open(address, self.key.clone(), share).await {
                    Ok(connection) => return Ok(connection),
                    Err(error) => words.push(error.to_string()),
                }
            }
        }
        Err(self.error(zone, ErrorClass::Transient, &words.join("; ")))
    }

    /// Keeps a connection for the next call.
    fn put_back(&self, connection: Connection) {
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        if idle.len() < IDLE_CONNECTIONS && connection.is_usable() {
            idle.push((connection, Instant::now()));
        }
    }

    fn known(&self, zone: &ZoneRef) -> Known {
        let known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        known.get(&zone.name).cloned().unwrap_or_default()
    }

    fn learn(&self, zone: &ZoneRef, learn: impl FnOnce(&mut Known)) {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        learn(known.entry(zone.name.clone()).or_default());
    }

    fn error(&self, zone: &ZoneRef, class: ErrorClass, words: &str) -> ProviderError {
        ProviderError::new(class, format!("{}: {words}", zone.name))
    }

    /// The error of a request without a usable answer.
    fn lost(&self, zone: &ZoneRef, error: &ConnectionError) -> ProviderError {
        let class = match error {
            ConnectionError::NotBelieved { .. } => ErrorClass::Unauthorized,
            _ => ErrorClass::Transient,
        };
        self.error(zone, class, &error.to_string())
    }
}

#[async_trait]
impl Provider for Rfc2136 {
    fn capabilities(&self) -> Capabilities {
        capabilities()
    }

    async fn test(&self, zone: &ZoneRef) -> TestReport {
        self.look(zone).await
    }

    async fn read(&self, zone: &ZoneRef, names: &[Name]) -> Result<Observed, ProviderError> {
        self.read_names(zone, names).await
    }

    async fn list(&self, zone: &ZoneRef) -> Result<Observed, ProviderError> {
        self.transfer(zone).await
    }

    async fn apply(&self, zone: &ZoneRef, seen: &Observed, changes: &[Change]) -> Vec<Outcome> {
        self.write(zone, seen, changes).await
    }

    async fn dns_servers(&self, _zone: &ZoneRef) -> Vec<String> {
        self.servers.clone()
    }

    fn physical_id(&self, zone: &ZoneRef) -> String {
        format!("rfc2136|{}|{}", self.servers[0], zone.name.absolute())
    }
}

/// What a server with dynamic updates can hold.
pub fn capabilities() -> Capabilities {
    Capabilities {
        types: None,
        // BIND's max-records-per-type; above it the answer is a bare SERVFAIL (seen with 9.18.49).
        values_per_set_max: 100,
        batch_changes_max: 5_000,
        // Each message is atomic, a batch is several of them.
        atomic_batch: false,
        guard: Guard::CompareAndSet,
        // PowerDNS may answer from a cache; BIND and Knot are fresh at once.
        settle_seconds: 25,
        write_concurrency: 4,
        zones: false,
        dnssec: false,
        ..Capabilities::unlimited()
    }
}

/// Servers as people write them, `host`, `host:port`, `[v6]:port`, `dns://host`, several with commas:
/// each as `host:port`, port 53 where none is given. `Err` is a sentence for the form.
pub fn normalise_servers(text: &str) -> Result<String, String> {
    let servers: Result<Vec<String>, String> =
        text.split([',', ' ']).filter(|part| !part.is_empty()).map(normalise_server).collect();
    match servers? {
        servers if servers.is_empty() => Err("a server is needed, such as 192.0.2.53:53".to_owned()),
        servers => Ok(servers.join(", ")),
    }
}

fn normalise_server(text: &str) -> Result<String, String> {
    let rest = text.strip_prefix("dns://").unwrap_or(text).trim_end_matches('/');
    if rest.contains("://") {
        return Err(format!("{text:?} is not a name server: write host or host:port"));
    }
    if let Ok(address) = rest.parse::<IpAddr>() {
        return Ok(SocketAddr::new(address, 53).to_string());
    }
    if let Ok(address) = rest.parse::<SocketAddr>() {
        return Ok(address.to_string());
    }
    let bare = rest.strip_prefix('[').and_then(|rest| rest.strip_suffix(']'));
    if let Some(Ok(address)) = bare.map(str::parse::<IpAddr>) {
        return Ok(SocketAddr::new(address, 53).to_string());
    }
    let (host, port) = match rest.rsplit_once(':') {
        Some((host, port)) => (host, port.parse::<u16>().map_err(|_| format!("{port:?} is not a port"))?),
        None => (rest, 53),
    };
    let is_host = !host.is_empty() && host.bytes().all(|b| b.is_ascii_alphanumeric() || b"-._".contains(&b));
    match is_host {
        true => Ok(format!("{}:{port}", host.to_ascii_lowercase())),
        false => Err(format!("{text:?} is not a name server: write host or host:port")),
    }
}

/// The key of a form's three fields; BIND's `key "x" { algorithm ..; secret "..."; };` may stand in the
/// secret's field and wins. Nothing at all is no key. `Err` names the field and says what is wrong.
pub fn parse_key(
    name: &str,
    algorithm: &str,
    secret: &SecretString,
) -> Result<Option<TsigKey>, (&'static str, String)> {
    let secret = secret.expose_secret().trim();
    if let Some((name, algorithm, secret)) = parse_key_statement(secret) {
        return make_key(&name, &algorithm, &secret).map(Some);
    }
    match (name.is_empty(), secret.is_empty()) {
        (true, true) => Ok(None),
        (true, false) => Err(("tsig_name", "the key needs its name, the same as at the server".to_owned())),
        (false, true) => Err(("tsig_secret", "the key needs its secret".to_owned())),
        (false, false) => make_key(name, algorithm, secret).map(Some),
    }
}

fn make_key(name: &str, algorithm: &str, secret: &str) -> Result<TsigKey, (&'static str, String)> {
    let name = Name::parse(name).map_err(|error| ("tsig_name", error.to_string()))?;
    let algorithm = match algorithm {
        "" => TsigAlgorithm::default(),
        word => {
            word.parse().map_err(|error: zonecast_dns::TsigKeyError| ("tsig_algorithm", error.to_string()))?
        }
    };
    TsigKey::from_base64(name, algorithm, secret).map_err(|error| ("tsig_secret", error.to_string()))
}

/// `key "name" { algorithm hmac-sha256; secret "base64"; };`
fn parse_key_statement(text: &str) -> Option<(String, String, String)> {
    let (name, body) = text.strip_prefix("key")?.split_once('{')?;
    let field = |word: &str| {
        body.split([';', '}']).find_map(|part| {
            let value = part.trim().strip_prefix(word)?;
            value.starts_with([' ', '\t', '"']).then(|| value.trim().trim_matches('"').to_owned())
        })
    };
    Some((name.trim().trim_matches('"').to_owned(), field("algorithm")?, field("secret")?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn servers_are_read_as_people_write_them() {
        for (text, normal) in [
            ("192.0.2.53", "192.0.2.53:53"),
            ("192.0.2.53:5353", "192.0.2.53:5353"),
            ("2001:db8::1", "[2001:db8::1]:53"),
            ("[2001:db8::1]:5353, ns.Example.org", "[2001:db8::1]:5353, ns.example.org:53"),
            ("[2001:db8::1]", "[2001:db8::1]:53"),
            ("dns://ns1:5300/", "ns1:5300"),
        ] {
            assert_eq!(normalise_servers(text).as_deref(), Ok(normal), "{text}");
            assert_eq!(normalise_servers(normal).as_deref(), Ok(normal), "twice is the same as once");
        }
        for bad in ["", "http://ns1", "ns1:port", "a/b"] {
            assert!(normalise_servers(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_key_comes_from_fields_or_from_a_bind_statement() {
        let secret = |text: &str| SecretString::from(text);
        let statement = r#"key "zc." { algorithm hmac-sha512; secret "c2VjcmV0"; };"#;
        let key = parse_key("", "", &secret(statement)).unwrap().unwrap();
        assert_eq!(format!("{key:?}"), "zc hmac-sha512 [secret]");
        assert_eq!(parse_key("zc", "HMAC-SHA512.", &secret("c2VjcmV0")).unwrap().unwrap(), key);
        assert_eq!(parse_key("", "", &secret("")).unwrap(), None);
        assert_eq!(parse_key("", "", &secret("c2VjcmV0")).unwrap_err().0, "tsig_name");
        assert_eq!(parse_key("zc", "", &secret("")).unwrap_err().0, "tsig_secret");
        assert_eq!(parse_key("zc", "rot13", &secret("c2VjcmV0")).unwrap_err().0, "tsig_algorithm");
        assert_eq!(parse_key("zc", "", &secret("%%")).unwrap_err().0, "tsig_secret");
    }
}
