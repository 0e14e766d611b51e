//! Token introspection (RFC 7662).

pub mod http;

mod asked;
mod flow;
mod rules;
