//! Zonecast's own authority as a provider: no wire, no secrets, and the only one with a real guard.
//!
//! A change is written only if its RRset is still what the caller read: the zone's serial is compared
//! in the same step that publishes the next one. Somebody who changed another RRset meanwhile (an
//! UPDATE, another host) is no conflict; the same RRset is. A call is one transaction and one serial,
//! however many changes it has; changes that cannot stand are taken out of it first.

use crate::fields::{Kind, no_more_to_check, one};
use crate::vet::refuse;
use crate::{ErrorClass, Outcome, Provider, ProviderError, TestReport, ZoneRef, ZoneSeed};
use async_trait::async_trait;
use std::sync::Arc;
use zonecast_core::{
    Capabilities, Change, Guard, Name, Observed, ObservedRRset, RRset, RecordType, Serial, Ttl,
};
use zonecast_dns::{
    Authority, AuthorityError, ChangeOptions, Edit, EditError, Soa, ZoneSettings, ZoneSnapshot,
};

/// How often a change is tried again because the zone moved elsewhere meanwhile.
const TRIES: usize = 16;

/// Zonecast itself, for the list of kinds.
pub fn kind() -> Kind {
    Kind {
        name: "embedded",
        label: "Zonecast itself",
        fields: &[],
        capabilities: capabilities(),
        docs: "docs/providers/embedded.md",
        check: no_more_to_check,
        connect: |_, deps| match &deps.authority {
            Some(authority) => Ok(Arc::new(Embedded::new(authority.clone(), deps.dns_servers.clone()))),
            None => Err(one("provider", "no authority runs in this process".to_owned())),
        },
    }
}

/// What a new zone begins with: SOA and the NS of its apex.
pub fn new_zone(name: &Name, seed: &ZoneSeed) -> Vec<RRset> {
    let soa = Soa {
        primary: seed.primary.clone(),
        mailbox: seed.mailbox.clone(),
        serial: Serial(1),
        refresh: 10_800,
        retry: 3_600,
        expire: 1_209_600,
        minimum: 300,
    };
    let server = |server| zonecast_core::RecordData::single_name(RecordType::NS, server);
    let servers = seed.name_servers.iter().map(server).collect();
    vec![soa.to_rrset(name, Ttl::DEFAULT), RRset::new(name.clone(), RecordType::NS, Ttl::DEFAULT, servers)]
}

/// The zones of this process (or of this cluster).
pub struct Embedded {
    authority: Authority,
    dns_servers: Vec<String>,
}

impl Embedded {
    /// The provider over an authority that answers at `dns_servers` (`ip:port`).
    pub fn new(authority: Authority, dns_servers: Vec<String>) -> Embedded {
        Embedded { authority, dns_servers }
    }

    fn snapshot(&self, zone: &ZoneRef) -> Result<Arc<ZoneSnapshot>, ProviderError> {
        self.authority.snapshot(&zone.name).ok_or_else(|| no_such_zone(zone))
    }

    /// One attempt for what has no outcome yet; `true` when it has to be tried again.
    async fn attempt(
        &self,
        zone: &ZoneRef,
        changes: &[Change],
        outcomes: &mut [Option<Outcome>],
    ) -> Result<bool, Outcome> {
        let now = self.snapshot(zone).map_err(Outcome::Failed)?;
        let edits = edits(zone, &now, changes, outcomes);
        if edits.is_empty() {
            return Ok(false);
        }
        let options = ChangeOptions { expected_serial: Some(now.serial()), min_serial: None };
        let work = self.authority.apply(&zone.name, edits, options);
        let Ok(applied) = tokio::time::timeout_at(zone.deadline.into(), work).await else {
            // A change that has begun runs to its end.
            return Err(Outcome::Unknown(about(zone, ErrorClass::Transient, "the store took too long")));
        };
        match applied {
            Ok(_) => {
                outcomes.iter_mut().for_each(|outcome| {
                    outcome.get_or_insert(Outcome::Done);
                });
                Ok(false)
            }
            Err(AuthorityError::SerialMoved { .. }) => Ok(true),
            Err(AuthorityError::Invalid(error)) => match take_out(zone, &error, changes, outcomes) {
                true => Ok(true),
                false => Err(Outcome::Failed(about(zone, ErrorClass::Rejected, &error.to_string()))),
            },
            Err(AuthorityError::NoSuchZone(_)) => Err(Outcome::Failed(no_such_zone(zone))),
            Err(error) => Err(Outcome::Unknown(about(zone, ErrorClass::Transient, &chain(&error)))),
        }
    }
}

#[async_trait]
impl Provider for Embedded {
    fn capabilities(&self) -> Capabilities {
        capabilities()
    }

    async fn test(&self, zone: &ZoneRef) -> TestReport {
        let found = self.authority.snapshot(&zone.name);
        let message = match &found {
            Some(found) => format!("{} is served here, serial {}", zone.name, found.serial().0),
            None => format!("there is no zone {} here yet", zone.name),
        };
        let there = found.is_some();
        TestReport {
            ok: there,
            reachable: true,
            authorised: true,
            zone_matches: there,
            can_write: there,
            message,
            advice: Vec::new(),
        }
    }

    async fn read(&self, zone: &ZoneRef, names: &[Name]) -> Result<Observed, ProviderError> {
        let now = self.snapshot(zone)?;
        let mut names: Vec<&Name> = names.iter().collect();
        names.sort_unstable();
        names.dedup();
        let sets = names.into_iter().flat_map(|name| now.rrsets_at(name));
        Ok(observed(sets, now.serial()))
    }

    async fn list(&self, zone: &ZoneRef) -> Result<Observed, ProviderError> {
        let now = self.snapshot(zone)?;
        Ok(observed(now.rrsets(), now.serial()))
    }

    async fn apply(&self, zone: &ZoneRef, _seen: &Observed, changes: &[Change]) -> Vec<Outcome> {
        let (limits, blank) = (capabilities(), Observed::default());
        let vet = |change: &Change| refuse(zone, &limits, &blank, change).map(Outcome::Failed);
        let mut outcomes: Vec<Option<Outcome>> = changes.iter().map(vet).collect();
        let mut tries = 0;
        let rest = loop {
            let refused = outcomes.iter().flatten().count();
            match self.attempt(zone, changes, &mut outcomes).await {
                Ok(false) => break Outcome::Done,
                Err(outcome) => break outcome,
                Ok(true) if outcomes.iter().flatten().count() > refused => {}
                Ok(true) if tries < TRIES => tries += 1,
                Ok(true) => {
                    break Outcome::Failed(about(
                        zone,
                        ErrorClass::Conflict,
                        "the zone does not stand still",
                    ));
                }
            }
        };
        outcomes.into_iter().map(|outcome| outcome.unwrap_or_else(|| rest.clone())).collect()
    }

    async fn create_zone(&self, zone: &ZoneRef, seed: &ZoneSeed) -> Result<Option<String>, ProviderError> {
        let rrsets = new_zone(&zone.name, seed);
        let made = self.authority.create_zone(zone.name.clone(), rrsets, ZoneSettings::default()).await;
        match made {
            Ok(_) | Err(AuthorityError::ZoneExists(_)) => Ok(None),
            Err(AuthorityError::Invalid(error)) => Err(about(zone, ErrorClass::Rejected, &error.to_string())),
            Err(error) => Err(about(zone, ErrorClass::Transient, &chain(&error))),
        }
    }

    async fn delete_zone(&self, zone: &ZoneRef) -> Result<(), ProviderError> {
        match self.authority.delete_zone(&zone.name).await {
            Ok(()) | Err(AuthorityError::NoSuchZone(_)) => Ok(()),
            Err(error) => Err(about(zone, ErrorClass::Transient, &chain(&error))),
        }
    }

    async fn dns_servers(&self, _zone: &ZoneRef) -> Vec<String> {
        self.dns_servers.clone()
    }

    fn physical_id(&self, zone: &ZoneRef) -> String {
        format!("embedded|{}", zone.name.absolute())
    }
}

/// What the authority can hold.
pub fn capabilities() -> Capabilities {
    Capabilities { guard: Guard::CompareAndSet, write_concurrency: 8, ..Capabilities::unlimited() }
}

fn observed(sets: impl Iterator<Item = RRset>, serial: Serial) -> Observed {
    let sets = sets.filter(|set| !set.rtype.is_dnssec_made()).map(ObservedRRset::from);
    let mut observed = Observed::new(sets.collect());
    observed.token = Some(serial.0.to_string());
    observed
}

/// The edits of what is still open: what is there already is done, what somebody else changed since
/// the read is a conflict.
fn edits(
    zone: &ZoneRef,
    now: &ZoneSnapshot,
    changes: &[Change],
    outcomes: &mut [Option<Outcome>],
) -> Vec<Edit> {
    let mut edits = Vec::with_capacity(changes.len());
    for (change, outcome) in changes.iter().zip(outcomes).filter(|(_, outcome)| outcome.is_none()) {
        let present = now.rrset(change.name(), change.rtype());
        if present.as_ref() == change.after() {
            *outcome = Some(Outcome::Done);
        } else if present.as_ref() != change.before() {
            let words = format!("{} {} was changed by somebody else", change.name(), change.rtype());
            *outcome = Some(Outcome::Failed(about(zone, ErrorClass::Conflict, &words)));
        } else {
            edits.push(match change.after() {
                Some(set) => Edit::Set(set.clone()),
                None => Edit::Delete(change.name().clone(), change.rtype()),
            });
        }
    }
    edits
}

/// Gives their outcome to the changes an error speaks of; a type that gives way to another at the
/// same name goes with it. `false` when it speaks of none.
fn take_out(zone: &ZoneRef, error: &EditError, changes: &[Change], outcomes: &mut [Option<Outcome>]) -> bool {
    let is_it = |change: &Change| match error {
        EditError::OutsideZone { name, .. } | EditError::CnameBesideData(name) => change.name() == name,
        EditError::OneValueOnly { name, rtype } | EditError::TooLarge { name, rtype } => {
            change.name() == name && change.rtype() == *rtype
        }
        EditError::MetaType(rtype) => change.rtype() == *rtype,
        EditError::Apex(_) => matches!(change.rtype(), RecordType::SOA) || *change.name() == zone.name,
    };
    let open = |outcomes: &[Option<Outcome>], index: usize| outcomes[index].is_none();
    let culprits: Vec<usize> =
        (0..changes.len()).filter(|index| open(outcomes, *index) && is_it(&changes[*index])).collect();
    for culprit in &culprits {
        let name = changes[*culprit].name();
        let swap = (0..changes.len())
            .any(|index| changes[index].name() == name && matches!(changes[index], Change::Delete(_)));
        for index in 0..changes.len() {
            if index == *culprit || (swap && changes[index].name() == name && open(outcomes, index)) {
                let mut refused = about(zone, ErrorClass::Rejected, &error.to_string());
                refused.culprit = Some(*culprit);
                outcomes[index] = Some(Outcome::Failed(refused));
            }
        }
    }
    !culprits.is_empty()
}

fn no_such_zone(zone: &ZoneRef) -> ProviderError {
    ProviderError::new(ErrorClass::NoSuchZone, format!("there is no zone {} here", zone.name))
}

fn about(zone: &ZoneRef, class: ErrorClass, words: &str) -> ProviderError {
    ProviderError::new(class, format!("{}: {words}", zone.name))
}

fn chain(error: &AuthorityError) -> String {
    let mut words = error.to_string();
    let mut cause = std::error::Error::source(error);
    while let Some(deeper) = cause {
        words.push_str(": ");
        words.push_str(&deeper.to_string());
        cause = deeper.source();
    }
    words
}
