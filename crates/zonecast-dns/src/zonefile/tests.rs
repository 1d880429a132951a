use super::*;

fn parse(text: &str) -> Result<Vec<RRset>, Vec<ZonefileError>> {
    parse_zonefile(text, &Name::parse("bench.test").unwrap(), Ttl::DEFAULT)
}

fn one(line: &str) -> RRset {
    let mut rrsets = parse(line).unwrap_or_else(|errors| panic!("{line}: {errors:?}"));
    assert_eq!(rrsets.len(), 1, "{line}");
    rrsets.remove(0)
}

#[test]
fn every_feature_named_checkzone_accepts_is_read() {
    let long = format!("a 300 IN TXT \"{}\" \"{}\"", "x".repeat(255), "y".repeat(100));
    let tlsa = format!("_443._tcp 300 IN TLSA 3 1 1 {}", "ab".repeat(32));
    for line in [
        "a 1h30m IN A 192.0.2.1",
        "a IN 300 A 192.0.2.1",
        "a 300 A 192.0.2.1",
        "a 300 IN TXT ( \"one\"\n \"two\" ; comment\n )",
        "a 300 IN TYPE65280 \\# 3 abcdef",
        "a 300 IN TYPE1 \\# 4 c0000201",
        "a\\.b 300 IN A 192.0.2.1",
        "a\\032b 300 IN A 192.0.2.1",
        "a 300 IN TXT \"q\\\"uote \\\\ \\200\"",
        "a 300 IN TXT plain",
        &long,
        "a 300 IN A 192.0.2.1\r\n",
        "_dmarc 300 IN TXT \"v=DMARC1\"",
        "a 300 IN MX 0 .",
        "_sip._tcp 300 IN SRV 1 2 5060 a",
        "a 300 IN CAA 0 issue \"ca.example.net\"",
        "a 300 IN HTTPS 1 . alpn=\"h2,h3\" ipv4hint=192.0.2.1",
        "a 300 IN SVCB 0 b",
        &tlsa,
        "a 300 IN SSHFP 4 2 cdcd",
        "a 300 IN NAPTR 10 20 \"u\" \"sip+E2U\" \"!^.*$!sip:a@b!\" .",
        "a 300 IN LOC 52 22 23.000 N 4 53 32.000 E -2.00m 0.00m 10000m 10m",
        "a 300 IN DS 5539 13 2 F6F6",
        "@ 300 IN CDS 0 0 0 00",
        "@ 300 IN CDNSKEY 0 3 0 AA==",
        "a 300 IN DNAME b",
        "a 300 IN HINFO \"PC\" \"Linux\"",
        "a 300 IN RP b c",
        "a 300 IN SPF \"v=spf1 -all\"",
        "a 300 IN OPENPGPKEY AAAA",
        "a 300 IN SMIMEA 3 0 0 abcd",
        "a 300 IN URI 10 1 \"https://example.org/\"",
        "a 300 IN CERT PKIX 1 8 AAAA",
        "a 300 IN AFSDB 1 b",
        "a 300 IN PTR b",
        "a 300 IN EUI48 00-00-5e-00-53-2a",
        "@ 300 IN CSYNC 66 3 A NS AAAA",
        "@ 300 IN NSEC3PARAM 1 0 0 -",
        "a 300 IN APL 1:192.0.2.0/24",
        "a 300 IN KX 10 b",
        "$TTL 1d\nb A 192.0.2.1",
        "$ORIGIN sub.bench.test.\nb 300 IN A 192.0.2.1",
    ] {
        let rrset = one(line);
        let origin = Name::parse("bench.test").unwrap();
        let written = write_zonefile(&origin, [rrset.clone()]);
        assert_eq!(one(&written), rrset, "what is written is read back: {written}");
    }
}

#[test]
fn names_in_data_are_completed_with_the_origin() {
    assert_eq!(one("a 300 MX 10 mail").values[0].to_zonefile(), "10 mail.bench.test.");
    assert_eq!(one("a 300 RP b c.").values[0].to_zonefile(), "b.bench.test. c.");
    assert_eq!(one("$ORIGIN x.bench.test.\na 300 CNAME @").values[0].to_zonefile(), "x.bench.test.");
}

#[test]
fn the_rare_types_have_the_wire_form_of_their_rfc() {
    // The right side is what `named-rrchecker -u` of BIND 9.18 writes.
    for (line, wire) in [
        ("a 1 APL 1:192.0.2.0/24 !2:2001:db8::/32", "\\# 15 00011803C000020002208420010DB8"),
        ("@ 1 CSYNC 66 3 A NS AAAA", "\\# 12 000000420003000460000008"),
        ("a 1 EUI48 00-00-5e-00-53-2a", "\\# 6 00005E00532A"),
        ("a 1 LOC 42 21 54 N 71 6 18 W -24m 30m", "\\# 16 0033161389172DD070BE15F000988D20"),
        (
            "a 1 LOC 52 22 23.000 N 4 53 32.000 E -2.00m 0.00m 10000m 10m",
            "\\# 16 000016138B3CF018810CBCE0009895B8",
        ),
        ("a 1 CERT PKIX 1 8 AAAA", "\\# 8 0001000108000000"),
    ] {
        assert_eq!(one(line).values[0].to_generic(), wire, "{line}");
    }
}

#[test]
fn ttls_carry_over_as_the_rfcs_say() {
    let ttl = |text: &str, owner: &str| {
        let rrsets = parse(text).unwrap();
        let name = Name::parse(&format!("{owner}.bench.test")).unwrap();
        rrsets.iter().find(|rrset| rrset.name == name).unwrap().ttl.seconds()
    };
    assert_eq!(ttl("$TTL 60\na A 192.0.2.1\nb 90 A 192.0.2.1\nc A 192.0.2.1", "c"), 60);
    assert_eq!(ttl("a 90 A 192.0.2.1\nb A 192.0.2.1", "b"), 90);
    assert_eq!(ttl("a A 192.0.2.1", "a"), 300);
    assert_eq!(ttl("@ SOA ns1 h 1 2 3 4 77\na A 192.0.2.1", "a"), 77);
    assert_eq!(ttl("a 90 A 192.0.2.1\na 30 A 192.0.2.2", "a"), 30);
}

#[test]
fn every_error_of_a_file_is_told_with_its_line() {
    let text = "a 300 IN A 192.0.2.300\nb 300 IN NOSUCH x\n; fine\nc 300 IN TXT \"open\n$INCLUDE /etc/passwd\n\
                other.example. 300 IN A 192.0.2.1\nd 300 CH TXT x\ne 300 IN MX 10\nf 300 A 1.2.3.4 5\n(";
    let wrong = parse(text).unwrap_err();
    let places: Vec<(usize, usize)> = wrong.iter().map(|error| (error.line, error.column)).collect();
    assert_eq!(places, [(1, 12), (2, 10), (4, 14), (5, 1), (6, 1), (7, 7), (8, 15), (9, 17), (10, 1)]);
    assert_eq!(wrong[0].to_string(), "line 1, column 12: \"192.0.2.300\" is not an IPv4 address");
    // Columns count characters; the word at fault is named on the line where it stands.
    let text = "bücher 300 IN MX (\n  10\n  a..b )";
    let wrong = parse(text).unwrap_err();
    assert_eq!((wrong[0].line, wrong[0].column), (3, 3), "{}", wrong[0]);
    assert_eq!(parse("bücher 300 IN A x").unwrap_err()[0].column, 17);
    assert!(parse("$GENERATE 1-99999 a$ A 192.0.2.1").is_err());
    assert!(parse(" 300 A 192.0.2.1").is_err(), "no owner yet");
}

#[test]
fn generate_makes_a_record_per_number() {
    let rrsets = parse("$GENERATE 10-14/2 h${0,3,d} 60 IN A 192.0.2.$").unwrap();
    let owners: Vec<String> = rrsets.iter().map(|rrset| rrset.name.to_string()).collect();
    assert_eq!(owners, ["h010.bench.test", "h012.bench.test", "h014.bench.test"]);
    assert_eq!(rrsets[2].values[0].to_text(), "192.0.2.14");
}

#[test]
fn every_record_of_a_file_is_counted_and_a_byte_order_mark_is_none() {
    let text = "\u{FEFF}$TTL 60\na A 192.0.2.1\na 30 A 192.0.2.1\n$GENERATE 1-3 b A 192.0.2.$\n; a comment\n";
    let file = read_zonefile(text, &Name::parse("bench.test").unwrap(), Ttl::DEFAULT).unwrap();
    assert_eq!((file.records, file.doubles, file.ttls_differ, file.rrsets.len()), (5, 1, 1, 2));
}

proptest::proptest! {
    #[test]
    fn any_text_is_read_without_panic(text in "[ -~\n\t\\\\\"();$@à]{0,200}") {
        let _ = parse(&text);
    }
}
