use super::*;
use proptest::prelude::*;

fn zone() -> Name {
    Name::parse("rec.test").unwrap()
}

fn row(record: &str, kind: &str, priority: &str, value: &str) -> Line {
    let text = |text: &str| text.to_owned();
    Line {
        id: text("7"),
        record: text(record),
        kind: text(kind),
        priority: text(priority),
        value: text(value),
        suspended: text("no"),
        ttl: text("300"),
        ..Line::default()
    }
}

fn read(line: Line) -> Held {
    held(&zone(), vec![line]).unwrap().remove(0)
}

#[test]
fn listings_are_read_with_their_quirks() {
    let json = r#"{
    "3": { "RECORD": "h", "TYPE": "A", "PRIORITY": "", "VALUE": "192.0.2.2", "ID": "3", "SUSPENDED": "no",
           "TIME": "08:13:25", "DATE": "2026-11-21", "TTL": "600" },
    "3": { "RECORD": "@", "TYPE": "TXT", "PRIORITY": "", "VALUE": "\"a\u0009b\"", "ID": "3", "SUSPENDED": "yes",
           "TIME": "", "DATE": "", "TTL": "14400" }
}"#;
    let lines = from_json(json).unwrap();
    assert_eq!(lines.len(), 2, "two lines with one id are two lines");
    assert_eq!(lines[1].value, "\"a     b\"", "five blanks come as a TAB");
    assert!(from_json(&json[..json.len() - 1]).is_none() && from_json("OK").is_none());
    assert!(from_json("{\n}").unwrap().is_empty());
    let plain = "3\th\tA\t\t192.0.2.2\tno\t08:13:25\t2026-11-21\t600\n";
    assert_eq!(from_plain(plain).unwrap()[0].value, "192.0.2.2");
    assert!(from_plain("3\th\tA\t\t192.0").is_none(), "a torn line");
    let seen = observed(&held(&zone(), lines).unwrap());
    let disabled: Vec<bool> = seen.rrsets.iter().map(|set| set.values[0].disabled).collect();
    assert_eq!(disabled, [true, false]);
}

#[test]
fn names_and_targets_are_as_the_zone_file_has_them() {
    assert_eq!(read(row("@", "A", "", "192.0.2.1")).owner, zone());
    assert_eq!(read(row("www", "A", "", "192.0.2.1")).owner.to_string(), "www.rec.test");
    assert_eq!(read(row("www.other.test.", "A", "", "192.0.2.1")).owner.to_string(), "www.other.test");
    assert_eq!(read(row("bücher", "A", "", "192.0.2.1")).owner.to_string(), "xn--bcher-kva.rec.test");
    let target = |line| read(line).data.unwrap().to_text();
    assert_eq!(target(row("a", "CNAME", "", "b.example.")), "b.example");
    assert_eq!(target(row("a", "CNAME", "", "b")), "b.rec.test", "as BIND reads it");
    assert_eq!(target(row("a", "MX", "0", "b.example.")), "0 b.example");
    assert_eq!(target(row("a", "SRV", "10", "20 5060 b.example.")), "10 20 5060 b.example");
    assert_eq!(target(row("a", "SRV", "", "10 20 5060 b.example.")), "10 20 5060 b.example", "before 1.9.5");
    assert!(read(row("a", "SRV", "10", "10 20 5060 b.example.")).data.is_none(), "breaks the zone");
    let both =
        held(&zone(), vec![row("first", "A", "", "192.0.2.1"), row("", "A", "", "192.0.2.2")]).unwrap();
    assert_eq!(both[0].owner, both[1].owner, "a line without a name");
    assert!(read(row("a", "NOSUCH", "", "x")).data.is_none(), "a type of a later HestiaCP");
    assert!(held(&zone(), vec![row("a", "", "", "x")]).is_err());
}

#[test]
fn texts_that_lost_their_backslashes_are_not_guessed_at() {
    let text = |value| read(row("t", "TXT", "", value)).data.map(|data| data.to_text());
    assert_eq!(text("v=DKIM1").as_deref(), Some("\"v=DKIM1\""));
    assert_eq!(text("\"a b; c\"").as_deref(), Some("\"a b; c\""));
    assert_eq!(text("\"a\" \"b\"").as_deref(), Some("\"ab\""));
    assert_eq!(text("\"a\"\"b\"").as_deref(), Some("\"ab\""));
    assert_eq!(text("a b").as_deref(), Some("\"ab\""), "words without quotes are strings");
    for broken in ["", "\"say \"hi\" x\"", "\"open", "a;b", "a(b"] {
        assert_eq!(text(broken), None, "{broken}");
        assert!(observed(&[read(row("t", "TXT", "", broken))]).rrsets[0].opaque);
    }
}

#[test]
fn what_cannot_be_held_is_said_in_words() {
    let why = |owner: &str, rtype: RecordType, value: &str| {
        let values = vec![RecordData::parse(rtype, value).unwrap()];
        refuses(&zone(), &RRset::new(Name::parse(owner).unwrap(), rtype, Ttl::DEFAULT, values))
    };
    for fine in ["rec.test", "*.rec.test", "*.w.rec.test", "_sip._udp.rec.test", "xn--bcher-kva.rec.test"] {
        assert_eq!(why(fine, RecordType::A, "192.0.2.1"), None, "{fine}");
    }
    for bad in ["a--b.rec.test", "a__b.rec.test", "a-.rec.test", "1/2.rec.test", "xn--bcher-kva--x.rec.test"]
    {
        if Name::parse(bad).is_ok() {
            assert!(why(bad, RecordType::A, "192.0.2.1").is_some(), "{bad}");
        }
    }
    for bad in ["\"say \\\"hi\\\"\"", "\"a\\\\b\"", "\"\"", "\"\\195\\188\"", "\"%quote%\""] {
        assert!(why("t.rec.test", RecordType::TXT, bad).is_some(), "{bad}");
    }
    assert!(why("m.rec.test", RecordType::MX, "0 .").is_some());
    assert_eq!(why("m.rec.test", RecordType::SRV, "0 0 0 ."), None);
}

fn name_of() -> impl Strategy<Value = String> {
    prop_oneof![
        Just("@".to_owned()),
        "[a-z0-9_]{1,8}",
        "[a-z][a-z0-9]{0,5}\\.[a-z0-9]{1,5}",
        Just("*.w".to_owned())
    ]
}

fn host() -> impl Strategy<Value = String> {
    "[a-z][a-z0-9]{0,9}(\\.[a-z][a-z0-9]{0,9}){2,3}\\."
}

fn value() -> impl Strategy<Value = RecordData> {
    let parse = |rtype: RecordType, text: String| RecordData::parse(rtype, &text).unwrap();
    let single = prop_oneof![Just(RecordType::NS), Just(RecordType::CNAME), Just(RecordType::PTR)];
    prop_oneof![
        any::<[u8; 4]>().prop_map(|b| RecordData::address(std::net::IpAddr::from(b))),
        any::<[u8; 16]>().prop_map(|b| RecordData::address(std::net::IpAddr::from(b))),
        (single, host()).prop_map(move |(rtype, name)| parse(rtype, name)),
        (any::<u16>(), host()).prop_map(move |(n, name)| parse(RecordType::MX, format!("{n} {name}"))),
        (any::<[u16; 3]>(), prop_oneof![host(), Just(".".to_owned())])
            .prop_map(move |(n, name)| parse(RecordType::SRV, format!("{} {} {} {name}", n[0], n[1], n[2]))),
        "[ !#-\\[\\]-~]{1,900}".prop_map(|text| RecordData::text(text.as_bytes())),
        (any::<u8>(), "[ !#-\\[\\]-~]{0,60}")
            .prop_map(move |(flag, text)| parse(RecordType::CAA, format!("{flag} issue \"{text}\""))),
        any::<[u8; 32]>().prop_map(move |hash| {
            let hex: String = hash.iter().map(|byte| format!("{byte:02X}")).collect();
            parse(RecordType::TLSA, format!("3 1 1 {hex}"))
        }),
        (any::<u16>(), any::<[u8; 32]>()).prop_map(move |(tag, hash)| {
            let hex: String = hash.iter().map(|byte| format!("{byte:02X}")).collect();
            parse(RecordType::DS, format!("{tag} 13 2 {hex}"))
        }),
    ]
}

proptest! {
    #[test]
    fn what_is_stored_is_what_is_read(owner in name_of(), data in value(), ttl in 0u32..=2147483647) {
        let stored = stored(&data);
        let line = Line { ttl: ttl.to_string(), ..row(&owner, &data.rtype().to_string(), &stored.priority, &stored.value) };
        let set = RRset::new(read(line.clone()).owner, data.rtype(), Ttl::from_seconds(ttl).unwrap(), vec![data.clone()]);
        prop_assume!(refuses(&zone(), &set).is_none());
        prop_assert_eq!(label(&zone(), &set.name), owner);
        let seen = observed(&[read(line)]);
        prop_assert_eq!(seen.rrsets[0].ttl, set.ttl);
        prop_assert_eq!(&seen.rrsets[0].values, &vec![ObservedValue::from(data)]);
    }
}
