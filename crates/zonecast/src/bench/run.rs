//! Every provider at once, and each zone on its own: one that fails stops nobody.

use super::job::{Job, Zone};
use super::wanted;
use serde_json::json;
use std::collections::BTreeMap;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};
use tokio::sync::Semaphore;
use zonecast_core::plan::{Hold, Plan, Policy, ZonePlanInput, plan_zone};
use zonecast_core::{Name, Observed, RRset};
use zonecast_providers::{ErrorClass, Outcome, Provider, ProviderError, ZoneRef};

/// The longest one call may take.
const CALL: Duration = Duration::from_secs(15);
/// Looks at one zone before it is given up for now.
const ROUNDS: u32 = 3;
/// Zones of one provider in hand at one time.
const ZONES_AT_ONCE: usize = 4;
/// A pause that a provider asks for and that is worth waiting for here.
const PAUSE_MAX: Duration = Duration::from_secs(5);

/// What a run does.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Mode {
    Plan,
    Sync { full: bool },
}

/// Reads every provider and prints how many changes it would take.
pub async fn plan(job: &Path) -> anyhow::Result<bool> {
    run(job, Mode::Plan).await
}

/// Brings every provider to the wanted state; false where any zone is not.
pub async fn sync(job: &Path, full: bool) -> anyhow::Result<bool> {
    run(job, Mode::Sync { full }).await
}

async fn run(path: &Path, mode: Mode) -> anyhow::Result<bool> {
    let job = Job::read(path)?;
    let mut tasks = tokio::task::JoinSet::new();
    let mut well: BTreeMap<&str, bool> = job.zones.keys().map(|zone| (zone.as_str(), true)).collect();
    for (target, provider) in &job.providers {
        let zones = job.zones.iter().filter(|(_, zone)| zone.targets.contains(target));
        let connection = match provider.connect() {
            Ok(provider) => Arc::new(Connection {
                label: target.clone(),
                provider,
                turns: Semaphore::new(ZONES_AT_ONCE),
                given_up: AtomicBool::new(false),
            }),
            Err(error) => {
                for (zone, _) in zones {
                    say(zone, target, &Err(ProviderError::new(ErrorClass::Unsupported, error.clone())));
                    well.insert(zone, false);
                }
                continue;
            }
        };
        for (name, zone) in zones {
            let work = Work::new(&job, name, zone, mode)?;
            let connection = connection.clone();
            tasks.spawn(async move {
                let result = connection.bring(&work, mode).await;
                say(&work.label, &connection.label, &result);
                (work.label, result.is_ok())
            });
        }
    }
    while let Some(ended) = tasks.join_next().await {
        let (zone, ok) = ended?;
        if let Some(well) = well.get_mut(zone.as_str()) {
            *well &= ok;
        }
    }
    if mode != Mode::Plan {
        // A name is clean when every target has it, not before.
        for (name, _) in well.iter().filter(|(_, well)| **well) {
            let _ = std::fs::remove_file(job.dirty_file(&job.zones[*name]));
        }
    }
    Ok(well.values().all(|well| *well))
}

/// One zone to bring to one provider.
struct Work {
    label: String,
    name: Name,
    wanted: PathBuf,
    /// The names to look at; all where there are none.
    dirty: Option<Vec<Name>>,
}

impl Work {
    fn new(job: &Job, label: &str, zone: &Zone, mode: Mode) -> anyhow::Result<Work> {
        let file = job.dirty_file(zone);
        let dirty = match mode {
            Mode::Sync { full: false } if file.exists() => {
                let mut names: Vec<Name> =
                    wanted::load(&file, None)?.into_iter().map(|set| set.name).collect();
                names.dedup();
                Some(names)
            }
            _ => None,
        };
        Ok(Work { label: label.to_owned(), name: Name::parse(label)?, wanted: job.wanted_file(zone), dirty })
    }
}

struct Connection {
    label: String,
    provider: Arc<dyn Provider>,
    turns: Semaphore,
    /// It refused our credentials or did not answer again and again: its other zones need not try.
    given_up: AtomicBool,
}

impl Connection {
    /// Looks, plans and writes until there is nothing left to do.
    async fn bring(&self, work: &Work, mode: Mode) -> Result<Plan, ProviderError> {
        let _turn = self.turns.acquire().await;
        let mut first = None;
        let mut last = None;
        for round in 0..ROUNDS {
            if self.given_up.load(Ordering::Relaxed) {
                let words = format!("{} was given up for now", self.label);
                return Err(last.unwrap_or_else(|| ProviderError::new(ErrorClass::Transient, words)));
            }
            match self.round(work, mode).await {
                Ok((plan, failures)) if failures.is_empty() => return Ok(first.unwrap_or(plan)),
                Ok((plan, mut failures)) => {
                    first.get_or_insert(plan);
                    last = failures.pop();
                }
                Err(error) => last = Some(error),
            }
            match last.as_ref().map(|error| &error.class) {
                Some(ErrorClass::RateLimited { retry_after: Some(pause) }) if *pause <= PAUSE_MAX => {
                    tokio::time::sleep(*pause).await;
                }
                Some(class) if class.is_retryable() => {
                    tokio::time::sleep(Duration::from_millis(200 << round)).await;
                }
                class => {
                    if class == Some(&ErrorClass::Unauthorized) {
                        self.given_up.store(true, Ordering::Relaxed);
                    }
                    break;
                }
            }
        }
        let error = last.unwrap_or_else(|| ProviderError::new(ErrorClass::Transient, "nothing was tried"));
        if error.class == ErrorClass::Transient {
            self.given_up.store(true, Ordering::Relaxed);
        }
        Err(error)
    }

    /// One look and one write; what the provider refused comes back beside the plan.
    async fn round(&self, work: &Work, mode: Mode) -> Result<(Plan, Vec<ProviderError>), ProviderError> {
        let zone = ZoneRef { deadline: Instant::now() + CALL, ..ZoneRef::new(work.name.clone()) };
        // The wanted state is loaded on another thread while the provider speaks.
        let (file, names) = (work.wanted.clone(), work.dirty.clone());
        let loading = tokio::task::spawn_blocking(move || wanted::load(&file, names.as_deref()));
        let observed = match &work.dirty {
            Some(names) => self.provider.read(&zone, names).await,
            None => self.provider.list(&zone).await,
        };
        let local = |error: String| ProviderError::new(ErrorClass::Rejected, error);
        let wanted = loading.await.map_err(|error| local(error.to_string()))?;
        let wanted = wanted.map_err(|error| local(format!("{error:#}")))?;
        let observed = observed?;
        let plan = plan_of(&work.name, &observed, &wanted);
        drop(wanted);
        if mode == Mode::Plan || plan.is_empty() {
            return Ok((plan, Vec::new()));
        }
        let zone = ZoneRef { deadline: Instant::now() + CALL * 2, ..zone };
        let outcomes = self.provider.apply(&zone, &observed, &plan.changes).await;
        let failures = outcomes.into_iter().filter_map(|outcome| match outcome {
            Outcome::Done => None,
            Outcome::Failed(error) => Some(error),
            Outcome::Unknown(error) => Some(ProviderError { class: ErrorClass::Transient, ..error }),
        });
        let failures = failures.collect();
        Ok((plan, failures))
    }
}

/// The whole content is ours (`managed = full`), and all of it counts as written before: then a name
/// that is as it should be costs nothing.
fn plan_of(apex: &Name, observed: &Observed, wanted: &[RRset]) -> Plan {
    let policy = Policy { managed_full: true, ..Policy::default() };
    plan_zone(&ZonePlanInput {
        apex,
        observed,
        desired: wanted,
        applied: wanted,
        unsupported: &[],
        policy: &policy,
        a_host_holds: &|_| true,
        hold: Hold::Nothing,
    })
}

/// One JSON line per zone and provider.
fn say(zone: &str, provider: &str, result: &Result<Plan, ProviderError>) {
    let line = match result {
        Ok(plan) => {
            let counts = plan.counts();
            json!({ "zone": zone, "provider": provider, "ok": true, "creates": counts.creates, "replaces": counts.replaces, "deletes": counts.deletes })
        }
        Err(error) => {
            json!({ "zone": zone, "provider": provider, "ok": false, "class": error.class.as_str(), "error": error.message })
        }
    };
    let _ = writeln!(std::io::stdout(), "{line}");
}

#[cfg(test)]
mod tests {
    use super::*;
    use zonecast_core::{ObservedRRset, RecordData, RecordType, Ttl};

    fn set(name: &str, rtype: RecordType, value: &str) -> RRset {
        let value = RecordData::parse(rtype, value).unwrap();
        RRset::new(Name::parse(name).unwrap(), rtype, Ttl::DEFAULT, vec![value])
    }

    fn seen(set: &RRset) -> ObservedRRset {
        let values = set.values.iter().cloned().map(Into::into).collect();
        ObservedRRset::new(set.name.clone(), set.rtype, set.ttl, values)
    }

    #[test]
    fn extras_go_and_the_apex_stays() {
        let apex = Name::parse("example.org").unwrap();
        let kept = set("a.example.org", RecordType::A, "192.0.2.1");
        let ns = set("example.org", RecordType::NS, "ns1.example.net");
        let extra = set("x.example.org", RecordType::A, "192.0.2.9");
        let observed = Observed::new(vec![seen(&kept), seen(&ns), seen(&extra)]);
        let missing = set("b.example.org", RecordType::A, "192.0.2.2");
        let counts = plan_of(&apex, &observed, &[kept, missing]).counts();
        assert_eq!((counts.creates, counts.replaces, counts.deletes), (1, 0, 1));
    }
}
