//! Small zones for the tests of this crate.

use crate::settings::ZoneSettings;
use crate::zone::ZoneSnapshot;
use std::sync::Arc;
use zonecast_core::{Name, RRset, RecordData, RecordType, Ttl};

pub(crate) fn name(text: &str) -> Name {
    Name::parse(text).unwrap()
}

pub(crate) fn rrset(owner: &str, rtype: &str, values: &[&str]) -> RRset {
    let rtype: RecordType = rtype.parse().unwrap();
    let values = values.iter().map(|value| RecordData::parse(rtype, value).unwrap()).collect();
    RRset::new(name(owner), rtype, Ttl::from_seconds(3600).unwrap(), values)
}

pub(crate) fn apex_rrsets(zone: &str) -> Vec<RRset> {
    let soa = format!("ns1.{zone}. hostmaster.{zone}. 1 7200 900 1209600 300");
    vec![rrset(zone, "SOA", &[&soa]), rrset(zone, "NS", &[&format!("ns1.{zone}.")])]
}

pub(crate) fn zone_of(zone: &str, rrsets: &[RRset]) -> ZoneSnapshot {
    let mut snapshot = ZoneSnapshot::empty(name(zone), Arc::new(ZoneSettings::default()));
    for rrset in apex_rrsets(zone).iter().chain(rrsets) {
        snapshot.add(rrset).unwrap();
    }
    snapshot.finished().unwrap()
}

pub(crate) fn small_zone() -> ZoneSnapshot {
    zone_of("example.org", &[rrset("ns1.example.org", "A", &["192.0.2.1"])])
}
