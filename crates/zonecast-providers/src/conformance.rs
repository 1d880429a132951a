//! The story every provider must be able to tell.
//!
//! Welcome. You wrote an adapter; here is what it has to live through before anybody trusts it with a
//! zone. Each chapter is a small tale about one zone, told in states: the zone shall be this, then
//! that. After every state the chapter **looks at the zone** by DNS, not at what the adapter claims,
//! and then plans again: there must be nothing left to do. The easy chapters come first; when one
//! fails, mend it before you read on, the later ones lean on it. Each chapter says why it exists;
//! most are scars.
//!
//! To join, implement [`Stage`] for your service (a real server, or a stand-in that refuses what the
//! real one refuses), and add one line to `tests/conformance.rs`. What your service
//! cannot act (it has no credentials to be wrong) its stage says, and the chapter goes on without it.

mod again;
mod chapters;
mod listings;
mod rights;
mod stage;
mod states;

pub use chapters::{CHAPTERS, Chapter};
pub use stage::{Looked, Odd, Pages, Stage, Trouble};
