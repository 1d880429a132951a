//! What comes out: the same shapes for the API, the CLI's `--output json` and the library.
//!
//! Names have no final dot and come in both forms where people read them; times are RFC 3339 in UTC;
//! no shape has a place for a secret.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use utoipa::ToSchema;
use zonecast_core::{ConnectionState, JobState, KeyState, OwnerState, ZoneState};
use zonecast_store::{AuditRow, ConnectionRow, JobRow, Millis, PoolRow};

/// A time as RFC 3339, `2026-11-21T11:00:00.123Z`.
pub fn time(millis: Millis) -> String {
    match jiff::Timestamp::from_millisecond(millis) {
        Ok(time) => format!("{time:.3}"),
        Err(_) => jiff::Timestamp::UNIX_EPOCH.to_string(),
    }
}

/// A host.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct HostView {
    /// Its id.
    pub id: i64,
    /// The forward name.
    pub fqdn: String,
    /// The same in national script.
    pub fqdn_unicode: String,
    /// The internal name, where the host came as name + main domain.
    pub name: Option<String>,
    /// What completed it.
    pub main_domain: Option<String>,
    /// Its addresses, in the order given.
    pub addresses: Vec<AddressView>,
    /// The host's own TTL.
    pub ttl: Option<u32>,
    /// `all` or `first`.
    pub address_policy: String,
    /// `active`, `disabled`, `suspended`, `secondary`, `deleting`.
    #[schema(value_type = String)]
    pub state: OwnerState,
    /// `set_dns_records` while that is under way, else the panel's word for what is going on.
    pub vm_status: Option<String>,
    /// No zone fits its name nor any of its addresses.
    pub no_matching_zone: bool,
    /// When it was registered.
    pub created_at: String,
    /// When it was last changed.
    pub updated_at: String,
    /// Raised by every change.
    pub version: i64,
    /// Where its records stand, zone by zone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub records: Option<Vec<KeyView>>,
}

/// One address of a host.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct AddressView {
    /// The address.
    pub ip: String,
    /// Its own reverse name.
    pub reverse_name: Option<String>,
    /// What its PTR points to: the own reverse name, the pool's pattern, or the fqdn.
    pub ptr: String,
    /// No reverse zone fits the address.
    pub no_matching_zone: bool,
}

/// How one record stands in one zone.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct KeyView {
    /// The zone.
    pub zone_id: i64,
    /// The zone's name.
    pub zone: String,
    /// The provider's kind.
    pub provider: String,
    /// The record's name as it stands in the zone.
    pub name: String,
    /// Its type.
    #[serde(rename = "type")]
    pub rtype: String,
    /// Its values, in presentation form.
    pub values: Vec<String>,
    /// Its TTL.
    pub ttl: u32,
    /// `pending`, `applied`, `served`, `retrying`, `failed`, `conflict`, `contested`, `held`,
    /// `superseded`, `unsupported`, `occluded`.
    #[schema(value_type = String)]
    pub state: KeyState,
    /// `served`, `stale`, `unreachable`, or nothing yet.
    pub verified: Option<String>,
    /// The last error, in the provider's words.
    pub last_error: Option<String>,
    /// Failed attempts so far.
    pub attempts: i64,
    /// When the next attempt is due.
    pub next_attempt_at: Option<String>,
    /// When it was last seen.
    pub verified_at: Option<String>,
}

/// A record an operator added.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct RecordView {
    /// Its id.
    pub id: i64,
    /// The owner name.
    pub name: String,
    /// The same in national script.
    pub name_unicode: String,
    /// The type.
    #[serde(rename = "type")]
    pub rtype: String,
    /// The values, in presentation form.
    pub values: Vec<String>,
    /// Its TTL.
    pub ttl: Option<u32>,
    /// The one zone it lives in; without it, every matching zone.
    pub zone_id: Option<i64>,
    /// The door it came through: `api`, `cli`, `page`, `library`, `plesk`; empty if it is older than that.
    pub source: String,
    /// `active` or `deleting`.
    #[schema(value_type = String)]
    pub state: OwnerState,
    /// No zone fits its name.
    pub no_matching_zone: bool,
    /// When it was added.
    pub created_at: String,
    /// When it was last changed.
    pub updated_at: String,
    /// Raised by every change.
    pub version: i64,
    /// Where it stands, zone by zone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub records: Option<Vec<KeyView>>,
}

/// A zone at a connection.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct ZoneView {
    /// Its id.
    pub id: i64,
    /// Its name.
    pub name: String,
    /// The same in national script.
    pub name_unicode: String,
    /// The provider's kind.
    pub provider: String,
    /// The connection it lives at.
    pub connection_id: i64,
    /// What people call that connection.
    pub connection: String,
    /// The provider's own id of the zone.
    pub provider_zone_id: Option<String>,
    /// A reverse zone.
    pub reverse: bool,
    /// The provider's fields; secrets show as `KEEP`.
    #[schema(value_type = Object)]
    pub settings: Map<String, Value>,
    /// The zone's policy: `dns_servers`, `ttl`, `match`, ...
    #[serde(flatten)]
    pub policy: crate::settings::ZoneSettings,
    /// `ok`, `parked`, `paused`, `deleting`.
    #[schema(value_type = String)]
    pub state: ZoneState,
    /// How the connection stands: `ok`, `unreachable`, `probing`, `parked`, `paused`.
    #[schema(value_type = String)]
    pub connection_state: ConnectionState,
    /// The last error, in the provider's words.
    pub last_error: Option<String>,
    /// The serial served, for a zone of the embedded authority.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub serial: Option<u32>,
    /// When the zone was last listed as a whole.
    pub listed_at: Option<String>,
    /// Keys that held values of others when the zone was added; only in the answer to that.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub conflicts: Option<usize>,
    /// Existing names are being matched with it.
    pub matching: bool,
    /// When it was added.
    pub created_at: String,
    /// When it was last changed.
    pub updated_at: String,
    /// Raised by every change.
    pub version: i64,
    /// What a person should know, such as "also used by 3 zones".
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<String>,
}

/// An account at a provider.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct ConnectionView {
    /// Its id.
    pub id: i64,
    /// What people call it.
    pub name: String,
    /// The provider's kind.
    pub provider: String,
    /// Its fields; secrets show as `KEEP`.
    #[schema(value_type = Object)]
    pub settings: Map<String, Value>,
    /// What leases and rate budgets hang on.
    pub budget_group: String,
    /// Made by a zone with inline secrets; goes with its last zone.
    pub implicit: bool,
    /// `ok`, `unreachable`, `probing`, `parked`, `paused`.
    #[schema(value_type = String)]
    pub state: ConnectionState,
    /// The last error, in the provider's words.
    pub last_error: Option<String>,
    /// When the next call is let through.
    pub open_until: Option<String>,
    /// Zones at it.
    pub zones: usize,
    /// When it was added.
    pub created_at: String,
    /// When it was last changed.
    pub updated_at: String,
    /// Raised by every change.
    pub version: i64,
    /// What a person should know, such as "also used by 3 zones".
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<String>,
}

impl ConnectionView {
    /// The view of a row, its settings already masked.
    pub fn of(row: &ConnectionRow, settings: Map<String, Value>, zones: usize) -> ConnectionView {
        ConnectionView {
            id: row.id,
            name: row.name.clone(),
            provider: row.provider.clone(),
            settings,
            budget_group: row.budget_group.clone(),
            implicit: row.implicit,
            state: row.state,
            last_error: row.last_error.clone(),
            open_until: (row.state != ConnectionState::Ok && row.open_until > 0)
                .then(|| time(row.open_until)),
            zones,
            created_at: time(row.created_at),
            updated_at: time(row.updated_at),
            version: row.version,
            notes: Vec::new(),
        }
    }
}

/// What a test found.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct TestView {
    /// All of the following.
    pub ok: bool,
    /// The service answered.
    pub reachable: bool,
    /// The credentials are right.
    pub authorised: bool,
    /// The service has this zone, under this name.
    pub zone_matches: bool,
    /// Records of it may be written.
    pub can_write: bool,
    /// One sentence; the provider's exact words where it refused.
    pub message: String,
    /// Advice that does not make the test fail.
    pub advice: Vec<String>,
}

impl From<zonecast_providers::TestReport> for TestView {
    fn from(report: zonecast_providers::TestReport) -> TestView {
        let zonecast_providers::TestReport {
            ok,
            reachable,
            authorised,
            zone_matches,
            can_write,
            message,
            advice,
        } = report;
        TestView { ok, reachable, authorised, zone_matches, can_write, message, advice }
    }
}

/// A piece of work.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct JobView {
    /// Its id.
    pub id: i64,
    /// What kind of work.
    pub kind: String,
    /// One line for a person.
    pub title: String,
    /// `queued`, `running`, `done`, `no_matching_zone`, `partial`, `failed`, `superseded`, `cancelled`.
    #[schema(value_type = String)]
    pub state: JobState,
    /// Names it watches.
    pub total: i64,
    /// Names that are well.
    pub succeeded: i64,
    /// Names that are not.
    pub failed: i64,
    /// The job that took names over from it.
    pub superseded_by: Option<i64>,
    /// The owner it is about, such as `host:12`.
    pub owner: Option<String>,
    /// When it was made.
    pub created_at: String,
    /// When it ended.
    pub finished_at: Option<String>,
}

impl From<&JobRow> for JobView {
    fn from(row: &JobRow) -> JobView {
        let owner = row.owner.map(|owner| format!("{}:{}", owner.kind.word(), owner.id));
        JobView {
            id: row.id,
            kind: row.kind.clone(),
            title: row.title.clone(),
            state: row.state,
            total: row.total,
            succeeded: row.succeeded,
            failed: row.failed,
            superseded_by: row.superseded_by,
            owner,
            created_at: time(row.created_at),
            finished_at: row.finished_at.map(time),
        }
    }
}

/// One line of a job's log.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct LogLineView {
    /// Grows within the job.
    pub id: i64,
    /// When.
    pub at: String,
    /// The line.
    pub line: String,
}

/// One line of the audit.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct AuditView {
    /// Its id.
    pub id: i64,
    /// When.
    pub at: String,
    /// Who.
    pub actor: String,
    /// Through which door.
    pub source: String,
    /// What, such as `host.add`.
    pub action: String,
    /// On what, such as `host:12`.
    pub object: String,
    /// The rest, without secrets.
    #[schema(value_type = Object)]
    pub detail: Value,
    /// Chain hash, once sealed.
    pub hash: Option<String>,
}

impl From<AuditRow> for AuditView {
    fn from(row: AuditRow) -> AuditView {
        let AuditRow { id, at, actor, source, action, object, detail, hash } = row;
        AuditView { id, at: time(at), actor, source, action, object, detail, hash }
    }
}

/// A prefix with its hints and patterns.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct PoolView {
    /// Its id.
    pub id: i64,
    /// The prefix.
    pub prefix: String,
    /// The reverse zone (or zones) to add for it.
    pub reverse_zones: Vec<String>,
    /// Reverse zones configured that hold it.
    pub zone_ids: Vec<i64>,
    /// Completes bare names.
    pub main_domain: Option<String>,
    /// Names hosts without one.
    pub name_pattern: Option<String>,
    /// TTL of records of addresses inside.
    pub ttl: Option<u32>,
    /// Reverse name of addresses without an own one.
    pub ptr_pattern: Option<String>,
    /// Raised by every change.
    pub version: i64,
}

impl PoolView {
    /// The view of a row.
    pub fn of(row: &PoolRow, reverse_zones: Vec<String>, zone_ids: Vec<i64>) -> PoolView {
        PoolView {
            id: row.id,
            prefix: row.prefix.to_string(),
            reverse_zones,
            zone_ids,
            main_domain: row.main_domain.as_ref().map(ToString::to_string),
            name_pattern: row.name_pattern.clone(),
            ttl: row.ttl.map(|ttl| ttl.seconds()),
            ptr_pattern: row.ptr_pattern.clone(),
            version: row.version,
        }
    }
}

/// A key that opens the API.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct KeyInfoView {
    /// Its id.
    pub id: i64,
    /// What people call it.
    pub name: String,
    /// `admin`, `operator`, `viewer`.
    pub role: String,
    /// The key itself; shown once, when it is made.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<String>,
    /// When it was made.
    pub created_at: String,
    /// When it ends.
    pub expires_at: Option<String>,
}

/// One desired value (S5.24).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct DesiredRecordView {
    /// The name, without a final dot.
    pub name: String,
    /// The type.
    pub record_type: String,
    /// The value, in presentation form.
    pub value: String,
    /// The TTL.
    pub ttl: u32,
}
