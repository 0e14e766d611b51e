//! How much is too much. For now the first of its three hooks: the guard, before a body is read.

pub mod guard;
pub mod http;
