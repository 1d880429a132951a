//! The mapping of addresses to names that the old endpoint of the WHMCS module gave (S2.78-80, X42).

use crate::app::App;
use crate::problem::Problem;
use serde::Serialize;
use std::collections::HashMap;
use zonecast_core::{Name, OwnerState, RecordData, RecordType};
use zonecast_store::{HostRow, OwnerFilter};

/// Hosts read in one step.
const STEP: usize = 1_000;

/// One address of a host. The order of the fields is the order on the wire.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct MappingView {
    /// The host's name, without a trailing dot.
    pub forward: String,
    /// The address in its canonical form.
    pub ip: String,
    /// What the address's PTR says, without a trailing dot.
    pub reverse: String,
}

/// The next rows, ordered by host id and then by the host's own order of addresses; begins after the
/// host `after`. The host to go on after, until there is none. Hosts that leave are left out.
///
/// `reverse` is the PTR in force: where several hosts hold one address, each of them shows what the
/// newest claim says. An address without any PTR claim shows the host's own name.
pub async fn page(app: &App, after: i64) -> Result<(Vec<MappingView>, Option<i64>), Problem> {
    let hosts = app.store.hosts(&OwnerFilter::default(), after, STEP).await?;
    let next = (hosts.len() == STEP).then(|| hosts.last().map(|host| host.id)).flatten();
    let staying = || hosts.iter().filter(|host| host.state != OwnerState::Deleting);
    let names: Vec<Name> = staying().flat_map(reverse_names).collect();
    let mut in_force: HashMap<Name, RecordData> = HashMap::with_capacity(names.len());
    // Claims come oldest first, so the newest one stays.
    for claim in app.store.claims_at(&names).await? {
        if claim.data.rtype() == RecordType::PTR {
            in_force.insert(claim.name, claim.data);
        }
    }
    let mut rows = Vec::with_capacity(names.len());
    for host in staying() {
        let forward = host.fqdn.to_string();
        for address in &host.addresses {
            let said = in_force.get(&Name::reverse_of(address.ip)).map(RecordData::to_text);
            let reverse = said.unwrap_or_else(|| forward.clone());
            let reverse = reverse.strip_suffix('.').map(str::to_owned).unwrap_or(reverse);
            rows.push(MappingView { forward: forward.clone(), ip: address.ip.to_string(), reverse });
        }
    }
    Ok((rows, next))
}

fn reverse_names(host: &HostRow) -> impl Iterator<Item = Name> + '_ {
    host.addresses.iter().map(|address| Name::reverse_of(address.ip))
}
