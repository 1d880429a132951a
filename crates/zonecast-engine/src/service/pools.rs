//! Pools: prefixes with their reverse-zone hint, main domain, name pattern, TTL and PTR pattern.

use super::forms::pool_over;
use super::input::{Errors, Form};
use super::view::PoolView;
use super::write::{add_once, audit, given_before};
use super::{Caller, Expected};
use crate::app::App;
use crate::catalog::View;
use crate::problem::Problem;
use ipnet::IpNet;
use serde_json::Value;
use zonecast_core::Name;
use zonecast_store::{PoolRow, Remember, StoreError};

/// Most reverse zones named for one prefix.
const HINTS_MAX: usize = 16;

/// Every pool, by id.
pub async fn list(app: &App) -> Result<Vec<PoolView>, Problem> {
    let view = app.catalog.view();
    Ok(app.store.pools().await?.iter().map(|row| view_of(row, &view)).collect())
}

/// One pool.
pub async fn get(app: &App, id: i64) -> Result<PoolView, Problem> {
    Ok(view_of(&row(app, id).await?, &app.catalog.view()))
}

async fn row(app: &App, id: i64) -> Result<PoolRow, Problem> {
    app.store.pool(id).await?.ok_or_else(|| Problem::missing("pool", id))
}

fn view_of(row: &PoolRow, view: &View) -> PoolView {
    let hints = reverse_zones(row.prefix);
    let holds = |zone: &zonecast_core::Zone| match zone.network {
        Some(network) => network.contains(&row.prefix) || row.prefix.contains(&network),
        None => {
            zone.name.is_reverse()
                && hints.iter().any(|hint| hint.is_within(&zone.name) || zone.name.is_within(hint))
        }
    };
    let zone_ids = view.zones.values().filter(|zone| holds(&zone.zone)).map(|zone| zone.row.id).collect();
    PoolView::of(row, hints.iter().map(ToString::to_string).collect(), zone_ids)
}

/// The reverse zones of a prefix (S2.84): one where it ends at an octet or nibble, else the smallest
/// whole ones it is made of; a prefix smaller than an octet names its RFC 2317 zone.
///
/// ```text
/// 192.0.2.0/24   2.0.192.in-addr.arpa
/// 192.0.2.0/26   0/26.2.0.192.in-addr.arpa
/// 192.0.2.0/23   2.0.192.in-addr.arpa, 3.0.192.in-addr.arpa
/// 2001:db8::/32  8.b.d.0.1.0.0.2.ip6.arpa
/// ```
pub fn reverse_zones(prefix: IpNet) -> Vec<Name> {
    let step = if prefix.addr().is_ipv4() { 8 } else { 4 };
    let length = prefix.prefix_len();
    let whole = length.div_ceil(step) * step;
    let of = |network: IpNet| {
        let open = usize::from((network.max_prefix_len() - whole) / step);
        let mut name = Name::reverse_of(network.network());
        for _ in 0..open {
            name = name.parent().unwrap_or(name);
        }
        name
    };
    if length > 24 && length < 32 && prefix.addr().is_ipv4() {
        let last = prefix.network().to_string().rsplit('.').next().unwrap_or("0").to_owned();
        let parent = Name::reverse_of(prefix.network()).parent();
        let classless = parent.and_then(|parent| parent.child(&format!("{last}/{length}")).ok());
        return classless.into_iter().collect();
    }
    match prefix.subnets(whole) {
        Ok(networks) => networks.take(HINTS_MAX).map(of).collect(),
        Err(_) => Vec::new(),
    }
}

/// Adds a pool.
pub async fn create(app: &App, caller: &Caller, body: &Value) -> Result<PoolView, Problem> {
    if let Some(id) = given_before(app, caller).await? {
        return get(app, id).await;
    }
    let mut row = PoolRow {
        id: 0,
        prefix: IpNet::default(),
        main_domain: None,
        name_pattern: None,
        ttl: None,
        ptr_pattern: None,
        version: 0,
    };
    let mut errors = Errors::default();
    pool_over(Form::body(body)?, &mut row, &mut errors);
    errors.into_result(())?;
    let line = audit(caller, "pool.add", format!("pool:{}", row.prefix));
    let add = async |remember: Option<&Remember<'_>>| app.store.add_pool_once(&row, &[line], remember).await;
    let refused = |error| match error {
        StoreError::Constraint { by, .. } => {
            let which = by.map_or_else(String::new, |id| format!(", id {id}"));
            Problem::conflict("/prefix", format!("there is a pool of {} already{which}", row.prefix))
        }
        error => error.into(),
    };
    let id = add_once(app, caller, add, refused).await?;
    app.catalog.reload().await?;
    get(app, id).await
}

/// Changes a pool by a JSON merge patch. Hosts take its patterns at their next change or sync.
pub async fn patch(
    app: &App,
    caller: &Caller,
    id: i64,
    body: &Value,
    expected: Expected,
) -> Result<PoolView, Problem> {
    let mut row = row(app, id).await?;
    expected.check(row.version)?;
    let mut errors = Errors::default();
    let mut form = Form::body(body)?;
    form.ignore(&["id", "reverse_zones", "zone_ids", "version"]);
    pool_over(form, &mut row, &mut errors);
    errors.into_result(())?;
    let line = audit(caller, "pool.set", format!("pool:{id}"));
    app.store.update_pool(&row, &[line]).await.map_err(|error| match error {
        StoreError::Changed { .. } => Problem::new(412, "the pool was changed meanwhile: read it again"),
        error => error.into(),
    })?;
    app.catalog.reload().await?;
    get(app, id).await
}

/// Removes a pool; hosts keep what they have.
pub async fn remove(app: &App, caller: &Caller, id: i64, expected: Expected) -> Result<(), Problem> {
    expected.check(row(app, id).await?.version)?;
    app.store.remove_pool(id, &[audit(caller, "pool.remove", format!("pool:{id}"))]).await?;
    app.catalog.reload().await?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_prefix_names_its_reverse_zones() {
        for (prefix, zones) in [
            ("192.0.2.0/24", vec!["2.0.192.in-addr.arpa"]),
            ("192.0.2.64/26", vec!["64/26.2.0.192.in-addr.arpa"]),
            ("192.0.2.0/23", vec!["2.0.192.in-addr.arpa", "3.0.192.in-addr.arpa"]),
            ("10.0.0.0/8", vec!["10.in-addr.arpa"]),
            ("2001:db8::/32", vec!["8.b.d.0.1.0.0.2.ip6.arpa"]),
            ("2001:db8::/31", vec!["8.b.d.0.1.0.0.2.ip6.arpa", "9.b.d.0.1.0.0.2.ip6.arpa"]),
        ] {
            let found: Vec<String> =
                reverse_zones(prefix.parse().unwrap()).iter().map(ToString::to_string).collect();
            assert_eq!(found, zones, "{prefix}");
        }
    }
}
