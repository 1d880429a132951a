//! DNS on the wire.
mod authority;
mod edit;
mod feed;
mod journal;
mod node;
mod settings;
mod soa;
mod store;
#[cfg(test)]
mod testing;
mod tsig;
mod zone;
