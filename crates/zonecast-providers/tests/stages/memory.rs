//! The reference. It has no name server, so the stage answers as one would.

use async_trait::async_trait;
use std::sync::Arc;
use std::time::Duration;
use zonecast_core::{Guard, Name, ObservedRRset, ObservedValue, RRset, RecordData, RecordType, Ttl};
use zonecast_providers::conformance::{Looked, Stage, Trouble};
use zonecast_providers::memory::{Memory, Mood};
use zonecast_providers::{ErrorClass, Provider};

pub struct MemoryStage {
    memory: Memory,
}

impl MemoryStage {
    pub fn new(guard: Guard) -> MemoryStage {
        MemoryStage { memory: Memory::new(guard) }
    }

    fn sets(&self, zone: &Name) -> Vec<RRset> {
        let plain = |set: ObservedRRset| {
            let values = set.values.into_iter().map(|value| value.data).collect();
            RRset::new(set.name, set.rtype, set.ttl, values)
        };
        self.memory.zone(zone).into_iter().map(plain).collect()
    }
}

#[async_trait]
impl Stage for MemoryStage {
    fn provider(&self) -> Arc<dyn Provider> {
        Arc::new(self.memory.clone())
    }

    async fn new_zone(&self, zone: &Name) {
        self.memory.add_zone(zone);
    }

    async fn ask(&self, zone: &Name, name: &Name, rtype: RecordType) -> Looked {
        let sets = self.sets(zone);
        let wildcard = name.parent().and_then(|parent| parent.child("*").ok());
        let exists = sets.iter().any(|set| set.name.is_within(name));
        let owner = if exists { Some(name.clone()) } else { wildcard };
        let at: Vec<&RRset> = sets.iter().filter(|set| Some(&set.name) == owner.as_ref()).collect();
        match at.iter().find(|set| set.rtype == rtype) {
            Some(set) => Looked::Found(RRset { name: name.clone(), ..(**set).clone() }),
            None if exists || !at.is_empty() => Looked::NoData,
            None => Looked::NxDomain,
        }
    }

    async fn zone(&self, zone: &Name) -> Vec<RRset> {
        let vital = |set: &RRset| set.name == *zone && matches!(set.rtype, RecordType::SOA | RecordType::NS);
        self.sets(zone).into_iter().filter(|set| !vital(set)).collect()
    }

    async fn foreign_put(&self, zone: &Name, name: &Name, rtype: RecordType, ttl: u32, values: &[&str]) {
        let values = values
            .iter()
            .map(|value| {
                let data = RecordData::parse(rtype, value).unwrap();
                let raw = (data.to_zonefile() != *value).then(|| Box::from(*value));
                ObservedValue { data, raw, disabled: false }
            })
            .collect();
        let ttl = Ttl::from_seconds(ttl).unwrap();
        self.memory.foreign_put(zone, ObservedRRset::new(name.clone(), rtype, ttl, values));
    }

    async fn spelling(&self, zone: &Name, name: &Name, rtype: RecordType) -> Option<Vec<String>> {
        let set = self.memory.zone(zone).into_iter().find(|set| set.name == *name && set.rtype == rtype)?;
        let spell = |value: &ObservedValue| {
            value.raw.as_deref().map_or_else(|| value.data.to_zonefile(), str::to_owned)
        };
        Some(set.values.iter().map(spell).collect())
    }

    async fn broken(&self, trouble: Trouble) -> Option<Arc<dyn Provider>> {
        let mood = match trouble {
            Trouble::AnswerLost => {
                self.memory.next_moods([Mood::Well, Mood::AnswerLost]);
                return Some(Arc::new(self.memory.clone()));
            }
            Trouble::WrongCredentials => Mood::Refusing(ErrorClass::Unauthorized),
            Trouble::RateLimited => {
                Mood::Refusing(ErrorClass::RateLimited { retry_after: Some(Duration::from_secs(7)) })
            }
            Trouble::Down | Trouble::NotTheApi => Mood::Down,
            Trouble::ReadRefused | Trouble::NicetyRefused => return None,
        };
        self.memory.set_mood(mood);
        Some(Arc::new(self.memory.clone()))
    }
}
