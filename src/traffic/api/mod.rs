//! The management API of the request log: single calls, and how much there was in all.

mod requests;
mod usage;

use crate::platform::api::Endpoint;

/// What this folder answers.
pub fn endpoints() -> Vec<Endpoint> {
    requests::endpoints().into_iter().chain([usage::endpoint()]).collect()
}
