//! Writing: changes as guarded messages, and the truth about each of them afterwards.
//!
//! What belongs together is never torn: its prerequisites (the sets as they were read), its deletions,
//! its additions. Messages are sent several at a time over one connection. What the server took is
//! checked by messages of prerequisites only, because NOERROR does not mean done.

use super::Rfc2136;
use super::read::spelled;
use super::rules::{BYTES_MAX, adds_address, refuse};
use crate::hand::{Blame, Ended, Hand, Refusal, Service, Unit, packed};
use crate::{ErrorClass, Outcome, Provider, ProviderError, ZoneRef};
use async_trait::async_trait;
use std::sync::atomic::{AtomicBool, Ordering};
use tokio::sync::Mutex;
use zonecast_core::{Change, Name, Observed, RRset, RecordData, RecordType};
use zonecast_dns::{Connection, ConnectionError, ResponseCode, Update, UpdateAnswer};

/// Bytes and records of a message, prerequisites counted.
const ROOM: [usize; 2] = [BYTES_MAX, 1_500];
/// Messages unanswered at a time.
const IN_FLIGHT: usize = 4;

/// What makes a name as wanted if it is as it was read, and what asks whether it is as wanted.
struct Piece {
    order: Update,
    question: Update,
}

/// One write.
struct Messages<'a> {
    server: &'a Rfc2136,
    zone: &'a ZoneRef,
    connection: Mutex<Connection>,
    /// Whether a refusal was found to be about records, not about the zone.
    zone_is_open: AtomicBool,
}

#[async_trait]
impl Service for Messages<'_> {
    type Piece = Piece;

    fn piece(&self, seen: &Observed, together: &[&Change]) -> Result<Piece, String> {
        Ok(Piece { order: self.order(seen, together), question: self.question(seen, together) })
    }

    fn weight(&self, piece: &Piece) -> [usize; 2] {
        weight(&piece.order)
    }

    fn room(&self) -> [usize; 2] {
        ROOM
    }

    async fn look(&self, names: &[Name]) -> Result<Observed, ProviderError> {
        self.server.read_names(self.zone, names).await
    }

    async fn send(&self, batch: &[Unit<Piece>]) -> Ended {
        self.talk(&[batch]).await.pop().unwrap_or(Ok(Vec::new()))
    }

    async fn send_all(&self, batches: &[Vec<Unit<Piece>>]) -> Vec<Ended> {
        self.talk(&batches.iter().map(Vec::as_slice).collect::<Vec<_>>()).await
    }
}

impl Messages<'_> {
    /// Sends orders, and asks after those that were taken.
    async fn talk(&self, batches: &[&[Unit<Piece>]]) -> Vec<Ended> {
        let orders: Vec<Update> =
            batches.iter().map(|batch| self.message(batch.iter().map(|unit| &unit.piece.order))).collect();
        let mut connection = self.connection.lock().await;
        let answers = connection.update(&orders, IN_FLIGHT, self.zone.deadline).await;
        let mut ended = Vec::with_capacity(batches.len());
        for answer in answers {
            let refused = self.judge(answer);
            ended.push(match refused {
                Err(Refusal { error, blame: Blame::Something, .. }) => {
                    Err(self.blame(&mut connection, error).await)
                }
                other => other,
            });
        }
        self.check(&mut connection, batches, &mut ended).await;
        ended
    }
}

impl Rfc2136 {
    /// Sends `changes`; exactly one outcome for each, in order.
    pub(super) async fn write(&self, zone: &ZoneRef, seen: &Observed, changes: &[Change]) -> Vec<Outcome> {
        self.learn_types(zone, changes.iter().map(Change::rtype));
        let connection = match self.connect(zone).await {
            Ok(connection) => Mutex::new(connection),
            Err(error) => return vec![Outcome::Failed(error); changes.len()],
        };
        let messages = Messages { server: self, zone, connection, zone_is_open: AtomicBool::new(false) };
        let mut hand =
            Hand::new(&messages, (zone, self.capabilities()), seen, changes, |change| refuse(zone, change));
        // Addresses first: BIND refuses an MX to a name of the zone that has none yet.
        hand.write_those(adds_address).await;
        let outcomes = hand.write().await;
        self.put_back(messages.connection.into_inner());
        outcomes
    }
}

impl Messages<'_> {
    fn message<'u>(&self, pieces: impl Iterator<Item = &'u Update>) -> Update {
        let mut message = Update::new(self.zone.name.clone());
        pieces.for_each(|piece| message.append(piece));
        message
    }

    fn judge(&self, answer: Result<UpdateAnswer, ConnectionError>) -> Ended {
        let answer = answer.map_err(|error| Refusal {
            unknown: !matches!(error, ConnectionError::NotSent { .. }),
            error: self.server.lost(self.zone, &error),
            blame: Blame::Service,
        })?;
        if answer.rcode == ResponseCode::NOERROR {
            return Ok(Vec::new());
        }
        let error = self.server.refusal(self.zone, "the update", answer.rcode, answer.fault.as_ref());
        let blame = match (answer.rcode, &error.class) {
            (_, ErrorClass::Conflict) => Blame::Moved,
            // The probe finds out whether it is about a record or about the whole zone. BIND answers
            // SERVFAIL for a set above its max-records-per-type, PowerDNS an unsigned REFUSED for all.
            (ResponseCode::FORMERR | ResponseCode::REFUSED | ResponseCode::SERVFAIL, _) => Blame::Something,
            _ => Blame::Service,
        };
        Err(Refusal { error, unknown: false, blame })
    }

    /// What a refused message is about: the zone, or one record in it.
    async fn blame(&self, connection: &mut Connection, mut error: ProviderError) -> Refusal {
        if !self.zone_is_open.load(Ordering::Relaxed) {
            if let Err(error) = self.server.probe(self.zone, connection).await {
                return Refusal { error, unknown: false, blame: Blame::Service };
            }
            self.zone_is_open.store(true, Ordering::Relaxed);
        }
        if error.class != ErrorClass::Transient {
            error.class = ErrorClass::Rejected;
        }
        error.message.push_str(
            "; it takes other records of this zone, so its policy or its checks are against this one \
             (BIND: update-policy, check-names, an MX to a name without address)",
        );
        Refusal { error, unknown: false, blame: Blame::Something }
    }

    /// Asks whether what was taken is there now, by prerequisites alone.
    async fn check(&self, connection: &mut Connection, batches: &[&[Unit<Piece>]], ended: &mut [Ended]) {
        let taken = batches.iter().zip(ended.iter()).enumerate().filter(|(_, (_, ended))| ended.is_ok());
        let places = taken.flat_map(|(batch, (units, _))| (0..units.len()).map(move |unit| (batch, unit)));
        let question = |(batch, unit): &(usize, usize)| &batches[*batch][*unit].piece.question;
        let groups = packed(places.collect(), ROOM, |place| weight(question(place)));
        let messages: Vec<Update> =
            groups.iter().map(|group| self.message(group.iter().map(question))).collect();
        let answers = connection.update(&messages, IN_FLIGHT, self.zone.deadline).await;
        for (group, answer) in groups.iter().zip(answers) {
            let Err(refusal) = self.judge(answer) else { continue };
            for (batch, unit) in group {
                match (&refusal.blame, &mut ended[*batch]) {
                    (Blame::Moved, Ok(absent)) => absent.push(*unit),
                    // It was taken, and nobody could look.
                    (_, ended @ Ok(_)) => {
                        let error = refusal.error.clone();
                        *ended = Err(Refusal { error, unknown: true, blame: Blame::Service });
                    }
                    (_, Err(_)) => {}
                }
            }
        }
    }

    /// What makes one name as wanted, only if it is as it was read.
    fn order(&self, seen: &Observed, together: &[&Change]) -> Update {
        let mut update = Update::new(self.zone.name.clone());
        let changes = || together.iter().copied();
        let deletes =
            |rtype: RecordType| changes().any(|change| change.after().is_none() && change.rtype() == rtype);
        let name = together[0].name();
        for change in changes() {
            match change.before() {
                Some(before) => {
                    let values = spelled_set(seen, before);
                    update.require_exactly(name, before.rtype, values.iter().map(Vec::as_slice));
                }
                None => update.require_absent(name, change.rtype()),
            }
        }
        let brings_cname =
            changes().any(|change| change.rtype() == RecordType::CNAME && change.before().is_none());
        let alone = changes().all(|change| change.after().is_some());
        if brings_cname && alone {
            update.require_no_name(name);
        } else if !changes().any(|change| change.rtype() == RecordType::CNAME)
            && changes().any(|change| change.after().is_some())
            && !deletes(RecordType::CNAME)
        {
            update.require_absent(name, RecordType::CNAME);
        }
        for change in changes().filter(|change| change.after().is_none()) {
            update.delete_set(name, change.rtype());
        }
        for change in changes() {
            self.exchange(seen, &mut update, change);
        }
        update
    }

    /// The values that go and come. Neighbours that stay are not in the message, unless the TTL changes.
    fn exchange(&self, seen: &Observed, update: &mut Update, change: &Change) {
        let Some(after) = change.after() else { return };
        let (name, rtype) = (&after.name, after.rtype);
        let held = seen.get(name, rtype).map(|set| set.ttl);
        let before = change.before();
        let ttl_stays = before.is_some_and(|before| held.unwrap_or(before.ttl) == after.ttl);
        let stays =
            |data: &RecordData| ttl_stays && before.is_some_and(|before| before.values.contains(data));
        let gone: Vec<&RecordData> = before
            .into_iter()
            .flat_map(|before| &before.values)
            .filter(|data| !after.values.contains(data))
            .collect();
        // The last NS of the apex cannot go, so the new ones come first.
        let is_apex_ns = rtype == RecordType::NS && *name == self.zone.name;
        if before.is_some() && !ttl_stays && !is_apex_ns {
            update.delete_set(name, rtype);
        } else if !is_apex_ns {
            gone.iter().for_each(|data| update.delete_value(name, rtype, &spell(seen, name, data)));
        }
        for data in after.values.iter().filter(|data| !stays(data)) {
            update.add(name, rtype, after.ttl, &spell(seen, name, data));
        }
        if is_apex_ns {
            gone.iter().for_each(|data| update.delete_value(name, rtype, &spell(seen, name, data)));
        }
    }

    /// Whether one name is as wanted.
    fn question(&self, seen: &Observed, together: &[&Change]) -> Update {
        let mut update = Update::new(self.zone.name.clone());
        for change in together {
            match change.after() {
                Some(after) => {
                    let values = spelled_set(seen, after);
                    update.require_exactly(&after.name, after.rtype, values.iter().map(Vec::as_slice));
                }
                None => update.require_absent(change.name(), change.rtype()),
            }
        }
        update
    }
}

fn spelled_set(seen: &Observed, set: &RRset) -> Vec<Vec<u8>> {
    set.values.iter().map(|data| spell(seen, &set.name, data)).collect()
}

/// A value as the server spells it, where it was seen there.
fn spell(seen: &Observed, name: &Name, data: &RecordData) -> Vec<u8> {
    let there = seen.get(name, data.rtype());
    let there = there.and_then(|set| set.values.iter().find(|value| value.data == *data));
    there.map_or_else(|| data.wire().to_vec(), spelled)
}

fn weight(update: &Update) -> [usize; 2] {
    [update.size(), update.records()]
}
