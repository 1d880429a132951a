//! Services that cannot be had on loopback have no name server here: their records are answered from
//! as a name server would.

use zonecast_core::{Name, RRset, RecordData, RecordType, Ttl};
use zonecast_providers::conformance::Looked;

/// One question.
pub fn ask(sets: &[RRset], name: &Name, rtype: RecordType) -> Looked {
    let wildcard = name.parent().and_then(|parent| parent.child("*").ok());
    let exists = sets.iter().any(|set| set.name.is_within(name));
    let owner = if exists { Some(name.clone()) } else { wildcard };
    let at: Vec<&RRset> = sets.iter().filter(|set| Some(&set.name) == owner.as_ref()).collect();
    match at.iter().find(|set| set.rtype == rtype) {
        Some(set) => Looked::Found(RRset { name: name.clone(), ..(**set).clone() }),
        None if exists || !at.is_empty() => Looked::NoData,
        None => Looked::NxDomain,
    }
}

/// Records (name, type, TTL, data in zone-file form) as sets, sorted.
pub fn sets(records: Vec<(String, String, u32, String)>) -> Vec<RRset> {
    let mut sets: Vec<RRset> = Vec::new();
    for (name, rtype, ttl, data) in records {
        let (name, rtype) = (Name::parse(&name).unwrap(), rtype.parse::<RecordType>().unwrap());
        let data = RecordData::parse(rtype, &data).unwrap();
        match sets.iter_mut().find(|set| set.name == name && set.rtype == rtype) {
            Some(set) => {
                assert_eq!(set.ttl.seconds(), ttl, "one TTL in {name} {rtype}");
                set.values.push(data);
            }
            None => sets.push(RRset::new(name, rtype, Ttl::from_seconds(ttl).unwrap(), vec![data])),
        }
    }
    for set in &mut sets {
        set.values.sort_unstable();
    }
    sets.sort();
    sets
}

/// Without SOA and apex NS.
pub fn inner(zone: &Name, sets: Vec<RRset>) -> Vec<RRset> {
    let vital = |set: &RRset| set.name == *zone && matches!(set.rtype, RecordType::SOA | RecordType::NS);
    sets.into_iter().filter(|set| !vital(set)).collect()
}
