//! When to try again, and when to leave a service alone.
//!
//! Both are plain arithmetic over times given as arguments (milliseconds since the epoch, by the
//! database's clock) and a jitter given as argument, so a test can walk through a week in no time.

use std::time::Duration;

/// No wait is longer than this.
pub const LONGEST: Duration = Duration::from_secs(15 * 60);
/// The first wait is between half of this and this.
const FIRST: Duration = Duration::from_secs(2);
/// So many failures in a row open a breaker.
const FAILURES_TO_OPEN: u32 = 3;
/// A probe without an answer for this long is given up (its process may have died).
const PROBE_PATIENCE_MS: i64 = 60_000;

/// The wait before the next try after `attempt` failures in a row have been waited for (0 = the
/// first failure): doubling from 2 s, capped at 15 min, half of it fixed and half of it spread by
/// `jitter` (0.0 to 1.0), so that a thousand keys that failed together do not return together.
pub fn delay(attempt: u32, jitter: f64) -> Duration {
    let full = FIRST.saturating_mul(2u32.saturating_pow(attempt)).min(LONGEST);
    let jitter = if jitter.is_finite() { jitter.clamp(0.0, 1.0) } else { 1.0 };
    full / 2 + (full / 2).mul_f64(jitter)
}

/// Whether something due at `due_ms` is due at `now_ms`. A due time further ahead than the longest
/// wait counts as due: the clock was set back.
pub fn due_is_now(due_ms: i64, now_ms: i64) -> bool {
    due_ms <= now_ms || due_ms.saturating_sub(now_ms) > LONGEST.as_millis() as i64
}

/// A circuit breaker: after three failures in a row it lets nothing through for a while, then one
/// call to see whether the service is back.
///
/// ```text
/// Closed --3 failures--> Open until T --T passed--> Probing --success--> Closed
///                          ^------------------failure---'
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Breaker {
    /// Calls go through.
    Closed {
        /// Failures in a row so far.
        failures: u32,
    },
    /// No calls until `until_ms`.
    Open {
        /// When a probe may go out.
        until_ms: i64,
        /// How often it has opened in a row.
        openings: u32,
    },
    /// One call is out to see whether the service is back.
    Probing {
        /// When it went out.
        since_ms: i64,
        /// How often the breaker has opened in a row.
        openings: u32,
    },
}

impl Default for Breaker {
    fn default() -> Breaker {
        Breaker::Closed { failures: 0 }
    }
}

impl Breaker {
    /// Whether a call may go out now. Once an open breaker's time has come, the first to ask gets
    /// yes and is the probe; the others get no until its outcome is told.
    pub fn allows(&mut self, now_ms: i64) -> bool {
        match *self {
            Breaker::Closed { .. } => true,
            Breaker::Open { until_ms, openings } if due_is_now(until_ms, now_ms) => {
                self.probe(now_ms, openings)
            }
            Breaker::Probing { since_ms, openings }
                if due_is_now(since_ms.saturating_add(PROBE_PATIENCE_MS), now_ms) =>
            {
                self.probe(now_ms, openings)
            }
            _ => false,
        }
    }

    fn probe(&mut self, now_ms: i64, openings: u32) -> bool {
        *self = Breaker::Probing { since_ms: now_ms, openings };
        true
    }

    /// A call was answered: the service is there, whatever it said about one record.
    pub fn on_success(&mut self) {
        *self = Breaker::default();
    }

    /// A call failed. `blames_service` is false where the service answered and merely refused (a
    /// rejected record, a quota): that is proof of life. Late answers to calls sent before the
    /// breaker opened change nothing.
    pub fn on_failure(&mut self, blames_service: bool, now_ms: i64, jitter: f64) {
        if !blames_service {
            return self.on_success();
        }
        let openings = match *self {
            Breaker::Closed { failures } if failures + 1 < FAILURES_TO_OPEN => {
                *self = Breaker::Closed { failures: failures + 1 };
                return;
            }
            Breaker::Closed { .. } => 0,
            Breaker::Open { .. } => return,
            Breaker::Probing { openings, .. } => openings.saturating_add(1),
        };
        let until_ms = now_ms.saturating_add(delay(openings, jitter).as_millis() as i64);
        *self = Breaker::Open { until_ms, openings };
    }

    /// Whether every call goes through.
    pub fn is_closed(&self) -> bool {
        matches!(self, Breaker::Closed { .. })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_from_one_or_two_seconds_to_fifteen_minutes() {
        assert_eq!(delay(0, 0.0), Duration::from_secs(1));
        assert_eq!(delay(0, 1.0), Duration::from_secs(2));
        assert_eq!(delay(3, 1.0), Duration::from_secs(16));
        assert_eq!(delay(9, 1.0), LONGEST);
        assert_eq!(delay(u32::MAX, 1.0), LONGEST);
        assert_eq!(delay(u32::MAX, f64::NAN), LONGEST);
    }

    #[test]
    fn a_due_time_beyond_the_cap_means_the_clock_went_back() {
        assert!(due_is_now(1_000, 1_000) && due_is_now(999, 1_000));
        assert!(!due_is_now(1_001, 1_000));
        assert!(!due_is_now(900_000, 0) && due_is_now(900_001, 0));
        assert!(due_is_now(i64::MAX, i64::MIN));
    }

    fn opened() -> Breaker {
        let mut breaker = Breaker::default();
        for _ in 0..3 {
            assert!(breaker.allows(0));
            breaker.on_failure(true, 0, 1.0);
        }
        breaker
    }

    #[test]
    fn three_failures_open_it_one_probe_closes_it() {
        let mut breaker = opened();
        assert!(!breaker.allows(1_999));
        assert!(breaker.allows(2_000), "the probe");
        assert!(!breaker.allows(2_001), "one probe at a time");
        breaker.on_success();
        assert!(breaker.is_closed() && breaker.allows(2_002));
    }

    #[test]
    fn a_failed_probe_opens_it_for_longer() {
        let mut breaker = opened();
        assert!(breaker.allows(2_000));
        breaker.on_failure(true, 2_000, 1.0);
        assert!(!breaker.allows(5_999) && breaker.allows(6_000));
    }

    #[test]
    fn a_lost_probe_is_given_up() {
        let mut breaker = opened();
        assert!(breaker.allows(2_000));
        assert!(!breaker.allows(61_999) && breaker.allows(62_000));
    }

    #[test]
    fn a_refused_record_is_proof_of_life() {
        let mut breaker = opened();
        assert!(breaker.allows(2_000));
        breaker.on_failure(false, 2_000, 1.0);
        assert!(breaker.is_closed());
    }

    #[test]
    fn late_failures_do_not_push_the_probe_away() {
        let mut breaker = opened();
        breaker.on_failure(true, 1_900, 1.0);
        assert!(breaker.allows(2_000));
    }

    #[test]
    fn ten_minutes_of_outage_cost_few_calls() {
        let mut breaker = Breaker::default();
        let mut calls = 0;
        for now_ms in (0..600_000).step_by(100) {
            if breaker.allows(now_ms) {
                calls += 1;
                breaker.on_failure(true, now_ms, 0.0);
            }
        }
        assert!(calls <= 15, "{calls}");
    }
}
