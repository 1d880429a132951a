//! Records that are not well: which, where, and in whose words.

use super::view::time;
use crate::app::App;
use crate::problem::Problem;
use zonecast_core::retry::due_is_now;
use zonecast_core::{ConnectionState, KeyState, ZoneState};
use zonecast_store::{KeyRow, Millis};

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
    /// One that is trouble.
    pub state: KeyState,
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
    state: Option<KeyState>,
    zone_id: Option<i64>,
    most: usize,
) -> Result<Vec<TroubleView>, Problem> {
    list_beside(app, &[], state, zone_id, most).await
}

/// The same without those that only wait for one of these causes.
pub async fn list_beside(
    app: &App,
    causes: &[Cause],
    state: Option<KeyState>,
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
        let waits = causes.iter().any(|cause| cause.zones.contains(&zone.zone_id));
        let asked = |known: KeyState| {
            known.is_trouble()
                && state.is_none_or(|state| state == known)
                && !(waits && known == KeyState::Retrying)
        };
        for (state, _) in zone.trouble.iter().filter(|(state, _)| asked(*state)) {
            let keys = app.store.keys_in_state(zone.zone_id, *state, None, most).await?;
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

/// Why work waits: one thing that is wrong, however many records wait for it.
#[derive(Clone, Debug)]
pub struct Cause {
    /// The connection.
    pub connection: String,
    /// How that stands.
    pub state: ConnectionState,
    /// The zone that is refused: id and name; `None`: the connection as a whole.
    pub zone: Option<(i64, String)>,
    /// A zone to ask for, so that it is tried now.
    pub try_zone: Option<i64>,
    /// The zones that wait for it.
    pub zones: Vec<i64>,
    /// The provider's words.
    pub words: String,
    /// Since when.
    pub since: Option<String>,
    /// When it is tried again; `None`: now.
    pub next: Option<String>,
    /// Names that wait (up to 100,000).
    pub names: i64,
    /// Hosts that they are of.
    pub hosts: i64,
}

/// What is wrong now, connection by connection, and zones that are refused alone.
pub async fn causes(app: &App) -> Result<Vec<Cause>, Problem> {
    let (view, now) = (app.catalog.view(), app.store.now().await?);
    let moment = |at: Millis| (at > 0).then(|| time(at));
    let next = |at: Millis| moment(at).filter(|_| !due_is_now(at, now));
    let mut causes = Vec::new();
    for entry in view.connections.values() {
        let row = &entry.row;
        let zones: Vec<_> = view.zones.values().filter(|zone| zone.row.connection_id == row.id).collect();
        if row.state.is_trouble() {
            let (names, hosts) = app.store.waiting_at(row.id, 0).await?;
            causes.push(Cause {
                connection: row.name.clone(),
                state: row.state,
                zone: None,
                try_zone: zones.first().map(|zone| zone.row.id),
                zones: zones.iter().map(|zone| zone.row.id).collect(),
                words: row.last_error.clone().unwrap_or_default(),
                since: moment(row.trouble_since),
                next: next(row.open_until),
                names,
                hosts,
            });
            continue;
        }
        for zone in zones.into_iter().filter(|zone| zone.row.state == ZoneState::Parked) {
            let id = zone.row.id;
            let (names, hosts) = app.store.waiting_at(row.id, id).await?;
            causes.push(Cause {
                connection: row.name.clone(),
                state: zone.connection.row.state,
                zone: Some((id, zone.row.name.to_string())),
                try_zone: Some(id),
                zones: vec![id],
                words: zone.row.last_error.clone().unwrap_or_default(),
                since: moment(zone.row.waiting.since),
                next: next(zone.row.waiting.until),
                names,
                hosts,
            });
        }
    }
    Ok(causes)
}

/// The first records of a zone that are ours, with how they stand.
pub async fn in_zone(app: &App, zone_id: i64, most: usize) -> Result<Vec<TroubleView>, Problem> {
    let view = app.catalog.view();
    let Some(entry) = view.zone(zone_id) else { return Ok(Vec::new()) };
    let (zone, provider) = (entry.row.name.to_string(), &entry.connection.row.provider);
    let keys = app.store.keys_below(zone_id, None, most).await?;
    Ok(keys.into_iter().map(|key| of(key, &zone, provider)).collect())
}

/// How many names of a zone are held until somebody approves.
pub async fn held_in(app: &App, zone_id: i64) -> Result<usize, Problem> {
    Ok(app.store.keys_in_state(zone_id, KeyState::Held, None, COUNT_MAX).await?.len())
}
