//! The recent changes of one zone, kept in memory for IXFR.
//!
//! Bounded twice: by entries, and by records. A difference larger than the zone itself is not worth
//! keeping, the whole zone is the shorter answer then.

use crate::store::JournalEntry;
use std::collections::VecDeque;
use std::sync::Arc;
use zonecast_core::Serial;

const MAX_ENTRIES: usize = 1000;
/// Even a tiny zone keeps this many records of history.
const MIN_RECORDS: usize = 500;
const MAX_RECORDS: usize = 100_000;

/// Changes in order, each beginning at the serial where the one before ended.
#[derive(Default)]
pub(crate) struct Journal {
    entries: VecDeque<Arc<JournalEntry>>,
    records: usize,
}

impl Journal {
    /// Appends a change of a zone of `zone_records` records and drops what is too old to keep.
    pub(crate) fn push(&mut self, entry: JournalEntry, zone_records: usize) {
        if self.entries.back().is_some_and(|last| last.new_serial != entry.old_serial) {
            // A gap cannot be sent.
            self.entries.clear();
            self.records = 0;
        }
        self.records += entry.record_count();
        self.entries.push_back(Arc::new(entry));
        let most = zone_records.clamp(MIN_RECORDS, MAX_RECORDS);
        while self.entries.len() > MAX_ENTRIES || self.records > most {
            let Some(oldest) = self.entries.pop_front() else { break };
            self.records -= oldest.record_count();
        }
    }

    /// The changes from one serial to another, oldest first; `None` when they do not reach.
    pub(crate) fn between(&self, from: Serial, to: Serial) -> Option<Vec<Arc<JournalEntry>>> {
        if from == to {
            return Some(Vec::new());
        }
        let first = self.entries.iter().position(|entry| entry.old_serial == from)?;
        let last = self.entries.iter().skip(first).position(|entry| entry.new_serial == to)?;
        Some(self.entries.iter().skip(first).take(last + 1).cloned().collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::rrset;

    fn entry(from: u32, to: u32) -> JournalEntry {
        let mut entry = JournalEntry::new(Serial(from), Serial(to));
        entry.added.push(rrset("a.example.org", "A", &["192.0.2.1"]));
        entry
    }

    #[test]
    fn a_journal_reaches_as_far_back_as_it_is_whole() {
        let mut journal = Journal::default();
        (1..5).for_each(|serial| journal.push(entry(serial, serial + 1), 10));
        assert_eq!(journal.between(Serial(2), Serial(4)).unwrap().len(), 2);
        assert_eq!(journal.between(Serial(5), Serial(5)).unwrap().len(), 0);
        assert!(journal.between(Serial(0), Serial(5)).is_none());
        journal.push(entry(9, 10), 10);
        assert!(journal.between(Serial(1), Serial(10)).is_none(), "a gap forgets the past");
    }

    #[test]
    fn a_journal_does_not_outgrow_its_zone() {
        let mut journal = Journal::default();
        (1..2000).for_each(|serial| journal.push(entry(serial, serial + 1), 10));
        assert_eq!(journal.entries.len(), MIN_RECORDS);
        assert_eq!(journal.records, MIN_RECORDS);
    }
}
