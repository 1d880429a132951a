//! What a host asks for: its addresses at its name, and its name at its addresses.
//!
//! Nothing here knows which zones exist. A claim that fits no zone is kept all the same, so that a
//! zone added later finds it.

use crate::host::{AddressPolicy, Host, HostAddress};
use crate::name::Name;
use crate::record::{RecordData, RecordType, Ttl};

/// A claim as derived from its owner, before it has a number.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct DerivedClaim {
    /// The name the value is for.
    pub name: Name,
    /// The value and its type.
    pub data: RecordData,
    /// The owner's own TTL, if it has one.
    pub ttl: Option<Ttl>,
    /// See [`Claim::derived`](crate::claim::Claim::derived).
    pub derived: bool,
}

/// The claims of one host: A and AAAA at its fqdn by its address policy, in the order of its
/// addresses, then one PTR for **every** address: to the reverse name asked for it, else to its pool's,
/// else to the fqdn.
///
/// ```text
/// vm-1.example.com, 192.0.2.10, 2001:db8::10 (reverse name mail.example.com)
///   vm-1.example.com          A     192.0.2.10
///   vm-1.example.com          AAAA  2001:db8::10
///   10.2.0.192.in-addr.arpa   PTR   vm-1.example.com
///   0.1.0...8.b.d.0.1.0.0.2.ip6.arpa  PTR  mail.example.com
/// ```
pub fn claims_of(host: &Host) -> Vec<DerivedClaim> {
    let mut claims = Vec::with_capacity(host.addresses.len() * 2);
    let forward = forward_addresses(host);
    claims.extend(forward.map(|address| DerivedClaim {
        name: host.fqdn.clone(),
        data: RecordData::address(address.ip),
        ttl: host.ttl,
        derived: false,
    }));
    let to_fqdn = RecordData::single_name(RecordType::PTR, &host.fqdn);
    claims.extend(host.addresses.iter().map(|address| DerivedClaim {
        name: Name::reverse_of(address.ip),
        data: match address.reverse_name.as_ref().or(address.pool_name.as_ref()) {
            Some(name) => RecordData::single_name(RecordType::PTR, name),
            None => to_fqdn.clone(),
        },
        ttl: host.ttl,
        derived: address.reverse_name.is_none(),
    }));
    claims
}

/// The addresses that get a forward record: all, or the first of each family.
fn forward_addresses(host: &Host) -> impl Iterator<Item = &HostAddress> {
    let (mut had_v4, mut had_v6) = (false, false);
    host.addresses.iter().filter(move |address| {
        let had = if address.ip.is_ipv4() { &mut had_v4 } else { &mut had_v6 };
        let first = !std::mem::replace(had, true);
        first || host.address_policy == AddressPolicy::All
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn host(policy: AddressPolicy) -> Host {
        let address = |ip: &str, reverse: Option<&str>| HostAddress {
            ip: ip.parse().unwrap(),
            reverse_name: reverse.map(|text| Name::parse(text).unwrap()),
            pool_name: None,
        };
        Host {
            fqdn: Name::parse("vm-1.example.com").unwrap(),
            addresses: vec![
                address("192.0.2.10", None),
                address("2001:db8::10", Some("mail.example.com")),
                address("192.0.2.11", None),
                address("2001:db8::11", None),
            ],
            ttl: None,
            address_policy: policy,
        }
    }

    fn lines(host: &Host) -> Vec<String> {
        claims_of(host).iter().map(|claim| format!("{} {:?}", claim.name, claim.data)).collect()
    }

    #[test]
    fn every_address_gets_a_forward_record_and_a_ptr() {
        let lines = lines(&host(AddressPolicy::All));
        assert_eq!(lines.len(), 8);
        assert_eq!(lines[0], "vm-1.example.com A 192.0.2.10");
        assert_eq!(lines[3], "vm-1.example.com AAAA 2001:db8::11");
        assert_eq!(lines[4], "10.2.0.192.in-addr.arpa PTR vm-1.example.com");
        assert!(lines[5].ends_with("ip6.arpa PTR mail.example.com"), "{}", lines[5]);
    }

    #[test]
    fn a_reverse_name_that_was_asked_for_goes_before_the_pools_and_only_it_is_asked() {
        let mut host = host(AddressPolicy::All);
        for address in &mut host.addresses {
            address.pool_name = Some(Name::parse("10.pool.example.com").unwrap());
        }
        let claims = claims_of(&host);
        let ptr = |at: usize| (claims[at].data.to_text(), claims[at].derived);
        assert_eq!(ptr(4), ("10.pool.example.com".to_owned(), true));
        assert_eq!(ptr(5), ("mail.example.com".to_owned(), false));
    }

    #[test]
    fn policy_first_takes_one_address_of_each_family_forward_but_every_ptr() {
        let lines = lines(&host(AddressPolicy::First));
        let forward: Vec<_> = lines.iter().filter(|line| !line.contains("PTR")).collect();
        assert_eq!(forward, ["vm-1.example.com A 192.0.2.10", "vm-1.example.com AAAA 2001:db8::10"]);
        assert_eq!(lines.len(), 6);
    }

    #[test]
    fn a_host_without_addresses_asks_for_nothing() {
        let mut host = host(AddressPolicy::All);
        host.addresses.clear();
        assert!(claims_of(&host).is_empty());
    }
}
