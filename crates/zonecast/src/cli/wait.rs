//! Watching a job until it ends: a spinner for people, silence for programs, an exit code for both.

use super::connect::Context;
use super::failure::{Done, Failure};
use super::output::text_at;
use crate::client::{Answer, Call, Client, ClientError};
use serde_json::Value;
use std::time::{Duration, Instant};
use zonecast_core::JobState;

/// How long a command without a daemon stays to do its own work, if nothing else was said.
const OWN_WORK: Duration = Duration::from_secs(30);

/// How long a key that calls too often waits: what the API says in `Retry-After`.
const RATE_LIMITED: Duration = Duration::from_secs(1);

/// Watches the answer's job if `--wait` was given, or if this very process does the work.
/// Gives the job as last seen, or nothing where nobody waits.
pub async fn follow(context: &Context, answer: &Answer) -> Result<Option<Value>, Failure> {
    let Some(id) = answer.job_id() else { return Ok(None) };
    let asked = context.global.wait.map(Duration::from_secs);
    let limit = match (asked, context.client.is_in_process()) {
        (Some(limit), _) => limit,
        (None, true) => OWN_WORK,
        (None, false) => return Ok(None),
    };
    let bar = progress(context);
    let job = watch(&context.client, id, limit, |job| {
        if let Some(bar) = &bar {
            let (total, good, bad) =
                (text_at(job, "/total"), text_at(job, "/succeeded"), text_at(job, "/failed"));
            let bad = if bad == "0" || bad.is_empty() { String::new() } else { format!(", {bad} not") };
            bar.set_message(format!("job {id} {}: {good} of {total} names{bad}", text_at(job, "/state")));
            bar.tick();
        }
    })
    .await?;
    if let Some(bar) = bar {
        bar.finish_and_clear();
    }
    Ok(Some(job))
}

/// Polls a job until it ends or the time is up; gives it as last seen.
pub async fn watch(
    client: &Client,
    id: i64,
    limit: Duration,
    mut seen: impl FnMut(&Value),
) -> Result<Value, ClientError> {
    let end = Instant::now() + limit;
    let mut pause = Duration::from_millis(10);
    loop {
        let left = end.saturating_duration_since(Instant::now());
        let job = match client.send(Call::get(format!("jobs/{id}"))).await {
            // Our own questions were too many: the job is not the worse for it.
            Err(ClientError::Problem(problem)) if problem.status == 429 && !left.is_zero() => {
                tokio::time::sleep(RATE_LIMITED.min(left)).await;
                continue;
            }
            job => job?.data,
        };
        seen(&job);
        if is_over(&job) || left.is_zero() {
            return Ok(job);
        }
        tokio::time::sleep(pause.min(left)).await;
        pause = (pause * 3 / 2).min(Duration::from_millis(500));
    }
}

/// Whether nothing will happen any more.
pub fn is_over(job: &Value) -> bool {
    state_of(job).is_some_and(JobState::is_over)
}

fn state_of(job: &Value) -> Option<JobState> {
    text_at(job, "/state").parse().ok()
}

/// What a job's state means for the exit code; still running when the time was up is a failure to
/// see it done, nothing more.
pub fn verdict(job: &Value) -> Done {
    match state_of(job) {
        Some(JobState::Done | JobState::Superseded) => Done::Ok,
        Some(JobState::Partial | JobState::NoMatchingZone) => Done::Partial,
        _ if is_over(job) => Done::Failed,
        _ if text_at(job, "/failed").parse::<i64>().is_ok_and(|failed| failed > 0) => Done::Partial,
        _ => Done::Failed,
    }
}

/// Whether an owner was stored that no zone holds: nothing went wrong, and nothing is served.
pub fn is_nowhere(data: &Value) -> bool {
    data["no_matching_zone"] == Value::Bool(true) && data["state"] == "active"
}

/// What there is to tell of one.
pub const NOWHERE: &str =
    "no configured zone holds it, so nothing is served: zonecast explain NAME, zonecast zone add";

/// The sentence for a job that a person did not, or not long enough, wait for.
pub fn sentence(answer: &Answer, job: Option<&Value>) -> Option<String> {
    let id = answer.job_id()?;
    Some(match job {
        None => format!("stored; job {id} does the work (zonecast job follow {id})"),
        Some(job) if is_over(job) => format!("job {id}: {}", text_at(job, "/state")),
        Some(job) => format!("job {id} is still {}: zonecast job follow {id}", text_at(job, "/state")),
    })
}

fn progress(context: &Context) -> Option<indicatif::ProgressBar> {
    if context.out.is_quiet() || !context.out.is_for_people() {
        return None;
    }
    // Hidden by itself where stderr is no terminal.
    Some(indicatif::ProgressBar::new_spinner())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn the_exit_code_follows_the_job() {
        assert_eq!(verdict(&json!({"state": "done"})), Done::Ok);
        assert_eq!(verdict(&json!({"state": "partial"})), Done::Partial);
        assert_eq!(verdict(&json!({"state": "no_matching_zone"})), Done::Partial);
        assert_eq!(verdict(&json!({"state": "failed"})), Done::Failed);
        assert_eq!(verdict(&json!({"state": "running", "failed": 1})), Done::Partial);
        assert_eq!(verdict(&json!({"state": "running", "failed": 0})), Done::Failed);
    }
}
