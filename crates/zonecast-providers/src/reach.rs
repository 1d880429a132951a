//! Where a provider may be: a URL typed into a form must not make this machine ask its own neighbours.
//!
//! Link-local addresses (the metadata services of clouds) are refused always, and private and loopback
//! ones where the operator says so. What counts is the address that is connected to, after resolution,
//! so a name that leads there is refused as well.

use std::io;
use std::net::{IpAddr, Ipv6Addr, SocketAddr};
use std::sync::atomic::{AtomicBool, Ordering};
use tokio::net::ToSocketAddrs;

static PUBLIC_ONLY: AtomicBool = AtomicBool::new(false);

/// From now on providers of this process are reached at public addresses only.
pub fn public_only(yes: bool) {
    PUBLIC_ONLY.store(yes, Ordering::Relaxed);
}

/// The addresses of a place that may be connected to; an error where all of them are refused.
pub(crate) async fn lookup(place: impl ToSocketAddrs) -> io::Result<std::vec::IntoIter<SocketAddr>> {
    allowed(tokio::net::lookup_host(place).await?)
}

fn allowed(found: impl Iterator<Item = SocketAddr>) -> io::Result<std::vec::IntoIter<SocketAddr>> {
    let public_only = PUBLIC_ONLY.load(Ordering::Relaxed);
    let (mut good, mut refused) = (Vec::new(), None);
    for address in found {
        match why_not(address.ip(), public_only) {
            None => good.push(address),
            Some(why) => refused = Some(why),
        }
    }
    match refused {
        Some(why) if good.is_empty() => Err(io::Error::new(io::ErrorKind::PermissionDenied, why)),
        _ => Ok(good.into_iter()),
    }
}

/// Why the host of a URL is refused, where it is an address as it stands.
pub(crate) fn refuse_literal(url: &str) -> Result<(), String> {
    let Ok(url) = reqwest::Url::parse(url) else { return Ok(()) };
    let host = url.host_str().unwrap_or_default().trim_matches(['[', ']']);
    let Ok(address) = host.parse() else { return Ok(()) };
    why_not(address, PUBLIC_ONLY.load(Ordering::Relaxed)).map_or(Ok(()), Err)
}

fn why_not(address: IpAddr, public_only: bool) -> Option<String> {
    let address = address.to_canonical();
    let (link_local, private) = match address {
        IpAddr::V4(four) => {
            let shared = four.octets()[0] == 100 && four.octets()[1] & 0xc0 == 64;
            let own = four.is_private() || four.is_loopback() || four.octets()[0] == 0 || shared;
            (four.is_link_local(), own || four.is_broadcast() || four.is_multicast())
        }
        IpAddr::V6(six) => (six.is_unicast_link_local(), is_own(six)),
    };
    if link_local {
        return Some(format!("{address} is link-local: no provider is reached there"));
    }
    (private && public_only).then(|| {
        format!(
            "{address} is not public, and the configuration says private_addresses = false in [providers]"
        )
    })
}

fn is_own(six: Ipv6Addr) -> bool {
    six.is_loopback() || six.is_unspecified() || six.is_unique_local() || six.is_multicast()
}

/// Resolves for the HTTP client.
pub(crate) struct Resolver;

impl reqwest::dns::Resolve for Resolver {
    fn resolve(&self, name: reqwest::dns::Name) -> reqwest::dns::Resolving {
        Box::pin(async move {
            let found = lookup((name.as_str(), 0)).await?;
            Ok(Box::new(found) as reqwest::dns::Addrs)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn link_local_is_refused_always_and_private_where_the_operator_says_so() {
        let why = |text: &str, public_only| why_not(text.parse().unwrap(), public_only).is_some();
        for never in ["169.254.169.254", "fe80::1", "::ffff:169.254.169.254"] {
            assert!(why(never, false) && why(never, true), "{never}");
        }
        let private = ["127.0.0.1", "10.0.0.1", "192.168.1.1", "172.16.0.1", "100.64.0.1", "0.0.0.0"];
        for private in private.into_iter().chain(["::1", "fd00:ec2::254", "::", "::ffff:10.0.0.1"]) {
            assert!(!why(private, false) && why(private, true), "{private}");
        }
        for public in ["192.0.2.1", "9.9.9.9", "2001:db8::1"] {
            assert!(!why(public, true), "{public}");
        }
    }

    #[test]
    fn what_counts_is_the_address_after_resolution() {
        let to = |texts: &[&str]| -> Vec<SocketAddr> {
            texts.iter().map(|text| (text.parse::<IpAddr>().unwrap(), 443).into()).collect()
        };
        let error = allowed(to(&["169.254.169.254"]).into_iter()).map(drop).unwrap_err();
        assert!(error.to_string().contains("link-local"), "{error}");
        let both = allowed(to(&["fe80::1", "192.0.2.1"]).into_iter()).unwrap();
        assert_eq!(both.collect::<Vec<_>>(), to(&["192.0.2.1"]));
        for url in ["http://169.254.169.254/latest", "http://[fe80::1]:8081", "http://[::ffff:a9fe:a9fe]/"] {
            assert!(refuse_literal(url).unwrap_err().contains("link-local"), "{url}");
        }
        assert!(refuse_literal("http://127.0.0.1:8081").is_ok());
    }
}
