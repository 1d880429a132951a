//! CoreDNS, which has no write API of its own: four ways to feed it, one provider for each.
//!
//! `secondary`: we are its primary (AXFR and NOTIFY), full DNS semantics; the way to take. `file`: we
//! write zone files that its `file` or `auto` plugin loads again. `etcd`: SkyDNS keys for its `etcd`
//! plugin, immediate and lossy. `rfc2136`: its `dynupdate` plugin (experimental, merged in September
//! 2026) or any other server with dynamic updates.
//!
//! No CoreDNS was at hand: what its plugins do is taken from their documentation and source (1.14),
//! 2026-11-21, and stands in each file.

pub mod etcd;
pub mod file;
pub mod secondary;

use crate::fields::{Deps, Field, FieldError, Kind, Settings, no_more_to_check, normalise_urls, one};
use crate::rfc2136::{ALGORITHMS, Rfc2136, normalise_servers, parse_key};
use crate::tls::{ClientCertificate, Trust};
use crate::{ErrorClass, Provider, ProviderError, ZoneRef};
use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use zonecast_core::{Capabilities, Guard, RecordType, Serial};
use zonecast_dns::{QueryOptions, Soa, query};

const FIELDS: &[Field] = &[
    Field::required("backend", "Backend", "how records get there").one_of(&[
        "secondary",
        "file",
        "etcd",
        "rfc2136",
    ]),
    Field::optional(
        "coredns_url",
        "CoreDNS URL",
        "where CoreDNS answers DNS, such as dns://192.0.2.53:53; secondary needs it",
    )
    .endpoint()
    .spelled(|text| parse_coredns_url(text).map(|_| text.to_owned())),
    Field::optional(
        "endpoints",
        "etcd Endpoints",
        "etcd only: its client URLs with commas, such as http://127.0.0.1:2379",
    )
    .endpoint()
    .spelled(normalise_urls),
    Field::optional("path", "etcd Path", "etcd only: path in the Corefile").or("/skydns"),
    Field::optional("username", "etcd User", "etcd only: where authentication is on"),
    Field::optional("password", "etcd Password", "etcd only: where authentication is on").secret(),
    Field::optional("ca_file", "CA File", "etcd only: a file with the CA of its certificate, in PEM"),
    Field::optional(
        "cert_file",
        "Certificate File",
        "etcd only: our certificate, in PEM, where it asks for one",
    ),
    Field::optional("key_file", "Key File", "etcd only: the key of our certificate, in PEM"),
    Field::optional("directory", "Zone Directory", "file only: the directory of the zone files"),
    Field::optional(
        "file_name",
        "File Name",
        "file only: the name of a zone's file, {zone} stands for the zone",
    )
    .or("db.{zone}"),
    Field::optional("server", "Update Server", "rfc2136 only: where updates go, unless to coredns_url")
        .endpoint()
        .spelled(normalise_servers),
    Field::optional("tsig_name", "TSIG Key Name", "rfc2136 only: the key's name, the same as at the server"),
    Field::optional("tsig_algorithm", "TSIG Algorithm", "rfc2136 only: as in the server's key statement")
        .one_of(ALGORITHMS)
        .or("hmac-sha256"),
    Field::optional("tsig_secret", "TSIG Secret", "rfc2136 only: the secret in base64").secret(),
];

/// CoreDNS, for the list of kinds.
pub fn kind() -> Kind {
    Kind {
        name: "coredns",
        label: "CoreDNS",
        fields: FIELDS,
        capabilities: capabilities(),
        docs: "docs/providers/coredns.md",
        check: no_more_to_check,
        connect,
    }
}

/// Where CoreDNS is, read from a `coredns_url` in any spelling.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CoreDnsUrl {
    /// Its host name or address, without brackets.
    pub host: String,
    /// Where it answers DNS.
    pub port: u16,
    /// Said where the spelling suggests something that CoreDNS does not do; never a failure.
    pub warning: Option<String>,
}

impl CoreDnsUrl {
    /// `host:port`, brackets around an IPv6 address.
    pub fn authority(&self) -> String {
        match self.host.parse::<IpAddr>() {
            Ok(address) => SocketAddr::new(address, self.port).to_string(),
            Err(_) => format!("{}:{}", self.host, self.port),
        }
    }
}

/// Reads a `coredns_url`: `http://host:53`, `dns://host`, `host:53`, `host`, `[v6]:53`, `v6`. Host and
/// port are the DNS endpoint, whatever the scheme says (port 53 is the DNS port and CoreDNS has no
/// HTTP API there); an http scheme brings a warning. `Err` is a sentence for the form.
pub fn parse_coredns_url(text: &str) -> Result<CoreDnsUrl, String> {
    let text = text.trim();
    let (scheme, rest) = match text.split_once("://") {
        Some((scheme, rest)) => (scheme.to_ascii_lowercase(), rest),
        None => (String::new(), text),
    };
    if !matches!(scheme.as_str(), "" | "dns" | "udp" | "tcp" | "http" | "https") {
        return Err(format!("{scheme}:// does not lead to a CoreDNS: write dns://host:53 or host:53"));
    }
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    if authority.contains('@') {
        return Err("user and password do not belong into the URL".to_owned());
    }
    let normal =
        normalise_servers(authority).map_err(|_| format!("{text:?} names no host: write host:53"))?;
    let (host, port) = normal.rsplit_once(':').ok_or("the URL names no host")?;
    let host = host.trim_start_matches('[').trim_end_matches(']').to_owned();
    let port = port.parse().map_err(|_| format!("{port:?} is not a port"))?;
    let warning = match (scheme.as_str(), port) {
        ("http" | "https", 53) => Some(format!(
            "{text} is taken as the DNS endpoint {normal}: port 53 speaks DNS and CoreDNS has no HTTP write API; \
             how records get there is the setting `backend`"
        )),
        ("http" | "https", _) => Some(format!(
            "{text} is taken as the DNS endpoint {normal}: CoreDNS itself has no HTTP write API"
        )),
        _ => None,
    };
    Ok(CoreDnsUrl { host, port, warning })
}

/// Makes the provider of validated settings. `Err` names what the chosen backend lacks.
pub fn connect(settings: &Settings, deps: &Deps) -> Result<Arc<dyn Provider>, Vec<FieldError>> {
    let (plain, secret) = (|name: &str| settings.plain(name), |name: &str| settings.secret(name));
    let url = match plain("coredns_url") {
        "" => None,
        text => Some(parse_coredns_url(text).map_err(|message| one("coredns_url", message))?),
    };
    let needed = |name: &str| match plain(name) {
        "" => Err(one(name, format!("the backend {} needs {name}", plain("backend")))),
        text => Ok(text.to_owned()),
    };
    match plain("backend") {
        "etcd" => {
            let file = |name: &str| (!plain(name).is_empty()).then(|| PathBuf::from(plain(name)));
            let mut trust: Trust = deps.trust.clone();
            if let Some(path) = file("ca_file") {
                let pem = std::fs::read_to_string(&path);
                trust.ca_pem =
                    Some(pem.map_err(|error| one("ca_file", format!("{}: {error}", path.display())))?);
            }
            trust.client_certificate = match (file("cert_file"), file("key_file")) {
                (Some(cert_file), Some(key_file)) => Some(ClientCertificate { cert_file, key_file }),
                (None, None) => None,
                (Some(_), None) => return Err(one("key_file", "the certificate needs its key".to_owned())),
                (None, Some(_)) => return Err(one("cert_file", "the key needs its certificate".to_owned())),
            };
            let login =
                (!plain("username").is_empty()).then(|| (plain("username").to_owned(), secret("password")));
            let made = etcd::Etcd::new(&needed("endpoints")?, plain("path"), login, &trust, url);
            Ok(Arc::new(made.map_err(|message| one("endpoints", message))?))
        }
        "file" => {
            let made = file::Files::new(&needed("directory")?, plain("file_name"), url);
            Ok(Arc::new(made.map_err(|message| one("file_name", message))?))
        }
        "secondary" => {
            let Some(authority) = &deps.authority else {
                return Err(one("backend", "no authority runs in this process".to_owned()));
            };
            let Some(url) = url else { return Err(needed("coredns_url").err().unwrap_or_default()) };
            Ok(Arc::new(secondary::Secondary::new(authority.clone(), url)))
        }
        "rfc2136" => {
            let key = parse_key(plain("tsig_name"), plain("tsig_algorithm"), &secret("tsig_secret"));
            let key = key.map_err(|(field, message)| one(field, message))?;
            let server = match plain("server") {
                "" => url.ok_or_else(|| needed("coredns_url").err().unwrap_or_default())?.authority(),
                server => server.to_owned(),
            };
            let made = Rfc2136::new(&server, key);
            Ok(Arc::new(made.map_err(|message| one("server", message))?))
        }
        other => Err(one("backend", format!("{other:?} is not etcd, file, secondary or rfc2136"))),
    }
}

/// What every backend can hold; a backend alone may hold more.
pub fn capabilities() -> Capabilities {
    Capabilities { guard: Guard::CompareAndSet, settle_seconds: 60, zones: true, ..Capabilities::unlimited() }
}

/// The serial CoreDNS answers with; an error is a sentence.
async fn served_serial(url: &CoreDnsUrl, zone: &ZoneRef, wait: Duration) -> Result<Serial, String> {
    let place = url.authority();
    let addresses = crate::reach::lookup(&place).await;
    let mut addresses = addresses.map_err(|error| format!("{place} has no address: {error}"))?;
    let server = addresses.next().ok_or_else(|| format!("{place} has no address"))?;
    let left = zone.deadline.saturating_duration_since(std::time::Instant::now());
    let options = QueryOptions { timeout: wait.min(left), ..QueryOptions::default() };
    let answer = query(server, &zone.name, RecordType::SOA, options).await;
    let answer = answer.map_err(|error| format!("CoreDNS at {error}"))?;
    let soa = answer.rrset(&zone.name, RecordType::SOA).and_then(|set| Soa::from_data(&set.values[0]));
    match soa {
        Some(soa) if answer.authoritative => Ok(soa.serial),
        _ => Err(format!("CoreDNS at {place} does not serve {} ({})", zone.name, answer.rcode)),
    }
}

/// Names the zone in an error.
fn about(zone: &ZoneRef, class: ErrorClass, words: impl std::fmt::Display) -> ProviderError {
    ProviderError::new(class, format!("{}: {words}", zone.name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_coredns_url_is_read_in_any_spelling() {
        for (text, host, port, warns) in [
            ("http://localhost:53", "localhost", 53, true),
            ("http://localhost:53/", "localhost", 53, true),
            ("https://coredns.example.org", "coredns.example.org", 53, true),
            ("http://127.0.0.1:8080/dns", "127.0.0.1", 8080, true),
            ("localhost:53", "localhost", 53, false),
            ("DNS://Localhost", "localhost", 53, false),
            ("udp://10.0.0.1:5353", "10.0.0.1", 5353, false),
            ("192.0.2.1", "192.0.2.1", 53, false),
            ("[2001:db8::1]:5353", "2001:db8::1", 5353, false),
            ("2001:db8::1", "2001:db8::1", 53, false),
        ] {
            let url = parse_coredns_url(text).unwrap_or_else(|words| panic!("{text}: {words}"));
            assert_eq!((url.host.as_str(), url.port, url.warning.is_some()), (host, port, warns), "{text}");
            assert_eq!(parse_coredns_url(&url.authority()).unwrap().authority(), url.authority());
        }
        let warning = parse_coredns_url("http://localhost:53").unwrap().warning.unwrap();
        assert!(warning.contains("no HTTP write API"), "{warning}");
        for bad in ["", "http://", "ftp://x", "http://u:p@x:53", "http://x:port"] {
            assert!(parse_coredns_url(bad).is_err(), "{bad}");
        }
    }
}
