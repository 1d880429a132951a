//! Claims of owners, compared: with those an owner holds, and with those of others.

use crate::app::App;
use crate::problem::Problem;
use std::collections::HashSet;
use zonecast_core::{Name, RecordData, RecordType};
use zonecast_store::{ClaimRow, NewClaim, OwnerId};

/// Where a claim is, what it says, for how long, in which zone alone or of which domain, and whether
/// nobody asked for it.
type Meaning<'a> = (&'a [u8], &'a RecordData, Option<u32>, Option<i64>, Option<&'a [u8]>, bool);

/// Claims to be found by themselves: a set of six hundred is compared with a set of six hundred.
pub(super) struct Lookup<'a>(pub HashSet<Meaning<'a>>);

impl<'a> Lookup<'a> {
    pub fn of(claims: &'a [NewClaim]) -> Lookup<'a> {
        Lookup(claims.iter().map(Lookup::key).collect())
    }

    pub fn has(&self, claim: &NewClaim) -> bool {
        self.0.contains(&Lookup::key(claim))
    }

    fn key(claim: &NewClaim) -> Meaning<'_> {
        let (ttl, domain) = (claim.ttl.map(|ttl| ttl.seconds()), claim.domain.as_ref().map(Name::key));
        (claim.name.key(), &claim.data, ttl, claim.zone_id, domain, claim.derived)
    }
}

/// 409 where a person asks for a CNAME beside other data, or for other data beside a CNAME.
pub(in crate::service) async fn refuse_cname_neighbours(
    app: &App,
    owner: OwnerId,
    held: &[NewClaim],
    claims: &[NewClaim],
    field: &str,
) -> Result<(), Problem> {
    let held = Lookup::of(held);
    let come: Vec<&NewClaim> = claims.iter().filter(|claim| !held.has(claim)).collect();
    let mut names: Vec<Name> = come.iter().map(|claim| claim.name.clone()).collect();
    names.sort_unstable();
    names.dedup();
    let standing = app.store.claims_at(&names).await?;
    let clash = come.iter().find_map(|claim| {
        let other = standing.iter().find(|other| other.owner != owner && clashes(claim, other));
        other.map(|other| (claim, other))
    });
    let Some((claim, other)) = clash else { return Ok(()) };
    let (mine, theirs) = (claim.data.rtype(), other.data.rtype());
    let (whose, id) = (other.owner.kind.word(), other.owner.id);
    Err(Problem::conflict(
        field,
        format!("{} has {theirs} of {whose} {id} already: {mine} cannot stand beside it", claim.name),
    ))
}

fn clashes(claim: &NewClaim, other: &ClaimRow) -> bool {
    let meet = claim.zone_id.is_none() || other.zone_id.is_none() || claim.zone_id == other.zone_id;
    let (a, b) = (claim.data.rtype(), other.data.rtype());
    let cname = |rtype| rtype == RecordType::CNAME;
    claim.name == other.name && meet && (cname(a) || cname(b)) && (a != b || claim.data != other.data)
}
