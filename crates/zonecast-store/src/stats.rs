//! Figures for the dashboard and the metrics.

use crate::Store;
use crate::error::StoreError;
use crate::sql::{args, statements};
use zonecast_core::KeyState;

statements! {
    HOSTS_BY_STATE = "SELECT COUNT(*) FROM host WHERE state <> 'deleting'";
    DIRTY_COUNT = "SELECT COUNT(*) FROM (SELECT 1 FROM name_state WHERE wanted > done LIMIT 100000) d";
    JOBS_RUNNING = "SELECT COUNT(*) FROM job WHERE finished_at IS NULL";
    DRIFT_COUNT = "SELECT COUNT(*) FROM drift";
    TROUBLE = "SELECT state, zone_id, COUNT(*) FROM key_state
        WHERE state NOT IN ('pending', 'applied', 'served') GROUP BY state, zone_id";
    OWNED_BY_ZONE = "SELECT id, owned FROM zone ORDER BY id";
}

/// Counts over everything.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Stats {
    /// Hosts that are not in `deleting`.
    pub hosts: i64,
    /// Names with work to do, counted up to 100,000.
    pub dirty_names: i64,
    /// Jobs that have not ended.
    pub running_jobs: i64,
    /// Audit lines not yet sealed.
    pub unsealed_audit: i64,
    /// Differences found at providers.
    pub drift: i64,
    /// Per zone, in the order of their ids.
    pub zones: Vec<ZoneStats>,
}

/// Counts of one zone.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct ZoneStats {
    /// The zone.
    pub zone_id: i64,
    /// Values of ours there.
    pub owned_values: i64,
    /// Keys per state of trouble; those that are well are not counted.
    pub trouble: Vec<(KeyState, i64)>,
}

impl Store {
    /// Counts for the dashboard and the metrics. Indexes are counted, never tables; at a million hosts
    /// that still is a fraction of a second, so call it by a timer and not for every request.
    pub async fn stats(&self) -> Result<Stats, StoreError> {
        let db = self.db();
        let (hosts,): (i64,) = db.one(&HOSTS_BY_STATE, args![]).await?;
        let (dirty_names,): (i64,) = db.one(&DIRTY_COUNT, args![]).await?;
        let (running_jobs,): (i64,) = db.one(&JOBS_RUNNING, args![]).await?;
        let (unsealed_audit,): (i64,) = db.one(&crate::audit::AUDIT_OPEN_COUNT, args![]).await?;
        let (drift,): (i64,) = db.one(&DRIFT_COUNT, args![]).await?;
        let owned: Vec<(i64, i64)> = db.all(&OWNED_BY_ZONE, args![]).await?;
        let mut zones: Vec<ZoneStats> = owned
            .into_iter()
            .map(|(zone_id, owned_values)| ZoneStats { zone_id, owned_values, trouble: Vec::new() })
            .collect();
        let trouble: Vec<(String, i64, i64)> = db.all(&TROUBLE, args![]).await?;
        for (state, zone_id, count) in trouble {
            if let Ok(index) = zones.binary_search_by_key(&zone_id, |zone| zone.zone_id) {
                zones[index].trouble.push((crate::codec::state(&state)?, count));
            }
        }
        Ok(Stats { hosts, dirty_names, running_jobs, unsealed_audit, drift, zones })
    }
}
