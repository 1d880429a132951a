//! The body of a domain.

use super::claims::IN_PARENT;
use super::template;
use crate::problem::FieldProblem;
use crate::service::dry_run;
use crate::service::forms::{state_of, texts};
use crate::service::input::{Errors, Field, Form, kind};
use crate::service::whole_names::wrong_value;
use crate::service::zone_file::made_by_its_server;
use crate::settings::Managed;
use crate::settings::{DomainOptions, SoaWish};
use serde_json::{Map, Value};
use std::collections::BTreeMap;
use std::net::IpAddr;
use zonecast_core::host::parse_address;
use zonecast_core::{Name, OwnerState, RRset, RecordData, RecordType, Ttl};
use zonecast_dns::parse_zonefile;
use zonecast_store::{DomainRow, DomainSet};

/// The types of a domain (S4.49-55).
pub const KINDS: &[&str] =
    &["subscription", "addon", "alias", "no_hosting", "forwarding", "subdomain", IN_PARENT];
/// Most record sets of one domain.
const SETS_MAX: usize = 20_000;
/// What answers carry and a body may send back.
const SHOWN: &[&str] = &[
    "id",
    "name_unicode",
    "synchronised",
    "synced",
    "messages",
    "no_matching_zone",
    "created_at",
    "updated_at",
    "version",
    "job_id",
];

/// A domain's body.
#[derive(Debug, Default)]
pub(super) struct DomainForm {
    name: Field<Name>,
    kind: Field<String>,
    state: Field<OwnerState>,
    addresses: Field<Vec<IpAddr>>,
    ttl: Field<Ttl>,
    records: Field<Vec<DomainSet>>,
    create_at: Field<Vec<i64>>,
    managed: Field<Managed>,
    manage_ns_soa: Field<bool>,
    soa: Field<SoaWish>,
    /// What of a zone file is no record of the domain.
    left_out: Vec<String>,
}

impl DomainForm {
    /// Reads a body. Records of a new domain may be relative to nothing but their domain's name, so
    /// `domain` is that of a stored one.
    pub fn read(mut form: Form<'_>, domain: Option<&Name>, errors: &mut Errors) -> DomainForm {
        let name = form.parsed("name", errors, domain_name);
        let apex = match &name {
            Field::Is(name) => Some(name.clone()),
            _ => domain.cloned(),
        };
        let mut read = DomainForm {
            kind: form.parsed("type", errors, |text| one_of(text, KINDS)),
            state: form.parsed("state", errors, |text| state_of(text, OwnerState::OF_DOMAINS)),
            addresses: addresses(&mut form, errors),
            ttl: form.ttl("ttl", errors),
            records: records(&mut form, apex.as_ref(), errors),
            create_at: ids(&mut form, errors),
            managed: form.parsed("managed", errors, |text| match text {
                "owned" => Ok(Managed::Owned),
                "full" => Ok(Managed::Full),
                _ => Err("must be owned or full"),
            }),
            manage_ns_soa: form.flag("manage_ns_soa", errors),
            soa: match form.raw("soa") {
                Field::Is(value) => match serde_json::from_value(value.clone()) {
                    Ok(soa) => Field::Is(soa),
                    Err(error) => {
                        errors.add("/soa", error.to_string());
                        Field::Absent
                    }
                },
                Field::Null => Field::Null,
                Field::Absent => Field::Absent,
            },
            name,
            left_out: Vec::new(),
        };
        if let Some((records, left_out)) = zone_file(&mut form, apex.as_ref(), errors) {
            read.records = Field::Is(records);
            read.left_out = left_out;
        }
        form.ignore(SHOWN);
        form.finish(errors);
        read
    }

    /// The row of a new domain. One that comes with addresses and no records starts from the template.
    pub fn into_new(self, errors: &mut Errors) -> DomainRow {
        if !self.name.is_given() && !errors.names("/name") {
            errors.add("/name", "is missing");
        }
        let given = self.records.is_given();
        let mut row = empty(Name::root());
        self.over(&mut row, errors);
        if !given && !row.addresses.is_empty() && row.kind != IN_PARENT {
            row.records = template::built_in(&row.name, &row.addresses);
        }
        row
    }

    /// Puts the form over a row. The name of a stored domain changes by renaming only.
    pub fn over(self, row: &mut DomainRow, errors: &mut Errors) {
        match self.name {
            Field::Is(name) if row.id != 0 && name != row.name => {
                errors.add(
                    "/name",
                    "is changed by POST /domains/{id}/rename, which asks what becomes of the records",
                );
            }
            Field::Is(name) => row.name = name,
            _ => {}
        }
        if let Some(kind) = self.kind.value() {
            row.kind = kind;
        }
        if let Some(state) = self.state.value() {
            row.state = state;
        }
        self.addresses.over_default(&mut row.addresses);
        self.ttl.over(&mut row.ttl);
        let mut options = DomainOptions::of(row);
        if self.records.is_given() {
            options.messages = self.left_out;
        }
        self.records.over_default(&mut row.records);
        self.create_at.over_default(&mut options.create_at);
        self.managed.over_default(&mut options.managed);
        self.manage_ns_soa.over_default(&mut options.manage_ns_soa);
        self.soa.over(&mut options.soa);
        if row.kind == IN_PARENT && (!row.records.is_empty() || !options.create_at.is_empty()) {
            errors.add("/type", "a subdomain in its parent's zone has no records and no zone of its own");
        }
        options.store(row);
    }
}

/// A domain with nothing in it.
pub(super) fn empty(name: Name) -> DomainRow {
    DomainRow {
        id: 0,
        name,
        kind: KINDS[0].to_owned(),
        state: OwnerState::Active,
        addresses: Vec::new(),
        ttl: None,
        records: Vec::new(),
        options: Map::new(),
        synced: false,
        created_at: 0,
        updated_at: 0,
        version: 0,
    }
}

/// A name that can be a domain.
pub(super) fn domain_name(text: &str) -> Result<Name, String> {
    let name = Name::parse(text).map_err(|error| error.to_string())?;
    match name.is_root() || name.is_wildcard() {
        true => Err(format!("{text:?} is not the name of a domain")),
        false => Ok(name),
    }
}

fn one_of(text: &str, words: &[&str]) -> Result<String, String> {
    match words.contains(&text) {
        true => Ok(text.to_owned()),
        false => Err(format!("must be one of {}", words.join(", "))),
    }
}

fn addresses(form: &mut Form<'_>, errors: &mut Errors) -> Field<Vec<IpAddr>> {
    match texts(form, "addresses", 100, errors) {
        Field::Absent => Field::Absent,
        Field::Null => Field::Null,
        Field::Is(texts) => {
            let mut found = Vec::with_capacity(texts.len());
            for (index, text) in texts.iter().enumerate() {
                match parse_address(text) {
                    Ok(ip) if found.contains(&ip) => {
                        errors.add(format!("/addresses/{index}"), "is in the list twice")
                    }
                    Ok(ip) => found.push(ip),
                    Err(error) => errors.add(format!("/addresses/{index}"), error.to_string()),
                }
            }
            Field::Is(found)
        }
    }
}

fn ids(form: &mut Form<'_>, errors: &mut Errors) -> Field<Vec<i64>> {
    match form.list("create_at", 100, errors) {
        Field::Absent => Field::Absent,
        Field::Null => Field::Null,
        Field::Is(items) => {
            let mut ids = Vec::with_capacity(items.len());
            for (index, item) in items.iter().enumerate() {
                match item.as_i64().filter(|id| *id > 0) {
                    Some(id) => ids.push(id),
                    None => errors.add(format!("/create_at/{index}"), "must be the id of a connection"),
                }
            }
            Field::Is(ids)
        }
    }
}

/// `records`, or `record_set` as answers spell it.
fn records(form: &mut Form<'_>, apex: Option<&Name>, errors: &mut Errors) -> Field<Vec<DomainSet>> {
    let shown = form.list("record_set", SETS_MAX, errors);
    let (field, items) = match form.list("records", SETS_MAX, errors) {
        Field::Is(items) => ("records", Field::Is(items)),
        Field::Null => ("records", Field::Null),
        Field::Absent => ("record_set", shown),
    };
    let items = match items {
        Field::Absent => return Field::Absent,
        Field::Null => return Field::Null,
        Field::Is(items) => items,
    };
    let mut sets = Vec::new();
    for (index, item) in items.iter().enumerate() {
        let at = format!("/{field}/{index}");
        match item {
            Value::Object(fields) => {
                let set = record(Form::nested(fields, at.clone()), apex, errors);
                if let Some(set) = set
                    && let Err(words) = add(&mut sets, set)
                {
                    errors.add(at, words);
                }
            }
            other => errors.add(at, format!("must be a record, not {}", kind(other))),
        }
    }
    Field::Is(sets)
}

fn record(mut form: Form<'_>, apex: Option<&Name>, errors: &mut Errors) -> Option<DomainSet> {
    let before = errors.count();
    let name = form.parsed("name", errors, |text| within(text, apex));
    let rtype = form.parsed("type", errors, str::parse::<RecordType>);
    let values = texts(&mut form, "values", 10_000, errors);
    let ttl = form.ttl("ttl", errors).value();
    let at = form.pointer("");
    form.ignore(&["zone_id", "zone", "provider", "state", "verified", "last_error", "attempts"]);
    form.ignore(&["next_attempt_at", "verified_at"]);
    form.finish(errors);
    let (Field::Is(name), Field::Is(rtype), Field::Is(texts)) = (name, rtype, values) else {
        if errors.count() == before {
            errors.add(at.trim_end_matches('/'), "must have name, type and values");
        }
        return None;
    };
    let mut values = Vec::with_capacity(texts.len());
    for (index, text) in texts.iter().enumerate() {
        match RecordData::parse(rtype, text) {
            Ok(value) => {
                values.push(value);
                if let Some(words) = wrong_value(rtype, text, apex) {
                    errors.add(format!("{at}values/{index}"), words);
                }
            }
            Err(error) => errors.add(format!("{at}values/{index}"), error.to_string()),
        }
    }
    if values.is_empty() && errors.count() == before {
        errors.add(format!("{at}values"), "must hold at least one value");
    }
    if rtype.is_dnssec_made() || rtype == RecordType::SOA {
        errors.add(format!("{at}type"), format!("{rtype} is made by the zone's server, not written by hand"));
    }
    (errors.count() == before).then_some(DomainSet { name, rtype, ttl, values })
}

fn within(text: &str, apex: Option<&Name>) -> Result<Name, String> {
    if text == "@" {
        return apex.cloned().ok_or_else(|| "has no domain to stand for".to_owned());
    }
    let name = Name::parse(text).map_err(|error| error.to_string())?;
    match apex {
        Some(apex) if !name.is_within(apex) => {
            Err(format!("{name} is not within {apex}: write the whole name, such as {name}.{apex}"))
        }
        _ => Ok(name),
    }
}

/// Adds a set to those there are; sets of one name and type are one (RFC 2181 section 5), with the
/// first TTL. `Err` where a CNAME would stand beside other data (RFC 1034 section 3.6.2).
pub(super) fn add(sets: &mut Vec<DomainSet>, new: DomainSet) -> Result<(), String> {
    let alias = |rtype: RecordType| matches!(rtype, RecordType::CNAME);
    let same_name = || sets.iter().filter(|set| set.name == new.name);
    if let Some(other) =
        same_name().find(|set| set.rtype != new.rtype && (alias(set.rtype) || alias(new.rtype)))
    {
        return Err(format!(
            "{} has {} already: {} cannot stand beside it",
            new.name, other.rtype, new.rtype
        ));
    }
    match sets.iter_mut().find(|set| set.name == new.name && set.rtype == new.rtype) {
        Some(set) => {
            let fresh: Vec<RecordData> =
                new.values.into_iter().filter(|value| !set.values.contains(value)).collect();
            if !fresh.is_empty() && matches!(new.rtype, RecordType::CNAME | RecordType::DNAME) {
                return Err(format!("{} has a {} already, and can have one only", new.name, new.rtype));
            }
            set.values.extend(fresh);
        }
        None => sets.push(new),
    }
    Ok(())
}

/// The records of a zone file, in the place of `records`, and what is left out, counted by type: a
/// signed zone has as many signatures as sets.
fn zone_file(
    form: &mut Form<'_>,
    apex: Option<&Name>,
    errors: &mut Errors,
) -> Option<(Vec<DomainSet>, Vec<String>)> {
    let Field::Is(text) = form.text("zone_file", errors) else { return None };
    let apex = apex?;
    match parse_zonefile(text, apex, Ttl::DEFAULT) {
        Ok(sets) => {
            let (mut ours, mut left_out) = (Vec::new(), BTreeMap::new());
            for RRset { name, rtype, ttl, values } in sets {
                match made_by_its_server(rtype) {
                    Some(reason) => left_out.entry(rtype).or_insert((0, reason)).0 += values.len(),
                    None => ours.push(DomainSet { name, rtype, ttl: Some(ttl), values }),
                }
            }
            let line =
                |(rtype, (count, reason))| format!("left out of the zone file: {count} {rtype}, {reason}");
            let left_out: Vec<String> = left_out.into_iter().map(line).collect();
            dry_run::leave_out(
                left_out
                    .iter()
                    .map(|line| FieldProblem { field: "/zone_file".to_owned(), message: line.clone() }),
            );
            Some((ours, left_out))
        }
        Err(wrong) => {
            wrong.iter().take(100).for_each(|error| errors.add("/zone_file", error.to_string()));
            None
        }
    }
}
