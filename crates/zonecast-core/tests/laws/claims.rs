//! What claims add up to does not depend on the order they are looked at.

use crate::world::{data, name};
use proptest::collection::vec;
use proptest::prelude::*;
use zonecast_core::*;

fn claims() -> impl Strategy<Value = Vec<Claim>> {
    let types = [RecordType::A, RecordType::TXT, RecordType::PTR, RecordType::CNAME];
    let wish = (prop::sample::select(types.to_vec()), 1u8..4, prop::option::of(0u32..3), any::<bool>());
    vec(wish, 0..8).prop_map(|wishes| {
        let claim = |((rtype, number, ttl, derived), id): ((RecordType, u8, Option<u32>, bool), i64)| Claim {
            id,
            owner: Owner { kind: OwnerKind::Host, id },
            name: name("1.2.0.192.in-addr.arpa"),
            data: data(rtype, number),
            ttl: ttl.map(|ttl| Ttl::from_seconds(60 * ttl).unwrap()),
            zone: None,
            derived: derived && rtype == RecordType::PTR,
        };
        wishes.into_iter().zip(1..).map(claim).collect()
    })
}

fn desired(claims: &[Claim]) -> Desired {
    let apex = name("2.0.192.in-addr.arpa");
    let zone = Zone::new(ZoneId(1), ConnectionId(1), apex);
    let at = name("1.2.0.192.in-addr.arpa");
    desired_at(&zone, &at, claims, |_| Ttl::DEFAULT, &Capabilities::unlimited())
}

proptest! {
    #[test]
    fn the_order_of_claims_does_not_matter(claims in claims(), seed in any::<u64>()) {
        let mut shuffled: Vec<(u64, usize)> =
            (0..claims.len()).map(|index| (seed.rotate_left(index as u32 * 7) ^ (index as u64 * 0x9e37), index)).collect();
        shuffled.sort();
        let order: Vec<usize> = shuffled.iter().map(|(_, index)| *index).collect();
        let (straight, mixed) =
            (desired(&claims), desired(&order.iter().map(|index| claims[*index].clone()).collect::<Vec<_>>()));
        prop_assert_eq!(&straight.sets, &mixed.sets);
        for (at, index) in order.iter().enumerate() {
            prop_assert_eq!(&straight.verdicts[*index], &mixed.verdicts[at]);
        }
    }

    /// Every value comes from a wanted claim and every wanted claim's value is there; PTR has one
    /// value; a CNAME stands alone with one value.
    #[test]
    fn sets_are_exactly_the_wanted_claims(claims in claims()) {
        let desired = desired(&claims);
        let wanted: Vec<&Claim> = claims.iter().zip(&desired.verdicts)
            .filter(|(_, verdict)| **verdict == ClaimVerdict::Wanted).map(|(claim, _)| claim).collect();
        for set in &desired.sets {
            prop_assert!(set.values.iter().all(|value| wanted.iter().any(|claim| claim.data == *value)));
            let one = matches!(set.rtype, RecordType::PTR | RecordType::CNAME);
            prop_assert!(!one || set.values.len() == 1);
            prop_assert!(set.rtype != RecordType::CNAME || desired.sets.len() == 1);
            let smallest = wanted.iter().filter(|claim| claim.rtype() == set.rtype).map(|claim| claim.ttl.unwrap_or(Ttl::DEFAULT)).min();
            prop_assert_eq!(Some(set.ttl), smallest);
        }
        let there = |claim: &&&Claim| desired.sets.iter().any(|set| set.values.contains(&claim.data));
        prop_assert_eq!(wanted.iter().filter(there).count(), wanted.len());
    }

    /// When the claim that stands in the way goes, the one that waited comes back or waits for another.
    #[test]
    fn who_waits_waits_for_a_claim_that_stands(claims in claims()) {
        let desired = desired(&claims);
        for verdict in &desired.verdicts {
            let by = match verdict {
                ClaimVerdict::Superseded { by } | ClaimVerdict::Conflict { with: by } => *by,
                _ => continue,
            };
            let at = claims.iter().position(|claim| claim.id == by).unwrap();
            let blocker = &desired.verdicts[at];
            let stands = matches!(blocker, ClaimVerdict::Wanted | ClaimVerdict::Superseded { .. });
            prop_assert!(stands, "{blocker:?}");
        }
        // An asked reverse name is stronger than a derived one; among equals the newest counts (C19).
        let ptrs = claims.iter().filter(|claim| claim.rtype() == RecordType::PTR);
        if let Some(strongest) = ptrs.max_by_key(|claim| (!claim.derived, claim.id)) {
            let verdict = &desired.verdicts[strongest.id as usize - 1];
            prop_assert!(!matches!(verdict, ClaimVerdict::Superseded { .. }), "nobody supersedes the strongest");
        }
    }

    /// Whose claim is not what stands reads both values, both owners and the way out (D23).
    #[test]
    fn a_claim_that_waits_says_both_values_and_both_owners(claims in claims()) {
        let desired = desired(&claims);
        let owner = |claim: &Claim| format!("host {}", claim.owner.id);
        for (claim, verdict) in claims.iter().zip(&desired.verdicts) {
            let words = plan::claim_words(claim, verdict, &claims, owner);
            let (ClaimVerdict::Superseded { by } | ClaimVerdict::Conflict { with: by }) = verdict else {
                prop_assert_eq!(words, None);
                continue;
            };
            let other = claims.iter().find(|other| other.id == *by).unwrap();
            let (_, words) = words.unwrap();
            for part in [claim.data.to_text(), other.data.to_text(), owner(claim), owner(other)] {
                prop_assert!(words.contains(&part), "{part}: {words}");
            }
            prop_assert!(words.contains("withdraw"), "{words}");
        }
    }

    /// A host's addresses and their PTRs point at each other.
    #[test]
    fn derived_claims_confirm_each_other(last in vec(1u8..250, 0..5)) {
        let addresses = last.iter().map(|last| HostAddress { ip: [192, 0, 2, *last].into(), reverse_name: None, pool_name: None });
        let host = Host {
            fqdn: name("vm-1.example.com"),
            addresses: addresses.collect(),
            ttl: None,
            address_policy: AddressPolicy::All,
        };
        let claims = claims_of(&host);
        prop_assert_eq!(claims.len(), host.addresses.len() * 2);
        for claim in claims.iter().filter(|claim| claim.data.rtype() == RecordType::PTR) {
            let address = claim.name.reverse_address().unwrap();
            let forward = |other: &DerivedClaim| other.data.as_address() == Some(address);
            let target = claim.data.as_name().unwrap();
            prop_assert!(claims.iter().any(|other| forward(other) && other.name == target));
        }
    }
}
