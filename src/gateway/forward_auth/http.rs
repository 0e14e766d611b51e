//! `/authz`, and `/authz/envoy/{path}`.

use actix_web::http::StatusCode;
use actix_web::http::header::{HeaderName, HeaderValue};
use actix_web::{HttpMessage, HttpRequest, HttpResponse, HttpResponseBuilder, web};

use crate::decision::calls::Call;
use crate::gateway::forward_auth::ForwardAuth;
use crate::gateway::forward_auth::flow::{self, Allowed};
use crate::gateway::forward_auth::refusal::Refusal;
use crate::gateway::forward_auth::rules::{self, Terms, Values};
use crate::limits::headers::headers;
use crate::limits::verdict::Verdict;
use crate::platform::context::Context;
use crate::platform::door::CameAsHead;
use crate::platform::faces::no_store;
use crate::traffic;

/// What stands before the path that Envoy asks about.
const ENVOY: &str = "/authz/envoy";

/// Both, for every method: a proxy may ask with the caller's own.
pub fn routes(config: &mut web::ServiceConfig) {
    config.route("/authz", web::to(ask)).route("/authz/envoy/{path:.*}", web::to(ask_as_envoy));
}

/// nginx, Caddy and Traefik say in headers what they were asked for, and in the query what to ask of it.
async fn ask(face: web::Data<ForwardAuth>, context: Context, request: HttpRequest) -> HttpResponse {
    let terms = rules::terms(request.query_string());
    let deny_by_403 = terms.as_ref().is_ok_and(|terms| terms.deny_by_403);
    let method = values(&request, &["x-original-method", "x-forwarded-method"]);
    let method = rules::agreed("X-Original-Method or X-Forwarded-Method", &method);
    let target = values(&request, &["x-original-uri", "x-forwarded-uri"]);
    let target = rules::agreed("X-Original-URI or X-Forwarded-Uri", &target);
    let told = (*method.as_ref().unwrap_or(&""), *target.as_ref().unwrap_or(&""));
    let answer = async {
        from_a_proxy(&face, &request)?;
        let terms = terms?;
        decide(&face, &context, &request, rules::call(&terms, method?, target?)?, terms.jwt).await
    };
    answered(&face, answer.await, told, &context, deny_by_403).await
}

/// Envoy asks with the caller's method, at the caller's path behind a prefix. The query is the caller's, too: nothing of
/// it is meant for us.
async fn ask_as_envoy(face: web::Data<ForwardAuth>, context: Context, request: HttpRequest) -> HttpResponse {
    let came_as_head = request.extensions().contains::<CameAsHead>();
    let method = if came_as_head { "HEAD" } else { request.method().as_str() };
    let target = request.uri().path().strip_prefix(ENVOY).unwrap_or_default();
    let answer = async {
        from_a_proxy(&face, &request)?;
        let call = rules::call(&Terms::default(), method, target)?;
        decide(&face, &context, &request, call, false).await
    };
    answered(&face, answer.await, (method, target), &context, false).await
}

/// Anybody else would learn which bearers are good, and spend what others may use. The address is that of the
/// connection, whatever anybody says of it.
fn from_a_proxy(face: &ForwardAuth, request: &HttpRequest) -> Result<(), Refusal> {
    let peer = request.peer_addr().map(|address| address.ip().to_canonical());
    let is_trusted = peer.is_some_and(|peer| face.trusted_proxies.iter().any(|net| net.contains(&peer)));
    if is_trusted { Ok(()) } else { Err(Refusal::NotAProxy) }
}

async fn decide(
    face: &ForwardAuth,
    context: &Context,
    request: &HttpRequest,
    call: Call,
    wants_jwt: bool,
) -> Result<Allowed, Refusal> {
    let presented = rules::bearer(&named(request, "authorization"), &named(request, "x-api-key"))?;
    flow::authorize(face, context, presented, call, wants_jwt).await
}

fn values<'a>(request: &'a HttpRequest, names: &[&str]) -> Vec<Values<'a>> {
    names.iter().map(|name| named(request, name)).collect()
}

fn named<'a>(request: &'a HttpRequest, name: &str) -> Values<'a> {
    request.headers().get_all(name).map(HeaderValue::as_bytes).collect()
}

async fn answered(
    face: &ForwardAuth,
    answer: Result<Allowed, Refusal>,
    (method, path): (&str, &str),
    context: &Context,
    deny_by_403: bool,
) -> HttpResponse {
    let refusal = match answer {
        Ok(allowed) => return yes(&allowed, context),
        Err(refusal) => refusal,
    };
    let refusal = match refusal.before_the_bearer() {
        None => refusal,
        Some(step) => {
            let call = traffic::Call {
                method: method.to_owned(),
                path: path.to_owned(),
                ..traffic::Call::default()
            };
            flow::unheard(face, context, call, step, refusal).await
        }
    };
    no(&refusal, context, deny_by_403)
}

/// 200, since Envoy takes nothing else for a yes. Every header is there, empty where there is nothing to say: the proxy
/// puts it in the place of one that the caller forged.
fn yes(allowed: &Allowed, context: &Context) -> HttpResponse {
    let mut response = HttpResponse::Ok();
    no_store(&mut response);
    let account = &allowed.holder.account;
    for (name, value) in [
        ("x-auth-sub", Some(allowed.subject.clone())),
        ("x-auth-client", allowed.client.clone()),
        ("x-auth-account", Some(account.id.to_string())),
        ("x-auth-plan", Some(account.plan.to_string())),
        ("x-auth-scope", Some(allowed.holder.scope().to_string())),
        ("x-auth-credential", allowed.credential()),
        ("x-auth-kind", Some(allowed.kind.to_owned())),
        ("x-auth-jwt", allowed.jwt.clone()),
    ] {
        response.insert_header((HeaderName::from_static(name), plain(value.as_deref())));
    }
    tell_limits(&mut response, allowed.limits.as_ref(), context);
    response.finish()
}

/// A value that no proxy and no upstream can read as two; what is none is left out.
fn plain(value: Option<&str>) -> HeaderValue {
    let value = value.filter(|value| value.bytes().all(|byte| (b' '..=b'~').contains(&byte)));
    value.and_then(|value| HeaderValue::from_str(value).ok()).unwrap_or_else(|| HeaderValue::from_static(""))
}

/// No, with the reason. nginx takes 401 and 403 for a no and everything else for a failure, so `deny=403` makes it 403
/// and says beside it what it would have been.
fn no(refusal: &Refusal, context: &Context, deny_by_403: bool) -> HttpResponse {
    let id = context.request_id.map(|id| id.to_string()).unwrap_or_default();
    log_it(refusal, &id);
    let status = if deny_by_403 && refusal.status() != 401 { 403 } else { refusal.status() };
    let status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let mut response = HttpResponseBuilder::new(status);
    no_store(&mut response);
    if deny_by_403 {
        response.insert_header(("X-Authz-Status", refusal.status().to_string()));
    }
    tell_limits(&mut response, refusal.limits(), context);
    if let Some(seconds) = refusal.retry_after() {
        response.insert_header(("Retry-After", seconds.to_string()));
    }
    if let Some(challenge) = refusal.challenge() {
        response.insert_header(("WWW-Authenticate", challenge));
    }
    response.content_type("application/problem+json").body(refusal.problem(&id).to_string())
}

fn tell_limits(response: &mut HttpResponseBuilder, limits: Option<&Verdict>, context: &Context) {
    for header in limits.into_iter().flat_map(|verdict| headers(verdict, context.now)) {
        response.insert_header(header);
    }
}

fn log_it(refusal: &Refusal, id: &str) {
    match refusal {
        Refusal::Broken(fault) if refusal.status() == 503 => log::warn!(request_id = id; "{fault}"),
        Refusal::Broken(fault) => log::error!(request_id = id; "{fault}"),
        // The operator's own proxy, or one that has not been named: somebody has to look into it.
        Refusal::Misconfigured(_) | Refusal::NotAProxy => {
            log::warn!(request_id = id; "forward-auth: {refusal:?}");
        }
        other => log::debug!(request_id = id; "forward-auth: {}", other.error()),
    }
}
