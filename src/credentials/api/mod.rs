//! API keys and personal tokens at the management API: `/keys`, `/pats`.

mod flow;
pub mod http;
