//! API keys and personal tokens at the management API: `/keys`, `/pats`, `/leaks`.

mod flow;
pub mod http;
mod leaks;
