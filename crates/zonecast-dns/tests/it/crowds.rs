//! A crowd of silent TCP clients shuts nobody out (S1): neither one address with many connections nor
//! many addresses with a few.

use crate::harness::{DEADLINE, name};
use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::sync::Arc;
use zonecast_core::{RecordType, Ttl};
use zonecast_dns::{Authority, MemoryZoneStore, Server, ServerOptions, ZoneSettings, parse_zonefile};

const ZONE: &str = "@ 60 IN SOA ns h 1 1 1 1 1\n@ 60 IN NS ns\nns 60 IN A 192.0.2.1\n";

async fn serving() -> Server {
    let authority = Authority::open(Arc::new(MemoryZoneStore::default())).await.unwrap();
    let rrsets = parse_zonefile(ZONE, &name("crowd.test"), Ttl::DEFAULT).unwrap();
    authority.create_zone(name("crowd.test"), rrsets, ZoneSettings::default()).await.unwrap();
    let mut options = ServerOptions::new((Ipv4Addr::LOCALHOST, 0).into());
    (options.tcp_connections_max, options.tcp_of_one_address) = (40, 20);
    Server::start(authority, &options).unwrap()
}

/// A connection from this address that says nothing.
fn silent(from: Ipv4Addr, to: SocketAddr) -> TcpStream {
    let socket = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None).unwrap();
    socket.bind(&SocketAddr::from((from, 0)).into()).unwrap();
    socket.connect_timeout(&to.into(), DEADLINE).unwrap();
    socket.into()
}

/// Whether a query over TCP from this address is answered.
fn is_answered(from: Ipv4Addr, to: SocketAddr) -> bool {
    let mut stream = silent(from, to);
    stream.set_read_timeout(Some(DEADLINE)).unwrap();
    // Id 7, recursion desired, one question.
    let mut query = vec![0, 7, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0];
    query.extend(b"\x05crowd\x04test\x00");
    query.extend([RecordType::SOA.0.to_be_bytes(), [0, 1]].concat());
    let framed = [&(query.len() as u16).to_be_bytes()[..], &query].concat();
    let mut length = [0; 2];
    stream.write_all(&framed).is_ok() && stream.read_exact(&mut length).is_ok()
}

#[tokio::test(flavor = "multi_thread")]
async fn silent_clients_shut_nobody_out() {
    let server = serving().await;
    let to = server.local_addr();
    let (one, other) = (Ipv4Addr::new(127, 0, 0, 2), Ipv4Addr::new(127, 0, 0, 3));
    let asked = tokio::task::spawn_blocking(move || {
        let neighbour = silent(other, to);
        let crowd: Vec<TcpStream> = (0..60).map(|_| silent(one, to)).collect();
        assert!(is_answered(other, to) && is_answered(one, to), "a crowd of one address");
        let many = |n: u8| (0..3).map(move |_| silent(Ipv4Addr::new(127, 0, 1, n), to));
        let crowds: Vec<TcpStream> = (1..=30).flat_map(many).collect();
        assert!(is_answered(other, to), "a crowd of many addresses");
        assert_eq!(crowd.len() + crowds.len(), 150);
        drop(neighbour);
    });
    asked.await.unwrap();
}
