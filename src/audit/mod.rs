//! What was done: the append-only event log, and the only door to a transaction.

pub mod event;
mod ledger;
mod store;
mod work;

pub use event::{Actor, Event, Kind};
pub use ledger::{Ledger, WriteValue};
pub use store::{Listed, list};
pub use work::Work;
