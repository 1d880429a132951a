//! What the engine works on: dirty names, keys, results, leases.

use super::{Millis, Priority};
use zonecast_core::{KeyState, Name, RecordData, RecordType, Ttl};

/// A name with work to do in one zone.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct DirtyName {
    /// The name inside the zone.
    pub name: Name,
    /// The version to plan from, and to store when done.
    pub wanted: i64,
    /// Failed attempts so far.
    pub attempts: i64,
    /// How urgent.
    pub priority: i64,
    /// A call asked for the last raise.
    pub asked: bool,
    /// Rewrite what is equal too.
    pub rewrite: bool,
    /// Take over neighbours' values, once.
    pub take_over: bool,
    /// Held removals at this name were approved.
    pub approved: bool,
    /// The job that watches.
    pub job_id: Option<i64>,
}

impl DirtyName {
    /// A name with nothing to do.
    pub fn clean(name: Name) -> DirtyName {
        DirtyName {
            name,
            wanted: 0,
            attempts: 0,
            priority: Priority::Background as i64,
            asked: false,
            rewrite: false,
            take_over: false,
            approved: false,
            job_id: None,
        }
    }

    /// The name as a raise would make it: what was asked before is still asked, but what was approved was
    /// approved before this.
    pub fn raised(self, how: &Raise) -> DirtyName {
        DirtyName {
            asked: self.asked || how.asked,
            rewrite: self.rewrite || how.rewrite,
            take_over: self.take_over || how.take_over,
            approved: false,
            ..self
        }
    }
}

/// What is known of one RRset of ours in one zone.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct KeyRow {
    /// The zone.
    pub zone_id: i64,
    /// The name inside the zone.
    pub name: Name,
    /// The type.
    pub rtype: RecordType,
    /// How it stands.
    pub state: KeyState,
    /// The values we wrote and own there.
    pub applied: Vec<RecordData>,
    /// The TTL we wrote.
    pub ttl: Ttl,
    /// The last error or note.
    pub last_error: Option<String>,
    /// Failed attempts so far.
    pub attempts: i64,
    /// When the next attempt is due.
    pub next_attempt_at: Option<Millis>,
    /// `served`, `stale`, `unreachable`, or nothing yet.
    pub verified: Option<String>,
    /// When that was seen.
    pub verified_at: Option<Millis>,
    /// When it was last written.
    pub updated_at: Millis,
}

/// The result of one pass over one name, to be stored with the lease's fence.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct NameResult {
    /// The name inside the zone.
    pub name: Name,
    /// The version that was planned from.
    pub planned: i64,
    /// The pass is over for this version (else it is tried again at `retry_at`).
    pub done: bool,
    /// When to try again, if not done.
    pub retry_at: Option<Millis>,
    /// What may still arrive at this name; it takes the place of what was thought to be on its way.
    pub on_its_way: Vec<crate::Intent>,
    /// Every key at this name that has something to say; keys not named here are gone.
    pub keys: Vec<KeyRow>,
    /// Whether all its keys are well (for the job's count).
    pub ok: bool,
    /// The job whose watch over this name ends with this result, done or not; `None` lets it watch on.
    pub job_id: Option<i64>,
    /// How many values of ours were removed, by derived withdrawal.
    pub removed_derived: i64,
}

/// A lease on a budget group.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Lease {
    /// The group.
    pub budget_group: String,
    /// Who holds it: one word per process and start.
    pub holder: String,
    /// Raised by every change of holder.
    pub fence: i64,
    /// Until when, by the database's clock.
    pub expires_at: Millis,
    /// The lease was taken from a holder that let it pass, not released: wait one call deadline.
    pub taken_over: bool,
}

/// How names are raised without an owner's write.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Raise {
    /// How urgent.
    pub priority: Priority,
    /// A call asked for this.
    pub asked: bool,
    /// Read uncached and rewrite also what is equal.
    pub rewrite: bool,
    /// Take over neighbours' values at these names, once.
    pub take_over: bool,
    /// The job that shall watch; it must exist. `None` leaves the present watcher in place.
    pub job_id: Option<i64>,
}

impl Raise {
    /// What follows from a file, a policy or a configuration change.
    pub fn derived(priority: Priority) -> Raise {
        Raise { priority, asked: false, rewrite: false, take_over: false, job_id: None }
    }

    /// What a call asked for.
    pub fn asked(priority: Priority) -> Raise {
        Raise { asked: true, ..Raise::derived(priority) }
    }
}

/// A zone with work that is due.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct DirtyGroup {
    /// What the lease hangs on.
    pub budget_group: String,
    /// The connection.
    pub connection_id: i64,
    /// The zone.
    pub zone_id: i64,
    /// The most urgent priority with work.
    pub priority: i64,
    /// How many names of that priority are due, counted up to 1,000.
    pub count: i64,
}

/// What a verification saw at one key.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Verified {
    /// The zone.
    pub zone_id: i64,
    /// The name.
    pub name: Name,
    /// The type.
    pub rtype: RecordType,
    /// `updated_at` of the key that was looked up: nothing is stored when it was written since.
    pub seen_updated_at: Millis,
    /// The key's state now (`served`, or `applied` while it is not).
    pub state: KeyState,
    /// `served`, `stale`, `unreachable`.
    pub verified: Option<String>,
    /// When to look again; `None` means at this key's hour of the next day.
    pub again_at: Option<Millis>,
}

/// What a key was at some time.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct OutcomeRow {
    /// When it became so.
    pub at: Millis,
    /// How it stands.
    pub state: KeyState,
    /// Our values then.
    pub applied: Vec<RecordData>,
    /// Their TTL.
    pub ttl: Ttl,
    /// The error or note.
    pub note: Option<String>,
}

/// An audit line to be written.
#[derive(Clone, PartialEq, Debug)]
pub struct NewAudit {
    /// Who.
    pub actor: String,
    /// Through which door.
    pub source: String,
    /// What, such as `host.add`.
    pub action: String,
    /// On what, such as `host:12`.
    pub object: String,
    /// The rest, without secrets.
    pub detail: serde_json::Value,
}

/// What storing results gave back.
#[derive(Clone, Debug, Default)]
pub struct Stored {
    /// Jobs that ended with it.
    pub finished_jobs: Vec<crate::JobRow>,
    /// Owners that were waiting to go, and went.
    pub reaped: Vec<crate::OwnerId>,
}
