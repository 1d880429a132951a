//! Verification: which keys are to be looked up at the zone's own servers, and what was seen.
//!
//! A key that was applied is due at once; one that is served once a day, at an hour of its own that
//! comes from its name, so that a million keys do not meet.

use crate::Store;
use crate::error::StoreError;
use crate::keys::{key, place};
use crate::model::*;
use crate::sql::{args, bulk, statements};
use sha2::{Digest, Sha256};
use zonecast_core::{Name, RecordType};

const DAY: Millis = 24 * 3600 * 1000;
/// Never looked at again sooner than this by the daily round.
const SOON: Millis = 3600 * 1000;

statements! {
    VERIFY_DUE = "SELECT zone_id, name_key, rtype, state, applied, ttl, last_error, attempts, next_attempt_at, verified,
        verified_at, updated_at FROM key_state WHERE verify_due_at IS NOT NULL AND verify_due_at <= $1
        ORDER BY verify_due_at LIMIT $2";
    VERIFY_FAR = "SELECT zone_id, name_key, rtype, state, applied, ttl, last_error, attempts, next_attempt_at, verified,
        verified_at, updated_at FROM key_state WHERE verify_due_at IS NOT NULL AND verify_due_at > $1
        ORDER BY verify_due_at LIMIT $2";
    NEXT_VERIFY = "SELECT MIN(verify_due_at) FROM key_state WHERE verify_due_at IS NOT NULL";
}

bulk! {
    VERIFIED [now: Int] [zone_id: Int, name_key: Blob, rtype: Int, seen: Int, state: Text, verified: Text, again_at: Int] = "
        UPDATE key_state SET state = v.state, verified = v.verified, verified_at = x.now, verify_due_at = v.again_at
        FROM v CROSS JOIN x WHERE key_state.zone_id = v.zone_id AND key_state.name_key = v.name_key
        AND key_state.rtype = v.rtype AND key_state.updated_at = v.seen AND key_state.state IN ('applied', 'served')";
}

impl Store {
    /// The keys to be looked up by now, the most overdue first.
    pub async fn verify_due(&self, now: Millis, limit: usize) -> Result<Vec<KeyRow>, StoreError> {
        let mut rows = self.db().all(&VERIFY_DUE, args![now, limit]).await?;
        if rows.is_empty() {
            // Further ahead than any round goes: the clock was set back.
            rows = self.db().all(&VERIFY_FAR, args![now + DAY + 2 * SOON, limit]).await?;
        }
        rows.into_iter().map(key).collect()
    }

    /// When the next key is to be looked up.
    pub async fn next_verify(&self) -> Result<Option<Millis>, StoreError> {
        let (due,): (Option<i64>,) = self.db().one(&NEXT_VERIFY, args![]).await?;
        Ok(due)
    }

    /// Stores what was seen. Keys that were written since they were handed out keep what they are;
    /// gives how many were stored.
    pub async fn store_verified(&self, seen: &[Verified]) -> Result<u64, StoreError> {
        let mut sorted: Vec<&Verified> = seen.iter().collect();
        sorted.sort_by(|a, b| (a.zone_id, &a.name, a.rtype).cmp(&(b.zone_id, &b.name, b.rtype)));
        let mut tx = self.db().begin().await?;
        let now = self.clock(&mut tx).await?;
        let mut rows = Vec::with_capacity(seen.len() * 7);
        for one in sorted {
            let again = one.again_at.unwrap_or_else(|| next_day(one.zone_id, &one.name, one.rtype, now));
            rows.extend(place(one.zone_id, &one.name, one.rtype));
            rows.extend(args![one.seen_updated_at, one.state.as_str(), &one.verified, again]);
        }
        let stored = tx.bulk(&VERIFIED, args![now], rows).await?;
        tx.commit().await?;
        Ok(stored)
    }
}

/// The next time of day that belongs to this key, an hour from now or later.
pub(crate) fn next_day(zone_id: i64, name: &Name, rtype: RecordType, now: Millis) -> Millis {
    let mut hash = Sha256::new();
    hash.update(zone_id.to_be_bytes());
    hash.update(rtype.0.to_be_bytes());
    hash.update(name.key());
    let bytes: [u8; 32] = hash.finalize().into();
    let slot = i64::from(u32::from_be_bytes([bytes[0], bytes[1], bytes[2], bytes[3]])) % DAY;
    let earliest = now + SOON;
    earliest + (slot - earliest).rem_euclid(DAY)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_daily_round_is_spread_and_steady() {
        let now = 1_760_000_000_000;
        let mut hours = [0; 24];
        for index in 0..2400 {
            let name = Name::parse(&format!("vm-{index}.example.com")).unwrap();
            let first = next_day(1, &name, RecordType::A, now);
            assert!(first >= now + SOON && first < now + SOON + DAY);
            assert_eq!(next_day(1, &name, RecordType::A, first), first + DAY);
            hours[usize::try_from((first - now - SOON) / 3_600_000).unwrap()] += 1;
        }
        assert!(hours.iter().all(|count| (50..200).contains(count)), "{hours:?}");
    }
}
