//! Which zones' empty answers are not believed yet, and for how long.
//!
//! Disbelief ends: an answer that stays the same over minutes is believed, and told.

use super::lock;
use std::collections::HashMap;
use std::sync::Mutex;
use zonecast_store::{NewAudit, Store, StoreError, ZoneRow};

/// The same answer over this long is believed.
const DOUBT_MILLIS: i64 = 2 * 60 * 1000;
/// Answers further apart than this are not the same one: the longest backoff and room for it.
const APART_MILLIS: i64 = 30 * 60 * 1000;

/// By zone: since when its empty answers are not believed, and when the last one came.
#[derive(Default)]
pub(super) struct Doubts(Mutex<HashMap<i64, (i64, i64)>>);

impl Doubts {
    /// An empty answer came now: how long such answers are still not believed; nothing when it was long
    /// enough.
    pub fn left(&self, zone: i64, now: i64) -> Option<i64> {
        let mut doubts = lock(&self.0);
        let (since, last) = doubts.entry(zone).or_insert((now, now));
        if !(0..APART_MILLIS).contains(&(now - *last)) {
            *since = now;
        }
        *last = now;
        Some(*since + DOUBT_MILLIS - now).filter(|left| *left > 0)
    }

    /// The zone shows something, or proves that it has nothing.
    pub fn end(&self, zone: i64) {
        lock(&self.0).remove(&zone);
    }

    /// The zone was found empty for so long that it is true.
    pub async fn tell(&self, store: &Store, zone: &ZoneRow, confirmed: usize) -> Result<(), StoreError> {
        tracing::warn!(zone = %zone.name, values = confirmed, "still nothing is there where values of ours should be: believed");
        let line = NewAudit {
            actor: "engine".to_owned(),
            source: "engine".to_owned(),
            action: "zone.empty_believed".to_owned(),
            object: format!("zone:{}", zone.id),
            detail: serde_json::json!({ "name": zone.name.to_string(), "values": confirmed }),
        };
        store.audit(&[line]).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_answer_is_believed_after_two_minutes_and_a_new_one_is_not() {
        let doubts = Doubts::default();
        let ask = |seconds: i64| doubts.left(1, seconds * 1000);
        assert_eq!([ask(0), ask(30), ask(119), ask(120)], [Some(120_000), Some(90_000), Some(1_000), None]);
        assert_eq!([ask(121), doubts.left(2, 121_000)], [None, Some(120_000)], "zone by zone");
        assert_eq!(ask(121 + 30 * 60), Some(120_000), "too far apart to be the same answer");
        doubts.end(1);
        assert_eq!(ask(123 + 30 * 60), Some(120_000));
    }
}
