//! What the rows of PUQ's tables mean.
//!
//! The module writes A for the first IPv4 address of a VM and AAAA for the first IPv6 address, and a PTR
//! for every one (S1.9, S1.10, S1.12), so its VMs come with the policy `first`.

use super::tables::{Role, Row, Table, read};
use crate::sources::adopt::{Found, FoundHost, FoundPool, FoundZone, Left};
use ipnet::IpNet;
use serde_json::{Map, Value};
use std::collections::{BTreeMap, HashMap, HashSet};
use std::net::IpAddr;
use zonecast_core::Name;
use zonecast_providers::fields::{Field, Kind, kinds, validate};

/// States of a VM in which it is gone or on its way out; PUQ takes its records away itself.
const GOING: [&str; 3] = ["remove", "terminate", "error_terminate"];
/// States of a WHMCS service that has ended.
const ENDED: [&str; 3] = ["terminated", "cancelled", "fraud"];
/// States of a VM that is being made, before it has addresses.
const COMING: [&str; 3] = ["creation", "set_ip", "reinstall"];

/// The files of an export.
#[derive(Default)]
pub struct Export {
    tables: Vec<(Role, Table)>,
}

impl Export {
    /// Takes one file more; it is named in what is wrong with it.
    pub fn add(&mut self, file: &str, bytes: &[u8]) -> Result<(), String> {
        self.tables.extend(read(file, bytes).map_err(|words| format!("{file} {words}"))?);
        Ok(())
    }

    fn rows(&self, role: Role) -> impl Iterator<Item = &Row> {
        self.tables.iter().filter(move |(found, _)| *found == role).flat_map(|(_, table)| &table.rows)
    }

    /// What is in it. `main_domain` completes VMs whose service has no whole name.
    pub fn found(&self, main_domain: Option<&str>) -> Found {
        let mut found = Found::default();
        for row in self.rows(Role::Zones) {
            take(row, "zone", zone(row), &mut found, |zone, found| {
                let same = |one: &&FoundZone| {
                    (&one.name, one.provider, &one.plain) == (&zone.name, zone.provider, &zone.plain)
                };
                let first = found.zones.iter().find(same);
                let twice = first.map(|first| format!("is the same zone as {}", first.place));
                if twice.is_none() {
                    found.zones.push(zone);
                }
                twice
            });
        }
        for row in self.rows(Role::Pools) {
            take(row, "pool", pool(row), &mut found, |pool, found| {
                let first = found.pools.iter().find(|one| one.prefix == pool.prefix);
                let twice =
                    first.map(|first| format!("is the same prefix, {}, as {}", pool.prefix, first.place));
                if twice.is_none() {
                    found.pools.push(pool);
                }
                twice
            });
        }
        self.hosts(main_domain, &mut found);
        found
    }

    fn hosts(&self, main_domain: Option<&str>, found: &mut Found) {
        let services: HashMap<&str, &Row> =
            self.rows(Role::Services).filter_map(|row| Some((row.get("id")?, row))).collect();
        // Who has an address by his service has it; a reverse name may be older than the service's addresses.
        let held: HashMap<IpAddr, &str> = services
            .iter()
            .flat_map(|(id, row)| addresses(row).ok().into_iter().flatten().map(|ip| (ip, *id)))
            .collect();
        let mut hosts: Vec<(&Row, Result<FoundHost, Not>)> = Vec::new();
        if self.rows(Role::Machines).next().is_some() {
            for row in self.rows(Role::Machines) {
                let id = row.any(&["service_id", "id"]).unwrap_or_default();
                let is_own = |ip: IpAddr| held.get(&ip).is_none_or(|by| *by == id);
                let others =
                    reverse_names(row).unwrap_or_default().into_iter().filter(|(ip, _)| !is_own(*ip));
                found.passed_over.extend(others.map(|(ip, _)| Left {
                    kind: "host",
                    place: row.place.clone(),
                    reason: format!("the reverse name of {ip}: the service {} has it", held[&ip]),
                }));
                hosts.push((row, machine(row, services.get(id).copied(), main_domain, &is_own)));
            }
        } else {
            let has_address = |row: &&Row| row.any(&["dedicatedip", "assignedips"]).is_some();
            let rows = self.rows(Role::Services).filter(has_address);
            hosts.extend(rows.map(|row| (row, machine(row, Some(row), main_domain, &|_| true))));
        }
        let mut names: HashMap<Name, String> = HashMap::new();
        for (row, host) in hosts {
            let host = match host {
                Err(Not::Here(reason)) => {
                    found.passed_over.push(Left { kind: "host", place: row.place.clone(), reason });
                    continue;
                }
                Err(Not::Right(reason)) => Err(reason),
                Ok(host) => match names.insert(host.fqdn.clone(), host.place.clone()) {
                    Some(first) => Err(format!("has the name of {first}, {}", host.fqdn)),
                    None => Ok(host),
                },
            };
            take(row, "host", host, found, |host, found| {
                found.hosts.push(host);
                None
            });
        }
        self.mapping(&names, found);
    }

    /// What `dns.php` says, of hosts that no table above has.
    fn mapping(&self, names: &HashMap<Name, String>, found: &mut Found) {
        let mut hosts: BTreeMap<Name, FoundHost> = BTreeMap::new();
        for row in self.rows(Role::Mapping) {
            match mapped(row) {
                Err(reason) => left_out(row, "host", reason, found),
                Ok((fqdn, ..)) if names.contains_key(&fqdn) => {}
                Ok((fqdn, ip, reverse)) => {
                    let host = hosts.entry(fqdn).or_insert_with_key(|fqdn| empty(row, fqdn.clone()));
                    host.addresses.push((ip, reverse));
                }
            }
        }
        found.hosts.extend(hosts.into_values());
    }
}

/// Why a row is no host.
enum Not {
    /// It needs none.
    Here(String),
    /// It cannot be understood.
    Right(String),
}

fn left_out(row: &Row, kind: &'static str, reason: String, found: &mut Found) {
    found.left_out.push(Left { kind, place: row.place.clone(), reason });
}

/// Puts in what a row says, or why it does not; `put` says what is there twice.
fn take<T>(
    row: &Row,
    kind: &'static str,
    read: Result<T, String>,
    found: &mut Found,
    put: impl FnOnce(T, &mut Found) -> Option<String>,
) {
    let read = row.wrong.clone().map_or(read, Err);
    match read.map(|one| put(one, found)) {
        Err(reason) => left_out(row, kind, reason, found),
        Ok(Some(reason)) => found.passed_over.push(Left { kind, place: row.place.clone(), reason }),
        Ok(None) => {}
    }
}

/// A row's cells with those inside of JSON objects, without the provider's name before a column's.
fn flat(row: &Row) -> BTreeMap<String, String> {
    let mut flat = BTreeMap::new();
    let plain = |column: &str| {
        let column: String = column
            .chars()
            .map(|c| if c.is_ascii_alphanumeric() { c.to_ascii_lowercase() } else { '_' })
            .collect();
        let before = ["cloudflare_", "hestiacp_", "hestia_", "powerdns_"];
        before.iter().find_map(|word| column.strip_prefix(word)).unwrap_or(&column).to_owned()
    };
    for (column, value) in row.cells() {
        match serde_json::from_str::<Map<String, Value>>(value) {
            Ok(inner) => flat.extend(inner.iter().map(|(column, value)| {
                (
                    plain(column),
                    value.as_str().map_or_else(|| value.to_string(), |text| text.trim().to_owned()),
                )
            })),
            Err(_) => drop(flat.insert(plain(column), value.to_owned())),
        }
    }
    flat
}

fn zone(row: &Row) -> Result<FoundZone, String> {
    let cells = flat(row);
    let get = |column: &str| cells.get(column).map(String::as_str).filter(|value| !value.is_empty());
    let columns = || cells.keys().map(String::as_str).collect::<Vec<_>>().join(", ");
    let name = ["zone", "name", "zone_name", "domain"].into_iter().find_map(get);
    let name = name.ok_or_else(|| format!("has no zone name; its columns are {}", columns()))?;
    let name = Name::parse(name).map_err(|error| format!("zone {name}: {error}"))?;
    let word = ["type", "provider", "module"].into_iter().find_map(get).unwrap_or_default();
    let plain = |text: &str| text.to_lowercase().replace(|c: char| !c.is_ascii_alphanumeric(), "");
    let kind = kinds().into_iter().find(|kind| kind.name == plain(word) || plain(kind.label) == plain(word));
    let kind = kind.ok_or_else(|| format!("zone {name}: the provider {word:?} is not known"))?;
    let value = |field: &Field| {
        let names: &[&str] = match field.name {
            "server_url" => &["server_url", "server", "url"],
            _ => &[],
        };
        names.iter().copied().chain([field.name]).find_map(get)
    };
    let given = |field: &&Field| value(field).is_some_and(|text| !field.secret || !is_masked(text));
    let (given, absent): (Vec<&Field>, Vec<&Field>) = kind.fields.iter().partition(given);
    let mut secrets = BTreeMap::new();
    let mut settings = Map::new();
    for field in given {
        let text = value(field).unwrap_or_default().to_owned();
        match field.secret {
            true => drop(secrets.insert(field.name.to_owned(), text)),
            false => drop(settings.insert(field.name.to_owned(), text.into())),
        }
    }
    let zone_id = settings.remove("zone_id").and_then(|id| id.as_str().map(str::to_owned));
    let missing: Vec<&str> =
        absent.into_iter().filter(|field| field.secret).map(|field| field.name).collect();
    let plain = checked(&kind, settings, &secrets, &missing)
        .map_err(|words| format!("zone {name}: {words}; its columns are {}", columns()))?;
    let place = row.place.clone();
    Ok(FoundZone { place, name, provider: kind.name, zone_id, plain, secrets, missing })
}

/// The provider's fields as the provider spells them; a secret that is missing is nobody's fault here.
fn checked(
    kind: &Kind,
    mut settings: Map<String, Value>,
    secrets: &BTreeMap<String, String>,
    missing: &[&str],
) -> Result<BTreeMap<String, String>, String> {
    let plain = settings.iter().filter_map(|(name, value)| Some((name.clone(), value.as_str()?.to_owned())));
    let plain: BTreeMap<String, String> = plain.collect();
    settings.extend(secrets.iter().map(|(name, secret)| (name.clone(), secret.clone().into())));
    settings.extend(missing.iter().map(|name| ((*name).to_owned(), "missing".into())));
    match validate(kind.name, &settings) {
        Ok(valid) => Ok(valid.plain),
        Err(errors) => {
            let wrong = errors.iter().filter(|error| !missing.contains(&error.field.as_str()));
            let wrong: Vec<String> =
                wrong.map(|error| format!("{} {}", error.field, error.message)).collect();
            if wrong.is_empty() { Ok(plain) } else { Err(wrong.join("; ")) }
        }
    }
}

/// What stands for a secret where it is not shown.
fn is_masked(text: &str) -> bool {
    text.trim_matches('_') == "KEEP" || text.chars().all(|c| matches!(c, '*' | '\u{2022}'))
}

fn pool(row: &Row) -> Result<FoundPool, String> {
    let place = row.place.clone();
    if let Some(prefix) = row.any(&["prefix", "network", "subnet"]) {
        let prefix: IpNet = prefix.parse().map_err(|_| format!("{prefix} is no prefix"))?;
        return Ok(FoundPool { place, prefix: prefix.trunc() });
    }
    let columns = ["address_start", "start", "ip_start", "start_ip", "gateway"];
    let first = row.any(&columns).ok_or("has no address_start and no gateway")?;
    let address: IpAddr = first.parse().map_err(|_| format!("{first} is no address"))?;
    let mask = row.any(&["mask", "netmask"]).ok_or("has no mask")?;
    let wrong = || format!("the mask {mask} does not fit {address}");
    let length = match mask.trim_start_matches('/').parse::<u8>() {
        Ok(length) => length,
        Err(_) => mask.parse().ok().and_then(|mask| ipnet::ip_mask_to_prefix(mask).ok()).ok_or_else(wrong)?,
    };
    let prefix = IpNet::new(address, length).map_err(|_| wrong())?.trunc();
    Ok(FoundPool { place, prefix })
}

/// The addresses of a service, the dedicated one first.
fn addresses(service: &Row) -> Result<Vec<IpAddr>, String> {
    let texts = ["dedicatedip", "assignedips"].iter().filter_map(|column| service.get(column));
    let words = texts.flat_map(|text| text.split(|c: char| c.is_whitespace() || c == ',' || c == ';'));
    let mut all = Vec::new();
    for word in words.filter(|word| !word.is_empty()) {
        let ip: IpAddr = word.parse().map_err(|_| format!("{word:?} is no address"))?;
        if !all.contains(&ip) {
            all.push(ip);
        }
    }
    Ok(all)
}

/// A VM's reverse names, by address.
fn reverse_names(row: &Row) -> Result<Vec<(IpAddr, Option<Name>)>, String> {
    let Some(text) = row.get("vm_rev_dns").filter(|text| *text != "[]" && *text != "null") else {
        return Ok(Vec::new());
    };
    let map: Map<String, Value> = serde_json::from_str(text)
        .map_err(|_| format!("vm_rev_dns is no JSON object of addresses: {text:.80}"))?;
    let mut all = Vec::new();
    for (ip, name) in &map {
        let ip = ip.parse().map_err(|_| format!("vm_rev_dns: {ip:?} is no address"))?;
        let name = match name.as_str().map(str::trim).filter(|name| !name.is_empty()) {
            Some(name) => Some(name_of(name).map_err(|words| format!("vm_rev_dns of {ip}: {words}"))?),
            None => None,
        };
        all.push((ip, name));
    }
    Ok(all)
}

fn name_of(text: &str) -> Result<Name, String> {
    Name::parse(text).map_err(|error| format!("{text:?} is no name: {error}"))
}

fn empty(row: &Row, fqdn: Name) -> FoundHost {
    FoundHost { place: row.place.clone(), fqdn, addresses: Vec::new(), first_only: true, ttl: None }
}

fn machine(
    row: &Row,
    service: Option<&Row>,
    main_domain: Option<&str>,
    is_own: &dyn Fn(IpAddr) -> bool,
) -> Result<FoundHost, Not> {
    let status = row.get("vm_status").unwrap_or_default();
    let ended = service.and_then(|service| service.get("domainstatus")).unwrap_or_default();
    if GOING.contains(&status) {
        return Err(Not::Here(format!("is going: its state is {status}")));
    }
    if ENDED.contains(&ended.to_ascii_lowercase().as_str()) {
        return Err(Not::Here(format!("has ended: its service is {ended}")));
    }
    let wrong = row.wrong.clone().or_else(|| service.and_then(|service| service.wrong.clone()));
    if let Some(wrong) = wrong {
        return Err(Not::Right(wrong));
    }
    let reverse = reverse_names(row).map_err(Not::Right)?;
    let mut ips = service.map_or(Ok(Vec::new()), addresses).map_err(Not::Right)?;
    let more = reverse.iter().map(|(ip, _)| *ip).filter(|ip| is_own(*ip));
    let mut seen: HashSet<IpAddr> = ips.iter().copied().collect();
    ips.extend(more.filter(|ip| seen.insert(*ip)));
    if ips.is_empty() {
        let words = || format!("has no address; its state is {status:?}");
        let coming = COMING.contains(&status) || ended.eq_ignore_ascii_case("pending");
        return Err(if coming { Not::Here(words()) } else { Not::Right(words()) });
    }
    let fqdn = whole_name(row, service, main_domain, &reverse).map_err(Not::Right)?;
    let own = |ip: &IpAddr| {
        let name = reverse.iter().find(|(of, _)| of == ip).and_then(|(_, name)| name.clone());
        // The host's own name follows from the host.
        name.filter(|name| *name != fqdn)
    };
    let addresses = ips.iter().map(|ip| (*ip, own(ip))).collect();
    Ok(FoundHost { addresses, ..empty(row, fqdn) })
}

/// The service's domain (S1.7); else the VM's name below the main domain (S2.36); else the reverse name that
/// begins with the VM's name.
fn whole_name(
    row: &Row,
    service: Option<&Row>,
    main_domain: Option<&str>,
    reverse: &[(IpAddr, Option<Name>)],
) -> Result<Name, String> {
    let domain = service.and_then(|service| service.get("domain")).map(|name| name.trim_end_matches('.'));
    if let Some(domain) = domain.filter(|domain| domain.contains('.')) {
        return name_of(domain);
    }
    let name =
        row.get("vm_name").or(domain).ok_or("has no name: vm_name and the service's domain are empty")?;
    if let Some(main) = main_domain {
        return name_of(&format!("{name}.{}", main.trim_matches('.')));
    }
    let begins = format!("{}.", name.to_lowercase());
    let below = reverse.iter().filter_map(|(_, name)| name.as_ref());
    let found = below.filter(|name| name.to_string().starts_with(&begins)).min();
    found
        .cloned()
        .ok_or_else(|| format!("has no whole name, only {name:?}: name the main domain of such VMs"))
}

fn mapped(row: &Row) -> Result<(Name, IpAddr, Option<Name>), String> {
    let fqdn = name_of(row.get("forward").ok_or("has no forward name")?)?;
    let ip = row.get("ip").ok_or("has no address")?;
    let ip = ip.parse().map_err(|_| format!("{ip:?} is no address"))?;
    let reverse = row.get("reverse").map(name_of).transpose()?.filter(|name| *name != fqdn);
    Ok((fqdn, ip, reverse))
}
