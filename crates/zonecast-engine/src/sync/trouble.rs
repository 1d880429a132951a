//! What to do when a provider will not answer, or will not let us in.
//!
//! Trouble with a whole call says nothing about the names in it, so it is kept at the connection (or
//! the zone), not at ten thousand names: the breaker opens, one small probe is made when it is due,
//! and the first success lets everything through. A wrong key parks the connection, a zone that is
//! not ours to write parks the zone; both are probed in steps that grow from seconds, so putting the
//! key right at the provider heals without anybody touching Zonecast, and at once where somebody asks
//! for the work again or a Test is green (`Store::end_waits`). "Too many calls" is about the
//! credential, so every connection of the budget group waits.
//!
//! What a person decided (paused, being deleted) is never overwritten from here.

use super::Inner;
use super::group::Turn;
use crate::catalog::ZoneEntry;
use std::time::Duration;
use zonecast_core::{ConnectionState, ZoneState, retry};
use zonecast_providers::{ErrorClass, ProviderError};
use zonecast_store::StoreError;

/// How a pass ended for the connection and the zone as a whole.
pub(super) enum Trouble {
    /// A call failed as a whole.
    Failed(ProviderError),
    /// The provider answered after it had failed before.
    Over,
}

/// Remembers the trouble, or that it is over.
pub(super) async fn note(turn: &Turn, trouble: Trouble, now: i64) -> Result<(), StoreError> {
    match trouble {
        Trouble::Over => recovered(turn).await,
        Trouble::Failed(error) => failed(turn, &error, now).await,
    }
}

async fn recovered(turn: &Turn) -> Result<(), StoreError> {
    let (store, zone) = (&turn.inner.store, &turn.zone);
    tracing::info!(zone = %zone.row.name, connection = zone.connection.row.name, "the provider answers again");
    store.note_connection(zone.connection.row.id, ConnectionState::Ok, None, 0, 0).await?;
    store.note_zone(zone.row.id, ZoneState::Ok, None, 0, 0).await?;
    turn.inner.catalog.reload().await?;
    Ok(())
}

async fn failed(turn: &Turn, error: &ProviderError, now: i64) -> Result<(), StoreError> {
    let (store, zone) = (&turn.inner.store, &turn.zone);
    let id = zone.connection.row.id;
    // Counted anew where somebody asked meanwhile, so not as this pass knew it.
    let failures = 1 + match is_of_the_zone(error) {
        true => store.zone(zone.row.id).await?.map_or(0, |row| row.waiting.failures),
        false => store.connection(id).await?.map_or(0, |row| row.failures),
    };
    let again = now + wait(error, failures).as_millis() as i64;
    tracing::warn!(
        zone = %zone.row.name, connection = zone.connection.row.name, class = error.class.as_str(),
        error = %error, again_in_ms = again - now, "the provider call failed"
    );
    let words = of_the_connection(zone, error);
    match error.class {
        ErrorClass::NoSuchZone if zone.row.state == ZoneState::Deleting => {
            super::removal::forget(&turn.inner, zone).await?;
        }
        ErrorClass::Forbidden | ErrorClass::NoSuchZone => {
            store.note_zone(zone.row.id, ZoneState::Parked, Some(&error.message), failures, again).await?;
            // Whoever refuses one zone answers, and has taken the key.
            store.note_connection(id, ConnectionState::Ok, None, 0, 0).await?;
        }
        ErrorClass::Unauthorized => {
            store.note_connection(id, ConnectionState::Parked, Some(words), failures, again).await?;
        }
        ErrorClass::RateLimited { .. } => return hold_group(&turn.inner, zone, error, now).await,
        _ => store.note_connection(id, ConnectionState::Unreachable, Some(words), failures, again).await?,
    }
    turn.inner.catalog.reload().await?;
    Ok(())
}

/// What is the matter with a connection is shown at all its zones, so it does not name one of them.
fn of_the_connection<'a>(zone: &ZoneEntry, error: &'a ProviderError) -> &'a str {
    let named = error.message.strip_prefix(zone.row.name.to_string().as_str());
    named.and_then(|words| words.strip_prefix(": ")).unwrap_or(&error.message)
}

/// The service has had enough of this credential: nobody of the group calls before it said so. Stored,
/// so that neither a restart nor another node forgets it.
pub(super) async fn hold_group(
    inner: &Inner,
    zone: &ZoneEntry,
    error: &ProviderError,
    now: i64,
) -> Result<(), StoreError> {
    let connection = &zone.connection.row;
    let failures = inner.store.connection(connection.id).await?.map_or(0, |row| row.failures) + 1;
    let until = now + wait(error, failures).as_millis() as i64;
    inner.store.hold_group(&connection.budget_group, of_the_connection(zone, error), until).await?;
    inner.catalog.reload().await?;
    Ok(())
}

/// How long to leave the provider alone: what it asks for may lengthen our step, never shorten it.
fn wait(error: &ProviderError, failures: i64) -> Duration {
    let step = retry::delay(u32::try_from(failures).unwrap_or(u32::MAX), jitter());
    match &error.class {
        ErrorClass::RateLimited { retry_after: Some(asked) } => step.max((*asked).min(retry::LONGEST)),
        _ => step,
    }
}

fn is_of_the_zone(error: &ProviderError) -> bool {
    matches!(error.class, ErrorClass::Forbidden | ErrorClass::NoSuchZone)
}

/// When what the turn works on is tried again after this error.
pub(super) fn again_at(turn: &Turn, error: &ProviderError, now: i64) -> i64 {
    let zone = &turn.zone;
    let failures =
        if is_of_the_zone(error) { zone.row.waiting.failures } else { zone.connection.row.failures };
    now + wait(error, failures + 1).as_millis() as i64
}

/// A fraction in 0..1; only spreads retries, so its quality does not matter.
pub(super) fn jitter() -> f64 {
    let mut bytes = [0; 4];
    let _ = getrandom::fill(&mut bytes);
    f64::from(u32::from_le_bytes(bytes)) / f64::from(u32::MAX)
}
