//! The key set (RFC 7517).

pub mod http;
