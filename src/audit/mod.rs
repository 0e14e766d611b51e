//! What was done: the append-only event log, and the only door to a transaction.

pub mod api;
pub mod chain;
mod claims;
pub mod event;
pub mod export;
mod lane;
mod ledger;
mod metrics;
mod notes;
mod store;
mod work;

pub use claims::Answered;
pub use event::{Actor, Event, Kind};
pub use ledger::{Ledger, Lookup, WriteValue};
pub use notes::Notes;
pub use store::{Filter, Listed, between, earliest, find, newest, page};
pub use work::Work;

/// The column of the log that the database fills, and nobody else: by it the sealer knows what is complete.
pub const FILLED: (&str, &str) = ("events", "transaction");

/// The tables that only grow.
pub const LOGS: &[&str] = &["events", "event_chain", "event_leaves", "event_checkpoints"];
