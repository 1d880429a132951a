//! Writing by the whole file: one call for many changes, or the only way for what no checked command
//! takes, such as the removal of the last address.
//!
//! The file comes from the listing, which drops backslashes: where a line that stays could have one,
//! single lines are sent instead (`write`).

use super::HestiaCp;
use super::look::is_permission;
use super::plan::{New, Step, What};
use super::records::{Held, Line, file_line};
use super::wire::about;
use super::write::{Work, new_line};
use crate::{ErrorClass, Outcome, ProviderError};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::Ordering;
use std::time::{SystemTime, UNIX_EPOCH};
use zonecast_core::RecordType;

/// From this many written-out zones on, one replaced file is cheaper.
const REPLACE_FROM: usize = 3;
/// From this many lines that come on, too: each one appended takes half a second to a second by itself
/// (seen 2026-11).
const APPENDED_MAX: usize = 24;
/// The largest file that is sent.
const FILE_MAX: usize = 1 << 20;

impl HestiaCp {
    /// Replaces the zone's whole file where that is cheaper, or the only way; `false` where it is
    /// not done that way.
    pub(super) async fn replace_file(&self, work: &mut Work<'_>, steps: &[Step]) -> bool {
        let Some(file) = self.file(work, steps) else { return false };
        let ended = self.send_file(work, &file).await;
        let changes: BTreeSet<usize> = steps.iter().flat_map(|step| step.changes.iter().copied()).collect();
        let changes: Vec<usize> = changes.into_iter().collect();
        match ended {
            Ok(true) => work.sent.extend(changes),
            Ok(false) => return false,
            Err(outcome) => work.fail(&changes, &outcome),
        }
        true
    }

    /// `Ok(false)`: the key may not, and nothing was changed.
    async fn send_file(&self, work: &mut Work<'_>, file: &str) -> Result<bool, Outcome> {
        let (zone, entry) = (work.zone, work.entry);
        let stamp = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_nanos();
        let path = format!("/tmp/zonecast-{stamp}-{}", entry.spelled);
        let failed = |error: ProviderError| Outcome::Failed(error);
        let ended = self.change(zone, "v-make-tmp-file", &[file, &path]).await;
        match ended.map_err(|failure| failed(about(zone, failure.error)))? {
            said if said.code == 0 => {}
            said if is_permission(&said) => {
                self.may_not_append.store(true, Ordering::Relaxed);
                return Ok(false);
            }
            said => return Err(failed(self.refused(zone, "v-make-tmp-file", &said))),
        }
        // Whoever wrote since we read would be overwritten: the window is the next call.
        let now = self.entry(zone).await.map_err(failed)?;
        if now.serial != entry.serial {
            let words = format!("{}: changed at HestiaCP since it was read", zone.name);
            return Err(failed(ProviderError::new(ErrorClass::Conflict, words)));
        }
        let args = [self.user.as_str(), entry.spelled.as_str(), &path, "no"];
        match self.change(zone, "v-insert-dns-records", &args).await {
            Ok(said) if said.code == 0 => {
                work.pending = true;
                Ok(true)
            }
            Ok(said) if is_permission(&said) => {
                self.may_not_append.store(true, Ordering::Relaxed);
                Ok(false)
            }
            Ok(said) => Err(failed(self.refused(zone, "v-insert-dns-records", &said))),
            Err(mut failure) => {
                failure.error = about(zone, failure.error);
                work.pending |= failure.may_have_arrived;
                work.given_up = Some(failure.error.clone());
                Err(failure.into_outcome())
            }
        }
    }

    /// The zone's file after the steps; nothing where single lines are better or safer.
    fn file(&self, work: &Work<'_>, steps: &[Step]) -> Option<String> {
        if !self.may_append(work.server) {
            return None;
        }
        let mut becomes: BTreeMap<usize, Option<&New>> = BTreeMap::new();
        let mut adds: Vec<&New> = Vec::new();
        for step in steps {
            match &step.what {
                What::Add(new) => adds.push(new),
                What::Become(at, new) => drop(becomes.insert(*at, Some(new))),
                What::Remove(at) => drop(becomes.insert(*at, None)),
            }
        }
        let stay: Vec<&Held> = work
            .held
            .iter()
            .enumerate()
            .filter(|(at, _)| !becomes.contains_key(at))
            .map(|(_, held)| held)
            .collect();
        let last = |rtype: RecordType| {
            let removed = becomes.iter().any(|(at, new)| new.is_none() && work.held[*at].rtype == rtype);
            let comes = adds.iter().chain(becomes.values().flatten()).any(|new| new.data.rtype() == rtype);
            removed && !comes && !stay.iter().any(|held| held.rtype == rtype)
        };
        let pays = becomes.len() >= REPLACE_FROM
            || adds.len() > APPENDED_MAX
            || last(RecordType::A)
            || last(RecordType::NS);
        if !pays || !stay.iter().all(|held| is_safe(held)) {
            return None;
        }
        let mut next_id = 0;
        let mut rows = Vec::with_capacity(work.held.len() + adds.len());
        for (at, held) in work.held.iter().enumerate() {
            let id = held.line.id.parse().unwrap_or(0);
            next_id = next_id.max(id);
            match becomes.get(&at) {
                None => rows.push(file_line(&as_held(work, held))),
                Some(Some(new)) => rows.push(file_line(&new_line(work, id, new))),
                Some(None) => {}
            }
        }
        for (at, new) in adds.iter().enumerate() {
            rows.push(file_line(&new_line(work, next_id + 1 + at as u64, new)));
        }
        let file = rows.join("\n");
        (file.len() <= FILE_MAX).then_some(file)
    }
}

/// Whether a line can be written back as it is: the listings drop backslashes, so nothing that could
/// have one.
fn is_safe(held: &Held) -> bool {
    use RecordType as T;
    let named =
        matches!(held.rtype, T::A | T::AAAA | T::NS | T::CNAME | T::MX | T::PTR | T::SRV | T::TLSA | T::DS);
    named && held.data.is_some() && !held.line.record.is_empty()
}

/// A line that stays. The listing fills in the zone's TTL where a line has none of its own.
fn as_held(work: &Work<'_>, held: &Held) -> Line {
    let ttl = if held.line.ttl == work.entry.ttl { String::new() } else { held.line.ttl.clone() };
    Line { ttl, ..held.line.clone() }
}
