//! Traffic: what every call that was decided leaves behind, and how much it was in all.
//!
//! `RequestLog::record` takes a `Story` into memory; a `Writer` writes what has gathered, many in one commit. At
//! most half a second's calls are lost with a process that is killed; one that is ended loses none.

/// The tables that only grow.
pub const LOGS: &[&str] = &["request_log", "request_batches"];

pub mod api;
mod batch;
mod introspections;
pub mod latency;
mod log;
mod metrics;
mod rollup;
mod sampling;
mod seal;
mod settings;
mod statuses;
mod step;
pub mod store;
mod story;
mod texts;
mod verify;
mod writer;

pub use self::introspections::Introspections;
pub use self::log::RequestLog;
pub use self::settings::{Overflow, TrafficSettings};
pub use statuses::{STATUSES, Statuses};
pub use step::Step;
pub use story::{Call, Check, LimitState, Outcome, Ruling, Story, Who};
pub use verify::{Scope, Verified, verify};
pub use writer::Writer;
