//! Zone transfers out: AXFR (RFC 5936) and IXFR (RFC 1995), from one immutable snapshot.
//!
//! Changes go on while a transfer runs; what is sent is the zone at the serial it began with. IXFR is
//! answered from the journal when it reaches back to the asker's serial and is shorter than the zone;
//! otherwise the whole zone is sent in the same exchange, as RFC 1995 section 4 allows.

use crate::answer::Transfer;
use crate::node::{SetRef, encode};
use crate::store::JournalEntry;
use crate::tcp::send_message;
use crate::tsig::Signer;
use crate::zone::ZoneSnapshot;
use std::io;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpStream;
use zonecast_core::{RRset, RecordType, Serial};

/// Messages are filled up to here: pointers reach 16 KiB, and larger ones save nothing.
const MESSAGE_MAX: usize = 16 * 1024;
const APEX_POINTER: [u8; 2] = [0xC0, 12];

/// What was sent, for the log.
pub(crate) struct Sent {
    pub(crate) records: usize,
    pub(crate) form: &'static str,
}

/// Sends the transfer that was asked for; the caller has checked that it is allowed.
pub(crate) async fn send_transfer(
    stream: &mut TcpStream,
    transfer: Transfer,
    idle: Duration,
) -> io::Result<Sent> {
    let Transfer { question, zone, snapshot, since, signer } = transfer;
    let plan = Plan::choose(&snapshot, since, |from, to| zone.journal_between(from, to));
    let mut out = Stream { stream, idle, signer, question, message: Vec::new(), count: 0, records: 0 };
    out.begin();
    let Some(soa) = snapshot.soa() else { return Err(io::ErrorKind::InvalidData.into()) };
    let apex = snapshot.name().key();
    out.set(apex, apex, soa).await?;
    let form = match plan {
        Plan::UpToDate => "up to date",
        Plan::Whole => {
            for node in snapshot.nodes.keys() {
                for set in node.sets().filter(|set| set.rtype != RecordType::SOA) {
                    out.set(apex, node.key(), set).await?;
                }
            }
            out.set(apex, apex, soa).await?;
            "AXFR"
        }
        Plan::Difference(entries) => {
            for entry in &entries {
                out.rrsets(apex, &entry.removed).await?;
                out.rrsets(apex, &entry.added).await?;
            }
            out.set(apex, apex, soa).await?;
            "IXFR"
        }
    };
    out.flush().await?;
    Ok(Sent { records: out.records, form })
}

enum Plan {
    UpToDate,
    Whole,
    Difference(Vec<Arc<JournalEntry>>),
}

impl Plan {
    fn choose(
        snapshot: &ZoneSnapshot,
        since: Option<Serial>,
        journal: impl Fn(Serial, Serial) -> Option<Vec<Arc<JournalEntry>>>,
    ) -> Plan {
        let Some(since) = since else { return Plan::Whole };
        if since == snapshot.serial() || since.is_after(snapshot.serial()) {
            return Plan::UpToDate;
        }
        let entries = journal(since, snapshot.serial()).unwrap_or_default();
        let records: usize = entries.iter().map(|entry| entry.record_count()).sum();
        if entries.is_empty() || records > snapshot.record_count() + 2 {
            return Plan::Whole;
        }
        Plan::Difference(entries)
    }
}

/// Fills messages with records and sends each when it is full.
struct Stream<'s> {
    stream: &'s mut TcpStream,
    idle: Duration,
    signer: Signer,
    question: Vec<u8>,
    message: Vec<u8>,
    count: u16,
    records: usize,
}

impl Stream<'_> {
    fn begin(&mut self) {
        self.message.clear();
        self.message.extend_from_slice(&self.question);
        self.message[2] = 0x84 | self.question[2] & 1; // QR, AA and RD as asked
        self.message[3] = 0;
        self.message[4..12].copy_from_slice(&[0, 1, 0, 0, 0, 0, 0, 0]);
        self.count = 0;
    }

    async fn rrsets(&mut self, apex: &[u8], rrsets: &[RRset]) -> io::Result<()> {
        for rrset in rrsets {
            let body = encode(rrset);
            let set = SetRef { rtype: rrset.rtype, count: rrset.values.len() as u16, body: &body };
            self.set(apex, rrset.name.key(), set).await?;
        }
        Ok(())
    }

    async fn set(&mut self, apex: &[u8], owner: &[u8], set: SetRef<'_>) -> io::Result<()> {
        for record in set.records() {
            if self.message.len() + 255 + record.len() > MESSAGE_MAX && self.count > 0 {
                self.flush().await?;
            }
            push_owner(&mut self.message, apex, owner);
            self.message.extend_from_slice(&record[2..]);
            self.count += 1;
            self.records += 1;
        }
        Ok(())
    }

    async fn flush(&mut self) -> io::Result<()> {
        if self.count == 0 {
            return Ok(());
        }
        self.message[6..8].copy_from_slice(&self.count.to_be_bytes());
        self.signer.sign(&mut self.message);
        if self.message.is_empty() {
            return Err(io::ErrorKind::InvalidData.into());
        }
        send_message(self.stream, &self.message, self.idle).await?;
        self.begin();
        Ok(())
    }
}

/// Writes the labels below the apex and a pointer to the apex, which is the question's name.
fn push_owner(message: &mut Vec<u8>, apex: &[u8], owner: &[u8]) {
    let below = owner.get(apex.len()..).unwrap_or_default();
    if let Some(labels) = below.strip_suffix(&[0]) {
        for label in labels.rsplit(|byte| *byte == 0) {
            let at = message.len();
            message.push(0);
            let mut bytes = label.iter();
            while let Some(byte) = bytes.next() {
                message.push(if *byte == 1 { bytes.next().map_or(0, |escaped| escaped - 2) } else { *byte });
            }
            message[at] = (message.len() - at - 1) as u8;
        }
    }
    message.extend_from_slice(&APEX_POINTER);
}
