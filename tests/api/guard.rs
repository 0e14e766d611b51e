//! The network guard.
