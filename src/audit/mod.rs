//! What was done: the append-only event log, and the only door to a transaction.

pub mod event;
mod lane;
mod ledger;
mod metrics;
mod store;
mod work;

pub use event::{Actor, Event, Kind};
pub use ledger::{Ledger, Lookup, WriteValue};
pub use store::{Listed, between, list};
pub use work::Work;
