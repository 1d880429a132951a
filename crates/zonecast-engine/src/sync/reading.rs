//! What stands at the names now, and what an answer with nothing in it is worth.
//!
//! A service that lost its mind says "nothing there" as calmly as one that is right. Believing the
//! first would forget what is ours and write over what is not; never believing the second leaves a name
//! stuck for ever. So only what was *confirmed* (acknowledged, seen) speaks against an empty answer, never
//! what was only intended; the service is asked again together with something that must be there; what
//! that something is, the provider says (`Capabilities::whole`).

use super::look::{Eyes, Work};
use super::{farewell, late};
use crate::catalog::ZoneEntry;
use zonecast_core::guard::implausibly_empty;
use zonecast_core::{Name, Observed, Whole};
use zonecast_providers::{Provider, ProviderError, ZoneRef};
use zonecast_store::{KeyRow, StoreError};

/// Names of ours that are asked for as well, where a zone's apex proves nothing.
const WITNESSES: usize = 3;
/// Keys looked through for them.
const LOOKED_THROUGH: usize = 20;

/// What a service said, and what that is worth.
pub(crate) enum Answer {
    /// It shows something there, or where something must be.
    Proven(Observed),
    /// It shows nothing, and nothing that was confirmed should be there.
    Plain(Observed),
    /// It shows nothing, also where something must be, and so many confirmed values of ours should be there.
    Doubtful { observed: Observed, confirmed: usize },
}

/// What stands at the names. `place` is good for one call; `again` gives the next.
pub(crate) async fn read(
    eyes: &Eyes<'_>,
    provider: &dyn Provider,
    work: &Work,
    place: ZoneRef,
    again: impl AsyncFnOnce() -> Result<ZoneRef, StoreError>,
) -> Result<Result<Answer, ProviderError>, StoreError> {
    let names = work.places(&eyes.zone.row.name);
    let observed = match provider.read(&place, &names).await {
        Ok(observed) => observed,
        Err(error) => return Ok(Err(error)),
    };
    if !observed.rrsets.is_empty() {
        return Ok(Ok(Answer::Proven(observed)));
    }
    let call = eyes.config.engine.call_seconds as i64 * 1000;
    let confirmed = work.known.values().flatten().filter(|key| {
        // Seen or acknowledged, and nothing that may have changed it since is under way.
        !farewell::is_leaving(key) && !late::is_changing(work, key, call, eyes.now)
    });
    match confirmed.map(|key| key.applied.len()).sum() {
        0 => Ok(Ok(Answer::Plain(observed))),
        confirmed => ask_again(eyes, provider, &names, confirmed, again().await?).await,
    }
}

/// Asked again together with what must be there: a service that lied the first time and recovered
/// since must not have its first answer believed for the sake of the second.
async fn ask_again(
    eyes: &Eyes<'_>,
    provider: &dyn Provider,
    names: &[Name],
    confirmed: usize,
    place: ZoneRef,
) -> Result<Result<Answer, ProviderError>, StoreError> {
    let apex = &eyes.zone.row.name;
    let whole = provider.capabilities().whole;
    let witnesses = match whole {
        Whole::Apex => vec![apex.clone()],
        Whole::Counted | Whole::Nothing => witnesses(eyes, names).await?,
    };
    let mut all = [names, &witnesses].concat();
    all.sort_unstable();
    all.dedup();
    let mut observed = match provider.read(&place, &all).await {
        Ok(observed) => observed,
        Err(error) => return Ok(Err(error)),
    };
    let proven = match whole {
        Whole::Apex => observed.rrsets.iter().any(|set| set.name == *apex),
        Whole::Counted if observed.rrsets.is_empty() => {
            let owned = eyes.store.owned_values(eyes.zone.row.id).await?;
            !implausibly_empty(owned.unsigned_abs() as usize, 0)
        }
        Whole::Counted | Whole::Nothing => !observed.rrsets.is_empty(),
    };
    observed.rrsets.retain(|set| names.contains(&set.name));
    Ok(Ok(match proven {
        true => Answer::Proven(observed),
        false => Answer::Doubtful { observed, confirmed },
    }))
}

/// Names elsewhere in the zone that were seen there.
async fn witnesses(eyes: &Eyes<'_>, names: &[Name]) -> Result<Vec<Name>, StoreError> {
    let (store, zone) = (eyes.store, eyes.zone.row.id);
    let mut keys = store.keys_below(zone, None, LOOKED_THROUGH).await?;
    if let Some(last) = names.iter().max() {
        keys.extend(store.keys_below(zone, Some(last.key()), LOOKED_THROUGH).await?);
    }
    let seen = |key: &KeyRow| matches!(key.state.as_str(), "applied" | "served") && !key.applied.is_empty();
    let mut found: Vec<Name> =
        keys.into_iter().filter(|key| seen(key) && !names.contains(&key.name)).map(|key| key.name).collect();
    found.sort_unstable();
    found.dedup();
    found.truncate(WITNESSES);
    Ok(found)
}

/// Why an answer with nothing in it is not believed, in words.
pub(crate) fn doubt(zone: &ZoneEntry, confirmed: usize) -> String {
    let zone = &zone.row.name;
    format!("{zone} shows nothing at all where {confirmed} values of ours should be: taken for a failed read")
}
