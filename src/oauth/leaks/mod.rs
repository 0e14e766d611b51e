//! `POST /api/v1/leaks`: somebody found a secret of ours where it does not belong. Who has it may end it, whatever it is, so
//! this stands among the verbs, above everything that can be ended.

pub mod http;

mod flow;
mod rules;
