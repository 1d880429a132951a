//! What the body of each resource may hold, checked in full.
//!
//! A form is read the same way for a new resource and for a merge patch; what must be there is
//! asked when the row is made, so that "is missing" stands beside the other errors.

use super::input::{Errors, Field, Form, kind};
use crate::catalog::View;
use serde_json::Value;
use std::net::IpAddr;
use zonecast_core::host::{parse_address, parse_host_name};
use zonecast_core::{AddressPolicy, Name, OwnerState, RecordData, RecordType, Ttl};
use zonecast_store::{AddressRow, HostRow, PoolRow, RecordRow};

/// Most addresses of one host.
const ADDRESSES_MAX: usize = 1_000;
/// Most values of one record resource.
const VALUES_MAX: usize = 1_000;

/// A host's body.
#[derive(Debug, Default)]
pub struct HostForm {
    /// The whole name; wins over `name` and `main_domain` (X12).
    pub fqdn: Field<Name>,
    /// The internal name.
    pub name: Field<String>,
    /// What completes it.
    pub main_domain: Field<Name>,
    /// All addresses.
    pub addresses: Field<Vec<GivenAddress>>,
    /// The host's own TTL.
    pub ttl: Field<Ttl>,
    /// Which addresses get forward records.
    pub address_policy: Field<AddressPolicy>,
    /// The panel's word.
    pub vm_status: Field<String>,
    /// `active`, `disabled`, `suspended`, `secondary`.
    pub state: Field<OwnerState>,
}

/// A state that a person may set.
pub fn state_of(text: &str, allowed: &[OwnerState]) -> Result<OwnerState, String> {
    let known = allowed.iter().find(|state| state.as_str() == text);
    known.copied().ok_or_else(|| format!("must be one of {}", words(allowed)))
}

fn words(states: &[OwnerState]) -> String {
    states.iter().map(|state| state.as_str()).collect::<Vec<_>>().join(", ")
}

impl HostForm {
    /// Reads a body.
    pub fn read(mut form: Form<'_>, errors: &mut Errors) -> HostForm {
        let host = HostForm {
            fqdn: form.parsed("fqdn", errors, parse_host_name),
            name: form.parsed("name", errors, bare_name),
            main_domain: form.parsed("main_domain", errors, parse_host_name),
            addresses: addresses(&mut form, errors),
            ttl: form.ttl("ttl", errors),
            address_policy: form.parsed("address_policy", errors, |text| match text {
                "all" => Ok(AddressPolicy::All),
                "first" => Ok(AddressPolicy::First),
                _ => Err("must be \"all\" or \"first\""),
            }),
            vm_status: form.line("vm_status", 100, errors),
            state: form.parsed("state", errors, |text| state_of(text, OwnerState::OF_HOSTS)),
        };
        form.finish(errors);
        host
    }

    /// The row of a new host; completes the name by the host's own main domain or its pool's.
    pub fn into_new(self, view: &View, errors: &mut Errors) -> HostRow {
        let mut row = blank_host();
        if !self.fqdn.is_given() && !self.name.is_given() && !names_by_pool(&self, view) && errors.is_empty()
        {
            errors.add("/fqdn", "is missing: give fqdn, or name and main_domain");
        }
        self.over(&mut row, view, errors);
        row
    }

    /// Puts the form over a row; the fqdn follows from `name` and `main_domain` where those changed.
    pub fn over(self, row: &mut HostRow, view: &View, errors: &mut Errors) {
        let renamed = self.name.is_given() || self.main_domain.is_given();
        self.name.over(&mut row.name);
        self.main_domain.over(&mut row.main_domain);
        match self.addresses {
            Field::Is(given) => row.addresses = given.into_iter().map(|given| given.over(row)).collect(),
            Field::Null => errors.add("/addresses", "must be a list; [] is a host without addresses"),
            Field::Absent => {}
        }
        self.ttl.over(&mut row.ttl);
        self.address_policy.over_default(&mut row.address_policy);
        self.vm_status.over(&mut row.vm_status);
        match self.state {
            Field::Is(state) => row.state = state,
            Field::Null => row.state = OwnerState::Active,
            Field::Absent => {}
        }
        match self.fqdn {
            Field::Is(fqdn) => row.fqdn = fqdn,
            _ if renamed || row.fqdn.is_root() => complete_name(row, view, errors),
            _ => {}
        }
    }
}

/// One address as a body gives it.
#[derive(Debug)]
pub struct GivenAddress {
    ip: IpAddr,
    reverse_name: Field<Name>,
}

impl GivenAddress {
    /// The address in the host's row: its reverse name stays unless another, or `null`, is given.
    fn over(self, row: &HostRow) -> AddressRow {
        let known = row.addresses.iter().find(|known| known.ip == self.ip);
        let mut reverse_name = known.and_then(|known| known.reverse_name.clone());
        self.reverse_name.over(&mut reverse_name);
        AddressRow { ip: self.ip, reverse_name }
    }
}

fn blank_host() -> HostRow {
    HostRow {
        id: 0,
        fqdn: Name::root(),
        name: None,
        main_domain: None,
        addresses: Vec::new(),
        ttl: None,
        address_policy: AddressPolicy::All,
        state: OwnerState::Active,
        vm_status: None,
        created_at: 0,
        updated_at: 0,
        version: 0,
    }
}

fn names_by_pool(form: &HostForm, view: &View) -> bool {
    let Field::Is(addresses) = &form.addresses else { return false };
    let named = |address: &GivenAddress| {
        view.pool_of(address.ip).is_some_and(|pool| pool.name_pattern.is_some() && pool.main_domain.is_some())
    };
    addresses.iter().any(named)
}

/// `name` + main domain: the host's own, else that of the first pool one of its addresses lies in.
fn complete_name(row: &mut HostRow, view: &View, errors: &mut Errors) {
    let pools = || row.addresses.iter().filter_map(|address| Some((address.ip, view.pool_of(address.ip)?)));
    let name = row
        .name
        .clone()
        .or_else(|| pools().find_map(|(ip, pool)| Some(fill(pool.name_pattern.as_deref()?, ip, None))));
    let domain = row.main_domain.clone().or_else(|| pools().find_map(|(_, pool)| pool.main_domain.clone()));
    match (name, domain) {
        (Some(name), Some(domain)) => match parse_host_name(&format!("{name}.{domain}")) {
            Ok(fqdn) => row.fqdn = fqdn,
            Err(error) => errors.add("/name", error.to_string()),
        },
        (Some(_), None) => errors.add(
            "/main_domain",
            "is missing: no pool of this host's addresses names a main domain, so give main_domain or fqdn",
        ),
        (None, _) if errors.is_empty() => {
            errors.add("/fqdn", "is missing: give fqdn, or name and main_domain");
        }
        (None, _) => {}
    }
}

/// Fills a pool's pattern: `{address}` with hyphens for its dots and colons, `{name}` the fqdn.
pub fn fill(pattern: &str, ip: IpAddr, fqdn: Option<&Name>) -> String {
    let address = ip.to_string().replace(['.', ':'], "-");
    // A label neither begins nor ends with a hyphen: `::1` and `2001:db8::` would.
    let mut address = if address.starts_with('-') { format!("0{address}") } else { address };
    if address.ends_with('-') {
        address.push('0');
    }
    let filled = pattern.replace("{address}", &address);
    match fqdn {
        Some(fqdn) => filled.replace("{name}", &fqdn.to_string()),
        None => filled,
    }
}

fn bare_name(text: &str) -> Result<String, String> {
    let text = text.trim_end_matches('.');
    parse_host_name(&format!("{text}.invalid")).map_err(|error| error.to_string())?;
    Ok(text.to_owned())
}

fn addresses(form: &mut Form<'_>, errors: &mut Errors) -> Field<Vec<GivenAddress>> {
    let items = match form.list("addresses", ADDRESSES_MAX, errors) {
        Field::Is(items) => items,
        Field::Null => return Field::Null,
        Field::Absent => return Field::Absent,
    };
    let mut rows: Vec<GivenAddress> = Vec::with_capacity(items.len());
    let mut seen = std::collections::HashSet::with_capacity(if items.len() > 8 { items.len() } else { 0 });
    for (index, item) in items.iter().enumerate() {
        let Some((row, field)) = address(item, index, errors) else { continue };
        let twice =
            if items.len() > 8 { !seen.insert(row.ip) } else { rows.iter().any(|other| other.ip == row.ip) };
        if twice {
            errors.add(format!("/addresses/{index}{field}"), format!("{} is in the list twice", row.ip));
        }
        rows.push(row);
    }
    Field::Is(rows)
}

/// One address, and where in the item it stands.
fn address(item: &Value, index: usize, errors: &mut Errors) -> Option<(GivenAddress, &'static str)> {
    match item {
        Value::String(text) => match parse_address(text) {
            Ok(ip) => Some((GivenAddress { ip, reverse_name: Field::Absent }, "")),
            Err(error) => {
                errors.add(format!("/addresses/{index}"), error.to_string());
                None
            }
        },
        Value::Object(fields) => {
            let mut form = Form::nested(fields, format!("/addresses/{index}"));
            let ip = form.parsed("ip", errors, parse_address);
            if matches!(ip, Field::Null) || !fields.contains_key("ip") {
                errors.add(form.pointer("ip"), "is missing");
            }
            let reverse_name = form.parsed("reverse_name", errors, parse_host_name);
            form.ignore(&["reverse_name_unicode", "ptr", "no_matching_zone"]);
            form.finish(errors);
            ip.value().map(|ip| (GivenAddress { ip, reverse_name }, "/ip"))
        }
        other => {
            errors.add(
                format!("/addresses/{index}"),
                format!("must be an address or {{\"ip\", \"reverse_name\"}}, not {}", kind(other)),
            );
            None
        }
    }
}

/// A record's body.
#[derive(Debug, Default)]
pub struct RecordForm {
    /// The owner name.
    pub name: Field<Name>,
    /// The type.
    pub rtype: Field<RecordType>,
    /// The values, still as text: they are read once the type is known.
    pub values: Field<Vec<String>>,
    /// The TTL.
    pub ttl: Field<Ttl>,
    /// The one zone it is for.
    pub zone_id: Field<i64>,
}

impl RecordForm {
    /// Reads a body.
    pub fn read(mut form: Form<'_>, errors: &mut Errors) -> RecordForm {
        let record = RecordForm {
            name: form.parsed("name", errors, Name::parse),
            rtype: form.parsed("type", errors, str::parse::<RecordType>),
            values: texts(&mut form, "values", VALUES_MAX, errors),
            ttl: form.ttl("ttl", errors),
            zone_id: form.number("zone_id", 1..=i64::MAX, errors),
        };
        form.finish(errors);
        record
    }

    /// The row of a new record.
    pub fn into_new(self, errors: &mut Errors) -> RecordRow {
        for (field, given) in [
            ("/name", self.name.is_given()),
            ("/type", self.rtype.is_given()),
            ("/values", self.values.is_given()),
        ] {
            if !given && !errors.names(field) {
                errors.add(field, "is missing");
            }
        }
        let mut row = RecordRow {
            id: 0,
            name: Name::root(),
            rtype: RecordType::A,
            values: Vec::new(),
            ttl: None,
            zone_id: None,
            source: String::new(),
            state: OwnerState::Active,
            created_at: 0,
            updated_at: 0,
            version: 0,
        };
        self.over(&mut row, errors);
        row
    }

    /// Puts the form over a row.
    pub fn over(self, row: &mut RecordRow, errors: &mut Errors) {
        if let Some(name) = self.name.value() {
            row.name = name;
        }
        let retyped = matches!(&self.rtype, Field::Is(rtype) if *rtype != row.rtype && row.id != 0);
        if let Some(rtype) = self.rtype.value() {
            row.rtype = rtype;
        }
        self.ttl.over(&mut row.ttl);
        self.zone_id.over(&mut row.zone_id);
        match self.values {
            Field::Is(texts) => row.values = values(row.rtype, &texts, errors),
            _ if retyped => errors.add("/values", "must be given with a new type"),
            _ => {}
        }
        if row.rtype.is_dnssec_made() || row.rtype == RecordType::SOA {
            errors.add("/type", format!("{} is made by the zone's server, not written by hand", row.rtype));
        }
        if row.values.len() > 1 && matches!(row.rtype, RecordType::CNAME | RecordType::DNAME) {
            errors.add("/values", format!("a name has one {} only", row.rtype));
        }
    }
}

fn values(rtype: RecordType, texts: &[String], errors: &mut Errors) -> Vec<RecordData> {
    if texts.is_empty() {
        errors.add("/values", "must hold at least one value; to withdraw the record, delete it");
    }
    let mut values: Vec<RecordData> = Vec::with_capacity(texts.len());
    for (index, text) in texts.iter().enumerate() {
        match RecordData::parse(rtype, text) {
            Ok(value) if values.contains(&value) => {
                errors.add(format!("/values/{index}"), "is in the list twice");
            }
            Ok(value) => {
                values.push(value);
                if let Some(words) = super::whole_names::wrong_value(rtype, text, None) {
                    errors.add(format!("/values/{index}"), words);
                }
            }
            Err(error) => errors.add(format!("/values/{index}"), error.to_string()),
        }
    }
    values
}

/// A list of texts.
pub fn texts(
    form: &mut Form<'_>,
    field: &'static str,
    most: usize,
    errors: &mut Errors,
) -> Field<Vec<String>> {
    match form.list(field, most, errors) {
        Field::Absent => Field::Absent,
        Field::Null => Field::Null,
        Field::Is(items) => {
            let mut texts = Vec::with_capacity(items.len());
            for (index, item) in items.iter().enumerate() {
                match item {
                    Value::String(text) => texts.push(text.clone()),
                    other => errors.add(
                        format!("{}/{index}", form.pointer(field)),
                        format!("must be a text, not {}", kind(other)),
                    ),
                }
            }
            Field::Is(texts)
        }
    }
}

/// A pool's body, put over a row; `row.id == 0` is a new one.
pub fn pool_over(mut form: Form<'_>, row: &mut PoolRow, errors: &mut Errors) {
    match form.parsed("prefix", errors, parse_prefix) {
        Field::Is(prefix) if row.id == 0 || prefix == row.prefix => row.prefix = prefix,
        Field::Is(_) => errors.add("/prefix", "cannot be changed: add another pool and delete this one"),
        _ if row.id == 0 && errors.is_empty() => errors.add("/prefix", "is missing"),
        _ => {}
    }
    form.parsed("main_domain", errors, parse_host_name).over(&mut row.main_domain);
    form.parsed("name_pattern", errors, |text| pattern(text, false)).over(&mut row.name_pattern);
    form.ttl("ttl", errors).over(&mut row.ttl);
    form.parsed("ptr_pattern", errors, |text| pattern(text, true)).over(&mut row.ptr_pattern);
    form.finish(errors);
}

pub(crate) fn parse_prefix(text: &str) -> Result<ipnet::IpNet, String> {
    let prefix: ipnet::IpNet = text
        .parse()
        .map_err(|_| format!("{text:?} is not a prefix such as 192.0.2.0/24 or 2001:db8::/48"))?;
    if prefix.trunc() == prefix {
        return Ok(prefix);
    }
    Err(format!("{text:?} has bits set behind its length: did you mean {}?", prefix.trunc()))
}

fn pattern(text: &str, whole_name: bool) -> Result<String, String> {
    let example =
        fill(text, IpAddr::from([192, 0, 2, 1]), Some(&Name::root().child("a").unwrap_or(Name::root())));
    let checked = if whole_name {
        parse_host_name(&example).map(|_| ())
    } else {
        bare_name(&example).map(|_| ()).map_err(zonecast_core::host::HostError)
    };
    match checked {
        Err(error) => Err(format!("does not make a host name: {error}")),
        Ok(()) if !text.contains("{address}") && !text.contains("{name}") => {
            Err("must contain {address}, or every address would get the same name".to_owned())
        }
        Ok(()) => Ok(text.to_owned()),
    }
}
