//! Hosts: their rows, and finding them.

use crate::Store;
use crate::codec;
use crate::error::StoreError;
use crate::filter::OwnerFilter;
use crate::model::*;
use crate::owners_rows::addresses_json;
use crate::sql::{Value, args, bulk, statements};
use std::collections::HashSet;
use std::net::IpAddr;
use zonecast_core::{AddressPolicy, Name};

statements! {
    HOST = "SELECT id, fqdn_key, name, main_domain, addresses, ttl, address_policy, state, vm_status,
        created_at, updated_at, version FROM host WHERE id = $1";
    HOST_BY_FQDN = "SELECT id, fqdn_key, name, main_domain, addresses, ttl, address_policy, state, vm_status,
        created_at, updated_at, version FROM host WHERE fqdn_key = $1 AND state <> 'deleting'";
    HOSTS = "SELECT id, fqdn_key, name, main_domain, addresses, ttl, address_policy, state, vm_status,
        created_at, updated_at, version FROM host
        WHERE id > $1 AND ($2 = '' OR fqdn LIKE $2 ESCAPE '!' OR addresses LIKE $2 ESCAPE '!')
        AND ($3 = '' OR state = $3) AND fqdn_key >= $4 AND fqdn_key < $5 ORDER BY id LIMIT $6";
    HOST_COUNT = "SELECT COUNT(*) FROM host
        WHERE ($1 = '' OR fqdn LIKE $1 ESCAPE '!' OR addresses LIKE $1 ESCAPE '!')
        AND ($2 = '' OR state = $2) AND fqdn_key >= $3 AND fqdn_key < $4";
}

bulk! {
    SYNCING [] [id: Int] = "
        SELECT DISTINCT j.owner_id FROM v CROSS JOIN job j
        WHERE j.owner_kind = 1 AND j.owner_id = v.id AND j.finished_at IS NULL AND j.kind = 'host.sync'";
    HOST_INSERT [] [id: Int, fqdn_key: Blob, fqdn: Text, name: Text, main_domain: Blob, addresses: Text, ttl: Int,
        address_policy: Int, state: Text, vm_status: Text, created_at: Int, updated_at: Int, version: Int] = "
        INSERT INTO host (id, fqdn_key, fqdn, name, main_domain, addresses, ttl, address_policy, state, vm_status,
            created_at, updated_at, version)
        SELECT v.id, v.fqdn_key, v.fqdn, v.name, v.main_domain, v.addresses, v.ttl, v.address_policy, v.state,
            v.vm_status, v.created_at, v.updated_at, v.version FROM v WHERE true
        ON CONFLICT (fqdn_key) WHERE state <> 'deleting' DO NOTHING";
    HOST_UPDATE [now: Int] [id: Int, expected: Int, fqdn_key: Blob, fqdn: Text, name: Text, main_domain: Blob,
        addresses: Text, ttl: Int, address_policy: Int, state: Text, vm_status: Text] = "
        UPDATE host SET fqdn_key = v.fqdn_key, fqdn = v.fqdn, name = v.name, main_domain = v.main_domain,
            addresses = v.addresses, ttl = v.ttl, address_policy = v.address_policy, state = v.state,
            vm_status = v.vm_status, updated_at = x.now, version = host.version + 1
        FROM v CROSS JOIN x WHERE host.id = v.id AND host.version = v.expected AND host.state <> 'deleting'
        RETURNING host.id";
    HOSTS_BY_IDS [] [id: Int] = "
        SELECT h.id, h.fqdn_key, h.name, h.main_domain, h.addresses, h.ttl, h.address_policy, h.state, h.vm_status,
            h.created_at, h.updated_at, h.version FROM v CROSS JOIN host h WHERE h.id = v.id";
    HOLDERS [] [name_key: Blob] = "
        SELECT v.name_key, c.owner_id FROM v CROSS JOIN claim c CROSS JOIN host h
        WHERE c.name_key = v.name_key AND c.withdrawn = 0 AND c.owner_kind = 1 AND c.rtype = 12
        AND h.id = c.owner_id AND h.state <> 'deleting'";
}

type HostTuple = (
    i64,
    Vec<u8>,
    Option<String>,
    Option<Vec<u8>>,
    String,
    Option<i64>,
    i64,
    String,
    Option<String>,
    i64,
    i64,
    i64,
);

fn host(row: HostTuple) -> Result<HostRow, StoreError> {
    Ok(HostRow {
        id: row.0,
        fqdn: codec::name(&row.1)?,
        name: row.2,
        main_domain: codec::optional_name(row.3)?,
        addresses: codec::json(&row.4)?,
        ttl: codec::optional_ttl(row.5)?,
        address_policy: if row.6 == 1 { AddressPolicy::First } else { AddressPolicy::All },
        state: codec::state(&row.7)?,
        vm_status: row.8,
        created_at: row.9,
        updated_at: row.10,
        version: row.11,
    })
}

/// The columns of a host between its id and its times.
pub(crate) fn push_host(out: &mut Vec<Value>, host: &HostRow) -> Result<(), StoreError> {
    out.extend(args![&host.fqdn, host.fqdn.to_string(), &host.name, &host.main_domain]);
    out.extend(args![addresses_json(&host.addresses)?, host.ttl]);
    let policy = i64::from(host.address_policy == AddressPolicy::First);
    out.extend(args![policy, host.state, &host.vm_status]);
    Ok(())
}

impl Store {
    /// The host with this id.
    pub async fn host(&self, id: i64) -> Result<Option<HostRow>, StoreError> {
        self.db().optional(&HOST, args![id]).await?.map(host).transpose()
    }

    /// The active host with this fqdn; one in `deleting` does not count.
    pub async fn host_by_fqdn(&self, fqdn: &Name) -> Result<Option<HostRow>, StoreError> {
        self.db().optional(&HOST_BY_FQDN, args![fqdn]).await?.map(host).transpose()
    }

    /// A page of hosts in the order of their ids, after `after_id`.
    pub async fn hosts(
        &self,
        filter: &OwnerFilter,
        after_id: i64,
        limit: usize,
    ) -> Result<Vec<HostRow>, StoreError> {
        let mut values = args![after_id];
        values.extend(filter.args());
        values.push(limit.into());
        self.db().all(&HOSTS, values).await?.into_iter().map(host).collect()
    }

    /// Those of the hosts whose "Set DNS records" is under way.
    pub async fn hosts_syncing(&self, hosts: impl Iterator<Item = i64>) -> Result<HashSet<i64>, StoreError> {
        let rows: Vec<(i64,)> =
            self.db().bulk(&SYNCING, args![], hosts.flat_map(|id| args![id]).collect()).await?;
        Ok(rows.into_iter().map(|(id,)| id).collect())
    }

    /// How many hosts a filter finds.
    pub async fn count_hosts(&self, filter: &OwnerFilter) -> Result<i64, StoreError> {
        let (count,): (i64,) = self.db().one(&HOST_COUNT, filter.args()).await?;
        Ok(count)
    }

    /// The hosts with these ids, in no particular order; those that are not there are left out.
    pub async fn hosts_by_ids(&self, ids: &[i64]) -> Result<Vec<HostRow>, StoreError> {
        let rows = ids.iter().map(|id| Value::from(*id)).collect();
        self.db().bulk(&HOSTS_BY_IDS, args![], rows).await?.into_iter().map(host).collect()
    }

    /// Which of these addresses hosts hold (not those in `deleting`), with the host's id; one pair per
    /// holder. Found by the PTR claims at the addresses' reverse names.
    pub async fn hosts_holding(&self, addresses: &[IpAddr]) -> Result<Vec<(IpAddr, i64)>, StoreError> {
        let rows = addresses.iter().map(|ip| Value::from(&Name::reverse_of(*ip))).collect();
        let found: Vec<(Vec<u8>, i64)> = self.db().bulk(&HOLDERS, args![], rows).await?;
        let mut pairs = Vec::with_capacity(found.len());
        for (key, id) in found {
            pairs.extend(codec::name(&key)?.reverse_address().map(|ip| (ip, id)));
        }
        pairs.sort_unstable();
        pairs.dedup();
        Ok(pairs)
    }
}
