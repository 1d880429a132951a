//! What the story needs of a service: a connection to it, eyes that do not go through that
//! connection, and hands of somebody else.

use crate::{Provider, ProviderError};
use async_trait::async_trait;
use std::sync::Arc;
use zonecast_core::{Name, RRset, RecordType};

/// What a name server answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Looked {
    /// The RRset, authoritatively.
    Found(RRset),
    /// The name exists, the type does not.
    NoData,
    /// There is no such name.
    NxDomain,
    /// Anything else, in words.
    Other(String),
}

/// A way in which a connection can be broken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trouble {
    /// The next write is carried out and its answer lost.
    AnswerLost,
    /// The credentials are wrong.
    WrongCredentials,
    /// The service asks for 7 seconds of quiet.
    RateLimited,
    /// Nobody listens.
    Down,
    /// Answers are pages instead of data.
    NotTheApi,
    /// The credentials may see the zone and write to it; the call that reads its records is refused.
    ReadRefused,
    /// What makes the work faster or nicer is refused, and nothing else.
    NicetyRefused,
}

/// A way in which a service cuts its listings.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pages {
    /// As it always does.
    Honest,
    /// Far fewer in a page than were asked for.
    Capped,
    /// Fewer than were asked for, now more, now less.
    Short,
    /// The total speaks of one more than there are.
    WrongTotal,
    /// Every page is the first one again.
    Repeated,
    /// Somebody adds a record in front after the next page was read.
    Grows,
    /// Somebody removes the first record after the next page was read.
    Shrinks,
}

/// A way in which a record is no record to us.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Odd {
    /// An address that is shown as a `null` or a number where a text belongs.
    NoText,
    /// A type that only the service knows.
    OwnType,
}

/// A service on stage.
#[async_trait]
pub trait Stage: Send + Sync {
    /// The connection under test.
    fn provider(&self) -> Arc<dyn Provider>;

    /// Makes a zone that holds SOA and NS and nothing else, behind the provider's back.
    async fn new_zone(&self, zone: &Name);

    /// Asks the service's own name server.
    async fn ask(&self, zone: &Name, name: &Name, rtype: RecordType) -> Looked;

    /// The whole zone as its name server gives it away, without SOA and apex NS, sorted.
    async fn zone(&self, zone: &Name) -> Vec<RRset>;

    /// The foreign client: sets one RRset in the spelling given; without values it is deleted.
    async fn foreign_put(&self, zone: &Name, name: &Name, rtype: RecordType, ttl: u32, values: &[&str]);

    /// The values of a set as the service spells them, where it keeps spelling.
    async fn spelling(&self, zone: &Name, name: &Name, rtype: RecordType) -> Option<Vec<String>> {
        let _ = (zone, name, rtype);
        None
    }

    /// Whether the service's API shows SOA and apex NS; some keep them to themselves.
    fn shows_soa_and_apex_ns(&self) -> bool {
        true
    }

    /// The longest text one TXT value can hold, whatever is in it.
    fn text_bytes_max(&self) -> usize {
        4_096
    }

    /// From now on listings of the zone are cut this way; `false` where the service has no pages, or
    /// cannot cut them so.
    async fn cut(&self, zone: &Name, pages: Pages) -> bool {
        let _ = (zone, pages);
        false
    }

    /// Puts a record at the name that is odd in this way; gives words of it, or `None` where the service
    /// cannot have one.
    async fn put_odd(&self, zone: &Name, name: &Name, odd: Odd) -> Option<&'static str> {
        let _ = (zone, name, odd);
        None
    }

    /// Whether this is a stumble that the service is known for: over when it is asked again, nothing was
    /// done. The engine asks again after any passing failure; the story does only here.
    fn stumbled(&self, error: &ProviderError) -> bool {
        let _ = error;
        false
    }

    /// A connection that is broken in this way; `None` where the service cannot break so.
    async fn broken(&self, trouble: Trouble) -> Option<Arc<dyn Provider>>;
}
