//! Token revocation (RFC 7009).

pub mod http;

pub(in crate::oauth) mod ending;
mod flow;
mod rules;
