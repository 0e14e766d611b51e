//! `/account/apps`: what a person has allowed, and taking it back.

pub mod api;
pub mod flow;
pub mod http;
