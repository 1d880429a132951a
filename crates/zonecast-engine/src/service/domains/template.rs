//! The records a new domain starts with (S4.66, S4.67): the ones a mail and web host needs.

use std::net::IpAddr;
use zonecast_core::{Name, RecordData, RecordType};
use zonecast_store::DomainSet;

/// Label, type, value. `<domain>` stands for the domain's name; `<ip>` makes a record of each of its
/// IPv4 addresses and `<ipv6>` of each of its IPv6 addresses, so a domain on IPv6 only gets AAAA (S4.56).
const BUILT_IN: &[(&str, RecordType, &str)] = &[
    ("", RecordType::A, "<ip>"),
    ("", RecordType::AAAA, "<ipv6>"),
    ("www", RecordType::CNAME, "<domain>"),
    ("ftp", RecordType::CNAME, "<domain>"),
    ("mail", RecordType::A, "<ip>"),
    ("mail", RecordType::AAAA, "<ipv6>"),
    ("webmail", RecordType::A, "<ip>"),
    ("webmail", RecordType::AAAA, "<ipv6>"),
    ("", RecordType::MX, "10 mail.<domain>"),
    ("", RecordType::TXT, "v=spf1 +a +mx -all"),
    ("_dmarc", RecordType::TXT, "v=DMARC1; p=none"),
];

/// The built-in template, filled in. Without any address only what needs none is left.
pub fn built_in(domain: &Name, addresses: &[IpAddr]) -> Vec<DomainSet> {
    let sets = BUILT_IN.iter().filter_map(|(label, rtype, value)| {
        let name = if label.is_empty() { Ok(domain.clone()) } else { domain.child(label) };
        let values: Vec<RecordData> = match *value {
            "<ip>" => addresses.iter().filter(|ip| ip.is_ipv4()).map(|ip| RecordData::address(*ip)).collect(),
            "<ipv6>" => {
                addresses.iter().filter(|ip| ip.is_ipv6()).map(|ip| RecordData::address(*ip)).collect()
            }
            text => {
                let text = text.replace("<domain>", &domain.absolute());
                RecordData::parse(*rtype, &text).into_iter().collect()
            }
        };
        (!values.is_empty()).then_some(DomainSet { name: name.ok()?, rtype: *rtype, ttl: None, values })
    });
    sets.collect()
}

/// Puts the template over a set: its own sets as it says, all others as they are. A set that could not
/// stand beside it (a CNAME, or beside one) gives way.
pub(super) fn apply(sets: &[DomainSet], template: Vec<DomainSet>) -> Vec<DomainSet> {
    let alias = |rtype: RecordType| rtype == RecordType::CNAME;
    let gives_way = |set: &DomainSet| {
        template.iter().any(|new| {
            new.name == set.name && (new.rtype == set.rtype || alias(new.rtype) || alias(set.rtype))
        })
    };
    let kept: Vec<DomainSet> = sets.iter().filter(|set| !gives_way(set)).cloned().collect();
    template.into_iter().chain(kept).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(ip: &str) -> Vec<String> {
        let sets = built_in(&Name::parse("d10.example").unwrap(), &[ip.parse().unwrap()]);
        sets.iter().map(|set| format!("{} {} {}", set.name, set.rtype, set.values[0].to_text())).collect()
    }

    #[test]
    fn a_domain_on_ipv6_only_gets_aaaa() {
        let sets = of("2001:db8::80");
        assert!(sets.contains(&"d10.example AAAA 2001:db8::80".to_owned()), "{sets:?}");
        assert!(!sets.iter().any(|set| set.contains(" A ")), "{sets:?}");
    }

    #[test]
    fn applying_replaces_its_own_sets_and_keeps_the_others() {
        let domain = Name::parse("d10.example").unwrap();
        let own = |label: &str, rtype, text: &str| DomainSet {
            name: domain.child(label).unwrap(),
            rtype,
            ttl: None,
            values: vec![RecordData::parse(rtype, text).unwrap()],
        };
        let before = [own("www", RecordType::A, "192.0.2.9"), own("shop", RecordType::A, "192.0.2.9")];
        let after = apply(&before, built_in(&domain, &[[192, 0, 2, 80].into()]));
        let www: Vec<_> = after.iter().filter(|set| set.name == before[0].name).collect();
        assert_eq!((www.len(), www[0].rtype), (1, RecordType::CNAME));
        assert!(after.contains(&before[1]));
    }
}
