//! `Idempotency-Key`: a POST that is sent again is not done again, and answers the same, but for what is told once.

use std::sync::Arc;

use actix_web::body::{BoxBody, to_bytes};
use actix_web::dev::{Payload, ServiceRequest, ServiceResponse};
use actix_web::http::StatusCode;
use actix_web::http::header::{ETAG, HeaderValue};
use actix_web::middleware::Next;
use actix_web::{Error, HttpMessage, HttpResponse, ResponseError, rt, web};
use sha2::{Digest as _, Sha256};

use crate::accounts::Accounts;
use crate::audit::{Answered, Ledger};
use crate::kernel::{Denial, Fault, PrincipalId};
use crate::platform::api::{Endpoint, IDEMPOTENCY_KEY, told_again, whole_body};
use crate::platform::claim::Claim;
use crate::platform::context::Context;
use crate::platform::entropy::Entropy;
use crate::platform::faces::no_store;
use crate::platform::problem::ProblemFace;
use crate::platform::request_id;

/// Characters that a key has at most.
const LONGEST: usize = 255;

/// Has a request done unless it was, if it carries a key and its endpoint heeds it.
pub(super) async fn pass(
    endpoint: Arc<Endpoint>,
    caller: PrincipalId,
    mut request: ServiceRequest,
    next: Next<BoxBody>,
) -> Result<ServiceResponse, Error> {
    if !endpoint.heeds_keys() {
        return next.call(request).await;
    }
    let way = match Way::of(caller, &mut request).await {
        Ok(None) => return next.call(request).await,
        Ok(Some(way)) => way,
        Err(problem) => return Ok(request.into_response(problem.error_response())),
    };
    match way.answered().await {
        Ok(None) => {}
        Ok(Some(answered)) => return Ok(request.into_response(again(&answered))),
        Err(problem) => return Ok(request.into_response(problem.error_response())),
    }
    if let Some(context) = request.extensions_mut().get_mut::<Context>() {
        context.claim = Some(Arc::clone(&way.claim));
    }
    // Whoever hangs up will ask again, and is to be answered then.
    let id = way
        .context
        .request_id
        .ok_or_else(|| ProblemFace::from(Fault::internal("a request without an id")))?;
    let done = rt::spawn(request_id::scope(id, way.go(endpoint, request, next))).await;
    done.map_err(|error| ProblemFace::from(Fault::internal(error)))?
}

/// What goes with a request that carries a key.
struct Way {
    ledger: Ledger,
    context: Context,
    claim: Arc<Claim>,
}

impl Way {
    /// `None`: it carries no key.
    async fn of(caller: PrincipalId, request: &mut ServiceRequest) -> Result<Option<Self>, ProblemFace> {
        let Some(key) = key_of(request)? else { return Ok(None) };
        let left_out = || Fault::internal("what keeps answers was left out");
        let accounts = request.app_data::<web::Data<Accounts>>().cloned().ok_or_else(left_out)?;
        let context = request.extensions().get::<Context>().cloned().ok_or_else(left_out)?;
        let (head, payload) = request.parts_mut();
        let body = whole_body(head, payload).await?;
        let fingerprint = fingerprint(request, &body);
        request.set_payload(Payload::from(body));
        let attempt = Entropy.id(context.now);
        let claim = Arc::new(Claim::new(caller, key, fingerprint, attempt));
        Ok(Some(Self { ledger: accounts.ledger.clone(), context, claim }))
    }

    /// Has it done, and keeps what is answered.
    async fn go(
        self,
        endpoint: Arc<Endpoint>,
        request: ServiceRequest,
        next: Next<BoxBody>,
    ) -> Result<ServiceResponse, Error> {
        let response = next.call(request).await?;
        if !self.claim.is_lost() {
            return self.keep(&endpoint, response).await;
        }
        // Somebody else was quicker; perhaps their answer is there by now.
        Ok(match self.answered().await {
            Ok(Some(answered)) => response.into_response(again(&answered)),
            Ok(None) => response,
            Err(problem) => response.into_response(problem.error_response()),
        })
    }

    /// For what is done by no act: it is not told twice, though a server that dies here forgets that it was done.
    async fn claim_late(&self) {
        let context = Context { claim: Some(Arc::clone(&self.claim)), ..self.context.clone() };
        let act = self.ledger.act(&context, |work| {
            work.nothing_to_tell("whoever did it told what there is to tell");
            Ok(Ok(()))
        });
        if let Err(fault) = act.await {
            log::warn!("keeping an idempotency key: {fault}");
        }
    }

    async fn answered(&self) -> Result<Option<Answered>, ProblemFace> {
        Ok(self.ledger.answered(&self.claim, &self.context).await??)
    }

    /// Keeps the answer of what was done. If that fails, it stays done, and whoever asks again is told that its answer
    /// was lost.
    async fn keep(self, endpoint: &Endpoint, response: ServiceResponse) -> Result<ServiceResponse, Error> {
        if response.status().is_success() && !self.claim.is_taken() {
            self.claim_late().await;
        }
        if !self.claim.is_taken() || response.status().is_server_error() {
            return Ok(response);
        }
        let (request, response) = response.into_parts();
        let (head, body) = response.into_parts();
        let body = to_bytes(body).await.map_err(|error| ProblemFace::from(Fault::internal(error)))?;
        let etag = head.headers().get(ETAG).and_then(|tag| tag.to_str().ok()).map(str::to_owned);
        let status = head.status();
        let told = serde_json::from_slice(&body).ok();
        let told = if status.is_success() { told_again(endpoint.answers, told) } else { told };
        let answered = Answered { status: status.as_u16(), etag, body: told };
        if let Err(fault) = self.ledger.keep_answer(&self.claim, &self.context, answered).await {
            log::warn!("keeping the answer to a request with an idempotency key: {fault}");
        }
        Ok(ServiceResponse::new(request, head.set_body(BoxBody::new(body))))
    }
}

/// The key of a request, if it has one.
fn key_of(request: &ServiceRequest) -> Result<Option<String>, Denial> {
    let unfit =
        || Denial::Unfit(format!("{IDEMPOTENCY_KEY} is 1 to {LONGEST} visible characters, and there once"));
    let mut values = request.headers().get_all(IDEMPOTENCY_KEY);
    let Some(value) = values.next() else { return Ok(None) };
    let bytes = value.as_bytes();
    let is_sound = (1..=LONGEST).contains(&bytes.len()) && bytes.iter().all(u8::is_ascii_graphic);
    let key = value.to_str().ok().filter(|_| is_sound && values.next().is_none());
    Ok(Some(key.ok_or_else(unfit)?.to_owned()))
}

/// What is asked: by which bearer, where, and with which words. The bearer is what nobody can guess of it: a body may hold
/// a password, and whoever reads the database must not try those by this.
fn fingerprint(request: &ServiceRequest, body: &[u8]) -> [u8; 32] {
    let mut hash = Sha256::new();
    for name in ["authorization", "x-api-key"] {
        hash.update(request.headers().get(name).map(HeaderValue::as_bytes).unwrap_or_default());
        hash.update([0]);
    }
    for part in [request.method().as_str(), request.path(), request.query_string()] {
        hash.update(part);
        hash.update([0]);
    }
    hash.update(body);
    hash.finalize().into()
}

/// What was answered, once more.
fn again(answered: &Answered) -> HttpResponse {
    let status = StatusCode::from_u16(answered.status).unwrap_or(StatusCode::OK);
    let mut response = HttpResponse::build(status);
    no_store(&mut response).insert_header(("Idempotency-Replayed", "true"));
    if let Some(etag) = &answered.etag {
        response.insert_header((ETAG, etag.as_str()));
    }
    match &answered.body {
        None => response.finish(),
        Some(body) if status.is_success() => response.json(body),
        Some(body) => response.content_type("application/problem+json").body(body.to_string()),
    }
}
