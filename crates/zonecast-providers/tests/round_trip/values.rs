//! Random valid values of every type, at names where such records stand.

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::TestRunner;
use std::net::{Ipv4Addr, Ipv6Addr};
use zonecast_core::{Capabilities, Name, RRset, RecordData, RecordType, Ttl};

/// Sets of each type in the forward zone.
const SETS: usize = 10;
/// Kinds of texts; each comes more than once.
const TEXTS: usize = 8;
const HOST: &str = "[a-z][a-z0-9]{0,20}\\.[a-z]{3,20}\\.example\\.net\\.";
const HEX: &str = "[0-9A-F]{64}";

/// What is tried where an adapter claims all types: those with a generator, one that nobody knows
/// (RFC 3597) among them.
pub fn all_types() -> Vec<RecordType> {
    let numbers = [1, 2, 5, 12, 15, 16, 28, 33, 35, 39, 43, 44, 52, 64, 65, 99, 256, 257, 65_280, 65_399];
    numbers.map(RecordType).into()
}

/// Any valid data of a type as text. A type that is claimed and has none here stops the test.
fn any_value(rtype: RecordType) -> BoxedStrategy<String> {
    let n = any::<u16>;
    match rtype.0 {
        1 => any::<[u8; 4]>().prop_map(|octets| Ipv4Addr::from(octets).to_string()).boxed(),
        28 => any::<[u8; 16]>().prop_map(|octets| Ipv6Addr::from(octets).to_string()).boxed(),
        2 | 5 | 12 | 39 => HOST.boxed(),
        15 => (n(), HOST).prop_map(|(n, host)| format!("{n} {host}")).boxed(),
        33 => ((1u16..), n(), n(), HOST).prop_map(|(a, b, c, host)| format!("{a} {b} {c} {host}")).boxed(),
        35 => (n(), n(), "[UASP]?", "(E2U\\+[a-z]{1,8})?", HOST)
            .prop_map(|(a, b, flag, service, host)| format!("{a} {b} \"{flag}\" \"{service}\" \"\" {host}"))
            .boxed(),
        43 => (n(), HEX).prop_map(|(tag, hex)| format!("{tag} 13 2 {hex}")).boxed(),
        44 => (1u8..5, HEX).prop_map(|(algorithm, hex)| format!("{algorithm} 2 {hex}")).boxed(),
        52 => (0u8..4, 0u8..2, HEX).prop_map(|(a, b, hex)| format!("{a} {b} 1 {hex}")).boxed(),
        64 | 65 => (1u16..500, HOST, n(), any::<[u8; 4]>())
            .prop_map(|(priority, host, port, hint)| {
                let hint = Ipv4Addr::from(hint);
                format!("{priority} {host} alpn=h2,h3 port={port} ipv4hint={hint}")
            })
            .boxed(),
        256 => (n(), n(), "https://[a-z0-9/.]{1,60}")
            .prop_map(move |(priority, weight, target)| {
                let wire = [&priority.to_be_bytes()[..], &weight.to_be_bytes(), target.as_bytes()].concat();
                RecordData::from_wire(rtype, &wire).unwrap().to_generic()
            })
            .boxed(),
        257 => ("(0|128)", "(issue|issuewild)", "[a-z]{1,20}\\.example\\.net")
            .prop_map(|(flag, tag, value)| format!("{flag} {tag} \"{value}\""))
            .boxed(),
        65_280.. => vec(any::<u8>(), 0..300)
            .prop_map(move |bytes| RecordData::from_wire(rtype, &bytes).unwrap().to_generic())
            .boxed(),
        other => panic!("TYPE{other} is claimed, and nobody here can make one"),
    }
}

/// Texts from plain to odd: signs that zone files, JSON, XML, forms and shells care for, any bytes, and
/// the longest that the service holds whatever is in it.
fn any_text(kind: usize, most: usize) -> BoxedStrategy<Vec<u8>> {
    let some = |pattern: &str| proptest::string::string_regex(pattern).unwrap();
    let odd = br#""\'`;$@()<>&%#+= ,.|*?"#.to_vec();
    match kind {
        0 => some("[ -!#-\\[\\]-~]{1,60}").prop_map(String::into_bytes).boxed(),
        1 => some("[a-z]{3}( [a-z]{1,8}=[a-z0-9]{1,9}){0,9}").prop_map(String::into_bytes).boxed(),
        2 => vec(proptest::sample::select(odd), 1..40).boxed(),
        3 => some("[äöüß€\u{1f600}a-z ]{1,40}").prop_map(String::into_bytes).boxed(),
        4 => vec(any::<u8>(), 0..300).boxed(),
        5 => vec(32u8..127, 250..260).boxed(),
        6 => vec(proptest::sample::select(b"abc \"\\;\xff\0".to_vec()), most..=most).boxed(),
        _ => vec(b'a'..=b'z', most.min(1_000)..=most).boxed(),
    }
}

fn pick<T: std::fmt::Debug>(runner: &mut TestRunner, from: &BoxedStrategy<T>) -> T {
    from.new_tree(runner).unwrap().current()
}

/// A name for the set `index` of a type: at the apex, deep, wild, national, or plain.
fn owner(zone: &Name, rtype: RecordType, index: usize) -> Name {
    let number = rtype.0;
    let label = match (rtype.0, index) {
        (1 | 16 | 257, 0) => return zone.clone(),
        (33, n) => format!("_sip._udp.s{n}"),
        (52, n) => format!("_443._tcp.t{n}"),
        (_, 1) => format!("*.w{number}"),
        (1 | 28 | 16 | 15, 2) => format!("bücher{number}"),
        (_, 3) => format!("a.b.c{number}"),
        (_, n) => format!("x{number}-{n}"),
    };
    Name::parse(&format!("{label}.{zone}")).unwrap()
}

/// Random sets of the claimed types, with TTLs that the service holds.
pub fn wanted(
    runner: &mut TestRunner,
    zone: &Name,
    claimed: &[RecordType],
    text_max: usize,
    limits: &Capabilities,
) -> Vec<RRset> {
    let ttl = |index: usize| limits.clamp(Ttl::from_seconds([300, 3_600, 7_200, 86_400][index % 4]).unwrap());
    let mut sets = Vec::new();
    if zone.is_reverse() {
        let names = reverse_names(runner, zone);
        for (index, name) in names.into_iter().enumerate().filter(|_| claimed.contains(&RecordType::PTR)) {
            sets.push(set(runner, name, RecordType::PTR, ttl(index), 1));
        }
        return sets;
    }
    for rtype in claimed.iter().filter(|rtype| !matches!(rtype.0, 6 | 12)) {
        let single = matches!(rtype.0, 5 | 39);
        for index in 0..if matches!(rtype.0, 16 | 99) { 3 * TEXTS } else { SETS } {
            let name = owner(zone, *rtype, index);
            // A delegation or a DNAME below a star is nobody's idea.
            if name.is_wildcard() && matches!(rtype.0, 2 | 39 | 43) {
                continue;
            }
            let count = if single || index == 0 { 1 } else { 1 + index % 3 };
            if matches!(rtype.0, 16 | 99) {
                let texts: Vec<RecordData> = (0..if index % TEXTS > 5 { 1 } else { count })
                    .map(|_| pick(runner, &any_text(index % TEXTS, text_max)))
                    .map(|bytes| as_type(*rtype, RecordData::text(&bytes)))
                    .collect();
                sets.push(RRset::new(name, *rtype, ttl(index), texts));
                continue;
            }
            if *rtype == RecordType::DS {
                // DS stands at a delegation.
                sets.push(set(runner, name.clone(), RecordType::NS, ttl(index), 1));
            }
            sets.push(set(runner, name, *rtype, ttl(index), count));
        }
    }
    sets
}

fn set(runner: &mut TestRunner, name: Name, rtype: RecordType, ttl: Ttl, count: usize) -> RRset {
    let from = any_value(rtype);
    let parse =
        |text: String| RecordData::parse(rtype, &text).unwrap_or_else(|error| panic!("{text}: {error}"));
    RRset::new(name, rtype, ttl, (0..count).map(|_| parse(pick(runner, &from))).collect())
}

fn as_type(rtype: RecordType, text: RecordData) -> RecordData {
    RecordData::from_wire(rtype, text.wire()).unwrap()
}

/// Names of addresses, and one below an empty non-terminal where labels are octets.
fn reverse_names(runner: &mut TestRunner, zone: &Name) -> Vec<Name> {
    let mut names = Vec::new();
    for _ in 0..6 {
        let octets = pick(runner, &any::<[u8; 16]>().boxed());
        let mut six = octets;
        six[..4].copy_from_slice(&[0x20, 0x01, 0x0d, 0xb8]);
        let name = match zone.to_string().contains("ip6") {
            true => Name::reverse_of(Ipv6Addr::from(six).into()),
            false => Name::reverse_of(Ipv4Addr::new(192, 0, 2, octets[0]).into()),
        };
        if !names.contains(&name) {
            names.push(name);
        }
    }
    names
}
