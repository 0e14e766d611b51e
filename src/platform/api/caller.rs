//! The caller, as middleware left it in the request.

use std::future::{Ready, ready};

use actix_web::dev::Payload;
use actix_web::{FromRequest, HttpMessage, HttpRequest};

use crate::kernel::{Caller, Denial};
use crate::platform::problem::ProblemFace;

/// By whom a request is made.
#[derive(Clone, Debug)]
pub struct By(pub Caller);

impl FromRequest for By {
    type Error = ProblemFace;
    type Future = Ready<Result<Self, ProblemFace>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let caller = request.extensions().get::<Caller>().cloned();
        ready(caller.map(Self).ok_or_else(|| Denial::BearerMissing.into()))
    }
}
