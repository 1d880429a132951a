//! What is read, table by table; and that no bytes make it panic.

use super::*;
use proptest::prelude::*;

fn one(text: &str) -> ZoneSet {
    match read(text.as_bytes()).unwrap().remove(0) {
        Ok(Command::Put(set)) => *set,
        other => panic!("{other:?}"),
    }
}

fn zone(rr: &str) -> ZoneSet {
    one(&format!(
        r#"{{"command":"update","zone":{{"name":"D10.Example.test.","displayName":"d10.example.test.","soa":{{"email":"first.last@example.test","ttl":"86400","refresh":1}},"rr":[{rr}]}}}}"#
    ))
}

fn content(rtype: &str, opt: &str, value: &str) -> String {
    let entry = serde_json::json!({"host": "x.d10.example.test.", "type": rtype, "opt": opt, "value": value});
    let set = zone(&entry.to_string());
    match set.sets.first() {
        Some(set) => set.values[0].to_zonefile(),
        None => set.notes[0].line.clone(),
    }
}

/// S4.29-31, S4.87-89: every type's rule.
#[test]
fn opt_and_value_make_the_content_of_each_type() {
    for (rtype, opt, value, expected) in [
        ("A", "", "192.0.2.80", "192.0.2.80"),
        ("AAAA", "", "2001:0db8:0:0:0:0:0:80", "2001:db8::80"),
        ("CNAME", "", "D10.example.test.", "d10.example.test."),
        ("MX", "10", "mail.d10.example.test.", "10 mail.d10.example.test."),
        ("MX", "0", "mail.d10.example.test.", "0 mail.d10.example.test."),
        ("MX", "0", ".", "0 ."),
        ("MX", "", "10 mail.d10.example.test.", "10 mail.d10.example.test."),
        ("SRV", "10 5 5060", "sip.d10.example.test.", "10 5 5060 sip.d10.example.test."),
        ("SRV", "0 0 0", ".", "0 0 0 ."),
        ("SRV", "", "1 2 3 sip.example.", "1 2 3 sip.example."),
        ("TXT", "", "say \"hi\"", "\"say \\\"hi\\\"\""),
        ("TXT", "", "\"already quoted\"", "\"already quoted\""),
        ("TXT", "", "a\tb", "\"a b\""),
        ("TXT", "", "k=rsa; t=s", "\"k=rsa; t=s\""),
        ("CAA", "0 issue", "letsencrypt.org", "0 issue \"letsencrypt.org\""),
        ("CAA", "", "128 iodef \"mailto:a@b.example\"", "128 iodef \"mailto:a@b.example\""),
        ("PTR", "24", "d10.example.test.", "d10.example.test."),
    ] {
        assert_eq!(content(rtype, opt, value), expected, "{rtype} {opt} {value}");
    }
    assert!(content("TXT", "", &"x".repeat(600)).matches('"').count() == 6, "three strings");
    assert!(content("A", "", "192.0.2.300").contains("x.d10.example.test A"), "the record is named");
    assert!(content("FOO", "", "1").contains("not a record type"));
}

#[test]
fn strings_and_numbers_are_the_same_and_names_lose_their_case() {
    let set = zone(r#"{"host":"W.d10.example.TEST.","type":"a","opt":null,"value":"192.0.2.1","ttl":"600"}"#);
    assert_eq!(set.name.to_string(), "d10.example.test");
    assert_eq!(set.ttl.map(|ttl| ttl.seconds()), Some(86_400));
    assert_eq!(set.sets[0].ttl.map(|ttl| ttl.seconds()), Some(600));
    assert_eq!(set.sets[0].name.to_string(), "w.d10.example.test");
    let soa = set.soa.unwrap();
    assert_eq!(soa.mailbox.absolute(), "first\\.last.example.test.");
    assert_eq!((soa.refresh, soa.retry), (1, 3_600));
}

/// S4.90, S4.95, policy 3: what is left out, and how loudly.
#[test]
fn what_is_left_out_is_named_and_the_others_stay() {
    let set = zone(
        r#"{"host":"192.0.2.80","type":"PTR","opt":"24","value":"d10.example.test."},
           {"host":"www.other.test.","type":"A","value":"192.0.2.6"},
           {"host":"a.d10.example.test.","type":"CNAME","value":"b.d10.example.test."},
           {"host":"a.d10.example.test.","type":"A","value":"192.0.2.6"},
           {"host":"d10.example.test.","type":"CNAME","value":"b.d10.example.test."},
           {"host":"two.d10.example.test.","type":"A","value":"192.0.2.6"},
           {"host":"two.d10.example.test.","type":"A","value":"192.0.2.7"},
           {"host":"two.d10.example.test.","type":"A","value":"192.0.2.7"},
           {"host":"","type":"A","value":"192.0.2.7"}, 7"#,
    );
    let severities: Vec<Severity> = set.notes.iter().map(|note| note.severity).collect();
    use Severity::{Error, Info, Warn};
    assert_eq!(severities, [Info, Warn, Error, Error, Error, Error], "{:?}", set.notes);
    let names: Vec<String> =
        set.sets.iter().map(|set| format!("{} {}", set.name, set.values.len())).collect();
    assert_eq!(names, ["a.d10.example.test 1", "two.d10.example.test 2"]);
}

#[test]
fn records_may_stand_under_soa_and_none_is_not_an_empty_list() {
    let under = r#"{"command":"create","zone":{"name":"a.test.","soa":{"rr":[{"host":"a.test.","type":"A","value":"192.0.2.1"}]}}}"#;
    assert_eq!(one(under).sets.len(), 1);
    assert!(one(r#"{"command":"create","zone":{"name":"a.test.","rr":[]}}"#).sets.is_empty());
    for rr in ["", r#","rr":null"#, r#","rr":{}"#] {
        let text = format!(r#"[{{"command":"update","zone":{{"name":"a.test."{rr}}}}}]"#);
        assert_eq!(read(text.as_bytes()).unwrap()[0], Err(CommandError::NoRecords { zone: "a.test".into() }));
    }
}

#[test]
fn a_byte_order_mark_is_no_damage() {
    assert_eq!(read(b"\xef\xbb\xbf[]").unwrap().len(), 0);
    assert_eq!(read(b"\xef\xbb\xbf \n"), Err(InputError::Empty));
    assert!(matches!(read(b"\xff\xfe["), Err(InputError::NotJson(_))));
    assert_eq!(read(b"null"), Err(InputError::WrongShape("null")));
}

proptest! {
    #[test]
    fn no_bytes_make_it_panic(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
        let _ = read(&bytes);
    }

    /// A valid input that was cut or had a byte changed is refused or read, and never panics.
    #[test]
    fn no_damage_makes_it_panic(at in 0usize..3_000, byte in any::<u8>(), cut in any::<bool>()) {
        let mut bytes = include_bytes!("../../../tests/plesk/samples/02-update-all-types.json").to_vec();
        let at = at % bytes.len();
        if cut { bytes.truncate(at) } else { bytes[at] = byte }
        let _ = read(&bytes);
    }

    /// Whatever text a field holds, a record is taken or named.
    #[test]
    fn every_record_is_taken_or_named(
        host in "\\PC{0,40}", rtype in "(A|AAAA|MX|SRV|TXT|CAA|TLSA|DS|PTR|CNAME|NS|HTTPS|FOO|)",
        opt in "\\PC{0,12}", value in "\\PC{0,80}",
    ) {
        let rr = serde_json::json!({"host": format!("{host}.d10.example.test."), "type": rtype, "opt": opt, "value": value});
        let set = zone(&rr.to_string());
        prop_assert_eq!(set.sets.len() + set.notes.len(), 1);
    }
}
