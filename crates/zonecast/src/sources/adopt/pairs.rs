//! Hosts that stand in zones already: a name with an address whose PTR points back to it.
//!
//! Only what is a pair is taken, so that nothing has to be written for it: a name without a PTR may be a
//! machine or a service on one, and a PTR to elsewhere is somebody's decision.

use super::{Found, FoundHost, Left};
use crate::client::{Call, Client, ClientError};
use serde_json::Value;
use std::collections::{BTreeMap, HashMap};
use std::net::IpAddr;
use zonecast_core::Name;

/// What the reverse zones say of an address.
type Pointers = HashMap<IpAddr, Vec<Name>>;
/// The addresses of a name, and their TTL.
type Forward = BTreeMap<Name, (Vec<IpAddr>, Option<u32>)>;

/// The pairs of the forward zones named, with every reverse zone that is configured here.
pub async fn pairs(client: &Client, ids: &[i64]) -> Result<Found, ClientError> {
    let zones = client.list(Call::get("zones").query("limit", 500)).await?;
    let mut found = Found::default();
    let (mut pointers, mut forward, mut apexes) = (Pointers::new(), Forward::new(), Vec::new());
    for zone in &zones {
        let (id, name) = (zone["id"].as_i64().unwrap_or_default(), zone["name"].as_str().unwrap_or_default());
        let reverse = zone["reverse"] == true;
        if !reverse && !ids.contains(&id) {
            continue;
        }
        let rows = match client.send(Call::get(format!("zones/{id}/records"))).await {
            Ok(answer) => answer.data,
            // Without one of the reverse zones there are fewer pairs, and no wrong ones.
            Err(ClientError::Problem(problem)) if reverse => {
                found.left_out.push(Left { kind: "zone", place: name.to_owned(), reason: problem.detail });
                continue;
            }
            Err(error) => return Err(error),
        };
        apexes.extend(Name::parse(name).ok().filter(|_| !reverse));
        for row in rows.as_array().into_iter().flatten() {
            take(row, &mut pointers, &mut forward);
        }
    }
    pair(&forward, &pointers, &mut found);
    strays(&forward, &pointers, &apexes, &mut found);
    Ok(found)
}

fn take(row: &Value, pointers: &mut Pointers, forward: &mut Forward) {
    let Ok(name) = Name::parse(row["name"].as_str().unwrap_or_default()) else { return };
    let values = || row["values"].as_array().into_iter().flatten().filter_map(Value::as_str);
    match row["type"].as_str() {
        Some("A" | "AAAA") => {
            let ttl = row["ttl"].as_u64().and_then(|ttl| u32::try_from(ttl).ok());
            let (ips, _) = forward.entry(name).or_insert_with(|| (Vec::new(), ttl));
            ips.extend(values().filter_map(|value| value.parse::<IpAddr>().ok()));
        }
        Some("PTR") => {
            if let Some(ip) = name.reverse_address() {
                let targets = values().filter_map(|value| Name::parse(value).ok());
                pointers.entry(ip).or_default().extend(targets);
            }
        }
        _ => {}
    }
}

fn pair(forward: &Forward, pointers: &Pointers, found: &mut Found) {
    for (name, (ips, ttl)) in forward {
        let mut ips = ips.clone();
        ips.sort();
        ips.dedup();
        let points = |ip: &&IpAddr| pointers.get(ip).is_some_and(|names| names.contains(name));
        let (paired, alone): (Vec<&IpAddr>, Vec<&IpAddr>) = ips.iter().partition(points);
        if !alone.is_empty() {
            let alone = alone.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
            let reason = format!("no PTR of {alone} points to it: that value stays as it is");
            found.left_out.push(Left { kind: "host", place: name.to_string(), reason });
        }
        if !paired.is_empty() {
            found.hosts.push(FoundHost {
                place: "A and PTR".to_owned(),
                fqdn: name.clone(),
                addresses: paired.into_iter().map(|ip| (*ip, None)).collect(),
                first_only: false,
                ttl: *ttl,
            });
        }
    }
}

/// PTRs to names of these zones that have no such address.
fn strays(forward: &Forward, pointers: &Pointers, apexes: &[Name], found: &mut Found) {
    let mut all: Vec<(&IpAddr, &Name)> =
        pointers.iter().flat_map(|(ip, names)| names.iter().map(move |name| (ip, name))).collect();
    all.sort();
    all.dedup();
    for (ip, name) in all {
        let has = forward.get(name).is_some_and(|(ips, _)| ips.contains(ip));
        if !has && apexes.iter().any(|apex| name.is_within(apex)) {
            let reason = format!("its PTR points to {name}, which has no such address: it stays as it is");
            found.left_out.push(Left { kind: "host", place: ip.to_string(), reason });
        }
    }
}
