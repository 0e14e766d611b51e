//! Parcel: a small web app of somebody else's, which asks people for access by way of Grantor.
//!
//! It has no passwords and never sees one. It sends the browser to Grantor with a question ([`connect`]), gets a
//! code back ([`callback`]), exchanges that for tokens (`tokens.rs`), and calls an API with them ([`call`]). Those
//! are what to read. The tokens stay in this process; the browser holds random names, and what the next page says.
//!
//! It needs the crates actix-web (feature `cookies`), oauth2, reqwest (features `form`, `json`), serde, and tokio
//! (feature `sync`).
//!
//! `grantor demo` starts it. To run it by hand beside a Grantor of yours (with the other example as the API,
//! which says how it is registered):
//!
//! ```sh
//! grantor client add Parcel --publisher "Parcel Ltd" \
//!     --redirect-uri http://localhost:9000/callback --scope "orders:read orders:write"
//! APP_CLIENT_ID=… APP_CLIENT_SECRET=… cargo run --example third_party_app
//! ```
//!
//! | variable | default | meaning |
//! |---|---|---|
//! | `APP_CLIENT_ID` | | who this app is to Grantor |
//! | `APP_CLIENT_SECRET` | none | its secret; a public client has none |
//! | `APP_ISSUER` | `http://127.0.0.1:8080` | the Grantor that is asked (reqwest is built without TLS here) |
//! | `APP_API` | `http://127.0.0.1:9001` | the API that is called |
//! | `APP_LISTEN` | `127.0.0.1:9000` | where it listens |
//! | `APP_URL` | `http://localhost:9000` | how browsers call it: by another name than Grantor, since cookies know no ports |
//! | `APP_STOP_WITH_STDIN` | | if set, it ends when its standard input does, so with whoever started it |

#![allow(clippy::disallowed_methods, reason = "a program of its own, which reads its own environment")]
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "its words to whoever started it")]

#[path = "third_party_app/browsers.rs"]
mod browsers;
#[path = "third_party_app/pages.rs"]
mod pages;
#[path = "third_party_app/setup.rs"]
mod setup;
#[path = "third_party_app/tokens.rs"]
mod tokens;

use std::collections::HashMap;
use std::process::ExitCode;
use std::sync::{Arc, Mutex};

use actix_web::http::StatusCode;
use actix_web::http::header::WWW_AUTHENTICATE;
use actix_web::{HttpRequest, HttpResponse, web};
use oauth2::basic::BasicClient;
use oauth2::{CsrfToken, EndpointNotSet, EndpointSet, PkceCodeChallenge, PkceCodeVerifier, Scope};
use serde::{Deserialize, Serialize};

use browsers::{Question, Visit, home, say};
use tokens::{Tokens, to_its_end};

const READ: &str = "orders:read";
const WRITE: &str = "orders:write";
/// What Parcel asks for, and what it calls that.
const SCOPES: [(&str, &str); 2] = [(READ, "Read your orders"), (WRITE, "Place orders for you")];
const NOT_CONNECTED: &str = "Parcel is not connected.";

type Client = BasicClient<EndpointSet, EndpointNotSet, EndpointNotSet, EndpointNotSet, EndpointSet>;

/// What is where.
fn routes(config: &mut web::ServiceConfig) {
    config
        .service(web::resource("/").get(home).head(home))
        .route("/parcel.css", web::get().to(pages::style))
        .route("/connect", web::post().to(connect))
        .route("/callback", web::get().to(callback))
        .service(web::resource("/orders").get(look).post(place))
        .route("/refresh", web::post().to(refresh))
        .route("/disconnect", web::post().to(disconnect))
        .default_service(web::to(pages::nothing_here));
}

/// What the app works with.
struct App {
    http: reqwest::Client,
    client: Client,
    client_id: String,
    client_secret: Option<String>,
    grantor: Metadata,
    url: String,
    api: String,
    /// What waits for an answer, by `state`. Anybody can ask, so these take no room from the visits.
    questions: Mutex<HashMap<String, Question>>,
    /// Who has connected, by the name that the browser's cookie holds.
    visits: Mutex<HashMap<String, Arc<Visit>>>,
}

/// Where Grantor answers what (RFC 8414); the part that is needed here.
#[derive(Deserialize)]
struct Metadata {
    issuer: String,
    authorization_endpoint: String,
    token_endpoint: String,
    revocation_endpoint: String,
}

#[derive(Deserialize, Serialize)]
struct Order {
    #[serde(default)]
    number: usize,
    item: String,
}

// ---- Connecting -----------------------------------------------------------------------------------------

/// Sends the browser to Grantor with our question, and remembers what the answer must bring along.
async fn connect(app: web::Data<App>) -> HttpResponse {
    let (challenge, verifier) = PkceCodeChallenge::new_random_sha256();
    let question = app.client.authorize_url(CsrfToken::new_random).set_pkce_challenge(challenge);
    let (address, state) = question.add_scopes(SCOPES.map(|(scope, _)| Scope::new(scope.to_owned()))).url();
    app.ask(state, verifier, address.as_str())
}

/// What Grantor has the browser bring (RFC 6749 §4.1.2, RFC 9207).
#[derive(Deserialize)]
struct Answer {
    state: Option<String>,
    iss: Option<String>,
    code: Option<String>,
    error: Option<String>,
}

/// Takes the answer: first whether it is one to our own question, then what it says.
async fn callback(app: web::Data<App>, request: HttpRequest, answer: web::Query<Answer>) -> HttpResponse {
    let answer = answer.into_inner();
    let verifier = match app.recognise(&request, &answer) {
        Ok(verifier) => verifier,
        Err(words) => return pages::trouble(StatusCode::BAD_REQUEST, words),
    };
    match (answer.code, answer.error.as_deref()) {
        (Some(code), None) => finish(app, &request, code, verifier).await,
        (_, Some("access_denied")) if app.held(&request).await.is_some() => {
            say("You pressed Deny. Parcel keeps what it had, and nothing has changed.")
        }
        (_, Some("access_denied")) => say("You pressed Deny. Parcel has no access, and nothing has changed."),
        (_, error) => {
            let error: String = error.unwrap_or("no code and no error").chars().take(80).collect();
            say(&format!("Grantor could not connect you ({error})."))
        }
    }
}

/// Exchanges the code, and gives the browser its cookie.
async fn finish(
    app: web::Data<App>,
    request: &HttpRequest,
    code: String,
    verifier: PkceCodeVerifier,
) -> HttpResponse {
    let before = app.visit(request);
    match to_its_end(async move { app.exchange(code, verifier, before).await }).await {
        Ok(visit) => visit.welcome("You allowed it. Try what Parcel may do now."),
        Err(words) => say(&words),
    }
}

impl App {
    /// Whether an answer is to a question that this very browser was sent with, and from whom we asked. Without the
    /// first, somebody could have it bring an answer of theirs; without the second, another server's.
    fn recognise(&self, request: &HttpRequest, answer: &Answer) -> Result<PkceCodeVerifier, &'static str> {
        let asked = answer.state.as_deref().and_then(|state| self.take_question(request, state));
        let verifier =
            asked.ok_or("This is no answer to anything that this browser asked for. Please start again.")?;
        if answer.iss.as_ref() != Some(&self.grantor.issuer) {
            return Err("This answer is not from the Grantor that was asked. Please start again.");
        }
        Ok(verifier)
    }
}

// ---- Using what was allowed -----------------------------------------------------------------------------

/// Calls the API in the person's name; with `order`, places it. Where the access token is refused (401), it has
/// ended or was taken back: one refresh tells which. In words, why there is no answer.
async fn call(
    app: &web::Data<App>,
    request: &HttpRequest,
    order: Option<&Order>,
) -> Result<reqwest::Response, String> {
    let (visit, mut tokens) = app.held(request).await.ok_or(NOT_CONNECTED)?;
    let mut answer = app.call_with(&tokens, order).await?;
    if answer.status() == StatusCode::UNAUTHORIZED.as_u16() {
        tokens = renewed(app, &visit, tokens).await?;
        answer = app.call_with(&tokens, order).await?;
    }
    match answer.status().as_u16() {
        200..=299 => Ok(answer),
        401 => {
            Err("The Orders API does not accept what Grantor gave Parcel just now. Try again later.".into())
        }
        403 if lacks_scope(&answer) => {
            visit.lost(&tokens, if order.is_some() { WRITE } else { READ }).await;
            Err("The Orders API refused: Parcel may not do this (any more).".to_owned())
        }
        status => Err(format!("The Orders API does not do it now ({status}).")),
    }
}

/// Whether a refusal is for want of a scope (RFC 6750 §3.1), so that the person can be asked for it again.
fn lacks_scope(answer: &reqwest::Response) -> bool {
    let challenge = answer.headers().get(WWW_AUTHENTICATE.as_str()).and_then(|value| value.to_str().ok());
    challenge.is_some_and(|challenge| challenge.contains("insufficient_scope"))
}

/// New tokens in place of these.
async fn renewed(app: &web::Data<App>, visit: &Arc<Visit>, tokens: Tokens) -> Result<Tokens, String> {
    let (app, visit) = (app.clone(), Arc::clone(visit));
    to_its_end(async move { app.refresh(&visit, &tokens).await }).await
}

impl App {
    async fn call_with(&self, tokens: &Tokens, order: Option<&Order>) -> Result<reqwest::Response, String> {
        let address = format!("{}/orders", self.api);
        let call = match order {
            Some(order) => self.http.post(address).json(order),
            None => self.http.get(address),
        };
        let answer = call.bearer_auth(tokens.access.secret()).send().await;
        answer.map_err(|_| "The Orders API does not answer.".to_owned())
    }
}

async fn look(app: web::Data<App>, request: HttpRequest) -> HttpResponse {
    let answer = match call(&app, &request, None).await {
        Ok(answer) => answer.json::<Vec<Order>>().await,
        Err(words) => return say(&words),
    };
    match answer {
        Ok(orders) => app.page(&request, Some(&orders)).await,
        Err(_) => say("The Orders API sent something we cannot read."),
    }
}

async fn place(app: web::Data<App>, request: HttpRequest, order: web::Form<Order>) -> HttpResponse {
    match call(&app, &request, Some(&order)).await {
        Ok(_) => say(&format!("Ordered: {}.", order.item)),
        Err(words) => say(&words),
    }
}

async fn refresh(app: web::Data<App>, request: HttpRequest) -> HttpResponse {
    let Some((visit, tokens)) = app.held(&request).await else { return say(NOT_CONNECTED) };
    match renewed(&app, &visit, tokens).await {
        Ok(_) => say("Refreshed: the tokens are new."),
        Err(words) => say(&words),
    }
}

async fn disconnect(app: web::Data<App>, request: HttpRequest) -> HttpResponse {
    let Some(visit) = app.visit(&request) else { return say(NOT_CONNECTED) };
    match to_its_end(async move { app.give_back(&visit).await }).await {
        Ok(()) => say(
            "Parcel gave its tokens back. Grantor still remembers that you allowed it, under Connected apps.",
        ),
        Err(words) => say(&words),
    }
}

#[actix_web::main]
async fn main() -> ExitCode {
    match setup::run().await {
        Ok(()) => ExitCode::SUCCESS,
        Err(words) => {
            eprintln!("third_party_app: {words}");
            ExitCode::FAILURE
        }
    }
}
