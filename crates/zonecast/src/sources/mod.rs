//! Doors that speak somebody else's language: each turns its wire into operations of `service`, or, for
//! what is brought once, into calls of the API.

pub mod adopt;
pub mod plesk;
pub mod puq;
