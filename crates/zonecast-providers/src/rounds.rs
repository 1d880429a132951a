//! Steps that build on each other: a set that goes and is made again in one plan.
//!
//! An adapter judges a change by what was read, so one call of it speaks of each set once. Where a plan
//! has two steps for a set (`delete_then_create`), they go in two rounds, with a look in between: what
//! comes then is compared with what the first round left, not with what stood there before it.

use crate::{Outcome, Provider, ProviderError, ZoneRef};
use std::collections::HashMap;
use zonecast_core::{Change, Name, Observed, RecordType};

/// [`Provider::apply`] for changes that may speak of one set several times; one outcome each, in order.
/// A step whose forerunner was not done is not sent.
pub async fn carry_out(
    provider: &dyn Provider,
    zone: &ZoneRef,
    seen: &Observed,
    changes: &[Change],
) -> Vec<Outcome> {
    let steps = steps(changes);
    let last = steps.iter().map(|step| step.round).max().unwrap_or(0);
    if last == 0 {
        return provider.apply(zone, seen, changes).await;
    }
    let mut outcomes: Vec<Option<Outcome>> = vec![None; changes.len()];
    for round in 0..=last {
        let mut open: Vec<usize> = (0..changes.len()).filter(|at| steps[*at].round == round).collect();
        open.retain(|at| match steps[*at].after.and_then(|before| outcomes[before].clone()) {
            None | Some(Outcome::Done) => true,
            Some(Outcome::Failed(error) | Outcome::Unknown(error)) => {
                let words = format!("not sent, as the step before it was not done: {}", error.message);
                outcomes[*at] = Some(Outcome::Failed(ProviderError::new(error.class, words)));
                false
            }
        });
        for (at, outcome) in one_round(provider, zone, seen, changes, round, open).await {
            outcomes[at] = Some(outcome);
        }
    }
    outcomes.into_iter().map(|outcome| outcome.unwrap_or(Outcome::Done)).collect()
}

async fn one_round(
    provider: &dyn Provider,
    zone: &ZoneRef,
    seen: &Observed,
    changes: &[Change],
    round: usize,
    open: Vec<usize>,
) -> Vec<(usize, Outcome)> {
    let part: Vec<Change> = open.iter().map(|at| changes[*at].clone()).collect();
    let done = if round == 0 || part.is_empty() {
        provider.apply(zone, seen, &part).await
    } else {
        let names: Vec<Name> = part.iter().map(|change| change.name().clone()).collect();
        match provider.read(zone, &names).await {
            Ok(now) => provider.apply(zone, &now, &part).await,
            Err(error) => vec![Outcome::Failed(error); part.len()],
        }
    };
    let in_whole = |mut outcome: Outcome| {
        if let Outcome::Failed(error) | Outcome::Unknown(error) = &mut outcome {
            error.culprit = error.culprit.and_then(|at| open.get(at).copied());
        }
        outcome
    };
    open.iter().copied().zip(done.into_iter().map(in_whole)).collect()
}

/// Where a change stands among those of its set.
struct Step {
    round: usize,
    /// The change of the same set before it.
    after: Option<usize>,
}

fn steps(changes: &[Change]) -> Vec<Step> {
    let mut last: HashMap<(&Name, RecordType), (usize, usize)> = HashMap::with_capacity(changes.len());
    let mut steps = Vec::with_capacity(changes.len());
    for (at, change) in changes.iter().enumerate() {
        let before = last.get(&(change.name(), change.rtype())).copied();
        let round = before.map_or(0, |(_, round)| round + 1);
        last.insert((change.name(), change.rtype()), (at, round));
        steps.push(Step { round, after: before.map(|(at, _)| at) });
    }
    steps
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::memory::{Memory, Mood};
    use crate::{ErrorClass, Provider};
    use zonecast_core::{Guard, RRset, RecordData, Ttl};

    /// X9: what is not deleted is not made again, and what fails says so by its place in the whole.
    #[tokio::test]
    async fn a_step_waits_for_the_one_before_it() {
        let memory = Memory::new(Guard::CompareAndSet);
        let zone = ZoneRef::new(Name::parse("a.example").unwrap());
        memory.add_zone(&zone.name);
        let set = |name: &str, value: &str| {
            let value = RecordData::parse(RecordType::A, value).unwrap();
            RRset::new(Name::parse(name).unwrap(), RecordType::A, Ttl::DEFAULT, vec![value])
        };
        let (old, new) = (set("w.a.example", "192.0.2.1"), set("w.a.example", "192.0.2.2"));
        let seen = memory.list(&zone).await.unwrap();
        assert_eq!(memory.apply(&zone, &seen, &[Change::Create(old.clone())]).await, [Outcome::Done]);
        let steps = [
            Change::Create(set("v.a.example", "192.0.2.3")),
            Change::Delete(old.clone()),
            Change::Create(new),
            Change::Create(set("v.elsewhere", "192.0.2.3")),
        ];
        memory.next_moods([Mood::Refusing(ErrorClass::Transient)]);
        let seen = memory.list(&zone).await;
        assert!(seen.is_err());
        let seen = memory.list(&zone).await.unwrap();
        memory.next_moods([Mood::Down]);
        let outcomes = carry_out(&memory, &zone, &seen, &steps).await;
        assert!(outcomes.iter().all(|outcome| matches!(outcome, Outcome::Failed(_))), "{outcomes:?}");
        assert_eq!(memory.values(&zone.name, &old.name, RecordType::A), old.values);
        let outcomes = carry_out(&memory, &zone, &seen, &steps).await;
        assert_eq!(outcomes[..3], [Outcome::Done, Outcome::Done, Outcome::Done]);
        assert!(matches!(&outcomes[3], Outcome::Failed(error) if error.culprit == Some(3)), "{outcomes:?}");
    }
}
