//! The index finds what a patient person comparing label by label would find.

use crate::world::name;
use proptest::collection::vec;
use proptest::prelude::*;
use zonecast_core::*;

fn a_name() -> impl Strategy<Value = Name> {
    let label = || prop::sample::select(vec!["a", "b", "xa", "example", "com"]);
    let forward = vec(label(), 0..5).prop_map(|labels| match labels.is_empty() {
        true => Name::root(),
        false => name(&labels.join(".")),
    });
    let octet = || 0u8..3;
    let reverse = (octet(), octet(), octet(), octet(), 0usize..5).prop_map(|(a, b, c, d, cut)| {
        let full = Name::reverse_of([a, b, c, d].into());
        (0..cut).fold(full, |name, _| name.parent().unwrap())
    });
    let six = (0u128..4, 0usize..34).prop_map(|(low, cut)| {
        let full = Name::reverse_of(std::net::Ipv6Addr::from(low).into());
        (0..cut).fold(full, |name, _| name.parent().unwrap_or_else(Name::root))
    });
    prop_oneof![3 => forward, 3 => reverse, 1 => six]
}

fn a_network() -> impl Strategy<Value = ipnet::IpNet> {
    let four = (0u8..3, 0u8..3, 0u8..3, 0u8..4, 8u8..=32)
        .prop_map(|(a, b, c, d, length)| ipnet::IpNet::new([a, b, c, d].into(), length).unwrap());
    let six = (0u128..4, 112u8..=128)
        .prop_map(|(low, length)| ipnet::IpNet::new(std::net::Ipv6Addr::from(low).into(), length).unwrap());
    prop_oneof![4 => four, 1 => six]
}

fn zones() -> impl Strategy<Value = Vec<Zone>> {
    let zone = (a_name(), 1i64..4, prop::option::weighted(0.2, a_network()), any::<[bool; 2]>());
    vec(zone, 0..12).prop_map(|zones| {
        let numbered = zones.into_iter().zip(1..);
        let zone = |((name, connection, network, marks), id): ((Name, i64, _, [bool; 2]), i64)| {
            let [single, longest] = marks;
            let mut zone = Zone::new(ZoneId(id), ConnectionId(connection), name);
            (zone.network, zone.single_address) = (network, single);
            // `longest` is a property of the connection.
            zone.longest = connection == 1 || (longest && connection == 2);
            zone
        };
        numbered.map(zone).collect()
    })
}

/// Whether a zone fits, by its labels as text or by its network: (fits, by network).
fn fits(zone: &Zone, name: &Name, rtype: RecordType) -> Option<bool> {
    let (labels, suffix) = (name.labels(), zone.name.labels());
    let below = labels.ends_with(&suffix);
    if rtype != RecordType::PTR || !name.is_reverse() {
        return below.then_some(false);
    }
    let inside = match (zone.network, name.reverse_address()) {
        (Some(network), Some(address)) => Some(network.contains(&address)),
        _ => None,
    };
    match (below, inside) {
        (_, Some(false)) => None,
        (true, _) => (labels.len() > suffix.len() || zone.single_address).then_some(false),
        (false, Some(true)) => Some(true),
        _ => None,
    }
}

fn walk<'a>(zones: &'a [Zone], name: &Name, rtype: RecordType) -> Vec<&'a Zone> {
    let fitting: Vec<(&Zone, bool)> =
        zones.iter().filter_map(|zone| Some((zone, fits(zone, name, rtype)?))).collect();
    let depth = |(zone, by_network): &(&Zone, bool)| match by_network {
        true => zone.network.map_or(0, |network| usize::from(network.prefix_len())),
        false => zone.name.label_count(),
    };
    let deepest = |one: &&(&Zone, bool)| {
        let mut rivals =
            fitting.iter().filter(|other| other.0.connection == one.0.connection && other.1 == one.1);
        !one.0.longest || rivals.all(|other| depth(other) <= depth(one))
    };
    fitting.iter().filter(deepest).map(|(zone, _)| *zone).collect()
}

proptest! {
    #![proptest_config(crate::world::cases(1500))]

    #[test]
    fn the_index_finds_what_a_walk_finds(zones in zones(), name in a_name(), ptr in any::<bool>()) {
        let rtype = if ptr { RecordType::PTR } else { RecordType::TXT };
        let index = ZoneIndex::new(zones.clone());
        let mut found: Vec<ZoneId> = index.zones_for(&name, rtype).map(|zone| zone.id).collect();
        let mut expected: Vec<ZoneId> = walk(&zones, &name, rtype).iter().map(|zone| zone.id).collect();
        found.sort();
        expected.sort();
        prop_assert_eq!(found, expected);
    }

    /// Records of a hosted domain go to the zones of its name, else to the nearest above, never below it
    /// (C19); what stands by network stays where it is.
    #[test]
    fn a_domains_records_stay_at_its_own_zone(
        zones in zones(), name in a_name(), domain in a_name(), ptr in any::<bool>()
    ) {
        let rtype = if ptr { RecordType::PTR } else { RecordType::NS };
        let index = ZoneIndex::new(zones.clone());
        let ids = |found: &mut dyn Iterator<Item = &Zone>| {
            let mut ids: Vec<ZoneId> = found.map(|zone| zone.id).collect();
            ids.sort();
            ids
        };
        let found = ids(&mut index.zones_of_domain(&domain, &name, rtype));
        if !name.is_within(&domain) {
            prop_assert_eq!(found, ids(&mut index.zones_for(&name, rtype)));
            return Ok(());
        }
        let above = zones.iter().filter(|zone| domain.is_within(&zone.name));
        let home = above.map(|zone| &zone.name).max_by_key(|name| name.label_count());
        let by_network = walk(&zones, &name, rtype);
        let by_network = by_network.into_iter().filter(|zone| fits(zone, &name, rtype) == Some(true));
        let at_home = |zone: &&Zone| Some(&zone.name) == home && fits(zone, &name, rtype) == Some(false);
        let at_home = zones.iter().filter(at_home);
        prop_assert_eq!(found, ids(&mut by_network.chain(at_home)));
    }

    /// An explanation is never at odds with what is done, and never empty.
    #[test]
    fn explanations_agree_with_the_index(zones in zones(), name in a_name()) {
        let index = ZoneIndex::new(zones);
        let lines = explain(&name, RecordType::PTR, &index);
        prop_assert_eq!(lines.len(), index.zones().len());
        let matching = lines.iter().filter(|line| line.matches).count();
        prop_assert_eq!(matching, index.zones_for(&name, RecordType::PTR).count());
        prop_assert!(lines.iter().all(|line| !line.reason.is_empty()));
    }

    /// A name placed in a zone comes back, and lies in the zone.
    #[test]
    fn placing_is_reversible(zones in zones(), name in a_name()) {
        let index = ZoneIndex::new(zones);
        for placement in index.placements(&name, RecordType::PTR, None) {
            prop_assert!(placement.name.is_within(&placement.zone.name));
            // A name an operator writes into a classless zone by hand may be the place of an address.
            if name.reverse_address().is_some() || placement.zone.network.is_none() {
                prop_assert_eq!(claim_name(placement.zone, &placement.name), name.clone());
            }
            if let Some(target) = placement.cname {
                prop_assert_eq!(index.classless_cname(&name), Some(target.clone()));
                prop_assert!(placement.name == name && target != name);
            }
        }
    }

    /// A name of as many labels as fit on the wire is matched like any other.
    #[test]
    fn very_deep_names_match(depth in 1usize..=126) {
        let deep = name(&vec!["a"; depth].join("."));
        let zones = deep.up_to(&Name::root()).into_iter().zip(1..);
        let zones = zones.map(|(name, id)| Zone::new(ZoneId(id), ConnectionId(1), name)).collect();
        prop_assert_eq!(ZoneIndex::new(zones).zones_for(&deep, RecordType::A).count(), depth + 1);
    }
}
