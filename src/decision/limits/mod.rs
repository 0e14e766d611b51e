//! Limits as operators and callers of the management API see them: set, listed, looked at and given back. They name
//! plans, owners of keys, and services, so this lives above all of those.

pub mod flow;
pub mod http;
pub mod named;
mod read;
pub mod shown;
pub mod standing;
