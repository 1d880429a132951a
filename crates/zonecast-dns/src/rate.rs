//! Response-rate limiting: an authority must not be a good amplifier for somebody's spoofed traffic.
//!
//! One token bucket per client network (/24, /56) and listening thread. Above the rate most answers
//! are dropped and every `slip`-th is an empty one with TC set, so a real client behind the same
//! prefix comes back by TCP, which cannot be spoofed. The table has a fixed size: under a flood of
//! networks old buckets are forgotten, memory never grows.

use std::hash::{BuildHasher, RandomState};
use std::net::IpAddr;
use std::time::Instant;

const BUCKETS: usize = 1 << 14;

/// Limits on answers over UDP.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RateLimit {
    /// Answers per second and client network on each listening thread; a burst may be as large.
    pub answers_per_second: u32,
    /// Every how many-th answer above the rate goes out truncated; 0 drops all.
    pub slip: u32,
    /// Whether loopback addresses are limited too; normally they are not.
    pub limit_loopback: bool,
}

impl Default for RateLimit {
    fn default() -> RateLimit {
        RateLimit { answers_per_second: 1000, slip: 2, limit_loopback: false }
    }
}

/// What happens to one answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    Send,
    Truncate,
    Drop,
}

/// The buckets of one thread.
pub(crate) struct RateLimiter {
    limit: RateLimit,
    hasher: RandomState,
    buckets: Vec<Bucket>,
    start: Instant,
}

#[derive(Clone, Copy, Default)]
struct Bucket {
    network: u64,
    /// Thousandths of an answer.
    tokens: u64,
    filled_ms: u64,
    refused: u32,
}

impl RateLimiter {
    pub(crate) fn new(limit: RateLimit) -> RateLimiter {
        let buckets = vec![Bucket::default(); BUCKETS];
        RateLimiter { limit, hasher: RandomState::new(), buckets, start: Instant::now() }
    }

    /// Milliseconds for [`RateLimiter::judge`]; taken once for a batch.
    pub(crate) fn now_ms(&self) -> u64 {
        self.start.elapsed().as_millis() as u64
    }

    /// Takes one token of the client's network.
    pub(crate) fn judge(&mut self, peer: IpAddr, now_ms: u64) -> Verdict {
        let peer = peer.to_canonical();
        if peer.is_loopback() && !self.limit.limit_loopback {
            return Verdict::Send;
        }
        let network = network_of(peer);
        let full = u64::from(self.limit.answers_per_second) * 1000;
        let slot = self.hasher.hash_one(network) as usize % BUCKETS;
        let bucket = &mut self.buckets[slot];
        if bucket.network != network {
            *bucket = Bucket { network, tokens: full, filled_ms: now_ms, refused: 0 };
        }
        let passed = now_ms.saturating_sub(bucket.filled_ms);
        let gained = passed.saturating_mul(u64::from(self.limit.answers_per_second));
        bucket.tokens = bucket.tokens.saturating_add(gained).min(full);
        bucket.filled_ms = now_ms;
        if let Some(left) = bucket.tokens.checked_sub(1000) {
            bucket.tokens = left;
            return Verdict::Send;
        }
        bucket.refused = bucket.refused.wrapping_add(1);
        let slips = self.limit.slip != 0 && bucket.refused.is_multiple_of(self.limit.slip);
        if slips { Verdict::Truncate } else { Verdict::Drop }
    }
}

/// The /24 or /56 of an address as one number; the families never meet.
fn network_of(peer: IpAddr) -> u64 {
    match peer {
        IpAddr::V4(v4) => 0xFF00_0000_0000_0000 | u64::from(v4.to_bits() >> 8),
        IpAddr::V6(v6) => (v6.to_bits() >> 72) as u64,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_network_gets_its_rate_then_every_second_answer_truncated() {
        let limit = RateLimit { answers_per_second: 10, slip: 2, limit_loopback: false };
        let mut limiter = RateLimiter::new(limit);
        let one: IpAddr = "192.0.2.1".parse().unwrap();
        let neighbour: IpAddr = "192.0.2.200".parse().unwrap();
        assert!((0..10).all(|_| limiter.judge(one, 5) == Verdict::Send));
        assert_eq!(limiter.judge(neighbour, 5), Verdict::Drop);
        assert_eq!(limiter.judge(one, 5), Verdict::Truncate);
        assert_eq!(limiter.judge("198.51.100.1".parse().unwrap(), 5), Verdict::Send);
        assert_eq!(limiter.judge(one, 110), Verdict::Send, "a token came back after 100 ms");
        let loopback: IpAddr = "127.0.0.1".parse().unwrap();
        assert!((0..50).all(|_| limiter.judge(loopback, 5) == Verdict::Send));
    }
}
