//! When a zone's next pass may begin: at once, unless wishes keep coming faster than passes end.
//!
//! A call to a provider often costs the same for one name as for a hundred (PowerDNS rectifies the
//! whole zone), so under a steady trickle a short rest lets more names share a call. A zone that had
//! nothing due in between has no rest, so a single change never waits.

use std::collections::HashMap;
use std::time::{Duration, Instant};

/// What each pass under pressure adds to the rest.
const STEP: Duration = Duration::from_millis(25);
/// The longest time from the beginning of one pass to the beginning of the next.
const LONGEST: Duration = Duration::from_millis(250);
/// This many names are worth a call of their own.
const ENOUGH: i64 = 200;

/// The passes of one worker since it began.
#[derive(Default)]
pub(super) struct Rhythm {
    /// When each zone's last pass began, and how many came without a rest in between.
    passes: HashMap<i64, (Instant, u32)>,
}

impl Rhythm {
    /// Zones that are not due have come to rest.
    pub fn keep(&mut self, is_due: impl Fn(i64) -> bool) {
        self.passes.retain(|zone, _| is_due(*zone));
    }

    /// How long a zone with so many due names still gathers more; zero when its turn has come.
    pub fn rest(&self, zone: i64, names: i64, now: Instant) -> Duration {
        let Some((began, passes)) = self.passes.get(&zone).filter(|_| names < ENOUGH) else {
            return Duration::ZERO;
        };
        let gap = STEP.saturating_mul(*passes).min(LONGEST);
        gap.saturating_sub(now.saturating_duration_since(*began))
    }

    /// A pass of the zone begins.
    pub fn begins(&mut self, zone: i64, now: Instant) {
        let (began, passes) = self.passes.entry(zone).or_insert((now, 0));
        (*began, *passes) = (now, passes.saturating_add(1));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_single_change_never_waits_and_a_trickle_shares_calls() {
        let (mut rhythm, start) = (Rhythm::default(), Instant::now());
        assert_eq!(rhythm.rest(1, 1, start), Duration::ZERO);
        let mut now = start;
        let mut passes = 0;
        while now < start + Duration::from_secs(10) {
            now += rhythm.rest(1, 5, now);
            rhythm.begins(1, now);
            passes += 1;
            now += Duration::from_millis(10);
        }
        assert!((40..=50).contains(&passes), "{passes}");
        assert_eq!(rhythm.rest(1, ENOUGH, now), Duration::ZERO, "many names do not wait");
        assert_eq!(rhythm.rest(2, 1, now), Duration::ZERO, "nor does another zone");
        rhythm.keep(|_| false);
        assert_eq!(rhythm.rest(1, 1, now), Duration::ZERO, "nor one that came to rest");
    }
}
