//! `/api/v1/services`: what there is to call, what its parts ask for, and who may call it.

mod flow;
mod grants;
mod http;
mod routes;
mod shown;

use crate::platform::api::Endpoint;

/// What this slice answers.
pub fn endpoints() -> Vec<Endpoint> {
    [http::endpoints(), routes::endpoints(), grants::endpoints()].concat()
}
