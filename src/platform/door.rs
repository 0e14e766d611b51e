//! The door: what every request passes on its way in and out.

use std::net::{IpAddr, Ipv4Addr};
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Instant;

use actix_web::body::MessageBody;
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::error::InternalError;
use actix_web::http::header::{self, HeaderMap, HeaderName, HeaderValue};
use actix_web::http::{ConnectionType, Method};
use actix_web::middleware::Next;
use actix_web::{Error, HttpMessage, ResponseError, web};
use futures_util::FutureExt;
use ipnet::IpNet;
use uuid::Uuid;

use crate::kernel::{Fault, RequestId};
use crate::platform::client_ip::client_ip;
use crate::platform::clock::Clock;
use crate::platform::context::Context;
use crate::platform::entropy::Entropy;
use crate::platform::faces::PageFace;
use crate::platform::leaving::Leaving;
use crate::platform::metrics::Metrics;
use crate::platform::request_id;
use crate::platform::trace::TraceId;

/// What the door needs.
pub struct Door {
    /// Where `now` comes from.
    pub clock: Clock,
    /// Peers whose `X-Forwarded-For` is believed.
    pub trusted_proxies: Vec<IpNet>,
    /// Where answers are counted.
    pub metrics: Arc<Metrics>,
    /// Whether the server is about to end.
    pub leaving: Leaving,
}

/// On a request that was HEAD, for whoever is asked about it rather than for it.
pub struct CameAsHead;

const MOST_OF_USER_AGENT: usize = 200;

/// Gives the request its id, its `now` and its caller; logs and counts the answer.
pub async fn pass<B: MessageBody>(
    door: web::Data<Door>,
    mut request: ServiceRequest,
    next: Next<B>,
) -> Result<ServiceResponse<B>, Error> {
    let context = read(&door, &request);
    let id = RequestId::from_uuid(Entropy.id(context.now));
    let context = Context { request_id: Some(id), ..context };
    let began = context.began;
    let ip = context.ip.unwrap_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED));
    request.extensions_mut().insert(context);
    // The path without its query, which may hold what must not be logged.
    let (method, path) = (request.method().clone(), request.path().to_owned());

    if method == Method::HEAD {
        // What answers GET answers HEAD, without the body (RFC 9110 §9.3.2).
        request.extensions_mut().insert(CameAsHead);
        request.head_mut().method = Method::GET;
    }
    let answer = AssertUnwindSafe(next.call(request)).catch_unwind();
    let answer = match request_id::scope(id, answer).await {
        Ok(answer) => answer,
        Err(_) => Err(request_id::scope(id, async { broken(id) }).await),
    };

    let (status, route) = match &answer {
        Ok(response) => (response.status(), response.request().match_pattern()),
        Err(error) => (error.as_response_error().status_code(), None),
    };
    let (status, elapsed) = (status.as_u16(), began.elapsed());
    door.metrics.answered(
        route.as_deref().unwrap_or("unmatched"),
        known(&method),
        status,
        elapsed.as_secs_f64(),
    );
    log::info!(
        target: "grantor::http",
        request_id:% = id,
        ip:% = ip,
        ms = u64::try_from(elapsed.as_millis()).unwrap_or(u64::MAX);
        "{method} {} {status}", route.as_ref().unwrap_or(&path)
    );
    answer.map(|mut response| {
        mark(response.headers_mut(), id);
        if door.leaving.has_begun() {
            // The next request of this caller goes to a node that stays.
            response.response_mut().head_mut().set_connection_type(ConnectionType::Close);
        }
        response
    })
}

fn read(door: &Door, request: &ServiceRequest) -> Context {
    let peer = request.peer_addr().map_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED), |address| address.ip());
    Context {
        now: door.clock.now(),
        request_id: None,
        ip: Some(client_ip(peer, request.headers(), &door.trusted_proxies)),
        user_agent: request.headers().get(header::USER_AGENT).map(beginning),
        began: Instant::now(),
        trace: TraceId::named_in(request.headers()),
        claim: None,
    }
}

/// The beginning of what a client calls itself.
fn beginning(user_agent: &HeaderValue) -> Arc<str> {
    // In ASCII, as nearly always, a byte is a character.
    user_agent.to_str().map_or_else(
        |_| {
            let text = String::from_utf8_lossy(user_agent.as_bytes());
            text.chars().take(MOST_OF_USER_AGENT).collect::<String>().into()
        },
        |text| text.get(..MOST_OF_USER_AGENT).unwrap_or(text).into(),
    )
}

/// The answer when a handler panicked: this request fails, the process lives.
fn broken(id: RequestId) -> Error {
    let face = PageFace::from(Fault::internal("a handler panicked"));
    let mut response = face.error_response();
    mark(response.headers_mut(), id);
    InternalError::from_response(face, response).into()
}

fn mark(headers: &mut HeaderMap, id: RequestId) {
    let mut text = Uuid::encode_buffer();
    if let Ok(value) = HeaderValue::from_str(id.uuid().hyphenated().encode_lower(&mut text)) {
        headers.insert(HeaderName::from_static("x-request-id"), value);
    }
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
}

fn known(method: &Method) -> &'static str {
    match *method {
        Method::GET => "GET",
        Method::POST => "POST",
        _ => "other",
    }
}
