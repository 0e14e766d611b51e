//! Signing in and out.

pub mod flow;
pub mod http;
pub mod rules;
mod store;
mod turns;

pub use turns::Turns;
