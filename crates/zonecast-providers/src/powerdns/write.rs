//! Writing: PATCHes that are as few and as large as the server takes, and the RRset that a refusal names.
//!
//! A PATCH is one transaction: all of it or nothing. Its cost is that of the zone, not of the change,
//! so there should be few. Up to 5,000 RRsets and 1.4 MB go into one (the server's own limit is
//! 2 MB by default, and it answers a plain 400 above it).

use super::PowerDns;
use super::wire::{Element, Escapes, ZoneInfo, escape_probe, escapes_of, to_wire};
use crate::hand::{Blame, Ended, Hand, Refusal, Service, Unit};
use crate::{ErrorClass, Outcome, Provider, ProviderError, ZoneRef};
use async_trait::async_trait;
use reqwest::Method;
use tokio::sync::OnceCell;
use zonecast_core::{Change, Name, Observed, RecordType};

/// RRsets and bytes of one PATCH.
const ROOM: [usize; 2] = [5_000, 1_400_000];

/// One RRset of a PATCH.
struct Entry {
    element: Element,
    /// The same for a server that reads escapes twice, where there are some.
    twice: Option<Element>,
    /// `name. TYPE` as the server's refusals spell it.
    key: (String, String),
}

/// One write.
struct Patches<'a> {
    server: &'a PowerDns,
    zone: &'a ZoneRef,
    info: &'a ZoneInfo,
    escapes: OnceCell<Escapes>,
}

#[async_trait]
impl Service for Patches<'_> {
    type Piece = Vec<Entry>;

    fn piece(&self, seen: &Observed, together: &[&Change]) -> Result<Vec<Entry>, String> {
        let entry = |change: &&Change| {
            let (name, rtype) = (change.name(), change.rtype());
            let element = to_wire(change, seen.get(name, rtype), Escapes::Once);
            let twice = element.has_escapes().then(|| to_wire(change, seen.get(name, rtype), Escapes::Twice));
            Entry { element, twice, key: (name.absolute(), rtype.to_string()) }
        };
        Ok(together.iter().map(entry).collect())
    }

    fn weight(&self, entries: &Vec<Entry>) -> [usize; 2] {
        [entries.len(), entries.iter().map(|entry| entry.element.json.len() + 1).sum()]
    }

    fn room(&self) -> [usize; 2] {
        ROOM
    }

    async fn look(&self, names: &[Name]) -> Result<Observed, ProviderError> {
        self.server.read_names(self.zone, names).await
    }

    async fn send(&self, batch: &[Unit<Vec<Entry>>]) -> Ended {
        let entries = || batch.iter().flat_map(|unit| &unit.piece);
        let service = |error| Refusal { error, unknown: false, blame: Blame::Service };
        let twice = entries().any(|entry| entry.twice.is_some()) && {
            let asked = self.escapes.get_or_try_init(|| self.server.escapes(self.zone, self.info)).await;
            *asked.map_err(service)? == Escapes::Twice
        };
        let spelled = |entry: &'_ Entry| match &entry.twice {
            Some(other) if twice => other.json.clone(),
            _ => entry.element.json.clone(),
        };
        // What gives way goes first; in one PATCH nobody sees the moment between.
        let (goes, comes): (Vec<&Entry>, Vec<&Entry>) = entries().partition(|entry| entry.element.is_delete);
        let sets: Vec<String> = goes.into_iter().chain(comes).map(spelled).collect();
        let body = format!("{{\"rrsets\":[{}]}}", sets.join(","));
        self.server.patch(self.zone, self.info, body).await.map_err(|mut refusal| {
            if let Some((name, rtype)) = named_in(&refusal.error.message)
                && matches!(refusal.blame, Blame::Something)
            {
                let is_it = |entry: &Entry| entry.key.0.eq_ignore_ascii_case(name) && entry.key.1 == rtype;
                let unit = batch.iter().position(|unit| unit.piece.iter().any(is_it));
                refusal.blame = Blame::of(unit, &refusal.error);
            }
            refusal
        })
    }
}

impl PowerDns {
    /// Sends `changes`; exactly one outcome for each, in order.
    pub(super) async fn write(
        &self,
        zone: &ZoneRef,
        info: &ZoneInfo,
        seen: &Observed,
        changes: &[Change],
    ) -> Vec<Outcome> {
        let patches = Patches { server: self, zone, info, escapes: OnceCell::new() };
        Hand::new(&patches, (zone, self.capabilities()), seen, changes, |_| None).write().await
    }

    /// How this server reads escapes. Asked anew by every write that has some: a server may be upgraded
    /// at any time, and what it got wrong would look right to it.
    async fn escapes(&self, zone: &ZoneRef, info: &ZoneInfo) -> Result<Escapes, ProviderError> {
        let request = self.call(Method::PATCH, &self.zone_path(zone, info)).body(escape_probe(&zone.name));
        // Nothing was asked for that could have been done.
        let answer = self.http.send(request, zone.deadline).await;
        let answer = answer.map_err(|failure| super::about(zone, failure.error))?;
        let error = self.refusal(zone, &answer);
        match answer.status.as_u16() {
            422 if error.class == ErrorClass::Rejected => Ok(escapes_of(&error.message)),
            _ => Err(error),
        }
    }

    async fn patch(&self, zone: &ZoneRef, info: &ZoneInfo, body: String) -> Ended {
        let request = self.call(Method::PATCH, &self.zone_path(zone, info)).body(body);
        let answer = self.http.send(request, zone.deadline).await.map_err(|failure| Refusal {
            error: super::about(zone, failure.error),
            unknown: failure.may_have_arrived,
            blame: Blame::Service,
        })?;
        if answer.status.as_u16() == 204 {
            return Ok(Vec::new());
        }
        let mut error = self.refusal(zone, &answer);
        if answer.status.is_success() {
            error.message.push_str(" (a write is answered with 204)");
            return Err(Refusal { error, unknown: true, blame: Blame::Service });
        }
        let blame = match answer.status.as_u16() {
            // 400 without a reason is also how a body beyond webserver-max-bodysize is answered.
            400 | 413 if named_in(&error.message).is_none() => {
                error.message.push_str("; a set this large may need a higher webserver-max-bodysize");
                Blame::Something
            }
            400 | 413 => Blame::Something,
            422 if error.class == ErrorClass::Rejected => Blame::Something,
            _ => Blame::Service,
        };
        // A proxy answered for the server, which may be at it still.
        Err(Refusal { error, unknown: matches!(answer.status.as_u16(), 502 | 504), blame })
    }
}

/// The RRset a refusal speaks of: `RRset b.example. IN CNAME: ...`, `Duplicate record in RRset
/// a.example. IN A with ...`, `Record b.example./A '192.0.2.300': ...` (4.7 to 5.1).
fn named_in(words: &str) -> Option<(&str, &str)> {
    if let Some((_, rest)) = words.split_once("RRset ")
        && let Some((name, rest)) = rest.split_once(" IN ")
        && !name.contains(' ')
    {
        return Some((name, rest.split([':', ' ']).next()?));
    }
    let (_, rest) = words.split_once("Record ")?;
    let (key, _) = rest.split_once(' ')?;
    key.rsplit_once('/')
}

/// Whether these changes may add or remove an empty non-terminal or a delegation, which PowerDNS
/// knows only after a rectify.
pub(super) fn needs_rectify(zone: &Name, changes: &[Change], outcomes: &[Outcome]) -> bool {
    changes.iter().zip(outcomes).filter(|(_, outcome)| **outcome == Outcome::Done).any(|(change, _)| {
        let appears = !matches!(change, Change::Replace { .. });
        let deep = change.name().label_count() > zone.label_count() + 1;
        appears && (deep || (change.rtype() == RecordType::NS && change.name() != zone))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refusals_name_their_rrset() {
        for (words, name, rtype) in [
            ("RRset b.example.org. IN CNAME: Conflicts with pre-existing RRset", "b.example.org.", "CNAME"),
            ("RRset c.example.org. IN CNAME has more than one record", "c.example.org.", "CNAME"),
            (
                "Duplicate record in RRset a.example.org. IN A with content \"192.0.2.1\"",
                "a.example.org.",
                "A",
            ),
            ("Record b.example.org./A '192.0.2.300': Parsing record content", "b.example.org.", "A"),
            ("Record 1.0/25.2.0.192.in-addr.arpa./PTR 'x': y", "1.0/25.2.0.192.in-addr.arpa.", "PTR"),
        ] {
            let words = format!("PowerDNS answered 422: {words}");
            assert_eq!(named_in(&words), Some((name, rtype)), "{words}");
        }
        assert_eq!(named_in("PowerDNS answered 400: Bad Request"), None);
    }
}
