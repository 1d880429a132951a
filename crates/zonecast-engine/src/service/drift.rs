//! Drift: what stands otherwise at a provider, and was not changed by us.

use super::Page;
use super::input::Errors;
use super::view::time;
use crate::app::App;
use crate::problem::Problem;
use serde::Serialize;
use utoipa::ToSchema;

/// A difference.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct DriftView {
    /// Its id.
    pub id: i64,
    /// The zone.
    pub zone_id: i64,
    /// The zone's name.
    pub zone: String,
    /// The provider's kind.
    pub provider: String,
    /// The name.
    pub name: String,
    /// The type.
    pub rtype: String,
    /// `missing`, `extra`, `different`.
    pub kind: String,
    /// What was found and what was wanted.
    pub detail: String,
    /// How often in a row it was seen.
    pub seen: i64,
    /// When first.
    pub first_seen_at: String,
    /// When it was healed, the last three times.
    pub healed_at: Vec<String>,
}

/// A page of differences by id, in one zone or in all.
pub async fn list(
    app: &App,
    zone_id: Option<i64>,
    limit: usize,
    cursor: Option<&str>,
) -> Result<Page<DriftView>, Problem> {
    let mut errors = Errors::default();
    let after = super::cursor_in(cursor, &mut errors);
    errors.into_result(())?;
    let rows = app.store.drifts(zone_id, after, limit + 1).await?;
    let (rows, next_cursor) = super::cut(rows, limit, |row| row.id);
    let view = app.catalog.view();
    let items = rows.into_iter().filter_map(|row| {
        let zone = view.zone(row.zone_id)?;
        Some(DriftView {
            id: row.id,
            zone_id: row.zone_id,
            zone: zone.row.name.to_string(),
            provider: zone.connection.row.provider.clone(),
            name: row.name.to_string(),
            rtype: row.rtype.to_string(),
            kind: row.kind,
            detail: row.detail,
            seen: row.seen,
            first_seen_at: time(row.first_seen_at),
            healed_at: row.healed_at.into_iter().map(time).collect(),
        })
    });
    Ok(Page { items: items.collect(), next_cursor })
}
