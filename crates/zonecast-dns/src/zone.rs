//! A zone as it is at one serial: an immutable snapshot that answers, transfers and edits share.
//!
//! The names are one persistent map in canonical order. Readers hold a snapshot for as long as they
//! like (a transfer of a million records does); a change copies the path to one name, O(log n), and
//! leaves every older snapshot as it was. Order gives what an authority needs beyond exact hits: the
//! closest encloser and empty non-terminals are read off the two neighbours of a name.

use crate::node::{Node, SetRef};
use crate::settings::ZoneSettings;
use rpds::RedBlackTreeMapSync;
use std::ops::Bound::{Excluded, Included, Unbounded};
use std::sync::Arc;
use zonecast_core::{Name, RRset, RecordType, Serial};

/// All records of one zone at one serial.
#[derive(Clone)]
pub struct ZoneSnapshot {
    pub(crate) apex: Name,
    pub(crate) nodes: RedBlackTreeMapSync<Node, ()>,
    pub(crate) serial: Serial,
    /// The SOA record of negative answers without its owner: TTL as RFC 2308 section 5 wants it.
    pub(crate) negative: Arc<[u8]>,
    pub(crate) records: usize,
    /// Names below the apex with NS, and names with DNAME: without any, no query looks for one.
    pub(crate) cuts: usize,
    /// Whether the apex has a DNAME, so that not every query has to look.
    pub(crate) apex_is_dname: bool,
    pub(crate) settings: Arc<ZoneSettings>,
}

impl ZoneSnapshot {
    /// The name of the zone.
    pub fn name(&self) -> &Name {
        &self.apex
    }

    /// The serial of its SOA record.
    pub fn serial(&self) -> Serial {
        self.serial
    }

    /// Who may transfer the zone and who is told of changes.
    pub fn settings(&self) -> &ZoneSettings {
        &self.settings
    }

    /// How many records the zone has; an RRset of three values counts three.
    pub fn record_count(&self) -> usize {
        self.records
    }

    /// The RRset of one name and type, exactly as stored: no wildcards, no CNAMEs followed.
    pub fn rrset(&self, name: &Name, rtype: RecordType) -> Option<RRset> {
        Some(self.node(name.key())?.get(rtype)?.to_rrset(name.clone()))
    }

    /// The RRsets at one name, in order of type.
    pub fn rrsets_at(&self, name: &Name) -> Vec<RRset> {
        let sets = self.node(name.key()).into_iter().flat_map(Node::sets);
        sets.map(|set| set.to_rrset(name.clone())).collect()
    }

    /// Every RRset in canonical order of names, then by type.
    pub fn rrsets(&self) -> impl Iterator<Item = RRset> {
        self.nodes.keys().flat_map(node_rrsets)
    }

    pub(crate) fn node(&self, key: &[u8]) -> Option<&Node> {
        self.nodes.get_key_value(key).map(|(node, ())| node)
    }

    /// The nearest name before the key; the apex sorts before everything in its zone.
    pub(crate) fn before(&self, key: &[u8]) -> Option<&Node> {
        self.nodes.range::<[u8], _>((Unbounded, Excluded(key))).next_back().map(|(node, ())| node)
    }

    /// The nearest name at or after the key.
    pub(crate) fn at_or_after(&self, key: &[u8]) -> Option<&Node> {
        self.nodes.range::<[u8], _>((Included(key), Unbounded)).next().map(|(node, ())| node)
    }

    pub(crate) fn soa(&self) -> Option<SetRef<'_>> {
        self.node(self.apex.key())?.get(RecordType::SOA)
    }
}

impl std::fmt::Debug for ZoneSnapshot {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} at serial {}, {} records", self.apex, self.serial, self.records)
    }
}

fn node_rrsets(node: &Node) -> impl Iterator<Item = RRset> {
    let name = node.name();
    node.sets().map(move |set| set.to_rrset(name.clone()))
}

/// Whether a type at this name hides what is below it: a delegation or a DNAME.
pub(crate) fn is_cut(rtype: RecordType, at_apex: bool) -> bool {
    rtype == RecordType::DNAME || rtype == RecordType::NS && !at_apex
}
