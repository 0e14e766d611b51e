//! Token introspection (RFC 7662), answered in JSON or as a JWT (RFC 9701).

pub mod http;

mod asked;
mod flow;
mod rules;
mod signed;
