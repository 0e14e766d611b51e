//! Token introspection (RFC 7662).

pub mod http;

mod flow;
mod rules;
