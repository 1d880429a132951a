//! What should stand at one name of one zone: the union of the claims there, made to fit together.
//!
//! Claims of several owners can meet at a name. Addresses add up; a PTR has one value, the newest that
//! somebody asked for, else the newest; a CNAME tolerates no neighbour, so the older claim stands. Each claim is told what became of it,
//! so that nobody's wish vanishes without a word.

use crate::capability::Capabilities;
use crate::claim::Claim;
use crate::name::Name;
use crate::record::{RRset, RecordData, RecordType, Ttl};
use crate::zone::Zone;

/// What became of one claim.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum ClaimVerdict {
    /// Its value is desired.
    Wanted,
    /// Another claim has the one value this key can hold; this one comes back when that one goes.
    Superseded {
        /// The claim that has it.
        by: i64,
    },
    /// An older claim stands that this one cannot stand beside.
    Conflict {
        /// The older claim.
        with: i64,
    },
    /// The service cannot hold the set this value belongs to.
    Unsupported {
        /// Why, in a sentence that names the record.
        reason: String,
    },
}

/// What should stand at one name of one zone.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Desired {
    /// The sets, sorted by type.
    pub sets: Vec<RRset>,
    /// What became of each claim, in the order the claims were given.
    pub verdicts: Vec<ClaimVerdict>,
    /// Types the service cannot hold as wished. The plan leaves what stands there as it is: a set is
    /// never cut, and not removed either because it has grown too large.
    pub unsupported: Vec<RecordType>,
    /// Remarks, such as a TTL the service does not go down to.
    pub notes: Vec<(RecordType, String)>,
}

/// Makes the desired sets at `name` (as it stands in `zone`, see
/// [`place`](crate::classless::place)) from the claims for it, in any order.
///
/// - Values add up. At a reverse name one PTR claim has the value, one that was asked for before one
///   that was [derived](Claim::derived), then the newest; the others are `Superseded` (unless they ask
///   for the same value).
/// - A CNAME beside other data, or a second value of CNAME, DNAME or SOA: the older claim stands, the
///   younger is in `Conflict`.
/// - The TTL is the smallest asked for: each claim's own, else the zone's, else what `ttl_default`
///   says (pool, configuration); then what the service keeps.
/// - A set the service cannot hold is left out whole, and its claims are `Unsupported`.
pub fn desired_at(
    zone: &Zone,
    name: &Name,
    claims: &[Claim],
    ttl_default: impl Fn(&Claim) -> Ttl,
    capabilities: &Capabilities,
) -> Desired {
    let verdicts = judge(claims, name.is_reverse() || zone.network.is_some());
    let mut desired = Desired { verdicts, ..Desired::default() };
    let ttl_of = |claim: &Claim| claim.ttl.or(zone.ttl).unwrap_or_else(|| ttl_default(claim));
    for rtype in wanted_types(claims, &desired.verdicts) {
        let (set, note) = set_of(name, rtype, claims, &desired.verdicts, &ttl_of, capabilities);
        let fits = capabilities.check(&set);
        desired.sets.push(set);
        if let Err(reason) = fits {
            desired.refuse(claims, rtype, &reason);
        }
        desired.notes.extend(note.map(|note| (rtype, note)));
    }
    desired
}

impl Desired {
    /// Leaves the set of a type out whole, and says why to its claims, which are those it was made from.
    pub fn refuse(&mut self, claims: &[Claim], rtype: RecordType, reason: &str) {
        self.sets.retain(|set| set.rtype != rtype);
        self.unsupported.push(rtype);
        for (claim, verdict) in claims.iter().zip(&mut self.verdicts) {
            if claim.rtype() == rtype && *verdict == ClaimVerdict::Wanted {
                *verdict = ClaimVerdict::Unsupported { reason: reason.to_owned() };
            }
        }
    }
}

/// Types of which a name holds one value at most.
pub(crate) fn holds_one_value(rtype: RecordType) -> bool {
    matches!(rtype, RecordType::CNAME | RecordType::DNAME | RecordType::SOA)
}

fn judge(claims: &[Claim], reverse: bool) -> Vec<ClaimVerdict> {
    let mut verdicts = vec![ClaimVerdict::Wanted; claims.len()];
    let mut by_age: Vec<usize> = (0..claims.len()).collect();
    by_age.sort_unstable_by_key(|index| claims[*index].id);
    let mut standing: Vec<&Claim> = Vec::with_capacity(claims.len());
    for index in by_age.iter().copied() {
        let claim = &claims[index];
        match standing.iter().find(|older| cannot_stand_beside(older, claim)) {
            Some(older) => verdicts[index] = ClaimVerdict::Conflict { with: older.id },
            None => standing.push(claim),
        }
    }
    if reverse {
        one_ptr_wins(claims, &by_age, &mut verdicts);
    }
    verdicts
}

fn cannot_stand_beside(older: &Claim, younger: &Claim) -> bool {
    match (older.rtype(), younger.rtype()) {
        (a, b) if a == b => holds_one_value(a) && older.data != younger.data,
        (a, b) => a == RecordType::CNAME || b == RecordType::CNAME,
    }
}

fn one_ptr_wins(claims: &[Claim], by_age: &[usize], verdicts: &mut [ClaimVerdict]) {
    let is_ptr = |index: &usize| claims[*index].rtype() == RecordType::PTR;
    let standing = |index: &usize| is_ptr(index) && verdicts[*index] == ClaimVerdict::Wanted;
    let strength = |index: &usize| (!claims[*index].derived, claims[*index].id);
    let Some(winner) = by_age.iter().copied().filter(standing).max_by_key(strength) else { return };
    for index in by_age.iter().copied().filter(is_ptr) {
        if verdicts[index] == ClaimVerdict::Wanted && claims[index].data != claims[winner].data {
            verdicts[index] = ClaimVerdict::Superseded { by: claims[winner].id };
        }
    }
}

fn wanted<'a>(claims: &'a [Claim], verdicts: &'a [ClaimVerdict]) -> impl Iterator<Item = &'a Claim> {
    claims
        .iter()
        .zip(verdicts)
        .filter(|(_, verdict)| **verdict == ClaimVerdict::Wanted)
        .map(|(claim, _)| claim)
}

fn wanted_types(claims: &[Claim], verdicts: &[ClaimVerdict]) -> Vec<RecordType> {
    let mut types: Vec<RecordType> = wanted(claims, verdicts).map(Claim::rtype).collect();
    types.sort_unstable();
    types.dedup();
    types
}

fn set_of(
    name: &Name,
    rtype: RecordType,
    claims: &[Claim],
    verdicts: &[ClaimVerdict],
    ttl_of: &impl Fn(&Claim) -> Ttl,
    capabilities: &Capabilities,
) -> (RRset, Option<String>) {
    let of_type = || wanted(claims, verdicts).filter(|claim| claim.rtype() == rtype);
    let asked = of_type().map(ttl_of).min().unwrap_or(Ttl::DEFAULT);
    let ttl = capabilities.clamp(asked);
    let mut note = (ttl != asked).then(|| format!("TTL {asked} is asked for, this provider keeps {ttl}"));
    let values: Vec<RecordData> = of_type().map(|claim| capabilities.fit(&claim.data)).collect();
    if of_type().zip(&values).any(|(claim, value)| claim.data != *value) {
        note.get_or_insert_with(|| "this provider does not keep where a text is cut".to_owned());
    }
    (RRset::new(name.clone(), rtype, ttl, values), note)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::claim::{Owner, OwnerKind};
    use crate::zone::{ConnectionId, ZoneId};

    fn claim(id: i64, rtype: RecordType, text: &str) -> Claim {
        Claim {
            id,
            owner: Owner { kind: OwnerKind::Host, id },
            name: Name::root(),
            data: RecordData::parse(rtype, text).unwrap(),
            ttl: None,
            zone: None,
            derived: false,
        }
    }

    fn at(name: &str, claims: &[Claim], capabilities: &Capabilities) -> Desired {
        let name = Name::parse(name).unwrap();
        let zone = Zone::new(ZoneId(1), ConnectionId(1), name.clone());
        desired_at(&zone, &name, claims, |_| Ttl::DEFAULT, capabilities)
    }

    #[test]
    fn addresses_of_several_owners_add_up() {
        let claims = [claim(2, RecordType::A, "192.0.2.2"), claim(1, RecordType::A, "192.0.2.1")];
        let desired = at("www.example.com", &claims, &Capabilities::unlimited());
        assert_eq!(desired.sets.len(), 1);
        assert_eq!(desired.sets[0].values.len(), 2);
        assert_eq!(desired.verdicts, [ClaimVerdict::Wanted, ClaimVerdict::Wanted]);
    }

    #[test]
    fn the_newest_ptr_has_the_one_value_of_a_reverse_name() {
        let claims = [
            claim(3, RecordType::PTR, "c.example.com"),
            claim(1, RecordType::PTR, "a.example.com"),
            claim(2, RecordType::PTR, "c.example.com"),
        ];
        let desired = at("1.2.0.192.in-addr.arpa", &claims, &Capabilities::unlimited());
        assert_eq!(desired.sets[0].values, [claims[0].data.clone()]);
        let expected = [ClaimVerdict::Wanted, ClaimVerdict::Superseded { by: 3 }, ClaimVerdict::Wanted];
        assert_eq!(desired.verdicts, expected);
        let listing = at("_services._dns-sd._udp.example.com", &claims, &Capabilities::unlimited());
        assert_eq!(listing.sets[0].values.len(), 2, "service discovery lists many (RFC 6763)");
    }

    #[test]
    fn a_reverse_name_that_was_asked_for_is_stronger_than_a_newer_derived_one() {
        let mut claims = [
            claim(1, RecordType::PTR, "mx.client.test"),
            claim(2, RecordType::PTR, "alias.example.com"),
            claim(3, RecordType::PTR, "other.example.com"),
        ];
        (claims[1].derived, claims[2].derived) = (true, true);
        let asked = at("1.2.0.192.in-addr.arpa", &claims, &Capabilities::unlimited());
        let behind = ClaimVerdict::Superseded { by: 1 };
        assert_eq!(asked.verdicts, [ClaimVerdict::Wanted, behind.clone(), behind]);
        let derived = at("1.2.0.192.in-addr.arpa", &claims[1..], &Capabilities::unlimited());
        assert_eq!(derived.verdicts, [ClaimVerdict::Superseded { by: 3 }, ClaimVerdict::Wanted]);
    }

    #[test]
    fn beside_a_cname_the_older_claim_stands() {
        let cname = |id| claim(id, RecordType::CNAME, "www.example.net");
        let a = |id| claim(id, RecordType::A, "192.0.2.1");
        let older = at("w.example.com", &[a(2), cname(1), cname(3)], &Capabilities::unlimited());
        let conflict = ClaimVerdict::Conflict { with: 1 };
        assert_eq!(older.verdicts, [conflict, ClaimVerdict::Wanted, ClaimVerdict::Wanted]);
        assert_eq!(older.sets.len(), 1);
        let younger = at("w.example.com", &[a(1), cname(2)], &Capabilities::unlimited());
        assert_eq!(younger.verdicts, [ClaimVerdict::Wanted, ClaimVerdict::Conflict { with: 1 }]);
        let two = [cname(1), claim(2, RecordType::CNAME, "other.example.net")];
        let two = at("w.example.com", &two, &Capabilities::unlimited());
        assert_eq!(two.verdicts[1], ClaimVerdict::Conflict { with: 1 });
    }

    #[test]
    fn the_smallest_ttl_counts_and_the_service_clamps_it() {
        let mut claims = [claim(1, RecordType::A, "192.0.2.1"), claim(2, RecordType::A, "192.0.2.2")];
        claims[0].ttl = Some(Ttl::from_seconds(30).unwrap());
        let mut capabilities = Capabilities::unlimited();
        let free = at("w.example.com", &claims, &capabilities);
        assert_eq!((free.sets[0].ttl.seconds(), free.notes.len()), (30, 0));
        capabilities.ttl_seconds_min = 60;
        let clamped = at("w.example.com", &claims, &capabilities);
        assert_eq!(clamped.sets[0].ttl.seconds(), 60);
        assert_eq!(clamped.notes[0].1, "TTL 30 is asked for, this provider keeps 60");
    }

    #[test]
    fn a_set_above_a_limit_is_refused_whole() {
        let mut capabilities = Capabilities::unlimited();
        capabilities.values_per_set_max = 1;
        let claims = [
            claim(1, RecordType::A, "192.0.2.1"),
            claim(2, RecordType::A, "192.0.2.2"),
            claim(3, RecordType::TXT, "hello"),
        ];
        let desired = at("w.example.com", &claims, &capabilities);
        assert_eq!(desired.unsupported, [RecordType::A]);
        assert_eq!(desired.sets.len(), 1, "the others go on");
        for verdict in &desired.verdicts[..2] {
            assert!(matches!(verdict, ClaimVerdict::Unsupported { reason } if reason.contains("2 values")));
        }
    }
}
