//! The table in the terms of RFC 2136 and RFC 8945: what a primary can say instead of doing it, and
//! how its answer can be lost or damaged.

use crate::stages::rfc2136::{Rfc2136Stage, connected};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ring::hmac;
use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::time::{Duration, Instant};
use zonecast_core::{Change, Name, Observed, RRset, RecordData, RecordType, Ttl};
use zonecast_providers::{ErrorClass, Outcome, ZoneRef};
use zonecast_testbed::{Fault, FaultProxy, TsigSecret};

/// What a primary answers to every message.
#[derive(Clone, Copy, Debug)]
enum Say {
    /// This code, unsigned.
    Code(u8),
    /// NOTAUTH and a TSIG record with this error (RFC 8945 section 5.3.2).
    Key(u16),
    /// NOERROR, unsigned.
    Yes,
    /// NOERROR with the bit that something was left out.
    Truncated,
    /// The code of success in half a message.
    Torn,
    /// Bytes that are no message.
    Noise,
    /// An answer to something nobody asked.
    Astray,
}

fn wire(name: &str) -> Vec<u8> {
    let labels = name.split('.').filter(|label| !label.is_empty());
    labels.flat_map(|label| [&[label.len() as u8], label.as_bytes()].concat()).chain([0]).collect()
}

/// The TSIG record of a refusal. Only BADTIME is signed, and tells the server's clock, which stands at
/// the beginning of 1970 here.
fn tsig(key: &TsigSecret, asked: &[u8], message: &[u8], error: u16) -> Vec<u8> {
    let error_and_other: Vec<u8> = match error {
        18 => [&18u16.to_be_bytes()[..], &[0, 6], &[0; 6]].concat(),
        error => [&error.to_be_bytes()[..], &[0, 0]].concat(),
    };
    let time_and_fudge = [&[0; 6][..], &300u16.to_be_bytes()].concat();
    let algorithm = wire(&key.algorithm);
    let mut mac = Vec::new();
    if error == 18 {
        // The request ends with its own MAC, original id, error and no other data.
        let theirs = &asked[asked.len() - 38..asked.len() - 6];
        let variables =
            [&wire(&key.name)[..], &[0, 255, 0, 0, 0, 0], &algorithm, &time_and_fudge, &error_and_other];
        let signed = [&[0, 32][..], theirs, message, &variables.concat()].concat();
        let secret = STANDARD.decode(&key.secret).unwrap();
        mac = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, &secret), &signed).as_ref().to_vec();
    }
    let length = (mac.len() as u16).to_be_bytes();
    let data = [&algorithm[..], &time_and_fudge, &length, &mac, &message[..2], &error_and_other].concat();
    let head = [&[0, 250, 0, 255, 0, 0, 0, 0][..], &(data.len() as u16).to_be_bytes()].concat();
    [wire(&key.name), head, data].concat()
}

/// The answer to one message: its header with the code, and nothing of what it held.
fn answer(asked: &[u8], say: Say, key: &TsigSecret) -> Vec<u8> {
    let code = match say {
        Say::Code(code) => code,
        Say::Key(_) => 9,
        Say::Noise => return vec![0xff; 7],
        _ => 0,
    };
    let cut = if matches!(say, Say::Truncated) { 2 } else { 0 };
    let mut id = [asked[0], asked[1]];
    if matches!(say, Say::Astray) {
        id[0] ^= 0x55;
    }
    let mut message = vec![id[0], id[1], 0x80 | (asked[2] & 0x78) | 4 | cut, code, 0, 0, 0, 0, 0, 0, 0, 0];
    if let Say::Key(error) = say {
        let record = tsig(key, asked, &message, error);
        message[11] = 1;
        message.extend(record);
    }
    message
}

fn serve(mut stream: TcpStream, say: Say, key: &TsigSecret) -> Option<()> {
    loop {
        let mut length = [0; 2];
        stream.read_exact(&mut length).ok()?;
        let mut asked = vec![0; usize::from(u16::from_be_bytes(length))];
        stream.read_exact(&mut asked).ok()?;
        let message = answer(&asked, say, key);
        stream.write_all(&(message.len() as u16).to_be_bytes()).ok()?;
        if matches!(say, Say::Torn) {
            stream.write_all(&message[..6]).ok()?;
            return None;
        }
        stream.write_all(&message).ok()?;
    }
}

/// A primary that only talks. Its thread ends with the process.
fn primary(say: Say, key: TsigSecret) -> SocketAddr {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let addr = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let key = key.clone();
            std::thread::spawn(move || serve(stream, say, &key));
        }
    });
    addr
}

fn soon(millis: u64) -> ZoneRef {
    let deadline = Instant::now() + Duration::from_millis(millis);
    ZoneRef { deadline, ..ZoneRef::new(Name::parse("story.test").unwrap()) }
}

fn host(label: &str) -> RRset {
    let owner = Name::parse(&format!("{label}.story.test")).unwrap();
    let value = RecordData::parse(RecordType::A, "192.0.2.1").unwrap();
    RRset::new(owner, RecordType::A, Ttl::DEFAULT, vec![value])
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_primary_says_is_told_apart() {
    use ErrorClass::{NoSuchZone, Rejected, Transient, Unauthorized, Unsupported};
    let key = TsigSecret::random("zc", "hmac-sha256");
    // What is said, what it is for reads, what for a write, whether the write may have happened, words.
    let rows = [
        (Say::Code(5), NoSuchZone, Unauthorized, false, "REFUSED"),
        (Say::Code(9), NoSuchZone, NoSuchZone, false, "NOTAUTH"),
        (Say::Code(2), Transient, Transient, false, "SERVFAIL"),
        (Say::Code(1), Unsupported, Rejected, false, "FORMERR"),
        (Say::Code(4), Unsupported, Unsupported, false, "NOTIMP"),
        (Say::Key(16), Unauthorized, Unauthorized, false, "BADSIG"),
        (Say::Key(17), Unauthorized, Unauthorized, false, "BADKEY"),
        (Say::Key(18), Unauthorized, Unauthorized, false, "BADTIME, its clock and ours differ by"),
        (Say::Key(22), Unauthorized, Unauthorized, false, "BADTRUNC"),
        (Say::Yes, Unauthorized, Unauthorized, true, "not signed"),
        (Say::Truncated, Unauthorized, Unauthorized, true, "not signed"),
        (Say::Torn, Transient, Transient, true, ""),
        (Say::Noise, Transient, Transient, true, ""),
        (Say::Astray, Transient, Transient, true, ""),
    ];
    for (say, reads, writes, unknown, words) in rows {
        let provider = connected(primary(say, key.clone()), &key);
        let time = if matches!(say, Say::Astray | Say::Noise) { 400 } else { 10_000 };
        let mut said = Vec::new();
        for error in [
            provider.read(&soon(time), &[host("www").name]).await.expect_err("nothing is known"),
            provider.list(&soon(time)).await.expect_err("nothing is known"),
        ] {
            assert_eq!(error.class, reads, "{say:?}: {error}");
            said.push(error.message);
        }
        for change in [Change::Delete(host("www")), Change::Create(host("new"))] {
            let outcomes = provider.apply(&soon(time), &Observed::default(), &[change]).await;
            let (error, doubt) = match &outcomes[..] {
                [Outcome::Failed(error)] => (error, false),
                [Outcome::Unknown(error)] => (error, true),
                other => panic!("{say:?}: {other:?}"),
            };
            assert_eq!((&error.class, doubt), (&writes, unknown), "{say:?}: {error}");
            said.push(error.message.clone());
        }
        let report = provider.test(&soon(time)).await;
        assert!(!report.ok && !report.can_write, "{say:?}: {report:?}");
        for message in said {
            assert!(message.contains("story.test") && !message.contains(&key.secret), "{message}");
            assert!(message.contains(words), "{say:?}: {message}");
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_down_late_torn_or_mute_is_never_done_and_never_empty() {
    let stage = Rfc2136Stage::bind();
    let proxy = FaultProxy::start(stage.addr());
    for (count, (fault, sent)) in [
        (Fault::Refuse, false),
        (Fault::Hang, true),
        (Fault::Delay(Duration::from_secs(10)), true),
        (Fault::LoseAnswer, true),
        (Fault::CutAfter(1), true),
        (Fault::CutAfter(20), true),
    ]
    .into_iter()
    .enumerate()
    {
        proxy.set(fault.clone());
        let provider = connected(proxy.addr(), &stage.key);
        for read in [provider.read(&soon(700), &[host("www").name]).await, provider.list(&soon(700)).await] {
            assert_eq!(read.map_err(|error| error.class), Err(ErrorClass::Transient), "{fault:?}");
        }
        let change = [Change::Create(host(&format!("h{count}")))];
        let outcomes = provider.apply(&soon(700), &Observed::default(), &change).await;
        match (&outcomes[..], sent) {
            ([Outcome::Unknown(error)], true) | ([Outcome::Failed(error)], false) => {
                assert_eq!(error.class, ErrorClass::Transient, "{fault:?}: {error}");
            }
            (other, _) => panic!("{fault:?}: {other:?}"),
        }
        let report = provider.test(&soon(700)).await;
        assert!(!report.ok && !report.reachable, "{fault:?}: {report:?}");
        // When it is over the same connection does it, and twice is once.
        proxy.set(Fault::Pass);
        let outcomes = provider.apply(&soon(20_000), &Observed::default(), &change).await;
        assert_eq!(outcomes, [Outcome::Done], "{fault:?}");
        let name = change[0].name();
        let seen = provider.read(&soon(20_000), std::slice::from_ref(name)).await.unwrap();
        assert_eq!(seen.rrsets.len(), 1, "{fault:?}: {seen:?}");
    }
}
