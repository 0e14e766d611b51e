//! The authorization endpoint (RFC 6749 §3.1, §4.1.1): may this app act for this person?
//!
//! The request is decided by one function, whether it is fresh, comes back from a sign-in, or comes with the
//! person's answer: [`flow::begin`]. What needs a person is kept as an interaction, and decided again from
//! there, so nothing is believed that a form carried.

pub mod flow;
pub mod http;

mod code;
mod page;
mod remembered;
mod request;
mod rules;
