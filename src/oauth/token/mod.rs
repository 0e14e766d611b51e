//! The token endpoint (RFC 6749 §3.2), a file a grant.

pub mod http;

mod client_credentials;
mod code;
mod flow;
mod mint;
mod refresh;
mod rules;
