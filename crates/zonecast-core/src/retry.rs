//! When to try again: plain arithmetic over times (milliseconds since the epoch, by the database's
//! clock) and a jitter given as arguments, so a test can walk through a week in no time.

use std::time::Duration;

/// No wait is longer than this.
pub const LONGEST: Duration = Duration::from_secs(15 * 60);
/// The first wait is between half of this and this.
const FIRST: Duration = Duration::from_secs(2);

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
}
