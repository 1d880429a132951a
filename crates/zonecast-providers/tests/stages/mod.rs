//! The services on stage, and the eyes that are common to those that speak DNS.

// Each test binary uses its part.
#![allow(dead_code)]

pub mod cloudflare;
pub mod coredns;
pub mod embedded;
pub mod hestiacp;
pub mod memory;
pub mod offline;
pub mod powerdns;
pub mod rest;
pub mod rfc2136;
pub mod route53;
pub mod skydns;

use std::collections::BTreeMap;
use std::net::SocketAddr;
use zonecast_core::{Name, RRset, RecordData, RecordType, Ttl};
use zonecast_providers::conformance::{Looked, Pages};
use zonecast_testbed::{Answer, axfr, dig};

/// How a stand-in is told to cut its listings.
pub fn pages(pages: Pages) -> zonecast_testbed::Pages {
    use zonecast_testbed::Pages as P;
    match pages {
        Pages::Honest => P::Honest,
        Pages::Capped => P::Capped,
        Pages::Short => P::Short,
        Pages::WrongTotal => P::WrongTotal,
        Pages::Repeated => P::Repeated,
        Pages::Grows => P::Grows,
        Pages::Shrinks => P::Shrinks,
    }
}

/// One question by DNS.
pub async fn ask(server: SocketAddr, name: &Name, rtype: RecordType) -> Looked {
    let (text, rtype_text) = (name.absolute(), format!("TYPE{}", rtype.0));
    let asked = tokio::task::spawn_blocking(move || dig(server, &text, &rtype_text)).await.unwrap();
    match asked {
        Err(error) => Looked::Other(error.to_string()),
        Ok(reply) if reply.rcode == 3 => Looked::NxDomain,
        Ok(reply) if reply.rcode != 0 => Looked::Other(format!("rcode {}", reply.rcode)),
        Ok(reply) => {
            let at_delegation = reply.authority.iter().any(|record| record.rtype == 2) && !reply.aa;
            let set = sets(&reply.answers).into_iter().find(|set| set.name == *name && set.rtype == rtype);
            match set {
                Some(_) if !reply.aa => Looked::Other("not authoritative".into()),
                Some(set) => Looked::Found(set),
                None if at_delegation => Looked::Other("a delegation".into()),
                None => Looked::NoData,
            }
        }
    }
}

/// The whole zone by AXFR, without SOA and apex NS.
pub async fn whole(server: SocketAddr, zone: &Name) -> Vec<RRset> {
    let text = zone.absolute();
    let records = tokio::task::spawn_blocking(move || axfr(server, &text)).await.unwrap().unwrap();
    let vital = |set: &RRset| set.name == *zone && matches!(set.rtype, RecordType::SOA | RecordType::NS);
    sets(&records).into_iter().filter(|set| !vital(set)).collect()
}

fn sets(records: &[Answer]) -> Vec<RRset> {
    let mut sets: BTreeMap<(Name, RecordType), (u32, Vec<RecordData>)> = BTreeMap::new();
    for record in records {
        let (name, rtype) = (Name::parse(&record.name).unwrap(), RecordType(record.rtype));
        let data = RecordData::from_wire(rtype, &record.rdata).unwrap();
        let entry = sets.entry((name, rtype)).or_insert((record.ttl, Vec::new()));
        assert_eq!(entry.0, record.ttl, "one TTL in a set");
        entry.1.push(data);
    }
    sets.into_iter()
        .map(|((name, rtype), (ttl, values))| {
            RRset::new(name, rtype, Ttl::from_seconds(ttl).unwrap(), values)
        })
        .collect()
}
