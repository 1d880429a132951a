//! The engine over providers in memory, that count every call and fail on demand.

#![allow(missing_docs, reason = "a test binary")]

mod again;
mod bed;
mod budget;
mod elsewhere;
mod empty;
mod farewell;
mod late;
mod pause;
mod places;
mod removal;
mod servers;
mod waits;
