//! The event log, and what must never be in it.
