//! NOTIFY out, RFC 1996: tells secondaries that a zone has a new serial, until they answer.
//!
//! One job per zone and secondary; a newer serial replaces the job that tells of an older one, so a
//! zone that changes in every moment costs no more than one that changed once. A secondary that stays
//! silent is asked a few times with growing pauses and then left alone: its SOA timers, or the next
//! change, bring it up to date.

use crate::authority::Authority;
use crate::message::{OPCODE_NOTIFY, Question, random_id};
use crate::tsig_client::ClientSigner;
use crate::zone::ZoneSnapshot;
use domain::base::Message;
use std::collections::HashMap;
use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;
use tokio::net::UdpSocket;
use tokio::sync::Semaphore;
use tokio::task::{AbortHandle, JoinHandle, JoinSet};
use tokio::time::{Instant, timeout_at};
use zonecast_core::{Name, RecordType};

/// Sockets open at once.
const AT_ONCE: usize = 256;

/// When to tell a silent secondary again.
#[derive(Clone, Copy, Debug)]
pub struct NotifyOptions {
    /// How often it is told in all.
    pub attempts: u32,
    /// Wait for the first answer; it doubles with each attempt.
    pub first_wait: Duration,
    /// The longest wait.
    pub wait_max: Duration,
}

impl Default for NotifyOptions {
    fn default() -> NotifyOptions {
        let (first_wait, wait_max) = (Duration::from_secs(1), Duration::from_secs(60));
        NotifyOptions { attempts: 8, first_wait, wait_max }
    }
}

/// The running notifier of an authority. There must be one at most. Dropping it stops it.
pub struct Notifier(JoinHandle<()>);

impl Notifier {
    /// Begins to tell of every zone published from now on. Must be called inside a tokio runtime.
    pub fn start(authority: Authority, options: NotifyOptions) -> Notifier {
        Notifier(tokio::spawn(run(authority, options)))
    }
}

impl Drop for Notifier {
    fn drop(&mut self) {
        self.0.abort();
    }
}

async fn run(authority: Authority, options: NotifyOptions) {
    let mut jobs: JoinSet<()> = JoinSet::new();
    let mut latest: HashMap<(Name, SocketAddr), AbortHandle> = HashMap::new();
    let sockets = Arc::new(Semaphore::new(AT_ONCE));
    loop {
        let zones = authority.feed().changed().await;
        while jobs.try_join_next().is_some() {}
        latest.retain(|_, job| !job.is_finished());
        for snapshot in zones.iter().filter_map(|zone| authority.snapshot(zone)) {
            for secondary in snapshot.settings().notify.clone() {
                let (snapshot, sockets) = (snapshot.clone(), sockets.clone());
                let key = (snapshot.name().clone(), secondary);
                let job = jobs.spawn(async move {
                    let _socket = sockets.acquire_owned().await;
                    tell(&snapshot, secondary, options).await;
                });
                if let Some(older) = latest.insert(key, job) {
                    older.abort();
                }
            }
        }
    }
}

async fn tell(zone: &ZoneSnapshot, secondary: SocketAddr, options: NotifyOptions) {
    let (name, serial) = (zone.name(), zone.serial());
    let mut wait = options.first_wait;
    for attempt in 1..=options.attempts {
        let until = Instant::now() + wait;
        match timeout_at(until, notify_once(zone, secondary)).await {
            Ok(Ok(())) => {
                tracing::debug!(zone = %name, %serial, %secondary, attempt, "secondary told");
                return;
            }
            Ok(Err(error)) => {
                tracing::debug!(zone = %name, %serial, %secondary, attempt, %error, "secondary not told");
                tokio::time::sleep_until(until).await;
            }
            Err(_) => tracing::debug!(zone = %name, %serial, %secondary, attempt, "secondary is silent"),
        }
        wait = (wait * 2).min(options.wait_max);
    }
    tracing::warn!(zone = %name, %serial, %secondary, "secondary does not answer NOTIFY");
}

/// Sends one NOTIFY and waits for its answer; the caller bounds the wait.
async fn notify_once(zone: &ZoneSnapshot, secondary: SocketAddr) -> io::Result<()> {
    let soa = zone.soa().and_then(|set| set.records().next()).map(|record| &record[2..]);
    let question = Question {
        opcode: OPCODE_NOTIFY,
        name: zone.name(),
        rtype: RecordType::SOA,
        recursion_desired: false,
        edns: false,
        soa,
    };
    let id = random_id();
    let mut request = question.compose(id);
    let signer = ClientSigner::sign(zone.settings().tsig_key.as_ref(), &mut request);
    let mut signer = signer.ok_or(io::ErrorKind::InvalidData)?;
    let any: SocketAddr = match secondary {
        SocketAddr::V4(_) => (Ipv4Addr::UNSPECIFIED, 0).into(),
        SocketAddr::V6(_) => (Ipv6Addr::UNSPECIFIED, 0).into(),
    };
    let socket = UdpSocket::bind(any).await?;
    socket.connect(secondary).await?;
    socket.send(&request).await?;
    let mut buffer = [0; 1232];
    loop {
        let length = socket.recv(&mut buffer).await?;
        let Ok(mut message) = Message::from_octets(buffer[..length].to_vec()) else { continue };
        if !question.is_answered_by(id, &message) {
            continue;
        }
        signer.check(&mut message).map_err(io::Error::other)?;
        let rcode = message.header().rcode();
        return if rcode.to_int() == 0 { Ok(()) } else { Err(io::Error::other(rcode.to_string())) };
    }
}
