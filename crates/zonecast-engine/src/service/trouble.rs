//! Records that are not well: which, where, and in whose words.

use super::view::time;
use crate::app::App;
use crate::problem::Problem;
use zonecast_store::{KeyRow, Millis};

/// The states that ask for somebody's attention.
pub const STATES: [&str; 6] = ["failed", "retrying", "conflict", "contested", "held", "unsupported"];
/// Most names counted in one zone.
const COUNT_MAX: usize = 10_000;

/// One record in trouble.
#[derive(Clone, Debug)]
pub struct TroubleView {
    /// The zone.
    pub zone_id: i64,
    /// The zone's name.
    pub zone: String,
    /// The provider's kind.
    pub provider: String,
    /// The record's name.
    pub name: String,
    /// Its type.
    pub rtype: String,
    /// One of [`STATES`].
    pub state: String,
    /// Our values there.
    pub values: Vec<String>,
    /// What is wrong, in the provider's words.
    pub last_error: Option<String>,
    /// Failed attempts so far.
    pub attempts: i64,
    /// When the next attempt is due.
    pub next_attempt_at: Option<String>,
    /// Since when.
    pub since: String,
}

/// The newest records in trouble, of one state or all, in one zone or all; at most `most`.
pub async fn list(
    app: &App,
    state: Option<&str>,
    zone_id: Option<i64>,
    most: usize,
) -> Result<Vec<TroubleView>, Problem> {
    let view = app.catalog.view();
    let mut found: Vec<(Millis, TroubleView)> = Vec::new();
    for zone in app.store.stats().await?.zones {
        let Some(entry) = view.zone(zone.zone_id).filter(|_| zone_id.is_none_or(|id| id == zone.zone_id))
        else {
            continue;
        };
        let asked = |known: &str| STATES.contains(&known) && state.is_none_or(|state| state == known);
        for (state, _) in zone.trouble.iter().filter(|(state, _)| asked(state)) {
            let keys = app.store.keys_in_state(zone.zone_id, state, None, most).await?;
            let provider = &entry.connection.row.provider;
            found.extend(
                keys.into_iter().map(|key| (key.updated_at, of(key, &entry.row.name.to_string(), provider))),
            );
        }
        // However many zones are in trouble, only as much is held as is shown.
        found.sort_by_key(|(at, _)| std::cmp::Reverse(*at));
        found.truncate(most);
    }
    Ok(found.into_iter().map(|(_, trouble)| trouble).collect())
}

fn of(key: KeyRow, zone: &str, provider: &str) -> TroubleView {
    TroubleView {
        zone_id: key.zone_id,
        zone: zone.to_owned(),
        provider: provider.to_owned(),
        name: key.name.to_string(),
        rtype: key.rtype.to_string(),
        state: key.state,
        values: key.applied.iter().map(zonecast_core::RecordData::to_text).collect(),
        last_error: key.last_error,
        attempts: key.attempts,
        next_attempt_at: key.next_attempt_at.map(time),
        since: time(key.updated_at),
    }
}

/// How many names of a zone are held until somebody approves.
pub async fn held_in(app: &App, zone_id: i64) -> Result<usize, Problem> {
    Ok(app.store.keys_in_state(zone_id, "held", None, COUNT_MAX).await?.len())
}
