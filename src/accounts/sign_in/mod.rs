//! Signing in and out.

pub mod flow;
pub mod http;
pub mod proof;
pub mod refusal;
pub mod rules;
pub mod seat;
mod store;
mod turns;

pub use turns::Turns;
