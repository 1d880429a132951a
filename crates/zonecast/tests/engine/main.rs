//! The engine over providers in memory, that count every call and fail on demand.

#![allow(missing_docs, reason = "a test binary")]

mod again;
mod bed;
mod budget;
mod elsewhere;
mod farewell;
mod pause;
mod removal;
mod waits;
