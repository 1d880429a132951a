//! Commands are stored one after the other, then waited for together.
//!
//! All calls of a process store in turn, in the order they arrived: a mutex that is fair, held while a
//! call's commands are written and never while a provider works. So of two sets for one zone the later
//! one always is the newer wish, and Plesk's clock in `soa.serial` is not needed for it.

use super::input::{Command, Note, Ptr, Severity, ZoneSet, read};
use super::report::PleskView;
use crate::app::App;
use crate::config::PleskConfig;
use crate::problem::Problem;
use crate::service::domains::{self, Told};
use crate::service::owners::ListOwners;
use crate::service::records;
use crate::service::touch::places;
use crate::service::{Caller, Expected, jobs};
use crate::settings::DomainOptions;
use crate::settings::Managed;
use serde_json::json;
use std::time::{Duration, Instant};
use zonecast_core::{JobState, KeyState, Name, OwnerState, RecordType};

/// How long to wait at a time.
const STEP: Duration = Duration::from_millis(300);
/// How long after a job's end it is known whether the zone or the connection is parked.
const PARKING: Duration = Duration::from_millis(200);

/// The door's word, in audit lines and at records.
const SOURCE: &str = "plesk";

/// A command that is stored, and how to see what becomes of it.
struct Stored {
    job: Option<i64>,
    about: About,
}

enum About {
    Domain { id: i64, notes: Vec<Note> },
    Removed { display: String },
    Record { id: i64, called: String },
    Nothing { severity: Severity, line: String },
}

impl Stored {
    fn nothing(severity: Severity, line: impl Into<String>) -> Stored {
        Stored { job: None, about: About::Nothing { severity, line: line.into() } }
    }
}

/// Carries out what Plesk wrote: everything durable when this returns, and as much done as `wait`
/// (without it `[plesk] wait`) allows. Never fails as a call: what went wrong is in the lines.
pub async fn carry_out(app: &App, caller: &Caller, input: &[u8], wait: Option<Duration>) -> PleskView {
    let mut view = PleskView::default();
    let config = &app.config.plesk;
    if !config.enabled {
        view.say(Severity::Info, "the Plesk backend of Zonecast is switched off; nothing was done");
        return view;
    }
    let commands = match read(input) {
        Ok(commands) => commands,
        Err(error) => {
            view.say(Severity::Error, error.to_string());
            return view;
        }
    };
    let caller = Caller { source: SOURCE.to_owned(), ..caller.clone() };
    let mut stored = Vec::with_capacity(commands.len());
    {
        let _turn = app.plesk_turn.lock().await;
        for command in commands {
            stored.push(match command {
                Ok(command) => store(app, &caller, command).await,
                Err(error) => Stored::nothing(Severity::Error, error.to_string()),
            });
        }
    }
    let deadline = Instant::now() + wait.unwrap_or(Duration::from_secs(config.wait));
    for one in &stored {
        let Some(job) = one.job else { continue };
        view.jobs.push(job);
        let left = deadline.saturating_duration_since(Instant::now());
        if let Err(problem) = wait_for(app, one, job, left).await {
            view.say(Severity::Warn, problem.to_string());
        }
    }
    for one in stored {
        if let Err(problem) = tell(app, &one, &mut view).await {
            view.say(Severity::Warn, format!("stored, and its state is not known now: {problem}"));
        }
    }
    view
}

/// A command that cannot be stored is told, and the next one has its turn.
async fn store(app: &App, caller: &Caller, command: Command) -> Stored {
    let done = match &command {
        Command::Put(set) => put(app, caller, set).await,
        Command::Delete { name, display } => delete(app, caller, name, display).await,
        Command::CreatePtr(ptr) => create_ptr(app, caller, ptr).await,
        Command::DeletePtr(ptr) => delete_ptr(app, caller, ptr).await,
        Command::Unknown(word) => Ok(Stored::nothing(
            Severity::Warn,
            format!("the command {word:?} is not known; it was passed over"),
        )),
    };
    done.unwrap_or_else(|problem| {
        let called = match &command {
            Command::Put(set) => set.display.clone(),
            Command::Delete { display, .. } => display.clone(),
            Command::CreatePtr(ptr) | Command::DeletePtr(ptr) => format!("PTR of {}", ptr.address),
            Command::Unknown(word) => word.clone(),
        };
        Stored::nothing(Severity::Error, format!("{called}: {problem}"))
    })
}

async fn put(app: &App, caller: &Caller, set: &ZoneSet) -> Result<Stored, Problem> {
    let config = &app.config.plesk;
    let work = domains::put_set(app, caller, &set.name, |row| {
        row.records.clone_from(&set.sets);
        row.ttl = set.ttl.or(row.ttl);
        let mut options = DomainOptions::of(row);
        configured(&mut options, config);
        options.soa.clone_from(&set.soa);
        options.messages = set
            .notes
            .iter()
            .filter(|note| note.severity > Severity::Info)
            .map(|note| note.line.clone())
            .collect();
        options.store(row);
        Ok(())
    })
    .await?;
    let about = About::Domain { id: work.data.id, notes: set.notes.clone() };
    Ok(Stored { job: work.job_id, about })
}

/// What the configuration says of every domain from Plesk; what was said of this one before stays.
fn configured(options: &mut DomainOptions, config: &PleskConfig) {
    if options.create_at.is_empty() {
        options.create_at.clone_from(&config.create_at);
    }
    if config.managed == Managed::Full {
        options.managed = Managed::Full;
    }
    options.manage_ns_soa |= config.manage_ns_soa;
}

async fn delete(app: &App, caller: &Caller, name: &Name, display: &str) -> Result<Stored, Problem> {
    match domains::remove_named(app, caller, name).await? {
        Some(work) => Ok(Stored { job: work.job_id, about: About::Removed { display: display.to_owned() } }),
        None => {
            Ok(Stored::nothing(Severity::Info, format!("{display}: is not known here; nothing to remove")))
        }
    }
}

/// What Plesk said of an address before: each record's id, and whether it points to this host.
async fn said_of(app: &App, ptr: &Ptr) -> Result<Vec<(i64, bool)>, Problem> {
    let name = Name::reverse_of(ptr.address).to_string();
    let query = ListOwners {
        name: Some(name),
        state: Some(OwnerState::Active.to_string()),
        limit: 500,
        ..ListOwners::default()
    };
    let target = |text: &String| Name::parse(text).is_ok_and(|name| name == ptr.host);
    let rows = records::list(app, &query).await?.items.into_iter();
    let rows = rows.filter(|row| row.rtype == "PTR" && row.source == SOURCE);
    Ok(rows.map(|row| (row.id, row.values.iter().all(target))).collect())
}

/// The command is about the address: what Plesk said of it before is replaced.
async fn create_ptr(app: &App, caller: &Caller, ptr: &Ptr) -> Result<Stored, Problem> {
    let reverse = Name::reverse_of(ptr.address);
    if places(&app.catalog.view(), &reverse, RecordType::PTR, None, None).next().is_none() {
        let line = format!("{}: no reverse zone is configured for this address; passed over", ptr.address);
        return Ok(Stored::nothing(Severity::Info, line));
    }
    let called = format!("{} PTR {}", ptr.address, ptr.host.unicode());
    let mut said = said_of(app, ptr).await?;
    said.sort_by_key(|(_, points)| !points);
    let mut said = said.into_iter();
    let values = json!([ptr.host.absolute()]);
    let (id, job) = match said.next() {
        Some((id, true)) => (id, None),
        Some((id, false)) => {
            let work = records::patch(app, caller, id, &json!({ "values": values }), Expected(None)).await?;
            (id, work.job_id)
        }
        None => {
            let body = json!({ "name": reverse.to_string(), "type": "PTR", "values": values });
            let work = records::create(app, caller, &body).await?;
            (work.data.id, work.job_id)
        }
    };
    // Earlier versions added one for each host name.
    let mut last = job;
    for (old, _) in said {
        last = records::remove(app, caller, old, false, Expected(None)).await?.job_id.or(last);
    }
    Ok(Stored { job: last, about: About::Record { id, called } })
}

async fn delete_ptr(app: &App, caller: &Caller, ptr: &Ptr) -> Result<Stored, Problem> {
    let mut job = None;
    for (id, _) in said_of(app, ptr).await?.into_iter().filter(|(_, points)| *points) {
        job = records::remove(app, caller, id, false, Expected(None)).await?.job_id;
    }
    let display = format!("{} PTR {}", ptr.address, ptr.host.unicode());
    match job {
        Some(job) => Ok(Stored { job: Some(job), about: About::Removed { display } }),
        None => {
            Ok(Stored::nothing(Severity::Info, format!("{display}: is not from here; nothing to remove")))
        }
    }
}

/// Waits until nothing is pending, and no longer than it takes to know that somebody has to look.
async fn wait_for(app: &App, stored: &Stored, job: i64, limit: Duration) -> Result<(), Problem> {
    let deadline = Instant::now() + limit;
    loop {
        let left = deadline.saturating_duration_since(Instant::now());
        let ended = jobs::wait(app, job, left.min(STEP)).await?;
        if left.is_zero() {
            return Ok(());
        }
        let About::Domain { id, .. } = &stored.about else { if ended { return Ok(()) } else { continue } };
        let story = domains::told(app, *id).await?;
        // A zone that was just added has its names marked once more after the job's end.
        let pending = story.iter().any(|told| matches!(told, Told::Pending(_)));
        if story.iter().any(|told| matches!(told, Told::Failed(_))) || (ended && !pending) {
            // A job ends a moment before the engine says of the zone or the connection that a person has
            // to look (parked); what is only late ends with it well.
            if story.iter().any(|told| matches!(told, Told::Waiting(_))) {
                tokio::time::sleep(left.min(PARKING)).await;
            }
            return Ok(());
        }
        if ended {
            app.engine.changed(left.min(STEP)).await;
        }
    }
}

async fn tell(app: &App, stored: &Stored, view: &mut PleskView) -> Result<(), Problem> {
    match &stored.about {
        About::Nothing { severity, line } => view.say(*severity, line),
        About::Domain { id, notes } => {
            view.tell(notes);
            for told in domains::told(app, *id).await? {
                match told {
                    Told::Source(_) => {}
                    Told::Synchronised(line) => view.say(Severity::Info, line),
                    Told::Left(line) => view.say(Severity::Warn, line),
                    Told::Waiting(line) => view.say(Severity::Warn, format!("{line}{}", queued(stored))),
                    Told::Pending(line) => view.say(Severity::Info, format!("{line}{}", queued(stored))),
                    Told::Failed(line) => view.say(Severity::Error, line),
                }
            }
        }
        About::Removed { display } => removed(app, stored, display, view).await?,
        About::Record { id, called } => {
            let rows = records::get(app, *id).await?.records.unwrap_or_default();
            for row in rows {
                let words = row.last_error.as_deref().unwrap_or(row.state.as_str());
                match row.state {
                    state if state.is_well() => {
                        view.say(Severity::Info, format!("{called}: is set at {}", row.zone));
                    }
                    KeyState::Pending => view.say(Severity::Info, format!("{called}{}", queued(stored))),
                    KeyState::Retrying => {
                        view.say(Severity::Warn, format!("{called}: {words}{}", queued(stored)))
                    }
                    _ => view.say(Severity::Error, format!("{called}: {words}")),
                }
            }
        }
    }
    Ok(())
}

async fn removed(app: &App, stored: &Stored, display: &str, view: &mut PleskView) -> Result<(), Problem> {
    let Some(job) = stored.job else { return Ok(()) };
    let job = jobs::get(app, job).await?;
    match job.state {
        JobState::Done | JobState::Superseded => {
            view.say(Severity::Info, format!("{display}: all its records are removed"))
        }
        JobState::Failed | JobState::Partial => view.say(
            Severity::Error,
            format!(
                "{display}: {} of {} names could not be removed, see job {}",
                job.failed, job.total, job.id
            ),
        ),
        _ => view.say(Severity::Info, format!("{display}: removal{}", queued(stored))),
    }
    Ok(())
}

/// The work is durable, so a call that leaves before it is done says so and is well (X8).
fn queued(stored: &Stored) -> String {
    stored.job.map_or_else(String::new, |job| format!(": queued, job {job}"))
}
