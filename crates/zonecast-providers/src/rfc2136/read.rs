//! Reading: a whole zone by AXFR, single names by questions.

use super::{Known, Rfc2136};
use crate::{ErrorClass, ProviderError, ZoneRef};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use tokio::time::timeout_at;
use zonecast_core::{Name, Observed, ObservedRRset, ObservedValue, RecordData, RecordType, Ttl};
use zonecast_dns::{Connection, ConnectionError, Look, QueryError, ResponseCode, Update};

const ANY: RecordType = RecordType(255);
const HINFO: RecordType = RecordType(13);
/// Up to this many names are asked for one by one in a zone of unknown size.
const NARROW_MAX: usize = 256;
/// RRsets a transfer brings in the time of one question.
const RRSETS_PER_QUESTION: usize = 8;
/// What is asked for where neither ANY nor a transfer brings everything.
const TYPES: [u16; 28] = [
    1, 2, 5, 12, 13, 15, 16, 17, 18, 28, 29, 33, 35, 37, 39, 43, 44, 48, 52, 53, 59, 60, 61, 64, 65, 99, 256,
    257,
];

type Sets = BTreeMap<(Name, RecordType), (Ttl, Vec<ObservedValue>)>;

/// What questions of type ANY brought.
enum Asked {
    /// Everything at the names.
    All(Sets),
    /// A delegation hides something.
    Hidden,
    /// The server answers ANY with a part of what it has.
    Minimal,
}

impl Rfc2136 {
    /// Every RRset at these names.
    pub(super) async fn read_names(&self, zone: &ZoneRef, names: &[Name]) -> Result<Observed, ProviderError> {
        let mut wanted: Vec<Name> = names.iter().filter(|name| name.is_within(&zone.name)).cloned().collect();
        wanted.sort_unstable();
        wanted.dedup();
        if let Some(found) = self.read_wide(zone, &wanted).await? {
            return Ok(found);
        }
        if self.known(zone).minimal {
            return self.read_types(zone, &wanted).await;
        }
        let mut connection = self.connect(zone).await?;
        let asked = self.ask_names(zone, &mut connection, &wanted).await;
        self.put_back(connection);
        match asked? {
            Asked::All(sets) => Ok(observed(sets)),
            Asked::Hidden => self.read_behind(zone, &wanted).await,
            Asked::Minimal => {
                self.learn(zone, |known| known.minimal = true);
                match self.read_wide(zone, &wanted).await? {
                    Some(found) => Ok(found),
                    None => self.read_types(zone, &wanted).await,
                }
            }
        }
    }

    /// By transfer, where that is allowed and cheaper than questions.
    async fn read_wide(&self, zone: &ZoneRef, wanted: &[Name]) -> Result<Option<Observed>, ProviderError> {
        let known = self.known(zone);
        if known.no_transfer || is_narrow(&known, wanted.len()) {
            return Ok(None);
        }
        match self.transfer(zone).await {
            Ok(all) => Ok(Some(only(all, wanted))),
            Err(error) if error.class == ErrorClass::Unsupported => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Behind a delegation only a transfer shows what the zone holds.
    async fn read_behind(&self, zone: &ZoneRef, wanted: &[Name]) -> Result<Observed, ProviderError> {
        match self.transfer(zone).await {
            Ok(all) => Ok(only(all, wanted)),
            Err(mut error) => {
                error.message.push_str("; names at and below a delegation can only be read by transfer");
                Err(error)
            }
        }
    }

    /// The names by the types we know, and by those that were seen in the zone.
    async fn read_types(&self, zone: &ZoneRef, names: &[Name]) -> Result<Observed, ProviderError> {
        let mut connection = self.connect(zone).await?;
        let asked = self.ask_types(zone, &mut connection, names).await;
        self.put_back(connection);
        match asked? {
            Some(sets) => Ok(observed(sets)),
            None => self.read_behind(zone, names).await,
        }
    }

    /// The whole zone.
    pub(super) async fn transfer(&self, zone: &ZoneRef) -> Result<Observed, ProviderError> {
        let connection = self.connect(zone).await?;
        let server = connection.server();
        self.put_back(connection);
        let mut sets = Sets::new();
        let take = |name, ttl, data: RecordData, raw: &[u8]| take_record(&mut sets, name, ttl, data, raw);
        let transfer = zonecast_dns::axfr_raw(server, &zone.name, self.key.as_ref(), take);
        let ended = timeout_at(zone.deadline.into(), transfer).await;
        let ended = ended.unwrap_or(Err(QueryError::Timeout(server)));
        match ended {
            Ok(()) => {
                let types: BTreeSet<RecordType> = sets.keys().map(|(_, rtype)| *rtype).collect();
                self.learn(zone, |known| known.size = Some(sets.len()));
                self.learn_types(zone, types);
                Ok(observed(sets))
            }
            Err(QueryError::KeyRefused { fault, .. }) => {
                Err(self.refusal(zone, "the transfer", ResponseCode::NOTAUTH, Some(&fault)))
            }
            Err(QueryError::Refused { rcode, .. }) => Err(self.transfer_refused(zone, rcode).await),
            Err(error @ QueryError::BadSignature { .. }) => {
                Err(self.error(zone, ErrorClass::Unauthorized, &error.to_string()))
            }
            Err(error) => Err(self.error(zone, ErrorClass::Transient, &chain(&error))),
        }
    }

    /// A refused transfer: is it the zone, the key, or only the transfer?
    async fn transfer_refused(&self, zone: &ZoneRef, rcode: ResponseCode) -> ProviderError {
        if !matches!(rcode, ResponseCode::REFUSED | ResponseCode::NOTAUTH) {
            return self.refusal(zone, "the transfer", rcode, None);
        }
        let mut connection = match self.connect(zone).await {
            Ok(connection) => connection,
            Err(error) => return error,
        };
        if let Err(error) = self.check_zone(zone, &mut connection).await {
            return error;
        }
        self.learn(zone, |known| known.no_transfer = true);
        let words = format!(
            "{} answered {rcode}: it does not let us transfer the zone; listing it needs that (BIND: allow-transfer)",
            self.servers[0]
        );
        self.error(zone, ErrorClass::Unsupported, &words)
    }

    /// Types to ask for from now on.
    pub(super) fn learn_types(&self, zone: &ZoneRef, types: impl IntoIterator<Item = RecordType>) {
        let more = types.into_iter().filter(|rtype| *rtype != RecordType::SOA && !TYPES.contains(&rtype.0));
        let more: Vec<RecordType> = more.collect();
        if !more.is_empty() {
            self.learn(zone, |known| known.more_types.extend(more));
        }
    }

    /// Asks for the SOA: the server has the zone, speaks with authority, and knows the key.
    pub(super) async fn check_zone(
        &self,
        zone: &ZoneRef,
        connection: &mut Connection,
    ) -> Result<Look, ProviderError> {
        let look = connection.look(&[(zone.name.clone(), RecordType::SOA)], zone.deadline).await;
        let look =
            look.into_iter().next().ok_or_else(|| self.error(zone, ErrorClass::Transient, "not asked"))?;
        let look = look.map_err(|error| self.lost(zone, &error))?;
        self.judge_soa(zone, &look).await?;
        Ok(look)
    }

    async fn judge_soa(&self, zone: &ZoneRef, look: &Look) -> Result<(), ProviderError> {
        // These say nothing of the zone.
        let mute = [ResponseCode::SERVFAIL, ResponseCode::FORMERR, ResponseCode::NOTIMP];
        if mute.contains(&look.rcode)
            || look.fault.as_ref().is_some_and(|fault| *fault != zonecast_dns::TsigFault::Unsigned)
        {
            return Err(self.refusal(zone, "the question", look.rcode, look.fault.as_ref()));
        }
        let has_soa = look
            .records
            .iter()
            .any(|(name, _, data, _)| *name == zone.name && data.rtype() == RecordType::SOA);
        if look.authoritative && has_soa {
            return Ok(());
        }
        if look.fault.is_some() && self.is_served_unsigned(zone).await {
            return Err(self.refusal(zone, "the update", ResponseCode::REFUSED, look.fault.as_ref()));
        }
        let other = look.authority.iter().find(|(_, _, data)| data.rtype() == RecordType::SOA);
        let hint = match other {
            Some((name, _, _)) => format!("; the zone there is {name}"),
            None => String::new(),
        };
        let words = format!("{} does not serve this zone ({}){hint}", self.servers[0], look.rcode);
        Err(self.error(zone, ErrorClass::NoSuchZone, &words))
    }

    /// PowerDNS answers a wrong key like a missing zone: without the key the difference shows.
    async fn is_served_unsigned(&self, zone: &ZoneRef) -> bool {
        let Ok(connection) = self.connect(zone).await else { return false };
        let opened = Connection::open(connection.server(), None, zone.deadline).await;
        let Ok(mut plain) = opened else { return false };
        let looks = plain.look(&[(zone.name.clone(), RecordType::SOA)], zone.deadline).await;
        looks.into_iter().flatten().any(|look| look.authoritative && look.rcode == ResponseCode::NOERROR)
    }

    /// Asks for everything at each name.
    async fn ask_names(
        &self,
        zone: &ZoneRef,
        connection: &mut Connection,
        names: &[Name],
    ) -> Result<Asked, ProviderError> {
        let mut questions = vec![(zone.name.clone(), RecordType::SOA), (zone.name.clone(), ANY)];
        questions.extend(names.iter().map(|name| (name.clone(), ANY)));
        let looks = connection.look(&questions, zone.deadline).await;
        let mut looks = looks.into_iter().map(|look| look.map_err(|error| self.lost(zone, &error)));
        let mut next =
            || looks.next().unwrap_or_else(|| Err(self.error(zone, ErrorClass::Transient, "not asked")));
        self.judge_soa(zone, &next()?).await?;
        // The apex holds SOA and NS: a server that keeps one of them back keeps others back, too.
        let apex = next()?;
        let has = |rtype| apex.records.iter().any(|(_, _, data, _)| data.rtype() == rtype);
        if !has(RecordType::SOA) || !has(RecordType::NS) || has(HINFO) {
            return Ok(Asked::Minimal);
        }
        let mut sets = Sets::new();
        for name in names {
            if !self.take_look(zone, name, &next()?, &mut sets)? {
                return Ok(Asked::Hidden);
            }
        }
        self.drop_synthesised(zone, connection, &mut sets).await?;
        Ok(Asked::All(sets))
    }

    /// A question for each type at each name. `None` when a delegation hides something.
    async fn ask_types(
        &self,
        zone: &ZoneRef,
        connection: &mut Connection,
        names: &[Name],
    ) -> Result<Option<Sets>, ProviderError> {
        let types: Vec<RecordType> =
            TYPES.into_iter().map(RecordType).chain(self.known(zone).more_types).collect();
        let mut questions = vec![(zone.name.clone(), RecordType::SOA)];
        for name in names {
            let soa = (*name == zone.name).then_some(RecordType::SOA);
            questions.extend(types.iter().copied().chain(soa).map(|rtype| (name.clone(), rtype)));
        }
        let mut sets = Sets::new();
        let mut looks = connection.look(&questions, zone.deadline).await.into_iter();
        let soa = looks.next().unwrap_or_else(|| Err(not_asked(connection)));
        self.judge_soa(zone, &soa.map_err(|error| self.lost(zone, &error))?).await?;
        for ((name, rtype), look) in questions.iter().skip(1).zip(looks) {
            let mut look = look.map_err(|error| self.lost(zone, &error))?;
            // A CNAME answers for every type; it is taken once, for its own.
            look.records.retain(|(_, _, data, _)| data.rtype() == *rtype);
            let ds = *rtype == RecordType::DS;
            if !self.take_look(zone, name, &look, &mut sets)? && !ds {
                return Ok(None);
            }
        }
        self.drop_synthesised(zone, connection, &mut sets).await?;
        Ok(Some(sets))
    }

    /// Takes what one answer says of a name; `false` where it only points to somebody else.
    fn take_look(
        &self,
        zone: &ZoneRef,
        name: &Name,
        look: &Look,
        sets: &mut Sets,
    ) -> Result<bool, ProviderError> {
        match look.rcode {
            ResponseCode::NXDOMAIN => return Ok(true),
            ResponseCode::NOERROR => {}
            rcode => return Err(self.refusal(zone, "the question", rcode, look.fault.as_ref())),
        }
        let referral = look.authority.iter().any(|(owner, _, data)| {
            data.rtype() == RecordType::NS && *owner != zone.name && owner.is_within(&zone.name)
        });
        if !look.authoritative && referral {
            return Ok(false);
        }
        // A DNAME above makes up a CNAME here.
        let made_up = look.records.iter().any(|(owner, _, data, _)| {
            data.rtype() == RecordType::DNAME && owner != name && name.is_within(owner)
        });
        for (owner, ttl, data, raw) in &look.records {
            if owner == name && !(made_up && data.rtype() == RecordType::CNAME) {
                take_record(sets, owner.clone(), *ttl, data.clone(), raw);
            }
        }
        Ok(true)
    }

    /// Takes out what a wildcard answered for a name that is not there.
    async fn drop_synthesised(
        &self,
        zone: &ZoneRef,
        connection: &mut Connection,
        sets: &mut Sets,
    ) -> Result<(), ProviderError> {
        let found: BTreeSet<Name> = sets.keys().map(|(name, _)| name.clone()).collect();
        let parents: BTreeSet<Name> = found
            .iter()
            .filter(|name| **name != zone.name && !name.is_wildcard())
            .flat_map(|name| name.up_to(&zone.name).into_iter().skip(1))
            .collect();
        let wildcards = parents.iter().filter_map(|parent| parent.child("*").ok());
        let questions: Vec<(Name, RecordType)> = wildcards.map(|name| (name, ANY)).collect();
        if questions.is_empty() {
            return Ok(());
        }
        let mut below = Vec::new();
        let looks = connection.look(&questions, zone.deadline).await;
        for ((wildcard, _), look) in questions.iter().zip(looks) {
            let look = look.map_err(|error| self.lost(zone, &error))?;
            if look.rcode == ResponseCode::NOERROR && !look.records.is_empty() {
                below.extend(wildcard.parent());
            }
        }
        let doubtful: Vec<Name> = found
            .into_iter()
            .filter(|name| below.iter().any(|parent| name != parent && name.is_within(parent)))
            .filter(|name| !name.is_wildcard())
            .collect();
        let updates: Vec<Update> = doubtful
            .iter()
            .map(|name| {
                let mut update = Update::new(zone.name.clone());
                update.require_name(name);
                update
            })
            .collect();
        let answers = connection.update(&updates, 16, zone.deadline).await;
        for (name, answer) in doubtful.into_iter().zip(answers) {
            let answer = answer.map_err(|error| self.lost(zone, &error))?;
            if answer.rcode == ResponseCode::NXDOMAIN {
                sets.retain(|(owner, _), _| *owner != name);
            }
        }
        Ok(())
    }
}

/// Whether asking for so many names is cheaper than a transfer.
fn is_narrow(known: &Known, names: usize) -> bool {
    match (known.minimal, known.size) {
        (true, Some(size)) => names * (TYPES.len() + known.more_types.len()) * RRSETS_PER_QUESTION <= size,
        // The transfer also shows which types there are.
        (true, None) => false,
        (false, Some(size)) => names <= 16 || names * RRSETS_PER_QUESTION <= size,
        (false, None) => names <= NARROW_MAX,
    }
}

fn not_asked(connection: &Connection) -> ConnectionError {
    ConnectionError::NotSent { server: connection.server(), reason: "not asked".to_owned() }
}

/// One more record. What a signer makes is left out.
fn take_record(sets: &mut Sets, name: Name, ttl: Ttl, data: RecordData, raw: &[u8]) {
    let rtype = data.rtype();
    if rtype.is_dnssec_made() {
        return;
    }
    let raw = (raw != data.wire()).then(|| spell(raw));
    let set = sets.entry((name, rtype)).or_insert_with(|| (ttl, Vec::with_capacity(1)));
    set.0 = set.0.min(ttl);
    set.1.push(ObservedValue { data, raw, disabled: false });
}

/// Data as the server spells it, as text: `\# length hex`.
fn spell(raw: &[u8]) -> Box<str> {
    let mut text = format!("\\# {} ", raw.len());
    for byte in raw {
        // Writing to a string cannot fail.
        let _ = write!(text, "{byte:02X}");
    }
    text.into()
}

/// The wire form of a value as the server spells it.
pub(super) fn spelled(value: &ObservedValue) -> Vec<u8> {
    let hex = value.raw.as_deref().and_then(|raw| raw.rsplit_once(' ')).map(|(_, hex)| hex);
    let bytes = hex.and_then(|hex| {
        let pairs = hex.as_bytes().chunks_exact(2);
        pairs.map(|pair| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok()).collect()
    });
    bytes.unwrap_or_else(|| value.data.wire().to_vec())
}

fn observed(sets: Sets) -> Observed {
    let sets = sets.into_iter();
    Observed::new(
        sets.map(|((name, rtype), (ttl, values))| ObservedRRset::new(name, rtype, ttl, values)).collect(),
    )
}

fn only(mut all: Observed, wanted: &[Name]) -> Observed {
    all.rrsets.retain(|set| wanted.binary_search(&set.name).is_ok());
    all
}

fn chain(error: &QueryError) -> String {
    match std::error::Error::source(error) {
        Some(cause) => format!("{error}: {cause}"),
        None => error.to_string(),
    }
}
