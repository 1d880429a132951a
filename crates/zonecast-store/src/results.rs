//! The outcome of a pass is stored: keys, names, jobs, logs, audit, in one transaction under a lease.
//!
//! `done` becomes the version that was planned from. A wish that arrived meanwhile has a newer
//! `wanted`, so its name stays dirty, due now, with its flags.

use crate::Store;
use crate::codec;
use crate::db::{Tx, again};
use crate::error::{DbError, StoreError};
use crate::jobs::{self, Tally};
use crate::keys::place;
use crate::model::*;
use crate::sql::{Value, args, bulk, statements};
use crate::verify::next_day;
use std::collections::{BTreeMap, HashMap, HashSet};
use zonecast_core::{KeyState, Name, RecordType};

/// How many former outcomes of a key are kept.
const HISTORY: i64 = 20;

statements! {
    ZONE_HERE = "SELECT id FROM zone WHERE id = $1", postgres "SELECT id FROM zone WHERE id = $1 FOR UPDATE";
    ZONE_OWNED = "UPDATE zone SET owned = owned + $2 WHERE id = $1";
    REMOVED = "INSERT INTO removal_window (zone_id, at, removed) VALUES ($1, $2, $3)";
    REMOVED_OLD = "DELETE FROM removal_window WHERE zone_id = $1 AND at < $2";
}

bulk! {
    KEYS_PRESENT [] [zone_id: Int, name_key: Blob] = "
        SELECT k.name_key, k.rtype, k.state, k.applied, k.ttl, k.last_error, k.outcomes, k.updated_at, k.verify_due_at
        FROM v CROSS JOIN key_state k WHERE k.zone_id = v.zone_id AND k.name_key = v.name_key";
    KEY_PUT [] [zone_id: Int, name_key: Blob, rtype: Int, state: Text, applied: Blob, ttl: Int, last_error: Text,
        attempts: Int, next_attempt_at: Int, verified: Text, verified_at: Int, verify_due_at: Int, outcomes: Int,
        updated_at: Int] = "
        INSERT INTO key_state (zone_id, name_key, rtype, state, applied, ttl, last_error, attempts, next_attempt_at,
            verified, verified_at, verify_due_at, outcomes, updated_at)
        SELECT v.zone_id, v.name_key, v.rtype, v.state, v.applied, v.ttl, v.last_error, v.attempts, v.next_attempt_at,
            v.verified, v.verified_at, v.verify_due_at, v.outcomes, v.updated_at FROM v WHERE true
        ON CONFLICT (zone_id, name_key, rtype) DO UPDATE SET state = excluded.state, applied = excluded.applied,
            ttl = excluded.ttl, last_error = excluded.last_error, attempts = excluded.attempts,
            next_attempt_at = excluded.next_attempt_at, verified = excluded.verified,
            verified_at = excluded.verified_at, verify_due_at = excluded.verify_due_at,
            outcomes = excluded.outcomes, updated_at = excluded.updated_at";
    KEY_DROP [] [zone_id: Int, name_key: Blob, rtype: Int] = "
        DELETE FROM key_state WHERE (zone_id, name_key, rtype) IN (SELECT v.zone_id, v.name_key, v.rtype FROM v)";
    OUTCOME_DROP [] [zone_id: Int, name_key: Blob, rtype: Int] = "
        DELETE FROM outcome WHERE (zone_id, name_key, rtype) IN (SELECT v.zone_id, v.name_key, v.rtype FROM v)";
    OUTCOME_PUT [] [zone_id: Int, name_key: Blob, rtype: Int, slot: Int, state: Text, applied: Blob, ttl: Int,
        note: Text, at: Int] = "
        INSERT INTO outcome (zone_id, name_key, rtype, slot, state, applied, ttl, note, at)
        SELECT v.zone_id, v.name_key, v.rtype, v.slot, v.state, v.applied, v.ttl, v.note, v.at FROM v WHERE true
        ON CONFLICT (zone_id, name_key, rtype, slot) DO UPDATE SET state = excluded.state,
            applied = excluded.applied, ttl = excluded.ttl, note = excluded.note, at = excluded.at";
    NAME_DONE [] [zone_id: Int, name_key: Blob, planned: Int] = "
        UPDATE name_state SET done = CASE WHEN v.planned > name_state.done THEN v.planned ELSE name_state.done END,
            attempts = CASE WHEN name_state.wanted <= v.planned THEN 0 ELSE name_state.attempts END,
            flags = CASE WHEN name_state.wanted <= v.planned THEN 0 ELSE name_state.flags END
        FROM v WHERE name_state.zone_id = v.zone_id AND name_state.name_key = v.name_key";
    NAME_AGAIN [] [zone_id: Int, name_key: Blob, planned: Int, retry_at: Int] = "
        UPDATE name_state SET attempts = name_state.attempts + 1, due_at = v.retry_at
        FROM v WHERE name_state.zone_id = v.zone_id AND name_state.name_key = v.name_key
        AND name_state.wanted = v.planned";
    NAME_UNWATCH [] [zone_id: Int, name_key: Blob, job_id: Int] = "
        UPDATE name_state SET job_id = NULL FROM v WHERE name_state.zone_id = v.zone_id
        AND name_state.name_key = v.name_key AND name_state.job_id = v.job_id RETURNING name_state.name_key";
    NAME_DIRTY [] [zone_id: Int, name_key: Blob] = "
        SELECT n.name_key FROM v CROSS JOIN name_state n WHERE n.zone_id = v.zone_id AND n.name_key = v.name_key
        AND n.wanted > n.done";
    NAME_DROP [] [zone_id: Int, name_key: Blob] = "
        DELETE FROM name_state WHERE (zone_id, name_key) IN (SELECT v.zone_id, v.name_key FROM v) AND wanted <= done";
}

impl Store {
    /// Stores what passes over names of one zone came to, with the jobs' log lines and audit lines.
    ///
    /// One transaction, only under the lease's fence: else `Fenced`, and nothing is stored. Keys of a
    /// name that a result does not list are gone. A zone that was removed meanwhile takes no results.
    /// `updated_at` of a key may be zero: then it is set to now when state, values or TTL changed.
    pub async fn store_results(
        &self,
        lease: &Lease,
        zone_id: i64,
        results: &[NameResult],
        log: &[(i64, String)],
        audit: &[NewAudit],
    ) -> Result<Stored, StoreError> {
        again!(self.try_store(lease, zone_id, results, log, audit).await)
    }

    async fn try_store(
        &self,
        lease: &Lease,
        zone_id: i64,
        results: &[NameResult],
        log: &[(i64, String)],
        audit: &[NewAudit],
    ) -> Result<Stored, DbError> {
        let mut tx = self.db().begin().await?;
        crate::lease::hold(&mut tx, lease).await?;
        let zone: Option<(i64,)> = tx.optional(&ZONE_HERE, args![zone_id]).await?;
        if zone.is_none() {
            return Ok(Stored::default());
        }
        let now = self.clock(&mut tx).await?;
        let mut results: Vec<&NameResult> = results.iter().collect();
        results.sort_by(|a, b| a.name.cmp(&b.name));
        store_keys(&mut tx, zone_id, &results, now).await?;
        crate::intents::arrived(&mut tx, zone_id, &results).await?;
        let tallies = unwatch(&mut tx, zone_id, &results).await?;
        let settled = settle_names(&mut tx, zone_id, &results).await?;
        note_removals(&mut tx, zone_id, &results, now).await?;
        let reaped = crate::reap::names_settled(&mut tx, zone_id, &settled).await?;
        jobs::append(&mut tx, log, now).await?;
        let finished_jobs = jobs::count(&mut tx, zone_id, &tallies, now).await?;
        crate::audit::insert(&mut tx, audit, now).await?;
        tx.commit().await?;
        Ok(Stored { finished_jobs, reaped })
    }
}

/// A key as it was before the pass.
struct Before {
    state: KeyState,
    applied: Vec<u8>,
    ttl: i64,
    last_error: Option<String>,
    outcomes: i64,
    updated_at: Millis,
    verify_due_at: Option<Millis>,
}

type Present = (Vec<u8>, i64, String, Vec<u8>, i64, Option<String>, i64, i64, Option<i64>);

async fn keys_before(
    tx: &mut Tx,
    zone_id: i64,
    results: &[&NameResult],
) -> Result<HashMap<(Vec<u8>, RecordType), Before>, DbError> {
    let rows = results.iter().flat_map(|result| args![zone_id, &result.name]).collect();
    let found: Vec<Present> = tx.bulk_all(&KEYS_PRESENT, args![], rows).await?;
    let mut before = HashMap::with_capacity(found.len());
    for (name, rtype, state, applied, ttl, last_error, outcomes, updated_at, verify_due_at) in found {
        let state = codec::state(&state)?;
        let was = Before { state, applied, ttl, last_error, outcomes, updated_at, verify_due_at };
        before.insert((name, codec::rtype(rtype)?), was);
    }
    Ok(before)
}

/// Makes the keys of the names what the results say; what changed goes to the history.
async fn store_keys(tx: &mut Tx, zone_id: i64, results: &[&NameResult], now: Millis) -> Result<(), DbError> {
    let mut before = keys_before(tx, zone_id, results).await?;
    let (mut puts, mut history, mut owned) = (Vec::new(), Vec::new(), 0);
    for key in results.iter().flat_map(|result| &result.keys) {
        let was = before.remove(&(key.name.key().to_vec(), key.rtype));
        owned += key.applied.len() as i64;
        if let Some(was) = &was {
            owned -= codec::count_values(&was.applied)?;
        }
        push_key(&mut puts, &mut history, zone_id, key, was, now);
    }
    let mut drops = Vec::new();
    for ((name, rtype), was) in &before {
        owned -= codec::count_values(&was.applied)?;
        drops.extend(args![zone_id, name.as_slice(), *rtype]);
    }
    tx.bulk(&KEY_PUT, args![], puts).await?;
    tx.bulk(&OUTCOME_PUT, args![], history).await?;
    tx.bulk(&KEY_DROP, args![], drops.clone()).await?;
    tx.bulk(&OUTCOME_DROP, args![], drops).await?;
    if owned != 0 {
        tx.execute(&ZONE_OWNED, args![zone_id, owned]).await?;
    }
    Ok(())
}

fn push_key(
    puts: &mut Vec<Value>,
    history: &mut Vec<Value>,
    zone_id: i64,
    key: &KeyRow,
    was: Option<Before>,
    now: Millis,
) {
    let applied = codec::values(&key.applied);
    let ttl = i64::from(key.ttl.seconds());
    let same =
        was.as_ref().is_some_and(|was| was.state == key.state && was.applied == applied && was.ttl == ttl);
    let mut outcomes = was.as_ref().map_or(0, |was| was.outcomes);
    if let Some(was) = was.as_ref().filter(|was| !same || was.last_error != key.last_error) {
        history.extend(place(zone_id, &key.name, key.rtype));
        history.extend(args![outcomes % HISTORY, was.state, was.applied.as_slice(), was.ttl]);
        history.extend(args![&was.last_error, was.updated_at]);
        outcomes += 1;
    }
    let updated_at = match &was {
        _ if key.updated_at > 0 => key.updated_at,
        Some(was) if same => was.updated_at,
        _ => now,
    };
    let standing = was.and_then(|was| was.verify_due_at).filter(|_| same);
    let verify_due_at = match key.state {
        KeyState::Applied => Some(standing.unwrap_or(now)),
        KeyState::Served => Some(standing.unwrap_or_else(|| next_day(zone_id, &key.name, key.rtype, now))),
        _ => None,
    };
    puts.extend(place(zone_id, &key.name, key.rtype));
    puts.extend(args![key.state, applied, ttl, &key.last_error, key.attempts, key.next_attempt_at]);
    puts.extend(args![&key.verified, key.verified_at, verify_due_at, outcomes, updated_at]);
}

/// Ends the watch of the jobs that the results name, where they still watch.
async fn unwatch(
    tx: &mut Tx,
    zone_id: i64,
    results: &[&NameResult],
) -> Result<BTreeMap<i64, Tally>, DbError> {
    let mut watched: HashMap<&[u8], &NameResult> = HashMap::new();
    let mut rows = Vec::new();
    for result in results {
        if let Some(job) = result.job_id {
            rows.extend(args![zone_id, &result.name, job]);
            watched.insert(result.name.key(), result);
        }
    }
    let cleared: Vec<(Vec<u8>,)> = tx.bulk_all(&NAME_UNWATCH, args![], rows).await?;
    let mut tallies: BTreeMap<i64, Tally> = BTreeMap::new();
    for (key,) in cleared {
        let Some((result, job)) = watched.get(key.as_slice()).and_then(|r| Some((r, r.job_id?))) else {
            continue;
        };
        let tally = tallies.entry(job).or_default();
        match result.ok {
            true => tally.succeeded += 1,
            false => tally.failed.push(result.name.clone()),
        }
    }
    Ok(tallies)
}

/// Stores how far the names are; gives those that are through for now. Those without keys lose their row.
async fn settle_names<'a>(
    tx: &mut Tx,
    zone_id: i64,
    results: &[&'a NameResult],
) -> Result<Vec<&'a Name>, DbError> {
    let (mut done, mut retried, mut looked, mut empty) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    for result in results {
        if result.done {
            done.extend(args![zone_id, &result.name, result.planned]);
            looked.extend(args![zone_id, &result.name]);
            if result.keys.is_empty() {
                empty.extend(args![zone_id, &result.name]);
            }
        } else if let Some(retry_at) = result.retry_at {
            retried.extend(args![zone_id, &result.name, result.planned, retry_at]);
        }
    }
    tx.bulk(&NAME_DONE, args![], done).await?;
    tx.bulk(&NAME_AGAIN, args![], retried).await?;
    let dirty: Vec<(Vec<u8>,)> = tx.bulk_all(&NAME_DIRTY, args![], looked).await?;
    tx.bulk(&NAME_DROP, args![], empty).await?;
    let dirty: HashSet<Vec<u8>> = dirty.into_iter().map(|(key,)| key).collect();
    let settled = results.iter().filter(|result| result.done && !dirty.contains(result.name.key()));
    Ok(settled.map(|result| &result.name).collect())
}

async fn note_removals(
    tx: &mut Tx,
    zone_id: i64,
    results: &[&NameResult],
    now: Millis,
) -> Result<(), DbError> {
    let removed: i64 = results.iter().map(|result| result.removed_derived).sum();
    if removed > 0 {
        tx.execute(&REMOVED, args![zone_id, now, removed]).await?;
        tx.execute(&REMOVED_OLD, args![zone_id, now - 3_600_000]).await?;
    }
    Ok(())
}
