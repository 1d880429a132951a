//! DNSSEC as a zone's own service does it: read for a person who has to tell the registrar, never changed.

use super::connections::TEST_PATIENCE;
use super::zones::entry;
use crate::app::App;
use crate::problem::Problem;
use std::time::Instant;
use zonecast_providers::dnssec::Signed;

/// Whether the service of this zone can say how it signs it.
pub fn can_tell(app: &App, zone_id: i64) -> Result<bool, Problem> {
    let zone = entry(app, zone_id)?;
    Ok(zone.connection.provider.as_ref().is_ok_and(|provider| provider.capabilities().dnssec))
}

/// DS and DNSKEY of the zone; `None` where the service could sign it and does not.
pub async fn of_zone(app: &App, zone_id: i64) -> Result<Option<Signed>, Problem> {
    let zone = entry(app, zone_id)?;
    let provider = zone.connection.provider.as_ref().map_err(|words| Problem::new(409, words.clone()))?;
    if !provider.capabilities().dnssec {
        let service = &zone.connection.row.provider;
        return Err(Problem::new(409, format!("{service} signs nothing, or cannot say how")));
    }
    let told = provider.dnssec(&zone.reference(Instant::now() + TEST_PATIENCE)).await;
    told.map_err(|error| Problem::new(502, error.to_string()))
}
