//! Names below a delegation: stored in a zone, but never answered from it.
//!
//! A name that holds NS below the apex is a **cut**: from there on the child's servers answer
//! (RFC 1034 section 4.2.1). A record at or below it may be stored, and is written because every
//! matching zone is written, but a query never sees it. It is marked `occluded`, a remark and not a
//! failure, so that nobody waits for it to be served.

use crate::name::Name;
use crate::record::{RecordData, RecordType};

/// How a name lies towards the cuts of its zone.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Occlusion {
    /// Answered from this zone.
    #[default]
    Clear,
    /// The cut itself: NS, DS and the zone's own proof of them stand here, nothing else.
    AtCut,
    /// The cut itself, and a name server of that cut: its addresses are glue.
    AtCutGlue,
    /// Below a cut.
    Below,
    /// Below a cut, and a name server of that cut: its addresses are glue.
    BelowGlue,
}

impl Occlusion {
    /// Whether records of this type at such a name are never answered from this zone.
    pub fn hides(self, rtype: RecordType) -> bool {
        let address = matches!(rtype, RecordType::A | RecordType::AAAA);
        let of_the_cut = matches!(rtype, RecordType::NS | RecordType::DS) || rtype.is_dnssec_made();
        match self {
            Occlusion::Clear => false,
            Occlusion::AtCut => !of_the_cut,
            Occlusion::AtCutGlue => !of_the_cut && !address,
            Occlusion::Below => true,
            Occlusion::BelowGlue => !address,
        }
    }
}

/// One delegation: its name and the names of its servers.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Cut {
    pub(crate) name: Name,
    pub(crate) servers: Vec<Name>,
}

impl Cut {
    /// How `name` lies towards this cut alone.
    pub(crate) fn covers(&self, name: &Name) -> Occlusion {
        if !name.is_within(&self.name) {
            return Occlusion::Clear;
        }
        match (*name == self.name, self.servers.contains(name)) {
            (true, false) => Occlusion::AtCut,
            (true, true) => Occlusion::AtCutGlue,
            (false, false) => Occlusion::Below,
            (false, true) => Occlusion::BelowGlue,
        }
    }
}

/// The delegations of one zone, topmost only: what lies below an upper cut is hidden by it anyway.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Cuts(Vec<Cut>);

impl Cuts {
    /// Collects the cuts from NS values in any order; other types and the apex are passed over.
    pub fn new<'a>(apex: &Name, records: impl IntoIterator<Item = (&'a Name, &'a RecordData)>) -> Cuts {
        let mut servers: Vec<(Name, Name)> = records
            .into_iter()
            .filter(|(name, data)| data.rtype() == RecordType::NS && *name != apex && name.is_within(apex))
            .filter_map(|(name, data)| Some((name.clone(), data.as_name()?)))
            .collect();
        servers.sort_unstable();
        let mut cuts: Vec<Cut> = Vec::new();
        for (name, server) in servers {
            match cuts.last_mut() {
                Some(last) if last.name == name => last.servers.push(server),
                Some(last) if name.is_within(&last.name) => {}
                _ => cuts.push(Cut { name, servers: vec![server] }),
            }
        }
        Cuts(cuts)
    }

    /// How `name` lies towards the cuts. One binary search: below a cut everything sorts right
    /// behind it, so only the last cut before the name can cover it.
    pub fn at(&self, name: &Name) -> Occlusion {
        let after = self.0.partition_point(|cut| cut.name <= *name);
        after.checked_sub(1).map_or(Occlusion::Clear, |index| self.0[index].covers(name))
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(text: &str) -> Name {
        Name::parse(text).unwrap()
    }

    fn cuts(ns: &[(&str, &str)]) -> Cuts {
        let records: Vec<(Name, RecordData)> = ns
            .iter()
            .map(|(at, to)| (name(at), RecordData::single_name(RecordType::NS, &name(to))))
            .collect();
        Cuts::new(&name("example.com"), records.iter().map(|(name, data)| (name, data)))
    }

    #[test]
    fn only_names_at_or_below_a_cut_are_hidden() {
        let cuts = cuts(&[("sub.example.com", "ns.elsewhere.net"), ("example.com", "ns1.example.com")]);
        assert_eq!(cuts.at(&name("example.com")), Occlusion::Clear);
        assert_eq!(cuts.at(&name("xsub.example.com")), Occlusion::Clear);
        assert_eq!(cuts.at(&name("sub.example.com")), Occlusion::AtCut);
        assert_eq!(cuts.at(&name("vm.sub.example.com")), Occlusion::Below);
        assert_eq!(cuts.at(&name("zzz.example.com")), Occlusion::Clear);
    }

    #[test]
    fn a_nested_cut_does_not_lift_the_upper_one() {
        let cuts = cuts(&[("b.example.com", "ns.x.net"), ("a.b.example.com", "ns.x.net")]);
        assert_eq!(cuts.at(&name("a.b.example.com")), Occlusion::Below);
        assert_eq!(cuts.at(&name("z.b.example.com")), Occlusion::Below);
    }

    #[test]
    fn glue_is_an_address_of_a_name_server_of_the_cut() {
        let cuts =
            cuts(&[("sub.example.com", "ns1.sub.example.com"), ("sub.example.com", "sub.example.com")]);
        let glue = cuts.at(&name("ns1.sub.example.com"));
        assert!(!glue.hides(RecordType::A) && !glue.hides(RecordType::AAAA));
        assert!(glue.hides(RecordType::TXT));
        assert!(cuts.at(&name("ns2.sub.example.com")).hides(RecordType::A));
        let apex_of_child = cuts.at(&name("sub.example.com"));
        assert!(!apex_of_child.hides(RecordType::A) && apex_of_child.hides(RecordType::MX));
    }

    #[test]
    fn at_the_cut_stand_ns_and_ds() {
        let at = cuts(&[("sub.example.com", "ns.x.net")]).at(&name("sub.example.com"));
        assert!(!at.hides(RecordType::NS) && !at.hides(RecordType::DS));
        assert!(at.hides(RecordType::A) && at.hides(RecordType::TXT));
    }
}
