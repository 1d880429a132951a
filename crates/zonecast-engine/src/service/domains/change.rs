//! What a panel does to a whole domain at once: another name, another address, the template.

use super::claims::IN_PARENT;
use super::form::{add, domain_name};
use super::store::{change, with_options};
use super::template;
use super::view::{AddressMove, DomainView};
use crate::app::App;
use crate::problem::Problem;
use crate::service::input::{Errors, Form};
use crate::service::{Caller, Work};
use serde_json::Value;
use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};
use zonecast_core::host::parse_address;
use zonecast_core::{Name, RecordData, RecordType};
use zonecast_store::DomainRow;

/// Gives a domain another name (S4.72). The caller says what becomes of the records: `update` moves
/// them below the new name, together with what points to the old one; `erase` takes them all away.
pub async fn rename(app: &App, caller: &Caller, id: i64, body: &Value) -> Result<Work<DomainView>, Problem> {
    let mut errors = Errors::default();
    let mut form = Form::body(body)?;
    let name = form.parsed("name", &mut errors, domain_name).value();
    let erase = form.parsed("records", &mut errors, |text| match text {
        "update" => Ok(false),
        "erase" => Ok(true),
        _ => Err("must be update or erase"),
    });
    form.finish(&mut errors);
    if name.is_none() && !errors.names("/name") {
        errors.add("/name", "is missing");
    }
    let erase = erase.value();
    if erase.is_none() && !errors.names("/records") {
        errors.add("/records", "is missing: update or erase");
    }
    errors.into_result(())?;
    let (Some(name), Some(erase)) = (name, erase) else { return Err(Problem::new(422, "is not complete")) };
    change(app, caller, id, "rename", |row| {
        let old = std::mem::replace(&mut row.name, name.clone());
        match erase {
            true => row.records.clear(),
            false => move_records(row, &old),
        }
        with_options(row, |options| options.messages.clear());
        Ok(())
    })
    .await
}

/// Moves every record from below `old` to below the row's name; so do targets in the old name.
fn move_records(row: &mut DomainRow, old: &Name) {
    let new = row.name.clone();
    let mut sets = Vec::with_capacity(row.records.len());
    for mut set in std::mem::take(&mut row.records) {
        set.name = moved(&set.name, old, &new);
        set.values = set.values.iter().map(|value| moved_value(value, old, &new)).collect();
        // What became the same set is one.
        let _ = add(&mut sets, set);
    }
    row.records = sets;
}

fn moved(name: &Name, old: &Name, new: &Name) -> Name {
    if !name.is_within(old) {
        return name.clone();
    }
    let own = name.label_count() - old.label_count();
    let labels: Vec<Vec<u8>> = name.labels().into_iter().take(own).chain(new.labels()).collect();
    Name::from_labels(labels.iter().map(Vec::as_slice)).unwrap_or_else(|_| name.clone())
}

/// The target of a record, moved. The name is the last field of each of these types (RFC 1035 section
/// 3.3, RFC 2782); texts are nobody's names and stay.
fn moved_value(value: &RecordData, old: &Name, new: &Name) -> RecordData {
    if let Some(target) = value.as_name() {
        return RecordData::single_name(value.rtype(), &moved(&target, old, new));
    }
    if !matches!(value.rtype(), RecordType::MX | RecordType::SRV) {
        return value.clone();
    }
    let text = value.to_text();
    let Some((front, target)) = text.rsplit_once(' ') else { return value.clone() };
    let Ok(target) = Name::parse(target) else { return value.clone() };
    let text = format!("{front} {}", moved(&target, old, new).absolute());
    RecordData::parse(value.rtype(), &text).unwrap_or_else(|_| value.clone())
}

/// Replaces one address by another in every value of the domain that holds it (S4.74); the answer lists
/// what was changed, and what mentions the old address and was left.
pub async fn change_address(
    app: &App,
    caller: &Caller,
    id: i64,
    body: &Value,
) -> Result<Work<DomainView>, Problem> {
    let mut errors = Errors::default();
    let mut form = Form::body(body)?;
    let from = form.parsed("from", &mut errors, parse_address).value();
    let to = form.parsed("to", &mut errors, parse_address).value();
    form.finish(&mut errors);
    for (field, given) in [("/from", from), ("/to", to)] {
        if given.is_none() && !errors.names(field) {
            errors.add(field, "is missing");
        }
    }
    if let (Some(from), Some(to)) = (from, to)
        && from.is_ipv4() != to.is_ipv4()
    {
        errors.add("/to", "must be of the family of the address it replaces");
    }
    errors.into_result(())?;
    let (Some(from), Some(to)) = (from, to) else { return Err(Problem::new(422, "is not complete")) };
    let moved = Mutex::new(AddressMove::default());
    let mut work = change(app, caller, id, "ip", |row| {
        let done = replace_address(row, from, to);
        if done.changed.is_empty() && !row.addresses.contains(&from) {
            return Err(Problem::field("/from", format!("{} has no record with {from}", row.name)));
        }
        for address in row.addresses.iter_mut().filter(|address| **address == from) {
            *address = to;
        }
        row.addresses.sort_unstable();
        row.addresses.dedup();
        *moved.lock().unwrap_or_else(PoisonError::into_inner) = done;
        Ok(())
    })
    .await?;
    work.data.moved = Some(moved.into_inner().unwrap_or_else(PoisonError::into_inner));
    Ok(work)
}

/// Every value that holds the address holds the other one now; those that only speak of it stay and are
/// named.
fn replace_address(row: &mut DomainRow, from: IpAddr, to: IpAddr) -> AddressMove {
    let mut done = AddressMove::default();
    for set in &mut row.records {
        let mut values = Vec::with_capacity(set.values.len());
        for value in std::mem::take(&mut set.values) {
            let line = |value: &RecordData| format!("{} {} {}", set.name, set.rtype, value.to_text());
            let now = value.with_address(from, to);
            if let Some(now) = &now {
                done.changed.push(format!("{} -> {}", line(&value), now.to_text()));
            }
            let now = now.unwrap_or(value);
            if now.mentions(from) {
                done.left.push(line(&now));
            }
            if !values.contains(&now) {
                values.push(now);
            }
        }
        set.values = values;
    }
    done
}

/// Applies the template (its records as it says, all others as they are) or resets to it (S4.66, S4.67).
pub async fn apply_template(
    app: &App,
    caller: &Caller,
    id: i64,
    body: &Value,
) -> Result<Work<DomainView>, Problem> {
    let mut errors = Errors::default();
    let mut form = Form::body(body)?;
    let reset = form.parsed("action", &mut errors, |text| match text {
        "apply" => Ok(false),
        "reset" => Ok(true),
        _ => Err("must be apply or reset"),
    });
    form.finish(&mut errors);
    let reset = errors.into_result(reset)?.value().unwrap_or(false);
    change(app, caller, id, "template", |row| {
        if row.kind == IN_PARENT {
            return Err(Problem::new(409, "a subdomain in its parent's zone has no records of its own"));
        }
        if row.addresses.is_empty() {
            return Err(Problem::field("/addresses", "the domain has none: the template needs one"));
        }
        let template = template::built_in(&row.name, &row.addresses);
        row.records = if reset { template } else { template::apply(&row.records, template) };
        with_options(row, |options| options.messages.clear());
        Ok(())
    })
    .await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_targets_move_and_others_stay() {
        let (old, new) = (Name::parse("old.example").unwrap(), Name::parse("new.test").unwrap());
        let value =
            |rtype, text: &str| moved_value(&RecordData::parse(rtype, text).unwrap(), &old, &new).to_text();
        assert_eq!(moved(&Name::parse("a.b.old.example").unwrap(), &old, &new).to_string(), "a.b.new.test");
        assert_eq!(moved(&Name::parse("gold.example").unwrap(), &old, &new).to_string(), "gold.example");
        for (rtype, before, after) in [
            (RecordType::CNAME, "old.example", "new.test"),
            (RecordType::MX, "10 mail.old.example", "10 mail.new.test"),
            (RecordType::SRV, "1 2 5060 sip.old.example", "1 2 5060 sip.new.test"),
            (RecordType::MX, "10 mx.elsewhere.net", "10 mx.elsewhere.net"),
        ] {
            let after = RecordData::parse(rtype, after).unwrap().to_text();
            assert_eq!(value(rtype, before), after);
        }
    }
}
