//! What a domain carries beside its records.

use super::{Managed, stored};
use serde::{Deserialize, Serialize};
use zonecast_core::{Name, RecordData, RecordType};
use zonecast_store::DomainRow;

/// Stored as JSON in the domain's row; an empty object is a plain domain.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct DomainOptions {
    /// Connections at which the domain's zone is made where it is missing.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub create_at: Vec<i64>,
    /// Whether the claims are the whole zone.
    pub managed: Managed,
    /// Whether SOA and the NS of the apex follow the domain.
    pub manage_ns_soa: bool,
    /// What the SOA shall say, where its source said it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub soa: Option<SoaWish>,
    /// What its source could not make a record of, each naming the record.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub messages: Vec<String>,
}

/// A SOA as a panel knows it: the serial is the server's own business.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct SoaWish {
    /// The mailbox as a name (RFC 1035 section 3.3.13).
    #[schema(value_type = String)]
    pub mailbox: Name,
    /// Seconds until a secondary asks again.
    pub refresh: u32,
    /// Seconds until it asks again after a failure.
    pub retry: u32,
    /// Seconds until it gives up.
    pub expire: u32,
    /// Seconds a name that is not there is remembered (RFC 2308).
    pub minimum: u32,
}

impl DomainOptions {
    /// The options of a stored domain.
    pub fn of(row: &DomainRow) -> DomainOptions {
        stored::read(&row.options).0
    }

    /// What of a stored domain is not understood.
    pub fn notes(row: &DomainRow) -> Vec<String> {
        stored::read::<DomainOptions>(&row.options).1
    }

    /// Puts them into a row; what stands there and is not understood stays.
    pub fn store(&self, row: &mut DomainRow) {
        row.options = stored::over(&row.options, self);
    }
}

impl SoaWish {
    /// The SOA this asks for, with the serial that is served: a wish never moves a serial back.
    pub fn data(&self, primary: &Name, serial: u32) -> Option<RecordData> {
        let (primary, mailbox) = (primary.absolute(), self.mailbox.absolute());
        let SoaWish { refresh, retry, expire, minimum, .. } = self;
        let text = format!("{primary} {mailbox} {serial} {refresh} {retry} {expire} {minimum}");
        RecordData::parse(RecordType::SOA, &text).ok()
    }
}
