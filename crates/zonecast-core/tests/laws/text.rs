//! What is printed can be read back as the same thing, and nothing that is read makes us panic.

use crate::values::{MORE, WRITTEN, value};
use proptest::collection::vec;
use proptest::prelude::*;
use std::net::IpAddr;
use zonecast_core::*;

fn wild_name() -> impl Strategy<Value = Name> {
    vec(vec(any::<u8>(), 1..20), 0..6)
        .prop_filter_map("too long", |labels| Name::from_labels(labels.iter().map(Vec::as_slice)).ok())
}

fn some_type() -> impl Strategy<Value = RecordType> {
    let all = [&WRITTEN[..], &MORE[..]].concat();
    prop::sample::select(all).prop_map(|text| text.parse().unwrap())
}

/// Text out of the bits that values are made of, so that some of it is valid.
fn likely_text() -> impl Strategy<Value = String> {
    let bits = [
        "0",
        "1",
        "10",
        "257",
        "65535",
        "65536",
        "192.0.2.1",
        "2001:db8::1",
        "a.example.",
        "b.example",
        ".",
        "\"x y\"",
        "\"",
        "\\",
        "\\065",
        "\\300",
        "issue",
        "alpn=h2",
        "00FF",
        "AQID",
        "\\#",
        "(",
        ")",
        ";",
        "é",
        "@",
        "3",
        "\"a\\\"b\"",
        "\n",
    ];
    vec(prop::sample::select(bits.to_vec()), 0..7).prop_map(|bits| bits.join(" "))
}

fn round_trips(data: &RecordData) -> Result<(), TestCaseError> {
    let rtype = data.rtype();
    for text in [data.to_zonefile(), data.to_text(), data.to_generic()] {
        let again = RecordData::parse(rtype, &text);
        prop_assert_eq!(again.as_ref(), Ok(data), "{}", text);
    }
    let again = RecordData::from_wire(rtype, data.wire());
    prop_assert_eq!(again.as_ref(), Ok(data));
    Ok(())
}

proptest! {
    #![proptest_config(crate::world::cases(800))]

    #[test]
    fn names_round_trip(name in wild_name()) {
        for text in [name.to_string(), name.absolute()] {
            prop_assert_eq!(Name::parse(&text), Ok(name.clone()), "{}", text);
        }
        prop_assert_eq!(Name::from_key(name.key()), Ok(name.clone()));
        let wire = name.to_wire();
        prop_assert_eq!(wire.len(), name.wire_len());
        prop_assert_eq!(Name::from_wire(&wire), Ok((name.clone(), wire.len())));
        let labels = name.labels();
        prop_assert_eq!(labels.len(), name.label_count());
        prop_assert_eq!(Name::from_labels(labels.iter().map(Vec::as_slice)), Ok(name));
    }

    /// RFC 4034 section 6.1: by labels from the root, each as bytes, the shorter first.
    #[test]
    fn the_order_of_keys_is_the_canonical_order(a in wild_name(), b in wild_name()) {
        let canonical = |name: &Name| {
            let mut labels = name.labels();
            labels.reverse();
            labels
        };
        prop_assert_eq!(a.cmp(&b), canonical(&a).cmp(&canonical(&b)));
        let within = canonical(&a).starts_with(&canonical(&b));
        prop_assert_eq!(a.is_within(&b), within);
    }

    #[test]
    fn any_text_is_a_name_or_an_error(text in any::<String>(), likely in likely_text()) {
        for text in [text, likely] {
            if let Ok(name) = Name::parse(&text) {
                prop_assert!(name.wire_len() <= 255);
                prop_assert_eq!(Name::parse(&name.to_string()), Ok(name));
            }
        }
    }

    #[test]
    fn any_bytes_are_a_name_or_an_error(wire in vec(any::<u8>(), 0..300)) {
        if let Ok((name, used)) = Name::from_wire(&wire) {
            prop_assert_eq!(name.to_wire(), wire[..used].to_ascii_lowercase());
        }
    }

    #[test]
    fn reverse_names_round_trip(four in any::<[u8; 4]>(), six in any::<[u8; 16]>()) {
        for address in [IpAddr::from(four), IpAddr::from(six)] {
            let reverse = Name::reverse_of(address);
            prop_assert_eq!(reverse.reverse_address(), Some(address));
            prop_assert_eq!(Name::parse(&reverse.absolute()), Ok(reverse.clone()));
            prop_assert_eq!(reverse.parent().unwrap().reverse_address(), None);
        }
    }

    #[test]
    fn any_text_is_a_value_or_an_error(rtype in some_type(), text in any::<String>(), likely in likely_text()) {
        for text in [text, likely] {
            if let Ok(data) = RecordData::parse(rtype, &text) {
                round_trips(&data)?;
            }
        }
    }

    #[test]
    fn any_bytes_are_a_value_or_an_error(rtype in some_type(), wire in vec(any::<u8>(), 0..60)) {
        if let Ok(data) = RecordData::from_wire(rtype, &wire) {
            round_trips(&data)?;
        }
    }

    /// What a person writes has a form of its own here, not only that of RFC 3597.
    #[test]
    fn values_of_every_type_are_read_and_printed_in_their_own_form(
        (rtype, text) in prop::sample::select([&WRITTEN[..], &MORE[..]].concat())
            .prop_flat_map(|rtype| (Just(rtype), value(rtype)))
    ) {
        let number: RecordType = rtype.parse().unwrap();
        let data = RecordData::parse(number, &text);
        prop_assert!(data.is_ok(), "{} {}: {:?}", rtype, text, data);
        let data = data.unwrap();
        round_trips(&data)?;
        let generic = data.to_zonefile().starts_with("\\#");
        prop_assert_eq!(generic, rtype.starts_with("TYPE"), "{} {}", rtype, text);
    }

    #[test]
    fn texts_round_trip(text in vec(any::<u8>(), 0..700)) {
        let data = RecordData::text(&text);
        prop_assert_eq!(data.as_text(), Some(text));
        round_trips(&data)?;
    }
}
