//! `coredns_url` in every spelling people use (S5.20, X1).
//!
//! Port 53 is the DNS port: CoreDNS has no write API there or anywhere else. So whatever the scheme,
//! host and port name the server that is asked when a record is verified; an http URL with another
//! port may be a third-party plugin, and that is said, not guessed.

use std::net::{SocketAddr, ToSocketAddrs};

/// Where CoreDNS answers DNS.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Endpoint {
    scheme: String,
    /// Name or address.
    pub host: String,
    /// The port.
    pub port: u16,
}

impl Endpoint {
    /// Reads `http://host:53`, `dns://host:53`, `host:53`, `host`, `[::1]:53`, `::1`.
    pub fn read(text: &str) -> Result<Endpoint, String> {
        let text = text.trim();
        let (scheme, rest) = text.split_once("://").unwrap_or(("", text));
        if !["", "http", "https", "dns", "udp", "tcp"].contains(&scheme) {
            return Err(format!(
                "{text:?} begins with {scheme}://; write host:port, dns://host:port or http://host:53"
            ));
        }
        let rest = rest.split(['/', '?', '#']).next().unwrap_or_default();
        let (host, port) =
            split(rest).ok_or_else(|| format!("{text:?} has no host and port, such as localhost:53"))?;
        let port = match port {
            Some(port) => port
                .parse()
                .ok()
                .filter(|port| *port != 0)
                .ok_or_else(|| format!("{port:?} is not a port"))?,
            None => 53,
        };
        Ok(Endpoint { scheme: scheme.to_owned(), host: host.to_owned(), port })
    }

    /// Its addresses; the system resolves a name.
    pub fn addresses(&self) -> std::io::Result<Vec<SocketAddr>> {
        (self.host.as_str(), self.port).to_socket_addrs().map(Iterator::collect)
    }

    /// What is worth a second look about this spelling.
    pub fn advice(&self) -> Option<String> {
        let http = self.scheme.starts_with("http");
        match (http, self.port) {
            (true, 53) => Some(format!(
                "coredns_url: port 53 speaks DNS, not HTTP, and CoreDNS has no write API; {}:53 is used to verify answers (dns://{}:53 says the same)",
                self.host, self.host
            )),
            (true, port) => Some(format!(
                "coredns_url: CoreDNS has no HTTP API of its own; if port {port} is a plugin's, answers cannot be verified there: give the DNS port"
            )),
            _ => None,
        }
    }
}

fn split(rest: &str) -> Option<(&str, Option<&str>)> {
    if let Some(inner) = rest.strip_prefix('[') {
        let (host, after) = inner.split_once(']')?;
        return Some((host, after.strip_prefix(':')));
    }
    if rest.matches(':').count() > 1 {
        return Some((rest, None));
    }
    let (host, port) = match rest.split_once(':') {
        Some((host, port)) => (host, Some(port)),
        None => (rest, None),
    };
    (!host.is_empty()).then_some((host, port))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_spelling_names_host_and_port() {
        for (text, host, port) in [
            ("http://localhost:53", "localhost", 53),
            ("dns://192.0.2.53", "192.0.2.53", 53),
            ("ns1.example.com:5300", "ns1.example.com", 5300),
            ("[2001:db8::1]:53", "2001:db8::1", 53),
            ("::1", "::1", 53),
            ("https://dns.example/path", "dns.example", 53),
        ] {
            let endpoint = Endpoint::read(text).unwrap();
            assert_eq!((endpoint.host.as_str(), endpoint.port), (host, port), "{text}");
        }
        for bad in ["", "ftp://x:53", "x:port", "http://:53", "x:0"] {
            assert!(Endpoint::read(bad).is_err(), "{bad}");
        }
        assert!(Endpoint::read("http://localhost:53").unwrap().advice().is_some());
        assert!(Endpoint::read("localhost:53").unwrap().advice().is_none());
    }
}
