//! Our own lookups against our own server, and against nobody.

use crate::harness::{DEADLINE, Running, free_port, name};
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

#[tokio::test(flavor = "multi_thread")]
async fn on_a_wildcard_address_the_answer_comes_from_where_it_was_asked() {
    let cases =
        [("0.0.0.0:0", "127.0.0.2"), ("0.0.0.0:0", "127.0.0.1"), ("[::]:0", "::1"), ("[::]:0", "127.0.0.3")];
    for (listen, ask) in cases {
        let listen = listen.parse().unwrap();
        if std::net::UdpSocket::bind(listen).is_err() {
            continue; // No IPv6 here.
        }
        let running = Running::start_on(listen, "look.test", ZONE, ZoneSettings::default()).await;
        // The asking socket is connected: an answer from another address would never reach it.
        let server = (ask.parse::<std::net::IpAddr>().unwrap(), running.address().port()).into();
        let answer = query(server, &name("ns1.look.test"), RecordType::A, QueryOptions::default()).await;
        assert_eq!(answer.unwrap().answer.len(), 1, "{listen} asked at {ask}");
        running.server.shutdown().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_flood_is_answered_at_its_rate_and_tcp_stays_open() {
    use zonecast_dns::{RateLimit, Server, ServerOptions};
    let running = Running::start("look.test", ZONE, ZoneSettings::default()).await;
    let mut options = ServerOptions::new((Ipv4Addr::LOCALHOST, 0).into());
    options.udp_threads = 1;
    options.rate_limit = Some(RateLimit { answers_per_second: 1, slip: 1, limit_loopback: true });
    let limited = Server::start(running.authority.clone(), &options).unwrap();
    let options = QueryOptions::default();
    for _ in 0..5 {
        // Above the rate each answer is truncated, so the lookup goes on over TCP and still succeeds.
        let answer =
            query(limited.local_addr(), &name("ns1.look.test"), RecordType::A, options).await.unwrap();
        assert_eq!(answer.answer.len(), 1);
    }
    limited.shutdown().await;
}

/// A server that is dropped, not shut down, goes on for a moment; who has its port next has it alone.
#[tokio::test(flavor = "multi_thread")]
async fn a_port_belongs_to_one_server_at_a_time() {
    use zonecast_dns::{Server, ServerOptions};
    let old =
        Running::start("old.test", "$TTL 60\n@ SOA ns1 admin 1 2 3 4 5\n@ NS ns1\n", ZoneSettings::default())
            .await;
    let running = Running::start("look.test", ZONE, ZoneSettings::default()).await;
    let address = old.address();
    drop(old);
    let options = ServerOptions::new(address);
    let end = std::time::Instant::now() + DEADLINE;
    let new = loop {
        match Server::start(running.authority.clone(), &options) {
            Ok(server) => break server,
            Err(error) => assert!(std::time::Instant::now() < end, "{address} is never free again: {error}"),
        }
        tokio::task::yield_now().await;
    };
    for _ in 0..200 {
        let answer = query(address, &name("ns1.look.test"), RecordType::A, QueryOptions::default()).await;
        assert_eq!(answer.unwrap().answer.len(), 1, "the old server answered");
    }
    new.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_zone_file_we_write_is_read_by_bind_and_by_ourselves() {
    let running = Running::start("look.test", ZONE, ZoneSettings::default()).await;
    let zone = name("look.test");
    let rrsets: Vec<_> = running.authority.snapshot(&zone).unwrap().rrsets().collect();
    let text = zonecast_dns::write_zonefile(&zone, rrsets.clone());
    assert!(text.starts_with("look.test. 60 IN SOA "));
    assert_eq!(zonecast_dns::parse_zonefile(&text, &zone, zonecast_core::Ttl::DEFAULT).unwrap(), rrsets);
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("zone");
    std::fs::write(&file, text).unwrap();
    let check = std::process::Command::new("named-checkzone")
        .args(["-q", "-i", "none", "look.test"])
        .arg(file)
        .status();
    assert!(check.map_or(true, |status| status.success()));
}

#[tokio::test(flavor = "multi_thread")]
async fn shutdown_does_not_wait_for_idle_clients() {
    let running = Running::start("look.test", ZONE, ZoneSettings::default()).await;
    let address = running.address();
    let _idle = tokio::net::TcpStream::connect(address).await.unwrap();
    let start = std::time::Instant::now();
    running.server.shutdown().await;
    assert!(start.elapsed() < Duration::from_secs(5), "{:?}", start.elapsed());
    assert!(std::net::UdpSocket::bind(address).is_ok());
}
