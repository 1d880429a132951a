//! DNS on the wire: the embedded authority, zone transfers, and lookups at other servers.
//!
//! [`Authority`] holds the zones and is the only door to change them; [`Server`] answers for it over
//! UDP and TCP. Zones live in memory as persistent snapshots and durably in a [`ZoneStore`], which
//! the product implements. A query never waits for a change, a change never for a transfer.
//!
//! Wire types, signatures and the scanner of zone files come from the crate `domain`, whose unstable
//! parts stay inside this crate; the store, the answers and the listeners are ours, because the
//! ready-made ones do not hold up (wrong answers, memory that grows with each change, one message per
//! transfer).
//!
//! Read `zone` first (what a zone is), then `authority` (how it changes) and `answer`.

mod answer;
mod authority;
mod connection;
mod cookie;
mod edit;
mod feed;
mod journal;
mod lookup;
mod message;
mod node;
mod notify;
mod query;
mod rate;
mod reply;
mod resolve;
mod seats;
mod server;
mod settings;
mod soa;
mod store;
mod tcp;
mod tsig;
mod tsig_client;
mod udp;
mod update;
mod xfr;
mod zone;
mod zonefile;

#[cfg(test)]
mod testing;

pub use authority::{Authority, AuthorityError, ChangeOptions};
pub use connection::{Connection, ConnectionError, Look};
pub use edit::{Edit, EditError};
pub use message::ResponseCode;
pub use notify::{Notifier, NotifyOptions};
pub use rate::RateLimit;
pub use resolve::{Answer, QueryError, QueryOptions, axfr, axfr_raw, query};
pub use seats::{Seat, Seats};
pub use server::{Server, ServerOptions};
pub use settings::ZoneSettings;
pub use soa::Soa;
pub use store::{JournalEntry, MemoryZoneStore, StoreError, Stored, ZoneStore};
pub use tsig::{TsigAlgorithm, TsigKey, TsigKeyError};
pub use tsig_client::TsigFault;
pub use update::{Update, UpdateAnswer};
pub use zone::ZoneSnapshot;
pub use zonefile::{Zonefile, ZonefileError, comment, parse_zonefile, read_zonefile, write_zonefile};
