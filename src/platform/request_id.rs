//! The request id: made by us, one a request, on every response, in every log line and event.
//!
//! An id that a client sends is not taken over: a stranger could collide with, or inject into, our logs.

use std::future::Future;

use crate::kernel::RequestId;

tokio::task_local! {
    static CURRENT: RequestId;
}

/// Runs a request's future with its id at hand.
pub async fn scope<F: Future>(id: RequestId, future: F) -> F::Output {
    CURRENT.scope(id, future).await
}

/// The id of the request being answered, for the faces that quote it.
pub fn current() -> Option<RequestId> {
    CURRENT.try_with(|id| *id).ok()
}
