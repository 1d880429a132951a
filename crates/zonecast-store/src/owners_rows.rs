//! Owners on their way into their tables, and the audit line of a call.

use crate::error::StoreError;
use crate::model::*;
use crate::owners::StoredWrite;
use crate::sql::{Value, args};
use crate::{codec, domains, hosts, records};

/// The rows of a call, by the statement that takes them.
#[derive(Default)]
pub(crate) struct Sorted {
    pub host_inserts: Vec<Value>,
    pub host_insert_count: u64,
    pub domain_inserts: Vec<Value>,
    pub domain_insert_count: u64,
    pub record_inserts: Vec<Value>,
    pub host_updates: Vec<Value>,
    pub domain_updates: Vec<Value>,
    pub record_updates: Vec<Value>,
    pub host_removes: Vec<Value>,
    pub domain_removes: Vec<Value>,
    pub record_removes: Vec<Value>,
}

impl Sorted {
    pub(crate) fn insert(&mut self, write: &OwnerWrite, id: i64, now: Millis) -> Result<(), StoreError> {
        match &write.row {
            OwnerRow::Host(host) => {
                self.host_insert_count += 1;
                self.host_inserts.extend(args![id]);
                hosts::push_host(&mut self.host_inserts, host)?;
                self.host_inserts.extend(args![now, now, 1i64]);
            }
            OwnerRow::Domain(domain) => {
                self.domain_insert_count += 1;
                self.domain_inserts.extend(args![id]);
                domains::push_domain(&mut self.domain_inserts, domain)?;
                self.domain_inserts.extend(args![now, now, 1i64]);
            }
            OwnerRow::Record(record) => {
                self.record_inserts.extend(args![id]);
                records::push_record(&mut self.record_inserts, record);
                self.record_inserts.extend(args![now, now, 1i64]);
            }
        }
        Ok(())
    }

    pub(crate) fn change(&mut self, write: &OwnerWrite) -> Result<(), StoreError> {
        let id = write.row.owner().id;
        match (&write.action, &write.row) {
            (OwnerAction::Update { expected_version }, OwnerRow::Host(host)) => {
                self.host_updates.extend(args![id, *expected_version]);
                hosts::push_host(&mut self.host_updates, host)?;
            }
            (OwnerAction::Update { expected_version }, OwnerRow::Domain(domain)) => {
                self.domain_updates.extend(args![id, *expected_version]);
                domains::push_domain(&mut self.domain_updates, domain)?;
            }
            (OwnerAction::Update { expected_version }, OwnerRow::Record(record)) => {
                self.record_updates.extend(args![id, *expected_version]);
                records::push_record(&mut self.record_updates, record);
            }
            (OwnerAction::Remove { expected_version, .. }, OwnerRow::Host(_)) => {
                self.host_removes.extend(args![id, *expected_version]);
            }
            (OwnerAction::Remove { expected_version, .. }, OwnerRow::Domain(_)) => {
                self.domain_removes.extend(args![id, *expected_version]);
            }
            (OwnerAction::Remove { expected_version, .. }, OwnerRow::Record(_)) => {
                self.record_removes.extend(args![id, *expected_version]);
            }
            (OwnerAction::Insert | OwnerAction::Touch, _) => {}
        }
        Ok(())
    }
}

pub(crate) fn audit_line(
    stored: &[StoredWrite<'_>],
    asked: usize,
    context: &WriteContext,
    names: usize,
) -> NewAudit {
    let (object, detail) = match stored {
        [only] => {
            let what = match &only.write.row {
                OwnerRow::Host(host) => serde_json::json!({
                    "fqdn": host.fqdn, "addresses": host.addresses, "state": host.state, "names": names }),
                OwnerRow::Domain(domain) => serde_json::json!({
                    "name": domain.name, "state": domain.state, "sets": domain.records.len(), "names": names }),
                OwnerRow::Record(record) => serde_json::json!({
                    "name": record.name, "type": record.rtype, "names": names,
                    "values": record.values.iter().map(|value| value.to_text()).collect::<Vec<_>>() }),
            };
            (format!("{}:{}", only.owner.kind.word(), only.owner.id), what)
        }
        many => {
            let first = many.iter().map(|stored| stored.owner.id).min();
            let last = many.iter().map(|stored| stored.owner.id).max();
            let kind = many.first().map_or("host", |stored| stored.owner.kind.word());
            let object = format!("{kind}:{}-{}", first.unwrap_or_default(), last.unwrap_or_default());
            (object, serde_json::json!({ "asked": asked, "stored": many.len(), "names": names }))
        }
    };
    NewAudit {
        actor: context.actor.clone(),
        source: context.source.clone(),
        action: context.action.clone(),
        object,
        detail,
    }
}

impl StoredWrite<'_> {
    /// The line of an owner that is let go before its records are gone.
    pub(crate) fn forgotten(&self, context: &WriteContext) -> Option<NewAudit> {
        let forgets = matches!(self.write.action, OwnerAction::Remove { forget: true, .. });
        forgets.then(|| self.owner.forgotten(&context.actor, &context.source))
    }
}

impl OwnerId {
    /// The audit line of an owner that is let go before its records are gone.
    pub fn forgotten(self, actor: &str, source: &str) -> NewAudit {
        NewAudit {
            actor: actor.to_owned(),
            source: source.to_owned(),
            action: format!("{}.forget", self.kind.word()),
            object: format!("{}:{}", self.kind.word(), self.id),
            detail: serde_json::json!({ "note": "forgotten before every zone had an outcome" }),
        }
    }
}

/// What an address row looks like in the database.
pub(crate) fn addresses_json(addresses: &[AddressRow]) -> Result<String, StoreError> {
    codec::to_json(&addresses)
}
