//! The management API of the log of events: events, copies of them, and the proof that they are as they were written.

mod chain;
mod events;
mod export;

pub use chain::Auditor;

use crate::platform::api::Endpoint;

/// What this folder answers. The fixed words of a path come before its ids.
pub fn endpoints() -> Vec<Endpoint> {
    [vec![export::endpoint()], events::endpoints(), chain::endpoints()].concat()
}
