//! Why a name goes where it goes, zone by zone, in words for a person who has had a long day.
//!
//! The sentences come from a plain walk over all zones, not from the index; whether a zone matches
//! is asked of the index itself, so an explanation can never disagree with what is done.

use crate::classless::{classless_network, place};
use crate::matching::ZoneIndex;
use crate::name::Name;
use crate::record::RecordType;
use crate::zone::{Zone, ZoneId};
use serde::Serialize;

/// Whether one zone takes a name, and why.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct Explanation {
    /// The zone.
    pub zone: ZoneId,
    /// Its name.
    pub name: Name,
    /// Whether the name is written there.
    pub matches: bool,
    /// One sentence, without a full stop.
    pub reason: String,
}

/// Every zone, sorted by name and id, and whether a record of this name and type goes there.
pub fn explain(name: &Name, rtype: RecordType, index: &ZoneIndex) -> Vec<Explanation> {
    let matching: Vec<ZoneId> = index.zones_for(name, rtype).map(|zone| zone.id).collect();
    let sentences = index.zones().iter().map(|zone| {
        let matches = matching.contains(&zone.id);
        let reason = if matches { why(name, rtype, zone, index) } else { why_not(name, rtype, zone) };
        Explanation { zone: zone.id, name: zone.name.clone(), matches, reason }
    });
    sentences.collect()
}

fn why(name: &Name, rtype: RecordType, zone: &Zone, index: &ZoneIndex) -> String {
    if rtype == RecordType::PTR {
        if let Some(network) = classless_network(zone, name) {
            return format!("{name} is an address of {network}: it stands as {} there", place(zone, name));
        }
        let placed = index.placements(name, rtype, None).find(|placement| placement.zone.id == zone.id);
        if let Some(target) = placed.and_then(|placement| placement.cname) {
            return format!("{name} is below {}, which holds a CNAME to {target} for it", zone.name);
        }
    }
    if *name == zone.name {
        format!("{name} is the zone's own name")
    } else {
        format!("{name} is below {}", zone.name)
    }
}

fn why_not(name: &Name, rtype: RecordType, zone: &Zone) -> String {
    let apex = &zone.name;
    if let (RecordType::PTR, Some(network), Some(address)) = (rtype, zone.network, name.reverse_address())
        && !network.contains(&address)
    {
        return format!("{address} is not in {network}, the network of this zone");
    }
    if rtype == RecordType::PTR && *name == *apex && !zone.single_address {
        return format!(
            "{name} is the zone's own name: mark the zone as that of a single address to put a PTR there"
        );
    }
    if name.is_within(apex) || classless_network(zone, name).is_some() {
        return format!(
            "{name} fits {apex}, but this connection takes the longest match only, and has a longer one"
        );
    }
    if apex.is_within(name) {
        return format!("{name} is above {apex}, not below it");
    }
    if name.to_string().ends_with(&apex.to_string()) {
        return format!("{name} ends in \"{apex}\" but not at a label boundary");
    }
    format!("{name} does not end in {apex}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::zone::ConnectionId;

    fn reason(text: &str, rtype: RecordType, zone: Zone) -> (bool, String) {
        let lines = explain(&Name::parse(text).unwrap(), rtype, &ZoneIndex::new(vec![zone]));
        (lines[0].matches, lines[0].reason.clone())
    }

    fn zone(text: &str) -> Zone {
        Zone::new(ZoneId(1), ConnectionId(1), Name::parse(text).unwrap())
    }

    #[test]
    fn each_sentence_names_what_decided() {
        let a = RecordType::A;
        for (text, apex, matches, sentence) in [
            ("vm.puqcloud.com", "puqcloud.com", true, "vm.puqcloud.com is below puqcloud.com"),
            ("puqcloud.com", "puqcloud.com", true, "puqcloud.com is the zone's own name"),
            (
                "vm.xpuqcloud.com",
                "puqcloud.com",
                false,
                "vm.xpuqcloud.com ends in \"puqcloud.com\" but not at a label boundary",
            ),
            ("vm.example.com", "example.org", false, "vm.example.com does not end in example.org"),
            ("example.com", "sub.example.com", false, "example.com is above sub.example.com, not below it"),
        ] {
            assert_eq!(reason(text, a, zone(apex)), (matches, sentence.to_owned()));
        }
    }

    #[test]
    fn reverse_zones_say_what_is_special() {
        let full = "10.2.0.192.in-addr.arpa";
        let (matches, sentence) = reason(full, RecordType::PTR, zone(full));
        assert!(!matches && sentence.contains("single address"), "{sentence}");
        let mut classless = zone("0-63.2.0.192.in-addr.arpa");
        classless.network = Some("192.0.2.0/26".parse().unwrap());
        let (matches, sentence) = reason(full, RecordType::PTR, classless.clone());
        assert!(matches && sentence.contains("10.0-63.2.0.192.in-addr.arpa"), "{sentence}");
        let (matches, sentence) = reason("99.2.0.192.in-addr.arpa", RecordType::PTR, classless);
        assert!(!matches && sentence.contains("192.0.2.99 is not in 192.0.2.0/26"), "{sentence}");
    }

    #[test]
    fn the_zone_passed_over_for_a_longer_one_says_so() {
        let mut zones = vec![zone("example.com"), zone("sub.example.com")];
        zones[1].id = ZoneId(2);
        zones.iter_mut().for_each(|zone| zone.longest = true);
        let index = ZoneIndex::new(zones);
        let lines = explain(&Name::parse("vm.sub.example.com").unwrap(), RecordType::A, &index);
        assert!(!lines[0].matches && lines[0].reason.contains("longest match only"), "{lines:?}");
        assert!(lines[1].matches);
    }
}
