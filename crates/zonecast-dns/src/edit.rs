//! Turning one snapshot into the next: pure, so every rule of a zone is checked before anything is
//! stored or published.
//!
//! Edits are whole RRsets, the unit both DNS and our plans think in. From them come the next
//! snapshot, the journal entry that IXFR sends (single records: a set of fifty addresses that gains
//! one does not send fifty again), and the edits that really changed something.

use crate::node::{Node, SetRef, encode};
use crate::settings::ZoneSettings;
use crate::soa::{minimum_of, serial_of, with_serial};
use crate::store::JournalEntry;
use crate::zone::{ZoneSnapshot, is_cut};
use rpds::RedBlackTreeMapSync;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use zonecast_core::{Name, RRset, RecordType, Serial};

/// The largest RRset that fits into one message beside question, OPT and TSIG.
const MAX_SET_BYTES: usize = 64_000;

/// One RRset becomes this, or goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Edit {
    /// The RRset is exactly this afterwards, whatever was there. Without values it is a delete.
    Set(RRset),
    /// No RRset of this type is at the name afterwards. Deleting what is not there is no error.
    Delete(Name, RecordType),
}

/// Why a set of edits cannot become a zone. Nothing of it was applied.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EditError {
    /// The name is not at or below the apex.
    #[error("{name} is not within zone {zone}")]
    OutsideZone {
        /// The name of the edit.
        name: Name,
        /// The zone.
        zone: Name,
    },
    /// A CNAME would share its name with other data (RFC 1034 section 3.6.2).
    #[error("{0} would hold a CNAME beside other data")]
    CnameBesideData(Name),
    /// CNAME, DNAME or SOA with more than one value.
    #[error("{name} may hold one {rtype} only")]
    OneValueOnly {
        /// The name.
        name: Name,
        /// The type.
        rtype: RecordType,
    },
    /// SOA or NS missing at the apex, an SOA elsewhere, or an SOA that cannot be read.
    #[error("a zone has one SOA and an NS at its apex, and an SOA nowhere else: {0}")]
    Apex(Name),
    /// The RRset does not fit into any message.
    #[error("the {rtype} RRset of {name} does not fit into a DNS message")]
    TooLarge {
        /// The name.
        name: Name,
        /// The type.
        rtype: RecordType,
    },
    /// A type for questions or messages, not for zones.
    #[error("{0} cannot stand in a zone")]
    MetaType(RecordType),
}

/// What a change does, before it is durable.
pub(crate) struct Edited {
    pub(crate) snapshot: ZoneSnapshot,
    pub(crate) entry: JournalEntry,
    pub(crate) edits: Vec<Edit>,
}

impl ZoneSnapshot {
    /// An empty zone to add RRsets to; not a valid zone before [`ZoneSnapshot::finished`].
    pub(crate) fn empty(apex: Name, settings: Arc<ZoneSettings>) -> ZoneSnapshot {
        ZoneSnapshot {
            apex,
            nodes: RedBlackTreeMapSync::new_sync(),
            serial: Serial(0),
            negative: Arc::from([]),
            records: 0,
            cuts: 0,
            apex_is_dname: false,
            settings,
        }
    }

    /// Adds an RRset in place, replacing one of the same name and type.
    pub(crate) fn add(&mut self, rrset: &RRset) -> Result<(), EditError> {
        self.check(rrset)?;
        let change = BTreeMap::from([(rrset.rtype, Some(rrset))]);
        self.replace(&rrset.name, &change);
        Ok(())
    }

    /// Checks the apex and reads the SOA record: the snapshot can answer after this.
    pub(crate) fn finished(mut self) -> Result<ZoneSnapshot, EditError> {
        let missing = || EditError::Apex(self.apex.clone());
        let apex = self.node(self.apex.key()).ok_or_else(missing)?;
        let soa = apex.get(RecordType::SOA).ok_or_else(missing)?;
        apex.get(RecordType::NS).ok_or_else(missing)?;
        let record = soa.records().next().ok_or_else(missing)?;
        let minimum = minimum_of(record).ok_or_else(missing)?;
        let serial = soa.rdata().next().and_then(serial_of).ok_or_else(missing)?;
        let mut negative = record[2..].to_vec();
        let apex_is_dname = apex.get(RecordType::DNAME).is_some();
        negative[4..8].copy_from_slice(&minimum.min(soa.ttl()).to_be_bytes());
        self.negative = negative.into();
        self.serial = serial;
        self.apex_is_dname = apex_is_dname;
        Ok(self)
    }

    /// The zone after these edits, one serial on; `None` when they change nothing and the serial
    /// is not below `floor`. Of two edits of one RRset the later counts. The serial is the next one, or
    /// `floor` if that is after it.
    pub(crate) fn edited(&self, edits: &[Edit], floor: Option<Serial>) -> Result<Option<Edited>, EditError> {
        let mut wanted = self.wanted(edits)?;
        wanted.retain(|(name, rtype), after| !self.is_same(name, *rtype, after.as_ref()));
        let is_low = floor.is_some_and(|floor| floor.is_after(self.serial));
        if wanted.is_empty() && !is_low {
            return Ok(None);
        }
        let serial = next_serial(self.serial, floor);
        let soa_key = (self.apex.clone(), RecordType::SOA);
        let soa = match wanted.remove(&soa_key) {
            Some(after) => after,
            None => self.rrset(&self.apex, RecordType::SOA),
        };
        let mut soa = soa.ok_or_else(|| EditError::Apex(self.apex.clone()))?;
        soa.values = soa.values.iter().map(|data| with_serial(data, serial)).collect();

        let mut entry = JournalEntry::new(self.serial, serial);
        entry.record(self.rrset(&self.apex, RecordType::SOA).as_ref(), Some(&soa));
        for ((name, rtype), after) in &wanted {
            entry.record(self.rrset(name, *rtype).as_ref(), after.as_ref());
        }
        wanted.insert(soa_key, Some(soa));
        let snapshot = self.with(&wanted)?;
        let edits = wanted.into_iter().map(|((name, rtype), after)| match after {
            Some(rrset) => Edit::Set(rrset),
            None => Edit::Delete(name, rtype),
        });
        Ok(Some(Edited { snapshot, entry, edits: edits.collect() }))
    }

    /// The edits as "this RRset becomes that", checked one by one.
    fn wanted(&self, edits: &[Edit]) -> Result<Wanted, EditError> {
        let mut wanted = Wanted::new();
        for edit in edits {
            match edit {
                Edit::Set(rrset) if !rrset.values.is_empty() => {
                    self.check(rrset)?;
                    wanted.insert((rrset.name.clone(), rrset.rtype), Some(rrset.clone()));
                }
                Edit::Set(RRset { name, rtype, .. }) | Edit::Delete(name, rtype) => {
                    wanted.insert((name.clone(), *rtype), None);
                }
            }
        }
        Ok(wanted)
    }

    fn is_same(&self, name: &Name, rtype: RecordType, after: Option<&RRset>) -> bool {
        let before = self.rrset(name, rtype);
        match (before, after) {
            (Some(before), Some(after)) if rtype == RecordType::SOA => {
                // The serial is ours to choose, so it is no difference.
                let level = |set: &RRset| -> Vec<_> {
                    set.values.iter().map(|data| with_serial(data, Serial(0))).collect()
                };
                before.ttl == after.ttl && level(&before) == level(after)
            }
            (before, after) => before.as_ref() == after,
        }
    }

    /// A copy with these RRsets; the copy shares everything it does not change.
    fn with(&self, wanted: &Wanted) -> Result<ZoneSnapshot, EditError> {
        let mut next = self.clone();
        let names: BTreeSet<&Name> = wanted.keys().map(|(name, _)| name).collect();
        for name in names {
            let at_name = wanted.range((name.clone(), RecordType(0))..=(name.clone(), RecordType(u16::MAX)));
            let change = at_name.map(|((_, rtype), after)| (*rtype, after.as_ref())).collect();
            next.replace(name, &change);
            next.check_cname(name)?;
        }
        next.finished()
    }

    /// Rebuilds one node with some of its RRsets exchanged.
    fn replace(&mut self, name: &Name, change: &BTreeMap<RecordType, Option<&RRset>>) {
        let old = self.nodes.get_key_value(name.key()).map(|(node, ())| node.clone());
        let kept = old.iter().flat_map(Node::sets).filter(|set| !change.contains_key(&set.rtype));
        let fresh: Vec<(RecordType, u16, Vec<u8>)> = change
            .values()
            .flatten()
            .map(|rrset| (rrset.rtype, rrset.values.len() as u16, encode(rrset)))
            .collect();
        let fresh = fresh.iter().map(|(rtype, count, body)| SetRef { rtype: *rtype, count: *count, body });
        let mut sets: Vec<SetRef<'_>> = kept.chain(fresh).collect();
        sets.sort_by_key(|set| set.rtype);

        let at_apex = *name == self.apex;
        let before = old.as_ref().map_or((0, 0), |node| weigh(node.sets(), at_apex));
        let after = weigh(sets.iter().copied(), at_apex);
        self.records = self.records + after.0 - before.0;
        self.cuts = self.cuts + after.1 - before.1;
        if sets.is_empty() {
            self.nodes.remove_mut(name.key());
        } else {
            self.nodes.insert_mut(Node::new(name.key(), sets.iter().copied()), ());
        }
    }

    fn check(&self, rrset: &RRset) -> Result<(), EditError> {
        let RRset { name, rtype, values, .. } = rrset;
        let (name, rtype) = (name.clone(), *rtype);
        if !name.is_within(&self.apex) {
            return Err(EditError::OutsideZone { name, zone: self.apex.clone() });
        }
        if rtype.0 == 0 || rtype.0 == 41 || (128..=255).contains(&rtype.0) {
            return Err(EditError::MetaType(rtype));
        }
        if rtype == RecordType::SOA && (name != self.apex || values.len() != 1) {
            return Err(EditError::Apex(name));
        }
        let single = matches!(rtype, RecordType::CNAME | RecordType::DNAME);
        if single && values.len() > 1 {
            return Err(EditError::OneValueOnly { name, rtype });
        }
        let bytes: usize = values.iter().map(|value| value.wire().len() + 12).sum();
        if bytes > MAX_SET_BYTES {
            return Err(EditError::TooLarge { name, rtype });
        }
        Ok(())
    }

    /// Looks at the outcome, so the order of the edits that exchange a CNAME does not matter.
    pub(crate) fn check_cname(&self, name: &Name) -> Result<(), EditError> {
        let types: Vec<RecordType> =
            self.node(name.key()).into_iter().flat_map(Node::sets).map(|set| set.rtype).collect();
        let others = types.iter().filter(|rtype| **rtype != RecordType::CNAME && !rtype.is_dnssec_made());
        if types.contains(&RecordType::CNAME) && others.count() > 0 {
            return Err(EditError::CnameBesideData(name.clone()));
        }
        Ok(())
    }
}

type Wanted = BTreeMap<(Name, RecordType), Option<RRset>>;

fn next_serial(current: Serial, floor: Option<Serial>) -> Serial {
    let next = current.next();
    floor.filter(|floor| floor.is_after(next)).unwrap_or(next)
}

/// Records and cuts of one node.
fn weigh<'a>(sets: impl Iterator<Item = SetRef<'a>>, at_apex: bool) -> (usize, usize) {
    sets.fold((0, 0), |(records, cuts), set| {
        (records + set.count as usize, cuts + usize::from(is_cut(set.rtype, at_apex)))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{name, rrset, small_zone};

    fn serial_after(zone: &ZoneSnapshot, edits: &[Edit]) -> Option<u32> {
        zone.edited(edits, None).unwrap().map(|edited| edited.snapshot.serial().0)
    }

    #[test]
    fn a_change_is_one_serial_and_nothing_is_none() {
        let zone = small_zone();
        let www = rrset("www.example.org", "A", &["192.0.2.8"]);
        assert_eq!(serial_after(&zone, &[Edit::Set(www.clone())]), Some(2));
        let same = zone.rrset(&name("ns1.example.org"), RecordType::A).unwrap();
        assert_eq!(serial_after(&zone, &[Edit::Set(same)]), None);
        assert_eq!(serial_after(&zone, &[Edit::Delete(name("none.example.org"), RecordType::A)]), None);
        let floor = zone.edited(&[Edit::Set(www)], Some(Serial(2026112100))).unwrap().unwrap();
        assert_eq!(floor.snapshot.serial(), Serial(2026112100));
    }

    #[test]
    fn the_journal_names_single_records_and_both_soas() {
        let zone = small_zone();
        let one =
            zone.edited(&[Edit::Set(rrset("m.example.org", "A", &["192.0.2.1"]))], None).unwrap().unwrap();
        let both = [Edit::Set(rrset("m.example.org", "A", &["192.0.2.1", "192.0.2.2"]))];
        let entry = one.snapshot.edited(&both, None).unwrap().unwrap().entry;
        assert_eq!(entry.removed.len(), 1, "only the old SOA");
        assert_eq!(entry.added[0].rtype, RecordType::SOA);
        assert_eq!(entry.added[1], rrset("m.example.org", "A", &["192.0.2.2"]));
    }

    #[test]
    fn what_cannot_stand_in_a_zone_is_refused_whole() {
        let zone = small_zone();
        let refused = |edits: &[Edit]| zone.edited(edits, None).err().unwrap();
        let cname = Edit::Set(rrset("ns1.example.org", "CNAME", &["a.example.org."]));
        assert_eq!(
            refused(std::slice::from_ref(&cname)),
            EditError::CnameBesideData(name("ns1.example.org"))
        );
        assert!(matches!(
            refused(&[Edit::Set(rrset("www.example.net", "A", &["192.0.2.1"]))]),
            EditError::OutsideZone { .. }
        ));
        assert!(matches!(refused(&[Edit::Delete(name("example.org"), RecordType::NS)]), EditError::Apex(_)));
        assert!(matches!(refused(&[Edit::Delete(name("example.org"), RecordType::SOA)]), EditError::Apex(_)));
        let swap = [cname, Edit::Delete(name("ns1.example.org"), RecordType::A)];
        assert!(zone.edited(&swap, None).unwrap().is_some(), "order of the edits does not matter");
    }

    #[test]
    fn records_and_cuts_are_counted_through_changes() {
        let zone = small_zone();
        let count = zone.record_count();
        let cut = Edit::Set(rrset("sub.example.org", "NS", &["ns.sub.example.org.", "ns1.example.org."]));
        let with = zone.edited(&[cut], None).unwrap().unwrap().snapshot;
        assert_eq!((with.record_count(), with.cuts), (count + 2, 1));
        let gone = Edit::Delete(name("sub.example.org"), RecordType::NS);
        let without = with.edited(&[gone], None).unwrap().unwrap().snapshot;
        assert_eq!((without.record_count(), without.cuts), (count, 0));
        assert!(without.node(name("sub.example.org").key()).is_none());
    }
}
