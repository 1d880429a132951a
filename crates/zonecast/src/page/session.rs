//! Who is logged in: sessions, and how often a log-in may fail.
//!
//! A session is a random 256-bit id in a cookie; here only its SHA-256 is held, so what is in memory
//! opens nothing. Sessions live in this process: a restart logs everybody out, and behind several nodes
//! a balancer keeps a browser at one of them. A table was the other road; it would make each look at a
//! page a write, for a cookie that a key restores in seconds. The key behind a session is looked up
//! with every request, so deleting a key ends its sessions at once.

use crate::problem::Problem;
use crate::sources::adopt::Found;
use sha2::{Digest, Sha256};
use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use subtle::ConstantTimeEq;

/// A session ends so long after the last thing a person did.
const IDLE: Duration = Duration::from_secs(60 * 60);
/// A session ends so long after the log-in, whatever happens.
const LIFE: Duration = Duration::from_secs(12 * 60 * 60);
/// Most sessions; the one that was idle longest makes room.
const SESSIONS_MAX: usize = 1_000;
/// Most messages waiting for one reader.
const FLASHES_MAX: usize = 5;

/// The digest of a session's id.
pub type SessionId = [u8; 32];

/// A message that is shown once, on the next page.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Flash {
    /// Green or red.
    pub good: bool,
    /// What happened.
    pub text: String,
    /// More about it, line by line.
    pub lines: Vec<String>,
}

/// One browser that is logged in.
struct Session {
    key_id: i64,
    csrf: String,
    since: Instant,
    seen: Instant,
    flashes: Vec<Flash>,
    moving: Option<Found>,
}

/// What a request needs to know of its session.
#[derive(Clone, Debug)]
pub struct Known {
    /// The session.
    pub id: SessionId,
    /// The key it was opened with.
    pub key_id: i64,
    /// What each of its forms carries.
    pub csrf: String,
}

/// Every session of this process.
#[derive(Default)]
pub struct Sessions(Mutex<HashMap<SessionId, Session>>);

impl Sessions {
    /// Opens a session and gives the text of its cookie.
    pub fn open(&self, key_id: i64) -> Result<String, Problem> {
        let (cookie, csrf) = (random()?, random()?);
        let now = Instant::now();
        let mut sessions = self.lock();
        sessions.retain(|_, session| session.lives(now));
        if sessions.len() >= SESSIONS_MAX
            && let Some(oldest) = sessions.iter().min_by_key(|(_, session)| session.seen).map(|(id, _)| *id)
        {
            sessions.remove(&oldest);
        }
        let session = Session { key_id, csrf, since: now, seen: now, flashes: Vec::new(), moving: None };
        sessions.insert(digest(&cookie), session);
        Ok(cookie)
    }

    /// The session of a cookie. A person's own step keeps it alive; what a page does by itself
    /// (`touch` false) does not, or a forgotten tab would stay logged in.
    pub fn find(&self, cookie: &str, touch: bool) -> Option<Known> {
        let id = digest(cookie);
        let now = Instant::now();
        let mut sessions = self.lock();
        let session = sessions.get_mut(&id)?;
        if !session.lives(now) {
            sessions.remove(&id);
            return None;
        }
        if touch {
            session.seen = now;
        }
        Some(Known { id, key_id: session.key_id, csrf: session.csrf.clone() })
    }

    /// Ends a session.
    pub fn close(&self, id: &SessionId) {
        self.lock().remove(id);
    }

    /// Leaves a message for the next page.
    pub fn leave(&self, id: &SessionId, flash: Flash) {
        if let Some(session) = self.lock().get_mut(id)
            && session.flashes.len() < FLASHES_MAX
        {
            session.flashes.push(flash);
        }
    }

    /// Takes the messages that wait.
    pub fn take(&self, id: &SessionId) -> Vec<Flash> {
        self.lock().get_mut(id).map(|session| std::mem::take(&mut session.flashes)).unwrap_or_default()
    }

    /// Keeps what somebody moves in with.
    pub fn keep(&self, id: &SessionId, found: Found) {
        if let Some(session) = self.lock().get_mut(id) {
            session.moving = Some(found);
        }
    }

    /// Takes what was kept.
    pub fn kept(&self, id: &SessionId) -> Option<Found> {
        self.lock().get_mut(id)?.moving.take()
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<SessionId, Session>> {
        // The map is whole at every instant, so a panic elsewhere does not spoil it.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Session {
    fn lives(&self, now: Instant) -> bool {
        now.duration_since(self.seen) < IDLE && now.duration_since(self.since) < LIFE
    }
}

/// Whether a form's token is the session's, compared in constant time.
pub fn same_token(given: &str, token: &str) -> bool {
    bool::from(given.as_bytes().ct_eq(token.as_bytes()))
}

fn random() -> Result<String, Problem> {
    let mut bytes = [0; 32];
    getrandom::fill(&mut bytes).map_err(|error| {
        tracing::error!(%error, "no random numbers");
        Problem::new(500, "this machine gives no random numbers")
    })?;
    Ok(hex::encode(bytes))
}

fn digest(cookie: &str) -> SessionId {
    Sha256::digest(cookie.as_bytes()).into()
}

/// Failed log-ins of one address that are taken before it has to wait.
const FAILURES_MAX: u32 = 10;
/// How long failures count.
const WINDOW: Duration = Duration::from_secs(5 * 60);
/// Most addresses remembered.
const ADDRESSES_MAX: usize = 10_000;

/// How often log-ins failed lately, by address.
#[derive(Default)]
pub struct Failures(Mutex<HashMap<IpAddr, (u32, Instant)>>);

impl Failures {
    /// The seconds this address has to wait before it may try again; `None`: none.
    pub fn wait(&self, address: IpAddr) -> Option<u64> {
        let failures = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let (count, since) = failures.get(&network(address))?;
        let left = WINDOW.checked_sub(since.elapsed())?;
        (*count >= FAILURES_MAX).then_some(left.as_secs() + 1)
    }

    /// Counts a failure.
    pub fn count(&self, address: IpAddr) {
        let mut failures = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if failures.len() >= ADDRESSES_MAX {
            failures.retain(|_, (_, since)| since.elapsed() < WINDOW);
        }
        let now = Instant::now();
        let entry = failures.entry(network(address)).or_insert((0, now));
        if entry.1.elapsed() >= WINDOW {
            *entry = (0, now);
        }
        entry.0 = entry.0.saturating_add(1);
    }

    /// Forgets an address: it has the right key.
    pub fn forget(&self, address: IpAddr) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).remove(&network(address));
    }
}

/// One IPv6 subscriber holds a whole /64.
fn network(address: IpAddr) -> IpAddr {
    match address {
        IpAddr::V6(six) => std::net::Ipv6Addr::from(u128::from(six) >> 64 << 64).into(),
        four => four,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cookie_opens_its_own_session_until_it_is_closed() {
        let sessions = Sessions::default();
        let (one, two) = (sessions.open(1).unwrap(), sessions.open(2).unwrap());
        assert!(one != two && one.len() == 64);
        let known = sessions.find(&one, true).unwrap();
        assert_eq!(known.key_id, 1);
        assert!(sessions.find("", true).is_none() && sessions.find("x", true).is_none());
        sessions.close(&known.id);
        assert!(sessions.find(&one, true).is_none());
        assert_eq!(sessions.find(&two, true).unwrap().key_id, 2);
    }

    #[test]
    fn a_session_ends_when_nobody_is_there_and_in_any_case() {
        let sessions = Sessions::default();
        let age = |cookie: &str, since: Duration, seen: Duration| {
            let mut all = sessions.lock();
            let session = all.get_mut(&digest(cookie)).unwrap();
            session.since = session.since.checked_sub(since).unwrap();
            session.seen = session.seen.checked_sub(seen).unwrap();
        };
        let idle = sessions.open(1).unwrap();
        age(&idle, Duration::ZERO, IDLE / 2);
        assert!(sessions.find(&idle, false).is_some(), "a poll is answered");
        age(&idle, Duration::ZERO, IDLE / 2);
        assert!(sessions.find(&idle, false).is_none(), "and keeps nothing alive");
        let old = sessions.open(1).unwrap();
        age(&old, LIFE, Duration::ZERO);
        assert!(sessions.find(&old, true).is_none());
    }

    #[test]
    fn the_number_of_sessions_is_bounded() {
        let sessions = Sessions::default();
        let first = sessions.open(1).unwrap();
        for _ in 0..SESSIONS_MAX {
            sessions.open(1).unwrap();
        }
        assert!(sessions.find(&first, true).is_none());
        assert_eq!(sessions.lock().len(), SESSIONS_MAX);
    }

    #[test]
    fn failures_count_per_address_and_end() {
        let failures = Failures::default();
        let (one, other) = (IpAddr::from([192, 0, 2, 1]), IpAddr::from([192, 0, 2, 2]));
        for _ in 0..FAILURES_MAX {
            assert_eq!(failures.wait(one), None);
            failures.count(one);
        }
        assert!(failures.wait(one).unwrap() > 200 && failures.wait(other).is_none());
        failures.forget(one);
        assert_eq!(failures.wait(one), None);
        let neighbour = |last| IpAddr::from([0x2001, 0xdb8, 0, 1, 0, 0, 0, last]);
        (0..FAILURES_MAX).for_each(|_| failures.count(neighbour(1)));
        assert!(failures.wait(neighbour(2)).is_some(), "a /64 is one subscriber");
    }
}
