//! The rules of Zonecast, and nothing but the rules: data in, data out.
//!
//! What should be true (`host`, `derive`, `desired`), where it belongs (`matching`), what is there
//! (`observed`), what has to change (`plan`), and what must not be touched on the way (`plan`,
//! `guard`). There is no IO here, no clock, no randomness and no environment: time and settings
//! come in as arguments, so every rule can be tested as a table or as a law.
//!
//! Read `name` and `record` first (the two types everything speaks), then `plan`.

pub mod budget;
pub mod capability;
pub mod claim;
pub mod classless;
pub mod derive;
pub mod desired;
pub mod explain;
pub mod guard;
pub mod host;
pub mod matching;
pub mod name;
pub mod observed;
pub mod occlusion;
pub mod plan;
pub mod record;
pub mod retry;
pub mod serial;
pub mod states;
pub mod zone;

pub use budget::{Budget, Errand};
pub use capability::{Capabilities, Guard, Whole};
pub use claim::{Claim, Owner, OwnerKind};
pub use classless::{claim_name, place, suggested_network};
pub use derive::{DerivedClaim, claims_of};
pub use desired::{ClaimVerdict, Desired, desired_at};
pub use explain::{Explanation, explain};
pub use host::{AddressPolicy, Host, HostAddress};
pub use matching::{Placement, ZoneIndex};
pub use name::{Name, NameError};
pub use observed::{Change, Observed, ObservedRRset, ObservedValue};
pub use occlusion::{Cuts, Occlusion};
pub use plan::{
    Because, Conflict, Hold, KeyPlan, KeyVerdict, NamePlan, NamePlanInput, Plan, Policy, ZonePlanInput,
    plan_name, plan_zone,
};
pub use record::{RRset, RecordData, RecordError, RecordType, Ttl, bare_names};
pub use serial::Serial;
pub use states::{ConnectionState, JobState, KeyState, OwnerState, State, ZoneState};
pub use zone::{ConflictPolicy, ConnectionId, Zone, ZoneId};
