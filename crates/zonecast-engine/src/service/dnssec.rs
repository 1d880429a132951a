//! DNSSEC as a zone's own service does it: read for a person who has to tell the registrar, never changed.

use super::connections::TEST_PATIENCE;
use super::zones::entry;
use crate::app::App;
use crate::problem::Problem;
use serde::Serialize;
use std::time::Instant;
use utoipa::ToSchema;
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

/// How a zone is signed.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct DnssecView {
    /// Whether its service signs it.
    pub signed: bool,
    /// The service's own word for the state; empty where it has none.
    pub state: String,
    /// The keys of the apex.
    pub keys: Vec<DnssecKeyView>,
}

/// One key.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct DnssecKeyView {
    /// The key tag.
    pub tag: u16,
    /// The algorithm's number, such as 13 (ECDSA P-256).
    pub algorithm: u8,
    /// Whether the service signs with it now.
    pub active: bool,
    /// The DNSKEY data as in a zone file.
    pub dnskey: String,
    /// The DS data for the registrar, as in a zone file; none for a zone signing key.
    pub ds: Vec<String>,
}

/// DS and DNSKEY of the zone, as its registrar wants them.
pub async fn view(app: &App, zone_id: i64) -> Result<DnssecView, Problem> {
    let Some(signed) = of_zone(app, zone_id).await? else {
        return Ok(DnssecView { signed: false, state: String::new(), keys: Vec::new() });
    };
    let keys = signed.keys.into_iter().map(|key| DnssecKeyView {
        tag: key.tag,
        algorithm: key.algorithm,
        active: key.active,
        dnskey: key.dnskey,
        ds: key.ds,
    });
    Ok(DnssecView { signed: true, state: signed.state, keys: keys.collect() })
}
