//! `/account/apps`: what a person has allowed, and taking it back.

pub mod flow;
pub mod http;
