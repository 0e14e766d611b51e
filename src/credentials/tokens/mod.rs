//! `/account/tokens`: the personal tokens of a person, to be made, looked at and taken back.

pub mod flow;
pub mod http;
