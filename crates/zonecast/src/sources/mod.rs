//! Doors that speak somebody else's language: each turns its wire into operations of `service`.

pub mod plesk;
