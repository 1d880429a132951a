//! Hosts: registered, changed, looked at, removed.
//!
//! What a host shares with every owner is in `owners`; here is what it is: a name and addresses, from
//! which its claims follow.

use super::forms::HostForm;
use super::input::{Errors, Form};
use super::owners::{self, Head, How, ListOwners, Owner, refuse_cname_neighbours};
use super::rows::{Asked, rows_of};
use super::touch::{host_claims, places};
use super::view::{AddressView, HostView, time};
use super::write::Refused;
use super::{Caller, Expected, Page, Work};
use crate::app::App;
use crate::catalog::View;
use crate::problem::Problem;
use serde_json::Value;
use std::net::IpAddr;
use zonecast_core::host::{parse_address, parse_host_name};
use zonecast_core::{AddressPolicy, Name, OwnerState, RecordType};
use zonecast_store::{HostRow, NewClaim, OwnerFilter, OwnerId, OwnerKind, OwnerRow, StoreError};

/// The word for a host whose "Set DNS records" is under way (S2.60).
const SYNCING: &str = "set_dns_records";

impl Owner for HostRow {
    const KIND: OwnerKind = OwnerKind::Host;
    const NAME: &'static str = "/fqdn";
    type View = HostView;

    fn head(&self) -> Head<'_> {
        Head { id: self.id, version: self.version, state: self.state, name: &self.fqdn }
    }

    fn leave(&mut self) {
        self.state = OwnerState::Deleting;
    }

    fn into_row(self) -> OwnerRow {
        OwnerRow::Host(self)
    }

    async fn find(app: &App, id: i64) -> Result<Option<HostRow>, StoreError> {
        app.store.host(id).await
    }

    async fn page(
        app: &App,
        filter: &OwnerFilter,
        after: i64,
        limit: usize,
    ) -> Result<Vec<HostRow>, StoreError> {
        app.store.hosts(filter, after, limit).await
    }

    async fn show(app: &App, rows: &[HostRow], records: bool) -> Result<Vec<HostView>, Problem> {
        let view = app.catalog.view();
        let mut items: Vec<HostView> = rows.iter().map(|row| view_of(row, &view)).collect();
        let syncing = app.store.hosts_syncing(rows.iter().map(|row| row.id)).await?;
        for item in items.iter_mut().filter(|item| syncing.contains(&item.id)) {
            item.vm_status = Some(SYNCING.to_owned());
        }
        if records {
            let asked: Vec<Asked> = rows.iter().map(|row| asked(row, &view)).collect();
            for (item, records) in items.iter_mut().zip(rows_of(app, &view, &asked).await?) {
                item.records = Some(records);
            }
        }
        Ok(items)
    }

    /// One that was never synced stays so while it is disabled or suspended, and where hosts are synced by
    /// hand only (S5.21); one that was keeps its records, at its new values.
    fn claims(&mut self, app: &App, view: &View, held: &[NewClaim], begin: bool) -> Vec<NewClaim> {
        let may_begin =
            begin || (self.state == OwnerState::Active && app.config.orchestrator.dns.auto_register);
        match self.state != OwnerState::Secondary && (may_begin || !held.is_empty()) {
            true => host_claims(self, view),
            false => Vec::new(),
        }
    }

    fn why_not(&self, held: &[NewClaim]) -> Option<String> {
        let HostRow { id, state, .. } = self;
        match state {
            OwnerState::Secondary => {
                Some(format!("host {id} is secondary: its records are never written from here"))
            }
            OwnerState::Active => None,
            _ if held.is_empty() => {
                Some(format!("host {id} is {state} and was never synced: enable it first"))
            }
            _ => None,
        }
    }

    async fn check(
        &self,
        app: &App,
        _: &View,
        held: &[NewClaim],
        claims: &[NewClaim],
    ) -> Result<(), Refused> {
        let owner = OwnerId { kind: OwnerKind::Host, id: self.id };
        Ok(refuse_cname_neighbours(app, owner, held, claims, "/fqdn").await?)
    }
}

/// Registers a host.
pub async fn register(app: &App, caller: &Caller, body: &Value) -> Result<Work<HostView>, Problem> {
    owners::add(app, caller, "register", read_new(&app.catalog.view(), body)?).await
}

fn read_new(view: &View, body: &Value) -> Result<HostRow, Problem> {
    let mut errors = Errors::default();
    let form = HostForm::read(Form::body(body)?, &mut errors);
    let row = form.into_new(view, &mut errors);
    errors.into_result(row)
}

fn over(body: &Value) -> impl Fn(&mut HostRow, &View) -> Result<(), Problem> {
    |row, view| {
        let mut errors = Errors::default();
        HostForm::read(Form::body(body)?, &mut errors).over(row, view, &mut errors);
        errors.into_result(())
    }
}

/// A page of hosts, by id.
pub async fn list(app: &App, query: &ListOwners) -> Result<Page<HostView>, Problem> {
    owners::list::<HostRow>(app, query).await
}

/// One host with its records.
pub async fn get(app: &App, id: i64) -> Result<HostView, Problem> {
    owners::get::<HostRow>(app, id).await
}

fn asked(row: &HostRow, view: &View) -> Asked {
    Asked {
        owner: OwnerId { kind: OwnerKind::Host, id: row.id },
        claims: if row.state == OwnerState::Secondary { Vec::new() } else { host_claims(row, view) },
        deleting: row.state == OwnerState::Deleting,
    }
}

fn view_of(row: &HostRow, view: &View) -> HostView {
    let fits = |name: &Name, rtype: RecordType| places(view, name, rtype, None, None).next().is_some();
    let addresses: Vec<AddressView> = row
        .addresses
        .iter()
        .map(|address| AddressView {
            ip: address.ip.to_string(),
            reverse_name: address.reverse_name.as_ref().map(ToString::to_string),
            ptr: ptr_of(row, address.ip, view),
            no_matching_zone: !fits(&Name::reverse_of(address.ip), RecordType::PTR),
        })
        .collect();
    let no_matching_zone = !fits(&row.fqdn, RecordType::A) && addresses.iter().all(|a| a.no_matching_zone);
    HostView {
        id: row.id,
        fqdn: row.fqdn.to_string(),
        fqdn_unicode: row.fqdn.unicode(),
        name: row.name.clone(),
        main_domain: row.main_domain.as_ref().map(ToString::to_string),
        addresses,
        ttl: row.ttl.map(|ttl| ttl.seconds()),
        address_policy: match row.address_policy {
            AddressPolicy::All => "all".to_owned(),
            AddressPolicy::First => "first".to_owned(),
        },
        state: row.state,
        vm_status: row.vm_status.clone(),
        no_matching_zone,
        created_at: time(row.created_at),
        updated_at: time(row.updated_at),
        version: row.version,
        records: None,
    }
}

fn ptr_of(row: &HostRow, ip: IpAddr, view: &View) -> String {
    let reverse = Name::reverse_of(ip);
    let claims = host_claims(row, view);
    let own = claims.iter().find(|claim| claim.name == reverse);
    own.and_then(|claim| claim.data.as_name()).unwrap_or_else(|| row.fqdn.clone()).to_string()
}

/// Changes a host by a JSON merge patch; `addresses` is replaced whole.
pub async fn patch(
    app: &App,
    caller: &Caller,
    id: i64,
    body: &Value,
    expected: Expected,
) -> Result<Work<HostView>, Problem> {
    owners::change(app, caller, id, expected, &How::asked("set"), over(body)).await
}

/// Gives an address its own reverse name, or takes it away.
pub async fn set_reverse_name(
    app: &App,
    caller: &Caller,
    id: i64,
    ip: &str,
    body: &Value,
) -> Result<Work<HostView>, Problem> {
    let ip = parse_address(ip).map_err(|error| Problem::new(404, error.to_string()))?;
    let mut errors = Errors::default();
    let mut form = Form::body(body)?;
    let reverse_name = form.parsed("reverse_name", &mut errors, parse_host_name);
    if !reverse_name.is_given() && errors.is_empty() {
        errors.add("/reverse_name", "is missing: a name, or null to go back to the host's own");
    }
    form.finish(&mut errors);
    let reverse_name = errors.into_result(reverse_name)?.value();
    owners::change(app, caller, id, Expected(None), &How::asked("rdns"), |row: &mut HostRow, _| {
        let known = row.addresses.iter_mut().find(|address| address.ip == ip);
        let address = known.ok_or_else(|| Problem::new(404, format!("host {id} has no address {ip}")))?;
        address.reverse_name = reverse_name.clone();
        Ok(())
    })
    .await
}

/// Changes the state: `active`, `disabled` or `suspended`.
pub async fn set_state(
    app: &App,
    caller: &Caller,
    id: i64,
    state: OwnerState,
) -> Result<Work<HostView>, Problem> {
    let word = match state {
        OwnerState::Active => "enable",
        OwnerState::Disabled => "disable",
        _ => "suspend",
    };
    owners::change(app, caller, id, Expected(None), &How::asked(word), |row: &mut HostRow, _| {
        row.state = state;
        Ok(())
    })
    .await
}

/// Set DNS records: read afresh, write what is owned, remove what is stale; `take_over` replaces
/// values of others at this host's names, once; `rewrite: false` writes only what differs.
pub async fn sync(app: &App, caller: &Caller, id: i64, body: &Value) -> Result<Work<HostView>, Problem> {
    owners::change(app, caller, id, Expected(None), &How::sync(body)?, |_: &mut HostRow, _| Ok(())).await
}

/// Withdraws all records of a host; it is gone when every zone has an outcome. With `forget` it goes
/// at once, and what could not be removed stays at the provider.
pub async fn remove(
    app: &App,
    caller: &Caller,
    id: i64,
    forget: bool,
    expected: Expected,
) -> Result<Work<HostView>, Problem> {
    owners::remove::<HostRow>(app, caller, id, forget, expected).await
}
