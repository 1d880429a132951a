//! What a service can hold, as data. The planner fits desired sets to it before anything is sent.

use crate::record::{RRset, RecordData, RecordType, Ttl};
use serde::Serialize;

/// What a provider can hold and how it wants to be written to. Shown by `provider list`.
#[derive(Clone, Debug, Serialize)]
pub struct Capabilities {
    /// The types it holds; `None` means any, by RFC 3597 if need be.
    pub types: Option<Vec<RecordType>>,
    /// The smallest TTL it keeps.
    pub ttl_seconds_min: u32,
    /// The largest TTL it keeps.
    pub ttl_seconds_max: u32,
    /// Most values in one set.
    pub values_per_set_max: usize,
    /// Most changes to be carried out in one call's time; more are handed over in several calls.
    pub batch_changes_max: usize,
    /// Whether a call's changes happen together or not at all.
    pub atomic_batch: bool,
    /// How a write is protected against a foreign write between read and write.
    pub guard: Guard,
    /// How an answer of the service shows that nothing is left out of it.
    pub whole: Whole,
    /// After our own write, how long its answers may still be old.
    pub settle_seconds: u32,
    /// Writes in flight at one connection.
    pub write_concurrency: usize,
    /// Calls a second the service allows; `None` where it names no limit.
    pub calls_per_second: Option<f64>,
    /// Whether it can create and delete zones for us.
    pub zones: bool,
    /// Whether it tells DS and DNSKEY of a zone it signs.
    pub dnssec: bool,
    /// Whether it keeps where a TXT value is cut into character-strings. Where not, every value is
    /// compared and written as [`RecordData::uncut`], on both sides.
    pub text_cut: bool,
}

/// What stands between our read and our write.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Guard {
    /// Nothing: the window is the one call between read and write.
    None,
    /// The write names what was read and is refused if that changed.
    CompareAndSet,
    /// Values are added and removed one by one; neighbours are never in the call.
    Values,
}

/// What tells an answer with nothing in it from a read that failed without saying so.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Whole {
    /// Every zone's apex stands in its listings: an answer without it is torn.
    Apex,
    /// The answer says how much it is, or comes in one piece, and the adapter refuses less.
    Counted,
    /// Nothing does: only that the answer stays the same.
    Nothing,
}

impl Capabilities {
    /// A service without limits of its own; adapters narrow it down.
    pub fn unlimited() -> Capabilities {
        Capabilities {
            types: None,
            ttl_seconds_min: 0,
            ttl_seconds_max: Ttl::MAX.seconds(),
            values_per_set_max: 10_000,
            batch_changes_max: 5_000,
            atomic_batch: true,
            guard: Guard::CompareAndSet,
            whole: Whole::Apex,
            settle_seconds: 0,
            write_concurrency: 1,
            calls_per_second: None,
            zones: true,
            dnssec: false,
            text_cut: true,
        }
    }

    /// The TTL the service will hold when asked for `ttl`.
    pub fn clamp(&self, ttl: Ttl) -> Ttl {
        let seconds = ttl.seconds().clamp(self.ttl_seconds_min, self.ttl_seconds_max);
        Ttl::from_seconds(seconds).unwrap_or(Ttl::MAX)
    }

    /// The value as the service will hold it.
    pub fn fit(&self, value: &RecordData) -> RecordData {
        if self.text_cut { value.clone() } else { value.uncut() }
    }

    /// `Err` names why the service cannot hold this set; a set is refused whole, never cut.
    pub fn check(&self, set: &RRset) -> Result<(), String> {
        if let Some(types) = &self.types
            && !types.contains(&set.rtype)
        {
            return Err(format!("{} records are not supported by this provider", set.rtype));
        }
        if set.values.len() > self.values_per_set_max {
            return Err(format!(
                "{} {} has {} values; this provider holds at most {}",
                set.name,
                set.rtype,
                set.values.len(),
                self.values_per_set_max
            ));
        }
        Ok(())
    }
}
