//! Where a zone is asked, kept.
//!
//! What its provider says of a zone's name servers is a fact of the zone, and a question to the
//! provider's API costs its account's budget. So it is asked once and kept for an hour, an answer with
//! nothing in it for a minute. It is asked anew at once when the zone or its connection was changed, and
//! after a Test, which looks at everything afresh. The answers of name servers are never kept: a proof is
//! a question to the server itself.

use super::{Inner, lock};
use crate::catalog::ZoneEntry;
use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::Mutex;
use std::time::{Duration, Instant};

/// How long servers are kept.
const KEPT: Duration = Duration::from_secs(3600);
/// How long it is kept that there are none.
const NONE_KEPT: Duration = Duration::from_secs(60);
/// How long a provider may take to say them.
const PATIENCE: Duration = Duration::from_secs(3);

/// What providers said.
#[derive(Default)]
pub(super) struct Kept(Mutex<HashMap<i64, Said>>);

struct Said {
    /// The versions of zone and connection it was said of.
    of: (i64, i64),
    until: Instant,
    servers: Vec<SocketAddr>,
}

impl Kept {
    /// The next one who wants to know asks the provider.
    pub fn forget(&self, zone: i64) {
        lock(&self.0).remove(&zone);
    }

    fn get(&self, zone: &ZoneEntry) -> Option<Vec<SocketAddr>> {
        let known = lock(&self.0);
        let said = known.get(&zone.row.id)?;
        (said.of == versions(zone) && Instant::now() < said.until).then(|| said.servers.clone())
    }

    fn keep(&self, zone: &ZoneEntry, servers: Vec<SocketAddr>) {
        let long = if servers.is_empty() { NONE_KEPT } else { KEPT };
        let said = Said { of: versions(zone), until: Instant::now() + long, servers };
        lock(&self.0).insert(zone.row.id, said);
    }
}

fn versions(zone: &ZoneEntry) -> (i64, i64) {
    (zone.row.version, zone.connection.row.version)
}

/// What the operator said, else what the zone's provider says.
pub(super) async fn of_zone(inner: &Inner, zone: &ZoneEntry) -> Vec<SocketAddr> {
    if !zone.settings.dns_servers.is_empty() {
        return zone.settings.dns_servers.clone();
    }
    if zone.connection.row.provider == "embedded" {
        return inner.own_servers();
    }
    if let Some(servers) = inner.servers.get(zone) {
        return servers;
    }
    let Ok(provider) = &zone.connection.provider else { return Vec::new() };
    let names = provider.dns_servers(&zone.reference(Instant::now() + PATIENCE)).await;
    let mut found = Vec::new();
    for name in names {
        let place = if name.contains(':') { name } else { format!("{name}:53") };
        found.extend(tokio::net::lookup_host(place).await.into_iter().flatten());
    }
    inner.servers.keep(zone, found.clone());
    found
}
