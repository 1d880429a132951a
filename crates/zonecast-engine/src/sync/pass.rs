//! One pass over one zone: look, do what the look says, remember what became of it.
//!
//! This is the line of the whole product, and it is the same after a wish, a crash, a new zone or a
//! provider's return. A failed read plans nothing. Newest wishes only: what is wanted is read here,
//! not when the wish came, and the version it was read at is what is stored as done.

use super::group::Turn;
use super::hand_over;
use super::late;
use super::look::{self, Eyes, Work};
use super::make_zone;
use super::outcome::{self, Judged};
use super::reading::{self, Answer};
use super::trouble::Trouble;
use zonecast_core::Observed;
use zonecast_core::guard::Brake;
use zonecast_providers::ProviderError;
use zonecast_store::StoreError;

/// Why a read came to nothing.
pub(super) enum Unread {
    /// The service did not answer, or would not.
    Failed(ProviderError),
    /// It answered, and is not believed yet, for so many milliseconds more: about this zone alone.
    Doubted { words: String, left: i64 },
}

/// Works on the due names of the turn's zone; tells whether the provider gave trouble as a whole.
pub(super) async fn run(turn: &mut Turn, now: i64) -> Result<Option<Trouble>, StoreError> {
    let inner = turn.inner.clone();
    let limit = if turn.is_probe() { 1 } else { hand_over::names_at_once(turn) };
    let dirty = inner.store.dirty_names(turn.zone.row.id, now, limit).await?;
    if dirty.is_empty() {
        return Ok(None);
    }
    let (view, zone) = (inner.catalog.view(), turn.zone.clone());
    let (store, config) = (&inner.store, &inner.config);
    let eyes = Eyes { store, view: &view, zone: &zone, config, now, supposed: &[] };
    let mut work = look::load(&eyes, dirty).await?;
    let observed = match read(turn, &eyes, &mut work).await? {
        Ok(observed) => observed,
        Err(unread) => return outcome::store_unread(turn, &work, unread, now).await,
    };
    let (plans, brake) = look::plan(&eyes, &mut work, &observed).await?;
    if let Brake::Held { removals, owned } = brake {
        tracing::warn!(zone = %zone.row.name, removals, owned, "removals are held until they are approved");
    }
    late::announce(turn, &work, &plans).await?;
    let order = look::order(&plans);
    let outcomes = hand_over::all(turn, &observed, &plans, &order).await?;
    let outcomes = outcome::by_plan(&plans, &order, outcomes);
    let judged = Judged { work: &work, plans: &plans, outcomes: &outcomes, observed: &observed };
    outcome::store(turn, &judged, now).await
}

/// What stands at the names now, in a zone that is made if it shall be and is missing.
async fn read(
    turn: &mut Turn,
    eyes: &Eyes<'_>,
    work: &mut Work,
) -> Result<Result<Observed, Unread>, StoreError> {
    let provider = match look::provider(&turn.zone) {
        Ok(provider) => provider,
        Err(error) => return Ok(Err(Unread::Failed(error))),
    };
    let place = turn.call().await?;
    // What is wanted is known before the read, so the intent costs no time of its own.
    let intents = late::intents(work);
    let (answer, intended) = tokio::join!(
        reading::read(eyes, provider.as_ref(), work, place, async || turn.call().await),
        eyes.store.intend(eyes.zone.row.id, &intents)
    );
    intended?;
    match answer? {
        Ok(answer) => believed(turn, work, answer).await,
        Err(error) if make_zone::is_missing(eyes.zone, &error) => match make_zone::make(turn).await? {
            Ok(place) => {
                let read = provider.read(&place, &work.places(&eyes.zone.row.name)).await;
                Ok(read.map_err(Unread::Failed))
            }
            Err(error) => Ok(Err(Unread::Failed(error))),
        },
        Err(error) => Ok(Err(Unread::Failed(error))),
    }
}

/// The answer, unless it is doubted.
async fn believed(
    turn: &Turn,
    work: &mut Work,
    answer: Answer,
) -> Result<Result<Observed, Unread>, StoreError> {
    let (inner, zone) = (&turn.inner, &turn.zone.row);
    match answer {
        Answer::Plain(observed) => Ok(Ok(observed)),
        Answer::Proven(observed) => {
            inner.doubts.end(zone.id);
            Ok(Ok(observed))
        }
        Answer::Doubtful { observed, confirmed } => {
            let now = inner.store.now().await?;
            if let Some(left) = inner.doubts.left(zone.id, now) {
                let words = reading::doubt(&turn.zone, confirmed);
                let words = format!("{words}; believed if it still says so in {} s", left / 1000 + 1);
                return Ok(Err(Unread::Doubted { words, left }));
            }
            late::may_come_back(work, now);
            inner.doubts.tell(&inner.store, zone, confirmed).await?;
            Ok(Ok(observed))
        }
    }
}
