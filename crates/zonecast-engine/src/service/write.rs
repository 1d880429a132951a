//! How a wish is stored: matched with the zones in force, and matched again as long as they change.
//!
//! The store refuses a write whose matching is older than the zones (`StaleEpoch`); then the catalog
//! is read again and the write built anew. Whoever gets `Ok` may answer "202": what was
//! answered is never lost.

use super::{Caller, dry_run};
use crate::app::App;
use crate::catalog::View;
use crate::problem::Problem;
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use std::time::{Duration, Instant};
use zonecast_store::{
    ClaimRow, NewAudit, NewClaim, NewJob, OwnerWrite, Priority, Raise, Remember, Store, StoreError,
    WriteContext, WriteResult, Written,
};

/// How often a write is tried that meets somebody else's.
const TRIES: usize = 5;
/// How long a wish is matched again because zones keep coming: each time costs what changed.
const MATCHING: Duration = Duration::from_secs(10);

/// Why a write was not stored.
#[derive(Debug)]
pub enum Refused {
    /// The zones changed since the matching: match again.
    ZonesChanged,
    /// Somebody changed the owner since it was read: read again.
    Changed,
    /// Another owner of its kind has the name.
    TakenBy(i64),
    /// The owner is not there, or not any more.
    Gone,
    /// What trying again would not change.
    Final(Problem),
}

impl From<Problem> for Refused {
    fn from(problem: Problem) -> Refused {
        Refused::Final(problem)
    }
}

impl Refused {
    /// The words for a caller who waits for just this; a taken name is said at its field by who knows it.
    pub fn into_problem(self) -> Problem {
        match self {
            Refused::Final(problem) => problem,
            Refused::Gone => Problem::new(404, "it is gone"),
            Refused::TakenBy(id) => Problem::new(409, format!("this name is taken, by {id}")),
            Refused::Changed | Refused::ZonesChanged => Problem::new(412, "it was changed meanwhile"),
        }
    }
}

impl From<StoreError> for Refused {
    fn from(error: StoreError) -> Refused {
        match error {
            StoreError::StaleEpoch { .. } => Refused::ZonesChanged,
            error => Refused::Final(error.into()),
        }
    }
}

/// When something is tried again: the one place that knows.
pub(crate) struct Tries<'a> {
    app: &'a App,
    /// The zones to match with this time.
    pub view: Arc<View>,
    begun: Instant,
    races: usize,
}

impl<'a> Tries<'a> {
    pub fn begin(app: &'a App) -> Tries<'a> {
        Tries { app, view: app.catalog.view(), begun: Instant::now(), races: 0 }
    }

    /// Makes ready for another try after `refused`; `Err` where there is none.
    pub async fn again(&mut self, refused: Refused) -> Result<(), Refused> {
        match refused {
            Refused::ZonesChanged => self.view = self.app.catalog.reload().await?,
            Refused::Changed => self.races += 1,
            refused => return Err(refused),
        }
        if self.races < TRIES && self.begun.elapsed() < MATCHING {
            return Ok(());
        }
        let words = "this is being changed by others all the time; nothing was stored, please try again";
        Err(Problem::new(503, words).into())
    }
}

/// Reads, matches and stores, again as long as somebody else is faster, and wakes the engine then. (A
/// macro, because the compiler does not see that an async closure's future can be sent.)
macro_rules! until_stored {
    ($app:expr, |$view:ident| $attempt:expr) => {{
        let mut tries = crate::service::write::Tries::begin($app);
        loop {
            let $view = tries.view.clone();
            match $attempt.await {
                Ok(stored) => {
                    $app.engine.wake();
                    break Ok(stored);
                }
                Err(refused) => {
                    if let Err(refused) = tries.again(refused).await {
                        break Err(refused);
                    }
                }
            }
        }
    }};
}
pub(crate) use until_stored;

/// Carries out one operation: all that the block stores in it is committed at once, then the catalog
/// follows what was committed and the engine is woken.
macro_rules! operation {
    ($app:expr, |$operation:ident| $work:expr) => {
        crate::service::write::until_stored!($app, |_view| async {
            let $operation = $app.store.operation().await?;
            let done = $work;
            $operation.commit().await?;
            $app.catalog.reload().await?;
            Ok::<_, crate::service::write::Refused>(done)
        })
        .map_err(crate::service::write::Refused::into_problem)
    };
}
pub(crate) use operation;

/// Who wishes, how urgently, and what job watches.
pub struct Wish<'a> {
    /// Who calls.
    pub caller: &'a Caller,
    /// The audit's word, such as `host.add`; also the job's kind.
    pub action: String,
    /// The job's line for a person.
    pub title: String,
    /// How urgent.
    pub priority: Priority,
    /// A call asked for just this; else withdrawals follow from a whole set and the guard counts them.
    pub asked: bool,
    /// Rewrite also what is equal.
    pub rewrite: bool,
    /// Take over neighbours' values, once.
    pub take_over: bool,
}

impl<'a> Wish<'a> {
    /// A wish somebody waits for.
    pub fn new(caller: &'a Caller, action: &str, title: String) -> Wish<'a> {
        Wish {
            caller,
            action: action.to_owned(),
            title,
            priority: Priority::Interactive,
            asked: true,
            rewrite: false,
            take_over: false,
        }
    }

    /// How its names are raised.
    fn raise(&self) -> Raise {
        let Wish { asked, rewrite, take_over, .. } = *self;
        Raise { asked, rewrite, take_over, ..Raise::asked(self.priority) }
    }

    fn context(&self, epoch: i64) -> WriteContext {
        WriteContext {
            actor: self.caller.actor.clone(),
            source: self.caller.source.clone(),
            epoch,
            priority: self.priority,
            asked: self.asked,
            rewrite: self.rewrite,
            take_over: self.take_over,
            job: Some(NewJob { kind: self.action.clone(), title: self.title.clone() }),
            action: self.action.clone(),
        }
    }
}

/// Stores the writes that `build` makes of the zones in force.
pub async fn many(
    app: &App,
    wish: &Wish<'_>,
    build: impl Fn(&View) -> Result<Vec<OwnerWrite>, Problem>,
) -> Result<Written, Problem> {
    let stored = until_stored!(app, |view| async {
        let writes = build(&view)?;
        match store(&app.store, wish, &writes, view.epoch).await {
            Err(StoreError::DryRun(Some(written))) => {
                Ok(dry_run::end(app, &view, wish.raise(), writes, *written).await?)
            }
            stored => Ok(stored?),
        }
    });
    stored.map_err(Refused::into_problem)
}

/// Stores one write; its owner's id and the job.
pub async fn one(
    app: &App,
    to: &Store,
    wish: &Wish<'_>,
    view: &View,
    write: OwnerWrite,
) -> Result<(i64, Option<i64>), Refused> {
    let writes = vec![write];
    let written = match store(to, wish, &writes, view.epoch).await {
        Err(StoreError::DryRun(Some(written))) => {
            dry_run::end(app, view, wish.raise(), writes, *written).await?
        }
        stored => stored?,
    };
    match written.results.first() {
        Some(WriteResult::Stored { id, .. }) => Ok((*id, written.job_id)),
        Some(WriteResult::NameTaken { by }) => Err(Refused::TakenBy(*by)),
        Some(WriteResult::Missing) => Err(Refused::Gone),
        Some(WriteResult::Changed) | None => Err(Refused::Changed),
    }
}

/// Ends an operation that was run dry with the plan of its owner's write, which would be stored.
pub async fn planned(
    app: &App,
    wish: &Wish<'_>,
    view: &View,
    writes: Vec<OwnerWrite>,
    (id, job_id): (i64, Option<i64>),
) -> Refused {
    let results = vec![WriteResult::Stored { id, version: 1 }];
    let written = Written { results, job_id, zones: Vec::new() };
    match dry_run::end(app, view, wish.raise(), writes, written).await {
        Err(problem) => problem.into(),
        Ok(_) => Refused::Changed,
    }
}

/// Stores the writes; a call that was stored before, under the same idempotency key, gives what it
/// gave then.
async fn store(
    to: &Store,
    wish: &Wish<'_>,
    writes: &[OwnerWrite],
    epoch: i64,
) -> Result<Written, StoreError> {
    let context = wish.context(epoch);
    let Some(once) = &wish.caller.once else { return to.write_owners(writes, &context).await };
    let key = once.written_key();
    let remember = Remember {
        key: &key,
        principal: &once.principal,
        body_hash: once.body_hash,
        answer: &|written| (202, Receipt::of(written)),
    };
    match to.write_owners_once(writes, &context, Some(&remember)).await {
        Err(StoreError::AlreadyAnswered) => {
            let first = to.recall(&key, &once.principal).await?.ok_or(StoreError::AlreadyAnswered)?;
            Receipt::read(&first.body).ok_or(StoreError::AlreadyAnswered)
        }
        other => other,
    }
}

/// The call's idempotency key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Once {
    /// As the caller gave it.
    pub key: String,
    /// Who called.
    pub principal: String,
    /// SHA-256 of path and body.
    pub body_hash: [u8; 32],
}

impl Once {
    /// What the transaction of the call remembers its id under.
    pub fn written_key(&self) -> String {
        format!("{} written", self.key)
    }
}

/// What a new row's transaction remembers; `key` is [`Once::written_key`].
pub fn remembering<'a>(once: &'a Once, key: &'a str) -> Remember<'a> {
    Remember { key, principal: &once.principal, body_hash: once.body_hash, answer: &new_row }
}

fn new_row(written: &Written) -> (u16, String) {
    (201, Receipt::of(written))
}

/// The id that this very call gave out before, where it carries an idempotency key and died between
/// its commit and its answer.
pub async fn given_before(app: &App, caller: &Caller) -> Result<Option<i64>, Problem> {
    let Some(once) = &caller.once else { return Ok(None) };
    let Some(first) = app.store.recall(&once.written_key(), &once.principal).await? else { return Ok(None) };
    if first.body_hash != once.body_hash {
        return Err(Problem::new(409, "this Idempotency-Key was used for another call: take a new one"));
    }
    let results = Receipt::read(&first.body).map(|written| written.results).unwrap_or_default();
    Ok(results.first().and_then(|result| match result {
        WriteResult::Stored { id, .. } => Some(*id),
        _ => None,
    }))
}

/// Stores something new and gives its id: once, where the call carries an idempotency key.
pub async fn add_once(
    app: &App,
    caller: &Caller,
    store: impl AsyncFnOnce(Option<&Remember<'_>>) -> Result<i64, StoreError>,
    refused: impl FnOnce(StoreError) -> Problem,
) -> Result<i64, Problem> {
    let key = caller.once.as_ref().map(|once| once.written_key());
    let remember = caller.once.as_ref().zip(key.as_ref()).map(|(once, key)| remembering(once, key));
    match store(remember.as_ref()).await {
        // The same call came twice at the same time: both give the first one's.
        Err(StoreError::AlreadyAnswered) => {
            given_before(app, caller).await?.ok_or_else(|| StoreError::AlreadyAnswered.into())
        }
        other => other.map_err(refused),
    }
}

/// What a write gave out, as its transaction remembers it.
#[derive(Serialize, Deserialize)]
struct Receipt {
    job_id: Option<i64>,
    results: Vec<Receipted>,
}

#[derive(Serialize, Deserialize)]
enum Receipted {
    Stored(i64, i64),
    Taken(i64),
    Changed,
    Missing,
}

impl Receipt {
    fn of(written: &Written) -> String {
        let results = written.results.iter().map(|result| match result {
            WriteResult::Stored { id, version } => Receipted::Stored(*id, *version),
            WriteResult::NameTaken { by } => Receipted::Taken(*by),
            WriteResult::Changed => Receipted::Changed,
            WriteResult::Missing => Receipted::Missing,
        });
        let receipt = Receipt { job_id: written.job_id, results: results.collect() };
        serde_json::to_string(&receipt).unwrap_or_default()
    }

    fn read(text: &str) -> Option<Written> {
        let receipt: Receipt = serde_json::from_str(text).ok()?;
        let results = receipt.results.into_iter().map(|result| match result {
            Receipted::Stored(id, version) => WriteResult::Stored { id, version },
            Receipted::Taken(by) => WriteResult::NameTaken { by },
            Receipted::Changed => WriteResult::Changed,
            Receipted::Missing => WriteResult::Missing,
        });
        Some(Written { results: results.collect(), job_id: receipt.job_id, zones: Vec::new() })
    }
}

/// A claim as it would be stored anew.
pub fn as_new(claim: ClaimRow) -> NewClaim {
    let ClaimRow { name, data, ttl, zone_id, domain, derived, .. } = claim;
    NewClaim { name, data, ttl, zone_id, domain, derived }
}

/// An audit line of this caller.
pub fn audit(caller: &Caller, action: &str, object: String) -> NewAudit {
    audit_with(caller, action, object, serde_json::json!({}))
}

/// An audit line with details; never put a secret there.
pub fn audit_with(caller: &Caller, action: &str, object: String, detail: serde_json::Value) -> NewAudit {
    NewAudit {
        actor: caller.actor.clone(),
        source: caller.source.clone(),
        action: action.to_owned(),
        object,
        detail,
    }
}
