//! Which zones a name belongs to.
//!
//! A name goes to **every** zone it lies in, at every provider; a walk over all zones per name is
//! what the tools before us do, and at 100,000 zones it costs half a millisecond a name. Here all
//! zone names sit in one hash table. A name's key holds its labels root first, so one walk over the
//! key meets every ancestor in turn, with a hash that grows byte by byte and is looked up at each
//! label's end. The cost is the name's length, not the number of zones, and nothing is allocated.
//! The road not taken: a trie of labels, which chases a pointer per label and is larger.
//!
//! Classless reverse zones (RFC 2317, RFC 4183) cannot be found by name; they carry their network
//! and are found by prefix, one search per prefix length in use.

use crate::classless::{Networks, classless_network, place};
use crate::name::Name;
use crate::record::{RecordData, RecordType};
use crate::zone::{Zone, ZoneId};

/// All configured zones, ready to be asked.
#[derive(Clone, Debug)]
pub struct ZoneIndex {
    /// Sorted by (name, id): zones of one name lie side by side.
    zones: Vec<Zone>,
    /// The zone names, sorted.
    groups: Vec<Group>,
    /// Open addressing by the hash of a zone name's key, at most half full: a group each.
    slots: Vec<u32>,
    /// One byte of each slot's hash, 0 for a free slot: most labels are no zone's, and these bytes
    /// stay in the cache where the slots do not.
    tags: Vec<u8>,
    networks: Networks,
}

/// The zones of one name: `zones[first..first + count]`. It knows the name itself, so that a hit is
/// proved without a detour over the zone.
#[derive(Clone, Debug)]
struct Group {
    name: Name,
    first: u32,
    count: u32,
    /// The zone name right above this one. A lookup only has to find the deepest.
    above: Option<u32>,
}

impl ZoneIndex {
    /// Sorts the zones and builds the index over them.
    pub fn new(mut zones: Vec<Zone>) -> ZoneIndex {
        zones.sort_by(|a, b| a.name.cmp(&b.name).then(a.id.cmp(&b.id)));
        let groups = groups_of(&zones);
        let size = (groups.len() * 2).next_power_of_two().max(2);
        let (mut slots, mut tags) = (vec![0; size], vec![0; size]);
        for (group, number) in groups.iter().zip(0u32..) {
            let hash = finish(group.name.key().iter().fold(SEED, |hash, byte| roll(hash, *byte)));
            let mut at = hash as usize & (size - 1);
            while tags[at] != 0 {
                at = (at + 1) & (size - 1);
            }
            (slots[at], tags[at]) = (number, tag(hash));
        }
        let networks = Networks::new(&zones);
        ZoneIndex { zones, groups, slots, tags, networks }
    }

    /// Every zone, sorted by name and id.
    pub fn zones(&self) -> &[Zone] {
        &self.zones
    }

    /// The zones of just this name, by id.
    pub fn named(&self, name: &Name) -> &[Zone] {
        let first = self.zones.partition_point(|zone| zone.name < *name);
        let count = self.zones[first..].iter().take_while(|zone| zone.name == *name).count();
        &self.zones[first..first + count]
    }

    /// One zone by its number, searched one by one.
    pub fn get(&self, id: ZoneId) -> Option<&Zone> {
        self.zones.iter().find(|zone| zone.id == id)
    }

    /// Every zone that a record of this name and type belongs to, the deepest first.
    ///
    /// - A zone matches its own name and everything below it, by whole labels.
    /// - For PTR a reverse zone matches what is **below** it (S2.45); its own name only where it is
    ///   marked as the zone of a single address. Other types match a reverse apex like any apex.
    /// - A zone with a network matches the PTR of every address inside it, and of none outside.
    /// - Of a connection's zones that are marked `longest` only the deepest stays. Classless zones
    ///   and plain ones are counted apart, because the parent of a classless zone keeps a CNAME.
    ///
    /// ```text
    /// zones example.com, sub.example.com, puqcloud.com
    ///   vm.sub.example.com -> sub.example.com, example.com
    ///   vm.xpuqcloud.com   -> none
    /// ```
    pub fn zones_for(&self, name: &Name, rtype: RecordType) -> ZonesFor<'_> {
        let reverse = (rtype == RecordType::PTR && name.is_reverse()).then(|| name.clone());
        let networks = reverse.iter().flat_map(|name| self.classless(name)).collect();
        let deepest = self.deepest(name.key());
        ZonesFor {
            index: self,
            reverse,
            networks,
            passed: 0,
            deepest,
            group: deepest,
            within: 0,
            alone: false,
        }
    }

    /// The same for a record of a hosted domain: it belongs to the zones of the domain's name, else to
    /// the nearest above, and never to the zone of another domain below.
    ///
    /// ```text
    /// zones example.com, sub.example.com; domain example.com
    ///   sub.example.com NS (a delegation) -> example.com
    /// ```
    pub fn zones_of_domain(&self, domain: &Name, name: &Name, rtype: RecordType) -> ZonesFor<'_> {
        let all = self.zones_for(name, rtype);
        if !name.is_within(domain) {
            return all;
        }
        let home = self.deepest(domain.key());
        ZonesFor { deepest: home, group: home, alone: true, ..all }
    }

    /// Where a record of this name and type stands in every zone it belongs to; `domain` is the hosted
    /// domain it is a record of, if it is one of any.
    pub fn placements(
        &self,
        name: &Name,
        rtype: RecordType,
        domain: Option<&Name>,
    ) -> impl Iterator<Item = Placement<'_>> {
        let classless = (rtype == RecordType::PTR).then(|| self.classless(name).next()).flatten();
        let classless = classless.map(|index| &self.zones[index as usize]);
        let zones = match domain {
            Some(domain) => self.zones_of_domain(domain, name, rtype),
            None => self.zones_for(name, rtype),
        };
        zones.map(move |zone| Placement {
            zone,
            name: place(zone, name),
            cname: classless.filter(|below| keeps_cname(zone, below, name)).map(|below| place(below, name)),
        })
    }

    /// The name inside the narrowest classless zone that holds this reverse name. A plain zone above
    /// it holds a CNAME to that name instead of the PTR.
    ///
    /// ```text
    /// zone 0-63.2.0.192.in-addr.arpa, network 192.0.2.0/26
    ///   10.2.0.192.in-addr.arpa -> 10.0-63.2.0.192.in-addr.arpa
    /// ```
    pub fn classless_cname(&self, name: &Name) -> Option<Name> {
        self.classless(name).next().map(|index| place(&self.zones[index as usize], name))
    }

    /// The zones that hold a reverse name by their network and not by their name, narrowest first.
    fn classless(&self, name: &Name) -> impl Iterator<Item = u32> {
        let address = name.reverse_address();
        let covering = address.into_iter().flat_map(|address| self.networks.covering(address));
        covering.filter(|index| classless_network(&self.zones[*index as usize], name).is_some())
    }

    /// Meets every ancestor of a key, the root first, and gives the last that is a zone name.
    fn deepest(&self, key: &[u8]) -> Option<u32> {
        let mut hash = SEED;
        let mut deepest = self.look_up(hash, &[]);
        for (index, byte) in key.iter().enumerate() {
            hash = roll(hash, *byte);
            if *byte == 0 {
                deepest = self.look_up(hash, &key[..=index]).or(deepest);
            }
        }
        deepest
    }

    fn look_up(&self, hash: u64, key: &[u8]) -> Option<u32> {
        let hash = finish(hash);
        let mut at = hash as usize & (self.tags.len() - 1);
        while self.tags[at] != 0 {
            let group = self.slots[at];
            if self.tags[at] == tag(hash) && self.groups[group as usize].name.key() == key {
                return Some(group);
            }
            at = (at + 1) & (self.tags.len() - 1);
        }
        None
    }

    fn zones_of(&self, group: &Group) -> &[Zone] {
        &self.zones[group.first as usize..(group.first + group.count) as usize]
    }

    /// The zone names from `lowest` up.
    fn upwards(&self, lowest: Option<u32>) -> impl Iterator<Item = (u32, &Group)> {
        let group = |number: u32| (number, &self.groups[number as usize]);
        std::iter::successors(lowest.map(group), move |(_, below)| below.above.map(group))
    }
}

/// The zone names with the one right above each: in sorted order it is on the path to the last one.
fn groups_of(zones: &[Zone]) -> Vec<Group> {
    let mut groups: Vec<Group> = Vec::new();
    let mut first = 0;
    for same in zones.chunk_by(|a, b| a.name == b.name) {
        let name = same[0].name.clone();
        let mut above = groups.len().checked_sub(1).map(|last| last as u32);
        while let Some(number) = above
            && !name.is_within(&groups[number as usize].name)
        {
            above = groups[number as usize].above;
        }
        groups.push(Group { name, first, count: same.len() as u32, above });
        first += same.len() as u32;
    }
    groups
}

/// Where a claim stands in one zone.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Placement<'a> {
    /// The zone.
    pub zone: &'a Zone,
    /// The name inside it.
    pub name: Name,
    /// The zone is the parent of a classless zone of ours: it holds a CNAME to this name there,
    /// instead of the claim's own data.
    pub cname: Option<Name>,
}

impl Placement<'_> {
    /// What stands there for a claim with this data.
    pub fn data(&self, data: &RecordData) -> RecordData {
        match &self.cname {
            Some(target) => RecordData::single_name(RecordType::CNAME, target),
            None => data.clone(),
        }
    }
}

/// Whether `zone` keeps a CNAME for `name` because the classless zone `below` answers for it: it is
/// a plain zone at least as wide as that network. A plain zone narrower than the network was
/// delegated past it and keeps its PTR, as does the zone of a single address.
fn keeps_cname(zone: &Zone, below: &Zone, name: &Name) -> bool {
    let Some(network) = below.network else { return false };
    let bits_a_label = if network.addr().is_ipv4() { 8 } else { 4 };
    // The two labels of `in-addr.arpa` or `ip6.arpa` stand for no address bits.
    let prefix_length = zone.name.label_count().saturating_sub(2) * bits_a_label;
    name.is_within(&zone.name) && *name != zone.name && prefix_length <= usize::from(network.prefix_len())
}

/// The zones a name belongs to, the deepest first; see [`ZoneIndex::zones_for`].
#[derive(Clone, Debug)]
pub struct ZonesFor<'a> {
    index: &'a ZoneIndex,
    /// The name asked for, where the stricter rules for PTR apply.
    reverse: Option<Name>,
    /// Zones that match by network, narrowest first, and how many of them were passed.
    networks: Vec<u32>,
    passed: usize,
    /// The deepest zone name, the one being passed, and how many of its zones were.
    deepest: Option<u32>,
    group: Option<u32>,
    within: usize,
    /// No zone name above the deepest one counts.
    alone: bool,
}

impl<'a> Iterator for ZonesFor<'a> {
    type Item = &'a Zone;

    fn next(&mut self) -> Option<&'a Zone> {
        while let Some(at) = self.networks.get(self.passed) {
            let zone = &self.index.zones[*at as usize];
            self.passed += 1;
            if !(zone.longest && self.has_narrower(zone, self.passed - 1)) {
                return Some(zone);
            }
        }
        loop {
            let number = self.group?;
            let group = &self.index.groups[number as usize];
            let Some(zone) = self.index.zones_of(group).get(self.within) else {
                (self.group, self.within) = (group.above.filter(|_| !self.alone), 0);
                continue;
            };
            self.within += 1;
            if self.admits(zone) && !(zone.longest && self.has_deeper(zone, number)) {
                return Some(zone);
            }
        }
    }
}

impl ZonesFor<'_> {
    /// What a PTR asks beyond the name's labels.
    fn admits(&self, zone: &Zone) -> bool {
        let Some(name) = &self.reverse else { return true };
        let apex_fits = *name != zone.name || zone.single_address;
        let inside = zone
            .network
            .is_none_or(|network| name.reverse_address().is_none_or(|address| network.contains(&address)));
        apex_fits && inside
    }

    fn has_narrower(&self, zone: &Zone, before: usize) -> bool {
        let own = zone.network.map(|network| network.prefix_len());
        self.networks[..before].iter().map(|at| &self.index.zones[*at as usize]).any(|other| {
            other.connection == zone.connection && other.network.map(|network| network.prefix_len()) > own
        })
    }

    fn has_deeper(&self, zone: &Zone, own: u32) -> bool {
        let deeper = self.index.upwards(self.deepest).take_while(|(number, _)| *number != own);
        let mut zones = deeper.flat_map(|(_, group)| self.index.zones_of(group));
        zones.any(|other| other.connection == zone.connection && self.admits(other))
    }
}

/// FNV-1a: good enough for names, one multiplication a byte, and every prefix's hash on the way.
const SEED: u64 = 0xcbf2_9ce4_8422_2325;

fn roll(hash: u64, byte: u8) -> u64 {
    (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3)
}

/// FNV's low bits are its weak ones; mixed, the low ones choose the slot and the high ones the tag.
fn finish(hash: u64) -> u64 {
    let mixed = hash.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    mixed ^ (mixed >> 32)
}

/// Never 0, which marks a free slot.
fn tag(hash: u64) -> u8 {
    (hash >> 56) as u8 | 1
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::zone::ConnectionId;

    fn name(text: &str) -> Name {
        Name::parse(text).unwrap()
    }

    fn index(zones: &[&str]) -> ZoneIndex {
        let zones =
            zones.iter().zip(1..).map(|(text, id)| Zone::new(ZoneId(id), ConnectionId(1), name(text)));
        ZoneIndex::new(zones.collect())
    }

    fn found(index: &ZoneIndex, text: &str, rtype: RecordType) -> Vec<String> {
        index.zones_for(&name(text), rtype).map(|zone| zone.name.to_string()).collect()
    }

    #[test]
    fn every_zone_above_a_name_matches_the_deepest_first() {
        let index = index(&["example.com", "sub.example.com", "example.org", "com", "."]);
        let all = ["sub.example.com", "example.com", "com", "."];
        assert_eq!(found(&index, "vm.sub.example.com", RecordType::A), all);
        assert_eq!(found(&index, "sub.example.com", RecordType::A), all);
    }

    #[test]
    fn a_zone_matches_whole_labels_only() {
        let index = index(&["puqcloud.com"]);
        assert!(found(&index, "vm.xpuqcloud.com", RecordType::A).is_empty());
        assert!(found(&index, "com", RecordType::A).is_empty());
        assert_eq!(found(&index, "VM.PUQcloud.com.", RecordType::A), ["puqcloud.com"]);
    }

    #[test]
    fn an_index_without_zones_matches_nothing() {
        assert!(found(&index(&[]), "example.com", RecordType::A).is_empty());
    }

    #[test]
    fn zones_that_share_a_name_all_match() {
        let index = index(&["example.com", "example.com", "example.com"]);
        assert_eq!(found(&index, "a.example.com", RecordType::A).len(), 3);
    }

    #[test]
    fn a_ptr_needs_a_proper_suffix_unless_the_zone_is_of_a_single_address() {
        let full = "10.2.0.192.in-addr.arpa";
        let mut zones = index(&[full, "2.0.192.in-addr.arpa"]).zones().to_vec();
        let strict = ZoneIndex::new(zones.clone());
        assert_eq!(found(&strict, full, RecordType::PTR), ["2.0.192.in-addr.arpa"]);
        assert_eq!(found(&strict, full, RecordType::TXT).len(), 2);
        zones.iter_mut().for_each(|zone| zone.single_address = zone.name == name(full));
        assert_eq!(found(&ZoneIndex::new(zones), full, RecordType::PTR).len(), 2);
    }

    #[test]
    fn any_level_of_ip6_arpa_matches() {
        let index = index(&["8.b.d.0.1.0.0.2.ip6.arpa", "0.0.0.0.8.b.d.0.1.0.0.2.ip6.arpa", "ip6.arpa"]);
        let reverse = Name::reverse_of("2001:db8::10".parse().unwrap());
        assert_eq!(index.zones_for(&reverse, RecordType::PTR).count(), 3);
    }

    #[test]
    fn longest_keeps_the_deepest_zone_of_each_connection() {
        let zone = |id, connection, text: &str, longest| {
            let mut zone = Zone::new(ZoneId(id), ConnectionId(connection), name(text));
            zone.longest = longest;
            zone
        };
        let index = ZoneIndex::new(vec![
            zone(1, 1, "example.com", true),
            zone(2, 1, "sub.example.com", true),
            zone(3, 2, "example.com", true),
            zone(4, 3, "example.com", false),
            zone(5, 3, "sub.example.com", false),
        ]);
        let ids: Vec<i64> =
            index.zones_for(&name("vm.sub.example.com"), RecordType::A).map(|zone| zone.id.0).collect();
        assert_eq!(ids, [2, 5, 3, 4]);
    }

    #[test]
    fn a_domains_records_go_to_its_own_zone_or_the_nearest_above_and_never_below() {
        let index = index(&["example.com", "example.com", "sub.example.com", "com"]);
        let home = |domain: &str, text: &str| -> Vec<String> {
            let zones = index.zones_of_domain(&name(domain), &name(text), RecordType::NS);
            zones.map(|zone| zone.name.to_string()).collect()
        };
        assert_eq!(home("example.com", "sub.example.com"), ["example.com", "example.com"]);
        assert_eq!(home("example.com", "ns1.sub.example.com"), ["example.com", "example.com"]);
        assert_eq!(home("sub.example.com", "www.sub.example.com"), ["sub.example.com"]);
        assert_eq!(home("shop.sub.example.com", "www.shop.sub.example.com"), ["sub.example.com"]);
        assert_eq!(home("other.com", "www.other.com"), ["com"]);
        assert!(home("example.net", "www.example.net").is_empty());
    }

    #[test]
    fn a_classless_zone_takes_the_ptr_and_its_parent_the_cname() {
        let mut zones = index(&["0-63.2.0.192.in-addr.arpa", "2.0.192.in-addr.arpa"]).zones().to_vec();
        zones.iter_mut().filter(|zone| zone.name.label_count() == 6).for_each(|zone| {
            zone.network = Some("192.0.2.0/26".parse().unwrap());
        });
        zones.iter_mut().for_each(|zone| zone.longest = true);
        let index = ZoneIndex::new(zones);
        let lines = |text: &str| -> Vec<String> {
            let at = |place: Placement<'_>| format!("{} {:?}", place.name, place.cname);
            index.placements(&name(text), RecordType::PTR, None).map(at).collect()
        };
        let inside = lines("10.2.0.192.in-addr.arpa");
        assert_eq!(inside[0], "10.0-63.2.0.192.in-addr.arpa None");
        assert_eq!(inside[1], "10.2.0.192.in-addr.arpa Some(10.0-63.2.0.192.in-addr.arpa)");
        assert_eq!(lines("64.2.0.192.in-addr.arpa"), ["64.2.0.192.in-addr.arpa None"]);
        let target = index.classless_cname(&name("10.2.0.192.in-addr.arpa")).unwrap();
        assert_eq!(target, name("10.0-63.2.0.192.in-addr.arpa"));
    }

    #[test]
    fn a_plain_zone_narrower_than_the_network_keeps_its_ptr() {
        let mut zones = index(&["0-22.0.192.in-addr.arpa", "2.0.192.in-addr.arpa", "0.192.in-addr.arpa"]);
        let wide = zones.zones.iter_mut().find(|zone| zone.name == name("0-22.0.192.in-addr.arpa"));
        wide.unwrap().network = Some("192.0.0.0/22".parse().unwrap());
        let index = ZoneIndex::new(zones.zones);
        let inside = name("10.2.0.192.in-addr.arpa");
        let cnames = index.placements(&inside, RecordType::PTR, None);
        let cnames: Vec<(String, bool)> =
            cnames.map(|placement| (placement.zone.name.to_string(), placement.cname.is_some())).collect();
        assert_eq!(cnames.len(), 3);
        assert!(cnames.contains(&("2.0.192.in-addr.arpa".into(), false)));
        assert!(cnames.contains(&("0.192.in-addr.arpa".into(), true)));
    }
}
