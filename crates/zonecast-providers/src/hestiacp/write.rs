//! Writing: the steps in the cheapest way that this server and this key allow, and a look at the
//! listing afterwards.
//!
//! A checked command writes the whole zone out, so its time is that of the zone. Appending a line
//! and replacing the file do not; one write-out follows. Which steps go which way is decided here.

use super::look::{is_permission, not_ours};
use super::plan::{New, Step, What, plan};
use super::records::{Held, Line, Stored, file_line, is_checked_kind, label, stored};
use super::wire::{Said, about, class};
use super::{Entry, HestiaCp, ServerInfo, capabilities};
use crate::http::Failure;
use crate::{ErrorClass, Outcome, ProviderError, ZoneRef};
use std::collections::BTreeSet;
use std::sync::atomic::Ordering;
use std::time::{SystemTime, UNIX_EPOCH};
use zonecast_core::{Change, RecordData, RecordType, Ttl};

/// A write under way.
pub(super) struct Work<'a> {
    pub(super) zone: &'a ZoneRef,
    pub(super) entry: &'a Entry,
    pub(super) server: &'a ServerInfo,
    pub(super) held: &'a [Held],
    outcomes: Vec<Option<Outcome>>,
    /// Changes of which something was sent.
    pub(super) sent: BTreeSet<usize>,
    /// The file changed and was not written out yet.
    pub(super) pending: bool,
    /// Nothing more is sent: why.
    pub(super) given_up: Option<ProviderError>,
}

impl Work<'_> {
    pub(super) fn fail(&mut self, changes: &[usize], outcome: &Outcome) {
        for index in changes {
            self.outcomes[*index].get_or_insert_with(|| outcome.clone());
        }
    }

    /// Whether one of these cannot be done any more.
    fn is_lost(&self, changes: &[usize]) -> bool {
        changes
            .iter()
            .any(|index| matches!(self.outcomes[*index], Some(Outcome::Failed(_) | Outcome::Unknown(_))))
    }
}

impl HestiaCp {
    /// Reads, plans, sends, and reads again; one outcome per change.
    pub(super) async fn write(&self, zone: &ZoneRef, changes: &[Change]) -> Vec<Outcome> {
        let (entry, server, held) = match self.before(zone).await {
            Ok(before) => before,
            Err(error) => return vec![Outcome::Failed(error); changes.len()],
        };
        let mut work = Work {
            zone,
            entry: &entry,
            server: &server,
            held: &held,
            outcomes: vec![None; changes.len()],
            sent: BTreeSet::new(),
            pending: self.is_unserved(&zone.name),
            given_up: None,
        };
        let steps = plan(zone, &capabilities(), &held, changes, &mut work.outcomes);
        if !self.replace_file(&mut work, &steps).await {
            self.step_by_step(&mut work, steps).await;
        }
        if work.pending && work.given_up.is_none() {
            work.pending = !self.write_out(zone, &entry).await;
        }
        self.mark_unserved(&zone.name, work.pending);
        self.look_again(work, changes).await
    }

    async fn before(&self, zone: &ZoneRef) -> Result<(Entry, ServerInfo, Vec<Held>), ProviderError> {
        let entry = self.entry(zone).await?;
        if let Some(words) = not_ours(zone, &entry) {
            return Err(ProviderError::new(ErrorClass::Forbidden, words));
        }
        let server = self.server(zone).await?;
        let held = self.records(zone, &entry).await?;
        Ok((entry, server, held))
    }

    /// Every step as a call, appended lines first.
    async fn step_by_step(&self, work: &mut Work<'_>, steps: Vec<Step>) {
        let (mut appended, mut checked) = self.split(work, steps);
        // The last line that comes writes the others out, if nothing else does.
        if checked.is_empty()
            && let Some(at) = appended.iter().rposition(|step| is_checked(work, &step.what))
        {
            checked.push(appended.remove(at));
        }
        let mut next_id =
            work.held.iter().filter_map(|held| held.line.id.parse::<u64>().ok()).max().unwrap_or(0);
        for step in appended {
            let What::Add(new) = &step.what else { continue };
            if work.is_lost(&step.changes) || work.given_up.is_some() {
                checked.push(step);
                continue;
            }
            next_id += 1;
            let line = file_line(&new_line(work, next_id, new));
            let args = [self.user.as_str(), &work.entry.spelled, &line, "no"];
            match self.change(work.zone, "v-insert-dns-record", &args).await {
                Ok(said) if said.code == 0 => {
                    work.pending = true;
                    work.sent.extend(&step.changes);
                }
                Ok(said) if is_permission(&said) => {
                    self.may_not_append.store(true, Ordering::Relaxed);
                    checked.push(step);
                }
                other => self.settle(work, &step, "v-insert-dns-record", other),
            }
        }
        checked.sort_by_key(Step::order);
        for step in checked {
            if let Some(error) = &work.given_up {
                let words = format!("not sent, as a call before failed: {}", error.message);
                let error = ProviderError::new(error.class.clone(), words);
                work.fail(&step.changes, &Outcome::Failed(error));
            } else if work.is_lost(&step.changes) {
                let words = format!("{}: not written, as it goes together with what failed", work.zone.name);
                let error = ProviderError::new(ErrorClass::Rejected, words);
                work.fail(&step.changes, &Outcome::Failed(error));
            } else {
                let (command, ended) = self.checked_call(work, &step.what).await;
                self.settle(work, &step, command, ended);
            }
        }
    }

    /// Which lines are appended: many at once, and those that the checked commands do not take.
    fn split(&self, work: &Work<'_>, steps: Vec<Step>) -> (Vec<Step>, Vec<Step>) {
        if !self.may_append(work.server) {
            return (Vec::new(), steps);
        }
        let adds = steps.iter().filter(|step| matches!(step.what, What::Add(_))).count();
        let mut appended = Vec::new();
        let mut checked = Vec::new();
        for step in steps {
            match &step.what {
                What::Add(_) if adds > 1 || !is_checked(work, &step.what) => appended.push(step),
                // A line that the checked command refuses comes as another, and the old one goes.
                What::Become(at, new) if !is_checked(work, &step.what) => {
                    let (at, new) = (*at, new.clone());
                    appended.push(Step { what: What::Add(new), ..step.clone() });
                    checked.push(Step { what: What::Remove(at), ..step });
                }
                _ => checked.push(step),
            }
        }
        (appended, checked)
    }

    /// One checked command. Each leaves a zone that is written out.
    async fn checked_call(&self, work: &Work<'_>, what: &What) -> (&'static str, Result<Said, Failure>) {
        let (user, zone) = (self.user.as_str(), work.entry.spelled.as_str());
        match what {
            What::Remove(at) => {
                let id = &work.held[*at].line.id;
                let command = "v-delete-dns-record";
                (command, self.change(work.zone, command, &[user, zone, id, "no"]).await)
            }
            What::Become(at, new) => {
                let line = &work.held[*at].line;
                let (command, ttl) = ("v-change-dns-record", new.ttl.to_string());
                let kind = new.data.rtype().to_string();
                let call = |value: Stored| {
                    let args = [
                        user,
                        zone,
                        &line.id,
                        &line.record,
                        &kind,
                        &value.value,
                        &value.priority,
                        "no",
                        &ttl,
                    ];
                    let args: Vec<String> = args.iter().map(|arg| (*arg).to_owned()).collect();
                    async move { self.change(work.zone, command, &strs(&args)).await }
                };
                (command, either(work, &new.data, call).await)
            }
            What::Add(new) => {
                let (command, ttl) = ("v-add-dns-record", new.ttl.to_string());
                let (kind, name) = (new.data.rtype().to_string(), label(&work.zone.name, &new.owner));
                let call = |value: Stored| {
                    let args = [user, zone, &name, &kind, &value.value, &value.priority, "", "no", &ttl];
                    let args: Vec<String> = args.iter().map(|arg| (*arg).to_owned()).collect();
                    async move { self.change(work.zone, command, &strs(&args)).await }
                };
                (command, either(work, &new.data, call).await)
            }
        }
    }

    /// What a call's end means for its changes, and for those after it.
    fn settle(&self, work: &mut Work<'_>, step: &Step, command: &str, ended: Result<Said, Failure>) {
        let said = match ended {
            Err(failure) => {
                let mut failure = failure;
                failure.error = about(work.zone, failure.error);
                work.given_up = Some(failure.error.clone());
                work.pending |= failure.may_have_arrived && command == "v-insert-dns-record";
                let outcome = failure.into_outcome();
                return work.fail(&step.changes, &outcome);
            }
            Ok(said) => said,
        };
        let gone = matches!(step.what, What::Remove(_)) && said.code == 3;
        let same = matches!(step.what, What::Become(..)) && said.code == 4;
        // 20: done, and then the name server's restart failed. The listing tells.
        if said.code == 0 || said.code == 20 || gone || same {
            work.sent.extend(&step.changes);
            if !gone && !same {
                work.pending = false;
            }
            return;
        }
        let mut error = self.refused(work.zone, command, &said);
        error.class = match (said.code, &step.what) {
            // The line we read is gone: somebody else was here.
            (3, What::Become(..)) => ErrorClass::Conflict,
            (3, What::Add(new)) if new.data.rtype() == RecordType::NS => ErrorClass::Rejected,
            _ => class(&said),
        };
        if !matches!(error.class, ErrorClass::Rejected | ErrorClass::Conflict | ErrorClass::Unsupported) {
            work.given_up = Some(error.clone());
        }
        let name = step_name(work.held, &step.what);
        error.message = format!("{name}: {}", error.message);
        error.culprit = step.changes.first().copied();
        work.fail(&step.changes, &Outcome::Failed(error));
    }

    /// Writes the zone out with its next serial; `false` where that did not happen.
    pub(super) async fn write_out(&self, zone: &ZoneRef, entry: &Entry) -> bool {
        let args = [self.user.as_str(), entry.spelled.as_str(), "no", "yes"];
        let ended = self.change(zone, "v-rebuild-dns-domain", &args).await;
        let words = match ended {
            Ok(said) if said.code == 0 => return true,
            Ok(said) => self.refused(zone, "v-rebuild-dns-domain", &said).message,
            Err(failure) => failure.error.message,
        };
        tracing::warn!(zone = %zone.name, provider = "hestiacp", "the zone was not written out: {words}");
        false
    }

    /// Exit code 0 is a promise: what the listing shows is kept.
    async fn look_again(&self, work: Work<'_>, changes: &[Change]) -> Vec<Outcome> {
        let mut outcomes = work.outcomes;
        let open: Vec<usize> = work.sent.into_iter().filter(|index| outcomes[*index].is_none()).collect();
        if !open.is_empty() {
            let now = self.records(work.zone, work.entry).await;
            for index in open {
                outcomes[index] = Some(match &now {
                    Ok(held) if is_kept(held, &changes[index]) => Outcome::Done,
                    Ok(_) => {
                        let words = format!(
                            "{} {} in {}: HestiaCP reported success and does not list it so",
                            changes[index].name(),
                            changes[index].rtype(),
                            work.zone.name
                        );
                        Outcome::Failed(ProviderError::new(ErrorClass::Transient, words))
                    }
                    Err(error) => Outcome::Unknown(error.clone()),
                });
            }
        }
        outcomes.into_iter().map(|outcome| outcome.unwrap_or(Outcome::Done)).collect()
    }
}

fn strs(args: &[String]) -> Vec<&str> {
    args.iter().map(String::as_str).collect()
}

/// Sends a value in the form the server's version wants: SRV has four fields from 1.9.5 on, three
/// and the priority before, which the newer ones refuse. Where the version is unknown, both.
async fn either<F>(work: &Work<'_>, data: &RecordData, call: impl Fn(Stored) -> F) -> Result<Said, Failure>
where
    F: Future<Output = Result<Said, Failure>>,
{
    let kept = stored(data);
    match (data.rtype(), work.server.version) {
        (RecordType::SRV, version) => {
            let four = Stored {
                value: format!("{} {}", kept.priority, kept.value),
                priority: kept.priority.clone(),
            };
            match version {
                Some(version) if version >= (1, 9, 5) => call(four).await,
                Some(_) => call(kept).await,
                None => match call(kept).await? {
                    said if said.code == 2 => call(four).await,
                    said => Ok(said),
                },
            }
        }
        // One text in one pair of quotes, which it takes off, and puts back where needed.
        (RecordType::TXT, _) => {
            let text = data.as_text().unwrap_or_default();
            let value = format!("\"{}\"", String::from_utf8_lossy(&text));
            call(Stored { priority: String::new(), value }).await
        }
        _ => call(kept).await,
    }
}

/// Whether a checked command takes this step.
fn is_checked(work: &Work<'_>, what: &What) -> bool {
    match what {
        What::Remove(_) => true,
        What::Add(new) => is_checked_kind(&label(&work.zone.name, &new.owner), &new.data),
        What::Become(at, new) => {
            let record = &work.held[*at].line.record;
            !record.contains("--") && is_checked_kind(record, &new.data)
        }
    }
}

pub(super) fn new_line(work: &Work<'_>, id: u64, new: &New) -> Line {
    let Stored { priority, value } = stored(&new.data);
    let (date, time) = now();
    Line {
        id: id.to_string(),
        record: label(&work.zone.name, &new.owner),
        kind: new.data.rtype().to_string(),
        priority,
        value,
        suspended: "no".to_owned(),
        time,
        date,
        ttl: new.ttl.to_string(),
    }
}

/// Date and time as HestiaCP writes them (days to a date as by H. Hinnant's `civil_from_days`).
fn now() -> (String, String) {
    let seconds = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
    let (days, rest) = ((seconds / 86_400) as i64 + 719_468, seconds % 86_400);
    let (era, of_era) = (days / 146_097, days % 146_097);
    let year_of_era = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
    let day_of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * shifted + 2) / 5 + 1;
    let month = if shifted < 10 { shifted + 3 } else { shifted - 9 };
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    let time = format!("{:02}:{:02}:{:02}", rest / 3600, rest / 60 % 60, rest % 60);
    (format!("{year:04}-{month:02}-{day:02}"), time)
}

fn step_name(held: &[Held], what: &What) -> String {
    match what {
        What::Add(new) | What::Become(_, new) => format!("{} {}", new.owner, new.data.rtype()),
        What::Remove(at) => format!("{} {}", held[*at].owner, held[*at].rtype),
    }
}

/// Whether the zone is as the change wants it.
fn is_kept(held: &[Held], change: &Change) -> bool {
    let at = || held.iter().filter(|record| record.is_at(change.name(), change.rtype()));
    let has = |data: &RecordData, ttl: Option<Ttl>| {
        at().any(|record| {
            record.data.as_ref() == Some(data)
                && ttl.is_none_or(|ttl| record.is_suspended() || record.ttl == ttl)
        })
    };
    let before: &[RecordData] = change.before().map_or(&[], |set| &set.values);
    let after: &[RecordData] = change.after().map_or(&[], |set| &set.values);
    let ttl = change.after().map(|set| set.ttl);
    after.iter().all(|data| has(data, ttl))
        && before.iter().all(|data| after.contains(data) || !has(data, None))
}
