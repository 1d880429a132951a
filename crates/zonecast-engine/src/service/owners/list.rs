//! Lists of owners, by id and by a cursor; the filters are those of every kind.

use super::Owner;
use crate::app::App;
use crate::problem::Problem;
use crate::service::input::Errors;
use crate::service::{Page, cursor_in, cut, given};
use std::net::IpAddr;
use zonecast_core::host::parse_address;
use zonecast_core::{Name, OwnerState};
use zonecast_store::OwnerFilter;

/// Which owners a list shows.
#[derive(Clone, Debug, Default)]
pub struct ListOwners {
    /// Part of the name, or of an address.
    pub search: Option<String>,
    /// Exactly this name.
    pub name: Option<String>,
    /// In this state.
    pub state: Option<String>,
    /// Hosts that have this address.
    pub address: Option<String>,
    /// Records bound to this zone.
    pub zone_id: Option<i64>,
    /// With where their records stand.
    pub records: bool,
    /// Items on a page.
    pub limit: usize,
    /// Where the page begins.
    pub cursor: Option<String>,
}

/// A page of owners, by id.
pub async fn list<K: Owner>(app: &App, query: &ListOwners) -> Result<Page<K::View>, Problem> {
    let mut errors = Errors::default();
    let exact = given(query.name.as_deref(), K::NAME.trim_start_matches('/'), Name::parse, &mut errors);
    let address = given(query.address.as_deref(), "address", parse_address, &mut errors);
    let state = given(query.state.as_deref(), "state", str::parse::<OwnerState>, &mut errors);
    let after = cursor_in(query.cursor.as_deref(), &mut errors);
    errors.into_result(())?;
    let filter = OwnerFilter {
        search: query.search.as_deref().map(ascii).unwrap_or_default(),
        state,
        exact,
        zone_id: query.zone_id,
        ..OwnerFilter::default()
    };
    let rows = match (&filter.exact, address) {
        (None, Some(address)) => holding(app, address).await?,
        _ => K::page(app, &filter, after, query.limit + 1).await?,
    };
    let (mut rows, next_cursor) = cut(rows, query.limit, |row| row.head().id);
    // One on its way out only where no other has the name.
    let stays = |row: &K| row.head().state != OwnerState::Deleting;
    if filter.exact.is_some() && rows.iter().any(stays) {
        rows.retain(stays);
    }
    Ok(Page { items: K::show(app, &rows, query.records).await?, next_cursor })
}

async fn holding<K: Owner>(app: &App, address: IpAddr) -> Result<Vec<K>, Problem> {
    let mut rows = Vec::new();
    for (_, id) in app.store.hosts_holding(&[address]).await? {
        rows.extend(K::find(app, id).await?);
    }
    Ok(rows)
}

/// What is looked for in the form names are stored in; a name in national script is found by whole
/// labels only, for a part of one has no ASCII form.
fn ascii(search: &str) -> String {
    match Name::parse(search) {
        Ok(name) if !search.is_ascii() => name.to_string(),
        _ => search.to_owned(),
    }
}
