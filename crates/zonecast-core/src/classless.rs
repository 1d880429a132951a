//! Reverse zones for less than an octet: RFC 2317 (IPv4), RFC 4183 (networks above /24), and the
//! same for IPv6 off the nibble.
//!
//! `0-63.2.0.192.in-addr.arpa` answers for 192.0.2.0 to 192.0.2.63, but it is no suffix of
//! `10.2.0.192.in-addr.arpa`. So such a zone carries its network, a PTR is matched by prefix, and
//! stands in the zone under the labels the network leaves open: `10.0-63.2.0.192.in-addr.arpa`.
//! The parent zone, where we hold it, has a CNAME from the plain name to that one.

use crate::name::Name;
use crate::zone::Zone;
use ipnet::IpNet;
use std::net::IpAddr;

/// The name under which a claim stands in `zone`.
///
/// ```text
/// zone 0-63.2.0.192.in-addr.arpa, network 192.0.2.0/26
///   10.2.0.192.in-addr.arpa -> 10.0-63.2.0.192.in-addr.arpa
/// zone 2-23.100.10.in-addr.arpa, network 10.100.2.0/23
///   7.3.100.10.in-addr.arpa -> 7.3.2-23.100.10.in-addr.arpa
/// any other zone, and any name that is no address of the network: unchanged
/// ```
pub fn place(zone: &Zone, claim_name: &Name) -> Name {
    let local = classless_network(zone, claim_name).and_then(|network| {
        let mut key = zone.name.key().to_vec();
        key.extend_from_slice(last_labels(claim_name.key(), open_labels(network)));
        Name::from_key(&key).ok().filter(|name| name.wire_len() <= 255)
    });
    local.unwrap_or_else(|| claim_name.clone())
}

/// The claim name that [`place`] puts at `local` in `zone`: its inverse.
pub fn claim_name(zone: &Zone, local: &Name) -> Name {
    let full = zone.network.and_then(|network| {
        let labels = open_labels(network);
        let above = Name::reverse_of(network.network());
        let open = last_labels(above.key(), labels).len();
        let mut key = above.key()[..above.key().len() - open].to_vec();
        key.extend_from_slice(last_labels(local.key(), labels));
        Name::from_key(&key).ok().filter(|full| place(zone, full) == *local)
    });
    full.unwrap_or_else(|| local.clone())
}

/// The network by which `zone` holds this reverse name, where it does not hold it by its own name.
pub(crate) fn classless_network(zone: &Zone, name: &Name) -> Option<IpNet> {
    let network = zone.network?;
    let address = name.reverse_address()?;
    (network.contains(&address) && !name.is_within(&zone.name)).then_some(network)
}

/// How many labels of a reverse name the network leaves open; at least one, so that an address of a
/// /32 stands below the zone's apex too, as RFC 2317 shows it.
fn open_labels(network: IpNet) -> usize {
    let bits_a_label = if network.addr().is_ipv4() { 8 } else { 4 };
    let open_bits = usize::from(network.max_prefix_len() - network.prefix_len());
    open_bits.div_ceil(bits_a_label).max(1)
}

/// The part of a key that holds its `count` leftmost labels.
fn last_labels(key: &[u8], count: usize) -> &[u8] {
    let ends = key.iter().enumerate().filter(|(_, byte)| **byte == 0).map(|(index, _)| index + 1);
    let start = ends.rev().nth(count).unwrap_or(0);
    &key[start..]
}

/// The network that the name of a reverse zone suggests, where it is no plain one: `0-63` and `0/26` in
/// front of an IPv4 reverse name. A range is meant where it is one (RFC 2317), else `-` stands before a
/// prefix length (RFC 4183).
pub fn suggested_network(name: &Name) -> Option<IpNet> {
    let text = name.to_string();
    let (label, parent) = text.strip_suffix(".in-addr.arpa")?.split_once('.')?;
    let mut octets: Vec<u8> = parent.rsplit('.').map(str::parse).collect::<Result<_, _>>().ok()?;
    let (first, second) = label.split_once(['-', '/'])?;
    let (first, second): (u8, u8) = (first.parse().ok()?, second.parse().ok()?);
    let depth = u8::try_from(octets.len()).ok().filter(|depth| *depth < 4)?;
    octets.push(first);
    octets.resize(4, 0);
    let size = u16::from(second).checked_sub(u16::from(first)).map_or(0, |last| last + 1);
    let is_range = label.contains('-') && size.is_power_of_two() && u16::from(first) % size == 0;
    let length = match is_range {
        true => (depth + 1) * 8 - u8::try_from(size.trailing_zeros()).ok()?,
        false => second,
    };
    let address = IpAddr::from([octets[0], octets[1], octets[2], octets[3]]);
    let network = IpNet::new(address, length).ok()?;
    (length > depth * 8 && length <= (depth + 1) * 8 && network.trunc() == network).then_some(network)
}

/// The networks of all zones that carry one, found by prefix: one binary search per prefix length
/// in use.
#[derive(Clone, Debug, Default)]
pub(crate) struct Networks {
    /// Sorted: longest prefix first, then by network, then as the zones are.
    entries: Vec<(IpNet, u32)>,
    /// The prefix lengths in use, longest first.
    lengths: Vec<u8>,
}

impl Networks {
    pub(crate) fn new(zones: &[Zone]) -> Networks {
        let carried =
            zones.iter().zip(0u32..).filter_map(|(zone, index)| Some((zone.network?.trunc(), index)));
        let mut entries: Vec<(IpNet, u32)> = carried.collect();
        entries.sort_by_key(order);
        let mut lengths: Vec<u8> = entries.iter().map(|(network, _)| network.prefix_len()).collect();
        lengths.dedup();
        Networks { entries, lengths }
    }

    /// The zones whose network holds this address, the narrowest first.
    pub(crate) fn covering(&self, address: IpAddr) -> impl Iterator<Item = u32> {
        let fitting = self.lengths.iter().filter_map(move |length| IpNet::new(address, *length).ok());
        fitting.flat_map(|network| {
            let network = network.trunc();
            let start = self.entries.partition_point(|entry| order(entry) < order(&(network, 0)));
            let same = self.entries[start..].iter().take_while(move |entry| entry.0 == network);
            same.map(|(_, index)| *index)
        })
    }
}

fn order(entry: &(IpNet, u32)) -> (std::cmp::Reverse<u8>, IpAddr, u32) {
    (std::cmp::Reverse(entry.0.prefix_len()), entry.0.addr(), entry.1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::zone::{ConnectionId, ZoneId};

    fn zone(name: &str, network: &str) -> Zone {
        let mut zone = Zone::new(ZoneId(1), ConnectionId(1), Name::parse(name).unwrap());
        zone.network = Some(network.parse().unwrap());
        zone
    }

    #[test]
    fn an_address_stands_under_the_labels_its_network_leaves_open() {
        for (name, network, address, local) in [
            ("0-63.2.0.192.in-addr.arpa", "192.0.2.0/26", "192.0.2.10", "10.0-63.2.0.192.in-addr.arpa"),
            ("0/26.2.0.192.in-addr.arpa", "192.0.2.0/26", "192.0.2.63", "63.0/26.2.0.192.in-addr.arpa"),
            ("2-23.100.10.in-addr.arpa", "10.100.2.0/23", "10.100.3.7", "7.3.2-23.100.10.in-addr.arpa"),
            ("rev.example.net", "192.0.2.128/25", "192.0.2.200", "200.rev.example.net"),
            ("10/32.2.0.192.in-addr.arpa", "192.0.2.10/32", "192.0.2.10", "10.10/32.2.0.192.in-addr.arpa"),
            ("v6.example.net", "2001:db8::fff0/124", "2001:db8::fffa", "a.v6.example.net"),
            ("v6.example.net", "2001:db8::ff80/121", "2001:db8::ffab", "b.a.v6.example.net"),
        ] {
            let zone = zone(name, network);
            let full = Name::reverse_of(address.parse().unwrap());
            assert_eq!(place(&zone, &full).to_string(), local);
            assert_eq!(claim_name(&zone, &place(&zone, &full)), full);
        }
    }

    #[test]
    fn a_name_suggests_its_network() {
        for (name, network) in [
            ("0-63.2.0.192.in-addr.arpa", Some("192.0.2.0/26")),
            ("64/26.2.0.192.in-addr.arpa", Some("192.0.2.64/26")),
            ("64-26.2.0.192.in-addr.arpa", Some("192.0.2.64/26")),
            ("2-23.100.10.in-addr.arpa", Some("10.100.2.0/23")),
            ("10/32.2.0.192.in-addr.arpa", Some("192.0.2.10/32")),
            ("1-63.2.0.192.in-addr.arpa", None),
            ("customer.2.0.192.in-addr.arpa", None),
            ("2.0.192.in-addr.arpa", None),
            ("0-63.example.com", None),
        ] {
            let suggested = suggested_network(&Name::parse(name).unwrap()).map(|network| network.to_string());
            assert_eq!(suggested.as_deref(), network, "{name}");
        }
    }

    #[test]
    fn other_names_stay_as_they_are() {
        let classless = zone("0-63.2.0.192.in-addr.arpa", "192.0.2.0/26");
        let outside = Name::reverse_of("192.0.2.64".parse().unwrap());
        assert_eq!(place(&classless, &outside), outside);
        for local in
            ["0-63.2.0.192.in-addr.arpa", "64.0-63.2.0.192.in-addr.arpa", "x.0-63.2.0.192.in-addr.arpa"]
        {
            let local = Name::parse(local).unwrap();
            assert_eq!(claim_name(&classless, &local), local);
        }
        let plain = zone("2.0.192.in-addr.arpa", "192.0.2.0/24");
        let inside = Name::reverse_of("192.0.2.1".parse().unwrap());
        assert_eq!((place(&plain, &inside), claim_name(&plain, &inside)), (inside.clone(), inside));
    }
}
