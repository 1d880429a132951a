//! The custom DNS backend of Plesk.
//!
//! Plesk starts a script for every change of a zone and writes JSON to its standard input: the whole
//! record set, never a difference. `input` reads that JSON and nothing else, whatever bytes come;
//! `content` makes DNS data of one entry; `run` hands the commands to `service::domains` and tells what
//! became of them.
//!
//! What the panel's documents leave open is fixed so:
//!
//! 1. Records at the service that Plesk does not know stay, unless `managed = full` is asked for.
//! 2. A zone without a record list (`rr` missing or null) is refused; an empty list is an empty zone.
//! 3. A record that cannot be is named and left out, the others are written, the exit code is 255.
//! 4. PTR commands are keyed by address and concern what Plesk said of it: `createPTRs` replaces that,
//!    `deletePTRs` takes it only if it points to the host name given.
//! 5. An address or a domain that no configured zone holds is said and is no failure.
//! 6. `rr` entries of type PTR whose host is an address are passed over: reverse names come by
//!    `createPTRs`, and a shared address would change its name with every domain on it.

mod content;
mod input;
mod report;
mod run;

pub use input::{Command, CommandError, InputError, Note, Ptr, Severity, ZoneSet, read};
pub use report::PleskView;
pub use run::carry_out;
