//! Token revocation (RFC 7009).

pub mod http;

mod flow;
mod rules;
