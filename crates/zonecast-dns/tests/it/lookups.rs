//! Our own lookups against our own server, and against nobody.

use crate::harness::{Running, free_port, name};
use std::net::Ipv4Addr;
use std::time::Duration;
use zonecast_core::RecordType;
use zonecast_dns::{QueryError, QueryOptions, ResponseCode, TsigKey, ZoneSettings, axfr, query};

const ZONE: &str = "@ 60 SOA ns1 h 7 3600 900 1209600 300\n@ 60 NS ns1\nns1 60 A 192.0.2.1\n\
                    ns1 60 A 192.0.2.2\n$GENERATE 1-60 big 60 TXT \"$ zzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzz\"\n";

#[tokio::test(flavor = "multi_thread")]
async fn a_lookup_tells_answer_absence_and_refusal_apart() {
    let running = Running::start("look.test", ZONE, ZoneSettings::default()).await;
    let server = running.address();
    let ask =
        async |owner: &str, rtype| query(server, &name(owner), rtype, QueryOptions::default()).await.unwrap();
    let found = ask("ns1.look.test", RecordType::A).await;
    assert!(found.authoritative && found.rcode == ResponseCode::NOERROR);
    assert_eq!(found.rrset(&name("ns1.look.test"), RecordType::A).unwrap().values.len(), 2);
    let absent = ask("gone.look.test", RecordType::A).await;
    assert_eq!((absent.rcode, absent.answer.len()), (ResponseCode::NXDOMAIN, 0));
    assert_eq!(absent.authority[0].rtype, RecordType::SOA);
    assert_eq!(ask("www.other.test", RecordType::A).await.rcode, ResponseCode::REFUSED);
    let big = ask("big.look.test", RecordType::TXT).await;
    assert_eq!((big.answer[0].values.len(), big.truncated), (60, false), "TCP took over");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_is_down_or_silent_is_no_answer() {
    let down = (Ipv4Addr::LOCALHOST, free_port()).into();
    let options = QueryOptions { timeout: Duration::from_millis(300), ..QueryOptions::default() };
    let error = query(down, &name("a.test"), RecordType::A, options).await.unwrap_err();
    assert!(matches!(error, QueryError::Unreachable { .. }), "{error}");
    let silent = std::net::UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let server = silent.local_addr().unwrap();
    let error = query(server, &name("a.test"), RecordType::A, options).await.unwrap_err();
    assert!(matches!(error, QueryError::Timeout(_)), "{error}");
    silent.set_nonblocking(true).unwrap();
    let tries = std::iter::from_fn(|| silent.recv(&mut [0; 512]).ok()).count();
    assert_eq!(tries, 2, "asked twice within the deadline");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_transfer_needs_to_be_allowed() {
    let zone = name("look.test");
    let closed = Running::start("look.test", ZONE, ZoneSettings::default()).await;
    let error = axfr(closed.address(), &zone, None).await.unwrap_err();
    assert!(matches!(error, QueryError::Refused { rcode: ResponseCode::REFUSED, .. }), "{error}");

    let open =
        ZoneSettings { allow_transfer: vec!["127.0.0.0/8".parse().unwrap()], ..ZoneSettings::default() };
    let open = Running::start("look.test", ZONE, open).await;
    let rrsets = axfr(open.address(), &zone, None).await.unwrap();
    assert_eq!(rrsets, open.authority.snapshot(&zone).unwrap().rrsets().collect::<Vec<_>>());

    let key = |secret: u8| TsigKey::new(name("zk"), Default::default(), vec![secret; 32]).unwrap();
    let keyed = ZoneSettings { tsig_key: Some(key(1)), ..ZoneSettings::default() };
    let keyed = Running::start("look.test", ZONE, keyed).await;
    assert_eq!(axfr(keyed.address(), &zone, Some(&key(1))).await.unwrap().len(), rrsets.len());
    assert!(axfr(keyed.address(), &zone, None).await.is_err(), "unsigned");
    assert!(axfr(keyed.address(), &zone, Some(&key(2))).await.is_err(), "another secret");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_large_zone_goes_out_in_many_messages() {
    let text = format!("{ZONE}$GENERATE 1-60000 host$ 60 A 10.0.0.1\n");
    let open =
        ZoneSettings { allow_transfer: vec!["127.0.0.0/8".parse().unwrap()], ..ZoneSettings::default() };
    let running = Running::start("look.test", &text, open).await;
    let rrsets = axfr(running.address(), &name("look.test"), None).await.unwrap();
    assert_eq!(rrsets.len(), 60_000 + 4);
}
