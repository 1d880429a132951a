//! How often one account at a provider may be called.
//!
//! Providers count calls per credential and shut out whoever goes beyond, for everything, so the
//! budget belongs to the group of connections that share a credential. Calls are spaced evenly
//! instead of saved up for a burst: then no second, wherever it begins, holds more calls than the
//! limit, however the provider cuts its seconds. Background work (the daily comparison) takes at most
//! every fourth turn, so that it never delays a wish by more than one turn.

use std::time::Duration;

/// Background work takes one turn in this many.
const BACKGROUND_EVERY: f64 = 4.0;

/// Who wants to call.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Errand {
    /// A wish is carried out.
    Wish,
    /// The daily comparison: at most a quarter of the budget.
    Comparison,
}

/// The calls one budget group may make; times are milliseconds of any clock that does not go back.
#[derive(Clone, Debug)]
pub struct Budget {
    turn_ms: f64,
    next_ms: f64,
    next_comparison_ms: f64,
}

impl Budget {
    /// So many calls a second; `None` where that is no limit (zero, negative, not a number).
    pub fn new(calls_per_second: f64) -> Option<Budget> {
        let limited = calls_per_second.is_finite() && calls_per_second > 0.0;
        limited.then(|| Budget { turn_ms: 1000.0 / calls_per_second, next_ms: 0.0, next_comparison_ms: 0.0 })
    }

    /// Takes one call, or tells how long to wait before asking again. Who is told to wait has taken
    /// nothing.
    ///
    /// ```text
    /// 4 a second:  take at 0 -> Ok, at 100 -> wait 150 ms, at 250 -> Ok
    /// ```
    pub fn take(&mut self, errand: Errand, now_ms: f64) -> Result<(), Duration> {
        let due = match errand {
            Errand::Wish => self.next_ms,
            Errand::Comparison => self.next_ms.max(self.next_comparison_ms),
        };
        if now_ms < due {
            return Err(Duration::from_secs_f64((due - now_ms) / 1000.0));
        }
        self.next_ms = now_ms + self.turn_ms;
        if errand == Errand::Comparison {
            self.next_comparison_ms = now_ms + self.turn_ms * BACKGROUND_EVERY;
        }
        Ok(())
    }

    /// Counts calls that were made beyond those taken: the next one waits for them too.
    pub fn charge(&mut self, calls: u64) {
        self.next_ms += self.turn_ms * calls as f64;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// When calls go out if somebody asks again as soon as it may, for `span_ms`.
    fn calls(budget: &mut Budget, errand: Errand, span_ms: f64) -> Vec<f64> {
        let (mut now, mut calls) = (0.0, Vec::new());
        while now < span_ms {
            match budget.take(errand, now) {
                Ok(()) => calls.push(now),
                Err(wait) => now += wait.as_secs_f64() * 1000.0 + 0.001,
            }
        }
        calls
    }

    #[test]
    fn no_second_holds_more_calls_than_the_limit() {
        for limit in [1.0, 4.0, 7.5, 20.0] {
            let calls = calls(&mut Budget::new(limit).unwrap(), Errand::Wish, 10_000.0);
            for first in &calls {
                let within = calls.iter().filter(|at| **at >= *first && **at < first + 1000.0).count();
                assert!(within as f64 <= limit.ceil(), "{within} calls in a second, {limit} are allowed");
            }
            assert!(calls.len() as f64 >= 9.9 * limit, "the budget is used: {} calls", calls.len());
        }
    }

    #[test]
    fn the_daily_comparison_has_a_quarter_at_most_and_delays_a_wish_by_one_turn() {
        let mut budget = Budget::new(8.0).unwrap();
        assert!(calls(&mut budget, Errand::Comparison, 10_000.0).len() <= 20);
        let mut budget = Budget::new(8.0).unwrap();
        budget.take(Errand::Comparison, 0.0).unwrap();
        assert_eq!(budget.take(Errand::Wish, 0.0), Err(Duration::from_millis(125)));
        assert_eq!(budget.take(Errand::Wish, 125.0), Ok(()));
    }

    #[test]
    fn zero_is_no_limit() {
        assert!(Budget::new(0.0).is_none() && Budget::new(-1.0).is_none() && Budget::new(f64::NAN).is_none());
    }
}
