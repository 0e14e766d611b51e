//! The tables of the request log: what was asked, in what it was written, and how much it was in all.

pub mod batches;
mod canonical;
pub mod log;
pub mod rollups;
pub mod search;

pub use canonical::Canonical;
pub use log::Logged;
pub use rollups::{By, Grain, Used, Wanted, usage};
pub use search::{Cursor, Filter, find, list, newest};
