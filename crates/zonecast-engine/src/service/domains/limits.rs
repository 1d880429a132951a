//! Limits of a service are looked at before anything is stored: what would need more than there is does
//! not start (S4.62, S4.63). A single set that is too large is no reason to stop the domain; it is said
//! at that record, and the others go on (S4.45).

use crate::app::App;
use crate::catalog::View;
use crate::problem::Problem;
use crate::service::touch::places_of;
use std::collections::BTreeMap;
use zonecast_store::{DomainRow, NewClaim};

/// 409 where a zone that the claims go to would hold more values than its service takes.
pub(super) async fn check(
    app: &App,
    view: &View,
    row: &DomainRow,
    held: &[NewClaim],
    claims: &[NewClaim],
) -> Result<(), Problem> {
    let (before, after) = (counts(view, held), counts(view, claims));
    for (zone_id, wanted) in after {
        let Some(zone) = view.zone(zone_id) else { continue };
        let Some(most) = zone.settings.values_max.map(i64::from) else { continue };
        let had = before.get(&zone_id).copied().unwrap_or(0);
        if wanted <= had {
            continue;
        }
        let others = (app.store.owned_values(zone_id).await? - had).max(0);
        if others + wanted > most {
            let service = format!("{} ({})", zone.connection.row.name, zone.connection.row.provider);
            return Err(Problem::new(
                409,
                format!(
                    "{} was not started: {service} holds at most {most} records in the zone {}, and this needs {}",
                    row.name.unicode(),
                    zone.row.name.unicode(),
                    others + wanted
                ),
            ));
        }
    }
    Ok(())
}

fn counts(view: &View, claims: &[NewClaim]) -> BTreeMap<i64, i64> {
    let mut counts = BTreeMap::new();
    for claim in claims {
        for place in places_of(view, claim) {
            *counts.entry(place.zone_id).or_default() += 1;
        }
    }
    counts
}
