//! A pass's changes go to the provider in portions that fit into one call's time.
//!
//! A service that takes one record a call cannot do thousands before the deadline; handed over at once,
//! most of them would fail for want of time. Each portion has a deadline, a turn in the budget and a look
//! at the lease of its own. What belongs to one name stays together.

use super::group::Turn;
use std::ops::Range;
use zonecast_core::plan::NamePlan;
use zonecast_core::{Change, Observed};
use zonecast_providers::{ErrorClass, Outcome, ProviderError, carry_out};
use zonecast_store::StoreError;

/// Portions of one pass at most: other zones of the account and urgent wishes wait meanwhile.
const PORTIONS: usize = 10;

/// How many names a pass takes.
pub(super) fn names_at_once(turn: &Turn) -> usize {
    let configured = turn.inner.config.engine.batch_names;
    turn.zone.connection.provider.as_ref().map_or(configured, |provider| {
        configured.min(provider.capabilities().batch_changes_max.saturating_mul(PORTIONS)).max(1)
    })
}

/// Hands all steps over, in `order`; gives one outcome per step. After a portion that met a service in
/// trouble the others are not sent.
pub(super) async fn all(
    turn: &mut Turn,
    observed: &Observed,
    plans: &[NamePlan],
    order: &[(usize, usize)],
) -> Result<Vec<Outcome>, StoreError> {
    let Ok(provider) = turn.zone.connection.provider.clone() else { return Ok(Vec::new()) };
    let mut outcomes = Vec::with_capacity(order.len());
    for portion in portions(order, provider.capabilities().batch_changes_max) {
        let steps = &order[portion];
        if let Some(error) = outcomes.last().and_then(trouble).cloned() {
            outcomes.extend(steps.iter().map(|_| Outcome::Failed(error.clone())));
            continue;
        }
        let changes: Vec<Change> =
            steps.iter().map(|(plan, step)| plans[*plan].changes[*step].clone()).collect();
        let zone = turn.call().await?;
        let done = carry_out(provider.as_ref(), &zone, observed, &changes).await;
        debug_assert_eq!(done.len(), changes.len(), "one outcome per change");
        outcomes.extend(done);
    }
    Ok(outcomes)
}

/// The error, if it is about the service and not about the record.
fn trouble(outcome: &Outcome) -> Option<&ProviderError> {
    let (Outcome::Failed(error) | Outcome::Unknown(error)) = outcome else { return None };
    let of_the_service = !matches!(
        error.class,
        ErrorClass::Rejected | ErrorClass::Unsupported | ErrorClass::Conflict | ErrorClass::Quota
    );
    of_the_service.then_some(error)
}

/// Cuts the steps into portions of about `most`, only where another name begins.
fn portions(order: &[(usize, usize)], most: usize) -> Vec<Range<usize>> {
    let mut portions = Vec::new();
    let mut begin = 0;
    for at in 1..order.len() {
        if at - begin >= most && order[at].0 != order[at - 1].0 {
            portions.push(begin..at);
            begin = at;
        }
    }
    if begin < order.len() {
        portions.push(begin..order.len());
    }
    portions
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn portions_hold_whole_names() {
        let order = [(0, 0), (0, 1), (1, 0), (2, 0), (2, 1), (2, 2), (3, 0), (1, 1)];
        let ends = |order, most| portions(order, most).iter().map(|part| part.end).collect::<Vec<_>>();
        assert_eq!(portions(&order, 2), [0..2, 2..6, 6..8]);
        assert_eq!(ends(&order, 5_000), [8]);
        assert_eq!(ends(&order[..1], 1), [1]);
        assert_eq!(ends(&[], 2), [0; 0]);
    }
}
