//! One question per behaviour, asked with dig; what is wanted is what BIND 9.18 (minimal responses),
//! Knot 3.2 and NSD 4.6 answer for the same zone.

use crate::harness::{Running, dig};
use zonecast_dns::ZoneSettings;

const ZONE: &str = r#"
$ORIGIN bench.test.
$TTL 3600
@ IN SOA ns1 hostmaster 1 3600 900 1209600 300
@ IN NS ns1
@ IN NS ns2
ns1 IN A 192.0.2.1
ns1 IN AAAA 2001:db8::1
ns2 IN A 192.0.2.2
@ IN MX 10 mail
mail IN A 192.0.2.3
*.wild IN A 192.0.2.9
*.wild IN TXT "wild"
real.wild IN A 192.0.2.10
deep.ent.branch IN A 192.0.2.11
alias IN CNAME alias2
alias2 IN CNAME mail
ext IN CNAME www.example.net.
nowhere IN CNAME missing
tosub IN CNAME www.sub3
loop1 IN CNAME loop2
loop2 IN CNAME loop1
moved IN DNAME h0
same IN DNAME bench.test.
h0 IN A 10.0.0.0
h0 IN AAAA 2001:db8::2
h7 IN A 10.0.0.7
sub3 IN NS ns.sub3
sub3 IN NS ns1
sub3 IN DS 5539 13 2 F6F6
ns.sub3 IN A 10.9.0.3
$GENERATE 1-40 big IN TXT "$ xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"
"#;

/// dig's arguments, status, flags, answers / authority / additional.
const ROWS: &[(&str, &str, &str, [usize; 3])] = &[
    ("h7.bench.test A", "NOERROR", "qr aa", [1, 0, 1]),
    ("h7.bench.test MX", "NOERROR", "qr aa", [0, 1, 1]),
    ("nope.bench.test A", "NXDOMAIN", "qr aa", [0, 1, 1]),
    ("ent.branch.bench.test A", "NOERROR", "qr aa", [0, 1, 1]),
    ("branch.bench.test A", "NOERROR", "qr aa", [0, 1, 1]),
    ("x.ent.branch.bench.test A", "NXDOMAIN", "qr aa", [0, 1, 1]),
    ("abc.wild.bench.test A", "NOERROR", "qr aa", [1, 0, 1]),
    ("abc.wild.bench.test MX", "NOERROR", "qr aa", [0, 1, 1]),
    ("a.b.wild.bench.test A", "NOERROR", "qr aa", [1, 0, 1]),
    ("*.wild.bench.test A", "NOERROR", "qr aa", [1, 0, 1]),
    ("real.wild.bench.test TXT", "NOERROR", "qr aa", [0, 1, 1]),
    ("x.real.wild.bench.test A", "NXDOMAIN", "qr aa", [0, 1, 1]),
    ("alias.bench.test A", "NOERROR", "qr aa", [3, 0, 1]),
    ("alias.bench.test CNAME", "NOERROR", "qr aa", [1, 0, 1]),
    ("ext.bench.test A", "NOERROR", "qr aa", [1, 0, 1]),
    ("nowhere.bench.test A", "NXDOMAIN", "qr aa", [1, 1, 1]),
    ("tosub.bench.test A", "NOERROR", "qr aa", [1, 2, 4]),
    ("loop1.bench.test A", "NOERROR", "qr aa", [2, 0, 1]),
    ("www.moved.bench.test A", "NXDOMAIN", "qr aa", [2, 1, 1]),
    ("h7.same.bench.test A", "NOERROR", "qr aa", [3, 0, 1]),
    ("moved.bench.test DNAME", "NOERROR", "qr aa", [1, 0, 1]),
    ("www.sub3.bench.test A", "NOERROR", "qr", [0, 2, 4]),
    ("sub3.bench.test NS", "NOERROR", "qr", [0, 2, 4]),
    ("sub3.bench.test DS", "NOERROR", "qr aa", [1, 0, 1]),
    ("ns.sub3.bench.test A", "NOERROR", "qr", [0, 2, 4]),
    ("big.bench.test TXT +noedns +ignore", "NOERROR", "qr aa tc", [0, 0, 0]),
    ("big.bench.test TXT +bufsize=1232 +ignore", "NOERROR", "qr aa tc", [0, 0, 1]),
    ("big.bench.test TXT +tcp", "NOERROR", "qr aa", [40, 0, 1]),
    ("bench.test MX", "NOERROR", "qr aa", [1, 0, 1]),
    ("h0.bench.test ANY +notcp", "NOERROR", "qr aa", [1, 0, 1]),
    ("www.example.org A", "REFUSED", "qr", [0, 0, 1]),
    ("version.bind TXT CH", "REFUSED", "qr", [0, 0, 1]),
    ("h7.bench.test A +edns=1 +noednsneg", "BADVERS", "qr", [0, 0, 1]),
    ("h7.bench.test A +cookie", "NOERROR", "qr aa", [1, 0, 1]),
    ("h7.bench.test A +opcode=2", "NOTIMP", "qr", [0, 0, 0]),
    ("h7.bench.test A +opcode=4", "NOTIMP", "qr", [0, 0, 0]),
    ("h7.bench.test A +dnssec", "NOERROR", "qr aa", [1, 0, 1]),
    ("h7.bench.test A +rec", "NOERROR", "qr aa rd", [1, 0, 1]),
    ("bench.test AXFR", "", "", [0, 0, 0]),
];

#[tokio::test(flavor = "multi_thread")]
async fn every_behaviour_is_that_of_bind_knot_and_nsd() {
    let running = Running::start("bench.test", ZONE, ZoneSettings::default()).await;
    let mut wrong = Vec::new();
    for (question, status, flags, counts) in ROWS {
        let Some(seen) = dig(running.address(), question).await else { return };
        // dig shows no AD flag for us; it sets AD in queries and some servers give it back.
        if (seen.status.as_str(), seen.flags.as_str(), &seen.counts) != (status, flags, counts) {
            wrong.push(format!("{question}: wanted {status} [{flags}] {counts:?}, saw {}", seen.text));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    running.server.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn negative_ttl_case_synthesis_and_cookies_are_right_to_the_letter() {
    let running = Running::start("bench.test", ZONE, ZoneSettings::default()).await;
    let Some(no) = dig(running.address(), "nope.bench.test A").await else { return };
    assert!(no.records[0].starts_with("bench.test. 300 IN SOA ns1.bench.test."), "{:?}", no.records);
    let case = dig(running.address(), "H7.BeNcH.TesT A").await.unwrap();
    assert_eq!(case.records, ["H7.BeNcH.TesT. 3600 IN A 10.0.0.7"], "the asker's spelling comes back");
    let dname = dig(running.address(), "H7.Same.bench.test A").await.unwrap();
    assert_eq!(
        dname.records,
        [
            "Same.bench.test. 3600 IN DNAME bench.test.",
            "H7.Same.bench.test. 3600 IN CNAME H7.bench.test.",
            "H7.bench.test. 3600 IN A 10.0.0.7",
        ]
    );
    let referral = dig(running.address(), "www.sub3.bench.test A").await.unwrap();
    assert!(referral.records.contains(&"ns.sub3.bench.test. 3600 IN A 10.9.0.3".to_owned()), "{referral:?}");
    assert!(referral.records.contains(&"ns1.bench.test. 3600 IN AAAA 2001:db8::1".to_owned()));
    let cookie = dig(running.address(), "h7.bench.test A +cookie=0011223344556677").await.unwrap();
    assert!(cookie.text.contains("COOKIE: 001122334455667701000000"), "{}", cookie.text);
    assert!(cookie.text.contains("(good)"));
    let any = dig(running.address(), "h7.bench.test A +noedns").await.unwrap();
    assert_eq!(any.counts, [1, 0, 0], "no OPT for who sent none");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_change_is_served_when_apply_returns_and_a_deleted_zone_is_refused() {
    use zonecast_core::{RRset, RecordData, RecordType, Ttl};
    use zonecast_dns::{ChangeOptions, Edit};
    let running = Running::start("bench.test", ZONE, ZoneSettings::default()).await;
    let zone = crate::harness::name("bench.test");
    let owner = crate::harness::name("new.bench.test");
    for octet in 1..=3u8 {
        let address = RecordData::address([192, 0, 2, octet].into());
        let edit = Edit::Set(RRset::new(owner.clone(), RecordType::A, Ttl::DEFAULT, vec![address]));
        running.authority.apply(&zone, vec![edit], ChangeOptions::default()).await.unwrap();
        let Some(seen) = dig(running.address(), "new.bench.test A +short").await else { return };
        assert_eq!(seen.records, [format!("192.0.2.{octet}")]);
    }
    running.authority.delete_zone(&zone).await.unwrap();
    let gone = dig(running.address(), "new.bench.test A").await.unwrap();
    assert_eq!(gone.status, "REFUSED");
    assert!(running.authority.delete_zone(&zone).await.is_err());
}
