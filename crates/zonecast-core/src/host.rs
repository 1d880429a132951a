//! A host: a server or VM with addresses, and what a valid one looks like.

use crate::name::Name;
use crate::record::Ttl;
use std::net::{IpAddr, Ipv6Addr};

/// A registered server or VM.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Host {
    /// The forward name.
    pub fqdn: Name,
    /// Its addresses, in the order given; an address appears once.
    pub addresses: Vec<HostAddress>,
    /// The host's own TTL; without one the zone's, the pool's or the configured one counts.
    pub ttl: Option<Ttl>,
    /// Which addresses get a forward record.
    pub address_policy: AddressPolicy,
}

/// One address of a host.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct HostAddress {
    /// The address.
    pub ip: IpAddr,
    /// The reverse name somebody asked for.
    pub reverse_name: Option<Name>,
    /// The one its pool's pattern gives it; without either the PTR points to the host's fqdn.
    pub pool_name: Option<Name>,
}

/// Which addresses of a host get an A or AAAA record. Every address gets its PTR either way.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AddressPolicy {
    /// Every address (S2.6).
    #[default]
    All,
    /// The first IPv4 and the first IPv6 address (S1.9, S1.10).
    First,
}

/// Why a text is not a host name or an address of a host.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct HostError(pub String);

/// Reads a fully-qualified host name (RFC 952, RFC 1123 section 2.1): letters, digits, hyphens and,
/// because panels use them, underscores; at least two labels (S5.47, S5.52).
pub fn parse_host_name(text: &str) -> Result<Name, HostError> {
    let name = Name::parse(text).map_err(|error| HostError(format!("{text:?}: {error}")))?;
    let labels = name.labels();
    if labels.len() < 2 {
        return Err(HostError(format!(
            "{text:?} is not fully qualified: give the whole name, such as vm-1.example.com"
        )));
    }
    for label in &labels {
        let plain = label.iter().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_'));
        if !plain || label.starts_with(b"-") || label.ends_with(b"-") {
            let label = String::from_utf8_lossy(label);
            return Err(HostError(format!(
                "{label:?} in {text:?} is not a host name label: letters, digits and hyphens, no hyphen at either end"
            )));
        }
    }
    if labels.last().is_some_and(|top| top.iter().all(u8::is_ascii_digit)) {
        return Err(HostError(format!("{text:?} ends in a number: an address is not a host name")));
    }
    Ok(name)
}

/// Reads one address that a host can have. A prefix is refused with a hint, as are addresses that
/// name no host: unspecified, multicast, broadcast, and IPv4 in IPv6 clothes.
pub fn parse_address(text: &str) -> Result<IpAddr, HostError> {
    if let Some((address, _)) = text.split_once('/') {
        return Err(HostError(format!("{text:?} is a prefix: give the single address, such as {address:?}")));
    }
    let ip: IpAddr =
        text.parse().map_err(|_| HostError(format!("{text:?} is not an IPv4 or IPv6 address")))?;
    let refused = match ip {
        IpAddr::V4(v4) if v4.is_broadcast() => Some("the broadcast address"),
        IpAddr::V6(v6) if is_mapped(v6) => Some("an IPv4 address written as IPv6: give it as IPv4"),
        ip if ip.is_unspecified() => Some("the unspecified address"),
        ip if ip.is_multicast() => Some("a multicast address"),
        _ => None,
    };
    match refused {
        Some(reason) => Err(HostError(format!("{text:?} is {reason}"))),
        None => Ok(ip),
    }
}

fn is_mapped(address: Ipv6Addr) -> bool {
    address.to_ipv4_mapped().is_some()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn host_names_are_fully_qualified_and_plain() {
        for good in ["vm-1.example.com", "5551-1776530141.puqcloud.com.", "_x.bücher.example"] {
            assert!(parse_host_name(good).is_ok(), "{good}");
        }
        for bad in ["vm", "a..b", "-a.example", "a-.example", "*.example.com", "a b.example", "192.0.2.1", ""]
        {
            assert!(parse_host_name(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_prefix_is_refused_with_a_hint() {
        let error = parse_address("192.0.2.0/24").unwrap_err().to_string();
        assert!(error.contains("prefix") && error.contains("192.0.2.0"), "{error}");
        for bad in ["0.0.0.0", "::", "224.0.0.1", "255.255.255.255", "::ffff:192.0.2.1", "fe80::1%eth0", "x"]
        {
            assert!(parse_address(bad).is_err(), "{bad}");
        }
        assert!(parse_address("2001:db8::10").is_ok() && parse_address("127.0.0.1").is_ok());
    }
}
