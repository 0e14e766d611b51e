//! Authorization server metadata (RFC 8414).

pub mod http;
