//! Why a name goes where it goes: every zone, with the reason.

use super::input::Errors;
use crate::app::App;
use crate::problem::Problem;
use serde::{Deserialize, Serialize};
use std::net::IpAddr;
use utoipa::ToSchema;
use zonecast_core::explain::explain as explain_core;
use zonecast_core::{Name, RecordType};

/// What is known of a name.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct ExplainView {
    /// The name, for an address its reverse name.
    pub name: String,
    /// The type asked about.
    #[serde(rename = "type")]
    pub rtype: String,
    /// At least one zone takes it.
    pub matched: bool,
    /// Every zone, those that take it first.
    pub zones: Vec<ExplainZone>,
    /// Who claims what at the name.
    pub claims: Vec<ExplainClaim>,
}

/// Whether one zone takes the name.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct ExplainZone {
    /// The zone.
    pub zone_id: i64,
    /// Its name.
    pub zone: String,
    /// The provider's kind.
    pub provider: String,
    /// Whether the name is written there.
    pub matches: bool,
    /// Why, or why not.
    pub reason: String,
}

/// One claim at the name.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct ExplainClaim {
    /// Whose it is, such as `host:12`.
    pub owner: String,
    /// The type.
    #[serde(rename = "type")]
    pub rtype: String,
    /// The value.
    pub value: String,
    /// The owner's own TTL.
    pub ttl: Option<u32>,
}

/// Explains a name or an address.
pub async fn explain(app: &App, name: &str, rtype: Option<&str>) -> Result<ExplainView, Problem> {
    let (name, rtype) = asked(name, rtype)?;
    let view = app.catalog.view();
    let mut zones: Vec<ExplainZone> = explain_core(&name, rtype, &view.index)
        .into_iter()
        .filter_map(|found| {
            let zone = view.zone(found.zone.0)?;
            Some(ExplainZone {
                zone_id: zone.row.id,
                zone: zone.row.name.to_string(),
                provider: zone.connection.row.provider.clone(),
                matches: found.matches,
                reason: found.reason,
            })
        })
        .collect();
    zones.sort_by_key(|zone| !zone.matches);
    let claims =
        app.store.claims_at(std::slice::from_ref(&name)).await?.into_iter().map(|claim| ExplainClaim {
            owner: format!("{}:{}", claim.owner.kind.word(), claim.owner.id),
            rtype: claim.data.rtype().to_string(),
            value: claim.data.to_text(),
            ttl: claim.ttl.map(|ttl| ttl.seconds()),
        });
    Ok(ExplainView {
        matched: zones.iter().any(|zone| zone.matches),
        claims: claims.collect(),
        name: name.to_string(),
        rtype: rtype.to_string(),
        zones,
    })
}

/// A name and a type as a caller writes them: an address stands for its reverse name, and a reverse
/// name is asked for its PTR where no type is said.
pub fn asked(name: &str, rtype: Option<&str>) -> Result<(Name, RecordType), Problem> {
    let mut errors = Errors::default();
    let parsed = match name.parse::<IpAddr>() {
        Ok(address) => Some(Name::reverse_of(address)),
        Err(_) => Name::parse(name).map_err(|error| errors.add("name", error.to_string())).ok(),
    };
    let rtype = match rtype {
        Some(text) => text
            .parse()
            .map_err(|error: zonecast_core::RecordError| errors.add("type", error.to_string()))
            .ok(),
        None => parsed.as_ref().map(|name| if name.is_reverse() { RecordType::PTR } else { RecordType::A }),
    };
    let both = errors.into_result((parsed, rtype))?;
    match both {
        (Some(name), Some(rtype)) => Ok((name, rtype)),
        _ => Err(Problem::field("name", "is missing")),
    }
}
