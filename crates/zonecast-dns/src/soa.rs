//! The fields of an SOA record that a server acts on, read from and written to its wire form.

use zonecast_core::{Name, RRset, RecordData, RecordType, Serial, Ttl};

/// Serial, refresh, retry, expire, minimum: five numbers at the end of the data.
const NUMBERS: usize = 20;

/// Builds the data of an SOA record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Soa {
    /// The primary server.
    pub primary: Name,
    /// The mailbox of the person responsible, as a name.
    pub mailbox: Name,
    /// The serial.
    pub serial: Serial,
    /// Seconds between two looks of a secondary.
    pub refresh: u32,
    /// Seconds until a secondary tries again after a failed look.
    pub retry: u32,
    /// Seconds after which a secondary without its primary stops answering.
    pub expire: u32,
    /// TTL of negative answers, RFC 2308.
    pub minimum: u32,
}

impl Soa {
    /// As the data of a record.
    pub fn to_data(&self) -> RecordData {
        let mut wire = self.primary.to_wire();
        self.mailbox.compose(&mut wire);
        for number in [self.serial.0, self.refresh, self.retry, self.expire, self.minimum] {
            wire.extend_from_slice(&number.to_be_bytes());
        }
        RecordData::from_canonical(RecordType::SOA, &wire)
    }

    /// Reads the data of an SOA record; `None` when it is not one.
    pub fn from_data(data: &RecordData) -> Option<Soa> {
        let wire = data.wire();
        let (primary, used) = Name::from_wire(wire).ok()?;
        let (mailbox, more) = Name::from_wire(wire.get(used..)?).ok()?;
        let numbers = wire.get(used + more..).filter(|rest| rest.len() == NUMBERS)?;
        let number = |index: usize| {
            numbers[index * 4..].first_chunk::<4>().map_or(0, |bytes| u32::from_be_bytes(*bytes))
        };
        let [refresh, retry, expire, minimum] = [1, 2, 3, 4].map(number);
        Some(Soa { primary, mailbox, serial: Serial(number(0)), refresh, retry, expire, minimum })
    }

    /// As the RRset at the apex of a zone.
    pub fn to_rrset(&self, zone: &Name, ttl: Ttl) -> RRset {
        RRset::new(zone.clone(), RecordType::SOA, ttl, vec![self.to_data()])
    }
}

/// The serial in the wire form of SOA data.
pub(crate) fn serial_of(rdata: &[u8]) -> Option<Serial> {
    let at = rdata.len().checked_sub(NUMBERS)?;
    Some(Serial(u32::from_be_bytes(*rdata[at..].first_chunk()?)))
}

/// The minimum field in the wire form of SOA data.
pub(crate) fn minimum_of(rdata: &[u8]) -> Option<u32> {
    Some(u32::from_be_bytes(*rdata.last_chunk()?))
}

/// The same SOA record at another serial.
pub(crate) fn with_serial(data: &RecordData, serial: Serial) -> RecordData {
    let mut wire = data.wire().to_vec();
    if let Some(at) = wire.len().checked_sub(NUMBERS) {
        wire[at..at + 4].copy_from_slice(&serial.0.to_be_bytes());
    }
    RecordData::from_canonical(RecordType::SOA, &wire)
}
