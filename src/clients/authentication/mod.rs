//! Client authentication (RFC 6749 §2.3), the same at every endpoint that asks for it.

pub mod flow;
pub mod http;
pub mod rules;

pub use flow::Clients;
pub use http::Presented;
