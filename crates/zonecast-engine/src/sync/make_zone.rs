//! A zone that shall be made where it is missing is made by the pass that meets its absence.
//!
//! So it needs no job of its own: the zone's names are due anyway, the lease is held, the deadline lies
//! inside it, a failure is shown at the records that wait and tried again as any other. Made twice is
//! made once (`Provider::create_zone`). Off for every zone unless a domain or a person asked (X31).

use super::group::Turn;
use super::look::Eyes;
use crate::catalog::ZoneEntry;
use crate::config::Config;
use crate::settings::DomainOptions;
use zonecast_core::{Change, Name, Observed, ObservedRRset, RRset, RecordData, RecordType, Ttl};
use zonecast_providers::{ErrorClass, ProviderError, ZoneRef, ZoneSeed};
use zonecast_store::{DomainRow, NewAudit, OwnerRow, StoreError};

/// Whether this error means that the zone is to be made.
pub(crate) fn is_missing(zone: &ZoneEntry, error: &ProviderError) -> bool {
    error.class == ErrorClass::NoSuchZone && zone.settings.create_missing_zone
}

/// Makes the zone at its provider; gives how it is named from now on.
///
/// What cannot be (no room, not allowed) is an error about this zone and never about its connection, so
/// it parks the zone and leaves the neighbours alone.
pub(super) async fn make(turn: &mut Turn) -> Result<Result<ZoneRef, ProviderError>, StoreError> {
    let provider = match &turn.zone.connection.provider {
        Ok(provider) => provider.clone(),
        Err(words) => return Ok(Err(ProviderError::new(ErrorClass::Unauthorized, words.clone()))),
    };
    let domain = turn.inner.store.domain_by_name(&turn.zone.row.name).await?;
    let seed = seed(&turn.inner.config, &turn.zone, domain.as_ref());
    let zone = turn.call().await?;
    match provider.create_zone(&zone, &seed).await {
        Ok(id) => {
            tracing::info!(zone = %zone.name, connection = turn.zone.connection.row.name, "the zone was made");
            made(turn, id, provider.as_ref()).await?;
            Ok(Ok(turn.call().await?))
        }
        Err(error) => Ok(Err(about_the_zone(&zone, error))),
    }
}

fn about_the_zone(zone: &ZoneRef, error: ProviderError) -> ProviderError {
    let message = format!("the zone {} could not be made: {}", zone.name, error.message);
    let class = match error.class {
        ErrorClass::Quota | ErrorClass::Rejected | ErrorClass::Unsupported | ErrorClass::Conflict => {
            ErrorClass::NoSuchZone
        }
        other => other,
    };
    ProviderError::new(class, message)
}

/// What the new zone starts with: what its domain says, else what is configured.
fn seed(config: &Config, zone: &ZoneEntry, domain: Option<&DomainRow>) -> ZoneSeed {
    let seed = config.authority.seed(&zone.row.name);
    let Some(domain) = domain else { return seed };
    let named = apex_servers(domain);
    let soa = DomainOptions::of(domain).soa;
    let configured = !config.authority.name_servers.is_empty();
    let name_servers = if named.is_empty() || configured { seed.name_servers } else { named };
    ZoneSeed {
        primary: name_servers.first().cloned().unwrap_or(seed.primary),
        mailbox: soa.map_or(seed.mailbox, |soa| soa.mailbox),
        name_servers,
    }
}

/// The name servers a domain's set names for its apex.
fn apex_servers(domain: &DomainRow) -> Vec<Name> {
    let apex = domain.records.iter().filter(|set| set.name == domain.name && set.rtype == RecordType::NS);
    apex.flat_map(|set| set.values.iter().filter_map(RecordData::as_name)).collect()
}

/// What stands in a zone that is not there yet, once it was made.
pub(crate) fn made_with(eyes: &Eyes<'_>) -> Observed {
    let seed = seed(eyes.config, eyes.zone, None);
    let apex = &eyes.zone.row.name;
    let ns = seed.name_servers.iter().map(|server| RecordData::single_name(RecordType::NS, server));
    let set = RRset::new(apex.clone(), RecordType::NS, Ttl::DEFAULT, ns.collect());
    Observed::new(vec![ObservedRRset::from(set)])
}

/// Remembers the provider's own id of the zone.
async fn made(
    turn: &mut Turn,
    id: Option<String>,
    provider: &dyn zonecast_providers::Provider,
) -> Result<(), StoreError> {
    let (inner, entry) = (turn.inner.clone(), turn.zone.clone());
    let mut row = entry.row.clone();
    let line = NewAudit {
        actor: "engine".to_owned(),
        source: "engine".to_owned(),
        action: "zone.create".to_owned(),
        object: format!("zone:{}", row.id),
        detail: serde_json::json!({ "name": row.name.to_string(), "provider_zone_id": id }),
    };
    if id.is_none() || id == row.provider_zone_id {
        return inner.store.audit(&[line]).await;
    }
    row.provider_zone_id = id;
    let reference =
        ZoneRef { provider_zone_id: row.provider_zone_id.clone(), ..ZoneRef::new(row.name.clone()) };
    row.physical_id = format!("{} {}", entry.connection.row.provider, provider.physical_id(&reference));
    match inner.store.update_zone(&row, &[line]).await {
        Ok(_) => {}
        // Somebody changed the zone meanwhile; the provider is asked for the id again when it is missed.
        Err(StoreError::Changed { .. } | StoreError::Constraint { .. }) => {}
        Err(error) => return Err(error),
    }
    inner.catalog.reload().await?;
    if let Some(zone) = inner.catalog.view().zone(row.id) {
        turn.zone = zone.clone();
    }
    Ok(())
}

/// The step that brings the SOA to what the domain of this zone asks for, where that is managed. The
/// served serial stays in it: the server raises it with the change, and no wish moves it back (X30).
pub(super) async fn soa_change(eyes: &Eyes<'_>, observed: &Observed) -> Result<Option<Change>, StoreError> {
    let apex = &eyes.zone.row.name;
    let Some(there) = observed.get(apex, RecordType::SOA) else { return Ok(None) };
    let supposed = eyes.supposed.iter().find_map(|write| match &write.row {
        OwnerRow::Domain(row) if row.name == *apex => Some(row.clone()),
        _ => None,
    });
    let domain = match supposed {
        Some(domain) => Some(domain),
        None => eyes.store.domain_by_name(apex).await?,
    };
    let Some(domain) = domain else { return Ok(None) };
    let (Some(soa), Some(old)) = (DomainOptions::of(&domain).soa, there.values.first()) else {
        return Ok(None);
    };
    let text = old.data.to_text();
    let fields: Vec<&str> = text.split_whitespace().collect();
    let (Some(primary), Some(serial)) =
        (fields.first(), fields.get(2).and_then(|serial| serial.parse().ok()))
    else {
        return Ok(None);
    };
    let primary = apex_servers(&domain).first().cloned().or_else(|| Name::parse(primary).ok());
    let Some(new) = primary.and_then(|primary| soa.data(&primary, serial)) else { return Ok(None) };
    let ttl = domain.ttl.unwrap_or(there.ttl);
    if new == old.data && ttl == there.ttl {
        return Ok(None);
    }
    let set = |ttl, data| RRset::new(apex.clone(), RecordType::SOA, ttl, vec![data]);
    Ok(Some(Change::Replace { old: set(there.ttl, old.data.clone()), new: set(ttl, new) }))
}
