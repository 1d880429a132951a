//! What became of a pass: the rows, the job's lines, the audit, in one transaction under the fence.
//!
//! A name is done when every key at it has an answer that only a new wish can change; anything that
//! time can change (a refused connection, somebody else's record in the way) is tried again with
//! backoff and healed by the same path.

use super::farewell::{self, Lingering};
use super::group::Turn;
use super::late;
use super::look::{self, Work};
use super::pass::Unread;
use super::trouble::{self, Trouble};
use zonecast_core::plan::{KeyPlan, KeyVerdict, NamePlan};
use zonecast_core::{KeyState, Observed, RecordData, RecordType, Ttl, ZoneState, retry};
use zonecast_providers::{ErrorClass, Outcome, ProviderError};
use zonecast_store::{DirtyName, KeyRow, NameResult, NewAudit, StoreError};

/// A pass's plans beside what the provider did with them.
pub(super) struct Judged<'a> {
    pub work: &'a Work,
    pub plans: &'a [NamePlan],
    /// For each plan, one outcome per change of it.
    pub outcomes: &'a [Vec<Outcome>],
    pub observed: &'a Observed,
}

/// Gives each plan the outcomes of its own changes, which were sent in the order `order`.
pub(super) fn by_plan(
    plans: &[NamePlan],
    order: &[(usize, usize)],
    outcomes: Vec<Outcome>,
) -> Vec<Vec<Outcome>> {
    let unsaid = || Outcome::Unknown(ProviderError::new(ErrorClass::Transient, "the provider did not say"));
    let mut by_plan: Vec<Vec<Outcome>> =
        plans.iter().map(|plan| plan.changes.iter().map(|_| unsaid()).collect()).collect();
    for ((plan, step), outcome) in order.iter().zip(outcomes) {
        by_plan[*plan][*step] = outcome;
    }
    by_plan
}

/// Lines and rows gathered while going through a pass.
#[derive(Default)]
struct Story {
    results: Vec<NameResult>,
    log: Vec<(i64, String)>,
    audit: Vec<NewAudit>,
    /// The worst of the calls' errors that are about the service and not about a record.
    trouble: Option<ProviderError>,
}

/// Stores what became of every name of the pass.
pub(super) async fn store(turn: &Turn, judged: &Judged<'_>, now: i64) -> Result<Option<Trouble>, StoreError> {
    let lingering = farewell::look(turn, judged, now).await;
    let mut story = Story::default();
    let ended = turn.inner.store.now().await?;
    for index in 0..judged.plans.len() {
        tell_name(turn, judged, index, now, &mut story);
        tell_lingering(turn, judged, index, (&lingering, now), &mut story);
        if let Some(result) = story.results.last_mut() {
            result.on_its_way = late::after(turn, judged, index, ended);
        }
    }
    let trouble = match story.trouble.take() {
        Some(error) => Some(Trouble::Failed(error)),
        None if turn.is_probe() => Some(Trouble::Over),
        None => None,
    };
    commit(turn, judged.work, story).await?;
    Ok(trouble)
}

/// Nothing is known of what is there: nothing is planned, every name shows why and when it is tried again.
pub(super) async fn store_unread(
    turn: &Turn,
    work: &Work,
    unread: Unread,
    now: i64,
) -> Result<Option<Trouble>, StoreError> {
    let mut story = Story::default();
    let (error, doubted) = match unread {
        Unread::Failed(error) => (error, None),
        Unread::Doubted { words, left } => (ProviderError::new(ErrorClass::Transient, words), Some(left)),
    };
    let again = match doubted {
        None => trouble::again_at(turn, &error, now),
        Some(left) => {
            let attempts = work.dirty.iter().map(|dirty| dirty.attempts).max().unwrap_or_default();
            again_at(attempts, now).min(now + left)
        }
    };
    for (index, dirty) in work.dirty.iter().enumerate() {
        let keys = failed_keys(turn, work, index, &error, again, now);
        log_keys(turn, dirty, &keys, &mut story);
        // The breaker, not the name, says when: the names stay due, so that all go through at once
        // when the provider is back. Where no breaker opens (a zone that is doubted, or on its way out)
        // the names wait.
        let due = if doubted.is_some() || turn.zone.row.state == ZoneState::Deleting { again } else { now };
        let on_its_way = late::as_before(turn, work, &dirty.name, now);
        story.results.push(NameResult { keys, on_its_way, ..result_of(dirty, false, Some(due)) });
    }
    commit(turn, work, story).await?;
    Ok(match doubted {
        None => Some(Trouble::Failed(error)),
        Some(_) => turn.is_probe().then_some(Trouble::Over),
    })
}

async fn commit(turn: &Turn, work: &Work, story: Story) -> Result<(), StoreError> {
    let inner = &turn.inner;
    let zone = turn.zone.row.id;
    let stored = inner.store.store_results(&turn.lease, zone, &story.results, &story.log, &story.audit);
    match stored.await {
        Ok(stored) => {
            // The same lines that the job's log has (S2.64).
            for (job, line) in &story.log {
                tracing::info!(target: "zonecast::job", job, "{line}");
            }
            for job in stored.finished_jobs {
                super::housekeeping::job_ended(inner, &job).await?;
            }
            inner.written.notify_one();
            Ok(())
        }
        Err(error @ StoreError::Fenced { .. }) => {
            // Our write may have landed after the new holder's: it shall look again at every name.
            let names: Vec<_> = work.dirty.iter().map(|dirty| dirty.name.clone()).collect();
            inner.store.reraise_after_fence(zone, &names).await?;
            Err(error)
        }
        Err(error) => Err(error),
    }
}

fn tell_name(turn: &Turn, judged: &Judged<'_>, index: usize, now: i64, story: &mut Story) {
    let (dirty, wanted, plan) = (&judged.work.dirty[index], &judged.work.wanted[index], &judged.plans[index]);
    let again = again_at(dirty.attempts, now);
    let mut keys = Vec::with_capacity(plan.keys.len());
    for key in look::keys(wanted, plan) {
        let steps = plan
            .changes
            .iter()
            .zip(&judged.outcomes[index])
            .filter(|(change, _)| change.rtype() == key.rtype);
        let outcome = worst(steps.map(|(_, outcome)| outcome));
        if let Some(Outcome::Failed(error) | Outcome::Unknown(error)) = outcome {
            note_trouble(story, error);
        }
        audit_key(turn, key, outcome, story);
        let (state, last_error) = look::said(judged.work, wanted, key);
        let row = KeyRow {
            state,
            applied: key.ours_after.clone(),
            ttl: ttl_in_force(judged, plan, key),
            last_error,
            ..blank(turn, dirty, key.rtype, now)
        };
        let before = ours_before(judged, dirty, key.rtype);
        let known = known_key(judged.work, dirty, key.rtype);
        keys.extend(key_row(row, dirty, key, outcome, known, before, (now, again)));
    }
    keys.extend(refused_keys(turn, judged, index, now));
    log_keys(turn, dirty, &keys, story);
    let retrying = keys.iter().any(|key| key.next_attempt_at.is_some());
    let again = retrying.then_some(again);
    let ok = keys.iter().all(|key| key.state.is_well());
    let removed_derived = if dirty.asked { 0 } else { plan.removals() as i64 };
    let result = result_of(dirty, again.is_none(), again);
    story.results.push(NameResult { keys, ok, removed_derived, ..result });
}

/// When a name is tried again that was tried in vain before, so often.
fn again_at(attempts: i64, now: i64) -> i64 {
    let attempt = u32::try_from(attempts + 1).unwrap_or(u32::MAX);
    now + retry::delay(attempt, trouble::jitter()).as_millis() as i64
}

/// What is removed and still answered keeps its name due and its job open.
fn tell_lingering(
    turn: &Turn,
    judged: &Judged<'_>,
    index: usize,
    (lingering, now): (&Lingering, i64),
    story: &mut Story,
) {
    let dirty = &judged.work.dirty[index];
    let known = judged.work.known.get(&dirty.name);
    let was_leaving = known.into_iter().flatten().any(farewell::is_leaving);
    let from = (dirty.name.clone(), RecordType(0));
    let of_name = lingering.range(from..).take_while(|((name, _), _)| *name == dirty.name);
    let Some(result) = story.results.last_mut() else { return };
    let mut waits = false;
    for ((_, rtype), (set, since)) in of_name {
        waits = true;
        result.keys.push(KeyRow {
            state: KeyState::Pending,
            applied: set.values.clone(),
            last_error: Some(farewell::LEAVING.to_owned()),
            ..blank(turn, dirty, *rtype, *since)
        });
        let again = farewell::again_at(*since, now);
        (result.done, result.job_id) = (false, None);
        result.retry_at = Some(result.retry_at.map_or(again, |at| at.min(again)));
    }
    let Some(job) = dirty.job_id else { return };
    let line = match (waits, was_leaving) {
        (true, false) => farewell::LEAVING,
        (false, true) => "no longer waited for: gone from the name servers, or verify_seconds are over",
        _ => return,
    };
    let way = if turn.zone.zone.is_reverse() { "rev" } else { "fwd" };
    story.log.push((job, format!("{way} {} {line}, {}", dirty.name, turn.zone.label())));
}

/// What counts for a key that took several steps: the first that did not go through.
pub(super) fn worst<'a>(mut outcomes: impl Iterator<Item = &'a Outcome>) -> Option<&'a Outcome> {
    let first = outcomes.next()?;
    if *first != Outcome::Done {
        Some(first)
    } else {
        outcomes.find(|o| **o != Outcome::Done).or(Some(first))
    }
}

/// The TTL that stands there after the plan.
fn ttl_in_force(judged: &Judged<'_>, plan: &NamePlan, key: &KeyPlan) -> Ttl {
    let written = plan.changes.iter().filter(|c| c.rtype() == key.rtype).find_map(|change| change.after());
    let there = judged.observed.get(&key.name, key.rtype);
    written.map(|set| set.ttl).or(there.map(|set| set.ttl)).unwrap_or(Ttl::DEFAULT)
}

fn result_of(dirty: &DirtyName, done: bool, retry_at: Option<i64>) -> NameResult {
    NameResult {
        name: dirty.name.clone(),
        planned: dirty.wanted,
        done,
        retry_at,
        on_its_way: Vec::new(),
        keys: Vec::new(),
        ok: false,
        job_id: dirty.job_id,
        removed_derived: 0,
    }
}

fn known_key<'a>(work: &'a Work, dirty: &DirtyName, rtype: RecordType) -> Option<&'a KeyRow> {
    work.known.get(&dirty.name)?.iter().find(|key| key.rtype == rtype)
}

/// Our values of a key before the pass's writes: those that were confirmed, and those on their way that
/// are seen now.
fn ours_before(judged: &Judged<'_>, dirty: &DirtyName, rtype: RecordType) -> Vec<RecordData> {
    let there = judged.observed.get(&dirty.name, rtype);
    let seen =
        |value: &&RecordData| there.is_some_and(|set| set.values.iter().any(|there| there.data == **value));
    let on_its_way = late::earlier(judged.work, &dirty.name).filter(|intent| intent.rtype == rtype);
    let arrived = on_its_way.flat_map(|intent| intent.values.iter().filter(seen).cloned());
    let known = known_key(judged.work, dirty, rtype).map(|key| key.applied.clone());
    let mut ours: Vec<RecordData> = known.unwrap_or_default().into_iter().chain(arrived).collect();
    ours.sort_unstable();
    ours.dedup();
    ours
}

/// A row that says nothing yet.
fn blank(turn: &Turn, dirty: &DirtyName, rtype: RecordType, now: i64) -> KeyRow {
    KeyRow {
        zone_id: turn.zone.row.id,
        name: dirty.name.clone(),
        rtype,
        state: KeyState::Applied,
        applied: Vec::new(),
        ttl: Ttl::DEFAULT,
        last_error: None,
        attempts: 0,
        next_attempt_at: None,
        verified: None,
        verified_at: None,
        updated_at: now,
    }
}

/// The row of one key after the pass, which is `row` where all went as planned; none when nothing of ours
/// is left there and all is well.
fn key_row(
    row: KeyRow,
    dirty: &DirtyName,
    key: &KeyPlan,
    outcome: Option<&Outcome>,
    known: Option<&KeyRow>,
    before: Vec<RecordData>,
    (now, again): (i64, i64),
) -> Option<KeyRow> {
    let waiting =
        |row: KeyRow, at: i64| KeyRow { attempts: dirty.attempts + 1, next_attempt_at: Some(at), ..row };
    let row = match (&key.verdict, outcome) {
        (_, Some(Outcome::Failed(error))) => failed(KeyRow { applied: before, ..row }, error, dirty, again),
        (_, Some(Outcome::Unknown(error))) => {
            // It may have been written: what we meant to write is on its way, and ours when it is seen.
            let last_error = Some(format!("{error}; looking again"));
            waiting(KeyRow { applied: before, state: KeyState::Retrying, last_error, ..row }, now)
        }
        (KeyVerdict::Conflict { .. }, None) => waiting(row, again),
        (KeyVerdict::Equal, None) => match known {
            Some(known) if known.applied == row.applied && known.state == KeyState::Served => {
                KeyRow { ttl: row.ttl, last_error: row.last_error, ..known.clone() }
            }
            _ => row,
        },
        _ => row,
    };
    (!row.applied.is_empty() || row.state != KeyState::Applied).then_some(row)
}

fn failed(row: KeyRow, error: &ProviderError, dirty: &DirtyName, again: i64) -> KeyRow {
    let (state, next) = match &error.class {
        ErrorClass::Unsupported => (KeyState::Unsupported, None),
        ErrorClass::Rejected => (KeyState::Failed, None),
        _ => (KeyState::Retrying, Some(again)),
    };
    let last_error = Some(error.message.clone());
    KeyRow { state, last_error, attempts: dirty.attempts + 1, next_attempt_at: next, ..row }
}

/// Sets the service cannot hold at all: said per key, the others go on.
fn refused_keys(turn: &Turn, judged: &Judged<'_>, index: usize, now: i64) -> Vec<KeyRow> {
    let (dirty, wanted) = (&judged.work.dirty[index], &judged.work.wanted[index]);
    let row = |(rtype, reason): (RecordType, String)| KeyRow {
        state: KeyState::Unsupported,
        last_error: Some(reason),
        applied: ours_before(judged, dirty, rtype),
        ..blank(turn, dirty, rtype, now)
    };
    look::refused(wanted).map(row).collect()
}

fn failed_keys(
    turn: &Turn,
    work: &Work,
    index: usize,
    error: &ProviderError,
    again: i64,
    now: i64,
) -> Vec<KeyRow> {
    let (dirty, wanted) = (&work.dirty[index], &work.wanted[index]);
    let mut keys: Vec<KeyRow> = work.known.get(&dirty.name).cloned().unwrap_or_default();
    for set in &wanted.desired.sets {
        if !keys.iter().any(|key| key.rtype == set.rtype) {
            keys.push(KeyRow { ttl: set.ttl, ..blank(turn, dirty, set.rtype, now) });
        }
    }
    for key in &mut keys {
        key.state = KeyState::Retrying;
        key.last_error = Some(error.message.clone());
        key.attempts = dirty.attempts + 1;
        key.next_attempt_at = Some(again);
    }
    keys
}

/// Errors that are about the service open the breaker or park; errors about a record do not.
fn note_trouble(story: &mut Story, error: &ProviderError) {
    let about_service = matches!(
        error.class,
        ErrorClass::Transient
            | ErrorClass::RateLimited { .. }
            | ErrorClass::Unauthorized
            | ErrorClass::Forbidden
            | ErrorClass::NoSuchZone
    );
    if about_service && story.trouble.is_none() {
        story.trouble = Some(error.clone());
    }
}

/// What was taken over or adopted is written down with the values that stood there.
fn audit_key(turn: &Turn, key: &KeyPlan, outcome: Option<&Outcome>, story: &mut Story) {
    let texts = |values: &[RecordData]| -> Vec<String> { values.iter().map(|v| v.to_text()).collect() };
    let mut line = |action: &str, values: &[RecordData]| {
        story.audit.push(NewAudit {
            actor: "engine".to_owned(),
            source: "engine".to_owned(),
            action: action.to_owned(),
            object: format!("zone:{}", turn.zone.row.id),
            detail: serde_json::json!({
                "name": key.name.to_string(), "type": key.rtype.to_string(), "values": texts(values),
            }),
        });
    };
    if !key.taken_over.is_empty() && outcome == Some(&Outcome::Done) {
        line("record.take_over", &key.taken_over);
    }
    if !key.adopted.is_empty() {
        line("record.adopt", &key.adopted);
    }
}

/// `fwd OK ...`, `rev ERR ... <the provider's words>` (S2.51, S2.52), for the job that watches.
fn log_keys(turn: &Turn, dirty: &DirtyName, keys: &[KeyRow], story: &mut Story) {
    let Some(job) = dirty.job_id else { return };
    let way = if turn.zone.zone.is_reverse() { "rev" } else { "fwd" };
    let label = turn.zone.label();
    if keys.is_empty() {
        story.log.push((job, format!("{way} OK {} removed, {label}", dirty.name)));
    }
    for key in keys {
        let values: Vec<String> = key.applied.iter().map(|value| value.to_text()).collect();
        let line = match key.state.is_well() {
            true => format!("{way} OK {} {} {} {label}", key.name, key.rtype, values.join(" ")),
            false => {
                let words = key.last_error.as_deref().unwrap_or("no reason given");
                format!("{way} ERR {} {} {label}: {words}", key.name, key.rtype)
            }
        };
        story.log.push((job, line));
    }
}
