//! Every sample does what its README says, against Zonecast's own server and against PowerDNS.

use crate::panel::{Panel, Service, sample, samples, zone_of};
use serde_json::json;
use zonecast_testbed::dig;

/// Exit codes as the README of the samples has them.
fn expected_exit(name: &str) -> i32 {
    match name.split('-').next().unwrap_or_default() {
        "m01" | "m02" | "m03" | "m05" | "m06" | "m07" | "m09" | "m10" | "m11" | "m12" => 255,
        _ => 0,
    }
}

/// S4.4-8, S4.11-36, S4.80-95.
fn every_sample_behaves_as_its_readme_says(service: Service) {
    let panel = Panel::at(service);
    let reverse = ["2.0.192.in-addr.arpa", "c.0.0.0.d.f.8.1.8.b.d.0.1.0.0.2.ip6.arpa"];
    for zone in reverse {
        if let Some(server) = &panel.server {
            server.create_zone(zone, "Native");
        }
        let mut body = json!({ "name": zone, "connection_id": panel.connection });
        if let Some(server) = &panel.server {
            body["dns_servers"] = json!([server.dns_addr().to_string()]);
        }
        panel.daemon.must("POST", "/zones", Some(body));
    }
    for name in samples() {
        if name == "m09-rr-null.json" {
            // A zone that is there must survive the set that is none.
            panel.send("create", zone_of("x.example.test", &[("keep", "A", "", "192.0.2.9")])).well();
        }
        let ended = panel.plesk(sample(&name));
        assert_eq!(ended.code, expected_exit(&name), "{service:?} {name}: {ended:?}");
        look(&panel, &name, &ended.said());
    }
}

/// What stands there after a sample.
fn look(panel: &Panel, name: &str, said: &str) {
    let says = |words: &str| assert!(said.contains(words), "{name}: {words:?} is not in {said}");
    let ptr = |reverse: &str| dig(panel.dns(), reverse, "PTR").expect("an answer").texts("PTR");
    let (v4, v6) = (
        "80.2.0.192.in-addr.arpa",
        "4.0.0.0.3.0.0.0.2.0.0.0.1.0.0.0.c.0.0.0.d.f.8.1.8.b.d.0.1.0.0.2.ip6.arpa",
    );
    match name.split('-').next().unwrap_or_default() {
        "01" => {
            let zone = panel.zone("d10.example.test");
            assert_eq!(zone.len(), 11, "{zone:#?}");
            assert!(zone.contains(&"d10.example.test. TYPE15 10 mail.d10.example.test.".to_owned()));
            says("info: the zone of d10.example.test is now synchronised with ");
        }
        "02" => all_types(panel, said),
        "03" => {
            assert_eq!(panel.zone("d10.example.test"), Vec::<String>::new());
            says("info: d10.example.test: all its records are removed");
        }
        "04" => {
            assert_eq!(ptr(v4), ["d10.example.test."]);
            assert_eq!(ptr(v6), ["d10.example.test."]);
        }
        "05" => assert_eq!((ptr(v4), ptr(v6)), (vec![], vec![])),
        "06" => {
            assert_eq!((panel.zone("b1.example.test").len(), panel.zone("b2.example.test").len()), (11, 11));
            assert_eq!(ptr(v4), ["b1.example.test."]);
            says("b3.example.test: is not known here");
        }
        "07" => {
            assert_eq!(panel.zone("xn--bcher-kva.example.test").len(), 4);
            says("the zone of bücher.example.test is now synchronised");
        }
        "08" => texts(panel),
        "09" => assert_eq!(panel.zone("shop.d10.example.test").len(), 11),
        "10" => {
            let zone = panel.transfer("s.example.test");
            let a = zone.iter().find(|answer| answer.rtype == 1).expect("the A record");
            assert_eq!((a.text(), a.ttl), ("192.0.2.5".to_owned(), 600));
            assert!(
                panel
                    .zone("s.example.test")
                    .contains(&"s.example.test. TYPE15 0 mail.s.example.test.".to_owned())
            );
        }
        "11" => assert_eq!(panel.zone("one.example.test"), ["one.example.test. TYPE1 192.0.2.5"]),
        "12" => {
            assert_eq!(panel.zone("o.example.test"), ["o.example.test. TYPE1 192.0.2.5"]);
            says("warn: www.other.test A: is not in the zone o.example.test");
        }
        "13" => {
            let expected = ["b.r.example.test. TYPE1 192.0.2.8", "r.example.test. TYPE1 192.0.2.5"];
            assert_eq!(panel.zone("r.example.test"), expected);
        }
        "14" => assert!(panel.zone("u.example.test").contains(&"u.example.test. TYPE1 192.0.2.5".to_owned())),
        "m01" | "m05" => says("err: the input is not JSON"),
        "m02" => says("err: the input is empty"),
        "m03" => says("err: the input is null"),
        "m04" => assert_eq!(said, ""),
        "m06" => says("err: command 1, update: has no \"zone\""),
        "m07" => says("err: command 1, create: its zone has no \"name\""),
        "m08" => says("warn: the command \"rename\" is not known"),
        "m09" => {
            says("err: x.example.test: has no record list");
            assert_eq!(panel.zone("x.example.test"), ["keep.x.example.test. TYPE1 192.0.2.9"]);
        }
        "m10" => {
            assert_eq!(panel.zone("x.example.test"), ["ok.x.example.test. TYPE1 192.0.2.5"]);
            says("err: x.example.test A: \"192.0.2.300\" is not a valid A value");
        }
        "m11" => says("err: command 1, createPTRs: \"not-an-ip\""),
        "m12" => {
            for zone in ["good1.example.test", "good2.example.test"] {
                assert_eq!(panel.zone(zone).len(), 1, "{zone}");
            }
            says("err: command 2: has no \"command\"");
        }
        other => panic!("no expectation for {other}"),
    }
}

fn all_types(panel: &Panel, said: &str) {
    let zone = panel.zone("all.example.test");
    let has = |line: &str| assert!(zone.iter().any(|found| found == line), "{line} is not in {zone:#?}");
    has("all.example.test. TYPE28 2001:db8::80");
    has("*.all.example.test. TYPE1 192.0.2.81");
    has("child.all.example.test. TYPE2 ns.elsewhere.test.");
    let starts = |start: &str| assert!(zone.iter().any(|line| line.starts_with(start)), "{start}: {zone:#?}");
    for start in [
        "_sip._tcp.all.example.test. TYPE33 ",
        "_none._tcp.all.example.test. TYPE33 ",
        "all.example.test. TYPE257 ",
        "_443._tcp.www2.all.example.test. TYPE52 ",
        "child.all.example.test. TYPE43 ",
        "default._domainkey.all.example.test. TYPE16 ",
    ] {
        starts(start);
    }
    // 25 records of the zone without two apex NS and the entry for the address.
    assert_eq!(zone.len(), 22, "{zone:#?}");
    assert!(!zone.iter().any(|line| line.starts_with("192.0.2.80")), "{zone:#?}");
    assert!(said.contains("192.0.2.80 PTR: passed over"), "{said}");
    let low = panel.transfer("all.example.test").into_iter().find(|a| a.name == "low.all.example.test.");
    assert_eq!(low.map(|answer| answer.ttl), Some(300));
}

fn texts(panel: &Panel) {
    let of = |label: &str| {
        let reply = dig(panel.dns(), &format!("{label}txt.example.test"), "TXT").expect("an answer");
        reply.answers.iter().map(|answer| joined(&answer.rdata)).collect::<Vec<String>>()
    };
    assert_eq!(of("q."), ["say \"hi\""]);
    assert_eq!(of("pre."), ["already quoted"]);
    assert_eq!(of("tab."), ["a b"]);
    assert_eq!(of("semi."), ["k=rsa; t=s"]);
    assert!(of("long.")[0].len() > 255 && of("long.")[0].ends_with("sIDAQAB;"), "S4.87");
    let mut two = of("two.");
    two.sort();
    assert_eq!(two, ["first", "second"], "S4.95");
}

/// The strings of a TXT record, joined.
fn joined(rdata: &[u8]) -> String {
    let mut text = Vec::new();
    let mut rest = rdata;
    while let Some((length, tail)) = rest.split_first() {
        text.extend_from_slice(&tail[..*length as usize]);
        rest = &tail[*length as usize..];
    }
    String::from_utf8(text).expect("text")
}

#[test]
fn samples_at_the_embedded_authority() {
    every_sample_behaves_as_its_readme_says(Service::Embedded);
}

#[test]
fn samples_at_powerdns() {
    every_sample_behaves_as_its_readme_says(Service::PowerDns);
}
