//! The Orders API: an API that apps call in somebody's name, guarded by Grantor.
//!
//! It has no accounts, no passwords, and cannot read a token. It asks Grantor about each one that comes
//! (introspection, RFC 7662), so access that was taken back is refused from the next request on. All of that is
//! in [`guard`], the function to read first; the rest is an API like any other.
//!
//! It needs the crates actix-web, reqwest (features `form`, `json`), serde, serde_json, and url, which is taken out
//! of oauth2 here.
//!
//! `grantor demo` starts it. To run it by hand beside a Grantor of yours, register it there first:
//!
//! ```sh
//! grantor service add orders --scope "orders:read=Read your orders" \
//!     --optional-scope "orders:write=Place orders for you"
//! grantor client add "Orders API" --grant client_credentials --introspect orders
//! API_CLIENT_ID=… API_CLIENT_SECRET=… cargo run --example resource_server
//! ```
//!
//! | variable | default | meaning |
//! |---|---|---|
//! | `API_CLIENT_ID`, `API_CLIENT_SECRET` | | who this API is to Grantor; `client add` printed both |
//! | `API_ISSUER` | `http://127.0.0.1:8080` | the Grantor that is asked (reqwest is built without TLS here) |
//! | `API_AUDIENCE` | `orders` | the audience of its service: tokens for others are none for us |
//! | `API_LISTEN` | `127.0.0.1:9001` | where it listens |
//! | `API_STOP_WITH_STDIN` | | if set, it ends when its standard input does, so with whoever started it |

#![allow(clippy::disallowed_methods, reason = "a program of its own, which reads its own environment")]
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "its words to whoever started it")]

#[path = "resource_server/setup.rs"]
mod setup;

use std::collections::HashMap;
use std::fmt;
use std::process::ExitCode;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use actix_web::http::StatusCode;
use actix_web::http::header::{AUTHORIZATION, CACHE_CONTROL, RETRY_AFTER, WWW_AUTHENTICATE};
use actix_web::middleware::DefaultHeaders;
use actix_web::{HttpRequest, HttpResponse, ResponseError, web};
use serde::{Deserialize, Serialize};
use serde_json::json;

/// The most orders that one person can have: they are kept in memory.
const MOST_ORDERS: usize = 50;
/// The longest token that Grantor is bothered with, and the longest order that is read, in bytes.
const LONGEST_TOKEN: usize = 4096;
const LONGEST_ORDER: usize = 4096;
/// How long we are quiet after a complaint, since each request could be the cause of one.
const QUIET: Duration = Duration::from_secs(60);

/// The routes. What is personal is for its caller, and for no cache on the way.
fn routes(config: &mut web::ServiceConfig) {
    let no_store = DefaultHeaders::new().add((CACHE_CONTROL, "no-store"));
    config
        .route("/", web::get().to(about))
        .service(web::resource("/orders").wrap(no_store).get(list).post(place));
}

/// What the API works with.
struct Api {
    http: reqwest::Client,
    grantor: Metadata,
    client_id: String,
    client_secret: String,
    audience: String,
    /// The orders of each person, by `sub`: Grantor's id for them, which never changes and is never reused.
    orders: Mutex<HashMap<String, Vec<Order>>>,
    /// When we complained last.
    complained: Mutex<Option<Instant>>,
}

#[derive(Clone, Serialize)]
struct Order {
    number: usize,
    item: String,
}

#[derive(Deserialize)]
struct NewOrder {
    item: String,
}

/// Where Grantor answers what (RFC 8414); the part that is needed here.
#[derive(Deserialize)]
struct Metadata {
    issuer: String,
    introspection_endpoint: String,
}

/// What Grantor says of a token (RFC 7662 §2.2). Of one that is not good it says `active: false` and no more.
#[derive(Deserialize)]
struct Token {
    active: bool,
    #[serde(default)]
    scope: String,
    sub: Option<String>,
    #[serde(default)]
    aud: Audience,
}

/// One audience may stand alone, without a list around it.
#[derive(Deserialize)]
#[serde(untagged)]
enum Audience {
    One(String),
    Several(Vec<String>),
}

impl Default for Audience {
    fn default() -> Self {
        Self::Several(Vec::new())
    }
}

impl Audience {
    fn names(&self, audience: &str) -> bool {
        match self {
            Self::One(one) => one == audience,
            Self::Several(several) => several.iter().any(|one| one == audience),
        }
    }
}

/// Why a request is not served.
#[derive(Clone, Copy, Debug)]
enum Refusal {
    NoToken,
    BadToken,
    /// The token is good, but not for this.
    Lacks(&'static str),
    /// Our own registration is wrong: the caller can do nothing about it.
    Misconfigured,
    /// Grantor cannot be asked now. Who cannot ask lets nobody through.
    Unavailable,
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoToken => f.write_str("send an access token: Authorization: Bearer …"),
            Self::BadToken => f.write_str("this access token is not good, or not for this API"),
            Self::Lacks(scope) => write!(f, "this access token lacks the scope {scope}"),
            Self::Misconfigured => f.write_str("this API is not set up right"),
            Self::Unavailable => f.write_str("access cannot be checked now; try again"),
        }
    }
}

/// The challenges of RFC 6750 §3: by them an app knows whether to refresh, to ask the person, or to wait.
impl ResponseError for Refusal {
    fn status_code(&self) -> StatusCode {
        match self {
            Self::NoToken | Self::BadToken => StatusCode::UNAUTHORIZED,
            Self::Lacks(_) => StatusCode::FORBIDDEN,
            Self::Misconfigured => StatusCode::INTERNAL_SERVER_ERROR,
            Self::Unavailable => StatusCode::SERVICE_UNAVAILABLE,
        }
    }

    fn error_response(&self) -> HttpResponse {
        let mut response = HttpResponse::build(self.status_code());
        match self {
            Self::NoToken => response.insert_header((WWW_AUTHENTICATE, "Bearer")),
            Self::BadToken => response.insert_header((WWW_AUTHENTICATE, r#"Bearer error="invalid_token""#)),
            Self::Lacks(scope) => {
                let challenge = format!(r#"Bearer error="insufficient_scope", scope="{scope}""#);
                response.insert_header((WWW_AUTHENTICATE, challenge))
            }
            Self::Misconfigured => &mut response,
            Self::Unavailable => response.insert_header((RETRY_AFTER, "1")),
        };
        response.json(json!({ "error": self.to_string() }))
    }
}

/// Lets a request through if its token may do what the route needs. Returns in whose name it came.
async fn guard(api: &Api, request: &HttpRequest, needed: &'static str) -> Result<String, Refusal> {
    let token = introspect(api, bearer(request)?).await?;
    // A token for another API, which that one could play to us, is no token here.
    if !token.active || !token.aud.names(&api.audience) {
        return Err(Refusal::BadToken);
    }
    if !token.scope.split(' ').any(|scope| scope == needed) {
        return Err(Refusal::Lacks(needed));
    }
    // A token of nobody has no orders: all such tokens would share theirs.
    token.sub.filter(|person| !person.is_empty()).ok_or(Refusal::BadToken)
}

/// The token of `Authorization: Bearer …` (RFC 6750 §2.1). What cannot be one, Grantor is not asked about.
fn bearer(request: &HttpRequest) -> Result<&str, Refusal> {
    let header = request.headers().get(AUTHORIZATION).ok_or(Refusal::NoToken)?;
    let header = header.to_str().map_err(|_| Refusal::BadToken)?;
    let (scheme, token) = header.split_once(' ').ok_or(Refusal::NoToken)?;
    let token = token.trim();
    if !scheme.eq_ignore_ascii_case("Bearer") || token.is_empty() {
        return Err(Refusal::NoToken);
    }
    if token.len() > LONGEST_TOKEN || !is_b64token(token) {
        return Err(Refusal::BadToken);
    }
    Ok(token)
}

fn is_b64token(token: &str) -> bool {
    let characters = token.trim_end_matches('=');
    let is_one = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~+/".contains(&byte);
    !characters.is_empty() && characters.bytes().all(is_one)
}

/// Asks Grantor. The token goes in the body, never in an address, and into no log.
async fn introspect(api: &Api, token: &str) -> Result<Token, Refusal> {
    let question = api
        .http
        .post(&api.grantor.introspection_endpoint)
        .basic_auth(encoded(&api.client_id), Some(encoded(&api.client_secret)))
        .form(&[("token", token)]);
    let answer = question.send().await.map_err(|_| Refusal::Unavailable)?;
    match answer.status().as_u16() {
        200 => answer.json().await.map_err(|_| Refusal::Unavailable),
        429 | 500.. => Err(Refusal::Unavailable),
        status => {
            complain(api, &format!("Grantor refuses to tell us about tokens ({status}): {}", advice(status)));
            Err(Refusal::Misconfigured)
        }
    }
}

/// Basic has both parts encoded as forms are (RFC 6749 §2.3.1).
fn encoded(text: &str) -> String {
    oauth2::url::form_urlencoded::byte_serialize(text.as_bytes()).collect()
}

/// Complains to whoever started us, at most once a minute.
fn complain(api: &Api, words: &str) {
    let mut complained = api.complained.lock().unwrap_or_else(PoisonError::into_inner);
    if complained.is_none_or(|last| last.elapsed() >= QUIET) {
        eprintln!("{words}");
        *complained = Some(Instant::now());
    }
}

fn advice(status: u16) -> &'static str {
    match status {
        401 => "API_CLIENT_ID or API_CLIENT_SECRET is wrong",
        403 => "register this client with --introspect",
        _ => "does API_ISSUER name a Grantor?",
    }
}

async fn about(api: web::Data<Api>) -> HttpResponse {
    HttpResponse::Ok().json(json!({
        "name": "Orders API",
        "about": "An example of an API behind Grantor: what you own here, by person, in memory.",
        "authorization_servers": [api.grantor.issuer],
        "audience": api.audience,
        "routes": {
            "GET /orders": "lists your orders; needs orders:read",
            "POST /orders": "places one, from {\"item\": \"…\"}; needs orders:write",
        },
    }))
}

async fn list(api: web::Data<Api>, request: HttpRequest) -> Result<HttpResponse, Refusal> {
    let person = guard(&api, &request, "orders:read").await?;
    Ok(HttpResponse::Ok().json(with_orders(&api, person, |orders| orders.clone())))
}

/// The body is read once it is known whose it is: strangers hear that they are strangers, and send us nothing.
async fn place(
    api: web::Data<Api>,
    request: HttpRequest,
    body: web::Payload,
) -> Result<HttpResponse, Refusal> {
    let person = guard(&api, &request, "orders:write").await?;
    let Some(item) = read_item(body).await else {
        let error = "send {\"item\": \"…\"}, with 1 to 80 characters";
        return Ok(HttpResponse::BadRequest().json(json!({ "error": error })));
    };
    Ok(with_orders(&api, person, |orders| {
        if orders.len() >= MOST_ORDERS {
            let error = format!("you have {MOST_ORDERS} orders, which is the most");
            return HttpResponse::Conflict().json(json!({ "error": error }));
        }
        orders.push(Order { number: orders.len() + 1, item });
        HttpResponse::Created().json(orders.last())
    }))
}

async fn read_item(body: web::Payload) -> Option<String> {
    let body = body.to_bytes_limited(LONGEST_ORDER).await.ok()?.ok()?;
    let order: NewOrder = serde_json::from_slice(&body).ok()?;
    let item = order.item.trim();
    (1..=80).contains(&item.chars().count()).then(|| item.to_owned())
}

/// Does something with the orders of a person. Everybody has two at first, so that there is something to see.
fn with_orders<T>(api: &Api, person: String, act: impl FnOnce(&mut Vec<Order>) -> T) -> T {
    let first = || {
        let items = ["A book about engines", "Two boxes of punched cards"];
        (1..).zip(items).map(|(number, item)| Order { number, item: item.to_owned() }).collect()
    };
    let mut all = api.orders.lock().unwrap_or_else(PoisonError::into_inner);
    act(all.entry(person).or_insert_with(first))
}

#[actix_web::main]
async fn main() -> ExitCode {
    match setup::run().await {
        Ok(()) => ExitCode::SUCCESS,
        Err(words) => {
            eprintln!("resource_server: {words}");
            ExitCode::FAILURE
        }
    }
}
