//! The reference provider: zones in memory, and every way a service can fail at the flick of a switch.
//!
//! It is what a new adapter is compared with, and what the simulation breaks. It keeps state, refuses
//! what real services refuse (a polite stand-in hides bugs), and its handle lets a test look at a
//! zone or play the foreign client. It is not in the list of kinds: nobody can configure it.

use crate::{ErrorClass, Outcome, Provider, ProviderError, TestReport, ZoneRef, ZoneSeed};
use async_trait::async_trait;
use std::collections::{BTreeMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use zonecast_core::{
    Capabilities, Change, Guard, Name, Observed, ObservedRRset, ObservedValue, RRset, RecordData, RecordType,
    Ttl,
};

/// How the service feels.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Mood {
    /// It works.
    #[default]
    Well,
    /// Nobody answers; nothing is done.
    Down,
    /// Reads work; a write is carried out and its answer lost.
    AnswerLost,
    /// Reads work; a write has no answer and is carried out when the test says so ([`Memory::land`]).
    LandsLate,
    /// It works, after this long. A call that would end after its deadline has no outcome.
    Slow(Duration),
    /// It says that every zone is empty. Writes work.
    LyingEmpty,
    /// It refuses every call.
    Refusing(ErrorClass),
    /// It refuses every write, as a key that may only read.
    ReadOnly(ErrorClass),
}

/// One RRset with its TTL, values as held.
type Sets = BTreeMap<(Name, RecordType), ObservedRRset>;

#[derive(Default)]
struct State {
    zones: BTreeMap<Name, Sets>,
    version: u64,
    mood: Mood,
    /// Moods for the next calls, before `mood` counts again.
    next: Vec<Mood>,
    calls: Vec<&'static str>,
    /// Writes that were taken and are not carried out yet.
    late: Vec<(ZoneRef, Observed, Vec<Change>)>,
    /// What it says of its name servers.
    servers: Vec<String>,
    /// How many requests more than one each call takes.
    more_requests: u64,
}

/// The service and the connection to it in one; clones share everything.
#[derive(Clone)]
pub struct Memory {
    state: Arc<Mutex<State>>,
    capabilities: Capabilities,
}

impl Default for Memory {
    fn default() -> Memory {
        Memory::new(Guard::None)
    }
}

impl Memory {
    /// A service without zones. With `Guard::CompareAndSet` a write is refused when the zone changed
    /// since the read it was planned from.
    pub fn new(guard: Guard) -> Memory {
        Memory::with_capabilities(Capabilities { guard, atomic_batch: false, ..Capabilities::unlimited() })
    }

    /// A service with limits of its own; it refuses what is beyond them.
    pub fn with_capabilities(capabilities: Capabilities) -> Memory {
        Memory { state: Arc::default(), capabilities }
    }

    /// Adds a zone with an SOA and one NS; fine when it is there.
    pub fn add_zone(&self, zone: &Name) {
        let server = RecordData::single_name(RecordType::NS, zone);
        let soa = format!("{} {} 1 10800 3600 1209600 300", zone.absolute(), zone.absolute());
        let mut state = self.lock();
        let sets = state.zones.entry(zone.clone()).or_default();
        if let Ok(soa) = RecordData::parse(RecordType::SOA, &soa) {
            put(sets, RRset::new(zone.clone(), RecordType::SOA, Ttl::DEFAULT, vec![soa]));
        }
        put(sets, RRset::new(zone.clone(), RecordType::NS, Ttl::DEFAULT, vec![server]));
    }

    /// Removes a zone behind Zonecast's back.
    pub fn remove_zone(&self, zone: &Name) {
        self.lock().zones.remove(zone);
    }

    /// What the zone holds, sorted; nothing where there is no such zone.
    pub fn zone(&self, zone: &Name) -> Vec<ObservedRRset> {
        self.lock().zones.get(zone).map(|sets| sets.values().cloned().collect()).unwrap_or_default()
    }

    /// One RRset's values as held.
    pub fn values(&self, zone: &Name, name: &Name, rtype: RecordType) -> Vec<RecordData> {
        let state = self.lock();
        let set = state.zones.get(zone).and_then(|sets| sets.get(&(name.clone(), rtype)));
        set.map(|set| set.values.iter().map(|value| value.data.clone()).collect()).unwrap_or_default()
    }

    /// Plays the foreign client: the RRset is this now, whatever it was; without values it is gone.
    pub fn foreign_put(&self, zone: &Name, set: ObservedRRset) {
        let mut state = self.lock();
        state.version += 1;
        let sets = state.zones.entry(zone.clone()).or_default();
        match set.values.is_empty() && !set.opaque {
            true => sets.remove(&(set.name.clone(), set.rtype)),
            false => sets.insert((set.name.clone(), set.rtype), set),
        };
    }

    /// From now on the service feels like this.
    pub fn set_mood(&self, mood: Mood) {
        self.lock().mood = mood;
    }

    /// The next calls meet these moods, one each; then `set_mood` counts again.
    pub fn next_moods(&self, moods: impl IntoIterator<Item = Mood>) {
        let mut moods: Vec<Mood> = moods.into_iter().collect();
        moods.reverse();
        self.lock().next = moods;
    }

    /// The calls so far, as `read`, `list`, `apply`, `create_zone`, `delete_zone`, `test`.
    pub fn calls(&self) -> Vec<&'static str> {
        self.lock().calls.clone()
    }

    /// From now on each call takes this many requests, as at a service that takes one record a request.
    pub fn set_requests_per_call(&self, requests: u64) {
        self.lock().more_requests = requests.saturating_sub(1);
    }

    /// Carries out the writes that were held back; gives how many there were.
    pub fn land(&self) -> usize {
        let late = std::mem::take(&mut self.lock().late);
        late.iter().for_each(|(zone, seen, changes)| drop(self.carry_out(zone, seen, changes)));
        late.len()
    }

    /// From now on it says that its zones are asked there, and lists that question among its calls.
    pub fn set_dns_servers(&self, servers: impl IntoIterator<Item = String>) {
        self.lock().servers = servers.into_iter().collect();
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Counts a call and waits out a slow mood; the mood that is left to act on.
    async fn enter(&self, call: &'static str, deadline: Instant) -> Result<Mood, ProviderError> {
        let mood = {
            let mut state = self.lock();
            state.calls.push(call);
            state.next.pop().unwrap_or_else(|| state.mood.clone())
        };
        match mood {
            Mood::Down => Err(ProviderError::new(ErrorClass::Transient, "memory cannot be reached")),
            Mood::Refusing(class) => {
                let words = format!("memory refuses: {}", class.as_str());
                Err(ProviderError::new(class, words))
            }
            Mood::Slow(time) => {
                let end = tokio::time::Instant::now() + time;
                tokio::time::sleep_until(end.min(deadline.into())).await;
                if end >= tokio::time::Instant::from_std(deadline) {
                    return Err(ProviderError::new(ErrorClass::Transient, "memory did not answer in time"));
                }
                Ok(Mood::Well)
            }
            mood => Ok(mood),
        }
    }
}

#[async_trait]
impl Provider for Memory {
    fn capabilities(&self) -> Capabilities {
        self.capabilities.clone()
    }

    async fn dns_servers(&self, _: &ZoneRef) -> Vec<String> {
        let mut state = self.lock();
        if !state.servers.is_empty() {
            state.calls.push("dns_servers");
        }
        state.servers.clone()
    }

    async fn test(&self, zone: &ZoneRef) -> TestReport {
        let entered = self.enter("test", zone.deadline).await;
        let there = self.lock().zones.contains_key(&zone.name);
        let (reachable, authorised) = match &entered {
            Ok(_) => (true, true),
            Err(error) => (error.class != ErrorClass::Transient, false),
        };
        let zone_matches = authorised && there;
        let message = match entered {
            Err(error) => error.message,
            Ok(_) if there => format!("memory holds {}", zone.name),
            Ok(_) => format!("memory has no zone {}", zone.name),
        };
        let advice = Vec::new();
        TestReport {
            ok: zone_matches,
            reachable,
            authorised,
            zone_matches,
            can_write: zone_matches,
            message,
            advice,
        }
    }

    async fn read(&self, zone: &ZoneRef, names: &[Name]) -> Result<Observed, ProviderError> {
        let mood = self.enter("read", zone.deadline).await?;
        let mut all = self.observed(zone, mood)?;
        all.rrsets.retain(|set| names.contains(&set.name));
        Ok(all)
    }

    async fn list(&self, zone: &ZoneRef) -> Result<Observed, ProviderError> {
        let mood = self.enter("list", zone.deadline).await?;
        self.observed(zone, mood)
    }

    async fn apply(&self, zone: &ZoneRef, seen: &Observed, changes: &[Change]) -> Vec<Outcome> {
        let all = |outcome: Outcome| vec![outcome; changes.len()];
        let mood = match self.enter("apply", zone.deadline).await {
            Ok(mood) => mood,
            Err(error) => return all(Outcome::Failed(error)),
        };
        if let Mood::ReadOnly(class) = mood {
            let words = format!("memory refuses to write: {}", class.as_str());
            return all(Outcome::Failed(ProviderError::new(class, words)));
        }
        let lost = ProviderError::new(ErrorClass::Transient, "memory's answer was lost");
        if mood == Mood::LandsLate {
            self.lock().late.push((zone.clone(), seen.clone(), changes.to_vec()));
            return all(Outcome::Unknown(lost));
        }
        let outcomes = self.carry_out(zone, seen, changes);
        match mood {
            Mood::AnswerLost => all(Outcome::Unknown(lost)),
            _ => outcomes,
        }
    }

    async fn create_zone(&self, zone: &ZoneRef, _seed: &ZoneSeed) -> Result<Option<String>, ProviderError> {
        self.enter("create_zone", zone.deadline).await?;
        self.add_zone(&zone.name);
        Ok(Some(zone.name.absolute()))
    }

    async fn delete_zone(&self, zone: &ZoneRef) -> Result<(), ProviderError> {
        self.enter("delete_zone", zone.deadline).await?;
        self.remove_zone(&zone.name);
        Ok(())
    }

    fn requests(&self) -> u64 {
        let state = self.lock();
        state.calls.len() as u64 * (state.more_requests + 1)
    }

    fn physical_id(&self, zone: &ZoneRef) -> String {
        format!("memory|{:p}|{}", Arc::as_ptr(&self.state), zone.name.absolute())
    }
}

impl Memory {
    fn observed(&self, zone: &ZoneRef, mood: Mood) -> Result<Observed, ProviderError> {
        let state = self.lock();
        let sets = state.zones.get(&zone.name).ok_or_else(|| no_such_zone(zone))?;
        let sets = if mood == Mood::LyingEmpty { Vec::new() } else { sets.values().cloned().collect() };
        let mut observed = Observed::new(sets);
        observed.token = Some(state.version.to_string());
        Ok(observed)
    }

    fn carry_out(&self, zone: &ZoneRef, seen: &Observed, changes: &[Change]) -> Vec<Outcome> {
        let mut state = self.lock();
        let version = state.version.to_string();
        let Some(sets) = state.zones.get_mut(&zone.name) else {
            return vec![Outcome::Failed(no_such_zone(zone)); changes.len()];
        };
        let mut keys = HashSet::with_capacity(changes.len());
        if !changes.iter().all(|change| keys.insert((change.name(), change.rtype()))) {
            let error = ProviderError::new(ErrorClass::Rejected, "one call speaks twice of one set");
            return vec![Outcome::Failed(error); changes.len()];
        }
        let guarded = self.capabilities.guard == Guard::CompareAndSet;
        if guarded && seen.token.as_deref().is_some_and(|token| token != version) {
            let words = format!("{} changed since it was read", zone.name);
            let error = ProviderError::new(ErrorClass::Conflict, words);
            return vec![Outcome::Failed(error); changes.len()];
        }
        let mut outcomes = vec![Outcome::Done; changes.len()];
        // What gives way goes first; nobody can look in between.
        for deletes in [true, false] {
            for (index, change) in changes.iter().enumerate() {
                if matches!(change, Change::Delete(_)) == deletes
                    && let Err(words) = change_one(&self.capabilities, &zone.name, sets, changes, change)
                {
                    let mut error = ProviderError::new(
                        ErrorClass::Rejected,
                        format!("{} {}: {words}", change.name(), change.rtype()),
                    );
                    error.culprit = Some(index);
                    outcomes[index] = Outcome::Failed(error);
                }
            }
        }
        state.version += u64::from(outcomes.contains(&Outcome::Done));
        outcomes
    }
}

/// Carries out one change or says why not.
fn change_one(
    limits: &Capabilities,
    zone: &Name,
    sets: &mut Sets,
    changes: &[Change],
    change: &Change,
) -> Result<(), String> {
    let (name, rtype) = (change.name(), change.rtype());
    let key = (name.clone(), rtype);
    if !name.is_within(zone) {
        return Err("name is out of zone".to_owned());
    }
    if sets.get(&key).is_some_and(|set| set.opaque) {
        return Err("what is there cannot be written".to_owned());
    }
    let Some(after) = change.after() else {
        if name == zone && matches!(rtype, RecordType::SOA | RecordType::NS) {
            return Err("a zone needs its SOA and its NS".to_owned());
        }
        // A swap whose second half will be refused is refused as a whole: the name keeps its answer.
        if let Some(other) = changes.iter().filter(|other| other.name() == name).find_map(Change::after) {
            check(limits, sets, other, changes)?;
        }
        let disabled: Vec<ObservedValue> = kept_disabled(sets.get(&key), change);
        match (sets.get_mut(&key), disabled.is_empty()) {
            (Some(set), false) => set.values = disabled,
            _ => drop(sets.remove(&key)),
        }
        return Ok(());
    };
    check(limits, sets, after, changes)?;
    let present = sets.get(&key);
    let spelled = |data: &RecordData| {
        let there = present.and_then(|set| set.values.iter().find(|there| there.data == *data));
        let known = change.before().is_some_and(|before| before.values.contains(data));
        match there {
            Some(there) => ObservedValue { disabled: there.disabled && known, ..there.clone() },
            None => ObservedValue::from(data.clone()),
        }
    };
    let mut values: Vec<ObservedValue> = after.values.iter().map(spelled).collect();
    values.extend(kept_disabled(present, change));
    let set = ObservedRRset::new(name.clone(), rtype, after.ttl, values);
    sets.insert(key, set);
    Ok(())
}

/// A neighbour's disabled values that the change does not speak of.
fn kept_disabled(present: Option<&ObservedRRset>, change: &Change) -> Vec<ObservedValue> {
    let named = |data: &RecordData| {
        [change.before(), change.after()].into_iter().flatten().any(|set| set.values.contains(data))
    };
    let values = present.into_iter().flat_map(|set| &set.values);
    values.filter(|value| value.disabled && !named(&value.data)).cloned().collect()
}

/// Refuses what real services refuse; what goes in the same call is in nobody's way.
fn check(limits: &Capabilities, sets: &Sets, set: &RRset, changes: &[Change]) -> Result<(), String> {
    limits.check(set)?;
    if set.values.is_empty() {
        return Err("a set without values".to_owned());
    }
    if set.values.windows(2).any(|pair| pair[0] >= pair[1]) {
        return Err("values are doubled or not in order".to_owned());
    }
    if set.ttl != limits.clamp(set.ttl) {
        return Err(format!("TTL {} is beyond the limits", set.ttl.seconds()));
    }
    if matches!(set.rtype, RecordType::CNAME | RecordType::SOA) && set.values.len() > 1 {
        return Err("more than one record".to_owned());
    }
    let others = sets.range((set.name.clone(), RecordType(0))..=(set.name.clone(), RecordType(u16::MAX)));
    let goes = |rtype: RecordType| {
        let mut deletes = changes.iter().filter(|change| matches!(change, Change::Delete(_)));
        deletes.any(|change| *change.name() == set.name && change.rtype() == rtype)
    };
    for ((_, other), _) in others.filter(|((_, other), _)| *other != set.rtype && !goes(*other)) {
        if set.rtype == RecordType::CNAME || *other == RecordType::CNAME {
            return Err(format!("conflicts with pre-existing {other}"));
        }
    }
    Ok(())
}

fn put(sets: &mut Sets, set: RRset) {
    let values = set.values.into_iter().map(ObservedValue::from).collect();
    let held = ObservedRRset::new(set.name.clone(), set.rtype, set.ttl, values);
    sets.entry((set.name, set.rtype)).or_insert(held);
}

fn no_such_zone(zone: &ZoneRef) -> ProviderError {
    ProviderError::new(ErrorClass::NoSuchZone, format!("memory has no zone {}", zone.name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn moods_hold_for_the_next_calls_only() {
        let memory = Memory::default();
        let zone = ZoneRef::new(Name::parse("example.test").unwrap());
        memory.add_zone(&zone.name);
        memory.next_moods([Mood::Down, Mood::LyingEmpty]);
        assert_eq!(memory.list(&zone).await.unwrap_err().class, ErrorClass::Transient);
        assert!(memory.list(&zone).await.unwrap().rrsets.is_empty());
        assert_eq!(memory.list(&zone).await.unwrap().rrsets.len(), 2);
        assert_eq!(memory.calls(), ["list"; 3]);
    }

    #[tokio::test(start_paused = true)]
    async fn a_slow_service_ends_at_the_deadline() {
        let memory = Memory::default();
        memory.set_mood(Mood::Slow(Duration::from_secs(3600)));
        let zone = ZoneRef::new(Name::parse("example.test").unwrap());
        assert_eq!(memory.list(&zone).await.unwrap_err().class, ErrorClass::Transient);
    }
}
