//! `/account`: who one is, and where one is signed in.

pub mod api;
pub mod flow;
pub mod http;
