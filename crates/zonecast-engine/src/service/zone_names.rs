//! The name of a zone, and which addresses it holds.
//!
//! People know a reverse zone by its network, so a network is understood; and a classless name (RFC
//! 2317, RFC 4183) tells its network, so that nobody has to say it twice. What can match nothing says so.

use super::forms::parse_prefix;
use super::input::Errors;
use super::pools::reverse_zones;
use ipnet::IpNet;
use serde_json::{Map, Value};
use std::net::IpAddr;
use zonecast_core::{Name, Zone, suggested_network};

/// Most names listed in one message.
const NAMED: usize = 4;

/// Reads the name of a zone, or the network that a reverse zone is for.
pub(super) fn parse(text: &str) -> Result<Name, String> {
    let text = text.trim();
    if text.parse::<IpNet>().is_ok() {
        return of_network(parse_prefix(text)?);
    }
    if let Ok(address) = text.parse::<IpAddr>() {
        let parent = Name::reverse_of(address).parent().unwrap_or_else(Name::root);
        return Err(format!("{text} is an address, not a zone: its reverse zone may be {parent}"));
    }
    let name = Name::parse(text).map_err(|error| error.to_string())?;
    match name.is_root() || name.is_wildcard() {
        true => Err(format!("{text:?} is not the name of a zone")),
        false => Ok(name),
    }
}

fn of_network(network: IpNet) -> Result<Name, String> {
    let bits = if network.addr().is_ipv4() { 8 } else { 4 };
    let mut names = reverse_zones(network);
    if network.prefix_len().is_multiple_of(bits) && !names.is_empty() {
        return Ok(names.swap_remove(0));
    }
    if let [classless] = names.as_slice() {
        let parent = classless.parent().unwrap_or_else(Name::root);
        let first = classless.to_string().split('/').next().unwrap_or_default().to_owned();
        let length = network.prefix_len();
        return Err(format!(
            "{network} is less than an octet: use the name by which {parent} delegates it, such as {classless}, \
             {first}-{length}.{parent} or {first}-{last}.{parent}",
            last = network.broadcast().to_string().rsplit('.').next().unwrap_or_default()
        ));
    }
    let listed: Vec<String> = names.iter().take(NAMED).map(ToString::to_string).collect();
    let more = match names.len().saturating_sub(NAMED) {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    Err(format!("{network} is not one reverse zone: add {}{more}", listed.join(", ")))
}

/// Gives a zone with a classless name the network that its name tells, unless it has one; and tells of it.
pub(super) fn take_network(name: &Name, policy: &mut Map<String, Value>) {
    if let (None, Some(network)) = (policy.get("network"), suggested_network(name)) {
        policy.insert("network".to_owned(), Value::String(network.to_string()));
    }
}

/// Refuses a network that the zone's name cannot hold.
pub(super) fn check_network(name: &Name, policy: &Map<String, Value>, errors: &mut Errors) {
    let network = policy.get("network").and_then(Value::as_str).and_then(|text| text.parse::<IpNet>().ok());
    let Some(network) = network.filter(|_| name.is_reverse()) else { return };
    let family = |v4: bool| if v4 { "IPv4" } else { "IPv6" };
    let (wanted, given) = (name.to_string().ends_with("in-addr.arpa"), network.addr().is_ipv4());
    if wanted != given {
        errors.add(
            "/network",
            format!("{network} is {}, and {name} holds reverse names of {}", family(given), family(wanted)),
        );
    }
}

/// A word about the addresses of a reverse zone: those its name told, or why none matches.
pub(super) fn hint(zone: &Zone) -> Option<String> {
    if !zone.name.is_reverse() || zone.single_address {
        return None;
    }
    if let Some(network) = zone.network {
        let told = suggested_network(&zone.name) == Some(network);
        return told.then(|| format!("its network is {network}, as its name tells"));
    }
    if zone.name.reverse_address().is_some() {
        return Some(
            "this is the reverse name of one address: set single_address, and its PTR stands at the apex"
                .to_owned(),
        );
    }
    if zone.name.is_reverse_prefix() {
        return None;
    }
    let example = match suggested_network(&zone.name) {
        Some(network) => network.to_string(),
        None => "the prefix that was delegated to you, such as 192.0.2.0/26".to_owned(),
    };
    Some(format!(
        "no address has its reverse name in this zone: for a classless delegation (RFC 2317, RFC 4183) set network to {example}"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_network_is_understood_or_the_names_to_use_are_told() {
        for (text, expected) in [
            ("10.20.0.0/16", "20.10.in-addr.arpa"),
            ("192.0.2.0/24", "2.0.192.in-addr.arpa"),
            ("2001:db8::/32", "8.b.d.0.1.0.0.2.ip6.arpa"),
            ("example.com.", "example.com"),
            ("0/26.2.0.192.in-addr.arpa", "0/26.2.0.192.in-addr.arpa"),
        ] {
            assert_eq!(parse(text).map(|name| name.to_string()).as_deref(), Ok(expected), "{text}");
        }
        for (text, words) in [
            ("10.20.0.0/20", "0.20.10.in-addr.arpa, 1.20.10.in-addr.arpa"),
            ("10.20.0.0/20", "12 more"),
            ("192.0.2.64/26", "64/26.2.0.192.in-addr.arpa, 64-26.2.0.192.in-addr.arpa or 64-127.2.0.192"),
            ("10.20.0.1/16", "did you mean 10.20.0.0/16"),
            ("2001:db8::/33", "0.8.b.d.0.1.0.0.2.ip6.arpa"),
            ("192.0.2.1", "2.0.192.in-addr.arpa"),
            (".", "not the name of a zone"),
        ] {
            let error = parse(text).unwrap_err();
            assert!(error.contains(words), "{text}: {error}");
        }
    }
}
