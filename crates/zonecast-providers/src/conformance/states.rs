//! Moving a zone from state to state, and looking whether it got there.

use super::stage::{Looked, Stage};
use crate::{ErrorClass, Outcome, ProviderError, ZoneRef};
use std::time::{Duration, Instant};
use zonecast_core::{Change, Name, Observed, RRset, RecordData, RecordType, Ttl};

/// The zone all chapters but the reverse ones play in.
pub(super) const ZONE: &str = "story.test";
/// The TTL of the script: some services take no smaller one (deSEC).
pub(super) const TTL: u32 = 3_600;
/// How often in a row a service may stumble.
const STUMBLES: usize = 5;

/// A zone on a stage, and what was last wanted of it.
pub(super) struct Play<'a> {
    pub(super) stage: &'a dyn Stage,
    pub(super) zone: ZoneRef,
    names: Vec<Name>,
}

impl<'a> Play<'a> {
    /// A fresh zone.
    pub(super) async fn begin(stage: &'a dyn Stage, zone: &str) -> Play<'a> {
        let zone =
            ZoneRef { deadline: Instant::now() + Duration::from_secs(120), ..ZoneRef::new(name(zone)) };
        stage.new_zone(&zone.name).await;
        Play { stage, zone, names: Vec::new() }
    }

    /// The zone shall be exactly this besides SOA and apex NS. Everything the zone is then asked and
    /// read for must say so, and planning again must find nothing.
    pub(super) async fn becomes(&mut self, wanted: &[RRset]) {
        let outcomes = self.push(wanted).await;
        for outcome in &outcomes {
            assert_eq!(*outcome, Outcome::Done, "in {}", self.zone.name);
        }
        self.is(wanted).await;
    }

    /// The zone shall be this, as far as the service can hold it: what it cannot, it says before
    /// anything is sent (`Unsupported`), and the zone is without it. Gives what it holds.
    pub(super) async fn becomes_what_can_be(&mut self, wanted: &[RRset]) -> Vec<RRset> {
        self.touches(wanted);
        let seen = self.read().await;
        let changes = self.steps(&seen, wanted);
        let outcomes = self.apply(&seen, &changes).await;
        let mut held = self.fit(wanted);
        for (change, outcome) in changes.iter().zip(&outcomes) {
            match outcome {
                Outcome::Failed(error) if error.class == ErrorClass::Unsupported => {
                    held.retain(|set| Some(set) != change.after());
                }
                outcome => assert_eq!(*outcome, Outcome::Done, "{change:?}"),
            }
        }
        self.is(&held).await;
        held
    }

    /// Reads, plans and applies; gives the outcomes.
    pub(super) async fn push(&mut self, wanted: &[RRset]) -> Vec<Outcome> {
        self.touches(wanted);
        let seen = self.read().await;
        let changes = self.steps(&seen, wanted);
        let outcomes = self.apply(&seen, &changes).await;
        assert_eq!(outcomes.len(), changes.len(), "one outcome for each change");
        outcomes
    }

    /// The zone is exactly this, whoever looks.
    pub(super) async fn is(&mut self, wanted: &[RRset]) {
        self.touches(wanted);
        let mut wanted = self.fit(wanted);
        wanted.sort_by(|a, b| (&a.name, a.rtype).cmp(&(&b.name, b.rtype)));
        let served = self.fit(&self.stage.zone(&self.zone.name).await);
        same(&served, &wanted, "the zone as transferred");
        for set in &wanted {
            let found = match self.stage.ask(&self.zone.name, &set.name, set.rtype).await {
                Looked::Found(found) => Looked::Found(self.fit(&[found]).remove(0)),
                other => other,
            };
            assert_eq!(found, Looked::Found(set.clone()), "asked for {} {}", set.name, set.rtype);
        }
        let seen = self.read().await;
        let left = self.steps(&seen, &wanted);
        assert!(left.is_empty(), "planned again, {} steps are left: {:?}", left.len(), few(&left));
        let provider = self.stage.provider();
        let listed = self.steadily(|| provider.list(&self.zone)).await;
        let listed = listed.unwrap_or_else(|error| panic!("{error}"));
        let listed: Vec<RRset> = plain(&listed).into_iter().filter(|set| !self.is_vital(set)).collect();
        same(&listed, &wanted, "the zone as listed");
        assert!(seen.rrsets.is_sorted_by(|a, b| (&a.name, a.rtype) <= (&b.name, b.rtype)));
    }

    /// What the provider says stands at all names this play ever touched.
    pub(super) async fn read(&self) -> Observed {
        let provider = self.stage.provider();
        let read = self.steadily(|| provider.read(&self.zone, &self.names)).await;
        read.unwrap_or_else(|error| panic!("reading {}: {error}", self.zone.name))
    }

    /// The sets as the service can hold them.
    fn fit(&self, sets: &[RRset]) -> Vec<RRset> {
        let limits = self.stage.provider().capabilities();
        let fit = |set: &RRset| {
            let values = set.values.iter().map(|value| limits.fit(value)).collect();
            RRset::new(set.name.clone(), set.rtype, set.ttl, values)
        };
        sets.iter().map(fit).collect()
    }

    fn touches(&mut self, wanted: &[RRset]) {
        self.names.extend(wanted.iter().map(|set| set.name.clone()));
        self.names.sort_unstable();
        self.names.dedup();
    }

    /// From now on this name is looked at too.
    pub(super) fn watch(&mut self, watched: &str) {
        self.names.push(name(watched));
    }

    pub(super) async fn apply(&self, seen: &Observed, changes: &[Change]) -> Vec<Outcome> {
        let provider = self.stage.provider();
        let mut outcomes = crate::carry_out(provider.as_ref(), &self.zone, seen, changes).await;
        for _ in 0..STUMBLES {
            let stumbled = |outcome: &Outcome| match outcome {
                Outcome::Failed(error) => self.stage.stumbled(error),
                _ => false,
            };
            let open: Vec<usize> = (0..outcomes.len()).filter(|at| stumbled(&outcomes[*at])).collect();
            if open.is_empty() {
                break;
            }
            let part: Vec<Change> = open.iter().map(|at| changes[*at].clone()).collect();
            let done = crate::carry_out(provider.as_ref(), &self.zone, seen, &part).await;
            for (at, outcome) in open.into_iter().zip(done) {
                outcomes[at] = outcome;
            }
        }
        outcomes
    }

    /// Asks, and asks again where the service stumbled.
    async fn steadily<T, F>(&self, ask: impl Fn() -> F) -> Result<T, ProviderError>
    where
        F: Future<Output = Result<T, ProviderError>>,
    {
        let mut answer = ask().await;
        for _ in 0..STUMBLES {
            match &answer {
                Err(error) if self.stage.stumbled(error) => answer = ask().await,
                _ => break,
            }
        }
        answer
    }

    pub(super) async fn ask(&self, asked: &str, rtype: RecordType) -> Looked {
        self.stage.ask(&self.zone.name, &name(asked), rtype).await
    }

    pub(super) async fn foreign(&self, at: &str, rtype: RecordType, ttl: u32, values: &[&str]) {
        self.stage.foreign_put(&self.zone.name, &name(at), rtype, ttl, values).await;
    }

    /// The simplest planner there is: whole sets, nothing of anybody else's to spare.
    fn steps(&self, seen: &Observed, wanted: &[RRset]) -> Vec<Change> {
        let wanted = &self.fit(wanted);
        let now: Vec<RRset> = plain(seen).into_iter().filter(|set| !self.is_vital(set)).collect();
        let same_key = |a: &RRset, b: &RRset| a.name == b.name && a.rtype == b.rtype;
        let mut steps = Vec::new();
        for old in now.iter().filter(|old| !wanted.iter().any(|new| same_key(old, new))) {
            steps.push(Change::Delete(old.clone()));
        }
        for new in wanted {
            match now.iter().find(|old| same_key(old, new)) {
                None => steps.push(Change::Create(new.clone())),
                Some(old) if old != new => {
                    steps.push(Change::Replace { old: old.clone(), new: new.clone() });
                }
                Some(_) => {}
            }
        }
        steps
    }

    fn is_vital(&self, set: &RRset) -> bool {
        set.name == self.zone.name && matches!(set.rtype, RecordType::SOA | RecordType::NS)
    }
}

/// Reads a name of the script.
pub(super) fn name(text: &str) -> Name {
    Name::parse(text).unwrap_or_else(|error| panic!("{text}: {error}"))
}

/// One set of the script with its usual TTL.
pub(super) fn set(owner: &str, rtype: RecordType, values: &[&str]) -> RRset {
    with_ttl(owner, rtype, TTL, values)
}

/// One set of the script.
pub(super) fn with_ttl(owner: &str, rtype: RecordType, ttl: u32, values: &[&str]) -> RRset {
    let parse = |value: &&str| RecordData::parse(rtype, value).unwrap_or_else(|error| panic!("{error}"));
    RRset::new(name(owner), rtype, seconds(ttl), values.iter().map(parse).collect())
}

/// A TTL of the script.
pub(super) fn seconds(ttl: u32) -> Ttl {
    Ttl::from_seconds(ttl).unwrap_or_else(|error| panic!("{error}"))
}

/// What was read, without anybody's spelling.
pub(super) fn plain(seen: &Observed) -> Vec<RRset> {
    let sets = seen.rrsets.iter().map(|set| {
        let values = set.values.iter().filter(|value| !value.disabled).map(|value| value.data.clone());
        RRset::new(set.name.clone(), set.rtype, set.ttl, values.collect())
    });
    sets.filter(|set| !set.values.is_empty()).collect()
}

fn same(found: &[RRset], wanted: &[RRset], what: &str) {
    let missing: Vec<&RRset> = wanted.iter().filter(|set| !found.contains(set)).collect();
    let too_much: Vec<&RRset> = found.iter().filter(|set| !wanted.contains(set)).collect();
    assert!(
        missing.is_empty() && too_much.is_empty(),
        "{what} is not as wanted\n {} missing: {:?}\n {} too much: {:?}",
        missing.len(),
        few(&missing),
        too_much.len(),
        few(&too_much)
    );
}

/// Enough of a list to see what is wrong.
fn few<T>(list: &[T]) -> &[T] {
    &list[..list.len().min(5)]
}
