//! Hosts: registered, changed, looked at, removed.
//!
//! Each call checks its input, derives the host's claims, finds the (zone, name) pairs that its old
//! and new state touch, and stores all of it in one transaction with a job that watches. The answer is
//! given then: providers are the engine's business.

use super::forms::HostForm;
use super::input::{Errors, Form};
use super::rows::{Asked, rows_of};
use super::touch::{host_claims, places, touched};
use super::view::{AddressView, HostView, time};
use super::write::{self, Wish};
use super::{Caller, Expected, Page, Work};
use crate::app::App;
use crate::catalog::View;
use crate::problem::Problem;
use serde_json::Value;
use std::net::IpAddr;
use zonecast_core::host::{parse_address, parse_host_name};
use zonecast_core::{AddressPolicy, Name, RecordType};
use zonecast_store::{
    HostFilter, HostRow, JobFilter, NewClaim, OwnerAction, OwnerId, OwnerKind, OwnerRow, OwnerWrite,
};

/// Registers a host.
pub async fn register(app: &App, caller: &Caller, body: &Value) -> Result<Work<HostView>, Problem> {
    let view = app.catalog.view();
    let row = read_new(&view, body)?;
    let wish = Wish::new(caller, "host.add", format!("register {}", row.fqdn));
    super::records::refuse_cname_neighbours(
        app,
        OwnerId { kind: OwnerKind::Host, id: 0 },
        &new_write(app, &view, row.clone()).claims,
        "/fqdn",
    )
    .await?;
    let stored = write::one(app, &wish, |view| Ok(new_write(app, view, row.clone()))).await;
    let (id, job_id) = stored.map_err(|problem| name_taken(problem, &row.fqdn))?;
    Ok(Work { job_id, data: get(app, id).await? })
}

fn read_new(view: &View, body: &Value) -> Result<HostRow, Problem> {
    let mut errors = Errors::default();
    let form = HostForm::read(Form::body(body)?, &mut errors);
    let row = form.into_new(view, &mut errors);
    errors.into_result(row)
}

pub(super) fn taken(fqdn: &Name, by: i64) -> String {
    format!("{fqdn} is registered already, as host {by}")
}

fn name_taken(problem: Problem, fqdn: &Name) -> Problem {
    match write::taken_by(&problem) {
        Some(by) => Problem::conflict("/fqdn", taken(fqdn, by)),
        None => problem,
    }
}

/// A new host's write. Claims are stored once it may be synced: not before the first sync of a
/// disabled or suspended host, nor where hosts are registered by hand only (S5.21).
pub(super) fn new_write(app: &App, view: &View, row: HostRow) -> OwnerWrite {
    let synced = row.state == "active" && app.config.orchestrator.dns.auto_register;
    let claims = if synced { host_claims(&row, view) } else { Vec::new() };
    let touched = touched(view, claims.iter());
    OwnerWrite { row: OwnerRow::Host(row), action: OwnerAction::Insert, claims, touched }
}

/// Which hosts a list shows.
#[derive(Clone, Debug, Default)]
pub struct ListHosts {
    /// Part of the name, or an address.
    pub search: Option<String>,
    /// Exactly this name.
    pub fqdn: Option<String>,
    /// In this state.
    pub state: Option<String>,
    /// Hosts that have this address.
    pub address: Option<String>,
    /// With their records.
    pub records: bool,
    /// Items on a page.
    pub limit: usize,
    /// Where the page begins.
    pub cursor: Option<String>,
}

/// A page of hosts, by id.
pub async fn list(app: &App, query: &ListHosts) -> Result<Page<HostView>, Problem> {
    let mut errors = Errors::default();
    let mut check = |field: &str, wrong: String| errors.add(field, wrong);
    let fqdn = match query.fqdn.as_deref().map(Name::parse) {
        Some(Err(error)) => {
            check("fqdn", error.to_string());
            None
        }
        other => other.and_then(Result::ok),
    };
    let address = match query.address.as_deref().map(parse_address) {
        Some(Err(error)) => {
            check("address", error.to_string());
            None
        }
        other => other.and_then(Result::ok),
    };
    let after = super::cursor_in(query.cursor.as_deref(), &mut errors);
    errors.into_result(())?;
    let rows = match (fqdn, address) {
        (None, None) => {
            let filter = HostFilter {
                search: query.search.as_deref().map(ascii).unwrap_or_default(),
                state: query.state.clone().unwrap_or_default(),
                ..HostFilter::default()
            };
            app.store.hosts(&filter, after, query.limit + 1).await?
        }
        (Some(fqdn), _) => with_name(app, &fqdn).await?,
        (None, Some(address)) => {
            let ids: Vec<i64> =
                app.store.hosts_holding(&[address]).await?.into_iter().map(|(_, id)| id).collect();
            app.store.hosts_by_ids(&ids).await?
        }
    };
    let (rows, next_cursor) = super::cut(rows, query.limit, |row| row.id);
    let view = app.catalog.view();
    let mut items: Vec<HostView> = rows.iter().map(|row| view_of(row, &view)).collect();
    if query.records {
        let asked: Vec<Asked> = rows.iter().map(|row| asked(row, &view)).collect();
        for (item, records) in items.iter_mut().zip(rows_of(app, &view, &asked).await?) {
            item.records = Some(records);
        }
    }
    Ok(Page { items, next_cursor })
}

/// What is looked for in the form names are stored in; a name in national script is found by whole
/// labels only, for a part of one has no ASCII form.
pub(super) fn ascii(search: &str) -> String {
    match Name::parse(search) {
        Ok(name) if !search.is_ascii() => name.to_string(),
        _ => search.to_owned(),
    }
}

/// The host of this name; one on its way out only where no other has the name.
async fn with_name(app: &App, fqdn: &Name) -> Result<Vec<HostRow>, Problem> {
    if let Some(host) = app.store.host_by_fqdn(fqdn).await? {
        return Ok(vec![host]);
    }
    let filter = HostFilter { search: fqdn.to_string(), prefix: true, ..HostFilter::default() };
    let mut rows = app.store.hosts(&filter, 0, 500).await?;
    rows.retain(|row| row.fqdn == *fqdn);
    Ok(rows)
}

/// One host with its records.
pub async fn get(app: &App, id: i64) -> Result<HostView, Problem> {
    let row = app.store.host(id).await?.ok_or_else(|| Problem::missing("host", id))?;
    let view = app.catalog.view();
    let mut host = view_of(&row, &view);
    host.records = rows_of(app, &view, &[asked(&row, &view)]).await?.pop();
    Ok(host)
}

fn asked(row: &HostRow, view: &View) -> Asked {
    Asked {
        owner: OwnerId { kind: OwnerKind::Host, id: row.id },
        claims: if row.state == "secondary" { Vec::new() } else { host_claims(row, view) },
        deleting: row.state == "deleting",
    }
}

fn view_of(row: &HostRow, view: &View) -> HostView {
    let fits = |name: &Name, rtype: RecordType| places(view, name, rtype, None).next().is_some();
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
        state: row.state.clone(),
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
    let mut errors = Errors::default();
    HostForm::read(Form::body(body)?, &mut errors);
    errors.into_result(())?;
    change(app, caller, id, expected, "host.set", |row, view| {
        let mut errors = Errors::default();
        HostForm::read(Form::body(body)?, &mut errors).over(row, view, &mut errors);
        errors.into_result(())
    })
    .await
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
    change(app, caller, id, Expected(None), "host.rdns", |row, _| {
        let known = row.addresses.iter_mut().find(|address| address.ip == ip);
        let address = known.ok_or_else(|| Problem::new(404, format!("host {id} has no address {ip}")))?;
        address.reverse_name = reverse_name.clone();
        Ok(())
    })
    .await
}

/// Changes the state: `active`, `disabled` or `suspended`.
pub async fn set_state(app: &App, caller: &Caller, id: i64, state: &str) -> Result<Work<HostView>, Problem> {
    let action = match state {
        "active" => "host.enable",
        "disabled" => "host.disable",
        _ => "host.suspend",
    };
    change(app, caller, id, Expected(None), action, |row, _| {
        row.state = state.to_owned();
        Ok(())
    })
    .await
}

/// Reads the host, changes it, stores it; once more if somebody else was faster.
async fn change(
    app: &App,
    caller: &Caller,
    id: i64,
    expected: Expected,
    action: &str,
    edit: impl Fn(&mut HostRow, &View) -> Result<(), Problem>,
) -> Result<Work<HostView>, Problem> {
    for _ in 0..write::TRIES {
        let old = current(app, id).await?;
        expected.check(old.version)?;
        let held = app.store.claims_of(OwnerId { kind: OwnerKind::Host, id }, false).await?;
        let held: Vec<NewClaim> = held.into_iter().map(write::as_new).collect();
        let wish = Wish::new(caller, action, format!("update {}", old.fqdn));
        let stored = write::one(app, &wish, |view| {
            let mut new = old.clone();
            edit(&mut new, view)?;
            Ok(changed_write(app, view, &old, new, &held))
        })
        .await;
        match stored {
            Err(problem) if write::was_changed(&problem) => continue,
            Err(problem) => {
                return Err(match write::taken_by(&problem) {
                    Some(by) => {
                        Problem::conflict("/fqdn", format!("this name is registered already, as host {by}"))
                    }
                    None => problem,
                });
            }
            Ok((id, job_id)) => return Ok(Work { job_id, data: get(app, id).await? }),
        }
    }
    Err(write::too_busy())
}

async fn current(app: &App, id: i64) -> Result<HostRow, Problem> {
    let row = app.store.host(id).await?.ok_or_else(|| Problem::missing("host", id))?;
    if row.state == "deleting" {
        return Err(Problem::new(409, format!("host {id} is being removed")));
    }
    Ok(row)
}

/// The write of a changed host. One that was never synced stays so while it is disabled or suspended,
/// and where hosts are synced by hand only; one that was keeps its records, at its new values.
fn changed_write(app: &App, view: &View, old: &HostRow, new: HostRow, held: &[NewClaim]) -> OwnerWrite {
    let may_begin = match new.state.as_str() {
        "active" => app.config.orchestrator.dns.auto_register,
        _ => false,
    };
    let synced = new.state != "secondary" && (may_begin || !held.is_empty());
    let claims = if synced { host_claims(&new, view) } else { Vec::new() };
    // Only what differs is looked at again: a new TTL touches all names, a new address its own.
    let changed = held.iter().filter(|claim| !claims.contains(claim));
    let added = claims.iter().filter(|claim| !held.contains(claim));
    let touched = touched(view, changed.chain(added));
    let action = OwnerAction::Update { expected_version: old.version };
    OwnerWrite { row: OwnerRow::Host(new), action, claims, touched }
}

/// Set DNS records: read afresh, write what is owned, remove what is stale; `take_over` replaces
/// values of others at this host's names, once; `rewrite: false` writes only what differs.
pub async fn sync(app: &App, caller: &Caller, id: i64, body: &Value) -> Result<Work<HostView>, Problem> {
    let mut errors = Errors::default();
    let mut form = Form::body(body)?;
    let take_over = form.flag("take_over", &mut errors).value().unwrap_or(false);
    let rewrite = form.flag("rewrite", &mut errors).value().unwrap_or(true);
    form.finish(&mut errors);
    errors.into_result(())?;
    for _ in 0..write::TRIES {
        let row = current(app, id).await?;
        if row.state == "secondary" {
            return Err(Problem::new(
                409,
                format!("host {id} is secondary: its records are never written from here"),
            ));
        }
        let held = app.store.claims_of(OwnerId { kind: OwnerKind::Host, id }, false).await?;
        if held.is_empty() && row.state != "active" {
            let state = &row.state;
            return Err(Problem::new(
                409,
                format!("host {id} is {state} and was never synced: enable it first"),
            ));
        }
        let held: Vec<NewClaim> = held.into_iter().map(write::as_new).collect();
        let wish = Wish {
            rewrite,
            take_over,
            ..Wish::new(caller, "host.sync", format!("set DNS records of {}", row.fqdn))
        };
        let stored = write::one(app, &wish, |view| {
            let claims = host_claims(&row, view);
            let touched = touched(view, held.iter().chain(&claims));
            let same = held.len() == claims.len() && claims.iter().all(|claim| held.contains(claim));
            let action = match same {
                true => OwnerAction::Touch,
                false => OwnerAction::Update { expected_version: row.version },
            };
            Ok(OwnerWrite { row: OwnerRow::Host(row.clone()), action, claims, touched })
        })
        .await;
        match stored {
            Err(problem) if write::was_changed(&problem) => continue,
            Err(problem) => return Err(problem),
            Ok((id, job_id)) => return Ok(Work { job_id, data: get(app, id).await? }),
        }
    }
    Err(write::too_busy())
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
    for _ in 0..write::TRIES {
        let row = app.store.host(id).await?.ok_or_else(|| Problem::missing("host", id))?;
        expected.check(row.version)?;
        let view = app.catalog.view();
        let mut gone = view_of(&row, &view);
        let owner = OwnerId { kind: OwnerKind::Host, id };
        if row.state == "deleting" {
            if forget {
                app.store.forget(owner, &[write::forgotten(caller, owner)]).await?;
            }
            let about = JobFilter { owner: Some(owner), ..JobFilter::default() };
            let job_id = app.store.jobs(&about, None, 1).await?.first().map(|job| job.id);
            return Ok(Work { job_id, data: gone });
        }
        let held: Vec<NewClaim> =
            app.store.claims_of(owner, false).await?.into_iter().map(write::as_new).collect();
        let wish = Wish::new(caller, "host.remove", format!("remove {}", row.fqdn));
        let stored = write::one(app, &wish, |view| {
            let touched = touched(view, held.iter());
            let action = OwnerAction::Remove { expected_version: row.version };
            Ok(OwnerWrite { row: OwnerRow::Host(row.clone()), action, claims: Vec::new(), touched })
        })
        .await;
        match stored {
            Err(problem) if write::was_changed(&problem) => continue,
            Err(problem) => return Err(problem),
            Ok((_, job_id)) => {
                if forget {
                    app.store.forget(owner, &[write::forgotten(caller, owner)]).await?;
                }
                gone.state = "deleting".to_owned();
                return Ok(Work { job_id, data: gone });
            }
        }
    }
    Err(write::too_busy())
}
