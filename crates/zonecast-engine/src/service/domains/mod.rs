//! Domains: hosted names with their whole record set.
//!
//! A panel knows a domain as a whole: it sends every record there shall be, and leaves out what shall
//! go. Here that set lies with the domain, and what may be let out stands as claims of the domain
//! beside those of hosts and records; the engine does the rest, record by record. So one record a
//! service cannot hold is said by name and stops no other.
//!
//! Whether the set is let out follows from the state (S4.58-65, S4.75-78): `active` always; `disabled`
//! and `suspended` only if it was let out before; `secondary` and `dns_off` leave what stands exactly as
//! it is. Only removing the domain takes its records away.
//!
//! `options` is what a domain carries beside its records, `form` reads bodies, `claims` lets the set
//! out, `limits` says no in time, `place` gives it its zones, `template` and `change` are the panel's
//! operations, `view` says how it stands.

mod change;
mod claims;
mod form;
mod limits;
mod place;
mod store;
mod template;
mod view;

pub use change::{apply_template, change_address, rename};
pub use claims::{domain_claims, is_apex_data};
pub use form::KINDS;
pub use store::{create, get, list, patch, put_set, remove, remove_named, sync};
pub use template::built_in;
pub use view::{AddressMove, DomainSetView, DomainView, Told, told};
