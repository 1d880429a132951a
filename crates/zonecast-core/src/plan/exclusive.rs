//! A CNAME tolerates no other type at its name (RFC 1034 section 3.6.2); only what a signer makes
//! may stand beside it. Decided here, over the drafts of all types at one name.

use super::draft::Draft;
use super::{Because, KeyVerdict, NamePlanInput, Policy};
use crate::record::RecordType;

/// Makes the drafts of one name stand together: what cannot is put into conflict, unless somebody
/// asked to take over and everything in the way may go.
pub(super) fn settle(input: &NamePlanInput<'_>, drafts: &mut [Draft<'_>]) {
    let Some(at) = drafts.iter().position(|draft| draft.rtype == RecordType::CNAME) else { return };
    let stands = |draft: &Draft<'_>| draft.stands() && !draft.rtype.is_dnssec_made();
    let (before, rest) = drafts.split_at_mut(at);
    let Some((cname, behind)) = rest.split_first_mut() else { return };
    if !cname.stands() {
        return;
    }
    let mut others: Vec<&mut Draft<'_>> =
        before.iter_mut().chain(behind).filter(|draft| stands(draft)).collect();
    let wished = cname.desired.is_some() && cname.verdict == KeyVerdict::Equal;
    if wished && input.name == input.apex && cname.change(&Policy::default()).is_some() {
        let theirs = others.iter().flat_map(|other| other.texts_after()).collect();
        cname.conflict(theirs, Because::ApexCname);
    } else if wished && !others.is_empty() {
        let theirs = others.iter().flat_map(|other| other.texts_after()).collect();
        give_way(input, &mut others, std::slice::from_mut(&mut &mut *cname), theirs);
    } else if !wished {
        let theirs = cname.texts_after();
        let mut wished: Vec<&mut Draft<'_>> =
            others.into_iter().filter(|draft| draft.desired.is_some()).collect();
        give_way(input, &mut [cname], &mut wished, theirs);
    }
}

/// Either what stands makes room for what is wished, or what is wished waits.
fn give_way(
    input: &NamePlanInput<'_>,
    standing: &mut [&mut Draft<'_>],
    wished: &mut [&mut Draft<'_>],
    theirs: Vec<String>,
) {
    if wished.is_empty() {
        return;
    }
    let may_go = standing.iter().all(|draft| draft.may_make_room());
    if may_go && input.policy.take_over_asked {
        return standing.iter_mut().for_each(|draft| draft.make_room());
    }
    let because = if may_go { Because::OtherType } else { Because::Immovable };
    let only_held = standing.iter().all(|draft| draft.only_held());
    for draft in wished.iter_mut().filter(|draft| draft.verdict == KeyVerdict::Equal) {
        if only_held { draft.wait() } else { draft.conflict(theirs.clone(), because) }
    }
}
