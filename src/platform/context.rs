//! What every act knows about the request that caused it.

use std::future::{Ready, ready};
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Instant;

use actix_web::dev::Payload;
use actix_web::{FromRequest, HttpMessage, HttpRequest};
use chrono::{DateTime, Utc};

use crate::kernel::RequestId;
use crate::platform::claim::Claim;
use crate::platform::trace::TraceId;

/// One `now`, one caller, one id: read at the door and passed down as a value.
#[derive(Clone, Debug)]
pub struct Context {
    /// The moment of the request; everything it decides is decided at this moment.
    pub now: DateTime<Utc>,
    /// The request, or `None` for a command of the operator.
    pub request_id: Option<RequestId>,
    /// The address it came from, through trusted proxies only.
    pub ip: Option<IpAddr>,
    /// What the client calls itself, cut to a sane length.
    pub user_agent: Option<Arc<str>>,
    /// Since when it is being answered, by a clock that never jumps.
    pub began: Instant,
    /// The trace that it is a part of, as the caller names it.
    pub trace: Option<TraceId>,
    /// What it is to be the first to do, if it is to be done once.
    pub claim: Option<Arc<Claim>>,
}

impl Context {
    /// The context of a command at the operator's terminal.
    pub fn operator(now: DateTime<Utc>) -> Self {
        Self {
            now,
            request_id: None,
            ip: None,
            user_agent: None,
            began: Instant::now(),
            trace: None,
            claim: None,
        }
    }
}

impl FromRequest for Context {
    type Error = actix_web::Error;
    type Future = Ready<Result<Self, Self::Error>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        ready(
            request
                .extensions()
                .get::<Self>()
                .cloned()
                .ok_or_else(|| actix_web::error::ErrorInternalServerError("the door was left out")),
        )
    }
}
